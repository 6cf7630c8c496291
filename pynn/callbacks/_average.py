# SPDX-License-Identifier: BSD-3-Clause
"""A callback that looks at the running averages of the weights."""

from __future__ import annotations

from typing import Any

from pynn._checks import flag
from pynn.callbacks._base import Callback, Logs


class SwapEMAWeights(Callback):
    """Lets the optimizer's running averages take the weights' place in evaluations.

    The optimizer must be made with ``use_ema=True``. Weights and averages change
    places before an evaluation, a validation or a prediction, and again after it.

    Parameters
    ----------
    swap_on_epoch : bool
        Swap at the end of each epoch, too, until the next one begins, so that callbacks
        after this one, such as `ModelCheckpoint`, see the averages.

    Raises
    ------
    ValueError
        When used with an optimizer that keeps no averages.
    """

    def __init__(self, swap_on_epoch: bool = False) -> None:
        self.swap_on_epoch = flag(swap_on_epoch, "SwapEMAWeights: swap_on_epoch")
        self._swapped = False

    def _averages(self) -> list[tuple[Any, Any]]:
        """Return each weight with the view of its average."""
        optimizer = self.model.optimizer
        if optimizer is None or not optimizer.use_ema:
            raise ValueError(
                "SwapEMAWeights: expected an optimizer made with use_ema=True, got"
                f" {optimizer and type(optimizer).__name__}"
            )
        found: list[tuple[Any, Any]] = optimizer.averages()
        return found

    def _swap(self, wanted: bool) -> None:
        """Let the averages be in the model, or not."""
        if self._swapped is wanted:
            return
        for weight, average in self._averages():
            value = weight.numpy()
            weight.value[...] = average
            average[...] = value
        self._swapped = wanted

    def _settle(self) -> None:
        """Let the averages be what is in the model."""
        for weight, average in self._averages():
            average[...] = weight.value

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._averages()  # says at once what is missing

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        if self.swap_on_epoch:
            self._swap(False)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.swap_on_epoch:
            self._swap(True)
            self._kept = [weight.numpy() for weight, _ in self._averages()]
            if epoch == self.params.get("epochs", 0) - 1:
                self._settle()

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Give the model the averages again: `fit` took what had changed places."""
        if self._swapped:
            for (weight, _), kept in zip(self._averages(), self._kept, strict=True):
                weight.value[...] = kept
            self._settle()
            self._swapped = False

    def on_test_begin(self, logs: Logs | None = None) -> None:
        self._swap(True)

    def on_test_end(self, logs: Logs | None = None) -> None:
        self._swap(False)

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        self._swap(True)

    def on_predict_end(self, logs: Logs | None = None) -> None:
        self._swap(False)
