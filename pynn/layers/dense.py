# SPDX-License-Identifier: BSD-3-Clause
"""The fully connected layer."""

from typing import Any

from pynn import constraints, initializers, regularizers
from pynn._checks import flag, integer
from pynn._lowering import Lowering
from pynn._variables import Variable
from pynn.layers.activation import apply, resolve, written
from pynn.layers.base import Layer, Shape


class Dense(Layer):
    """``activation(x @ kernel + bias)`` along the last axis.

    Parameters
    ----------
    units : int
        Length of the output's last axis.
    activation : str, callable or layer, optional
    use_bias : bool
    kernel_initializer, bias_initializer : str or Initializer
        Starting values of `kernel` (in, units) and `bias` (units,).
    kernel_regularizer, bias_regularizer : str, Regularizer or callable, optional
        Penalties on the weights, added to the loss; see `pynn.regularizers`.
    activity_regularizer : str, Regularizer or callable, optional
        Penalty on the output, divided by the rows of the batch.
    kernel_constraint, bias_constraint : str, Constraint or callable, optional
        What the weights are held to after each step; see `pynn.constraints`.
    **common
        See `Layer`.

    Raises
    ------
    ValueError
        If an argument is unknown or out of range.
    """

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **common: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **common)
        self.units = integer(units, "Dense: units", 1)
        self.activation = resolve(activation)
        self.use_bias = flag(use_bias, "Dense: use_bias")
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.kernel: Variable | None = None
        self.bias: Variable | None = None

    def build(self, input_shape: Shape) -> None:
        width = self.sample_shape(input_shape)[-1]
        block = self.add_block(width + self.use_bias, self.units)
        rows = slice(0, width)
        self.kernel = self.place_weight(
            "kernel",
            block,
            rows,
            (width, self.units),
            self.kernel_initializer,
            self.kernel_regularizer,
            self.kernel_constraint,
        )
        if self.use_bias:
            rows = slice(width, width + 1)
            self.bias = self.place_weight(
                "bias",
                block,
                rows,
                (self.units,),
                self.bias_initializer,
                self.bias_regularizer,
                self.bias_constraint,
            )
        super().build(input_shape)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        shape = self.sample_shape(input_shape)
        if self.kernel is not None and self.kernel.shape[0] != shape[-1]:
            raise ValueError(
                f"{self}: expected last dimension {self.kernel.shape[0]},"
                f" got {shape[-1]}"
            )
        return (*input_shape[:-1], self.units)

    def lower(self, lowering: Lowering, x: int) -> int:
        y = lowering.dense(
            x,
            self.units,
            self.blocks[0].offset,
            bias=self.use_bias,
            trainable=self.trainable,
        )
        return apply(lowering, y, self.activation)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "units": self.units,
            "activation": written(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
        }
