# SPDX-License-Identifier: BSD-3-Clause
"""Training step by step, for networks with something in them that is Python.

Rows, permutations, dropout masks, sums and the update are those of the core's own loop;
only the loop is here.
"""

import math
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING

import numpy as np

from pynn._engine import Plan
from pynn._network import Goal, Network
from pynn._run import Rows, Run
from pynn._variables import Array, aligned, edits

if TYPE_CHECKING:
    from pynn._moving import OptimizerLike
    from pynn._variables import Variable


_SINGLES = 4  # runs of one step that a network keeps


class Stepper(Run):
    """A run that takes each step from Python."""

    _outputs: Array | None = None  # those of the last step, if somebody watches
    _index: "slice | Array" = slice(0)  # the rows of the last step

    def _train(
        self, sums: Array, limit: int, rates: Array, seconds: float
    ) -> tuple[int, int, int]:
        end, passes, bad = monotonic() + seconds, 0, -1
        for step in range(limit):
            row = sums[passes]
            was_finite = math.isfinite(row[0])
            self._index = index = self._take()
            rate = float(rates[min(step, len(rates) - 1)])
            self._step(self._rows_at(index), rate, row)
            if bad < 0 and was_finite and not math.isfinite(row[0]):
                bad = step
            passes += self._count_rows()
            if passes == len(sums) or monotonic() >= end:
                break
        return passes, step + 1, bad

    def _take(self) -> "slice | Array":
        """Return which rows the next step is on."""
        if self.shuffle and self.position == 0:
            self.order = self.network.order(self.count, self.batch, self.shuffle)
        here = slice(self.position, min(self.position + self.batch, self.count))
        return here if self.order is None else self.order[here]

    def _rows_at(self, index: "slice | Array") -> Rows:
        x, y, weight = self.rows
        return Rows(x[index], y[index], None if weight is None else weight[index])

    def _count_rows(self) -> int:
        """Count the rows of a step; return 1 if they end a pass."""
        self.position = min(self.position + self.batch, self.count)
        if self.position < self.count:
            return 0
        self.position = 0
        self.network.epoch += 1
        return 1

    @property
    def _weights(self) -> "list[Variable]":
        return self.network.root.trainable_weights

    def _step(self, rows: Rows, rate: float, sums: Array) -> None:
        """Take a step, or leave everything as it was if that fails."""
        network, optimizer = self.network, self.optimizer
        vector, grads, count = network.store.vector, network.grads(), len(rows.x)
        stats = network.stats
        own = [state.value for state in optimizer.own_state(self._weights)]
        moved = [vector, *([] if stats is None else [stats]), *optimizer.slots, *own]
        saved = [array.copy() for array in moved]
        try:
            sums[0] += network.penalty() * count
            weight = self.goal.weights(rows.y, rows.weight, count)
            self.plan.forward(
                vector,
                stats,
                rows.x,
                rows.y,
                weight,
                optimizer.batches,
                count,
                self._outputs,
                sums,
            )
            self.plan.backward(vector, stats, None, count, grads, None)
            network.move(optimizer, grads, rate)
        except BaseException:
            for now, then in zip(moved, saved, strict=True):
                now[:] = then
            raise

    def watch(self) -> Callable[[], tuple[Array, Array, Array | None]]:
        rows = min(self.batch, self.count - self.position)
        network = self.network
        self._outputs = np.empty((rows, *network.output_shape), network.element)

        def outputs() -> tuple[Array, Array, Array | None]:
            _, y, weight = self._rows_at(self._index)
            found, self._outputs = self._outputs, None
            assert found is not None
            return y, found, weight

        return outputs


def start(
    network: Network,
    goal: Goal,
    optimizer: "OptimizerLike",
    rows: Rows,
    batch: int,
    shuffle: int = 0,
    steps: int | None = None,
) -> Run:
    """Return a run of the core's loop, or of this one if that cannot be."""
    network.sync()
    plan = network.plan(goal, min(batch, len(rows.x)), network.runs(optimizer))
    free = isinstance(plan, Plan) and not (optimizer.own or any(network.own_terms))
    kind = Run if free else Stepper
    return kind(network, goal, optimizer, rows, batch, shuffle, steps)


def single(network: Network, goal: Goal, optimizer: "OptimizerLike", rows: Rows) -> Run:
    """Return a run of one step on all `rows`, the one of the last call if it can."""
    network.sync()
    count = len(rows.x)
    kept = network.singles.get(count)
    if (
        kept is not None
        and (kept.goal is goal or kept.goal == goal)
        and kept.optimizer is optimizer
        and kept.slots is optimizer.slots
        and kept.edits == edits()
    ):
        kept.take(rows)
        return kept  # type: ignore[no-any-return]
    if len(network.singles) >= _SINGLES:
        network.singles.clear()
    made = network.singles[count] = start(network, goal, optimizer, rows, count)
    return made


def slopes(
    network: Network,
    goal: Goal,
    rows: Rows,
    step: int,
    input_gradient: bool,
    alive: bool,
) -> tuple[float, Array, Array | None]:
    """Return the loss, its gradient by the parameter vector, and by the input.

    `alive` says whether dropout and its like take effect, with the masks of `step`.
    """
    count = len(rows.x)
    network.sync()
    plan = network.plan(goal, count, network.runs(), input_gradient, alive)
    vector, sums = network.store.vector, np.zeros(plan.n_sums)
    flat, piece = np.zeros_like(vector), aligned(len(vector), network.dtype)
    shape = count, *network.input_shape
    dx = np.empty(shape, network.element) if input_gradient else None
    limit = plan.max_rows or count
    stats = network.stats
    moved = [vector] if stats is None else [vector, stats]
    before = [array.copy() for array in moved]  # a layer may count what passes
    weighted = rows._replace(weight=goal.weights(rows.y, rows.weight, count))
    try:
        for start in range(0, count, limit):
            x, y, by_row = weighted.part(start, min(start + limit, count))
            n = len(x)
            plan.forward(vector, stats, x, y, by_row, step, n, None, sums)
            down = None if dx is None else dx[start : start + n]
            plan.backward(vector, stats, None, n, piece, down)
            flat += piece * (n / count)
            if down is not None:
                down *= n / count
    finally:
        for now, then in zip(moved, before, strict=True):
            now[:] = then
    return float(sums[0]) / count + network.penalty(flat), flat, dx
