# SPDX-License-Identifier: BSD-3-Clause
"""PReLU in models: shared axes, gradients, bits, terms, files, messages."""

import copy
import pickle
from functools import partial
from itertools import combinations

import numpy as np
import pytest
from oneop import OPS
from oracle import layers as slow
from oracle import optimizers as slow_optimizers
from oracle.gradcheck import numeric_gradient
from oracle.train import batches, train

import pynn
from pynn import _core, layers

SHAPE = (3, 4, 2, 5)
SHARED = [list(s) for n in range(5) for s in combinations((1, 2, 3, 4), n)]


def by_hand(x, alpha):
    return np.where(x > 0, x, alpha * x)


@pytest.mark.parametrize("shared", SHARED, ids=str)
def test_axes_that_share(shared, rng):
    """Every choice of four axes; some bring the axes into another order and back."""
    x = rng.normal(size=(7, *SHAPE)).astype(np.float32)
    layer = layers.PReLU("normal", shared_axes=shared)
    y = layer(x)
    shape = tuple(1 if i + 1 in shared else n for i, n in enumerate(SHAPE))
    assert [w.shape for w in layer.weights] == [shape]
    np.testing.assert_array_equal(y, by_hand(x, layer.alpha.value))


@pytest.mark.parametrize("shape", [(), (1,), (5,), (4, 1), (1, 1, 3)])
def test_small_samples(shape, rng):
    x = rng.normal(size=(6, *shape)).astype(np.float32)
    layer = layers.PReLU(pynn.initializers.Constant(0.25))
    np.testing.assert_array_equal(layer(x), by_hand(x, np.float32(0.25)))
    assert layer.alpha.shape == shape
    layer.set_weights([np.full(shape, 0.5)])
    np.testing.assert_array_equal(layer(x), by_hand(x, np.float32(0.5)))


def test_what_is_not_finite():
    layer = layers.PReLU()
    x = np.array([[np.nan, np.inf, -np.inf, -1.0, 0.0]], np.float32)
    np.testing.assert_array_equal(layer(x), [[np.nan, np.inf, 0, 0, 0]])
    layer.alpha.assign([2, 2, 2, np.nan, np.inf])
    np.testing.assert_array_equal(layer(x), [[np.nan, np.inf, -np.inf, np.nan, 0]])


def net(shared):
    model = pynn.Sequential(
        [
            pynn.Input((3, 4, 5), dtype="float64"),
            layers.PReLU("normal", shared_axes=shared),
            layers.Flatten(),
            layers.PReLU("normal", shared_axes=[1] if shared else None),
            layers.Dense(2),
        ]
    )
    model.compile(pynn.optimizers.SGD(0.05, momentum=0.9), "mse")
    return model


