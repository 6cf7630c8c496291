# SPDX-License-Identifier: BSD-3-Clause
"""The axes of the grid that belong to `fit`: metrics, its arguments, callbacks."""

from collections.abc import Callable
from typing import Any

Maker = Callable[[Any], Any]

METRICS: dict[str, tuple[str, Maker]] = {
    "labels": (
        "sparse_categorical_crossentropy",
        lambda k: [
            "accuracy",
            k.metrics.SparseTopKCategoricalAccuracy(k=2),
            k.metrics.SparseCategoricalAccuracy(),
            k.metrics.SparseCategoricalCrossentropy(),
            k.metrics.SparseCategoricalCrossentropy("left", ignore_class=2),
        ],
    ),
    "one_hot": (
        "categorical_crossentropy",
        lambda k: [
            "acc",
            k.metrics.CategoricalAccuracy(),
            k.metrics.CategoricalCrossentropy(),
            k.metrics.TopKCategoricalAccuracy(k=2),
            k.metrics.Precision(name="precision"),
            k.metrics.Recall(name="recall", thresholds=0.4),
            k.metrics.AUC(name="auc"),
            k.metrics.KLDivergence(),
            k.metrics.CategoricalHinge(),
            k.metrics.F1Score(average="macro"),
        ],
    ),
    "binary": (
        "binary_crossentropy",
        lambda k: [
            "accuracy",
            k.metrics.BinaryAccuracy(threshold=0.4),
            k.metrics.BinaryCrossentropy(),
            k.metrics.AUC(name="auc", curve="PR"),
            k.metrics.AUC(name="roc", num_thresholds=50),
            k.metrics.Precision(name="precision"),
            k.metrics.Recall(name="recall"),
            k.metrics.PrecisionAtRecall(0.5, name="precision_at"),
            k.metrics.RecallAtPrecision(0.5, name="recall_at"),
            k.metrics.SensitivityAtSpecificity(0.5, name="sensitivity_at"),
            k.metrics.SpecificityAtSensitivity(0.5, name="specificity_at"),
        ],
    ),
    "hinges": (
        "hinge",
        lambda k: [k.metrics.Hinge(), k.metrics.SquaredHinge(), k.metrics.Accuracy()],
    ),
    "numbers": (
        "mse_of_three",
        lambda k: [
            "mae",
            k.metrics.MeanSquaredError(),
            k.metrics.RootMeanSquaredError(),
            k.metrics.CosineSimilarity(),
            k.metrics.LogCoshError(),
            k.metrics.R2Score(class_aggregation="uniform_average"),
            k.metrics.PearsonCorrelation(),
            k.metrics.ConcordanceCorrelation(),
        ],
    ),
    "positive": (
        "poisson",
        lambda k: [
            k.metrics.Poisson(),
            k.metrics.MeanAbsoluteError(),
            k.metrics.MeanAbsolutePercentageError(),
            k.metrics.MeanSquaredLogarithmicError(),
        ],
    ),
    "functions": (
        "mse",
        lambda k: [k.metrics.mean_absolute_error, k.losses.mean_squared_error],
    ),
    "scores": (
        "categorical_crossentropy",
        lambda k: [k.metrics.FBetaScore(average="micro", beta=2.0, threshold=0.4)],
    ),
}


def counts(k: Any) -> list[Any]:
    """Metrics that are counts: without validation, which Keras on PyTorch mixes in."""
    return [
        k.metrics.TruePositives(name="tp"),
        k.metrics.TrueNegatives(name="tn"),
        k.metrics.FalsePositives(name="fp", thresholds=0.3),
        k.metrics.FalseNegatives(name="fn"),
    ]


# Keras cuts the weights of these to integers.
UNWEIGHTED: dict[str, tuple[str, Maker]] = {
    "overlap_of_labels": (
        "sparse_categorical_crossentropy",
        lambda k: [
            k.metrics.IoU(3, [1], sparse_y_pred=False, name="iou"),
            k.metrics.MeanIoU(3, sparse_y_pred=False, name="mean_iou"),
        ],
    ),
    "overlap_of_one_hot": (
        "categorical_crossentropy",
        lambda k: [
            k.metrics.OneHotIoU(3, [0, 2], name="iou"),
            k.metrics.OneHotMeanIoU(3, name="mean_iou"),
        ],
    ),
    "overlap_of_two": (
        "binary_crossentropy",
        lambda k: [k.metrics.BinaryIoU(name="iou")],
    ),
}

