# SPDX-License-Identifier: BSD-3-Clause
"""What a layer does with its weights, whatever they are for."""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from pynn import initializers
from pynn._checks import flag
from pynn._terms import held
from pynn._variables import Array, Block, Variable, is_filled_later
from pynn.data import check_shape


class Holder:
    """Owner of blocks of parameters and of the variables in them."""

    name: str
    dtype: str

    def _hold(self, trainable: bool) -> None:
        self._trainable = bool(trainable)
        self._blocks: list[Block] = []
        self._moving_blocks: list[Block] = []
        self._weights: list[Variable] = []
        self._gradients: dict[int, Array] | None = None  # while `backward` runs

    @property
    def built(self) -> bool:
        """Whether the input shape is known and the weights exist."""
        raise NotImplementedError

    def add_block(self, rows: int, width: int, moving: bool = False) -> Block:
        """Take ``[rows, width]`` parameters, or moving statistics."""
        block = Block(rows, width, self.dtype, repr(self.name))
        (self._moving_blocks if moving else self._blocks).append(block)
        return block

    def place_weight(
        self,
        name: str,
        block: Block,
        rows: slice,
        shape: tuple[int, ...],
        start: Any,
        regularizer: Any = None,
        constraint: Any = None,
    ) -> Variable:
        """Name some rows of a block and fill them from the initializer `start`.

        ValueError if the constraint is along an axis that `shape` does not have.
        """
        variable = Variable(name, f"{self.name}/{name}", block, rows, shape)
        variable.meant = block not in self._moving_blocks
        variable.trainable = variable.meant and self._trainable
        variable.regularizer, variable.constraint = regularizer, constraint
        held(variable)
        if not is_filled_later():
            variable.assign(np.asarray(start(shape, dtype=self.dtype)))
        self._weights.append(variable)
        return variable

    def add_weight(
        self,
        shape: Sequence[int] = (),
        initializer: Any = None,
        dtype: object = None,
        trainable: bool = True,
        *,
        name: str | None = None,
    ) -> Variable:
        """Make a weight, in `build` or in the constructor of a layer of your own.

        Parameters
        ----------
        shape : tuple of int
            () for a single number.
        initializer : str, callable or Initializer
            "glorot_uniform" unless given.
        dtype : None
            Known from Keras; a layer has one type, its own.
        trainable : bool
            Whether training moves it. What is not trained may be written to by `call`.
        name : str, optional

        Returns
        -------
        Variable
            NumPy functions and operators take it as an array.
        """
        given = shape if isinstance(shape, int | np.integer) else tuple(shape)
        dims = check_shape(f"{self.name!r}: add_weight", given) if given != () else ()
        if dtype is not None and np.dtype(dtype) != np.dtype(self.dtype):  # type: ignore[call-overload]
            raise ValueError(
                f"{self.name!r}: add_weight: expected dtype {self.dtype}, got {dtype!r}"
            )
        start = initializers.get(initializer or "glorot_uniform")
        block = self.add_block(prod(dims[:-1]), dims[-1] if dims else 1)
        called = name or f"variable_{len(self._weights)}"
        made = self.place_weight(called, block, slice(None), dims, start)
        made.meant = flag(trainable, f"{self.name!r}: add_weight: trainable")
        made.trainable = made.meant and self._trainable
        return made

    def add_gradient(self, weight: Variable, value: Any) -> None:
        """Take the gradient of the loss by a weight; called from `backward`.

        Raises
        ------
        ValueError
            If the shapes differ.
        RuntimeError
            If no training is under way.
        """
        if self._gradients is None:
            raise RuntimeError(f"{self.name!r}: add_gradient belongs into backward()")
        array = weight.checked(value)
        before = self._gradients.get(id(weight))
        self._gradients[id(weight)] = array if before is None else before + array

    @property
    def blocks(self) -> list[Block]:
        """All parameter blocks, in the order of the records."""
        return list(self._blocks)

    @property
    def moving_blocks(self) -> list[Block]:
        """All blocks of moving statistics: weights that no optimizer moves."""
        return list(self._moving_blocks)

    @property
    def active_blocks(self) -> list[Block]:
        """Those of `moving_blocks` that training moves."""
        return self.moving_blocks if self._trainable else []

    @property
    def weights(self) -> list[Variable]:
        """All weights, in the order of creation."""
        return list(self._weights)

    @property
    def variables(self) -> list[Variable]:
        """The same as `weights`."""
        return self.weights

    @property
    def trainable_weights(self) -> list[Variable]:
        """Weights that training changes."""
        return [w for w in self._weights if w.trainable] if self._trainable else []

    @property
    def trainable_variables(self) -> list[Variable]:
        """The same as `trainable_weights`."""
        return self.trainable_weights

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """Weights that training leaves alone."""
        trained = {id(w) for w in self.trainable_weights}
        return [w for w in self.weights if id(w) not in trained]

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """The same as `non_trainable_weights`."""
        return self.non_trainable_weights

    @property
    def trainable(self) -> bool:
        """Whether training changes the weights; to set it sets that of all of them."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        for weight in self._weights:
            weight.trainable = weight.meant and self._trainable

    def get_weights(self) -> list[Array]:
        """Return copies of all weights."""
        return [w.numpy() for w in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Overwrite all weights; nothing is written if any of them does not fit."""
        weights = list(weights)
        if len(weights) != len(self.weights):
            raise ValueError(
                f"{self.name!r}: expected {len(self.weights)} weights,"
                f" got {len(weights)}"
            )
        pairs = [(w, w.checked(v)) for w, v in zip(self.weights, weights, strict=True)]
        for variable, value in pairs:
            variable.value[...] = value

    def count_params(self) -> int:
        """Return the number of elements of all weights."""
        if not self.built:
            raise ValueError(f"{self.name!r} is not built yet: its input is not known")
        return sum(w.size for w in self.weights)
