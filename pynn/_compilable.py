# SPDX-License-Identifier: BSD-3-Clause
"""What a model was told by `compile`, and whether data fit it."""

from typing import Any

from pynn import optimizers
from pynn._compiled import Objective
from pynn._exam import Exam
from pynn._feed import Feed, alone, is_feed
from pynn._network import Network
from pynn._run import Rows, Run, Standing
from pynn._stepper import single
from pynn._variables import Array
from pynn.callbacks import History
from pynn.data import as_input, as_rows, as_weights, class_weights, validation_triple
from pynn.layers.base import Layer, Shape
from pynn.metrics import Metric
from pynn.optimizers import Optimizer


class Compilable(Layer):
    """A layer that can be told how to train, and that checks data."""

    _network: Network | None
    _stale: bool

    def _start_training(self) -> None:
        self.optimizer: Optimizer | None = None
        self.history: History | None = None
        self.stop_training = False
        self._standing: Standing | None = None  # of the `fit` that is under way
        self._resumed: dict[str, Any] | None = None  # where it goes on, if not afresh
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
            weights = class_weights(by_class, target, target.ndim <= len(output))
        return Rows(array, target, weights)

    def _single(self, rows: Rows) -> Run:
        """Return a run of one step on all `rows`."""
        optimizer, objective = self._needs_compile("fit")
        network = self.network_for(rows.x)
        goal = objective.goal(rows.y, network.output_shape)
        return single(network, goal, optimizer, rows)

    def _exam(
        self, data: Any, batch: int, steps: int | None, call: str = "validation_data"
    ) -> Exam:
        """Return what to judge the model by: a feed, ``(x, y)`` or ``(x, y, w)``.

        Validation begins with the first two batches of a generator each time, as in
        Keras, which looks at them to learn the shapes.
        """
        kept = 2 if call == "validation_data" else 0
        if is_feed(data):
            return Exam(Feed(data, kept=kept), batch, steps)
        x, y, weight = validation_triple(data)
        if is_feed(x):
            alone(call, y, weight)
            return Exam(Feed(x, kept=kept), batch, steps)
        rows = self._rows(x, y, weight)
        return Exam(rows, batch, steps)
