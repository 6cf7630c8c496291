# SPDX-License-Identifier: BSD-3-Clause
"""Activation functions on arrays, and by name."""

import math

import numpy as np
import pytest
from oracle.activations import ACTIVATIONS, log_softmax, softmax

from pynn import activations

# function, its row of the core's table with the parameters of Keras' defaults
ROWS = {
    "linear": ("linear", ()),
    "relu": ("relu", ()),
    "leaky_relu": ("leaky_relu", (0.2,)),
    "relu6": ("relu6", ()),
    "elu": ("elu", (1.0,)),
    "selu": ("selu", ()),
    "sigmoid": ("sigmoid", ()),
    "hard_sigmoid": ("hard_sigmoid", ()),
    "tanh": ("tanh", ()),
    "softplus": ("softplus", ()),
    "softsign": ("softsign", ()),
    "silu": ("silu", ()),
    "gelu": ("gelu", ()),
    "exponential": ("exponential", ()),
    "mish": ("mish", ()),
    "celu": ("celu", (1.0,)),
    "hard_tanh": ("hard_tanh", ()),
    "tanh_shrink": ("tanh_shrink", ()),
    "squareplus": ("squareplus", (4.0,)),
    "log_sigmoid": ("log_sigmoid", ()),
    "soft_shrink": ("soft_shrink", (0.5,)),
    "hard_shrink": ("hard_shrink", (0.5,)),
    "hard_silu": ("hard_silu", ()),
    "sparse_plus": ("sparse_plus", ()),
    "sparse_sigmoid": ("sparse_sigmoid", ()),
}
# In units of float32's 2**-24: the core promises 2 ulp for exp, log and sigmoid and 4
# for tanh, and a product or two follows; near zero an absolute error of that size.
CLOSE = {"rtol": 1e-6, "atol": 1e-7}
EXACT = {"rtol": 1e-12, "atol": 1e-14}
POINTS = np.linspace(-9.0, 9.0, 301)


def test_every_function_is_compared():
    others = {"get", "serialize", "deserialize", "lowered", "relu_row", "swish"}
    others |= {"hard_swish"}
    rows = set(ROWS) | {"softmax", "log_softmax"}
    assert set(activations.__all__) == rows | others
    assert {row for row, _ in ROWS.values()} | {"general_relu", "gelu_tanh"} == set(
        ACTIVATIONS
    )


@pytest.mark.parametrize("name", ROWS)
def test_against_oracle(name):
    row, parameters = ROWS[name]
    function = getattr(activations, name)
    expected = ACTIVATIONS[row][0](POINTS, *parameters)
    np.testing.assert_allclose(function(POINTS), expected, **EXACT)
    single = function(POINTS.astype(np.float32))
    assert single.dtype == np.float32
    rounded = ACTIVATIONS[row][0](POINTS.astype(np.float32).astype(float), *parameters)
    np.testing.assert_allclose(single, rounded, **CLOSE)


@pytest.mark.parametrize(
    ("function", "row", "parameters"),
    [
        (lambda x: activations.relu(x, negative_slope=0.1), "leaky_relu", (0.1,)),
        (lambda x: activations.relu(x, max_value=6), "relu6", ()),
        (
            lambda x: activations.relu(x, 0.1, 2.0, 0.5),
            "general_relu",
            (0.1, 2.0, 0.5),
        ),
        (
            lambda x: activations.relu(x, threshold=1.0),
            "general_relu",
            (0.0, math.inf, 1.0),
        ),
        (
            lambda x: activations.relu(x, negative_slope=-0.5),
            "general_relu",
            (-0.5, math.inf, 0.0),
        ),
        (lambda x: activations.leaky_relu(x, 0.01), "leaky_relu", (0.01,)),
        (lambda x: activations.elu(x, alpha=0.3), "elu", (0.3,)),
        (lambda x: activations.gelu(x, approximate=True), "gelu_tanh", ()),
        (lambda x: activations.celu(x, 0.3), "celu", (0.3,)),
        (lambda x: activations.squareplus(x, b=0.25), "squareplus", (0.25,)),
        (lambda x: activations.squareplus(x, b=0), "squareplus", (0.0,)),
        (lambda x: activations.soft_shrink(x, 0.25), "soft_shrink", (0.25,)),
        (lambda x: activations.hard_shrink(x, threshold=0), "hard_shrink", (0.0,)),
    ],
)
def test_options_against_oracle(function, row, parameters):
    expected = ACTIVATIONS[row][0](POINTS, *parameters)
    np.testing.assert_allclose(function(POINTS), expected, **EXACT)


