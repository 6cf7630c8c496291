# SPDX-License-Identifier: BSD-3-Clause
"""Sequential: building, structure, weights, predictions, summary, copies."""

import copy
import pickle
import threading

import numpy as np
import pytest

import pynn
from pynn import layers


def network(dtype=None, shape=(5,)):
    return pynn.Sequential(
        [
            pynn.Input(shape, dtype=dtype),
            layers.Flatten(),
            layers.Dense(37, "relu", name="first"),
            layers.Dropout(0.5),
            layers.Dense(4, name="second"),
            layers.Activation("tanh"),
            layers.Dense(3, "softmax", name="third"),
        ]
    )


def by_hand(model, x):
    (k1, b1), (k2, b2), (k3, b3) = (
        model.get_layer(name).get_weights() for name in ("first", "second", "third")
    )
    h = np.maximum(x.reshape(len(x), -1) @ k1 + b1, 0)
    z = np.tanh(h @ k2 + b2) @ k3 + b3
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [("float32", 1e-6), ("float64", 1e-14)]
)
def test_predict(dtype, tolerance, rng):
    model = network(dtype)
    x = rng.normal(size=(50, 5))
    y = model.predict(x, verbose=0)
    assert y.dtype == dtype
    assert y.shape == (50, 3)
    np.testing.assert_allclose(y, by_hand(model, x), atol=tolerance)
    for other in (model(x), model.predict_on_batch(x), model(x, training=False)):
        assert other.tobytes() == y.tobytes()
    np.testing.assert_allclose(y.sum(axis=1), 1, atol=4 * tolerance)


@pytest.mark.parametrize("batch", [1, 2, 7, 16, 33, 1000])
def test_rows_do_not_depend_on_their_batch(batch, rng):
    model = network(shape=(4, 5))
    x = rng.normal(size=(133, 4, 5)).astype(np.float32)
    whole = model.predict(x, verbose=0)
    parts = [model.predict_on_batch(x[i : i + batch]) for i in range(0, 133, batch)]
    assert np.concatenate(parts).tobytes() == whole.tobytes()
    assert model.predict(x, batch_size=batch, verbose=0).tobytes() == whole.tobytes()


def test_large_predictions_are_cut_without_a_trace(rng, monkeypatch):
    model = network()
    x = rng.normal(size=(1000, 5)).astype(np.float32)
    whole = model.predict_on_batch(x)
    monkeypatch.setattr("pynn._run._SLICE_FLOPS", 1.0)  # slices of 256 rows
    assert model.predict(x, verbose=0).tobytes() == whole.tobytes()


BUILDS = {
    "input": lambda: pynn.Sequential([pynn.Input((4,)), layers.Dense(2)]),
    "input layer": lambda: pynn.Sequential([layers.InputLayer((4,)), layers.Dense(2)]),
    "batch shape": lambda: pynn.Sequential(
        [pynn.Input(batch_shape=(None, 4)), layers.Dense(2)]
    ),
    "input number": lambda: pynn.Sequential([pynn.Input(4), layers.Dense(2)]),
    "input_shape": lambda: pynn.Sequential([layers.Dense(2, input_shape=(4,))]),
    "input_dim": lambda: pynn.Sequential([layers.Dense(2, input_dim=4)]),
    "build": lambda: built(lambda m: m.build((None, 4))),
    "call": lambda: built(lambda m: m(np.ones((1, 4)))),
    "predict": lambda: built(lambda m: m.predict(np.ones((1, 4)), verbose=0)),
    "predict_on_batch": lambda: built(lambda m: m.predict_on_batch(np.ones((1, 4)))),
    "fit": lambda: built(lambda m: m.fit(np.ones((1, 4)), [[1, 2]], verbose=0)),
    "evaluate": lambda: built(
        lambda m: m.evaluate(np.ones((1, 4)), [[1, 2]], verbose=0)
    ),
    "train_on_batch": lambda: built(
        lambda m: m.train_on_batch(np.ones((1, 4)), [[1, 2]])
    ),
    "a built layer": lambda: pynn.Sequential([used(layers.Dense(2))]),
}


def used(layer):
    layer(np.ones((1, 4)))
    return layer


def built(call):
    model = pynn.Sequential()
    model.add(layers.Dense(2))
    assert not model.built
    model.compile("sgd", "mse")
    call(model)
    return model


@pytest.mark.parametrize("how", BUILDS)
def test_ways_to_build(how, recwarn):
    model = BUILDS[how]()
    assert model.built
    assert (model.input_shape, model.output_shape) == ((None, 4), (None, 2))
    assert [w.shape for w in model.weights] == [(4, 2), (2,)]
    assert len(model.layers) == 1
    assert not recwarn


def test_one_column_may_come_without_its_axis():
    model = pynn.Sequential([layers.Dense(1)])
    assert model.predict(np.arange(5.0), verbose=0).shape == (5, 1)
    assert model.input_shape == (None, 1)


