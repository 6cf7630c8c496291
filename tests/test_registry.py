# SPDX-License-Identifier: BSD-3-Clause
"""Objects of users by name: scopes, registration, what is found before what."""

import threading

import pytest

from pynn import layers, losses, metrics, optimizers
from pynn._registry import (
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)


@pytest.fixture(autouse=True)
def clean():
    before = dict(get_custom_objects())
    yield
    get_custom_objects().clear()
    get_custom_objects().update(before)


class Wide(layers.Dense):
    """A layer of a user."""


def test_names():
    assert get_registered_name(Wide) == "Wide"

    @register_keras_serializable("mine", "W")
    class Other(layers.Dense):
        pass

    assert get_registered_name(Other) == "mine>W"
    assert get_registered_object("mine>W") is Other
    assert get_registered_object("mine>V") is None
    assert get_registered_object(None) is None
    assert get_registered_object("a", {"a": 1}, {"a": 2}) == 1
    assert get_registered_object("b", {"a": 1}, {"b": 2}) == 2
    config = layers.serialize(Other(3, name="o"))
    assert config["class_name"] == "Other"
    assert config["registered_name"] == "mine>W"
    assert type(layers.deserialize(config)) is Other
    with pytest.raises(ValueError, match="get_config"):
        register_keras_serializable()(type("Bare", (), {}))


def test_scopes():
    config = layers.serialize(Wide(2))
    with pytest.raises(ValueError, match="'Wide' is not known here; pass it in"):
        layers.deserialize(config)
    assert type(layers.deserialize(config, {"Wide": Wide})) is Wide
    scope = custom_object_scope({"Wide": Wide})
    with scope, custom_object_scope({"Wide": layers.Dense, "more": 1}), scope:
        assert get_registered_object("Wide") is Wide
        assert get_registered_object("more") == 1
    assert get_registered_object("Wide") is None
    seen = []
    with scope:
        thread = threading.Thread(target=lambda: seen.append(scope_of("Wide")))
        thread.start()
        thread.join()
    assert seen == [None]


def scope_of(name):
    return get_registered_object(name)


def test_a_class_named_like_one_of_ours_is_not_ours():
    class Dense(layers.Dense):
        pass

    config = layers.serialize(Dense(2))
    with pytest.raises(ValueError, match="'Dense' is not known"):
        layers.deserialize(config)
    assert type(layers.deserialize(config, {"Dense": Dense})) is Dense
    config = layers.serialize(layers.Dense(2))
    assert type(layers.deserialize(config)) is layers.Dense
    del config["module"], config["registered_name"]  # as Keras 2 wrote
    assert type(layers.deserialize(config)) is layers.Dense


def test_every_family_finds_them():
    def near(y_true, y_pred):
        return abs(y_true - y_pred)[:, 0] < 1

    class Gentle(optimizers.SGD):
        pass

    class Square(losses.MeanSquaredError):
        pass

    with custom_object_scope({"near": near, "Gentle": Gentle, "Square": Square}):
        assert metrics.get("near").name == "near"
        assert type(optimizers.get("Gentle")) is Gentle
        assert type(losses.get("Square")) is Square
        described = {"class_name": "function", "config": "near"}
        assert metrics.get(described).fn is near
    assert type(losses.deserialize(losses.serialize(Square()), {"Square": Square}))
    with pytest.raises(ValueError, match="'near' is not known here"):
        metrics.get(described)
    assert metrics.get({"class_name": "MeanSquaredError"}).name == "mean_squared_error"
    ours = {"module": "keras.losses", "class_name": "function", "config": "mse"}
    assert type(losses.get(ours)) is losses.MeanSquaredError
