# SPDX-License-Identifier: BSD-3-Clause
"""Metrics from the four counts of right and wrong yes-no answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from pynn import _engine
from pynn._checks import flag, integer, one_of, real
from pynn._values import Array, Values, numbers, same_rank, weights_for
from pynn.metrics._base import Gathered, ratio

_NEVER = -1e10  # prediction of a class that is not among the top k


def _top_k(pred: Values, k: int) -> Values:
    """Predictions with all but the k largest of each row pushed out of reach."""
    order = np.argsort(-pred, axis=-1, kind="stable")[..., :k]
    kept = np.zeros(pred.shape, bool)
    np.put_along_axis(kept, order, True, axis=-1)
    return np.where(kept, pred, _NEVER)


class _Counts(Gathered):
    """Weighted counts of answers; an answer is yes above a threshold.

    For each threshold, `hits` is the weight of the positive samples that were answered
    yes and `alarms` that of the negative ones; `positives` and `negatives` are those of
    all samples.
    """

    thresholds: list[float]
    top_k: int | None = None
    class_id: int | None = None

    def reset_state(self) -> None:
        self.hits: Array = np.zeros(())
        self.alarms: Array = np.zeros(())
        self.positives: Array = np.zeros(())
        self.negatives: Array = np.zeros(())

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch; labels other than 0 are positive.

        Raises
        ------
        ValueError
            If a prediction lies outside [0, 1]. One that is not a number is a no.
        """
        true, pred, weight = self._prepared(y_true, y_pred, sample_weight)
        positive = np.where(true != 0, weight, 0.0)
        negative = np.where(true != 0, 0.0, weight)
        order = np.argsort(pred, kind="stable")
        first = np.searchsorted(pred[order], self.thresholds, side="right")
        self.hits = self.hits + _from(first, positive[order])
        self.alarms = self.alarms + _from(first, negative[order])
        self.positives = self.positives + positive.sum()
        self.negatives = self.negatives + negative.sum()

    def _prepared(
        self, y_true: Any, y_pred: Any, sample_weight: Any
    ) -> tuple[Values, Values, Values]:
        """Flat targets, predictions and weights."""
        true, pred = same_rank(numbers(y_true, "y_true"), numbers(y_pred, "y_pred"))
        pred = np.where(np.isnan(pred), 0.0, pred)
        wrong = (pred < 0) | (pred > 1)
        if wrong.any():
            raise ValueError(
                f"{self.name}: expected predictions in [0, 1], "
                f"got {pred[wrong].flat[0]:g}"
            )
        weight = np.ones(pred.shape)
        if sample_weight is not None:
            weight = weight * weights_for(pred, sample_weight)
        if self.top_k is not None:
            pred = _top_k(pred, self.top_k)
        if self.class_id is not None:
            column = self.class_id
            if column >= pred.shape[-1]:
                raise ValueError(
                    f"{self.name}: class_id={column}: there are only "
                    f"{pred.shape[-1]} classes"
                )
            true, pred, weight = (
                true[..., column],
                pred[..., column],
                weight[..., column],
            )
        return true.ravel(), pred.ravel(), weight.ravel()


def _from(first: Array, weights: Values) -> Values:
    """Sum of the weights from each index to the end."""
    ends = np.concatenate([[0.0], np.cumsum(weights[::-1])])
    found: Values = ends[len(weights) - first]
    return found


def _thresholds(given: Any, default: float, who: str) -> list[float]:
    if given is None:
        return [default]
    several = given if isinstance(given, Sequence | np.ndarray) else [given]
    return [real(t, f"{who}: thresholds", "[0, 1]") for t in several]


class _AtThresholds(_Counts):
    """A metric with a value per threshold; one alone comes as a float."""

    fields: ClassVar[tuple[str, ...]] = ("thresholds",)

    def __init__(
        self, thresholds: Any = None, name: str | None = None, dtype: object = None
    ) -> None:
        super().__init__(name, dtype)
        self.thresholds = _thresholds(thresholds, 0.5, type(self).__name__)

    def _values(self) -> Array:
        raise NotImplementedError

    def result(self) -> Any:
        """Return a float, or an array for several thresholds."""
        values = np.broadcast_to(self._values(), (len(self.thresholds),))
        return float(values[0]) if len(values) == 1 else values.copy()


class TruePositives(_AtThresholds):
    """Number (or weight) of positive samples predicted above a threshold.

    Parameters
    ----------
    thresholds : float or sequence of float, optional
        In [0, 1]; 0.5 by default. Several give an array.
    name : str, optional
    dtype : optional
    """

    def _values(self) -> Array:
        return self.hits


class FalsePositives(_AtThresholds):
    """Number (or weight) of negative samples predicted above a threshold.

    Parameters
    ----------
    thresholds, name, dtype
        As in `TruePositives`.
    """

    def _values(self) -> Array:
        return self.alarms


class TrueNegatives(_AtThresholds):
    """Number (or weight) of negative samples not predicted above a threshold.

    Parameters
    ----------
    thresholds, name, dtype
        As in `TruePositives`.
    """

    def _values(self) -> Array:
        return self.negatives - self.alarms


class FalseNegatives(_AtThresholds):
    """Number (or weight) of positive samples not predicted above a threshold.

    Parameters
    ----------
    thresholds, name, dtype
        As in `TruePositives`.
    """

    def _values(self) -> Array:
        return self.positives - self.hits