@pytest.mark.parametrize("shared", [None, 2, [1], [1, 2], [3], [2, 3], [1, 2, 3]])
def test_gradients_are_those_of_the_loss(shared, rng):
    x, y = rng.normal(size=(6, 3, 4, 5)), rng.normal(size=(6, 2))
    model = net(shared)
    _, grads = model.gradients(x, y)

    def loss(weight, value):
        kept = weight.numpy()
        weight.assign(value)
        found = model.gradients(x, y)[0]
        weight.assign(kept)
        return found

    assert len(grads) == 4
    for weight, gradient in zip(model.trainable_weights, grads, strict=True):
        numeric = numeric_gradient(partial(loss, weight), weight.numpy())
        # central differences: see oracle.gradcheck
        np.testing.assert_allclose(gradient, numeric, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("shared", [None, [2], [1, 2], [3]], ids=str)
def test_training_is_the_oracle_s(shared, rng):
    x, y = rng.normal(size=(21, 3, 4, 5)), rng.normal(size=(21, 2))
    model = net(shared)
    alpha, last, *head = model.get_weights()
    theirs = [
        slow.PReLU(alpha),
        slow.Reshape((60,)),
        slow.PReLU(last),
        slow.Dense(*head),
    ]
    steps = [b for _ in range(3) for b in batches(x, y, 8)]
    rule = slow_optimizers.SGD(0.05, momentum=0.9)
    _, weights = train(theirs, "mean_squared_error", rule, steps)
    model.fit(x, y, 8, 3, 0, shuffle=False)
    for found, expected in zip(model.get_weights(), weights, strict=True):
        # float64, 9 steps of numbers of order 1
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


def wide(shared):
    pynn.utils.set_random_seed(3)
    model = pynn.Sequential(
        [
            pynn.Input((300,)),
            layers.Dense(1400),
            layers.PReLU("normal"),
            layers.Reshape((35, 40)),
            layers.PReLU("normal", shared_axes=shared),
            layers.Flatten(),
            layers.Dense(10, "softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("shared", [None, [1], [2]], ids=str)
def test_bits_for_any_number_of_threads(shared, rng):
    """Alphas of several tasks; and in copies that go on."""
    x, y = rng.normal(size=(90, 300)).astype("f4"), rng.integers(0, 10, 90)
    found = []
    for n in (1, 2, 3, 8):
        _core.set_num_threads(n)
        model = wide(shared)
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
    assert found[0] == found[1] == found[2] == found[3]


@pytest.mark.parametrize("kind", ["none", "all"])
def test_batches_beyond_the_arena(kind, rng):
    """A batch that is held in pieces: the gradient goes on where it was."""
    shared = {"none": None, "all": [1, 2]}[kind]
    x = rng.normal(size=(3000, 8, 512)).astype("f4")
    layer = layers.PReLU(shared_axes=shared)
    model = pynn.Sequential([pynn.Input((8, 512)), layer])
    model.compile(pynn.optimizers.SGD(1.0), "mse")
    model.fit(x, np.zeros_like(x), 3000, 1, 0)
    assert (layer.alpha.value == 0).all()  # y is 0 below 0: no error, no gradient
    layer.alpha.assign(np.ones(layer.alpha.shape))
    model.fit(x, np.zeros_like(x), 3000, 1, 0)
    axes = (0, 1, 2) if shared else 0
    below = np.minimum(x.astype(float), 0)
    slope = 2 * (below**2).sum(axis=axes) / x.size
    # slopes are near 1, of 12 million terms in float32
    near = np.broadcast_to(1 - slope, (1, 1) if shared else (8, 512))
    np.testing.assert_allclose(layer.alpha.value, near, atol=1e-5)


def test_terms_and_freezing(rng):
    x, y = rng.normal(size=(20, 6)), rng.normal(size=(20, 6))
    layer = layers.PReLU(
        pynn.initializers.Constant(0.5),
        alpha_regularizer="l2",
        alpha_constraint=pynn.constraints.NonNeg(),
    )
    model = pynn.Sequential([pynn.Input((6,)), layer])
    model.compile(pynn.optimizers.SGD(20.0), "mse")
    assert model.losses == [pytest.approx(6 * 0.01 * 0.25)]
    model.fit(x, y, 20, 3, 0)
    assert (layer.alpha.value >= 0).all()
    assert (layer.alpha.value == 0).any()
    layer.trainable = False
    model.compile("sgd", "mse")
    before = layer.get_weights()[0]
    assert model.trainable_weights == []
    model.fit(x, y, 20, 1, 0)
    np.testing.assert_array_equal(layer.alpha.value, before)


@pytest.mark.parametrize("shared", [0, -1, [1, 0], 1.5, "all"])
def test_axes_out_of_range(shared):
    with pytest.raises(
        ValueError, match="PReLU: shared_axes: expected an integer >= 1"
    ):
        layers.PReLU(shared_axes=shared)


def test_what_does_not_fit():
    with pytest.raises(ValueError, match="'p': shared_axes: expected axes of an input"):
        layers.PReLU(shared_axes=[2], name="p").build((None, 4))
    layer = layers.PReLU(shared_axes=[1], name="p")
    layer.build((None, 3, 4))
    assert layer.compute_output_shape((None, 9, 4)) == (None, 9, 4)
    with pytest.raises(ValueError, match=r"goes with alpha of shape \(1, 4\)"):
        layer.compute_output_shape((None, 3, 5))
    with pytest.raises(ValueError, match="unknown argument 'alpha'"):
        layers.PReLU(alpha=1)


@pytest.mark.parametrize(
    ("attr", "params"),
    [((0, 1), 0), ((3, 1), 0), ((1, 0), 0), ((1.5, 1), 0), ((2, 3), 0), ((2, 1), -1)],
)
def test_records_that_the_core_refuses(attr, params):
    record = (
        OPS["prelu"],
        0,
        0,
        1,
        -1,
        0,
        params,
        -1,
        0,
        (*map(float, attr), 0.0, 0.0),
    )
    with pytest.raises(ValueError):
        _core.Plan(
            [record],
            [(4, 5), (4, 5)],
            dtype=0,
            output=1,
            target=-1,
            n_params=64 if params == 0 else 0,
            max_rows=4,
        )
