# SPDX-License-Identifier: BSD-3-Clause
"""Losses for probabilities and counts; y is the target, p the prediction.

Probabilities are cut to [1e-7, 1 - 1e-7] before a logarithm when a loss is called on
arrays. In training, a loss after its own activation (sigmoid or softmax) is computed
from what goes into the activation, so that no gradient gets lost.
"""

from __future__ import annotations

from typing import Any, ClassVar

from pynn._checks import flag, integer, real
from pynn._values import Values
from pynn.losses._base import Reduced
from pynn.losses._regression import check_axis


class _CrossEntropy(Reduced):
    """What the three cross-entropies share: probabilities or logits."""

    activation: ClassVar[str]
    fields: ClassVar[tuple[str, ...]] = ("from_logits", "label_smoothing", "axis")

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: object = None,
    ) -> None:
        super().__init__(reduction, name, dtype)
        who = type(self).__name__
        self.from_logits = flag(from_logits, f"{who}: from_logits")
        self.label_smoothing = real(
            label_smoothing, f"{who}: label_smoothing", "[0, 1]"
        )
        self.axis = self.along = check_axis(axis, who)

    @property
    def attr(self) -> tuple[float, ...]:
        return (self.label_smoothing,)

    def lowered(
        self, output_activation: str | None
    ) -> tuple[str, tuple[float, ...], bool]:
        """Return kind, parameters, and whether it reads the activation's input."""
        fused = not self.from_logits and output_activation == self.activation
        logits = self.from_logits or fused
        return self.kind + "_logits" * logits, self.attr, fused


class BinaryCrossentropy(_CrossEntropy):
    """``mean(-y * log(p) - (1 - y) * log(1 - p))``, for one or more yes-no questions.

    Parameters
    ----------
    from_logits : bool
        The prediction is what goes into a sigmoid, not what comes out.
    label_smoothing : float
        s in [0, 1]: ``y * (1 - s) + s / 2`` takes the place of y.
    axis : int
        Which the mean runs over.
    reduction, name, dtype
        See `Loss`.
    """

    kind = "binary_crossentropy"
    activation = "sigmoid"


class CategoricalCrossentropy(_CrossEntropy):
    """``-sum(y * log(p))`` for one-hot y, with p divided by its sum.

    Parameters
    ----------
    from_logits : bool
        The prediction is what goes into a softmax, not what comes out.
    label_smoothing : float
        s in [0, 1]: ``y * (1 - s) + s / classes`` takes the place of y.
    axis : int
        Of the classes. In training not 0, the batch; and only along the last one the
        loss is computed from what goes into a softmax before it.
    reduction, name, dtype
        See `Loss`.
    """

    kind = "categorical_crossentropy"
    activation = "softmax"


_FIRST_INEXACT = 1 << 24  # integer above which float32 confuses neighbours


def check_label(label: Any, who: str) -> int | None:
    """Return the label to ignore as an integer that float32 knows, or None."""
    where = f"{who}: ignore_class"
    found = None if label is None else integer(label, where, -_FIRST_INEXACT)
    if found is not None and found > _FIRST_INEXACT:
        raise ValueError(f"{where}: expected at most {_FIRST_INEXACT}, got {found}")
    return found


def sparse_attr(ignored: int | None) -> tuple[float, ...]:
    """Return the core's parameters of a cross-entropy with class numbers."""
    return () if ignored is None else (1.0, float(ignored))


class SparseCategoricalCrossentropy(_CrossEntropy):
    """`CategoricalCrossentropy` with class numbers as targets.

    Parameters
    ----------
    from_logits : bool
        The prediction is what goes into a softmax, not what comes out.
    ignore_class : int, optional
        Label of samples that cost nothing and do not count in means; it need not be
        the number of a class.
    reduction : str or None
        See `Loss`.
    axis : int
        As for `CategoricalCrossentropy`.
    name, dtype
        See `Loss`.
    """

    kind = "sparse_categorical_crossentropy"
    activation = "softmax"
    fields = ("from_logits", "ignore_class", "axis")

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str | None = None,
        dtype: object = None,
    ) -> None:
        super().__init__(from_logits, 0.0, axis, reduction, name, dtype)
        self.ignore_class = check_label(ignore_class, type(self).__name__)

    @property
    def attr(self) -> tuple[float, ...]:
        return sparse_attr(self.ignore_class)


class KLDivergence(Reduced):
    """``sum(y * log(y / p))``, both cut to [1e-7, 1]: the information that p lacks."""

    kind = "kl_divergence"


class Poisson(Reduced):
    """``mean(p - y * log(p + 1e-7))``, for counts y with expectation p."""

    kind = "poisson"


def binary_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Values:
    """Return `BinaryCrossentropy` of each sample."""
    loss = BinaryCrossentropy(from_logits, label_smoothing, axis)
    return loss.values(y_true, y_pred)


def categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Values:
    """Return `CategoricalCrossentropy` of each sample."""
    loss = CategoricalCrossentropy(from_logits, label_smoothing, axis)
    return loss.values(y_true, y_pred)


def sparse_categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> Values:
    """Return `SparseCategoricalCrossentropy` of each sample."""
    loss = SparseCategoricalCrossentropy(from_logits, ignore_class, axis=axis)
    return loss.values(y_true, y_pred)


def kl_divergence(y_true: Any, y_pred: Any) -> Values:
    """Return `KLDivergence` of each sample."""
    return KLDivergence().values(y_true, y_pred)


def poisson(y_true: Any, y_pred: Any) -> Values:
    """Return `Poisson` of each sample."""
    return Poisson().values(y_true, y_pred)
