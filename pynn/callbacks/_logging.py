# SPDX-License-Identifier: BSD-3-Clause
"""Callbacks that set the learning rate by the epoch, or write the logs into a file."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TextIO

import numpy as np

from pynn.callbacks._base import Callback, Logs


class LearningRateScheduler(Callback):
    """Sets the learning rate at the begin of every epoch.

    Parameters
    ----------
    schedule : callable
        ``schedule(epoch, rate)`` or ``schedule(epoch)``, returning the rate as a float;
        epochs count from 0.
    verbose : int
        1 prints a line per epoch.
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        if not callable(schedule):
            raise ValueError(
                "LearningRateScheduler: schedule: expected a function, got "
                f"{schedule!r}"
            )
        self.schedule = schedule
        self.verbose = verbose

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        optimizer = self.model.optimizer
        rate = self._asked(epoch, float(optimizer.learning_rate))
        if not isinstance(rate, float | np.floating):
            raise ValueError(
                "LearningRateScheduler: expected schedule to return a float, got "
                f"{rate!r}"
            )
        optimizer.learning_rate = rate
        if self.verbose:
            print(
                f"\nEpoch {epoch + 1}: LearningRateScheduler setting learning rate to "
                f"{rate}."
            )

    def _asked(self, epoch: int, rate: float) -> Any:
        from inspect import signature

        try:
            signature(self.schedule).bind(epoch, rate)
        except TypeError:
            return self.schedule(epoch)
        except ValueError:  # a builtin without a signature
            pass
        return self.schedule(epoch, rate)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if logs is not None:
            logs["learning_rate"] = float(self.model.optimizer.learning_rate)


class CSVLogger(Callback):
    """Writes a line of values per epoch into a file.

    Columns are "epoch", counted from 0, and the sorted keys of the first epoch's logs,
    with "val\\_" columns beside them even if nothing is validated then. What an epoch
    does not have is "NA".

    Parameters
    ----------
    filename : str or path
    separator : str
    append : bool
        Write on after what the file has, instead of anew.
    """

    def __init__(
        self,
        filename: str | os.PathLike[str],
        separator: str = ",",
        append: bool = False,
    ) -> None:
        self.filename = os.fspath(filename)
        self.separator = separator
        self.append = append
        self._file: TextIO | None = None
        self._keys: list[str] | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._close()
        self._keys = None
        opened = open(  # noqa: SIM115 - closed when training ends
            self.filename, "a" if self.append else "w", newline="", encoding="utf-8"
        )
        self._file = opened

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        import csv

        if self._file is None:
            raise RuntimeError("CSVLogger: on_train_begin was not called")
        logs = logs or {}
        writer = csv.writer(self._file, delimiter=self.separator)
        if self._keys is None:
            self._keys = sorted(logs)
            if not any(key.startswith("val_") for key in self._keys):
                self._keys += [f"val_{key}" for key in self._keys]
            if self._file.tell() == 0:
                writer.writerow(["epoch", *self._keys])
        writer.writerow([epoch, *(self._cell(logs.get(k, "NA")) for k in self._keys)])
        self._file.flush()

    @staticmethod
    def _cell(value: Any) -> Any:
        if isinstance(value, list | tuple | np.ndarray) and np.ndim(value):
            return f"[{', '.join(map(str, value))}]"
        return value

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._close()

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_file": None}
