# SPDX-License-Identifier: BSD-3-Clause
"""Data in pieces: batches by number, sequences of unequal length, parts of a set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

import numpy as np

from pynn._checks import flag, integer, one_of, optional_seed, real
from pynn._engine import next_seed

Array = np.ndarray[Any, np.dtype[Any]]


class PyDataset:
    """Base of data that come as batches, by number.

    A subclass has ``__getitem__(i)``, which returns batch `i` as ``(x, y)`` or ``(x, y,
    sample_weight)``, and ``__len__()``; without a length it goes on for ever.
    `on_epoch_begin` and `on_epoch_end` may change it between epochs. `fit`, `evaluate`
    and `predict` take any object that has these methods.

    Parameters
    ----------
    workers, use_multiprocessing, max_queue_size
        Known from Keras; batches are asked for in the calling thread.
    """

    def __init__(
        self,
        workers: int = 1,
        use_multiprocessing: bool = False,
        max_queue_size: int = 10,
    ) -> None:
        self.workers, self.use_multiprocessing = workers, use_multiprocessing
        self.max_queue_size = max_queue_size

    def __getitem__(self, index: int) -> Any:
        """Return batch number `index`."""
        raise NotImplementedError(f"{type(self).__name__} must define __getitem__")

    @property
    def num_batches(self) -> int | None:
        """Number of batches, or None if they do not end."""
        length = getattr(self, "__len__", None)
        return None if length is None else int(length())

    def __iter__(self) -> Iterator[Any]:
        numbers = count() if self.num_batches is None else range(self.num_batches)
        return (self[i] for i in numbers)

    def on_epoch_begin(self) -> None:
        """Called before each epoch."""

    def on_epoch_end(self) -> None:
        """Called after each epoch."""


def pad_sequences(
    sequences: Sequence[Any],
    maxlen: int | None = None,
    dtype: Any = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: float = 0.0,
) -> Array:
    """Return sequences of unequal length as one array.

    Parameters
    ----------
    sequences : sequence of sequences
        Of numbers, or of arrays that have one shape.
    maxlen : int, optional
        Length of all of them afterwards; by default that of the longest.
    dtype : dtype
    padding, truncating : {"pre", "post"}
        Whether `value` goes before or after a short one, and whether a long one loses
        its beginning or its end.
    value : float

    Returns
    -------
    ndarray (len(sequences), maxlen, ...)
    """
    rows = [np.asarray(row) for row in sequences]
    for i, row in enumerate(rows):
        if row.ndim == 0:
            raise ValueError(f"pad_sequences: number {i} is no sequence: {row!r}")
    before = one_of(padding, "pad_sequences: padding", ("pre", "post")) == "pre"
    cut = one_of(truncating, "pad_sequences: truncating", ("pre", "post")) == "pre"
    length = max((len(row) for row in rows), default=0)
    if maxlen is not None:
        length = integer(maxlen, "pad_sequences: maxlen", 0)
    shape = next((row.shape[1:] for row in rows if len(row)), ())
    found = np.full((len(rows), length, *shape), value, dtype)
    for i, row in enumerate(rows):
        if not len(row):
            continue
        if row.shape[1:] != shape:
            raise ValueError(
                f"pad_sequences: number {i}: expected entries of shape {shape},"
                f" got {row.shape[1:]}"
            )
        kept = row[max(len(row) - length, 0) :] if cut else row[:length]
        place = slice(length - len(kept), None) if before else slice(len(kept))
        found[i, place] = kept
    return found


def pack_x_y_sample_weight(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """Return ``x``, ``(x, y)`` or ``(x, y, sample_weight)``, as much as there is."""
    if y is None:
        return (x,) if isinstance(x, list | tuple) else x
    return (x, y) if sample_weight is None else (x, y, sample_weight)


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """Return the three parts of a batch, None for those that it lacks."""
    parts = tuple(data) if isinstance(data, list | tuple) else (data,)
    if not 1 <= len(parts) <= 3:
        raise ValueError(
            "a batch: expected x, (x, y) or (x, y, sample_weight),"
            f" got {len(parts)} parts"
        )
    x, y, weight = (*parts, None, None)[:3]
    return x, y, weight


def split_dataset(
    dataset: Any,
    left_size: float | None = None,
    right_size: float | None = None,
    shuffle: bool = False,
    seed: int | None = None,
    preferred_backend: str | None = None,
) -> tuple[Any, Any]:
    """Return two parts of arrays with a row per sample.

    Parameters
    ----------
    dataset : array_like, or tuple or list of arrays of one length
    left_size, right_size : int or float, optional
        Rows of a part, or its share; what one leaves is the other's.
    shuffle : bool
        Draw the rows of the parts, instead of taking them in order.
    seed : int, optional
    preferred_backend
        Accepted for Keras's sake: the parts are NumPy arrays.

    Returns
    -------
    left, right
        Of the form of `dataset`.
    """
    several = isinstance(dataset, list | tuple)
    arrays = [np.asarray(part) for part in (dataset if several else [dataset])]
    total = len(arrays[0])
    if any(len(part) != total for part in arrays):
        lengths = [len(part) for part in arrays]
        raise ValueError(f"split_dataset: expected one length, got {lengths}")
    left, right = (_rows(size, total) for size in (left_size, right_size))
    if left is None and right is None:
        raise ValueError("split_dataset: give left_size or right_size")
    left = total - right if left is None and right is not None else left
    right = total - left if right is None and left is not None else right
    assert left is not None
    assert right is not None
    if left + right > total or min(left, right) < 1:
        raise ValueError(f"split_dataset: {left} and {right} of {total} rows")
    order = np.arange(total)
    if flag(shuffle, "split_dataset: shuffle"):
        given = optional_seed(seed, "split_dataset: seed")
        key = next_seed() if given is None else given
        order = np.random.Generator(np.random.Philox(key)).permutation(total)
    parts = [
        [part[rows] for part in arrays]
        for rows in (order[:left], order[total - right :])
    ]
    if several:
        return type(dataset)(parts[0]), type(dataset)(parts[1])
    return parts[0][0], parts[1][0]


def _rows(size: float | None, total: int) -> int | None:
    if size is None:
        return None
    if isinstance(size, float):
        return round(real(size, "split_dataset: share", "(0, 1)") * total)
    return integer(size, "split_dataset: size", 1)
