# SPDX-License-Identifier: BSD-3-Clause
"""Losses computed in NumPy: focal cross-entropies, and overlaps of whole batches.

A model that is trained with one of them goes step by step through Python.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from pynn._checks import flag, real
from pynn._values import Values, check_vectors, numbers, same_rank
from pynn.losses import _own
from pynn.losses._base import Loss, Reduced
from pynn.losses._regression import check_axis

_TINY = 1e-7


def _clipped(p: Values) -> tuple[Values, Values]:
    """Return p cut to [1e-7, 1 - 1e-7], and 1 where that changes nothing, else 0."""
    inside = (p >= _TINY) & (p <= 1 - _TINY)
    return np.clip(p, _TINY, 1 - _TINY), inside.astype(np.float64)


def _focus(rest: Values, gamma: float) -> tuple[Values, Values]:
    """Return ``rest**gamma`` and its derivative."""
    slope = gamma * rest ** (gamma - 1.0) if gamma else np.zeros_like(rest)
    return rest**gamma, slope


class _Focal(Reduced):
    """What the two focal cross-entropies share."""

    def _take(
        self,
        alpha: float,
        gamma: float,
        from_logits: bool,
        label_smoothing: float,
        axis: int,
    ) -> None:
        who = type(self).__name__
        self.alpha = real(alpha, f"{who}: alpha")
        self.gamma = real(gamma, f"{who}: gamma", "[0, inf)")
        self.from_logits = flag(from_logits, f"{who}: from_logits")
        where = f"{who}: label_smoothing"
        self.label_smoothing = real(label_smoothing, where, "[0, 1]")
        self.axis = self.along = check_axis(axis, who)

    def call(self, y_true: Any, y_pred: Any) -> Values:
        """Return the loss of each vector along the axis."""
        y, p = self._turned(y_true, y_pred)
        if p.size == 0:
            return np.zeros(p.shape[:-1])
        return self.cost(y, p)

    def gradient(self, y_true: Values, y_pred: Values) -> Values:
        """Return the derivative of each sample's value by its prediction."""
        y, p = self._turned(y_true, y_pred)
        if p.size == 0:
            return np.zeros(y_pred.shape)
        places: int = p[0].size // p.shape[-1]
        found: Values = np.moveaxis(self.slope(y, p), -1, self.axis) / places
        return found

    def _turned(self, y_true: Values, y_pred: Values) -> tuple[Values, Values]:
        """Return both with the axis as the last one."""
        y, p = same_rank(numbers(y_true, "y_true"), numbers(y_pred, "y_pred"))
        check_vectors(p, self.axis)
        return np.moveaxis(y, self.axis, -1), np.moveaxis(p, self.axis, -1)

    def cost(self, y_true: Values, y_pred: Values) -> Values:
        """Return the value of each vector along the last axis."""
        raise NotImplementedError(f"{type(self).__name__}.cost")

    def slope(self, y_true: Values, y_pred: Values) -> Values:
        """Return the derivative of the value of each vector along the last axis."""
        raise NotImplementedError(f"{type(self).__name__}.slope")


