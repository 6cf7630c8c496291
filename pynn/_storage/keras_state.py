# SPDX-License-Identifier: BSD-3-Clause
"""The state of an optimizer in files of Keras: ``optimizer/vars/0..``.

First the number of batches, and the rate unless a schedule rules it; then vectors like
the trainable weights, in groups. Within a group all of the first weight come before all
of the second: Adam's momentum and velocity are one group, those of RMSprop three.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from pynn._storage import hdf5
from pynn._storage.state import Changes
from pynn.data import user_level

if TYPE_CHECKING:
    from pynn.training import Trainer

_PAIRED = ("Adam", "AdamW", "Adamax", "Nadam", "Adadelta", "Ftrl")


def optimizer_changes(model: Trainer, root: Any) -> tuple[Changes, int] | None:
    """Return the changes and the number of batches that a file asks for.

    None, with a warning if there was something, when the model cannot take it.

    Raises
    ------
    ValueError
        If its arrays are damaged.
    """
    optimizer = model.optimizer
    datasets = hdf5.numbered(hdf5.walk(root, "optimizer", "vars"))
    if optimizer is None or not datasets:
        return None
    network = model.network_for(None)
    network.prepare(optimizer)
    weights = model.trainable_weights
    groups = _groups(optimizer)
    single = [i for i, dataset in enumerate(datasets) if dataset.shape == ()]
    vectors = [d for i, d in enumerate(datasets) if i not in single[:2]]
    product = vectors.pop() if type(optimizer).__name__ == "Nadam" and vectors else None
    if not single or len(vectors) != len(weights) * sum(map(len, groups)):
        warnings.warn(
            f"the file has {len(datasets)} variables of an optimizer, which are not"
            f" those of {type(optimizer).__name__} here: it starts anew",
            stacklevel=user_level(),
        )
        return None
    found: Changes = {}
    places = ((w, i) for group in groups for w in weights for i in group)
    for (weight, slot), dataset in zip(places, vectors, strict=True):
        target = weight.view(optimizer.slots[slot])
        array = hdf5.array_of(dataset, target.shape)
        found[f"{slot}/{weight.path}"] = target, array.astype(target.dtype)
    if product is not None:
        found["product"] = optimizer.scalar[:1], hdf5.array_of(product, ()).reshape(1)
    return found, _natural(hdf5.array_of(datasets[0], ()))


def _natural(number: Any) -> int:
    if not np.isfinite(number) or not 0 <= number < 1 << 62:
        raise ValueError(f"expected a number of batches, got {number}")
    return int(number)


def _groups(optimizer: Any) -> list[tuple[int, ...]]:
    """Return which of our slots are a group of Keras's, in the order of the file."""
    count, first = len(optimizer.slots), 0
    found: list[tuple[int, ...]] = []
    if optimizer.use_ema:
        count -= 1
        found.append((count,))
    if optimizer.gradient_accumulation_steps:
        found.append((first,))
        first += 1
    if type(optimizer).__name__ in _PAIRED:
        found.append((first, first + 1))
        first += 2
    return found + [(i,) for i in range(first, count)]
