# SPDX-License-Identifier: BSD-3-Clause
"""Each layer alone: values against the oracle, shapes, weights and configuration."""

import copy
import math
import pickle

import numpy as np
import pytest
from oracle import activations as oracle
from oracle.cases import ACTIVATION_DEFAULTS
from oracle.philox import keep_mask

import pynn
from pynn import activations, initializers, layers

# Bounds on errors of sums of a few products: 1e-6 and 1e-13 relative to values near 1.
TOLERANCE = {"float32": 2e-6, "float64": 1e-13}

ELEMENTWISE = {
    "Activation": (lambda **k: layers.Activation("tanh", **k), oracle.tanh),
    "Activation of a function": (
        lambda **k: layers.Activation(activations.gelu, **k),
        oracle.gelu,
    ),
    "ReLU": (layers.ReLU, oracle.relu),
    "ReLU with slope": (
        lambda **k: layers.ReLU(negative_slope=0.25, **k),
        lambda x: oracle.leaky_relu(x, 0.25),
    ),
    "ReLU6": (lambda **k: layers.ReLU(6, **k), oracle.relu6),
    "ReLU with all": (
        lambda **k: layers.ReLU(2.0, 0.5, 1.0, **k),
        lambda x: oracle.general_relu(x, 0.5, 2.0, 1.0),
    ),
    "LeakyReLU": (layers.LeakyReLU, lambda x: oracle.leaky_relu(x, 0.3)),
    "LeakyReLU of alpha": (
        lambda **k: layers.LeakyReLU(alpha=0.01, **k),
        lambda x: oracle.leaky_relu(x, 0.01),
    ),
    "LeakyReLU that rises": (
        lambda **k: layers.LeakyReLU(-0.5, **k),
        lambda x: oracle.general_relu(x, -0.5, math.inf, 0.0),
    ),
    "ELU": (layers.ELU, lambda x: oracle.elu(x, 1.0)),
    "ELU of alpha": (lambda **k: layers.ELU(2.0, **k), lambda x: oracle.elu(x, 2.0)),
    "Softmax": (layers.Softmax, oracle.softmax),
    "Dropout": (lambda **k: layers.Dropout(0.5, **k), lambda x: x),
    "Flatten": (layers.Flatten, lambda x: x),
    "Identity": (layers.Identity, lambda x: x),
    "ActivityRegularization": (layers.ActivityRegularization, lambda x: x),
}


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_layers_without_weights(name, dtype, rng):
    make, expected = ELEMENTWISE[name]
    x = rng.normal(scale=3, size=(7, 19)).astype(dtype)
    y = make(dtype=dtype)(x)
    assert y.dtype == dtype
    assert y.shape == x.shape
    np.testing.assert_allclose(
        y, expected(x.astype(np.float64)), rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype]
    )


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize(
    "activation", sorted(oracle.ACTIVATIONS.keys() - {"gelu_tanh"})
)
def test_dense(activation, use_bias, dtype, rng):
    chosen, extra = activation, ACTIVATION_DEFAULTS.get(activation, ())
    if activation == "general_relu":
        chosen, extra = layers.ReLU(1.5, 0.5, 0.25), (0.5, 1.5, 0.25)
    layer = layers.Dense(9, chosen, use_bias, "he_normal", "normal", dtype=dtype)
    x = rng.normal(size=(5, 21)).astype(dtype)
    y = layer(x)
    kernel, *bias = layer.get_weights()
    z = x.astype(np.float64) @ kernel + (bias[0] if use_bias else 0)
    expected = oracle.ACTIVATIONS[activation][0](z, *extra)
    assert y.dtype == dtype
    # 21 products of size about 1: a rounding error each
    np.testing.assert_allclose(y, expected, rtol=0, atol=40 * TOLERANCE[dtype])


def test_dense_works_along_the_last_axis(rng):
    layer = layers.Dense(5, "relu", bias_initializer="ones")
    x = rng.normal(size=(3, 2, 7, 4)).astype(np.float32)
    y = layer(x)
    assert y.shape == (3, 2, 7, 5)
    assert layer.output_shape == (None, 2, 7, 5)
    kernel, bias = layer.get_weights()
    np.testing.assert_allclose(y, np.maximum(x @ kernel + bias, 0), atol=1e-6)


