# SPDX-License-Identifier: BSD-3-Clause
"""From what a user writes (a name, a configuration, a class) to an object."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

T = TypeVar("T")


if TYPE_CHECKING:
    from typing import Protocol

    class Configured(Protocol):
        """An object that can be written down and made again."""

        def get_config(self) -> dict[str, Any]: ...


C = TypeVar("C", bound="Configured")


def _key(name: str) -> str:
    return name.replace("_", "").lower()


def table(classes: Iterable[type[T]], **aliases: type[T]) -> dict[str, type[T]]:
    """Return classes by name in the form that `find` looks for."""
    found = {_key(cls.__name__): cls for cls in classes}
    return found | {_key(name): cls for name, cls in aliases.items()}


def find(name: str, choices: Mapping[str, T], what: str) -> T:
    """Return the entry called `name`, whatever its case and underscores.

    Raises
    ------
    ValueError
        If there is none; the message lists the nearest names and all others.
    """
    found = choices.get(_key(name))
    if found is None:
        raise unknown(name, (_spelled(k, v) for k, v in choices.items()), what)
    return found


def _spelled(key: str, value: object) -> str:
    return value.__name__ if isinstance(value, type) else key


def unknown(name: str, choices: Iterable[str], what: str) -> ValueError:
    """Return the error for a name that is not among `choices`."""
    from difflib import get_close_matches

    names = sorted(set(choices), key=str.lower)
    by_key = {_key(n): n for n in names}
    near = [by_key[k] for k in get_close_matches(_key(name), by_key, n=3)]
    hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
    return ValueError(f"unknown {what} {name!r}{hint} Known: {', '.join(names)}")


def resolve(
    identifier: object, choices: Mapping[str, type[C]], base: type[C], what: str
) -> C:
    """Return the object that `identifier` stands for.

    Parameters
    ----------
    identifier : str, dict, type or object
        A name, ``{"class_name": ..., "config": ...}``, a subclass of `base`, or an
        instance, which is returned as it is.
    """
    if isinstance(identifier, base):
        return identifier
    if isinstance(identifier, str):
        return find(identifier, choices, what)()
    if isinstance(identifier, Mapping):
        return from_config(identifier, choices, what)
    if isinstance(identifier, type) and issubclass(identifier, base):
        return identifier()
    raise ValueError(
        f"{what}: expected a name, a {base.__name__} or its configuration, "
        f"got {identifier!r}"
    )


def to_config(thing: Configured) -> dict[str, Any]:
    """Return the configuration of an object, with the name of its class."""
    return {"class_name": type(thing).__name__, "config": thing.get_config()}


def from_config(
    config: Mapping[str, Any], choices: Mapping[str, type[C]], what: str
) -> C:
    """Make the object that `to_config` described."""
    name = config.get("class_name")
    if not isinstance(name, str):
        raise ValueError(f"{what}: expected a dict with 'class_name', got {config!r}")
    cls = cast(Any, find(name, choices, what))
    made: C = cls.from_config(config.get("config") or {})
    return made
