# SPDX-License-Identifier: BSD-3-Clause
"""Keras's rules for fit: epochs, validation, history, callbacks, messages."""

import re

import numpy as np
import pytest
from fitting import ROWS, data, net

import pynn
from pynn import callbacks, optimizers


class Log(callbacks.Callback):
    def __init__(self):
        self.events = []

    def __getattribute__(self, name):
        if name.startswith("on_") and "batch" not in name:
            return lambda *args: self.events.append((name[3:], *args[:-1]))
        return super().__getattribute__(name)


def test_order_of_events(rng):
    x, y = data(rng)
    log = Log()
    model = net()
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(x, y, 16, 3, 0, [log], initial_epoch=1, validation_data=(x, y))
    epoch = ["epoch_begin", "test_begin", "test_end", "epoch_end"]
    assert [e[0] for e in log.events] == ["train_begin", *epoch * 2, "train_end"]
    assert [e[1] for e in log.events if e[0] == "epoch_end"] == [1, 2]
    log.events.clear()
    model.evaluate(x, y, verbose=0, callbacks=[log])
    model.predict(x, verbose=0, callbacks=log)
    expected = ["test_begin", "test_end", "predict_begin", "predict_end"]
    assert [e[0] for e in log.events] == expected


def test_history(rng):
    x, y = data(rng)
    model = net()
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["acc", "accuracy"])
    history = model.fit(
        x, y, epochs=5, initial_epoch=2, validation_split=0.3, verbose=0
    )
    assert history is model.history
    assert history.epoch == [2, 3, 4]
    keys = ["acc", "accuracy", "loss", "val_acc", "val_accuracy", "val_loss"]
    assert list(history.history) == keys
    assert all(type(v) is float for values in history.history.values() for v in values)
    assert model.fit(x, y, epochs=0, verbose=0).history == {}
    free = model.fit(x, y, epochs=2, verbose=0).history
    assert list(free) == ["acc", "accuracy", "loss"]
    assert len(free["loss"]) == 2


def test_validation_split_takes_the_last_rows(rng):
    x, y = data(rng)
    weight = rng.random(ROWS)
    kept = int(ROWS * (1 - 0.3))
    seen = []
    for how in (
        {"x": x, "y": y, "sample_weight": weight, "validation_split": 0.3},
        {
            "x": x[:kept],
            "y": y[:kept],
            "sample_weight": weight[:kept],
            "validation_data": (x[kept:], y[kept:], weight[kept:]),
            "validation_split": 0.9,  # ignored
        },
    ):
        pynn.utils.set_random_seed(2)
        model = net()
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        seen.append(model.fit(**how, epochs=2, verbose=0).history)
    assert seen[0] == seen[1]
    last = model.evaluate(x[kept:], y[kept:], sample_weight=weight[kept:], verbose=0)
    assert last == [seen[0]["val_loss"][-1], seen[0]["val_accuracy"][-1]]


def test_validation_split_of_sorted_data_warns(rng):
    x, _ = data(rng)
    model = net()
    model.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.warns(UserWarning, match="others lack: 2; shuffle") as caught:
        model.fit(x, np.repeat([0, 1, 2], 16)[:ROWS], validation_split=0.3, verbose=0)
    assert caught[0].filename == __file__


@pytest.mark.parametrize(("frequency", "epochs"), [(2, 2), ([1, 5], 2), (7, 0)])
def test_validation_freq(frequency, epochs, rng):
    x, y = data(rng)
    model = net()
    model.compile("sgd", "sparse_categorical_crossentropy")
    history = model.fit(
        x, y, epochs=5, verbose=0, validation_data=[x, y], validation_freq=frequency
    ).history
    assert len(history.get("val_loss", [])) == epochs
    assert len(history["loss"]) == 5


def test_compile_again(rng):
    x, y = data(rng)
    model = net()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, verbose=0)
    before = model.get_weights()
    model.compile("adam", "sparse_categorical_crossentropy")
    assert model.optimizer.iterations == 0
    assert model.metrics_names == ["loss"]
    np.testing.assert_array_equal(model.get_weights()[0], before[0])
    model.fit(x, y, verbose=0)
    kept = model.optimizer
    model.compile(kept, "sparse_categorical_crossentropy", metrics=["acc"])
    assert model.optimizer.iterations == 2
    assert (model.compiled, model.loss) == (True, "sparse_categorical_crossentropy")


def test_frozen_layers_stay(rng):
    x, y = data(rng)
    model = net()
    model.compile(optimizers.AdamW(0.1), "sparse_categorical_crossentropy")
    model.fit(x, y, verbose=0)
    model.layers[2].trainable = False
    before = model.get_weights()
    model.fit(x, y, verbose=0)
    moved = [(a != b).any() for a, b in zip(before, model.get_weights(), strict=True)]
    assert moved == [True, True, False, False, True, True]
    model.layers[2].trainable = True
    model.fit(x, y, verbose=0)
    assert (model.get_weights()[2] != before[2]).any()


def test_stop_training(rng):
    x, y = data(rng)
    model = net()

    def stop(epoch, logs):
        model.stop_training = epoch == 1

    model.compile("sgd", "sparse_categorical_crossentropy")
    watch = callbacks.LambdaCallback(on_epoch_end=stop)
    assert len(model.fit(x, y, epochs=9, verbose=0, callbacks=watch).epoch) == 2
    assert len(model.fit(x, y, epochs=4, verbose=0).epoch) == 4


