# SPDX-License-Identifier: BSD-3-Clause
"""Intersection over union of true and predicted classes, and correlations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from pynn._checks import flag, integer, real
from pynn._values import Array, Values, numbers, same_rank, weights_for
from pynn.metrics._base import Gathered, MeanMetricWrapper

_TINY = 1e-7  # Keras's epsilon, added to denominators


class IoU(Gathered):
    """Mean, over some classes, of ``tp / (tp + fp + fn)``; absent classes do not count.

    Sample weights count in full; Keras cuts them to integers unless told a `dtype`.

    Parameters
    ----------
    num_classes : int
    target_class_ids : sequence of int
    name : str, optional
    dtype : optional
    ignore_class : int, optional
        Samples of this true class do not count.
    sparse_y_true, sparse_y_pred : bool
        Class numbers; otherwise, the largest number along `axis` tells the class.
    axis : int
    """

    direction = "up"
    fields: ClassVar[tuple[str, ...]] = (
        "num_classes",
        "target_class_ids",
        "ignore_class",
        "sparse_y_true",
        "sparse_y_pred",
        "axis",
    )

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: object = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        who = type(self).__name__
        self.num_classes = integer(num_classes, f"{who}: num_classes", 1)
        where = f"{who}: target_class_ids"
        self.target_class_ids = [integer(i, where, 0) for i in target_class_ids]
        if max(self.target_class_ids, default=0) >= self.num_classes:
            raise ValueError(
                f"{where}: expected numbers below {num_classes}, got {target_class_ids}"
            )
        self.ignore_class = ignore_class
        self.sparse_y_true = flag(sparse_y_true, f"{who}: sparse_y_true")
        self.sparse_y_pred = flag(sparse_y_pred, f"{who}: sparse_y_pred")
        self.axis = axis
        super().__init__(name, dtype)

    def reset_state(self) -> None:
        self.matrix: Array = np.zeros((self.num_classes, self.num_classes))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch; classes that there are not do not count."""
        true, pred = numbers(y_true, "y_true"), numbers(y_pred, "y_pred")
        true = true if self.sparse_y_true else true.argmax(axis=self.axis) * 1.0
        pred = pred if self.sparse_y_pred else pred.argmax(axis=self.axis) * 1.0
        true, pred = same_rank(true, pred)
        weight = np.ones(true.shape)
        if sample_weight is not None:
            weight = weight * weights_for(true, sample_weight)
        n = self.num_classes
        known = (true >= 0) & (true < n) & (pred >= 0) & (pred < n)
        if self.ignore_class is not None:
            known &= true != self.ignore_class
        cells = np.trunc(true[known]) * n + np.trunc(pred[known])
        counts = np.bincount(cells.astype(np.intp), weight[known], n * n)
        self.matrix = self.matrix + counts.reshape(n, n)

    def result(self) -> float:
        """Return the mean over the target classes that occurred."""
        both = np.diag(self.matrix)
        union = self.matrix.sum(axis=0) + self.matrix.sum(axis=1) - both
        both, union = both[self.target_class_ids], union[self.target_class_ids]
        found = union > 1e-9
        shares = np.where(found, both / (union + _TINY), 0.0)
        return float(shares.sum() / (found.sum() + _TINY))


class MeanIoU(IoU):
    """`IoU` over all classes.

    Parameters
    ----------
    num_classes, name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis
        As in `IoU`.
    """

    fields: ClassVar[tuple[str, ...]] = (
        "num_classes",
        "ignore_class",
        "sparse_y_true",
        "sparse_y_pred",
        "axis",
    )

    def __init__(self, num_classes: int, *args: Any, **named: Any) -> None:
        classes = range(integer(num_classes, f"{type(self).__name__}: num_classes", 1))
        super().__init__(num_classes, classes, *args, **named)


