# SPDX-License-Identifier: BSD-3-Clause
"""What calls return and callbacks see, in Keras and pynn, from the same weights."""

import numpy as np
import pytest

import pynn

ROWS = 40
# float32: some rounding of sums, see test_grid
NEAR = {"rtol": 1e-4, "atol": 1e-5}


@pytest.fixture
def data(rng):
    x = rng.normal(size=(ROWS, 4)).astype("float32")
    return x, (x[:, 0] > 0).astype(int) + (x[:, 1] > 0.5)


def models(keras, **settings):
    """The same compiled model in both."""
    made, start = [], None
    for k in (keras, pynn):
        dense = k.layers.Dense(5, "tanh", kernel_regularizer="l2")
        stack = [k.Input((4,)), dense, k.layers.Dense(3, "softmax")]
        model = k.Sequential(stack)
        start = start or model.get_weights()
        model.set_weights(start)
        loss = "sparse_categorical_crossentropy"
        model.compile(k.optimizers.SGD(0.1), loss, metrics=["accuracy"], **settings)
        made.append((k, model))
    return made


def plain(values):
    """Names and numbers of a dict, in its order."""
    return list(values), [float(v) for v in values.values()]


def assert_same(found):
    (names, want), (others, got) = found
    assert others == names
    np.testing.assert_allclose(got, want, **NEAR)


def test_steps_tell_of_their_own_rows(keras, data):
    x, y = data
    found = []
    for _, model in models(keras):
        told = []
        for start in (0, 20, 0):
            here = slice(start, start + 20)
            told.append(model.train_on_batch(x[here], y[here]))
            told.append(model.test_on_batch(x[:7], y[:7]))
        found.append(np.array(told, float))
    np.testing.assert_allclose(found[1], found[0], **NEAR)


@pytest.mark.parametrize(
    "call",
    [
        lambda m, x, y: m.train_on_batch(x, y, return_dict=True),
        lambda m, x, y: m.test_on_batch(x, y, return_dict=True),
        lambda m, x, y: m.evaluate(x, y, verbose=0, return_dict=True),
        lambda m, x, y: m.compute_metrics(x, y, m.predict(x, verbose=0)),
    ],
)
def test_names_and_values(call, keras, data):
    assert_same([plain(call(model, *data)) for _, model in models(keras)])


@pytest.mark.parametrize("weighted", [False, True])
def test_loss_of_predictions(weighted, keras, data, rng):
    x, y = data
    p = rng.dirichlet(np.ones(3), ROWS).astype("float32")
    weight = rng.uniform(0, 2, ROWS).astype("float32") if weighted else None
    want, got = (float(m.compute_loss(x, y, p, weight)) for _, m in models(keras))
    assert got == pytest.approx(want, rel=1e-5)


def test_logs_of_the_end_of_a_training(keras, data):
    x, y = data
    found = []
    for k, model in models(keras):
        seen = []
        spy = k.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: logs.update(extra=epoch),
            on_train_end=lambda logs, seen=seen: seen.append(logs),
        )
        model.fit(x, y, 8, 2, 0, [spy], 0.25, shuffle=False)
        found.append(plain(seen[0]))
    assert_same(found)


def test_line_of_an_evaluation(keras, data, capsys):
    keys = []
    for _, model in models(keras):
        model.evaluate(*data, verbose=2)
        parts = capsys.readouterr().out.split(" - ")
        keys.append([part.split(":")[0] for part in parts if ":" in part])
    assert keys == [["accuracy", "loss"]] * 2


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_validation_on_an_endless_generator(steps, keras, data):
    x, y = data
    found = []
    for _, model in models(keras):
        batches = ((x[i % 36 : i % 36 + 4], y[i % 36 : i % 36 + 4]) for i in range(99))
        history = model.fit(
            x,
            y,
            8,
            3,
            0,
            validation_data=batches,
            validation_steps=steps,
            shuffle=False,
        )
        found.append(history.history["val_loss"])
    np.testing.assert_allclose(found[1], found[0], **NEAR)


def test_metric_of_ones_own(keras, data):
    found = []
    for k, model in models(keras):

        class Sure(k.metrics.Metric):
            def __init__(self, name="sure", **named):
                super().__init__(name=name, **named)
                self.total = self.add_weight(name="total", initializer="zeros")
                self.count = self.add_variable((), "zeros", name="count")

            def update_state(self, y_true, y_pred, sample_weight=None):
                largest = np.max(np.asarray(y_pred), axis=-1)
                self.total.assign_add(np.sum(largest).astype("float32"))
                self.count.assign(self.count + float(len(largest)))

            def result(self):
                return self.total / self.count

        model.compile("sgd", "sparse_categorical_crossentropy", metrics=[Sure()])
        found.append(plain(model.evaluate(*data, 8, verbose=0, return_dict=True)))
    assert_same(found)


def test_limits_of_config(keras, data):
    x, y = data
    found = []
    for k, model in models(keras):
        k.config.set_max_epochs(3)
        k.config.set_max_steps_per_epoch(2)
        told: list[float] = []
        for arguments in ({"batch_size": 4}, {}, {"steps_per_epoch": 1}):
            fitted = model.fit(
                x,
                y,
                epochs=4,
                verbose=0,
                shuffle=False,
                **arguments,
                validation_data=(x, y),
            ).history
            told += [*fitted["loss"], *fitted["val_loss"]]
        told += model.evaluate(x, y, 4, verbose=0)
        told.append(len(model.predict(x, 4, verbose=0)))
        k.config.set_max_epochs(None)
        k.config.set_max_steps_per_epoch(None)
        found.append(told)
    np.testing.assert_allclose(found[1], found[0], **NEAR)
