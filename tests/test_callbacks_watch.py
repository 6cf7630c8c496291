# SPDX-License-Identifier: BSD-3-Clause
"""Callbacks that watch values, set learning rates and write files."""

import csv
import pickle

import numpy as np
import pytest
from smallfit import X, Y, small_model

import pynn
from pynn import callbacks

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
        ({"patience": 1, "min_lr": 2.0}, [1] * 4, [1, 1, 1, 1]),
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
        (lambda: callbacks.TerminateOnNaN("yes"), "raise_error"),
    ],
)
def test_bad_options(make, words):
    with pytest.raises(ValueError, match=words):
        make()
