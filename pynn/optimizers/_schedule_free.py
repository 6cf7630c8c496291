# SPDX-License-Identifier: BSD-3-Clause
"""ScheduleFreeAdamW: averaging in place of a schedule."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from pynn._checks import integer
from pynn.optimizers._adam import Moments
from pynn.optimizers._base import Common, Rate


class ScheduleFreeAdamW(Moments):
    """AdamW steps of a point apart, and weights between it and its mean.

    With the point ``z``, which starts at the weights, and the mean ``x`` of all points:
    ``v += (1 - beta_2) * (g**2 - v);
    z -= rate * g / (sqrt(v / (1 - beta_2**t)) + epsilon); x += (z - x) / t;
    w = (1 - beta_1) * z + beta_1 * x``, where ``x`` is found from ``w`` and ``z``.
    A. Defazio et al., "The road less scheduled", NeurIPS 2024. The rule is written in
    Python: steps are slower than those of the other optimizers.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or callable
    beta_1, beta_2 : float
        In (0, 1) and [0, 1).
    epsilon : float
    warmup_steps : int
        Steps that the rate grows in.
    weight_decay : float, optional
        As in `Optimizer`.
    **common
        See `Optimizer`.
    """

    fields = (*Moments.fields, "warmup_steps")

    def __init__(
        self,
        learning_rate: Rate = 0.0025,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        warmup_steps: int = 0,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **common)
        if self.beta_1 == 0:
            raise ValueError(f"{self._at('beta_1')}: expected a number above 0")
        self.warmup_steps = integer(warmup_steps, self._at("warmup_steps"), 0)

    def build(self, variables: Any) -> None:
        super().build(variables)
        self._momentums, self._velocities = self.add_optimizer_variables(
            variables, ["momentum", "velocity"]
        )
        for momentum, variable in zip(self._momentums, variables, strict=True):
            self.assign(momentum, variable.value)

    def update_step(self, gradient: Any, variable: Any, learning_rate: float) -> None:
        index, step = self._get_variable_index(variable), self.iterations + 1
        z, v = self._momentums[index], self._velocities[index]
        if self.warmup_steps:
            learning_rate *= min(step / self.warmup_steps, 1.0)
        before = z.numpy()
        self.assign_add(v, (gradient**2 - v.value) * (1 - self.beta_2))
        root = np.sqrt(v.value / (1 - self.beta_2**step)) + self.epsilon
        self.assign_sub(z, learning_rate * gradient / root)
        mean = (variable.value - (1 - self.beta_1) * before) / self.beta_1
        mean = (1 - 1 / step) * mean + z.value / step
        self.assign(variable, (1 - self.beta_1) * z.value + self.beta_1 * mean)
