# SPDX-License-Identifier: BSD-3-Clause
"""What layers share that scale by constants."""

import math
from typing import Any

import numpy as np

from pynn._lowering import Lowering
from pynn._ops import PER_COLUMN, PER_VECTOR
from pynn._variables import Array, Block
from pynn.layers.base import Layer


class Scaling(Layer):
    """Two constants for each part of a sample: shifts, then scales, in one block."""

    _kept: tuple[int, ...] = ()  # axes of a sample that have constants of their own

    @property
    def active_blocks(self) -> list[Block]:
        """Those of `moving_blocks` that training moves: none."""
        return []

    def _make_block(self, shape: tuple[int, ...]) -> Block:
        """Return a block for the constants of samples of `shape`."""
        last, inner = len(shape) - 1, set(range(len(shape) - 1))
        used = {axis for axis in self._kept if shape[axis] > 1}
        several = {axis for axis in inner if shape[axis] > 1}
        if used & inner and not several <= used:
            raise ValueError(
                f"{self}: expected constants for all axes between the batch and the"
                f" last or for none, got axes {tuple(a + 1 for a in self._kept)} of an"
                f" input of shape {(None, *shape)}"
            )
        self._select = PER_VECTOR * bool(used & inner) | PER_COLUMN * (last in used)
        rows = math.prod(shape[:-1]) if used & inner else 1
        return self.add_block(2 * rows, shape[last] if last in used else 1, moving=True)

    def _emit(self, lowering: Lowering, x: int, select: int) -> int:
        offset = self.moving_blocks[0].offset
        return lowering.affine(x, self._select | select, offset)


def constants(value: Any, name: str) -> Array:
    """Return finite numbers as float64, or raise ValueError."""
    array = np.asarray(value)
    if array.dtype.kind not in "fiu" or not np.isfinite(array).all():
        raise ValueError(f"{name}: expected finite numbers, got {value!r}")
    return array.astype(np.float64)
