# SPDX-License-Identifier: BSD-3-Clause
"""Data that are wrong: each call raises, says what, and leaves the model as it was.

A row of the tables makes good x [20, 4] or labels y [20] bad, and says what the message
must contain; each is tried in every call that looks at such data.
"""

import re

import numpy as np
import pytest
from small import ROWS, WIDTH, classifier, data, one_hot, refuses, with_value

import pynn
from pynn import layers


class Sparse:
    """Looks like a sparse matrix of SciPy to NumPy: an object without axes."""

    def toarray(self):
        return np.zeros((ROWS, WIDTH))


class Exploding:
    def __array__(self, dtype=None, copy=None):
        raise TypeError("no array here")


# How x is wrong, whatever is done with it.
BAD_X = {
    "none": (lambda x: None, "None"),
    "scalar": (lambda x: 1.0, r"Dense 'hidden'.*\(n, 4\).*\(\)"),
    "string": (lambda x: "abc", "strings"),
    "strings": (lambda x: x.astype(str), "strings"),
    "bytes": (lambda x: x.astype("S8"), "strings"),
    "objects": (lambda x: x.astype(object), "object"),
    "complex": (lambda x: x.astype(complex), "complex128"),
    "dates": (lambda x: x.astype("M8[s]"), "datetime64"),
    "record": (lambda x: np.zeros(ROWS, "f4,i4"), "numbers"),
    "ragged": (lambda x: [[1.0, 2.0], [1.0]], "array of numbers"),
    "masked": (lambda x: np.ma.masked_less(x, 0), "masked"),
    "sparse": (lambda x: Sparse(), "toarray"),
    "no array": (lambda x: Exploding(), "no array here"),
    "wide": (
        lambda x: np.ones((ROWS, 5)),
        "Dense 'hidden': expected last dim.* 4, got 5",
    ),
    "narrow": (lambda x: x[:, :3], "expected last dimension 4, got 3"),
    "one sample": (lambda x: x[0], r"batch axis: x\[None\]"),
    "vector": (
        lambda x: x.ravel(),
        r"expected an input of shape \(n, 4\), got \(80,\)",
    ),
    "rank 3": (lambda x: x[:, None], r"\(n, 4\), got \(20, 1, 4\)"),
    "no columns": (lambda x: x[:, :0], "expected last dimension 4, got 0"),
}
# Which calls look at x; each gets (model, x, y).
CALLS_WITH_X = {
    "fit": lambda m, x, y: m.fit(x, y, verbose=0),
    "evaluate": lambda m, x, y: m.evaluate(x, y, verbose=0),
    "predict": lambda m, x, y: m.predict(x, verbose=0),
    "predict_on_batch": lambda m, x, y: m.predict_on_batch(x),
    "train_on_batch": lambda m, x, y: m.train_on_batch(x, y),
    "test_on_batch": lambda m, x, y: m.test_on_batch(x, y),
    "call": lambda m, x, y: m(x),
    "validation": lambda m, x, y: m.fit(
        data()[0], data()[1], verbose=0, validation_data=(x, y)
    ),
}
BAD_Y = {
    "none": (lambda y: None, "y: expected numbers, got None"),
    "strings": (lambda y: y.astype(str), "y: .*strings"),
    "objects": (lambda y: y.astype(object), "y: .*object"),
    "complex": (lambda y: y.astype(complex), "y: .*complex"),
    "short": (lambda y: y[:-1], "x has 20 rows but y has 19"),
    "long": (lambda y: np.append(y, 0), "x has 20 rows but y has 21"),
    "empty": (lambda y: y[:0], "x has 20 rows but y has 0"),
    "scalar": (lambda y: 1, r"got shape \(\)"),
    "one hot": (one_hot, "one-hot.*categorical_crossentropy"),
    "two columns": (lambda y: np.stack([y, y], 1), r"\(20,\).*\(20, 3\).*\(20, 2\)"),
    "too high": (lambda y: with_value(y, 5, 3).astype(int), r"y\[5\] is 3.*\[0, 3\)"),
    "negative": (lambda y: with_value(y, 0, -1).astype(int), r"y\[0\] is -1"),
    "huge": (
        lambda y: with_value(y, 19, 2**40).astype(int),
        r"y\[19\] is 1099511627776",
    ),
    "nan": (lambda y: with_value(y, 3, np.nan), r"y\[3\] is nan"),
    "inf": (lambda y: with_value(y, 3, np.inf), r"y\[3\] is inf"),
}
CALLS_WITH_Y = {
    name: CALLS_WITH_X[name]
    for name in ("fit", "evaluate", "train_on_batch", "test_on_batch", "validation")
}


@pytest.mark.parametrize("call", CALLS_WITH_X)
@pytest.mark.parametrize("bad", BAD_X)
def test_bad_x(bad, call):
    make, match = BAD_X[bad]
    refuses(lambda m, x, y: CALLS_WITH_X[call](m, make(x), y), match)


@pytest.mark.parametrize("call", CALLS_WITH_Y)
@pytest.mark.parametrize("bad", BAD_Y)
def test_bad_y(bad, call):
    make, match = BAD_Y[bad]
    refuses(lambda m, x, y: CALLS_WITH_Y[call](m, x, make(y)), match)


def test_calls_before_compile():
    model = pynn.Sequential([layers.Dense(3)])
    x, y = data()
    for call in ("fit", "evaluate", "train_on_batch", "test_on_batch"):
        with pytest.raises(ValueError, match=rf"call compile\(\.\.\.\) before {call}"):
            getattr(model, call)(x, y)
    assert not model.built
    assert model.predict(x, verbose=0).shape == (ROWS, 3)


def test_fit_without_a_loss():
    model, (x, y) = classifier(loss=None, metrics=None), data()
    with pytest.raises(ValueError, match="no loss"):
        model.fit(x, y)


def test_a_failed_fit_builds_nothing():
    model, (x, y) = pynn.Sequential([layers.Dense(3)]), data()
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"\(20, 3\)"):
        model.fit(x, y)
    assert not model.built
    model.fit(x[:, :2], one_hot(y), verbose=0)
    assert model.input_shape == (None, 2)


@pytest.mark.parametrize(
    ("y_shape", "output"),
    [((ROWS, 2), 1), ((ROWS, 1), 3), ((ROWS,), 3), ((ROWS, 3), 2)],
)
@pytest.mark.parametrize("loss", ["mse", "binary_crossentropy", "kl_divergence"])
def test_targets_are_never_broadcast(loss, y_shape, output):
    model = pynn.Sequential([pynn.Input((WIDTH,)), layers.Dense(output)])
    model.compile("sgd", loss)
    expected = re.escape(f"({ROWS}, {output})") + ".*" + re.escape(f"{y_shape}")
    with pytest.raises(ValueError, match=expected):
        model.fit(data()[0], np.zeros(y_shape))


def test_labels_for_a_categorical_loss_name_the_other_one():
    model, (x, y) = classifier(loss="categorical_crossentropy"), data()
    with pytest.raises(ValueError, match="sparse_categorical_crossentropy"):
        model.fit(x, y)


def test_metric_and_loss_that_want_different_targets():
    model, (x, y) = classifier(metrics=["mse"]), data()
    with pytest.raises(ValueError, match=r"'mse'.*different targets"):
        model.fit(x, y, verbose=0)


def test_the_tables_are_long():
    assert len(BAD_X) * len(CALLS_WITH_X) + len(BAD_Y) * len(CALLS_WITH_Y) >= 200
