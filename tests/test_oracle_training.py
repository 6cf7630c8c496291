# SPDX-License-Identifier: BSD-3-Clause
"""The oracle's optimizers, layers and trainings against numbers worked by hand."""

import math

import numpy as np
import pytest
from oracle import layers, losses, optimizers, table, train
from oracle.gradcheck import numeric_gradient

# Central differences with step 1e-6 in float64: truncation 1e-12, rounding
# 1e-16 / 1e-6 = 1e-10, times values of up to 1e2 here.
GRADIENT = {"rtol": 1e-7, "atol": 1e-7}

# w = 1, rate 0.1, g = 2 and then 1, all other options at Keras's defaults: the weight
# after each step, from the formulas by hand (Adam's epsilon left out: see tolerance).
R = math.sqrt
TWO_STEPS = {
    "sgd": (0.8, 0.7),
    "momentum": (0.8, 0.52),
    "nesterov": (0.62, 0.62 - 0.9 * 0.28 - 0.1),
    "rmsprop": (1 - 0.2 / R(0.4), 1 - 0.2 / R(0.4) - 0.1 / R(0.46)),
    "adam": (
        0.9,
        0.9 - 0.1 * R(1 - 0.999**2) / (1 - 0.81) * 0.28 / R(0.004 * 0.999 + 0.001),
    ),
    "amsgrad": (
        0.9,
        0.9 - 0.1 * R(1 - 0.999**2) / (1 - 0.81) * 0.28 / R(0.004 * 0.999 + 0.001),
    ),
    "adamax": (0.9, 0.9 - 0.1 * 0.28 / (0.19 * 1.998)),
    "adagrad": (1 - 0.2 / R(4.1), 1 - 0.2 / R(4.1) - 0.1 / R(5.1)),
    "lion": (0.9, 0.8),
    "ftrl": (
        -(2 - (R(4.1) - R(0.1)) / 0.1) / (R(4.1) / 0.1),
        -(
            2
            - (R(4.1) - R(0.1)) / 0.1
            + 1
            + (R(5.1) - R(4.1)) / 0.1 * (2 - (R(4.1) - R(0.1)) / 0.1) / (R(4.1) / 0.1)
        )
        / (R(5.1) / 0.1),
    ),
}


def nadam_by_hand():
    u1, u2, u3 = (0.9 * (1 - 0.5 * 0.96**t) for t in (1, 2, 3))
    first = 0.1 * (u2 * 0.2 / (1 - u1 * u2) + (1 - u1) * 2 / (1 - u1)) / 2
    v = (0.004 * 0.999 + 0.001) / (1 - 0.999**2)
    m = u3 * 0.28 / (1 - u1 * u2 * u3) + (1 - u2) * 1 / (1 - u1 * u2)
    return 1 - first, 1 - first - 0.1 * m / R(v)


def adadelta_by_hand():
    d1 = R(1e-7) / R(0.05 * 4 + 1e-7) * 2
    d2 = R(0.05 * d1**2 + 1e-7) / R(0.95 * 0.2 + 0.05 + 1e-7)
    return 1 - 0.1 * d1, 1 - 0.1 * d1 - 0.1 * d2


TWO_STEPS["nadam"] = nadam_by_hand()
TWO_STEPS["adadelta"] = adadelta_by_hand()


def make_optimizer(name, **options):
    cls, fixed = optimizers.OPTIMIZERS[name]
    return cls(**{**fixed, **options})


@pytest.mark.parametrize("name", table.names("OPTIMIZER"))
def test_optimizer_first_two_steps(name):
    assert name in optimizers.OPTIMIZERS, f"no oracle for {name}"
    optimizer = make_optimizer(name, learning_rate=0.1)
    w = np.array([1.0])
    for g, expected in zip((2.0, 1.0), TWO_STEPS[name], strict=True):
        optimizer.step([w], [np.array([g])])
        # The epsilon of 1e-7 beside roots of at least sqrt(0.004): 2e-6 of one step.
        assert w[0] == pytest.approx(expected, abs=4e-7)


# The first step with g = 2 and an epsilon of 1/2, which shows where it is added.
EPSILON_STEPS = {
    "rmsprop": 0.2 / R(0.4 + 0.5),
    "adam": 0.1 * R(0.001) / 0.1 * 0.2 / (R(0.004) + 0.5),
    "amsgrad": 0.1 * R(0.001) / 0.1 * 0.2 / (R(0.004) + 0.5),
    "adamax": 0.1 * 0.2 / (0.1 * 2.5),
    "nadam": 2 * (1 - nadam_by_hand()[0]) / 2.5,
    "adagrad": 0.2 / R(4.1 + 0.5),
    "adadelta": 0.1 * R(0.5) / R(0.2 + 0.5) * 2,
}


