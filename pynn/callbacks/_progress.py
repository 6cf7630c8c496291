# SPDX-License-Identifier: BSD-3-Clause
"""What `fit`, `evaluate` and `predict` print.

With verbose=1 a terminal (or a notebook) gets a bar that is drawn over and over;
anything else, such as a log file, gets one line when an epoch is over. With verbose=2
everybody gets the line, under a header.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any

import numpy as np

from pynn.callbacks._base import Callback, Logs

_CELLS = 20
_INTERVAL = 0.05  # seconds between two drawings of the bar
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


def _per_step(seconds: float) -> str:
    """Time of a step in a unit of its size."""
    if seconds >= 1 or seconds == 0:
        return f"{seconds:.0f}s/step"
    if seconds >= 1e-3:
        return f"{seconds * 1e3:.0f}ms/step"
    return f"{seconds * 1e6:.0f}us/step"


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


class ProgbarLogger(Callback):
    """Prints the progress of a call; added by ``verbose=``.

    Parameters
    ----------
    verbose : {1, 2}
        Bar or lines.
    """

    def __init__(self, verbose: int = 1) -> None:
        self._bar = verbose == 1
        self._live = False
        self._fitting = False
        self._prefix = ""
        self._start = self._drawn = 0.0
        self._width = 0  # of what stands on the line now

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._fitting = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._fitting = False

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._begin()
        epochs = self.params.get("epochs", 1)
        if epochs > 1:
            title = f"Epoch {epoch + 1}/{epochs}"
            if self._bar and not self._live:
                self._prefix = f"{title} - "
            else:
                self._print(f"{title}\n")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._end(logs)

    def on_test_begin(self, logs: Logs | None = None) -> None:
        if not self._fitting:
            self._begin()

    def on_test_end(self, logs: Logs | None = None) -> None:
        if not self._fitting:
            self._end(logs)

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        self._begin()

    def on_predict_end(self, logs: Logs | None = None) -> None:
        self._end(None)

    def update(self, seen: int, logs: Logs) -> None:
        """Draw the bar again if it is time.

        Parameters
        ----------
        seen : int
            Steps done in this epoch (or call).
        logs : dict
            Values to show.
        """
        now = time.perf_counter()
        self._seen = seen
        if self._bar and self._live and now - self._drawn >= _INTERVAL:
            self._drawn = now
            self._draw(seen, now, logs, last=False)

    def _begin(self) -> None:
        self._live = _is_live()
        self._prefix = ""
        self._width = self._seen = 0
        self._start = self._drawn = time.perf_counter()

    def _end(self, logs: Logs | None) -> None:
        now = time.perf_counter()
        steps = self.params.get("steps") or max(self._seen, 1)
        if self._bar and self._live:
            self._draw(steps, now, logs or {}, last=True)
            return
        took = now - self._start
        line = f"{self._prefix}{steps}/{steps} - {took:.0f}s - "
        line += _per_step(took / steps) + self._values(logs or {})
        self._print(line + "\n")

    @staticmethod
    def _values(logs: Logs) -> str:
        return "".join(f" - {k}: {_number(v)}" for k, v in logs.items())

    def _draw(self, seen: int, now: float, logs: Logs, *, last: bool) -> None:
        """Write the bar over what stands on the line."""
        known = self.params.get("steps")  # None: batches that come until they end
        steps = known or max(seen, 1)
        took = now - self._start
        each = took / max(seen, 1)
        count = f"{seen:{len(str(steps))}d}/{steps if known or last else 'Unknown'}"
        rest = f"{took:.0f}s" if last else _remaining(each * (steps - seen))
        tail = f" {_per_step(each)}{self._values(logs)}"
        width = len(count) + _CELLS + len(rest) + 2
        if not last:  # a line that wraps could not be drawn over
            tail = tail[: max(_columns() - 1 - width, 0)]
        width += len(tail)
        filled = _CELLS * seen // steps
        line = "\r" if self._width else ""
        line += f"{_BOLD}{count}{_OFF} {_GREEN}{'━' * filled}{_OFF}"
        line += f"{_GREY}{'━' * (_CELLS - filled)}{_OFF} {_BOLD}{rest}{_OFF}{tail}"
        line += " " * (self._width - width)
        self._width = width
        self._print(line + "\n" * last)

    @staticmethod
    def _print(text: str) -> None:
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
