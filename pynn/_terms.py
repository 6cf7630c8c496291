# SPDX-License-Identifier: BSD-3-Clause
"""What weights ask for beyond gradient and rule, as the core is told about it.

A weight has a regularizer and a constraint, or None. Those that the core knows say so:
``regularizer.strengths`` is (l1, l2), ``constraint.held(shape)`` a `Held`. All others,
functions too, are called from Python.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from pynn._ops import RUN
from pynn._variables import Array, Variable

_STEP = 6e-6  # about the cube root of the float64 rounding error

NON_NEGATIVE, NORM_OF_COLUMNS, NORM_OF_ROWS, NORM_OF_ALL = 1, 2, 3, 4


class Held(NamedTuple):
    """How the core holds a weight to a constraint (struct pynn_run)."""

    kind: int = 0
    low: float = 0.0
    high: float = 0.0
    rate: float = 0.0


def strengths(regularizer: Any) -> tuple[float, float] | None:
    """Return l1 and l2 of a penalty that the core computes, None of any other."""
    if regularizer is None:
        return 0.0, 0.0
    found: tuple[float, float] | None = getattr(regularizer, "strengths", None)
    return found


def held(variable: Variable) -> Held | None:
    """Return how the core holds a weight to its constraint, None if it cannot."""
    if variable.constraint is None:
        return Held()
    known = getattr(variable.constraint, "held", None)
    found: Held | None = None if known is None else known(variable.shape)
    by_vector = found is not None and found.kind in (NORM_OF_COLUMNS, NORM_OF_ROWS)
    if by_vector and variable.shape[-1] != variable.block.width:
        return None  # the core sees several rows as one
    return found


def run_records(
    weights: Iterable[Variable],
    decay: Callable[[Variable], float] | None = None,
    penalties: bool = True,
) -> Array:
    """Return the runs of trainable weights, as the numbers that the core reads.

    Parameters
    ----------
    weights : iterable of Variable
    decay : callable, optional
        0 for weights that weight decay leaves alone.
    penalties : bool
        Whether they belong to the step; if not, they are in the gradients.
    """
    records = [
        (
            *weight.run,
            weight.stride,
            *((penalties and strengths(weight.regularizer)) or (0.0, 0.0)),
            *(held(weight) or Held()),
            decay is not None and not decay(weight),
        )
        for weight in weights
    ]
    return np.array(records, np.dtype(list(RUN))).view(np.int64).reshape(-1, len(RUN))


class OwnTerms(NamedTuple):
    """Weights whose penalty or constraint the core does not know."""

    penalized: list[Variable]
    constrained: list[Variable]


def own_terms(weights: Iterable[Variable]) -> OwnTerms:
    """Return what has to be called from Python in each step."""
    listed = list(weights)
    return OwnTerms(
        [w for w in listed if strengths(w.regularizer) is None],
        [w for w in listed if held(w) is None],
    )


def value_of(regularizer: Any, x: Any) -> float:
    """Return the penalty of `x`; ValueError if that is no number."""
    found = np.asarray(regularizer(x))
    if found.size != 1 or found.dtype.kind not in "fiub":
        raise ValueError(
            f"{regularizer!r}: expected a number as the penalty, got"
            f" {found.dtype} of shape {found.shape}"
        )
    return float(found.item())


def gradient(regularizer: Any, x: Any) -> Array:
    """Return the derivative of what any regularizer returns for `x`, by its elements.

    Parameters
    ----------
    regularizer : Regularizer or callable
        One without a method ``gradient`` is differentiated numerically.
    x : array_like
    """
    own = getattr(regularizer, "gradient", None)
    found: Array = differences(regularizer, x) if own is None else np.asarray(own(x))
    if found.shape != np.shape(x):
        raise ValueError(
            f"{regularizer!r}: expected a gradient of shape {np.shape(x)},"
            f" got {found.shape}"
        )
    return found


def differences(function: Callable[[Any], Any], x: Any) -> Array:
    """Return central differences of a function of an array, by its elements."""
    point = np.array(x, np.float64)
    found = np.empty_like(point)
    for at in np.ndindex(point.shape):
        middle = point[at]
        step = _STEP * max(1.0, float(abs(middle)))
        point[at] = middle + step
        above = value_of(function, point)
        point[at] = middle - step
        below = value_of(function, point)
        point[at] = middle
        found[at] = (above - below) / (2 * step)
    return found
