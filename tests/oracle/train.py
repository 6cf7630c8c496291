# SPDX-License-Identifier: BSD-3-Clause
"""Whole trainings: every step written out, nothing fused."""

import numpy as np

from oracle.losses import LOSSES, batch_gradient, batch_loss


def forward(layers, x, step=0):
    """Output of the layers for ``x [rows, ...]``."""
    for layer in layers:
        x = layer.forward(x, step)
    return x


def backward(layers, dy):
    """Gradient of the input of the layers; sets every layer's `grads`."""
    for layer in reversed(layers):
        dy = layer.backward(dy)
    return dy


def gradients(layers, loss, x, y, weight=None, parameters=(), step=0):
    """Loss of one batch, gradients of all weights and of ``x``."""
    pred = forward(layers, x, step)
    value, slope = LOSSES[loss](y, pred, *parameters)
    dx = backward(layers, batch_gradient(slope, weight))
    return batch_loss(value, weight), [g for layer in layers for g in layer.grads], dx


def train(layers, loss, optimizer, batches, parameters=(), rates=None):
    """Train on each batch in turn.

    Parameters
    ----------
    layers : list of Layer
        Their weights are changed in place.
    loss : str
        A key of `LOSSES`; `parameters` are its own parameters.
    optimizer : Optimizer
    batches : iterable of (x, y) or (x, y, weight)
    rates : sequence of float, optional
        Learning rate of each step in place of the optimizer's own.

    Returns
    -------
    losses : ndarray
        Loss of each batch before its update.
    weights : list of ndarray
        Final weights, layer by layer.
    """
    weights = [w for layer in layers for w in layer.weights]
    losses = []
    for step, (x, y, *weight) in enumerate(batches):
        if rates is not None:
            optimizer.learning_rate = rates[step]
        value, grads, _ = gradients(
            layers, loss, x, y, *weight, parameters=parameters, step=step
        )
        losses.append(value)
        optimizer.step(weights, grads)
    return np.array(losses), weights


def batches(x, y, batch_size, order=None, weight=None):
    """Cut rows, in the given order, into batches; the last one may be smaller."""
    order = np.arange(len(x)) if order is None else np.asarray(order)
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        w = () if weight is None else (weight[rows],)
        yield (x[rows], y[rows], *w)
