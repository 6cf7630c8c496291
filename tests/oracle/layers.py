# SPDX-License-Identifier: BSD-3-Clause
"""Layers with a forward and a backward pass; `forward` keeps what `backward` needs.

``x`` and ``y`` are ``[rows, ...]``. ``weights`` is a list of arrays that training may
change in place; ``grads`` are their gradients after `backward`.
"""

import numpy as np

from oracle import activations


class Layer:
    """A layer without weights."""

    weights = ()
    grads = ()

    def forward(self, x, step=0):
        """Output for the input `x` in training step `step`."""
        raise NotImplementedError

    def backward(self, dy):
        """Gradient of the input, from that of the last output; sets `grads`."""
        raise NotImplementedError


class Dense(Layer):
    """``y = x kernel + bias`` with kernel ``[in, out]``, bias ``[out]`` or None.

    The bias is the second of `weights`; without one there is only the kernel.
    """

    def __init__(self, kernel, bias=None):
        given = [kernel] if bias is None else [kernel, bias]
        self.weights = [np.array(w, np.float64) for w in given]

    def forward(self, x, step=0):
        self.x = x
        y = x @ self.weights[0]
        return y + self.weights[1] if len(self.weights) == 2 else y

    def backward(self, dy):
        self.grads = [self.x.T @ dy, dy.sum(axis=0)][: len(self.weights)]
        return dy @ self.weights[0].T


class Activation(Layer):
    """One of `activations.ACTIVATIONS` with its parameters."""

    def __init__(self, name, *parameters):
        self.function, self.derivative = activations.ACTIVATIONS[name]
        self.parameters = parameters

    def forward(self, x, step=0):
        self.x = x
        return self.function(x, *self.parameters)

    def backward(self, dy):
        return dy * self.derivative(self.x, *self.parameters)


class Softmax(Layer):
    """Softmax of each row, or its logarithm."""

    def __init__(self, log=False):
        self.log = log

    def forward(self, x, step=0):
        self.x = x
        return activations.log_softmax(x) if self.log else activations.softmax(x)

    def backward(self, dy):
        if self.log:
            return activations.log_softmax_backward(self.x, dy)
        return activations.softmax_backward(self.x, dy)


class Dropout(Layer):
    """Keeps what ``masks[step]`` (True: kept) says and scales it by 1 / (1 - rate)."""

    def __init__(self, rate, masks):
        self.rate = rate
        self.masks = masks

    def forward(self, x, step=0):
        keep = self.masks[step]
        scale = 1.0 / (1.0 - self.rate) if self.rate < 1.0 else 0.0
        self.factor = np.where(keep, scale, 0.0)[: len(x)]
        return x * self.factor

    def backward(self, dy):
        return dy * self.factor


class AlphaDropout(Dropout):
    """Sets what ``masks[step]`` drops to selu's limit, then keeps mean and variance."""

    def forward(self, x, step=0):
        keep = self.masks[step][: len(x)]
        limit = -activations.SELU_SCALE * activations.SELU_ALPHA
        rest = 1.0 - self.rate
        a = (rest * (1.0 + self.rate * limit**2)) ** -0.5 if rest else 0.0
        b = -a * limit * self.rate
        self.factor = np.where(keep, a, 0.0)
        return a * np.where(keep, x, limit) + b


class Noise(Layer):
    """``x + stddev n``, or ``x (1 + stddev n)``, where n is ``normals[step]``."""

    def __init__(self, times, stddev, normals):
        self.times, self.stddev, self.normals = times, stddev, normals

    def forward(self, x, step=0):
        noise = self.stddev * self.normals[step][: len(x)]
        self.factor = 1.0 + noise if self.times else np.ones_like(noise)
        return x * self.factor if self.times else x + noise

    def backward(self, dy):
        return dy * self.factor


class Reshape(Layer):
    """Each row takes the shape `shape`; Flatten is ``Reshape((-1,))``."""

    def __init__(self, shape):
        self.shape = shape

    def forward(self, x, step=0):
        self.before = x.shape
        return x.reshape(len(x), *self.shape)

    def backward(self, dy):
        return dy.reshape(self.before)


# The rows PYNN_OP of csrc/ops.def, but for the losses.
OPS = {
    "dense": Dense,
    "activation": Activation,
    "softmax": Softmax,
    "dropout": Dropout,
    "noise": Noise,
    "copy": Reshape,
}
