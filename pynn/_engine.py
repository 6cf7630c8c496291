# SPDX-License-Identifier: BSD-3-Clause
"""The one importer of the compiled core: networks and plans, optimizer state, random
numbers, single kernels, threads and instruction sets."""

import itertools
import os
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol
from weakref import WeakKeyDictionary, ref

import numpy as np

try:
    from pynn import _core
except ImportError as error:
    if error.name not in (None, "pynn._core", "pynn"):
        raise
    raise ImportError(
        "pynn: the compiled module pynn._core cannot be loaded"
        f" ({error}). In a source checkout, run: pip install -e ."
    ) from error

from pynn._lowering import SOFTMAX, Attr, Lowering, Objective
from pynn._ops import (
    DISTRIBUTIONS,
    DTYPES,
    LABEL_LOSSES,
    LOSSES,
    OPS,
    Op,
    OptimizerSpec,
    Slot,
)
from pynn._variables import Array, Block, Variable, aligned, merge

_MASK64 = 0xFFFF_FFFF_FFFF_FFFF
_PLANS = 8  # training and evaluation plans that a network keeps


# ---- the sequence of seeds


class _Seeds:
    """The process-wide sequence: element i is Philox(counter i, key)."""

    def __init__(self, key: int) -> None:
        self.key = key
        self.counter = itertools.count()


_seeds = _Seeds(int.from_bytes(os.urandom(8), "little"))


def set_seed(seed: int) -> None:
    """Restart the process-wide sequence of seeds."""
    global _seeds
    _seeds = _Seeds(seed & _MASK64)


def next_seed() -> int:
    """Draw a 64-bit seed from the process-wide sequence."""
    i, key = next(_seeds.counter), _seeds.key
    low, high, _, _ = _core.philox(
        (i & 0xFFFF_FFFF, i >> 32, 0, 0x5EED), (key & 0xFFFF_FFFF, key >> 32)
    )
    return low | high << 32


def seed_era() -> object:
    """Return an object that changes when `set_seed` is called."""
    return _seeds


