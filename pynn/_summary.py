# SPDX-License-Identifier: BSD-3-Clause
"""The tables that `Sequential.summary` prints, as Keras does, and notebooks show."""

import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

if TYPE_CHECKING:
    from pynn.layers.base import Layer
    from pynn.models import Sequential

_POSITIONS = (0.45, 0.80, 1.0)  # where columns end, as shares of the line
_LENGTH, _FOR_TRAINABLE = 88, 12
_ALIGN = "<<>^"
_ALWAYS_BUILT = {  # for Keras, of the layers without weights
    *("Activation", "ActivityRegularization", "AlphaDropout", "Dropout", "ELU"),
    *("GaussianDropout", "GaussianNoise", "Identity", "LeakyReLU", "ReLU", "Reshape"),
    *("Softmax", "SpatialDropout1D", "SpatialDropout2D", "UnitNormalization"),
}


class Summarized:
    """A model that describes itself."""

    def summary(
        self,
        line_length: int | None = None,
        positions: Sequence[float] | None = None,
        print_fn: Callable[[str], Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Sequence[str] | None = None,
    ) -> None:
        """Print a table of the layers with shapes and numbers of weights.

        Parameters
        ----------
        line_length : int, optional
            Width of the table; at most 88, and what the terminal has, unless given.
        positions : sequence of float, optional
            Where the columns end, as shares of the line: (0.45, 0.8, 1) by default.
        print_fn : callable, optional
            Called once with the text, which ends with a line break.
        expand_nested : bool
            Whether to show the layers of models that are layers.
        show_trainable : bool
            Adds a column.
        layer_range : pair of str, optional
            Names, or regular expressions, of the first and last layer to show.

        Raises
        ------
        ValueError
            If the columns get too narrow, or `layer_range` matches nothing.
        """
        text = _text(
            cast("Sequential", self),
            line_length,
            positions,
            expand_nested,
            show_trainable,
            layer_range,
        )
        if print_fn is None:
            print(text, end="")
        else:
            print_fn(text)

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        return _html(cast("Sequential", self))


class Row(NamedTuple):
    """What the table says about one layer."""

    name: str
    kind: str
    depth: int
    shape: str
    params: str
    trainable: str


def _text(
    model: "Sequential",
    line_length: int | None,
    positions: Sequence[float] | None,
    expand_nested: bool,
    show_trainable: bool,
    layer_range: Sequence[str] | None,
) -> str:
    """Return the table and the totals; they end with a line break."""
    header = ["Layer (type)", "Output Shape", "Param #"]
    header += ["Trainable"] * show_trainable
    layers = model.layers
    if layer_range is not None:
        layers = layers[slice(*_range(model, layer_range))]
    table = [_cells(row)[: len(header)] for row in _rows(layers, expand_nested)]
    widths = _widths(line_length, positions, show_trainable)
    lines = [f'Model: "{model.name}"', _rule("┏┳┓", "━", widths)]
    lines += [*_wrapped(header, widths, "┃"), _rule("┡╇┩", "━", widths)]
    for i, cells in enumerate(table):
        lines += [_rule("├┼┤", "─", widths)] * (i > 0) + _wrapped(cells, widths, "│")
    lines.append(_rule("└┴┘", "─", widths))
    lines += [f" {name} params: {n:,} ({size})" for name, n, size in _totals(model)]
    return "\n".join(lines) + "\n"


def _html(model: "Sequential") -> str:
    """Return the same as a table for notebooks; names are escaped."""
    from html import escape  # slow to load

    rows = []
    for row in _rows(model.layers, True):
        indent = "&nbsp;" * 4 * row.depth + "└ " * (row.depth > 0)
        frozen = " (frozen)" if row.trainable == "N" else ""
        title = f"{indent}{escape(row.name)} <i>{escape(row.kind)}</i>{frozen}"
        rows.append(
            f"<tr><td style='text-align:left'>{title}</td><td>{escape(row.shape)}</td>"
            f"<td style='text-align:right'>{escape(row.params)}</td></tr>"
        )
    totals = "<br>".join(f"{k} params: {n:,} ({size})" for k, n, size in _totals(model))
    return (
        f"<div><b>{escape(model.name)}</b> ({escape(type(model).__name__)})<table>"
        "<thead><tr><th>Layer</th><th>Output shape</th><th>Params</th></tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table><small>{totals}</small></div>"
    )


# ---- what it says


def _rows(layers: Sequence["Layer"], nested: bool) -> list[Row]:
    return [row for layer in layers for row in _described(layer, 0, nested)]


def _described(layer: "Layer", depth: int, nested: bool) -> list[Row]:
    shape, count = "?", "0 (unbuilt)"
    if layer.built:
        entry = layer.input_shape if layer._source is None else layer._source.shape
        shape = str(layer.compute_output_shape(entry))
        count = f"{layer.count_params():,}"
    elif any(kind.__name__ in _ALWAYS_BUILT for kind in type(layer).__mro__):
        count = "0"
    trainable = ("Y" if layer.trainable else "N") if layer.weights else "-"
    rows = [Row(layer.name, type(layer).__name__, depth, shape, count, trainable)]
    if nested:
        for inner in getattr(layer, "layers", ()):
            rows += _described(inner, depth + 1, True)
    return rows


def _cells(row: Row) -> list[str]:
    prefix = "   " * row.depth + "└ " * (row.depth > 0)
    return [f"{prefix}{row.name} ({row.kind})", row.shape, row.params, row.trainable]


def _range(model: "Sequential", layer_range: Sequence[str]) -> tuple[int, int]:
    """Return the slice from the first match of one name to the last of the other."""
    ends = list(layer_range)
    if len(ends) != 2 or not all(isinstance(end, str) for end in ends):
        raise ValueError(
            f"summary: layer_range: expected two names or patterns, got {layer_range!r}"
        )
    found = [
        [i for i, layer in enumerate(model.layers) if re.match(end, layer.name)]
        for end in ends
    ]
    if not found[0] or not found[1]:
        known = ", ".join(layer.name for layer in model.layers)
        raise ValueError(
            f"summary: layer_range: {layer_range!r} does not match; layers: {known}"
        )
    first, last = min(found[0]), max(found[1])
    if first > last:
        first, last = min(found[1]), max(found[0])
    return first, last + 1


def _totals(model: "Sequential") -> list[tuple[str, int, str]]:
    each = np.dtype(model.dtype).itemsize
    trained = sum(w.size for w in model.trainable_weights)
    frozen = sum(w.size for w in model.non_trainable_weights)
    counts = {"Trainable": trained, "Non-trainable": frozen}
    if model.optimizer is not None and model.optimizer.iterations:
        counts["Optimizer"] = model.optimizer.count_state(trained)
    counts = {"Total": sum(counts.values())} | counts
    return [(name, n, _size(n * each)) for name, n in counts.items()]


def _size(nbytes: float) -> str:
    for unit in ("B", "KB", "MB", "GB"):
        if nbytes < 1024 or unit == "GB":
            break
        nbytes /= 1024
    return f"{nbytes:.2f} {unit}"


# ---- how it looks


def _widths(
    line_length: int | None, positions: Sequence[float] | None, show_trainable: bool
) -> list[int]:
    """Return the widths of the columns' texts, as Keras and rich work them out."""
    from shutil import get_terminal_size  # slow to load

    ends = list(positions or _POSITIONS)
    length = _LENGTH
    if show_trainable:
        ends, length = [0.9 * end for end in ends] + [1.0], length + _FOR_TRAINABLE
    length = line_length or min(length, get_terminal_size().columns - 4)
    edges = [0, *(int(end * length) for end in ends)]
    wanted = [b - a for a, b in pairwise(edges)]
    columns = 4 if show_trainable else 3
    if len(wanted) != columns or min(wanted) < 4:
        raise ValueError(
            f"summary: expected {columns} columns of 4 characters or more, got widths"
            f" {wanted} from line_length={length} and positions={positions}"
        )
    excess = sum(wanted) + 3 * columns + 1 - length
    for i in range(columns):  # the frame takes its place from all columns alike
        part = round(excess / (columns - i))
        wanted[i] -= part
        excess -= part
    return [max(width, 1) for width in wanted]


def _rule(corners: str, line: str, widths: Sequence[int]) -> str:
    inside = corners[1].join(line * (width + 2) for width in widths)
    return f"{corners[0]}{inside}{corners[2]}"


def _wrapped(cells: Sequence[str], widths: Sequence[int], bar: str) -> list[str]:
    """Return the lines of one row; words that are too long end in three dots."""
    columns = [_lines(cell, w) for cell, w in zip(cells, widths, strict=True)]
    found = []
    for i in range(max(map(len, columns))):
        texts = [column[i] if i < len(column) else "" for column in columns]
        padded = [f"{text:{_ALIGN[j]}{widths[j]}}" for j, text in enumerate(texts)]
        found.append(f"{bar} " + f" {bar} ".join(padded) + f" {bar}")
    return found


def _lines(text: str, width: int) -> list[str]:
    lines: list[str] = []
    room = 0
    for word in re.findall(r"\s*\S+\s*", text):
        if lines and len(word.rstrip()) <= room:
            lines[-1] += word
        else:
            lines.append(word)
            room = width
        room -= len(word)
    short = [line.rstrip() for line in lines]
    return [s if len(s) <= width else s[: width - 1] + "…" for s in short]
