# SPDX-License-Identifier: BSD-3-Clause
"""What a model is beside its architecture, as named arrays and plain data.

Weights are named by the place of their layer, which does not depend on automatic names:
``layers/0/kernel``. State of the optimizer lies beside each of them:
``optimizer/0/layers/0/kernel`` is the first slot's. Everything is looked at before
anything is changed.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from pynn._network import Memory
from pynn._variables import Array, Variable
from pynn.data import user_level

if TYPE_CHECKING:
    from pynn.training import Trainer

Variables = dict[str, Variable]


def named(model: Any) -> Variables:
    """Return the weights of a model by place and name.

    Raises
    ------
    ValueError
        If the model has no weights yet.
    """
    if not model.built:
        raise ValueError(
            f"{model.name!r} is not built yet: the shape of its input is open"
        )
    found: Variables = {}
    for name, variable in _walk(model, ""):
        number, free = 1, name
        while free in found:
            number, free = number + 1, f"{name}_{number}"
        found[free] = variable
    return found


def views(model: Any) -> dict[str, Array]:
    """Return the values of the weights of a model, as views that may be written to.

    They hold until a network takes the weights over; that of the model does it now.
    """
    variables = named(model)
    model.network_for(None)
    return {name: variable.value for name, variable in variables.items()}


def _walk(model: Any, prefix: str) -> Iterator[tuple[str, Variable]]:
    for i, layer in enumerate(model.layers):
        place = f"{prefix}layers/{i}/"
        if hasattr(layer, "layers"):
            yield from _walk(layer, place)
        else:
            for variable in layer.weights:
                yield place + variable.name, variable


Changes = dict[str, tuple[Array, Array]]
"""By name: where values go (a view), and the values."""


def apply(changes: Changes) -> None:
    """Overwrite everything; nothing here can fail half-way."""
    for target, value in changes.values():
        target[...] = value


def matched(targets: Mapping[str, Array], arrays: Mapping[str, Array]) -> Changes:
    """Return the changes that give each target its array.

    Raises
    ------
    ValueError
        Unless names, shapes and types agree.
    """
    odd = sorted(targets.keys() ^ arrays.keys())
    if odd:
        where = "the file" if odd[0] in targets else "the model"
        raise ValueError(
            f"it holds {len(arrays)} weights, the model {len(targets)}:"
            f" {odd[0]!r} is missing in {where}"
        )
    for name, target in targets.items():
        complaint = misfit(target, arrays[name])
        if complaint:
            raise ValueError(f"{name!r}: {complaint}")
    return {name: (target, arrays[name]) for name, target in targets.items()}


def fitting(targets: Mapping[str, Array], arrays: Mapping[str, Array]) -> Changes:
    """Return the changes for those targets that have an array that fits, and warn."""
    found: Changes = {}
    left = []
    for name, target in targets.items():
        if name not in arrays:
            left.append(f"{name!r}: it is not in the file")
        elif complaint := misfit(target, arrays[name]):
            left.append(f"{name!r}: {complaint}")
        else:
            found[name] = target, arrays[name]
    if left:
        warnings.warn(
            f"{len(left)} of {len(targets)} weights stay as they are, the first is"
            f" {left[0]}",
            stacklevel=user_level(),
        )
    return found


def misfit(target: Array, array: Array) -> str | None:
    """Return why an array cannot go into another one, if it cannot."""
    if array.shape != target.shape or array.dtype != target.dtype:
        return (
            f"expected {target.dtype} of shape {target.shape},"
            f" got {array.dtype} of shape {array.shape}"
        )
    return None


# ---- the optimizer


def describe_optimizer(model: Trainer) -> dict[str, Any] | None:
    """Return what the optimizer of a model remembers beside arrays, if anything."""
    optimizer = model.optimizer
    if optimizer is None:
        return None
    spared = _spared(model)
    if not (optimizer.slots or optimizer.batches or spared):
        return None
    return {
        "class_name": type(optimizer).__name__,
        "iterations": optimizer.batches,
        "undecayed": spared,
    }


def _spared(model: Trainer) -> list[str]:
    """Return the weights that `exclude_from_weight_decay` was told of."""
    decay = model.optimizer and model.optimizer.excluding
    return [n for n, v in named(model).items() if decay and not decay(v)]


def optimizer_arrays(model: Trainer) -> dict[str, Array]:
    """Return views of what the optimizer of a model remembers, making it if need be."""
    optimizer, network = model.optimizer, model.network_for(None)
    assert optimizer is not None
    network.prepare(optimizer)
    found = {"optimizer/scalar": optimizer.scalar}
    for name, variable in named(model).items():
        if variable.store is network.store:  # no moving statistics
            for i, vector in enumerate(optimizer.slots):
                found[f"optimizer/{i}/{name}"] = variable.view(vector)
    for i, own in enumerate(optimizer.own_state(model.trainable_weights)):
        found[f"optimizer/own/{i}"] = own.value
    return found


class Moved(NamedTuple):
    """What restores an optimizer: arrays, batches, and weights that do not decay."""

    changes: Changes
    batches: int
    spared: list[Variable]


def optimizer_changes(
    model: Trainer, written: Any, arrays: Mapping[str, Array]
) -> Moved | None:
    """Return what restores the optimizer of a model.

    None with a warning if the model was compiled with another kind.

    Raises
    ------
    ValueError
        If the state does not fit.
    """
    known = type(model.optimizer).__name__
    description = written if isinstance(written, Mapping) else {}
    kind, steps = description.get("class_name"), description.get("iterations")
    if kind != known:
        warnings.warn(
            f"the file has the state of {kind}, the model was compiled with {known}:"
            " the optimizer stays as it is",
            stacklevel=user_level(),
        )
        return None
    if type(steps) is not int or not 0 <= steps < 1 << 62:
        raise ValueError(f"{known}: expected a number of steps, got {steps!r}")
    spared, variables = description.get("undecayed", []), named(model)
    if not isinstance(spared, list) or not all(
        isinstance(name, str) and name in variables for name in spared
    ):
        raise ValueError(f"{known}: expected names of weights, got {spared!r}")
    changes = matched(optimizer_arrays(model), arrays)
    return Moved(changes, steps, [variables[name] for name in spared])


# ---- random sequences


def memory_of(model: Trainer) -> dict[str, int]:
    """Return where the random sequences of a built model stand."""
    network = model.network_for(None)
    if model._standing is None:  # else what `set_seed` asks for waits for the next fit
        network.sync()
    seed, epoch, forwards, _ = network.memory
    return {"seed": seed, "epoch": epoch, "forwards": forwards}


def memory_from(written: Any) -> Memory:
    """Return what `memory_of` wrote."""
    numbers = written if isinstance(written, Mapping) else {}
    found: list[int] = []
    for name, limit in (("seed", 1 << 64), ("epoch", 1 << 62), ("forwards", 1 << 62)):
        number = numbers.get(name)
        if type(number) is not int or not 0 <= number < limit:
            raise ValueError(f"expected where random sequences stand, got {written!r}")
        found.append(number)
    return Memory.of(*found)
