# SPDX-License-Identifier: BSD-3-Clause
"""What a model can do with files, texts and copies of itself."""

import copy
from collections.abc import Mapping
from typing import Any, Self

from pynn import losses, metrics, optimizers
from pynn._compilable import Compilable
from pynn._plain import plain
from pynn._storage import Location


class Filed(Compilable):
    """A compilable model that can be written down and read."""

    def save(
        self,
        filepath: Location,
        overwrite: bool = True,
        zipped: bool | None = None,
        *,
        include_optimizer: bool = True,
    ) -> None:
        """Write the model to a file; see `pynn.saving.save_model`."""
        from pynn._storage import archive

        if zipped not in (None, False):
            raise ValueError("save: zipped: a model is one plain file, got zipped=True")
        archive.save_model(self, filepath, overwrite, include_optimizer)  # type: ignore[arg-type]

    def save_weights(
        self,
        filepath: Location,
        overwrite: bool = True,
        max_shard_size: float | None = None,
    ) -> None:
        """Write all weights to a file; see `pynn.saving.save_weights`."""
        from pynn._storage import archive

        if max_shard_size is not None:
            raise ValueError(
                "save_weights: max_shard_size: weights go into one file, got"
                f" {max_shard_size!r}"
            )
        archive.save_weights(self, filepath, overwrite)  # type: ignore[arg-type]

    def load_weights(self, filepath: Location, skip_mismatch: bool = False) -> None:
        """Overwrite all weights from a file; see `pynn.saving.load_weights`."""
        from pynn._storage import foreign

        foreign.load_weights(self, filepath, skip_mismatch)

    # ---- training that goes on

    def _checkpoint(self, path: str, epoch: int, within: bool) -> None:
        """Write where training stands; see `_storage.archive.checkpoint`."""
        from pynn._storage import archive

        archive.checkpoint(self, path, epoch, within)  # type: ignore[arg-type]

    def _resume(self, path: str) -> None:
        """Restore what `_checkpoint` wrote; the present `fit` goes on from there."""
        from pynn._storage import archive

        self._resumed = archive.resume(self, path)  # type: ignore[arg-type]

    # ---- plain data

    def to_json(self, **options: Any) -> str:
        """Return layers and compile settings as JSON, without weights.

        Parameters
        ----------
        **options
            Passed on to `json.dumps`, such as ``indent=2``.

        Raises
        ------
        TypeError
            If something of the user's in it cannot be written down.
        """
        import json

        return json.dumps(plain(self), **options)

    def get_compile_config(self) -> dict[str, Any] | None:
        """Return what `compile` was told as plain data; None before `compile`."""
        if self._compile_config is None or self.optimizer is None:
            return None
        told = {"loss_weights": None, **self._compile_config}
        found: dict[str, Any] = plain({"optimizer": self.optimizer, **told})
        return found

    def compile_from_config(self, config: Mapping[str, Any]) -> None:
        """Compile as `get_compile_config` says; the optimizer starts anew.

        Raises
        ------
        ValueError
            If a class or function in it is not known here.
        """
        told = {k: v for k, v in config.items() if v is not None}
        optimizer = optimizers.get(told.pop("optimizer", "rmsprop"))
        loss = told.pop("loss", None)
        if isinstance(loss, Mapping):
            loss = losses.get(loss)
        for key in ("metrics", "weighted_metrics"):
            told[key] = _objects(told.get(key))
        self.compile(optimizer, loss, **told)

    # ---- copies

    def __getstate__(self) -> dict[str, Any]:
        if self._objective is not None and self.built and self._standing is None:
            self.network_for(None).sync()  # a copy goes on like this one
        return super().__getstate__() | {"_standing": None, "_resumed": None}

    def __copy__(self) -> Self:
        return copy.deepcopy(self)


def _objects(written: Any) -> Any:
    """Return metrics as `compile` takes them; their configurations become objects."""
    if isinstance(written, list | tuple):
        return [_objects(item) for item in written]
    if isinstance(written, Mapping):
        if "class_name" in written:
            return metrics.get(written)
        return {name: _objects(item) for name, item in written.items()}
    return written
