# SPDX-License-Identifier: BSD-3-Clause
"""A small compiled classifier (4 -> 8 -> 3), good data, and what must not change."""

import re

import numpy as np
import pytest

import pynn
from pynn import layers

ROWS, WIDTH, CLASSES = 20, 4, 3


def classifier(**compiled):
    model = pynn.Sequential(
        [
            pynn.Input((WIDTH,)),
            layers.Dense(8, activation="relu", name="hidden"),
            layers.Dense(CLASSES, activation="softmax", name="out"),
        ],
        name="net",
    )
    settings = {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}
    model.compile("adam", **settings | compiled)
    return model


def data():
    rng = np.random.default_rng(7)
    return rng.normal(size=(ROWS, WIDTH)), rng.integers(0, CLASSES, ROWS)


def one_hot(y):
    return np.eye(CLASSES)[y]


def with_value(y, place, value):
    y = np.array(y, np.float64)
    y[place] = value
    return y


def snapshot(model, x):
    state = [w.tobytes() for w in model.get_weights()]
    names = [layer.name for layer in model.layers]
    steps = model.optimizer.iterations
    return state, names, steps, model.predict_on_batch(x).tobytes()


def refuses(call, match):
    model, (x, y) = classifier(), data()
    model.fit(x, y, epochs=2, verbose=0)
    inputs = x.tobytes(), y.tobytes()
    before = snapshot(model, x)
    with pytest.raises(ValueError) as caught:
        call(model, x, y)
    assert re.search(match, str(caught.value)), str(caught.value)
    assert snapshot(model, x) == before
    assert inputs == (x.tobytes(), y.tobytes())
    model.fit(x, y, verbose=0)  # and it still trains
