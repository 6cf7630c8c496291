# SPDX-License-Identifier: BSD-3-Clause
"""Losses and metrics with Keras 3's semantics.

Each function takes ``target`` and ``pred [rows, n]`` (labels: ``target [rows]``) and
returns ``(value [rows], gradient [rows, n])``; row r of the gradient is the derivative
of ``value[r]`` with respect to ``pred[r]``. Pure metrics return None for it.
Parameters follow in the order of ``attr`` in csrc/ops.def.
"""

import numpy as np

from oracle.activations import log_softmax, sigmoid, softmax

EPSILON = 1e-7


def batch_loss(value, weight=None):
    """Weighted values added up and divided by the number of rows, not the weights."""
    weight = np.ones(len(value)) if weight is None else np.asarray(weight)
    return float((weight * value).sum() / len(value))


def batch_gradient(gradient, weight=None):
    """Gradient of `batch_loss` with respect to the predictions."""
    rows = len(gradient)
    weight = np.ones(rows) if weight is None else np.asarray(weight)
    return gradient * weight.reshape(rows, 1) / rows


def one_hot(label, n):
    """``[rows, n]`` with a one in the column that the label, cut to int, names."""
    return np.eye(n)[np.asarray(label).astype(int)]


def _mean(terms, slopes):
    n = terms.shape[1]
    return terms.sum(axis=1) / n, slopes / n


def mean_squared_error(target, pred):
    e = pred - target
    return _mean(e**2, 2 * e)


def mean_absolute_error(target, pred):
    e = pred - target
    return _mean(np.abs(e), np.sign(e))


def mean_absolute_percentage_error(target, pred):
    e = pred - target
    scale = 100.0 / np.maximum(np.abs(target), EPSILON)
    return _mean(scale * np.abs(e), scale * np.sign(e))


def mean_squared_logarithmic_error(target, pred):
    e = np.log(np.maximum(pred, EPSILON) + 1) - np.log(np.maximum(target, EPSILON) + 1)
    return _mean(e**2, np.where(pred > EPSILON, 2 * e / (pred + 1), 0.0))


def huber(target, pred, delta=1.0):
    e = pred - target
    inside = np.abs(e) <= delta
    value = np.where(inside, 0.5 * e**2, delta * np.abs(e) - 0.5 * delta**2)
    return _mean(value, np.where(inside, e, delta * np.sign(e)))


def log_cosh(target, pred):
    e = pred - target
    return _mean(e + np.logaddexp(0.0, -2 * e) - np.log(2.0), np.tanh(e))


def _clipped(p):
    """Probabilities cut to [epsilon, 1 - epsilon], and where the cut did nothing."""
    q = np.clip(p, EPSILON, 1.0 - EPSILON)
    return q, p == q


def binary_crossentropy(target, pred, smoothing=0.0):
    y = target * (1.0 - smoothing) + 0.5 * smoothing
    p, inside = _clipped(pred)
    value = -(y * np.log(p) + (1 - y) * np.log(1 - p))
    return _mean(value, np.where(inside, (1 - y) / (1 - p) - y / p, 0.0))


def binary_crossentropy_logits(target, pred, smoothing=0.0):
    y = target * (1.0 - smoothing) + 0.5 * smoothing
    value = np.maximum(pred, 0) - pred * y + np.log1p(np.exp(-np.abs(pred)))
    return _mean(value, sigmoid(pred) - y)


def categorical_crossentropy(target, pred, smoothing=0.0):
    y = target * (1.0 - smoothing) + smoothing / target.shape[1]
    total = pred.sum(axis=1, keepdims=True)
    share = pred / total
    q, inside = _clipped(share)
    slope = np.where(inside, -y / q, 0.0)
    gradient = (slope - (slope * share).sum(axis=1, keepdims=True)) / total
    return -(y * np.log(q)).sum(axis=1), gradient