def test_dense_names_shapes_and_views():
    layer = layers.Dense(3, name="head")
    layer.build((None, 4))
    kernel, bias = layer.weights
    assert (kernel.name, kernel.path, kernel.shape) == ("kernel", "head/kernel", (4, 3))
    assert (bias.name, bias.shape, bias.ndim, bias.size) == ("bias", (3,), 1, 3)
    assert layer.kernel is kernel
    assert layer.count_params() == 15
    assert kernel.dtype == "float32"
    kernel.value[1, 2] = 7
    assert layer(np.eye(4))[1, 2] == 7
    assert np.asarray(kernel)[1, 2] == kernel[1][2] == 7
    assert np.add(kernel, 1)[1, 2] == 8
    taken = kernel.numpy()
    taken[:] = 0
    assert kernel.value.any()
    bias.assign([1, 2, 3])
    np.testing.assert_array_equal(layer(np.zeros((1, 4))), [[1, 2, 3]])
    assert len(kernel) == 4
    assert "head/kernel" in repr(kernel)


def test_padding_stays_zero():
    layer = layers.Dense(3, kernel_initializer="ones", bias_initializer="ones")
    layer.build((None, 4))
    layer.set_weights([np.full((4, 3), 2.0), np.full(3, 5.0)])
    block = layer.blocks[0].flat.reshape(5, 16)
    assert (block[:4, :3] == 2).all()
    assert (block[4, :3] == 5).all()
    assert not block[:, 3:].any()
    assert layer.blocks[0].store.vector.ctypes.data % 64 == 0


@pytest.mark.parametrize(
    "initializer",
    ["glorot_normal", "he_uniform", "zeros", initializers.Constant(0.5), "orthogonal"],
)
def test_initializers_reach_the_weights(initializer):
    pynn.utils.set_random_seed(5)
    layer = layers.Dense(6, kernel_initializer=initializer)
    layer.build((None, 4))
    pynn.utils.set_random_seed(5)
    chosen = initializers.get(initializer)
    np.testing.assert_array_equal(layer.kernel.value, chosen((4, 6), dtype="float32"))
    assert not layer.bias.value.any()


def test_unseeded_layers_differ_and_seeded_sessions_repeat():
    def kernels():
        made = [layers.Dense(4), layers.Dense(4)]
        for layer in made:
            layer.build((None, 3))
        return [layer.kernel.numpy() for layer in made]

    pynn.utils.set_random_seed(1)
    first = kernels()
    assert (first[0] != first[1]).any()
    assert (kernels()[0] != first[0]).any()
    pynn.utils.set_random_seed(1)
    np.testing.assert_array_equal(kernels(), first)


@pytest.mark.parametrize("rate", [0.0, 0.2, 0.5, 1.0])
@pytest.mark.parametrize("shape", [(6, 5), (3, 40), (2, 3, 7)])
def test_dropout_in_training(rate, shape, rng):
    layer = layers.Dropout(rate, seed=11)
    x = rng.normal(size=shape).astype(np.float32)
    np.testing.assert_array_equal(layer(x), x)
    seen = [layer(x, training=True) for _ in range(2)]
    if 0 < rate < 1:
        assert (seen[0] != seen[1]).any()
    for i, y in enumerate(seen):
        step = (1 << 63) + i + 1
        wide = (*shape[:-1], 16 * math.ceil(shape[-1] / 16))  # counted with padding
        keep = np.reshape(keep_mask(rate, 11, step, math.prod(wide)), wide)
        keep = keep[..., : shape[-1]]
        scale = np.float32(1 / (1 - rate)) if rate < 1 else 0
        np.testing.assert_array_equal(y, np.where(keep, x * scale, 0))


