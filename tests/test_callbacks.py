# SPDX-License-Identifier: BSD-3-Clause
"""Callbacks: who is called when, with what."""

import copy

import numpy as np
import pytest
from smallfit import X, Y, small_model

from pynn import callbacks
from pynn.callbacks import CallbackList

EVENTS = [n for n in vars(callbacks.Callback) if n.startswith("on_")]


class Recorder(callbacks.Callback):
    """Keeps the names of all events, and a copy of their logs."""

    def __init__(self, batches=True):
        self.events = []
        for name in EVENTS:
            if (batches or "batch" not in name) and name not in (
                "on_batch_begin",
                "on_batch_end",
            ):
                setattr(self, name, self.recorder(name.removeprefix("on_")))

    def recorder(self, name):
        def record(*arguments):
            *number, logs = arguments
            self.events.append((name, *number, copy.copy(logs)))

        return record

    @property
    def names(self):
        return [event[0] for event in self.events]


def test_order_of_events():
    seen = Recorder()
    small_model().fit(
        X, Y, 3, epochs=2, verbose=0, callbacks=[seen], validation_data=(X, Y)
    )
    epoch = [
        "epoch_begin",
        *["train_batch_begin", "train_batch_end"] * 2,
        "test_begin",
        *["test_batch_begin", "test_batch_end"] * 2,
        "test_end",
        "epoch_end",
    ]
    assert seen.names == ["train_begin", *epoch * 2, "train_end"]
    numbers = [e[1] for e in seen.events if e[0] == "train_batch_end"]
    assert numbers == [0, 1, 0, 1]
    logs = next(e[2] for e in seen.events if e[0] == "epoch_end")
    assert list(logs) == ["loss", "mae", "val_loss", "val_mae"]


def test_batch_logs_are_averages_since_the_epoch_began():
    seen = Recorder()
    model = small_model()
    model.optimizer.learning_rate = 0.0
    history = model.fit(X, Y, 2, epochs=2, verbose=0, callbacks=seen, shuffle=False)
    each = (model.predict(X, verbose=0)[:, 0] - Y) ** 2
    found = [e[2]["loss"] for e in seen.events if e[0] == "train_batch_end"]
    expected = [each[:2].mean(), each[:4].mean(), each.mean()]
    np.testing.assert_allclose(found, expected * 2, rtol=1e-5)
    assert found[-1] == history.history["loss"][-1]


def test_evaluate_and_predict_have_events():
    model, seen = small_model(), Recorder()
    model.evaluate(X, Y, verbose=0, callbacks=[seen])
    assert (seen.names[0], seen.names[-1]) == ("test_begin", "test_end")
    assert set(seen.events[-1][1]) == {"loss", "mae"}
    seen = Recorder()
    out = model.predict(X, 4, verbose=0, callbacks=[seen])
    batches = [e[2]["outputs"] for e in seen.events if e[0] == "predict_batch_end"]
    np.testing.assert_array_equal(np.concatenate(batches), out)
    assert (seen.names[0], seen.names[-1]) == ("predict_begin", "predict_end")


def test_model_and_params():
    seen = Recorder()
    model = small_model()
    history = model.fit(X, Y, 4, epochs=3, verbose=0, callbacks=[seen])
    assert seen.model is model
    assert dict(seen.params) == {"verbose": 0, "epochs": 3, "steps": 2}
    assert history.model is model
    assert dict(history.params) == dict(seen.params)


class Old(callbacks.Callback):
    def on_batch_end(self, batch, logs=None):
        pass


class New(callbacks.Callback):
    def on_train_batch_begin(self, batch, logs=None):
        pass


class Testing(callbacks.Callback):
    def on_test_batch_end(self, batch, logs=None):
        pass


class Predicting(callbacks.Callback):
    def on_predict_batch_end(self, batch, logs=None):
        pass


