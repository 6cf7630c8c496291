# SPDX-License-Identifier: BSD-3-Clause
"""Arrays out of HDF5 files that nobody vouches for, through h5py.

Only what lies in the file itself is read: links that lead elsewhere, data in other
files and virtual data are refused, and nothing larger than what is asked for is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np

from pynn._variables import Array


@contextmanager
def opened(file: BinaryIO) -> Iterator[Any]:
    """Yield the root group of an HDF5 file.

    Raises
    ------
    ImportError
        If h5py is missing.
    ValueError
        If it is damaged.
    """
    try:
        import h5py
    except ImportError as error:
        raise ImportError(
            "files of Keras are HDF5 files: pip install 'pynn[keras]' to read them"
        ) from error
    try:
        with h5py.File(file, "r") as root:
            yield root
    except (OSError, RuntimeError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"damaged HDF5 file: {error}") from error


def child(group: Any, name: str) -> Any:
    """Return a group or dataset of a group, or None if there is none.

    Raises
    ------
    ValueError
        If it does not lie in this file.
    """
    import h5py

    link = group.get(name, getlink=True)
    if link is None:
        return None
    if not isinstance(link, h5py.HardLink):
        raise ValueError(f"{name!r} is a link that leads elsewhere")
    return group[name]


def walk(group: Any, *names: str) -> Any:
    """Return what lies at a path below a group, or None if there is nothing."""
    for name in names:
        if group is None or not hasattr(group, "keys"):
            return None
        group = child(group, name)
    return group


def numbered(group: Any) -> list[Any]:
    """Return the datasets "0", "1", ... of a group; none of it is read yet."""
    found: list[Any] = []
    while group is not None and hasattr(group, "keys"):
        dataset = child(group, str(len(found)))
        if dataset is None:
            break
        found.append(dataset)
    return found


def array_of(dataset: Any, shape: tuple[int, ...]) -> Array:
    """Return the numbers of a dataset, which must have this shape.

    Raises
    ------
    ValueError
        If it is no dataset, has another shape or type, or its data lie elsewhere.
    """
    import h5py

    if not isinstance(dataset, h5py.Dataset):
        raise ValueError(f"{dataset!r} is no dataset")
    if dataset.external or dataset.is_virtual:
        raise ValueError(f"the data of {dataset.name!r} lie in another file")
    if dataset.shape != shape:
        raise ValueError(
            f"{dataset.name!r}: expected shape {shape}, got {dataset.shape}"
        )
    if dataset.dtype.kind not in "fiub":
        raise ValueError(f"{dataset.name!r}: expected numbers, got {dataset.dtype}")
    return np.asarray(dataset[()])
