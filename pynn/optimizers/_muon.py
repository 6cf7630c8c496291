# SPDX-License-Identifier: BSD-3-Clause
"""Muon: steps of matrices by orthogonal ones."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from pynn._checks import flag, integer, optional_real, real
from pynn.optimizers._base import Optimizer, Rate


class Muon(Optimizer):
    """Momentum whose matrix is brought near an orthogonal one; Adam for all else.

    For kernels, with ``u`` the momentum ``m = momentum * m + g``, or
    ``g + momentum * m`` with `nesterov`: `ns_steps` times, from ``x = u / norm(u)``,
    ``x = a * x + (b * (x @ x.T) + c * (x @ x.T)**2) @ x``; then
    ``w -= rate * rms_rate * sqrt(max(shape)) * x``. K. Jordan et al., "Muon: an
    optimizer for hidden layers in neural networks", 2024, scaled as by J. Liu et al.,
    "Muon is scalable for LLM training", 2025. The rule is written in Python: steps are
    slower than those of the other optimizers.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or callable
    adam_beta_1, adam_beta_2, epsilon : float
        Of `Adam`, for what is no matrix.
    adam_weight_decay, weight_decay : float, optional
        For what Adam moves, and for the matrices.
    exclude_layers : list of str, optional
        Regular expressions; weights in whose path one is found are Adam's.
    exclude_embeddings : bool
        Whether weights with "embedding" in their path are Adam's.
    muon_a, muon_b, muon_c : float
        Coefficients above.
    adam_lr_ratio : float
        Rate of Adam over that of Muon.
    momentum : float
    ns_steps : int
    nesterov : bool
    rms_rate : float, optional
        None: steps are not scaled.
    **common
        See `Optimizer`.
    """

    fields: ClassVar[tuple[str, ...]] = (
        "adam_beta_1",
        "adam_beta_2",
        "adam_weight_decay",
        "epsilon",
        "exclude_layers",
        "exclude_embeddings",
        "muon_a",
        "muon_b",
        "muon_c",
        "adam_lr_ratio",
        "momentum",
        "ns_steps",
        "nesterov",
        "rms_rate",
    )

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        adam_beta_1: float = 0.9,
        adam_beta_2: float = 0.999,
        adam_weight_decay: float | None = 0.004,
        epsilon: float = 1e-7,
        weight_decay: float | None = 0.004,
        exclude_layers: Sequence[str] | None = None,
        exclude_embeddings: bool = True,
        muon_a: float = 3.4445,
        muon_b: float = -4.7750,
        muon_c: float = 2.0315,
        adam_lr_ratio: float = 1,
        momentum: float = 0.95,
        ns_steps: int = 5,
        nesterov: bool = True,
        rms_rate: float | None = 0.2,
        **common: Any,
    ) -> None:
        common["weight_decay"] = weight_decay
        super().__init__(learning_rate, **common)
        at = self._at
        self.adam_beta_1 = real(adam_beta_1, at("adam_beta_1"), "[0, 1)")
        self.adam_beta_2 = real(adam_beta_2, at("adam_beta_2"), "[0, 1)")
        where = at("adam_weight_decay")
        self.adam_weight_decay = optional_real(adam_weight_decay, where, "[0, inf)")
        self.epsilon = real(epsilon, at("epsilon"), "[0, inf)")
        self.exclude_layers = list(exclude_layers or ())
        self.exclude_embeddings = flag(exclude_embeddings, at("exclude_embeddings"))
        self.muon_a = real(muon_a, at("muon_a"))
        self.muon_b = real(muon_b, at("muon_b"))
        self.muon_c = real(muon_c, at("muon_c"))
        self.adam_lr_ratio = real(adam_lr_ratio, at("adam_lr_ratio"), "[0, inf)")
        self.momentum = real(momentum, at("momentum"), "[0, 1)")
        self.ns_steps = integer(ns_steps, at("ns_steps"), 0)
        self.nesterov = flag(nesterov, at("nesterov"))
        self.rms_rate = optional_real(rms_rate, at("rms_rate"), "[0, inf)")

    def build(self, variables: Any) -> None:
        super().build(variables)
        self._momentums = self.add_optimizer_variables(variables, "momentum")
        self._velocities = [
            self.add_variable_from_reference(v, "velocity")
            if self._is_adams(v)
            else None
            for v in variables
        ]

    def _is_adams(self, variable: Any) -> bool:
        path = variable.path
        if variable.ndim != 2 or any(re.search(p, path) for p in self.exclude_layers):
            return True
        return self.exclude_embeddings and "embedding" in path.lower()

    def decay_of(self, variable: Any) -> float:
        if not self._is_adams(variable):
            return super().decay_of(variable)
        known, pattern = self._undecayed
        kept = variable.path in known or (pattern and pattern.search(variable.name))
        return 0.0 if kept else self.adam_weight_decay or 0.0

    def update_step(self, gradient: Any, variable: Any, learning_rate: float) -> None:
        index, step = self._get_variable_index(variable), self.iterations + 1
        m, v = self._momentums[index], self._velocities[index]
        if v is None:
            self.assign_add(m, gradient + m.value * (self.momentum - 1))
            along = gradient + self.momentum * m.value if self.nesterov else m.value
            update = learning_rate * self._near_orthogonal(along)
            self.assign_sub(variable, update * self._scale(variable.shape))
            return
        rate = learning_rate * self.adam_lr_ratio
        rate *= (1 - self.adam_beta_2**step) ** 0.5 / (1 - self.adam_beta_1**step)
        self.assign_add(m, (gradient - m.value) * (1 - self.adam_beta_1))
        self.assign_add(v, (gradient**2 - v.value) * (1 - self.adam_beta_2))
        self.assign_sub(variable, m.value * rate / (np.sqrt(v.value) + self.epsilon))

    def _scale(self, shape: tuple[int, ...]) -> float:
        return 1.0 if self.rms_rate is None else self.rms_rate * max(shape) ** 0.5

    def _near_orthogonal(self, x: Any) -> Any:
        tall = x.shape[0] > x.shape[1]
        x = x.T if tall else x
        x = x / (np.sqrt((x**2).sum()) + 1e-7)
        for _ in range(self.ns_steps):
            square = x @ x.T
            x = (
                self.muon_a * x
                + (self.muon_b * square + self.muon_c * square @ square) @ x
            )
        return x.T if tall else x
