# SPDX-License-Identifier: BSD-3-Clause
"""Objects as plain data (JSON's types), in the form that Keras writes."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Any

import numpy as np

from pynn._lookup import described, function_config

_DEEPEST = 100  # levels of a configuration


def plain(thing: Any, depth: int = 0) -> Any:
    """Return numbers, texts, lists and dicts that stand for any object.

    Parameters
    ----------
    thing : object
        Of plain types, an array, something with ``get_config()``, or a function, which
        is written as its name.
    depth : int
        Levels above it.

    Raises
    ------
    TypeError
        If there is no way to write it down.
    ValueError
        If it is nested deeper than anything sensible.
    """
    if depth > _DEEPEST:
        raise ValueError(f"more than {_DEEPEST} levels of configuration")
    if thing is None or isinstance(thing, bool | int | str):
        return thing
    if isinstance(thing, float):
        return float(thing)
    if isinstance(thing, list | tuple | set | frozenset):
        return [plain(item, depth + 1) for item in thing]
    if isinstance(thing, Mapping):
        return {_key(k): plain(v, depth + 1) for k, v in thing.items()}
    if isinstance(thing, np.generic):
        return thing.item()
    if isinstance(thing, np.ndarray):
        value = {"value": thing.tolist(), "dtype": thing.dtype.name}
        return {"class_name": "__numpy__", "config": value}
    if hasattr(thing, "get_config") and not isinstance(thing, type):
        config = thing.get_config()
        if not isinstance(config, Mapping):
            raise TypeError(f"get_config() of {thing!r} returned {config!r}, no dict")
        return with_settings(thing, described(type(thing), plain(config, depth + 1)))
    if callable(thing) and hasattr(thing, "__name__"):
        return _named(thing)
    raise TypeError(
        f"{thing!r} cannot be written down: its class {type(thing).__name__} has no"
        " get_config()"
    )


def with_settings(thing: Any, config: dict[str, Any]) -> dict[str, Any]:
    """Add what a model was told by `compile`, if it is one that was."""
    compiled = getattr(thing, "get_compile_config", lambda: None)()
    return config if compiled is None else config | {"compile_config": compiled}


def _named(thing: Any) -> dict[str, Any]:
    if isinstance(thing, types.FunctionType | types.BuiltinFunctionType | type):
        return function_config(thing)
    raise TypeError(f"{thing!r} cannot be written down: it is no plain function")


def _key(key: Any) -> str:
    return key if isinstance(key, str) else str(key)
