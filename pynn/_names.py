# SPDX-License-Identifier: BSD-3-Clause
"""Automatic names: snake case of the class, numbered from the second on."""

import re
from collections import Counter

_used: Counter[str] = Counter()


def snake_case(name: str) -> str:
    """Return ``leaky_re_lu`` for ``LeakyReLU``, as Keras does."""
    name = re.sub(r"\W+", "", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def unique_name(prefix: str) -> str:
    """Return `prefix`, `prefix_1`, ... : a name this process has not given out yet."""
    number = _used[prefix]
    _used[prefix] += 1
    return f"{prefix}_{number}" if number else prefix


def clear_names() -> None:
    """Start all numbers again."""
    _used.clear()
