# SPDX-License-Identifier: BSD-3-Clause
"""Gradient descent, with momentum or without."""

from __future__ import annotations

from typing import Unpack

from pynn._checks import flag, real
from pynn.optimizers._base import Common, Optimizer, Rate


class SGD(Optimizer):
    """Stochastic gradient descent.

    ``w -= rate * g``; with momentum ``m = momentum * m - rate * g; w += m``; with
    Nesterov ``w += momentum * m - rate * g`` after the new ``m``
    (I. Sutskever et al., "On the importance of initialization and momentum in deep
    learning", ICML 2013).

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or callable
    momentum : float
        In [0, 1]; 0 keeps no state.
    nesterov : bool
    **common
        See `Optimizer`.
    """

    fields = ("momentum", "nesterov")

    def __init__(
        self,
        learning_rate: Rate = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, **common)
        self.momentum = real(momentum, self._at("momentum"), "[0, 1]")
        self.nesterov = flag(nesterov, self._at("nesterov"))

    def rule(self) -> tuple[str, tuple[float, ...]]:
        if self.momentum == 0.0:
            return "sgd", ()
        return "nesterov" if self.nesterov else "momentum", (self.momentum,)
