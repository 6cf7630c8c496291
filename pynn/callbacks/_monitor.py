# SPDX-License-Identifier: BSD-3-Clause
"""Callbacks that watch one value of the logs."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from pynn._checks import flag, integer, one_of, optional_real, real
from pynn.callbacks._base import Callback, Logs


class Monitor(Callback):
    """Watches a value and knows which way is better.

    Parameters
    ----------
    monitor : str
        Key of the logs.
    mode : {"auto", "min", "max"}
        "auto" asks the metric of that name: losses go down, accuracies up.
    min_delta : float
        What counts as better, in units of the value; its sign does not matter.
    """

    def __init__(self, monitor: str, mode: str, min_delta: float) -> None:
        who = type(self).__name__
        if not isinstance(monitor, str):
            raise ValueError(f"{who}: monitor: expected a name, got {monitor!r}")
        self.monitor = monitor
        self.mode: str = one_of(mode, f"{who}: mode", ("auto", "min", "max"))
        self.min_delta = abs(real(min_delta, f"{who}: min_delta"))

    def _up(self) -> bool:
        """Whether larger is better.

        Raises
        ------
        ValueError
            If that cannot be told from the name.
        """
        if self.mode != "auto":
            return self.mode == "max"
        name = self.monitor.removeprefix("val_")
        if name == "loss":
            return False
        for metric in getattr(self.model, "metrics", ()):
            keys = (metric.name, f"weighted_{metric.name}")
            if name in keys and metric.direction is not None:
                return bool(metric.direction == "up")
        raise ValueError(
            f"{type(self).__name__}: whether {self.monitor!r} should go up or down is "
            "not known; pass mode='min' or mode='max'"
        )

    def is_better(self, value: float, best: float | None) -> bool:
        """Whether a value beats another one by more than `min_delta`."""
        if best is None:
            return True
        if self._up():
            return value - self.min_delta > best
        return value + self.min_delta < best

    def current(self, logs: Logs | None) -> float | None:
        """Return the watched value, or warn and return None if there is none."""
        value = (logs or {}).get(self.monitor)
        if value is None:
            have = ", ".join(logs or {})
            who = type(self).__name__
            warnings.warn(
                f"{who}: {self.monitor!r} is not among the logs: {have}",
                stacklevel=2,
            )
            return None
        return float(value)


class EarlyStopping(Monitor):
    """Stops training when a value no longer gets better.

    Parameters
    ----------
    monitor : str
    min_delta : float
        A value is better if it beats the best by more than this.
    patience : int
        Epochs without a better value before training stops.
    verbose : int
        1 prints a line when it stops and when it restores.
    mode : {"auto", "min", "max"}
    baseline : float, optional
        Values that do not beat it do not end the waiting.
    restore_best_weights : bool
        Put the weights of the best epoch back at the end of training, whether it was
        stopped or not.
    start_from_epoch : int
        Epochs before this one do not count.

    Attributes
    ----------
    best : float or None
    best_epoch, stopped_epoch, wait : int
        Epochs count from 0; `stopped_epoch` is 0 when training was not stopped.
    best_weights : list of ndarray or None
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        self.patience = integer(patience, "EarlyStopping: patience", 0)
        self.verbose = verbose
        where = "EarlyStopping: baseline"
        self.baseline = optional_real(baseline, where, "(-inf, inf)")
        where = "EarlyStopping: restore_best_weights"
        self.restore_best_weights = flag(restore_best_weights, where)
        where = "EarlyStopping: start_from_epoch"
        self.start_from_epoch = integer(start_from_epoch, where, 0)
        self.on_train_begin()

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best: float | None = None
        self.best_weights: list[Any] | None = None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        current = self.current(logs)
        if current is None or epoch < self.start_from_epoch:
            return
        self.wait += 1
        if self.is_better(current, self.best):
            self.best, self.best_epoch = current, epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self.is_better(current, self.baseline):
                self.wait = 0
            return
        if self.wait >= self.patience:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.stopped_epoch and self.verbose:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.best_weights is not None:
            if self.verbose:
                print(
                    "Restoring model weights from the end of the best epoch: "
                    f"{self.best_epoch + 1}."
                )
            self.model.set_weights(self.best_weights)


class ReduceLROnPlateau(Monitor):
    """Lowers the learning rate when a value no longer gets better.

    Parameters
    ----------
    monitor : str
    factor : float
        In [0, 1); the rate is multiplied by it.
    patience : int
        Epochs without a better value before the rate is lowered.
    verbose : int
        1 prints a line when it is.
    mode : {"auto", "min", "max"}
    min_delta : float
        A value is better if it beats the best by more than this.
    cooldown : int
        Epochs after a lowering that do not count.
    min_lr : float
        The rate does not fall below.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        self.factor = real(factor, "ReduceLROnPlateau: factor", "[0, 1)")
        self.patience = integer(patience, "ReduceLROnPlateau: patience", 0)
        self.verbose = verbose
        self.cooldown = integer(cooldown, "ReduceLROnPlateau: cooldown", 0)
        self.min_lr = real(min_lr, "ReduceLROnPlateau: min_lr", "[0, inf)")
        self.on_train_begin()

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.best: float | None = None
        self.wait = self.cooldown_counter = 0

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = {} if logs is None else logs
        logs["learning_rate"] = float(self.model.optimizer.learning_rate)
        current = self.current(logs)
        if current is None:
            return
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
        if self.is_better(current, self.best):
            self.best, self.wait = current, 0
        elif self.cooldown_counter == 0:
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce(epoch)

    def _reduce(self, epoch: int) -> None:
        optimizer = self.model.optimizer
        old = float(optimizer.learning_rate)
        if np.float32(old) <= np.float32(self.min_lr):  # 1e-2 is 1e-1 * 1e-1
            return
        new = max(old * self.factor, self.min_lr)
        optimizer.learning_rate = new
        self.cooldown_counter, self.wait = self.cooldown, 0
        if self.verbose:
            print(
                f"\nEpoch {epoch + 1}: ReduceLROnPlateau reducing learning rate to "
                f"{new}."
            )


class TerminateOnNaN(Callback):
    """Stops training at the first batch whose loss is not finite.

    Parameters
    ----------
    raise_error : bool
        Raise RuntimeError instead.
    """

    def __init__(self, raise_error: bool = False) -> None:
        self.raise_error = flag(raise_error, "TerminateOnNaN: raise_error")

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        loss = (logs or {}).get("loss")
        if loss is None or np.isfinite(loss):
            return
        text = f"Batch {batch}: Invalid loss, terminating training"
        if self.raise_error:
            raise RuntimeError(f"{text}: {loss}")
        print(text)
        self.model.stop_training = True
