# SPDX-License-Identifier: BSD-3-Clause
"""The oracle itself: gradients against central differences, numbers worked by hand."""

import math

import numpy as np
import pytest
from oracle import initializers, layers, losses, optimizers, philox, table
from oracle.activations import ACTIVATIONS, log_softmax, softmax
from oracle.cases import ACTIVATION_PARAMETERS, LOSS_PARAMETERS, loss_data, variants
from oracle.gradcheck import numeric_gradient

# Central differences with step 1e-6 in float64: truncation 1e-12, rounding
# 1e-16 / 1e-6 = 1e-10, times values of up to 1e2 here.
GRADIENT = {"rtol": 1e-7, "atol": 1e-7}


@pytest.mark.parametrize(
    ("kind", "oracle", "least"),
    [
        ("ACTIVATION", ACTIVATIONS, 17),
        ("LOSS", losses.LOSSES, 21),
        ("OPTIMIZER", optimizers.OPTIMIZERS, 12),
        ("OP", {**layers.OPS, "loss": losses.LOSSES, "score": losses.LOSSES}, 7),
    ],
)
def test_every_row_has_an_oracle(kind, oracle, least):
    names = table.names(kind)
    assert len(names) >= least, "the table was not read"
    missing = [name for name in names if name not in oracle]
    assert not missing, "no oracle for " + ", ".join(missing)
    assert set(oracle) <= set(names), "an oracle for what does not exist"


def activation_points(*kinks):
    """Points on both sides of zero, none within 1e-3 of a kink."""
    x = np.linspace(-8.0, 8.0, 161) + 0.0123
    return x[np.min(np.abs(x[:, None] - np.array([0.0, *kinks])), axis=1) > 1e-3]


@pytest.mark.parametrize(
    ("name", "parameters"), variants("ACTIVATION", ACTIVATION_PARAMETERS)
)
def test_activation_derivative(name, parameters):
    assert name in ACTIVATIONS, f"no oracle for {name}"
    function, derivative = ACTIVATIONS[name]
    x = activation_points(-3, 3, 6, 0.5, 1.0, 2.0)
    numeric = numeric_gradient(lambda v: function(v, *parameters).sum(), x)
    # The scalar is a sum over 160 elements of up to e^8, so its rounding is larger.
    np.testing.assert_allclose(derivative(x, *parameters), numeric, 1e-6, 1e-6)
    assert len(x) > 140


# name, x, parameters, value: from the definitions, by hand.
ACTIVATION_VALUES = [
    ("linear", -3.5, (), -3.5),
    ("relu", -math.inf, (), 0.0),
    ("relu", 2.5, (), 2.5),
    ("leaky_relu", -2.0, (0.2,), -0.4),
    ("relu6", 7.5, (), 6.0),
    ("general_relu", -1.0, (0.1, 2.0, 0.5), -0.15),
    ("general_relu", 1.0, (0.1, 2.0, 0.5), 1.0),
    ("general_relu", 3.0, (0.1, 2.0, 0.5), 2.0),
    ("elu", -1.0, (0.3,), 0.3 * math.expm1(-1)),
    ("selu", -1.0, (), 1.0507009873554805 * 1.6732632423543772 * math.expm1(-1)),
    ("selu", 2.0, (), 2 * 1.0507009873554805),
    ("sigmoid", 0.35, (), 0.5866175789173301),
    ("sigmoid", -math.inf, (), 0.0),
    ("hard_sigmoid", 1.5, (), 0.75),
    ("tanh", 0.5, (), 0.46211715726000973),
    ("softplus", 0.0, (), math.log(2)),
    ("softsign", -3.0, (), -0.75),
    ("softsign", -math.inf, (), -1.0),
    ("silu", 1.0, (), 0.7310585786300049),
    ("silu", -math.inf, (), 0.0),
    ("gelu", 1.0, (), 0.8413447460685429),
    ("gelu", -math.inf, (), 0.0),
    ("gelu_tanh", 1.0, (), 0.8411919906082768),
    ("exponential", 1.0, (), math.e),
    ("mish", 1.0, (), math.tanh(math.log1p(math.e))),
    ("mish", -math.inf, (), 0.0),
    ("celu", -1.0, (2.0,), 2 * math.expm1(-0.5)),
    ("hard_tanh", -1.5, (), -1.0),
    ("tanh_shrink", 0.5, (), 0.5 - 0.46211715726000973),
    ("squareplus", 1.5, (4.0,), 2.0),
    ("squareplus", -1.5, (4.0,), 0.5),
    ("log_sigmoid", 0.0, (), -math.log(2)),
    ("soft_shrink", -2.0, (0.5,), -1.5),
    ("soft_shrink", 0.5, (0.5,), 0.0),
    ("hard_shrink", -2.0, (0.5,), -2.0),
    ("hard_shrink", -0.5, (0.5,), 0.0),
    ("hard_silu", 1.0, (), 2.0 / 3.0),
    ("hard_silu", -math.inf, (), 0.0),
    ("sparse_plus", 0.0, (), 0.25),
    ("sparse_plus", 3.0, (), 3.0),
    ("sparse_sigmoid", 0.5, (), 0.75),
]


