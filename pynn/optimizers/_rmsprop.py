# SPDX-License-Identifier: BSD-3-Clause
"""RMSprop."""

from __future__ import annotations

from typing import Unpack

from pynn._checks import flag, real
from pynn.optimizers._base import Common, Optimizer, Rate


class RMSprop(Optimizer):
    """Gradients divided by the root of their running mean square.

    ``v = rho * v + (1 - rho) * g**2; w -= rate * g / sqrt(v + epsilon)``, where
    `centered` takes the running mean's square off ``v``, and `momentum` accumulates the
    steps: ``b = momentum * b + step; w -= b``. T. Tieleman and G. Hinton, lecture 6.5
    of "Neural networks for machine learning", 2012.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or callable
    rho, momentum : float
        In [0, 1].
    epsilon : float
        Inside the root.
    centered : bool
    **common
        See `Optimizer`.
    """

    fields = ("rho", "momentum", "epsilon", "centered")

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, **common)
        self.rho = real(rho, self._at("rho"), "[0, 1]")
        self.momentum = real(momentum, self._at("momentum"), "[0, 1]")
        self.epsilon = real(epsilon, self._at("epsilon"), "[0, inf)")
        self.centered = flag(centered, self._at("centered"))

    def rule(self) -> tuple[str, tuple[float, ...]]:
        hyper = (self.rho, self.epsilon, self.momentum, float(self.centered))
        return "rmsprop", hyper
