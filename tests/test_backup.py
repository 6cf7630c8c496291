# SPDX-License-Identifier: BSD-3-Clause
"""BackupAndRestore: a training that was killed ends as one that was not."""

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress

import numpy as np
import pytest
from savings import bits, data, network

import pynn
from pynn import optimizers
from pynn.callbacks import BackupAndRestore, Callback

EPOCHS = 4


class Killed(Exception):
    """What stands for the end of the process."""


class Bomb(Callback):
    """Ends the process at some event, counted over all of them."""

    def __init__(self, event, number):
        self.left = number
        setattr(self, event, self.count)

    def count(self, *arguments):
        self.left -= 1
        if self.left < 0:
            raise Killed


def compiled(seed=3, optimizer=None):
    pynn.utils.set_random_seed(seed)
    model = network()
    schedule = optimizers.schedules.CosineDecay(0.05, 17)
    adam = optimizers.Adam(schedule, amsgrad=True)
    settings = {"metrics": ["accuracy"]}
    model.compile(optimizer or adam, "sparse_categorical_crossentropy", **settings)
    return model


def fit(model, *callbacks, **options):
    x, y = data()
    settings = {"batch_size": 8, "epochs": EPOCHS, "verbose": 0}
    return model.fit(x, y, callbacks=[*callbacks], **settings | options).history


@pytest.fixture(scope="module")
def whole():
    model = compiled()
    return fit(model, Callback()), bits(model)


@pytest.mark.parametrize("double", [False, True])
@pytest.mark.parametrize(
    "event", ["on_epoch_begin", "on_train_batch_end", "on_epoch_end"]
)
@pytest.mark.parametrize("save_freq", ["epoch", 1, 3, 5])
def test_interrupted_anywhere(save_freq, event, double, tmp_path, whole):
    """Seven steps an epoch. Killed twice, by models that know nothing of the first."""
    steps = 7 if "batch" in event else 1
    for kill in range(1, EPOCHS * steps, 3 if steps == 7 else 1):
        folder = tmp_path / str(kill)
        seen = []
        for attempt in range(20):
            model = compiled(seed=100 + attempt if folder.exists() else 3)
            backup = BackupAndRestore(folder, save_freq, double)
            bomb = Bomb(event, kill if attempt < 2 else 1000)
            try:
                seen = fit(model, backup, bomb)
                break
            except Killed:
                pass
        history, expected = whole
        assert bits(model) == expected
        for name, values in seen.items():  # the epochs that were left to do
            assert values == history[name][EPOCHS - len(values) :]
        assert not folder.exists()


def test_validation_and_order_of_rows(tmp_path):
    """With validation, and with rows in their order."""
    for options in ({"validation_split": 0.2}, {"shuffle": False}):
        model = compiled()
        fit(model, Callback(), **options)
        folder = tmp_path / "b"
        other = compiled()
        with pytest.raises(Killed):
            fit(
                other,
                BackupAndRestore(folder, 2),
                Bomb("on_train_batch_end", 17),
                **options,
            )
        again = compiled(seed=9)
        fit(again, BackupAndRestore(folder, 2), **options)
        assert bits(again) == bits(model)


def test_a_finished_training_is_not_repeated(tmp_path, whole):
    kept = BackupAndRestore(tmp_path / "b", delete_checkpoint=False)
    model = compiled()
    fit(model, kept)
    assert bits(model) == whole[1]
    again = compiled(seed=8)
    assert fit(again, kept) == {}
    assert bits(again) == whole[1]
    longer = fit(compiled(seed=8), kept, epochs=EPOCHS + 2)
    assert len(longer["loss"]) == 2


def test_backups_that_cannot_be_used(tmp_path):
    folder = tmp_path / "b"
    kept = BackupAndRestore(folder, double_checkpoint=True, delete_checkpoint=False)
    model = compiled()
    fit(model, kept)
    latest = folder / "latest.safetensors"
    content = latest.read_bytes()
    latest.write_bytes(content[:-3])
    again = compiled(seed=8)
    history = fit(again, kept)  # from the one before
    assert len(history["loss"]) == 1
    assert bits(again) == bits(model)
    (folder / "previous.safetensors").unlink()
    latest.write_bytes(content[:-3])
    with pytest.raises(ValueError, match=r"latest\.safetensors is damaged"):
        fit(compiled(), kept)
    latest.write_bytes(content)
    for other, match in (
        (compiled(optimizer="sgd"), "it was trained by Adam, not SGD"),
        (small(), "weights"),
    ):
        before = other.get_weights()[0].tobytes()
        with pytest.raises(ValueError, match=match):
            fit(other, kept)
        assert other.get_weights()[0].tobytes() == before
    model.save_weights(latest)
    with pytest.raises(ValueError, match="it is no checkpoint"):
        fit(compiled(), kept)