def test_add_and_pop_keep_the_other_weights(rng):
    model = network()
    x = rng.normal(size=(6, 5)).astype(np.float32)
    hidden = np.tanh(
        np.maximum(x @ model.weights[0] + model.weights[1], 0) @ model.weights[2]
        + model.weights[3]
    )
    before = model.get_weights()
    assert model.pop().name == "third"
    np.testing.assert_allclose(model.predict(x, verbose=0), hidden, atol=1e-6)
    model.add(layers.Dense(2, name="new"))
    kernel, bias = model.layers[-1].get_weights()
    np.testing.assert_allclose(model(x), hidden @ kernel + bias, atol=1e-6)
    for a, b in zip(model.get_weights()[:4], before[:4], strict=True):
        np.testing.assert_array_equal(a, b)


def test_layers_of_a_trained_model_in_another_one(rng):
    """Both see one set of weights, wherever either moves them."""
    x = rng.normal(size=(40, 5)).astype(np.float32)
    y = rng.integers(0, 3, 40)
    model = network()
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, y, epochs=2, verbose=0)
    features = pynn.Sequential([*model.layers[:3]])
    before = features.predict(x, verbose=0)
    trunk = features.layers[1]
    model.fit(x, y, epochs=2, verbose=0)
    after = features.predict(x, verbose=0)
    assert (before != after).any()
    mine = model.get_layer("first").get_weights()
    np.testing.assert_array_equal(trunk.get_weights()[0], mine[0])
    trunk.trainable = False
    head = pynn.Sequential([*features.layers, layers.Dense(1)])
    head.compile("sgd", "mse")
    frozen = trunk.get_weights()
    whole = model.predict(x, verbose=0)
    head.fit(x, y, epochs=3, verbose=0)
    np.testing.assert_array_equal(trunk.get_weights()[0], frozen[0])
    assert model.predict(x, verbose=0).tobytes() == whole.tobytes()
    model.fit(x, y, verbose=0)  # its optimizer's state followed the move
    model.fit(x, y, 40, verbose=0)  # in a new plan, too
    assert model.optimizer.iterations == 11


def test_optimizer_state_follows_moved_weights(rng):
    x, y = rng.normal(size=(32, 5)), rng.integers(0, 3, 32)

    def trained(interrupt):
        pynn.utils.set_random_seed(4)
        model = network()
        model.compile("adam", "sparse_categorical_crossentropy")
        model.fit(x, y, epochs=2, verbose=0)
        if interrupt:  # another store takes the weights over
            other = pynn.Sequential([layers.Dense(5, input_dim=5), *model.layers])
            other.predict(x, verbose=0)
            assert model.weights[0].run[0] > 0
        model.fit(x, y, epochs=2, verbose=0)
        return [w.tobytes() for w in model.get_weights()]

    assert trained(True) == trained(False)


def test_nested_models(rng):
    inner = pynn.Sequential([layers.Dense(7, "relu"), layers.Dense(4)], name="inner")
    model = pynn.Sequential([pynn.Input((3,)), inner, layers.Dense(2)])
    x = rng.normal(size=(5, 3)).astype(np.float32)
    k1, b1, k2, b2, k3, b3 = model.get_weights()
    expected = (np.maximum(x @ k1 + b1, 0) @ k2 + b2) @ k3 + b3
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, atol=1e-6)
    np.testing.assert_allclose(
        inner.predict(x, verbose=0), np.maximum(x @ k1 + b1, 0) @ k2 + b2, atol=1e-6
    )
    assert len(model.trainable_weights) == 6
    inner.trainable = False
    assert len(model.trainable_weights) == 2
    assert len(model.non_trainable_weights) == 4
    again = pynn.Sequential.from_config(model.get_config())
    assert [w.shape for w in again.weights] == [w.shape for w in model.weights]


def test_types_of_models():
    assert network("float64").dtype == "float64"
    first = pynn.Sequential([layers.Dense(2, dtype="float64", input_dim=3)])
    first.add(layers.Dense(2))
    assert first.predict(np.ones((1, 3)), verbose=0).dtype == np.float64
    pynn.backend.set_floatx("float64")
    try:
        model = pynn.Sequential([layers.Dense(2)])
        assert model.predict(np.ones((1, 3)), verbose=0).dtype == np.float64
    finally:
        pynn.config.set_floatx("float32")
    assert pynn.backend.floatx() == "float32"


def test_set_weights_and_get_weights(rng):
    model, other = network(), network()
    x = rng.normal(size=(6, 5))
    assert (model.predict(x, verbose=0) != other.predict(x, verbose=0)).any()
    other.set_weights(model.get_weights())
    np.testing.assert_array_equal(
        other.predict(x, verbose=0), model.predict(x, verbose=0)
    )
    taken = model.get_weights()
    taken[0][:] = 0
    assert model.weights[0].value.any()
    model.weights[0].assign(taken[0])
    assert not model.get_weights()[0].any()
    assert model.count_params() == 5 * 37 + 37 + 37 * 4 + 4 + 4 * 3 + 3


def test_freezing_a_model_freezes_its_layers():
    model = network()
    model.trainable = False
    assert model.trainable_variables == []
    assert not model.layers[1].trainable
    model.trainable = True
    assert len(model.trainable_variables) == 6


