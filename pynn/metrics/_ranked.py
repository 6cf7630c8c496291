# SPDX-License-Identifier: BSD-3-Clause
"""Metrics gathered in NumPy from targets and predictions: hits, F score, R2."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from pynn._checks import integer, one_of, optional_real, real
from pynn._values import (
    Array,
    Values,
    check_vectors,
    labels_for,
    numbers,
    same_rank,
    weights_for,
)
from pynn.metrics._base import Gathered, _Average, ratio

_TINY = 1e-7  # Keras's epsilon, added to denominators


class Accuracy(_Average):
    """Share of predictions that equal their target exactly."""

    direction = "up"

    def __init__(self, name: str | None = "accuracy", dtype: object = None) -> None:
        super().__init__(name, dtype)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch; see `Metric.update_state`."""
        true, pred = same_rank(numbers(y_true, "y_true"), numbers(y_pred, "y_pred"))
        self.add((true == pred).astype(np.float64), sample_weight)


def _hits(labels: Values, pred: Values, k: int) -> Values:
    """1 where fewer than k predictions are larger than that of the label, else 0.

    A prediction that is not finite at the label is no hit.
    """
    index = labels.astype(np.intp)[..., None]
    own = np.take_along_axis(pred, index, axis=-1)
    found: Values = ((pred > own).sum(axis=-1) < k) & np.isfinite(own[..., 0])
    return found.astype(np.float64)


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Values:
    """Return 1 for each sample whose class (one-hot) is among its `k` best, else 0."""
    true, pred = same_rank(numbers(y_true, "y_true"), numbers(y_pred, "y_pred"))
    check_vectors(pred)
    if pred.size == 0:
        return np.zeros(pred.shape[:-1])
    return _hits(true.argmax(axis=-1).astype(np.float64), pred, k)


def sparse_top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Values:
    """Return 1 for each sample whose class number is among its `k` best, else 0."""
    pred = numbers(y_pred, "y_pred")
    return _hits(labels_for(numbers(y_true, "y_true"), pred), pred, k)


class TopKCategoricalAccuracy(_Average):
    """Share of samples whose class, one-hot, is among the `k` largest predictions.

    Parameters
    ----------
    k : int
    name : str
    dtype : optional
    """

    direction = "up"
    fields: ClassVar[tuple[str, ...]] = ("k",)
    _function = staticmethod(top_k_categorical_accuracy)

    def __init__(
        self,
        k: int = 5,
        name: str | None = "top_k_categorical_accuracy",
        dtype: object = None,
    ) -> None:
        super().__init__(name, dtype)
        self.k = integer(k, f"{type(self).__name__}: k", 1)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch; see `Metric.update_state`."""
        self.add(self._function(y_true, y_pred, self.k), sample_weight)


class SparseTopKCategoricalAccuracy(TopKCategoricalAccuracy):
    """Share of samples whose class number is among the `k` largest predictions.

    Parameters
    ----------
    k : int
    name : str
    dtype : optional
    """

    _function = staticmethod(sparse_top_k_categorical_accuracy)

    def __init__(
        self,
        k: int = 5,
        name: str | None = "sparse_top_k_categorical_accuracy",
        dtype: object = None,
    ) -> None:
        super().__init__(k, name, dtype)


def _matrices(who: str, y_true: Any, y_pred: Any) -> tuple[Values, Values]:
    """Targets and predictions as two arrays of one shape (samples, columns)."""
    true, pred = same_rank(numbers(y_true, "y_true"), numbers(y_pred, "y_pred"))
    if pred.ndim != 2:
        raise ValueError(
            f"{who}: expected arrays of shape (samples, columns), got {pred.shape}"
        )
    return true, pred


class FBetaScore(Gathered):
    """Harmonic mean of precision and recall, recall counting `beta` times as much.

    Parameters
    ----------
    average : {None, "micro", "macro", "weighted"}
        None gives one value per class; "micro" counts all classes as one, "macro" takes
        the mean, "weighted" weighs it by the number of true samples.
    beta : float
        Above 0.
    threshold : float, optional
        In (0, 1]: what lies above is predicted. None predicts the largest column.
    name : str
    dtype : optional
    """

    direction = "up"
    fields: ClassVar[tuple[str, ...]] = ("average", "beta", "threshold")

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = "fbeta_score",
        dtype: object = None,
    ) -> None:
        super().__init__(name, dtype)
        who = type(self).__name__
        modes = (None, "micro", "macro", "weighted")
        self.average: str | None = one_of(average, f"{who}: average", modes)
        self.beta = real(beta, f"{who}: beta", "(0, inf)")
        self.threshold = optional_real(threshold, f"{who}: threshold", "(0, 1]")

    def reset_state(self) -> None:
        self.hits: Array = np.zeros(())
        self.predicted: Array = np.zeros(())
        self.actual: Array = np.zeros(())

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch of shape (samples, classes)."""
        true, pred = _matrices(type(self).__name__, y_true, y_pred)
        if self.threshold is None:
            chosen = (pred >= pred.max(axis=1, keepdims=True)) & (np.abs(pred) > 1e-9)
        else:
            chosen = pred > self.threshold
        weight = 1.0 if sample_weight is None else weights_for(pred, sample_weight)
        axis = None if self.average == "micro" else 0
        self.hits = self.hits + (weight * chosen * true).sum(axis=axis)
        self.predicted = self.predicted + (weight * chosen).sum(axis=axis)
        self.actual = self.actual + (weight * true).sum(axis=axis)

    def result(self) -> Any:
        """Return a float, or an array of one value per class."""
        precision = self.hits / (self.predicted + _TINY)
        recall = self.hits / (self.actual + _TINY)
        square = self.beta**2
        both = square * precision + recall + _TINY
        score = (1.0 + square) * precision * recall / both
        if self.average == "weighted":
            return float((score * self.actual).sum() / (self.actual.sum() + _TINY))
        return score if self.average is None else float(np.mean(score))


