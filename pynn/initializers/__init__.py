# SPDX-License-Identifier: BSD-3-Clause
"""Starting values of weights, with Keras 3's names, definitions and defaults.

An initializer is called with a shape and a type. Random ones depend on their seed
alone: two with the same seed give the same values, one called twice gives the same
values twice, and one without a seed draws it from `utils.set_random_seed`'s sequence
when it is made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from pynn._lookup import function_config, known, resolve, table, to_config
from pynn._registry import CustomObjectScope
from pynn.initializers._base import (
    Array,
    Constant,
    Identity,
    Initializer,
    Ones,
    Zeros,
)
from pynn.initializers._random import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    VarianceScaling,
)

__all__ = [
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "deserialize",
    "get",
    "serialize",
]

# Keras has both names.
IdentityInitializer = Identity
OrthogonalInitializer = Orthogonal

_INITIALIZERS: dict[str, type[Initializer]] = table(
    (
        Constant,
        GlorotNormal,
        GlorotUniform,
        HeNormal,
        HeUniform,
        Identity,
        LecunNormal,
        LecunUniform,
        Ones,
        Orthogonal,
        RandomNormal,
        RandomUniform,
        TruncatedNormal,
        VarianceScaling,
        Zeros,
    ),
    normal=RandomNormal,
    uniform=RandomUniform,
    one=Ones,
    zero=Zeros,
)


def get(identifier: Any) -> Callable[..., Any]:
    """Return the initializer that a name, configuration, class or object stands for.

    Parameters
    ----------
    identifier : str, dict, type, Initializer, array or callable
        Names are those of the classes, as written or in snake case. An array gives its
        own values. Any other callable is used as it is, as ``callable(shape, dtype=)``.

    Raises
    ------
    ValueError
        If there is none; the message lists the nearest names.
    """
    identifier = known(identifier)
    if isinstance(identifier, Mapping) and identifier.get("class_name") == "__numpy__":
        written = identifier["config"]
        identifier = np.array(written["value"], written["dtype"])
    if isinstance(identifier, np.ndarray | np.generic):
        return _given(np.array(identifier))
    if callable(identifier) and not isinstance(identifier, type | Initializer):
        found: Callable[..., Any] = identifier
        return found
    return resolve(identifier, _INITIALIZERS, Initializer, "initializer")


def _given(values: Array) -> Callable[..., Array]:
    def values_given(shape: Sequence[int], dtype: Any = None) -> Array:
        if tuple(shape) != values.shape:
            raise ValueError(
                f"initializer: expected an array of shape {tuple(shape)}, "
                f"got {values.shape}"
            )
        return values.astype(dtype or "float32")

    values_given.array = values  # type: ignore[attr-defined]
    return values_given


def serialize(initializer: Any) -> dict[str, Any]:
    """Return an initializer as plain data; of a function of yours its name."""
    array = getattr(initializer, "array", None)
    if isinstance(array, np.ndarray):
        written = {"value": array.tolist(), "dtype": array.dtype.name}
        return {"class_name": "__numpy__", "config": written}
    if isinstance(initializer, Initializer) or hasattr(initializer, "get_config"):
        return to_config(initializer)
    return function_config(initializer)


def deserialize(
    config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
) -> Callable[..., Any]:
    """Make the initializer that `serialize` wrote down.

    Parameters
    ----------
    config : dict
    custom_objects : dict, optional
        Classes and functions of your own, by name.
    """
    with CustomObjectScope(custom_objects):
        return get(config)


def __getattr__(name: str) -> type[Initializer]:
    """Find the classes by their snake-case names too: ``initializers.he_normal``."""
    cls = None if name.startswith("_") else _INITIALIZERS.get(name.replace("_", ""))
    if cls is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return cls
