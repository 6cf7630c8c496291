# SPDX-License-Identifier: BSD-3-Clause
"""ModelCheckpoint: when it saves, under which name, and what it says."""

import numpy as np
import pytest
from savings import bits, data, network

import pynn
from pynn import models
from pynn.callbacks import Callback, ModelCheckpoint


def compiled():
    model = network()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def fitted(callback, *others, epochs=3, **options):
    model = compiled()
    x, y = data()
    model.fit(x, y, 10, epochs, verbose=0, callbacks=[*others, callback], **options)
    return model


def names(folder):
    return sorted(p.name for p in folder.rglob("*") if p.is_file())


class Scores(Callback):
    """Puts given values into the logs."""

    def __init__(self, *values, name="score"):
        self.values, self.name = values, name

    def on_epoch_end(self, epoch, logs=None):
        logs[self.name] = self.values[epoch]


def test_every_epoch(tmp_path, capsys):
    path = tmp_path / "new" / "m{epoch:02d}-{loss:.1f}.keras"
    model = fitted(ModelCheckpoint(path, verbose=1))
    found = names(tmp_path)
    assert [n[:3] for n in found] == ["m01", "m02", "m03"]
    loss = model.history.history["loss"][1]
    assert found[1] == f"m02-{loss:.1f}.keras"
    assert bits(models.load_model(tmp_path / "new" / found[2])) == bits(model)
    text = capsys.readouterr().out
    where = tmp_path / "new" / found[1]
    assert f"\nEpoch 2: saving model to {where}\n" in text
    assert f"\nEpoch 2: finished saving model to {where}\n" in text


def test_the_best_only(tmp_path, capsys):
    path = tmp_path / "best.keras"
    kept = ModelCheckpoint(path, "score", 1, save_best_only=True, mode="min")
    seen = []

    class Epochs(Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(models.load_model(path).optimizer.iterations)

    model = compiled()
    x, y = data()
    scores = Scores(3.0, 2.0, 2.0, 5.0, 1.0)
    model.fit(x, y, 10, 5, verbose=0, callbacks=[scores, kept, Epochs()])
    assert seen == [5, 10, 10, 10, 25]
    assert kept.best == 1.0
    text = capsys.readouterr().out
    for line in (
        f"Epoch 1: score improved from None to 3.00000, saving model to {path}",
        f"Epoch 2: score improved from 3.00000 to 2.00000, saving model to {path}",
        "Epoch 3: score did not improve from 2.00000",
        f"Epoch 5: finished saving model to {path}",
    ):
        assert f"\n{line}\n" in text
    model.fit(x, y, 10, 1, verbose=0, callbacks=[Scores(4.0), kept])
    assert kept.best == 1.0  # what was best stays so in the next training


def test_best_by_accuracy_and_a_threshold(tmp_path):
    path = tmp_path / "{epoch}.keras"
    by_name = ModelCheckpoint(
        path, "accuracy", save_best_only=True, initial_value_threshold=2.0
    )
    fitted(by_name)
    assert names(tmp_path) == []
    assert by_name.best == 2.0
    up = ModelCheckpoint(
        path,
        "score",
        save_best_only=True,
        mode="max",
        initial_value_threshold=0.5,
    )
    fitted(up, Scores(0.4, 0.6, 0.55))
    assert names(tmp_path) == ["2.keras"]


def test_nothing_to_watch(tmp_path):
    lost = ModelCheckpoint(tmp_path / "{epoch}.keras", save_best_only=True)
    with pytest.warns(UserWarning, match="'val_loss' is no number of the logs"):
        fitted(lost, epochs=2)
    assert names(tmp_path) == ["1.keras", "2.keras"]
    asks = ModelCheckpoint(tmp_path / "{val_loss}.keras")
    with pytest.raises(KeyError, match="asks for 'val_loss'; the logs have accuracy"):
        fitted(asks)


def test_weights_only(tmp_path):
    model = fitted(ModelCheckpoint(tmp_path / "w.weights.h5", save_weights_only=True))
    again = compiled()
    again.load_weights(tmp_path / "w.weights.h5")
    assert bits(again) == bits(model)


def test_every_few_steps(tmp_path):
    """Five steps an epoch; the steps of several epochs are one sequence."""
    steps = ModelCheckpoint(tmp_path / "{epoch}-{batch}-{loss:.0f}.keras", save_freq=3)
    fitted(steps)
    found = [n.rsplit("-", 1)[0] for n in names(tmp_path)]
    assert found == ["1-3", "2-1", "2-4", "3-2", "3-5"]
    first = models.load_model(next(tmp_path.glob("2-1-*")))
    assert first.optimizer.iterations == 6


def test_epochs_need_nobody_to_watch_the_steps():
    watched = pynn.callbacks.CallbackList([ModelCheckpoint("m.keras", save_freq=3)])
    assert watched.train_batches
    assert not pynn.callbacks.CallbackList([ModelCheckpoint("m.keras")]).train_batches


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"filepath": "model"}, "expected it to end in .keras"),
        ({"filepath": "m.keras", "save_weights_only": True}, "end in .weights.h5"),
        ({"filepath": 3}, "expected a path"),
        ({"filepath": "m.keras", "save_freq": "batch"}, "save_freq: expected 'epoch'"),
        ({"filepath": "m.keras", "save_freq": 0}, "save_freq"),
        ({"filepath": "m.keras", "save_freq": 1.5}, "save_freq"),
        ({"filepath": "m.keras", "mode": "up"}, "mode"),
        ({"filepath": "m.keras", "initial_value_threshold": "x"}, "threshold"),
    ],
)
def test_bad_arguments(arguments, match):
    with pytest.raises(ValueError, match=match):
        ModelCheckpoint(**arguments)


def test_a_folder_of_that_name(tmp_path):
    (tmp_path / "m.keras").mkdir()
    with pytest.raises(IsADirectoryError):
        fitted(ModelCheckpoint(tmp_path / "m.keras"))


def test_saving_changes_nothing(tmp_path):
    x, y = data()
    results = []
    for callbacks in ([], [ModelCheckpoint(tmp_path / "m.keras", save_freq=2)]):
        pynn.utils.set_random_seed(5)
        model = compiled()
        model.fit(x, y, 10, 4, verbose=0, callbacks=callbacks)
        results.append(bits(model))
    assert results[0] == results[1]
    assert np.isfinite(model.get_weights()[0]).all()
