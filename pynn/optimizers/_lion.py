# SPDX-License-Identifier: BSD-3-Clause
"""Lion."""

from __future__ import annotations

from typing import Unpack

from pynn._checks import real
from pynn.optimizers._base import Common, Optimizer, Rate


class Lion(Optimizer):
    """Steps of one size, by the sign of a mean gradient.

    ``w -= rate * sign(beta_1 * m + (1 - beta_1) * g); m = beta_2 * m + (1 - beta_2) *
    g``. X. Chen et al., "Symbolic discovery of optimization algorithms",
    arXiv:2302.06675. A good rate is 3 to 10 times smaller than Adam's.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or callable
    beta_1 : float
        In (0, 1].
    beta_2 : float
        In [0, 1].
    **common
        See `Optimizer`.
    """

    fields = ("beta_1", "beta_2")

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, **common)
        self.beta_1 = real(beta_1, self._at("beta_1"), "(0, 1]")
        self.beta_2 = real(beta_2, self._at("beta_2"), "[0, 1]")

    def rule(self) -> tuple[str, tuple[float, ...]]:
        return "lion", (self.beta_1, self.beta_2)
