# SPDX-License-Identifier: BSD-3-Clause
"""Layers, losses and activations written in Python train as their twins in the core."""

import numpy as np
import own
import pytest
from fitting import CLASSES, WIDTH, data

import pynn
from pynn import layers, optimizers

# Both sides compute in float64 with sums in another order; differences as derivatives
# are good to 1e-9 of the values; a training of a few steps multiplies that little.
EXACT = {"rtol": 1e-11, "atol": 1e-13}
DIFFERENCES = {"rtol": 1e-6, "atol": 1e-8}


def model(hidden=layers.Dense, act="tanh", head="softmax", dtype="float64", rate=0.25):
    return pynn.Sequential(
        [
            pynn.Input((WIDTH,), dtype=dtype),
            layers.Dense(8, "tanh"),
            layers.Dropout(rate, seed=3),
            hidden(7),
            layers.Activation(act),
            layers.Dense(CLASSES, head),
        ]
    )


CASES = {
    "layer": ({"hidden": own.PyDense}, {}, EXACT),
    "first layer": ({}, {}, EXACT),
    "activation": ({"act": own.tanh}, {}, DIFFERENCES),
    "activation with derivative": ({"act": own.known_tanh}, {}, EXACT),
    "last activation": ({"head": own.softmax}, {}, DIFFERENCES),
    "loss": ({}, {"loss": own.squares}, DIFFERENCES),
    "loss with derivative": ({}, {"loss": own.Squares()}, EXACT),
    "loss of the batch": ({}, {"loss": own.batch_squares}, DIFFERENCES),
    "all": (
        {"hidden": own.PyDense, "act": own.known_tanh, "head": own.softmax},
        {"loss": own.Squares()},
        DIFFERENCES,
    ),
}


def weights(case, rng, rows):
    """Weights of the samples; one number for a batch cannot take them in."""
    return None if case == "loss of the batch" else rng.uniform(0.5, 2, rows)


def pair(case, optimizer="adam", metrics=()):
    """The model of a case and its twin, with the same weights."""
    parts, compiled, limits = CASES[case]
    twin, mine = model(), model(**parts)
    mine.set_weights(twin.get_weights())
    for m, loss in ((twin, "mse"), (mine, compiled.get("loss", "mse"))):
        m.compile(optimizer, loss, metrics=list(metrics))
    return twin, mine, limits


@pytest.mark.parametrize("case", CASES)
def test_training_equals_the_core(case, rng):
    x, y = data(rng, "one hot")
    weight = weights(case, rng, len(x))
    twin, mine, limits = pair(case, metrics=["mae", "categorical_accuracy"])
    found = []
    for m in (twin, mine):
        pynn.utils.set_random_seed(11)
        fit = {"validation_split": 0.2, "sample_weight": weight, "verbose": 0}
        history = m.fit(x, y, 16, 3, **fit).history
        found.append((history, m.evaluate(x, y, verbose=0), m.predict(x, verbose=0)))
    assert found[0][0].keys() == found[1][0].keys()
    for name, values in found[0][0].items():
        np.testing.assert_allclose(found[1][0][name], values, **limits)
    for expected, got in zip(found[0][1:], found[1][1:], strict=True):
        np.testing.assert_allclose(got, expected, **limits)
    for expected, got in zip(twin.get_weights(), mine.get_weights(), strict=True):
        np.testing.assert_allclose(got, expected, **limits)


@pytest.mark.parametrize("case", CASES)
def test_gradients_equal_the_core(case, rng):
    x, y = data(rng, "one hot")
    weight = weights(case, rng, len(x))
    twin, mine, limits = pair(case)
    expected = twin.gradients(x, y, weight, input_gradient=True)
    got = mine.gradients(x, y, weight, input_gradient=True)
    np.testing.assert_allclose(got[0], expected[0], **limits)
    for a, b in zip([*got[1], got[2]], [*expected[1], expected[2]], strict=True):
        assert np.abs(b).max() > 1e-3
        np.testing.assert_allclose(a, b, **limits)


