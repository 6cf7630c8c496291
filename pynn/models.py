# SPDX-License-Identifier: BSD-3-Clause
"""Models: layers put together, with everything that `Trainer` can do."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self

from pynn import layers
from pynn._model import Model
from pynn._registry import CustomObjectScope
from pynn._storage import Location
from pynn._storage.configs import translated
from pynn.layers import KerasTensor
from pynn.layers.base import Layer
from pynn.layers.input import InputLayer
from pynn.training import Trainer

__all__ = [
    "Functional",
    "Model",
    "Sequential",
    "clone_model",
    "load_model",
    "model_from_json",
    "save_model",
]


class Sequential(Model):
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

    def __init__(
        self,
        layers: Iterable[Layer | KerasTensor] | None = None,
        trainable: bool = True,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable)
        self._start()
        for layer in layers or ():
            self.add(layer)

    def add(self, layer: Layer | KerasTensor) -> None:
        """Append a layer; the first may be an input.

        Raises
        ------
        ValueError
            If it is none, its name is taken, it holds this model, or it cannot follow
            the others; the model is as before.
        """
        if isinstance(layer, KerasTensor) and isinstance(layer.layer, InputLayer):
            layer = layer.layer
        if not isinstance(layer, Layer):
            raise ValueError(f"{self.name!r}: expected a layer, got {layer!r}")
        if isinstance(layer, InputLayer):
            if self._input is not None or self._layers:
                raise ValueError(f"{self.name!r}: an input can only come first")
            self._input = layer
            self._input_shape = layer.shape
            return
        if _holds(layer, self):
            raise ValueError(f"{self.name!r}: a model cannot be a part of itself")
        if any(layer.name == known.name for known in self._layers):
            raise ValueError(
                f"{self.name!r}: two layers are called {layer.name!r};"
                " names must be unique"
            )
        shape, entry, end = self._input_shape, self._input, self._end
        self._layers.append(layer)
        try:
            if entry is None and len(self._layers) == 1:
                self._take_shape(layer)
            if self._input is not None:
                self._build_last(self._input)
        except BaseException:
            self._layers.pop()
            self._input_shape, self._input, self._end = shape, entry, end
            raise
        self._stale = True

    def _build_last(self, entry: InputLayer) -> None:
        """Build the last layer in its place, and all of them if it asks for a type."""
        layer, end = self._layers[-1], self._end
        asks = layer.dtype_given or bool(layer.weights)
        if end is None or (asks and layer.dtype != self.dtype):
            self._build_layers(entry)
            return
        layer.compute_output_shape(end.shape)  # before any weight
        self._end = layer.follow(end)
        self.dtype_given = self.dtype_given or asks

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
        self._end = None
        return self._layers.pop()

    @classmethod
    def _assembled(cls, members: list[Layer], name: str | None) -> Self:
        return cls(members, name=name)


def _holds(layer: Layer, model: Model) -> bool:
    """Whether a layer is a model, or has it among its layers at any depth."""
    inner = getattr(layer, "_layers", ())
    return layer is model or any(_holds(member, model) for member in inner)


class Functional(Model):
    """What ``Model(inputs, outputs)`` returns; see `Model`."""

    def __init__(
        self, inputs: Any, outputs: Any, name: str | None = None, trainable: bool = True
    ) -> None:
        super().__init__(name=name)
        self._start()
        start, end = _alone(inputs, "inputs"), _alone(outputs, "outputs")
        self._layers = _between(start, end)
        entry = start.layer
        if not isinstance(entry, InputLayer):
            entry = InputLayer(batch_shape=start.shape, dtype=start.dtype)
        self._input, self._input_shape = entry, entry.shape
        self._build_layers(entry)
        if not trainable:
            self.trainable = False

    @property
    def layers(self) -> list[Layer]:
        """The layers, the input among them."""
        assert self._input is not None
        return [self._input, *self._layers]

    @classmethod
    def _assembled(cls, members: list[Layer], name: str | None) -> Self:
        if not members or not isinstance(members[0], InputLayer):
            raise ValueError(f"{cls.__name__}: expected an input and layers")
        symbol = start = members[0].output
        for layer in members[1:]:
            symbol = layer(symbol)
        return cls(start, symbol, name=name)


def _alone(given: Any, name: str) -> KerasTensor:
    """Return a symbolic tensor that may stand alone in a list, tuple or dict."""
    values = list(given.values()) if isinstance(given, Mapping) else given
    if isinstance(values, list | tuple) and len(values) == 1:
        values = values[0]
    if isinstance(values, list | tuple):
        raise ValueError(
            f"Model: {name}: expected one tensor, got {len(values)}: models are chains"
            " of layers"
        )
    if not isinstance(values, KerasTensor):
        raise ValueError(
            f"Model: {name}: expected a symbolic tensor, as Input(...) and layers"
            f" applied to it return, got {given!r}"
        )
    return values


def _between(start: KerasTensor, end: KerasTensor) -> list[Layer]:
    """Return the layers that lead from one symbolic tensor to another."""
    found: list[Layer] = []
    at: KerasTensor | None = end
    while at is not None and at.layer is not start.layer:
        if any(layer is at.layer for layer in found):
            raise ValueError(f"Model: {at.layer} is used twice; a layer has one place")
        if any(layer.name == at.name for layer in found):
            raise ValueError(
                f"Model: two layers are called {at.name!r}; names must be unique"
            )
        found.append(at.layer)
        at = at.source
    if at is None or not found:
        raise ValueError(f"Model: no layers lead from inputs {start} to outputs {end}")
    return found[::-1]


Model._functional = Functional
layers.include(Sequential)
layers.include(Functional)


def clone_model(
    model: Model,
    input_tensors: None = None,
    clone_function: Callable[[Layer], Layer] | None = None,
    call_function: None = None,
    recursive: bool = False,
    **common: Any,
) -> Model:
    """Return a model of the same layers with fresh weights, not compiled.

    Parameters
    ----------
    model : Model
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
    if not isinstance(model, Model):
        raise ValueError(f"clone_model: expected a model, got {model!r}")
    if clone_function is None:
        return type(model).from_config(model.get_config())
    members: list[Layer] = [*([model._input] if model._input else [])]
    members = [layers.deserialize(layers.serialize(entry)) for entry in members]
    for layer in model._layers:
        if recursive and isinstance(layer, Model):
            made: Layer = clone_model(layer, None, clone_function, recursive=True)
        else:
            made = clone_function(layer)
        if not isinstance(made, Layer):
            raise ValueError(f"clone_function: expected a layer, got {made!r}")
        members.append(made)
    copied: Model = type(model)._assembled(members, model.name)
    if not model.trainable:
        copied.trainable = False
    return copied


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