def test_dropout_without_a_seed_follows_the_session():
    x = np.ones((4, 50), np.float32)
    masks = []
    for seed in (1, 1, 2):
        pynn.utils.set_random_seed(seed)
        masks.append(layers.Dropout(0.5)(x, training=True))
    np.testing.assert_array_equal(masks[0], masks[1])
    assert (masks[0] != masks[2]).any()


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [
        (layers.Flatten(), (5,), (5,)),
        (layers.Flatten(), (2, 3, 4), (24,)),
        (layers.Flatten(), (), (1,)),
        (layers.Reshape((4, 6)), (24,), (4, 6)),
        (layers.Reshape((-1, 4)), (2, 3, 4), (6, 4)),
        (layers.Reshape((24,)), (2, 3, 4), (24,)),
        (layers.Reshape((24, 1)), (2, 3, 4), (24, 1)),
        (layers.Reshape(24), (2, 3, 4), (24,)),
    ],
)
def test_reshaping_keeps_c_order(layer, shape, expected, training, rng):
    layer = type(layer).from_config(layer.get_config())
    x = rng.normal(size=(3, *shape)).astype(np.float32)
    y = layer(x, training=training)
    assert y.shape == (3, *expected)
    np.testing.assert_array_equal(y.ravel(), x.ravel())
    assert layer.output_shape == (None, *expected)


def test_reshaping_between_layers(rng):
    """Rows of 6 seen as 2 x 3: the padding of the two layouts differs."""
    first, second = layers.Dense(6), layers.Dense(4)
    x = rng.normal(size=(5, 3)).astype(np.float32)
    model = pynn.Sequential(
        [pynn.Input((3,)), first, layers.Reshape((2, 3)), second, layers.Flatten()]
    )
    y = model.predict(x, verbose=0)
    (k1, b1), (k2, b2) = first.get_weights(), second.get_weights()
    expected = (x @ k1 + b1).reshape(5, 2, 3) @ k2 + b2
    np.testing.assert_allclose(y, expected.reshape(5, 8), atol=1e-6)


LAYERS = [
    layers.Dense(3, "relu", False, "he_normal", initializers.Constant(2.0)),
    layers.Dense(3, layers.LeakyReLU(0.1)),
    layers.Dense(np.int64(3), activations.softmax, dtype="float64", trainable=False),
    layers.Activation("swish"),
    layers.ReLU(3.0, 0.1, 0.5),
    layers.LeakyReLU(),
    layers.ELU(0.5),
    layers.Softmax(),
    layers.ActivityRegularization(0.25, 0.5),
    layers.Dropout(0.25, seed=3),
    layers.AlphaDropout(0.25, (None, 1), seed=3),
    layers.SpatialDropout1D(0.25, seed=3),
    layers.SpatialDropout2D(0.25, "channels_last", seed=3),
    layers.GaussianDropout(0.25, seed=3),
    layers.GaussianNoise(0.25, seed=3),
    layers.BatchNormalization(-1, 0.8, 1e-5, True, False, "ones"),
    layers.Normalization(),
    layers.Normalization(mean=[1.0, 2.0, 3.0, 4.0], variance=[1.0, 2.0, 3.0, 4.0]),
    layers.Rescaling([1.0, 2.0, 3.0, 4.0], 0.5),
    layers.Permute((1,)),
    layers.RepeatVector(2),
    layers.Softmax(1),
    layers.LayerNormalization(1, 1e-5, True, False, "ones"),
    layers.RMSNormalization([-1], 1e-3),
    layers.UnitNormalization(),
    layers.GroupNormalization(2, 1, 1e-5, True, False, "ones"),
    layers.PReLU("ones", "l2", "non_neg", [1]),
    layers.Identity(),
    layers.Flatten(),
    layers.Reshape((2, -1)),
    layers.InputLayer((4,)),
]


# Shapes of eight elements for layers that want more axes.
SAMPLES = {
    layers.SpatialDropout1D: (1, 2, 4),
    layers.SpatialDropout2D: (1, 1, 2, 4),
}


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
def test_config_and_copies(layer):
    again = layers.deserialize(layers.serialize(layer))
    assert type(again) is type(layer)
    assert again.get_config() == layer.get_config()
    for copied in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert copied.get_config() == layer.get_config()
    x = np.linspace(-2, 2, 8).reshape(SAMPLES.get(type(layer), (2, 4)))
    if not isinstance(layer, layers.InputLayer):
        y = layer(x)
        for copied in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
            np.testing.assert_array_equal(copied(x), y)


def test_every_layer_has_a_row_above():
    public = {getattr(layers, name) for name in layers.__all__}
    classes = {c for c in public if isinstance(c, type)}
    classes -= {layers.Layer, layers.KerasTensor}
    assert classes == {type(layer) for layer in LAYERS}
    assert len(classes) >= 10


