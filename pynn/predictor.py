# SPDX-License-Identifier: BSD-3-Clause
"""A prepared network: everything is checked once, a call only computes."""

from collections.abc import Iterable, Sequence
from itertools import accumulate
from math import prod
from threading import local
from typing import Any, NamedTuple

import numpy as np

from pynn._engine import Caller, Runner, make_plan
from pynn._lowering import SOFTMAX
from pynn._network import Network
from pynn._ops import ACTIVATIONS, NORMS, PAD, Op, Slot
from pynn._variables import Array, Block, aligned, merge
from pynn.data import numeric

__all__ = ["Predictor"]

_TRIES = 100
_Moves = Sequence[tuple[int, int]]  # offsets of blocks, before and after
_SELECTS = {
    "dense": ACTIVATIONS,
    "activation": ACTIVATIONS,
    "softmax": SOFTMAX,
    "row_norm": NORMS,
}


class Program(NamedTuple):
    """A network as data; `params` and `stats` of the ops as if its blocks lay one after
    another."""

    ops: Sequence[Op]
    slots: Sequence[Slot]
    output: int
    dtype: str
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]


class Predictor(Caller):
    """A model prepared for calls with few rows: ``p = model.predictor()``, ``p(x)``.

    ``p(x)`` gives the outputs for `x`, an array (n, ...) of at most `max_batch`
    samples, or for a single sample without the batch axis, whose output then has none
    either. The bits are those of `Model.predict`. Other types than the model's own and
    any memory layout are accepted and converted on the way.

    The array that a call returns belongs to the predictor and to the calling thread:
    the next call in this thread overwrites it, so keep a copy, or give a place to write
    to, ``p(x, out=array)``: C-contiguous, writable, of the model's type and exactly as
    large as the output; it may overlap `x`. Only the first call in a thread, and one
    that has to convert something, allocates memory.

    The predictor follows the weights of the model that it was made from, whether they
    are trained, assigned or loaded, and keeps them alive; its layers are those that the
    model had then. A copy or an unpickled predictor has weights of its own. Pickles
    hold data only: they need neither the model nor the classes of its layers, and are
    for the version of pynn that made them.

    Any number of threads may call one predictor, also after a fork.

    Attributes
    ----------
    input_shape, output_shape : tuple of int
        Shapes of one sample.
    dtype : str
        Type of the weights and outputs.
    max_batch : int

    Raises
    ------
    ValueError
        When called with something that is not as described.
    """

    def __init__(
        self,
        program: Program,
        blocks: Sequence[Block],
        moving_blocks: Sequence[Block],
        max_batch: int,
    ) -> None:
        self._program = program
        self._blocks, self._moving_blocks = tuple(blocks), tuple(moving_blocks)
        self.input_shape, self.output_shape = program.input_shape, program.output_shape
        self.dtype, self.max_batch = program.dtype, max_batch
        self.moved()
        self._prepare()

    @classmethod
    def of(cls, network: Network, max_batch: int) -> "Predictor":
        """Return a predictor of a network; models have a method for it."""
        blocks, moving = network.root.blocks, network.root.moving_blocks
        lowering, output = network.lower(training=False)
        if lowering.stages:
            raise ValueError(
                f"{network.root.name!r}: something in it is written in Python, which a"
                " predictor cannot run; use predict_on_batch"
            )
        program = Program(
            _relocated(lowering.ops, _packing(blocks), _packing(moving)),
            lowering.slots,
            output,
            network.dtype,
            network.input_shape,
            network.output_shape,
        )
        return cls(program, blocks, moving, max_batch)

    def moved(self) -> None:
        """Forget all addresses: the weights lie elsewhere."""
        self._threads = local()

    def _prepare(self) -> None:
        """Make what the calling thread needs."""
        threads = self._threads  # if weights move meanwhile, what is made here goes too
        program, blocks, moving = self._program, self._blocks, self._moving_blocks
        store, stats = merge(blocks, self.dtype), merge(moving, self.dtype)
        store.users.add(self)
        stats.users.add(self)
        plan = make_plan(
            _relocated(program.ops, _unpacking(blocks), _unpacking(moving)),
            program.slots,
            dtype=self.dtype,
            output=program.output,
            n_params=len(store.vector),
            n_stats=len(stats.vector),
        )
        shape = self.max_batch, *self.output_shape
        result = aligned(prod(shape), self.dtype).reshape(shape)
        threads.runner = Runner(
            plan, store.vector, stats.vector, self.input_shape, result
        )

    def _slow(self, x: Any, out: Any) -> Any:
        """Do what one call of the core cannot, or say what is wrong."""
        array = numeric(x, "x")
        sample = array.shape == self.input_shape
        if not sample and (
            array.shape[1:] != self.input_shape or len(array) > self.max_batch
        ):
            raise ValueError(
                f"x: expected shape {_spelled('n', self.input_shape)} with"
                f" n <= {self.max_batch} (max_batch), or {self.input_shape} for a"
                f" single sample, got {array.shape}"
            )
        array, answer = array.copy(), None
        for _ in range(_TRIES):  # weights that move meanwhile take the runner away
            ready = hasattr(self._threads, "runner")
            if not ready:
                self._prepare()
            answer = self._try(array, out)
            if answer is not None or (ready and out is not None):
                break
        if answer is None:
            batch = () if sample else (len(array),)
            raise ValueError(
                f"out: expected a writable, C-contiguous array of {self.dtype} and"
                f" shape {(*batch, *self.output_shape)}, got {_described(out)}"
            )
        return answer

    def __reduce__(self) -> tuple[Any, ...]:
        vectors = self._vector(self._blocks), self._vector(self._moving_blocks)
        ops, slots, *rest = self._program
        data = list(map(_portable, ops)), list(map(tuple, slots))
        return _restored, (*data, *rest, *vectors, self.max_batch)

    def _vector(self, blocks: Sequence[Block]) -> Array:
        """Return the elements of blocks, one block after another."""
        return np.concatenate([*(b.flat for b in blocks), np.empty(0, self.dtype)])

    def __repr__(self) -> str:
        return (
            f"<Predictor {self.input_shape} -> {self.output_shape}, {self.dtype},"
            f" max_batch={self.max_batch}>"
        )


