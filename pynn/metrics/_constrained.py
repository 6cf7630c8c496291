# SPDX-License-Identifier: BSD-3-Clause
"""The best of one rate where another is at least so high, over many thresholds."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from pynn._checks import integer, real
from pynn._values import Array
from pynn.metrics._base import ratio
from pynn.metrics._confusion import _Counts


class _Constrained(_Counts):
    """A rate is looked at where another, the first argument's, is at least a value."""

    direction = "up"
    constraint: ClassVar[str]
    wanted: ClassVar[str]
    fields = ("num_thresholds", "class_id")

    def __init__(
        self,
        value: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: object = None,
    ) -> None:
        super().__init__(name, dtype)
        who = type(self).__name__
        self.value = real(value, f"{who}: {self.constraint}", "[0, 1]")
        self.num_thresholds = integer(num_thresholds, f"{who}: num_thresholds", 1)
        if class_id is not None:
            self.class_id = integer(class_id, f"{who}: class_id", 0)
        last = self.num_thresholds - 1
        self.thresholds = [i / last for i in range(last + 1)] if last else [0.5]

    def _rate(self, name: str) -> Array:
        if name == "specificity":
            return ratio(self.negatives - self.alarms, self.negatives)
        whole = self.hits + self.alarms if name == "precision" else self.positives
        return ratio(self.hits, whole)

    def result(self) -> float:
        """Return the best rate; 0 where nothing meets the constraint."""
        good = self._rate(self.constraint) >= self.value
        return float(np.where(good, self._rate(self.wanted), 0.0).max(initial=0.0))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this metric again."""
        return super().get_config() | {self.constraint: self.value}


class PrecisionAtRecall(_Constrained):
    """The best precision of the thresholds with at least a given recall.

    Parameters
    ----------
    recall : float
        In [0, 1].
    num_thresholds : int
        Evenly from 0 to 1.
    class_id : int, optional
        Look at one class alone.
    name : str, optional
    dtype : optional
    """

    constraint, wanted = "recall", "precision"

    def __init__(self, recall: float, *args: Any, **named: Any) -> None:
        super().__init__(recall, *args, **named)


class RecallAtPrecision(_Constrained):
    """The best recall of the thresholds with at least a given precision.

    Parameters
    ----------
    precision : float
        In [0, 1].
    num_thresholds, class_id, name, dtype
        As in `PrecisionAtRecall`.
    """

    constraint, wanted = "precision", "recall"

    def __init__(self, precision: float, *args: Any, **named: Any) -> None:
        super().__init__(precision, *args, **named)


class SensitivityAtSpecificity(_Constrained):
    """The best sensitivity (recall) of the thresholds with a given specificity.

    Parameters
    ----------
    specificity : float
        In [0, 1]: the share of negative samples that are not predicted positive.
    num_thresholds, class_id, name, dtype
        As in `PrecisionAtRecall`.
    """

    constraint, wanted = "specificity", "sensitivity"

    def __init__(self, specificity: float, *args: Any, **named: Any) -> None:
        super().__init__(specificity, *args, **named)


class SpecificityAtSensitivity(_Constrained):
    """The best specificity of the thresholds with a given sensitivity (recall).

    Parameters
    ----------
    sensitivity : float
        In [0, 1].
    num_thresholds, class_id, name, dtype
        As in `PrecisionAtRecall`.
    """

    constraint, wanted = "sensitivity", "specificity"

    def __init__(self, sensitivity: float, *args: Any, **named: Any) -> None:
        super().__init__(sensitivity, *args, **named)
