# SPDX-License-Identifier: BSD-3-Clause
"""Networks written out in NumPy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from workloads import NORM_EPSILON, NORM_MOMENTUM

from rivals.base import Rival

if TYPE_CHECKING:
    from workloads import Net, Optimizer


class BatchNorm:
    """Batch normalization, with weights that it shares with the optimizer.

    Parameters
    ----------
    biased : whether the moving variance is of what the batch is normalized with, the
        biased variance, as in Keras, or of the unbiased one, as in PyTorch.
    """

    def __init__(self, width: int, dtype: type, biased: bool) -> None:
        self.gamma, self.beta = np.ones(width, dtype), np.zeros(width, dtype)
        self.mean, self.variance = np.zeros(width, dtype), np.ones(width, dtype)
        self.real, self.biased = dtype, biased

    def predict(self, x: np.ndarray) -> np.ndarray:
        scale = self.gamma / np.sqrt(self.variance + self.real(NORM_EPSILON))
        return x * scale + (self.beta - self.mean * scale)

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Normalize with the batch's own mean and variance, and move ours there."""
        rows, step = len(x), self.real(1 - NORM_MOMENTUM)
        mean = x.sum(0) / self.real(rows)
        centred = x - mean
        variance = np.einsum("ij,ij->j", centred, centred) / self.real(rows)
        self.inverse = 1 / np.sqrt(variance + self.real(NORM_EPSILON))
        self.normal = centred * self.inverse
        if not self.biased:
            variance *= self.real(rows / (rows - 1))
        self.mean += (mean - self.mean) * step
        self.variance += (variance - self.variance) * step
        return self.normal * self.gamma + self.beta

    def backward(self, d: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
        """Return the gradients of the input, and of gamma and beta."""
        rows = self.real(len(d))
        grads = [np.einsum("ij,ij->j", d, self.normal), d.sum(0)]
        dx = d - grads[1] / rows - self.normal * (grads[0] / rows)
        return dx * (self.gamma * self.inverse), grads


class Numpy(Rival):
    """Hand-written NumPy, vectorised over the batch; in float64 it is the reference.

    Parameters
    ----------
    keras_adam : whether Adam's epsilon is added to the root of the raw second moment,
        as in Keras and pynn, or to that of the corrected one, as in PyTorch.
    keras_variance : the same for batch normalization, see `BatchNorm`.
    """

    def __init__(
        self,
        net: Net,
        optimizer: Optimizer | None,
        threads: int,
        dtype: type = np.float32,
        keras_adam: bool = True,
        keras_variance: bool = True,
    ) -> None:
        super().__init__(net, optimizer, threads)
        self.raw_epsilon = keras_adam
        self.real = dtype
        self.norms = [
            BatchNorm(layer.width, dtype, keras_variance) if layer.norm else None
            for layer in net.hidden
        ]
        self.params = [a.astype(dtype) for pair in net.weights() for a in pair]
        self.dense = len(self.params)
        for norm in filter(None, self.norms):
            self.params += [norm.gamma, norm.beta]
        self.first = [np.zeros_like(p) for p in self.params]
        self.second = [np.zeros_like(p) for p in self.params]
        self.rng = np.random.default_rng(1)
        self.steps = 0

    def data(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return x.astype(self.real), y

    def _hidden(self, x: np.ndarray) -> list[tuple[np.ndarray, ...]]:
        """Return the input, the ReLU's output and the dropout's factors of each layer.

        What comes out of the last is the input of one more.
        """
        values = []
        for i, (_, _, rate) in enumerate(self.net.hidden):
            w, b = self.params[2 * i : 2 * i + 2]
            y = active = np.maximum(x @ w + b, 0)
            if norm := self.norms[i]:
                y = norm.forward(y)
            factors = None
            if rate:
                kept = self.rng.random(y.shape, np.float32) >= rate
                factors = kept * self.real(1 / (1 - rate))
                y = y * factors
            values.append((x, active, factors))
            x = y
        return [*values, (x,)]

    def _output(self, x: np.ndarray) -> np.ndarray:
        w, b = self.params[self.dense - 2 : self.dense]
        z = x @ w + b
        if self.net.output == "sigmoid":
            z = 1 / (1 + np.exp(-z))
        elif self.net.output == "softmax":
            z = np.exp(z - z.max(1, keepdims=True))
            z /= z.sum(1, keepdims=True)
        return z

    def _gradients(self, x: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
        *hidden, (x,) = self._hidden(x)
        d = self._output(x)
        if self.net.loss == "ce":
            d[np.arange(len(y)), y] -= 1
            d /= self.real(len(y))
        else:
            d -= y
            d *= self.real((2 if self.net.loss == "mse" else 1) / d.size)
        grads, more = [x.T @ d, d.sum(0)], []
        for i in range(len(hidden) - 1, -1, -1):
            x, active, factors = hidden[i]
            d = d @ self.params[2 * i + 2].T
            if factors is not None:
                d *= factors
            if norm := self.norms[i]:
                d, more[:0] = norm.backward(d)
            d *= active > 0
            grads[:0] = [x.T @ d, d.sum(0)]
        return grads + more

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
        for i, norm in enumerate(self.norms):
            x = np.maximum(x @ self.params[2 * i] + self.params[2 * i + 1], 0)
            x = norm.predict(x) if norm else x
        return self._output(x)
