# SPDX-License-Identifier: BSD-3-Clause
"""Evaluation and prediction: of checked rows, and of batches as they come."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pynn._feed import Batch, Feed, warn_of_the_end
from pynn._network import Network
from pynn._run import Rows, slices
from pynn._variables import Array
from pynn.callbacks import CallbackList

if TYPE_CHECKING:
    from pynn._compilable import Compilable


class Exam(NamedTuple):
    """Data to judge a model by: rows, or a feed of batches.

    `batch` matters only for rows whose number `steps` limits, when a callback wants to
    see batches, and when the loss of a batch is no mean over its rows.
    """

    data: Rows | Feed
    batch: int
    steps: int | None = None

    @property
    def total(self) -> int | None:
        """How many steps there are, if that is known."""
        if isinstance(self.data, Feed):
            return self.steps if self.steps is not None else self.data.steps
        found = -(-len(self.data.x) // self.batch)
        return found if self.steps is None else min(found, self.steps)

    def run(self, model: "Compilable", hooks: CallbackList) -> dict[str, Any]:
        """Return loss and metrics."""
        _, objective = model._needs_compile("evaluate")
        hooks.on_test_begin()
        objective.reset_python()
        if isinstance(self.data, Feed):
            sums, rows = self._batches(model, hooks)
        else:
            data = self.data.part(0, self._limit(len(self.data.x)))
            sums, rows = evaluate_rows(model, data, hooks, self.batch), len(data.x)
        objective.note(sums, rows)
        values = objective.finish(sums, rows)
        hooks.on_test_end(dict(sorted(values.items())))
        return values

    def _limit(self, rows: int) -> int:
        if self.steps is None:
            return rows
        found = -(-rows // self.batch)
        if found < self.steps:
            warn_of_the_end(self.steps, found)
        return min(rows, self.steps * self.batch)

    def _batches(self, model: "Compilable", hooks: CallbackList) -> tuple[Array, int]:
        _, objective = model._needs_compile("evaluate")
        sums: Any = 0.0
        rows = 0
        for i, batch in enumerate(batches(self.data, self.steps)):
            if hooks.test_batches:
                hooks.on_test_batch_begin(i)
            part = model._rows(*batch)
            sums = sums + evaluate_rows(model, part, None, len(part.x))
            rows += len(part.x)
            if hooks.test_batches:
                hooks.on_test_batch_end(i, objective.finish(sums, rows))
        if not rows:
            raise ValueError("x gives no batches")
        return sums, rows


def batches(feed: Any, steps: int | None) -> Iterator[Batch]:
    """Give the batches of a pass over a feed, or the next `steps` of them."""
    feed.rewind()
    feed.tell("on_epoch_begin")
    taken = 0
    while steps is None or taken < steps:
        batch = feed.take()
        if batch is None:
            break
        taken += 1
        yield batch
    if steps is not None and taken < steps:
        warn_of_the_end(steps, taken)
    feed.tell("on_epoch_end")


def evaluate_rows(
    model: "Compilable", rows: Rows, hooks: CallbackList | None = None, batch: int = 32
) -> Array:
    """Return the core's sums over all rows; the other metrics take them in.

    `batch` matters when a callback of `hooks` wants to see batches, or the loss of a
    batch is no mean over its rows.
    """
    _, objective = model._needs_compile("evaluate")
    network = model.network_for(rows.x)
    goal = objective.goal(rows.y, network.output_shape)
    plan = network.plan(goal)
    sums, penalty = np.zeros(plan.n_sums), network.penalty()
    weight = goal.weights(rows.y, rows.weight, batch)
    watched = hooks is not None and hooks.test_batches
    size = batch if watched or getattr(plan, "by_batch", False) else 0
    for i, (a, b) in enumerate(slices(network, len(rows.x), size)):
        if hooks is not None and watched:
            hooks.on_test_batch_begin(i)
        plan.evaluate(
            network.store.vector, network.stats, rows.x, rows.y, weight, a, b - a, sums
        )
        sums[0] += penalty * (b - a)
        if objective.python:
            part = rows.part(a, b)
            out = np.empty((b - a, *network.output_shape), network.element)
            network.predict(rows.x, a, b - a, out)
            objective.update_python(part.y, out, part.weight)
        if hooks is not None and watched:
            hooks.on_test_batch_end(i, objective.finish(sums, b))
    return sums


def predict_rows(
    network: Network, x: Array, hooks: CallbackList | None, batch: int
) -> Array:
    """Return the outputs for all rows; `batch` as in `evaluate_rows`."""
    out = np.empty((len(x), *network.output_shape), network.element)
    watched = hooks is not None and hooks.predict_batches
    for i, (a, b) in enumerate(slices(network, len(x), batch if watched else 0)):
        if hooks is not None and watched:
            hooks.on_predict_batch_begin(i)
        network.predict(x, a, b - a, out[a:b])
        if hooks is not None and watched:
            hooks.on_predict_batch_end(i, {"outputs": out[a:b]})
        if hooks is not None:
            hooks.progress(-(-b // batch), {})
    return out