def test_stop_within_an_epoch(rng):
    x, y = data(rng)
    model = net()

    def stop(batch, logs):
        model.stop_training = batch == 1
        seen.append(logs["loss"])

    seen = []
    model.compile("sgd", "sparse_categorical_crossentropy")
    watch = callbacks.LambdaCallback(on_train_batch_end=stop)
    history = model.fit(x, y, 16, 9, 0, [watch])
    assert model.optimizer.iterations == 2
    assert model.network_for(x).epoch == 1  # its permutation is used up
    assert history.history["loss"] == [seen[1]]
    model.fit(x, y, 16, 1, 0)
    assert model.optimizer.iterations == 5


def test_a_callback_that_fails_leaves_a_usable_model(rng):
    x, y = data(rng)
    model = net()
    model.compile("sgd", "sparse_categorical_crossentropy")

    def fail(epoch, logs):
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        model.fit(
            x, y, verbose=0, callbacks=callbacks.LambdaCallback(on_epoch_end=fail)
        )
    assert model.optimizer.iterations == 2
    model.fit(x, y, verbose=0)


@pytest.mark.parametrize("watched", [False, True])
def test_divergence_is_reported_once(watched, rng):
    x, y = data(rng, "values")
    model = net(None, dtype="float32")
    model.compile(optimizers.SGD(1e6), "mse")
    seen = []
    watch = callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen.append(logs["loss"])
    )
    calls = {"callbacks": [watch], "validation_data": (x, y)} if watched else {}
    with pytest.warns(pynn.DivergenceWarning, match=r"learning rate") as caught:
        history = model.fit(x, y, 16, 20, 0, **calls).history
    assert len(caught) == 1
    assert caught[0].filename == __file__
    first = np.flatnonzero(~np.isfinite(history["loss"]))[0]
    message = str(caught[0].message)
    assert f"epoch {first + 1}, step" in message
    assert len(history["loss"]) == 20
    if watched:
        step = np.flatnonzero(~np.isfinite(seen))[0]
        assert step % 3 > 0
        assert f"epoch {step // 3 + 1}, step {step % 3 + 1} of 3" in message


@pytest.mark.parametrize("verbose", [1, 2, "auto"])
def test_what_is_printed(verbose, rng, capsys):
    x, y = data(rng)
    model = net()
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, 16, 2, verbose, validation_data=(x, y))
    text = capsys.readouterr().out
    line = "3/3 .* - accuracy: .* - loss: .* - val_accuracy: .* - val_loss: "
    assert len(re.findall(line, text)) == 2
    assert "Epoch 2/2" in text
    assert "\x1b" not in text
    model.evaluate(x, y, verbose=verbose)
    assert "accuracy" in capsys.readouterr().out
    model.predict(x)
    assert capsys.readouterr().out == ""


@pytest.fixture
def limits():
    """Three epochs, two steps."""
    config = pynn.config
    config.set_max_epochs(3)
    config.set_max_steps_per_epoch(2)
    assert (config.max_epochs(), config.max_steps_per_epoch()) == (3, 2)
    yield
    config.set_max_epochs(None)
    config.set_max_steps_per_epoch(None)


def losses_of(**arguments):
    """Mean numbers of the rows that each epoch saw; tests/parity asks Keras, too."""
    model = pynn.Sequential([pynn.Input((1,)), pynn.layers.Dense(1)])
    model.compile(optimizers.SGD(0.0), "mae")
    model.set_weights([np.ones((1, 1)), np.zeros(1)])
    x = np.arange(24.0)
    found = model.fit(x, 0 * x, verbose=0, shuffle=False, **arguments).history
    return found["loss"], found.get("val_loss"), model


def test_limits_of_config(limits):
    with pytest.warns(UserWarning, match="limited to") as told:
        assert losses_of(epochs=5, batch_size=4)[0] == [3.5, 11.5, 19.5]
    assert [str(w.message) for w in told] == [
        "fit: steps_per_epoch: limited to 2 by config",
        "fit: epochs: limited to 3 by config",
    ]
    assert {w.filename for w in told} == {__file__}
    assert losses_of(epochs=2, batch_size=4, steps_per_epoch=1)[0] == [1.5, 5.5]
    x = np.arange(24.0)
    with pytest.warns(UserWarning, match="limited to 2"):
        _, judged, model = losses_of(batch_size=4, validation_data=(x, 0 * x))
    assert judged == [3.5]
    with pytest.warns(UserWarning, match="evaluate: steps: limited to 2"):
        assert model.evaluate(x, 0 * x, 4, 0) == 3.5
    with pytest.warns(UserWarning, match="predict: steps: limited to 2"):
        assert len(model.predict(x, 4, 0)) == 8
    with pytest.raises(ValueError, match="fit: epochs: expected an integer"):
        losses_of(epochs="many", steps_per_epoch=1)


def test_bad_limits():
    for set_limit in (pynn.config.set_max_epochs, pynn.config.set_max_steps_per_epoch):
        with pytest.raises(
            ValueError, match=r"max_.*: expected an integer >= 1, got 0"
        ):
            set_limit(0)
