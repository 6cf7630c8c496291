# SPDX-License-Identifier: BSD-3-Clause
"""Sequences made equal in length, sets split in two."""

import numpy as np
import pytest

from pynn import utils

ROWS = [[1, 2, 3], [4], []]


@pytest.mark.parametrize(
    ("kwargs", "expected"),
    [
        ({}, [[1, 2, 3], [0, 0, 4], [0, 0, 0]]),
        ({"padding": "post"}, [[1, 2, 3], [4, 0, 0], [0, 0, 0]]),
        ({"maxlen": 2}, [[2, 3], [0, 4], [0, 0]]),
        ({"maxlen": 2, "truncating": "post"}, [[1, 2], [0, 4], [0, 0]]),
        ({"maxlen": 4, "value": -1}, [[-1, 1, 2, 3], [-1, -1, -1, 4], [-1] * 4]),
    ],
)
def test_pad_sequences(kwargs, expected):
    found = utils.pad_sequences(ROWS, **kwargs)
    assert found.dtype == "int32"
    assert found.tolist() == expected


def test_pad_sequences_of_vectors():
    rows = [np.ones((2, 3)), np.full((1, 3), 2.0)]
    found = utils.pad_sequences(rows, dtype="float32", padding="post")
    assert found.shape == (2, 2, 3)
    assert found[:, :, 0].tolist() == [[1, 1], [2, 0]]
    assert utils.pad_sequences([]).shape == (0, 0)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: utils.pad_sequences([3]), "number 0 is no sequence"),
        (lambda: utils.pad_sequences(ROWS, padding="x"), "expected one of 'pre'"),
        (lambda: utils.pad_sequences([[1], [[2]]]), "number 1: expected entries of"),
        (lambda: utils.split_dataset(np.ones(4)), "give left_size or right_size"),
        (lambda: utils.split_dataset(np.ones(4), 4), "4 and 0 of 4 rows"),
        (lambda: utils.split_dataset(np.ones(4), 3, 2), "3 and 2 of 4 rows"),
        (lambda: utils.split_dataset((np.ones(4), np.ones(3)), 1), r"got \[4, 3\]"),
        (lambda: utils.unpack_x_y_sample_weight((1, 2, 3, 4)), "got 4 parts"),
    ],
)
def test_bad_arguments(call, text):
    with pytest.raises(ValueError, match=text):
        call()


def test_split_dataset():
    x, y = np.arange(10), np.arange(10) * 2
    left, right = utils.split_dataset(x, 0.7)
    assert (left.tolist(), right.tolist()) == ([*range(7)], [7, 8, 9])
    left, right = utils.split_dataset((x, y), right_size=4, shuffle=True, seed=1)
    assert isinstance(left, tuple)
    assert len(right[0]) == 4
    assert sorted([*left[0], *right[0]]) == x.tolist()
    np.testing.assert_array_equal(left[1], 2 * left[0])
    again, _ = utils.split_dataset((x, y), right_size=4, shuffle=True, seed=1)
    np.testing.assert_array_equal(again[0], left[0])


def test_packed_batches():
    for packed in (("x",), ("x", "y"), ("x", "y", "w")):
        parts = utils.unpack_x_y_sample_weight(packed)
        assert parts == (*packed, None, None)[:3]
    assert utils.unpack_x_y_sample_weight("x") == ("x", None, None)
    assert utils.pack_x_y_sample_weight("x", "y") == ("x", "y")
    assert utils.pack_x_y_sample_weight("x", "y", "w") == ("x", "y", "w")
    assert utils.pack_x_y_sample_weight("x") == "x"
    assert utils.pack_x_y_sample_weight(["x"]) == (["x"],)
