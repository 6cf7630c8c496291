# SPDX-License-Identifier: BSD-3-Clause
"""Networks written out in NumPy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rivals.base import Rival

if TYPE_CHECKING:
    from workloads import Net, Optimizer


class Numpy(Rival):
    """Hand-written NumPy, vectorised over the batch; in float64 it is the reference.

    Parameters
    ----------
    keras_adam : whether Adam's epsilon is added to the root of the raw second moment,
        as in Keras and pynn, or to that of the corrected one, as in PyTorch.
    """

    def __init__(
        self,
        net: Net,
        optimizer: Optimizer | None,
        threads: int,
        dtype: type = np.float32,
        keras_adam: bool = True,
    ) -> None:
        super().__init__(net, optimizer, threads)
        self.raw_epsilon = keras_adam
        self.real = dtype
        self.params = [a.astype(dtype) for pair in net.weights() for a in pair]
        self.first = [np.zeros_like(p) for p in self.params]
        self.second = [np.zeros_like(p) for p in self.params]
        self.rng = np.random.default_rng(1)
        self.steps = 0

    def data(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return x.astype(self.real), y

    def _forward(self, x: np.ndarray) -> list[np.ndarray]:
        """Return the input and the output of every layer."""
        values = [x]
        for w, b in zip(self.params[::2], self.params[1::2], strict=True):
            values.append(np.maximum(values[-1] @ w + b, 0))
        z = values[-2] @ w + b
        if self.net.output == "sigmoid":
            z = 1 / (1 + np.exp(-z))
        elif self.net.output == "softmax":
            z = np.exp(z - z.max(1, keepdims=True))
            z /= z.sum(1, keepdims=True)
        values[-1] = z
        return values

    def _gradients(self, x: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
        values = self._forward(x)
        d = values[-1].copy()
        if self.net.loss == "ce":
            d[np.arange(len(y)), y] -= 1
            d /= self.real(len(y))
        else:
            d -= y
            d *= self.real((2 if self.net.loss == "mse" else 1) / d.size)
        grads: list[np.ndarray] = []
        for i in range(len(values) - 2, -1, -1):
            grads[:0] = [values[i].T @ d, d.sum(0)]
            if i:
                d = (d @ self.params[2 * i].T) * (values[i] > 0)
        return grads

    def _update(self, grads: list[np.ndarray]) -> None:
        o, real = self.optimizer, self.real
        self.steps += 1
        rate, epsilon = real(o.rate), real(o.epsilon)
        if o.name == "adam":
            bias1, bias2 = 1 - o.beta1**self.steps, 1 - o.beta2**self.steps
            rate = real(o.rate * np.sqrt(bias2) / bias1)
            if not self.raw_epsilon:
                epsilon = real(o.epsilon * np.sqrt(bias2))
        for p, g, m, v in zip(self.params, grads, self.first, self.second, strict=True):
            if o.name == "adam":
                m += (g - m) * real(1 - o.beta1)
                v += (g * g - v) * real(1 - o.beta2)
                p -= rate * m / (np.sqrt(v) + epsilon)
            elif o.momentum:
                m *= real(o.momentum)
                m -= rate * g
                p += m
            else:
                p -= rate * g

    def fit(self, x: Any, y: Any, batch: int, epochs: int, *, shuffle: bool) -> None:
        rows = len(x)
        for _ in range(epochs):
            order = self.rng.permutation(rows) if shuffle else np.arange(rows)
            for start in range(0, rows, batch):
                take = order[start : start + batch]
                self._update(self._gradients(x[take], y[take]))

    def predict(self, x: np.ndarray) -> np.ndarray:
        return self._forward(x)[-1]