def test_gradients_are_differences(rng):
    """Of the loss that evaluation returns: every weight and the input, one by one."""
    x, y = data(rng, "one hot")
    mine = model(own.PyDense, own.tanh, own.softmax, rate=0.0)
    mine.compile("sgd", own.squares)
    _, found, slope = mine.gradients(x, y, input_gradient=True, training=False)
    h = 1e-5
    for variable, gradient in zip(mine.trainable_weights, found, strict=True):
        assert gradient.shape == variable.shape
        place = np.unravel_index(rng.integers(gradient.size), gradient.shape)
        start, sides = variable.numpy(), []
        for sign in (1, -1):
            moved = start.copy()
            moved[place] += sign * h
            variable.assign(moved)
            sides.append(mine.evaluate(x, y, verbose=0))
        variable.assign(start)
        expected = (sides[0] - sides[1]) / (2 * h)
        np.testing.assert_allclose(gradient[place], expected, rtol=1e-5, atol=1e-9)
    sides = []
    for sign in (1, -1):
        moved = x.copy()
        moved[4, 2] += sign * h
        sides.append(mine.evaluate(moved, y, verbose=0))
    expected = (sides[0] - sides[1]) / (2 * h)
    np.testing.assert_allclose(slope[4, 2], expected, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_all_sizes_of_batch(dtype, rng):
    """One row, a batch with a rest, and rows beside others, in both types."""
    x, y = data(rng)
    mine, twin = model(own.PyDense, dtype=dtype), model(dtype=dtype)
    mine.set_weights(twin.get_weights())
    for m in (mine, twin):
        m.compile(optimizers.SGD(0.1), "sparse_categorical_crossentropy")
        pynn.utils.set_random_seed(2)
        for rows in (1, 7, 46):
            m.fit(x[:rows], y[:rows], 5, 2, verbose=0)
    # float32: some 30 steps of rounding, 6e-8 each, and of products in another order
    limit = 1e-11 if dtype == "float64" else 2e-5
    for a, b in zip(mine.get_weights(), twin.get_weights(), strict=True):
        assert a.dtype == dtype
        np.testing.assert_allclose(a, b, rtol=limit, atol=limit)
    assert mine.predict(x[:0], verbose=0).shape == (0, CLASSES)


def test_weights_that_are_not_trained(rng):
    x, y = data(rng, "real")
    mine = pynn.Sequential([pynn.Input((WIDTH,)), own.Running(), layers.Dense(CLASSES)])
    mine.compile("sgd", "mse")
    running = mine.layers[0]
    assert [w.name for w in mine.non_trainable_weights] == ["mean"]
    mine.evaluate(x, y, verbose=0)
    mine.predict(x, verbose=0)
    assert not running.mean.numpy().any()
    mine.fit(x, y, len(x), 1, verbose=0)
    np.testing.assert_allclose(running.mean, x.mean(axis=0) / 2, rtol=1e-5, atol=1e-7)
    before = running.mean.numpy()
    mine.gradients(x, y)
    np.testing.assert_array_equal(running.mean, before)


def test_frozen_layers_stay(rng):
    x, y = data(rng, "real")
    mine = pynn.Sequential(
        [pynn.Input((WIDTH,)), layers.Dense(4), own.PyDense(4), layers.Dense(CLASSES)]
    )
    mine.compile("adam", "mse")
    for frozen in (mine.layers[:1], mine.layers[1:2], mine.layers):
        for layer in frozen:
            layer.trainable = False
        before = mine.get_weights()
        mine.fit(x, y, verbose=0)
        still = [w for layer in frozen for w in layer.weights]
        assert still
        same = {id(w) for w in still}
        for w, old in zip(mine.weights, before, strict=True):
            assert np.array_equal(w, old) == (id(w) in same)
        for layer in frozen:
            layer.trainable = True


def test_a_layer_alone_and_nested(rng):
    x = rng.normal(size=(5, 2, WIDTH)).astype("float32")
    layer = own.PyDense(3)
    got = layer(x)
    np.testing.assert_allclose(got, x @ layer.kernel + layer.bias.value, rtol=1e-6)
    outer = pynn.Sequential([pynn.Input((2, WIDTH)), layer, layers.Flatten()])
    assert outer.output_shape == (None, 6)
    np.testing.assert_array_equal(outer(x), np.reshape(got, (5, 6)))
    nest = pynn.Sequential([outer, layers.Dense(2)])
    nest.compile("sgd", "mse")
    before = layer.kernel.numpy()
    nest.fit(x, np.zeros((5, 2)), verbose=0)
    assert not np.array_equal(layer.kernel, before)


def test_a_batch_is_trained_whole_or_not_at_all(rng):
    """An exception in a part leaves the model as the last whole step did."""
    x, y = data(rng, "real")

    class Fails(own.Running):
        calls = 0

        def backward(self, inputs, outputs, gradients):
            self.calls += 1
            if self.calls == 3:
                raise KeyboardInterrupt
            return gradients

    mine = pynn.Sequential([layers.Dense(WIDTH), Fails(), layers.Dense(CLASSES)])
    mine.compile("adam", "mse")
    states = []
    watch = pynn.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: states.append(mine.get_weights())
    )
    with pytest.raises(KeyboardInterrupt):
        mine.fit(x, y, 10, shuffle=False, verbose=0, callbacks=[watch])
    assert len(states) == mine.optimizer.iterations == 2
    for now, then in zip(mine.get_weights(), states[-1], strict=True):
        np.testing.assert_array_equal(now, then)
    mine.fit(x, y, 10, verbose=0)
    assert mine.optimizer.iterations == 7