def test_copies_do_not_share_weights():
    layer = layers.Dense(2, input_dim=3)
    layer.build((None, 3))
    twin = copy.deepcopy(layer)
    layer.kernel.assign(np.zeros((3, 2)))
    assert twin.kernel.value.any()
    assert twin.blocks[0].store.vector.ctypes.data % 64 == 0


def test_automatic_names():
    pynn.backend.clear_session()
    made = [layers.Dense(1), layers.ReLU(), layers.LeakyReLU(), layers.ELU()]
    assert [x.name for x in made] == ["dense", "re_lu", "leaky_re_lu", "elu"]
    assert layers.Dense(1).name == "dense_1"
    assert layers.Dense(1, name="dense_7").name == "dense_7"
    assert layers.Dense(1).name == "dense_2"
    pynn.utils.clear_session()
    assert layers.Dense(1).name == "dense"


def test_frozen_layers_have_no_trainable_weights():
    layer = layers.Dense(2, trainable=False)
    layer.build((None, 3))
    assert layer.trainable_weights == layer.trainable_variables == []
    assert layer.non_trainable_weights == layer.weights == layer.variables
    layer.trainable = True
    assert layer.trainable_weights == layer.weights
    assert layer.non_trainable_variables == []


def test_weights_frozen_one_by_one():
    layer = layers.BatchNormalization(trainable=False)
    layer.build((None, 3))
    kinds = {"gamma", "beta"}
    for value in (False, True, False, True):
        layer.trainable = value
        found = {w.name for w in layer.weights if w.trainable}
        assert found == (kinds if value else set())
    layer.gamma.trainable = False
    assert [w.name for w in layer.trainable_weights] == ["beta"]
    left = {w.name for w in layer.non_trainable_weights}
    assert left == {"gamma", "moving_mean", "moving_variance"}
    layer.trainable = False
    layer.gamma.trainable = True
    assert layer.trainable_weights == []


@pytest.mark.parametrize("norm", ["Batch", "Layer", "Group"])
@pytest.mark.parametrize("frozen", ["gamma", "beta"])
@pytest.mark.parametrize("optimizer", ["adamw", {"clipnorm": 0.1}])
def test_frozen_weights_stay_and_others_move_as_before(norm, frozen, optimizer, rng):
    """Whether the step follows the gradient at once or all of them."""
    x, y = rng.normal(size=(20, 6)), rng.normal(size=(20, 1))
    found = []
    for freeze in (False, True):
        pynn.utils.set_random_seed(1)
        kind = getattr(layers, f"{norm}Normalization")
        layer = kind(2) if norm == "Group" else kind()
        model = pynn.Sequential([pynn.Input((6,)), layer, layers.Dense(1)])
        getattr(layer, frozen).trainable = not freeze
        chosen = optimizer
        if isinstance(optimizer, dict):
            chosen = pynn.optimizers.SGD(0.1, **optimizer)
        model.compile(chosen, "mse")
        before = getattr(layer, frozen).numpy()
        model.fit(x, y, 20, 1, 0)
        moved = getattr(layer, frozen).value != before
        assert moved.any() != freeze
        other = {"gamma": "beta", "beta": "gamma"}[frozen]
        found.append((getattr(layer, other).numpy(), layer.trainable_weights))
    np.testing.assert_array_equal(found[0][0], found[1][0])
    assert [w.name for w in found[1][1]] == [other]


def test_unbuilt_layers_say_so():
    layer = layers.Dense(2, name="new")
    assert not layer.built
    assert layer.weights == []
    with pytest.raises(AttributeError, match="'new' has no input shape"):
        layer.input_shape  # noqa: B018


class Twice(layers.Layer):
    """What a user writes: a layer of existing records."""

    def lower(self, lowering, x):
        return lowering.activate(lowering.activate(x, "tanh"), "tanh")


def test_a_layer_of_your_own(rng):
    x = rng.normal(size=(4, 3)).astype(np.float32)
    model = pynn.Sequential([pynn.Input((3,)), Twice(name="mine")])
    expected = np.tanh(np.tanh(x))
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, atol=1e-6)
    config = model.get_config()
    again = pynn.Sequential.from_config(config, {"Twice": Twice})
    assert again.layers[0].name == "mine"
    with pytest.raises(ValueError, match="Twice"):
        pynn.Sequential.from_config(config)
