# SPDX-License-Identifier: BSD-3-Clause
"""Files of Keras: made by hand as Keras 3.15 makes them, and by Keras where it is."""

import json
import os
import zipfile

import numpy as np
import pytest
from savings import data

import pynn
from pynn import layers, models

pytest.importorskip("h5py")
from keras_made import (
    arrays,
    config,
    dense,
    empty_model,
    hdf5,
    zipped,
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


def with_state(kind, groups, extra=()):
    """A file with the state of an optimizer; its values tell group and weight."""
    model = config()
    made = model["compile_config"]["optimizer"]
    options = {"amsgrad": True} if kind == "Amsgrad" else {}
    made["class_name"] = "Adam" if options else kind
    made["config"] = {"learning_rate": 0.01, **options}
    shapes = [v.shape for v in arrays().values()]
    state = [np.int64(12), np.float32(0.01)]
    for group in groups:
        for weight, shape in enumerate(shapes):
            state += [np.full(shape, 10 * slot + weight, "f4") for slot in group]

    def change(file):
        for i, value in enumerate([*state, *extra]):
            file[f"optimizer/vars/{i}"] = value

    return hdf5(arrays(), change), model


@pytest.mark.parametrize(
    ("kind", "groups", "extra"),
    [
        ("Adam", [(0, 1)], ()),
        ("Amsgrad", [(0, 1), (2,)], ()),
        ("Nadam", [(0, 1)], (np.float32(0.25),)),
        ("Adagrad", [(0,)], ()),
        ("RMSprop", [(0,)], ()),
        ("SGD", [], ()),
    ],
)
def test_state_of_optimizers(kind, groups, extra, tmp_path):
    path = zipped(tmp_path / "m.keras", *with_state(kind, groups, extra))
    model = models.load_model(path)
    assert model.optimizer.iterations == 12
    for slot, vector in enumerate(model.optimizer.slots):
        for i, weight in enumerate(model.weights):
            assert (weight.view(vector) == 10 * slot + i).all()
    assert model.optimizer.scalar[0] == (0.25 if extra else 1.0)
    assert len(model.optimizer.slots) == sum(map(len, groups))
    assert np.isfinite(model.fit(*data(), verbose=0).history["loss"][0])


def test_state_of_another_optimizer(tmp_path):
    path = zipped(tmp_path / "m.keras", *with_state("Adam", [(0,)]))
    with pytest.warns(UserWarning, match="not those of Adam here: it starts anew"):
        model = models.load_model(path)
    assert model.optimizer.iterations == 0
    assert not any(vector.any() for vector in model.optimizer.slots)


def test_what_is_not_used_is_left_out():
    """Batch renormalisation, which only Keras has, as long as it is off."""
    options = {"renorm": False, "renorm_clipping": None, "renorm_momentum": 0.99}
    written = {
        "class_name": "BatchNormalization",
        "config": {"name": "b", "momentum": 0.9, **options},
    }
    layer = pynn.saving.deserialize_keras_object(written)
    assert layer.momentum == 0.9
    written["config"]["renorm"] = True
    with pytest.raises(ValueError, match="renorm"):
        pynn.saving.deserialize_keras_object(written)


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


def their_net(keras):
    parts = keras.layers
    return keras.Sequential(
        [
            keras.Input((5,)),
            parts.Dense(7, "relu"),
            parts.BatchNormalization(),
            parts.Dropout(0.3),
            keras.Sequential([parts.Dense(4), parts.LayerNormalization()]),
            parts.LeakyReLU(),
            parts.PReLU("he_normal", alpha_regularizer="l2"),
            parts.Identity(),
            parts.Reshape((2, 2)),
            parts.GroupNormalization(2, axis=1),
            parts.BatchNormalization(axis=1),
            parts.PReLU(alpha_initializer="ones", shared_axes=[1]),
            parts.Flatten(),
            parts.Dense(3, "softmax", kernel_regularizer="l2"),
        ]
    )


def test_files_that_keras_wrote(tmp_path):
    os.environ.setdefault("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras")
    theirs = their_net(keras)
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
    theirs.set_weights([w * 0.5 for w in ours.get_weights()])
    ours.set_weights(theirs.get_weights())
    expected = theirs.evaluate(x, y, verbose=0)
    np.testing.assert_allclose(ours.evaluate(x, y, verbose=0), expected, rtol=1e-5)
