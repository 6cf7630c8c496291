# SPDX-License-Identifier: BSD-3-Clause
"""Initializers with a seed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from pynn import _engine
from pynn._checks import integer, one_of, real
from pynn.initializers._base import Array, Initializer

_TRUNCATED_DEVIATION = 0.87962566103423978  # of a unit normal cut off at two
_STREAM = 0x1417  # keeps the samples apart from other uses of a seed


class _Random(Initializer):
    """An initializer with a seed.

    Parameters
    ----------
    seed : int, optional
    """

    def __init__(self, seed: int | None = None) -> None:
        who = type(self).__name__
        self._given = None if seed is None else integer(seed, f"{who}: seed", 0)
        self.seed = _engine.next_seed() if seed is None else self._given

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this initializer again."""
        return super().get_config() | {"seed": self._given}

    def _draw(
        self, distribution: str, a: float, b: float, shape: Sequence[int]
    ) -> np.ndarray[Any, np.dtype[np.float64]]:
        seed = self.seed or 0
        return _engine.random(distribution, a, b, seed, _STREAM, tuple(shape))


class RandomUniform(_Random):
    """Uniform between two limits.

    Parameters
    ----------
    minval, maxval : float
    seed : int, optional
    """

    fields = ("minval", "maxval")

    def __init__(
        self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None
    ) -> None:
        super().__init__(seed)
        self.minval = real(minval, "RandomUniform: minval")
        self.maxval = real(maxval, "RandomUniform: maxval", f"[{self.minval}, inf)")

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Array:
        drawn = self._draw("uniform", self.minval, self.maxval, shape)
        return drawn.astype(dtype or "float32")


class RandomNormal(_Random):
    """Normal with a mean and a standard deviation.

    Parameters
    ----------
    mean, stddev : float
    seed : int, optional
    """

    fields = ("mean", "stddev")
    _distribution = "normal"

    def __init__(
        self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None
    ) -> None:
        super().__init__(seed)
        who = type(self).__name__
        self.mean = real(mean, f"{who}: mean")
        self.stddev = real(stddev, f"{who}: stddev", "[0, inf)")

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Array:
        drawn = self._draw(self._distribution, self.mean, self.stddev, shape)
        return drawn.astype(dtype or "float32")


class TruncatedNormal(RandomNormal):
    """Normal with what lies beyond two standard deviations drawn again.

    Parameters
    ----------
    mean, stddev : float
        Of the normal before anything is cut off.
    seed : int, optional
    """

    _distribution = "truncated_normal"


def fans(shape: Sequence[int]) -> tuple[int, int]:
    """Return how many inputs an output has and how many outputs an input has.

    Parameters
    ----------
    shape : tuple of int
        ``(inputs, outputs)`` of a matrix, or ``(..., inputs, outputs)`` of a
        convolution kernel, whose leading axes are its receptive field.
    """
    if not shape:
        return 1, 1
    if len(shape) == 1:
        return shape[0], shape[0]
    field = math.prod(shape[:-2])
    return field * shape[-2], field * shape[-1]


class VarianceScaling(_Random):
    """Random with variance ``scale / fan``, so that signals keep their size.

    Parameters
    ----------
    scale : float
        Above 0.
    mode : {"fan_in", "fan_out", "fan_avg"}
        Inputs of an output, outputs of an input, or their mean (see `fans`).
    distribution : {"truncated_normal", "untruncated_normal", "uniform"}
        "normal" is the first, cut off at two standard deviations and stretched so that
        its variance is still as promised.
    seed : int, optional
    """

    fields: ClassVar[tuple[str, ...]] = ("scale", "mode", "distribution")

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: int | None = None,
    ) -> None:
        super().__init__(seed)
        who = type(self).__name__
        self.scale = real(scale, f"{who}: scale", "(0, inf)")
        modes = ("fan_in", "fan_out", "fan_avg")
        self.mode: str = one_of(mode, f"{who}: mode", modes)
        kinds = ("truncated_normal", "untruncated_normal", "uniform")
        kind = "truncated_normal" if distribution == "normal" else distribution
        self.distribution: str = one_of(kind, f"{who}: distribution", kinds)

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Array:
        fan_in, fan_out = fans(shape)
        average = (fan_in + fan_out) / 2.0
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": average}[self.mode]
        deviation = math.sqrt(self.scale / max(1.0, fan))
        if self.distribution == "uniform":
            limit = math.sqrt(3.0) * deviation
            drawn = self._draw("uniform", -limit, limit, shape)
        elif self.distribution == "truncated_normal":
            wide = deviation / _TRUNCATED_DEVIATION
            drawn = self._draw("truncated_normal", 0.0, wide, shape)
        else:
            drawn = self._draw("normal", 0.0, deviation, shape)
        return drawn.astype(dtype or "float32")


