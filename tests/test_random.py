# SPDX-License-Identifier: BSD-3-Clause
"""Random arrays: their ranges, moments and seeds."""

import numpy as np
import pytest

import pynn
from pynn import random

N = 20_000
DRAWS = {
    "normal": lambda seed: random.normal((N,), 1.0, 2.0, seed=seed),
    "truncated_normal": lambda seed: random.truncated_normal((N,), 1.0, 2.0, seed=seed),
    "uniform": lambda seed: random.uniform((N,), -1.0, 3.0, seed=seed),
    "randint": lambda seed: random.randint((N,), -2, 5, seed=seed),
    "beta": lambda seed: random.beta((N,), 2.0, 6.0, seed=seed),
    "gamma": lambda seed: random.gamma((N,), 3.0, seed=seed),
    "binomial": lambda seed: random.binomial((N,), 10, 0.3, seed=seed),
    "categorical": lambda seed: random.categorical([[0, np.log(3)]], N, seed=seed)[0],
    "dropout": lambda seed: random.dropout(np.ones(N), 0.25, seed=seed),
}
# mean and standard deviation; of the truncated one 0.8796 of its parent's
MOMENTS = {
    "normal": (1, 2),
    "truncated_normal": (1, 2 * 0.87962566),
    "uniform": (1, 4 / np.sqrt(12)),
    "randint": (1, 2),
    "beta": (0.25, np.sqrt(12 / 576)),
    "gamma": (3, np.sqrt(3)),
    "binomial": (3, np.sqrt(2.1)),
    "categorical": (0.75, np.sqrt(3) / 4),
    "dropout": (1, np.sqrt(1 / 3)),
}


@pytest.mark.parametrize("name", DRAWS)
def test_moments(name):
    drawn, (mean, deviation) = DRAWS[name](1), MOMENTS[name]
    # five standard errors of a mean; deviations vary about as much for these shapes
    near = 5 * deviation / np.sqrt(N)
    assert drawn.mean() == pytest.approx(mean, abs=near)
    assert drawn.std() == pytest.approx(deviation, abs=near)


@pytest.mark.parametrize("name", DRAWS)
def test_seeds(name):
    draw = DRAWS[name]
    np.testing.assert_array_equal(draw(3), draw(3))
    assert (draw(3) != draw(4)).any()
    pynn.utils.set_random_seed(5)
    first, second = draw(None), draw(None)
    assert (first != second).any()
    pynn.utils.set_random_seed(5)
    np.testing.assert_array_equal(draw(None), first)


@pytest.mark.parametrize("name", DRAWS)
def test_seed_generators(name):
    draw, seeds = DRAWS[name], random.SeedGenerator(7)
    first, second = draw(seeds), draw(seeds)
    assert (first != second).any()
    again = random.SeedGenerator.from_config(random.SeedGenerator(7).get_config())
    np.testing.assert_array_equal(draw(again), first)


def test_limits():
    assert abs(DRAWS["truncated_normal"](0) - 1).max() <= 4
    assert set(DRAWS["randint"](0)) == set(range(-2, 5))
    assert DRAWS["uniform"](0).min() >= -1
    assert DRAWS["uniform"](0).max() < 3
    assert set(DRAWS["dropout"](0)) == {0.0, 1 / 0.75}
    assert not random.dropout(np.ones(9), 1.0).any()
    assert random.dropout(np.ones((4, 3)), 0.5, (4, 1), seed=1).std(1).max() == 0


def test_types():
    assert random.normal((2, 3)).dtype == "float32"
    assert random.normal((2, 3), dtype="float64").dtype == "float64"
    assert random.randint((2,), 0, 9).dtype == "int32"
    assert random.dropout(np.ones(3, int), 0.5).dtype == "float32"


def test_shuffle():
    x = np.arange(24).reshape(6, 4)
    mixed = random.shuffle(x, seed=1)
    assert (mixed != x).any()
    np.testing.assert_array_equal(np.sort(mixed[:, 0]), x[:, 0])
    np.testing.assert_array_equal(np.diff(mixed, axis=1), 1)
    assert (np.diff(random.shuffle(x, axis=1, seed=1), axis=0) == 4).all()


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: random.normal((-1,)), "shape: expected an integer >= 0, got -1"),
        (lambda: random.normal((1,), seed="x"), "seed"),
        (lambda: random.dropout([1.0], 2), r"rate: expected a number in \[0, 1\]"),
        (lambda: random.categorical([1.0], 2), r"expected \(rows, classes\)"),
    ],
)
def test_bad_arguments(call, text):
    with pytest.raises(ValueError, match=text):
        call()
