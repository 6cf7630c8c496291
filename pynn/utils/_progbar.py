# SPDX-License-Identifier: BSD-3-Clause
"""A bar, or a line, that tells how far a loop of steps has got."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable
from typing import Any

import numpy as np

from pynn._checks import integer

_BOLD, _GREEN, _GREY, _OFF = "\x1b[1m", "\x1b[32m", "\x1b[37m", "\x1b[0m"


def verbosity(verbose: Any) -> int:
    """Return 0, 1 or 2 for a ``verbose=`` argument.

    Raises
    ------
    ValueError
        If it is neither one of them nor "auto", which is 1.
    """
    if isinstance(verbose, str) and verbose == "auto":
        return 1
    if isinstance(verbose, int | np.integer | np.bool_) and int(verbose) in (0, 1, 2):
        return int(verbose)
    raise ValueError(f"verbose: expected 'auto', 0, 1 or 2, got {verbose!r}")


def _is_live() -> bool:
    """Whether what is printed can be printed over."""
    if type(sys.stdout).__module__.startswith("ipykernel"):
        return True
    return sys.stdout is not None and sys.stdout.isatty()


def _number(value: Any) -> str:
    """Four decimals, or four digits below a thousandth."""
    number = float(np.mean(value))
    return f"{number:.4f}" if abs(number) > 1e-3 else f"{number:.4e}"


def _each(seconds: float, unit: str) -> str:
    """Time of a step in a unit of its size."""
    if seconds >= 1 or seconds == 0:
        return f"{seconds:.0f}s/{unit}"
    if seconds >= 1e-3:
        return f"{seconds * 1e3:.0f}ms/{unit}"
    return f"{seconds * 1e6:.0f}us/{unit}"


def _remaining(seconds: float) -> str:
    """Time left as h:mm:ss, m:ss or seconds."""
    whole = int(seconds)
    if whole > 3600:
        return f"{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d}"
    if whole > 60:
        return f"{whole // 60}:{whole % 60:02d}"
    return f"{whole}s"


def _columns() -> int:
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns
    except (OSError, ValueError):
        return 1 << 16


def write(text: str) -> None:
    """Write to what is standard output now, if any, whatever it can encode."""
    if sys.stdout is None:
        return
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        "━".encode(encoding)
    except UnicodeEncodeError:
        text = text.replace("━", "=")
    sys.stdout.write(text)
    sys.stdout.flush()


class Progbar:
    """Shows the progress of a loop, as `fit` does.

    On a terminal or in a notebook it is a bar that is drawn over and over; anything
    else, such as a log file, gets one line at the end.

    Parameters
    ----------
    target : int or None
        How many steps there will be; None if nobody knows.
    width : int
        Cells of the bar.
    verbose : {0, 1, 2}
        Nothing, a bar, or a line at the end.
    interval : float
        Seconds between two drawings of the bar.
    stateful_metrics, stateless_metrics : iterable of str, optional
        Names of values that are shown as they are, or of those that are averaged over
        the steps; only one may be given. By default all are averaged.
    unit_name : str
        What a step is called.

    Attributes
    ----------
    live : bool
        Whether the bar is drawn over and over.
    prefix : str
        What the line begins with.

    Raises
    ------
    ValueError
        If both kinds of names are given, or an argument is out of range.
    """

    def __init__(
        self,
        target: int | None,
        width: int = 20,
        verbose: int = 1,
        interval: float = 0.05,
        stateful_metrics: Iterable[str] | None = None,
        stateless_metrics: Iterable[str] | None = None,
        unit_name: str = "step",
    ) -> None:
        if stateful_metrics is not None and stateless_metrics is not None:
            raise ValueError(
                "Progbar: expected either stateful_metrics or stateless_metrics"
            )
        self.target = None if target is None else integer(target, "Progbar: target", 0)
        self.width = integer(width, "Progbar: width", 0)
        self.verbose = verbosity(verbose)
        self.interval, self.unit_name = interval, unit_name
        self.live = self.verbose == 1 and _is_live()
        self.prefix = ""
        self._averages = stateless_metrics is None
        self._others = frozenset(stateful_metrics or stateless_metrics or ())
        self._values: dict[str, tuple[Any, int]] = {}  # sums, numbers of steps
        self._seen = self._drawn_width = 0
        self._start = self._drawn = time.perf_counter()

    def update(
        self,
        current: int,
        values: Iterable[tuple[str, Any]] | None = None,
        finalize: bool | None = None,
    ) -> None:
        """Tell how many steps are done.

        Parameters
        ----------
        current : int
        values : iterable of (str, number), optional
            Of the steps since the last call.
        finalize : bool, optional
            Whether this is the end; by default if `current` has reached the target.
        """
        if finalize is None:
            finalize = self.target is not None and current >= self.target
        for name, value in values or ():
            self._take(name, value, current, finalize)
        self._seen = current
        now = time.perf_counter()
        if self.live and (finalize or now - self._drawn >= self.interval):
            self._drawn = now
            self._draw(now, finalize)
        elif self.verbose and finalize and not self.live:
            took, total = now - self._start, self.target or current
            line = f"{self.prefix}{current}/{total} - {took:.0f}s - "
            line += _each(took / max(current, 1), self.unit_name) + self._shown()
            write(line + "\n")

    def add(self, n: int, values: Iterable[tuple[str, Any]] | None = None) -> None:
        """Tell that `n` more steps are done; see `update`."""
        self.update(self._seen + n, values)

    def _take(self, name: str, value: Any, current: int, finalize: bool) -> None:
        if (name in self._others) == self._averages or finalize:
            self._values[name] = value, 1
            return
        steps = max(current - self._seen, 1)
        total, count = self._values.get(name, (0.0, 0))
        self._values[name] = total + np.mean(value) * steps, count + steps

    def _shown(self) -> str:
        pairs = self._values.items()
        return "".join(f" - {k}: {_number(np.mean(v) / n)}" for k, (v, n) in pairs)

    def _draw(self, now: float, last: bool) -> None:
        """Write the bar over what stands on the line."""
        seen = self._seen
        total = self.target or max(seen, 1)
        took = now - self._start
        each = took / max(seen, 1)
        known = total if self.target or last else "Unknown"
        count = f"{seen:{len(str(total))}d}/{known}"
        rest = f"{took:.0f}s" if last else _remaining(each * max(total - seen, 0))
        tail = f" {_each(each, self.unit_name)}{self._shown()}"
        width = len(count) + self.width + len(rest) + 2
        if not last:  # a line that wraps could not be drawn over
            tail = tail[: max(_columns() - 1 - width, 0)]
        width += len(tail)
        filled = min(self.width * seen // total, self.width)
        line = "\r" if self._drawn_width else ""
        line += f"{_BOLD}{count}{_OFF} {_GREEN}{'━' * filled}{_OFF}"
        line += f"{_GREY}{'━' * (self.width - filled)}{_OFF} {_BOLD}{rest}{_OFF}{tail}"
        line += " " * (self._drawn_width - width)
        self._drawn_width = width
        write(line + "\n" * last)
