# SPDX-License-Identifier: BSD-3-Clause
"""Follow the regularized leader."""

from __future__ import annotations

from typing import Unpack

from pynn._checks import real
from pynn.optimizers._base import Common, Optimizer, Rate


class Ftrl(Optimizer):
    """Weights that minimise all gradients so far plus a regulariser, in closed form.

    H. B. McMahan et al., "Ad click prediction: a view from the trenches", KDD 2013;
    `l2_shrinkage_regularization_strength` adds ``2 * strength * w`` to the gradient in
    the linear term only. Exact zeros come with `l1_regularization_strength`.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or callable
        Above 0.
    learning_rate_power : float
        At most 0; -0.5 is the paper's, 0 a fixed rate.
    initial_accumulator_value : float
        Where the sums of squared gradients start.
    l1_regularization_strength, l2_regularization_strength, \
l2_shrinkage_regularization_strength : float
    beta : float
        The paper's beta.
    **common
        See `Optimizer`.
    """

    fields = (
        "learning_rate_power",
        "initial_accumulator_value",
        "l1_regularization_strength",
        "l2_regularization_strength",
        "l2_shrinkage_regularization_strength",
        "beta",
    )

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, **common)
        given = (
            learning_rate_power,
            initial_accumulator_value,
            l1_regularization_strength,
            l2_regularization_strength,
            l2_shrinkage_regularization_strength,
            beta,
        )
        for name, value in zip(self.fields, given, strict=True):
            allowed = "(-inf, 0]" if name == "learning_rate_power" else "[0, inf)"
            setattr(self, name, real(value, self._at(name), allowed))

    def rule(self) -> tuple[str, tuple[float, ...]]:
        return "ftrl", tuple(getattr(self, name) for name in self.fields)
