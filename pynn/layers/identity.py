# SPDX-License-Identifier: BSD-3-Clause
"""The layer that does nothing."""

from pynn._lowering import Lowering
from pynn.layers.base import Layer


class Identity(Layer):
    """Returns its input.

    Parameters
    ----------
    **common
        See `Layer`.
    """

    expected_ndim = 1

    def lower(self, lowering: Lowering, x: int) -> int:
        return x
