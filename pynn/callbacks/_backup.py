# SPDX-License-Identifier: BSD-3-Clause
"""A callback that lets an interrupted training go on."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

from pynn._checks import flag
from pynn.callbacks._base import Callback, Logs
from pynn.callbacks._checkpoint import Counter, save_frequency

_LATEST, _PREVIOUS = "latest.safetensors", "previous.safetensors"


class BackupAndRestore(Callback):
    """Backs up all that training goes on from, and goes on from there.

    A program that is killed at any moment and started again, with the same model, data
    and arguments of `fit`, ends with the weights that it would have had, to the bit;
    what it does again is at most what followed the last backup. Other callbacks start
    anew, and averages of an interrupted epoch lack its first part for metrics that are
    not computed in the core. With batches from a generator, it is begun again.

    Parameters
    ----------
    backup_dir : path
        A folder of its own; it is made.
    save_freq : "epoch" or int
        After every epoch, or every so many steps; steps bring Python between all of
        them.
    double_checkpoint : bool
        Keep the backup before the last, to fall back on if that cannot be read.
    delete_checkpoint : bool
        Remove the folder when training has ended.

    Raises
    ------
    ValueError
        When training begins, if the backup is damaged, or that of another model,
        optimizer or number of rows.
    """

    def __init__(
        self,
        backup_dir: str | os.PathLike[str],
        save_freq: Any = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        who = "BackupAndRestore"
        if not isinstance(backup_dir, str | os.PathLike) or not os.fspath(backup_dir):
            raise ValueError(f"{who}: backup_dir: expected a path, got {backup_dir!r}")
        self.backup_dir = str(os.fspath(backup_dir))
        self.save_freq = save_freq
        self.double_checkpoint = flag(double_checkpoint, f"{who}: double_checkpoint")
        self.delete_checkpoint = flag(delete_checkpoint, f"{who}: delete_checkpoint")
        every = save_frequency(save_freq, who)
        self._late = False  # a backup is due that the end of the epoch will make
        if every is not None:  # only then somebody has to look at every step
            self._counter = Counter(every)
            self.on_train_batch_end = self._after_batch  # type: ignore[method-assign]

    def _path(self, name: str) -> str:
        return os.path.join(self.backup_dir, name)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._late = False
        found = [n for n in (_LATEST, _PREVIOUS) if os.path.exists(self._path(n))]
        for name in found:
            try:
                self.model._resume(self._path(name))
                return
            except (ValueError, OSError):
                if name == found[-1]:
                    raise

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.save_freq == "epoch" or self._late:
            self._late = False
            self._save(epoch + 1, within=False)

    def _after_batch(self, batch: int, logs: Logs | None = None) -> None:
        if not self._counter.due(batch):
            return
        epoch, run, _ = self.model._standing
        self._late = run.steps == batch + 1  # the epoch is over but for its end
        if not self._late:
            self._save(epoch, within=True)

    def _save(self, epoch: int, within: bool) -> None:
        os.makedirs(self.backup_dir, exist_ok=True)
        if self.double_checkpoint:
            with suppress(FileNotFoundError):
                os.replace(self._path(_LATEST), self._path(_PREVIOUS))
        self.model._checkpoint(self._path(_LATEST), epoch, within)

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.delete_checkpoint:
            import shutil

            shutil.rmtree(self.backup_dir, ignore_errors=True)
