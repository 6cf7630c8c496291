# SPDX-License-Identifier: BSD-3-Clause
"""Adagrad and Adadelta: steps that know how large all gradients were."""

from __future__ import annotations

from typing import Unpack

from pynn._checks import real
from pynn.optimizers._base import Common, Optimizer, Rate


class Adagrad(Optimizer):
    """Gradients divided by the root of the sum of all their squares.

    ``a += g**2; w -= rate * g / sqrt(a + epsilon)``. J. Duchi, E. Hazan and Y. Singer,
    "Adaptive subgradient methods for online learning and stochastic optimization",
    JMLR 12, 2011.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or callable
    initial_accumulator_value : float
        Where the sums start.
    epsilon : float
        Inside the root.
    **common
        See `Optimizer`.
    """

    fields = ("initial_accumulator_value", "epsilon")

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, **common)
        where = self._at("initial_accumulator_value")
        self.initial_accumulator_value = real(
            initial_accumulator_value, where, "[0, inf)"
        )
        self.epsilon = real(epsilon, self._at("epsilon"), "[0, inf)")

    def rule(self) -> tuple[str, tuple[float, ...]]:
        return "adagrad", (self.epsilon, self.initial_accumulator_value)


class Adadelta(Optimizer):
    """Adagrad that forgets, with steps measured by the steps before.

    ``a = rho * a + (1 - rho) * g**2; d = g * sqrt(s + epsilon) / sqrt(a + epsilon);
    s = rho * s + (1 - rho) * d**2; w -= rate * d``. M. Zeiler, "Adadelta: an adaptive
    learning rate method", arXiv:1212.5701; there the rate is 1, here Keras's 0.001.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or callable
    rho : float
        In [0, 1].
    epsilon : float
    **common
        See `Optimizer`.
    """

    fields = ("rho", "epsilon")

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        rho: float = 0.95,
        epsilon: float = 1e-7,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, **common)
        self.rho = real(rho, self._at("rho"), "[0, 1]")
        self.epsilon = real(epsilon, self._at("epsilon"), "[0, inf)")

    def rule(self) -> tuple[str, tuple[float, ...]]:
        return "adadelta", (self.rho, self.epsilon)
