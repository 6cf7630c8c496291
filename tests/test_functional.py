# SPDX-License-Identifier: BSD-3-Clause
"""Symbolic tensors, and models made of a chain between two of them."""

import copy
import pickle

import numpy as np
import pytest

import pynn
from pynn import Input, KerasTensor, Model, Sequential, layers


def chain(dtype=None):
    """Dense 6 with dropout, and a softmax of 3."""
    inputs = Input((4,), dtype=dtype)
    x = layers.Dense(6, "relu", name="hidden")(inputs)
    x = layers.Dropout(0.25, seed=4)(x)
    return inputs, layers.Dense(3, "softmax", name="head")(x)


def twin(model):
    """The same layers, with the same weights, as a Sequential."""
    made = Sequential([Input((4,))])
    for layer in model.layers[1:]:
        made.add(type(layer).from_config(layer.get_config()))
    made.set_weights(model.get_weights())
    return made


def test_symbols_have_shapes_and_build_layers():
    inputs, outputs = chain("float64")
    assert (inputs.shape, inputs.dtype, inputs.ndim) == ((None, 4), "float64", 2)
    assert (outputs.shape, outputs.dtype) == ((None, 3), "float64")
    assert outputs.layer.kernel.shape == (6, 3)
    assert outputs.layer.kernel.dtype == "float64"
    assert repr(outputs) == "<KerasTensor shape=(None, 3), dtype=float64, name=head>"


def test_a_chain_trains_as_a_sequential(rng):
    x, y = rng.normal(size=(50, 4)), rng.integers(0, 3, 50)
    model = Model(*chain())
    assert type(model) is pynn.models.Functional
    same = twin(model)
    for each in (model, same):
        pynn.utils.set_random_seed(3)
        each.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    before = model.predict(x, verbose=0)
    np.testing.assert_array_equal(before, same.predict(x, verbose=0))
    histories = []
    for each in (model, same):
        pynn.utils.set_random_seed(3)
        histories.append(each.fit(x, y, 8, 3, verbose=0).history)
    assert histories[0] == histories[1]
    for a, b in zip(model.get_weights(), same.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert model.evaluate(x, y, verbose=0) == same.evaluate(x, y, verbose=0)


def test_layers_and_names():
    pynn.utils.clear_session()
    model = Model(*chain())
    assert model.name == "functional"
    names = [layer.name for layer in model.layers]
    assert names == ["input_layer", "hidden", "dropout", "head"]
    assert model.get_layer(index=0).name == "input_layer"
    assert model.get_layer("head") is model.get_layer(index=-1) is model.layers[3]
    assert model.input_shape == (None, 4)
    assert model.output_shape == (None, 3)
    assert model.count_params() == 4 * 6 + 6 + 6 * 3 + 3
    assert Model(*chain(), name="mine").name == "mine"
    frozen = Model(*chain(), trainable=False)
    assert frozen.trainable_weights == []
    text = []
    model.summary(print_fn=text.append)
    assert "input_layer (InputLayer)" in text[0]


def test_the_pieces_of_a_model_make_another(rng):
    x = rng.normal(size=(5, 4)).astype(np.float32)
    model = Sequential([Input((4,)), layers.Dense(6, "tanh"), layers.Dense(2)])
    hidden = Model(model.inputs, model.layers[0].output)
    kernel, bias = model.layers[0].get_weights()
    np.testing.assert_allclose(
        hidden.predict(x, verbose=0), np.tanh(x @ kernel + bias), atol=1e-6
    )
    head = Model(model.layers[1].input, model.outputs)
    both = head.predict(hidden.predict(x, verbose=0), verbose=0)
    np.testing.assert_array_equal(both, model.predict(x, verbose=0))
    model.layers[0].kernel.assign(np.zeros((4, 6)))
    assert not hidden.predict(x, verbose=0).any()  # weights are shared


def test_a_model_is_a_layer_of_a_chain(rng):
    x = rng.normal(size=(5, 4)).astype(np.float32)
    inner = Sequential([layers.Dense(5, "relu"), layers.Dense(2)], name="inner")
    inputs = Input((4,))
    outer = Model(inputs, layers.Dense(1)(inner(inputs)))
    assert [w.shape for w in outer.weights] == [
        (4, 5),
        (5,),
        (5, 2),
        (2,),
        (2, 1),
        (1,),
    ]
    expected = outer.layers[2](inner.predict(x, verbose=0))
    np.testing.assert_allclose(outer.predict(x, verbose=0), expected, atol=1e-6)
    around = Model(inputs, outer(inputs))
    np.testing.assert_array_equal(
        around.predict(x, verbose=0), outer.predict(x, verbose=0)
    )


@pytest.mark.parametrize(
    "copied",
    [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))],
    ids=["deepcopy", "pickle"],
)
def test_copies(copied, rng):
    x = rng.normal(size=(5, 4))
    model = Model(*chain())
    again = copied(model)
    np.testing.assert_array_equal(again(x), model(x))
    again.layers[1].kernel.assign(np.zeros((4, 6)))
    assert model.layers[1].kernel.value.any()


