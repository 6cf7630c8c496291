# SPDX-License-Identifier: BSD-3-Clause
"""Lamb: Adam's step, as long as the weights."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from pynn.optimizers._adam import Moments
from pynn.optimizers._base import Common, Rate


class Lamb(Moments):
    """Adam's direction, times the norm of the variable over that of the direction.

    ``u = m / (1 - beta_1**t) / (sqrt(v / (1 - beta_2**t)) + epsilon);
    w -= rate * norm(w) / norm(u) * u``, the quotient 1 where a norm is 0. Y. You et
    al., "Large batch optimization for deep learning", ICLR 2020. The rule is written
    in Python: steps are slower than those of the other optimizers.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or callable
    beta_1, beta_2 : float
        In [0, 1).
    epsilon : float
    **common
        See `Optimizer`.
    """

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **common)

    def build(self, variables: Any) -> None:
        super().build(variables)
        self._momentums, self._velocities = self.add_optimizer_variables(
            variables, ["momentum", "velocity"]
        )

    def update_step(self, gradient: Any, variable: Any, learning_rate: float) -> None:
        index, step = self._get_variable_index(variable), self.iterations + 1
        m, v = self._momentums[index], self._velocities[index]
        self.assign_add(m, (gradient - m.value) * (1 - self.beta_1))
        self.assign_add(v, (gradient**2 - v.value) * (1 - self.beta_2))
        root = np.sqrt(v.value / (1 - self.beta_2**step)) + self.epsilon
        update = m.value / (1 - self.beta_1**step) / root
        sizes = np.sqrt((variable.value**2).sum()), np.sqrt((update**2).sum())
        ratio = sizes[0] / sizes[1] if all(size > 0 for size in sizes) else 1.0
        self.assign_sub(variable, ratio * learning_rate * update)
