# SPDX-License-Identifier: BSD-3-Clause
"""What works along the last axis, along another one."""

from collections.abc import Callable, Sequence

from pynn._lowering import Lowering
from pynn.layers.base import Shape


def number_of(layer: object, axis: int, input_shape: Shape) -> int:
    """Return which axis of a sample is meant, or raise ValueError if none is.

    Parameters
    ----------
    layer : Layer
        Whose `axis` it is; for the message.
    axis : int
        Of the input, the batch axis counted, or from the end if negative.
    input_shape : tuple of int
    """
    count = len(input_shape)
    if not -count < axis < count or axis == 0:
        raise ValueError(
            f"{layer}: axis {axis} is none of an input of shape"
            f" {tuple(input_shape)}, or the batch"
        )
    return axis % count - 1


def along(
    lowering: Lowering,
    x: int,
    shape: Sequence[int],
    axis: int,
    emit: Callable[[int], int],
) -> int:
    """Emit records that find an axis of samples of `shape` where the last one is."""
    order = [i for i in range(len(shape)) if i != axis]
    return ordered(lowering, x, shape, [*order, axis], emit)


def ordered(
    lowering: Lowering,
    x: int,
    shape: Sequence[int],
    order: Sequence[int],
    emit: Callable[[int], int],
) -> int:
    """Emit records that find the axes in another order, which does not outlast them."""
    there = emit(lowering.permute(x, shape, order))
    back = [order.index(i) for i in range(len(shape))]
    return lowering.permute(there, [shape[i] for i in order], back)
