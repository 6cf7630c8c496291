# SPDX-License-Identifier: BSD-3-Clause
"""Data and a network of three dense layers for the tests of training."""

import numpy as np

import pynn
from pynn import layers

ROWS, WIDTH, CLASSES = 46, 6, 3


def data(rng, kind="labels"):
    x = rng.normal(size=(ROWS, WIDTH))
    if kind == "labels":
        return x, rng.integers(0, CLASSES, ROWS)
    if kind == "one hot":
        return x, np.eye(CLASSES)[rng.integers(0, CLASSES, ROWS)]
    if kind == "binary":
        return x, rng.integers(0, 2, (ROWS, 1)).astype(float)
    return x, rng.normal(size=(ROWS, CLASSES))


def net(head="softmax", units=CLASSES, dtype="float64", dropout=0.0, seed=5):
    return pynn.Sequential(
        [
            pynn.Input((WIDTH,), dtype=dtype),
            layers.Dense(8, "tanh"),
            layers.Dropout(dropout, seed=seed),
            layers.Dense(7, "silu"),
            layers.Dense(units, head),
        ]
    )
