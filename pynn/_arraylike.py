# SPDX-License-Identifier: BSD-3-Clause
"""Things with a name that NumPy functions and operators take as arrays."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any, Self

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
Operator = Callable[[Any, Any], Any]


def _operators(function: Operator) -> tuple[Operator, Operator]:
    """Return the methods for the left and for the right of an operator."""

    def left(self: ArrayLike, other: Any) -> Any:
        return function(self.value, other)

    def right(self: ArrayLike, other: Any) -> Any:
        return function(other, self.value)

    return left, right


class ArrayLike:
    """What holds an array `value` of a fixed `shape`, to be read and written."""

    shape: tuple[int, ...]

    @property
    def value(self) -> Array:
        """The array itself."""
        raise NotImplementedError

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def T(self) -> Array:
        """The array transposed, as a view."""
        return self.value.T

    def numpy(self) -> Array:
        """Return a copy of the array."""
        return self.value.copy()

    def checked(self, value: Any) -> Array:
        """Return `value` as an array that may be assigned, or raise ValueError."""
        raise NotImplementedError

    def assign(self, value: Any) -> Self:
        """Overwrite the array.

        Raises
        ------
        ValueError
            If `value` is not numeric or has another shape.
        """
        self.value[...] = self.checked(value)
        return self

    def assign_add(self, value: Any) -> Self:
        """Add `value` to the array."""
        return self.assign(self.value + value)

    def assign_sub(self, value: Any) -> Self:
        """Subtract `value` from the array."""
        return self.assign(self.value - value)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        value = self.value
        if dtype is not None and np.dtype(dtype) != value.dtype:
            return value.astype(dtype)
        return value.copy() if copy else value

    def __neg__(self) -> Array:
        return -self.value

    __add__, __radd__ = _operators(operator.add)
    __sub__, __rsub__ = _operators(operator.sub)
    __mul__, __rmul__ = _operators(operator.mul)
    __truediv__, __rtruediv__ = _operators(operator.truediv)
    __matmul__, __rmatmul__ = _operators(operator.matmul)
    __pow__, __rpow__ = _operators(operator.pow)
    __lt__, __gt__ = _operators(operator.lt)
    __le__, __ge__ = _operators(operator.le)

    def __float__(self) -> float:
        return float(self.value)

    def __getitem__(self, key: Any) -> Any:
        return self.value[key]

    def __len__(self) -> int:
        return self.shape[0]


class State(ArrayLike):
    """An array that an optimizer or a metric carries from step to step.

    Writing into `value` changes the state; NumPy functions take it as an array, and
    ``==`` compares its elements.
    """

    def __init__(self, value: Array, name: str, path: str) -> None:
        self._value, self.name, self.path = value, name, path

    @property
    def value(self) -> Array:
        """The array itself."""
        return self._value

    @property
    def shape(self) -> tuple[int, ...]:  # type: ignore[override]
        """Shape of the array."""
        shape: tuple[int, ...] = self._value.shape
        return shape

    @property
    def dtype(self) -> str:
        """Element type."""
        return self._value.dtype.name

    def checked(self, value: Any) -> Array:
        """Return `value` as an array that may be assigned, or raise ValueError."""
        array = np.asarray(value)
        if array.dtype.kind not in "fiub":
            raise ValueError(f"{self.path!r}: expected numbers, got {array.dtype}")
        if array.shape != self.shape:
            raise ValueError(
                f"{self.path!r}: expected shape {self.shape}, got {array.shape}"
            )
        return array

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> Any:
        return self._value == other

    def __ne__(self, other: object) -> Any:
        return self._value != other

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"<State path={self.path}, shape={self.shape}, dtype={self.dtype}>"
