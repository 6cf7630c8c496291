# SPDX-License-Identifier: BSD-3-Clause
"""The axis of the grid that is layers before the last one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Maker = Callable[[Any], Any]


@dataclass(frozen=True)
class Stack:
    """Layers before the last one, and the shape of a sample that they take."""

    layers: Maker
    shape: tuple[int, ...] = (6,)
    mixes: bool = True  # takes part in the mixtures
    loose: float = 1.0
    single: bool = False  # Keras computes it in float32, whatever it is told


def dense(activation: Any) -> Stack:
    return Stack(lambda k: [k.layers.Dense(5, activation=activation)])


def after_dense(layer: Maker, **kwargs: Any) -> Stack:
    return Stack(lambda k: [k.layers.Dense(5), layer(k)], **kwargs)


ACTIVATIONS = (
    *("relu", "sigmoid", "tanh", "softmax", "elu", "selu", "softplus", "softsign"),
    *("linear", "exponential", "leaky_relu", "silu", "gelu", "mish", "hard_sigmoid"),
    *("relu6", "log_softmax", "celu", "hard_tanh", "tanh_shrink", "squareplus"),
    *("log_sigmoid", "soft_shrink", "hard_shrink", "hard_silu", "sparse_plus"),
    *("sparse_sigmoid", "threshold", "glu", "sparsemax"),
)

STACKS: dict[str, Stack] = {name: dense(name) for name in ACTIVATIONS}
STACKS |= {
    # small weights: a certain and wrong softmax is where Keras clips and pynn does not
    "exponential": Stack(
        lambda k: [
            k.layers.Dense(
                5,
                activation="exponential",
                kernel_initializer=k.initializers.RandomUniform(-0.3, 0.3),
            )
        ]
    ),
    "none": Stack(lambda k: []),
    "two": Stack(lambda k: [k.layers.Dense(7, "relu"), k.layers.Dense(4, "tanh")]),
    "no_bias": Stack(lambda k: [k.layers.Dense(5, "tanh", use_bias=False)]),
    "wide": Stack(lambda k: [k.layers.Dense(70, "tanh")]),
    "activation": after_dense(lambda k: k.layers.Activation("tanh")),
    "relu_layer": after_dense(lambda k: k.layers.ReLU(1.5, 0.1, 0.2)),
    "leaky_layer": after_dense(lambda k: k.layers.LeakyReLU()),
    "elu_layer": after_dense(lambda k: k.layers.ELU(0.7)),
    "softmax_layer": after_dense(lambda k: k.layers.Softmax()),
    "prelu": after_dense(
        lambda k: k.layers.PReLU(alpha_initializer=k.initializers.Constant(0.3))
    ),
    "prelu_terms": after_dense(
        lambda k: k.layers.PReLU(
            k.initializers.Constant(0.1), "l2", k.constraints.NonNeg()
        ),
        mixes=False,
    ),
    "prelu_shared": Stack(  # the middle one of the axes that are left
        lambda k: [
            k.layers.PReLU("ones", shared_axes=[2]),
            k.layers.PReLU("ones", shared_axes=[1, 3]),
            k.layers.PReLU(shared_axes=[3]),
            k.layers.Flatten(),
            k.layers.PReLU(shared_axes=1),
        ],
        shape=(2, 2, 3),
        mixes=False,
    ),
    # without a bias before it: its gradient is 0 but for rounding, and Adam's relatives
    # make steps of that
    "batch_norm": Stack(
        lambda k: [k.layers.Dense(5, use_bias=False), k.layers.BatchNormalization()]
    ),
    "batch_norm_plain": Stack(
        lambda k: [
            k.layers.Dense(5, use_bias=False),
            k.layers.BatchNormalization(
                momentum=0.6, epsilon=0.01, center=False, scale=False
            ),
        ]
    ),
    "batch_norm_first": Stack(
        lambda k: [k.layers.BatchNormalization(), k.layers.Dense(5, "relu")]
    ),
    "batch_norm_channels": Stack(
        lambda k: [
            k.layers.BatchNormalization(axis=1, momentum=0.8),
            k.layers.BatchNormalization(axis=-2),
            k.layers.Flatten(),
        ],
        shape=(2, 2, 3),
        mixes=False,
    ),
    "layer_norm": after_dense(lambda k: k.layers.LayerNormalization()),
    "layer_norm_plain": after_dense(
        lambda k: k.layers.LayerNormalization(epsilon=0.1, center=False, scale=False)
    ),
    "group_norm": Stack(
        lambda k: [k.layers.Dense(6), k.layers.GroupNormalization(groups=2)],
        single=True,
    ),
    "group_norm_plain": Stack(
        lambda k: [
            k.layers.GroupNormalization(
                2, axis=1, epsilon=0.1, center=False, scale=False
            ),
            k.layers.Flatten(),
        ],
        shape=(4, 3),
        mixes=False,
        single=True,
    ),
    "group_norm_terms": Stack(
        lambda k: [
            k.layers.GroupNormalization(
                2, gamma_regularizer="l2", beta_constraint="non_neg"
            ),
            k.layers.Flatten(),
        ],
        shape=(3, 4),
        mixes=False,
        single=True,
    ),
    "instance_norm": Stack(
        lambda k: [
            k.layers.GroupNormalization(-1, axis=2),
            k.layers.Dense(4, "tanh"),
            k.layers.Flatten(),
        ],
        shape=(2, 2, 3),
        mixes=False,
        single=True,
    ),
    "rms_norm": after_dense(lambda k: k.layers.RMSNormalization()),
    "unit_norm": after_dense(lambda k: k.layers.UnitNormalization()),
    "rescaling": Stack(
        lambda k: [k.layers.Rescaling(0.5, offset=1.0), k.layers.Dense(5, "tanh")]
    ),
    "normalization": Stack(
        lambda k: [
            k.layers.Normalization(mean=[0.1] * 6, variance=[2.0] * 6),
            k.layers.Dense(5, "tanh"),
        ]
    ),
    # random layers train alike when nothing is random
    "dropout_0": after_dense(lambda k: k.layers.Dropout(0.0)),
    "alpha_dropout_0": after_dense(lambda k: k.layers.AlphaDropout(0.0)),
    "gaussian_dropout_0": after_dense(lambda k: k.layers.GaussianDropout(0.0)),
    "gaussian_noise_0": after_dense(lambda k: k.layers.GaussianNoise(0.0)),
    "activity": after_dense(
        lambda k: k.layers.ActivityRegularization(l1=0.01, l2=0.02)
    ),
    "identity": after_dense(lambda k: k.layers.Identity()),
    "nested": Stack(
        lambda k: [
            k.Sequential([k.Input((6,)), k.layers.Dense(5, "tanh"), k.layers.Dense(4)])
        ]
    ),
    "flatten": Stack(
        lambda k: [k.layers.Flatten(), k.layers.Dense(5, "tanh")], shape=(2, 3)
    ),
    "reshape": Stack(
        lambda k: [
            k.layers.Reshape((3, -1)),
            k.layers.Dense(4, "tanh"),
            k.layers.Flatten(),
        ]
    ),
    "permute": Stack(
        lambda k: [
            k.layers.Permute((2, 1)),
            k.layers.Dense(4, "tanh"),
            k.layers.Flatten(),
        ],
        shape=(2, 3),
    ),
    "repeat": Stack(
        lambda k: [
            k.layers.RepeatVector(3),
            k.layers.Dense(4, "tanh"),
            k.layers.Flatten(),
        ]
    ),
    "dense_of_images": Stack(
        lambda k: [k.layers.Dense(4, "relu"), k.layers.Flatten()], shape=(2, 2, 3)
    ),
}

# What random layers do to training cannot be compared; what they do afterwards can.
RANDOM = {
    "dropout": lambda k: k.layers.Dropout(0.5, seed=1),
    "alpha_dropout": lambda k: k.layers.AlphaDropout(0.5, seed=1),
    "gaussian_dropout": lambda k: k.layers.GaussianDropout(0.5, seed=1),
    "gaussian_noise": lambda k: k.layers.GaussianNoise(0.5, seed=1),
}
