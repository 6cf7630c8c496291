# SPDX-License-Identifier: BSD-3-Clause
"""The loop over epochs, and evaluation of checked rows."""

import warnings
from collections.abc import Sequence
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Any

from pynn._checks import integer, real
from pynn._compiled import Objective
from pynn._exam import Exam
from pynn._run import SLICE_SECONDS, Run, Standing
from pynn._stream import Stream
from pynn._variables import Array
from pynn.callbacks import CallbackList, History
from pynn.data import user_level

if TYPE_CHECKING:
    from pynn.training import Trainer

_EPOCHS_PER_CALL = 4096


class DivergenceWarning(RuntimeWarning):
    """The loss stopped being a finite number."""


class Fit:
    """What `fit` was asked to do, apart from the data to train on."""

    def __init__(
        self,
        span: tuple[int, int],
        verbose: Any,
        frequency: int | Sequence[int],
        validation: Exam | None,
        seconds: float | None,
    ) -> None:
        self.start = integer(span[0], "fit: initial_epoch", 0)
        self.epochs = integer(span[1], "fit: epochs", 0)
        self.verbose = verbose
        self.frequency = _frequency(frequency)
        self.validation = validation
        if seconds is not None:
            seconds = real(seconds, "fit: max_seconds", "(0, inf)")
        self.end = inf if seconds is None else monotonic() + seconds
        self.warned = False
        self.logs: dict[str, Any] = {}  # of the last epoch
        self._begun: Objective | None = None

    def run(self, model: "Trainer", run: "Run | Stream", callbacks: Any) -> History:
        """Train `model`; whatever interrupts this leaves it as the last step did."""
        optimizer, _ = model._needs_compile("fit")
        objective = self._objective(model)
        hooks = CallbackList.for_fit(
            model, callbacks, self.verbose, epochs=self.epochs, steps=run.steps
        )
        history = hooks.history
        assert history is not None
        model.history, model.stop_training = history, False
        model.reset_metrics()
        model._resumed = None
        hooks.on_train_begin()
        watched = self.validation is not None or len(hooks.callbacks) > 1
        try:
            if (
                isinstance(run, Run)
                and run.whole
                and not (watched or objective.python)
                and type(history) is History
            ):
                self._free(objective, run, history)
            else:
                self._epochs(model, run, hooks)
        finally:
            run.close()
            model._standing = model._resumed = None
        if self.epochs > self.start:
            optimizer.finalize_variable_values(model.trainable_weights)
        hooks.on_train_end(self.logs)
        return history

    @property
    def _seconds(self) -> float:
        """How long the next call of the core may take."""
        return min(SLICE_SECONDS, self.end - monotonic())

    def _free(self, objective: Objective, run: Run, history: History) -> None:
        """Train with nobody watching: many epochs in one call of the core."""
        epoch = self.start
        while epoch < self.epochs:
            sums = run.new_sums(min(self.epochs - epoch, _EPOCHS_PER_CALL))
            done, late = 0, False
            try:
                while done < len(sums) and not late:
                    done += self._advance(run, sums[done:], epoch + done)
                    late = monotonic() >= self.end
            finally:
                rows = [run.count] * done
                if late and run.position:
                    rows.append(run.position)
                    done += 1
                history.epoch.extend(range(epoch, epoch + done))
                for name, column in objective.columns(sums[:done], rows).items():
                    history.history.setdefault(name, []).extend(column)
                if done:
                    objective.note(sums[done - 1], rows[-1])
            if late:
                break
            epoch += done

    def _epochs(
        self, model: "Trainer", run: "Run | Stream", hooks: CallbackList
    ) -> None:
        objective = self._objective(model)
        for epoch in range(self._first(model, run), self.epochs):
            if not run.begin():
                break
            hooks.on_epoch_begin(epoch)
            objective.reset_python()
            sums = run.new_sums()
            model._standing = Standing(epoch, run, sums)
            if model._resumed is not None:
                run.enter(model._resumed, sums)
                model._resumed = None
            finished = False
            while not finished and not (model.stop_training and run.step):
                finished = self._slice(model, run, sums, epoch, hooks)
            logs: dict[str, Any] = objective.finish(sums[0], run.seen)
            objective.note(sums[0], run.seen)
            run.end_epoch()
            if self.validation is not None and self._validates(epoch):
                logs |= self._validate(model, self.validation, hooks)
            self.logs = dict(sorted(logs.items()))
            hooks.on_epoch_end(epoch, dict(self.logs))
            if model.stop_training:
                break

    def _objective(self, model: "Trainer") -> Objective:
        """Return what this training began with; RuntimeError if it was replaced."""
        if self._begun is None:
            _, self._begun = model._needs_compile("fit")
        if model._objective is not self._begun:
            raise RuntimeError("compile(...) was called while fit(...) ran")
        return self._begun

    def _first(self, model: "Trainer", run: "Run | Stream") -> int:
        """Return the epoch to begin with, after going to where it was left."""
        if model._resumed is None:
            return self.start
        run.resume(model._resumed)
        return integer(model._resumed["epoch"], "epoch of the backup", 0)

    def _slice(
        self,
        model: "Trainer",
        run: "Run | Stream",
        sums: Array,
        epoch: int,
        hooks: CallbackList,
    ) -> bool:
        """Train for a moment, or a step if a callback wants to see each."""
        objective = self._objective(model)
        step = run.step
        if hooks.train_batches:
            hooks.on_train_batch_begin(step)
        if objective.python:
            outputs = run.watch()
            finished = self._advance(run, sums, epoch, 1) == 1
            objective.update_python(*outputs())
        else:
            limit = 1 if hooks.train_batches else 0
            finished = self._advance(run, sums, epoch, limit) == 1
        if hooks.train_batches:
            hooks.on_train_batch_end(step, objective.finish(sums[0], run.seen))
        if hooks.shows_progress:
            logs = objective.finish(sums[0], run.seen)
            taken = run.steps if finished and run.steps else run.step
            hooks.progress(taken, dict(sorted(logs.items())))
        if monotonic() >= self.end:
            model.stop_training = True
        return finished

    def _advance(
        self, run: "Run | Stream", sums: Array, epoch: int, max_steps: int = 0
    ) -> int:
        """Advance, and say once when the loss is no longer finite."""
        step = run.step
        done, bad = run.advance(sums, max_steps, self._seconds)
        if bad >= 0 and not self.warned:
            self.warned = True
            later, number = divmod(step + bad, run.steps or step + bad + 1)
            of = f" of {run.steps}" if run.steps else ""
            warnings.warn(
                f"the loss is not finite from epoch {epoch + later + 1}, step"
                f" {number + 1}{of} on: scale the inputs, check them for"
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
        self, model: "Trainer", exam: Exam, hooks: CallbackList
    ) -> dict[str, Any]:
        self._objective(model)
        values = exam.run(model, hooks)
        return {f"val_{name}": value for name, value in values.items()}


def _frequency(value: Any) -> int | list[int]:
    if isinstance(value, list | tuple | set):
        return [integer(v, "fit: validation_freq", 1) for v in value]
    return integer(value, "fit: validation_freq", 1)
