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


class BatchNorm(Layer):
    """``(x - mean) / sqrt(variance + epsilon) gamma + beta`` for each of the last axis.

    `gamma` and `beta`, or None, are the weights; ``moving`` holds mean and variance,
    which follow those of each batch unless the layer is frozen: then it uses them, and
    the gradients of the weights are zero.
    """

    def __init__(self, gamma, beta, moving, epsilon=1e-3, momentum=0.99, frozen=False):
        given = [w for w in (gamma, beta) if w is not None]
        self.weights = [np.array(w, np.float64) for w in given]
        self.scaled, self.shifted = gamma is not None, beta is not None
        self.moving = np.array(moving, np.float64)
        self.epsilon, self.momentum, self.frozen = epsilon, momentum, frozen

    def forward(self, x, step=0):
        axes = tuple(range(x.ndim - 1))
        mean, variance = self.moving
        if not self.frozen:
            mean, variance = x.mean(axis=axes), x.var(axis=axes)
            self.moving *= self.momentum
            self.moving += (1 - self.momentum) * np.array([mean, variance])
        return self.apply(x, mean, variance)

    def apply(self, x, mean, variance):
        """Output for given statistics."""
        self.inv = 1 / np.sqrt(variance + self.epsilon)
        self.normal = (x - mean) * self.inv
        y = self.normal * self.weights[0] if self.scaled else self.normal
        return y + self.weights[-1] if self.shifted else y

    def backward(self, dy):
        axes = tuple(range(dy.ndim - 1))
        grads = [(dy * self.normal).sum(axis=axes)] if self.scaled else []
        self.grads = grads + ([dy.sum(axis=axes)] if self.shifted else [])
        d = dy * self.weights[0] if self.scaled else dy
        if self.frozen:
            self.grads = [np.zeros_like(w) for w in self.weights]
            return d * self.inv
        along = (d * self.normal).mean(axis=axes)
        return self.inv * (d - d.mean(axis=axes) - self.normal * along)


class Affine(Layer):
    """``(x - shift) / scale`` or, with `times`, ``x scale + shift``; with `root`, the
    root of `scale` takes its place, but at least 1e-7."""

    def __init__(self, shift, scale, times, root):
        self.shift, self.times = shift, times
        self.scale = np.maximum(np.sqrt(scale), 1e-7) if root else scale

    def forward(self, x, step=0):
        if self.times:
            return x * self.scale + self.shift
        return (x - self.shift) / self.scale

    def backward(self, dy):
        return dy * self.scale if self.times else dy / self.scale


class Transpose(Layer):
    """The axes of samples of `shape` in another order, numbered from 0."""

    def __init__(self, shape, order):
        self.shape, self.order = shape, order

    def forward(self, x, step=0):
        return np.transpose(
            x.reshape(-1, *self.shape), (0, *(a + 1 for a in self.order))
        )

    def backward(self, dy):
        turned = [self.shape[a] for a in self.order]
        back = (0, *(a + 1 for a in np.argsort(self.order)))
        return np.transpose(dy.reshape(-1, *turned), back)


class Repeat(Layer):
    """Samples of one vector become n of it."""

    def __init__(self, n):
        self.n = n

    def forward(self, x, step=0):
        return np.repeat(x.reshape(len(x), 1, -1), self.n, axis=1)

    def backward(self, dy):
        return dy.sum(axis=1)


class RowNorm(Layer):
    """Each vector of the last axis: "layer" ``(x - mean) / sqrt(variance + epsilon)``,
    "rms" ``x / sqrt(mean(x^2) + epsilon)``, "unit" ``x / sqrt(sum(x^2))`` with a sum of
    at least epsilon; times gamma, plus beta, each of which may be None."""

    def __init__(self, kind, gamma=None, beta=None, epsilon=1e-3):
        given = [w for w in (gamma, beta) if w is not None]
        self.weights = [np.array(w, np.float64) for w in given]
        self.kind, self.epsilon = kind, epsilon
        self.scaled, self.shifted = gamma is not None, beta is not None

    def forward(self, x, step=0):
        mean = x.mean(axis=-1, keepdims=True) if self.kind == "layer" else 0.0
        squares = ((x - mean) ** 2).sum(axis=-1, keepdims=True)
        self.short = squares <= self.epsilon
        if self.kind == "unit":
            self.inv = 1 / np.sqrt(np.maximum(squares, self.epsilon))
        else:
            self.inv = 1 / np.sqrt(squares / x.shape[-1] + self.epsilon)
        self.normal = (x - mean) * self.inv
        y = self.normal * self.weights[0] if self.scaled else self.normal
        return y + self.weights[-1] if self.shifted else y

    def backward(self, dy):
        axes = tuple(range(dy.ndim - 1))
        grads = [(dy * self.normal).sum(axis=axes)] if self.scaled else []
        self.grads = grads + ([dy.sum(axis=axes)] if self.shifted else [])
        d = dy * self.weights[0] if self.scaled else dy
        along = (d * self.normal).sum(axis=-1, keepdims=True)
        if self.kind == "unit":
            return self.inv * (d - np.where(self.short, 0.0, along * self.normal))
        along /= dy.shape[-1]
        mean = d.mean(axis=-1, keepdims=True) if self.kind == "layer" else 0.0
        return self.inv * (d - mean - self.normal * along)


