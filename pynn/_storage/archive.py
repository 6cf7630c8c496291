# SPDX-License-Identifier: BSD-3-Clause
"""Files of this package: a model, or only its weights, and what training goes on from.

One string of the container's metadata holds a JSON document: "model" (architecture),
"compile" (what `compile` was told), "optimizer" and "random" (where they stand). Making
a model from it runs nothing but constructors of this package and of classes that the
caller named or registered.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pynn._plain import plain
from pynn._registry import CustomObjectScope
from pynn._storage import Location, container, state
from pynn._storage.files import as_path, refuse_to_overwrite
from pynn._variables import Array, filled_later

if TYPE_CHECKING:
    from pynn.training import Trainer

VERSION = 1
_MOST = 1_000_000  # thresholds or classes that a metric from a file may ask for

Make = Callable[[Mapping[str, Any]], Any]


class Archive:
    """What a file of this package holds, checked as far as that goes without a model.

    Attributes
    ----------
    path : Path
    document : dict
    weights, optimizer : dict of str to array
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        content = container.read(path, checked=True)
        with self.explained("is damaged"):
            self.document = _document(content.metadata)
        self.weights: dict[str, Array] = {}
        self.optimizer: dict[str, Array] = {}
        for name, array in content.arrays.items():
            ours = name.startswith("optimizer/")
            (self.optimizer if ours else self.weights)[name] = array

    @contextmanager
    def explained(self, what: str) -> Iterator[None]:
        """Turn whatever goes wrong into a ValueError that names the file."""
        try:
            yield
        except Exception as error:
            kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
            raise ValueError(f"{self.path} {what}: {kind}{error}") from error


def _document(metadata: Mapping[str, str]) -> dict[str, Any]:
    if metadata.get("format") != "pynn":
        raise ValueError(
            "it was not written by pynn; its metadata name the format"
            f" {metadata.get('format')!r}"
        )
    version = metadata.get("version", "")
    if version != str(VERSION):
        raise ValueError(
            f"it has version {version!r} of the format, this pynn reads {VERSION}"
        )
    document = json.loads(metadata.get("content", ""))
    if not isinstance(document, dict):
        raise ValueError(f"expected a dict, got {type(document).__name__}")
    return document


def write(
    model: Trainer, path: Path, document: dict[str, Any], include_optimizer: bool
) -> None:
    """Write weights, and state of the optimizer if there is any, beside a document."""
    arrays: dict[str, Array] = {}
    if model.built:
        arrays = state.views(model)
        described = state.describe_optimizer(model) if include_optimizer else None
        if described is not None:
            document["optimizer"] = described
            arrays |= state.optimizer_arrays(model)
    content = json.dumps(document, separators=(",", ":"))
    metadata = {"format": "pynn", "version": str(VERSION), "content": content}
    container.write(path, metadata, arrays)


def save_weights(model: Trainer, filepath: Location, overwrite: bool) -> None:
    """See `pynn.saving.save_weights`."""
    path = as_path(filepath, "save_weights: filepath")
    refuse_to_overwrite(path, overwrite)
    state.named(model)  # must be built
    write(model, path, {}, include_optimizer=True)


def save_model(
    model: Trainer, filepath: Location, overwrite: bool, include_optimizer: bool
) -> None:
    """See `pynn.saving.save_model`."""
    path = as_path(filepath, "save: filepath")
    refuse_to_overwrite(path, overwrite)
    document = {"model": plain(model)}
    document["compile"] = document["model"].pop("compile_config", None)
    if model.built:
        document["random"] = state.memory_of(model)
    write(model, path, document, include_optimizer)


def checkpoint(model: Trainer, path: Location, epoch: int, within: bool) -> None:
    """Write all that a running training goes on from, in `epoch`; see `resume`.

    `within` says whether that has begun, or the one before it is over.
    """
    standing = model._standing
    assert standing is not None, "nothing is being trained"
    document = {
        "random": state.memory_of(model),
        "training": {
            "epoch": epoch,
            "run": standing.run.standing(),
            "sums": standing.sums[0].tolist() if within else None,
        },
    }
    write(model, as_path(path, "checkpoint"), document, include_optimizer=True)


