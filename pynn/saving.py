# SPDX-License-Identifier: BSD-3-Clause
"""Models and weights in files, and objects as plain data.

A file holds weights in the safetensors layout, and beside them the architecture, what
`compile` was told, the optimizer's state and where the random sequences stand: training
after loading equals training without a stop, to the bit. It is written beside its final
place and renamed, so there is always a whole one, and carries a checksum, so a damaged
one is not loaded. Reading never runs code: classes are those of this package, and those
that were registered or passed in ``custom_objects``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy as np

from pynn._lookup import known
from pynn._plain import plain
from pynn._registry import (
    CustomObjectScope,
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)
from pynn._storage import Location
from pynn._storage.configs import translated
from pynn.models import load_model as _load_model

__all__ = [
    "CustomObjectScope",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "load_model",
    "load_torch_weights",
    "load_weights",
    "register_keras_serializable",
    "save_model",
    "save_weights",
    "serialize_keras_object",
]


def save_model(
    model: Any,
    filepath: Location,
    overwrite: bool = True,
    zipped: bool | None = None,
    *,
    include_optimizer: bool = True,
) -> None:
    """Write a model: layers, weights, compile settings, optimizer and random state.

    Parameters
    ----------
    model : Model
        Compiled or not, built or not.
    filepath : path
        Any extension; the content is a safetensors file.
    overwrite : bool
        Whether a file of that name may be replaced.
    zipped : None or False
        Known from Keras; there is one plain file.
    include_optimizer : bool
        Whether the optimizer's state and step count are written, too.

    Raises
    ------
    FileExistsError
        If the file exists and may not be replaced.
    TypeError
        If something of the user's in it cannot be written down.
    OSError
        If writing fails; a file that was there is there still.
    """
    model.save(filepath, overwrite, zipped, include_optimizer=include_optimizer)


def load_model(
    filepath: Location,
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Any:
    """Read a model from a file of pynn's, or from a ``.keras`` file of Keras 3.

    What kind of file it is, its content says.

    Parameters
    ----------
    filepath : path
    custom_objects : dict, optional
        Classes and functions of your own that the model uses, by name.
    compile : bool
        Compile it as it was, and restore the optimizer.
    safe_mode : bool
        Known from Keras; nothing in a file is ever run, whatever this is.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is damaged, or needs classes or functions that are not known here.
    ImportError
        If it is one of Keras's and h5py is missing.
    """
    return _load_model(filepath, custom_objects, compile, safe_mode)


def save_weights(
    model: Any,
    filepath: Location,
    overwrite: bool = True,
    max_shard_size: float | None = None,
) -> None:
    """Write all weights of a model, and its optimizer's state once it was trained.

    Parameters
    ----------
    model : Model
    filepath : path
        Any extension; the content is a safetensors file.
    overwrite : bool
        Whether a file of that name may be replaced.
    max_shard_size : None
        Known from Keras; there is one file.

    Raises
    ------
    ValueError
        If the model has no weights yet.
    FileExistsError
        If the file exists and may not be replaced.
    OSError
        If writing fails; a file that was there is there still.
    """
    model.save_weights(filepath, overwrite, max_shard_size)


def load_weights(model: Any, filepath: Location, skip_mismatch: bool = False) -> None:
    """Overwrite all weights of a model.

    A compiled model also gets the state of its optimizer if the file has one of the
    same class. Files of Keras (``.weights.h5``, ``.keras``) are known by their content;
    from them come weights alone.

    Parameters
    ----------
    model : Model
        Built.
    filepath : path
        Written by `save_weights` or `save_model`, or by Keras.
    skip_mismatch : bool
        Leave out, with a warning, what does not fit by place, name, shape and type.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is damaged, or its weights are not those of this model by place, name,
        shape and type; the model is as before.
    ImportError
        If it is one of Keras's and h5py is missing.
    """
    model.load_weights(filepath, skip_mismatch)


def load_torch_weights(
    model: Any,
    source: Location | Mapping[str, Any],
    order: Sequence[str] | None = None,
) -> None:
    """Overwrite all weights of a model from a state dict of PyTorch.

    Linear, BatchNorm, LayerNorm, GroupNorm, RMSNorm and PReLU modules become what they
    are here: a Linear's weight is transposed, running statistics become moving ones.
    Types are converted, float16 and bfloat16, too.

    Parameters
    ----------
    model : Model
        Built, with a layer for each module that has weights, in their order.
    source : path or dict of str to array
        A safetensors file, as ``safetensors.torch.save_file(net.state_dict(), path)``
        writes it, or the arrays themselves. Pickles are refused.
    order : list of str, optional
        Names of the modules in the order of the layers. A safetensors file does not
        keep it; by default it is that of the numbers in a ``torch.nn.Sequential``, and
        of the alphabet for names.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is damaged or does not fit; the model is as before.

    Notes
    -----
    PyTorch's normalizations have an epsilon of 1e-5, and its ``momentum`` is the share
    of the new value: pass ``epsilon=1e-5, momentum=0.9`` for its 0.1.
    """
    from pynn._storage import torch_files

    torch_files.load_weights(model, source, order)


# ---- plain data


def serialize_keras_object(obj: Any) -> Any:
    """Return an object as plain data, which JSON can hold.

    Parameters
    ----------
    obj : object
        A layer, model, loss, metric, optimizer, schedule, initializer, regularizer,
        constraint, function, array, number, text, or lists and dicts of them.

    Raises
    ------
    TypeError
        If it has no ``get_config()``.
    """
    return plain(obj)


def deserialize_keras_object(
    config: Any,
    custom_objects: Mapping[str, Any] | None = None,
    safe_mode: bool = True,
) -> Any:
    """Return the object that `serialize_keras_object` wrote down, here or in Keras.

    Parameters
    ----------
    config : object
    custom_objects : dict, optional
        Classes and functions of your own, by name.
    safe_mode : bool
        Known from Keras; code in a configuration is never run, whatever this is.

    Raises
    ------
    ValueError
        If it names something that is not known here.
    """
    del safe_mode
    with CustomObjectScope(custom_objects):
        return _made(translated(config))


_FAMILIES = {
    "layers": "pynn.layers",
    "models": "pynn.layers",
    "losses": "pynn.losses",
    "metrics": "pynn.metrics",
    "optimizers": "pynn.optimizers",
    "schedules": "pynn.optimizers.schedules",
    "initializers": "pynn.initializers",
    "regularizers": "pynn.regularizers",
    "constraints": "pynn.constraints",
    "activations": "pynn.activations",
}


def _made(config: Any) -> Any:
    if isinstance(config, list | tuple):
        return [_made(item) for item in config]
    if isinstance(config, str):
        return known(config)
    if not isinstance(config, Mapping):
        return config
    if "class_name" not in config or "config" not in config:
        return {key: _made(value) for key, value in config.items()}
    kind, inner = config["class_name"], config["config"]
    if kind == "__numpy__":
        return np.array(inner["value"], inner["dtype"])
    if isinstance(kind, str) and kind.startswith("__"):
        raise ValueError(f"deserialize_keras_object: {kind} is not read from anywhere")
    if kind == "DTypePolicy":
        return inner["name"]
    if kind == "function":
        found = known(config)
        return _function(found, config) if isinstance(found, str) else found
    return _object(config)


def _family(config: Mapping[str, Any]) -> str | None:
    """Return the name of the module that knows a class or function, by its module."""
    parts = str(config.get("module") or "").split(".")
    if parts == ["keras"]:
        return "pynn.layers"
    found = [_FAMILIES[part] for part in parts[1:] if part in _FAMILIES]
    return found[-1] if found and parts[0] in ("keras", "pynn") else None


def _function(name: str, config: Mapping[str, Any]) -> Any:
    """Return a function of this package."""
    family = _family(config)
    homes = [family] if family else ["pynn.activations", "pynn.losses", "pynn.metrics"]
    for home in map(import_module, homes):
        if name in home.__all__:
            return getattr(home, name)
    raise ValueError(f"deserialize_keras_object: there is no function {name!r}")


def _object(config: Mapping[str, Any]) -> Any:
    kind, family = config["class_name"], _family(config)
    own = get_registered_object(config.get("registered_name") or kind)
    if own is not None:
        return own.from_config(config["config"])
    homes = [family] if family else sorted(set(_FAMILIES.values()))
    for home in map(import_module, homes):
        if family or kind in home.__all__:
            made = home.deserialize(config)
            if config.get("compile_config"):
                made.compile_from_config(config["compile_config"])
            return made
    raise ValueError(
        f"deserialize_keras_object: {kind!r} is not known here; pass it in"
        " custom_objects or decorate it with register_keras_serializable()"
    )
