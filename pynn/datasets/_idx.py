# SPDX-License-Identifier: BSD-3-Clause
"""Reader of IDX files: the array format of MNIST, here of unsigned bytes only."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from io import BufferedIOBase
    from pathlib import Path

    from numpy.typing import NDArray

MAX_BYTES = 1 << 30
_MAX_DIMS = 4
# DEFLATE turns one byte into at most 1032; more is a lie of the header
_MAX_RATIO = 1032


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes, gzipped if its first bytes say so.

    The sizes in the header are held against the size of the file before memory is
    taken for them.

    Returns
    -------
    ndarray of uint8, with the shape that the header declares.

    Raises
    ------
    ValueError
        If the file is not such a file, or is cut short or too long.
    OSError
        If it cannot be read.
    """
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        if zipped:
            return _read_gzip(file, size * _MAX_RATIO, path)
        return _read(file, size, path)


def digest(data: NDArray[np.uint8]) -> str:
    """Return the SHA-256 of the IDX file (without gzip) that holds these bytes."""
    import hashlib

    head = bytes((0, 0, 8, data.ndim))
    head += b"".join(size.to_bytes(4, "big") for size in data.shape)
    return hashlib.sha256(head + data.tobytes()).hexdigest()


def _read_gzip(file: BufferedIOBase, limit: int, path: Path) -> NDArray[np.uint8]:
    import gzip
    import zlib

    try:
        with gzip.GzipFile(fileobj=file) as stream:
            return _read(stream, limit, path)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{path}: damaged gzip data: {error}") from error


def _read(stream: BufferedIOBase, limit: int, path: Path) -> NDArray[np.uint8]:
    """Read from a stream that cannot hold more than `limit` bytes."""
    shape = _read_shape(stream, path)
    count = math.prod(shape)
    if count > min(limit, MAX_BYTES):
        raise ValueError(
            f"{path}: the header declares {count} bytes of shape {shape}, "
            f"more than the file can hold"
        )
    data = np.empty(count, np.uint8)
    view, done = data.data, 0
    while done < count:
        got = stream.readinto(view[done:])
        if not got:
            raise ValueError(f"{path}: ends after {done} of {count} bytes of data")
        done += got
    if stream.read(1):
        raise ValueError(f"{path}: longer than the {count} bytes that it declares")
    return data.reshape(shape)


def _read_shape(stream: BufferedIOBase, path: Path) -> tuple[int, ...]:
    head = stream.read(4)
    if len(head) < 4 or head[:2] != b"\0\0":
        raise ValueError(f"{path}: not an IDX file: starts with {head!r}")
    if head[2] != 8:
        raise ValueError(f"{path}: IDX type {head[2]:#04x}, expected 0x08 (bytes)")
    dims = head[3]
    if not 1 <= dims <= _MAX_DIMS:
        raise ValueError(f"{path}: {dims} dimensions, expected 1 to {_MAX_DIMS}")
    raw = stream.read(4 * dims)
    if len(raw) < 4 * dims:
        raise ValueError(f"{path}: ends within its header")
    return tuple(int.from_bytes(raw[i : i + 4], "big") for i in range(0, 4 * dims, 4))
