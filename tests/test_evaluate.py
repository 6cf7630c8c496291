# SPDX-License-Identifier: BSD-3-Clause
"""evaluate and the batch calls: values against the oracle, weights, metrics."""

import copy

import numpy as np
import pytest
from fitting import ROWS, data, net
from oracle.losses import LOSSES

import pynn
from pynn import layers, metrics


@pytest.mark.parametrize("batch", [1, 7, 32, 1000])
def test_evaluate(batch, rng):
    x, y = data(rng, "one hot")
    model = net()
    model.compile("sgd", "categorical_crossentropy", metrics=["accuracy", "mse"])
    found = model.evaluate(x, y, batch, verbose=0)
    out = model.predict(x, verbose=0)
    expected = [
        LOSSES[name](y, out)[0].mean()
        for name in ("categorical_crossentropy", "categorical_accuracy")
    ] + [((out - y) ** 2).mean()]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    named = model.evaluate(x, y, verbose=0, return_dict=True)
    assert named == dict(zip(["loss", "accuracy", "mse"], found, strict=True))
    assert model.metrics_names == ["loss", "accuracy", "mse"]


def test_evaluate_without_metrics_is_a_number(rng):
    x, y = data(rng, "values")
    model = net(None)
    model.compile("sgd", "mse")
    loss = model.evaluate(x, y, verbose=0)
    assert type(loss) is float
    np.testing.assert_allclose(loss, ((model(x) - y) ** 2).mean(), rtol=1e-12)
    assert model.evaluate(x, y, verbose=0, return_dict=True) == {"loss": loss}


def test_evaluate_weighs_the_loss_only(rng):
    x, y = data(rng)
    weight = rng.random(ROWS)
    model = net()
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    loss, accuracy = model.evaluate(x, y, sample_weight=weight[:, None], verbose=0)
    out = model.predict(x, verbose=0)
    rows = -np.log(out[np.arange(ROWS), y])
    np.testing.assert_allclose(loss, (weight * rows).sum() / ROWS, rtol=1e-9)
    np.testing.assert_allclose(accuracy, (out.argmax(1) == y).mean(), rtol=1e-12)


def test_metrics_that_python_computes_see_every_step(rng):
    """They see the rows that the core's own metric of that meaning sees."""
    x, y = data(rng)
    accuracy = metrics.MeanMetricWrapper(
        lambda t, p: (p.argmax(axis=-1) == t).astype(float), name="mine"
    )
    weight = rng.random(ROWS)
    pynn.utils.set_random_seed(1)
    model = net(dropout=0.5, seed=None)
    model.compile(
        "adam",
        "sparse_categorical_crossentropy",
        metrics=["accuracy", accuracy],
        weighted_metrics=[metrics.SparseCategoricalAccuracy("heavy")],
    )
    history = model.fit(
        x, y, 16, 3, verbose=0, validation_data=(x, y, weight), sample_weight=weight
    ).history
    for prefix in ("", "val_"):
        np.testing.assert_allclose(
            history[f"{prefix}mine"], history[f"{prefix}accuracy"], rtol=1e-12
        )
    right = model.predict(x, verbose=0).argmax(axis=1) == y
    heavy = (weight * right).sum() / weight.sum()
    np.testing.assert_allclose(history["val_heavy"][-1], heavy, rtol=1e-12)
    pynn.utils.set_random_seed(1)
    plain = net(dropout=0.5, seed=None)
    plain.compile("adam", "sparse_categorical_crossentropy")
    plain.fit(x, y, 16, 3, verbose=0, sample_weight=weight)
    for a, b in zip(plain.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_metrics_are_chosen_once(rng):
    x, y = data(rng)
    model = net()
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    assert model.metrics == []
    model.fit(x, y, verbose=0)
    (chosen,) = model.metrics
    assert isinstance(chosen, metrics.SparseCategoricalAccuracy)
    model.evaluate(x, y[:, None], verbose=0)
    assert model.metrics[0] is chosen


def test_train_on_batch(rng):
    """Steps as in fit; each call tells of its own rows."""
    x, y = data(rng)
    pynn.utils.set_random_seed(1)
    model, other = net(), net()
    other.set_weights(model.get_weights())
    for m in (model, other):
        m.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = other.fit(x, y, 16, shuffle=False, verbose=0).history
    total = np.zeros(2)
    for start in range(0, ROWS, 16):
        here = slice(start, min(start + 16, ROWS))
        found = model.train_on_batch(x[here], y[here])
        total += np.multiply(found, (here.stop - start) / ROWS)
    np.testing.assert_allclose(
        total, [history["loss"][0], history["accuracy"][0]], rtol=1e-12
    )
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    tested = model.test_on_batch(x, y, return_dict=True)
    assert list(tested) == ["accuracy", "loss"]
    assert list(tested.values()) == other.evaluate(x, y, verbose=0)[::-1]
    assert model.optimizer.iterations == 3
    assert model.network_for(x).epoch == 0  # no permutation was drawn


def test_rank_three(rng):
    """Dense along the last axis, and losses over all positions."""
    x, y = rng.normal(size=(10, 4, 5)), rng.integers(0, 3, (10, 4))
    model = pynn.Sequential([pynn.Input((4, 5)), layers.Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    out = model.predict(x, verbose=0)
    loss, accuracy = model.evaluate(x, y, verbose=0)
    chosen = np.take_along_axis(out, y[..., None], axis=2)
    np.testing.assert_allclose(loss, -np.log(chosen).mean(), rtol=1e-5)
    np.testing.assert_allclose(accuracy, (out.argmax(2) == y).mean(), rtol=1e-6)
    assert model.fit(x, y, epochs=60, verbose=0).history["loss"][-1] < loss


def test_metrics_of_one_name(rng):
    x, w = rng.normal(size=(12, 3)), rng.uniform(0, 1, 12)
    model = pynn.Sequential([pynn.Input((3,)), pynn.layers.Dense(1)])
    model.compile(
        "sgd",
        "mse",
        metrics=["mae", "mae", pynn.metrics.R2Score()],
        weighted_metrics=["mae", "mae", "mape"],
    )
    keys = [
        "loss",
        "mae",
        "mae_1",
        "r2_score",
        "weighted_mae",
        "weighted_mae_1",
        "mape",
    ]
    again = copy.deepcopy(model)
    for one in (model, again):
        found = one.evaluate(x, x[:, :1], sample_weight=w, verbose=0, return_dict=True)
        assert list(found) == sorted(keys)
        assert one.metrics_names == keys
        assert found["mae"] == found["mae_1"] != found["weighted_mae"]
    model.fit(x, x[:, :1], sample_weight=w, verbose=0)
    third = copy.deepcopy(model)
    assert third.evaluate(x, x[:, :1], sample_weight=w, verbose=0) == model.evaluate(
        x, x[:, :1], sample_weight=w, verbose=0
    )
