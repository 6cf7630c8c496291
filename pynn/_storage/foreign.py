# SPDX-License-Identifier: BSD-3-Clause
"""Whose file it is, by its content; names and extensions say nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pynn._storage import Location, archive
from pynn._storage.archive import Archive, Make
from pynn._storage.files import as_path, open_regular

HDF5, ZIP = b"\x89HDF\r\n\x1a\n", b"PK\x03\x04"


def _start(path: Path) -> bytes:
    file, _ = open_regular(path)
    with file:
        return file.read(len(HDF5))


def load_weights(model: Any, filepath: Location, skip_mismatch: bool) -> None:
    """See `pynn.saving.load_weights`."""
    path = as_path(filepath, "load_weights: filepath")
    start = _start(path)
    if start == HDF5 or start.startswith(ZIP):
        from pynn._storage import keras_files

        keras_files.load_weights(model, path, skip_mismatch)
    else:
        archive.load_weights(model, Archive(path), skip_mismatch)


def load_model(
    filepath: Location,
    custom_objects: Mapping[str, Any] | None,
    compiled: bool,
    make: Make,
) -> Any:
    """See `pynn.saving.load_model`."""
    path = as_path(filepath, "load_model: filepath")
    start = _start(path)
    if start.startswith(ZIP):
        from pynn._storage import keras_files

        return keras_files.load_model(path, custom_objects, compiled, make)
    if start == HDF5:
        raise ValueError(
            f"{path} is an HDF5 file: weights of Keras, to be read by"
            " model.load_weights(), or a whole model in the form of Keras 2, to be"
            " saved as .keras by Keras first"
        )
    return archive.load_model(Archive(path), custom_objects, compiled, make)
