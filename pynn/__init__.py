# SPDX-License-Identifier: BSD-3-Clause
"""Small and medium neural networks on the CPU: a C core behind a Keras-like face.

Submodules are loaded when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pynn import _alias, _engine
from pynn._version import __version__

if TYPE_CHECKING:
    from pynn import (
        activations,
        backend,
        callbacks,
        config,
        constraints,
        datasets,
        initializers,
        layers,
        losses,
        metrics,
        models,
        optimizers,
        plotting,
        random,
        regularizers,
        saving,
        utils,
    )
    from pynn._info import show_config
    from pynn.initializers import Initializer
    from pynn.layers import Input, Layer
    from pynn.layers.symbolic import KerasTensor
    from pynn.losses import Loss
    from pynn.metrics import Metric
    from pynn.models import Model, Sequential
    from pynn.optimizers import Optimizer
    from pynn.predictor import Predictor
    from pynn.training import DivergenceWarning

__all__ = [
    "DivergenceWarning",
    "Initializer",
    "Input",
    "KerasTensor",
    "Layer",
    "Loss",
    "Metric",
    "Model",
    "Optimizer",
    "Predictor",
    "Sequential",
    "__version__",
    "activations",
    "backend",
    "callbacks",
    "config",
    "constraints",
    "datasets",
    "get_num_threads",
    "initializers",
    "keras",
    "layers",
    "losses",
    "metrics",
    "models",
    "optimizers",
    "plotting",
    "random",
    "regularizers",
    "saving",
    "set_num_threads",
    "show_config",
    "utils",
    "version",
]

get_num_threads = _engine.get_num_threads
set_num_threads = _engine.set_num_threads

_HOMES = {
    "DivergenceWarning": "pynn.training",
    "Initializer": "pynn.initializers",
    "Input": "pynn.layers",
    "KerasTensor": "pynn.layers",
    "Layer": "pynn.layers",
    "Model": "pynn.models",
    "Loss": "pynn.losses",
    "Metric": "pynn.metrics",
    "Optimizer": "pynn.optimizers",
    "Predictor": "pynn.predictor",
    "Sequential": "pynn.models",
    "show_config": "pynn._info",
}

_alias.install("pynn.keras", "pynn")


def version() -> str:
    """Return the version of pynn."""
    return __version__


def __getattr__(name: str) -> Any:
    if name == "keras":
        return import_module("pynn")
    if name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
    elif name in __all__:
        value = import_module(f"pynn.{name}")
    else:
        raise AttributeError(f"module 'pynn' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