@pytest.mark.parametrize(("name", "expected"), EPSILON_STEPS.items())
def test_where_epsilon_is_added(name, expected):
    w = np.array([1.0])
    make_optimizer(name, learning_rate=0.1, epsilon=0.5).step([w], [np.array([2.0])])
    assert w[0] == pytest.approx(1 - expected, rel=1e-12)


def test_lion_follows_its_average():
    """m is 0, 0.02, 0.0188, 0.0156: with it go the second and the fourth step."""
    w, optimizer = np.array([1.0]), make_optimizer("lion", learning_rate=0.1)
    for g, expected in ((2.0, 0.9), (-0.1, 0.8), (-0.3, 0.9), (-0.1, 0.8)):
        optimizer.step([w], [np.array([g])])
        assert w[0] == pytest.approx(expected, rel=1e-14)
    still, optimizer = np.array([1.0]), make_optimizer("lion", learning_rate=0.1)
    optimizer.step([still], [np.array([0.0])])
    assert still[0] == 1.0


def test_amsgrad_keeps_the_largest_v():
    plain, kept = make_optimizer("adam"), make_optimizer("amsgrad")
    w, u = np.array([1.0]), np.array([1.0])
    for g in (10.0, *[0.0] * 5):
        plain.step([w], [np.array([g])])
        kept.step([u], [np.array([g])])
    assert plain.state[0]["v"] < kept.state[0]["top"]
    assert kept.state[0]["top"] == pytest.approx(0.1)
    assert w[0] < u[0] < 1.0


def test_rmsprop_centered_and_momentum():
    w = np.array([1.0])
    optimizer = optimizers.RMSprop(0.1, momentum=0.5, centered=True)
    optimizer.step([w], [np.array([2.0])])
    first = 0.2 / R(0.4 - 0.04 + 1e-7)
    assert w[0] == pytest.approx(1 - first, rel=1e-14)
    optimizer.step([w], [np.array([1.0])])
    second = 0.5 * first + 0.1 / R(0.46 - 0.28**2 + 1e-7)
    assert w[0] == pytest.approx(1 - first - second, rel=1e-14)


def test_ftrl_regularised():
    w = np.array([1.0])
    optimizer = optimizers.Ftrl(
        0.1,
        l1_regularization_strength=0.5,
        l2_regularization_strength=0.25,
        l2_shrinkage_regularization_strength=0.125,
        beta=0.2,
    )
    w *= 2
    optimizer.step([w], [np.array([2.0])])
    z = 2 + 0.25 * 2 - (R(4.1) - R(0.1)) / 0.1 * 2
    assert w[0] == pytest.approx((-0.5 - z) / (R(4.1) / 0.1 + 0.5 + 2.0), rel=1e-14)
    optimizer = optimizers.Ftrl(0.1, l1_regularization_strength=100.0)
    optimizer.step([w], [np.array([2.0])])
    assert w[0] == 0.0


@pytest.mark.parametrize(
    ("clip", "first", "second"),
    [
        ({"clipvalue": 2.0}, [2.0, 2.0], [0.1]),
        ({"clipnorm": 2.5}, [1.5, 2.0], [0.1]),
        (
            {"global_clipnorm": 2.5},
            [3 * 2.5 / R(25.01), 10 / R(25.01)],
            [0.25 / R(25.01)],
        ),
        ({"global_clipnorm": 9.0}, [3.0, 4.0], [0.1]),
        ({}, [3.0, 4.0], [0.1]),
    ],
)
def test_clipping(clip, first, second):
    weights = [np.zeros(2), np.zeros(1)]
    optimizer = optimizers.SGD(1.0, **clip)
    optimizer.step(weights, [np.array([3.0, 4.0]), np.array([0.1])])
    np.testing.assert_allclose(-weights[0], first, 1e-15)
    np.testing.assert_allclose(-weights[1], second, 1e-15)


def test_weight_decay_comes_before_the_rule():
    w = np.array([2.0])
    optimizers.SGD(0.1, weight_decay=0.5).step([w], [np.array([1.0])])
    assert w[0] == pytest.approx(2.0 * 0.95 - 0.1, rel=1e-15)
    assert optimizers.AdamW().weight_decay == 0.004


