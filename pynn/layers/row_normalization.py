# SPDX-License-Identifier: BSD-3-Clause
"""Layers that normalize each sample by itself, over its last axes."""

from collections.abc import Sequence
from math import prod
from typing import Any, ClassVar

from pynn import initializers
from pynn._checks import integer, real
from pynn._lowering import Lowering
from pynn._variables import Variable
from pynn.layers._scaled import TERMS, Scaled, place_rows
from pynn.layers.base import Layer, Shape

Axes = int | Sequence[int]


class RowNormalization(Layer):
    """Base of these layers: `kind` and `epsilon`, and the axes they work over."""

    kind: ClassVar[str]
    epsilon: float
    scale: Any = False
    center = False

    def __init__(self, axis: Axes, common: dict[str, Any]) -> None:
        super().__init__(**common)
        several = isinstance(axis, list | tuple)
        where, least = f"{type(self).__name__}: axis", -8
        chosen: Any = axis if several else [axis]
        axes = [integer(a, where, least) for a in chosen]
        if not axes:
            raise ValueError(f"{where}: expected at least one axis, got {axis!r}")
        self.axis: int | list[int] = axes if several else axes[0]

    def _joined(self, input_shape: Shape) -> tuple[int, ...]:
        """Return the sizes of the axes, which must be the last ones."""
        shape, count = self.sample_shape(input_shape), len(input_shape)
        axes = self.axis if isinstance(self.axis, list) else [self.axis]
        chosen = sorted({a + count if a < 0 else a for a in axes})
        last = list(range(count - len(chosen), count))
        if chosen != last or last[0] == 0:
            raise ValueError(
                f"{self}: expected the last axes of an input of shape"
                f" {tuple(input_shape)}, got axis={self.axis!r}; move them with a"
                " Permute layer before and after"
            )
        return shape[last[0] - 1 :]

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        shape = self._joined(input_shape)
        for weight in self.weights[:1]:
            if weight.shape != shape:
                raise ValueError(
                    f"{self}: expected last dimensions {weight.shape}, got {shape}"
                )
        return tuple(input_shape)

    def lower(self, lowering: Lowering, x: int) -> int:
        before, joined = self.sample_shape(self.input_shape), self._joined
        shape = joined(self.input_shape)
        rows = before[: len(before) - len(shape)]
        y = lowering.row_norm(
            lowering.reshape(x, (*rows, prod(shape))),
            self.kind,
            self.epsilon,
            self.blocks[0].offset if self.blocks else -1,
            scale=self.scale is not None and self.scale is not False,
            center=self.center,
            trainable=self.trainable,
        )
        return lowering.reshape(y, before)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"axis": self.axis}


class LayerNormalization(Scaled, RowNormalization):
    """``(x - mean) / sqrt(variance + epsilon) * gamma + beta`` with mean and variance
    (biased) of each sample over the last axes.

    J. L. Ba, J. R. Kiros, G. E. Hinton, "Layer normalization", arXiv:1607.06450.

    Parameters
    ----------
    axis : int or sequence of int
        The last axis, or the last axes, of the input.
    epsilon : float
    center, scale : bool
        Whether there are `beta` and `gamma`, shaped as those axes.
    beta_initializer, gamma_initializer : str or Initializer
    beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint
        See `pynn.regularizers` and `pynn.constraints`.
    **common
        See `Layer`.

    Raises
    ------
    ValueError
        If an argument is unknown or out of range, or the axes are not the last ones.
    """

    kind = "layer"

    def __init__(
        self,
        axis: Axes = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        **common: Any,
    ) -> None:
        terms = [common.pop(name, None) for name in TERMS]
        super().__init__(axis, common)
        starts = beta_initializer, gamma_initializer
        self._take_scaling(epsilon, center, scale, starts, terms)

    def build(self, input_shape: Shape) -> None:
        self.compute_output_shape(input_shape)
        self._place_scaling(self._joined(input_shape))
        super().build(input_shape)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | self._scaling_config()


class RMSNormalization(RowNormalization):
    """``x / sqrt(mean(x**2) + epsilon) * scale``, the mean over the last axes of each
    sample (B. Zhang, R. Sennrich, "Root mean square layer normalization", 2019).

    Parameters
    ----------
    axis : int or sequence of int
        The last axis, or the last axes, of the input.
    epsilon : float
    **common
        See `Layer`.
    """

    kind = "rms"

    def __init__(self, axis: Axes = -1, epsilon: float = 1e-6, **common: Any) -> None:
        super().__init__(axis, common)
        self.epsilon = real(epsilon, "RMSNormalization: epsilon", "[0, inf)")
        self.scale: Variable | None = None

    def build(self, input_shape: Shape) -> None:
        self.compute_output_shape(input_shape)
        start = {"scale": initializers.get("ones")}
        place_rows(self, start, self._joined(input_shape))
        super().build(input_shape)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"epsilon": self.epsilon}


class UnitNormalization(RowNormalization):
    """``x / norm(x)`` over the last axes of each sample; norms below 1e-6 count as it.

    Parameters
    ----------
    axis : int or sequence of int
        The last axis, or the last axes, of the input.
    **common
        See `Layer`.
    """

    kind = "unit"
    epsilon = 1e-12  # of the square

    def __init__(self, axis: Axes = -1, **common: Any) -> None:
        super().__init__(axis, common)
