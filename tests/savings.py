# SPDX-License-Identifier: BSD-3-Clause
"""Models to be saved, and what must be the same afterwards."""

import copy
import pickle

import numpy as np

import pynn
from pynn import layers

ROWS = 50


def network(dtype=None, shape=(5,)):
    return pynn.Sequential(
        [
            pynn.Input(shape, dtype=dtype),
            layers.Dense(37, "relu"),
            layers.Dropout(0.5),
            pynn.Sequential([layers.Dense(4), layers.Dense(3, "softmax")]),
        ]
    )


def data(seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(ROWS, 5)), rng.integers(0, 3, ROWS)


def bits(model):
    """All weights and what the optimizer remembers, as bytes."""
    found = [w.tobytes() for w in model.get_weights()]
    optimizer = model.optimizer
    if optimizer is not None:
        found += [s.tobytes() for s in (*optimizer.slots, optimizer.scalar)]
        found.append(optimizer.iterations)
    return found


def by_file(model, folder):
    model.save(folder / "model.keras")
    return pynn.models.load_model(folder / "model.keras")


def by_pickle(model, folder):
    del folder
    return pickle.loads(pickle.dumps(model))


WAYS = {
    "file": by_file,
    "pickle": by_pickle,
    "deepcopy": lambda model, folder: copy.deepcopy(model),
    "copy": lambda model, folder: copy.copy(model),
}
