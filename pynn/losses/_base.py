# SPDX-License-Identifier: BSD-3-Clause
"""What all losses share: one value per sample, weighting, reduction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar

import numpy as np

from pynn._checks import one_of
from pynn._names import snake_case
from pynn._ops import ignored_label
from pynn._values import Values, counted, per_vector, weights_for
from pynn.losses import _own

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

    A loss of your own overrides `call`, and `gradient` if its derivative is known.

    Parameters
    ----------
    name : str, optional
    reduction : str or None
        What a call makes of the weighted values of all samples: "sum_over_batch_size"
        (the same as "mean") divides their sum by their number,
        "mean_with_sample_weight" by the sum of the weights, "sum" by nothing; "none"
        and None return one value per sample, which a model cannot be trained with.
    dtype : optional
        Accepted for Keras's sake: values on arrays are computed in float64.

    Attributes
    ----------
    kind : str
        Row of the core's table of losses.
    attr : tuple of float
        Its parameters.
    along : int
        The axis of the output that a value is about.
    """

    kind: ClassVar[str] = ""
    fields: ClassVar[tuple[str, ...]] = ()
    from_logits: bool = False
    along: int = -1

    def __init__(
        self,
        name: str | None = None,
        reduction: str | None = "sum_over_batch_size",
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
    def summed(self) -> str:
        """What training makes of a batch's values, one of ``REDUCTIONS`` of `_ops`."""
        name = self.reduction or "none"
        return "mean" if name == "sum_over_batch_size" else name

    @property
    def signature(self) -> object:
        """What decides about the values: equal for losses that are alike."""
        if self.python:
            return self
        return type(self), self.kind, self.attr, self.from_logits, self.along

    @property
    def ignored(self) -> float | None:
        """The label that costs nothing and counts for nothing, if there is one."""
        return ignored_label(self.kind, self.attr)

    def counts(self, y: Any) -> Values | None:
        """Return the share of each sample's labels that count; None if all do."""
        if self.ignored is None:
            return None
        mask = counted(y, self.ignored, (len(y), -1))
        found: Values = mask.mean(axis=1)
        return found

    @property
    def python(self) -> bool:
        """Whether the values come from a `call` of the user's, not from the core."""
        return type(self).call is not Loss.call

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
        weight: Any = np.ones(values.shape)
        if sample_weight is not None:
            weight = np.broadcast_to(weights_for(values, sample_weight), values.shape)
            values = values * weight
        if self.reduction in ("none", None):
            return values
        if self.reduction == "sum":
            return float(values.sum())
        if values.size == 0:
            raise ValueError(f"{type(self).__name__}: there are no samples to average")
        if self.reduction != "mean_with_sample_weight":
            weight = np.ones(values.shape)
        if self.ignored is not None:
            weight = weight * counted(y_true, self.ignored, values.shape)
        count = float(weight.sum())
        return float(values.sum()) / count if count else 0.0

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each vector along the axis, neither weighted nor reduced.

        A loss of your own gets float64 arrays with the batch as first axis, and returns
        a value for each sample (further axes are averaged), or one for all.
        """
        loss = self.for_targets(y_true)
        kind, attr, _ = loss.lowered(None)
        return per_vector(kind, attr, y_true, y_pred, self.along)

    gradient: Any = None
    """In a loss of your own, ``gradient(y_true, y_pred)``: the derivative of each
    sample's value by its prediction, shaped as `y_pred`. Without it, training takes
    central differences: two more calls for each column of the output."""

    def values(self, y_true: Any, y_pred: Any) -> Values:
        """Return what `call` does, as float64."""
        if not self.python:
            return np.asarray(self.call(y_true, y_pred))
        true, pred = _own.arguments(y_true, y_pred)
        found = _own.sample_values(self.call, true, pred, self.name)
        return np.broadcast_to(found, len(pred)) if pred.ndim else found

    def gradients(self, y_true: Any, y_pred: Any, weight: Any = None) -> Values:
        """Return the gradient of the weighted mean over a batch, by `y_pred`."""
        where = self.call, self.gradient
        return _own.mean_gradient(*where, y_true, y_pred, weight, self.name)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this loss again."""
        names = ("reduction", "name", *self.fields)
        return {name: getattr(self, name) for name in names}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Loss:
        """Make a loss from what `get_config` returned."""
        return cls(**config)


class Reduced(Loss):
    """A loss whose first argument is the reduction.

    Parameters
    ----------
    reduction, name, dtype
        See `Loss`.
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: object = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


class LossFunctionWrapper(Reduced):
    """The loss that a function of yours makes of targets and predictions.

    Parameters
    ----------
    fn : callable
        ``fn(y_true, y_pred, **kwargs)``, as `Loss.call`; ``fn.gradient``, if there is
        one, as `Loss.gradient`.
    reduction, name, dtype
        As for `Loss`; the name is the function's by default.
    **kwargs
        Passed on to `fn`.
    """

    def __init__(
        self,
        fn: Callable[..., Any],
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: object = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(reduction, name or getattr(fn, "__name__", "loss"), dtype)
        self.fn, self.kwargs = fn, kwargs
        derivative = getattr(fn, "gradient", None)
        self.gradient = derivative and partial(derivative, **kwargs)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return what the function does."""
        return self.fn(y_true, y_pred, **self.kwargs)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this loss again."""
        return super().get_config() | {"fn": self.fn, **self.kwargs}
