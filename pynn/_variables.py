# SPDX-License-Identifier: BSD-3-Clause
"""Where parameters live: one flat vector per network, seen through exact-shape views.

Design
------
A layer asks for one `Block`: rows of equal width, padded to whole SIMD vectors with
zeros. Its variables are runs of rows of that block. A `Store` owns the flat vector that
holds the blocks of all layers of a network; `merge` moves blocks of several stores into
one. Parameters and moving statistics, which no optimizer moves, have one each. Nobody
but a store keeps an address: views are made when asked for, so layers may be shared
between networks, copied and pickled.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock
from typing import Any
from weakref import WeakSet

import numpy as np

from pynn._arraylike import ArrayLike
from pynn._ops import stride

Array = np.ndarray[Any, np.dtype[Any]]

_ALIGN = 64  # bytes: one cache line, one AVX-512 vector
_BUILDING = 4  # times the weights: themselves, float64 samples, and their conversion


def aligned(length: int, dtype: str, fill: float = 0.0) -> Array:
    """Return a vector of `length` elements that starts on a cache line."""
    size = np.dtype(dtype).itemsize
    check_memory(length * size, "the parameter vector")
    raw = np.empty(length * size + _ALIGN, np.uint8)
    start = -raw.ctypes.data % _ALIGN
    vector = raw[start : start + length * size].view(dtype)
    vector.fill(fill)
    return vector


def sealed(array: Array) -> Array:
    """Return a view that cannot be written to, for a function of the user's."""
    view = array.view()
    view.flags.writeable = False
    return view


def check_memory(nbytes: int, what: str) -> None:
    """Raise MemoryError when `nbytes` cannot fit into this machine."""
    have = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if nbytes > have:
        raise MemoryError(
            f"{what} takes {nbytes / 2**30:,.1f} GiB,"
            f" this machine has {have / 2**30:,.1f} GiB"
        )


_allowance: ContextVar[list[int] | None] = ContextVar("allowance", default=None)


@contextmanager
def filled_later(nbytes: int) -> Iterator[None]:
    """Let weights made inside start at zero, and all of them take `nbytes` at most.

    For models whose weights come from a file: what its text claims cannot take more
    memory than the file is large, padding apart.
    """
    token = _allowance.set([nbytes])
    try:
        yield
    finally:
        _allowance.reset(token)


def is_filled_later() -> bool:
    """Whether initializers need not run."""
    return _allowance.get() is not None


def _take_allowance(nbytes: int, owner: str) -> None:
    left = _allowance.get()
    if left is not None:
        left[0] -= nbytes
        if left[0] < 0:
            raise ValueError(f"the weights of {owner} take more than the file has")


class Store:
    """The flat vector behind the layers of a network."""

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype
        self.vector = aligned(0, dtype)
        self.blocks: list[Block] = []
        self.users: WeakSet[Any] = WeakSet()  # told (`moved`) when offsets change
        self.turn = Lock()  # held while the vector is trained

    def __getstate__(self) -> dict[str, Any]:
        return {"dtype": self.dtype, "vector": self.vector, "blocks": self.blocks}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.vector = aligned(len(state["vector"]), self.dtype)
        self.vector[:] = state["vector"]
        self.users = WeakSet()
        self.turn = Lock()

    def absorb(self, blocks: Sequence["Block"]) -> None:
        """Take over blocks of other stores, values included."""
        old, end = self.vector, len(self.vector)
        vector = aligned(end + sum(b.length for b in blocks), self.dtype)
        vector[:end] = old
        for block in blocks:
            vector[end : end + block.length] = block.flat
            block.store, block.offset = self, end
            end += block.length
        self.vector = vector
        self.blocks.extend(blocks)
        for user in tuple(self.users):
            user.moved()


