# SPDX-License-Identifier: BSD-3-Clause
"""Files of Keras: made by hand as Keras 3.15 makes them, and by Keras where it is."""

import io
import json
import os
import zipfile

import numpy as np
import pytest
from savings import data

import pynn
from pynn import layers, models

h5py = pytest.importorskip("h5py")

POLICY = {
    "module": "keras",
    "class_name": "DTypePolicy",
    "config": {"name": "float32"},
    "registered_name": None,
    "shared_object_id": 140648301852624,
}


def described(kind, module="keras.layers", **config):
    return {
        "module": module,
        "class_name": kind,
        "config": {"trainable": True, "dtype": POLICY, **config},
        "registered_name": None,
        "build_config": {"input_shape": [None, 5]},
    }


def dense(name, units, **options):
    start = {
        "module": "keras.initializers",
        "class_name": "GlorotUniform",
        "config": {"seed": None, "input_axes": None, "output_axes": None},
        "registered_name": None,
    }
    terms = ("kernel_regularizer", "bias_regularizer", "kernel_constraint")
    return described(
        "Dense",
        name=name,
        units=units,
        kernel_initializer=start,
        quantization_config=None,
        **dict.fromkeys((*terms, "bias_constraint"), None),
        **options,
    )


def config():
    entry = {
        "module": "keras.layers",
        "class_name": "InputLayer",
        "config": {
            "batch_shape": [None, 5],
            "dtype": "float32",
            "sparse": False,
            "ragged": False,
            "name": "input_layer",
            "optional": False,
        },
        "registered_name": None,
    }
    inner = described(
        "Sequential", "keras", name="inner", layers=[dense("x", 4), dense("y", 3)]
    )
    noise = described("Dropout", name="noise", rate=0.5, seed=None, noise_shape=None)
    parts = [entry, dense("first", 7, activation="relu"), noise, inner]
    model = described("Sequential", "keras", name="net", layers=parts)
    model["config"]["build_input_shape"] = [None, 5]
    adam = {
        "module": "keras.optimizers",
        "class_name": "Adam",
        "config": {"name": "adam", "learning_rate": 0.01, "beta_1": 0.8},
        "registered_name": None,
    }
    model["compile_config"] = {
        "optimizer": adam,
        "loss": "sparse_categorical_crossentropy",
        "loss_weights": None,
        "metrics": ["accuracy"],
        "weighted_metrics": None,
        "run_eagerly": False,
        "steps_per_execution": 1,
        "jit_compile": False,
    }
    return model


def arrays():
    rng = np.random.default_rng(3)
    shapes = {
        "layers/dense/vars/0": (5, 7),
        "layers/dense/vars/1": (7,),
        "layers/sequential/layers/dense/vars/0": (7, 4),
        "layers/sequential/layers/dense/vars/1": (4,),
        "layers/sequential/layers/dense_1/vars/0": (4, 3),
        "layers/sequential/layers/dense_1/vars/1": (3,),
    }
    return {n: rng.normal(size=s).astype(np.float32) for n, s in shapes.items()}


def hdf5(values, change=None):
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for name, value in values.items():
            file[name] = value
        file.create_group("layers/dropout/vars")
        file["optimizer/vars/0"] = np.int64(3)
        if change is not None:
            change(file)
    return buffer.getvalue()


def zipped(path, weights, model=None, stored=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", stored) as archive:
        archive.writestr("metadata.json", '{"keras_version": "3.15.1"}')
        text = json.dumps(config() if model is None else model)
        archive.writestr("config.json", text)
        archive.writestr("model.weights.h5", weights)
    return path


def empty_model():
    return pynn.Sequential(
        [
            pynn.Input((5,)),
            layers.Dense(7, "relu"),
            layers.Dropout(0.5),
            pynn.Sequential([layers.Dense(4), layers.Dense(3)]),
        ]
    )


def test_a_model(tmp_path):
    values = arrays()
    model = models.load_model(zipped(tmp_path / "m.keras", hdf5(values)))
    for found, wanted in zip(model.get_weights(), values.values(), strict=True):
        assert found.tobytes() == wanted.tobytes()
    assert [layer.name for layer in model.layers] == ["first", "noise", "inner"]
    x, y = data()
    k = list(values.values())
    hidden = np.maximum(x.astype(np.float32) @ k[0] + k[1], 0)
    expected = (hidden @ k[2] + k[3]) @ k[4] + k[5]
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, atol=1e-5)
    assert model.optimizer.get_config()["beta_1"] == 0.8
    model.fit(x, y, verbose=0)
    bare = models.load_model(tmp_path / "m.keras", compile=False)
    assert not bare.compiled
    again = models.model_from_json(json.dumps(config()))
    assert again.compiled
    assert [w.path for w in again.weights] == [w.path for w in bare.weights]