class Careless(layers.Layer):
    """A layer with a mistake in it."""

    def __init__(self, mistake, **common):
        super().__init__(**common)
        self.mistake = mistake

    def build(self, input_shape):
        self.w = self.add_weight((input_shape[-1],), "ones", name="w")
        self.built = True

    def call(self, inputs):
        if self.mistake == "shape":
            return inputs[:, :1]
        return None if self.mistake == "nothing" else inputs * self.w

    def backward(self, inputs, outputs, gradients):
        if self.mistake != "no gradient":
            wrong = self.mistake == "gradient's shape"
            self.add_gradient(
                self.w, 1.0 if wrong else (inputs * gradients).sum(axis=0)
            )
        return None if self.mistake == "no slope" else gradients * self.w


@pytest.mark.parametrize(
    ("mistake", "words"),
    [
        ("shape", r"call returned float32 of \(46, 1\), expected .* of \(46, 6\);"),
        ("nothing", "call returned None, expected an array"),
        ("no gradient", "backward gave no gradient of weight 'w': call self.add_grad"),
        ("gradient's shape", r"weight 'bad/w': expected shape \(6,\), got \(\)"),
        ("no slope", r"backward returned None, expected an array of numbers of \(46"),
    ],
)
def test_mistakes_in_a_layer(mistake, words, rng):
    x, y = data(rng, "real")
    bad = Careless(mistake, name="bad")
    mine = pynn.Sequential([pynn.Input((WIDTH,)), bad, layers.Dense(CLASSES)])
    mine.compile("sgd", "mse")
    with pytest.raises(ValueError, match=words) as error:
        mine.fit(x, y, 46, verbose=0)
    assert "'bad'" in str(error.value) or "bad/w" in str(error.value)