def categorical_crossentropy_logits(target, pred, smoothing=0.0):
    y = target * (1.0 - smoothing) + smoothing / target.shape[1]
    value = -(y * log_softmax(pred)).sum(axis=1)
    return value, softmax(pred) * y.sum(axis=1, keepdims=True) - y


def _of_labels(loss, target, pred, ignores, ignored):
    """`loss` of one-hot labels; those that are ignored cost nothing."""
    counts = (np.asarray(target) != ignored) if ignores else np.ones(len(pred), bool)
    label = np.where(counts, target, 0)
    value, gradient = loss(one_hot(label, pred.shape[1]), pred)
    return np.where(counts, value, 0.0), gradient * counts[:, None]


def sparse_categorical_crossentropy(target, pred, ignores=0.0, ignored=0.0):
    return _of_labels(categorical_crossentropy, target, pred, ignores, ignored)


def sparse_categorical_crossentropy_logits(target, pred, ignores=0.0, ignored=0.0):
    return _of_labels(categorical_crossentropy_logits, target, pred, ignores, ignored)


def poisson(target, pred):
    shifted = pred + EPSILON
    return _mean(pred - target * np.log(shifted), 1 - target / shifted)


def kl_divergence(target, pred):
    y = np.clip(target, EPSILON, 1.0)
    p = np.clip(pred, EPSILON, 1.0)
    return (y * np.log(y / p)).sum(axis=1), np.where(p == pred, -y / p, 0.0)


def _signs(target, binary):
    """Labels 0 and 1 become -1 and 1 when `binary`."""
    return 2.0 * target - 1.0 if binary else target


def hinge(target, pred, binary=0.0):
    y = _signs(target, binary)
    margin = 1 - y * pred
    return _mean(np.maximum(margin, 0), np.where(margin > 0, -y, 0.0))


def squared_hinge(target, pred, binary=0.0):
    y = _signs(target, binary)
    margin = np.maximum(1 - y * pred, 0)
    return _mean(margin**2, -2 * y * margin)


def categorical_hinge(target, pred):
    others = (1 - target) * pred
    best = one_hot(others.argmax(axis=1), pred.shape[1])
    value = others.max(axis=1) - (target * pred).sum(axis=1) + 1
    gradient = (1 - target) * best - target
    return np.maximum(value, 0), np.where(value[:, None] > 0, gradient, 0.0)


def cosine_similarity(target, pred):
    y_norm = np.sqrt((target**2).sum(axis=1, keepdims=True))
    p_norm = np.sqrt((pred**2).sum(axis=1, keepdims=True))
    y = target / np.maximum(y_norm, EPSILON)
    p = pred / np.maximum(p_norm, EPSILON)
    cosine = (y * p).sum(axis=1, keepdims=True)
    return -cosine[:, 0], (cosine * p - y) / np.maximum(p_norm, EPSILON)


def binary_accuracy(target, pred, threshold=0.5):
    return ((pred > threshold) == target).mean(axis=1), None


def categorical_accuracy(target, pred):
    return (target.argmax(axis=1) == pred.argmax(axis=1)).astype(float), None


def sparse_categorical_accuracy(target, pred):
    return (np.asarray(target).astype(int) == pred.argmax(axis=1)).astype(float), None


LOSSES = {
    function.__name__: function
    for function in (
        mean_squared_error,
        mean_absolute_error,
        mean_absolute_percentage_error,
        mean_squared_logarithmic_error,
        huber,
        log_cosh,
        binary_crossentropy,
        binary_crossentropy_logits,
        categorical_crossentropy,
        categorical_crossentropy_logits,
        sparse_categorical_crossentropy,
        sparse_categorical_crossentropy_logits,
        poisson,
        kl_divergence,
        hinge,
        squared_hinge,
        categorical_hinge,
        cosine_similarity,
        binary_accuracy,
        categorical_accuracy,
        sparse_categorical_accuracy,
    )
}
