# SPDX-License-Identifier: BSD-3-Clause
"""Penalties on weights and on outputs of layers, with Keras 3's names and definitions.

What a regularizer returns is added to the loss, in training and in evaluation; of
frozen layers only the penalties on outputs are. Those of this module but the orthogonal
one are computed by the core.

One of your own is a function of the weights, or a subclass of `Regularizer`; both are
called with an array of the weight's shape and return a number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from pynn._checks import one_of, real
from pynn._lookup import function_config, known, resolve, table, to_config
from pynn._registry import CustomObjectScope
from pynn._terms import differences

__all__ = [
    "L1",
    "L1L2",
    "L2",
    "OrthogonalRegularizer",
    "Regularizer",
    "deserialize",
    "get",
    "l1",
    "l1_l2",
    "l2",
    "orthogonal_regularizer",
    "serialize",
]

Array = np.ndarray[Any, np.dtype[Any]]


class Regularizer:
    """Base of the regularizers.

    A subclass defines ``__call__(x)``, which returns the penalty as a number, and
    should define ``gradient(x)``, its derivative by each element.
    """

    fields: ClassVar[tuple[str, ...]] = ()

    def __call__(self, x: Any) -> Any:
        """Return the penalty of an array as a number."""
        del x
        return 0.0

    def gradient(self, x: Any) -> Array:
        """Return the derivative of the penalty by each element of `x`.

        Unless a subclass does better, by central differences in float64, which calls
        the regularizer twice for each element; exact to about 1e-9 where the penalty is
        smooth.
        """
        return differences(self, x)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this regularizer again."""
        return {name: getattr(self, name) for name in self.fields}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Regularizer:
        """Make a regularizer from what `get_config` returned."""
        return cls(**config)


class _Sized(Regularizer):
    """What L1, L2 and L1L2 share; the core computes ``l1 |x| + l2 x**2``."""

    l1: float = 0.0
    l2: float = 0.0

    def __call__(self, x: Any) -> float:
        array = np.asarray(x, np.float64)
        return float(self.l1 * np.abs(array).sum() + self.l2 * (array**2).sum())

    @property
    def strengths(self) -> tuple[float, float] | None:
        """l1 and l2 for the core; None of a subclass, which may do anything."""
        return (self.l1, self.l2) if type(self) in (L1, L2, L1L2) else None

    def gradient(self, x: Any) -> Array:
        array = np.asarray(x, np.float64)
        found: Array = self.l1 * np.sign(array) + 2 * self.l2 * array
        return found

    def _strength(self, value: Any, name: str, default: float) -> float:
        if value is None:
            return default
        return real(value, f"{type(self).__name__}: {name}", "[0, inf)")


class L1(_Sized):
    """The sum of absolute values, ``l1 * sum(abs(x))``; its derivative at 0 is 0.

    Parameters
    ----------
    l1 : float
        Not negative.
    """

    fields = ("l1",)

    def __init__(self, l1: float = 0.01) -> None:
        self.l1 = self._strength(l1, "l1", 0.01)


class L2(_Sized):
    """The sum of squares, ``l2 * sum(x**2)``, without a half.

    Parameters
    ----------
    l2 : float
        Not negative.
    """

    fields = ("l2",)

    def __init__(self, l2: float = 0.01) -> None:
        self.l2 = self._strength(l2, "l2", 0.01)


class L1L2(_Sized):
    """Both sums, ``l1 * sum(abs(x)) + l2 * sum(x**2)``.

    Parameters
    ----------
    l1, l2 : float
        Not negative.
    """

    fields = ("l1", "l2")

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1 = self._strength(l1, "l1", 0.0)
        self.l2 = self._strength(l2, "l2", 0.0)


class OrthogonalRegularizer(Regularizer):
    """Cosines between the rows (or columns) of a matrix, as far from 0 as they are.

    ``factor * sum(abs(c)) / pairs``, where ``c`` are the cosines between all `pairs` of
    different rows.

    Parameters
    ----------
    factor : float
        Not negative.
    mode : "rows" or "columns"
        For a kernel (in, units), "columns" drives the weight vectors of the units
        apart.
    """

    fields = ("factor", "mode")

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        self.factor = real(factor, "OrthogonalRegularizer: factor", "[0, inf)")
        allowed = ("rows", "columns")
        self.mode: str = one_of(mode, "OrthogonalRegularizer: mode", allowed)

    def __call__(self, x: Any) -> float:
        _, _, cosines = self._cosines(x)
        pairs = len(cosines) * (len(cosines) - 1.0) / 2
        total = np.abs(cosines).sum() - np.abs(np.diagonal(cosines)).sum()
        return float(self.factor * 0.5 * total / pairs) if pairs else 0.0

    def gradient(self, x: Any) -> Array:
        unit, norm, cosines = self._cosines(x)
        pairs = len(cosines) * (len(cosines) - 1.0) / 2
        signs = np.sign(cosines) - np.diag(np.sign(np.diagonal(cosines)))
        slope = self.factor / max(pairs, 1.0) * (signs @ unit)
        along = (slope * unit).sum(1, keepdims=True)
        found: Array = (slope - along * unit) / norm
        return found if self.mode == "rows" else found.T

    def _cosines(self, x: Any) -> tuple[Array, Array, Array]:
        """Return the vectors as rows of length 1, their norms, and their products."""
        array = np.asarray(x, np.float64)
        if array.ndim != 2:
            raise ValueError(
                f"OrthogonalRegularizer: expected 2 axes, got shape {array.shape}"
            )
        rows = array if self.mode == "rows" else array.T
        norm = np.sqrt((rows**2).sum(1, keepdims=True))
        norm = np.maximum(norm, 1e-12)
        unit = rows / norm
        return unit, norm, unit @ unit.T


l1, l2, l1_l2, orthogonal_regularizer = L1, L2, L1L2, OrthogonalRegularizer

_REGULARIZERS: dict[str, type[Regularizer]] = table(
    (L1, L2, L1L2, OrthogonalRegularizer)
)


def get(identifier: Any) -> Any:
    """Return the regularizer that a name, configuration, class or object stands for.

    Parameters
    ----------
    identifier : str, dict, type, Regularizer, callable or None
        Names are those of the classes, as written or in snake case; ``"l1_l2"`` has
        both strengths at 0.01. Any other callable is used as it is. None stays None.

    Raises
    ------
    ValueError
        If there is none; the message lists the nearest names.
    """
    identifier = known(identifier)
    if identifier is None:
        return None
    if isinstance(identifier, str) and identifier == "l1_l2":
        return L1L2(0.01, 0.01)
    if callable(identifier) and not isinstance(identifier, type | Regularizer):
        return identifier
    return resolve(identifier, _REGULARIZERS, Regularizer, "regularizer")


def serialize(regularizer: Any) -> dict[str, Any] | None:
    """Return a regularizer as plain data; None for None."""
    if regularizer is None:
        return None
    if hasattr(regularizer, "get_config"):
        return to_config(regularizer)
    return function_config(regularizer)


def deserialize(
    config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
) -> Any:
    """Make the regularizer that `serialize` wrote down.

    Parameters
    ----------
    config : dict
    custom_objects : dict, optional
        Classes and functions of your own, by name.
    """
    with CustomObjectScope(custom_objects):
        return get(config)
