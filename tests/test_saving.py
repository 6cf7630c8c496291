# SPDX-License-Identifier: BSD-3-Clause
"""Models and weights in files: the way there and back, and training that goes on."""

import os

import numpy as np
import pytest
import safetensors
from savings import WAYS, bits, by_file, data, network

import pynn
from pynn import layers, losses, metrics, models, optimizers

SCHEDULE = optimizers.schedules.ExponentialDecay(0.05, 7, 0.6)
OPTIMIZERS = {
    "SGD": lambda: optimizers.SGD(0.05),
    "momentum": lambda: optimizers.SGD(0.05, momentum=0.9, nesterov=True),
    "RMSprop": lambda: optimizers.RMSprop(0.01, momentum=0.5, centered=True),
    "Adam": lambda: optimizers.Adam(0.01),
    "amsgrad": lambda: optimizers.Adam(0.01, amsgrad=True, clipnorm=1.0),
    "AdamW": lambda: optimizers.AdamW(0.01),
    "Nadam": lambda: optimizers.Nadam(0.01),
    "Adamax": lambda: optimizers.Adamax(0.01),
    "Adagrad": lambda: optimizers.Adagrad(0.05),
    "Adadelta": lambda: optimizers.Adadelta(1.0),
    "Lion": lambda: optimizers.Lion(0.001),
    "Ftrl": lambda: optimizers.Ftrl(0.05),
    "mid-schedule": lambda: optimizers.Adam(SCHEDULE),
}


def trained(optimizer="adam", epochs=2, **compiled):
    model = network()
    settings = {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}
    model.compile(optimizer, **settings | compiled)
    x, y = data()
    model.fit(x, y, epochs=epochs, batch_size=8, verbose=0)
    return model


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_training_goes_on_to_the_bit(way, name, tmp_path):
    model = trained(OPTIMIZERS[name]())
    x, y = data()
    twin = WAYS[way](model, tmp_path)
    assert bits(twin) == bits(model)
    assert twin.optimizer is not model.optimizer
    seen = [
        m.fit(x, y, epochs=3, batch_size=8, verbose=0).history for m in (model, twin)
    ]
    assert seen[0] == seen[1]
    assert bits(twin) == bits(model)
    assert twin.optimizer.iterations == 5 * 7


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("reseeded", [False, True])
def test_from_the_first_step_on(way, reseeded, tmp_path):
    x, y = data()
    model = trained(epochs=0)
    twin = WAYS[way](model, tmp_path)
    if reseeded:  # what comes after set_random_seed depends on nothing before
        other = trained(epochs=0)
        other.set_weights(model.get_weights())
        twin = other if way == "deepcopy" else twin
    for m in (model, twin):
        if reseeded:
            pynn.utils.set_random_seed(3)
        m.fit(x, y, epochs=2, verbose=0)
    assert bits(twin) == bits(model)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("way", WAYS)
def test_predictions(way, dtype, tmp_path, rng):
    model = network(dtype)
    twin = WAYS[way](model, tmp_path)
    x = rng.normal(size=(9, 5))
    assert twin.predict(x, verbose=0).tobytes() == model.predict(x, verbose=0).tobytes()
    assert twin.get_config() == model.get_config()
    assert not twin.compiled
    twin.weights[0].assign(np.zeros((5, 37)))
    assert model.weights[0].value.any()


def test_loading_draws_no_random_numbers(tmp_path):
    """What comes after it in a program does not depend on it."""
    model = trained()
    model.save(tmp_path / "m")
    drawn = []
    for load in (False, True):
        pynn.utils.set_random_seed(1)
        if load:
            models.load_model(tmp_path / "m")
        drawn.append(network().get_weights()[0].tobytes())
    assert drawn[0] == drawn[1]


def test_equal_models_give_equal_files(tmp_path):
    model = trained()
    model.save(tmp_path / "a")
    by_file(model, tmp_path).save(tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_other_libraries_read_the_file(tmp_path):
    model = trained()
    model.save(tmp_path / "m")
    with safetensors.safe_open(tmp_path / "m", "numpy") as file:
        assert list(file.metadata()) == ["pynn"]
        for name, index in (("layers/0/kernel", 0), ("layers/2/layers/1/bias", 5)):
            kept = file.get_tensor(name)
            assert kept.tobytes() == model.get_weights()[index].tobytes()
            moved = file.get_tensor(f"optimizer/1/{name}")
            assert moved.shape == kept.shape


def test_compile_settings(tmp_path):
    model = trained(
        optimizers.Adam(SCHEDULE, clipnorm=2.0),
        loss=losses.SparseCategoricalCrossentropy(name="cost"),
        metrics=["accuracy", metrics.SparseTopKCategoricalAccuracy(2, name="top")],
    )
    x, y = data()
    assert model.get_compile_config()["optimizer"]["class_name"] == "Adam"
    twin = by_file(model, tmp_path)
    assert twin.optimizer.get_config() == model.optimizer.get_config()
    assert twin.loss.name == "cost"
    assert twin.metrics_names == ["loss", "accuracy", "top"]
    assert twin.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)
    bare = models.load_model(tmp_path / "model.keras", compile=False)
    assert not bare.compiled
    assert bare.get_compile_config() is None
    with pytest.raises(ValueError, match=r"call compile\(...\)"):
        bare.fit(x, y)
    model.save(tmp_path / "light", include_optimizer=False)
    light = models.load_model(tmp_path / "light")
    assert light.compiled
    assert light.optimizer.iterations == 0
    sizes = [(tmp_path / name).stat().st_size for name in ("light", "model.keras")]
    assert sizes[1] - sizes[0] > 2 * 4 * model.count_params()  # two slots of Adam


