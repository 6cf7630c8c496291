# SPDX-License-Identifier: BSD-3-Clause
"""What all initializers share, and those without a seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from pynn._checks import real

Array = np.ndarray[Any, np.dtype[Any]]


class Initializer:
    """Base of the initializers; a subclass of your own defines ``__call__``."""

    fields: ClassVar[tuple[str, ...]] = ()

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Array:
        """Return an array of starting values.

        Parameters
        ----------
        shape : tuple of int
        dtype : str or dtype, optional
            "float32" by default.
        """
        raise NotImplementedError(f"{type(self).__name__} must define __call__")

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this initializer again."""
        return {name: getattr(self, name) for name in self.fields}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Initializer:
        """Make an initializer from what `get_config` returned."""
        return cls(**config)


class Constant(Initializer):
    """One value everywhere.

    Parameters
    ----------
    value : float
    """

    fields = ("value",)

    def __init__(self, value: float = 0.0) -> None:
        self.value = real(value, "Constant: value")

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Array:
        return np.full(tuple(shape), self.value, dtype or "float32")


class Zeros(Initializer):
    """Zeros."""

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Array:
        return np.zeros(tuple(shape), dtype or "float32")


class Ones(Initializer):
    """Ones."""

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Array:
        return np.ones(tuple(shape), dtype or "float32")


class Identity(Initializer):
    """The identity matrix, times a factor.

    Parameters
    ----------
    gain : float
    """

    fields = ("gain",)

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = real(gain, "Identity: gain")

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Array:
        if len(shape) != 2:
            raise ValueError(f"Identity: expected a shape of 2 axes, got {shape}")
        rows, columns = shape
        return self.gain * np.eye(rows, columns, dtype=dtype or "float32")
