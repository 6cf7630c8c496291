# SPDX-License-Identifier: BSD-3-Clause
"""Activations and their derivatives, element by element, and the two softmaxes.

Each entry of ``ACTIVATIONS`` is a pair ``(f, f')``; both take ``x`` and then the
activation's own parameters in the order of csrc/ops.def. At a kink the derivative is
the one to the left; but hard_sigmoid, sparse_sigmoid, hard_tanh, relu6 and the
shrinking ones are flat at both of theirs, hard_silu has its limits, and the general
ReLU is on its slope of one at both, as clipping is in Keras.
"""

import math

import numpy as np

SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805
GELU_TANH_INNER = math.sqrt(2.0 / math.pi)
GELU_TANH_CUBIC = 0.044715

_erfc = np.vectorize(math.erfc, otypes=[np.float64])


def _quiet(function):
    """Infinities and NaN are part of the domain, not worth a warning."""

    def wrapped(x, *parameters):
        with np.errstate(all="ignore"):
            return function(np.asarray(x, np.float64), *parameters)

    return wrapped


def _vanish(x, y, at):
    """`y`, but 0 where `x` is one of the infinities in `at`: the limit of 0 * inf."""
    return np.where(np.isin(x, at), 0.0, y)


def _scaled(slope, x):
    """`slope` x, where a slope of zero flattens even minus infinity (NaN stays)."""
    return np.where(np.isinf(x) & (slope == 0), 0.0, slope * x)


def linear(x):
    return x


def linear_derivative(x):
    return np.where(np.isnan(x), x, 1.0)


def relu(x):
    return np.maximum(x, 0.0)


def relu_derivative(x):
    return np.where(np.isnan(x), x, np.where(x > 0, 1.0, 0.0))


def leaky_relu(x, slope):
    return np.where(x > 0, x, _scaled(slope, x))


def leaky_relu_derivative(x, slope):
    return np.where(np.isnan(x), x, np.where(x > 0, 1.0, slope))


def relu6(x):
    return np.clip(x, 0.0, 6.0)


def relu6_derivative(x):
    return np.where(np.isnan(x), x, np.where((x > 0) & (x < 6), 1.0, 0.0))


def general_relu(x, slope, max_value, threshold):
    below = _scaled(slope, x - threshold)
    return np.where(x < threshold, below, np.minimum(x, max_value))


def general_relu_derivative(x, slope, max_value, threshold):
    above = np.where(x > max_value, 0.0, 1.0)
    return np.where(np.isnan(x), x, np.where(x < threshold, slope, above))


def elu(x, alpha):
    return np.where(x > 0, x, alpha * np.expm1(x))


def elu_derivative(x, alpha):
    return np.where(x > 0, 1.0, alpha * np.exp(x))


def selu(x):
    return SELU_SCALE * elu(x, SELU_ALPHA)


def selu_derivative(x):
    return SELU_SCALE * elu_derivative(x, SELU_ALPHA)


def sigmoid(x):
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, small) / (1.0 + small)


def sigmoid_derivative(x):
    return sigmoid(x) * sigmoid(-x)


def hard_sigmoid(x):
    return np.clip(x / 6.0 + 0.5, 0.0, 1.0)


def hard_sigmoid_derivative(x):
    return np.where(np.isnan(x), x, np.where(np.abs(x) < 3.0, 1.0 / 6.0, 0.0))


def tanh(x):
    return np.tanh(x)


def tanh_derivative(x):
    return 4.0 * sigmoid_derivative(2.0 * x)


def softplus(x):
    return np.logaddexp(0.0, x)


def softplus_derivative(x):
    return sigmoid(x)


def softsign(x):
    return np.where(np.isinf(x), np.sign(x), x / (1.0 + np.abs(x)))


def softsign_derivative(x):
    return 1.0 / (1.0 + np.abs(x)) ** 2


def silu(x):
    return _vanish(x, x * sigmoid(x), [-np.inf])


def silu_derivative(x):
    bell = _vanish(x, x * sigmoid_derivative(x), [-np.inf, np.inf])
    return sigmoid(x) + bell


def gelu(x):
    return _vanish(x, x * 0.5 * _erfc(-x / math.sqrt(2.0)), [-np.inf])


def gelu_derivative(x):
    density = np.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi)
    bell = _vanish(x, x * density, [-np.inf, np.inf])
    return 0.5 * _erfc(-x / math.sqrt(2.0)) + bell


def _gelu_tanh_gate(x):
    """0.5 (1 + tanh(u)) as sigmoid(2 u), which does not cancel."""
    return sigmoid(2.0 * GELU_TANH_INNER * (x + GELU_TANH_CUBIC * x**3))


def gelu_tanh(x):
    return _vanish(x, x * _gelu_tanh_gate(x), [-np.inf])


