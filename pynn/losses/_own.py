# SPDX-License-Identifier: BSD-3-Clause
"""Losses that are written in Python: their values, and gradients by differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pynn._elementwise import steps
from pynn._values import Values
from pynn._variables import sealed

Call = Callable[[Any, Any], Any]


def arguments(y_true: Any, y_pred: Any) -> tuple[Values, Values]:
    """Return what a loss is called with: float64, and targets ``(n,)`` as ``(n, 1)``
    beside predictions of that shape, so that nothing broadcasts to ``(n, n)``."""
    true, pred = np.asarray(y_true, np.float64), np.asarray(y_pred, np.float64)
    if true.ndim + 1 == pred.ndim and pred.shape[-1] == 1:
        true = true[..., None]
    elif true.ndim == pred.ndim + 1 and true.shape[-1] == 1:
        true = true[..., 0]
    return sealed(true), sealed(pred)


def sample_values(call: Call, true: Values, pred: Values, name: str) -> Values:
    """Return the value of each sample, or one for the batch as an array without axes.

    Raises
    ------
    ValueError
        If `call` returns neither a number nor values with the batch as first axis.
    """
    found = np.asarray(call(true, pred))
    fits = found.ndim == 0 or len(found) == len(pred)
    if not fits or found.dtype.kind not in "fiub":
        raise ValueError(
            f"loss {name!r}: expected one value for each of {len(pred)} samples, or one"
            f" number, got {found.dtype} of shape {found.shape}"
        )
    values: Values = found.astype(np.float64, copy=False)
    return values.reshape(len(values), -1).mean(axis=1) if values.ndim > 1 else values


def differences(call: Call, true: Values, pred: Values, name: str) -> Values:
    """Return the derivative of each sample's value by its own prediction.

    Of a `call` that returns one number for the batch, the derivative of that. Central
    differences: two calls for each output column, or for each element of the batch.
    """
    columns = pred.reshape(len(pred), -1)
    above, below = (side.reshape(columns.shape) for side in steps(pred))
    moved, found = pred.copy(), np.empty(columns.shape)
    view = moved.reshape(columns.shape)  # of `moved`, which the call gets
    whole = sample_values(call, true, pred, name).ndim == 0
    places: Any = (
        np.ndindex(columns.shape)
        if whole
        else ((slice(None), j) for j in range(columns.shape[1]))
    )
    for place in places:
        sides = []
        for side in (above, below):
            view[place] = side[place]
            sides.append(sample_values(call, true, moved.copy(), name))
        view[place] = columns[place]
        found[place] = (sides[0] - sides[1]) / (above[place] - below[place])
    return found.reshape(pred.shape)


def mean_gradient(
    call: Call, gradient: Call | None, y_true: Any, y_pred: Any, weight: Any, name: str
) -> Values:
    """Return the gradient of the weighted mean over the batch, shaped as `y_pred`."""
    true, pred = arguments(y_true, y_pred)
    if gradient is None:
        each = differences(call, true, pred, name)
    else:
        each = np.asarray(gradient(true, pred), np.float64)
        if each.shape != pred.shape:
            raise ValueError(
                f"loss {name!r}: gradient: expected shape {pred.shape}, as y_pred,"
                f" got {each.shape}"
            )
    rows = len(pred)
    scale = np.ones(rows) if weight is None else np.asarray(weight, np.float64)
    if sample_values(call, true, pred, name).ndim == 0:
        whole: Values = each * scale.mean()
        return whole
    return each * (scale / rows).reshape(rows, *(1,) * (pred.ndim - 1))
