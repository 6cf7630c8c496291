# SPDX-License-Identifier: BSD-3-Clause
"""Regularizers and constraints as objects: values, gradients, names, bad arguments."""

import math

import numpy as np
import pytest
from oracle import gradcheck, terms

import pynn
from pynn import constraints, regularizers
from pynn._terms import differences, gradient

W = np.array([[0.5, -1.0, 0.0], [2.0, 0.25, -0.75]])

PENALTIES = {
    "l1": (regularizers.L1(0.25), terms.Penalty(0.25), 1.125),
    "l2": (regularizers.L2(0.5), terms.Penalty(0.0, 0.5), 2.9375),
    "both": (regularizers.L1L2(0.25, 0.5), terms.Penalty(0.25, 0.5), 4.0625),
}


@pytest.mark.parametrize("name", PENALTIES)
def test_values_and_gradients(name):
    ours, oracle, by_hand = PENALTIES[name]
    assert ours(W) == oracle.value(W) == by_hand
    np.testing.assert_array_equal(ours.gradient(W), oracle.gradient(W))
    # of float32 numbers, in double
    assert ours(W.astype(np.float32)) == by_hand


@pytest.mark.parametrize("mode", ["rows", "columns"])
def test_orthogonal(mode, rng):
    w = rng.normal(size=(4, 3))
    ours = regularizers.OrthogonalRegularizer(0.5, mode)
    oracle = terms.Orthogonal(0.5, mode == "columns")
    # sums of a few products of numbers of order 1
    assert ours(w) == pytest.approx(oracle.value(w), rel=1e-14)
    numeric = gradcheck.numeric_gradient(ours, w)
    # central differences with steps of 6e-6 are good to some 1e-10
    np.testing.assert_allclose(ours.gradient(w), numeric, atol=1e-8)


def test_orthogonal_where_it_is_undefined():
    ours = regularizers.OrthogonalRegularizer(1.0)
    assert ours(np.ones((1, 3))) == 0
    assert not ours.gradient(np.ones((1, 3))).any()
    assert ours(np.zeros((3, 2))) == 0
    with pytest.raises(ValueError, match=r"2 axes, got shape \(3,\)"):
        ours(np.ones(3))


def test_one_of_the_user_s_is_differentiated():
    class Cubes(regularizers.Regularizer):
        def __call__(self, x):
            return (np.asarray(x) ** 3).sum()

    for own in (Cubes(), lambda x: (x**3).sum()):
        np.testing.assert_allclose(gradient(own, W), 3 * W**2, atol=1e-8)
    assert regularizers.Regularizer()(W) == 0.0
    np.testing.assert_allclose(differences(np.sum, W), np.ones_like(W), atol=1e-9)


def test_a_gradient_of_another_shape():
    class Flat(regularizers.Regularizer):
        def gradient(self, x):
            return np.ravel(x)

    with pytest.raises(ValueError, match=r"gradient of shape \(2, 3\), got \(6,\)"):
        gradient(Flat(), W)


@pytest.mark.parametrize(
    ("identifier", "config"),
    [
        ("l1", {"l1": 0.01}),
        ("L2", {"l2": 0.01}),
        ("l1_l2", {"l1": 0.01, "l2": 0.01}),
        ("L1L2", {"l1": 0.0, "l2": 0.0}),
        (regularizers.L2, {"l2": 0.01}),
        (regularizers.l1_l2(l2=0.5), {"l1": 0.0, "l2": 0.5}),
        ("orthogonal_regularizer", {"factor": 0.01, "mode": "rows"}),
        (regularizers.L1(None), {"l1": 0.01}),
    ],
)
def test_get_regularizer(identifier, config):
    found = regularizers.get(identifier)
    assert found.get_config() == config
    again = regularizers.deserialize(regularizers.serialize(found))
    assert type(again) is type(found)
    assert again.get_config() == config
    assert regularizers.get(found) is found
    assert regularizers.get(None) is None
    assert regularizers.serialize(None) is None