@pytest.mark.parametrize("kind", ["keras", "h5", "compressed"])
def test_weights(kind, tmp_path):
    values, path = arrays(), tmp_path / "file"
    if kind == "h5":
        path.write_bytes(hdf5(values))
    else:
        stored = zipfile.ZIP_DEFLATED if kind == "compressed" else zipfile.ZIP_STORED
        zipped(path, hdf5(values), stored=stored)
    model = empty_model()
    model.load_weights(path)
    for found, wanted in zip(model.get_weights(), values.values(), strict=True):
        assert found.tobytes() == wanted.tobytes()


def functional(*follows):
    """The configuration of a model whose layers each follow given ones."""
    layers = []
    for i, sources in enumerate(follows):
        part = dense(f"d{i}", 3) if i else config()["config"]["layers"][0]
        history = [
            {"class_name": "__keras_tensor__", "config": {"keras_history": [s, 0, 0]}}
            for s in sources
        ]
        nodes = [{"args": [h], "kwargs": {}} for h in history]
        name = part["config"]["name"]
        layers.append(part | {"name": name, "inbound_nodes": nodes})
    ends = {"input_layers": ["input_layer", 0, 0], "output_layers": ["d1", 0, 0]}
    return {
        "module": "keras.src.models.functional",
        "class_name": "Functional",
        "config": {"name": "f", "trainable": True, "layers": layers, **ends},
        "registered_name": "Functional",
    }


def test_functional_models():
    text = json.dumps(functional([], ["input_layer"], ["d1"]))
    model = models.model_from_json(text)
    assert [layer.name for layer in model.layers][-2:] == ["d1", "d2"]
    assert model.output_shape == (None, 3)
    for follows in (
        ([], ["input_layer"], ["input_layer"]),
        ([], ["input_layer"], ["d1", "input_layer"]),
        ([], ["input_layer", "input_layer"]),
        ([], []),
    ):
        with pytest.raises(ValueError, match="only chains of layers"):
            models.model_from_json(json.dumps(functional(*follows)))


def test_weights_that_do_not_fit(tmp_path):
    path = tmp_path / "w.weights.h5"
    wrong = arrays() | {"layers/dense/vars/1": np.zeros(8, np.float32)}
    path.write_bytes(hdf5(wrong))
    model = empty_model()
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"expected shape \(7,\), got \(8,\)"):
        model.load_weights(path)
    assert model.get_weights()[0].tobytes() == before[0].tobytes()
    with pytest.warns(UserWarning, match="1 of 6 weights"):
        model.load_weights(path, skip_mismatch=True)
    assert model.get_weights()[1].tobytes() == before[1].tobytes()
    assert model.get_weights()[0].tobytes() == wrong["layers/dense/vars/0"].tobytes()
    less, more = arrays(), arrays()
    del less["layers/sequential/layers/dense_1/vars/1"]
    more["layers/dense/vars/2"] = np.zeros(3, np.float32)
    for values, match in ((less, "missing in the file"), (more, "has no weight")):
        path.write_bytes(hdf5(values))
        with pytest.raises(ValueError, match=match):
            empty_model().load_weights(path)
    with pytest.raises(ValueError, match="not built"):
        pynn.Sequential([layers.Dense(1)]).load_weights(path)
    with pytest.raises(ValueError, match="is an HDF5 file"):
        models.load_model(path)


def link(name, target):
    def change(file):
        del file[name]
        file[name] = target

    return change


def outside(folder):
    """Datasets that claim the bytes of another file."""

    def external(file):
        del file["layers/dense/vars/1"]
        place = [(str(folder / "secret"), 0, 28)]
        file["layers/dense/vars"].create_dataset("1", (7,), "<f4", external=place)

    def virtual(file):
        del file["layers/dense/vars/1"]
        layout = h5py.VirtualLayout((7,), "<f4")
        layout[:] = h5py.VirtualSource(str(folder / "other.h5"), "x", (7,))
        file["layers/dense/vars"].create_virtual_dataset("1", layout)

    return {"external": external, "virtual": virtual}


@pytest.mark.parametrize("kind", ["external", "virtual", "soft", "elsewhere", "group"])
def test_data_that_lie_elsewhere(kind, tmp_path):
    (tmp_path / "secret").write_bytes(os.urandom(28))
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = np.ones(7, np.float32)
        file["dense/vars/0"] = np.ones((5, 7), np.float32)
    place = "layers/dense/vars/1"
    changes = {
        **outside(tmp_path),
        "soft": link(place, h5py.SoftLink("/layers/sequential/layers/dense/vars/1")),
        "elsewhere": link(place, h5py.ExternalLink(str(tmp_path / "other.h5"), "x")),
        "group": link(
            "layers/dense", h5py.ExternalLink(str(tmp_path / "other.h5"), "dense")
        ),
    }
    path = tmp_path / "w"
    path.write_bytes(hdf5(arrays(), changes[kind]))
    model = empty_model()
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"elsewhere|in another file"):
        model.load_weights(path)
    assert model.get_weights()[1].tobytes() == before[1].tobytes()


