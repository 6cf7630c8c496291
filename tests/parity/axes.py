# SPDX-License-Identifier: BSD-3-Clause
"""The axes of the grid: losses, optimizers, schedules, arguments of layers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Maker = Callable[[Any], Any]


@dataclass(frozen=True)
class Goal:
    """A loss with targets and a last layer that suit it."""

    loss: Maker
    targets: str
    units: int
    activation: str | None = None
    loose: float = 1.0


@dataclass(frozen=True)
class Optimizer:
    make: Maker
    loose: float = 1.0


@dataclass(frozen=True)
class Arguments:
    """Keywords of a Dense."""

    axis: str
    make: Callable[[Any], dict[str, Any]]


LOSSES: dict[str, Goal] = {
    "mse": Goal(lambda k: "mse", "number", 1),
    "mean_absolute_error": Goal(lambda k: k.losses.MeanAbsoluteError(), "numbers", 3),
    "mape": Goal(  # gradients of hundreds, and a step of plain SGD is as long
        lambda k: k.losses.MeanAbsolutePercentageError(), "positive", 3, loose=5.0
    ),
    "msle": Goal(
        lambda k: k.losses.MeanSquaredLogarithmicError(), "positive", 3, "softplus"
    ),
    "mse_of_three": Goal(lambda k: k.losses.MeanSquaredError(), "numbers", 3),
    "huber": Goal(lambda k: k.losses.Huber(0.5), "numbers", 3),
    "log_cosh": Goal(lambda k: k.losses.LogCosh(), "number", 1),
    "poisson": Goal(lambda k: k.losses.Poisson(), "positive", 3, "softplus"),
    "kl_divergence": Goal(lambda k: k.losses.KLDivergence(), "soft", 3, "softmax"),
    "cosine_similarity": Goal(lambda k: k.losses.CosineSimilarity(), "numbers", 3),
    "hinge": Goal(lambda k: k.losses.Hinge(), "signs", 1, "tanh"),
    "squared_hinge": Goal(lambda k: k.losses.SquaredHinge(), "binary", 1, "tanh"),
    "categorical_hinge": Goal(
        lambda k: k.losses.CategoricalHinge(), "one_hot", 3, "softmax"
    ),
    "binary_crossentropy": Goal(
        lambda k: "binary_crossentropy", "binary", 1, "sigmoid"
    ),
    "binary_crossentropy_of_three": Goal(
        lambda k: k.losses.BinaryCrossentropy(), "several", 3, "sigmoid"
    ),
    "binary_crossentropy_logits": Goal(
        lambda k: k.losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.1),
        "binary",
        1,
    ),
    "categorical_crossentropy": Goal(
        lambda k: "categorical_crossentropy", "one_hot", 3, "softmax"
    ),
    "categorical_crossentropy_smooth": Goal(
        lambda k: k.losses.CategoricalCrossentropy(label_smoothing=0.2),
        "one_hot",
        3,
        "softmax",
    ),
    "categorical_crossentropy_logits": Goal(
        lambda k: k.losses.CategoricalCrossentropy(from_logits=True), "soft", 3
    ),
    "categorical_crossentropy_sigmoid": Goal(
        lambda k: k.losses.CategoricalCrossentropy(), "one_hot", 3, "sigmoid"
    ),
    "sparse_categorical_crossentropy": Goal(
        lambda k: "sparse_categorical_crossentropy", "labels", 3, "softmax"
    ),
    "sparse_categorical_crossentropy_logits": Goal(
        lambda k: k.losses.SparseCategoricalCrossentropy(from_logits=True), "labels", 3
    ),
    "sparse_categorical_crossentropy_ignore": Goal(
        lambda k: k.losses.SparseCategoricalCrossentropy(ignore_class=1),
        "labels",
        3,
        "softmax",
    ),
    "sparse_categorical_crossentropy_ignore_logits": Goal(
        lambda k: k.losses.SparseCategoricalCrossentropy(True, ignore_class=0),
        "labels",
        3,
    ),
    "binary_focal": Goal(
        lambda k: k.losses.BinaryFocalCrossentropy(apply_class_balancing=True),
        "binary",
        1,
        "sigmoid",
    ),
    "categorical_focal": Goal(
        lambda k: k.losses.CategoricalFocalCrossentropy(), "one_hot", 3, "softmax"
    ),
    "dice": Goal(lambda k: k.losses.Dice(), "one_hot", 3, "softmax"),
    "tversky": Goal(lambda k: k.losses.Tversky(0.3, 0.7), "one_hot", 3, "softmax"),
    "mean_reduction": Goal(
        lambda k: k.losses.MeanSquaredError(reduction="mean"), "numbers", 3
    ),
    "sum_reduction": Goal(
        lambda k: k.losses.MeanAbsoluteError(reduction="sum"),
        "numbers",
        3,
        loose=4.0,  # of 24 values: steps as many times as large
    ),
    "weighted_reduction": Goal(
        lambda k: k.losses.MeanSquaredError(reduction="mean_with_sample_weight"),
        "numbers",
        3,
    ),
    "function": Goal(lambda k: k.losses.mean_squared_error, "number", 1),
}

OPTIMIZERS: dict[str, Optimizer] = {
    "sgd": Optimizer(lambda k: k.optimizers.SGD(0.05)),
    "momentum": Optimizer(lambda k: k.optimizers.SGD(0.02, momentum=0.9)),
    "nesterov": Optimizer(lambda k: k.optimizers.SGD(0.02, 0.9, nesterov=True)),
    "adam": Optimizer(lambda k: k.optimizers.Adam(0.01)),
    "amsgrad": Optimizer(lambda k: k.optimizers.Adam(0.01, 0.8, 0.9, amsgrad=True)),
    "adamw": Optimizer(lambda k: k.optimizers.AdamW(0.01, weight_decay=0.1)),
    "rmsprop": Optimizer(lambda k: k.optimizers.RMSprop(0.01)),
    "rmsprop_centered": Optimizer(
        lambda k: k.optimizers.RMSprop(0.01, 0.8, 0.5, centered=True, epsilon=1e-3)
    ),
    "nadam": Optimizer(lambda k: k.optimizers.Nadam(0.01)),
    "adagrad": Optimizer(lambda k: k.optimizers.Adagrad(0.05)),
    "adadelta": Optimizer(lambda k: k.optimizers.Adadelta(1.0)),
    "adamax": Optimizer(lambda k: k.optimizers.Adamax(0.01)),
    "ftrl": Optimizer(
        lambda k: k.optimizers.Ftrl(
            0.05, l1_regularization_strength=0.01, l2_regularization_strength=0.02
        )
    ),
    "lion": Optimizer(lambda k: k.optimizers.Lion(0.003)),
    "clipnorm": Optimizer(lambda k: k.optimizers.SGD(0.1, clipnorm=0.1)),
    "clipvalue": Optimizer(lambda k: k.optimizers.Adam(0.01, clipvalue=0.05)),
    "global_clipnorm": Optimizer(lambda k: k.optimizers.SGD(0.1, global_clipnorm=0.2)),
    "decay": Optimizer(lambda k: k.optimizers.SGD(0.1, 0.9, weight_decay=0.05)),
    "ema": Optimizer(
        lambda k: k.optimizers.SGD(
            0.1, use_ema=True, ema_momentum=0.8, ema_overwrite_frequency=5
        )
    ),
    "ema_end": Optimizer(
        lambda k: k.optimizers.Adam(0.01, use_ema=True, ema_momentum=0.9)
    ),
    "accumulation": Optimizer(
        lambda k: k.optimizers.SGD(0.1, gradient_accumulation_steps=3)
    ),
    "lamb": Optimizer(lambda k: k.optimizers.Lamb(0.01)),
    "adafactor": Optimizer(lambda k: k.optimizers.Adafactor(0.01)),
    "muon": Optimizer(lambda k: k.optimizers.Muon(0.01)),
    "string": Optimizer(lambda k: "adam"),
    "default": Optimizer(lambda k: k.optimizers.get("RMSprop")),
}

SCHEDULES: dict[str, Maker] = {
    "exponential": lambda k: k.optimizers.schedules.ExponentialDecay(0.1, 4, 0.5),
    "staircase": lambda k: k.optimizers.schedules.ExponentialDecay(0.1, 4, 0.5, True),
    "piecewise": lambda k: k.optimizers.schedules.PiecewiseConstantDecay(
        [2, 5], [0.1, 0.02, 0.005]
    ),
    "polynomial": lambda k: k.optimizers.schedules.PolynomialDecay(0.1, 9, 0.01, 2.0),
    "cycle": lambda k: k.optimizers.schedules.PolynomialDecay(0.1, 5, 0.01, cycle=True),
    "inverse": lambda k: k.optimizers.schedules.InverseTimeDecay(0.1, 4, 0.5),
    "cosine": lambda k: k.optimizers.schedules.CosineDecay(0.1, 9, 0.1),
    "warmup": lambda k: k.optimizers.schedules.CosineDecay(
        0.01, 8, warmup_target=0.1, warmup_steps=3
    ),
    "restarts": lambda k: k.optimizers.schedules.CosineDecayRestarts(0.1, 4),
}


def kernel(axis: str, make: Maker) -> Arguments:
    return Arguments(axis, lambda k: {f"kernel_{axis}": make(k)})


REGULARIZERS: dict[str, Arguments] = {
    "l1": kernel("regularizer", lambda k: k.regularizers.L1(0.02)),
    "l2": kernel("regularizer", lambda k: k.regularizers.L2(0.03)),
    "l1_l2": kernel("regularizer", lambda k: k.regularizers.L1L2(0.01, 0.02)),
    "by_name": kernel("regularizer", lambda k: "l2"),
    "orthogonal": kernel(
        "regularizer",
        lambda k: k.regularizers.OrthogonalRegularizer(0.05, mode="columns"),
    ),
    "orthogonal_rows": kernel(
        "regularizer", lambda k: k.regularizers.OrthogonalRegularizer(0.05)
    ),
    "bias_l2": Arguments(
        "regularizer",
        lambda k: {
            "bias_regularizer": k.regularizers.L2(0.1),
            "bias_initializer": k.initializers.Constant(0.5),
        },
    ),
    "activity": Arguments(
        "regularizer", lambda k: {"activity_regularizer": k.regularizers.L2(0.1)}
    ),
    "activity_l1": Arguments(
        "regularizer", lambda k: {"activity_regularizer": k.regularizers.l1(0.1)}
    ),
}

CONSTRAINTS: dict[str, Arguments] = {
    "max_norm": kernel("constraint", lambda k: k.constraints.MaxNorm(0.7)),
    "non_neg": kernel("constraint", lambda k: k.constraints.NonNeg()),
    "unit_columns": kernel("constraint", lambda k: k.constraints.UnitNorm()),
    "unit_rows": kernel("constraint", lambda k: k.constraints.UnitNorm(axis=1)),
    "min_max_norm": kernel(
        "constraint", lambda k: k.constraints.MinMaxNorm(0.3, 0.8, rate=0.7)
    ),
    "bias_non_neg": Arguments(
        "constraint", lambda k: {"bias_constraint": k.constraints.NonNeg()}
    ),
}

# The values that both start from are Keras's: this runs the rest of the way.
INITIALIZERS: dict[str, Arguments] = {
    "he_normal": kernel("initializer", lambda k: "he_normal"),
    "constant": kernel("initializer", lambda k: k.initializers.Constant(0.1)),
}
