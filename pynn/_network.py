# SPDX-License-Identifier: BSD-3-Clause
"""A stack of layers compiled: its parameter vector, its plans, its random sequences."""

from bisect import bisect_right
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary, ref

import numpy as np

from pynn._engine import (
    Plan,
    make_plan,
    next_seed,
    optimizer_state,
    random,
    seed_era,
)
from pynn._lowering import Attr, Lowering, Stage
from pynn._moving import Moving
from pynn._ops import Slot
from pynn._stages import End, Place, StagedPlan
from pynn._terms import OwnTerms, own_terms, run_records
from pynn._variables import Array, Block, aligned, edits, merge

_PLANS = 8  # training and evaluation plans that a network keeps


if TYPE_CHECKING:
    from pynn._lowering import Objective
    from pynn._moving import OptimizerLike, Root


class Goal(NamedTuple):
    """What a plan computes beyond the output: a loss and metrics against a target."""

    loss: "Objective"
    scores: tuple[tuple[str, Attr], ...]
    target: Slot

    def weights(self, y: Array, given: Array | None, batch: int) -> Array | None:
        """Return weights whose mean over the rows is that of losses of batches.

        They are `given` unless the loss of a batch is something else than a mean over
        its rows; the core's loop finds them for itself.
        """
        summed, counts = self.loss.summed, self.loss.counts(y)
        by_weight = given is not None and summed == "mean_with_sample_weight"
        if counts is None and not by_weight and summed != "sum":
            return given
        found = np.ones(len(y)) if given is None else given.astype(np.float64)
        share = np.ones(len(y)) if counts is None else counts
        share = share * found if by_weight else share
        for start in range(0, len(y), batch):
            part = found[start : start + batch]
            total = share[start : start + batch].sum()
            total = 1 / self.target.inner if summed == "sum" else total
            part *= len(part) / total if total else 0.0
        return found


class Memory(NamedTuple):
    """Where the random sequences of a network stand, and since which `set_seed`."""

    seed: int
    epoch: int
    forwards: int
    era: object

    @classmethod
    def of(cls, seed: int, epoch: int, forwards: int) -> "Memory":
        """Return what holds from now until the next `set_seed`."""
        return cls(seed, epoch, forwards, seed_era())

    def __reduce__(self) -> tuple[Any, tuple[int, ...]]:
        if self.era is not seed_era():
            return type(None), ()
        return Memory.of, self[:3]