@pytest.mark.parametrize(
    ("identifier", "config"),
    [
        ("max_norm", {"max_value": 2.0, "axis": 0}),
        ("MaxNorm", {"max_value": 2.0, "axis": 0}),
        ("non_neg", {}),
        ("unit_norm", {"axis": 0}),
        (
            constraints.MinMaxNorm,
            {"min_value": 0, "max_value": 1, "rate": 1, "axis": 0},
        ),
        (constraints.max_norm(3, axis=[0, 1]), {"max_value": 3.0, "axis": [0, 1]}),
        (constraints.UnitNorm(None), {"axis": None}),
    ],
)
def test_get_constraint(identifier, config):
    found = constraints.get(identifier)
    assert found.get_config() == config
    again = constraints.deserialize(constraints.serialize(found))
    assert type(again) is type(found)
    assert again.get_config() == config
    assert constraints.get(None) is None
    assert constraints.serialize(None) is None


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: regularizers.L1(-0.1), r"L1: l1: expected.*\[0, inf\), got -0.1"),
        (lambda: regularizers.L2(math.nan), "L2: l2"),
        (lambda: regularizers.L2(math.inf), "L2: l2"),
        (lambda: regularizers.L1L2(l2="a"), "L1L2: l2.*'a'"),
        (lambda: regularizers.OrthogonalRegularizer(mode="row"), "mode.*got 'row'"),
        (lambda: regularizers.OrthogonalRegularizer(-1), "factor"),
        (lambda: regularizers.get("l3"), "unknown regularizer 'l3'"),
        (lambda: regularizers.get(3), "regularizer: expected a name"),
        (lambda: constraints.get("norm"), "unknown constraint 'norm'"),
        (lambda: constraints.MaxNorm(-1), "MaxNorm: max_value"),
        (lambda: constraints.MinMaxNorm(2, 1), "min_value <= max_value"),
        (lambda: constraints.MinMaxNorm(rate=1.5), "rate"),
        (lambda: constraints.UnitNorm("a"), "UnitNorm: axis"),
        (lambda: constraints.UnitNorm(2)(W), "axis 2 does not fit a weight of 2 axes"),
        (
            lambda: pynn.layers.Dense(2, bias_constraint=constraints.UnitNorm(1)).build(
                (None, 3)
            ),
            "axis 1 does not fit a weight of 1 axes",
        ),
    ],
)
def test_bad_arguments(make, words):
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize("axis", [0, 1, -1, (0, 1), None])
def test_norms(axis, rng):
    w = rng.normal(size=(5, 4))
    for ours, bounds in (
        (constraints.MaxNorm(0.75, axis), (0.0, 0.75, 1.0)),
        (constraints.UnitNorm(axis), (1.0, 1.0, 1.0)),
        (constraints.MinMaxNorm(0.5, 1.5, 0.25, axis), (0.5, 1.5, 0.25)),
    ):
        # one rounding in another order
        expected = terms.limited(w, *bounds, axis)
        np.testing.assert_allclose(ours(w), expected, rtol=1e-15)
        assert ours(w.astype(np.float32)).dtype == np.float32


def test_non_negative():
    np.testing.assert_array_equal(constraints.NonNeg()(W), terms.non_negative(W))
    np.testing.assert_array_equal(constraints.Constraint()(W), W)


def test_what_the_core_is_told():
    held = constraints.MaxNorm(3).held
    assert held((4, 3))[0] == 2
    assert held((3,))[0] == 4
    assert constraints.MaxNorm(3, axis=1).held((4, 3))[0] == 3
    assert constraints.MaxNorm(3, axis=[0, 1]).held((2, 4, 3))[0] == 2
    assert constraints.MaxNorm(3, axis=1).held((2, 4, 3)) is None
    assert constraints.MinMaxNorm(0.5, 2, 0.1).held((4, 3)) == (2, 0.5, 2.0, 0.1)

    class Own(constraints.MaxNorm):
        """May do anything."""

    assert Own().held((4, 3)) is None
    assert type("Mine", (regularizers.L1,), {})().strengths is None
