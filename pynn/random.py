# SPDX-License-Identifier: BSD-3-Clause
"""Random arrays under the names of ``keras.random``.

Every function takes a `seed`: an int gives the same values at every call, a
`SeedGenerator` the next ones of its sequence, and None those of the sequence that
`utils.set_random_seed` starts. The numbers are not Keras's: each of its backends has
its own, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pynn import _engine
from pynn._checks import integer, optional_seed, real
from pynn.config import standardize_dtype

__all__ = [
    "SeedGenerator",
    "beta",
    "binomial",
    "categorical",
    "dropout",
    "gamma",
    "normal",
    "randint",
    "shuffle",
    "truncated_normal",
    "uniform",
]

Array = np.ndarray[Any, np.dtype[Any]]


class SeedGenerator:
    """A sequence of seeds.

    Parameters
    ----------
    seed : int, optional
        Where it starts; drawn from the process-wide sequence unless given.
    name : str, optional
        Accepted for Keras's sake.
    """

    def __init__(self, seed: int | None = None, name: str | None = None) -> None:
        given = optional_seed(seed, "SeedGenerator: seed")
        self.seed = _engine.next_seed() if given is None else given
        self.name = name
        self._drawn = 0

    def next(self) -> int:
        """Return the next seed, an integer of 64 bits."""
        self._drawn += 1
        # SplitMix64: G. Steele, D. Lea, C. Flood, "Fast splittable pseudorandom number
        # generators", OOPSLA 2014
        z = (self.seed + self._drawn * 0x9E3779B97F4A7C15) & 0xFFFF_FFFF_FFFF_FFFF
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & 0xFFFF_FFFF_FFFF_FFFF
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB & 0xFFFF_FFFF_FFFF_FFFF
        return z ^ (z >> 31)

    def get_config(self) -> dict[str, Any]:
        """Return the seed it started from."""
        return {"seed": self.seed}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SeedGenerator:
        """Make a generator from what `get_config` returned."""
        return cls(**config)


def _number(seed: Any) -> int:
    if isinstance(seed, SeedGenerator):
        return seed.next()
    given = optional_seed(seed, "seed")
    return _engine.next_seed() if given is None else given


def _generator(seed: Any) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(_number(seed)))


def _core(
    kind: str, a: float, b: float, shape: Sequence[int], dtype: Any, seed: Any
) -> Array:
    element = standardize_dtype(dtype)
    drawn = _engine.random(kind, a, b, _number(seed), 0, _shape(shape))
    return drawn.astype(element)


def _shape(shape: Sequence[int]) -> tuple[int, ...]:
    return tuple(integer(n, "shape", 0) for n in shape)


def normal(
    shape: Sequence[int],
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: Any = None,
    seed: Any = None,
) -> Array:
    """Return normal values of a mean and a standard deviation."""
    return _core(
        "normal", real(mean, "mean"), real(stddev, "stddev"), shape, dtype, seed
    )


def truncated_normal(
    shape: Sequence[int],
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: Any = None,
    seed: Any = None,
) -> Array:
    """Return normal values that lie within two deviations of the mean."""
    kind, deviation = "truncated_normal", real(stddev, "stddev")
    return _core(kind, real(mean, "mean"), deviation, shape, dtype, seed)


def uniform(
    shape: Sequence[int],
    minval: float = 0.0,
    maxval: float = 1.0,
    dtype: Any = None,
    seed: Any = None,
) -> Array:
    """Return values that are equally likely in [minval, maxval)."""
    low, high = real(minval, "minval"), real(maxval, "maxval")
    return _core("uniform", low, high, shape, dtype, seed)


def randint(
    shape: Sequence[int],
    minval: int,
    maxval: int,
    dtype: Any = "int32",
    seed: Any = None,
) -> Array:
    """Return integers from `minval` up to, and without, `maxval`."""
    drawn = _generator(seed).integers(minval, maxval, _shape(shape))
    return drawn.astype(dtype)


def beta(
    shape: Sequence[int], alpha: Any, beta: Any, dtype: Any = None, seed: Any = None
) -> Array:
    """Return values of the beta distribution."""
    drawn = _generator(seed).beta(alpha, beta, _shape(shape))
    return drawn.astype(standardize_dtype(dtype))


def gamma(
    shape: Sequence[int], alpha: Any, dtype: Any = None, seed: Any = None
) -> Array:
    """Return values of the gamma distribution with shape `alpha` and scale 1."""
    drawn = _generator(seed).gamma(alpha, size=_shape(shape))
    return drawn.astype(standardize_dtype(dtype))


def binomial(
    shape: Sequence[int],
    counts: Any,
    probabilities: Any,
    dtype: Any = None,
    seed: Any = None,
) -> Array:
    """Return how many of `counts` trials succeed, each with its probability."""
    drawn = _generator(seed).binomial(counts, probabilities, _shape(shape))
    return drawn.astype(standardize_dtype(dtype))


def categorical(
    logits: Any, num_samples: int, dtype: Any = "int32", seed: Any = None
) -> Array:
    """Return class numbers drawn by their unnormalised log-probabilities.

    Parameters
    ----------
    logits : array_like (rows, classes)
    num_samples : int
        Per row.

    Returns
    -------
    ndarray (rows, num_samples)
    """
    weights = np.asarray(logits, float)
    if weights.ndim != 2:
        raise ValueError(f"logits: expected (rows, classes), got shape {weights.shape}")
    count = integer(num_samples, "num_samples", 0)
    noise = _generator(seed).gumbel(size=(len(weights), count, weights.shape[1]))
    found: Array = (weights[:, None] + noise).argmax(-1)
    return found.astype(dtype)


def shuffle(x: Any, axis: int = 0, seed: Any = None) -> Array:
    """Return a copy with its entries along an axis in random order."""
    return _generator(seed).permutation(np.asarray(x), axis)


def dropout(
    inputs: Any, rate: float, noise_shape: Any = None, seed: Any = None
) -> Array:
    """Return a copy with a share `rate` set to 0 and the rest scaled by 1 / (1 - rate).

    Parameters
    ----------
    inputs : array_like
    rate : float
    noise_shape : tuple of int, optional
        Shape of the mask; an axis of 1 drops all along it together.
    """
    array, share = np.asarray(inputs), real(rate, "rate", "[0, 1]")
    if array.dtype.kind != "f":
        array = array.astype(standardize_dtype(None))
    mask = _generator(seed).random(noise_shape or array.shape) >= share
    found: Array = np.where(mask, array / max(1.0 - share, 1e-300), 0)
    return found.astype(array.dtype)