def random(
    distribution: str, a: float, b: float, seed: int, stream: int, shape: Sequence[int]
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return samples as float64: "uniform" on [a, b), "normal" or "truncated_normal"
    (within two sigma) of mean a and deviation b."""
    out = np.empty(tuple(shape))
    number = DISTRIBUTIONS.index(distribution)
    _core.random(number, a, b, seed & _MASK64, stream & _MASK64, out)
    return out


# ---- plans


def make_plan(
    ops: Sequence[Op],
    slots: Sequence[Slot],
    *,
    dtype: str,
    output: int,
    target: int = -1,
    n_params: int = 0,
    max_rows: int = 0,
) -> "_core.Plan":
    """Compile records; ``max_rows == 0`` makes an inference plan."""
    return _core.Plan(
        [(OPS.index(op.kind), *op[1:]) for op in ops],
        list(slots),
        dtype=DTYPES.index(dtype),
        output=output,
        target=target,
        n_params=n_params,
        max_rows=max_rows,
    )


class Root(Protocol):
    """A layer or model, as a network sees it."""

    name: str

    def lower(self, lowering: Lowering, x: int) -> int: ...
    @property
    def blocks(self) -> list[Block]: ...
    @property
    def trainable_weights(self) -> list[Variable]: ...


class Goal(NamedTuple):
    """What a plan computes beyond the output: a loss and metrics against a target."""

    loss: Objective
    scores: tuple[tuple[str, Attr], ...]
    target: Slot


class Network:
    """A stack of layers compiled: its parameter vector and its plans.

    Parameters
    ----------
    root : layer or model
        Built for `input_shape`.
    input_shape, output_shape : tuple of int
        Shapes of one sample.
    dtype : str
    """

    def __init__(
        self,
        root: Root,
        input_shape: tuple[int, ...],
        output_shape: tuple[int, ...],
        dtype: str,
    ) -> None:
        self.root, self.dtype, self.element = root, dtype, np.dtype(dtype)
        self._forwards = 0
        self.reseed()
        self.rebuild(input_shape, output_shape)

    def rebuild(
        self, input_shape: tuple[int, ...], output_shape: tuple[int, ...]
    ) -> None:
        """Follow a change of the layers."""
        self.input_shape, self.output_shape = input_shape, output_shape
        self.moved()

    def __getstate__(self) -> dict[str, Any]:
        transient = ("_idle", "_plans", "_era", "_grads")
        return {k: v for k, v in self.__dict__.items() if k not in transient}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._era = seed_era()
        self.moved()

    def moved(self) -> None:
        """Forget plans and addresses: the parameter vector is another one."""
        self.store = merge(self.root.blocks, self.dtype)
        self.store.users.add(self)
        self._idle: list[_core.Plan] = []
        self._flops: float | None = None
        self._plans: dict[object, _core.Plan] = {}
        self._grads: Array | None = None

    def reseed(self) -> None:
        """Draw a new seed for shuffling and dropout, and count epochs from 0."""
        self._era = seed_era()
        self.seed = next_seed()
        self.epoch = 0

    def sync(self) -> None:
        """Follow `set_seed`: what is random after it depends on nothing before."""
        if self._era is not seed_era():
            self.reseed()
            self._plans.clear()

    # ---- inference

    def take(self) -> "_core.Plan":
        """Borrow an inference plan; `give` it back. Each runs one call at a time."""
        try:
            return self._idle.pop()
        except IndexError:
            return self._compile(False, None, 0)

    def give(self, plan: "_core.Plan") -> None:
        """Return a plan that `take` lent."""
        self._idle.append(plan)

    def predict(self, x: Array, first: int, rows: int, out: Array) -> None:
        """Fill `out` with the outputs of rows ``[first, first + rows)`` of `x`."""
        plan = self.take()
        try:
            plan.predict(self.store.vector, x, first, rows, out)
        finally:
            self.give(plan)

    def forward(self, x: Array, training: bool) -> Array:
        """Return the output for all rows of `x`."""
        out = np.empty((len(x), *self.output_shape), self.element)
        if not training:
            self.predict(x, 0, len(x), out)
        elif len(x):
            self.sync()
            self._forwards += 1
            step = 1 << 63 | self._forwards  # apart from the steps of an optimizer
            self.plan(True, None, len(x)).forward(
                self.store.vector, x, None, None, step, len(x), out, None
            )
        return out

    @property
    def flops(self) -> float:
        """Floating-point operations per row of a prediction."""
        if self._flops is None:
            plan = self.take()
            self.give(plan)
            self._flops = plan.flops
        return self._flops

    # ---- training and evaluation

    def plan(self, training: bool, goal: Goal | None, rows: int) -> "_core.Plan":
        """Return a plan, kept for the next call; `rows` bounds a training batch."""
        lowered = None if goal is None else tuple(map(goal.loss.lowered, _HEADS))
        runs = tuple(w.run for w in self.root.trainable_weights) if training else ()
        key = (training, lowered, goal and goal[1:], runs, rows if training else 0)
        plan = self._plans.pop(key, None)
        if plan is None:
            plan = self._compile(training, goal, rows if training else 0)
        self._plans[key] = plan
        while len(self._plans) > _PLANS:
            self._plans.pop(next(iter(self._plans)), None)
        return plan

    def _compile(self, training: bool, goal: Goal | None, rows: int) -> "_core.Plan":
        lowering = Lowering(self.input_shape, training, self.seed)
        output = self.root.lower(lowering, 0)
        if output == 0:  # nothing to do; but a plan does something
            output = lowering.copy(0)
        target = -1
        if goal is not None:
            output, target = lowering.objective(
                output, goal.loss, goal.scores, goal.target
            )
        return make_plan(
            lowering.ops,
            lowering.slots,
            dtype=self.dtype,
            output=output,
            target=target,
            n_params=len(self.store.vector),
            max_rows=rows,
        )

    def runs(self) -> Array:
        """Offset and length of each trainable variable, shape (n, 2)."""
        runs = [w.run for w in self.root.trainable_weights]
        return np.array(runs, np.int64).reshape(-1, 2)

    def grads(self) -> Array:
        """Scratch as long as the parameter vector."""
        if self._grads is None:
            self._grads = aligned(len(self.store.vector), self.dtype)
        return self._grads

    def prepare(self, optimizer: "OptimizerLike") -> None:
        """Give the optimizer state vectors that fit the parameter vector.

        Raises
        ------
        ValueError
            If the optimizer already moves the weights of another model.
        """
        layout = [(block, block.offset) for block in self.root.blocks]
        owner, known = _bindings.get(optimizer, (ref(self), None))
        length = len(self.store.vector)
        fits = all(len(vector) == length for vector in optimizer.slots)
        if owner() is not self or (known is None and not fits):
            raise ValueError("this optimizer belongs to another model: make a new one")
        initial = _core.optimizer_state(optimizer.spec())
        if len(optimizer.slots) != len(initial) or (known and known != layout):
            old, optimizer.slots = optimizer.slots, []
            for i, value in enumerate(initial):
                vector = aligned(length, self.dtype, value)
                for block, offset in known or () if i < len(old) else ():
                    here = slice(block.offset, block.offset + block.length)
                    vector[here] = old[i][offset : offset + block.length]
                optimizer.slots.append(vector)
        _bindings[optimizer] = ref(self), layout


_HEADS = (None, "sigmoid", "softmax")
_bindings: WeakKeyDictionary[
    "OptimizerLike", tuple["ref[Network]", list[tuple[Block, int]] | None]
] = WeakKeyDictionary()


class OptimizerLike(Protocol):
    """What the engine asks of an optimizer."""

    iterations: int
    slots: list[Array]
    scalar: Array

    def spec(self) -> OptimizerSpec: ...
    def rates(self, first: int, count: int) -> Array: ...


# ---- single kernels


def apply_activation(kind: str, attr: Attr, x: Any) -> Array:
    """Apply an activation (or softmax along the last axis) to any array of numbers.

    float64 stays float64, everything else becomes float32.
    """
    array = np.asarray(x)
    dtype = "float64" if array.dtype == np.float64 else "float32"
    array = np.ascontiguousarray(array, dtype)
    if array.size == 0:
        return array.copy()
    width = array.shape[-1] if kind in SOFTMAX and array.ndim else 1
    rows = array.size // width
    lowering = Lowering((width,), False, 0)
    output = lowering.activate(0, kind, attr) or lowering.copy(0)
    out = np.empty(np.shape(x), dtype)
    plan = make_plan(lowering.ops, lowering.slots, dtype=dtype, output=output)
    plan.predict(_NO_PARAMS[dtype], array.reshape(rows, width), 0, rows, out)
    return out


def loss_values(
    kind: str, attr: Attr, y_true: Array, y_pred: Array
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the loss of each row, computed in float64; shapes must already agree."""
    rows, width = len(y_pred), y_pred.shape[-1]
    x = np.ascontiguousarray(y_pred, np.float64)
    y = np.ascontiguousarray(y_true, np.float64)
    target = Slot(1, 1 if kind in LABEL_LOSSES else width)
    op = Op("score", LOSSES.index(kind), 0, -1, 1, attr=attr)
    values = np.empty(rows)
    plan = make_plan((op,), (Slot(1, width), target), dtype="float64", output=0, target=1)
    plan.evaluate(_NO_PARAMS["float64"], x, y, None, 0, rows, np.zeros(1), values)
    return values


_NO_PARAMS = {dtype: aligned(0, dtype) for dtype in DTYPES}


# ---- instruction sets, threads, tests

get_num_threads = _core.get_num_threads
isa_names = _core.isa_names
isa_supported = _core.isa_supported
isa_select = _core.isa_select
isa_selected = _core.isa_selected
optimizer_state = _core.optimizer_state
alloc_count = _core.alloc_count
alloc_fail_at = _core.alloc_fail_at


def set_num_threads(n: int) -> None:
    """Set how many threads the library may use from now on.

    Raises
    ------
    ValueError
        If `n` is not a positive integer.
    """
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
        raise ValueError(f"set_num_threads: expected an integer >= 1, got {n!r}")
    _core.set_num_threads(min(int(n), 256))


def _obey_environment() -> None:
    """Use the instruction set that ``PYNN_ISA`` names, which can only be a lower one."""
    name = os.environ.get("PYNN_ISA") or isa_selected()
    usable = [isa for isa in isa_names() if isa_supported(isa)]
    if name not in usable:
        raise ImportError(
            f"PYNN_ISA: expected one of {', '.join(usable)} on this machine, got {name!r}"
        )
    isa_select(name)


_obey_environment()
