# SPDX-License-Identifier: BSD-3-Clause
"""Saving every layer, and models with moving statistics and with parts in Python."""

import inspect

import numpy as np
import own
import pytest
from savings import WAYS, bits, data

import pynn
from pynn import layers, models, optimizers, saving

# What a layer needs to be made at all; the others are made with their defaults.
ARGUMENTS = {
    "Activation": ("tanh",),
    "ActivityRegularization": (0.01, 0.02),
    "AlphaDropout": (0.5,),
    "Dense": (3,),
    "Dropout": (0.5,),
    "GaussianDropout": (0.5,),
    "GaussianNoise": (0.5,),
    "GroupNormalization": (2,),
    "Permute": ((2, 1),),
    "RepeatVector": (3,),
    "Rescaling": (2.0, 1.0),
    "Reshape": ((2, 6),),
    "SpatialDropout1D": (0.5,),
    "SpatialDropout2D": (0.5,),
}
SHAPES = {"SpatialDropout2D": (2, 2, 4), "RepeatVector": (4,)}
KINDS = [
    name
    for name, value in vars(layers).items()
    if inspect.isclass(value) and issubclass(value, layers.Layer)
    if name not in ("Layer", "InputLayer", "KerasTensor")
]


def test_there_are_layers():
    assert {"Dense", "Dropout", "BatchNormalization", "Flatten"} <= set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_every_layer(kind, tmp_path, rng):
    shape = SHAPES.get(kind, (3, 4))
    layer = getattr(layers, kind)(*ARGUMENTS.get(kind, ()), name="it")
    model = pynn.Sequential([pynn.Input(shape), layer])
    for weight in model.weights:
        weight.assign(rng.uniform(0.5, 1.5, weight.shape))
    x = rng.normal(size=(5, *shape)).astype(np.float32)
    expected = model.predict(x, verbose=0).tobytes()
    for way in WAYS.values():
        twin = way(model, tmp_path)
        assert twin.get_config() == model.get_config()
        assert [w.tobytes() for w in twin.get_weights()] == [
            w.tobytes() for w in model.get_weights()
        ]
        assert twin.predict(x, verbose=0).tobytes() == expected
    again = saving.deserialize_keras_object(saving.serialize_keras_object(layer))
    assert type(again) is type(layer)
    assert again.get_config() == layer.get_config()


def goes_on(model, way, folder):
    """Whether a model and its copy train to the same bits."""
    x, y = data()
    model.fit(x, y, 8, 2, verbose=0)
    twin = WAYS[way](model, folder)
    assert bits(twin) == bits(model)
    seen = [m.fit(x, y, 8, 2, verbose=0).history for m in (model, twin)]
    assert seen[0] == seen[1]
    return bits(twin) == bits(model)


@pytest.mark.parametrize("way", WAYS)
def test_moving_statistics(way, tmp_path):
    model = pynn.Sequential(
        [
            pynn.Input((5,)),
            layers.Dense(9, "relu"),
            layers.BatchNormalization(momentum=0.7),
            layers.Dropout(0.3),
            pynn.Sequential([layers.Dense(4), layers.BatchNormalization()]),
            layers.Dense(3, "softmax"),
        ]
    )
    model.compile("nadam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    before = model.layers[1].get_weights()[2]
    assert goes_on(model, way, tmp_path)
    assert (model.layers[1].get_weights()[2] != before).any()


def test_moving_statistics_have_no_optimizer_state(tmp_path):
    parts = [layers.Dense(3), layers.BatchNormalization()]
    model = pynn.Sequential([pynn.Input((5,)), *parts])
    model.compile("adam", "mse")
    model.fit(np.ones((4, 5)), np.ones((4, 3)), verbose=0)
    model.save_weights(tmp_path / "w")
    from safetensors import safe_open

    with safe_open(tmp_path / "w", "numpy") as file:
        names = set(file.keys())
    assert {"layers/1/moving_mean", "layers/1/moving_variance"} <= names
    assert "optimizer/0/layers/1/gamma" in names
    assert "optimizer/0/layers/1/moving_mean" not in names


OWN = {
    part.__name__: part
    for part in (own.PyDense, own.Running, own.Half, own.Squares, own.squares, own.tanh)
}


@pytest.mark.parametrize("loss", [own.Squares(), own.squares])
@pytest.mark.parametrize("way", ["file", "pickle", "deepcopy"])
def test_parts_in_python(way, loss, tmp_path):
    model = pynn.Sequential(
        [
            pynn.Input((5,)),
            layers.Dense(4, own.tanh),
            layers.Dropout(0.2),
            own.Running(),
            own.PyDense(3),
            own.Half(),
            layers.Dense(1),
        ]
    )
    model.compile("adam", loss, metrics=[own.squares])
    with saving.custom_object_scope(OWN):
        assert goes_on(model, way, tmp_path)
    if way == "file":
        needed = {"PyDense", "Running", "Half", "squares", "tanh"}
        for missing in needed | ({"Squares"} if loss is not own.squares else set()):
            known = {k: v for k, v in OWN.items() if k != missing}
            with pytest.raises(ValueError, match=f"{missing!r} is not known here"):
                models.load_model(tmp_path / "model.keras", known)


class Heavy(optimizers.Optimizer):
    """A rule in Python, with state."""

    def __init__(self, learning_rate=0.05, **common):
        super().__init__(learning_rate, **common)

    def build(self, variables):
        super().build(variables)
        self.speed = self.add_optimizer_variables(variables, "speed")

    def update_step(self, gradient, variable, learning_rate):
        speed = self.speed[self._get_variable_index(variable)]
        self.assign(speed, 0.9 * speed.value + gradient)
        self.assign_sub(variable, learning_rate * speed.value)


STATES = {
    "average": lambda: optimizers.Adam(use_ema=True, ema_overwrite_frequency=4),
    "gathered": lambda: optimizers.Adam(0.01, gradient_accumulation_steps=3),
    "both": lambda: optimizers.SGD(
        0.1, 0.9, use_ema=True, gradient_accumulation_steps=4
    ),
    "in Python": Heavy,
    "spared": lambda: optimizers.AdamW(0.01, weight_decay=0.1),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", STATES)
def test_all_that_optimizers_remember(name, way, tmp_path):
    """Averages, gathered gradients, what does not decay; penalties and constraints."""
    model = pynn.Sequential(
        [
            pynn.Input((5,)),
            layers.Dense(
                9,
                "relu",
                kernel_regularizer=pynn.regularizers.L1L2(0.01, 0.02),
                kernel_constraint=pynn.constraints.MaxNorm(1.5),
                bias_constraint="non_neg",
            ),
            layers.BatchNormalization(gamma_regularizer="l2"),
            layers.Dense(3, "softmax"),
        ]
    )
    model.compile(STATES[name](), "sparse_categorical_crossentropy")
    if name == "spared":
        first = model.layers[0]
        model.optimizer.exclude_from_weight_decay([first.kernel], ["bias"])
    with saving.custom_object_scope({"Heavy": Heavy}):
        assert goes_on(model, way, tmp_path)
