# SPDX-License-Identifier: BSD-3-Clause
"""Group normalization in models: groups and axes, gradients, bits, files, messages."""

import copy
import pickle
from functools import partial

import numpy as np
import pytest
from oneop import OPS
from oracle.gradcheck import numeric_gradient
from oracle.layers import GroupNorm

import pynn
from pynn import _core, layers


def by_hand(x, groups, axis, epsilon=1e-3):
    """In float64, without weights."""
    last = np.moveaxis(np.asarray(x, float), axis, -1)
    layer = GroupNorm(last.shape[-1] if groups == -1 else groups, epsilon=epsilon)
    return np.moveaxis(layer.forward(last), -1, axis)


@pytest.mark.parametrize("axis", [1, 2, 3, -1, -2, -3])
@pytest.mark.parametrize("groups", [1, 2, -1])
def test_groups_along_an_axis(groups, axis, rng):
    x = rng.normal(3, 2, (5, 4, 6, 8)).astype(np.float32)
    layer = layers.GroupNormalization(groups, axis)
    # a few roundings of numbers around 2, and of sums of up to 192 of them
    np.testing.assert_allclose(layer(x), by_hand(x, groups, axis), atol=1e-5)
    channels = x.shape[axis]
    assert [w.shape for w in layer.weights] == [(channels,)] * 2
    assert layer.groups == (channels if groups == -1 else groups)
    gamma, beta = rng.normal(size=(2, channels))
    layer.set_weights([gamma, beta])
    shape = np.moveaxis(np.ones((1, 1, 1, channels)), -1, axis).shape
    wanted = by_hand(x, groups, axis) * gamma.reshape(shape) + beta.reshape(shape)
    np.testing.assert_allclose(layer(x), wanted, atol=3e-5)


def test_relatives(rng):
    """One group of a vector is layer normalization."""
    x = rng.normal(3, 2, (5, 37))
    one = layers.GroupNormalization(1, dtype="float64")(x)
    rows = layers.LayerNormalization(dtype="float64")(x)
    np.testing.assert_allclose(one, rows, rtol=1e-12)
    alone = layers.GroupNormalization(-1)(x)  # of one element: nothing is left
    np.testing.assert_array_equal(alone, np.zeros_like(alone))


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize("axis", [1, -1])
def test_gradients_are_those_of_the_loss(axis, scale, center, rng):
    x, y = rng.normal(3, 2, (5, 4, 3)), rng.normal(size=(5, 2))
    norm = layers.GroupNormalization(2, axis, scale=scale, center=center)
    model = pynn.Sequential(
        [
            pynn.Input((4, 3), dtype="float64"),
            layers.Dense(6),
            norm,
            layers.Activation("tanh"),
            layers.Flatten(),
            layers.Dense(2),
        ]
    )
    model.compile("sgd", "mse")
    start = [rng.uniform(0.5, 1.5, w.shape) for w in model.get_weights()]
    model.set_weights(start)

    def loss(weight, value):
        kept = weight.numpy()
        weight.assign(value)
        found = model.gradients(x, y)[0]
        weight.assign(kept)
        return found

    _, grads = model.gradients(x, y)
    assert len(grads) == 4 + scale + center
    for weight, gradient in zip(model.trainable_weights, grads, strict=True):
        numeric = numeric_gradient(partial(loss, weight), weight.numpy())
        # central differences: see oracle.gradcheck
        np.testing.assert_allclose(gradient, numeric, rtol=1e-6, atol=1e-7)