@pytest.mark.parametrize(("name", "x", "parameters", "value"), ACTIVATION_VALUES)
def test_activation_values(name, x, parameters, value):
    got = ACTIVATIONS[name][0](x, *parameters)
    assert got == pytest.approx(value, rel=1e-14, abs=0.0)


def test_every_activation_has_a_worked_value():
    assert {case[0] for case in ACTIVATION_VALUES} == set(table.names("ACTIVATION"))


@pytest.mark.parametrize(
    ("name", "parameters"), variants("ACTIVATION", ACTIVATION_PARAMETERS)
)
def test_activation_keeps_nan_and_stays_finite(name, parameters):
    function, derivative = ACTIVATIONS[name]
    assert np.isnan(function(np.nan, *parameters))
    assert np.isnan(derivative(np.nan, *parameters))
    extremes = np.array([-math.inf, -1e4, 1e4, math.inf])
    assert not np.isnan(function(extremes, *parameters)).any()
    assert not np.isnan(derivative(extremes, *parameters)).any()


@pytest.mark.parametrize("log", [False, True])
def test_softmax(rng, log):
    x, dy = rng.normal(size=(2, 4, 7))
    layer = layers.Softmax(log)
    y = layer.forward(x)
    np.testing.assert_allclose((np.exp(y) if log else y).sum(axis=1), 1.0, 1e-14)
    numeric = numeric_gradient(lambda v: (dy * layer.forward(v)).sum(), x)
    layer.forward(x)
    np.testing.assert_allclose(layer.backward(dy), numeric, **GRADIENT)


def test_softmax_of_huge_numbers():
    x = np.array([[1e4, 0.0, -1e4]])
    assert softmax(x).tolist() == [[1.0, 0.0, 0.0]]
    assert log_softmax(x).tolist() == [[0.0, -1e4, -2e4]]


@pytest.mark.parametrize(("name", "parameters"), variants("LOSS", LOSS_PARAMETERS))
def test_loss_gradient(rng, name, parameters):
    assert name in losses.LOSSES, f"no oracle for {name}"
    loss = losses.LOSSES[name]
    target, pred = loss_data(rng, name)
    value, gradient = loss(target, pred, *parameters)
    assert value.shape == (6,)
    differentiable = {row[1]: row[3] == "1" for row in table.rows("LOSS")}[name]
    assert (gradient is not None) == differentiable
    if not differentiable:
        return
    weight = rng.uniform(0.5, 2.0, 6)
    numeric = numeric_gradient(
        lambda p: losses.batch_loss(loss(target, p, *parameters)[0], weight), pred
    )
    np.testing.assert_allclose(
        losses.batch_gradient(gradient, weight), numeric, **GRADIENT
    )


# name, target, prediction, parameters, value: from the definitions, by hand.
LOSS_VALUES = [
    ("mean_squared_error", [1, 2], [3, 5], (), 6.5),
    ("mean_absolute_error", [1, 2], [3, 5], (), 2.5),
    ("mean_absolute_percentage_error", [1, -2], [3, -5], (), 175.0),
    ("mean_squared_logarithmic_error", [1, 1], [2 * math.e - 1, 1], (), 0.5),
    ("huber", [1, 1], [1.5, 4], (), (0.125 + 2.5) / 2),
    ("huber", [0, 0], [0.5, 3], (2.0,), (0.125 + 4.0) / 2),
    ("log_cosh", [2, 1], [2, 0], (), math.log(math.cosh(1)) / 2),
    ("binary_crossentropy", [1, 0], [0.8, 0.4], (), -math.log(0.8 * 0.6) / 2),
    ("binary_crossentropy", [1], [0.0], (), -math.log(1e-7)),
    ("binary_crossentropy", [0], [1.0], (), -math.log(1 - (1 - 1e-7))),
    ("binary_crossentropy", [1], [0.8], (0.2,), -math.log(0.8**0.9 * 0.2**0.1)),
    ("binary_crossentropy_logits", [1], [0.0], (), math.log(2)),
    ("binary_crossentropy_logits", [1], [-90.0], (), 90.0),
    ("binary_crossentropy_logits", [1, 0], [-90.0, -90.0], (0.2,), (81 + 9) / 2),
    ("categorical_crossentropy", [0, 1], [1, 3], (), -math.log(0.75)),
    ("categorical_crossentropy", [0, 1], [1, 0], (), -math.log(1e-7)),
    (
        "categorical_crossentropy",
        [0, 1],
        [1, 3],
        (0.4,),
        -math.log(0.75**0.8 * 0.25**0.2),
    ),
    ("categorical_crossentropy_logits", [0, 1], [90.0, 0.0], (), 90.0),
    ("categorical_crossentropy_logits", [0, 1], [90.0, 0.0], (0.4,), 72.0),
    ("sparse_categorical_crossentropy", 1, [1, 3], (), -math.log(0.75)),
    ("sparse_categorical_crossentropy_logits", 1, [90.0, 0.0], (), 90.0),
    ("poisson", [2, 0], [1, 3], (), 2.0),
    ("poisson", [1], [0], (), -math.log(1e-7)),
    ("kl_divergence", [0.5, 0.5], [0.25, 0.75], (), 0.5 * math.log(4 / 3)),
    ("hinge", [1, -1], [0.4, 0.5], (), 1.05),
    ("hinge", [1, 0], [0.4, 0.5], (1.0,), 1.05),
    ("squared_hinge", [1, -1], [0.5, 1], (), 2.125),
    ("categorical_hinge", [0, 1, 0], [0.5, 0.2, 0.9], (), 1.7),
    ("cosine_similarity", [2, 0], [3, 4], (), -0.6),
    ("cosine_similarity", [1, 0], [0, 0], (), 0.0),
    ("binary_accuracy", [1, 0, 0, 0], [0.6, 0.5, 0.7, 0.2], (), 0.75),
    ("binary_accuracy", [1, 0, 1, 1], [0.6, 0.5, 0.8, 0.9], (0.7,), 0.75),
    ("categorical_accuracy", [0, 1, 0], [1, 2, 2], (), 1.0),
    ("sparse_categorical_accuracy", 2, [1, 2, 2], (), 0.0),
]


