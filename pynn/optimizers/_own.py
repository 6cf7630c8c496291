# SPDX-License-Identifier: BSD-3-Clause
"""Optimizers whose rule is written in Python: their state, and a step around the rule.

The rule of a variable is ``update_step(gradient, variable, learning_rate)``; it reads
and moves the variable and state that `build` made. What comes before and after it (mean
of several gradients, clipping, decay; average of the weights, constraints) is done here
as the core does it for its own rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pynn import initializers
from pynn._arraylike import State

if TYPE_CHECKING:
    from pynn._variables import Array, Variable
    from pynn.optimizers._base import Optimizer


class OwnState:
    """What a rule in Python may call; part of `Optimizer`."""

    name: str
    _made: list[State]
    _places: dict[str, int]

    def update_step(self, gradient: Array, variable: Any, learning_rate: float) -> None:
        """Move one variable; to be overridden by an optimizer of your own.

        Parameters
        ----------
        gradient : array
            Of the variable's shape, clipped.
        variable : Variable
            ``variable.value`` is its array; use `assign`, `assign_add`, `assign_sub`.
        learning_rate : float
        """
        raise NotImplementedError(f"{type(self).__name__} must define update_step")

    def add_variable(
        self,
        shape: Sequence[int],
        initializer: Any = "zeros",
        dtype: Any = None,
        aggregation: str = "none",
        layout: None = None,
        name: str | None = None,
    ) -> State:
        """Make state of any shape; for use in `build`.

        Parameters
        ----------
        shape : tuple of int
        initializer : str or Initializer
        dtype : str, optional
            "float32" by default.
        aggregation, layout
            Accepted for Keras's sake.
        name : str, optional
        """
        del aggregation, layout
        start = initializers.get(initializer)(tuple(shape), dtype=dtype or "float32")
        name = name or "variable"
        state = State(np.array(start), name, f"{self.name}/{name}")
        self._made.append(state)
        return state

    def add_variable_from_reference(
        self,
        reference_variable: Variable,
        name: str | None = None,
        initializer: Any = "zeros",
    ) -> State:
        """Make state of the shape and type of a weight."""
        path = reference_variable.path.replace("/", "_")
        return self.add_variable(
            reference_variable.shape,
            initializer,
            reference_variable.dtype,
            name=f"{path}_{name or 'var'}",
        )

    def add_optimizer_variables(
        self,
        trainable_variables: Iterable[Variable],
        name: str | Sequence[str],
        initializer: Any = "zeros",
    ) -> Any:
        """Make state for each weight: a list, or one for each of several names."""
        names = [name] if isinstance(name, str) else list(name)
        several = isinstance(initializer, list | tuple)
        starts = list(initializer) if several else [initializer] * len(names)
        if len(starts) != len(names):
            raise ValueError(
                f"add_optimizer_variables: expected {len(names)} initializers,"
                f" got {len(starts)}"
            )
        lists: tuple[list[State], ...] = tuple([] for _ in names)
        for variable in trainable_variables:
            for found, one, start in zip(lists, names, starts, strict=True):
                found.append(self.add_variable_from_reference(variable, one, start))
        return lists[0] if isinstance(name, str) else lists

    def assign(self, variable: Any, value: Any) -> None:
        """Overwrite a weight or state."""
        variable.value[...] = value

    def assign_add(self, variable: Any, value: Any) -> None:
        """Add to a weight or state."""
        variable.value[...] += value

    def assign_sub(self, variable: Any, value: Any) -> None:
        """Subtract from a weight or state."""
        variable.value[...] -= value

    def _get_variable_index(self, variable: Any) -> int:
        return self._places[variable.path]


def clipped(optimizer: Optimizer, grads: list[Array]) -> list[Array]:
    """Return gradients after whichever of the three clips is set."""
    if optimizer.clipnorm is not None:
        return [_shortened(g, optimizer.clipnorm, _norm([g])) for g in grads]
    if optimizer.global_clipnorm is not None:
        norm = _norm(grads)
        return [_shortened(g, optimizer.global_clipnorm, norm) for g in grads]
    limit = optimizer.clipvalue
    return grads if limit is None else [np.clip(g, -limit, limit) for g in grads]


def _norm(grads: list[Array]) -> float:
    return float(np.sqrt(sum((g.astype(np.float64) ** 2).sum() for g in grads)))


def _shortened(gradient: Array, limit: float, norm: float) -> Array:
    scale = gradient.dtype.type(limit / norm if norm > limit else 1.0)
    return gradient * scale if norm == norm else gradient * np.nan


def own_step(
    optimizer: Optimizer, weights: Sequence[Variable], grads: Array, rate: float
) -> None:
    """Take in one gradient: the core's step, with the optimizer's own rule.

    Parameters
    ----------
    optimizer : Optimizer
    weights : list of Variable
        All trainable ones.
    grads : array
        As long as the parameter vector; penalties are in it.
    rate : float
    """
    if not optimizer.built_for(weights):
        optimizer.build(list(weights))
    done, mine = optimizer.iterations, [weight.view(grads) for weight in weights]
    if _gathered(optimizer, weights, mine):
        mine = clipped(optimizer, mine)
        for weight in weights:
            weight.value[...] -= weight.value * (optimizer.decay_of(weight) * rate)
        for gradient, weight in zip(mine, weights, strict=True):
            optimizer.update_step(gradient, weight, rate)
    if optimizer.use_ema:
        _average(optimizer, weights, done)
    for weight in weights:
        if weight.constraint is not None:
            weight.assign(weight.constraint(weight.value))
    optimizer.batches += 1


def _gathered(
    optimizer: Optimizer, weights: Sequence[Variable], grads: Sequence[Array]
) -> bool:
    """Add gradients to those of a step; when all are there, leave their mean."""
    every = optimizer.gradient_accumulation_steps or 1
    if every == 1:
        return True
    complete = (optimizer.batches + 1) % every == 0
    for gradient, weight in zip(grads, weights, strict=True):
        total = weight.view(optimizer.slots[0])
        total += gradient
        if complete:
            gradient[...] = total / every
            total[...] = 0
    return complete


def _average(optimizer: Optimizer, weights: Sequence[Variable], done: int) -> None:
    after = optimizer.ema_overwrite_frequency
    momentum = optimizer.ema_momentum if done else 0.0
    for weight in weights:
        average = weight.view(optimizer.slots[-1])
        average[...] = momentum * average + (1 - momentum) * weight.value
        if after and (done + 1) % after == 0:
            weight.value[...] = average
