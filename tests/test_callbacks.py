# SPDX-License-Identifier: BSD-3-Clause
"""Callbacks: order of events, what is printed, and those that watch."""

import copy
import csv
import io
import pickle
import re
import sys
from types import SimpleNamespace

import numpy as np
import pytest

import pynn
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


def small_model(**options):
    model = pynn.Sequential([pynn.Input((2,)), pynn.layers.Dense(1)])
    options.setdefault("metrics", ["mae"])
    model.compile("sgd", "mse", **options)
    return model


X, Y = np.arange(12.0).reshape(6, 2) / 12, np.arange(6.0)


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


# ---- printing


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    """A terminal that remembers, as the progress bar's standard output."""
    screen = Terminal()
    monkeypatch.setattr("pynn.callbacks._progress.sys", SimpleNamespace(stdout=screen))
    return screen


def plain(text):
    """Text without colours."""
    return re.sub(r"\x1b\[\d+m", "", text)


VALUES = r"loss: \d+\.\d{4} - mae: \d+\.\d{4}"
TIME = r"\d+s \d+(us|ms|s)/step"
LINE = rf"2/2 - \d+s - \d+(us|ms|s)/step - {VALUES}"
VALIDATED = rf"{LINE} - val_loss: \d+\.\d{{4}} - val_mae: \d+\.\d{{4}}"


def test_silence(capsys):
    model = small_model()
    model.fit(X, Y, epochs=2, verbose=0)
    model.evaluate(X, Y, verbose=0)
    model.predict(X, verbose=0)
    assert capsys.readouterr() == ("", "")


def test_lines_into_a_file(capsys):
    small_model().fit(X, Y, 3, epochs=2, validation_data=(X, Y))
    first, second = capsys.readouterr().out.splitlines()
    assert re.fullmatch(f"Epoch 1/2 - {VALIDATED}", first), first
    assert re.fullmatch(f"Epoch 2/2 - {VALIDATED}", second), second


@pytest.mark.parametrize("where", ["terminal", "file"])
def test_verbose_2(where, request, capsys):
    screen = request.getfixturevalue("terminal") if where == "terminal" else None
    small_model().fit(X, Y, 3, epochs=2, verbose=2)
    text = screen.getvalue() if screen else capsys.readouterr().out
    lines = text.splitlines()
    assert lines[0::2] == ["Epoch 1/2", "Epoch 2/2"]
    assert all(re.fullmatch(LINE, line) for line in lines[1::2]), lines


def test_no_header_for_one_epoch(capsys):
    small_model().fit(X, Y, 3, verbose=2)
    assert re.fullmatch(LINE + "\n", capsys.readouterr().out)


def test_evaluate_and_predict_print_a_line(capsys):
    model = small_model()
    model.evaluate(X, Y, 3)
    assert re.fullmatch(LINE + "\n", capsys.readouterr().out)
    model.predict(X, 3)
    assert capsys.readouterr().out == "", "predict is called in loops"
    model.predict(X, 3, verbose=1)
    line = r"2/2 - \d+s - \d+(us|ms|s)/step\n"
    assert re.fullmatch(line, capsys.readouterr().out)


