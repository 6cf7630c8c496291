# SPDX-License-Identifier: BSD-3-Clause
"""The small helpers: seeds, one-hot vectors, norms, automatic names."""

import random

import numpy as np
import pytest

import pynn
from pynn import utils


@pytest.mark.parametrize(
    ("x", "classes", "expected"),
    [
        ([0, 2, 1], None, [[1, 0, 0], [0, 0, 1], [0, 1, 0]]),
        ([0, 1], 3, [[1, 0, 0], [0, 1, 0]]),
        ([[0], [1]], None, [[1, 0], [0, 1]]),
        ([[0, 1], [1, 0]], None, [[[1, 0], [0, 1]], [[0, 1], [1, 0]]]),
        (1, 2, [0, 1]),
        (np.array([1.0, 0.0], np.float32), None, [[0, 1], [1, 0]]),
        (np.array([1, 0], np.uint8), np.int64(2), [[0, 1], [1, 0]]),
    ],
)
def test_to_categorical(x, classes, expected):
    found = utils.to_categorical(x, classes)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == np.float32


def test_to_categorical_of_nothing():
    assert utils.to_categorical([], 3).shape == (0, 3)
    assert utils.to_categorical(np.zeros((0, 1), int)).shape == (0, 0)


@pytest.mark.parametrize(
    ("x", "classes", "words"),
    [
        ([0, 3], 3, "from 0 to 2, got 3"),
        ([-1, 0], 3, "from 0 to 2, got -1"),
        ([0, -2], None, "from 0 to 0, got -2"),
        ([0, 1], -1, "num_classes"),
        ([0, 1], 2.5, "num_classes"),
        (["a"], None, "expected class numbers"),
        ([np.nan], None, "expected class numbers"),
        ([np.inf], None, "expected class numbers"),
        (None, None, "expected class numbers"),
    ],
)
def test_to_categorical_of_nonsense(x, classes, words):
    with pytest.raises(ValueError, match=words):
        utils.to_categorical(x, classes)


def test_normalize():
    x = np.array([[3.0, 4.0], [0.0, 0.0]])
    np.testing.assert_allclose(utils.normalize(x), [[0.6, 0.8], [0, 0]], rtol=1e-15)
    np.testing.assert_allclose(utils.normalize(x, axis=0), [[1, 1], [0, 0]])
    np.testing.assert_allclose(utils.normalize(x, order=1)[0], [3 / 7, 4 / 7])
    np.testing.assert_allclose(utils.normalize([3, 4]), [0.6, 0.8])


def draws():
    layer = pynn.layers.Dense(3)
    layer.build((None, 4))
    old = np.random.rand()  # noqa: NPY002 - this generator is what is seeded
    return random.random(), old, layer.get_weights()[0].tobytes()


def test_set_random_seed():
    utils.set_random_seed(7)
    first = draws()
    assert first != draws()
    utils.set_random_seed(np.int64(7))
    assert first == draws()
    utils.set_random_seed(8)
    assert all(a != b for a, b in zip(first, draws(), strict=True))


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, "1", None, True])
def test_bad_seed(seed):
    utils.set_random_seed(3)
    with pytest.raises(ValueError, match="set_random_seed: seed"):
        utils.set_random_seed(seed)
    after = draws()
    utils.set_random_seed(3)
    assert after == draws()


def test_clear_session_restarts_the_names():
    utils.clear_session()
    names = [pynn.layers.Dense(1).name for _ in range(2)]
    utils.clear_session()
    assert names == ["dense", "dense_1"]
    assert pynn.layers.Dense(1).name == "dense"
