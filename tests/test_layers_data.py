# SPDX-License-Identifier: BSD-3-Clause
"""Layers that scale by constants, and layers that move elements."""

import numpy as np
import pytest
from oracle.activations import softmax

import pynn
from pynn import layers

CLOSE = {"rtol": 2e-6, "atol": 2e-6}  # a few roundings of float32 near 1


def test_normalization_adapts(rng):
    x = rng.normal([3.0, -100.0, 0.0], [1.0, 5.0, 0.0], (50, 3)).astype(np.float32)
    layer = layers.Normalization()
    layer.adapt(x)
    mean, variance, count = layer.get_weights()
    np.testing.assert_allclose(mean, x.mean(axis=0, dtype=float), **CLOSE)
    np.testing.assert_allclose(variance, x.var(axis=0, dtype=float), **CLOSE)
    assert count.shape == ()
    assert count == 0
    y = layer(x)
    np.testing.assert_allclose(y.mean(axis=0), 0.0, atol=1e-5)
    np.testing.assert_allclose(y.std(axis=0), [1.0, 1.0, 0.0], atol=1e-5)
    inverse = layers.Normalization(invert=True)
    inverse.build(x.shape)
    inverse.set_weights(layer.get_weights())
    np.testing.assert_allclose(inverse(y), x, rtol=1e-6, atol=1e-4)


def test_normalization_adapts_to_batches(rng):
    x = rng.normal(2.0, 3.0, (70, 4, 3))
    whole, parts = layers.Normalization(dtype="float64"), layers.Normalization()
    whole.adapt(x)
    parts.adapt(x[i : i + 16] for i in range(0, 70, 16))
    for a, b in zip(whole.get_weights(), parts.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, **CLOSE)
    np.testing.assert_allclose(whole.mean, x.mean(axis=(0, 1)), rtol=1e-13)


@pytest.mark.parametrize(
    ("axis", "reduced", "shape"),
    [
        (None, (0, 1, 2), ()),
        (-1, (0, 1), (3,)),
        (2, (0, 1), (3,)),
        (1, (0, 2), (4,)),
        ((1, 2), (0,), (4, 3)),
        ((-1, 1), (0,), (4, 3)),
    ],
)
def test_normalization_along_axes(axis, reduced, shape, rng):
    x = rng.normal(rng.normal(size=(4, 3)), 2.0, (40, 4, 3)).astype(np.float32)
    layer = layers.Normalization(axis)
    layer.adapt(x)
    assert layer.mean.shape == shape
    mean = x.mean(axis=reduced, keepdims=True, dtype=float)
    deviation = x.std(axis=reduced, keepdims=True, dtype=float)
    np.testing.assert_allclose(layer(x), (x - mean) / deviation, **CLOSE)
    again = layers.Normalization(axis, layer.mean.numpy(), layer.variance.numpy())
    assert again(x).tobytes() == layer(x).tobytes()
    assert again.get_weights() == []


def test_normalization_of_given_moments(rng):
    x = rng.normal(size=(6, 2)).astype(np.float32)
    layer = layers.Normalization(mean=[1.0, 2.0], variance=[4.0, 0.0])
    expected = (x - [1.0, 2.0]) / [2.0, 1e-7]
    np.testing.assert_allclose(layer(x), expected, rtol=1e-6)
    scalar = layers.Normalization(axis=None, mean=3.0, variance=4.0)
    np.testing.assert_allclose(scalar(x), (x - 3) / 2, **CLOSE)
    spread = layers.Normalization(mean=3.0, variance=4.0)
    np.testing.assert_allclose(spread(x), (x - 3) / 2, **CLOSE)


def test_normalization_in_a_model(rng):
    x = rng.normal(20.0, 5.0, (60, 4))
    y = x.sum(axis=1)
    first = layers.Normalization()
    first.adapt(x)
    before = first.get_weights()
    model = pynn.Sequential([first, layers.Dense(3, "tanh"), layers.Dense(1)])
    model.compile("adam", "mse")
    model.fit(x, y, epochs=3, verbose=0)
    for a, b in zip(first.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)
    assert model.count_params() == 4 + 4 + 1 + 4 * 3 + 3 + 3 + 1
    assert len(model.non_trainable_weights) == 3
    again = pynn.models.clone_model(model)
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(again(x), model(x))


@pytest.mark.parametrize(
    ("scale", "offset"),
    [(1 / 255.0, 0.0), (2, -1), ([1.0, 2.0, 3.0], 0.5), (0.5, [1, 2, 3])],
)
def test_rescaling(scale, offset, rng):
    x = rng.integers(0, 256, (5, 2, 3), dtype=np.uint8)
    layer = layers.Rescaling(scale, offset)
    expected = x.astype(float) * scale + offset
    np.testing.assert_allclose(layer(x), expected, rtol=1e-6)
    again = layers.deserialize(layers.serialize(layer))
    assert again(x).tobytes() == layer(x).tobytes()
    assert layer.get_weights() == []