def small_net(rng):
    """Every kind of layer once, with smooth activations."""
    return [
        layers.GroupNorm(3, rng.normal(size=3), rng.normal(size=3)),
        layers.PReLU(rng.normal(size=(1, 3))),
        layers.Reshape((-1,)),
        layers.PReLU(rng.normal(size=6)),
        layers.Dense(rng.normal(size=(6, 5)), rng.normal(size=5)),
        layers.RowNorm("layer", rng.normal(size=5), rng.normal(size=5)),
        layers.RowNorm("rms", rng.normal(size=5)),
        layers.RowNorm("unit"),
        layers.BatchNorm(rng.normal(size=5), rng.normal(size=5), np.ones((2, 5))),
        layers.Activation("tanh"),
        layers.BatchNorm(None, None, rng.uniform(1, 2, (2, 5)), frozen=True),
        layers.Dropout(0.25, [rng.random((4, 5)) >= 0.25 for _ in range(2)]),
        layers.Dense(rng.normal(size=(5, 3))),
        layers.Softmax(),
    ]


def test_network_gradients(rng):
    net = small_net(rng)
    x, y = rng.normal(size=(4, 2, 3)), losses.one_hot([0, 2, 1, 1], 3)
    weight = rng.uniform(0.5, 2.0, 4)

    def loss(_=None):
        value, _, _ = train.gradients(
            net, "categorical_crossentropy", x, y, weight, step=1
        )
        return value

    _, grads, dx = train.gradients(
        net, "categorical_crossentropy", x, y, weight, step=1
    )
    weights = [w for layer in net for w in layer.weights]
    assert [w.shape for w in weights] == [
        *2 * [(3,)],
        (1, 3),
        (6,),
        (6, 5),
        *6 * [(5,)],
        (5, 3),
    ]
    for w, g in zip(weights, grads, strict=True):
        kept = w.copy()

        def moved(v, w=w):
            w[...] = v
            return loss()

        np.testing.assert_allclose(g, numeric_gradient(moved, kept), **GRADIENT)
        w[...] = kept
    numeric = numeric_gradient(
        lambda v: train.gradients(
            net, "categorical_crossentropy", v, y, weight, step=1
        )[0],
        x,
    )
    np.testing.assert_allclose(dx, numeric, **GRADIENT)


def test_dropout_scales_what_it_keeps():
    keep = np.array([[True, False, True]])
    layer = layers.Dropout(0.5, [keep])
    assert layer.forward(np.array([[1.0, 2.0, 3.0]])).tolist() == [[2.0, 0.0, 6.0]]
    assert layers.Dropout(1.0, [keep & False]).forward(np.ones((1, 3))).sum() == 0.0


def test_one_neuron_learns_to_double():
    x = np.arange(1.0, 5.0).reshape(4, 1)
    net = [layers.Dense(np.zeros((1, 1)), np.zeros(1))]
    table_of_steps = []
    for _ in range(5):
        (loss,), (w, b) = train.train(
            net, "mean_squared_error", optimizers.SGD(0.1), [(x, 2 * x)]
        )
        table_of_steps.append((loss, w[0, 0], b[0]))
    expected = [
        (30.0, 3.0, 1.0),
        (13.5, 1.0, 0.3),
        (6.09, 2.35, 0.74),
        (2.7614, 1.455, 0.417),
        (1.2653, 2.064, 0.6061),
    ]
    np.testing.assert_allclose(table_of_steps, expected, atol=5e-5)


def test_gradient_descent_watched():
    """(w - 2)^2 as a neuron without bias on x = 1, y = 2: w <- 2 + 0.7 (w - 2)."""
    net = [layers.Dense(np.array([[-3.0]]))]
    one = np.ones((1, 1))
    steps, (w,) = train.train(
        net, "mean_squared_error", optimizers.SGD(0.15), [(one, 2 * one)] * 20
    )
    np.testing.assert_allclose(steps, 25 * 0.49 ** np.arange(20), rtol=1e-12)
    assert w[0, 0] == pytest.approx(2 - 5 * 0.7**20, rel=1e-12)


def test_batches_cover_every_row_once():
    x = np.arange(10.0).reshape(10, 1)
    order = np.random.default_rng(1).permutation(10)
    cut = list(train.batches(x, x, 4, order, np.arange(10.0)))
    assert [len(b[0]) for b in cut] == [4, 4, 2]
    assert np.concatenate([b[2] for b in cut]).tolist() == order.tolist()


def test_training_rates_and_optimizer_state():
    x = np.ones((1, 1))
    net = [layers.Dense(np.zeros((1, 1)))]
    sgd = optimizers.SGD(1.0, momentum=0.5)
    _, (w,) = train.train(
        net, "mean_squared_error", sgd, [(x, x)] * 2, rates=[0.25, 0.0]
    )
    assert w[0, 0] == 0.5 + 0.25  # the velocity of the first step lives on
