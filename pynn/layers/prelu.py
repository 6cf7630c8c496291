# SPDX-License-Identifier: BSD-3-Clause
"""The ReLU that learns its slopes."""

from collections.abc import Sequence
from math import prod
from typing import Any

from pynn import initializers
from pynn._checks import integer
from pynn._lowering import Lowering
from pynn._variables import Variable
from pynn.layers._axes import ordered
from pynn.layers.base import Layer, Shape


class PReLU(Layer):
    """``x`` where positive, ``alpha * x`` elsewhere, with alphas that are trained.

    K. He, X. Zhang, S. Ren, J. Sun, "Delving deep into rectifiers: surpassing
    human-level performance on ImageNet classification", ICCV 2015. The derivatives
    at 0 are 0, as Keras's.

    Parameters
    ----------
    alpha_initializer : str or Initializer
    alpha_regularizer, alpha_constraint
        See `pynn.regularizers` and `pynn.constraints`.
    shared_axes : int or sequence of int, optional
        Axes of the input, the first after the batch being 1, along which all elements
        have the same alpha: ``[1, 2]`` for one alpha a channel of an image.
    **common
        See `Layer`.

    Attributes
    ----------
    alpha : Variable
        Of the shape of a sample, but 1 along the shared axes.

    Raises
    ------
    ValueError
        If an argument is unknown or out of range, or a shared axis is none of an input.
    """

    expected_ndim = 1
    alpha: Variable

    def __init__(
        self,
        alpha_initializer: Any = "Zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: int | Sequence[int] | None = None,
        **common: Any,
    ) -> None:
        super().__init__(**common)
        self.alpha_initializer = initializers.get(alpha_initializer)
        self._take_terms(
            {
                "alpha_regularizer": alpha_regularizer,
                "alpha_constraint": alpha_constraint,
            }
        )
        several = isinstance(shared_axes, list | tuple)
        given: Any = shared_axes if several else [shared_axes]
        self.shared_axes: list[int] | None = None
        if shared_axes is not None:
            self.shared_axes = [integer(a, "PReLU: shared_axes", 1) for a in given]

    def build(self, input_shape: Shape) -> None:
        shape = self._alpha_shape(input_shape)
        block = self.add_block(prod(shape[:-1]), shape[-1] if shape else 1)
        start, terms = self.alpha_initializer, self._terms_of("alpha")
        self.alpha = self.place_weight(
            "alpha", block, slice(None), shape, start, *terms
        )
        super().build(input_shape)

    def _alpha_shape(self, input_shape: Shape) -> tuple[int, ...]:
        shape, shared = self.sample_shape(input_shape), set(self.shared_axes or ())
        if shared and max(shared) > len(shape):
            raise ValueError(
                f"{self}: shared_axes: expected axes of an input of shape"
                f" {tuple(input_shape)}, got {self.shared_axes}"
            )
        return tuple(1 if i + 1 in shared else n for i, n in enumerate(shape))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        shape = self._alpha_shape(input_shape)
        if self.weights and self.alpha.shape != shape:
            raise ValueError(
                f"{self}: expected an input that goes with alpha of shape"
                f" {self.alpha.shape}, got shape {tuple(input_shape)}"
            )
        return tuple(input_shape)

    def lower(self, lowering: Lowering, x: int) -> int:
        shape = self.sample_shape(self.input_shape)
        shared = {a - 1 for a in self.shared_axes or ()}
        last = len(shape) - 1
        inner = [i for i, n in enumerate(shape[:-1]) if n > 1]
        kept = [i for i in inner if i not in shared]
        rows = prod(shape[i] for i in kept)

        def emit(source: int, near: int) -> int:
            offset, trainable = self.blocks[0].offset, self.trainable
            return lowering.prelu(
                source, rows, near, offset, same=last in shared, trainable=trainable
            )

        first = inner.index(kept[0]) if kept else 0
        end = first + len(kept)
        if inner[first:end] == kept:
            return emit(x, prod(shape[i] for i in inner[end:]))
        order = [i for i in range(last) if i not in kept] + kept + [last]
        return ordered(lowering, x, shape, order, lambda there: emit(there, 1))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "alpha_initializer": initializers.serialize(self.alpha_initializer),
            **self._terms_config(),
            "shared_axes": self.shared_axes,
        }
