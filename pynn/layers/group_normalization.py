# SPDX-License-Identifier: BSD-3-Clause
"""Normalization of each sample by groups of channels."""

from typing import Any

from pynn._checks import integer
from pynn._lowering import Lowering
from pynn._ops import MAX_DIMS
from pynn.layers._axes import along, number_of
from pynn.layers._scaled import Scaled
from pynn.layers.base import Shape


class GroupNormalization(Scaled):
    """``(x - mean) / sqrt(variance + epsilon) * gamma + beta`` with mean and variance
    (biased) of each sample over a group of channels and all other axes.

    Y. Wu, K. He, "Group normalization", ECCV 2018.

    Parameters
    ----------
    groups : int
        How many groups of neighbouring channels there are; a divisor of their number.
        -1 gives each channel a group of its own (instance normalization).
    axis : int
        That of the channels; the batch has number 0 and cannot be it.
    epsilon : float
        Positive or zero; added to the variance.
    center, scale : bool
        Whether there are `beta` and `gamma`, both of shape (channels,).
    beta_initializer, gamma_initializer : str or Initializer
    beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint
        See `pynn.regularizers` and `pynn.constraints`.
    **common
        See `Layer`.

    Raises
    ------
    ValueError
        If an argument is unknown or out of range, or does not go with the input.
    """

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **common: Any,
    ) -> None:
        given = (beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint)
        super().__init__(**common)
        self.groups = integer(groups, "GroupNormalization: groups", -1)
        if self.groups == 0:
            raise ValueError("GroupNormalization: groups: expected -1 or more, not 0")
        self.axis = integer(axis, "GroupNormalization: axis", -MAX_DIMS)
        starts = beta_initializer, gamma_initializer
        self._take_scaling(epsilon, center, scale, starts, given)

    def build(self, input_shape: Shape) -> None:
        channels = self._channels(input_shape)
        if self.groups == -1:
            self.groups = channels
        self.compute_output_shape(input_shape)
        self._place_scaling((channels,))
        super().build(input_shape)

    def _channels(self, input_shape: Shape) -> int:
        axis = number_of(self, self.axis, input_shape)
        return self.sample_shape(input_shape)[axis]

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        channels = self._channels(input_shape)
        for weight in self.weights[:1]:
            if weight.shape != (channels,):
                raise ValueError(
                    f"{self}: expected {weight.shape[0]} channels along axis"
                    f" {self.axis}, got {channels}"
                )
        if channels % self.groups:
            raise ValueError(
                f"{self}: expected a number of channels that {self.groups} groups"
                f" divide, got {channels} along axis {self.axis}"
            )
        return tuple(input_shape)

    def lower(self, lowering: Lowering, x: int) -> int:
        def emit(source: int) -> int:
            return lowering.group_norm(
                source,
                self.groups,
                self.epsilon,
                self.blocks[0].offset if self.blocks else -1,
                scale=self.scale,
                center=self.center,
                trainable=self.trainable,
            )

        axis = number_of(self, self.axis, self.input_shape)
        return along(lowering, x, self.sample_shape(self.input_shape), axis, emit)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "groups": self.groups,
            "axis": self.axis,
            **self._scaling_config(),
        }
