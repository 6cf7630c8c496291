# SPDX-License-Identifier: BSD-3-Clause
"""Process-wide settings: the default element type and the small constant epsilon."""

from pynn._ops import DTYPES

__all__ = [
    "backend",
    "epsilon",
    "floatx",
    "set_epsilon",
    "set_floatx",
    "standardize_dtype",
]

_floatx = "float32"
_epsilon = 1e-7


def backend() -> str:
    """Return "pynn"."""
    return "pynn"


def floatx() -> str:
    """Return the element type of models made without ``dtype=``."""
    return _floatx


def set_floatx(value: str) -> None:
    """Set the element type of models made from now on: "float32" or "float64"."""
    global _floatx
    _floatx = standardize_dtype(value)


def epsilon() -> float:
    """Return the small number that keeps logarithms and quotients finite."""
    return _epsilon


def set_epsilon(value: float) -> None:
    """Set what `epsilon` returns. The compiled losses keep 1e-7."""
    global _epsilon
    _epsilon = float(value)


def standardize_dtype(dtype: object) -> str:
    """Return "float32" or "float64" for a name, NumPy type or None (`floatx`).

    Raises
    ------
    ValueError
        If pynn cannot compute in that type.
    """
    if dtype is None:
        return _floatx
    name = dtype if isinstance(dtype, str) else getattr(dtype, "name", None)
    if name is None and isinstance(dtype, type):
        name = dtype.__name__
    if name not in DTYPES:
        raise ValueError(f"dtype: expected one of {', '.join(DTYPES)}, got {dtype!r}")
    return str(name)
