# SPDX-License-Identifier: BSD-3-Clause
"""Dropout and its relatives: layers that set elements aside, in training only.

What they drop depends on seed, step and element alone, not on threads or slicing.
"""

from collections.abc import Iterable
from typing import Any, ClassVar

from pynn._checks import integer, optional_seed, real
from pynn._lowering import Lowering
from pynn._ops import ALPHA, SAME_INNER, SAME_ROWS, SAME_WIDTH
from pynn.layers.base import Layer, Shape


class Dropout(Layer):
    """Set each element to zero with probability `rate`, scale the others by
    ``1 / (1 - rate)``; outside training, do nothing.

    N. Srivastava et al., "Dropout: a simple way to prevent neural networks from
    overfitting", JMLR 15, 2014.

    Parameters
    ----------
    rate : float
        In [0, 1]; 1 gives zeros.
    noise_shape : tuple of int or None, optional
        One entry per axis, the batch included: along an axis with 1, all elements are
        kept or dropped together; None and the axis' own length leave each on its own.
        The axes between batch and last share all or none.
    seed : int, optional
        Of the masks; drawn from `utils.set_random_seed`'s sequence when not given.
    **common
        See `Layer`.
    """

    _rule: ClassVar[int] = 0

    def __init__(
        self,
        rate: float,
        noise_shape: Iterable[int | None] | None = None,
        seed: int | None = None,
        **common: Any,
    ) -> None:
        super().__init__(**common)
        kind = type(self).__name__
        self.rate = real(rate, f"{kind}: rate", "[0, 1]")
        self.noise_shape = _checked(noise_shape, kind)
        self.seed = optional_seed(seed, f"{kind}: seed")

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        self._shared(input_shape)
        return super().compute_output_shape(input_shape)

    def _shared(self, input_shape: Shape) -> int:
        """Return the bits of the axes along which elements share a mask."""
        if self.noise_shape is None:
            return 0
        axes = [
            None if size == 1 else wanted == 1
            for size, wanted in zip(input_shape, self.noise_shape, strict=False)
        ]
        inner = set(axes[1:-1]) - {None}
        fits = len(self.noise_shape) == len(input_shape) and all(
            i == 0 or wanted in (None, 1, size)
            for i, (size, wanted) in enumerate(
                zip(input_shape, self.noise_shape, strict=True)
            )
        )
        if not fits or len(inner) > 1:
            raise ValueError(
                f"{self}: noise_shape {self.noise_shape} does not fit the input"
                f" {tuple(input_shape)}: expected, for each axis, 1 or None or its"
                " length, and the same for all axes between the first and the last"
            )
        width = len(axes) > 1 and bool(axes[-1])
        return (
            SAME_ROWS * bool(axes[0])
            | SAME_INNER * (True in inner)
            | SAME_WIDTH * width
        )

    def lower(self, lowering: Lowering, x: int) -> int:
        select = self._rule | self._shared(self.input_shape)
        return lowering.dropout(x, self.rate, self.seed, select)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "rate": self.rate,
            "seed": self.seed,
            "noise_shape": self.noise_shape,
        }


def _checked(noise_shape: Any, kind: str) -> tuple[int | None, ...] | None:
    if noise_shape is None:
        return None
    if isinstance(noise_shape, str) or not isinstance(noise_shape, Iterable):
        raise ValueError(
            f"{kind}: noise_shape: expected a tuple of integers, got {noise_shape!r}"
        )
    where = f"{kind}: noise_shape"
    return tuple(None if n is None else integer(n, where, 1) for n in noise_shape)


class AlphaDropout(Dropout):
    """Dropout that keeps mean and variance of what `selu` puts out.

    Each element becomes the limit of `selu` at minus infinity with probability `rate`;
    then all are scaled and shifted. G. Klambauer et al., "Self-normalizing neural
    networks", NIPS 2017.

    Parameters
    ----------
    rate, noise_shape, seed
        As in `Dropout`.
    **common
        See `Layer`.
    """

    _rule = ALPHA


class _SpatialDropout(Dropout):
    """Dropout of whole channels: one mask for all places of a sample."""

    _ndim: ClassVar[int]

    def __init__(
        self,
        rate: float,
        seed: int | None = None,
        **common: Any,
    ) -> None:
        super().__init__(rate, (None, *(1,) * (self._ndim - 2), None), seed, **common)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) != self._ndim:
            raise ValueError(
                f"{self}: expected an input of {self._ndim} axes,"
                f" got shape {tuple(input_shape)}"
            )
        return super().compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["noise_shape"]
        return config


class SpatialDropout1D(_SpatialDropout):
    """Dropout of whole channels of samples of shape (steps, channels).

    J. Tompson et al., "Efficient object localization using convolutional networks",
    CVPR 2015.

    Parameters
    ----------
    rate, seed
        As in `Dropout`.
    **common
        See `Layer`.
    """

    _ndim = 3


class SpatialDropout2D(_SpatialDropout):
    """Dropout of whole channels of samples of shape (rows, columns, channels).

    Parameters
    ----------
    rate : float
        In [0, 1].
    data_format : "channels_last" or None
    seed : int, optional
    **common
        See `Layer`.
    """

    _ndim = 4

    def __init__(
        self,
        rate: float,
        data_format: str | None = None,
        seed: int | None = None,
        **common: Any,
    ) -> None:
        super().__init__(rate, seed, **common)
        if data_format not in (None, "channels_last"):
            raise ValueError(
                "SpatialDropout2D: data_format: expected 'channels_last',"
                f" got {data_format!r}"
            )
