# SPDX-License-Identifier: BSD-3-Clause
"""Random stacks of layers, trained by everything together, against the oracle."""

import math

import numpy as np
import pytest
from oracle import activations as functions
from oracle import layers as slow
from oracle import optimizers as slow_optimizers
from oracle.cases import ACTIVATION_DEFAULTS
from oracle.philox import keep_mask, permutation
from oracle.train import batches, train

import pynn
from pynn import layers, losses, optimizers

ROWS, BATCH, EPOCHS = 29, 8, 2
STEPS = EPOCHS * math.ceil(ROWS / BATCH)
# exponential grows too fast in a stack for a fixed tolerance; the others have no names
NAMES = sorted(
    functions.ACTIVATIONS.keys()
    - {"exponential", "general_relu", "gelu_tanh", "linear"}
)
LOSSES = {
    "mean_squared_error": (losses.MeanSquaredError(), ()),
    "huber": (losses.Huber(0.7), (0.7,)),
    "log_cosh": (losses.LogCosh(), ()),
    "cosine_similarity": (losses.CosineSimilarity(), ()),
    "categorical_crossentropy": (
        losses.CategoricalCrossentropy(label_smoothing=0.1),
        (0.1,),
    ),
    "binary_crossentropy": (losses.BinaryCrossentropy(label_smoothing=0.1), (0.1,)),
}


def dropout(rng, width):
    rate, seed = rng.uniform(0.05, 0.5), int(rng.integers(1 << 40))
    wide = 16 * math.ceil(width / 16)
    masks = [
        np.reshape(keep_mask(rate, seed, step, BATCH * wide), (BATCH, wide))[:, :width]
        for step in range(STEPS)
    ]
    return [layers.Dropout(rate, seed=seed)], [slow.Dropout(rate, masks)]


def dense(rng, width, units, activation):
    use_bias = bool(rng.random() < 0.8)
    layer = layers.Dense(units, use_bias=use_bias, bias_initializer="normal")
    layer.dtype = "float64"
    layer.build((None, width))
    twin = slow.Dense(*layer.get_weights())
    if rng.random() < 0.5:
        return [layer, layers.Activation(activation)], [twin, act(activation)]
    config = layer.get_config() | {"activation": activation}
    whole = layers.Dense.from_config(config)
    whole.build((None, width))
    whole.set_weights(layer.get_weights())
    return [whole], [twin, act(activation)]


def batch_norm(rng, width):
    scale, center = (bool(rng.random() < 0.7) for _ in range(2))
    layer = layers.BatchNormalization(
        momentum=0.8,
        scale=scale,
        center=center,
        gamma_initializer="normal",
        moving_mean_initializer="normal",
    )
    layer.trainable = bool(rng.random() < 0.8)
    layer.dtype = "float64"
    layer.build((None, width))
    *weights, mean, variance = layer.get_weights()
    gamma, beta = weights[0] if scale else None, weights[-1] if center else None
    frozen = not layer.trainable
    return [layer], [slow.BatchNorm(gamma, beta, [mean, variance], 1e-3, 0.8, frozen)]


def group_norm(rng, width):
    groups = int(rng.choice([g for g in range(1, width + 1) if width % g == 0]))
    layer = layers.GroupNormalization(groups, beta_initializer="normal")
    layer.dtype = "float64"
    layer.build((None, width))
    return [layer], [slow.GroupNorm(groups, *layer.get_weights())]


def prelu(rng, width):
    shared = [None, 1][rng.integers(2)]
    layer = layers.PReLU("normal", shared_axes=shared)
    layer.dtype = "float64"
    layer.build((None, width))
    return [layer], [slow.PReLU(*layer.get_weights())]


def act(name):
    if name == "softmax":
        return slow.Softmax()
    return slow.Activation(name, *ACTIVATION_DEFAULTS.get(name, ()))


def stack(rng, head):
    """Layers of ours and of the oracle, and the widths of input and output."""
    first = width = int(rng.integers(1, 40))
    ours, theirs = [], []
    for _ in range(rng.integers(1, 5)):
        units = int(rng.integers(1, 40))
        pair = dense(rng, width, units, str(rng.choice(NAMES)))
        width = units
        if rng.random() < 0.4:
            more = dropout(rng, width)
            pair = pair[0] + more[0], pair[1] + more[1]
        if rng.random() < 0.3:
            more = batch_norm(rng, width)
            pair = pair[0] + more[0], pair[1] + more[1]
        for make in (group_norm, prelu):
            if rng.random() < 0.2:
                more = make(rng, width)
                pair = pair[0] + more[0], pair[1] + more[1]
        if rng.random() < 0.2:
            shapes = [layers.Reshape((width, 1)), layers.Flatten()]
            pair = pair[0] + shapes, pair[1]
        ours += pair[0]
        theirs += pair[1]
    units = int(rng.integers(2, 20))
    pair = dense(rng, width, units, head)
    return ours + pair[0], theirs + pair[1], first, units


def targets(rng, loss, width):
    if loss == "categorical_crossentropy":
        return np.eye(width)[rng.integers(0, width, ROWS)]
    if loss == "binary_crossentropy":
        return rng.integers(0, 2, (ROWS, width)).astype(float)
    return rng.normal(size=(ROWS, width))


HEADS = {"categorical_crossentropy": "softmax", "binary_crossentropy": "sigmoid"}


@pytest.mark.parametrize("seed", range(24))
def test_random_stacks(seed):
    rng = np.random.default_rng(seed)
    name = list(LOSSES)[seed % len(LOSSES)]
    loss, parameters = LOSSES[name]
    ours, theirs, width, units = stack(rng, HEADS.get(name, "linear"))
    x, y = rng.normal(size=(ROWS, width)), targets(rng, name, units)
    weight = rng.uniform(0, 2, ROWS)
    model = pynn.Sequential([pynn.Input((width,), dtype="float64"), *ours])
    model.compile(optimizers.SGD(0.05, momentum=0.9), loss)
    order = model.network_for(x).seed
    history = model.fit(x, y, BATCH, EPOCHS, 0, sample_weight=weight).history
    steps = [
        step
        for epoch in range(EPOCHS)
        for step in batches(x, y, BATCH, permutation(order, epoch, ROWS), weight)
    ]
    rule = slow_optimizers.SGD(0.05, momentum=0.9)
    values, weights = train(theirs, name, rule, steps, parameters)
    # float64, 8 steps, up to 10 layers: 1e-9 leaves room for cancellation
    trained = [w.value for w in model.weights if not w.name.startswith("moving")]
    moved = [w.value for w in model.weights if w.name.startswith("moving")]
    weights += [v for layer in theirs for v in getattr(layer, "moving", ())]
    for found, expected in zip(trained + moved, weights, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)
    rows = [len(step[0]) for step in steps]
    epochs = np.reshape(values * rows, (EPOCHS, -1)).sum(axis=1) / ROWS
    np.testing.assert_allclose(history["loss"], epochs, rtol=1e-9)
