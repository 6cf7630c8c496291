# SPDX-License-Identifier: BSD-3-Clause
"""What a model can do with one batch: a step, its loss, outputs, gradients."""

from typing import Any

import numpy as np

from pynn._checks import flag
from pynn._exam import evaluate_rows
from pynn._filed import Filed
from pynn._stepper import slopes
from pynn._variables import Array
from pynn.data import READABLE, as_rows, as_weights


class Batchwise(Filed):
    """The methods of a model that take one batch."""

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
            As `evaluate`: loss and metrics of these rows, before the step.
        """
        _, objective = self._needs_compile("train_on_batch")
        rows = self._rows(x, y, sample_weight, class_weight)
        objective.reset()
        run = self._single(rows)
        sums = run.new_sums()
        outputs = run.watch() if objective.python else None
        run.advance(sums)
        run.network.epoch -= 1  # a step is no epoch
        if outputs is not None:
            objective.update_python(*outputs())
        objective.note(sums[0], run.count)
        return objective.report(return_dict)

    def test_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Return loss and metrics of all given rows, as `evaluate` does."""
        _, objective = self._needs_compile("test_on_batch")
        rows = self._rows(x, y, sample_weight)
        objective.reset()
        objective.note(evaluate_rows(self, rows, None, len(rows.x)), len(rows.x))
        return objective.report(return_dict)

    def reset_metrics(self) -> None:
        """Forget what `get_metrics_result` tells of."""
        if self._objective is not None:
            self._objective.reset()

    def get_metrics_result(self) -> dict[str, Any]:
        """Return loss and metrics of the last epoch, evaluation or batch, by name."""
        _, objective = self._needs_compile("get_metrics_result")
        return objective.now()

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> float:
        """Return the loss of predictions and the penalties on weights.

        Parameters
        ----------
        x
            Known from Keras; not looked at, so that penalties on outputs are left out.
        y, y_pred : array_like (n, ...)
        sample_weight : array_like (n,), optional
        training : bool
            Known from Keras; changes nothing.
        """
        _, objective = self._needs_compile("compute_loss")
        if y is None or y_pred is None:
            raise ValueError("compute_loss: expected y and y_pred")
        out = as_rows(y_pred, "y_pred")
        target = objective.target(y, len(out), out.shape[1:])
        assert objective.loss is not None
        weight = as_weights(sample_weight, len(out))
        value = objective.loss(objective.turned_back(target), out, weight)
        return float(value) + sum(self.losses)

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> dict[str, Any]:
        """Let the metrics see predictions; return what `get_metrics_result` does.

        Parameters
        ----------
        x
            Known from Keras; not looked at.
        y, y_pred : array_like (n, ...)
        sample_weight : array_like (n,), optional
            For the weighted metrics.
        """
        del x
        _, objective = self._needs_compile("compute_metrics")
        out = as_rows(y_pred, "y_pred")
        target = objective.target(y, len(out), out.shape[1:])
        objective.update(target, out, as_weights(sample_weight, len(out)))
        return objective.now()

    def gradients(
        self,
        x: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        input_gradient: bool = False,
        training: bool = True,
    ) -> Any:
        """Return the loss and its gradients, without changing anything.

        They are those that the next `train_on_batch` on these data would use: dropout
        takes the masks of that step.

        Parameters
        ----------
        x, y, sample_weight
            As for `fit`.
        input_gradient : bool
            Whether to return the gradient of `x` too.
        training : bool
            False leaves out dropout and what else acts in training only.

        Returns
        -------
        loss : float
            Averaged over the rows.
        gradients : list of array
            Shaped as `trainable_weights`, of their type.
        gradient : array (n, ...)
            Of the input, if asked for.
        """
        optimizer, objective = self._needs_compile("gradients")
        rows = self._rows(x, y, sample_weight)
        network = self.network_for(rows.x)
        goal = objective.goal(rows.y, network.output_shape)
        slope = flag(input_gradient, "gradients: input_gradient")
        alive = flag(training, "gradients: training")
        loss, flat, dx = slopes(network, goal, rows, optimizer.batches, slope, alive)
        found = [w.view(flat).copy() for w in self.trainable_weights]
        return (loss, found, dx) if slope else (loss, found)

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