class _Preset(VarianceScaling):
    """A `VarianceScaling` with a name of its own.

    Parameters
    ----------
    seed : int, optional
    """

    fields: ClassVar[tuple[str, ...]] = ()
    _preset: ClassVar[tuple[float, str, str]]

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(*self._preset, seed)


class GlorotUniform(_Preset):
    """Uniform up to ``sqrt(6 / (fan_in + fan_out))``.

    X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward
    neural networks", AISTATS 2010.
    """

    _preset = (1.0, "fan_avg", "uniform")


class GlorotNormal(_Preset):
    """Truncated normal of variance ``2 / (fan_in + fan_out)``; see `GlorotUniform`."""

    _preset = (1.0, "fan_avg", "truncated_normal")


class HeUniform(_Preset):
    """Uniform up to ``sqrt(6 / fan_in)``.

    K. He et al., "Delving deep into rectifiers", ICCV 2015.
    """

    _preset = (2.0, "fan_in", "uniform")


class HeNormal(_Preset):
    """Truncated normal of variance ``2 / fan_in``; see `HeUniform`."""

    _preset = (2.0, "fan_in", "truncated_normal")


class LecunUniform(_Preset):
    """Uniform up to ``sqrt(3 / fan_in)``.

    Y. LeCun et al., "Efficient backprop", 1998.
    """

    _preset = (1.0, "fan_in", "uniform")


class LecunNormal(_Preset):
    """Truncated normal of variance ``1 / fan_in``; see `LecunUniform`."""

    _preset = (1.0, "fan_in", "truncated_normal")


class Orthogonal(_Random):
    """A random matrix whose rows or columns, whichever are fewer, are orthonormal.

    All axes but the last count as rows. A. Saxe, J. McClelland and S. Ganguli, "Exact
    solutions to the nonlinear dynamics of learning in deep linear neural networks",
    ICLR 2014.

    Parameters
    ----------
    gain : float
        Factor on the matrix.
    seed : int, optional
    """

    fields = ("gain",)

    def __init__(self, gain: float = 1.0, seed: int | None = None) -> None:
        super().__init__(seed)
        self.gain = real(gain, "Orthogonal: gain")

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Array:
        if len(shape) < 2:
            raise ValueError(
                f"Orthogonal: expected a shape of at least 2 axes, got {shape}"
            )
        rows, columns = math.prod(shape[:-1]), shape[-1]
        flat = (min(rows, columns), max(rows, columns))
        found = self._draw("normal", 0.0, 1.0, flat)
        kind = np.dtype(dtype or "float32")
        _orthonormal_rows(found, 2 if kind == np.float64 else 1)
        matrix = found.T if rows > columns else found
        return (self.gain * matrix.reshape(shape)).astype(kind)


def _orthonormal_rows(rows: Array, rounds: int) -> None:
    """Make the rows orthonormal in turn, in place: modified Gram-Schmidt.

    Element-wise operations and NumPy's sums only: no BLAS, whose results depend on
    threads and machine. One round leaves an error of the condition number (some
    thousands) times the unit of float64, a second one of a few units.
    """
    scratch = np.empty_like(rows)
    for _ in range(rounds):
        for i, row in enumerate(rows):
            row /= math.sqrt((row * row).sum())
            below = rows[i + 1 :]
            product = np.multiply(below, row, out=scratch[i + 1 :])
            along = product.sum(axis=1, keepdims=True)
            below -= np.multiply(along, row, out=product)