def gelu_tanh_derivative(x):
    near = np.clip(x, -50.0, 50.0)  # beyond, the bell is below the smallest double
    slope = 2.0 * GELU_TANH_INNER * (1.0 + 3.0 * GELU_TANH_CUBIC * near**2)
    gate = _gelu_tanh_gate(near)
    return gate + near * gate * _gelu_tanh_gate(-near) * slope


def exponential(x):
    return np.exp(x)


def exponential_derivative(x):
    return np.exp(x)


def mish(x):
    return _vanish(x, x * np.tanh(softplus(x)), [-np.inf])


def mish_derivative(x):
    bell = x * tanh_derivative(softplus(x)) * sigmoid(x)
    return np.tanh(softplus(x)) + _vanish(x, bell, [-np.inf, np.inf])


def celu(x, alpha):
    return np.where(x > 0, x, alpha * np.expm1(x / alpha))


def celu_derivative(x, alpha):
    return np.where(x > 0, 1.0, np.exp(x / alpha))


def _flat(x, where):
    """The derivative 0 where `where`, 1 elsewhere."""
    return np.where(np.isnan(x), x, np.where(where, 0.0, 1.0))


def hard_tanh(x):
    return np.clip(x, -1.0, 1.0)


def hard_tanh_derivative(x):
    return _flat(x, np.abs(x) >= 1.0)


def tanh_shrink(x):
    return x - np.tanh(x)


def tanh_shrink_derivative(x):
    return np.tanh(x) ** 2


def squareplus(x, b):
    root = np.hypot(x, math.sqrt(b))
    return np.where(x < 0, 0.5 * b / (root - x), 0.5 * x + 0.5 * root)


def squareplus_derivative(x, b):
    slope = squareplus(x, b) / np.hypot(x, math.sqrt(b))
    return np.where(np.isinf(x), (x > 0) * 1.0, slope)


def log_sigmoid(x):
    return -np.logaddexp(0.0, -x)


def log_sigmoid_derivative(x):
    return sigmoid(-x)


def soft_shrink(x, threshold):
    moved = np.sign(x) * (np.abs(x) - threshold)
    return np.where(np.abs(x) <= threshold, 0.0, moved)


def soft_shrink_derivative(x, threshold):
    return _flat(x, np.abs(x) <= threshold)


def hard_shrink(x, threshold):
    return np.where(np.abs(x) <= threshold, 0.0, x)


def hard_shrink_derivative(x, threshold):
    return _flat(x, np.abs(x) <= threshold)


def hard_silu(x):
    return _vanish(x, x * hard_sigmoid(x), [-np.inf])


def hard_silu_derivative(x):
    middle = np.where(np.abs(x) < 3.0, x / 3.0 + 0.5, x)
    return np.where(x <= -3.0, 0.0, np.where(x >= 3.0, 1.0, middle))


def sparse_plus(x):
    return np.where(x > 1.0, x, (0.5 * (np.clip(x, -1.0, 1.0) + 1.0)) ** 2)


def sparse_plus_derivative(x):
    return sparse_sigmoid(x)


def sparse_sigmoid(x):
    return 0.5 * (np.clip(x, -1.0, 1.0) + 1.0)


def sparse_sigmoid_derivative(x):
    return 0.5 * _flat(x, np.abs(x) >= 1.0)


ACTIVATIONS = {
    name: (_quiet(globals()[name]), _quiet(globals()[f"{name}_derivative"]))
    for name in (
        "linear",
        "relu",
        "leaky_relu",
        "relu6",
        "general_relu",
        "elu",
        "selu",
        "sigmoid",
        "hard_sigmoid",
        "tanh",
        "softplus",
        "softsign",
        "silu",
        "gelu",
        "gelu_tanh",
        "exponential",
        "mish",
        "celu",
        "hard_tanh",
        "tanh_shrink",
        "squareplus",
        "log_sigmoid",
        "soft_shrink",
        "hard_shrink",
        "hard_silu",
        "sparse_plus",
        "sparse_sigmoid",
    )
}


def softmax(x):
    """Softmax of each row of ``x [rows, n]``."""
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def log_softmax(x):
    """Logarithm of `softmax`, without forming it."""
    z = x - x.max(axis=1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=1, keepdims=True))


def softmax_backward(x, dy):
    """Gradient with respect to ``x`` from the gradient ``dy`` of ``softmax(x)``."""
    y = softmax(x)
    return y * (dy - (dy * y).sum(axis=1, keepdims=True))


def log_softmax_backward(x, dy):
    """Gradient with respect to ``x`` from the gradient ``dy`` of ``log_softmax(x)``."""
    return dy - softmax(x) * dy.sum(axis=1, keepdims=True)
