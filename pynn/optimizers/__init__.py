# SPDX-License-Identifier: BSD-3-Clause
"""Optimizers with Keras 3's names, formulas and defaults, and rate schedules."""

from collections.abc import Mapping
from typing import Any

from pynn._lookup import from_config, resolve, table, to_config
from pynn._ops import OptimizerSpec
from pynn._registry import CustomObjectScope
from pynn.optimizers import schedules
from pynn.optimizers._adafactor import Adafactor
from pynn.optimizers._adagrad import Adadelta, Adagrad
from pynn.optimizers._adam import Adam, Adamax, AdamW, Nadam
from pynn.optimizers._base import LearningRate, Optimizer
from pynn.optimizers._ftrl import Ftrl
from pynn.optimizers._lamb import Lamb
from pynn.optimizers._lion import Lion
from pynn.optimizers._muon import Muon
from pynn.optimizers._rmsprop import RMSprop
from pynn.optimizers._schedule_free import ScheduleFreeAdamW
from pynn.optimizers._sgd import SGD

__all__ = [
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lamb",
    "LearningRate",
    "Lion",
    "Muon",
    "Nadam",
    "Optimizer",
    "OptimizerSpec",
    "RMSprop",
    "ScheduleFreeAdamW",
    "deserialize",
    "get",
    "schedules",
    "serialize",
]

_OPTIMIZERS = table(
    (
        SGD,
        RMSprop,
        Adam,
        AdamW,
        Adamax,
        Nadam,
        Adagrad,
        Adadelta,
        Adafactor,
        Lion,
        Ftrl,
        Lamb,
        Muon,
        ScheduleFreeAdamW,
    )
)


def get(identifier: str | Mapping[str, Any] | type[Optimizer] | Optimizer) -> Optimizer:
    """Return the optimizer that a name, configuration, class or object stands for.

    Names are those of the classes in any case: ``"adam"``, ``"RMSprop"``.

    Raises
    ------
    ValueError
        If there is none; the message lists the nearest names.
    """
    return resolve(identifier, _OPTIMIZERS, Optimizer, "optimizer")


def serialize(optimizer: Optimizer) -> dict[str, Any]:
    """Return an optimizer as plain data, without its state."""
    return to_config(optimizer)


def deserialize(
    config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
) -> Optimizer:
    """Make the optimizer that `serialize` wrote down.

    Parameters
    ----------
    config : dict
    custom_objects : dict, optional
        Classes and functions of your own, by name.
    """
    with CustomObjectScope(custom_objects):
        return from_config(config, _OPTIMIZERS, "optimizer")