def small():
    model = pynn.Sequential([pynn.Input((5,)), pynn.layers.Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def test_other_batches_than_before(tmp_path):
    with pytest.raises(Killed):
        fit(compiled(), BackupAndRestore(tmp_path, 2), Bomb("on_train_batch_end", 4))
    with pytest.raises(ValueError, match="batches of 8 of 50 rows, got 9 of 50"):
        fit(compiled(), BackupAndRestore(tmp_path, 2), batch_size=9)


@pytest.mark.parametrize(
    "arguments",
    [
        {"backup_dir": ""},
        {"backup_dir": 3},
        {"backup_dir": "b", "save_freq": "batch"},
        {"backup_dir": "b", "save_freq": 0},
        {"backup_dir": "b", "double_checkpoint": 2},
    ],
)
def test_bad_arguments(arguments):
    with pytest.raises(ValueError, match=f"BackupAndRestore: {list(arguments)[-1]}"):
        BackupAndRestore(**arguments)


PROGRAM = """
import sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
import test_backup as t
folder, out, freq, held = *map(Path, sys.argv[1:3]), sys.argv[3], sys.argv[4]

class Hold(t.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if held and epoch == t.LONG - 1:
            Path(held).touch()
            while True:
                time.sleep(1)

model = t.compiled()
backup = t.BackupAndRestore(folder, freq if freq == "epoch" else int(freq), True)
t.fit(model, backup, Hold(), epochs=t.LONG)
model.save_weights(out)
"""
LONG = 100  # epochs
KILLS = 8
HANGS = 600  # seconds after which a program is not slow but stuck


def program(tmp_path, name, freq, held=""):
    """Start a long training; with `held`, it makes that file and waits at the end."""
    text = PROGRAM.format(tests=os.path.dirname(__file__))
    places = tmp_path / f"b{name}", tmp_path / name
    command = [sys.executable, "-c", text, *places, freq, held]
    return subprocess.Popen(list(map(str, command)))


def left(folder):
    """What a folder holds, by names and times of writing."""
    found = set()
    for path in folder.glob("*"):
        with suppress(FileNotFoundError):  # it was renamed meanwhile
            found.add((path.name, path.stat().st_mtime_ns))
    return frozenset(found)


def kill_after(changes, process, folder, held):
    """Kill a program once its folder changed so often, or it waits at the end."""
    seen, end = {left(folder)}, time.monotonic() + HANGS
    while len(seen) <= changes and not held.exists():
        assert process.poll() is None, "it ended by itself"
        assert time.monotonic() < end, "it hangs"
        seen.add(left(folder))
        time.sleep(0.0005)
    seen.add(left(folder))
    process.send_signal(signal.SIGKILL)
    assert process.wait(HANGS) == -signal.SIGKILL
    return len(seen) > changes


@pytest.mark.slow
@pytest.mark.parametrize("freq", ["epoch", "2"])
def test_killed_at_any_moment(freq, tmp_path):
    """kill -9, over and over, at moments that nobody chose; also while it writes."""
    assert program(tmp_path, "whole", freq).wait(HANGS) == 0
    held, folder, chance = tmp_path / "held", tmp_path / "bkilled", random.Random(5)
    struck = 0
    for i in range(KILLS):
        held.unlink(missing_ok=True)
        process = program(tmp_path, "killed", freq, held)
        changes = chance.randint(1, 9) if i else 1
        struck += kill_after(changes, process, folder, held)
        assert left(folder)
    assert struck > 0
    assert program(tmp_path, "killed", freq).wait(HANGS) == 0
    assert (tmp_path / "killed").read_bytes() == (tmp_path / "whole").read_bytes()
    assert not folder.exists()
    assert np.fromfile(tmp_path / "whole", np.uint8).size > 1000
