# SPDX-License-Identifier: BSD-3-Clause
"""From what a user writes (a name, a configuration, a class) to an object."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from pynn._registry import get_registered_name, get_registered_object

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

    What the user registered under exactly this name comes first.

    Raises
    ------
    ValueError
        If there is none; the message lists the nearest names and all others.
    """
    found: T | None = get_registered_object(name) or choices.get(_key(name))
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
    return described(type(thing), thing.get_config())


def described(cls: type, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return Keras's form of a configuration; "module" tells families apart only."""
    ours = cls.__module__.split(".")
    builtin = ours[0] == __name__.split(".")[0]
    parts = 3 if ours[2:3] == ["schedules"] else 2
    return {
        "module": ".".join(ours[:parts]) if builtin else cls.__module__,
        "class_name": cls.__name__,
        "config": dict(config),
        "registered_name": None if builtin else get_registered_name(cls),
    }


def function_config(function: Any) -> dict[str, Any]:
    """Return the configuration that stands for a function of the user's: its name."""
    name = get_registered_name(function)
    return {
        "module": getattr(function, "__module__", None),
        "class_name": "function",
        "config": name,
        "registered_name": name,
    }


def known(identifier: Any) -> Any:
    """Return the user's object that a name or a function's configuration stands for.

    Anything else comes back as it is; a function of the package as its name.

    Raises
    ------
    ValueError
        If a function of the user's is not known here.
    """
    if isinstance(identifier, str):
        found = get_registered_object(identifier)
        return identifier if found is None else found
    if not isinstance(identifier, Mapping):
        return identifier
    if identifier.get("class_name") != "function":
        return identifier
    name = identifier.get("config")
    found = get_registered_object(name)
    if found is None and not (isinstance(name, str) and _is_builtin(identifier)):
        raise ValueError(f"the function {name!r} is not known here; {_HINT}")
    return name if found is None else found


_HINT = (
    "pass it in custom_objects, or decorate it with"
    " saving.register_keras_serializable()"
)


def _is_builtin(config: Mapping[str, Any]) -> bool:
    """Whether a configuration speaks of a thing of this package or of Keras."""
    module = str(config.get("module") or "").split(".")[0]
    return module in ("keras", "builtins", __name__.split(".")[0])


def from_config(
    config: Mapping[str, Any], choices: Mapping[str, type[C]], what: str
) -> C:
    """Make the object that `to_config` described.

    Raises
    ------
    ValueError
        If it names nothing that is known; nothing is ever imported by name.
    """
    name = config.get("class_name")
    if not isinstance(name, str):
        raise ValueError(f"{what}: expected a dict with 'class_name', got {config!r}")
    inner = config.get("config")
    if inner is not None and not isinstance(inner, Mapping):
        raise ValueError(f"{what} {name!r}: expected a dict as config, got {inner!r}")
    own = (config.get("registered_name"), name)
    cls: Any = next(filter(None, map(get_registered_object, own)), None)
    if cls is None and config.get("module") and not _is_builtin(config):
        raise ValueError(f"the {what} {name!r} is not known here; {_HINT}")
    cls = find(name, choices, what) if cls is None else cls
    made: C = cls.from_config(dict(inner or {}))
    return made
