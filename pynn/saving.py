# SPDX-License-Identifier: BSD-3-Clause
"""Weights in files: safetensors, keyed by a layer's place in the model.

A file is written beside its final place and renamed, so there is always a whole one,
and carries a checksum of all weights, so a damaged one is not loaded.
"""

import os
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from pynn._variables import Array, Variable

__all__ = ["load_weights", "save_weights"]

# The one key of the metadata (so that equal weights give equal files): the format, with
# the checksum of all weights as value.
_FORMAT = "pynn.weights.1.crc32"


class Model(Protocol):
    """What this module needs to know about a model."""

    @property
    def built(self) -> bool: ...
    @property
    def layers(self) -> list[Any]: ...


def save_weights(
    model: Model, filepath: str | os.PathLike[str], overwrite: bool = True
) -> None:
    """Write all weights of a model.

    Parameters
    ----------
    model : model
    filepath : path
        Any extension; the content is a safetensors file.
    overwrite : bool
        Whether a file of that name may be replaced.

    Raises
    ------
    ValueError
        If the model has no weights yet.
    FileExistsError
        If the file exists and may not be replaced.
    """
    from safetensors.numpy import save

    path = Path(filepath)
    if not overwrite and path.exists():
        raise FileExistsError(f"{path} exists; pass overwrite=True to replace it")
    arrays = {name: v.numpy() for name, v in _named(model)}
    replace_file(path, save(arrays, {_FORMAT: f"{_checksum(arrays):08x}"}))


def load_weights(model: Model, filepath: str | os.PathLike[str]) -> None:
    """Overwrite all weights of a model from what `save_weights` wrote.

    Raises
    ------
    ValueError
        If the file is damaged, or its weights are not those of this model by place,
        name, shape and type; the model is as before.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(filepath)
    try:
        with safe_open(path, framework="numpy") as file:
            header = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"{path} is no readable weight file: {error}") from error
    if _FORMAT not in header:
        raise ValueError(f"{path}: expected {_FORMAT} in the metadata, got {header}")
    if header[_FORMAT] != f"{_checksum(arrays):08x}":
        raise ValueError(f"{path} is damaged: its checksum is wrong")
    variables = dict(_named(model))
    _compare(path, variables, arrays)
    for name, variable in variables.items():
        variable.assign(arrays[name])


def _compare(
    path: Path, variables: Mapping[str, Variable], arrays: Mapping[str, Array]
) -> None:
    """Raise ValueError unless each variable has its array and no array is left."""
    odd = sorted(variables.keys() ^ arrays.keys())
    if odd:
        where = "the file" if odd[0] in variables else "the model"
        raise ValueError(
            f"{path} holds {len(arrays)} weights, the model {len(variables)}:"
            f" {odd[0]!r} is missing in {where}"
        )
    for name, variable in variables.items():
        found = arrays[name]
        if found.shape != variable.shape or found.dtype != variable.dtype:
            raise ValueError(
                f"{path}: {name!r}: expected {variable.dtype} of shape"
                f" {variable.shape}, got {found.dtype} of shape {found.shape}"
            )


def _named(model: Model, prefix: str = "") -> Iterator[tuple[str, Variable]]:
    """Walk the weights with names that do not depend on automatic layer names."""
    if not model.built:
        raise ValueError("the model is not built yet: the shape of its input is open")
    for i, layer in enumerate(model.layers):
        place = f"{prefix}layers/{i}/"
        if hasattr(layer, "layers"):
            yield from _named(layer, place)
        else:
            for variable in layer.weights:
                yield place + variable.name, variable


def _checksum(arrays: Mapping[str, Array]) -> int:
    total = 0
    for name in sorted(arrays):
        total = zlib.crc32(name.encode(), total)
        total = zlib.crc32(np.ascontiguousarray(arrays[name]).tobytes(), total)
    return total


def replace_file(path: Path, content: bytes) -> None:
    """Write a file so that a crash leaves the old one or the new one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