class Block:
    """``rows`` vectors of `width` elements, each padded with zeros.

    Raises
    ------
    MemoryError
        If the block is larger than the memory of this machine.
    """

    def __init__(self, rows: int, width: int, dtype: str, owner: str) -> None:
        self.rows, self.width, self.stride = rows, width, stride(width)
        itemsize = np.dtype(dtype).itemsize
        _take_allowance(rows * width * itemsize, owner)
        nbytes = self.length * itemsize
        check_memory(_BUILDING * nbytes, f"building the weights of {owner}")
        self.offset = 0
        self.store = Store(dtype)
        self.store.vector = aligned(self.length, dtype)
        self.store.blocks.append(self)

    @property
    def length(self) -> int:
        """Elements of the flat vector, a multiple of the pad."""
        return self.rows * self.stride

    @property
    def flat(self) -> Array:
        """The block's part of the flat vector."""
        return self.store.vector[self.offset : self.offset + self.length]

    @property
    def matrix(self) -> Array:
        """View of shape (rows, width), without the padding."""
        return self.view(self.store.vector)

    def view(self, vector: Array) -> Array:
        """Return the block's part of a vector laid out as its store's, as `matrix`."""
        flat = vector[self.offset : self.offset + self.length]
        return flat.reshape(self.rows, self.stride)[:, : self.width]


class Variable(ArrayLike):
    """A named weight: a view of some rows of a block.

    Writing into `value` is writing into the model. NumPy functions take a variable
    wherever they take an array. `meant` says whether it is one for training to change,
    which `trainable` of its layer then turns on and off.
    """

    def __init__(
        self, name: str, path: str, block: Block, rows: slice, shape: tuple[int, ...]
    ) -> None:
        self.name, self.path, self.shape = name, path, shape
        self.meant = self._trainable = True
        self._regularizer: Any = None
        self._constraint: Any = None
        self._block, self._rows = block, rows
        start, stop, _ = rows.indices(block.rows)
        self._start, self._length = start * block.stride, (stop - start) * block.stride

    @property
    def trainable(self) -> bool:
        """Whether training changes the weight, if it changes its layer.

        May be set at any time, as may that of the layer, which sets all of its weights.
        """
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        edited()

    @property
    def regularizer(self) -> Any:
        """What is added to the loss for the weight, or None; see `regularizers`.

        Its parameters are looked at when it is set, or `fit` begins.
        """
        return self._regularizer

    @regularizer.setter
    def regularizer(self, value: Any) -> None:
        self._regularizer = value
        edited()

    @property
    def constraint(self) -> Any:
        """What the weight is held to after each step, or None; see `constraints`."""
        return self._constraint

    @constraint.setter
    def constraint(self, value: Any) -> None:
        self._constraint = value
        edited()

    @property
    def value(self) -> Array:
        """The weight itself, as a view."""
        return self.view(self.store.vector)

    def view(self, vector: Array) -> Array:
        """Return its part of a vector laid out as its store's, such as a slot."""
        return self._block.view(vector)[self._rows].reshape(self.shape)

    @property
    def store(self) -> Store:
        """The vector that it lies in."""
        return self._block.store

    @property
    def dtype(self) -> str:
        """Element type, "float32" or "float64"."""
        return self._block.store.dtype

    @property
    def run(self) -> tuple[int, int]:
        """Offset and length in the flat vector, padding included."""
        return self._block.offset + self._start, self._length

    @property
    def block(self) -> Block:
        """The rows that this weight is a part of."""
        return self._block

    @property
    def stride(self) -> int:
        """Elements of the flat vector from one row to the next."""
        return self._block.stride

    def checked(self, value: Any) -> Array:
        """Return `value` as an array that may be assigned, or raise ValueError."""
        array = np.asarray(value)
        if array.dtype.kind not in "fiub":
            raise ValueError(
                f"weight {self.path!r}: expected numbers, got dtype {array.dtype}"
            )
        if array.shape != self.shape:
            raise ValueError(
                f"weight {self.path!r}: expected shape {self.shape}, got {array.shape}"
            )
        return array

    def __repr__(self) -> str:
        return f"<Variable path={self.path}, shape={self.shape}, dtype={self.dtype}>"


_flags = 0


def edits() -> int:
    """Return a number that is another one once what runs depend on was set."""
    return _flags


def edited() -> None:
    """Take note that runs may have changed: what is trained, and how."""
    global _flags
    _flags += 1


def merge(blocks: Sequence[Block], dtype: str) -> Store:
    """Return one store that holds all `blocks`: that of the first takes the rest."""
    store = blocks[0].store if blocks else Store(dtype)
    foreign: list[Block] = []
    for block in blocks:
        if block.store is not store and block not in foreign:
            mates = [b for b in block.store.blocks if b not in foreign]
            foreign.extend(mates)
    if foreign:
        losers = {id(b.store): b.store for b in foreign}
        store.absorb(foreign)
        for loser in losers.values():
            for user in tuple(loser.users):
                user.moved()
    return store
