# SPDX-License-Identifier: BSD-3-Clause
"""Layers that see the same numbers in another shape or order."""

import math
from collections.abc import Sequence
from typing import Any

from pynn._checks import integer
from pynn._lowering import Lowering
from pynn.layers.base import Layer, Shape


class Flatten(Layer):
    """See each sample as one vector.

    Parameters
    ----------
    data_format : None or "channels_last"
        Known from Keras; the order of the elements never changes.
    **common
        See `Layer`.
    """

    expected_ndim = 1

    def __init__(self, data_format: str | None = None, **common: Any) -> None:
        super().__init__(**common)
        if data_format not in (None, "channels_last"):
            raise ValueError(f"Flatten: data_format {data_format!r} is not supported")

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], math.prod(self.sample_shape(input_shape)))

    def lower(self, lowering: Lowering, x: int) -> int:
        slot = lowering.slots[x]
        return lowering.reshape(x, (slot.inner * slot.width,))


class Reshape(Layer):
    """See each sample as an array of `target_shape`.

    Parameters
    ----------
    target_shape : tuple of int
        Without the batch axis; one entry may be -1, whatever is left.
    **common
        See `Layer`.
    """

    expected_ndim = 1

    def __init__(self, target_shape: Sequence[int], **common: Any) -> None:
        super().__init__(**common)
        if isinstance(target_shape, int):
            target_shape = (target_shape,)
        dims = tuple(integer(d, "Reshape: target_shape", -1) for d in target_shape)
        if 0 in dims or dims.count(-1) > 1:
            raise ValueError(
                "Reshape: expected positive dimensions and at most one -1,"
                f" got {target_shape}"
            )
        self.target_shape = dims

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        size = math.prod(self.sample_shape(input_shape))
        known = abs(math.prod(self.target_shape))
        free = -1 in self.target_shape
        if (free and size % known) or (not free and size != known):
            raise ValueError(
                f"{self}: cannot see {size} elements (input {tuple(input_shape)})"
                f" as {self.target_shape}"
            )
        dims = tuple(size // known if d == -1 else d for d in self.target_shape)
        return (input_shape[0], *dims)

    def lower(self, lowering: Lowering, x: int) -> int:
        slot = lowering.slots[x]
        shape = (None, slot.inner * slot.width)
        return lowering.reshape(x, self.sample_shape(self.compute_output_shape(shape)))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"target_shape": self.target_shape}


class Permute(Layer):
    """Put the axes of a sample in another order.

    Parameters
    ----------
    dims : tuple of int
        Numbers of the input's axes, the first after the batch being 1: ``(2, 1)``
        transposes.
    **common
        See `Layer`.
    """

    def __init__(self, dims: Sequence[int], **common: Any) -> None:
        super().__init__(**common)
        given = (dims,) if isinstance(dims, int) else tuple(dims)
        self.dims = tuple(integer(d, "Permute: dims", 1) for d in given)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(
                f"Permute: dims: expected the numbers 1 to {len(self.dims)} in any"
                f" order, got {dims}"
            )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) != len(self.dims) + 1:
            raise ValueError(
                f"{self}: expected an input of {len(self.dims) + 1} axes for dims"
                f" {self.dims}, got shape {tuple(input_shape)}"
            )
        return (input_shape[0], *(input_shape[d] for d in self.dims))

    def lower(self, lowering: Lowering, x: int) -> int:
        shape = self.sample_shape(self.input_shape)
        return lowering.permute(x, shape, [d - 1 for d in self.dims])

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"dims": self.dims}


class RepeatVector(Layer):
    """Repeat a vector: samples of shape (width,) become (n, width).

    Parameters
    ----------
    n : int
    **common
        See `Layer`.
    """

    def __init__(self, n: int, **common: Any) -> None:
        super().__init__(**common)
        self.n = integer(n, "RepeatVector: n", 1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if len(self.sample_shape(input_shape)) != 1:
            raise ValueError(
                f"{self}: expected an input of 2 axes, got shape {tuple(input_shape)}"
            )
        return (input_shape[0], self.n, input_shape[1])

    def lower(self, lowering: Lowering, x: int) -> int:
        return lowering.repeat(x, self.n)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"n": self.n}