def _starts(blocks: Iterable[Block]) -> list[int]:
    """Offsets of blocks if they lay one after another."""
    return list(accumulate((b.length for b in blocks), initial=0))[:-1]


def _packing(blocks: Sequence[Block]) -> _Moves:
    return list(zip([b.offset for b in blocks], _starts(blocks), strict=True))


def _unpacking(blocks: Sequence[Block]) -> _Moves:
    return [(new, old) for old, new in _packing(blocks)]


def _relocated(ops: Iterable[Op], params: _Moves, stats: _Moves) -> list[Op]:
    """Return ops whose parameters and statistics moved with their blocks."""

    def place(offset: int, moves: _Moves) -> int:
        if offset < 0:
            return offset
        start, now = max(move for move in moves if move[0] <= offset)
        return offset - start + now

    return [
        op._replace(params=place(op.params, params), stats=place(op.stats, stats))
        for op in ops
    ]


def _portable(op: Op) -> tuple[Any, ...]:
    """Return a record with a name instead of a number that means nothing elsewhere."""
    kind, select, *rest = op
    return (kind, _SELECTS[kind][select] if kind in _SELECTS else select, *rest)


def _restored(ops: Any, slots: Any, *rest: Any) -> Predictor:
    """Return what `__reduce__` took apart."""
    *shape, weights, stats, max_batch = rest
    records = [
        Op(kind, _SELECTS[kind].index(select) if kind in _SELECTS else select, *more)
        for kind, select, *more in ops
    ]
    program = Program(records, [Slot(*s) for s in slots], *shape)
    return Predictor(
        program, [_block_of(weights, program)], [_block_of(stats, program)], max_batch
    )


def _block_of(vector: Array, program: Program) -> Block:
    """Return a block that holds a vector as it was: rows of one pad have no gaps."""
    block = Block(len(vector) // PAD, PAD, program.dtype, "a predictor")
    block.flat[:] = vector
    return block


def _spelled(first: str, rest: Sequence[int]) -> str:
    return f"({', '.join([first, *map(str, rest)])}{',' * (not rest)})"


def _described(out: Any) -> str:
    if not isinstance(out, np.ndarray):
        return type(out).__name__
    flags = ["not C-contiguous"] * (not out.flags.c_contiguous)
    flags += ["read-only"] * (not out.flags.writeable)
    return ", ".join([f"{out.dtype} and shape {out.shape}", *flags])