def wide():
    pynn.utils.set_random_seed(3)
    frozen = layers.GroupNormalization(8, trainable=False)
    model = pynn.Sequential(
        [
            pynn.Input((300,)),
            layers.Dense(1400, "relu"),
            layers.GroupNormalization(35),
            layers.Reshape((35, 40)),
            frozen,
            layers.GroupNormalization(7, axis=1),
            layers.Flatten(),
            layers.Dense(10, "softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    return model, frozen


@pytest.mark.usefixtures("threads")
def test_bits_for_any_number_of_threads(rng):
    """Also where the sums do not fit the memory that a thread has anyway."""
    x, y = rng.normal(size=(90, 300)).astype("f4"), rng.integers(0, 10, 90)
    found = []
    for n in (1, 2, 3, 8):
        _core.set_num_threads(n)
        model, frozen = wide()
        before = frozen.get_weights()
        model.fit(x, y, 32, 1, 0)
        twin = copy.deepcopy(model) if n == 1 else pickle.loads(pickle.dumps(model))
        for each in (model, twin):
            each.fit(x, y, 32, 1, 0)
        predictor = pickle.loads(pickle.dumps(model.predictor(90)))
        answers = model.predict(x, verbose=0)
        np.testing.assert_array_equal(predictor(x), answers)
        values = [m.get_weights() for m in (model, twin)]
        assert [v.tobytes() for v in values[0]] == [v.tobytes() for v in values[1]]
        found.append([v.tobytes() for v in (*values[0], answers)])
        for now, then in zip(frozen.get_weights(), before, strict=True):
            np.testing.assert_array_equal(now, then)
    assert found[0] == found[1] == found[2] == found[3]


def test_batches_beyond_the_arena(rng):
    """A batch that is held in pieces: the gradients go on where they were."""
    x = rng.normal(size=(3000, 8, 512)).astype("f4")
    layer = layers.GroupNormalization(4)
    model = pynn.Sequential([pynn.Input((8, 512)), layer])
    model.compile(pynn.optimizers.SGD(100.0), "mse")
    model.fit(x, np.zeros_like(x), 3000, 1, 0)
    normal = by_hand(x, 4, -1)
    slopes = 2 * (normal**2).sum(axis=(0, 1)), 2 * normal.sum(axis=(0, 1))
    # chains of 24,000 terms of order 1 in float32
    gamma, beta = (s * 100 / x.size for s in slopes)
    np.testing.assert_allclose(layer.gamma.value, 1 - gamma, rtol=2e-4)
    np.testing.assert_allclose(layer.beta.value, -beta, atol=2e-4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"groups": 0}, "groups: expected -1 or more, not 0"),
        ({"groups": -2}, "groups: expected an integer >= -1, got -2"),
        ({"groups": 2.5}, "groups: expected an integer"),
        ({"axis": [1]}, "axis: expected an integer"),
        ({"epsilon": -1}, r"epsilon: expected .* in \[0, inf\), got -1"),
        ({"center": "yes"}, "center: expected True or False, got 'yes'"),
        ({"alpha": 1}, "unknown argument 'alpha'"),
    ],
)
def test_arguments_out_of_range(arguments, message):
    with pytest.raises(ValueError, match="GroupNormalization: " + message):
        layers.GroupNormalization(**arguments)


def test_shapes_that_do_not_fit():
    for axis in (0, 3, -3, -4):
        with pytest.raises(ValueError, match=f"'g': axis {axis} is none of an input"):
            layers.GroupNormalization(1, axis, name="g").build((None, 4, 6))
    for groups in (4, 12, 32):
        with pytest.raises(ValueError, match=f"that {groups} groups divide, got 6"):
            layers.GroupNormalization(groups).build((None, 4, 6))
    layer = layers.GroupNormalization(2, name="g")
    layer.build((None, 4))
    with pytest.raises(
        ValueError, match="'g': expected 4 channels along axis -1, got 6"
    ):
        layer.compute_output_shape((None, 6))


@pytest.mark.parametrize("attr", [(0.1, 0), (0.1, 4), (0.1, 1.5), (-1, 1), (0.1, 12)])
def test_records_that_the_core_refuses(attr):
    record = (OPS["group_norm"], 0, 0, 1, -1, 0, -1, -1, 0, (*map(float, attr), 0, 0))
    with pytest.raises(ValueError):
        _core.Plan(
            [record],
            [(2, 6), (2, 6)],
            dtype=0,
            output=1,
            target=-1,
            n_params=0,
            max_rows=4,
        )
