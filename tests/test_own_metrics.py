# SPDX-License-Identifier: BSD-3-Clause
"""Metrics and losses of one's own in the forms that Keras's guides teach."""

import copy
import pickle

import numpy as np
import pytest

import pynn
from pynn import layers, losses, metrics


class Misses(metrics.Metric):
    """The number of errors above a limit, weighted, over that of all."""

    def __init__(self, name="misses", limit=0.5, **kwargs):
        super().__init__(name=name, **kwargs)
        self.limit = limit
        self.total = self.add_weight(name="total", initializer="zeros", shape=())
        self.count = self.add_variable(shape=(), initializer="zeros", name="count")

    def update_state(self, y_true, y_pred, sample_weight=None):
        found = (np.abs(y_true - y_pred) > self.limit).astype(self.dtype)
        self.total.assign_add(np.sum(found))
        self.count.assign(self.count + found.size)

    def result(self):
        return self.total / self.count if self.count > 0 else np.float32(0)


class Count(Misses):
    """Its result is a variable; it has a reset of its own."""

    def result(self):
        return self.count

    def reset_state(self):
        self.total.assign(0.0)
        self.count.assign(0)


class Both(metrics.Metric):
    """Holds another metric."""

    def __init__(self, name="both"):
        super().__init__(name=name)
        self.inner = Misses()
        self.calls = self.add_variable((2,), "ones", dtype="int64")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.inner.update_state(y_true, y_pred)
        self.calls.assign_add(np.array([1, 2]))

    def result(self):
        return self.calls


def test_variables_of_a_metric():
    metric = Misses()
    assert metric([0.0, 1.0, 2.0], np.array([0.0, 0.0, 0.0])) == 2 / 3
    assert [v.name for v in metric.variables] == ["total", "count"]
    assert metric.total.path == "misses/total"
    assert [float(v) for v in metric.variables] == [2.0, 3.0]
    for twin in (copy.deepcopy(metric), pickle.loads(pickle.dumps(metric))):
        twin.reset_state()
        assert twin.result() == 0
    assert metric.result() == 2 / 3
    metric.reset_state()
    assert metric.count == 0
    assert metric.total == 0
    assert not metric.count


def test_a_metric_in_a_metric():
    metric = Both()
    assert [v.name for v in metric.variables] == ["variable_0", "total", "count"]
    np.testing.assert_array_equal(metric.calls, [1, 1])
    np.testing.assert_array_equal(metric([1.0], np.array([0.0])), [2, 3])
    assert metric.calls.dtype == "int64"
    assert metric.inner.result() == 1
    metric.reset_state()
    assert not np.any(metric.calls)
    assert metric.inner.result() == 0


def test_own_metrics_while_training(rng):
    x, y = rng.normal(size=(40, 3)), rng.normal(size=(40, 2))
    model = pynn.Sequential([pynn.Input((3,)), layers.Dense(2)])
    model.compile("sgd", "mse", metrics=[Misses(), Count(name="count"), Both()])
    history = model.fit(x, y, 16, 2, 0, validation_data=(x[:7], y[:7])).history
    assert history["count"] == [80.0, 80.0]
    assert history["val_count"] == [14.0, 14.0]
    assert history["both"] == [[3, 6], [3, 6]]  # three batches, from zero
    found = model.evaluate(x, y, verbose=0, return_dict=True)
    far = np.abs(y - model.predict(x, verbose=0)) > 0.5
    assert found["misses"] == far.mean()
    assert type(found["misses"]) is float


def test_what_variables_take():
    with pytest.raises(ValueError, match=r"'misses/total': expected shape \(\), got"):
        Misses().total.assign([1.0])
    with pytest.raises(ValueError, match="'misses/total': expected numbers, got <U"):
        Misses().total.assign("1")


class Cubes(losses.Loss):
    def __init__(self, scale=1.0, **kwargs):
        super().__init__("cubes", **kwargs)
        self.scale = scale

    def call(self, y_true, y_pred):
        return self.scale * np.mean(np.abs(y_true - y_pred) ** 3, axis=-1)


def test_order_of_arguments():
    loss = Cubes(reduction="sum")
    assert (loss.name, loss.reduction) == ("cubes", "sum")
    assert loss([[0.0], [1.0]], [[2.0], [0.0]]) == 9.0
    assert losses.Loss("mine", "mean").reduction == "mean"
    for kind in (losses.MeanSquaredError, losses.Hinge, losses.Poisson, losses.Dice):
        loss = kind("sum", "mine")
        assert (loss.reduction, loss.name) == ("sum", "mine")
        assert kind.from_config(loss.get_config()).reduction == "sum"
    wrapped = losses.LossFunctionWrapper(losses.mean_squared_error, "sum", "mine")
    assert (wrapped.reduction, wrapped.name) == ("sum", "mine")
