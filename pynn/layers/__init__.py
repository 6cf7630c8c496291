# SPDX-License-Identifier: BSD-3-Clause
"""Layers: one small file per family."""

from collections.abc import Mapping
from typing import Any

from pynn._lookup import from_config, table, to_config
from pynn._registry import CustomObjectScope
from pynn.layers.activation import ELU, Activation, LeakyReLU, ReLU
from pynn.layers.base import Layer
from pynn.layers.dense import Dense
from pynn.layers.dropout import (
    AlphaDropout,
    Dropout,
    SpatialDropout1D,
    SpatialDropout2D,
)
from pynn.layers.group_normalization import GroupNormalization
from pynn.layers.identity import Identity
from pynn.layers.input import Input, InputLayer
from pynn.layers.noise import GaussianDropout, GaussianNoise
from pynn.layers.normalization import BatchNormalization
from pynn.layers.prelu import PReLU
from pynn.layers.preprocessing import Normalization, Rescaling
from pynn.layers.regularization import ActivityRegularization
from pynn.layers.reshape import Flatten, Permute, RepeatVector, Reshape
from pynn.layers.row_normalization import (
    LayerNormalization,
    RMSNormalization,
    UnitNormalization,
)
from pynn.layers.softmax import Softmax
from pynn.layers.symbolic import KerasTensor

__all__ = [
    "ELU",
    "Activation",
    "ActivityRegularization",
    "AlphaDropout",
    "BatchNormalization",
    "Dense",
    "Dropout",
    "Flatten",
    "GaussianDropout",
    "GaussianNoise",
    "GroupNormalization",
    "Identity",
    "Input",
    "InputLayer",
    "KerasTensor",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "Normalization",
    "PReLU",
    "Permute",
    "RMSNormalization",
    "ReLU",
    "RepeatVector",
    "Rescaling",
    "Reshape",
    "Softmax",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "UnitNormalization",
    "deserialize",
    "serialize",
]

_CLASSES = table(
    value
    for value in list(globals().values())
    if isinstance(value, type) and issubclass(value, Layer) and value is not Layer
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