class Epochs(callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        pass


@pytest.mark.parametrize(
    ("callback", "wanted"),
    [
        (Old(), (True, False, False)),
        (New(), (True, False, False)),
        (Testing(), (False, True, False)),
        (Predicting(), (False, False, True)),
        (Epochs(), (False, False, False)),
        (callbacks.History(), (False, False, False)),
        (callbacks.ProgbarLogger(), (False, False, False)),
        (callbacks.EarlyStopping(), (False, False, False)),
        (callbacks.ReduceLROnPlateau(), (False, False, False)),
        (callbacks.CSVLogger("x"), (False, False, False)),
        (callbacks.LearningRateScheduler(float), (False, False, False)),
        (callbacks.TerminateOnNaN(), (True, False, False)),
        (callbacks.LambdaCallback(on_epoch_end=print), (False, False, False)),
        (callbacks.LambdaCallback(on_train_batch_end=print), (True, False, False)),
        (callbacks.LambdaCallback(on_test_batch_end=print), (False, True, False)),
    ],
    ids=lambda c: type(c).__name__,
)
def test_who_wants_batches(callback, wanted):
    hooks = CallbackList([callback])
    found = hooks.train_batches, hooks.test_batches, hooks.predict_batches
    assert found == wanted


def test_list_takes_one_several_or_none():
    one = Epochs()
    assert CallbackList(one).callbacks == [one]
    assert CallbackList((one, one)).callbacks == [one, one]
    assert CallbackList(None).callbacks == []
    assert CallbackList(CallbackList([one])).callbacks == [one]
    given = [one]
    assert len(CallbackList(given, add_history=True).callbacks) == 2
    assert given == [one]


@pytest.mark.parametrize("wrong", [Epochs, 3, "early", [None], {"a": 1}])
def test_list_of_something_else(wrong):
    with pytest.raises(ValueError, match="callbacks: expected a Callback"):
        small_model().fit(X, Y, verbose=0, callbacks=wrong)


def test_logs_are_one_object():
    class Adds(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["mine"] = epoch * 10

    seen = Recorder(batches=False)
    history = small_model().fit(X, Y, epochs=2, verbose=0, callbacks=[Adds(), seen])
    assert [e[2]["mine"] for e in seen.events if e[0] == "epoch_end"] == [0, 10]
    assert history.history["mine"] == [0, 10]


def test_missing_logs_are_an_empty_dict():
    seen = Recorder()
    hooks = CallbackList([seen])
    hooks.on_train_begin()
    hooks.on_epoch_begin(3)
    hooks.on_epoch_end(3, logs={"loss": 1.0})
    assert seen.events == [
        ("train_begin", {}),
        ("epoch_begin", 3, {}),
        ("epoch_end", 3, {"loss": 1.0}),
    ]
    with pytest.raises(AttributeError, match="on_lunch"):
        hooks.on_lunch()


def test_users_history_is_used():
    mine = callbacks.History()
    history = small_model().fit(X, Y, epochs=2, verbose=0, callbacks=[mine])
    assert history is mine
    assert history.epoch == [0, 1]
    assert {k: len(v) for k, v in history.history.items()} == {"loss": 2, "mae": 2}
    assert all(type(v) is float for v in history.history["loss"])


def test_exception_passes_through_and_the_model_lives():
    class Breaks(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise KeyError("mine")

    model = small_model()
    with pytest.raises(KeyError, match="mine"):
        model.fit(X, Y, epochs=2, verbose=0, callbacks=[Breaks()])
    assert model.optimizer.iterations == 1
    model.fit(X, Y, epochs=1, verbose=0)
    assert model.optimizer.iterations == 2


def test_stop_training_stops_after_the_batch():
    class Stops(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = batch == 1

    model = small_model()
    history = model.fit(X, Y, 1, epochs=5, verbose=0, callbacks=[Stops()])
    assert model.optimizer.iterations == 2
    assert history.epoch == [0]


def test_lambda_callback():
    seen = []
    callback = callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: seen.append(("begin", epoch)),
        on_train_batch_end=lambda batch, logs: seen.append(("batch", batch)),
        on_test_end=lambda logs: seen.append(("test", sorted(logs))),
    )
    small_model().fit(X, Y, 3, verbose=0, callbacks=callback, validation_data=(X, Y))
    test = ("test", ["loss", "mae"])
    assert seen == [("begin", 0), ("batch", 0), ("batch", 1), test]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"on_lunch": print}, "no event 'on_lunch'"),
        ({"on_epoch_end": 1}, "on_epoch_end: expected a function"),
    ],
)
def test_bad_lambda_callback(options, words):
    with pytest.raises(ValueError, match=words):
        callbacks.LambdaCallback(**options)
