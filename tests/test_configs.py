# SPDX-License-Identifier: BSD-3-Clause
"""Models and objects as plain data and JSON; clones; classes and functions of users."""

import json

import numpy as np
import pytest
from savings import ROWS, data, network

import pynn
from pynn import layers, losses, metrics, models, optimizers, saving

SCHEDULE = optimizers.schedules.ExponentialDecay(0.05, 7, 0.6)


def trained(optimizer="adam", epochs=2, **compiled):
    model = network()
    settings = {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}
    model.compile(optimizer, **settings | compiled)
    x, y = data()
    model.fit(x, y, epochs=epochs, batch_size=8, verbose=0)
    return model


def test_json(rng):
    model = trained(optimizers.Adam(SCHEDULE))
    text = model.to_json(indent=1)
    again = models.model_from_json(text)
    assert again.get_config() == model.get_config()
    assert again.compiled
    assert again.optimizer.iterations == 0
    assert json.loads(again.to_json()) == json.loads(text)
    assert (again.get_weights()[0] != model.get_weights()[0]).any()
    for wrong in ("", "{", "[]", "3", "[" * 100_000, '{"class_name": "Dense"}', None):
        with pytest.raises(ValueError):
            models.model_from_json(wrong)


def test_clone_model():
    model = trained()
    clone = models.clone_model(model)
    assert clone.get_config() == model.get_config()
    assert not clone.compiled
    assert (clone.get_weights()[0] != model.get_weights()[0]).any()
    seen = []

    def renamed(layer):
        seen.append(layer.name)
        return type(layer).from_config(
            layer.get_config() | {"name": f"new_{layer.name}"}
        )

    clone = models.clone_model(model, clone_function=renamed)
    assert seen == [layer.name for layer in model.layers]
    assert [layer.name for layer in clone.layers] == [f"new_{name}" for name in seen]
    assert [w.shape for w in clone.weights] == [w.shape for w in model.weights]
    seen.clear()
    clone = models.clone_model(model, clone_function=renamed, recursive=True)
    inner = [layer.name for layer in model.layers[2].layers]
    assert seen == [layer.name for layer in model.layers[:2]] + inner
    with pytest.raises(ValueError, match="expected a layer, got None"):
        models.clone_model(model, clone_function=lambda layer: None)
    with pytest.raises(ValueError, match="expected a model"):
        models.clone_model(model.layers[0])


def test_objects_as_plain_data():
    things = [
        layers.Dense(3, "relu", name="d"),
        losses.Huber(0.7),
        metrics.TopKCategoricalAccuracy(3),
        optimizers.Adam(SCHEDULE),
        SCHEDULE,
        pynn.initializers.HeNormal(3),
        network(),
    ]
    for thing in things:
        config = saving.serialize_keras_object(thing)
        again = saving.deserialize_keras_object(json.loads(json.dumps(config)))
        assert type(again) is type(thing)
        assert again.get_config() == thing.get_config()
    mixed = {"a": [1, None, things[0]], "b": (2.5, "relu"), "c": np.arange(3)}
    back = saving.deserialize_keras_object(saving.serialize_keras_object(mixed))
    assert back["a"][2].units == 3
    assert back["b"] == [2.5, "relu"]
    assert back["c"].tolist() == [0, 1, 2]
    ours = saving.serialize_keras_object(pynn.activations.relu)
    assert saving.deserialize_keras_object(ours) is pynn.activations.relu
    with pytest.raises(TypeError, match=r"has no get_config\(\)"):
        saving.serialize_keras_object(object())
    for wrong in ("__lambda__", "Nothing"):
        with pytest.raises(ValueError, match=wrong):
            saving.deserialize_keras_object({"class_name": wrong, "config": {}})


class Twice(layers.Dense):
    """A layer of a user."""


def test_layers_of_users(tmp_path):
    model = pynn.Sequential([pynn.Input((4,)), Twice(3)])
    model.save(tmp_path / "m")
    with pytest.raises(ValueError, match="'Twice' is not known here; pass it in"):
        models.load_model(tmp_path / "m")
    with pytest.raises(ValueError, match="'Twice' is not known"):
        models.model_from_json(model.to_json())
    known = {"Twice": Twice}
    assert type(models.load_model(tmp_path / "m", known).layers[0]) is Twice
    assert type(models.model_from_json(model.to_json(), known).layers[0]) is Twice
    with saving.custom_object_scope(known):
        assert type(models.load_model(tmp_path / "m").layers[0]) is Twice


def near(y_true, y_pred):
    return np.argmax(y_pred, -1) == y_true.reshape(-1)


def test_functions_of_users(tmp_path):
    model = trained(metrics=[near])
    model.save(tmp_path / "m")
    with pytest.raises(ValueError, match="the function 'near' is not known here"):
        models.load_model(tmp_path / "m")
    assert not models.load_model(tmp_path / "m", compile=False).compiled
    twin = models.load_model(tmp_path / "m", {"near": near})
    x, y = data()
    assert twin.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)
    assert len(x) == ROWS


def wavy(shape, dtype=None):
    return np.sin(np.arange(np.prod(shape))).reshape(shape)


def test_initializers_and_activations_of_users(tmp_path):
    def tanh(x):  # not the one of this package
        return x

    given = np.arange(12.0).reshape(4, 3)
    parts = [
        layers.Dense(3, tanh, kernel_initializer=given),
        layers.Dense(2, kernel_initializer=wavy),
    ]
    model = pynn.Sequential([pynn.Input((4,)), *parts])
    model.save(tmp_path / "m")
    for known in ({"tanh": tanh}, {"wavy": wavy}):
        with pytest.raises(ValueError, match="is not known here"):
            models.load_model(tmp_path / "m", known)
    known = {"tanh": tanh, "wavy": wavy}
    x = np.random.default_rng(1).normal(size=(5, 4))
    twin = models.load_model(tmp_path / "m", known)
    assert twin(x).tobytes() == model(x).tobytes()
    fresh = models.model_from_json(model.to_json(), known)
    assert fresh(x).tobytes() == model(x).tobytes()
