# SPDX-License-Identifier: BSD-3-Clause
"""Normal noise, in training only.

What they draw depends on seed, step and element alone, not on threads or slicing.
"""

import math
from typing import Any

from pynn._checks import optional_seed, real
from pynn._lowering import Lowering
from pynn.layers.base import Layer


class GaussianNoise(Layer):
    """Add normal numbers of deviation `stddev`; outside training, do nothing.

    Parameters
    ----------
    stddev : float
        In [0, 1].
    seed : int, optional
        Drawn from `utils.set_random_seed`'s sequence when not given.
    **common
        See `Layer`.
    """

    expected_ndim = 1

    def __init__(self, stddev: float, seed: int | None = None, **common: Any) -> None:
        super().__init__(**common)
        self.stddev = real(stddev, "GaussianNoise: stddev", "[0, 1]")
        self.seed = optional_seed(seed, "GaussianNoise: seed")

    def lower(self, lowering: Lowering, x: int) -> int:
        return lowering.noise(x, False, self.stddev, self.seed)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"stddev": self.stddev, "seed": self.seed}


class GaussianDropout(Layer):
    """Multiply by normal numbers of mean 1; outside training, do nothing.

    Their deviation is ``sqrt(rate / (1 - rate))``, that of the factors of `Dropout`.

    Parameters
    ----------
    rate : float
        In [0, 1).
    seed : int, optional
        Drawn from `utils.set_random_seed`'s sequence when not given.
    **common
        See `Layer`.
    """

    expected_ndim = 1

    def __init__(self, rate: float, seed: int | None = None, **common: Any) -> None:
        super().__init__(**common)
        self.rate = real(rate, "GaussianDropout: rate", "[0, 1)")
        self.seed = optional_seed(seed, "GaussianDropout: seed")

    def lower(self, lowering: Lowering, x: int) -> int:
        deviation = math.sqrt(self.rate / (1.0 - self.rate))
        return lowering.noise(x, True, deviation, self.seed)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"rate": self.rate, "seed": self.seed}
