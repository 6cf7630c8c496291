# SPDX-License-Identifier: BSD-3-Clause
"""Losses and metrics on arrays: shapes brought together, values taken from the core."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pynn import _engine
from pynn._ops import LABEL_LOSSES, ignored_label

Array = np.ndarray[Any, np.dtype[Any]]
Values = np.ndarray[Any, np.dtype[np.float64]]

ALIASES = {
    "mse": "MeanSquaredError",
    "mae": "MeanAbsoluteError",
    "mape": "MeanAbsolutePercentageError",
    "msle": "MeanSquaredLogarithmicError",
    "bce": "BinaryCrossentropy",
    "kld": "KLDivergence",
}
"""Short names of losses, which are also metrics."""

BY_TASK = {
    "binary": "Binary",
    "categorical": "Categorical",
    "sparse_categorical": "SparseCategorical",
}
"""How the classes are called that belong to a `task`."""


def numbers(value: Any, name: str) -> Values:
    """Return an array of real numbers as float64, or raise ValueError."""
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{name}: expected numbers, got dtype {array.dtype}")
    return array.astype(np.float64, copy=False)


def same_rank(y_true: Values, y_pred: Values) -> tuple[Values, Values]:
    """Drop or add a last axis of length 1 so that both have the same shape.

    Raises
    ------
    ValueError
        If the shapes still differ: nothing is ever broadcast.
    """
    shapes = y_true.shape, y_pred.shape
    if y_true.ndim + 1 == y_pred.ndim and shapes[1][-1] == 1:
        y_true = y_true[..., None]
    elif y_pred.ndim + 1 == y_true.ndim and shapes[0][-1] == 1:
        y_pred = y_pred[..., None]
    if y_true.shape != y_pred.shape:
        raise ValueError(
            f"y_true of shape {shapes[0]} does not fit y_pred of shape {shapes[1]}"
        )
    return y_true, y_pred


def check_vectors(y_pred: Array, axis: int = -1) -> None:
    """Raise ValueError unless predictions are vectors along an axis."""
    if y_pred.ndim == 0:
        raise ValueError(
            "y_pred: expected an array with at least one axis, got shape ()"
        )
    if not -y_pred.ndim <= axis < y_pred.ndim:
        raise ValueError(f"axis {axis} is none of y_pred of shape {y_pred.shape}")


def labels_for(
    y_true: Values, y_pred: Values, axis: int = -1, ignored: float | None = None
) -> Values:
    """Return class numbers, one for each vector of `y_pred`, cut to integers.

    Those that equal `ignored` stay as they are.

    Raises
    ------
    ValueError
        If the shapes do not fit or a label names no column.
    """
    check_vectors(y_pred, axis)
    shape = y_true.shape
    if y_true.ndim == y_pred.ndim and shape[axis] == 1:
        y_true = np.squeeze(y_true, axis)
    if y_true.shape != np.moveaxis(y_pred, axis, -1).shape[:-1]:
        raise ValueError(
            f"labels of shape {shape} do not fit y_pred of shape {y_pred.shape}: "
            f"expected one class number for each vector along its {_axis_name(axis)}"
        )
    skipped = y_true == ignored
    labels: Values = np.where(skipped, y_true, np.trunc(y_true))
    classes = y_pred.shape[axis]
    wrong = ~((labels >= 0) & (labels < classes) | skipped)
    if wrong.any():
        raise ValueError(
            f"labels: expected class numbers from 0 to {classes - 1}, "
            f"got {y_true[wrong].flat[0]:g}"
        )
    return labels


def _axis_name(axis: int) -> str:
    return "last axis" if axis == -1 else f"axis {axis}"


def per_vector(
    kind: str,
    attr: tuple[float, ...],
    y_true: Any,
    y_pred: Any,
    axis: int = -1,
    *,
    each: bool = False,
) -> Values:
    """Return the value of a loss for each vector along an axis.

    Parameters
    ----------
    kind : str
        A row of ``LOSSES``.
    y_true, y_pred : array_like
        Of the same shape, up to a last axis of length 1; class numbers of the shape of
        `y_pred` without that axis for the losses that take labels.
    axis : int
    each : bool
        One value for each element instead.
    """
    true, pred = numbers(y_true, "y_true"), numbers(y_pred, "y_pred")
    check_vectors(pred, axis)
    if kind in LABEL_LOSSES:
        true = labels_for(true, pred, axis, ignored_label(kind, attr))
    else:
        true, pred = same_rank(true, pred)
        true = np.moveaxis(true, axis, -1)
    pred = np.moveaxis(pred, axis, -1)
    if each:
        true, pred = true[..., None], pred[..., None]
    shape, width = pred.shape[:-1], pred.shape[-1]
    if pred.size == 0:
        return np.zeros(shape)
    rows = pred.reshape(-1, width)
    values = _engine.loss_values(kind, attr, true.reshape(len(rows), -1), rows)
    return values.reshape(shape)


def counted(y_true: Any, ignored: float, shape: tuple[int, ...]) -> Values:
    """Return, in a shape, 1 for labels that count and 0 for those that are ignored."""
    mask: Values = np.asarray(numbers(y_true, "y_true") != ignored, np.float64)
    return mask.reshape(shape)


def weights_for(values: Values, sample_weight: Any) -> Values:
    """Return sample weights as an array that multiplies `values`.

    Raises
    ------
    ValueError
        If there is not one for each sample (or for each value).
    """
    weight = numbers(sample_weight, "sample_weight")
    shape = weight.shape
    if weight.ndim > 1 and shape[-1] == 1 and shape != values.shape[: weight.ndim]:
        weight = weight[..., 0]
    if weight.shape != values.shape[: weight.ndim]:
        raise ValueError(
            f"sample_weight of shape {shape} does not fit values of shape "
            f"{values.shape}, one for each sample"
        )
    return weight.reshape(weight.shape + (1,) * (values.ndim - weight.ndim))


def only_zeros_and_ones(y_true: Any) -> bool:
    """Whether labels are all 0 or 1; the hinge losses then read them as -1 and 1."""
    true = np.asarray(y_true)
    return bool(((true == 0) | (true == 1)).all())


def task(y_shape: Sequence[int], output_shape: Sequence[int | None]) -> str:
    """Return the task that shapes (with the batch axis) stand for, as Keras does.

    "binary" for one output column, "sparse_categorical" for labels, else
    "categorical".
    """
    if output_shape[-1] == 1:
        return "binary"
    if len(y_shape) < len(output_shape) or y_shape[-1] == 1:
        return "sparse_categorical"
    return "categorical"
