# SPDX-License-Identifier: BSD-3-Clause
"""Metrics with Keras 3's names and definitions, as classes and as functions."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pynn._lookup import find, known, resolve, table, to_config
from pynn._names import snake_case
from pynn._registry import CustomObjectScope
from pynn._values import ALIASES, BY_TASK, task
from pynn.losses import (
    binary_crossentropy,
    categorical_crossentropy,
    categorical_hinge,
    hinge,
    huber,
    kl_divergence,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
)
from pynn.metrics._base import Mean, MeanMetric, MeanMetricWrapper, Metric, Sum
from pynn.metrics._confusion import (
    AUC,
    FalseNegatives,
    FalsePositives,
    Precision,
    Recall,
    TrueNegatives,
    TruePositives,
)
from pynn.metrics._constrained import (
    PrecisionAtRecall,
    RecallAtPrecision,
    SensitivityAtSpecificity,
    SpecificityAtSensitivity,
)
from pynn.metrics._iou import (
    BinaryIoU,
    ConcordanceCorrelation,
    IoU,
    MeanIoU,
    OneHotIoU,
    OneHotMeanIoU,
    PearsonCorrelation,
    concordance_correlation,
    pearson_correlation,
)
from pynn.metrics._mean import (
    BinaryAccuracy,
    BinaryCrossentropy,
    CategoricalAccuracy,
    CategoricalCrossentropy,
    CategoricalHinge,
    CosineSimilarity,
    Hinge,
    KLDivergence,
    LogCoshError,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    RootMeanSquaredError,
    SparseCategoricalAccuracy,
    SparseCategoricalCrossentropy,
    SquaredHinge,
    binary_accuracy,
    categorical_accuracy,
    sparse_categorical_accuracy,
)
from pynn.metrics._ranked import (
    Accuracy,
    F1Score,
    FBetaScore,
    R2Score,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
    sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
)

__all__ = [
    "AUC",
    "Accuracy",
    "BinaryAccuracy",
    "BinaryCrossentropy",
    "BinaryIoU",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "ConcordanceCorrelation",
    "CosineSimilarity",
    "F1Score",
    "FBetaScore",
    "FalseNegatives",
    "FalsePositives",
    "Hinge",
    "IoU",
    "KLDivergence",
    "LogCoshError",
    "Mean",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanIoU",
    "MeanMetric",
    "MeanMetricWrapper",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Metric",
    "OneHotIoU",
    "OneHotMeanIoU",
    "PearsonCorrelation",
    "Poisson",
    "Precision",
    "PrecisionAtRecall",
    "R2Score",
    "Recall",
    "RecallAtPrecision",
    "RootMeanSquaredError",
    "SensitivityAtSpecificity",
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy",
    "SpecificityAtSensitivity",
    "SquaredHinge",
    "Sum",
    "TopKCategoricalAccuracy",
    "TrueNegatives",
    "TruePositives",
    "binary_accuracy",
    "binary_crossentropy",
    "categorical_accuracy",
    "categorical_crossentropy",
    "categorical_hinge",
    "concordance_correlation",
    "deserialize",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "pearson_correlation",
    "poisson",
    "serialize",
    "sparse_categorical_accuracy",
    "sparse_categorical_crossentropy",
    "sparse_top_k_categorical_accuracy",
    "squared_hinge",
    "top_k_categorical_accuracy",
]

_BASES = (Metric, MeanMetric, MeanMetricWrapper)
_CLASSES: dict[str, type[Metric]] = {
    name: value
    for name, value in globals().items()
    if isinstance(value, type) and issubclass(value, Metric) and value not in _BASES
}
_METRICS = table(
    _CLASSES.values(),
    **{short: _CLASSES[name] for short, name in ALIASES.items()},
    cosine=CosineSimilarity,
    log_cosh=LogCoshError,
    rmse=RootMeanSquaredError,
)
_BY_SHAPE = {
    "accuracy": "Accuracy",
    "acc": "Accuracy",
    "crossentropy": "Crossentropy",
    "ce": "Crossentropy",
}


def _by_name(
    name: str,
    y_shape: Sequence[int] | None,
    output_shape: Sequence[int | None] | None,
) -> Metric:
    family = _BY_SHAPE.get(name.lower())
    if family is None:
        cls = find(name, _METRICS, "metric")
    elif y_shape is not None and output_shape is not None:
        cls = _CLASSES[BY_TASK[task(y_shape, output_shape)] + family]
    elif family == "Accuracy":
        cls = Accuracy
    else:
        raise ValueError(
            f"metric {name!r} is picked by the shapes of data, which are not known here"
        )
    return cls(name=name)


def _by_function(function: Callable[..., Any]) -> Metric:
    """A function of ours is computed in the core, any other in NumPy."""
    name = getattr(function, "__name__", "")
    ours = str(getattr(function, "__module__", None)).startswith("pynn.")
    key = name.replace("_", "").lower()
    if ours and key in _METRICS and snake_case(_METRICS[key].__name__) == name:
        return _METRICS[key](name=name)
    return MeanMetricWrapper(function)


def get(
    identifier: object,
    y_shape: Sequence[int] | None = None,
    output_shape: Sequence[int | None] | None = None,
) -> Metric:
    """Return the metric that a name, configuration, function or class stands for.

    Parameters
    ----------
    identifier : str, dict, callable, type or Metric
        A name is that of a class or function in any case, one of ``mse mae mape msle
        bce kld``, or ``accuracy`` (``acc``) and ``crossentropy`` (``ce``), which pick
        the binary, categorical or sparse one by shape. The metric is called by the name
        as it was written. A function of yours takes ``(y_true, y_pred)`` as NumPy
        arrays.
    y_shape, output_shape : tuple of int, optional
        Shapes of targets and predictions, with the batch axis.

    Raises
    ------
    ValueError
        If there is none; the message lists the nearest names.
    """
    identifier = known(identifier)
    if isinstance(identifier, str):
        return _by_name(identifier, y_shape, output_shape)
    if callable(identifier) and not isinstance(identifier, type | Metric):
        return _by_function(identifier)
    return resolve(identifier, _METRICS, Metric, "metric")


def serialize(metric: Metric) -> dict[str, Any]:
    """Return a metric as plain data."""
    return to_config(metric)


def deserialize(
    config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
) -> Metric:
    """Make the metric that `serialize` wrote down.

    Parameters
    ----------
    config : dict
    custom_objects : dict, optional
        Classes and functions of your own, by name.
    """
    with CustomObjectScope(custom_objects):
        return get(dict(config))