class BinaryFocalCrossentropy(_Focal):
    """``mean(w * (1 - p_t)**gamma * b)``: easy samples count less.

    b is the binary cross-entropy of an element, ``p_t = y * p + (1 - y) * (1 - p)``,
    and w is 1 or, with `apply_class_balancing`, ``y * alpha + (1 - y) * (1 - alpha)``.
    T.-Y. Lin et al., "Focal loss for dense object detection", ICCV 2017.

    Parameters
    ----------
    apply_class_balancing : bool
    alpha, gamma : float
    from_logits : bool
        The prediction is what goes into a sigmoid, not what comes out.
    label_smoothing : float
        s in [0, 1]: ``y * (1 - s) + s / 2`` takes the place of y.
    axis : int
        Which the mean runs over; in training not 0, the batch.
    reduction, name, dtype
        See `Loss`.
    """

    fields = (
        "apply_class_balancing",
        "alpha",
        "gamma",
        "from_logits",
        "label_smoothing",
        "axis",
    )

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: object = None,
    ) -> None:
        super().__init__(reduction, name, dtype)
        self._take(alpha, gamma, from_logits, label_smoothing, axis)
        where = "BinaryFocalCrossentropy: apply_class_balancing"
        self.apply_class_balancing = flag(apply_class_balancing, where)

    def _parts(self, y_true: Values, y_pred: Values) -> tuple[Values, ...]:
        y = y_true * (1.0 - self.label_smoothing) + 0.5 * self.label_smoothing
        p = 1.0 / (1.0 + np.exp(-y_pred)) if self.from_logits else y_pred
        weight = np.ones_like(y)
        if self.apply_class_balancing:
            weight = y * self.alpha + (1.0 - y) * (1.0 - self.alpha)
        cut, inside = _clipped(p)
        cross = -y * np.log(cut) - (1.0 - y) * np.log(1.0 - cut)
        change = inside * ((1.0 - y) / (1.0 - cut) - y / cut)
        return y, p, weight, cross, change

    def cost(self, y_true: Values, y_pred: Values) -> Values:
        y, p, weight, cross, _ = self._parts(y_true, y_pred)
        focus, _ = _focus(y * (1.0 - p) + (1.0 - y) * p, self.gamma)
        found: Values = (weight * focus * cross).mean(axis=-1)
        return found

    def slope(self, y_true: Values, y_pred: Values) -> Values:
        y, p, weight, cross, change = self._parts(y_true, y_pred)
        focus, bend = _focus(y * (1.0 - p) + (1.0 - y) * p, self.gamma)
        slope = weight * (bend * (1.0 - 2.0 * y) * cross + focus * change)
        slope = slope * p * (1.0 - p) if self.from_logits else slope
        found: Values = slope / y_pred.shape[-1]
        return found


class CategoricalFocalCrossentropy(_Focal):
    """``-sum(alpha * (1 - p)**gamma * y * log(p))``, with p divided by its sum.

    T.-Y. Lin et al., "Focal loss for dense object detection", ICCV 2017.

    Parameters
    ----------
    alpha, gamma : float
    from_logits : bool
        The prediction is what goes into a softmax, not what comes out.
    label_smoothing : float
        s in [0, 1]: ``y * (1 - s) + s / classes`` takes the place of y.
    axis : int
        Of the classes; in training not 0, the batch.
    reduction, name, dtype
        See `Loss`.
    """

    fields = ("alpha", "gamma", "from_logits", "label_smoothing", "axis")

    def __init__(
        self,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: object = None,
    ) -> None:
        super().__init__(reduction, name, dtype)
        self._take(alpha, gamma, from_logits, label_smoothing, axis)

    def _parts(self, y_true: Values, y_pred: Values) -> tuple[Values, Values, Values]:
        smooth = self.label_smoothing
        y = y_true * (1.0 - smooth) + smooth / y_true.shape[-1]
        p = y_pred
        if self.from_logits:
            p = np.exp(y_pred - y_pred.max(axis=-1, keepdims=True))
        whole = p.sum(axis=-1, keepdims=True)
        return y, p / whole, whole

    def cost(self, y_true: Values, y_pred: Values) -> Values:
        y, share, _ = self._parts(y_true, y_pred)
        cut, _ = _clipped(share)
        focus, _ = _focus(1.0 - cut, self.gamma)
        found: Values = (-self.alpha * focus * y * np.log(cut)).sum(axis=-1)
        return found

    def slope(self, y_true: Values, y_pred: Values) -> Values:
        y, share, whole = self._parts(y_true, y_pred)
        cut, inside = _clipped(share)
        focus, bend = _focus(1.0 - cut, self.gamma)
        slope = inside * self.alpha * y * (bend * np.log(cut) - focus / cut)
        slope = slope - (slope * share).sum(axis=-1, keepdims=True)
        found: Values = slope * share if self.from_logits else slope / whole
        return found