def resume(model: Trainer, path: Location) -> dict[str, Any]:
    """Restore what `checkpoint` wrote, all or nothing, and return where it stood.

    Raises
    ------
    ValueError
        If the file is damaged, or of another model or optimizer.
    """
    archive = Archive(as_path(path, "checkpoint"))
    with archive.explained("cannot be resumed from"):
        training = archive.document.get("training")
        if not isinstance(training, dict):
            raise ValueError("it is no checkpoint")
        changes = state.matched(state.views(model), archive.weights)
        memory = state.memory_from(archive.document.get("random"))
        written = archive.document.get("optimizer") or {}
        known = type(model.optimizer).__name__
        if written.get("class_name", known) != known:
            raise ValueError(f"it was trained by {written['class_name']}, not {known}")
        moved = _optimizer_changes(model, archive)
        state.apply(changes)
        _finish(model, moved)
        model.network_for(None).resume(memory)
    return training


def load_weights(model: Trainer, archive: Archive, skip_mismatch: bool) -> None:
    """Overwrite weights, and the optimizer's state if both have it: all or nothing."""
    with archive.explained("does not fit"):
        targets = state.views(model)
        choose = state.fitting if skip_mismatch else state.matched
        changes = choose(targets, archive.weights)
        whole = len(changes) == len(targets)
        moved = _optimizer_changes(model, archive) if whole else None
        state.apply(changes)
        _finish(model, moved)


def _optimizer_changes(model: Trainer, archive: Archive) -> state.Moved | None:
    written = archive.document.get("optimizer")
    if written is None or model.optimizer is None:
        return None
    return state.optimizer_changes(model, written, archive.optimizer)


def _finish(model: Trainer, moved: state.Moved | None) -> None:
    if moved is not None and model.optimizer is not None:
        state.apply(moved.changes)
        model.optimizer.batches = moved.batches
        if moved.spared:
            model.optimizer.exclude_from_weight_decay(moved.spared)


def load_model(
    archive: Archive,
    custom_objects: Mapping[str, Any] | None,
    compiled: bool,
    make: Make,
) -> Any:
    """Make the model of a file.

    Parameters
    ----------
    archive : Archive
    custom_objects : dict, optional
    compiled : bool
        Whether to compile it as it was, and to restore the optimizer.
    make : callable
        From a configuration to a layer or model without compile settings.
    """
    document = archive.document
    if "model" not in document:
        raise ValueError(
            f"{archive.path} has weights, but no model; use model.load_weights"
        )
    size = sum(array.nbytes for array in archive.weights.values())
    with archive.explained("cannot be made a model of"):
        with CustomObjectScope(custom_objects):
            with filled_later(size) if archive.weights else nullcontext():
                model = make(document["model"])
            if compiled and document.get("compile") is not None:
                model.compile_from_config(modest(document["compile"]))
        if model.built and document.get("random") is not None:
            model._memory = state.memory_from(document["random"])
        targets = state.views(model) if model.built and model.layers else {}
        state.apply(state.matched(targets, archive.weights))
        if compiled and model.built:
            _finish(model, _optimizer_changes(model, archive))
    return model


def modest(config: Any) -> Any:
    """Raise ValueError if a metric of compile settings asks for a lot of memory."""
    if not isinstance(config, dict):
        raise ValueError(f"expected compile settings, got {config!r}")
    queue = [config.get("metrics"), config.get("weighted_metrics")]
    while queue:
        value = queue.pop()
        if isinstance(value, dict):
            queue.extend(value.values())
        elif isinstance(value, list):
            queue.extend(value)
        elif type(value) is int and value > _MOST:
            raise ValueError(f"a metric with {value} thresholds or classes")
    return config
