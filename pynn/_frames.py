# SPDX-License-Identifier: BSD-3-Clause
"""Arrays from data frames: column by column, whatever library they are of."""

import ctypes
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

_KINDS = {0: "i", 1: "u", 2: "f", 20: "?"}  # of the interchange protocol


def columns_of(value: Any) -> list[tuple[str, Any]] | None:
    """Return names and columns of a frame that is asked ``frame[name]``, else None."""
    names = getattr(value, "columns", None)
    if names is None or not hasattr(value, "__getitem__"):
        return None
    try:
        return [(str(name), value[name]) for name in names]
    except (LookupError, TypeError, ValueError):
        return None


def joined(value: Any, where: str) -> Array | None:
    """Return the columns of a frame side by side; None if `value` is no frame.

    Raises
    ------
    ValueError
        If a column is not made of numbers; the message names it.
    """
    columns = columns_of(value)
    if not columns:
        return None
    return _side_by_side([(n, np.asarray(c)) for n, c in columns], where)


def _side_by_side(columns: list[tuple[str, Array]], where: str) -> Array:
    for name, column in columns:
        if column.dtype.kind not in "fiub":
            raise ValueError(
                f"{where}: column {name!r} is of dtype {column.dtype}; encode it as"
                " numbers first"
            )
    return np.column_stack([column for _, column in columns])


def exchanged(value: Any, where: str) -> Array:
    """Return what an object with ``__dataframe__`` holds.

    The protocol is that of https://data-apis.org/dataframe-protocol.
    """
    frame = value.__dataframe__(allow_copy=True)
    parts = [
        _side_by_side(
            [(str(n), _column(part.get_column_by_name(n), n, where)) for n in names],
            where,
        )
        for part in frame.get_chunks()
        if (names := list(part.column_names()))
    ]
    if not parts:
        raise ValueError(f"{where}: a data frame without columns")
    return np.concatenate(parts)


def _column(column: Any, name: str, where: str) -> Array:
    kind, bits, _, order = column.dtype
    if int(kind) not in _KINDS or column.null_count:
        what = "has missing values" if column.null_count else f"is of dtype {kind}"
        raise ValueError(f"{where}: column {name!r} {what}; only numbers are possible")
    buffer, _ = column.get_buffers()["data"]
    if int(kind) == 20 and bits == 1:
        raise ValueError(f"{where}: column {name!r} has bits; make bytes of them")
    letter = _KINDS[int(kind)]
    dtype = np.dtype(bool if letter == "?" else f"{letter}{bits // 8}")
    if order in ("<", ">"):
        dtype = dtype.newbyteorder(order)
    raw = (ctypes.c_char * buffer.bufsize).from_address(buffer.ptr)
    count, start = column.size(), column.offset * dtype.itemsize
    return np.frombuffer(raw, dtype, count, start).copy()