@pytest.mark.parametrize(("name", "target", "pred", "parameters", "value"), LOSS_VALUES)
def test_loss_values(name, target, pred, parameters, value):
    target, pred = np.array([target], float), np.array([pred], float)
    (got,), _ = losses.LOSSES[name](target, pred, *parameters)
    # The 1e-7 inside Poisson's logarithm is left out of the numbers worked by hand.
    assert got == pytest.approx(value, rel=1e-12, abs=3e-7 if name == "poisson" else 0)


def test_every_loss_has_a_worked_value():
    assert {case[0] for case in LOSS_VALUES} == set(table.names("LOSS"))


def test_batch_loss_divides_by_rows_not_by_weights():
    value = np.array([1.0, 2.0, 3.0, 4.0])
    assert losses.batch_loss(value) == 2.5
    assert losses.batch_loss(value, [1, 0, 0, 2]) == 9 / 4


@pytest.mark.parametrize(("counter", "key", "expected"), philox.KNOWN_ANSWERS)
def test_philox_known_answers(counter, key, expected):
    assert philox.philox4x32(counter, key) == expected


def test_what_is_drawn_from_philox():
    """From the first known answer: 6627e8d5 e169c58d bc57ac4c 9b00dbd8."""
    assert philox.bits64(0, 0, 0) == 0xE169C58D_6627E8D5
    assert philox.bits64(0, 0, 1) == 0x9B00DBD8_BC57AC4C
    low_first = [True, False] + [True] * 6  # only 6627 is below one half
    assert philox.keep_mask(0.5, 0, 0, 8) == low_first
    assert philox.keep_mask(0x6627 / 65536, 0, 0, 5) == [True] * 5
    assert philox.keep_mask(0x6628 / 65536, 0, 0, 2) == [True, False]
    assert philox.keep_mask(0x66274 / 2**20, 0, 0, 2) == [True, True]  # rounded down
    assert philox.keep_mask(0x66278 / 2**20, 0, 0, 2) == [True, False]  # and up
    assert philox.keep_mask(1.0, 3, 4, 20) == [False] * 20


def test_permutation():
    top = [philox.bits64(seed, 5, 1) >> 63 for seed in range(20)]
    assert 0 < sum(top) < 20
    for seed, stays in enumerate(top):  # the last swaps with the first of two, or not
        assert philox.permutation(seed, 5, 2) == ([0, 1] if stays else [1, 0])
    order = philox.permutation(1, 2, 100)
    assert sorted(order) == list(range(100))
    third = philox.bits64(7, 0, 2) / 2**64 * 3
    assert philox.permutation(7, 0, 3)[2] == int(third)


def test_initializer_spread():
    assert abs(initializers.TRUNCATED_STD - 0.87962566103423978) < 1e-15
    assert initializers.fans((5, 5, 6, 16)) == (150, 400)
    cases = initializers.VARIANCE_SCALING
    limit, std = initializers.spread((30, 70), *cases["glorot_uniform"])
    assert limit == pytest.approx(math.sqrt(6 / 100))
    assert std == pytest.approx(math.sqrt(2 / 100))
    limit, _ = initializers.spread((30, 70), *cases["he_uniform"])
    assert limit == pytest.approx(math.sqrt(6 / 30))
    limit, _ = initializers.spread((30, 70), *cases["lecun_uniform"])
    assert limit == pytest.approx(math.sqrt(3 / 30))
    limit, std = initializers.spread((30, 70), *cases["he_normal"])
    assert std == pytest.approx(math.sqrt(2 / 30))
    assert limit == pytest.approx(2 * math.sqrt(2 / 30) / 0.8796256610342398)
