# SPDX-License-Identifier: BSD-3-Clause
"""Write docs/keras.md: each public name around Keras's Sequential, and pynn's answer.

    cd tests && python -m parity.table          writes it (needs Keras)
    cd tests && python -m parity.table --check  fails if it would change

Names and arguments are read off both libraries; why something is missing or different
is in notes.py. A name without an answer, and an answer without a name, is an error.
"""

import inspect
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from parity.notes import (
    ABSENT,
    DIFFERENT,
    MEMBERS,
    MODULES,
    OWN,
    PREAMBLE,
    WITH_CASES,
)

FILE = Path(__file__).parents[2] / "docs" / "keras.md"
PROBLEMS: list[str] = []  # what somebody has to decide, in notes.py
LEFT_OUT = {"kwargs", "args", "self"}
# what every layer, optimizer or loss of pynn takes through **keywords
COMMON = {
    "layers": {"name", "dtype", "trainable", "activity_regularizer"},
    "optimizers": {
        "name",
        "weight_decay",
        "clipnorm",
        "clipvalue",
        "global_clipnorm",
        "use_ema",
        "ema_momentum",
        "ema_overwrite_frequency",
        "loss_scale_factor",
        "gradient_accumulation_steps",
    },
}


def reach(root: Any, path: str) -> Any:
    """Return the object at a dotted path, or None; "" is the library itself."""
    owner, _, last = path.rpartition(".")
    if owner in MEMBERS:
        example = MEMBERS[owner](root)
        return getattr(type(example), last, vars(example).get(last))
    found = root
    for part in filter(None, path.split(".")):
        try:
            found = getattr(found, part)
        except (AttributeError, ImportError):
            return None
    return found


def public(root: Any, module: str) -> list[str]:
    """Return the public names of a module of Keras but those of `MODULES`."""
    found = import_module(f"keras.{module}" if module else "keras")
    names = [n for n in dir(found) if not n.startswith("_") and n != "src"]
    return [n for n in names if f"{module}.{n}".lstrip(".") not in MODULES]


def parameters(thing: Any) -> dict[str, inspect.Parameter] | None:
    """Return the parameters of a callable in order, or None if it shows none."""
    try:
        found = inspect.signature(thing).parameters
    except (TypeError, ValueError):
        return None
    return {
        n: p
        for n, p in found.items()
        if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD) and n not in LEFT_OUT
    }


def takes_anything(thing: Any) -> bool:
    return any(
        p.kind is p.VAR_KEYWORD for p in inspect.signature(thing).parameters.values()
    )


def shown(value: Any) -> str:
    """Return a default as people write it: the name of a class or function."""
    if value is inspect.Parameter.empty:
        return "to be given"
    return getattr(value, "__name__", None) or repr(value)


def compare(theirs: Any, ours: Any, module: str) -> list[str]:
    """Return what is different about the arguments of two callables, in words."""
    want, have = parameters(theirs), parameters(ours)
    if want is None or have is None:
        return []
    extra = COMMON.get(module, set()) if takes_anything(ours) else set()
    missing = [n for n in want if n not in have and n not in extra]
    notes = [f"without {names(missing)}"] if missing else []
    shared = [n for n in want if n in have]
    order = [n for n in have if n in want]
    if shared != order and order:
        notes.append(f"order {names(order)}")
    for name in shared:
        a, b = want[name].default, have[name].default
        if shown(a) != shown(b) and a != b and a is not want[name].empty:
            notes.append(f"`{name}={shown(b)}`, in Keras `{shown(a)}`")
    own = [
        n
        for n in have
        if n not in want and have[n].kind is not inspect.Parameter.POSITIONAL_ONLY
    ]
    own = [n for n in own if n not in COMMON.get(module, set())]
    if own and not takes_anything(theirs):
        notes.append(f"also {names(own)}")
    return notes


def names(items: list[str]) -> str:
    return ", ".join(f"`{item}`" for item in items)


def reason(path: str) -> str | None:
    """Return why a name is absent."""
    for pattern, why in ABSENT.items():
        if re.fullmatch(pattern, path):
            return why
    return None


