# SPDX-License-Identifier: BSD-3-Clause
"""Denormal numbers: flushed inside calls of the core, the caller's mode untouched."""

import numpy as np
import pytest
from runs import run_table

import pynn
from pynn import _core, layers, optimizers

TINY = np.float32(1e-40)  # below the smallest normal float32


def keeps_denormals() -> bool:
    """Whether this thread's arithmetic does, now."""
    return bool((np.full(64, TINY) * np.float32(0.5)).all())


def line(**options):
    """One neuron without bias, y = w x."""
    model = pynn.Sequential([pynn.Input((1,)), layers.Dense(1, use_bias=False)])
    model.compile(optimizers.SGD(**options), "mse")
    return model


def test_predictions_flush():
    model = line()
    model.set_weights([np.array([[1e-25]], "f4")])
    assert model.predict(np.full((3, 1), 1e-5, "f4"), verbose=0).all()
    assert not model.predict(np.full((3, 1), 1e-15, "f4"), verbose=0).any()


def test_mode_is_restored():
    """After every kind of call; NumPy, in this thread, would notice."""
    assert keeps_denormals()
    model = line(momentum=0.9)
    x = np.ones((8, 1), "f4")
    calls = [
        lambda: model.fit(x, x, verbose=0),
        lambda: model.evaluate(x, x, verbose=0),
        lambda: model.predict(x, verbose=0),
        lambda: model(x, training=True),
        lambda: model.train_on_batch(x, x),
        lambda: flat_update(np.ones(16, "f4")),
    ]
    for i, call in enumerate(calls):
        call()
        assert keeps_denormals(), i


def flat_update(grads):
    """Take one SGD step of rate 1 from zero and return the weights."""
    weights = np.zeros(16, "f4")
    runs = run_table([(0, 16)])
    spec = optimizers.SGD(1.0).spec()
    _core.update(0, spec, 1.0, [], np.ones(2), 0, runs, weights, grads)
    return weights


def test_the_flat_update_flushes_like_the_fused_one():
    assert flat_update(np.full(16, 1e-30, "f4")).all()
    assert not flat_update(np.full(16, TINY)).any()


@pytest.mark.parametrize("clip", [{}, {"clipnorm": 1.0}, {"global_clipnorm": 1.0}])
def test_training_flushes(clip):
    """Fused, and as a separate pass: a denormal step does not move a zero weight."""
    model = line(learning_rate=1.0, **clip)
    model.set_weights([np.zeros((1, 1), "f4")])
    x = np.full((1, 1), 1e-20, "f4")
    model.fit(x, x * np.float32(1e-1), verbose=0)  # gradient -2e-41
    assert model.get_weights()[0] == 0