DATA_RULES: dict[str, dict[str, Any]] = {
    "split": {"validation_split": 0.25},
    "frequency": {"validation_freq": 2, "epochs": 5},
    "some_epochs": {"validation_freq": [1, 3]},
    "late_start": {"initial_epoch": 2, "epochs": 5},
    "one_batch": {"batch_size": 100},
    "single_rows": {"batch_size": 1, "epochs": 1},
    "no_epochs": {"epochs": 0},
    "steps": {"steps_per_epoch": 2},
    "validation_batch": {"validation_batch_size": 5},
}


def _freeze(*indices: int) -> Callable[[Any], None]:
    def prepare(model: Any) -> None:
        for i in indices:
            model.layers[i].trainable = False

    return prepare


def _freeze_all(model: Any) -> None:
    model.trainable = False


def _freeze_weights(layer: int, *names: str) -> Callable[[Any], None]:
    def prepare(model: Any) -> None:
        for name in names:
            getattr(model.layers[layer], name).trainable = False

    return prepare


def _thaw(model: Any) -> None:
    model.layers[0].bias.trainable = False
    model.layers[0].trainable = False
    model.layers[0].trainable = True


FROZEN: dict[str, tuple[Maker, Callable[[Any], None]]] = {
    "dense": (lambda k: [k.layers.Dense(5, "tanh")], _freeze(0)),
    "batch_norm": (
        lambda k: [k.layers.Dense(5), k.layers.BatchNormalization()],
        _freeze(1),
    ),
    "regularized": (
        lambda k: [k.layers.Dense(5, "tanh", kernel_regularizer="l2")],
        _freeze(0),
    ),
    "everything": (lambda k: [k.layers.Dense(5, "tanh")], _freeze_all),
    "gamma": (
        lambda k: [k.layers.Dense(5), k.layers.BatchNormalization()],
        _freeze_weights(1, "gamma"),
    ),
    "beta": (
        lambda k: [k.layers.Dense(5), k.layers.LayerNormalization()],
        _freeze_weights(1, "beta"),
    ),
    "gamma_of_groups": (
        lambda k: [k.layers.Dense(6), k.layers.GroupNormalization(2)],
        _freeze_weights(1, "gamma"),
    ),
    "kernel": (
        lambda k: [k.layers.Dense(5, "tanh", kernel_regularizer="l2")],
        _freeze_weights(0, "kernel"),
    ),
    "alpha": (
        lambda k: [k.layers.Dense(5), k.layers.PReLU("ones")],
        _freeze_weights(1, "alpha"),
    ),
    "both": (
        lambda k: [k.layers.Dense(5), k.layers.BatchNormalization()],
        _freeze_weights(1, "gamma", "beta"),
    ),
    "and_thawed": (lambda k: [k.layers.Dense(5, "tanh")], _thaw),
}

CALLBACKS: dict[str, Maker] = {
    "early_stopping": lambda k: [k.callbacks.EarlyStopping(patience=2)],
    "restoring": lambda k: [
        k.callbacks.EarlyStopping(
            patience=1, min_delta=0.02, restore_best_weights=True, start_from_epoch=1
        )
    ],
    "accuracy": lambda k: [
        k.callbacks.EarlyStopping("val_accuracy", patience=2, baseline=0.9)
    ],
    "plateau": lambda k: [
        k.callbacks.ReduceLROnPlateau(factor=0.5, patience=1, cooldown=1, min_lr=0.01)
    ],
    "scheduler": lambda k: [
        k.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.9)
    ],
    "lambda": lambda k: [k.callbacks.LambdaCallback(on_epoch_end=_stop_at_four(k))],
    "nan": lambda k: [k.callbacks.TerminateOnNaN()],
    "history": lambda k: [k.callbacks.History()],
    "idle": lambda k: [k.callbacks.Callback()],
}


def _stop_at_four(k: Any) -> Callable[..., None]:
    seen = []

    def hook(epoch: int, logs: Any) -> None:
        seen.append(logs["loss"])

    return hook
