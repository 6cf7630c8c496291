# SPDX-License-Identifier: BSD-3-Clause
"""Callbacks that save the model while it is trained."""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np

from pynn._checks import flag, integer, optional_real
from pynn.callbacks._base import Logs
from pynn.callbacks._monitor import Monitor

_WHOLE = (".keras", ".h5", ".safetensors")
_WEIGHTS = (".weights.h5", ".safetensors")


def save_frequency(value: Any, who: str) -> int | None:
    """Return the number of steps between two savings; None is "epoch"."""
    if value == "epoch":
        return None
    try:
        return integer(value, f"{who}: save_freq", 1)
    except ValueError:
        raise ValueError(
            f"{who}: save_freq: expected 'epoch' or a number of steps, got {value!r}"
        ) from None


class Counter:
    """Says after which steps to save; several epochs count as one sequence of steps."""

    def __init__(self, every: int) -> None:
        self.every, self.seen, self.last = every, 0, -1

    def due(self, batch: int) -> bool:
        """Whether it is time, after step `batch` of an epoch."""
        self.seen += batch + 1 if batch <= self.last else batch - self.last
        self.last = batch
        if self.seen < self.every:
            return False
        self.seen = 0
        return True


class ModelCheckpoint(Monitor):
    """Saves the model, or its weights, after epochs or every so many steps.

    Parameters
    ----------
    filepath : path
        Formatted with "epoch", counted from 1, the logs, and "batch", counted from 1,
        if `save_freq` is a number: ``"{epoch:02d}-{val_loss:.2f}.keras"``. It ends in
        ``.keras``, ``.h5`` or ``.safetensors``, for weights alone in ``.weights.h5`` or
        ``.safetensors``; what is in the file is the same. Folders are made.
    monitor : str
    verbose : int
        1 prints what is done.
    save_best_only : bool
        Save only when the watched value is better than ever.
    save_weights_only : bool
        Call `save_weights` instead of `save`.
    mode : {"auto", "min", "max"}
    save_freq : "epoch" or int
        With a number, logs are averages since the epoch began.
    initial_value_threshold : float, optional
        What the first value has to beat.

    Attributes
    ----------
    best : float or None
        Kept over several calls of `fit`.
    """

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: Any = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__(monitor, mode, 0.0)
        who = "ModelCheckpoint"
        if not isinstance(filepath, str | os.PathLike):
            raise ValueError(f"{who}: filepath: expected a path, got {filepath!r}")
        self.filepath = str(os.fspath(filepath))
        self.verbose = verbose
        self.save_best_only = flag(save_best_only, f"{who}: save_best_only")
        self.save_weights_only = flag(save_weights_only, f"{who}: save_weights_only")
        endings = _WEIGHTS if self.save_weights_only else _WHOLE
        if not self.filepath.endswith(endings):
            raise ValueError(
                f"{who}: filepath: expected it to end in {' or '.join(endings)} with"
                f" save_weights_only={self.save_weights_only}, got {self.filepath!r}"
            )
        where = f"{who}: initial_value_threshold"
        threshold = optional_real(initial_value_threshold, where, "(-inf, inf)")
        self.best = self.initial_value_threshold = threshold
        self.save_freq = save_freq
        every = save_frequency(save_freq, who)
        self._epoch = 0
        if every is not None:  # only then somebody has to look at every step
            self._counter = Counter(every)
            self.on_train_batch_end = self._after_batch  # type: ignore[method-assign]

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._epoch = epoch

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.save_freq == "epoch":
            self._save(epoch, None, logs or {})

    def _after_batch(self, batch: int, logs: Logs | None = None) -> None:
        if self._counter.due(batch):
            self._save(self._epoch, batch, logs or {})

    def _path(self, epoch: int, batch: int | None, logs: Logs) -> str:
        values = {**logs, "epoch": epoch + 1}
        if batch is not None:
            values.setdefault("batch", batch + 1)
        try:
            return self.filepath.format(**values)
        except KeyError as error:
            raise KeyError(
                f"ModelCheckpoint: {self.filepath!r} asks for {error}; the logs have"
                f" {', '.join(logs)}"
            ) from error

    def _save(self, epoch: int, batch: int | None, logs: Logs) -> None:
        path = self._path(epoch, batch, logs)
        if not self._is_due(epoch, logs, path):
            return
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        if self.save_weights_only:
            self.model.save_weights(path, overwrite=True)
        else:
            self.model.save(path, overwrite=True)
        self._say(epoch, f"finished saving model to {path}")

    def _is_due(self, epoch: int, logs: Logs, path: str) -> bool:
        if not self.save_best_only:
            self._say(epoch, f"saving model to {path}")
            return True
        value = logs.get(self.monitor)
        if value is None or np.ndim(value):
            warnings.warn(
                f"ModelCheckpoint: {self.monitor!r} is no number of the logs"
                f" ({', '.join(logs)}): every model is saved, not the best only",
                stacklevel=2,
            )
            return True
        best = "None" if self.best is None else f"{self.best:.5f}"
        if not self.is_better(float(value), self.best):
            self._say(epoch, f"{self.monitor} did not improve from {best}")
            return False
        self._say(
            epoch,
            f"{self.monitor} improved from {best} to {value:.5f}, saving model to"
            f" {path}",
        )
        self.best = float(value)
        return True

    def _say(self, epoch: int, text: str) -> None:
        if self.verbose:
            print(f"\nEpoch {epoch + 1}: {text}")
