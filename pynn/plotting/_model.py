# SPDX-License-Identifier: BSD-3-Clause
"""The layers of a model as boxes: what stands in each, and how they are drawn."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from pynn.plotting._canvas import COLORS, canvas

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_HEIGHT, _GAP, _LINE = 0.62, 0.34, 0.2  # inches: a box of one line, an arrow, a line
_LETTER = 0.094  # inches: a wide letter of 9 points
_INDENT = 0.35


class Box(NamedTuple):
    """One layer: its title, further lines, and how deeply it is nested."""

    title: str
    lines: list[str]
    depth: int


def model(
    model: Any,
    show_shapes: bool = True,
    show_dtype: bool = False,
    show_layer_names: bool = True,
    rankdir: str = "TB",
    expand_nested: bool = False,
    show_layer_activations: bool = True,
    show_trainable: bool = False,
) -> "Figure":
    """Draw the layers of a model as boxes, with shapes and numbers of weights.

    Parameters
    ----------
    model : Sequential
        Built, if shapes are wanted.
    show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable \
: bool
        What stands in a box.
    rankdir : {"TB", "LR"}
        From top to bottom, or from left to right.
    expand_nested : bool
        Draw the layers of models inside the model, too.
    """
    if rankdir not in ("TB", "LR"):
        raise ValueError(f"rankdir: expected 'TB' or 'LR', got {rankdir!r}")
    found = _boxes(
        model,
        shapes=show_shapes,
        dtype=show_dtype,
        names=show_layer_names,
        activations=show_layer_activations,
        trainable=show_trainable,
        nested=expand_nested,
    )
    return _draw_boxes(found, rankdir == "TB")


def _boxes(
    model: Any,
    *,
    shapes: bool,
    dtype: bool,
    names: bool,
    activations: bool,
    trainable: bool,
    nested: bool,
) -> list[Box]:
    """Return the input and the layers of a built or unbuilt model as boxes."""
    found: list[Box] = []
    if model.built and shapes:
        found.append(Box("Input", [str(model.input_shape)], 0))

    def describe(layer: Any, depth: int) -> None:
        title = type(layer).__name__
        title = f"{layer.name}  ({title})" if names else title
        lines = []
        activation = getattr(layer, "activation", None)
        if activations and activation is not None:
            text = getattr(activation, "__name__", None) or str(activation)
            lines += [f"activation: {text}"] if text != "linear" else []
        if shapes and layer.built:
            count = f"   {layer.count_params():,} weights"
            lines.append(f"{layer.output_shape}{count if layer.weights else ''}")
        lines += [f"dtype: {layer.dtype}"] if dtype else []
        if trainable and layer.weights:
            lines.append("trainable" if layer.trainable else "frozen")
        found.append(Box(title, lines, depth))
        if nested:
            for inner in getattr(layer, "layers", ()):
                describe(inner, depth + 1)

    for layer in model.layers:
        describe(layer, 0)
    if not found:
        raise ValueError(f"{model.name!r} has no layers to draw")
    return found


def _draw_boxes(found: Sequence[Box], down: bool) -> "Figure":
    """Draw boxes one below the other, or side by side, with arrows between them."""
    widths = [max(map(len, [b.title, *b.lines])) * _LETTER + 0.4 for b in found]
    heights = [_HEIGHT + _LINE * (len(b.lines) - 1) for b in found]
    deepest = max(b.depth for b in found) * _INDENT
    if down:
        size = (max(widths) + deepest, sum(heights) + _GAP * (len(found) - 1))
    else:
        size = (sum(widths) + _GAP * (len(found) - 1), max(heights) + deepest)
    figure, axes = canvas(1, 1, size[0] + 0.3, size[1] + 0.3)
    axis = axes[0, 0]
    axis.set_axis_off()
    axis.set(xlim=(-0.05, size[0] + 0.05), ylim=(-0.05, size[1] + 0.05))
    axis.set_aspect("equal")
    before = None
    x, y = 0.0, size[1]
    for box, width, height in zip(found, widths, heights, strict=True):
        shift = box.depth * _INDENT
        if down:
            place = (shift, y - height, max(widths), height)
            y -= height + _GAP
        else:
            place = (x, (max(heights) - height) / 2 - shift + deepest, width, height)
            x += width + _GAP
        _draw_box(axis, box, place)
        if before is not None:
            _draw_arrow(axis, before, place, down)
        before = place
    return figure


def _draw_box(axis: Any, box: Box, place: tuple[float, float, float, float]) -> None:
    from matplotlib.patches import FancyBboxPatch

    x, y, width, height = place
    axis.add_patch(
        FancyBboxPatch(
            (x, y),
            width,
            height,
            boxstyle="round,pad=0,rounding_size=0.08",
            facecolor="#EAF3FA" if box.depth == 0 else "#FFFFFF",
            edgecolor=COLORS[0],
            linewidth=1.2,
        )
    )
    top = y + height / 2 + _LINE * len(box.lines) / 2
    middle = x + width / 2
    style = {"ha": "center", "va": "center", "fontsize": 9}
    axis.text(middle, top, box.title, weight="bold", **style)
    for i, line in enumerate(box.lines, 1):
        axis.text(middle, top - i * _LINE, line, color="0.25", **style)


def _draw_arrow(
    axis: Any,
    a: tuple[float, float, float, float],
    b: tuple[float, float, float, float],
    down: bool,
) -> None:
    if down:
        middle = max(a[0], b[0]) + min(a[2], b[2]) / 2
        start, end = (middle, a[1]), (middle, b[1] + b[3])
    else:
        middle = a[1] + a[3] / 2
        start, end = (a[0] + a[2], middle), (b[0], b[1] + b[3] / 2)
    axis.annotate(
        "", xy=end, xytext=start, arrowprops={"arrowstyle": "-|>", "color": "0.3"}
    )
