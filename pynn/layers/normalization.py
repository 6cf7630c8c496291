# SPDX-License-Identifier: BSD-3-Clause
"""Batch normalization."""

from typing import Any

from pynn import initializers
from pynn._checks import flag, integer, real
from pynn._lowering import Lowering
from pynn._ops import MAX_DIMS
from pynn._variables import Variable
from pynn.layers._axes import along, number_of
from pynn.layers._scaled import Scaled, place_rows
from pynn.layers.base import Shape


class BatchNormalization(Scaled):
    """``(x - mean) / sqrt(variance + epsilon) * gamma + beta`` for each index along an
    axis.

    In training, mean and variance are those of all other axes of the batch, the
    variance divided by their number (biased), and the moving values follow them:
    ``moving = momentum * moving + (1 - momentum) * value``. Outside training, and when
    the layer is frozen (``trainable = False``), it takes the moving values. Gradients
    pass through mean and variance (S. Ioffe, C. Szegedy, "Batch normalization:
    accelerating deep network training by reducing internal covariate shift", ICML
    2015).

    Parameters
    ----------
    axis : int
        Of the input; the batch has number 0 and cannot be it. Another one than the last
        is brought there and back, which takes time.
    momentum : float
        In [0, 1].
    epsilon : float
        Positive or zero; added to the variance.
    center, scale : bool
        Whether there are `beta` and `gamma`, both of shape (width,), the
        length of the axis.
    beta_initializer, gamma_initializer, moving_mean_initializer, \
moving_variance_initializer : str or Initializer
    beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint
        See `pynn.regularizers` and `pynn.constraints`.
    renorm, synchronized : bool
        Known from Keras; only False is supported.
    **common
        See `Layer`.

    Attributes
    ----------
    gamma, beta : Variable or None
    moving_mean, moving_variance : Variable
        Of shape (width,).

    Raises
    ------
    ValueError
        If an argument is unknown or out of range, or the input has no such axis.
    """

    moving_mean: Variable | None = None
    moving_variance: Variable | None = None

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        renorm: bool = False,
        synchronized: bool = False,
        **common: Any,
    ) -> None:
        super().__init__(**common)
        self.axis = integer(axis, "BatchNormalization: axis", -MAX_DIMS)
        self.momentum = real(momentum, "BatchNormalization: momentum", "[0, 1]")
        for name, value in (("renorm", renorm), ("synchronized", synchronized)):
            if flag(value, f"BatchNormalization: {name}"):
                raise ValueError(f"BatchNormalization: {name} is not supported")
        self._take_scaling(
            epsilon,
            center,
            scale,
            (beta_initializer, gamma_initializer),
            (beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint),
        )
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)

    def build(self, input_shape: Shape) -> None:
        shape = (self._width(self.compute_output_shape(input_shape)),)
        self._place_scaling(shape)
        starts = {
            "moving_mean": self.moving_mean_initializer,
            "moving_variance": self.moving_variance_initializer,
        }
        place_rows(self, starts, shape, moving=True)
        super().build(input_shape)

    def _width(self, input_shape: Shape) -> int:
        axis = number_of(self, self.axis, input_shape)
        return self.sample_shape(input_shape)[axis]

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        width = self._width(input_shape)
        if self.moving_mean is not None and self.moving_mean.shape[0] != width:
            raise ValueError(
                f"{self}: expected dimension {self.moving_mean.shape[0]} along axis"
                f" {self.axis}, got {width}"
            )
        return tuple(input_shape)

    def lower(self, lowering: Lowering, x: int) -> int:
        def emit(source: int) -> int:
            return lowering.batch_norm(
                source,
                self.blocks[0].offset if self.blocks else -1,
                self.moving_blocks[0].offset,
                (self.epsilon, self.momentum),
                scale=self.scale,
                center=self.center,
                trainable=self.trainable,
            )

        axis = number_of(self, self.axis, self.input_shape)
        return along(lowering, x, self.sample_shape(self.input_shape), axis, emit)

    def get_config(self) -> dict[str, Any]:
        moving = ("moving_mean_initializer", "moving_variance_initializer")
        return super().get_config() | {
            "axis": self.axis,
            "momentum": self.momentum,
            **{name: initializers.serialize(getattr(self, name)) for name in moving},
            **self._scaling_config(),
        }
