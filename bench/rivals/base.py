# SPDX-License-Identifier: BSD-3-Clause
"""What every rival has to do."""

from __future__ import annotations

import importlib.util
import time
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from workloads import Net, Optimizer


def fastest(candidates: dict[str, Callable[[], object]], seconds: float = 0.1) -> str:
    """Return the name of the candidate that makes the most calls per second."""
    rates = {}
    for name, call in candidates.items():
        call()
        start, calls = time.perf_counter(), 0
        while time.perf_counter() - start < seconds:
            call()
            calls += 1
        rates[name] = calls / (time.perf_counter() - start)
    return max(rates, key=rates.__getitem__)


class Rival:
    """What `measure.py` asks of a library.

    Attributes
    ----------
    needs : modules that have to be installed, the library itself first.
    distributions : their names for the installer, if others.
    trains, predicts : which of the two are measured.
    keras_adam : whether Adam's epsilon is added to the root of the raw second moment.
    keras_variance : whether the moving variance of batch normalization is the biased.
    notes : settings that were chosen for it.
    """

    needs: ClassVar[tuple[str, ...]] = ()
    distributions: ClassVar[tuple[str, ...]] = ()
    trains: ClassVar[bool] = True
    predicts: ClassVar[bool] = True
    keras_adam: ClassVar[bool] = True
    keras_variance: ClassVar[bool] = True

    def __init__(self, net: Net, optimizer: Optimizer | None, threads: int) -> None:
        self.net, self.optimizer, self.threads = net, optimizer, threads
        self.notes: dict[str, str] = {}

    @classmethod
    def missing(cls) -> str | None:
        """Return why the rival cannot run here, or None."""
        absent = [name for name in cls.needs if not importlib.util.find_spec(name)]
        return f"not installed: {', '.join(absent)}" if absent else None

    @classmethod
    def cannot_train(cls, net: Net) -> str | None:
        """Return why the rival cannot train this network, or None."""
        return None if cls.trains else "does not train"

    def data(self, x: np.ndarray, y: np.ndarray) -> tuple[Any, Any]:
        """Bring the data into the library's own arrays, outside the time taken."""
        return x, y

    def warm(self, x: Any, y: Any, batch: int, epochs: int) -> None:
        """Pay what is paid once: tracing, compiling, first allocations."""
        rows = min(len(x), 2 * batch + len(x) % batch)
        self.fit(x[:rows], y[:rows], batch, 1, shuffle=False)

    def fit(self, x: Any, y: Any, batch: int, epochs: int, *, shuffle: bool) -> None:
        """Train, and return when the work is done."""
        raise NotImplementedError

    def tune(self, x: np.ndarray) -> None:
        """Choose the fastest way to predict for inputs of this shape."""

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return probabilities or values, NumPy in and NumPy out."""
        raise NotImplementedError
