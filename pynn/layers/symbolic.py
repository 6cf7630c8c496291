# SPDX-License-Identifier: BSD-3-Clause
"""Tensors without numbers: what a layer returns when its input is still to come."""

from __future__ import annotations

from typing import Any, NoReturn

Shape = tuple[int | None, ...]
"""A shape with its batch axis, which is None unless an `Input` says more."""


class KerasTensor:
    """The future output of a layer: its shape, and the layers that lead to it.

    Attributes
    ----------
    shape : tuple
        With the batch axis, None unless the `Input` said more.
    dtype : str
    layer : Layer
        Whose output this is; an `InputLayer` at the beginning of a chain.
    source : KerasTensor or None
        The input of `layer`.
    """

    def __init__(
        self, shape: Shape, dtype: str, layer: Any, source: KerasTensor | None = None
    ) -> None:
        self.shape, self.dtype = tuple(shape), dtype
        self.layer, self.source = layer, source

    @property
    def name(self) -> str:
        """That of the layer."""
        return str(self.layer.name)

    @property
    def ndim(self) -> int:
        """Number of axes, batch included."""
        return len(self.shape)

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        raise ValueError(
            f"{self!r} has no numbers: give it to a layer, or to Model(inputs, outputs)"
        )

    def __iter__(self) -> NoReturn:
        raise TypeError(f"{self!r} has no numbers to go through")

    def __bool__(self) -> NoReturn:
        raise TypeError(f"{self!r} has no truth value")

    def _refuse(self, *_: object) -> NoReturn:
        raise ValueError(
            "models are chains of layers: a symbolic tensor can only go into one layer"
            " at a time, and not into arithmetic or another function"
        )

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _refuse
    __truediv__ = __rtruediv__ = __pow__ = __matmul__ = __neg__ = _refuse
    __getitem__ = _refuse

    def __repr__(self) -> str:
        return f"<KerasTensor shape={self.shape}, dtype={self.dtype}, name={self.name}>"


class Placed:
    """What knows its place in a chain of layers."""

    name: str
    dtype: str
    dtype_given: bool
    _source: KerasTensor | None  # its input in the latest chain

    @property
    def built(self) -> bool:
        """Whether the input shape is known and the weights exist."""
        raise NotImplementedError

    def build_once(self, input_shape: Shape) -> None:
        """Make the weights, unless that was done."""
        raise NotImplementedError(f"{type(self).__name__}.build_once")

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the output's shape, or raise ValueError if the input cannot be."""
        raise NotImplementedError(f"{type(self).__name__}.compute_output_shape")

    @property
    def input(self) -> KerasTensor:
        """Its input in the latest model, for ``Model(inputs, outputs)``."""
        if self._source is None:
            raise AttributeError(f"{self.name!r} has no input: it is in no built model")
        return self._source

    @property
    def output(self) -> KerasTensor:
        """Its output in the latest model, for ``Model(inputs, outputs)``."""
        shape = self.compute_output_shape(self.input.shape)
        return KerasTensor(shape, self.dtype, self, self.input)

    def compute(self, x: Any, training: bool) -> Any:
        """Return the output for an array."""
        raise NotImplementedError(f"{type(self).__name__}.compute")

    def __call__(self, x: Any, training: bool = False) -> Any:
        """Apply the layer.

        Parameters
        ----------
        x : array_like (n, ...) or KerasTensor
        training : bool
            Whether layers like `Dropout` take effect.

        Returns
        -------
        ndarray or KerasTensor
            For a KerasTensor, which stands for an input to come, another one.
        """
        if isinstance(x, KerasTensor):
            return self.follow(x)
        if has_symbols(x):
            raise ValueError(
                f"{self}: expected one input, got several: models are chains of layers"
            )
        return self.compute(x, training)

    def follow(self, x: KerasTensor) -> KerasTensor:
        """Take a place in a chain of layers: build for `x`, return the output."""
        if not self.built:
            self.dtype = self.dtype if self.dtype_given else x.dtype
            self.build_once(x.shape)
        self.compute_output_shape(x.shape)
        self._source = x
        return self.output


def has_symbols(x: Any) -> bool:
    """Whether x is a list, tuple or dict with a `KerasTensor` in it."""
    values = x.values() if isinstance(x, dict) else x
    return isinstance(x, list | tuple | dict) and any(
        isinstance(value, KerasTensor) for value in values
    )
