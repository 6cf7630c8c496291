# SPDX-License-Identifier: BSD-3-Clause
"""The table that `Sequential.summary` prints."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pynn.layers.base import Layer
    from pynn.models import Sequential

_LEAST = (29, 24, 14, 11)  # widths of the columns


def summary_text(
    model: "Sequential", line_length: int | None, show_trainable: bool
) -> str:
    """Return the table and the totals."""
    header = ["Layer (type)", "Output Shape", "Param #"]
    header += ["Trainable"] * show_trainable
    rows = [_row(layer, show_trainable) for layer in model.layers]
    widths = [
        max(len(row[i]) for row in [header, *rows]) + 2 for i in range(len(header))
    ]
    widths = [max(w, _LEAST[i]) for i, w in enumerate(widths)]
    if line_length is not None:
        spare = line_length - sum(widths) - 3 * (len(widths) - 1)
        widths[0] += max(spare, 0)
    thin, thick = (c * (sum(widths) + 3 * (len(widths) - 1)) for c in "─━")
    lines = [f'Model: "{model.name}"', thick, _line(header, widths), thick]
    for row in rows:
        lines += [_line(row, widths), thin]
    return "\n".join([*lines[: -1 if rows else None], thick, *_totals(model)])


def _row(layer: "Layer", show_trainable: bool) -> list[str]:
    title = f"{layer.name} ({type(layer).__name__})"
    if layer.built:
        shape, count = str(layer.output_shape), f"{layer.count_params():,}"
    else:
        shape, count = "?", "0 (unbuilt)"
    return [title, shape, count, *(["Y" if layer.trainable else "N"] * show_trainable)]


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    fitted = [
        f"{cell:>{w}}" if i == 2 else f"{cell:<{w}}"
        for i, (cell, w) in enumerate(zip(cells, widths, strict=True))
    ]
    return "   ".join(fitted).rstrip()


def _totals(model: "Sequential") -> list[str]:
    each = np.dtype(model.dtype).itemsize
    trained = sum(w.size for w in model.trainable_weights)
    frozen = sum(w.size for w in model.non_trainable_weights)
    counts = {"Trainable": trained, "Non-trainable": frozen}
    if model.optimizer is not None and model.optimizer.iterations:
        counts["Optimizer"] = len(model.optimizer.slots) * trained + 2
    counts = {"Total": sum(counts.values())} | counts
    return [f" {name} params: {n:,} ({_size(n * each)})" for name, n in counts.items()]


def _size(nbytes: float) -> str:
    for unit in ("B", "KB", "MB", "GB"):
        if nbytes < 1024 or unit == "GB":
            break
        nbytes /= 1024
    return f"{nbytes:.2f} {unit}"
