# SPDX-License-Identifier: BSD-3-Clause
"""The layout of safetensors: named arrays and strings in one file.

Eight bytes hold the length of a JSON header, the header names type, shape and place of
every array, and the arrays follow (https://github.com/huggingface/safetensors). Files
of this package carry a CRC-32 of themselves in the header; it is taken with zeros in
its place. Nothing is mapped into memory: a file that another process cuts short is an
error here, not a signal.
"""

from __future__ import annotations

import json
import math
import re
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pynn._storage.files import open_regular, read_into, replace_file
from pynn._variables import Array

_TYPES = {
    "BOOL": "|b1",
    "U8": "|u1",
    "I8": "|i1",
    "U16": "<u2",
    "I16": "<i2",
    "F16": "<f2",
    "BF16": "<u2",  # the upper half of a float32
    "U32": "<u4",
    "I32": "<i4",
    "F32": "<f4",
    "U64": "<u8",
    "I64": "<i8",
    "F64": "<f8",
}
_NAMES = {np.dtype(code): name for name, code in _TYPES.items() if name != "BF16"}
_MAX_HEADER = 100 << 20  # as the safetensors library
_MAX_AXES = 32
_ALIGN = 64  # of the first array, in bytes
_OPEN = b'"crc32":"'  # a quote inside a JSON string is escaped: only the key reads so
_CHECKSUM = re.compile(_OPEN + rb'([0-9a-f]{8})"')


class Content(NamedTuple):
    """What a file holds; the arrays are views of one buffer."""

    metadata: dict[str, str]
    arrays: dict[str, Array]


def write(path: Path, metadata: Mapping[str, str], arrays: Mapping[str, Array]) -> None:
    """Write a file; equal content gives equal bytes."""
    header: dict[str, Any] = {"__metadata__": {**metadata, "crc32": "0" * 8}}
    chunks, end = [], 0
    for name, given in arrays.items():
        array = np.ascontiguousarray(given)
        array = array.astype(array.dtype.newbyteorder("<"), copy=False)
        header[name] = {
            "dtype": _NAMES[array.dtype],
            "shape": list(np.shape(given)),
            "data_offsets": [end, end + array.nbytes],
        }
        end += array.nbytes
        chunks.append(array.reshape(-1).view(np.uint8).data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(len(text) + 8) % _ALIGN)
    front = len(text).to_bytes(8, "little") + text
    total = zlib.crc32(front)
    for chunk in chunks:
        total = zlib.crc32(chunk, total)
    zeros = _OPEN + b"0" * 8
    front = front.replace(zeros, _OPEN + f"{total:08x}".encode(), 1)
    replace_file(path, [front, *chunks])


def read(path: Path, checked: bool) -> Content:
    """Read a file.

    Parameters
    ----------
    path : Path
    checked : bool
        Whether the file must carry a checksum.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is damaged, or none in this layout.
    """
    file, size = open_regular(path)
    with file:
        try:
            return _parse(file, size, checked)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{path} is damaged, or no such file: {error}") from error


def _parse(file: Any, size: int, checked: bool) -> Content:
    if size < 8:
        raise ValueError(f"expected a header, got {size} bytes")
    first = read_into(file, 8)
    length = int.from_bytes(first.tobytes(), "little")
    if length > min(size - 8, _MAX_HEADER):
        raise ValueError(f"a header of {length} bytes in a file of {size}")
    text = read_into(file, length).tobytes()
    header = json.loads(text.decode(), object_pairs_hook=_unique)
    if not isinstance(header, dict):
        raise ValueError(f"expected a dict as header, got {type(header).__name__}")
    metadata = header.pop("__metadata__", None)
    metadata = {} if metadata is None else metadata
    if not isinstance(metadata, dict) or not all(
        isinstance(value, str) for value in metadata.values()
    ):
        raise ValueError("expected strings as metadata")
    places = list(_places(header, size - 8 - length))
    data = read_into(file, size - 8 - length)
    if checked:
        _verify(first.tobytes() + text, data)
    arrays = {}
    for name, kind, shape, start, stop in places:
        array = data[start:stop].view(_TYPES[kind]).reshape(shape)
        arrays[name] = _widened(array) if kind == "BF16" else array
    return Content(metadata, arrays)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in the header")
    return found


def _places(
    header: Mapping[str, Any], size: int
) -> Iterator[tuple[str, str, tuple[int, ...], int, int]]:
    """Yield name, type, shape, start and stop of every array, in order of places.

    Raises
    ------
    ValueError
        Unless the arrays fill the data without a hole, and each its place.
    """
    found = []
    for name, entry in header.items():
        if not isinstance(entry, dict):
            raise ValueError(f"{name!r}: expected a dict, got {entry!r}")
        kind, shape = entry.get("dtype"), _naturals(entry.get("shape"), name)
        if not isinstance(kind, str) or kind not in _TYPES or len(shape) > _MAX_AXES:
            raise ValueError(f"{name!r}: unknown dtype {kind!r} or shape {shape}")
        place = _naturals(entry.get("data_offsets"), name)
        if len(place) != 2:
            raise ValueError(f"{name!r}: expected two offsets, got {place}")
        found.append((*place, name, kind, shape))
    end = 0
    for start, stop, name, kind, shape in sorted(found):
        nbytes = math.prod(shape) * np.dtype(_TYPES[kind]).itemsize
        if start != end or stop - start != nbytes:
            raise ValueError(
                f"{name!r}: expected {nbytes} bytes from {end} on, got"
                f" {start} to {stop}"
            )
        end = stop
        yield name, kind, shape, start, stop
    if end != size:
        raise ValueError(f"the arrays end after {end} of {size} bytes")


def _naturals(value: Any, name: str) -> tuple[int, ...]:
    if not isinstance(value, list) or not all(
        type(n) is int and 0 <= n < 1 << 63 for n in value
    ):
        raise ValueError(f"{name!r}: expected natural numbers, got {value!r}")
    return tuple(value)


def _verify(front: bytes, data: Array) -> None:
    found = _CHECKSUM.findall(front)
    if len(found) != 1:
        raise ValueError("it has no checksum")
    blank = front.replace(_OPEN + found[0], _OPEN + b"0" * 8)
    if zlib.crc32(data.data, zlib.crc32(blank)) != int(found[0], 16):
        raise ValueError("its checksum is wrong")


def _widened(array: Array) -> Array:
    """Return float32 for the upper halves of float32."""
    return (array.astype(np.uint32) << np.uint32(16)).view(np.float32)
