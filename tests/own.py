# SPDX-License-Identifier: BSD-3-Clause
"""Parts of models written in Python, each the twin of one that the core computes."""

import numpy as np

from pynn import layers, losses


class PyDense(layers.Layer):
    """Dense without an activation."""

    def __init__(self, units, **common):
        super().__init__(**common)
        self.units = units

    def build(self, input_shape):
        self.kernel = self.add_weight((input_shape[-1], self.units), name="kernel")
        self.bias = self.add_weight((self.units,), "zeros", name="bias")

    def call(self, inputs):
        return inputs @ self.kernel + self.bias

    def backward(self, inputs, outputs, gradients):
        rows = inputs.reshape(-1, inputs.shape[-1])
        flat = gradients.reshape(-1, self.units)
        self.add_gradient(self.kernel, rows.T @ flat)
        self.add_gradient(self.bias, flat.sum(axis=0))
        return gradients @ self.kernel.T

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        return super().get_config() | {"units": self.units}


class Running(layers.Layer):
    """Subtracts a running mean, a weight that is not trained."""

    def build(self, input_shape):
        self.mean = self.add_weight(
            input_shape[1:], "zeros", trainable=False, name="mean"
        )
        super().build(input_shape)

    def call(self, inputs, training=False):
        if training:
            self.mean.assign(0.5 * self.mean + 0.5 * inputs.mean(axis=0))
        return inputs - self.mean

    def backward(self, inputs, outputs, gradients):
        return gradients


class Half(layers.Layer):
    """No weights, and nothing but what is needed."""

    def call(self, inputs):
        return inputs / 2

    def backward(self, inputs, outputs, gradients):
        return gradients / 2


def squares(y_true, y_pred):
    """Return the mean squared error of each sample."""
    return np.mean((y_true - y_pred) ** 2, axis=-1)


class Squares(losses.Loss):
    """The same as a class that knows its derivative."""

    def call(self, y_true, y_pred):
        return squares(y_true, y_pred)

    def gradient(self, y_true, y_pred):
        return 2 * (y_pred - y_true) / y_pred.shape[-1]


def batch_squares(y_true, y_pred):
    """Return one number for the batch."""
    return np.mean((y_true - y_pred) ** 2)


def tanh(x):
    """Return the hyperbolic tangent, NumPy's."""
    return np.tanh(x)


def known_tanh(x):
    """Return the same; its derivative is known."""
    return np.tanh(x)


known_tanh.gradient = lambda x: 1 - np.tanh(x) ** 2


def softmax(x):
    """Return exp(x) over its sum: it mixes the columns."""
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)