def rows(keras: Any, pynn: Any, module: str, found: list[str]) -> Iterator[str]:
    """Yield the lines of one table; names that are missing for one reason share one."""
    absent: dict[str, list[str]] = {}
    for name in found:
        path = f"{module}.{name}".lstrip(".")
        theirs, ours = reach(keras, path), reach(pynn, path)
        if ours is None:
            why = reason(path)
            if why is None:
                PROBLEMS.append(f"{path}: in Keras, not in pynn, and without a reason")
            absent.setdefault(why or "?", []).append(name)
            continue
        notes = [DIFFERENT[path]] if path in DIFFERENT else []
        if callable(theirs) and callable(ours):
            notes += compare(theirs, ours, module)
        elif callable(theirs) != callable(ours):
            notes.append("an attribute" if callable(theirs) else "a method")
        status = "different" if notes else "supported"
        yield f"| `{name}` | {status} | {'; '.join(notes)} |"
    for why, group in absent.items():
        yield f"| {names(group)} | not | {why} |"


def members(keras: Any, path: str) -> list[str]:
    """Return the public methods and properties of a class of Keras, not of its base."""
    own = [c for c in reach(keras, path).__mro__ if _keras_itself(c.__module__)]
    found = {n for c in own for n in vars(c) if not n.startswith("_")}
    return sorted(found)


def _keras_itself(module: str) -> bool:
    return module.startswith("keras.") and "backend.torch" not in module


def text(keras: Any, pynn: Any) -> str:
    """Return the whole page."""
    lines = [PREAMBLE.format(version=keras.__version__)]
    for module in MODULES:
        title = f"keras.{module}" if module else "keras"
        lines += [f"## {title}", "", *_HEAD]
        lines += rows(keras, pynn, module, public(keras, module))
        lines += _own(keras, pynn, module)
    for path in MEMBERS:
        lines += [f"## keras.{path}: methods and attributes", "", *_HEAD]
        lines += rows(keras, pynn, path, members(keras, path))
        lines += [""]
    return "\n".join(lines).rstrip() + "\n"


def supported_classes() -> set[str]:
    """Return the classes that the page calls supported or different, dotted."""
    found, module = set(), ""
    for line in FILE.read_text().splitlines():
        if line.startswith("## "):
            module = line.removeprefix("## keras").lstrip(".")
        row = re.match(r"\| `([A-Z]\w*)` \| (supported|different) ", line)
        if row and module in WITH_CASES:
            found.add(f"{module}.{row[1]}")
    return found


_HEAD = ["| name | in pynn | how it differs, or why it is missing |", "|---|---|---|"]


def _own(keras: Any, pynn: Any, module: str) -> list[str]:
    """Return a line about the names that only pynn has."""
    ours = reach(pynn, module)
    if ours is None:
        return [""]
    theirs = set(dir(reach(keras, module)))
    own = [n for n in getattr(ours, "__all__", []) if n not in theirs]
    own = [n for n in own if n not in OWN["everywhere"]]
    stray = set(own) - set(OWN.get(module, ()))
    if stray:
        PROBLEMS.append(f"pynn.{module}: {sorted(stray)}: in pynn alone, not in OWN")
    return ["", f"pynn's own: {names(own)}.", ""] if own else [""]


def stale(keras: Any, pynn: Any) -> list[str]:
    """Return the notes that nothing needs any more."""
    paths = [f"{m}.{n}".lstrip(".") for m in MODULES for n in public(keras, m)] + [
        f"{p}.{n}" for p in MEMBERS for n in members(keras, p)
    ]
    missing = [p for p in paths if reach(pynn, p) is None]
    unused = [r for r in ABSENT if not any(re.fullmatch(r, p) for p in missing)]
    unused += [p for p in DIFFERENT if p not in paths or p in missing]
    unused += [
        f"{m}.{n}" for m in MODULES for n in OWN.get(m, ()) if not _has(pynn, m, n)
    ]
    return unused


def _has(pynn: Any, module: str, name: str) -> bool:
    return reach(pynn, f"{module}.{name}".lstrip(".")) is not None


def main() -> None:
    keras, pynn = import_module("keras"), import_module("pynn")
    page = text(keras, pynn)
    PROBLEMS.extend(f"note that nothing needs: {n}" for n in stale(keras, pynn))
    if PROBLEMS:
        raise SystemExit("\n".join(PROBLEMS))
    if "--check" in sys.argv:
        if FILE.read_text() != page:
            raise SystemExit(
                f"{FILE.name} is out of date: cd tests && python -m parity.table"
            )
        return
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(page)


if __name__ == "__main__":
    main()