class OneHotIoU(IoU):
    """`IoU` of one-hot targets and, unless `sparse_y_pred`, probabilities.

    Parameters
    ----------
    num_classes, target_class_ids, name, dtype, ignore_class, sparse_y_pred, axis
        As in `IoU`.
    """

    fields: ClassVar[tuple[str, ...]] = (
        "num_classes",
        "target_class_ids",
        "ignore_class",
        "sparse_y_pred",
        "axis",
    )

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: object = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        options = ignore_class, False, sparse_y_pred, axis
        super().__init__(num_classes, target_class_ids, name, dtype, *options)


class OneHotMeanIoU(OneHotIoU):
    """`OneHotIoU` over all classes.

    Parameters
    ----------
    num_classes, name, dtype, ignore_class, sparse_y_pred, axis
        As in `IoU`.
    """

    fields: ClassVar[tuple[str, ...]] = (
        "num_classes",
        "ignore_class",
        "sparse_y_pred",
        "axis",
    )

    def __init__(self, num_classes: int, *args: Any, **named: Any) -> None:
        classes = range(integer(num_classes, "OneHotMeanIoU: num_classes", 1))
        super().__init__(num_classes, list(classes), *args, **named)


class BinaryIoU(IoU):
    """`IoU` of two classes, of which predictions from a threshold on are the second.

    Parameters
    ----------
    target_class_ids : sequence of int
    threshold : float
    name : str, optional
    dtype : optional
    """

    fields = ("target_class_ids", "threshold")

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: object = None,
    ) -> None:
        self.threshold = real(threshold, "BinaryIoU: threshold")
        super().__init__(2, target_class_ids, name, dtype)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch of targets 0 and 1."""
        pred = numbers(y_pred, "y_pred") >= self.threshold
        super().update_state(y_true, pred, sample_weight)


def pearson_correlation(y_true: Any, y_pred: Any, axis: Any = -1) -> Values:
    """Return the correlation of targets and predictions along an axis."""
    true, pred = same_rank(numbers(y_true, "y_true"), numbers(y_pred, "y_pred"))
    true = true - true.mean(axis=axis, keepdims=True)
    pred = pred - pred.mean(axis=axis, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):  # a constant has none: NaN
        true = true / true.std(axis=axis, keepdims=True)
        pred = pred / pred.std(axis=axis, keepdims=True)
        found: Values = np.mean(true * pred, axis=axis)
    return found


def concordance_correlation(y_true: Any, y_pred: Any, axis: Any = -1) -> Values:
    """Return the concordance of targets and predictions along an axis.

    ``mean(2 (y - mean(p)) (p - mean(p)) / (var(y) + var(p) + (mean(y) - mean(p))**2 +
    1e-7))``, as Keras computes it. L. I.-K. Lin, "A concordance correlation coefficient
    to evaluate reproducibility", Biometrics 45, 1989.
    """
    true, pred = same_rank(numbers(y_true, "y_true"), numbers(y_pred, "y_pred"))
    middle, center = (a.mean(axis=axis, keepdims=True) for a in (true, pred))
    spread = true.var(axis=axis, keepdims=True) + pred.var(axis=axis, keepdims=True)
    norm = spread + (middle - center) ** 2 + _TINY
    found: Values = np.mean(2 * (true - center) * (pred - center) / norm, axis=axis)
    return found


class PearsonCorrelation(MeanMetricWrapper):
    """Mean of `pearson_correlation`, in [-1, 1].

    Parameters
    ----------
    name : str
    dtype : optional
    axis : int or tuple of int
    """

    direction = "up"
    fields = ("axis",)

    def __init__(
        self,
        name: str | None = "pearson_correlation",
        dtype: object = None,
        axis: Any = -1,
    ) -> None:
        super().__init__(pearson_correlation, name, dtype, axis=axis)
        self.axis = axis


class ConcordanceCorrelation(MeanMetricWrapper):
    """Mean of `concordance_correlation`, in [-1, 1].

    Parameters
    ----------
    name : str
    dtype : optional
    axis : int or tuple of int
    """

    direction = "up"
    fields = ("axis",)

    def __init__(
        self,
        name: str | None = "concordance_correlation",
        dtype: object = None,
        axis: Any = -1,
    ) -> None:
        super().__init__(concordance_correlation, name, dtype, axis=axis)
        self.axis = axis