def test_config_clone_and_file(tmp_path, rng):
    x = rng.normal(size=(5, 4))
    model = Model(*chain(), name="net")
    again = Model.from_config(model.get_config())
    assert type(again) is type(model)
    assert again.get_config() == model.get_config()
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(again(x), model(x))
    cloned = pynn.models.clone_model(model)
    assert [layer.name for layer in cloned.layers] == [
        layer.name for layer in model.layers
    ]
    wide = pynn.models.clone_model(
        model, clone_function=lambda layer: type(layer).from_config(layer.get_config())
    )
    assert [w.shape for w in wide.weights] == [w.shape for w in model.weights]
    model.save(tmp_path / "m.keras")
    loaded = pynn.models.load_model(tmp_path / "m.keras")
    assert type(loaded) is type(model)
    np.testing.assert_array_equal(loaded(x), model(x))


def test_weights_go_with_the_model():
    model = Model(*chain())
    layer = model.layers[1]
    layer.trainable = False
    assert len(model.trainable_weights) == 2
    assert len(model.non_trainable_weights) == 2


class Own(Model):
    """Keras's third way to make a model."""

    def call(self, x):
        return x


DENSE = layers.Dense(4)


def test_subclasses_of_chains_are_models():
    class Named(Sequential):
        """A Sequential with a name of its own."""

    model = Named([Input((2,)), layers.Dense(1)])
    assert isinstance(model, Model)
    assert isinstance(model, Sequential)
    assert not isinstance(Model(*chain()), Sequential)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (Own, r"Own: a subclass of Model .* call\(\) is not supported"),
        (lambda: Model(Input((4,)), Input((4,))), "no layers lead from inputs"),
        (lambda: Model(Input((4,)), chain()[1]), "no layers lead from inputs"),
        (lambda: Model(layers.Dense(2), chain()[1]), "inputs: expected a symbolic"),
        (lambda: Model(chain()[0], np.ones(3)), "outputs: expected a symbolic tensor"),
        (lambda: Model([Input((2,)), Input((2,))], chain()[1]), "inputs: expected one"),
        (
            lambda: layers.Dense(2)([Input((2,)), Input((2,))]),
            "expected one input",
        ),
        (lambda: Input((2,)) + Input((2,)), "models are chains of layers"),
        (lambda: Input((2,))[:, 0], "models are chains of layers"),
        (lambda: np.exp(Input((2,))), "has no numbers"),
        (lambda: layers.Flatten()(layers.Dense(2)), "expected"),
        (lambda: layers.Dense(2, input_dim=3)(Input(())), "at least 2 axes"),
    ],
)
def test_what_is_no_chain(wrong, words):
    with pytest.raises(ValueError, match=words):
        wrong()


def test_a_layer_has_one_place():
    inputs = Input((4,))
    with pytest.raises(ValueError, match="used twice"):
        Model(inputs, DENSE(DENSE(inputs)))
    x = layers.Dense(3, name="a")(inputs)
    with pytest.raises(ValueError, match="two layers are called 'a'"):
        Model(inputs, layers.Dense(3, name="a")(x))


@pytest.mark.parametrize("wrong", [bool, list])
def test_a_symbol_is_no_array(wrong):
    assert isinstance(Input((2,)), KerasTensor)
    with pytest.raises(TypeError, match="has no"):
        wrong(Input((2,)))
