# SPDX-License-Identifier: BSD-3-Clause
"""Activations as layers, and as the end of other layers."""

from collections.abc import Mapping
from typing import Any

from pynn import activations
from pynn._checks import optional_real, real
from pynn._elementwise import Elementwise
from pynn._lowering import Attr, Lowering
from pynn.layers.base import Layer


def resolve(activation: Any) -> Any:
    """Return the function or layer that an ``activation=`` argument stands for."""
    if isinstance(activation, ElementwiseLayer):
        return activation
    if isinstance(activation, Mapping):
        classes = {cls.__name__: cls for cls in ElementwiseLayer.__subclasses__()}
        if activation.get("class_name") in classes:
            cls = classes[activation["class_name"]]
            return cls.from_config(activation.get("config") or {})
    return activations.get(activation)


def apply(lowering: Lowering, x: int, activation: Any) -> int:
    """Emit the records of what `resolve` returned."""
    if isinstance(activation, ElementwiseLayer):
        return activation.lower(lowering, x)
    if activations.own(activation):
        return lowering.python(x, Elementwise(activation, lowering.sample_shape(x)))
    return lowering.activate(x, *activations.lowered(activation))


def written(activation: Any) -> Any:
    """Return what `resolve` returned as plain data."""
    if isinstance(activation, ElementwiseLayer):
        kind = type(activation).__name__
        return {"class_name": kind, "config": activation.get_config()}
    return activations.serialize(activation)


class ElementwiseLayer(Layer):
    """Base of the layers that are nothing but an activation."""

    expected_ndim = 1

    def record(self) -> tuple[str, Attr]:
        """Return the row of ``ACTIVATIONS`` (or softmax) and its parameters."""
        raise NotImplementedError(f"{type(self).__name__}.record")

    def lower(self, lowering: Lowering, x: int) -> int:
        return lowering.activate(x, *self.record())


class Activation(ElementwiseLayer):
    """Any activation by name.

    Parameters
    ----------
    activation : str or callable
    **common
        See `Layer`.
    """

    def __init__(self, activation: Any, **common: Any) -> None:
        super().__init__(**common)
        self.activation = activations.get(activation)

    def lower(self, lowering: Lowering, x: int) -> int:
        return apply(lowering, x, self.activation)

    def record(self) -> tuple[str, Attr]:
        return activations.lowered(self.activation)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"activation": written(self.activation)}


class ReLU(ElementwiseLayer):
    """``x >= max_value: max_value; x >= threshold: x; else
    negative_slope * (x - threshold)``.

    Parameters
    ----------
    max_value : float, optional
        At least 0.
    negative_slope, threshold : float
        At least 0.
    **common
        See `Layer`.
    """

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        **common: Any,
    ) -> None:
        super().__init__(**common)
        positive = "[0, inf)"
        self.max_value = optional_real(max_value, "ReLU: max_value", positive)
        self.negative_slope = real(negative_slope, "ReLU: negative_slope", positive)
        self.threshold = real(threshold, "ReLU: threshold", positive)

    def record(self) -> tuple[str, Attr]:
        slope, top = self.negative_slope, self.max_value
        return activations.relu_row(slope, top, self.threshold)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "max_value": self.max_value,
            "negative_slope": self.negative_slope,
            "threshold": self.threshold,
        }


class LeakyReLU(ElementwiseLayer):
    """``x`` where positive, ``negative_slope * x`` elsewhere.

    Parameters
    ----------
    negative_slope : float
        0.3 unless given; the function `activations.leaky_relu` has 0.2.
    **common
        See `Layer`; `alpha` is the old name of `negative_slope`.
    """

    def __init__(
        self, negative_slope: float = 0.3, *, alpha: float | None = None, **common: Any
    ) -> None:
        super().__init__(**common)
        slope = negative_slope if alpha is None else alpha
        self.negative_slope = real(slope, "LeakyReLU: negative_slope")

    def record(self) -> tuple[str, Attr]:
        return activations.relu_row(self.negative_slope)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"negative_slope": self.negative_slope}


class ELU(ElementwiseLayer):
    """``x`` where positive, ``alpha * (exp(x) - 1)`` elsewhere.

    Parameters
    ----------
    alpha : float
    **common
        See `Layer`.
    """

    def __init__(self, alpha: float = 1.0, **common: Any) -> None:
        super().__init__(**common)
        self.alpha = real(alpha, "ELU: alpha")

    def record(self) -> tuple[str, Attr]:
        return "elu", (self.alpha,)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"alpha": self.alpha}
