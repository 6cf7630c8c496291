# SPDX-License-Identifier: BSD-3-Clause
"""Losses along other axes than the last one, and labels that a loss ignores."""

import numpy as np
import pytest

import pynn
from pynn import layers, losses, metrics

ROWS, WIDTH = 30, 6
# float64: what differs is the order in which gradients of rows are added up
CLOSE = {"rtol": 1e-12, "atol": 1e-13}


@pytest.fixture
def data(rng):
    x = rng.normal(size=(ROWS, WIDTH))
    labels = rng.integers(0, 3, ROWS)
    return x, np.where(rng.random(ROWS) < 0.3, -1, labels)


def trained(stack, loss, x, y, start=None, rows=ROWS, weight=None, **settings):
    """Loss of two epochs and the weights after them."""
    model = pynn.Sequential([pynn.Input((WIDTH,), dtype="float64"), *stack])
    model.set_weights(start or model.get_weights())
    begun = model.get_weights()
    model.compile(pynn.optimizers.SGD(0.1, momentum=0.5), loss, **settings)
    call = {"batch_size": rows, "epochs": 2, "shuffle": False, "verbose": 0}
    history = model.fit(x, y, sample_weight=weight, **call).history
    return model, begun, history["loss"]


@pytest.fixture(autouse=True)
def float64():
    pynn.config.set_floatx("float64")
    yield
    pynn.config.set_floatx("float32")


def softmax():
    return [layers.Dense(5, "tanh"), layers.Dense(3, "softmax")]


def clipped():
    return [layers.Dense(5, "tanh"), layers.Dense(3, "sigmoid")]


def logits():
    return [layers.Dense(5, "tanh"), layers.Dense(3)]


@pytest.mark.parametrize("make", [softmax, clipped, logits])
@pytest.mark.parametrize(
    "reduction", ["sum_over_batch_size", "sum", "mean_with_sample_weight"]
)
@pytest.mark.parametrize("weighted", [False, True])
def test_an_ignored_sample_might_not_be_there(make, reduction, weighted, data, rng):
    """One batch with samples that are ignored trains as one without them."""
    x, y = data
    weight = rng.uniform(0.1, 2, ROWS) if weighted else None
    left = y != -1
    loss = losses.SparseCategoricalCrossentropy(make is logits, -1, reduction)
    model, start, found = trained(make(), loss, x, y, weight=weight)
    some = None if weight is None else weight[left]
    other, _, expected = trained(
        make(), loss, x[left], y[left], start, int(left.sum()), some
    )
    np.testing.assert_allclose(found, expected, **CLOSE)
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, **CLOSE)
    judged = model.evaluate(x, y, ROWS, 0, sample_weight=weight)
    assert judged == pytest.approx(
        other.evaluate(x[left], y[left], ROWS, 0, sample_weight=some), rel=1e-12
    )
    assert judged == pytest.approx(loss(y, model.predict(x), weight), rel=1e-12)