def test_summary(capsys):
    pynn.backend.clear_session()
    model = pynn.Sequential([layers.Dense(64, input_dim=4), layers.Dense(3)])
    model.layers[0].trainable = False
    model.summary()
    text = capsys.readouterr().out
    lines = text.splitlines()
    assert lines[0] == 'Model: "sequential"'
    assert lines[4].split() == [
        "│",
        "dense",
        "(Dense)",
        "│",
        "(None,",
        "64)",
        "│",
        "320",
        "│",
    ]
    assert lines[-3:] == [
        " Total params: 515 (2.01 KB)",
        " Trainable params: 195 (780.00 B)",
        " Non-trainable params: 320 (1.25 KB)",
    ]
    kept = []
    model.compile("adam", "mse")
    model.fit(np.ones((2, 4)), np.ones((2, 3)), verbose=0)
    model.summary(print_fn=kept.append, show_trainable=True, line_length=120)
    assert len(kept) == 1
    assert " Optimizer params: 392 (1.53 KB)" in kept[0]
    assert " Total params: 907" in kept[0]
    assert len(kept[0].splitlines()[1]) == 120
    assert kept[0].splitlines()[4].split()[-2] == "N"
    assert not capsys.readouterr().out


def test_summary_of_an_unbuilt_model(capsys):
    pynn.Sequential([layers.Dense(3), layers.ReLU()]).summary()
    text = capsys.readouterr().out
    assert text.count("?") == 2
    assert "0 (unbuilt)" in text
    assert "Total params: 0 (0.00 B)" in text


def test_config_and_clones(rng):
    model = network("float64")
    for again in (
        pynn.Sequential.from_config(model.get_config()),
        pynn.models.clone_model(model),
    ):
        assert again.get_config() == model.get_config()
        assert again.dtype == "float64"
        assert (again.weights[0].value != model.weights[0].value).any()
        again.set_weights(model.get_weights())
        x = rng.normal(size=(3, 5))
        np.testing.assert_array_equal(again(x), model(x))


@pytest.mark.parametrize(
    "how", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))]
)
def test_copies_train_on_alike(how, rng):
    """Optimizer, shuffling and dropout go on where the original stands."""
    x, y = rng.normal(size=(50, 5)), rng.integers(0, 3, 50)
    model = network()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, epochs=2, verbose=0)
    twin = how(model)
    seen = [m.fit(x, y, epochs=3, verbose=0).history for m in (model, twin)]
    assert seen[0] == seen[1]
    for a, b in zip(model.get_weights(), twin.get_weights(), strict=True):
        assert a.tobytes() == b.tobytes()


def test_predictions_from_many_threads(rng):
    model = network()
    x = rng.normal(size=(200, 5)).astype(np.float32)
    expected = model.predict_on_batch(x).tobytes()
    wrong = []

    def ask():
        seen = (model.predict_on_batch(x).tobytes() for _ in range(100))
        wrong.extend(y for y in seen if y != expected)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_first_layer_that_fails_leaves_no_shape_behind():
    model = pynn.Sequential()
    with pytest.raises(ValueError, match="4 elements"):
        model.add(layers.Reshape((3,), input_shape=(4,)))
    assert not model.built
    model.add(layers.Dense(2, input_dim=5))
    assert model.input_shape == (None, 5)


def test_building_is_linear_in_the_layers(monkeypatch):
    calls, shape_of = [], layers.Dense.compute_output_shape

    def counted(self, input_shape):
        calls.append(self.name)
        return shape_of(self, input_shape)

    monkeypatch.setattr(layers.Dense, "compute_output_shape", counted)
    counts = []
    for n in (20, 40):
        pynn.Sequential([pynn.Input((3,)), *(layers.Dense(3) for _ in range(n))])
        counts.append(len(calls))
        calls.clear()
    assert counts[1] < 2.2 * counts[0]  # the first layer takes a few more than others


def test_layers_added_to_a_copy_and_after_a_pop():
    model = pynn.Sequential([pynn.Input((3,)), layers.Dense(4), layers.Dense(5)])
    for changed in (model, copy.deepcopy(model)):
        changed.pop()
        changed.add(layers.Dense(2, name="last"))
        changed.add(layers.Dropout(0.5))
        assert changed.output_shape == (None, 2)
        assert pynn.Model(changed.inputs, changed.outputs).output_shape == (None, 2)
        with pytest.raises(ValueError, match="all layers need one dtype"):
            changed.add(layers.Dense(2, dtype="float64"))
        changed.add(layers.Dense(7, dtype="float32"))
        assert changed.predict(np.ones((2, 3)), verbose=0).shape == (2, 7)


def test_no_model_holds_itself():
    a = pynn.Sequential([pynn.Input((3,)), layers.Dense(3)])
    b = pynn.Sequential([layers.Dense(3), a])
    start = pynn.Input((3,))
    c = pynn.Model(start, a(start))
    for part in (a, b, c):
        with pytest.raises(ValueError, match="a model cannot be a part of itself"):
            a.add(part)
    assert a.predict(np.ones((2, 3)), verbose=0).shape == (2, 3)
