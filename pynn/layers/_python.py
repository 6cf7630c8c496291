# SPDX-License-Identifier: BSD-3-Clause
"""A layer whose `call` and `backward` are written in Python, as part of a network."""

import inspect
from typing import TYPE_CHECKING, Any

import numpy as np

from pynn._terms import gradient, value_of
from pynn._variables import Array, Variable, sealed

if TYPE_CHECKING:
    from pynn.layers.base import Layer


class LayerPart:
    """What a network asks of such a layer; see `pynn._lowering.Part`."""

    def __init__(self, layer: "Layer") -> None:
        self.layer = layer
        self.input_shape = layer.sample_shape(layer.input_shape)
        self.output_shape = layer.sample_shape(layer.output_shape)
        names = inspect.signature(layer.call).parameters.values()
        self._knows = any(
            p.name == "training" or p.kind is p.VAR_KEYWORD for p in names
        )
        for name, value in vars(layer).items():
            if hasattr(value, "trainable_weights"):
                raise ValueError(
                    f"{layer}: {name} is a layer; layers inside a layer written in"
                    " Python would not be trained: put them in a Sequential beside it"
                )

    @property
    def trains(self) -> bool:
        """Whether the layer has weights to train."""
        return bool(self.layer.trainable_weights)

    def forward(self, x: Array, training: bool) -> Array:
        """Call the layer."""
        layer = self.layer
        known = {"training": training} if self._knows else {}
        y = layer.call(sealed(x), **known)
        return self._checked(y, (len(x), *self.output_shape), x.dtype, "call returned")

    def backward(
        self, x: Array, y: Array, slope: Array
    ) -> tuple[Array, list[tuple[Any, Any]]]:
        """Return the gradient of `x`, and those of all weights that are trained."""
        layer = self.layer
        found: dict[int, Array] = {}
        layer._gradients = found
        try:
            dx = layer.backward(sealed(x), sealed(y), slope)
        finally:
            layer._gradients = None
        dx = self._checked(dx, x.shape, x.dtype, "backward returned")
        return dx, [(w, self._gradient_of(w, found)) for w in layer.trainable_weights]

    def _gradient_of(self, weight: Variable, found: dict[int, Array]) -> Array:
        if id(weight) not in found:
            raise ValueError(
                f"{self.layer}: backward gave no gradient of weight {weight.name!r}:"
                " call self.add_gradient(weight, value)"
            )
        return found[id(weight)]

    def _checked(
        self, value: Any, shape: tuple[int, ...], dtype: Any, what: str
    ) -> Array:
        array = np.asarray(value)
        if array.shape != shape or array.dtype.kind not in "fiub":
            got = f"{array.dtype} of {array.shape}" if value is not None else "None"
            hint = "; see compute_output_shape" * what.startswith("call")
            raise ValueError(
                f"{self.layer}: {what} {got}, expected an array of numbers of {shape}"
                f"{hint}"
            )
        return np.ascontiguousarray(array, dtype)


class ActivityPart:
    """A penalty on the output of a layer, called from Python; values pass through."""

    trains = False

    def __init__(self, layer: "Layer") -> None:
        self.regularizer = layer.activity_regularizer
        self.input_shape = layer.sample_shape(layer.output_shape)
        self.output_shape = self.input_shape

    def forward(self, x: Array, training: bool) -> Array:
        """Return the values as they are."""
        del training
        return x

    def penalty(self, y: Array) -> float:
        """Return the penalty of a batch, not divided by its rows."""
        return value_of(self.regularizer, y)

    def backward(
        self, x: Array, y: Array, slope: Array
    ) -> tuple[Array, list[tuple[Any, Any]]]:
        """Add the derivative of the penalty over the rows."""
        del x
        found = slope + gradient(self.regularizer, y) / len(y)
        return np.ascontiguousarray(found, y.dtype), []
