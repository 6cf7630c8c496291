# SPDX-License-Identifier: BSD-3-Clause
"""What all losses share: one value per sample, weighting, reduction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from pynn._checks import one_of
from pynn._names import snake_case
from pynn._values import Values, per_vector, weights_for

REDUCTIONS = (
    "sum_over_batch_size",
    "mean",
    "sum",
    "none",
    None,
    "mean_with_sample_weight",
)


class Loss:
    """Base of the losses.

    Parameters
    ----------
    reduction : str or None
        What a call makes of the weighted values of all samples: "sum_over_batch_size"
        (the same as "mean") divides their sum by their number,
        "mean_with_sample_weight" by the sum of the weights, "sum" by nothing; "none"
        and None return one value per sample. A model can be trained with the first two.
    name : str, optional
    dtype : optional
        Accepted for Keras's sake: values on arrays are computed in float64.

    Attributes
    ----------
    kind : str
        Row of the core's table of losses.
    attr : tuple of float
        Its parameters.
    """

    kind: ClassVar[str]
    fields: ClassVar[tuple[str, ...]] = ()
    from_logits: bool = False

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: object = None,
    ) -> None:
        where = f"{type(self).__name__}: reduction"
        self.reduction: str | None = one_of(reduction, where, REDUCTIONS)
        self.name = name or snake_case(type(self).__name__)
        self.dtype = dtype

    @property
    def attr(self) -> tuple[float, ...]:
        """Parameters of the core's loss."""
        return ()

    @property
    def signature(self) -> object:
        """What decides about the values: equal for losses that are alike."""
        return type(self), self.kind, self.attr, self.from_logits

    def for_targets(self, y_true: Any) -> Loss:
        """Return the loss as it is to be computed on these targets."""
        del y_true
        return self

    def lowered(
        self, output_activation: str | None
    ) -> tuple[str, tuple[float, ...], bool]:
        """Return kind, parameters, and whether it reads the activation's input.

        Parameters
        ----------
        output_activation : str or None
            "softmax" or "sigmoid" when the model ends so.
        """
        del output_activation
        return self.kind, self.attr, False

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Return the reduced loss: a float, or one value per sample.

        Parameters
        ----------
        y_true, y_pred : array_like
            Of the same shape ``(samples, ..., width)``, up to a last axis of length 1;
            a last axis of class numbers is one shorter.
        sample_weight : array_like, optional
            One weight per sample.

        Raises
        ------
        ValueError
            If the shapes do not fit, or labels name no column.
        """
        values = self.values(y_true, y_pred)
        weight = None
        if sample_weight is not None:
            weight = np.broadcast_to(weights_for(values, sample_weight), values.shape)
            values = values * weight
        if self.reduction in ("none", None):
            return values
        total, count = float(values.sum()), float(values.size)
        if self.reduction == "sum":
            return total
        if self.reduction == "mean_with_sample_weight" and weight is not None:
            count = float(weight.sum())
        if values.size == 0:
            raise ValueError(f"{type(self).__name__}: there are no samples to average")
        return total / count if count else 0.0

    def values(self, y_true: Any, y_pred: Any) -> Values:
        """Return the loss of each vector along the last axis."""
        loss = self.for_targets(y_true)
        kind, attr, _ = loss.lowered(None)
        return per_vector(kind, attr, y_true, y_pred)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this loss again."""
        names = ("reduction", "name", *self.fields)
        return {name: getattr(self, name) for name in names}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Loss:
        """Make a loss from what `get_config` returned."""
        return cls(**config)
