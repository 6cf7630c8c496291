# SPDX-License-Identifier: BSD-3-Clause
"""One package under two names, so that ``pynn.keras.layers`` is ``pynn.layers``."""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType


class _Alias:
    """Finds and "loads" modules below `alias` as those below `target`."""

    def __init__(self, alias: str, target: str) -> None:
        self.alias, self.target = alias, target
        self._specs: dict[str, ModuleSpec | None] = {}

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        if name != self.alias and not name.startswith(f"{self.alias}."):
            return None
        return ModuleSpec(name, self)  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = import_module(self.target + spec.name.removeprefix(self.alias))
        self._specs[spec.name] = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        # The import system has put the alias's spec into the module: undo that.
        assert module.__spec__ is not None
        module.__spec__ = self._specs.pop(module.__spec__.name)


def install(alias: str, target: str) -> None:
    """Make ``import alias`` and everything below it mean `target`."""
    if not any(isinstance(f, _Alias) and f.alias == alias for f in sys.meta_path):
        sys.meta_path.insert(0, _Alias(alias, target))