def huge(file):
    del file["layers/dense/vars/0"]
    shape = (1 << 20, 1 << 20)
    file["layers/dense/vars"].create_dataset("0", shape, "<f4", chunks=(64, 64))


def texts(file):
    del file["layers/dense/vars/1"]
    file["layers/dense/vars/1"] = np.array([b"x"] * 7)


@pytest.mark.parametrize("change", [huge, texts])
def test_strange_datasets(change, tmp_path):
    (tmp_path / "w").write_bytes(hdf5(arrays(), change))
    with pytest.raises(ValueError, match=r"expected shape|expected numbers"):
        empty_model().load_weights(tmp_path / "w")


def test_zip_bombs(tmp_path):
    path = tmp_path / "m.keras"
    bomb = b"\0" * (200 << 20)
    zipped(path, bomb, stored=zipfile.ZIP_DEFLATED)
    with pytest.raises(ValueError, match=r"model.weights.h5 claims 209715200 bytes"):
        models.load_model(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", bomb)
    with pytest.raises(ValueError, match=r"config.json claims 209715200 bytes"):
        models.load_model(path)


def test_damaged_zips(tmp_path):
    content = zipped(tmp_path / "m.keras", hdf5(arrays())).read_bytes()
    model, bad = empty_model(), tmp_path / "bad"
    kept = model.get_weights()
    before = [w.tobytes() for w in kept]
    read = 0
    for cut in np.linspace(4, len(content) - 1, 40).astype(int):
        flipped = bytearray(content)
        flipped[cut] ^= 255
        for damaged in (content[:cut], bytes(flipped)):
            bad.write_bytes(damaged)
            try:
                models.load_model(bad)
                model.load_weights(bad)
                read += 1  # a flip in a date or in HDF5's unused room
                model.set_weights(
                    [
                        np.frombuffer(b, "f4").reshape(w.shape)
                        for b, w in zip(before, model.weights, strict=True)
                    ]
                )
            except (ValueError, OSError):
                assert [w.tobytes() for w in model.get_weights()] == before
    assert read < 10
    lambdas = config()
    lambdas["config"]["layers"][1]["config"]["activation"] = {
        "class_name": "__lambda__",
        "config": {"value": ["4wAAAAA="]},
    }
    unknown = config()
    unknown["config"]["layers"][1].update(module="mine", registered_name="mine>Odd")
    for model in (lambdas, unknown, {}, [], {"class_name": "Sequential"}):
        with pytest.raises(ValueError, match=r"m\.keras"):
            models.load_model(zipped(tmp_path / "m.keras", hdf5({}), model))
    with zipfile.ZipFile(tmp_path / "m.keras", "w") as archive:
        archive.writestr("other", "")
    with pytest.raises(ValueError, match=r"no config\.json"):
        models.load_model(tmp_path / "m.keras")


def test_files_that_keras_wrote(tmp_path):
    os.environ.setdefault("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras")
    parts = keras.layers
    theirs = keras.Sequential(
        [
            keras.Input((5,)),
            parts.Dense(7, "relu"),
            parts.BatchNormalization(),
            parts.Dropout(0.3),
            keras.Sequential([parts.Dense(4), parts.LayerNormalization()]),
            parts.LeakyReLU(),
            parts.Dense(3, "softmax", kernel_regularizer="l2"),
        ]
    )
    rate = keras.optimizers.schedules.ExponentialDecay(0.01, 10, 0.9)
    adam = keras.optimizers.AdamW(rate)
    theirs.compile(adam, "sparse_categorical_crossentropy", metrics=["accuracy"])
    x, y = data()
    theirs.fit(x, y, epochs=2, verbose=0)
    theirs.save(tmp_path / "m.keras")
    theirs.save_weights(tmp_path / "w.weights.h5")
    ours = models.load_model(tmp_path / "m.keras")
    expected = theirs.predict(x, verbose=0)
    # float32 sums in another order
    np.testing.assert_allclose(ours.predict(x, verbose=0), expected, atol=1e-6)
    for name in ("m.keras", "w.weights.h5"):
        again = models.model_from_json(theirs.to_json())
        again.load_weights(tmp_path / name)
        pairs = zip(again.get_weights(), theirs.get_weights(), strict=True)
        assert all(a.tobytes() == np.asarray(b).tobytes() for a, b in pairs)
    theirs.set_weights([w * 2 for w in ours.get_weights()])
    ours.set_weights(theirs.get_weights())
    expected = theirs.evaluate(x, y, verbose=0)
    np.testing.assert_allclose(ours.evaluate(x, y, verbose=0), expected, rtol=1e-5)
