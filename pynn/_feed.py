# SPDX-License-Identifier: BSD-3-Clause
"""Data that come as batches: generators, loaders, objects with ``[i]`` and a length."""

import warnings
from collections.abc import Iterator, Mapping, Sequence, Set
from itertools import chain, count, islice
from typing import Any, NamedTuple

import numpy as np

from pynn._engine import next_seed, random
from pynn.data import user_level

_NO_FEEDS = np.ndarray, Sequence, Mapping, Set, bytearray, memoryview
_ARRAYS = (
    "__array__",
    "__array_interface__",
    "__dataframe__",
    "__dlpack__",
    "toarray",  # sparse: the check of arrays says what to do
)


def is_feed(x: Any) -> bool:
    """Whether `x` gives batches, one after another, instead of being an array."""
    if type(x) is np.ndarray or isinstance(x, _NO_FEEDS):
        return False
    if any(hasattr(x, name) for name in _ARRAYS):
        return False
    return hasattr(x, "__iter__") or hasattr(type(x), "__getitem__")


class Batch(NamedTuple):
    """What a batch of a feed holds."""

    x: Any
    y: Any = None
    weight: Any = None


def _batch(given: Any) -> Batch:
    """Return a batch as its parts.

    Raises
    ------
    ValueError
        If it is neither an array nor ``(x,)``, ``(x, y)`` or ``(x, y, sample_weight)``.
    """
    if not isinstance(given, tuple | list):
        return Batch(given)
    if not 1 <= len(given) <= 3:
        raise ValueError(
            "a batch: expected (x,), (x, y) or (x, y, sample_weight),"
            f" got a {type(given).__name__} of {len(given)}"
        )
    return Batch(*given)


class Feed:
    """Batches from an iterable, pass after pass.

    Parameters
    ----------
    source : iterable or object with a length and ``[i]``
        The second may also have `on_epoch_begin` and `on_epoch_end`.
    shuffle : bool
        Permute the batches that are asked for by number.
    kept : int
        With how many of its first batches each pass over an iterator begins, which
        cannot start anew.

    Attributes
    ----------
    steps : int or None
        Batches of a pass, if `source` knows.
    """

    def __init__(self, source: Any, shuffle: bool = False, kept: int = 0) -> None:
        self._source = source
        self._numbered = hasattr(type(source), "__getitem__")
        self.once = not self._numbered and iter(source) is source
        self.steps = self._length()
        known = self._numbered and shuffle and self.steps is not None
        self._seed = next_seed() if known else None
        self._kept = kept if self.once else 0
        self._first: list[Any] | None = None
        self._passes = 0
        self._batches: Iterator[Any] | None = None

    def _length(self) -> int | None:
        for ask in (lambda: self._source.num_batches, lambda: len(self._source)):
            try:
                steps = ask()
            except (AttributeError, TypeError, NotImplementedError):
                continue
            return None if steps is None else int(steps)
        return None

    def _start(self) -> Iterator[Any]:
        if self._kept:
            if self._first is None:
                self._first = list(islice(self._source, self._kept))
            return chain(self._first, self._source)
        if not self._numbered:
            return iter(self._source)
        numbers: Any = count() if self.steps is None else range(self.steps)
        if self._seed is not None:
            shape = (len(numbers),)
            drawn = random("permutation", 0, 0, self._seed, self._passes, shape)
            numbers = drawn.astype(np.int64).tolist()
        self._passes += 1
        return (self._source[i] for i in numbers)

    def take(self) -> Batch | None:
        """Return the next batch, or None at the end of a pass."""
        if self._batches is None:
            self._batches = self._start()
        for batch in self._batches:
            return _batch(batch)
        self._batches = None
        return None

    def rewind(self) -> None:
        """Let the next pass start at the beginning, as far as the source can."""
        if self._kept or not self.once:
            self._batches = None

    def tell(self, event: str) -> None:
        """Call `on_epoch_begin` or `on_epoch_end` of the source, if it has that."""
        listener = getattr(self._source, event, None)
        if self._numbered and listener is not None:
            listener()


def alone(call: str, y: Any, weight: Any) -> None:
    """Raise ValueError if targets or weights were given beside batches."""
    for name, value in (("y", y), ("sample_weight", weight)):
        if value is not None:
            raise ValueError(
                f"{call}: x gives batches, which have their own {name}; leave it out"
            )


def warn_of_the_end(wanted: int, found: int) -> None:
    """Warn that there were fewer batches than were asked for."""
    warnings.warn(
        f"the data ran out after {found} of {wanted} batches: a generator must give"
        " steps * epochs of them",
        stacklevel=user_level(),
    )
