# SPDX-License-Identifier: BSD-3-Clause
"""What a model can do with data: fit, evaluate, predict."""

import sys
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from pynn import config
from pynn._batchwise import Batchwise
from pynn._checks import flag, integer
from pynn._exam import Exam, batches, predict_rows
from pynn._feed import Feed, alone, is_feed
from pynn._fit import DivergenceWarning, Fit
from pynn._run import Run
from pynn._stepper import start
from pynn._stream import Stream
from pynn._variables import Array
from pynn.callbacks import CallbackList, History
from pynn.data import user_level
from pynn.predictor import Predictor

__all__ = ["DivergenceWarning", "Trainer"]


class Trainer(Batchwise):
    """Training, evaluation and prediction of a layer that is a model."""

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool | str = True,
        class_weight: dict[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Sequence[int] = 1,
        *,
        max_seconds: float | None = None,
    ) -> History:
        """Train.

        Parameters
        ----------
        x : array_like (n, ...), or iterable of batches
            Numbers of any type and memory layout, data frames included; neither changed
            nor kept. Or something that gives batches ``(x, y)`` or ``(x, y,
            sample_weight)``: a generator, a loader, an object with a length and ``[i]``
            as `utils.PyDataset`.
        y : array_like (n, ...)
            Shaped as the output, or one class number per sample for sparse losses.
        batch_size : int, optional
            Rows per step, 32 unless given; the last batch of an epoch may be smaller.
        epochs, initial_epoch : int
            Number of the epoch to stop before, and of the one to start with.
        verbose : "auto", 0, 1 or 2
            Nothing, a progress bar, or a line per epoch.
        callbacks : list of Callback, optional
        validation_split : float
            Share of the rows, taken off the end before shuffling, to validate on.
        validation_data : tuple or iterable of batches, optional
            ``(x, y)`` or ``(x, y, sample_weight)``; overrides the split. A generator is
            validated on its first two batches each time, and then on the next ones.
        shuffle : bool or "batch"
            Permute the rows anew in each epoch, or whole batches of neighbours. Batches
            that come from a generator stay in its order.
        class_weight : dict, optional
            Weight of the samples of a class; others weigh 1.
        sample_weight : array_like (n,), optional
            The loss of a batch is ``sum(weight * loss) / rows``.
        steps_per_epoch : int, optional
            Steps after which an epoch ends; the next one goes on where it stopped.
            Without `batch_size` it cuts arrays into so many batches.
        validation_steps : int, optional
            How many batches to validate on.
        validation_batch_size : int, optional
            Rows of a validation step; results do not depend on it.
        validation_freq : int or list of int
            Validate in every n-th epoch, or in the given ones (the first is 1).
        max_seconds : float, optional
            Stop after this time, within an epoch if need be; its averages are then
            those of the steps that were taken.

        Returns
        -------
        History
            Loss and metrics of each epoch, averaged over its rows as they were when
            their batch was trained on.

        Raises
        ------
        ValueError
            If an argument does not fit; the model is as before.
        """
        self._needs_compile("fit")
        steps = _steps(steps_per_epoch, "fit: steps_per_epoch")
        judged = validation_data is not None or not _is_zero(validation_split)
        exam_steps = (_steps if judged else _count)(
            validation_steps, "fit: validation_steps"
        )
        asked = _count(batch_size, "fit: batch_size")
        size = _count(validation_batch_size, "fit: validation_batch_size")
        run, exam = self._prepare_fit(
            (x, y, sample_weight, class_weight),
            (validation_data, validation_split),
            (asked, size or asked or 32),
            (steps, exam_steps),
            shuffle,
        )
        most = config.max_epochs()
        span = initial_epoch, _limited(epochs, most, "fit: epochs")
        plan = Fit(span, verbose, validation_freq, exam, max_seconds)
        return plan.run(self, run, callbacks)

    def _prepare_fit(
        self,
        data: tuple[Any, Any, Any, Any],
        validation: tuple[Any, Any],
        batch: tuple[int | None, int],
        steps: tuple[int | None, int | None],
        shuffle: Any,
    ) -> tuple[Run | Stream, Exam | None]:
        """Check all data; return the training of them, and what to validate on."""
        x, y, weight, by_class = data
        held_out, split = validation
        order = _order(shuffle)
        parted = held_out is None and not _is_zero(split)
        run: Run | Stream
        exam = None
        if is_feed(x):
            alone("fit", y, weight)
            if parted:
                raise ValueError("fit: validation_split needs arrays, not batches")
            run = Stream(self, Feed(x, order > 0), steps[0], by_class)
        else:
            rows = self._rows(x, y, weight, by_class)
            optimizer, objective = self._needs_compile("fit")
            if parted:
                rows, rest = rows.split(split, objective.takes_labels)
                exam = Exam(rest, batch[1], steps[1])
        if held_out is not None:
            exam = self._exam(held_out, batch[1], steps[1])
        if not is_feed(x):
            size = batch[0] or _size(len(rows.x), steps[0])
            network = self.network_for(rows.x)
            goal = objective.goal(rows.y, network.output_shape)
            run = start(network, goal, optimizer, rows, size, order, steps[0])
        return run, exam

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Return loss and metrics on data, averaged over the rows.

        Parameters
        ----------
        x, y, sample_weight
            As for `fit`.
        batch_size : int, optional
            Rows of a step; results do not depend on it.
        verbose : "auto", 0, 1 or 2
        steps : int, optional
            How many batches to take; all unless given.
        callbacks : list of Callback, optional
        return_dict : bool
            Return a dict instead of a list.

        Returns
        -------
        float, list or dict
            The loss alone when there are no metrics, else ``[loss, metric, ...]`` in
            the order of `compile`.
        """
        self._needs_compile("evaluate")
        asked = _steps(steps, "evaluate: steps")
        batch = _count(batch_size, "evaluate: batch_size")
        if is_feed(x):
            exam = self._exam((x, y, sample_weight), 32, asked, "evaluate")
        else:
            rows = self._rows(x, y, sample_weight)
            exam = Exam(rows, batch or _size(len(rows.x), asked), asked)
        hooks = CallbackList.for_call(self, callbacks, verbose, steps=exam.total)
        self.reset_metrics()
        return _reported(exam.run(self, hooks), return_dict)

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Array:
        """Return the outputs for all rows of `x`, as an array (n, ...).

        Parameters
        ----------
        x : array_like (n, ...), or iterable of batches
            Of a batch ``(x, y)``, only the first is looked at.
        batch_size : int, optional
            Rows of a step; results do not depend on it.
        verbose : "auto", 0, 1 or 2
            "auto" shows a bar on a terminal only.
        steps : int, optional
            How many batches to take; all unless given.
        callbacks : list of Callback, optional
        """
        asked = _steps(steps, "predict: steps")
        batch = _count(batch_size, "predict: batch_size")
        if verbose == "auto":
            verbose = int(sys.stdout is not None and sys.stdout.isatty())
        if is_feed(x):
            return self._predict_feed(Feed(x), asked, verbose, callbacks)
        array, _ = self._checked_input(x)
        network = self.network_for(array)
        size = batch or _size(len(array), asked)
        array = array if asked is None else array[: asked * size]
        if callbacks is None and verbose == 0:
            return predict_rows(network, array, None, size)
        total = -(-len(array) // size)
        hooks = CallbackList.for_call(self, callbacks, verbose, steps=total)
        hooks.on_predict_begin()
        out = predict_rows(network, array, hooks, size)
        hooks.on_predict_end()
        return out

    def _predict_feed(
        self, feed: Feed, steps: int | None, verbose: Any, callbacks: Any
    ) -> Array:
        total = steps if steps is not None else feed.steps
        hooks = CallbackList.for_call(self, callbacks, verbose, steps=total)
        hooks.on_predict_begin()
        found = []
        for i, batch in enumerate(batches(feed, steps)):
            hooks.on_predict_batch_begin(i)
            found.append(self.predict_on_batch(batch.x))
            hooks.on_predict_batch_end(i, {"outputs": found[-1]})
            hooks.progress(i + 1, {})
        hooks.on_predict_end()
        if not found:
            raise ValueError("predict: x gives no batches")
        return np.concatenate(found)

    def predictor(self, max_batch: int = 1) -> Predictor:
        """Return the model prepared for calls with few rows.

        Parameters
        ----------
        max_batch : int
            Most samples of a call.

        Returns
        -------
        Predictor
            It follows the weights of this model; see there.

        Raises
        ------
        ValueError
            If the shape of the input is not known yet, or something in the model is
            written in Python.
        """
        rows = integer(max_batch, "predictor: max_batch", 1)
        if not self.built:
            raise ValueError(
                f"{self.name!r}: call build(...), or give it an Input, before"
                " predictor(...)"
            )
        return Predictor.of(self.network_for(None), rows)


def _count(value: Any, where: str) -> int | None:
    """Return a number of things that may be left open."""
    return None if value is None else integer(value, where, 1)


def _steps(value: Any, where: str) -> int | None:
    """Return a number of steps that may be left open, below the limit that is set."""
    most = config.max_steps_per_epoch()
    steps: int | None = _limited(_count(value, where), most, where)
    return steps


def _limited(asked: Any, most: int | None, where: str) -> Any:
    """Return `most`, with a warning, in place of more or of no limit at all."""
    if most is None or (asked is not None and integer(asked, where, 0) <= most):
        return asked
    warnings.warn(f"{where}: limited to {most} by config", stacklevel=user_level())
    return most


def _size(rows: int, steps: int | None) -> int:
    """Return the rows of a step when nobody says how many."""
    return 32 if steps is None else max(-(-rows // steps), 1)


def _is_zero(split: Any) -> bool:
    return isinstance(split, int | float) and split == 0


def _order(shuffle: Any) -> int:
    """Return the number that the core knows an order by; see `Run`."""
    if isinstance(shuffle, str) and shuffle == "batch":
        return 2
    return int(flag(shuffle, 'fit: shuffle (or "batch")'))


def _reported(values: dict[str, Any], as_dict: bool) -> Any:
    if as_dict:
        return dict(sorted(values.items()))
    return list(values.values()) if len(values) > 1 else values["loss"]
