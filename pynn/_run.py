# SPDX-License-Identifier: BSD-3-Clause
"""Training and evaluation in slices: what stands between two calls of the core."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pynn._engine import Plan
from pynn._feed import warn_of_the_end
from pynn._network import Goal, Network
from pynn._ops import REDUCTIONS
from pynn._variables import Array, aligned, edits
from pynn.data import split_at, warn_of_new_classes

if TYPE_CHECKING:
    from pynn._moving import OptimizerLike

SLICE_SECONDS = 0.2  # how long the core keeps the interpreter from seeing Ctrl-C
_MAX_RATES = 1 << 16  # learning rates that a schedule prepares per call
_SLICE_FLOPS = 2e9  # work of one call when predicting or evaluating
_FEW = 256  # rows that are one call whatever they cost


class Rows(NamedTuple):
    """Checked data: samples, targets as the loss reads them, one weight per row."""

    x: Array
    y: Array
    weight: Array | None

    def part(self, start: int, stop: int) -> "Rows":
        """Return views of some rows."""
        weight = None if self.weight is None else self.weight[start:stop]
        return Rows(self.x[start:stop], self.y[start:stop], weight)

    def split(self, fraction: float, labels: bool) -> tuple["Rows", "Rows"]:
        """Return the rows to train on and, off the end, those to validate on."""
        rows = len(self.x)
        kept = split_at(rows, fraction)
        if labels:
            warn_of_new_classes(self.y[:kept], self.y[kept:])
        return self.part(0, kept), self.part(kept, rows)


class Standing(NamedTuple):
    """Where `fit` is: the epoch, what trains, and the sums of the epoch so far."""

    epoch: int
    run: Any
    sums: Array


class Run:
    """One training of a network on some rows, to be advanced slice by slice.

    Parameters
    ----------
    network : Network
    goal : Goal
    optimizer : Optimizer
    rows : Rows
    batch : int
    shuffle : int
        0: rows in their order; 1: permuted in each pass; 2: whole batches are.
    steps : int, optional
        Per epoch; a pass over the rows unless given, and at most what is left of one.

    Attributes
    ----------
    steps : int
        Steps per epoch.
    step, seen : int
        Steps of the present epoch that were taken, and their rows.
    position : int
        Rows of the present pass that were already trained on.
    """

    def __init__(
        self,
        network: Network,
        goal: Goal,
        optimizer: "OptimizerLike",
        rows: Rows,
        batch: int,
        shuffle: int,
        steps: int | None = None,
    ) -> None:
        self.network, self.optimizer, self.goal = network, optimizer, goal
        self.take(rows)
        self.count = len(rows.x)
        self.batch = min(batch, self.count)
        passes = -(-self.count // self.batch)
        self.steps, self.whole = steps or passes, steps in (None, passes)
        self.shuffle = shuffle if passes > 1 else 0
        self.step = self.seen = self.position = 0
        network.sync()
        network.prepare(optimizer)
        self.slots, self.edits = optimizer.slots, edits()
        self._layout = network.layout
        self._shapes = network.input_shape, network.output_shape
        self._runs = network.runs(optimizer)
        self.plan = network.plan(goal, self.batch, self._runs)
        self.order = np.empty(self.count, np.int64) if self.shuffle else None

    def take(self, rows: Rows) -> None:
        """Train on `rows`, which are as many as those before."""
        self.rows = rows
        self._counts = self.goal.loss.counts(rows.y)

    def standing(self) -> dict[str, int]:
        """Return where in the rows this training is, for `resume` and `enter`."""
        return {
            "rows": self.count,
            "batch": self.batch,
            "position": self.position,
            "step": self.step,
            "seen": self.seen,
        }

    def resume(self, left: Mapping[str, Any]) -> None:
        """Go where another run on the same rows stood, before `begin`.

        Parameters
        ----------
        left : dict
            What it stood at, as "run".

        Raises
        ------
        ValueError
            If its rows were others.
        """
        there, own = left["run"], self.standing()
        position = there.get("position")
        same = all(there.get(name) == own[name] for name in ("rows", "batch"))
        if not same or type(position) is not int or not 0 <= position < self.count:
            raise ValueError(
                f"fit: expected to go on with batches of {there.get('batch')} of"
                f" {there.get('rows')} rows, got {self.batch} of {self.count}"
            )
        self.position = position
        self.plan = self.network.plan(self.goal, self.batch, self._runs)  # of its seed
        if position and self.shuffle:
            self.order = self.network.order(self.count, self.batch, self.shuffle)

    def enter(self, left: Mapping[str, Any], sums: Array) -> None:
        """After `begin`, go on in the midst of an epoch if it was left there.

        Parameters
        ----------
        left : dict
            What the other run stood at, as "run", and its "sums" or None.
        sums : array (1, sums)
            Those of the epoch; overwritten.
        """
        if left["sums"] is not None:
            sums[0] = left["sums"]
            self.step, self.seen = left["run"]["step"], left["run"]["seen"]

    def new_sums(self, epochs: int = 1) -> Array:
        """Return zeros for `advance`, a row for each epoch."""
        return np.zeros((epochs, self.plan.n_sums))

    def begin(self) -> bool:
        """Start counting the steps of an epoch, for which there always are data."""
        self.step = self.seen = 0
        return True

    def advance(
        self, sums: Array, max_steps: int = 0, seconds: float = SLICE_SECONDS
    ) -> tuple[int, int]:
        """Train on, until the epochs of `sums` are over or a time slice is used up.

        Parameters
        ----------
        sums : array (epochs, sums)
            Running sums of loss and metrics; the first row belongs to the present
            epoch. More than one only where an epoch is a pass.
        max_steps : int
            0: no limit.
        seconds : float

        Returns
        -------
        epochs : int
            How many were finished.
        bad : int
            First step of this call whose loss was not finite, or -1.

        Raises
        ------
        RuntimeError
            If the weights are being trained in another thread, or the layers are not
            those that the training began with.
        """
        turn = self.network.store.turn
        if not turn.acquire(blocking=False):
            raise RuntimeError("this model is being trained in another thread")
        try:
            self._follow()
            return self._advance(sums, max_steps, max(seconds, 1e-9))
        finally:
            turn.release()

    def _follow(self) -> None:
        """Go on with weights that were moved, as part of another model, meanwhile."""
        network, before = self.network, self.plan
        if network.layout is self._layout:
            return
        network.prepare(self.optimizer)
        self._runs = network.runs(self.optimizer)
        shapes = network.input_shape, network.output_shape
        if shapes == self._shapes:
            self.plan = network.plan(self.goal, self.batch, self._runs)
        if shapes != self._shapes or type(self.plan) is not type(before):
            raise RuntimeError("the layers of this model changed while it was trained")
        self.slots, self._layout = self.optimizer.slots, network.layout

    def _advance(self, sums: Array, max_steps: int, seconds: float) -> tuple[int, int]:
        optimizer, before = self.optimizer, self.position
        left = len(sums) * self.steps - self.step
        limit = min(max_steps or left, left)
        rates = optimizer.rates(optimizer.batches, min(limit, _MAX_RATES))
        if len(rates) > 1:
            limit = len(rates)
        passes, steps, bad = self._train(sums, limit, rates, seconds)
        self.step += steps
        self.seen += passes * self.count + self.position - before
        if self.whole:
            self.step -= passes * self.steps
            return passes, bad
        if passes and self.step < self.steps:
            warn_of_the_end(self.steps, self.step)
        return int(passes > 0 or self.step >= self.steps), bad

    def _train(
        self, sums: Array, limit: int, rates: Array, seconds: float
    ) -> tuple[int, int, int]:
        """Take at most `limit` steps; return passes, steps and the first bad one."""
        network, optimizer = self.network, self.optimizer
        spec, (x, y, weight) = optimizer.spec(), self.rows
        separate = spec[4] or spec[5] or spec[6] or self.batch > self.plan.max_rows
        assert isinstance(self.plan, Plan)
        result = self.plan.train(
            x,
            y,
            weight,
            rows=self.count,
            batch=self.batch,
            epochs=len(sums),
            max_steps=limit,
            max_seconds=seconds,
            shuffle=self.shuffle,
            seed=network.seed,
            reduction=REDUCTIONS.index(self.goal.loss.summed),
            optimizer=spec,
            runs=self._runs,
            rates=rates,
            params=network.store.vector,
            stats=network.stats,
            grads=network.grads() if separate else None,
            slots=optimizer.slots,
            scalar=optimizer.scalar,
            iteration=optimizer.batches,
            order=self.order,
            epoch=network.epoch,
            position=self.position,
            sums=sums,
            counts=self._counts,
        )
        passes, steps, bad, optimizer.batches, network.epoch, self.position = result
        return passes, steps, bad

    def end_epoch(self) -> None:
        """Leave an epoch; where it is a pass, an unfinished one too."""
        if self.whole:
            self.close()

    def close(self) -> None:
        """Leave an unfinished pass behind: its permutation is used up."""
        if self.position:
            self.network.epoch += 1
            self.position = 0

    def watch(self) -> Callable[[], tuple[Array, Array, Array | None]]:
        """Return a function to call after the next single step.

        It returns targets, outputs as they were before the weights moved, and sample
        weights of the rows of that step.
        """
        network, start, step = self.network, self.position, self.optimizer.batches
        params = aligned(len(network.store.vector), network.dtype)
        params[:] = network.store.vector
        stats = None if network.stats is None else network.stats.copy()

        def outputs() -> tuple[Array, Array, Array | None]:
            here = slice(start, min(start + self.batch, self.count))
            index = here if self.order is None else self.order[here]
            x = self.rows.x[index]
            out = np.empty((len(x), *network.output_shape), network.element)
            plan = network.plan(None, self.batch, self._runs)
            plan.forward(params, stats, x, None, None, step, len(x), out, None)
            weight = self.rows.weight
            return self.rows.y[index], out, None if weight is None else weight[index]

        return outputs


def slices(network: Network, rows: int, batch: int = 0) -> list[tuple[int, int]]:
    """Cut rows into batches, or so that each part takes the core a moment.

    The second depends on shapes alone.
    """
    if 0 < rows <= (batch or _FEW):
        return [(0, rows)]
    size = batch or max(_FEW, int(_SLICE_FLOPS / max(network.flops, 1.0)))
    return [(a, min(a + size, rows)) for a in range(0, rows, size)]
