# SPDX-License-Identifier: BSD-3-Clause
"""Softmax as a layer."""

from functools import partial
from typing import Any

from pynn._checks import integer
from pynn._lowering import Attr, Lowering
from pynn._ops import MAX_DIMS
from pynn.layers._axes import along, number_of
from pynn.layers.activation import ElementwiseLayer
from pynn.layers.base import Shape


class Softmax(ElementwiseLayer):
    """Softmax along an axis.

    Parameters
    ----------
    axis : int
        Of the input; the batch has number 0 and cannot be it. As ``activation=`` of
        another layer, only -1.
    **common
        See `Layer`.
    """

    def __init__(self, axis: int = -1, **common: Any) -> None:
        super().__init__(**common)
        self.axis = integer(axis, "Softmax: axis", -MAX_DIMS)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        number_of(self, self.axis, input_shape)
        return super().compute_output_shape(input_shape)

    def lower(self, lowering: Lowering, x: int) -> int:
        if self.axis == -1 or not self.built:
            if self.axis != -1:
                raise ValueError(f"{self}: as an activation, only axis -1 is supported")
            return super().lower(lowering, x)
        shape = self.sample_shape(self.input_shape)
        axis = number_of(self, self.axis, self.input_shape)
        emit = partial(super().lower, lowering)
        return along(lowering, x, shape, axis, emit)

    def record(self) -> tuple[str, Attr]:
        return "softmax", ()

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"axis": self.axis}