def test_batches_without_a_sample_that_counts(data):
    x, _ = data
    loss = losses.SparseCategoricalCrossentropy(ignore_class=255)
    model, start, found = trained(softmax(), loss, x, np.full(ROWS, 255), rows=8)
    assert found == [0.0, 0.0]
    for a, b in zip(model.get_weights(), start, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("threads", [2, 3])
def test_ignoring_gives_the_same_bits_for_all_threads(threads, data):
    x, y = data
    loss = losses.SparseCategoricalCrossentropy(ignore_class=-1)
    model, start, found = trained(softmax(), loss, x, y, rows=7)
    before = pynn.get_num_threads()
    pynn.set_num_threads(threads)
    other, _, again = trained(softmax(), loss, x, y, start, rows=7)
    pynn.set_num_threads(before)
    assert again == found
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        assert a.tobytes() == b.tobytes()


def test_labels_that_nobody_ignores(data):
    x, y = data
    loss = losses.SparseCategoricalCrossentropy(ignore_class=-1)
    for wrong in (y - 1, np.where(y == -1, 3, y)):
        with pytest.raises(ValueError, match=r"labels must lie in \[0, 3\)"):
            trained(softmax(), loss, x, wrong)
    entropy = metrics.SparseCategoricalCrossentropy()
    with pytest.raises(ValueError, match="is -1: labels must lie"):
        trained(softmax(), loss, x, y, metrics=[entropy])


def test_metric_that_ignores():
    metric = metrics.SparseCategoricalCrossentropy(ignore_class=1)
    share = [[0.5, 0.5], [0.2, 0.8], [0.25, 0.75]]
    metric.update_state([0, 1, 0], share)  # as in Keras, the second counts
    assert metric.result() == pytest.approx((np.log(2) + np.log(4)) / 3)
    metric.reset_state()
    metric.update_state([0, 1, 0], share, [1.0, 5.0, 2.0])  # and here it does not
    assert metric.result() == pytest.approx((np.log(2) + 2 * np.log(4)) / 3)
    same = metrics.deserialize(metrics.serialize(metric))
    assert (same.ignore_class, same.axis) == (1, -1)


def planes(*end):
    return [layers.Dense(12, "sigmoid"), layers.Reshape((4, 3)), *end]


ALONG = {
    "binary": (losses.BinaryCrossentropy, [], "dense"),
    "categorical": (losses.CategoricalCrossentropy, [], "dense"),
    "sparse": (losses.SparseCategoricalCrossentropy, [], "labels"),
    "cosine": (losses.CosineSimilarity, [], "dense"),
    "binary_focal": (losses.BinaryFocalCrossentropy, [], "dense"),
    "focal": (losses.CategoricalFocalCrossentropy, [], "dense"),
}


@pytest.mark.parametrize("axis", [1, -2])
@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum"])
@pytest.mark.parametrize("name", ALONG)
def test_axis_is_the_last_after_a_permutation(name, reduction, axis, data, rng):
    cls, more, kind = ALONG[name]
    x, _ = data
    labels = rng.integers(0, 4, (ROWS, 3))
    last = np.eye(4)[labels]
    y = labels if kind == "labels" else np.moveaxis(last, -1, 1)
    turned = labels if kind == "labels" else last
    scores = [] if kind == "labels" else ["mse"]
    loss = cls(axis=axis, reduction=reduction)
    model, start, found = trained(planes(*more), loss, x, y, rows=8, metrics=scores)
    stack = planes(*more, layers.Permute((2, 1)))
    other, _, expected = trained(
        stack, cls(reduction=reduction), x, turned, start, rows=8, metrics=scores
    )
    np.testing.assert_allclose(found, expected, **CLOSE)
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, **CLOSE)
    np.testing.assert_allclose(
        model.evaluate(x, y, 8, 0), other.evaluate(x, turned, 8, 0), **CLOSE
    )


def test_labels_may_keep_the_axis(data, rng):
    x, _ = data
    labels = rng.integers(0, 4, (ROWS, 3))
    loss = losses.SparseCategoricalCrossentropy(axis=1)
    model, _, _ = trained(planes(), loss, x, labels[:, None])
    flat = model.evaluate(x, labels, verbose=0)
    assert model.evaluate(x, labels[:, None], verbose=0) == flat


@pytest.mark.parametrize("axis", [0, 2, -2, -3])
def test_axes_that_an_output_does_not_have(axis, data):
    x, y = data
    with pytest.raises(ValueError, match=f"axis {axis} is none of the model's output"):
        trained(softmax(), losses.CategoricalCrossentropy(axis=axis), x, y)


def test_axes_that_an_array_does_not_have():
    with pytest.raises(ValueError, match=r"axis 2 is none of y_pred of shape \(2, 3\)"):
        losses.categorical_crossentropy(np.ones((2, 3)), np.ones((2, 3)), axis=2)
    with pytest.raises(ValueError, match="each vector along its axis 1"):
        losses.sparse_categorical_crossentropy([[0, 1]], np.ones((1, 4, 3)), axis=1)