class Network(Moving):
    """A stack of layers compiled: its vectors and its plans.

    Parameters
    ----------
    root : layer or model
        Built for `input_shape`.
    input_shape, output_shape : tuple of int
        Shapes of one sample.
    dtype : str
    memory : Memory, optional
        Of the network that this one continues.

    Attributes
    ----------
    store : Store
        Of the parameters.
    stats : array or None
        The moving statistics, if there are any.
    layout : list of (Block, int)
        Where the blocks lie in the vector; another list once they have moved.
    """

    def __init__(
        self,
        root: "Root",
        input_shape: tuple[int, ...],
        output_shape: tuple[int, ...],
        dtype: str,
        memory: Memory | None = None,
    ) -> None:
        self.root, self.dtype, self.element = root, dtype, np.dtype(dtype)
        self._me = ref(self)
        if memory is None or memory.era is not seed_era():
            self.reseed()
        else:
            self.seed, self.epoch, self._forwards, self._era = memory
        self.rebuild(input_shape, output_shape)

    @property
    def memory(self) -> Memory:
        """What a copy needs in order to go on like this network."""
        return Memory(self.seed, self.epoch, self._forwards, self._era)

    def resume(self, memory: Memory) -> None:
        """Go on like the network that `memory` is of."""
        self.seed, self.epoch, self._forwards, self._era = memory
        self._plans.clear()
        self.singles.clear()

    def rebuild(
        self, input_shape: tuple[int, ...], output_shape: tuple[int, ...]
    ) -> None:
        """Follow a change of the layers."""
        self.input_shape, self.output_shape = input_shape, output_shape
        self.moved()

    def moved(self) -> None:
        """Forget plans and addresses: the parameter vector is another one."""
        self.store = merge(self.root.blocks, self.dtype)
        self.store.users.add(self)
        moving = merge(self.root.moving_blocks, self.dtype)
        moving.users.add(self)
        self.stats = moving.vector if moving.blocks else None
        self._idle: list[Plan | StagedPlan] = []
        self._flops: float | None = None
        self._plans: dict[object, Plan | StagedPlan] = {}
        self._grads: Array | None = None
        self._listed = -1  # `edits` when runs were listed
        self.singles: dict[int, Any] = {}  # runs of one step, by rows; see `_stepper`
        self.layout = [(block, block.offset) for block in self.root.blocks]

    def reseed(self) -> None:
        """Draw a new seed for shuffling and dropout, and count epochs from 0."""
        self._era = seed_era()
        self.seed = next_seed()
        self.epoch = self._forwards = 0

    def sync(self) -> None:
        """Follow `set_seed`: what is random after it depends on nothing before."""
        if self._era is not seed_era():
            self.reseed()
            self._plans.clear()
            self.singles.clear()

    # ---- inference

    def take(self) -> Plan | StagedPlan:
        """Borrow an inference plan; `give` it back. Each runs one call at a time."""
        try:
            return self._idle.pop()
        except IndexError:
            return self._compile(False, None, 0)

    def give(self, plan: Plan | StagedPlan) -> None:
        """Return a plan that `take` lent."""
        self._idle.append(plan)

    def predict(self, x: Array, first: int, rows: int, out: Array) -> None:
        """Fill `out` with the outputs of rows ``[first, first + rows)`` of `x`."""
        plan = self.take()
        try:
            plan.predict(self.store.vector, self.stats, x, first, rows, out)
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
            plan, params = self.plan(None, len(x), self.runs()), self.store.vector
            plan.forward(params, self.stats, x, None, None, step, len(x), out, None)
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

    def plan(
        self,
        goal: Goal | None,
        rows: int = 0,
        runs: Array | None = None,
        input_gradient: bool = False,
        alive: bool = True,
    ) -> Plan | StagedPlan:
        """Return a plan, kept for the next call.

        Parameters
        ----------
        goal : Goal, optional
        rows : int
            Most rows of a training step that are held at a time.
        runs : array, optional
            What `runs` returned, for a plan that trains.
        input_gradient : bool
            Whether it can also give the gradient of the input.
        alive : bool
            Whether dropout and its like take effect in a plan that trains.
        """
        loss = None if goal is None else goal.loss.signature
        trained = None if runs is None else runs.tobytes()
        flags = input_gradient, alive
        key = loss, goal and goal[1:], rows, trained, flags, *self.root.active_blocks
        plan = self._plans.pop(key, None)
        if plan is None:
            training = runs is not None and alive
            plan = self._compile(training, goal, rows, input_gradient)
        self._plans[key] = plan
        while len(self._plans) > _PLANS:
            self._plans.pop(next(iter(self._plans)), None)
        return plan

    def lower(self, training: bool, staged: bool = False) -> tuple[Lowering, int]:
        """Return the records of all layers, and the slot of the output.

        `staged` says that something else than the core will compute the loss, or a part
        of the outputs.
        """
        lowering = Lowering(self.input_shape, training, self.seed, staged)
        output = self.root.lower(lowering, 0)
        if lowering.stages and not staged:
            return self.lower(training, True)
        if output == 0 and not lowering.stages:  # a plan does something
            output = lowering.copy(0)
        return lowering, output

    def _compile(
        self, training: bool, goal: Goal | None, rows: int, input_gradient: bool = False
    ) -> Plan | StagedPlan:
        lowering, output = self.lower(training, goal is not None and goal.loss.python)
        end = End(output, self.output_shape)
        if goal is not None and goal.loss.python:
            end = end._replace(sums=1, loss=goal.loss)
        elif goal is not None:
            faced = self._face(lowering, output, goal.loss.along)
            head, target = lowering.objective(faced, *goal)
            output = head if faced == output else output
            sums = 1 + len(goal.scores)
            end = end._replace(output=output, target=target, sums=sums)
        if lowering.stages or end.loss is not None:
            stages = [*lowering.stages]
            if lowering.ops:
                stages.append(Stage(lowering.ops, lowering.slots, end.output))
            place, n_stats = self._place(), 0 if self.stats is None else len(self.stats)
            sizes = rows, n_stats
            return StagedPlan(stages, end, place, self.dtype, sizes, input_gradient)
        return make_plan(
            lowering.ops,
            lowering.slots,
            dtype=self.dtype,
            output=end.output,
            target=end.target,
            n_params=len(self.store.vector),
            n_stats=0 if self.stats is None else len(self.stats),
            max_rows=rows,
            input_gradient=input_gradient,
        )

    def _face(self, lowering: Lowering, output: int, axis: int) -> int:
        """Return the slot of the output with the axis of a loss as the last one."""
        order = list(range(len(self.output_shape)))
        order.append(order.pop(axis % (len(order) + 1) - 1))
        return lowering.permute(output, self.output_shape, order)

    def _place(self) -> Place:
        """Return a function that finds the block of an element of the vector."""
        blocks = sorted((b.offset, b.offset + b.length) for b in self.root.blocks)
        return lambda element: blocks[bisect_right(blocks, (element, inf)) - 1]

    def _list(self) -> None:
        """Follow changes of what is trained, and how."""
        if self._listed != edits():
            self._own = own_terms(self.root.trainable_weights)
            self._runs: dict[object, Array] = {}
            self._listed = edits()

    def runs(self, optimizer: "OptimizerLike | None" = None) -> Array:
        """Return what the core has to know of each trainable weight."""
        self._list()
        decay = optimizer.excluding if optimizer is not None else None
        key = None if decay is None else id(optimizer)
        if key not in self._runs:
            self._runs[key] = run_records(self.root.trainable_weights, decay)
        return self._runs[key]

    @property
    def own_terms(self) -> OwnTerms:
        """The weights that need Python in each step."""
        self._list()
        return self._own

    def grads(self) -> Array:
        """Scratch as long as the parameter vector."""
        if self._grads is None:
            self._grads = aligned(len(self.store.vector), self.dtype)
        return self._grads

    def order(self, rows: int, batch: int, shuffle: int) -> Array:
        """Return the permutation of rows that the core trains the present epoch in.

        `shuffle` is 1 for all rows, 2 for whole batches.
        """
        count = rows if shuffle == 1 else rows // batch
        drawn = random("permutation", 0, 0, self.seed, self.epoch, (count,))
        order = drawn.astype(np.int64)
        if shuffle == 1:
            return order
        whole = (order[:, None] * batch + np.arange(batch)).reshape(-1)
        return np.concatenate([whole, np.arange(count * batch, rows)])

    def prepare(self, optimizer: "OptimizerLike") -> None:
        """Give the optimizer state vectors that fit the parameter vector.

        Raises
        ------
        ValueError
            If the optimizer already moves the weights of another model.
        """
        owner, known = _bindings.get(optimizer, (self._me, None))
        length, slots = len(self.store.vector), optimizer.slots
        strange = known is None and any(len(vector) != length for vector in slots)
        if owner is not self._me or strange:
            raise ValueError("this optimizer belongs to another model: make a new one")
        initial = optimizer_state(optimizer.spec())
        if known is not self.layout or len(slots) != len(initial):
            optimizer.slots = [aligned(length, self.dtype, value) for value in initial]
            for old, new in zip(slots, optimizer.slots, strict=False):
                for block, offset in known or self.layout:
                    here = slice(block.offset, block.offset + block.length)
                    new[here] = old[offset : offset + block.length]
            _bindings[optimizer] = self._me, self.layout


def network_of(optimizer: object) -> Network | None:
    """Return the network whose weights an optimizer moves, if it has taken one."""
    owner, _ = _bindings.get(optimizer, (None, None))  # type: ignore[call-overload]
    return None if owner is None else owner()


_Layout = list[tuple[Block, int]]
_bindings: WeakKeyDictionary["OptimizerLike", tuple["ref[Network]", _Layout | None]]
_bindings = (
    WeakKeyDictionary()
)  # which network an optimizer serves, and where its blocks
