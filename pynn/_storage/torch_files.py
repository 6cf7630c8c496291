# SPDX-License-Identifier: BSD-3-Clause
"""State dicts of PyTorch, from safetensors files or as arrays.

A module's arrays share the part of their name before the last dot: ``0.weight`` and
``0.bias`` are those of module "0". PyTorch keeps a Linear's weight as (out, in).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pynn._storage import container, state
from pynn._storage.files import as_path, open_regular
from pynn._variables import Array

# What a weight of ours is called in PyTorch, and what has no counterpart here.
_NAMES = {
    "kernel": "weight",
    "bias": "bias",
    "gamma": "weight",
    "scale": "weight",
    "beta": "bias",
    "alpha": "weight",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
_IGNORED = ("num_batches_tracked",)

Modules = dict[str, dict[str, Array]]


def load_weights(model: Any, source: Any, order: Sequence[str] | None) -> None:
    """See `pynn.saving.load_torch_weights`."""
    if isinstance(source, Mapping):
        arrays = {name: np.asarray(value) for name, value in source.items()}
        where = "the state dict"
    else:
        path = as_path(source, "load_torch_weights: source")
        _refuse_pickles(path)
        arrays = container.read(path, checked=False).arrays
        where = str(path)
    if not model.built:
        raise ValueError(
            f"{model.name!r} is not built yet: the shape of its input is open"
        )
    try:
        modules = _modules(arrays)
        state.apply(_changes(list(_layers(model)), modules, _order(modules, order)))
    except ValueError as error:
        raise ValueError(f"{where} does not fit: {error}") from error


def _refuse_pickles(path: Path) -> None:
    file, _ = open_regular(path)
    with file:
        start = file.read(4)
    if start.startswith((b"PK", b"\x80")):
        raise ValueError(
            f"{path} is a pickle, which could run anything; write the state dict with"
            " safetensors.torch.save_file(model.state_dict(), ...) instead"
        )


def _layers(model: Any) -> Iterator[Any]:
    """Yield the layers that have weights, those of nested models in their place."""
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from _layers(layer)
        elif layer.weights:
            yield layer


def _modules(arrays: Mapping[str, Array]) -> Modules:
    found: Modules = {}
    for name, array in arrays.items():
        module, _, own = name.rpartition(".")
        if own not in _IGNORED:
            found.setdefault(module, {})[own] = array
    return found


def _order(modules: Modules, order: Sequence[str] | None) -> list[str]:
    """Return the names of the modules in order: numbers by value, names by alphabet."""
    if order is None:
        return sorted(modules, key=_natural)
    if sorted(order) != sorted(modules):
        raise ValueError(f"order: expected all of {sorted(modules)}, got {list(order)}")
    return list(order)


def _natural(name: str) -> list[tuple[int, int, str]]:
    parts = re.split(r"(\d+)", name)
    return [(0, int(p), "") if p.isdigit() else (1, 0, p) for p in parts if p]


def _changes(
    layers: Sequence[Any], modules: Modules, order: Sequence[str]
) -> state.Changes:
    if len(layers) != len(order):
        raise ValueError(
            f"the model has {len(layers)} layers with weights, the file"
            f" {len(order)} modules: {', '.join(map(repr, order))}"
        )
    found: state.Changes = {}
    for layer, name in zip(layers, order, strict=True):
        left = dict(modules[name])
        for variable in layer.weights:
            own = _NAMES.get(variable.name, variable.name)
            place = f"{name}.{own}" if name else own
            if own not in left:
                raise ValueError(f"{place!r}, for {variable.path!r}, is missing")
            array = left.pop(own)
            if array.dtype.kind not in "fiu":
                raise ValueError(f"{place!r}: expected numbers, got {array.dtype}")
            array = array.T if variable.name == "kernel" else array
            if variable.name == "alpha" and array.shape == _long(variable.shape):
                array = array.reshape(variable.shape)
            if array.shape != variable.shape:
                raise ValueError(
                    f"{place!r}, for {variable.path!r}: expected shape"
                    f" {variable.shape}, got {array.shape}"
                    f"{' once transposed' * (variable.name == 'kernel')};"
                    f" modules were taken in the order {', '.join(order)}"
                )
            found[place] = variable.value, array
        if left:
            raise ValueError(f"{layer} has no weight for {name}.{min(left)}")
    return found


def _long(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape without axes of one element; PyTorch has one at least."""
    return tuple(n for n in shape if n > 1) or (1,)