class GroupNorm(Layer):
    """Each sample's last axis in `groups` of neighbours, each of which, with all of the
    axes before, becomes ``(x - mean) / sqrt(variance + epsilon)``; times gamma, plus
    beta, each of which may be None."""

    def __init__(self, groups, gamma=None, beta=None, epsilon=1e-3):
        given = [w for w in (gamma, beta) if w is not None]
        self.weights = [np.array(w, np.float64) for w in given]
        self.groups, self.epsilon = groups, epsilon
        self.scaled, self.shifted = gamma is not None, beta is not None

    def over(self, function, x):
        """`function` (np.mean, np.max) of each group, where its elements are."""
        parts = x.reshape(len(x), -1, self.groups, x.shape[-1] // self.groups)
        found = function(parts, axis=(1, 3), keepdims=True)
        return np.broadcast_to(found, parts.shape).reshape(x.shape)

    def forward(self, x, step=0):
        mean, variance = self.over(np.mean, x), self.over(np.var, x)
        self.inv = 1 / np.sqrt(variance + self.epsilon)
        self.normal = (x - mean) * self.inv
        y = self.normal * self.weights[0] if self.scaled else self.normal
        return y + self.weights[-1] if self.shifted else y

    def backward(self, dy):
        axes = tuple(range(dy.ndim - 1))
        grads = [(dy * self.normal).sum(axis=axes)] if self.scaled else []
        self.grads = grads + ([dy.sum(axis=axes)] if self.shifted else [])
        d = dy * self.weights[0] if self.scaled else dy
        along = self.over(np.mean, d * self.normal)
        return self.inv * (d - self.over(np.mean, d) - self.normal * along)


class PReLU(Layer):
    """x where positive, alpha x below, with `alpha` of a sample's shape, but 1 along
    axes that share one; at 0 all derivatives are 0."""

    def __init__(self, alpha):
        self.weights = [np.array(alpha, np.float64)]

    def forward(self, x, step=0):
        self.x = x
        below = self.weights[0] * np.where(x < 0, x, 0.0)
        return np.where(x < 0, np.where(self.weights[0] == 0, 0.0, below), x)

    def backward(self, dy):
        alpha, below = self.weights[0], np.where(self.x >= 0, 0.0, self.x)
        shared = tuple(i + 1 for i, n in enumerate(alpha.shape) if n == 1)
        total = (dy * below).sum(axis=(0, *shared))
        self.grads = [total.reshape(alpha.shape)]
        return dy * np.where(self.x < 0, alpha, np.where(self.x == 0, 0.0, 1.0))


class Reshape(Layer):
    """Each row takes the shape `shape`; Flatten is ``Reshape((-1,))``."""

    def __init__(self, shape):
        self.shape = shape

    def forward(self, x, step=0):
        self.before = x.shape
        return x.reshape(len(x), *self.shape)

    def backward(self, dy):
        return dy.reshape(self.before)


class Activity(Layer):
    """``l1 sum|x| + l2 sum x^2`` of a batch, over its rows; x passes through."""

    def __init__(self, l1=0.0, l2=0.0):
        self.l1 = l1
        self.l2 = l2

    def forward(self, x, step=0):
        self.x = x
        return x

    def penalties(self):
        """The penalty of each row."""
        flat = self.x.reshape(len(self.x), -1)
        return self.l1 * np.abs(flat).sum(axis=1) + self.l2 * (flat**2).sum(axis=1)

    def backward(self, dy):
        slope = self.l1 * np.sign(self.x) + 2 * self.l2 * self.x
        return dy + slope / len(self.x)


# The rows PYNN_OP of csrc/ops.def, but for the losses.
OPS = {
    "dense": Dense,
    "activation": Activation,
    "softmax": Softmax,
    "dropout": Dropout,
    "noise": Noise,
    "batch_norm": BatchNorm,
    "affine": Affine,
    "transpose": Transpose,
    "repeat": Repeat,
    "row_norm": RowNorm,
    "group_norm": GroupNorm,
    "prelu": PReLU,
    "copy": Reshape,
    "activity": Activity,
}