def test_a_rate_that_was_set_stays(tmp_path):
    model = trained()
    model.optimizer.learning_rate = 0.1 / 3
    assert float(by_file(model, tmp_path).optimizer.learning_rate) == 0.1 / 3


def test_frozen_and_unbuilt_models(tmp_path):
    model = trained()
    model.layers[0].trainable = False
    assert not by_file(model, tmp_path).layers[0].trainable
    model.layers[2].trainable = False
    twin = by_file(model, tmp_path)
    assert len(twin.trainable_weights) == 0
    assert twin.trainable
    bare = pynn.Sequential([layers.Dense(3, name="only")])
    bare.compile("sgd", "mse")
    again = by_file(bare, tmp_path)
    assert not again.built
    assert again.compiled
    assert again.predict(np.ones((2, 4)), verbose=0).shape == (2, 3)
    assert by_file(pynn.Sequential(), tmp_path).layers == []


# ---- weights


def test_weight_files(tmp_path, rng):
    model, other = network(), network()
    path = tmp_path / "net.weights.h5"
    model.save_weights(path)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]  # nothing temporary
    other.load_weights(str(path))
    x = rng.normal(size=(3, 5))
    assert other(x).tobytes() == model(x).tobytes()
    for save in (model.save_weights, model.save):
        with pytest.raises(FileExistsError):
            save(path, overwrite=False)


def test_weights_of_a_compiled_model_come_with_its_optimizer(tmp_path):
    model, x_y = trained(), data()
    model.save_weights(tmp_path / "w")
    twin = trained(epochs=1)
    twin.load_weights(tmp_path / "w")
    assert bits(twin) == bits(model)
    fresh = network()
    fresh.compile("adam", "mse")  # its weights have no common vector yet
    fresh.load_weights(tmp_path / "w")
    assert bits(fresh) == bits(model)
    network().load_weights(tmp_path / "w")  # not compiled: weights alone
    other = trained("sgd")
    with pytest.warns(UserWarning, match="the state of Adam, .* compiled with SGD"):
        other.load_weights(tmp_path / "w")
    assert other.get_weights()[0].tobytes() == model.get_weights()[0].tobytes()
    assert other.optimizer.iterations == 14
    other = trained(optimizers.Adam(amsgrad=True))
    before = bits(other)
    with pytest.raises(ValueError, match="it holds 13 weights, the model 19"):
        other.load_weights(tmp_path / "w")
    assert bits(other) == before
    model.save(tmp_path / "m")  # a whole model has weights, too
    twin.fit(*x_y, verbose=0)
    twin.load_weights(tmp_path / "m")
    assert bits(twin) == bits(model)
    with pytest.raises(ValueError, match="has weights, but no model"):
        models.load_model(tmp_path / "w")


def test_weights_of_another_model(tmp_path):
    path = tmp_path / "w"
    network().save_weights(path)
    for other, match in (
        (network(shape=(6,)), r"expected float32 of shape \(6, 37\), got .*\(5, 37\)"),
        (network("float64"), "expected float64"),
        (
            pynn.Sequential([layers.Dense(2, input_dim=5)]),
            "holds 6 weights, the model 2",
        ),
    ):
        before = other.get_weights()
        with pytest.raises(ValueError, match=match):
            other.load_weights(path)
        np.testing.assert_array_equal(other.get_weights()[0], before[0])
    with pytest.raises(FileNotFoundError):
        network().load_weights(tmp_path / "nothing")
    with pytest.raises(OSError, match="directory"):
        network().load_weights(tmp_path)
    for call in (network().save_weights, network().load_weights, models.load_model):
        with pytest.raises(ValueError, match="expected a path"):
            call(3)
    with pytest.raises(ValueError, match="not built"):
        pynn.Sequential([layers.Dense(2)]).save_weights(path)


def test_skip_mismatch(tmp_path):
    model, other = network(), network(shape=(6,))
    model.save_weights(tmp_path / "w")
    before = other.get_weights()
    with pytest.warns(UserWarning, match="1 of 6 weights stay .* 'layers/0/kernel'"):
        other.load_weights(tmp_path / "w", skip_mismatch=True)
    after = other.get_weights()
    assert after[0].tobytes() == before[0].tobytes()
    for new, wanted in zip(after[1:], model.get_weights()[1:], strict=True):
        assert new.tobytes() == wanted.tobytes()


# ---- disks


class Full:
    """A file on a disk that has room for some bytes."""

    def __init__(self, file, room):
        self.file, self.room = file, room

    def write(self, content):
        self.room -= len(content)
        if self.room < 0:
            raise OSError(28, "No space left on device")
        return self.file.write(content)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()

    def __getattr__(self, name):
        return getattr(self.file, name)


@pytest.mark.parametrize("room", [0, 100, 5000])
def test_a_full_disk_leaves_the_old_file(room, tmp_path, monkeypatch):
    path = tmp_path / "m"
    model = trained()
    model.save(path)
    before = path.read_bytes()
    model.fit(*data(), verbose=0)
    state = bits(model)
    monkeypatch.setattr(
        "pynn._storage.files.open",
        lambda *a, **k: Full(open(*a, **k), room),  # noqa: SIM115
        raising=False,
    )
    with pytest.raises(OSError, match="No space left"):
        model.save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["m"]
    assert bits(model) == state


def test_where_files_go(tmp_path):
    model = network()
    (tmp_path / "real").mkdir()
    real = tmp_path / "real" / "m"
    model.save(real)
    os.chmod(real, 0o640)
    (tmp_path / "link").symlink_to(real)
    model.save(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    with pytest.raises(IsADirectoryError):
        model.save(tmp_path / "real")
    with pytest.raises(FileNotFoundError):
        model.save(tmp_path / "nowhere" / "m")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a regular file"):
        models.load_model(tmp_path / "pipe")
