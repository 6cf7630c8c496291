# SPDX-License-Identifier: BSD-3-Clause
"""Odd but right data: the same bits as from float32 in C order."""

import numpy as np
import pytest
from small import CLASSES, ROWS, WIDTH, classifier, data

import pynn
from pynn import layers


def integers(x):
    return np.round(x * 10)


LAYOUTS = {
    "float64": lambda x: x.astype(np.float64),
    "float16": lambda x: x.astype(np.float16),
    "longdouble": lambda x: x.astype(np.longdouble),
    "big endian": lambda x: x.astype(">f4"),
    "big endian double": lambda x: x.astype(">f8"),
    "fortran": np.asfortranarray,
    "read only": lambda x: (lambda c: (c.setflags(write=False), c)[1])(x.copy()),
    "every second row": lambda x: np.repeat(x, 2, axis=0)[::2],
    "every second column": lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    "backwards": lambda x: x[::-1, ::-1].copy()[::-1, ::-1],
    "transposed": lambda x: x.T.copy().T,
    "unaligned": lambda x: unaligned(x),
    "list": lambda x: x.tolist(),
    "tuple of rows": lambda x: tuple(x),
    "matrix": lambda x: x.view(np.matrix),
    "masked, but nothing hidden": lambda x: np.ma.masked_array(x, False),
    "extra axis": lambda x: x[..., None],
    "memory view": lambda x: memoryview(np.ascontiguousarray(x)),
}
INTEGERS = ["int8", "int16", "int32", "int64", "float16"]


def unaligned(x):
    out = np.ndarray(x.shape, x.dtype, buffer=bytearray(x.nbytes + 1), offset=1)
    out[...] = x
    assert not out.flags.aligned
    return out


def trained(x, y):
    pynn.utils.set_random_seed(3)
    model = classifier()
    history = model.fit(x, y, epochs=3, batch_size=8, verbose=0).history
    return (
        history,
        [w.tobytes() for w in model.get_weights()],
        model.evaluate(x, y, verbose=0),
        model.predict(x, verbose=0).tobytes(),
    )


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(layout):
    x, y = data()
    x = integers(x).astype(np.float32)
    assert trained(LAYOUTS[layout](x), y) == trained(x, y)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integers(dtype):
    x, y = data()
    x = integers(x)
    assert trained(x.astype(dtype), y) == trained(x.astype(np.float32), y)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "uint16", "uint32", "uint64"])
def test_unsigned(dtype):
    x, y = data()
    x = x > 0
    assert trained(x.astype(dtype), y) == trained(x.astype(np.float32), y)


@pytest.mark.parametrize(
    "make",
    [
        lambda y: y[:, None],
        lambda y: y.astype(np.uint8),
        lambda y: y.astype(np.float32),
        lambda y: y.astype(np.float64) + 0.25,  # cut to integers
        lambda y: y.astype(">i4"),
        lambda y: y.tolist(),
        lambda y: np.repeat(y, 3)[::3],
    ],
)
def test_labels_of_any_type(make):
    x, y = data()
    assert trained(x, make(y)) == trained(x, y)


def test_constant_rows_without_strides():
    x, y = np.broadcast_to(np.float32(0.5), (ROWS, WIDTH)), data()[1]
    assert trained(x, y) == trained(x.copy(), y)


def test_regression_targets_squeeze():
    x = data()[0]
    y = x.sum(axis=1)
    seen = []
    for target in (y, y[:, None], y.tolist(), y.astype(np.float32).astype(">f4")):
        pynn.utils.set_random_seed(1)
        model = pynn.Sequential([layers.Dense(1)])
        model.compile("sgd", "mse")
        seen.append(model.fit(x, target, epochs=2, verbose=0).history)
    assert all(history == seen[0] for history in seen)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_not_a_number_is_reported_not_hidden(value):
    model, (x, y) = classifier(), data()
    x[3, 1] = value
    assert not np.isfinite(model.predict(x, verbose=0)[3]).any()
    assert np.isfinite(model.predict(x, verbose=0)[4:]).all()
    with pytest.warns(pynn.DivergenceWarning, match="epoch 1, step 1 of 1"):
        history = model.fit(x, y, epochs=2, verbose=0)
    assert np.isnan(history.history["loss"]).all()


def test_prediction_of_no_rows():
    model = classifier()
    for empty in (np.ones((0, WIDTH)), np.ones((0, WIDTH), np.float32)):
        for call in (model.predict, model.predict_on_batch, model):
            out = call(empty)
            assert out.shape == (0, CLASSES)
            assert out.dtype == np.float32
