# SPDX-License-Identifier: BSD-3-Clause
"""Layers that are random in training: what they draw, and when they draw nothing."""

import math

import numpy as np
import pytest
from oracle import layers as slow
from oracle import philox

import pynn
from pynn import layers

FIRST = (1 << 63) + 1  # the step of a layer's first call on its own
SHAPES = [(6, 5), (3, 40), (2, 3, 7)]
# float32: radii of up to 6.7 times deviations of up to 2, some roundings each
CLOSE = {"rtol": 1e-6, "atol": 4e-6}


def padded_shape(shape):
    return (*shape[:-1], 16 * math.ceil(shape[-1] / 16))


def normals(seed, shape):
    wide = padded_shape(shape)
    numbers, _ = philox.normals(seed, FIRST, math.prod(wide))
    return np.reshape(numbers, wide)[..., : shape[-1]]


def mask(rate, seed, shape, same=()):
    """What is kept of `shape`, sharing along the axes `same`."""
    wide = [1 if i in same else n for i, n in enumerate(padded_shape(shape))]
    keep = np.reshape(philox.keep_mask(rate, seed, FIRST, math.prod(wide)), wide)
    return np.broadcast_to(keep, padded_shape(shape))[..., : shape[-1]]


@pytest.mark.parametrize("shape", SHAPES)
def test_gaussian_noise(shape, rng):
    x = rng.normal(size=shape).astype(np.float32)
    layer = layers.GaussianNoise(0.5, seed=3)
    expected = slow.Noise(False, 0.5, [normals(3, shape)]).forward(x)
    np.testing.assert_array_equal(layer(x), x)
    np.testing.assert_allclose(layer(x, training=True), expected, **CLOSE)
    assert (layer(x, training=True) != layers.GaussianNoise(0.5, 3)(x, True)).any()
    np.testing.assert_array_equal(layers.GaussianNoise(0.0)(x, training=True), x)


@pytest.mark.parametrize("shape", SHAPES)
def test_gaussian_dropout(shape, rng):
    x = rng.normal(size=shape).astype(np.float32)
    layer = layers.GaussianDropout(0.8, seed=3)
    expected = slow.Noise(True, 2.0, [normals(3, shape)]).forward(x)
    np.testing.assert_array_equal(layer(x), x)
    np.testing.assert_allclose(layer(x, training=True), expected, **CLOSE)
    np.testing.assert_array_equal(layers.GaussianDropout(0.0)(x, training=True), x)


