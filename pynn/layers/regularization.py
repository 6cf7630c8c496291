# SPDX-License-Identifier: BSD-3-Clause
"""The layer that is nothing but a penalty."""

from typing import Any

from pynn._lowering import Lowering
from pynn.layers.base import Layer
from pynn.regularizers import L1L2


class ActivityRegularization(Layer):
    """Passes its input on and adds a penalty on it to the loss.

    ``(l1 * sum(abs(x)) + l2 * sum(x**2)) / rows`` over a batch.

    Parameters
    ----------
    l1, l2 : float
        Not negative.
    **common
        See `Layer`.
    """

    expected_ndim = 1

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **common: Any) -> None:
        super().__init__(activity_regularizer=L1L2(l1, l2), **common)

    @property
    def l1(self) -> float:
        """Factor of the sum of absolute values."""
        return float(self.activity_regularizer.l1)

    @property
    def l2(self) -> float:
        """Factor of the sum of squares."""
        return float(self.activity_regularizer.l2)

    def lower(self, lowering: Lowering, x: int) -> int:
        return x

    def get_config(self) -> dict[str, Any]:
        own = super().get_config()
        del own["activity_regularizer"]
        return own | {"l1": self.l1, "l2": self.l2}
