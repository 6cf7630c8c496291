# SPDX-License-Identifier: BSD-3-Clause
"""Layers: one small file per family."""

from collections.abc import Mapping
from typing import Any

from pynn._lookup import from_config, table, to_config
from pynn._registry import CustomObjectScope
from pynn.layers.activation import ELU, Activation, LeakyReLU, ReLU, Softmax
from pynn.layers.base import Layer
from pynn.layers.dense import Dense
from pynn.layers.dropout import Dropout
from pynn.layers.input import Input, InputLayer
from pynn.layers.reshape import Flatten, Reshape

__all__ = [
    "ELU",
    "Activation",
    "Dense",
    "Dropout",
    "Flatten",
    "Input",
    "InputLayer",
    "Layer",
    "LeakyReLU",
    "ReLU",
    "Reshape",
    "Softmax",
    "deserialize",
    "serialize",
]

_CLASSES = table(
    (
        Activation,
        Dense,
        Dropout,
        ELU,
        Flatten,
        InputLayer,
        LeakyReLU,
        ReLU,
        Reshape,
        Softmax,
    )
)


def serialize(layer: Layer) -> dict[str, Any]:
    """Return class and configuration of a layer, without its weights."""
    return to_config(layer)


def deserialize(
    config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
) -> Layer:
    """Make a layer from what `serialize` returned.

    Parameters
    ----------
    config : dict
    custom_objects : dict, optional
        Classes and functions of your own, by name.
    """
    with CustomObjectScope(custom_objects):
        return from_config(config, _CLASSES, "layer")


def include(cls: type[Layer]) -> None:
    """Let `deserialize` know a class that is made of layers."""
    _CLASSES.update(table((cls,)))