@pytest.mark.parametrize("rate", [0.0, 0.25, 1.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_alpha_dropout(shape, rate, rng):
    x = rng.normal(size=shape).astype(np.float32)
    layer = layers.AlphaDropout(rate, seed=7)
    expected = slow.AlphaDropout(rate, [mask(rate, 7, shape)]).forward(x)
    np.testing.assert_array_equal(layer(x), x)
    np.testing.assert_allclose(layer(x, training=True), expected, **CLOSE)


def test_moments():
    """Of a million numbers, within five standard errors."""
    n = 1 << 20
    noise = layers.GaussianNoise(1.0, seed=1)(np.zeros((n // 64, 64)), training=True)
    z = noise.astype(np.float64)
    assert abs(z.mean()) < 5 / math.sqrt(n)
    assert abs(z.var() - 1) < 5 * math.sqrt(2 / n)
    assert abs((z**3).mean()) < 5 * math.sqrt(15 / n)
    assert abs((z**4).mean() - 3) < 5 * math.sqrt(96 / n)
    x = np.random.default_rng(0).normal(size=z.shape)
    y = layers.AlphaDropout(0.3, seed=1)(x.astype(np.float32), training=True)
    # fourth moments of the dropped are below 10: see the paper, appendix
    assert abs(y.mean()) < 5 * 2 / math.sqrt(n)
    assert abs(y.var() - 1) < 5 * 4 / math.sqrt(n)


@pytest.mark.parametrize("kind", [layers.Dropout, layers.AlphaDropout])
@pytest.mark.parametrize(
    ("shape", "noise_shape", "same"),
    [
        ((5, 7), None, ()),
        ((5, 7), (None, 7), ()),
        ((5, 7), (5, 7), ()),
        ((5, 7), (None, 1), (1,)),
        ((5, 7), (1, None), (0,)),
        ((5, 7), [1, 1], (0, 1)),
        ((4, 3, 7), (None, 1, 7), (1,)),
        ((4, 3, 7), (None, 3, 1), (2,)),
        ((4, 3, 7), (1, 1, None), (0, 1)),
        ((4, 1, 7), (None, 1, 7), (1,)),
        ((4, 3, 2, 7), (None, 1, 1, 7), (1, 2)),
        ((4, 3, 1, 7), (None, 3, 1, 7), (2,)),
    ],
)
def test_shared_masks(kind, shape, noise_shape, same, rng):
    x = rng.uniform(1.0, 2.0, shape).astype(np.float32)
    layer = kind(0.5, noise_shape, seed=9)
    y = layer(x, training=True)
    keep = mask(0.5, 9, shape, same)
    twin = slow.AlphaDropout if kind is layers.AlphaDropout else slow.Dropout
    expected = twin(0.5, [keep.reshape(shape)]).forward(x)
    np.testing.assert_allclose(y, expected, **CLOSE)


@pytest.mark.parametrize(
    ("kind", "shape"),
    [(layers.SpatialDropout1D, (4, 9, 20)), (layers.SpatialDropout2D, (4, 3, 5, 20))],
)
def test_spatial_dropout_drops_channels(kind, shape):
    x = np.ones(shape, np.float32)
    layer = kind(0.25, seed=5)
    y = layer(x, training=True)
    keep = mask(0.25, 5, shape, range(1, len(shape) - 1))
    np.testing.assert_array_equal(y != 0, keep)
    assert (keep.all(axis=(0, 1)) != keep.any(axis=(0, 1))).any()
    np.testing.assert_array_equal(layer(x), x)
    with pytest.raises(ValueError, match=f"expected an input of {len(shape)} axes"):
        kind(0.5)(np.ones((4, 20)))
    assert "noise_shape" not in layer.get_config()


MADE = {
    "GaussianNoise": lambda: layers.GaussianNoise(0.5),
    "GaussianDropout": lambda: layers.GaussianDropout(0.5),
    "AlphaDropout": lambda: layers.AlphaDropout(0.5),
    "AlphaDropout shared": lambda: layers.AlphaDropout(0.5, (1, None)),
    "Dropout shared": lambda: layers.Dropout(0.5, (None, 1)),
    "SpatialDropout1D": lambda: layers.SpatialDropout1D(0.5),
}


def train(make, threads, batch=64):
    pynn.utils.set_random_seed(2)
    pynn.set_num_threads(threads)
    spatial = make is MADE["SpatialDropout1D"]
    stack = [layers.Reshape((8, 16)), make(), layers.Flatten()] if spatial else [make()]
    model = pynn.Sequential(
        [pynn.Input((20,)), layers.Dense(128, "relu"), *stack, layers.Dense(1)]
    )
    model.compile("sgd", "mse")
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(200, 20)), rng.normal(size=200)
    history = model.fit(x, y, batch, 2, verbose=0).history
    return [w.tobytes() for w in model.get_weights()], history


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("name", MADE)
def test_training_has_the_same_bits_for_any_threads(name):
    one = train(MADE[name], 1)
    assert one == train(MADE[name], 2) == train(MADE[name], 3)
    assert one != train(lambda: layers.Flatten(), 1)


def test_without_a_seed_noise_follows_the_session():
    x, found = np.ones((4, 50), np.float32), []
    for seed in (1, 1, 2):
        pynn.utils.set_random_seed(seed)
        found.append(layers.GaussianNoise(0.5)(x, training=True))
    np.testing.assert_array_equal(found[0], found[1])
    assert (found[0] != found[2]).any()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: layers.GaussianNoise(1.5), "GaussianNoise: stddev: expected a number"),
        (lambda: layers.GaussianNoise(-0.5), "GaussianNoise: stddev"),
        (lambda: layers.GaussianDropout(1.0), r"rate: expected a number in \[0, 1\)"),
        (lambda: layers.GaussianNoise(0.5, seed=-1), "GaussianNoise: seed"),
        (lambda: layers.AlphaDropout(2), "AlphaDropout: rate"),
        (lambda: layers.Dropout(0.5, noise_shape="ab"), "noise_shape: expected a tup"),
        (lambda: layers.Dropout(0.5, noise_shape=3), "noise_shape: expected a tuple"),
        (
            lambda: layers.Dropout(0.5, noise_shape=(None, 0)),
            "expected an integer >= 1",
        ),
        (lambda: layers.SpatialDropout2D(0.5, "channels_first"), "data_format"),
    ],
)
def test_bad_arguments(make, words):
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize(
    ("shape", "noise_shape"),
    [((5, 7), (None, 6)), ((5, 7), (None,)), ((5, 2, 3, 7), (None, 1, 3, 7))],
)
def test_noise_shape_that_does_not_fit(shape, noise_shape):
    with pytest.raises(ValueError, match=r"noise_shape .* does not fit the input"):
        layers.Dropout(0.5, noise_shape)(np.ones(shape))
