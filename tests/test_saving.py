# SPDX-License-Identifier: BSD-3-Clause
"""Weights in files: the way there and back, damaged files, files of other models."""

import numpy as np
import pytest

import pynn
from pynn import layers


def network(dtype=None, shape=(5,)):
    return pynn.Sequential(
        [
            pynn.Input(shape, dtype=dtype),
            layers.Dense(37, "relu"),
            layers.Dropout(0.5),
            pynn.Sequential([layers.Dense(4), layers.Dense(3)]),
        ]
    )


def test_weight_files(tmp_path, rng):
    model, other = network(), network()
    path = tmp_path / "net.weights.h5"
    model.save_weights(path)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]  # nothing temporary
    other.load_weights(str(path))
    x = rng.normal(size=(3, 5))
    assert other(x).tobytes() == model(x).tobytes()
    with pytest.raises(FileExistsError):
        model.save_weights(path, overwrite=False)


def refuses(model, path):
    try:
        model.load_weights(path)
    except ValueError as error:
        return path.name in str(error)
    return False


def damaged(content):
    """Files that are nearly right."""
    yield b""
    yield content[:-1]
    yield content[: len(content) // 2]
    yield content + b"x"
    for place in np.linspace(0, len(content) - 1, 60).astype(int):
        flipped = bytearray(content)
        flipped[place] ^= 16
        yield bytes(flipped)


def test_damaged_weight_files(tmp_path):
    model = network()
    path = tmp_path / "w"
    model.save_weights(path)
    before = [w.tobytes() for w in model.get_weights()]
    refused = 0
    for content in damaged(path.read_bytes()):
        (tmp_path / "bad").write_bytes(content)
        refused += refuses(model, tmp_path / "bad")
        assert [w.tobytes() for w in model.get_weights()] == before
    assert refused >= 60  # a flip in the header's padding does no harm


def test_weights_of_another_model(tmp_path):
    path = tmp_path / "w"
    network().save_weights(path)
    for other, match in (
        (network(shape=(6,)), r"expected float32 of shape \(6, 37\), got .*\(5, 37\)"),
        (network("float64"), "expected float64"),
        (
            pynn.Sequential([layers.Dense(2, input_dim=5)]),
            "holds 6 weights, the model 2",
        ),
    ):
        before = other.get_weights()
        with pytest.raises(ValueError, match=match):
            other.load_weights(path)
        np.testing.assert_array_equal(other.get_weights()[0], before[0])
    with pytest.raises(FileNotFoundError):
        network().load_weights(tmp_path / "nothing")
    with pytest.raises(ValueError, match="not built"):
        pynn.Sequential([layers.Dense(2)]).save_weights(path)
