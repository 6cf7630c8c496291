# SPDX-License-Identifier: BSD-3-Clause
"""What a model is told about its input."""

from collections.abc import Sequence
from typing import Any

from pynn._checks import integer
from pynn._lowering import Lowering
from pynn.data import check_shape
from pynn.layers.base import Layer, Shape
from pynn.layers.symbolic import KerasTensor


class InputLayer(Layer):
    """The first entry of a model: the shape of one sample, and the element type.

    Parameters
    ----------
    shape : tuple of int
        Without the batch axis.
    batch_size : int, optional
        Shown as the first axis of shapes; every batch size works all the same.
    dtype : str, optional
        "float32" or "float64"; the whole model computes in it.
    batch_shape : tuple, optional
        The shape with its batch axis, instead of `shape`.
    name : str, optional
    """

    expected_ndim = 1

    def __init__(
        self,
        shape: Sequence[int] | int | None = None,
        batch_size: int | None = None,
        dtype: object = None,
        batch_shape: Sequence[int | None] | None = None,
        name: str | None = None,
        **common: Any,
    ) -> None:
        super().__init__(name=name, dtype=dtype, **common)
        if (shape is None) == (batch_shape is None):
            raise ValueError("Input: expected either shape or batch_shape")
        if batch_shape is not None:
            batch_size, *shape = batch_shape  # type: ignore[assignment]
        self.batch_size = (
            None if batch_size is None else integer(batch_size, "Input: batch_size", 1)
        )
        self.shape: Shape = (self.batch_size, *check_shape("Input", shape))
        self.build(self.shape)

    @property
    def output(self) -> KerasTensor:
        """The beginning of a chain of layers."""
        return KerasTensor(self.shape, self.dtype, self)

    @property
    def input(self) -> KerasTensor:
        """The same as `output`."""
        return self.output

    def lower(self, lowering: Lowering, x: int) -> int:
        return x

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["trainable"]
        return config | {"shape": self.shape[1:], "batch_size": self.batch_size}


def Input(
    shape: Sequence[int] | int | None = None,
    batch_size: int | None = None,
    dtype: object = None,
    batch_shape: Sequence[int | None] | None = None,
    name: str | None = None,
) -> KerasTensor:
    """Return a symbolic tensor: the beginning of a chain of layers, or of a Sequential.

    Parameters
    ----------
    shape, batch_size, dtype, batch_shape, name
        See `InputLayer`.
    """
    return InputLayer(shape, batch_size, dtype, batch_shape, name).output