class Tversky(Reduced):
    """``1 - tp / (tp + alpha * fp + beta * fn + 1e-7)`` over the whole batch.

    ``tp = sum(y p)``, ``fp = sum(y (1 - p))`` and ``fn = sum((1 - y) p)``: that is how
    Keras names them. S. S. M. Salehi et al., "Tversky loss function for image
    segmentation", MLMI 2017.

    Parameters
    ----------
    alpha, beta : float
    reduction, name
        See `Loss`.
    axis : int or tuple of int, optional
        Axes to sum over, which are not the first; all of them by default, so that there
        is one value for a batch.
    dtype : optional
    """

    fields: ClassVar[tuple[str, ...]] = ("alpha", "beta", "axis")

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        axis: Any = None,
        dtype: object = None,
    ) -> None:
        super().__init__(reduction, name, dtype)
        who = type(self).__name__
        self.alpha = real(alpha, f"{who}: alpha")
        self.beta = real(beta, f"{who}: beta")
        given = () if axis is None else (axis,) if isinstance(axis, int) else axis
        if axis is not None and 0 in given:
            raise ValueError(f"{who}: axis: the batch (0) only with all axes, as None")
        self.axis = axis if axis is None else tuple(given)

    def _parts(self, y_true: Values, y_pred: Values) -> tuple[Values, Values]:
        """Return what overlaps and what it is divided by, with all axes."""
        y, p = y_true, y_pred
        both = (y * p).sum(axis=self.axis, keepdims=True)
        more = (y * (1.0 - p)).sum(axis=self.axis, keepdims=True)
        less = ((1.0 - y) * p).sum(axis=self.axis, keepdims=True)
        return both, both + self.alpha * more + self.beta * less + _TINY

    def call(self, y_true: Any, y_pred: Any) -> Values:
        """Return one value, or one for each place along the other axes."""
        both, whole = self._parts(y_true, y_pred)
        return np.squeeze(1.0 - both / whole, axis=self.axis)

    def gradient(self, y_true: Values, y_pred: Values) -> Values:
        """Return the derivative of each sample's value by its prediction."""
        both, whole = self._parts(y_true, y_pred)
        y = y_true
        change = y - self.alpha * y + self.beta * (1.0 - y)
        slope = (both * change / whole - y) / whole
        return slope / (1 if self.axis is None else max(both[0].size, 1))


class Dice(Tversky):
    """``1 - 2 sum(y p) / (sum(y) + sum(p) + 1e-7)`` over the whole batch.

    Parameters
    ----------
    reduction, name, axis, dtype
        As in `Tversky`.
    """

    fields = ("axis",)

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        axis: Any = None,
        dtype: object = None,
    ) -> None:
        super().__init__(0.5, 0.5, reduction, name, axis, dtype)

    def _parts(self, y_true: Values, y_pred: Values) -> tuple[Values, Values]:
        both = (y_true * y_pred).sum(axis=self.axis, keepdims=True)
        whole = (y_true + y_pred).sum(axis=self.axis, keepdims=True)
        return both, 0.5 * (whole + _TINY)


def _each(loss: Loss, y_true: Any, y_pred: Any) -> Values:
    return np.asarray(loss.call(*_own.arguments(y_true, y_pred)))


def binary_focal_crossentropy(
    y_true: Any, y_pred: Any, *args: Any, **named: Any
) -> Any:
    """Return `BinaryFocalCrossentropy`, whose arguments it takes, of each sample."""
    return _each(BinaryFocalCrossentropy(*args, **named), y_true, y_pred)


def categorical_focal_crossentropy(
    y_true: Any, y_pred: Any, *args: Any, **named: Any
) -> Any:
    """Return `CategoricalFocalCrossentropy`, whose arguments it takes."""
    return _each(CategoricalFocalCrossentropy(*args, **named), y_true, y_pred)


def dice(y_true: Any, y_pred: Any, axis: Any = None) -> Any:
    """Return `Dice` of a batch."""
    return _each(Dice(axis=axis), y_true, y_pred)


def tversky(
    y_true: Any, y_pred: Any, alpha: float = 0.5, beta: float = 0.5, axis: Any = None
) -> Any:
    """Return `Tversky` of a batch."""
    return _each(Tversky(alpha, beta, axis=axis), y_true, y_pred)
