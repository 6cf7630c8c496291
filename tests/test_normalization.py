# SPDX-License-Identifier: BSD-3-Clause
"""Normalization layers in models: training, freezing, bits, copies, messages."""

import copy
import pickle
from functools import partial

import numpy as np
import pytest
from oneop import ISAS
from oracle.gradcheck import numeric_gradient

import pynn
from pynn import _core, layers

ROWS, WIDTH = 150, 300  # with layers of 256 units: several threads take part


def data(seed=0, rows=ROWS, width=WIDTH):
    rng = np.random.default_rng(seed)
    x = rng.normal(rng.normal(size=width), 2, (rows, width)).astype(np.float32)
    return x, np.abs(x[:, :10]).argmax(axis=1)


def wide_model():
    """Two batch normalizations among large layers, with dropout between them."""
    pynn.utils.set_random_seed(3)
    model = pynn.Sequential(
        [
            pynn.Input((WIDTH,)),
            layers.BatchNormalization(),
            layers.Dense(256, "relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dense(10, "softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def trained(epochs=2, times=1):
    """All that came out of a training, as bytes."""
    model, (x, y) = wide_model(), data()
    for _ in range(times):
        history = model.fit(x, y, 96, epochs, 0).history
    values = [*model.get_weights(), *model.optimizer.slots, model.predict(x, verbose=0)]
    return [v.tobytes() for v in values], history["loss"][-1]


@pytest.mark.usefixtures("threads")
def test_bits_for_any_number_of_threads():
    found = []
    for n in (1, 2, 3, 8):
        _core.set_num_threads(n)
        found.append(trained())
    assert found[0] == found[1] == found[2] == found[3]


@pytest.mark.parametrize("pair", [("generic", "v2"), ("v3", "v4")], ids="-".join)
def test_bits_between_instruction_sets(pair):
    if not set(pair) <= set(ISAS):
        pytest.skip("this machine has " + ", ".join(ISAS))
    before, found = _core.isa_selected(), []
    try:
        for isa in pair:
            _core.isa_select(isa)
            found.append(trained(1))
    finally:
        _core.isa_select(before)
    assert found[0] == found[1]


def test_epochs_one_by_one():
    assert trained(1, times=3) == trained(3)


def test_training_goes_on_in_a_copy():
    x, y = data()
    model = wide_model()
    model.fit(x, y, 96, 1, 0)
    twins = [copy.deepcopy(model), pickle.loads(pickle.dumps(model))]
    model.fit(x, y, 96, 1, 0)
    for twin in twins:
        twin.fit(x, y, 96, 1, 0)
        for mine, theirs in zip(model.get_weights(), twin.get_weights(), strict=True):
            np.testing.assert_array_equal(mine, theirs)


def test_large_batches_are_held_whole():
    """A batch that other plans would take in pieces has one mean."""
    rng = np.random.default_rng(1)
    x = rng.normal(5, 3, (30000, 200)).astype(np.float32)
    model = pynn.Sequential([layers.BatchNormalization(momentum=0, input_dim=200)])
    model.compile("sgd", "mse")
    model.fit(x, x, len(x), 1, 0)
    _, _, mean, variance = model.get_weights()
    # sums of 30000 in parts of 64: some 530 roundings, of numbers up to 20
    np.testing.assert_allclose(mean, x.mean(axis=0, dtype=float), atol=1e-4)
    np.testing.assert_allclose(variance, x.var(axis=0, dtype=float), rtol=1e-4)


def test_weights_their_order_and_kinds():
    layer = layers.BatchNormalization(name="bn")
    layer.build((None, 3))
    names = [w.path for w in layer.weights]
    parts = ("gamma", "beta", "moving_mean", "moving_variance")
    assert names == [f"bn/{part}" for part in parts]
    assert [w.name for w in layer.trainable_weights] == ["gamma", "beta"]
    assert [w.name for w in layer.non_trainable_weights] == [*parts[2:]]
    assert layer.count_params() == 12
    values = [w.numpy() for w in layer.weights]
    np.testing.assert_array_equal(values, [[1] * 3, [0] * 3, [0] * 3, [1] * 3])
    layer.set_weights([[2, 2, 2], [1, 1, 1], [3, 3, 3], [4, 4, 4]])
    expected = (5 - 3) / np.sqrt(4.001) * 2 + 1
    np.testing.assert_allclose(layer(np.full((1, 3), 5)), expected, rtol=1e-6)


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("scale", [True, False])
def test_what_training_moves(scale, center):
    x, y = data(rows=40, width=5)
    layer = layers.BatchNormalization(scale=scale, center=center)
    model = pynn.Sequential([pynn.Input((5,)), layer, layers.Dense(10, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    before = layer.get_weights()
    assert len(before) == 2 + scale + center
    model.evaluate(x, y, verbose=0)
    model.predict(x, verbose=0)
    for old, new in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    model.fit(x, y, 40, 1, 0)
    assert all((a != b).all() for a, b in zip(before, layer.get_weights(), strict=True))
    # in units of the last place of numbers around 4, and 40 additions
    mean, variance = layer.get_weights()[-2:]
    np.testing.assert_allclose(mean, 0.01 * x.mean(axis=0), rtol=1e-4)
    np.testing.assert_allclose(variance, 0.99 + 0.01 * x.var(axis=0), rtol=1e-5)


@pytest.mark.parametrize("affine", [True, False])
def test_frozen_layers_use_and_keep_the_moving_values(affine):
    x, y = data(rows=40, width=5)
    layer = layers.BatchNormalization(scale=affine, center=affine)
    model = pynn.Sequential([pynn.Input((5,)), layer, layers.Dense(10, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(x, y, 8, 1, 0)
    layer.trainable = False
    model.compile("sgd", "sparse_categorical_crossentropy")
    before, judged = layer.get_weights(), model.evaluate(x, y, verbose=0)
    assert model.fit(x, y, 40, 1, 0).history["loss"][0] == judged
    for old, new in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    np.testing.assert_array_equal(layer(x, training=True), layer(x))
    layer.trainable = True
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(x, y, 40, 1, 0)
    assert (layer.moving_mean.value != before[-2]).all()


def test_a_call_in_training_moves_the_statistics():
    x, _ = data(rows=40, width=5)
    layer = layers.BatchNormalization(momentum=0.5)
    y = layer(x, training=True)
    np.testing.assert_allclose(y.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(layer.moving_mean, x.mean(axis=0) / 2, rtol=1e-5)
    assert (layer(x) != y).any()


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("frozen", [True, False])
def test_gradients_are_those_of_the_loss(training, frozen):
    """Against central differences, in training and with the moving values."""
    rng = np.random.default_rng(5)
    x, y = rng.normal(3, 2, (9, 4)), rng.normal(size=(9, 2))
    norm = layers.BatchNormalization(trainable=not frozen)
    model = pynn.Sequential(
        [pynn.Input((4,), dtype="float64"), layers.Dense(5), norm, layers.Dense(2)]
    )
    model.compile("sgd", "mse")
    start = [rng.uniform(0.5, 1.5, w.shape) for w in model.get_weights()]
    model.set_weights(start)

    def loss(weight, value):
        kept = weight.numpy()
        weight.assign(value)
        found = model.gradients(x, y, training=training)[0]
        weight.assign(kept)
        return found

    _, grads = model.gradients(x, y, training=training)
    assert len(grads) == (4 if frozen else 6)
    for weight, gradient in zip(model.trainable_weights, grads, strict=True):
        numeric = numeric_gradient(partial(loss, weight), weight.numpy())
        # central differences: see oracle.gradcheck
        np.testing.assert_allclose(gradient, numeric, rtol=1e-6, atol=1e-7)
    for now, then in zip(model.get_weights(), start, strict=True):
        np.testing.assert_array_equal(now, then)


def test_other_axes_belong_to_the_batch():
    x = np.random.default_rng(0).normal(3, 2, (6, 4, 5, 3)).astype(np.float32)
    for axis in (-1, 3, 1, 2, -3):
        layer = layers.BatchNormalization(axis=axis, momentum=0)
        y, rest = layer(x, training=True), tuple({0, 1, 2, 3} - {axis % 4})
        np.testing.assert_allclose(y.mean(axis=rest), 0, atol=1e-5)
        np.testing.assert_allclose(layer.moving_variance, x.var(axis=rest), 1e-5)
        shape = [n if i == axis % 4 else 1 for i, n in enumerate(x.shape)]
        mean, variance = (w.reshape(shape) for w in layer.get_weights()[2:])
        expected = (x - mean) / np.sqrt(variance + 1e-3)
        np.testing.assert_allclose(layer(x), expected, rtol=1e-5, atol=1e-6)


def test_another_axis_trains_as_the_last_one_would():
    """To the bit: the same layer after the axes were put in another order."""
    rng = np.random.default_rng(5)
    x, y = rng.normal(3, 2, (40, 4, 6)), rng.normal(size=(40, 2))
    found = []
    for axis, before in ((1, []), (-1, [layers.Permute((2, 1))])):
        pynn.utils.set_random_seed(2)
        norm = layers.BatchNormalization(axis, momentum=0.5, gamma_initializer="normal")
        after = [layers.Permute((2, 1))] if before else []
        middle = [*before, norm, *after, layers.Flatten(), layers.Dense(2)]
        model = pynn.Sequential([pynn.Input((4, 6)), *middle])
        model.compile("adam", "mse")
        losses = model.fit(x, y, 8, 3, 0).history["loss"]
        assert norm.gamma.shape == norm.moving_mean.shape == (4,)
        found.append(([w.tobytes() for w in model.get_weights()], losses))
    assert found[0] == found[1]


def test_predictors_follow_the_statistics():
    x, y = data()
    model = wide_model()
    predictor = model.predictor(len(x))
    model.fit(x, y, 50, 1, 0)
    expected = model.predict(x, verbose=0)
    np.testing.assert_array_equal(predictor(x), expected)
    again = pickle.loads(pickle.dumps(predictor))
    model.fit(x, y, 50, 1, 0)
    np.testing.assert_array_equal(again(x), expected)
    assert (predictor(x) != expected).any()


def test_metrics_in_python_do_not_move_the_statistics_twice():
    def run(metrics):
        model, (x, y) = wide_model(), data()
        model.compile("sgd", "sparse_categorical_crossentropy", metrics=metrics)
        model.fit(x, y, 50, 1, 0)
        return model.get_weights()

    class Seen(pynn.metrics.Metric):
        def update_state(self, y_true, y_pred, sample_weight=None):
            pass

        def result(self):
            return 0.0

        def reset_state(self):
            pass

    for a, b in zip(run(["accuracy"]), run([Seen(name="seen")]), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"momentum": 1.5}, r"momentum: expected .* in \[0, 1\], got 1.5"),
        ({"epsilon": -1}, r"epsilon: expected .* in \[0, inf\), got -1"),
        ({"center": "yes"}, "center: expected True or False, got 'yes'"),
        ({"axis": 1.5}, "axis: expected an integer"),
        ({"renorm": True}, "renorm is not supported"),
        ({"synchronized": True}, "synchronized is not supported"),
        ({"alpha": 1}, "unknown argument 'alpha'"),
    ],
)
def test_arguments_out_of_range(arguments, message):
    with pytest.raises(ValueError, match="BatchNormalization: " + message):
        layers.BatchNormalization(**arguments)


def test_shapes_that_do_not_fit():
    for axis in (0, 3, -3, -4):
        with pytest.raises(ValueError, match=f"'bn': axis {axis} is none of an input"):
            layers.BatchNormalization(axis=axis, name="bn").build((None, 4, 5))
    layer = layers.BatchNormalization(name="bn")
    layer.build((None, 4))
    with pytest.raises(ValueError, match="'bn': expected dimension 4 along axis -1, g"):
        layer.compute_output_shape((None, 5))


def test_a_plan_asks_for_its_statistics():
    layer = layers.BatchNormalization()
    layer.build((None, 4))
    network = layer.network_for(None)
    x, out = np.zeros((1, 4), np.float32), np.zeros((1, 4), np.float32)
    for stats, message in (
        (None, "needs its moving"),
        (np.zeros(16, "f4"), "least 32"),
    ):
        with pytest.raises(ValueError, match=message):
            network.take().predict(network.store.vector, stats, x, 0, 1, out)


def by_hand(x, axes, kind):
    """The three normalizations of rows in float64, without weights."""
    if kind is layers.UnitNormalization:
        return x / np.sqrt((x**2).sum(axis=axes, keepdims=True))
    mean = x.mean(axis=axes, keepdims=True) * (kind is layers.LayerNormalization)
    square = ((x - mean) ** 2).mean(axis=axes, keepdims=True)
    return (x - mean) / np.sqrt(square + kind().epsilon)


ROW_LAYERS = [
    layers.LayerNormalization,
    layers.RMSNormalization,
    layers.UnitNormalization,
]


@pytest.mark.parametrize("kind", ROW_LAYERS)
@pytest.mark.parametrize("axis", [-1, 3, (2, 3), [-1, -2, -3]])
def test_rows_over_the_last_axes(kind, axis):
    x = np.random.default_rng(0).normal(1, 2, (5, 3, 4, 6)).astype(np.float32)
    layer = kind(axis=axis)
    axes = tuple(axis) if isinstance(axis, list | tuple) else axis
    # a few roundings of numbers around 2, and of sums of up to 72 of them
    np.testing.assert_allclose(layer(x), by_hand(x.astype(float), axes, kind), 0, 1e-5)
    shape = x.shape[axes if isinstance(axes, int) else min(a % 4 for a in axes) :]
    if kind is not layers.UnitNormalization:
        shape = (6,) if isinstance(axes, int) else shape
        assert {w.shape for w in layer.weights} == {shape}
    names = {layers.LayerNormalization: ["gamma", "beta"], ROW_LAYERS[1]: ["scale"]}
    assert [w.name for w in layer.trainable_weights] == names.get(kind, [])


def test_rows_of_zeros_and_short_ones():
    x = np.zeros((2, 3), np.float32)
    x[1, 0] = 1e-8
    for kind in ROW_LAYERS:
        assert np.isfinite(kind()(x)).all()
    np.testing.assert_allclose(layers.UnitNormalization()(x)[1], [1e-2, 0, 0], 1e-6)


@pytest.mark.usefixtures("threads")
def test_rows_train_to_the_same_bits():
    """On any number of threads; and a layer that is frozen keeps its weights."""
    found = []
    for n in (1, 2, 3, 8):
        _core.set_num_threads(n)
        pynn.utils.set_random_seed(3)
        frozen = layers.LayerNormalization(trainable=False)
        middle = [layers.RMSNormalization(), layers.UnitNormalization(), frozen]
        model = pynn.Sequential(
            [
                pynn.Input((WIDTH,)),
                layers.LayerNormalization(),
                layers.Dense(256, "relu"),
                *middle,
                layers.Dense(10, "softmax"),
            ]
        )
        model.compile("adam", "sparse_categorical_crossentropy")
        start = model.get_weights()
        model.fit(*data(), 96, 2, 0)
        ours = {id(w) for w in frozen.weights}
        for weight, before in zip(model.weights, start, strict=True):
            assert (weight.value == before).all() == (id(weight) in ours)
        again = pickle.loads(pickle.dumps(model.predictor(ROWS)))
        values = [*model.get_weights(), model.predict(data()[0], verbose=0)]
        np.testing.assert_array_equal(again(data()[0]), values[-1])
        found.append([v.tobytes() for v in values])
    assert found[0] == found[1] == found[2] == found[3]


@pytest.mark.parametrize("kind", ROW_LAYERS)
def test_axes_of_rows(kind):
    for axis in (0, 1, (1, 3), (0, 1, 2, 3)):
        with pytest.raises(ValueError, match="'row': expected the last axes of an"):
            kind(axis=axis, name="row").build((None, 3, 4, 5))
    for axis in ([], "all", 1.5):
        with pytest.raises(ValueError, match="axis: expected"):
            kind(axis=axis)
    with pytest.raises(ValueError, match="unknown argument 'alpha'"):
        kind(alpha=1)
