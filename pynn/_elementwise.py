# SPDX-License-Identifier: BSD-3-Clause
"""A function of the user's as a piece of a network, differentiated by differences."""

from collections.abc import Callable
from typing import Any

import numpy as np

from pynn._variables import Array

_STEP = float(np.cbrt(np.finfo(np.float64).eps))
"""Relative step of central differences: rounding and truncation are equal there, about
1e-10 of the function's size (W. H. Press et al., "Numerical Recipes", section 5.7)."""


def steps(x: Array) -> tuple[Array, Array]:
    """Return points on both sides of `x`, in float64."""
    middle = np.asarray(x, np.float64)
    h = _STEP * np.maximum(1.0, np.abs(middle))
    return middle + h, middle - h


class Elementwise:
    """``function(x)``, an array of the shape of `x`, as part of a network.

    Its derivative is ``function.gradient(x)`` if there is such a thing, else it is
    taken by central differences in float64. A function that mixes the elements along
    the last axis, as softmax does, is recognised by what it does to its input, and
    differentiated one column at a time.

    Parameters
    ----------
    function : callable
    shape : tuple of int
        Of one sample.
    """

    trains = False

    def __init__(self, function: Callable[..., Any], shape: tuple[int, ...]) -> None:
        self.function = function
        self.input_shape = self.output_shape = shape
        self._name = getattr(function, "__name__", type(function).__name__)
        self._mixes: bool | None = None

    def forward(self, x: Array, training: bool) -> Array:
        """Return the function of `x`."""
        del training
        return self._checked(self.function(x), x).astype(x.dtype, copy=False)

    def _checked(self, y: Any, x: Array) -> Array:
        array = np.asarray(y)
        if array.shape != x.shape or array.dtype.kind not in "fiub":
            raise ValueError(
                f"activation {self._name!r}: expected an array of numbers of shape"
                f" {x.shape}, as its argument, got {array.dtype} of {array.shape}"
            )
        return array

    def backward(
        self, x: Array, y: Array, gradient: Array
    ) -> tuple[Array, list[tuple[Any, Any]]]:
        """Return the gradient of `x` (and those of no weights)."""
        del y
        derivative = getattr(self.function, "gradient", None)
        if derivative is not None:
            return gradient * self._checked(derivative(x), x), []
        if self._mixes is None and x.size:
            self._mixes = self._looks_mixed(x)
        if not self._mixes:
            above, below = steps(x)
            rise = self._wide(above) - self._wide(below)
            return gradient * (rise / (above - below)), []
        return self._by_column(x, gradient), []

    def _wide(self, x: Array) -> Array:
        return self._checked(self.function(x), x).astype(np.float64, copy=False)

    def _looks_mixed(self, x: Array) -> bool:
        """Whether moving one column moves another."""
        if x.shape[-1] == 1:
            return False
        moved = np.array(x, np.float64)
        before = self._wide(moved.copy())
        moved[..., 0] += 0.5
        return not np.array_equal(
            before[..., 1:], self._wide(moved)[..., 1:], equal_nan=True
        )

    def _by_column(self, x: Array, gradient: Array) -> Array:
        found = np.empty(x.shape)
        above, below = steps(x)
        for j in range(x.shape[-1]):
            high, low = np.array(x, np.float64), np.array(x, np.float64)
            high[..., j], low[..., j] = above[..., j], below[..., j]
            rise = ((self._wide(high) - self._wide(low)) * gradient).sum(axis=-1)
            found[..., j] = rise / (above[..., j] - below[..., j])
        return found
