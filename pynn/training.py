# SPDX-License-Identifier: BSD-3-Clause
"""What a model can do with data: fit, evaluate, predict."""

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from pynn._checks import flag, integer
from pynn._filed import Filed
from pynn._fit import DivergenceWarning, Fit, evaluate_rows, predict_rows
from pynn._run import Run
from pynn._variables import Array
from pynn.callbacks import CallbackList, History
from pynn.data import READABLE
from pynn.predictor import Predictor

__all__ = ["DivergenceWarning", "Trainer"]


class Trainer(Filed):
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
        shuffle: bool = True,
        class_weight: dict[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: None = None,
        validation_steps: None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Sequence[int] = 1,
    ) -> History:
        """Train.

        Parameters
        ----------
        x : array_like (n, ...)
            Numbers of any type and memory layout; neither changed nor kept.
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
        validation_data : tuple, optional
            ``(x, y)`` or ``(x, y, sample_weight)``; overrides the split.
        shuffle : bool
            Permute the rows anew in each epoch.
        class_weight : dict, optional
            Weight of the samples of a class; others weigh 1.
        sample_weight : array_like (n,), optional
            The loss of a batch is ``sum(weight * loss) / rows``.
        steps_per_epoch, validation_steps
            Known from Keras; only None is supported.
        validation_batch_size : int, optional
            Accepted for Keras's sake; results do not depend on it.
        validation_freq : int or list of int
            Validate in every n-th epoch, or in the given ones (the first is 1).

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
        if steps_per_epoch is not None or validation_steps is not None:
            raise ValueError("fit: steps_per_epoch and validation_steps: only None")
        batch = 32 if batch_size is None else integer(batch_size, "fit: batch_size", 1)
        if validation_batch_size is not None:
            integer(validation_batch_size, "fit: validation_batch_size", 1)
        plan = Fit(
            epochs=integer(epochs, "fit: epochs", 0),
            start=integer(initial_epoch, "fit: initial_epoch", 0),
            batch=batch,
            shuffle=flag(shuffle, "fit: shuffle"),
            verbose=verbose,
            frequency=validation_freq,
        )
        rows = self._rows(x, y, sample_weight, class_weight)
        train, validation = self._validation(rows, validation_data, validation_split)
        return plan.run(self, train, validation, callbacks)

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: dict[int, float] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """Take one step on all given rows.

        Returns
        -------
        float, list or dict
            As `evaluate`, averaged over all rows since `reset_metrics`.
        """
        optimizer, objective = self._needs_compile("train_on_batch")
        rows = self._rows(x, y, sample_weight, class_weight)
        network = self.network_for(rows.x)
        goal = objective.goal(rows.y, network.output_shape)
        run = Run(network, goal, optimizer, rows, len(rows.x), False)
        sums = run.new_sums()
        outputs = run.watch() if objective.python else None
        run.advance(sums)
        network.epoch -= 1  # a step is no epoch
        if outputs is not None:
            objective.update_python(*outputs())
        return objective.report(*objective.add(sums[0], len(rows.x)), return_dict)

    def test_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Evaluate all given rows; values are averaged since `reset_metrics`."""
        _, objective = self._needs_compile("test_on_batch")
        rows = self._rows(x, y, sample_weight)
        sums = evaluate_rows(self, rows)
        return objective.report(*objective.add(sums, len(rows.x)), return_dict)

    def reset_metrics(self) -> None:
        """Start the averages of `train_on_batch` and `test_on_batch` again."""
        if self._objective is not None:
            self._objective.reset()

    # ---- evaluate and predict

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: None = None,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Return loss and metrics on data, averaged over the rows.

        Parameters
        ----------
        x, y, sample_weight
            As for `fit`.
        batch_size : int, optional
            Accepted for Keras's sake; results do not depend on it.
        verbose : "auto", 0, 1 or 2
        steps
            Known from Keras; only None is supported.
        callbacks : list of Callback, optional
        return_dict : bool
            Return a dict instead of a list.

        Returns
        -------
        float, list or dict
            The loss alone when there are no metrics, else ``[loss, metric, ...]`` in
            the order of `compile`.
        """
        _, objective = self._needs_compile("evaluate")
        batch = _batch("evaluate", batch_size, steps)
        rows = self._rows(x, y, sample_weight)
        count = len(rows.x)
        hooks = CallbackList.for_call(
            self, callbacks, verbose, steps=-(-count // batch)
        )
        self.reset_metrics()
        hooks.on_test_begin()
        sums = evaluate_rows(self, rows, hooks, batch)
        hooks.on_test_end(objective.finish(sums, count))
        return objective.report(sums, count, return_dict)

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: None = None,
        callbacks: Any = None,
    ) -> Array:
        """Return the outputs for all rows of `x`, as an array (n, ...).

        Parameters
        ----------
        x : array_like (n, ...)
        batch_size : int, optional
            Accepted for Keras's sake; results do not depend on it.
        verbose : "auto", 0, 1 or 2
            "auto" shows a bar on a terminal only.
        steps
            Known from Keras; only None is supported.
        callbacks : list of Callback, optional
        """
        batch = _batch("predict", batch_size, steps)
        array, _ = self._checked_input(x)
        network = self.network_for(array)
        if verbose == "auto":
            verbose = int(sys.stdout is not None and sys.stdout.isatty())
        if callbacks is None and verbose == 0:
            return predict_rows(network, array, None, batch)
        steps_total = -(-len(array) // batch)
        hooks = CallbackList.for_call(self, callbacks, verbose, steps=steps_total)
        hooks.on_predict_begin()
        out = predict_rows(network, array, hooks, batch)
        hooks.on_predict_end()
        return out

    def predict_on_batch(self, x: Any) -> Array:
        """Return the outputs for all rows of `x`, with as little ado as possible."""
        network = self._network
        if (
            network is None
            or self._stale
            or type(x) is not np.ndarray
            or x.shape[1:] != network.input_shape
            or x.dtype not in READABLE
        ):
            x, _ = self._checked_input(x)
            network = self.network_for(x)
        rows = x.shape[0]
        out = np.empty((rows, *network.output_shape), network.element)
        network.predict(x, 0, rows, out)
        return out

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
            If the shape of the input is not known yet.
        """
        rows = integer(max_batch, "predictor: max_batch", 1)
        if not self.built:
            raise ValueError(
                f"{self.name!r}: call build(...), or give it an Input, before"
                " predictor(...)"
            )
        return Predictor.of(self.network_for(None), rows)


def _batch(call: str, batch_size: Any, steps: Any) -> int:
    """Return the checked batch size of `evaluate` or `predict`."""
    if steps is not None:
        raise ValueError(f"{call}: steps is not supported")
    return 32 if batch_size is None else integer(batch_size, f"{call}: batch_size", 1)
