# SPDX-License-Identifier: BSD-3-Clause
"""Calls that take one batch: what they return, what they keep, what they leave."""

import numpy as np
import pytest
from fitting import CLASSES, WIDTH, data, net

import pynn
from pynn import layers, metrics, optimizers, regularizers


def compiled(optimizer="adam", **rest):
    model = net(dropout=0.25)
    model.compile(optimizer, "sparse_categorical_crossentropy", **rest)
    return model


def bits(model):
    return [w.tobytes() for w in model.get_weights()]


def test_steps_equal_a_fit(rng):
    """Batch by batch, of several sizes in turn; each tells of its own rows."""
    x, y = data(rng)
    whole, single = net(dropout=0.25), net(dropout=0.25)
    single.set_weights(whole.get_weights())
    for m in (whole, single):
        kinds = ["accuracy", metrics.SparseTopKCategoricalAccuracy(2, name="top")]
        m.compile("adam", "sparse_categorical_crossentropy", metrics=kinds)
    history = whole.fit(x, y, 16, 3, verbose=0, shuffle=False).history
    for epoch in range(3):
        total = dict.fromkeys(history, 0.0)
        for start in range(0, 46, 16):
            here = slice(start, start + 16)
            got = single.train_on_batch(x[here], y[here])
            named = dict(zip(single.metrics_names, got, strict=True))
            assert named == single.get_metrics_result()
            for name in total:  # of these rows alone
                total[name] += named[name] * len(y[here]) / 46
        for name, values in history.items():
            np.testing.assert_allclose(total[name], values[epoch], rtol=1e-12)
    assert bits(single) == bits(whole)
    assert single.optimizer.iterations == 9


def test_what_changes_between_steps(rng):
    """Kept runs notice other weights, flags, optimizers, losses and seeds."""
    x, y = data(rng)
    model = compiled()

    def changes():
        before = model.get_weights()
        model.train_on_batch(x, y)
        pairs = zip(before, model.get_weights(), strict=True)
        return [not np.array_equal(a, b) for a, b in pairs]

    assert changes() == [True] * 6
    model.layers[0].trainable = False
    assert changes() == [False] * 2 + [True] * 4
    model.layers[2].kernel.trainable = False
    assert changes() == [False] * 3 + [True] * 3
    model.trainable = True
    model.layers[2].kernel.trainable = True
    model.compile(optimizers.SGD(0.0), "sparse_categorical_crossentropy")
    assert changes() == [False] * 6
    model.optimizer.learning_rate = 0.1
    assert changes() == [True] * 6
    model.optimizer.reset()
    assert changes() == [True] * 6
    assert model.optimizer.iterations == 1
    model.add(layers.Dense(CLASSES, "softmax"))
    assert changes() == [True] * 8
    model.pop()
    assert changes() == [True] * 6
    model.compile("sgd", "mse")
    hot = np.eye(CLASSES)[y]
    before = bits(model)
    model.train_on_batch(x, hot)
    assert bits(model) != before


def test_seeds_start_again(rng):
    x, y = data(rng)
    model, results = compiled("sgd"), []
    for _ in range(2):
        pynn.utils.set_random_seed(3)
        model.optimizer.iterations = 0  # numbers the masks of dropout
        model.set_weights([np.full(w.shape, 0.1) for w in model.weights])
        model.train_on_batch(x, y)
        results.append(bits(model))
    assert results[0] == results[1]


def test_hinge_looks_at_each_batch(rng):
    """Labels of 0 and 1 are read as -1 and 1, batch by batch."""
    x = rng.normal(size=(8, WIDTH))
    model = pynn.Sequential([pynn.Input((WIDTH,)), layers.Dense(1)])
    model.compile(optimizers.SGD(0.0), "hinge")
    for y in (np.tile([0.0, 1.0], 4), np.tile([-1.0, 1.0], 4), np.tile([0.0, 1.0], 4)):
        signs = np.tile([-1.0, 1.0], 4)
        expected = np.maximum(1 - signs * model(x)[:, 0], 0).mean()
        np.testing.assert_allclose(model.train_on_batch(x, y), expected, rtol=1e-6)


