# SPDX-License-Identifier: BSD-3-Clause
"""Adafactor: second moments of matrices from those of their rows and columns."""

from __future__ import annotations

from typing import Any, ClassVar, Unpack

import numpy as np

from pynn._checks import flag, real
from pynn.optimizers._base import Common, Optimizer, Rate


class Adafactor(Optimizer):
    """Steps by the gradient over the root of its mean square, relative to the weights.

    ``rho = min(rate, 1 / sqrt(t)); a = max(epsilon_2, rms(w)) * rho;
    b = 1 - t**beta_2_decay; v = b * v + (1 - b) * (g**2 + epsilon_1)``, of which a
    matrix keeps the means of rows and columns alone; ``u = g / sqrt(v);
    w -= a * u / max(1, rms(u) / clip_threshold)``. N. Shazeer and M. Stern, "Adafactor:
    adaptive learning rates with sublinear memory cost", ICML 2018. The rule is written
    in Python: steps are slower than those of the other optimizers.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or callable
    beta_2_decay : float
        Exponent of the step in ``b``.
    epsilon_1, epsilon_2 : float
    clip_threshold : float
    relative_step : bool
        Accepted for Keras's sake: the rate is never above ``1 / sqrt(t)`` either way.
    **common
        See `Optimizer`.
    """

    fields: ClassVar[tuple[str, ...]] = (
        "beta_2_decay",
        "epsilon_1",
        "epsilon_2",
        "clip_threshold",
        "relative_step",
    )

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        beta_2_decay: float = -0.8,
        epsilon_1: float = 1e-30,
        epsilon_2: float = 1e-3,
        clip_threshold: float = 1.0,
        relative_step: bool = True,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, **common)
        self.beta_2_decay = real(beta_2_decay, self._at("beta_2_decay"))
        self.epsilon_1 = real(epsilon_1, self._at("epsilon_1"), "[0, inf)")
        self.epsilon_2 = real(epsilon_2, self._at("epsilon_2"), "[0, inf)")
        at = self._at("clip_threshold")
        self.clip_threshold = real(clip_threshold, at, "(0, inf)")
        self.relative_step = flag(relative_step, self._at("relative_step"))

    def build(self, variables: Any) -> None:
        super().build(variables)
        self._rows: list[Any] = []
        self._columns: list[Any] = []
        self._squares: list[Any] = []
        for variable in variables:
            shape, kind = variable.shape, variable.dtype
            split = len(shape) > 1
            if split:
                row = self.add_variable(shape[:-1], dtype=kind, name="row")
                self._rows.append(row)
                column = (*shape[:-2], shape[-1])
                self._columns.append(
                    self.add_variable(column, dtype=kind, name="column")
                )
            else:
                self._rows.append(None)
                self._columns.append(None)
            self._squares.append(self.add_variable_from_reference(variable, "velocity"))

    @property
    def extra(self) -> int:
        """Two for each weight without rows and columns."""
        return 2 * sum(row is None for row in getattr(self, "_rows", ()))

    def update_step(self, gradient: Any, variable: Any, learning_rate: float) -> None:
        index, step = self._get_variable_index(variable), self.iterations + 1
        squares = self._squares[index]
        rho = min(learning_rate, 1 / step**0.5)
        length = max(self.epsilon_2, _rms(variable.value)) * rho
        kept = 1 - step**self.beta_2_decay
        square = gradient**2 + gradient.dtype.type(self.epsilon_1)
        if variable.ndim > 1:
            r, c = self._rows[index], self._columns[index]
            self.assign(r, kept * r.value + (1 - kept) * square.mean(-1))
            self.assign(c, kept * c.value + (1 - kept) * square.mean(-2))
            share = r.value / r.value.mean(-1, keepdims=True)
            self.assign(squares, share[..., None] * c.value[..., None, :])
        else:
            self.assign(squares, kept * squares.value + (1 - kept) * square)
        update = gradient / np.sqrt(squares.value)
        update = update / max(1.0, _rms(update) / self.clip_threshold)
        self.assign_sub(variable, length * update)


def _rms(x: Any) -> float:
    return float(np.sqrt((x**2).mean()))