@pytest.mark.parametrize("name", ROWS)
def test_extremes(name):
    row, parameters = ROWS[name]
    x = np.array([-np.inf, -1e4, -0.0, 0.0, 1e4, np.inf, np.nan], np.float32)
    found = getattr(activations, name)(x)
    expected = ACTIVATIONS[row][0](x.astype(float), *parameters)
    with np.errstate(over="ignore"):
        expected = expected.astype(np.float32)  # exp(1e4) is infinite there
    np.testing.assert_allclose(found, expected, **CLOSE)
    assert np.isnan(found[-1])


@pytest.mark.parametrize("axis", [-1, 0, 1, 2])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_along_any_axis(name, axis, rng):
    x = rng.normal(size=(3, 4, 5)) * 5
    oracle = {"softmax": softmax, "log_softmax": log_softmax}[name]
    moved = np.moveaxis(x, axis, -1)
    flat = oracle(moved.reshape(-1, moved.shape[-1])).reshape(moved.shape)
    expected = np.moveaxis(flat, -1, axis)
    found = getattr(activations, name)(x, axis=axis)
    np.testing.assert_allclose(found, expected, **EXACT)


def test_softmax_of_large_numbers():
    x = np.array([1e4, 1e4 - 1, -1e4], np.float32)
    e = math.e
    np.testing.assert_allclose(
        activations.softmax(x), [e / (e + 1), 1 / (e + 1), 0], **CLOSE
    )
    assert activations.softmax(np.zeros(4)).tolist() == [0.25] * 4


@pytest.mark.parametrize(
    ("x", "dtype"),
    [
        (1.0, np.float64),
        (np.float32(1.0), np.float32),
        ([1, 2], np.float32),
        (np.array([1, 2], np.uint8), np.float32),
        (np.array([1, 2], np.float16), np.float32),
        (np.array([True, False]), np.float32),
        (np.zeros((0, 3), np.float32), np.float32),
        (np.asfortranarray(np.ones((3, 4))), np.float64),
        (np.ones((6, 8))[::2, ::-3], np.float64),
    ],
)
def test_shapes_and_types(x, dtype):
    found = activations.relu(x)
    assert found.shape == np.shape(x)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, x)


def test_argument_is_left_alone():
    x = np.array([-1.0, 1.0])
    x.flags.writeable = False
    found = activations.relu(x)
    assert x.tolist() == [-1.0, 1.0]
    assert not np.shares_memory(x, found)
    assert not np.shares_memory(x, activations.linear(x))


@pytest.mark.parametrize("name", [*ROWS, "softmax", "log_softmax"])
def test_names_lead_to_the_function(name):
    function = getattr(activations, name)
    assert activations.get(name) is function
    assert activations.get(name.upper()) is function
    assert activations.get(function) is function
    assert activations.serialize(function) == name
    assert activations.deserialize(name) is function
    assert activations.lowered(function) == ROWS.get(name, (name, ()))


def test_other_names():
    assert activations.get(None) is activations.linear
    assert activations.get("swish") is activations.silu
    assert activations.swish is activations.silu
    assert activations.get("hard_swish") is activations.hard_silu


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda: activations.celu(1.0, alpha=0), "celu: alpha: expected a number in"),
        (lambda: activations.squareplus(1.0, -1), "squareplus: b: expected"),
        (lambda: activations.soft_shrink(1.0, -0.5), "soft_shrink: threshold"),
        (lambda: activations.hard_shrink(1.0, "a"), "hard_shrink: threshold"),
    ],
)
def test_parameters_out_of_range(function, words):
    with pytest.raises(ValueError, match=words):
        function()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("rleu", "unknown activation 'rleu'; did you mean 'relu'"),
        ("", "unknown activation ''"),
        (float, "expected a name, a function"),
        (1, "expected a name"),
    ],
)
def test_unknown_activation(wrong, words):
    with pytest.raises(ValueError, match=words):
        activations.get(wrong)