class Precision(_AtThresholds):
    """Share of positive samples among those predicted positive; 0 if there are none.

    Parameters
    ----------
    thresholds : float or sequence of float, optional
        In [0, 1]; 0.5 by default, or none with `top_k`. Several give an array.
    top_k : int, optional
        Only the largest `top_k` predictions of a sample can be positive.
    class_id : int, optional
        Look at one class alone.
    name : str, optional
    dtype : optional
    """

    direction = "up"
    fields = ("thresholds", "top_k", "class_id")

    def __init__(
        self,
        thresholds: Any = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: object = None,
    ) -> None:
        super().__init__(thresholds, name, dtype)
        who = type(self).__name__
        if top_k is not None:
            self.top_k = integer(top_k, f"{who}: top_k", 1)
        if class_id is not None:
            self.class_id = integer(class_id, f"{who}: class_id", 0)
        if thresholds is None and top_k is not None:
            self.thresholds = [_NEVER]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this metric again."""
        config = super().get_config()
        if self.thresholds == [_NEVER]:
            config["thresholds"] = None
        return config

    def _values(self) -> Array:
        return ratio(self.hits, self.hits + self.alarms)


class Recall(Precision):
    """Share of positive samples that were predicted positive; 0 if there are none.

    Parameters
    ----------
    thresholds, top_k, class_id, name, dtype
        As in `Precision`.
    """

    def _values(self) -> Array:
        return ratio(self.hits, self.positives)


class AUC(_Counts):
    """Area under a curve of two rates, as the threshold runs from high to low.

    The curve is sampled at `num_thresholds` thresholds from just below 0 to just above
    1, so the area is approximate, as in Keras.

    Parameters
    ----------
    num_thresholds : int
        At least 2.
    curve : {"ROC", "PR"}
        True against false positive rate, or precision against recall.
    summation_method : {"interpolation", "minoring", "majoring"}
        Height between two samples: their mean, the smaller or the larger. For "PR" the
        mean is that of J. Davis and M. Goadrich, "The relationship between
        precision-recall and ROC curves", ICML 2006.
    name : str, optional
    dtype : optional
    thresholds : sequence of float, optional
        Inner thresholds in place of even ones.
    multi_label, num_labels, label_weights
        Known from Keras; only their defaults are supported.
    from_logits : bool
        The predictions are what goes into a sigmoid.
    """

    direction = "up"
    fields = ("num_thresholds", "curve", "summation_method", "from_logits")

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: object = None,
        thresholds: Sequence[float] | None = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Any = None,
        from_logits: bool = False,
    ) -> None:
        super().__init__(name, dtype)
        if multi_label or num_labels is not None or label_weights is not None:
            raise ValueError(
                "AUC: multi_label, num_labels, label_weights: not supported"
            )
        self.num_thresholds = integer(num_thresholds, "AUC: num_thresholds", 2)
        self.curve: str = one_of(str(curve).upper(), "AUC: curve", ("ROC", "PR"))
        methods = ("interpolation", "minoring", "majoring")
        method = str(summation_method).lower()
        self.summation_method: str = one_of(method, "AUC: summation_method", methods)
        self.from_logits = flag(from_logits, "AUC: from_logits")
        last = self.num_thresholds - 1
        inner = [i / last for i in range(1, last)]
        if thresholds is not None:
            inner = sorted(_thresholds(thresholds, 0.5, "AUC"))
            self.num_thresholds = len(inner) + 2
        self._given = None if thresholds is None else inner
        self.thresholds = [-1e-7, *inner, 1.0 + 1e-7]

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch; labels other than 0 are positive."""
        if self.from_logits:
            y_pred = _engine.apply_activation("sigmoid", (), y_pred)
        super().update_state(y_true, y_pred, sample_weight)

    def result(self) -> float:
        """Return the area, from 0 to 1."""
        shape = (len(self.thresholds),)
        hits, alarms = (np.broadcast_to(c, shape) for c in (self.hits, self.alarms))
        recall = ratio(hits, self.positives)
        if self.curve == "PR" and self.summation_method == "interpolation":
            return self._davis_goadrich(hits, hits + alarms)
        x, y = ratio(alarms, self.negatives), recall
        if self.curve == "PR":
            x, y = recall, ratio(hits, hits + alarms)
        heights = {
            "interpolation": (y[:-1] + y[1:]) / 2.0,
            "minoring": np.minimum(y[:-1], y[1:]),
            "majoring": np.maximum(y[:-1], y[1:]),
        }[self.summation_method]
        return float(((x[:-1] - x[1:]) * heights).sum())

    def _davis_goadrich(self, hits: Array, yes: Array) -> float:
        """Area where hits grow linearly with answers between two thresholds."""
        slope = ratio(hits[:-1] - hits[1:], yes[:-1] - yes[1:])
        intercept = hits[1:] - slope * yes[1:]
        both = (yes[:-1] > 0) & (yes[1:] > 0)
        growth = np.where(both, ratio(yes[:-1], yes[1:]), 1.0)
        area = slope * (hits[:-1] - hits[1:] + intercept * np.log(growth))
        return float(ratio(area, self.positives).sum())

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this metric again."""
        given = {} if self._given is None else {"thresholds": self._given}
        return super().get_config() | given
