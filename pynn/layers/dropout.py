# SPDX-License-Identifier: BSD-3-Clause
"""Layers that act in training only."""

from typing import Any

from pynn._checks import integer, real
from pynn._lowering import Lowering
from pynn.layers.base import Layer


class Dropout(Layer):
    """Set each element to zero with probability `rate`, scale the others by
    ``1 / (1 - rate)``; outside training, do nothing.

    The mask depends on seed, step and element only, not on threads or batch slicing
    (N. Srivastava et al., "Dropout: a simple way to prevent neural networks from
    overfitting", JMLR 15, 2014).

    Parameters
    ----------
    rate : float
        In [0, 1]; 1 gives zeros.
    noise_shape : None
        Known from Keras; not supported.
    seed : int, optional
        Of the masks; drawn from `utils.set_random_seed`'s sequence when not given.
    **common
        See `Layer`.
    """

    def __init__(
        self,
        rate: float,
        noise_shape: None = None,
        seed: int | None = None,
        **common: Any,
    ) -> None:
        super().__init__(**common)
        self.rate = real(rate, "Dropout: rate", "[0, 1]")
        if noise_shape is not None:
            raise ValueError(
                f"Dropout: noise_shape is not supported, got {noise_shape!r}"
            )
        self.seed = None if seed is None else integer(seed, "Dropout: seed", 0)

    def lower(self, lowering: Lowering, x: int) -> int:
        return lowering.dropout(x, self.rate, self.seed)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"rate": self.rate, "seed": self.seed}
