# SPDX-License-Identifier: BSD-3-Clause
"""What all models are: a chain of layers, with everything that `Trainer` can do."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pynn import layers
from pynn._lowering import Lowering
from pynn._network import Network
from pynn._summary import Summarized
from pynn._variables import Block, Variable, edited
from pynn.data import as_rows
from pynn.layers import KerasTensor
from pynn.layers.base import Layer, Shape
from pynn.layers.input import InputLayer
from pynn.training import Trainer


class Model(Summarized, Trainer):
    """A chain of layers between a symbolic input and output; base of all models.

    ::

        x = inputs = Input((4,))
        x = layers.Dense(16, "relu")(x)
        model = Model(inputs, layers.Dense(3, "softmax")(x))

    Parameters
    ----------
    inputs, outputs : KerasTensor
        Each may stand alone in a list.
    trainable : bool
    name : str, optional

    Raises
    ------
    ValueError
        If no chain of layers leads from `inputs` to `outputs`: layers with several
        inputs, and subclasses of Model with a `call` of their own, are not supported.
    """

    expected_ndim = 1
    _functional: ClassVar[type["Model"]]
    _input: InputLayer | None
    _layers: list[Layer]
    _end: KerasTensor | None  # of the layers that were built in their places

    def __new__(cls, *args: Any, **named: Any) -> Any:
        """Return a `Functional` when called as ``Model(inputs, outputs)``."""
        del args, named
        if cls is Model:
            return super().__new__(cls._functional)
        below = cls.__mro__[: cls.__mro__.index(Model)]
        if not any("_assembled" in vars(kind) for kind in below):
            raise ValueError(
                f"{cls.__name__}: a subclass of Model that puts layers together in"
                " call() is not supported: use Sequential, or Model(inputs, outputs)"
                " on a chain of layers, or a subclass of Layer"
            )
        return super().__new__(cls)

    def _start(self) -> None:
        """Begin without layers."""
        self._start_training()
        self._input = None
        self._layers = []
        self._end = None
        self._stale = True  # the network does not follow the layers yet

    # ---- structure

    @property
    def layers(self) -> list[Layer]:
        """The layers, without the input."""
        return list(self._layers)

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """Return a layer by name or by index; ValueError if there is none."""
        if (name is None) == (index is None):
            raise ValueError("get_layer: expected either a name or an index")
        members = self.layers
        if index is not None and -len(members) <= index < len(members):
            return members[index]
        for layer in members:
            if layer.name == name:
                return layer
        known = ", ".join(layer.name for layer in members)
        wanted = f"called {name!r}" if index is None else f"number {index}"
        raise ValueError(f"{self.name!r}: no layer {wanted}; layers: {known}")

    # ---- building

    def build(self, input_shape: Shape) -> None:
        """Make the weights for inputs of `input_shape` (batch axis included)."""
        if self._input is not None and self._input.shape[1:] != tuple(input_shape)[1:]:
            raise ValueError(
                f"{self.name!r}: built for {self._input.shape}, got {input_shape}"
            )
        entry = InputLayer(batch_shape=input_shape)
        self._build_layers(entry)
        entry.dtype = self.dtype
        self._input, self._input_shape = entry, entry.shape
        self._stale = True

    def _build_layers(self, entry: InputLayer) -> None:
        self.compute_output_shape(entry.shape)  # all shapes before any weight
        self._choose_dtype()
        end = KerasTensor(entry.shape, self.dtype, entry)
        for layer in self._layers:
            end = layer.follow(end)
        self._end = end

    def _choose_dtype(self) -> None:
        """Take the one type that layers were given or already have."""
        members = [*([self._input] if self._input else []), *self._layers]
        found = {m.dtype for m in members if m.dtype_given or m.weights}
        if len(found) > 1:
            raise ValueError(
                f"{self.name!r}: all layers need one dtype, got {sorted(found)}"
            )
        self.dtype_given = bool(found)
        self.dtype = found.pop() if found else self.dtype

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the output, batch axis included."""
        shape = tuple(input_shape)
        for layer in self._layers:
            shape = layer.compute_output_shape(shape)
        return shape

    @property
    def inputs(self) -> list[KerasTensor]:
        """The symbolic input, alone in a list; empty while it is not known."""
        return [] if self._input is None else [self._input.output]

    @property
    def outputs(self) -> list[KerasTensor]:
        """The symbolic output, alone in a list; empty while it is not known."""
        if self._input is None or not self._layers:
            return []
        return [self._layers[-1].output]

    def network_for(self, x: Any) -> Network:
        """Return the compiled layers, building them for `x` if need be."""
        if self._input_shape is None or not self._layers:
            shape = as_rows(x, self._entry()).shape
            if not self._layers:
                raise ValueError(f"{self.name!r} has no layers")
            self.build((None, *(shape[1:] or (1,))))
        if self._stale or self._network is None:
            input_shape = self.sample_shape(self.input_shape)
            output_shape = self.sample_shape(self.output_shape)
            if self._network is None:
                self._network = Network(
                    self, input_shape, output_shape, self.dtype, self._memory
                )
            else:
                self._network.rebuild(input_shape, output_shape)
            self._stale = False
        return self._network

    def lower(self, lowering: Lowering, x: int) -> int:
        """Emit the records of all layers."""
        for layer in self._layers:
            x = layer.emit(lowering, x)
        return x

    def __getstate__(self) -> dict[str, Any]:
        return super().__getstate__() | {"_end": None}  # a chain as deep as the model

    # ---- weights

    @property
    def blocks(self) -> list[Block]:
        """Parameter blocks of all layers."""
        return [block for layer in self._layers for block in layer.blocks]

    @property
    def moving_blocks(self) -> list[Block]:
        """Blocks of moving statistics of all layers."""
        return [block for layer in self._layers for block in layer.moving_blocks]

    @property
    def active_blocks(self) -> list[Block]:
        """Those of `moving_blocks` that training moves."""
        return [block for layer in self._layers for block in layer.active_blocks]

    @property
    def weights(self) -> list[Variable]:
        """Weights of all layers, layer by layer."""
        return [weight for layer in self._layers for weight in layer.weights]

    @property
    def trainable_weights(self) -> list[Variable]:
        """Weights that training changes."""
        if not self.trainable:
            return []
        return [w for layer in self._layers for w in layer.trainable_weights]

    @property
    def trainable(self) -> bool:
        """Whether training changes the weights; setting it sets all layers."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        edited()
        for layer in self._layers:
            layer.trainable = value

    # ---- description

    def get_config(self) -> dict[str, Any]:
        """Return the layers as plain data, without weights."""
        members = [*([self._input] if self._input else []), *self._layers]
        return {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": self.dtype,
            "layers": [layers.serialize(layer) for layer in members],
        }

    @classmethod
    def from_config(
        cls,
        config: Mapping[str, Any],
        custom_objects: Mapping[str, Any] | None = None,
    ) -> Self:
        """Make a model with new weights from what `get_config` returned."""
        members = [layers.deserialize(c, custom_objects) for c in config["layers"]]
        model: Self = cls._assembled(members, config.get("name"))
        if not config.get("trainable", True):
            model._trainable = False
        return model

    @classmethod
    def _assembled(cls, members: list[Layer], name: str | None) -> Any:
        """Make a model of layers, of which the first may be the input."""
        return cls._functional._assembled(members, name)
