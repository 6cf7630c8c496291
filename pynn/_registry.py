# SPDX-License-Identifier: BSD-3-Clause
"""Classes and functions of users by name, for whatever is made from a configuration.

Files name classes; only what stands in the package, in here, or in a
``custom_objects=`` of the call is ever looked up. Nothing is imported by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar, Token
from typing import Any, Self, TypeVar

T = TypeVar("T")

_objects: dict[str, Any] = {}
_names: dict[Any, str] = {}
_scope: ContextVar[Mapping[str, Any]] = ContextVar("custom_objects")


class CustomObjectScope:
    """Objects of your own, known by name inside a ``with`` block.

    Parameters
    ----------
    custom_objects : dict of str to class or function
        Added to those of the blocks around this one; the inner ones win.
    """

    def __init__(self, custom_objects: Mapping[str, Any] | None) -> None:
        self.custom_objects = dict(custom_objects or {})
        self._tokens: list[Token[Mapping[str, Any]]] = []

    def __enter__(self) -> Self:
        known = _scope.get({})
        self._tokens.append(_scope.set({**known, **self.custom_objects}))
        return self

    def __exit__(self, *error: object) -> None:
        _scope.reset(self._tokens.pop())


custom_object_scope = CustomObjectScope


def get_custom_objects() -> dict[str, Any]:
    """Return the registered objects by name; changing the dict changes what is known.

    Those of a `custom_object_scope` are not among them.
    """
    return _objects


def register_keras_serializable(
    package: str = "Custom", name: str | None = None
) -> Callable[[T], T]:
    """Return a decorator that makes a class or function known to files.

    Parameters
    ----------
    package, name : str
        It is registered as ``package>name``; `name` is its own by default.

    Raises
    ------
    ValueError
        From the decorator, if a class has no `get_config`.
    """

    def register(thing: T) -> T:
        if isinstance(thing, type) and not hasattr(thing, "get_config"):
            raise ValueError(
                f"register_keras_serializable: {thing.__name__} has no get_config()"
            )
        own = name if name is not None else getattr(thing, "__name__", str(thing))
        _objects[f"{package}>{own}"] = thing
        _names[thing] = f"{package}>{own}"
        return thing

    return register


def get_registered_name(obj: Any) -> str:
    """Return the name that an object is registered under, else its own."""
    found = _names.get(obj)
    return getattr(obj, "__name__", str(obj)) if found is None else found


def get_registered_object(
    name: Any,
    custom_objects: Mapping[str, Any] | None = None,
    module_objects: Mapping[str, Any] | None = None,
) -> Any:
    """Return the object of that name, or None.

    It is looked for in the scopes around the call, among the registered ones, in
    `custom_objects` and in `module_objects`, in this order.
    """
    if not isinstance(name, str):
        return None
    for known in (_scope.get({}), _objects, custom_objects, module_objects):
        if known and name in known:
            return known[name]
    return None
