# SPDX-License-Identifier: BSD-3-Clause
"""Means of what the core computes for each sample: losses as metrics, accuracies."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from pynn._checks import flag, real
from pynn._values import Values, only_zeros_and_ones, per_vector
from pynn.losses._probabilistic import check_label, sparse_attr
from pynn.losses._regression import check_axis
from pynn.metrics._base import MeanMetric


class _Down(MeanMetric):
    direction = "down"


class MeanSquaredError(_Down):
    """Mean of ``(p - y)**2``."""

    kind = "mean_squared_error"


class RootMeanSquaredError(MeanSquaredError):
    """Root of the mean of ``(p - y)**2`` over all samples."""

    @staticmethod
    def finish(total: float, count: float) -> float:
        """Return the root of the mean."""
        return math.sqrt(MeanMetric.finish(total, count))


class MeanAbsoluteError(_Down):
    """Mean of ``abs(p - y)``."""

    kind = "mean_absolute_error"


class MeanAbsolutePercentageError(_Down):
    """Mean of ``100 * abs(y - p) / max(abs(y), 1e-7)``, in percent."""

    kind = "mean_absolute_percentage_error"


class MeanSquaredLogarithmicError(_Down):
    """Mean of ``(log(max(p, 1e-7) + 1) - log(max(y, 1e-7) + 1))**2``."""

    kind = "mean_squared_logarithmic_error"


class LogCoshError(_Down):
    """Mean of ``log(cosh(p - y))``."""

    kind = "log_cosh"

    def __init__(self, name: str | None = "logcosh", dtype: object = None) -> None:
        super().__init__(name, dtype)


class KLDivergence(_Down):
    """Mean of ``sum(y * log(y / p))``."""

    kind = "kl_divergence"


class Poisson(_Down):
    """Mean of ``p - y * log(p + 1e-7)``."""

    kind = "poisson"


class Hinge(_Down):
    """Mean of ``max(1 - y * p, 0)`` for labels of -1 and 1, or all 0 and 1."""

    kind = "hinge"

    def attr_for(self, y_true: Any) -> tuple[float, ...]:
        """Return 1 for labels that are all 0 or 1, else 0."""
        return (float(only_zeros_and_ones(y_true)),)


class SquaredHinge(Hinge):
    """Mean of ``max(1 - y * p, 0)**2`` for labels of -1 and 1, or all 0 and 1."""

    kind = "squared_hinge"


class CategoricalHinge(_Down):
    """Mean of ``max(max((1 - y) * p) - sum(y * p) + 1, 0)`` for one-hot y."""

    kind = "categorical_hinge"


class CosineSimilarity(MeanMetric):
    """Mean cosine of the angle between y and p: 1 is the same direction.

    Parameters
    ----------
    name : str
    dtype : optional
    axis : int
        Of the vectors.
    """

    kind = "cosine_similarity"
    direction = "up"
    fields = ("axis",)

    def __init__(
        self,
        name: str | None = "cosine_similarity",
        dtype: object = None,
        axis: int = -1,
    ) -> None:
        super().__init__(name, dtype)
        self.axis = check_axis(axis, "CosineSimilarity")

    @staticmethod
    def finish(total: float, count: float) -> float:
        """Return minus the mean, as the core computes minus the cosine."""
        return 0.0 - MeanMetric.finish(total, count)


class BinaryCrossentropy(_Down):
    """Mean of ``-y * log(p) - (1 - y) * log(1 - p)``.

    Parameters
    ----------
    name : str
    dtype : optional
    from_logits : bool
        The prediction is what goes into a sigmoid.
    label_smoothing : float
        s in [0, 1]: ``y * (1 - s) + s / 2`` takes the place of y.
    """

    fields: ClassVar[tuple[str, ...]] = ("from_logits", "label_smoothing")

    def __init__(
        self,
        name: str | None = None,
        dtype: object = None,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(name, dtype)
        who = type(self).__name__
        self.from_logits = flag(from_logits, f"{who}: from_logits")
        self.label_smoothing = real(
            label_smoothing, f"{who}: label_smoothing", "[0, 1]"
        )

    _family: ClassVar[str] = "binary_crossentropy"

    @property
    def kind(self) -> str:  # type: ignore[override]
        """Row of the core's table: from probabilities or from logits."""
        return self._family + "_logits" * self.from_logits

    @property
    def attr(self) -> tuple[float, ...]:
        return (self.label_smoothing,)


class CategoricalCrossentropy(BinaryCrossentropy):
    """Mean of ``-sum(y * log(p))`` for one-hot y, with p divided by its sum.

    Parameters
    ----------
    name : str
    dtype : optional
    from_logits : bool
        The prediction is what goes into a softmax.
    label_smoothing : float
        s in [0, 1]: ``y * (1 - s) + s / classes`` takes the place of y.
    axis : int
        Of the classes.
    """

    _family = "categorical_crossentropy"
    fields = ("from_logits", "label_smoothing", "axis")

    def __init__(
        self,
        name: str | None = None,
        dtype: object = None,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
    ) -> None:
        super().__init__(name, dtype, from_logits, label_smoothing)
        self.axis = check_axis(axis, type(self).__name__)


class SparseCategoricalCrossentropy(CategoricalCrossentropy):
    """`CategoricalCrossentropy` with class numbers as targets.

    Parameters
    ----------
    name : str
    dtype : optional
    from_logits : bool
        The prediction is what goes into a softmax.
    ignore_class : int, optional
        Label of samples whose value is 0; they count in the mean unless there are
        sample weights.
    axis : int
        Of the classes.
    """

    _family = "sparse_categorical_crossentropy"
    fields = ("from_logits", "ignore_class", "axis")

    def __init__(
        self,
        name: str | None = None,
        dtype: object = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ) -> None:
        super().__init__(name, dtype, from_logits, 0.0, axis)
        self.ignore_class = check_label(ignore_class, type(self).__name__)

    @property
    def attr(self) -> tuple[float, ...]:
        return sparse_attr(self.ignore_class)


class BinaryAccuracy(MeanMetric):
    """Share of predictions on the right side of a threshold.

    Parameters
    ----------
    name : str
    dtype : optional
    threshold : float
        In [0, 1]; a prediction above it is class 1, one that equals it class 0.
    """

    kind = "binary_accuracy"
    direction = "up"
    fields = ("threshold",)

    def __init__(
        self,
        name: str | None = "binary_accuracy",
        dtype: object = None,
        threshold: float = 0.5,
    ) -> None:
        super().__init__(name, dtype)
        self.threshold = real(threshold, "BinaryAccuracy: threshold")

    @property
    def attr(self) -> tuple[float, ...]:
        return (self.threshold,)


class CategoricalAccuracy(MeanMetric):
    """Share of samples whose largest prediction is where y, one-hot, is largest."""

    kind = "categorical_accuracy"
    direction = "up"


class SparseCategoricalAccuracy(MeanMetric):
    """Share of samples whose largest prediction is at the class number y."""

    kind = "sparse_categorical_accuracy"
    direction = "up"


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Values:
    """Return 1 for each element on the right side of the threshold, else 0."""
    limit = real(threshold, "binary_accuracy: threshold")
    return per_vector("binary_accuracy", (limit,), y_true, y_pred, each=True)


def categorical_accuracy(y_true: Any, y_pred: Any) -> Values:
    """Return 1 for each sample whose largest prediction is where y is largest."""
    return per_vector("categorical_accuracy", (), y_true, y_pred)


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Values:
    """Return 1 for each sample whose largest prediction is at class `y_true`."""
    return per_vector("sparse_categorical_accuracy", (), y_true, y_pred)
