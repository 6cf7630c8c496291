# SPDX-License-Identifier: BSD-3-Clause
"""What a model can do with data: compile, fit, evaluate, predict."""

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from pynn import optimizers
from pynn._checks import flag, integer
from pynn._compiled import Objective
from pynn._fit import DivergenceWarning, Fit, evaluate_rows, predict_rows
from pynn._network import Network
from pynn._run import Rows, Run
from pynn._variables import Array
from pynn.callbacks import CallbackList, History
from pynn.data import (
    READABLE,
    as_input,
    as_rows,
    as_weights,
    class_weights,
    validation_triple,
)
from pynn.layers.base import Layer, Shape
from pynn.metrics import Metric
from pynn.optimizers import Optimizer

__all__ = ["DivergenceWarning", "Trainer"]


class Trainer(Layer):
    """Training, evaluation and prediction of a layer that is a model."""

    _network: Network | None
    _stale: bool

    def _start_training(self) -> None:
        self.optimizer: Optimizer | None = None
        self.history: History | None = None
        self.stop_training = False
        self._objective: Objective | None = None
        self._compile_config: dict[str, Any] | None = None

    # ---- compile

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: None = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Say how to train; what was said before is forgotten, the weights are kept.

        Parameters
        ----------
        optimizer : str, dict or Optimizer
            One that was used by this model before goes on where it stopped.
        loss : str, callable or Loss
        loss_weights : None
            Known from Keras; there is one loss.
        metrics, weighted_metrics : list, tuple or dict, optional
            Names, functions or objects; the second take sample weights into account.
        run_eagerly, steps_per_execution, jit_compile, auto_scale_loss
            Accepted for Keras's sake; they change nothing.

        Raises
        ------
        ValueError
            If a name is unknown; the model is as before.
        """
        if loss_weights is not None:
            raise ValueError(
                "compile: loss_weights is not supported; there is one loss"
            )
        chosen = optimizers.get(optimizer)
        objective = Objective(loss, metrics, weighted_metrics)
        self.optimizer, self._objective = chosen, objective
        self._compile_config = {
            "loss": loss,
            "metrics": metrics,
            "weighted_metrics": weighted_metrics,
        }

    @property
    def compiled(self) -> bool:
        """Whether `compile` was called."""
        return self._objective is not None

    @property
    def loss(self) -> Any:
        """The loss as given to `compile`."""
        return self._compile_config and self._compile_config["loss"]

    @property
    def metrics(self) -> list[Metric]:
        """The metric objects; empty until data have been seen."""
        return self._objective.metrics if self._objective else []

    @property
    def metrics_names(self) -> list[str]:
        """ "loss" and the metrics in the order of `compile`."""
        return self._objective.names if self._objective else []

    def _needs_compile(self, call: str) -> tuple[Optimizer, Objective]:
        if self.optimizer is None or self._objective is None:
            raise ValueError(f"{self.name!r}: call compile(...) before {call}(...)")
        return self.optimizer, self._objective

    # ---- data

    def _entry(self) -> str:
        """Return what messages call the place that the input goes into."""
        return str(next(iter(self.layers), self))

    @property
    def layers(self) -> list[Layer]:
        """The layers of the model."""
        raise NotImplementedError

    def _checked_input(self, x: Any) -> tuple[Array, tuple[int, ...]]:
        """Return `x` checked, and the shape of one output; nothing is built."""
        network = self._network
        if network is not None and not self._stale:
            return as_input(x, network.input_shape, self._entry), network.output_shape
        if self.built:
            shape: Shape = self.input_shape
        else:
            shape = (None, *(as_rows(x, self._entry()).shape[1:] or (1,)))
        output = self.sample_shape(self.compute_output_shape(shape))
        return as_input(x, self.sample_shape(shape), self._entry), output

    def _rows(self, x: Any, y: Any, weight: Any, by_class: Any = None) -> Rows:
        """Return checked training data; nothing is built or kept."""
        assert self._objective is not None
        array, output = self._checked_input(x)
        if len(array) == 0:
            raise ValueError("x has no rows")
        target = self._objective.target(y, len(array), output)
        weights = as_weights(weight, len(array))
        if by_class is not None:
            if weights is not None:
                raise ValueError("give either class_weight or sample_weight, not both")
            weights = class_weights(by_class, target, target.shape[1:] != output)
        return Rows(array, target, weights)

    def _validation(
        self, rows: Rows, data: Any, split: Any
    ) -> tuple[Rows, Rows | None]:
        """Return the rows to train on and those to validate on."""
        if data is not None:
            x, y, weight = validation_triple(data)
            return rows, self._rows(x, y, weight)
        if isinstance(split, int | float) and split == 0:
            return rows, None
        labels = self._objective is not None and self._objective.takes_labels
        return rows.split(split, labels)

    # ---- fit

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


def _batch(call: str, batch_size: Any, steps: Any) -> int:
    """Return the checked batch size of `evaluate` or `predict`."""
    if steps is not None:
        raise ValueError(f"{call}: steps is not supported")
    return 32 if batch_size is None else integer(batch_size, f"{call}: batch_size", 1)