@pytest.mark.parametrize(
    "dims", [(1,), (2, 1), (1, 2), (3, 1, 2), (3, 2, 1), (2, 1, 3), (4, 2, 1, 3)]
)
def test_permute(dims, rng):
    x = rng.normal(size=(5, *(2, 3, 4, 17)[: len(dims)])).astype(np.float32)
    layer = layers.Permute(dims)
    expected = np.transpose(x, (0, *dims))
    np.testing.assert_array_equal(layer(x), expected)
    assert layer.output_shape == (None, *expected.shape[1:])


def test_repeat_vector(rng):
    x = rng.normal(size=(5, 17)).astype(np.float32)
    layer = layers.RepeatVector(3)
    np.testing.assert_array_equal(layer(x), np.repeat(x[:, None], 3, axis=1))
    assert layer.output_shape == (None, 3, 17)


@pytest.mark.parametrize("axis", [1, 2, 3, -1, -2, -3])
def test_softmax_along_axes(axis, rng):
    x = rng.normal(size=(3, 4, 5, 6)).astype(np.float32)
    moved = np.moveaxis(x, axis, -1)
    flat = softmax(moved.reshape(-1, moved.shape[-1]).astype(float))
    expected = np.moveaxis(flat.reshape(moved.shape), -1, axis)
    np.testing.assert_allclose(layers.Softmax(axis)(x), expected, rtol=2e-6)


MOVING = {
    "Permute": [layers.Reshape((3, 4)), layers.Permute((2, 1)), layers.Flatten()],
    "RepeatVector": [layers.RepeatVector(3), layers.Flatten()],
    "Softmax": [layers.Reshape((3, 4)), layers.Softmax(1), layers.Flatten()],
    "Rescaling": [layers.Rescaling([0.5] * 12, 1.0)],
    "Normalization": [layers.Normalization(mean=[0.5] * 12, variance=[2.0] * 12)],
}


@pytest.mark.parametrize("name", MOVING)
def test_gradients(name, rng):
    """Of all weights, by differences in float64."""
    made = [type(layer).from_config(layer.get_config()) for layer in MOVING[name]]
    for layer in made:
        layer.dtype = "float64"
    model = pynn.Sequential(
        [
            pynn.Input((5,), dtype="float64"),
            layers.Dense(12, "tanh"),
            *made,
            layers.Dense(2),
        ]
    )
    x, y = rng.normal(size=(7, 5)), rng.normal(size=(7, 2))
    model.compile(pynn.optimizers.SGD(1.0), "mse")
    start = model.get_weights()
    model.train_on_batch(x, y)
    moved = [a - b for a, b in zip(start, model.get_weights(), strict=True)]
    for place, (weight, gradient) in enumerate(zip(start, moved, strict=True)):
        for _ in range(4):
            i = tuple(rng.integers(n) for n in weight.shape)
            values = []
            for step in (1e-5, -1e-5):
                changed = [w.copy() for w in start]
                changed[place][i] += step
                model.set_weights(changed)
                values.append(np.mean((model(x) - y) ** 2))
            found = (values[0] - values[1]) / 2e-5
            assert found == pytest.approx(gradient[i], rel=1e-6, abs=1e-9)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: layers.Normalization(mean=1.0), "both mean and variance"),
        (lambda: layers.Normalization(mean=[1.0], variance=1.0), "expected the same"),
        (lambda: layers.Normalization(mean="a", variance="b"), "finite numbers"),
        (lambda: layers.Normalization(axis=0)(np.ones((2, 3))), "without the batch"),
        (lambda: layers.Normalization(axis=2)(np.ones((2, 3))), "expected axes of an"),
        (
            lambda: layers.Normalization(axis=1)(np.ones((2, 3, 4, 5))),
            "for all axes between",
        ),
        (
            lambda: layers.Normalization(mean=1.0, variance=1.0).adapt(np.ones((2, 3))),
            "were given",
        ),
        (lambda: layers.Normalization().adapt([]), "no data"),
        (lambda: layers.Rescaling([1.0, 2.0])(np.ones((2, 3))), "expected 1 or 3 num"),
        (lambda: layers.Rescaling(float("nan")), "Rescaling: scale: expected finite"),
        (lambda: layers.Rescaling([[1.0]]), "numbers or one for each column"),
        (lambda: layers.Permute((1, 3)), "expected the numbers 1 to 2"),
        (lambda: layers.Permute((0, 1)), "Permute: dims"),
        (lambda: layers.Permute((2, 1))(np.ones((2, 3))), "input of 3 axes for dims"),
        (lambda: layers.RepeatVector(0), "RepeatVector: n"),
        (lambda: layers.RepeatVector(2)(np.ones((2, 3, 4))), "an input of 2 axes"),
        (lambda: layers.Softmax(0)(np.ones((2, 3))), "or the batch"),
        (lambda: layers.Softmax(2)(np.ones((2, 3))), "axis 2 is none of an input"),
        (
            lambda: layers.Dense(2, layers.Softmax(1))(np.ones((2, 3))),
            "as an activation, only axis -1",
        ),
    ],
)
def test_bad_arguments(make, words):
    with pytest.raises(ValueError, match=words):
        make()
