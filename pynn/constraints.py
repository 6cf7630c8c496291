# SPDX-License-Identifier: BSD-3-Clause
"""What weights are held to after each step, with Keras 3's names and definitions.

Those of this module are applied by the core. One of your own is a function of the
weights, or a subclass of `Constraint`; both are called with an array of the weight's
shape and return the array to put in its place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from pynn._checks import integer, real
from pynn._lookup import function_config, known, resolve, table, to_config
from pynn._registry import CustomObjectScope
from pynn._terms import (
    NON_NEGATIVE,
    NORM_OF_ALL,
    NORM_OF_COLUMNS,
    NORM_OF_ROWS,
    Held,
)

__all__ = [
    "Constraint",
    "MaxNorm",
    "MinMaxNorm",
    "NonNeg",
    "UnitNorm",
    "deserialize",
    "get",
    "max_norm",
    "min_max_norm",
    "non_neg",
    "serialize",
    "unit_norm",
]

Array = np.ndarray[Any, np.dtype[Any]]
Axis = int | Sequence[int] | None

_EPSILON = 1e-7  # added to norms that something is divided by


class Constraint:
    """Base of the constraints; a subclass defines ``__call__``."""

    fields: ClassVar[tuple[str, ...]] = ()

    def __call__(self, w: Any) -> Any:
        """Return what weights `w` are replaced by."""
        return w

    def held(self, shape: tuple[int, ...]) -> Held | None:
        """Return how the core applies this to a weight of `shape`; None: it cannot."""
        del shape
        return None

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this constraint again."""
        return {name: getattr(self, name) for name in self.fields}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Constraint:
        """Make a constraint from what `get_config` returned."""
        return cls(**config)


class NonNeg(Constraint):
    """No weight below 0."""

    def __call__(self, w: Any) -> Array:
        array = np.asarray(w)
        found: Array = np.maximum(array, array.dtype.type(0))
        return found

    def held(self, shape: tuple[int, ...]) -> Held | None:
        del shape
        return Held(NON_NEGATIVE) if type(self) is NonNeg else None


class _Norm(Constraint):
    """Vectors whose norm is moved towards an interval, `rate` of the way."""

    axis: Axis
    _limits: tuple[float, float, float]  # of the norm, and the rate

    def __call__(self, w: Any) -> Array:
        array = np.asarray(w)
        axis = self.axis if self.axis is None else _axes(self.axis, array.ndim)
        low, high, rate = self._limits
        norm = np.sqrt((array.astype(np.float64) ** 2).sum(axis, keepdims=True))
        wanted = rate * np.clip(norm, low, high) + (1 - rate) * norm
        found: Array = (array * (wanted / (norm + _EPSILON))).astype(array.dtype)
        return found

    def held(self, shape: tuple[int, ...]) -> Held | None:
        """Return how the core applies this; it sees rows as long as the last axis.

        Raises
        ------
        ValueError
            If a weight of `shape` has no such axis.
        """
        last = len(shape) - 1
        axes = set(range(last + 1) if self.axis is None else _axes(self.axis, last + 1))
        if type(self) not in (MaxNorm, UnitNorm, MinMaxNorm):
            return None
        others = set(range(last + 1)) - axes
        if not others:
            return Held(NORM_OF_ALL, *self._limits)
        if others == {last}:
            return Held(NORM_OF_COLUMNS, *self._limits)
        return Held(NORM_OF_ROWS, *self._limits) if axes == {last} else None

    def _bound(self, value: Any, name: str) -> float:
        return real(value, f"{type(self).__name__}: {name}", "[0, inf]")

    def _take_axis(self, axis: Any) -> None:
        where = f"{type(self).__name__}: axis"
        if axis is None:
            self.axis = None
        elif isinstance(axis, list | tuple):
            self.axis = [integer(a, where, -32) for a in axis]
        else:
            self.axis = integer(axis, where, -32)


class MaxNorm(_Norm):
    """No norm above a limit.

    N. Srivastava et al., "Dropout: a simple way to prevent neural networks from
    overfitting", JMLR 15, 2014.

    Parameters
    ----------
    max_value : float
    axis : int, list of int or None
        Axes that a norm is taken over: 0 for the weights into each unit of a kernel
        (in, units); None for all.
    """

    fields = ("max_value", "axis")

    def __init__(self, max_value: float = 2, axis: Axis = 0) -> None:
        self.max_value = self._bound(max_value, "max_value")
        self._take_axis(axis)
        self._limits = (0.0, self.max_value, 1.0)


class UnitNorm(_Norm):
    """Each norm 1.

    Parameters
    ----------
    axis : int, list of int or None
        See `MaxNorm`.
    """

    fields = ("axis",)

    def __init__(self, axis: Axis = 0) -> None:
        self._take_axis(axis)
        self._limits = (1.0, 1.0, 1.0)


class MinMaxNorm(_Norm):
    """Each norm between two limits, or on its way there.

    Parameters
    ----------
    min_value, max_value : float
    rate : float
        Share of the way that a norm outside is moved in a step, in [0, 1].
    axis : int, list of int or None
        See `MaxNorm`.
    """

    fields = ("min_value", "max_value", "rate", "axis")

    def __init__(
        self,
        min_value: float = 0.0,
        max_value: float = 1.0,
        rate: float = 1.0,
        axis: Axis = 0,
    ) -> None:
        self.min_value = self._bound(min_value, "min_value")
        self.max_value = self._bound(max_value, "max_value")
        if self.min_value > self.max_value:
            raise ValueError(
                f"MinMaxNorm: expected min_value <= max_value, got {min_value!r}"
                f" and {max_value!r}"
            )
        self.rate = real(rate, "MinMaxNorm: rate", "[0, 1]")
        self._take_axis(axis)
        self._limits = (self.min_value, self.max_value, self.rate)


max_norm, unit_norm, non_neg, min_max_norm = MaxNorm, UnitNorm, NonNeg, MinMaxNorm

_CONSTRAINTS: dict[str, type[Constraint]] = table(
    (MaxNorm, MinMaxNorm, NonNeg, UnitNorm)
)


def get(identifier: Any) -> Any:
    """Return the constraint that a name, configuration, class or object stands for.

    Parameters
    ----------
    identifier : str, dict, type, Constraint, callable or None
        Names are those of the classes, as written or in snake case. Any other callable
        is used as it is. None stays None.

    Raises
    ------
    ValueError
        If there is none; the message lists the nearest names.
    """
    identifier = known(identifier)
    if identifier is None:
        return None
    if callable(identifier) and not isinstance(identifier, type | Constraint):
        return identifier
    return resolve(identifier, _CONSTRAINTS, Constraint, "constraint")


def _axes(axis: int | Sequence[int], ndim: int) -> tuple[int, ...]:
    """Return axes as numbers from 0 on."""
    given = (axis,) if isinstance(axis, int) else tuple(axis)
    for a in given:
        if not -ndim <= a < ndim:
            raise ValueError(
                f"a constraint along axis {a} does not fit a weight of {ndim} axes"
            )
    return tuple(sorted({a % ndim for a in given}))


def serialize(constraint: Any) -> dict[str, Any] | None:
    """Return a constraint as plain data; None for None."""
    if constraint is None:
        return None
    if hasattr(constraint, "get_config"):
        return to_config(constraint)
    return function_config(constraint)


def deserialize(
    config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
) -> Any:
    """Make the constraint that `serialize` wrote down.

    Parameters
    ----------
    config : dict
    custom_objects : dict, optional
        Classes and functions of your own, by name.
    """
    with CustomObjectScope(custom_objects):
        return get(config)
