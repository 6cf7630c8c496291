# SPDX-License-Identifier: BSD-3-Clause
"""Named arrays and strings in one file, in the safetensors layout.

The safetensors library writes and checks the layout; what is added here is a CRC-32 of
the whole file, taken with zeros in its place. Files are read into memory, not mapped:
one that another process cuts short is an error here, not a signal.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pynn._storage.files import open_regular, replace_file
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
_MAX_HEADER = 100 << 20  # as the safetensors library
_OPEN = b'{"__metadata__":{"pynn":"'  # the one key, so equal content gives equal bytes
_ZEROS = b"0" * 8
_CHECKSUM = re.compile(re.escape(_OPEN) + rb"([0-9a-f]{8})")


class Content(NamedTuple):
    """What a file holds."""

    metadata: dict[str, str]
    arrays: dict[str, Array]


def write(path: Path, metadata: Mapping[str, str], arrays: Mapping[str, Array]) -> None:
    """Write a file; equal content gives equal bytes."""
    from safetensors.numpy import save

    whole = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    content = save(whole, {"pynn": _ZEROS.decode() + json.dumps(dict(metadata))})
    place = content.index(_OPEN) + len(_OPEN)
    total = f"{zlib.crc32(content):08x}".encode()
    view = memoryview(content)
    replace_file(path, [view[:place], total, view[place + len(total) :]])


def read(path: Path, checked: bool) -> Content:
    """Read a file.

    Parameters
    ----------
    path : Path
    checked : bool
        Whether the file must carry a checksum, and metadata of this package.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is damaged, or none in this layout.
    """
    from safetensors import SafetensorError

    file, size = open_regular(path)
    with file:
        try:
            return _parse(file, size, checked)
        except (ValueError, RecursionError, SafetensorError) as error:
            raise ValueError(f"{path} is damaged, or no such file: {error}") from error


def _parse(file: Any, size: int, checked: bool) -> Content:
    from safetensors import deserialize

    if size < 8:
        raise ValueError(f"expected a header, got {size} bytes")
    length = int.from_bytes(file.peek(8)[:8], "little")
    if length > min(size - 8, _MAX_HEADER):
        raise ValueError(f"a header of {length} bytes in a file of {size}")
    content = file.read(size)
    if len(content) != size:
        raise ValueError(f"expected {size} bytes, got {len(content)}")
    metadata = _checked(content, length) if checked else {}
    entries = deserialize(content)  # type: ignore[no-untyped-call]
    return Content(metadata, {name: _array(name, entry) for name, entry in entries})


def _checked(content: bytes, length: int) -> dict[str, str]:
    """Return the metadata of a file whose checksum is right."""
    found = _CHECKSUM.match(content, 8)
    if found is None:
        raise ValueError("it has no checksum, so pynn did not write it")
    start, stop = found.span(1)
    total = zlib.crc32(_ZEROS, zlib.crc32(content[:start]))
    if zlib.crc32(memoryview(content)[stop:], total) != int(found[1], 16):
        raise ValueError("its checksum is wrong")
    header = json.loads(content[8 : 8 + length])
    metadata = json.loads(header["__metadata__"]["pynn"][8:])
    if not isinstance(metadata, dict) or not all(
        isinstance(value, str) for value in metadata.values()
    ):
        raise ValueError("expected strings as metadata")
    return metadata


def _array(name: str, entry: Mapping[str, Any]) -> Array:
    kind = entry["dtype"]
    if kind not in _TYPES:
        raise ValueError(f"{name!r}: unknown dtype {kind!r}")
    array = np.frombuffer(entry["data"], _TYPES[kind]).reshape(entry["shape"])
    return _widened(array) if kind == "BF16" else array


def _widened(array: Array) -> Array:
    """Return float32 for the upper halves of float32."""
    return (array.astype(np.uint32) << np.uint32(16)).view(np.float32)