def test_what_a_layer_needs(rng):
    x, y = data(rng, "real")

    class Bare(layers.Layer):
        pass

    class OneWay(layers.Layer):
        def call(self, inputs):
            return inputs

    for made, words in ((Bare(), r"define call\("), (OneWay(), r"needs backward\(")):
        mine = pynn.Sequential([layers.Dense(WIDTH), made, layers.Dense(CLASSES)])
        mine.compile("sgd", "mse")
        with pytest.raises(NotImplementedError, match=words):
            mine.fit(x, y, verbose=0)
    first = pynn.Sequential([OneWay(), layers.Dense(CLASSES)])  # nothing behind it
    first.compile("sgd", "mse")
    first.fit(x, y, verbose=0)
    with pytest.raises(RuntimeError, match="belongs into backward"):
        own.PyDense(2).add_gradient(first.weights[0], 0)

    class Holds(own.Half):
        def __init__(self):
            super().__init__()
            self.inner = layers.Dense(3)

    with pytest.raises(ValueError, match="inner is a layer; layers inside a layer"):
        pynn.Sequential([Holds()]).predict(x, verbose=0)


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (lambda t, p: np.zeros(3), r"loss '<lambda>': expected one value for each of"),
        (lambda t, p: "no", "loss '<lambda>': expected one value"),
    ],
)
def test_mistakes_in_a_loss(loss, words, rng):
    x, y = data(rng, "real")
    mine = model(head=None)
    mine.compile("sgd", loss)
    with pytest.raises(ValueError, match=words):
        mine.fit(x, y, verbose=0)


def test_mistakes_in_a_gradient(rng):
    x, y = data(rng, "real")
    mine = model(head=None)
    wrong = own.Squares()
    wrong.gradient = lambda t, p: t[:1]
    mine.compile("sgd", wrong)
    with pytest.raises(ValueError, match=r"gradient: expected shape \(32, 3\), as y_p"):
        mine.fit(x, y, verbose=0)
    mine = model(act=lambda v: v[:, :2])
    mine.compile("sgd", "mse")
    with pytest.raises(ValueError, match="activation '<lambda>': expected an array of"):
        mine.fit(x, y, verbose=0)


def test_a_loss_sees_what_was_given(rng):
    """Targets of any width, as float64; (n,) beside one column becomes (n, 1)."""
    x, y = data(rng, "real")
    seen = []

    def loss(y_true, y_pred):
        seen.append((y_true.shape, y_true.dtype, y_pred.shape, y_pred.dtype))
        return np.abs(y_pred).sum(axis=-1)

    mine = pynn.Sequential([pynn.Input((WIDTH,)), layers.Dense(1)])
    mine.compile("sgd", loss)
    for given, shape in (
        (y, (46, 3)),
        (y[:, 0], (46, 1)),
        (y[:, 0].astype("u1"), (46, 1)),
    ):
        mine.evaluate(x, given, verbose=0)
        assert seen.pop() == (shape, np.float64, (46, 1), np.float64)
    with pytest.raises(ValueError, match="x has 46 rows but y has 45"):
        mine.fit(x, y[1:], verbose=0)
    assert pynn.losses.get(loss)([1.0], [2.0]) == 2.0
    assert pynn.losses.get(loss).name == "loss"


def test_no_predictor():
    with pytest.raises(ValueError, match=r"'sequential.*written in Python"):
        model(hidden=own.PyDense).predictor()


class Greedy(layers.Layer):
    """Writes into what it is given."""

    def call(self, inputs):
        inputs *= 0
        return inputs

    def backward(self, inputs, outputs, gradients):
        return gradients


def overwriting(y_true, y_pred):
    y_true[...] = 7
    return y_pred[:, 0]


@pytest.mark.parametrize("part", ["layer", "loss", "metric"])
def test_data_cannot_be_written_to(part, rng):
    x, y = data(rng, "one hot")
    kept = x.copy(), y.copy()
    first = [Greedy()] if part == "layer" else []
    entry = pynn.Input((WIDTH,), dtype="float64")
    made = pynn.Sequential([entry, *first, layers.Dense(CLASSES)])
    loss = overwriting if part == "loss" else "mse"
    made.compile("sgd", loss, metrics=[overwriting] if part == "metric" else [])
    with pytest.raises(ValueError, match="read-only"):
        made.fit(x, y, verbose=0)
    np.testing.assert_array_equal(x, kept[0])
    np.testing.assert_array_equal(y, kept[1])
