# SPDX-License-Identifier: BSD-3-Clause
"""Losses that ask for a margin; y is the target, p the prediction."""

from __future__ import annotations

from copy import copy
from typing import Any, Self

from pynn._values import Values, only_zeros_and_ones
from pynn.losses._base import Reduced


class Hinge(Reduced):
    """``mean(max(1 - y * p, 0))`` for labels y of -1 and 1.

    If all labels are 0 or 1, they stand for -1 and 1.
    """

    kind = "hinge"
    _binary = False

    @property
    def attr(self) -> tuple[float, ...]:
        return (float(self._binary),)

    def for_targets(self, y_true: Any) -> Self:
        """Return the loss that reads these labels rightly."""
        found = copy(self)
        found._binary = only_zeros_and_ones(y_true)
        return found


class SquaredHinge(Hinge):
    """``mean(max(1 - y * p, 0)**2)`` for labels y of -1 and 1 (or 0 and 1)."""

    kind = "squared_hinge"


class CategoricalHinge(Reduced):
    """``max(max((1 - y) * p) - sum(y * p) + 1, 0)`` for one-hot y."""

    kind = "categorical_hinge"


def hinge(y_true: Any, y_pred: Any) -> Values:
    """Return `Hinge` of each sample."""
    return Hinge().values(y_true, y_pred)


def squared_hinge(y_true: Any, y_pred: Any) -> Values:
    """Return `SquaredHinge` of each sample."""
    return SquaredHinge().values(y_true, y_pred)


def categorical_hinge(y_true: Any, y_pred: Any) -> Values:
    """Return `CategoricalHinge` of each sample."""
    return CategoricalHinge().values(y_true, y_pred)
