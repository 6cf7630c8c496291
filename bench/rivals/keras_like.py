# SPDX-License-Identifier: BSD-3-Clause
"""pynn, and Keras on JAX."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

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
        *hidden, last = net.widths[1:]
        layers = [pynn.layers.Dense(n, activation="relu") for n in hidden]
        layers.append(pynn.layers.Dense(last, activation=net.output))
        self.model = pynn.Sequential([pynn.Input((net.widths[0],)), *layers])
        self.model.set_weights([a for pair in net.weights() for a in pair])
        self.call = self.model.predict_on_batch
        if optimizer:
            self.model.compile(optimizer=self._optimizer(pynn), loss=self._loss())

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
    """Keras 3 on JAX: the same code as for pynn, with the loss from logits."""

    needs = ("keras", "jax")

    def __init__(self, net: Net, optimizer: Optimizer | None, threads: int) -> None:
        Rival.__init__(self, net, optimizer, threads)
        import keras

        keras.utils.set_random_seed(1)
        *hidden, last = net.widths[1:]
        layers = [keras.layers.Dense(n, activation="relu") for n in hidden]
        self.model = keras.Sequential(
            [keras.Input((net.widths[0],)), *layers, keras.layers.Dense(last)]
        )
        self.model.set_weights([a for pair in net.weights() for a in pair])
        head = keras.layers.Activation(net.output)
        self.full = keras.Sequential([self.model, head])
        losses = keras.losses
        loss = {
            "bce": lambda: losses.BinaryCrossentropy(from_logits=True),
            "ce": lambda: losses.SparseCategoricalCrossentropy(from_logits=True),
            "mse": losses.MeanSquaredError,
        }[net.loss]()
        if optimizer:
            self.model.compile(optimizer=self._optimizer(keras), loss=loss)

    def tune(self, x: np.ndarray) -> None:
        """Do nothing: there is one way."""

    def predict(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(self.full.predict_on_batch(x))