def test_bar_on_a_terminal(terminal):
    small_model().fit(X, Y, 3, epochs=2)
    shown = terminal.getvalue().removesuffix("\n").split("\n")
    lines = [plain(line.split("\r")[-1]) for line in shown]
    assert lines[0::2] == ["Epoch 1/2", "Epoch 2/2"]
    assert all(re.fullmatch(f"2/2 ━{{20}} {TIME} - {VALUES} *", x) for x in lines[1::2])


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is set."""
    now = [100.0]
    monkeypatch.setattr("pynn.callbacks._progress.time.perf_counter", lambda: now[0])
    return now


def progress(steps, epochs=1, verbose=1):
    hooks = CallbackList.for_fit(None, None, verbose, epochs=epochs, steps=steps)
    hooks.on_train_begin()
    hooks.on_epoch_begin(0)
    return hooks


def test_bar_moves(terminal, clock):
    hooks = progress(200)
    clock[0] += 1.0
    hooks.progress(50, {"loss": 0.5})
    shown = terminal.getvalue()
    assert plain(shown) == " 50/200 ━━━━━━━━━━━━━━━━━━━━ 3s 20ms/step - loss: 0.5000"
    assert "\x1b[32m━━━━━\x1b[0m\x1b[37m━━━━━━━━━━━━━━━\x1b[0m" in shown
    clock[0] += 0.01
    hooks.progress(51, {"loss": 0.25})
    assert terminal.getvalue() == shown, "drawn again within 50 ms"
    clock[0] += 0.05
    hooks.progress(100, {"loss": 0.25})
    assert terminal.getvalue().count("\r") == 1
    clock[0] += 1.0
    hooks.on_epoch_end(0, {"a": 1.0})
    last = plain(terminal.getvalue().split("\r")[-1])
    # Shorter than what was there, so blanks cover the rest of it.
    assert (
        last == "200/200 ━━━━━━━━━━━━━━━━━━━━ 2s 10ms/step - a: 1.0000" + " " * 3 + "\n"
    )


@pytest.mark.parametrize(
    ("left", "text"),
    [(59, "59s"), (60, "60s"), (61, "1:01"), (3600, "60:00"), (3661, "1:01:01")],
)
def test_time_left(left, text, terminal, clock):
    hooks = progress(2)
    clock[0] += left
    hooks.progress(1, {})
    assert f"━ {text} " in plain(terminal.getvalue())


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(8.0, "2s/step"), (0.02, "5ms/step"), (0.0004, "100us/step"), (0.0, "0s/step")],
)
def test_time_of_a_step(seconds, text, capsys, clock):
    hooks = progress(4, verbose=2)
    clock[0] += seconds
    hooks.on_epoch_end(0, {})
    assert capsys.readouterr().out == f"4/4 - {seconds:.0f}s - {text}\n"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.25, "0.2500"),
        (123.45678, "123.4568"),
        (-0.5, "-0.5000"),
        (0.00012345, "1.2345e-04"),
        (0.0, "0.0000e+00"),
        (float("nan"), "nan"),
        (np.float32(0.5), "0.5000"),
        ([0.25, 0.75], "0.5000"),
    ],
)
def test_how_values_look(value, text, capsys, clock):
    progress(1, verbose=2).on_epoch_end(0, {"loss": value})
    assert capsys.readouterr().out.endswith(f"- loss: {text}\n")


def test_plain_characters_where_there_are_no_others(monkeypatch, clock):
    raw = io.BytesIO()
    screen = io.TextIOWrapper(raw, encoding="ascii")
    monkeypatch.setattr(screen, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdout", screen)
    progress(4).on_epoch_end(0, {})
    monkeypatch.undo()
    assert "4/4 ==================== 0s" in plain(raw.getvalue().decode("ascii"))


def test_bar_is_cut_to_the_screen(terminal, clock, monkeypatch):
    monkeypatch.setattr("pynn.callbacks._progress._columns", lambda: 50)
    hooks = progress(4)
    clock[0] += 1.0
    hooks.progress(1, {"a_metric_with_a_long_name": 0.5})
    assert len(plain(terminal.getvalue())) == 49


@pytest.mark.parametrize("wrong", [3, -1, "loud", None, 1.0, [1]])
def test_bad_verbose(wrong):
    model = small_model()
    before = model.get_weights()[0].tobytes()
    for call in (model.fit, model.evaluate):
        with pytest.raises(ValueError, match="verbose: expected 'auto', 0, 1 or 2"):
            call(X, Y, verbose=wrong)
    assert model.get_weights()[0].tobytes() == before


# ---- early stopping


class FakeMetric:
    def __init__(self, name, direction):
        self.name, self.direction = name, direction


class FakeModel:
    """Weights are the number of the epoch."""

    def __init__(self):
        self.stop_training = False
        self.weights = None
        self.restored = None
        self.optimizer = pynn.optimizers.SGD(1.0)
        self.metrics = [FakeMetric("accuracy", "up"), FakeMetric("mae", "down")]

    def get_weights(self):
        return [self.weights]

    def set_weights(self, weights):
        self.restored = weights[0]


def watch(callback, values, name="val_loss"):
    """Epochs with these values, until training is stopped."""
    model = FakeModel()
    callback.set_model(model)
    callback.on_train_begin()
    for epoch, value in enumerate(values):
        model.weights = epoch
        logs = {} if value is None else {name: value}
        callback.on_epoch_end(epoch, logs)
        if model.stop_training:
            break
    callback.on_train_end()
    return model


@pytest.mark.parametrize(
    ("options", "values", "stopped", "best", "restored"),
    [
        ({"patience": 2}, [3, 2, 2.5, 2.4, 2.3], 3, 1, 1),
        ({"patience": 2}, [3, 2, 2.5, 1, 2, 2, 0], 5, 3, 3),
        ({"patience": 0}, [3, 2, 2.5, 1], 2, 1, 1),
        ({"patience": 1}, [3, 3, 3], 1, 0, 0),
        ({"patience": 9}, [3, 2, 4], 0, 1, 1),
        ({"patience": 1, "min_delta": 0.5}, [3, 2.6, 2.4], 1, 0, 0),
        ({"patience": 1, "min_delta": -0.5}, [3, 2.6, 2.4], 1, 0, 0),
        ({"patience": 1, "min_delta": 0.5}, [3, 2.5, 2.4], 1, 0, 0),
        ({"patience": 1, "mode": "max"}, [1, 2, 1.5], 2, 1, 1),
        ({"patience": 1, "start_from_epoch": 2}, [0, 1, 5, 6, 7], 3, 2, 2),
        ({"patience": 2, "baseline": 1.0}, [3, 2.5, 2.4, 2.3, 2.6], 4, 3, 3),
        ({"patience": 1}, [2, float("nan"), 1], 1, 0, 0),
    ],
)
def test_early_stopping(options, values, stopped, best, restored):
    callback = callbacks.EarlyStopping(restore_best_weights=True, **options)
    model = watch(callback, values)
    assert (callback.stopped_epoch, callback.best_epoch) == (stopped, best)
    assert model.stop_training == (stopped > 0)
    assert model.restored == restored


def test_early_stopping_never_stops_in_the_first_epoch():
    callback = callbacks.EarlyStopping(patience=0, baseline=1.0)
    model = watch(callback, [float("nan")])
    assert not model.stop_training


def test_early_stopping_without_restoring():
    assert watch(callbacks.EarlyStopping(patience=1), [1, 2]).restored is None


def test_early_stopping_starts_again_with_each_fit():
    callback = callbacks.EarlyStopping(patience=1)
    watch(callback, [0.5, 1])
    assert not watch(callback, [5, 4, 3]).stop_training
    assert callback.best == 3


@pytest.mark.parametrize(
    ("name", "values", "best"),
    [
        ("val_accuracy", [0.1, 0.3, 0.2], 1),
        ("mae", [3, 1, 2], 1),
        ("loss", [3, 1, 2], 1),
    ],
)
def test_direction_by_name(name, values, best):
    callback = callbacks.EarlyStopping(name, patience=5)
    watch(callback, values, name)
    assert callback.best_epoch == best


def test_unknown_direction():
    callback = callbacks.EarlyStopping("val_strange")
    with pytest.raises(ValueError, match=r"'val_strange' should go up or down.*mode="):
        watch(callback, [1, 2], "val_strange")


def test_missing_value_warns_and_goes_on():
    callback = callbacks.EarlyStopping(patience=1)
    with pytest.warns(UserWarning, match="'val_loss' is not among the logs: loss"):
        model = watch(callback, [1, 2, 3], "loss")
    assert not model.stop_training


def test_early_stopping_says_what_it_does(capsys):
    watch(callbacks.EarlyStopping(verbose=1, restore_best_weights=True), [2, 1, 3])
    assert capsys.readouterr().out.splitlines() == [
        "Epoch 3: early stopping",
        "Restoring model weights from the end of the best epoch: 2.",
    ]


def test_early_stopping_of_a_real_fit():
    model = small_model()
    model.optimizer.learning_rate = 0.0
    stop = callbacks.EarlyStopping("loss", patience=2, restore_best_weights=True)
    history = model.fit(X, Y, epochs=50, verbose=0, callbacks=[stop], shuffle=False)
    assert history.epoch == [0, 1, 2]


# ---- learning rates


@pytest.mark.parametrize(
    ("options", "values", "rates"),
    [
        ({"patience": 2, "factor": 0.5}, [2, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0.5, 0.5]),
        (
            {"patience": 1, "factor": 0.5, "cooldown": 2},
            [1] * 6,
            [1, 1, 0.5, 0.5, 0.25, 0.25],
        ),
        ({"patience": 1, "factor": 0.1, "min_lr": 0.5}, [1] * 4, [1, 1, 0.5, 0.5]),
        ({"patience": 1, "factor": 0.5}, [1, 0.99995, 0.5], [1, 1, 0.5]),
        ({"patience": 1, "factor": 0.5, "mode": "max"}, [1, 2, 1], [1, 1, 1]),
    ],
)
def test_reduce_on_plateau(options, values, rates):
    callback = callbacks.ReduceLROnPlateau(**options)
    model = FakeModel()
    callback.set_model(model)
    callback.on_train_begin()
    found = []
    for epoch, value in enumerate(values):
        logs = {"val_loss": value}
        callback.on_epoch_end(epoch, logs)
        found.append(logs["learning_rate"])
    assert found == pytest.approx(rates)


def test_reduce_on_plateau_says_so(capsys):
    callback = callbacks.ReduceLROnPlateau(patience=1, factor=0.5, verbose=1)
    watch(callback, [1, 1])
    expected = "\nEpoch 2: ReduceLROnPlateau reducing learning rate to 0.5.\n"
    assert capsys.readouterr().out == expected


@pytest.mark.parametrize(
    "schedule", [lambda epoch: 0.5**epoch, lambda epoch, lr: lr * 0.5 if epoch else lr]
)
def test_scheduler(schedule):
    model = small_model()
    model.optimizer.learning_rate = 1.0
    scheduler = callbacks.LearningRateScheduler(schedule)
    history = model.fit(X, Y, epochs=3, verbose=0, callbacks=scheduler)
    assert history.history["learning_rate"] == [1.0, 0.5, 0.25]
    assert list(history.history) == ["loss", "mae", "learning_rate"]


def test_scheduler_speaks_and_checks(capsys):
    model = small_model()
    loud = callbacks.LearningRateScheduler(lambda epoch: 0.05, verbose=1)
    model.fit(X, Y, verbose=0, callbacks=loud)
    expected = "\nEpoch 1: LearningRateScheduler setting learning rate to 0.05.\n"
    assert capsys.readouterr().out == expected
    with pytest.raises(ValueError, match="expected schedule to return a float, got 1"):
        model.fit(
            X, Y, verbose=0, callbacks=callbacks.LearningRateScheduler(lambda e: 1)
        )

    def fails(epoch, lr):
        raise TypeError("mine")

    with pytest.raises(TypeError, match="mine"):
        model.fit(X, Y, verbose=0, callbacks=callbacks.LearningRateScheduler(fails))


# ---- the others


def read(path, separator=","):
    with open(path, newline="") as file:
        return list(csv.reader(file, delimiter=separator))


def test_csv(tmp_path):
    path = tmp_path / "log.csv"
    logger = callbacks.CSVLogger(path)
    history = small_model().fit(
        X, Y, epochs=2, verbose=0, callbacks=[logger], validation_data=(X, Y)
    )
    head, first, second = read(path)
    assert head == ["epoch", "loss", "mae", "val_loss", "val_mae"]
    assert [first[0], second[0]] == ["0", "1"]
    assert float(second[3]) == history.history["val_loss"][1]


def test_csv_without_validation_and_appended(tmp_path):
    path = str(tmp_path / "log.tsv")
    model = small_model(metrics=None)
    model.fit(X, Y, verbose=0, callbacks=callbacks.CSVLogger(path, "\t"))
    more = callbacks.CSVLogger(path, "\t", append=True)
    model.fit(X, Y, epochs=2, verbose=0, callbacks=more)
    rows = read(path, "\t")
    assert rows[0] == ["epoch", "loss", "val_loss"]
    assert [row[0] for row in rows] == ["epoch", "0", "0", "1"]
    assert all(row[2] == "NA" for row in rows[1:])
    assert pickle.loads(pickle.dumps(more)).filename == path


@pytest.mark.filterwarnings("ignore::pynn.DivergenceWarning")
def test_terminate_on_nan(capsys):
    model = small_model()
    bad = np.where(np.arange(6)[:, None] == 3, np.nan, X)
    stop = callbacks.TerminateOnNaN()
    history = model.fit(bad, Y, 1, epochs=9, verbose=0, callbacks=stop, shuffle=False)
    assert history.epoch == [0]
    assert model.optimizer.iterations == 4
    assert capsys.readouterr().out == "Batch 3: Invalid loss, terminating training\n"
    loud = callbacks.TerminateOnNaN(raise_error=True)
    with pytest.raises(RuntimeError, match=r"Batch 3: Invalid loss.*nan"):
        small_model().fit(bad, Y, 1, verbose=0, callbacks=loud, shuffle=False)


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
    ("make", "words"),
    [
        (lambda: callbacks.EarlyStopping(patience=-1), "patience.*>= 0, got -1"),
        (lambda: callbacks.EarlyStopping(mode="up"), "mode: expected one of 'auto'"),
        (lambda: callbacks.EarlyStopping(monitor=3), "monitor: expected a name"),
        (lambda: callbacks.EarlyStopping(baseline="x"), "baseline"),
        (lambda: callbacks.EarlyStopping(restore_best_weights=2), "restore_best"),
        (lambda: callbacks.ReduceLROnPlateau(factor=1.0), r"factor.*\[0, 1\), got 1.0"),
        (lambda: callbacks.ReduceLROnPlateau(factor=-0.5), r"factor.*got -0.5"),
        (lambda: callbacks.LearningRateScheduler(0.1), "expected a function"),
        (lambda: callbacks.LambdaCallback(on_lunch=print), "no event 'on_lunch'"),
        (lambda: callbacks.LambdaCallback(on_epoch_end=1), "expected a function"),
        (lambda: callbacks.TerminateOnNaN("yes"), "raise_error"),
    ],
)
def test_bad_options(make, words):
    with pytest.raises(ValueError, match=words):
        make()
