# SPDX-License-Identifier: BSD-3-Clause
"""pynn, and Keras on JAX."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from workloads import NORM_EPSILON, NORM_MOMENTUM

from rivals.base import Rival, fastest

if TYPE_CHECKING:
    from workloads import Net, Optimizer


class Pynn(Rival):
    """This library: activations in the layers, losses by name, one `fit`."""

    needs = ("pynn",)

    def __init__(self, net: Net, optimizer: Optimizer | None, threads: int) -> None:
        super().__init__(net, optimizer, threads)
        import pynn

        pynn.utils.set_random_seed(1)
        self.model = self._model(pynn, net.output)
        self.call = self.model.predict_on_batch
        if optimizer:
            self.model.compile(optimizer=self._optimizer(pynn), loss=self._loss())

    def _model(self, library: Any, output: str | None) -> Any:
        layers, dense = library.layers, []
        parts = [library.Input((self.net.widths[0],))]
        for width, norm, rate in self.net.hidden:
            dense.append(layers.Dense(width, activation="relu"))
            parts.append(dense[-1])
            if norm:
                parts.append(
                    layers.BatchNormalization(
                        momentum=NORM_MOMENTUM, epsilon=NORM_EPSILON
                    )
                )
            if rate:
                parts.append(layers.Dropout(rate))
        dense.append(layers.Dense(self.net.widths[-1], activation=output))
        model = library.Sequential([*parts, dense[-1]])
        for layer, pair in zip(dense, self.net.weights(), strict=True):
            layer.set_weights(pair)
        return model

    def _optimizer(self, library: Any) -> Any:
        o = self.optimizer
        if o.name == "sgd":
            return library.optimizers.SGD(o.rate, momentum=o.momentum)
        return library.optimizers.Adam(o.rate, o.beta1, o.beta2, o.epsilon)

    def _loss(self) -> str:
        return {
            "bce": "binary_crossentropy",
            "ce": "sparse_categorical_crossentropy",
            "mse": "mean_squared_error",
        }[self.net.loss]

    def fit(self, x: Any, y: Any, batch: int, epochs: int, *, shuffle: bool) -> None:
        self.model.fit(
            x, y, batch_size=batch, epochs=epochs, shuffle=shuffle, verbose=0
        )

    def tune(self, x: np.ndarray) -> None:
        model = self.model
        ways = {
            "predict_on_batch": model.predict_on_batch,
            "predictor": model.predictor(len(x)),
        }
        name = fastest({k: lambda way=way: way(x) for k, way in ways.items()})
        self.notes["inference"] = name
        self.call = ways[name]

    def predict(self, x: np.ndarray) -> np.ndarray:
        return self.call(x)


class KerasJax(Pynn):
    """Keras 3 on JAX: the same code as for pynn, with the loss from logits.

    An epoch of a few equal batches is one compiled call.
    """

    needs = ("keras", "jax")
    most_steps = 32  # of such an epoch; they are unrolled

    def __init__(self, net: Net, optimizer: Optimizer | None, threads: int) -> None:
        Rival.__init__(self, net, optimizer, threads)
        import keras

        keras.utils.set_random_seed(1)
        self.model = self._model(keras, None)
        self.keras = keras
        head = keras.layers.Activation(net.output)
        self.full = keras.Sequential([self.model, head])
        self._compile(1)

    def _compile(self, steps: int) -> None:
        losses = self.keras.losses
        loss = {
            "bce": lambda: losses.BinaryCrossentropy(from_logits=True),
            "ce": lambda: losses.SparseCategoricalCrossentropy(from_logits=True),
            "mse": losses.MeanSquaredError,
        }[self.net.loss]()
        if self.optimizer:
            self.model.compile(
                optimizer=self._optimizer(self.keras),
                loss=loss,
                steps_per_execution=steps,
            )

    def warm(self, x: Any, y: Any, batch: int, epochs: int) -> None:
        steps, rest = divmod(len(x), batch)
        if rest or steps > self.most_steps:
            super().warm(x, y, batch, epochs)
            return
        self.notes["steps_per_execution"] = str(steps)
        self._compile(steps)
        self.fit(x, y, batch, 1, shuffle=False)

    def tune(self, x: np.ndarray) -> None:
        """Do nothing: there is one way."""

    def predict(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(self.full.predict_on_batch(x))
