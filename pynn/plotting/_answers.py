# SPDX-License-Identifier: BSD-3-Clause
"""Pictures of what a model answers."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pynn.plotting._canvas import COLORS, canvas

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = np.ndarray[Any, np.dtype[Any]]
_CLASSES = 200  # in a picture that somebody can look at


def decision_boundary(
    model: Any,
    X: Any,
    y: Any,
    labels: Sequence[str] | None = None,
    steps: int = 300,
) -> "Figure":
    """Draw what a model of two inputs answers everywhere, and the samples on top.

    Parameters
    ----------
    model : object with ``predict``
        One output (a probability, the boundary at 0.5) or one per class.
    X : array_like (n, 2)
    y : array_like (n,)
        Class numbers, or one-hot.
    labels : sequence of str, optional
        Names of the classes.
    steps : int
        Points along each side of the picture.
    """
    points, classes = np.asarray(X, float), np.asarray(y)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f"decision_boundary: X: expected (n, 2), got {points.shape}")
    if classes.ndim == 2:
        classes = classes.argmax(1) if classes.shape[1] > 1 else classes[:, 0]
    if classes.shape != (len(points),) or not len(points):
        raise ValueError(
            f"decision_boundary: expected a class for each of {len(points)} samples"
            f" of X, got y of shape {np.shape(y)}"
        )
    figure, axes = canvas(1, 1, 6.0, 4.6)
    axis = axes[0, 0]
    span = np.ptp(points, axis=0)
    span[span == 0] = 1.0
    low, high = points.min(0) - 0.15 * span, points.max(0) + 0.15 * span
    u, v = np.meshgrid(*(np.linspace(low[i], high[i], steps) for i in (0, 1)))
    answer = _ask(model, np.stack([u.ravel(), v.ravel()], 1).astype(np.float32))
    _shade(figure, axis, (u, v), answer.reshape(steps, steps, -1))
    names = None if labels is None else _class_names(int(classes.max()) + 1, labels)
    for i, label in enumerate(np.unique(classes)):
        own = points[classes == label]
        name = str(label) if names is None else names[int(label)]
        marker = "os^DvP"[i % 6]  # one fewer than colours: 42 different pairs
        kw = {"color": COLORS[i % len(COLORS)], "edgecolor": "white", "s": 42}
        axis.scatter(*own.T, label=name, marker=marker, linewidth=0.8, zorder=3, **kw)
    axis.set(xlabel="first input", ylabel="second input")
    figure.legend(title="class", loc="outside right upper", frameon=False)
    return figure


def _ask(model: Any, points: Array) -> Array:
    """Return the outputs of a model, quietly; scikit-learn's have no ``verbose``."""
    try:
        found = model.predict(points, verbose=0)
    except TypeError:
        ask = getattr(model, "predict_proba", model.predict)
        found = ask(points)
    return np.asarray(found, float).reshape(len(points), -1)


def _shade(figure: Any, axis: Any, mesh: tuple[Array, Array], answer: Array) -> None:
    """Colour the plane: by probability for one output, by the class for several."""
    from matplotlib.colors import LinearSegmentedColormap, ListedColormap

    axis.grid(False)
    if answer.shape[-1] == 1:
        fade = LinearSegmentedColormap.from_list("", [COLORS[0], "white", COLORS[1]])
        levels = np.linspace(0, 1, 11)
        found = axis.contourf(
            *mesh, answer[..., 0], levels, cmap=fade, alpha=0.6, extend="both"
        )
        axis.contour(*mesh, answer[..., 0], [0.5], colors="black", linewidths=1.5)
        figure.colorbar(found, ax=axis, label="output of the model")
    else:
        count = answer.shape[-1]
        best = answer.argmax(-1)
        shades = ListedColormap([COLORS[i % len(COLORS)] for i in range(count)])
        levels = np.arange(count + 1) - 0.5
        axis.contourf(*mesh, best, levels, cmap=shades, alpha=0.3)
        axis.contour(*mesh, best, levels[1:-1], colors="black", linewidths=1)


def confusion_matrix(
    y_true: Any, y_pred: Any, labels: Sequence[str] | None = None
) -> "Figure":
    """Draw how many samples of each class were taken for which.

    Parameters
    ----------
    y_true : array_like
        Class numbers (n,), or one-hot (n, classes).
    y_pred : array_like
        Class numbers, or what a model with one output per class predicts; of a single
        output (n, 1), above 0.5 is class 1.
    labels : sequence of str, optional
        Names of the classes.
    """
    true, pred = _class_numbers(y_true), _class_numbers(y_pred)
    if true.shape != pred.shape:
        raise ValueError(
            f"confusion_matrix: {len(true)} true classes, {len(pred)} predicted ones"
        )
    names = _class_names(int(max(true.max(), pred.max())) + 1, labels)
    count = len(names)
    table = np.zeros((count, count), int)
    np.add.at(table, (true, pred), 1)
    share = table / np.maximum(table.sum(1, keepdims=True), 1)
    longest = max(map(len, names))
    cell = max(0.55, 0.09 * len(f"{table.max():,}") + 0.12)  # inches
    size = max(3.0, cell * count) + 0.6 + 0.07 * longest
    figure, axes = canvas(1, 1, size + 1.2, size)
    axis = axes[0, 0]
    axis.grid(False)
    picture = axis.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for i, j in np.ndindex(count, count):
        color = "white" if share[i, j] > 0.55 else "0.15" if table[i, j] else "0.7"
        axis.text(j, i, f"{table[i, j]:,}", ha="center", va="center", color=color)
    turn = {"rotation": 45, "ha": "right"} if longest > 3 else {}
    axis.set_xticks(range(count), names, **turn)
    axis.set_yticks(range(count), names)
    axis.set(xlabel="predicted class", ylabel="true class")
    axis.set_title(f"{np.trace(table):,} of {table.sum():,} right", fontsize=11)
    figure.colorbar(picture, ax=axis, label="share of the true class", shrink=0.8)
    return figure


def _class_names(count: int, labels: Sequence[str] | None) -> list[str]:
    """Return the names of `count` classes or more."""
    if count > _CLASSES:
        raise ValueError(f"expected at most {_CLASSES} classes, got number {count - 1}")
    names = list(map(str, range(count) if labels is None else labels))
    if len(names) < count:
        raise ValueError(f"labels: expected {count} names, got {names}")
    return names


def _class_numbers(y: Any) -> Array:
    found = np.asarray(y)
    if found.ndim == 2 and found.shape[1] > 1:
        numbers: Array = found.argmax(1)
        return numbers
    if found.dtype.kind == "f" and found.ndim == 2:
        return (found[:, 0] > 0.5).astype(int)
    if found.ndim not in (1, 2) or not found.size or found.dtype.kind not in "biuf":
        raise ValueError(
            f"expected class numbers (n,), got {found.dtype} of shape {found.shape}"
        )
    numbers = found.reshape(-1).astype(np.int64)
    if (numbers != found.reshape(-1)).any() or numbers.min() < 0:
        raise ValueError(f"expected class numbers 0, 1, ..., got {found.reshape(-1)}")
    return numbers
