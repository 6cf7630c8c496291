# SPDX-License-Identifier: BSD-3-Clause
"""The loop over epochs, and evaluation of checked rows."""

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pynn._checks import integer
from pynn._network import Network
from pynn._run import Rows, Run, slices
from pynn._variables import Array
from pynn.callbacks import CallbackList, History
from pynn.data import user_level

if TYPE_CHECKING:
    from pynn.training import Trainer

_EPOCHS_PER_CALL = 4096


class DivergenceWarning(RuntimeWarning):
    """The loss stopped being a finite number."""


class Fit:
    """What `fit` was asked to do, apart from the data."""

    def __init__(
        self,
        *,
        epochs: int,
        start: int,
        batch: int,
        shuffle: bool,
        verbose: Any,
        frequency: int | Sequence[int],
    ) -> None:
        self.epochs, self.start, self.batch = epochs, start, batch
        self.shuffle, self.verbose = shuffle, verbose
        self.frequency = _frequency(frequency)
        self.warned = False

    def run(
        self, model: "Trainer", rows: Rows, validation: Rows | None, callbacks: Any
    ) -> History:
        """Train `model`; whatever interrupts this leaves it as the last step did."""
        optimizer, objective = model._needs_compile("fit")
        network = model.network_for(rows.x)
        goal = objective.goal(rows.y, network.output_shape)
        run = Run(network, goal, optimizer, rows, self.batch, self.shuffle)
        hooks = CallbackList.for_fit(
            model, callbacks, self.verbose, epochs=self.epochs, steps=run.steps
        )
        history = hooks.history
        assert history is not None
        model.history, model.stop_training = history, False
        model.reset_metrics()
        hooks.on_train_begin()
        watched = validation is not None or len(hooks.callbacks) > 1
        try:
            if not (watched or objective.python) and type(history) is History:
                self._free(model, run, history)
            else:
                self._epochs(model, run, validation, hooks)
        finally:
            run.close()
        hooks.on_train_end()
        return history

    def _free(self, model: "Trainer", run: Run, history: History) -> None:
        """Train with nobody watching: many epochs in one call of the core."""
        _, objective = model._needs_compile("fit")
        epoch = self.start
        while epoch < self.epochs:
            sums = run.new_sums(min(self.epochs - epoch, _EPOCHS_PER_CALL))
            done = 0
            try:
                while done < len(sums):
                    done += self._advance(run, sums[done:], epoch + done)
            finally:
                history.epoch.extend(range(epoch, epoch + done))
                for name, column in objective.columns(sums[:done], run.count).items():
                    history.history.setdefault(name, []).extend(column)
            epoch += done

    def _epochs(
        self, model: "Trainer", run: Run, validation: Rows | None, hooks: CallbackList
    ) -> None:
        _, objective = model._needs_compile("fit")
        for epoch in range(self.start, self.epochs):
            hooks.on_epoch_begin(epoch)
            objective.reset_python()
            sums = run.new_sums()
            finished = False
            while not finished and not model.stop_training:
                finished = self._slice(model, run, sums, epoch, hooks)
            rows = run.position or run.count
            logs: dict[str, Any] = objective.finish(sums[0], rows)
            run.close()
            if validation is not None and self._validates(epoch):
                logs |= self._validate(model, validation, hooks)
            hooks.on_epoch_end(epoch, dict(sorted(logs.items())))
            if model.stop_training:
                break

    def _slice(
        self, model: "Trainer", run: Run, sums: Array, epoch: int, hooks: CallbackList
    ) -> bool:
        """Train for a moment, or a step if a callback wants to see each."""
        _, objective = model._needs_compile("fit")
        before = run.position
        step = before // run.batch
        if hooks.train_batches:
            hooks.on_train_batch_begin(step)
        if objective.python:
            outputs = run.watch()
            finished = self._advance(run, sums, epoch, 1) == 1
            objective.update_python(*outputs())
        else:
            limit = 1 if hooks.train_batches else 0
            finished = self._advance(run, sums, epoch, limit) == 1
        seen = run.count if finished else run.position
        if hooks.train_batches:
            hooks.on_train_batch_end(step, objective.finish(sums[0], seen))
        if hooks.shows_progress:
            logs = objective.finish(sums[0], seen)
            hooks.progress(-(-seen // run.batch), dict(sorted(logs.items())))
        return finished

    def _advance(self, run: Run, sums: Array, epoch: int, max_steps: int = 0) -> int:
        """Advance, and say once when the loss is no longer finite."""
        step = run.position // run.batch
        done, bad = run.advance(sums, max_steps)
        if bad >= 0 and not self.warned:
            self.warned = True
            later, number = divmod(step + bad, run.steps)
            warnings.warn(
                f"the loss is not finite from epoch {epoch + later + 1}, step"
                f" {number + 1} of {run.steps} on: scale the inputs, check them for"
                " NaN, or lower the learning rate",
                DivergenceWarning,
                stacklevel=user_level(),
            )
        return done

    def _validates(self, epoch: int) -> bool:
        if isinstance(self.frequency, int):
            return (epoch + 1) % self.frequency == 0
        return epoch + 1 in self.frequency

    def _validate(
        self, model: "Trainer", rows: Rows, hooks: CallbackList
    ) -> dict[str, Any]:
        _, objective = model._needs_compile("fit")
        hooks.on_test_begin()
        objective.reset_python()
        sums = evaluate_rows(model, rows, hooks, self.batch)
        values = objective.finish(sums, len(rows.x))
        hooks.on_test_end(values)
        return {f"val_{name}": value for name, value in values.items()}


def _frequency(value: Any) -> int | list[int]:
    if isinstance(value, list | tuple | set):
        return [integer(v, "fit: validation_freq", 1) for v in value]
    return integer(value, "fit: validation_freq", 1)


def evaluate_rows(
    model: "Trainer", rows: Rows, hooks: CallbackList | None = None, batch: int = 32
) -> Array:
    """Return the core's sums over all rows; the other metrics take them in.

    `batch` matters only when a callback of `hooks` wants to see batches.
    """
    _, objective = model._needs_compile("evaluate")
    network = model.network_for(rows.x)
    plan = network.plan(objective.goal(rows.y, network.output_shape))
    sums = np.zeros(plan.n_sums)
    watched = hooks is not None and hooks.test_batches
    for i, (a, b) in enumerate(slices(network, len(rows.x), batch if watched else 0)):
        if hooks is not None and watched:
            hooks.on_test_batch_begin(i)
        plan.evaluate(network.store.vector, network.stats, *rows, a, b - a, sums)
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
