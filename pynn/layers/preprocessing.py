# SPDX-License-Identifier: BSD-3-Clause
"""Layers that bring data into a range, with constants that training does not move."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from pynn._checks import flag, integer
from pynn._lowering import Lowering
from pynn._ops import MAX_DIMS, ROOT, TIMES
from pynn._variables import Array, Variable
from pynn.data import as_rows
from pynn.layers._scaling import Scaling, constants
from pynn.layers.base import Shape


class Rescaling(Scaling):
    """``x * scale + offset``.

    Parameters
    ----------
    scale, offset : float or sequence of float
        A sequence has a number for each column of the last axis.
    **common
        See `Layer`.
    """

    def __init__(self, scale: Any, offset: Any = 0.0, **common: Any) -> None:
        super().__init__(**common)
        self.scale = constants(scale, "Rescaling: scale")
        self.offset = constants(offset, "Rescaling: offset")
        if max(self.scale.ndim, self.offset.ndim) > 1:
            raise ValueError("Rescaling: expected numbers or one for each column")

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        shape = self.sample_shape(input_shape)
        self._kept = (len(shape) - 1,) if self.scale.ndim or self.offset.ndim else ()
        rows = self._make_block(shape).matrix
        rows[0], rows[1] = self.offset, self.scale

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        width = self.sample_shape(input_shape)[-1]
        if self.scale.size not in (1, width) or self.offset.size not in (1, width):
            raise ValueError(
                f"{self}: expected 1 or {width} numbers for an input of shape"
                f" {tuple(input_shape)}, got {self.scale.size} scales and"
                f" {self.offset.size} offsets"
            )
        return super().compute_output_shape(input_shape)

    def lower(self, lowering: Lowering, x: int) -> int:
        return self._emit(lowering, x, TIMES)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "scale": self.scale.tolist(),
            "offset": self.offset.tolist(),
        }


class Normalization(Scaling):
    """``(x - mean) / max(sqrt(variance), 1e-7)``.

    Without given values there are the weights `mean`, `variance` and `count` (which, as
    in Keras, stays 0); `adapt` sets them, and training leaves them alone.

    Parameters
    ----------
    axis : int, tuple of int or None
        The axes along which each place has values of its own; None for one of each.
        Either all axes between the batch and the last are among them or none.
    mean, variance : array_like, optional
        Both or none; of the shape of the kept axes, or broadcast to it.
    invert : bool
        Whether to compute ``mean + x * max(sqrt(variance), 1e-7)``.
    **common
        See `Layer`.
    """

    mean: Variable | None = None
    variance: Variable | None = None
    count: Variable | None = None

    def __init__(
        self,
        axis: int | Sequence[int] | None = -1,
        mean: Any = None,
        variance: Any = None,
        invert: bool = False,
        **common: Any,
    ) -> None:
        super().__init__(**common)
        given = () if axis is None else (axis,) if isinstance(axis, int) else axis
        self.axis = tuple(integer(a, "Normalization: axis", -MAX_DIMS) for a in given)
        self.invert = flag(invert, "Normalization: invert")
        if (mean is None) != (variance is None):
            raise ValueError("Normalization: expected both mean and variance, or none")
        self.input_mean = mean if mean is None else constants(mean, "mean")
        self.input_variance = mean if mean is None else constants(variance, "variance")
        if mean is not None and np.shape(mean) != np.shape(variance):
            raise ValueError(
                f"Normalization: mean and variance have shapes {np.shape(mean)} and"
                f" {np.shape(variance)}; expected the same"
            )

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        shape, axes = self.sample_shape(input_shape), len(input_shape)
        if any(not -axes <= a < axes or a % axes == 0 for a in self.axis):
            raise ValueError(
                f"{self}: axis {self.axis}: expected axes of an input of shape"
                f" {tuple(input_shape)}, without the batch"
            )
        self._kept = tuple(sorted({a % axes - 1 for a in self.axis}))
        kept = tuple(shape[a] for a in self._kept)
        block = self._make_block(shape)
        halves = slice(0, block.rows // 2), slice(block.rows // 2, block.rows)
        if self.input_mean is None:
            zeros, ones = (lambda s, dtype: np.zeros(s)), (lambda s, dtype: np.ones(s))
            self.mean = self.place_weight("mean", block, halves[0], kept, zeros)
            self.variance = self.place_weight("variance", block, halves[1], kept, ones)
            counter = self.add_block(1, 1, moving=True)
            self.count = self.place_weight("count", counter, slice(0, 1), (), zeros)
            return
        given: list[Any] = [self.input_mean, self.input_variance]
        for rows, values in zip(halves, given, strict=True):
            part = block.matrix[rows]
            part[...] = np.broadcast_to(values, kept).reshape(part.shape)

    def adapt(self, data: Any) -> None:
        """Set mean and variance to those of data.

        Parameters
        ----------
        data : array_like (n, ...) or iterable of such
            All data, or batches of them.

        Raises
        ------
        ValueError
            If mean and variance were given to the layer, or the data do not fit it.
        """
        if self.input_mean is not None:
            raise ValueError(f"{self}: mean and variance were given")
        whole = hasattr(data, "__array__") or not isinstance(data, Iterable)
        moments: tuple[float, Any, Any] = (0.0, 0.0, 0.0)
        for batch in [data] if whole else data:
            moments = self._joined(moments, as_rows(batch, f"{self}: adapt"))
        if not moments[0]:
            raise ValueError(f"{self}: adapt: no data")
        assert self.mean is not None
        assert self.variance is not None
        self.mean.assign(np.asarray(moments[1]))
        self.variance.assign(np.asarray(moments[2]))

    def _joined(
        self, moments: tuple[float, Any, Any], batch: Array
    ) -> tuple[float, Any, Any]:
        """Return count, mean and variance with a batch more."""
        shape = (None, *batch.shape[1:])
        self.build_once(shape)
        if shape != self.input_shape:
            raise ValueError(
                f"{self}: adapt: expected data of shape {self.input_shape}, got {shape}"
            )
        axes = tuple(a for a in range(batch.ndim) if a - 1 not in self._kept)
        values = batch.astype(np.float64)
        n, before = float(len(values)), moments[0]
        if not n:
            return moments
        mean = values.mean(axis=axes)
        share = n / (before + n)
        joined = moments[1] + (mean - moments[1]) * share
        old = moments[2] + (moments[1] - joined) ** 2
        new = values.var(axis=axes) + (mean - joined) ** 2
        return before + n, joined, old * (1.0 - share) + new * share

    def lower(self, lowering: Lowering, x: int) -> int:
        return self._emit(lowering, x, ROOT | TIMES * self.invert)

    def get_config(self) -> dict[str, Any]:
        given = self.input_mean, self.input_variance
        mean, variance = (v if v is None else v.tolist() for v in given)
        return super().get_config() | {
            "axis": self.axis,
            "mean": mean,
            "variance": variance,
            "invert": self.invert,
        }
