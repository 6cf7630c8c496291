# SPDX-License-Identifier: BSD-3-Clause
"""Losses for numbers; y is the target, p the prediction, means run over the last axis.

Parameters that all classes share are explained in `Loss`.
"""

from __future__ import annotations

from typing import Any

from pynn._checks import integer, real
from pynn._ops import MAX_DIMS
from pynn._values import Values
from pynn.losses._base import Reduced


def check_axis(axis: Any, who: str) -> int:
    """Return a number that may be that of an axis, or raise ValueError."""
    return integer(axis, f"{who}: axis", -MAX_DIMS)


class MeanSquaredError(Reduced):
    """``mean((p - y)**2)``, without a factor 1/2."""

    kind = "mean_squared_error"


class MeanAbsoluteError(Reduced):
    """``mean(abs(p - y))``."""

    kind = "mean_absolute_error"


class MeanAbsolutePercentageError(Reduced):
    """``100 * mean(abs(y - p) / max(abs(y), 1e-7))``, in percent."""

    kind = "mean_absolute_percentage_error"


class MeanSquaredLogarithmicError(Reduced):
    """``mean((log(max(p, 1e-7) + 1) - log(max(y, 1e-7) + 1))**2)``."""

    kind = "mean_squared_logarithmic_error"


class Huber(Reduced):
    """Squared near zero, absolute far from it.

    Mean of ``e**2 / 2`` where ``abs(e) <= delta``, else ``delta * abs(e) - delta**2 /
    2``, for ``e = p - y``. P. Huber, "Robust estimation of a location parameter", 1964.

    Parameters
    ----------
    delta : float
        Where the two meet, above 0.
    reduction, name, dtype
        See `Loss`.
    """

    kind = "huber"
    fields = ("delta",)

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "huber_loss",
        dtype: object = None,
    ) -> None:
        super().__init__(reduction, name, dtype)
        self.delta = real(delta, "Huber: delta", "(0, inf)")

    @property
    def attr(self) -> tuple[float, ...]:
        return (self.delta,)


class LogCosh(Reduced):
    """``mean(log(cosh(p - y)))``: squared near zero, absolute far from it."""

    kind = "log_cosh"


class CosineSimilarity(Reduced):
    """Minus the cosine of the angle between y and p: -1 is the same direction.

    Both are divided by ``max(norm, 1e-7)``.

    Parameters
    ----------
    axis : int
        Of the vectors; in training not 0, the batch.
    reduction, name, dtype
        See `Loss`.
    """

    kind = "cosine_similarity"
    fields = ("axis",)

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "cosine_similarity",
        dtype: object = None,
    ) -> None:
        super().__init__(reduction, name, dtype)
        self.axis = self.along = check_axis(axis, "CosineSimilarity")


def mean_squared_error(y_true: Any, y_pred: Any) -> Values:
    """Return `MeanSquaredError` of each sample."""
    return MeanSquaredError().values(y_true, y_pred)


def mean_absolute_error(y_true: Any, y_pred: Any) -> Values:
    """Return `MeanAbsoluteError` of each sample."""
    return MeanAbsoluteError().values(y_true, y_pred)


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Values:
    """Return `MeanAbsolutePercentageError` of each sample."""
    return MeanAbsolutePercentageError().values(y_true, y_pred)


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Values:
    """Return `MeanSquaredLogarithmicError` of each sample."""
    return MeanSquaredLogarithmicError().values(y_true, y_pred)


def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Values:
    """Return `Huber` of each sample."""
    return Huber(delta).values(y_true, y_pred)


def log_cosh(y_true: Any, y_pred: Any) -> Values:
    """Return `LogCosh` of each sample."""
    return LogCosh().values(y_true, y_pred)


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Values:
    """Return `CosineSimilarity` of each sample."""
    return CosineSimilarity(axis).values(y_true, y_pred)
