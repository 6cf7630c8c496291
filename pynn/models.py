# SPDX-License-Identifier: BSD-3-Clause
"""Models: layers put together, with everything that `Trainer` can do."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self

from pynn import layers
from pynn._lowering import Lowering
from pynn._network import Network
from pynn._registry import CustomObjectScope
from pynn._storage import Location
from pynn._storage.configs import translated
from pynn._summary import Summarized
from pynn._variables import Block, Variable, edited
from pynn.data import as_rows
from pynn.layers.base import Layer, Shape
from pynn.layers.input import InputLayer
from pynn.training import Trainer

__all__ = [
    "Sequential",
    "clone_model",
    "load_model",
    "model_from_json",
    "save_model",
]


class Sequential(Summarized, Trainer):
    """A chain of layers.

    Its weights exist as soon as the shape of the input is known: from an `Input` at
    the front, from ``input_shape=`` of the first layer, from `build`, or from the first
    data.

    Parameters
    ----------
    layers : list of Layer, optional
    trainable : bool
    name : str, optional

    Raises
    ------
    ValueError
        If two layers share a name or the shapes do not fit together.
    """

    expected_ndim = 1

    def __init__(
        self,
        layers: Iterable[Layer] | None = None,
        trainable: bool = True,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable)
        self._start_training()
        self._input: InputLayer | None = None
        self._layers: list[Layer] = []
        self._stale = True  # the network does not follow the layers yet
        for layer in layers or ():
            self.add(layer)

    # ---- structure

    @property
    def layers(self) -> list[Layer]:
        """The layers, without the input."""
        return list(self._layers)

    def add(self, layer: Layer) -> None:
        """Append a layer.

        Raises
        ------
        ValueError
            If it is none, its name is taken, or it cannot follow the others; the model
            is as before.
        """
        if not isinstance(layer, Layer):
            raise ValueError(f"{self.name!r}: expected a layer, got {layer!r}")
        if isinstance(layer, InputLayer):
            if self._input is not None or self._layers:
                raise ValueError(f"{self.name!r}: an input can only come first")
            self._input = layer
            self._input_shape = layer.shape
            return
        if any(layer.name == known.name for known in self._layers):
            raise ValueError(
                f"{self.name!r}: two layers are called {layer.name!r};"
                " names must be unique"
            )
        shape, entry = self._input_shape, self._input
        self._layers.append(layer)
        try:
            if entry is None and len(self._layers) == 1:
                self._take_shape(layer)
            if self._input_shape is not None:
                self._build_layers(self._input_shape)
        except BaseException:
            self._layers.pop()
            self._input_shape, self._input = shape, entry
            raise
        self._stale = True

    def _take_shape(self, layer: Layer) -> None:
        """Let the first layer say what the input looks like, if it knows."""
        shape = layer._asked_shape
        if shape is None and layer.built:
            shape = layer.sample_shape(layer.input_shape)
        if shape is not None:
            dtype = layer.dtype if layer.dtype_given else None
            self._input = InputLayer(shape, dtype=dtype)
            self._input_shape = self._input.shape

    def pop(self) -> Layer:
        """Remove the last layer and return it."""
        if not self._layers:
            raise ValueError(f"{self.name!r}: no layer left to remove")
        self._stale = True
        return self._layers.pop()

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """Return a layer by name or by index; ValueError if there is none."""
        if (name is None) == (index is None):
            raise ValueError("get_layer: expected either a name or an index")
        for i, layer in enumerate(self._layers):
            if layer.name == name or i == index:
                return layer
        known = ", ".join(layer.name for layer in self._layers)
        wanted = f"called {name!r}" if index is None else f"number {index}"
        raise ValueError(f"{self.name!r}: no layer {wanted}; layers: {known}")

    # ---- building

    def build(self, input_shape: Shape) -> None:
        """Make the weights for inputs of `input_shape` (batch axis included)."""
        if self._input is not None and self._input.shape != tuple(input_shape):
            raise ValueError(
                f"{self.name!r}: built for {self._input.shape}, got {input_shape}"
            )
        entry = InputLayer(batch_shape=input_shape)
        self._build_layers(entry.shape)
        entry.dtype = self.dtype
        self._input, self._input_shape = entry, entry.shape
        self._stale = True

    def _build_layers(self, shape: Shape) -> None:
        self.compute_output_shape(shape)  # all shapes before any weight
        self._choose_dtype()
        for layer in self._layers:
            if not layer.built:
                layer.dtype = self.dtype
                layer.build_once(shape)
            shape = layer.compute_output_shape(shape)

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
            x = layer.lower(lowering, x)
        return x

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
        model = cls(members, name=config.get("name"))
        if not config.get("trainable", True):
            model._trainable = False
        return model


layers.include(Sequential)


def clone_model(
    model: Sequential,
    input_tensors: None = None,
    clone_function: Callable[[Layer], Layer] | None = None,
    call_function: None = None,
    recursive: bool = False,
    **common: Any,
) -> Sequential:
    """Return a model of the same layers with fresh weights, not compiled.

    Parameters
    ----------
    model : Sequential
    input_tensors, call_function
        Known from Keras; only None is supported.
    clone_function : callable, optional
        From a layer to the one that takes its place; by default one of the same
        configuration. It is not called for the input.
    recursive : bool
        Whether `clone_function` is called for the layers of nested models instead of
        the models themselves.

    Raises
    ------
    ValueError
        If `model` is none, or `clone_function` returns no layer.
    """
    if common or input_tensors is not None or call_function is not None:
        raise ValueError(
            "clone_model: only model, clone_function and recursive are supported, got"
            f" {', '.join(common) or 'input_tensors or call_function'}"
        )
    if not isinstance(model, Sequential):
        raise ValueError(f"clone_model: expected a Sequential, got {model!r}")
    if clone_function is None:
        return type(model).from_config(model.get_config())
    members: list[Layer] = [*([model._input] if model._input else [])]
    members = [layers.deserialize(layers.serialize(entry)) for entry in members]
    for layer in model.layers:
        if recursive and isinstance(layer, Sequential):
            made: Layer = clone_model(layer, None, clone_function, recursive=True)
        else:
            made = clone_function(layer)
        if not isinstance(made, Layer):
            raise ValueError(f"clone_function: expected a layer, got {made!r}")
        members.append(made)
    return type(model)(members, trainable=model.trainable, name=model.name)


def model_from_json(
    json_string: str, custom_objects: Mapping[str, Any] | None = None
) -> Any:
    """Make a model, with fresh weights, from what `to_json` returned.

    Keras's own text is read, too, if it has only layers that are known here.

    Raises
    ------
    ValueError
        If it is no JSON, or of no model, or of classes that are not known here.
    """
    import json

    try:
        config = translated(json.loads(json_string))
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"model_from_json: {error}") from error
    with CustomObjectScope(custom_objects):
        try:
            model = _from_plain(config)
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"model_from_json: {error!r}") from error
        if config.get("compile_config") is not None:
            model.compile_from_config(config["compile_config"])
    return model


def _from_plain(config: Any) -> Any:
    if not isinstance(config, Mapping):
        raise ValueError(f"expected the configuration of a model, got {config!r}")
    model = layers.deserialize(config)
    if not isinstance(model, Trainer):
        raise ValueError(f"expected a model, got {model!r}")
    return model


def load_model(
    filepath: Location,
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Any:
    """Read a model from a file of pynn's or Keras's; see `pynn.saving.load_model`."""
    from pynn._storage import foreign

    del safe_mode  # nothing that is in a file is ever run
    return foreign.load_model(filepath, custom_objects, compile, _from_plain)


def save_model(
    model: Trainer,
    filepath: Location,
    overwrite: bool = True,
    zipped: bool | None = None,
    *,
    include_optimizer: bool = True,
) -> None:
    """Write a model to a file; see `pynn.saving.save_model`."""
    model.save(filepath, overwrite, zipped, include_optimizer=include_optimizer)