def test_predict_on_batch(rng):
    x, _ = data(rng)
    for dtype in ("float32", "float64"):
        model = net(dtype=dtype)
        out = model.predict(x, verbose=0)
        got = model.predict_on_batch(x)
        np.testing.assert_array_equal(got, out)
        got[:] = 0  # belongs to the caller
        for given in (x.astype(dtype), x[::2].astype(dtype), x.tolist(), x[:0], x[:1]):
            expected = model.predict(given, verbose=0)
            np.testing.assert_array_equal(model.predict_on_batch(given), expected)
        model.layers[0].kernel.assign(np.zeros(model.layers[0].kernel.shape))
        expected = model.predict(x, verbose=0)
        np.testing.assert_array_equal(model.predict_on_batch(x), expected)
    with pytest.raises(ValueError, match="expected last dimension 6, got 5"):
        model.predict_on_batch(x[:, :5])


def test_gradients(rng):
    """One step of plain descent is the rate times them; nothing else changes."""
    x, y = data(rng)
    weight = rng.uniform(0.5, 2, len(x))
    model = compiled(optimizers.SGD(0.5))
    before, start = model.get_weights(), bits(model)
    loss, found = model.gradients(x, y, weight)
    again = model.gradients(x, y, weight)
    assert again[0] == loss
    assert [g.tobytes() for g in again[1]] == [g.tobytes() for g in found]
    assert bits(model) == start
    assert model.optimizer.iterations == 0
    assert model.train_on_batch(x, y, weight) == pytest.approx(loss, rel=1e-14)
    for old, new, g in zip(before, model.get_weights(), found, strict=True):
        assert g.dtype == old.dtype
        np.testing.assert_allclose(new, old - 0.5 * g, rtol=1e-12, atol=1e-15)
    still, quiet = (model.gradients(x, y, training=t)[0] for t in (True, False))
    assert still != quiet
    assert quiet == pytest.approx(model.evaluate(x, y, verbose=0), rel=1e-12)
    model.layers[0].trainable = False
    assert len(model.gradients(x, y)[1]) == 4
    _, _, slope = model.gradients(x, y, input_gradient=True)
    assert slope.shape == x.shape
    assert np.abs(slope).max() > 0


def test_metrics_of_predictions(rng):
    """Metrics gather; the loss stays that of what was evaluated."""
    x, y = data(rng)
    model = compiled(metrics=["accuracy", metrics.SparseTopKCategoricalAccuracy(2)])
    out = model.predict(x, verbose=0)
    model.reset_metrics()
    values = model.evaluate(x, y, verbose=0, return_dict=True)
    assert model.compute_metrics(x, y, out) == pytest.approx(values)
    wrong = (y + 1) % CLASSES
    found = model.compute_metrics(x, wrong, out)
    assert found["loss"] == pytest.approx(values["loss"])
    right = 2 * (out.argmax(1) == y).mean() + (out.argmax(1) == wrong).mean()
    assert found["accuracy"] == pytest.approx(right / 3)


def test_loss_of_predictions(rng):
    x, y = data(rng)
    weight = rng.uniform(0.5, 2, len(x))
    model = compiled()
    out = model.predict(x, verbose=0)
    got = model.compute_loss(y=y, y_pred=out, sample_weight=weight)
    expected = model.evaluate(x, y, sample_weight=weight, verbose=0)
    np.testing.assert_allclose(got, expected, rtol=1e-12)
    for layer in model.layers[-1:]:
        layer.kernel.regularizer = regularizers.L2(0.1)
    penalized = model.compute_loss(y=y, y_pred=out, sample_weight=weight)
    assert penalized == pytest.approx(got + sum(model.losses), rel=1e-14)
    assert penalized > got
    with pytest.raises(ValueError, match="compute_loss: expected y and y_pred"):
        model.compute_loss(x, y)


def test_results_of_calls(rng):
    x, y = data(rng)
    model = compiled(metrics=["accuracy"])
    values = model.evaluate(x, y, verbose=0, return_dict=True)
    assert model.get_metrics_result() == values
    model.reset_metrics()
    assert model.test_on_batch(x, y, return_dict=True) == values
    expected = [values["loss"], values["accuracy"]]
    assert model.test_on_batch(x, y) == pytest.approx(expected)
    history = model.fit(x, y, epochs=2, verbose=0).history
    now = model.get_metrics_result()
    assert {n: v[-1] for n, v in history.items()} == now
    assert model.compute_output_shape((None, WIDTH)) == (None, CLASSES)
    assert model.count_params() == sum(w.size for w in model.weights)
