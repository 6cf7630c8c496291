# SPDX-License-Identifier: BSD-3-Clause
"""Checks of single arguments, with messages that name argument, range and value."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np


def real(value: Any, name: str, allowed: str = "(-inf, inf)") -> float:
    """Return a number as float if it lies in an interval.

    Parameters
    ----------
    value : int, float or NumPy number (also as an array without axes)
    name : str
        How the message calls it: ``"Adam: beta_1"``.
    allowed : str
        The interval as one writes it: ``"[0, 1)"``.

    Raises
    ------
    ValueError
        If `value` is no number (bool and NaN included) or lies outside.
    """
    if isinstance(value, np.ndarray | np.generic) and value.ndim == 0:
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name}: expected a number in {allowed}, got {value!r}")
    low, high = map(float, allowed[1:-1].split(","))
    above = low <= value if allowed[0] == "[" else low < value
    below = value <= high if allowed[-1] == "]" else value < high
    if not (above and below) or math.isnan(value):
        raise ValueError(f"{name}: expected a number in {allowed}, got {value!r}")
    return float(value)


def optional_real(value: Any, name: str, allowed: str) -> float | None:
    """Return None for None, else the same as `real`."""
    return None if value is None else real(value, name, allowed)


def integer(value: Any, name: str, minimum: int) -> int:
    """Return an integer (NumPy's too) of at least `minimum`, or raise ValueError."""
    try:
        if isinstance(value, bool | np.bool_):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        number = minimum - 1
    if number < minimum:
        raise ValueError(f"{name}: expected an integer >= {minimum}, got {value!r}")
    return number


def optional_seed(value: Any, name: str) -> int | None:
    """Return None for None, else an integer of at least 0, cut to 64 bits."""
    if value is None:
        return None
    return integer(value, name, 0) & 0xFFFF_FFFF_FFFF_FFFF


def flag(value: Any, name: str) -> bool:
    """Return a truth value, or raise ValueError for anything but True and False."""
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"{name}: expected True or False, got {value!r}")
    return bool(value)


def one_of(value: Any, name: str, allowed: tuple[Any, ...]) -> Any:
    """Return `value` if it is among `allowed`, or raise ValueError."""
    if not any(value is a or (isinstance(a, str) and value == a) for a in allowed):
        choices = ", ".join(map(repr, allowed))
        raise ValueError(f"{name}: expected one of {choices}, got {value!r}")
    return value