class F1Score(FBetaScore):
    """Harmonic mean of precision and recall.

    Parameters
    ----------
    average, threshold, name, dtype
        As in `FBetaScore`.
    """

    fields = ("average", "threshold")

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str | None = "f1_score",
        dtype: object = None,
    ) -> None:
        super().__init__(average, 1.0, threshold, name, dtype)


class R2Score(Gathered):
    """Share of the variance of the targets that the predictions explain.

    ``1 - sum((y - p)**2) / sum((y - mean(y))**2)`` for each column; a column without
    variance counts as 0, as in Keras.

    Parameters
    ----------
    class_aggregation : {"uniform_average", "variance_weighted_average", None}
        How columns are put together; None gives one value each.
    num_regressors : int
        Number of inputs, for the adjusted score; 0 for the plain one.
    name : str
    dtype : optional
    """

    direction = "up"
    fields = ("class_aggregation", "num_regressors")

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str | None = "r2_score",
        dtype: object = None,
    ) -> None:
        super().__init__(name, dtype)
        modes = ("uniform_average", "variance_weighted_average", None)
        where = "R2Score: class_aggregation"
        self.class_aggregation: str | None = one_of(class_aggregation, where, modes)
        self.num_regressors = integer(num_regressors, "R2Score: num_regressors", 0)

    def reset_state(self) -> None:
        self.rows = 0
        self.weight: Array = np.zeros(())
        self.sum: Array = np.zeros(())
        self.squares: Array = np.zeros(())
        self.residual: Array = np.zeros(())

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch of shape (samples, columns)."""
        true, pred = _matrices("R2Score", y_true, y_pred)
        weight = np.ones(true.shape)
        if sample_weight is not None:
            weight = weight * weights_for(true, sample_weight)
        self.rows += true.size
        self.weight = self.weight + weight.sum(axis=0)
        self.sum = self.sum + (weight * true).sum(axis=0)
        self.squares = self.squares + (weight * true**2).sum(axis=0)
        self.residual = self.residual + (weight * (true - pred) ** 2).sum(axis=0)

    def result(self) -> Any:
        """Return a float, or an array of one value per column."""
        total = self.squares - self.sum * ratio(self.sum, self.weight)
        scores: Array = np.where(total == 0, 0.0, 1.0 - ratio(self.residual, total))
        if self.class_aggregation == "uniform_average":
            scores = np.asarray(scores.mean())
        elif self.class_aggregation == "variance_weighted_average":
            scores = ratio((total * scores).sum(), total.sum())
        spare = self.rows - self.num_regressors - 1
        if self.num_regressors and spare > 0:
            scores = 1.0 - (1.0 - scores) * (self.rows - 1) / spare
        return scores if self.class_aggregation is None else float(scores)
