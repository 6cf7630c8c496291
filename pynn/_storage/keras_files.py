# SPDX-License-Identifier: BSD-3-Clause
"""Files of Keras 3: ``.keras`` (a zip of JSON and HDF5) and ``.weights.h5``.

In them a layer's weights are at ``layers/<class in snake case>/vars/0..``, the classes
numbered from the second on, whatever the layers are called.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pynn._names import snake_case
from pynn._registry import CustomObjectScope
from pynn._storage import hdf5, state
from pynn._storage.archive import Make, modest
from pynn._storage.configs import translated
from pynn._storage.files import open_regular
from pynn._storage.keras_state import optimizer_changes
from pynn._variables import filled_later

_MOST_EXPANSION = 20  # of a member against what it takes in the file; Keras: 1
_SMALL = 1 << 24  # bytes that a member may always have
_WEIGHTS, _CONFIG = "model.weights.h5", "config.json"


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn whatever is wrong with a file into a ValueError that names it."""
    try:
        yield
    except (ImportError, OSError):
        raise
    except Exception as error:
        kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
        raise ValueError(f"{path} cannot be read as Keras's: {kind}{error}") from error


def load_weights(model: Any, path: Path, skip_mismatch: bool) -> None:
    """Overwrite weights from either kind of file, all or nothing."""
    with _explained(path), _weights_in(path) as root:
        targets: dict[str, Any] = {}
        datasets: dict[str, Any] = {}
        for place, variables, found in _pairs(model, root):
            datasets |= {f"{place}/{i}": found[i] for i in range(len(found))}
            targets |= {f"{place}/{i}": v.value for i, v in enumerate(variables)}
        arrays = {
            name: hdf5.array_of(datasets[name], targets[name].shape).astype(
                targets[name].dtype, copy=False
            )
            for name in targets.keys() & datasets.keys()
            if not skip_mismatch or datasets[name].shape == targets[name].shape
        }
        strange = dict.fromkeys(datasets.keys() - targets.keys())
        if strange and not skip_mismatch:
            raise ValueError(f"the model has no weight {min(strange)!r}")
        choose = state.fitting if skip_mismatch else state.matched
        state.apply(choose(targets, arrays))


def load_model(
    path: Path,
    custom_objects: Mapping[str, Any] | None,
    compiled: bool,
    make: Make,
) -> Any:
    """Make the model of a ``.keras`` file; see `archive.load_model`."""
    with _explained(path):
        with _archive(path) as archive:
            config = json.loads(_member(archive, _CONFIG))
        if not isinstance(config, dict):
            raise ValueError(f"{_CONFIG}: expected a dict, got {config!r}")
        settings = config.pop("compile_config", None)
        with CustomObjectScope(custom_objects):
            with filled_later(path.stat().st_size * _MOST_EXPANSION + _SMALL):
                model = make(translated(config))
            if compiled and settings is not None:
                model.compile_from_config(modest(translated(settings)))
    if model.built:
        load_weights(model, path, skip_mismatch=False)
        with _explained(path), _weights_in(path) as root:
            moved = optimizer_changes(model, root) if model.compiled else None
            if moved is not None:
                state.apply(moved[0])
                model.optimizer.batches = moved[1]
    return model


# ---- the zip


@contextmanager
def _archive(path: Path) -> Iterator[zipfile.ZipFile]:
    file, _ = open_regular(path)
    with file:
        try:
            with zipfile.ZipFile(file) as archive:
                yield archive
        except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
            raise ValueError(f"damaged zip: {error}") from error


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    """Return a member, and never more than the file can honestly hold.

    Raises
    ------
    ValueError
        If there is none, it is encrypted, damaged, or larger than it has any right to.
    """
    try:
        info = archive.getinfo(name)
    except KeyError as error:
        raise ValueError(f"there is no {name} in it") from error
    size = archive.fp.seek(0, io.SEEK_END) if archive.fp else 0
    stored = min(info.compress_size, size)
    if info.file_size > max(_SMALL, _MOST_EXPANSION * stored):
        raise ValueError(
            f"{name} claims {info.file_size} bytes, the file has {stored} for it"
        )
    if info.flag_bits & 1:
        raise ValueError(f"{name} is encrypted")
    with archive.open(info) as member:
        content = member.read(info.file_size + 1)
    if len(content) != info.file_size:
        raise ValueError(f"{name}: expected {info.file_size} bytes, got another number")
    return content


# ---- the weights


@contextmanager
def _weights_in(path: Path) -> Iterator[Any]:
    """Yield the root of the weights in a file of either kind."""
    file, _ = open_regular(path)
    with file:
        if file.read(2) != b"PK":
            file.seek(0)
            with hdf5.opened(file) as root:
                yield root
            return
    with _archive(path) as archive:
        content = _member(archive, _WEIGHTS)
    with hdf5.opened(io.BytesIO(content)) as root:
        yield root


def _pairs(model: Any, root: Any) -> Iterator[tuple[str, list[Any], list[Any]]]:
    """Yield place, variables, and the datasets of the file, layer by layer."""
    if not model.built:
        raise ValueError(
            f"{model.name!r} is not built yet: the shape of its input is open"
        )
    used: Counter[str] = Counter()
    found = hdf5.walk(root, "layers")
    for layer in model.layers:
        kind = snake_case(type(layer).__name__)
        number = used[kind]
        used[kind] += 1
        kind = f"{kind}_{number}" if number else kind
        group = hdf5.walk(found, kind)
        if hasattr(layer, "layers"):
            for place, variables, datasets in _pairs(layer, group):
                yield f"{kind}/{place}", variables, datasets
        else:
            yield kind, layer.weights, hdf5.numbered(hdf5.walk(group, "vars"))
