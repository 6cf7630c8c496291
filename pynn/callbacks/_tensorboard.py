# SPDX-License-Identifier: BSD-3-Clause
"""Summaries for TensorBoard, through tensorboardX."""

from __future__ import annotations

import os
import time
from typing import Any

import numpy as np

from pynn._checks import flag, integer
from pynn.callbacks._base import Callback, Logs


class TensorBoard(Callback):
    """Writes what happens in training for TensorBoard to show: ``tensorboard --logdir
    logs``.

    Losses and metrics are called ``epoch_loss`` and so on, those of batches
    ``batch_loss``, and those of validations over steps
    ``evaluation_loss_vs_iterations``; training and validation are two runs in
    `log_dir`. Needs tensorboardX: ``pip install pynn[tensorboard]``.

    Parameters
    ----------
    log_dir : path
    histogram_freq : int
        Histograms of all weights after every n-th epoch; 0: none.
    write_graph : bool
        Let the graph page show the layers.
    write_images : bool
        Weights as pictures beside their histograms; needs Pillow.
    write_steps_per_second : bool
        Speed of each epoch, and of each batch if those are written.
    update_freq : "epoch", "batch" or int
        With a number, also losses and metrics of every n-th batch, averaged since the
        epoch began; "batch" is 1. This brings Python between all steps.
    profile_batch, embeddings_freq, embeddings_metadata
        Known from Keras; there is no profile and there are no embeddings to write.

    Raises
    ------
    ImportError
        When training begins, if tensorboardX is missing.
    ValueError
        If an argument is unknown or out of range.
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: Any = "epoch",
        profile_batch: int = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: None = None,
    ) -> None:
        who = "TensorBoard"
        if not isinstance(log_dir, str | os.PathLike):
            raise ValueError(f"{who}: log_dir: expected a path, got {log_dir!r}")
        self.log_dir = str(os.fspath(log_dir))
        self.histogram_freq = integer(histogram_freq, f"{who}: histogram_freq", 0)
        self.write_graph = flag(write_graph, f"{who}: write_graph")
        self.write_images = flag(write_images, f"{who}: write_images")
        where = f"{who}: write_steps_per_second"
        self.write_steps_per_second = flag(write_steps_per_second, where)
        for name, given in (
            ("profile_batch", profile_batch),
            ("embeddings_freq", embeddings_freq),
            ("embeddings_metadata", embeddings_metadata),
        ):
            if given:
                raise ValueError(f"{who}: {name} is not supported, got {given!r}")
        self.update_freq = update_freq
        self._writers: dict[str, Any] = {}
        self._batch = 0
        self._epoch_start = self._batch_start = 0.0
        self._steps_before = 0
        if update_freq != "epoch":  # only then somebody has to look at every step
            every = 1 if update_freq == "batch" else update_freq
            self._every = integer(every, f"{who}: update_freq", 1)
            self.on_train_batch_begin = self._before_batch  # type: ignore[method-assign]
            self.on_train_batch_end = self._after_batch  # type: ignore[method-assign]

    # ---- events

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._close()
        self._batch = 0
        if self.write_graph:
            self._write_graph()

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._close()

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._epoch_start = time.perf_counter()
        self._steps_before = self.model.optimizer.iterations

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        training = {"learning_rate": float(self.model.optimizer.learning_rate)}
        for name, value in (logs or {}).items():
            if name.startswith("val_"):
                self._scalar("validation", f"epoch_{name[4:]}", value, epoch)
            else:
                training.setdefault(name, value)
        if self.write_steps_per_second:
            steps = self.model.optimizer.iterations - self._steps_before
            took = time.perf_counter() - self._epoch_start
            training["steps_per_second"] = steps / took
        for name, value in training.items():
            self._scalar("train", f"epoch_{name}", value, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._write_weights(epoch)
        for writer in self._writers.values():
            writer.flush()

    def _before_batch(self, batch: int, logs: Logs | None = None) -> None:
        self._batch += 1
        self._batch_start = time.perf_counter()

    def _after_batch(self, batch: int, logs: Logs | None = None) -> None:
        if self._batch % self._every:
            return
        values = dict(logs or {})
        if self.write_steps_per_second:
            took = time.perf_counter() - self._batch_start
            values["steps_per_second"] = 1.0 / took
        for name, value in values.items():
            self._scalar("train", f"batch_{name}", value, self._batch)

    def on_test_end(self, logs: Logs | None = None) -> None:
        optimizer = self.model.optimizer
        for name, value in (logs or {}).items():
            name = f"evaluation_{name}_vs_iterations"
            self._scalar("validation", name, value, optimizer.iterations)

    # ---- writing

    def _writer(self, run: str) -> Any:
        """Return the writer of "train" or "validation"; its file is made when used."""
        if run not in self._writers:
            try:
                from tensorboardX import SummaryWriter
            except ImportError as error:
                raise ImportError(
                    "callbacks.TensorBoard: pip install 'pynn[tensorboard]' for it"
                ) from error
            self._writers[run] = SummaryWriter(os.path.join(self.log_dir, run))
        return self._writers[run]

    def _scalar(self, run: str, name: str, value: Any, step: int) -> None:
        if np.ndim(value) == 0:
            self._writer(run).add_scalar(name, float(value), step)

    def _write_weights(self, epoch: int) -> None:
        writer = self._writer("train")
        for weight in self.model.weights:
            values = weight.numpy()
            finite = values[np.isfinite(values)]
            if finite.size:
                name = f"{weight.path}/histogram"
                writer.add_histogram(name, finite, epoch, bins=30)
            if self.write_images and values.squeeze().ndim in (1, 2):
                self._write_image(f"{weight.path}/image", values, epoch)

    def _write_image(self, name: str, values: Any, epoch: int) -> None:
        """Write a vector or matrix, lying; grey from 0 to 1, as in Keras."""
        picture = np.atleast_2d(values.squeeze())
        if picture.shape[0] > picture.shape[1]:
            picture = picture.T
        grey = np.nan_to_num(np.clip(picture, 0.0, 1.0))
        self._writer("train").add_image(name, grey, epoch, dataformats="HW")

    def _write_graph(self) -> None:
        """Write the layers in the form that TensorBoard takes from Keras."""
        writer = self._writer("train")
        from tensorboardX.proto.summary_pb2 import Summary, SummaryMetadata
        from tensorboardX.proto.tensor_pb2 import TensorProto

        kind = SummaryMetadata.PluginData(plugin_name="graph_keras_model", content=b"1")
        text = self.model.to_json().encode()
        value = Summary.Value(
            tag="keras",
            metadata=SummaryMetadata(plugin_data=kind),
            tensor=TensorProto(dtype="DT_STRING", string_val=[text]),
        )
        writer.file_writer.add_summary(Summary(value=[value]), 0)

    def _close(self) -> None:
        for writer in self._writers.values():
            writer.close()
        self._writers = {}

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_writers": {}}
