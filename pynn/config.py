# SPDX-License-Identifier: BSD-3-Clause
"""Process-wide settings: the default element type, epsilon, limits of trial runs."""

from pynn._checks import integer
from pynn._ops import DTYPES

__all__ = [
    "backend",
    "epsilon",
    "floatx",
    "max_epochs",
    "max_steps_per_epoch",
    "set_epsilon",
    "set_floatx",
    "set_max_epochs",
    "set_max_steps_per_epoch",
    "standardize_dtype",
]

_floatx = "float32"
_epsilon = 1e-7
_max_epochs: int | None = None
_max_steps: int | None = None


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


def max_epochs() -> int | None:
    """Return how many epochs `fit` does at most; None for no limit."""
    return _max_epochs


def set_max_epochs(max_epochs: int | None) -> None:
    """Limit the epochs of `fit`, to try a program out; None takes the limit away."""
    global _max_epochs
    _max_epochs = None if max_epochs is None else integer(max_epochs, "max_epochs", 1)


def max_steps_per_epoch() -> int | None:
    """Return how many steps a pass over data takes at most; None for no limit."""
    return _max_steps


def set_max_steps_per_epoch(max_steps_per_epoch: int | None) -> None:
    """Limit `steps_per_epoch` of `fit`, and `steps` of other calls.

    Arrays without a `batch_size` are cut into that many batches, as by those arguments.
    """
    global _max_steps
    steps, where = max_steps_per_epoch, "max_steps_per_epoch"
    _max_steps = None if steps is None else integer(steps, where, 1)


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
