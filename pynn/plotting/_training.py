# SPDX-License-Identifier: BSD-3-Clause
"""Pictures of training: curves, weights, gradients; and of activation functions."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

from pynn import activations as functions
from pynn.plotting._canvas import (
    COLORS,
    blank,
    canvas,
    grid,
    label_whole,
    legend,
    style,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SHOWN = (
    *("relu", "leaky_relu", "elu", "gelu", "sigmoid", "tanh"),
    *("softplus", "silu", "softmax"),
)
_BESIDE = (0.0, 1.0)  # what x stands beside, for functions of a whole row
_STEP = 1e-4  # of central differences in float64: an error near 1e-8


def _record(run: Any) -> tuple[list[int], Mapping[str, Sequence[float]]]:
    """Return epochs, counted from 1, and values of a History, a model or a dict."""
    run = getattr(run, "history", run)
    run = run if isinstance(run, Mapping) else (getattr(run, "history", None) or run)
    if not isinstance(run, Mapping) or not run:
        raise ValueError(
            "expected what fit returned, after one epoch at least, or its dict of"
            f" lists, got {run!r}"
        )
    longest = max(len(values) for values in run.values())
    return list(range(1, longest + 1)), run


def _draw_curve(axis: "Axes", values: Sequence[float], longest: int, **kw: Any) -> None:
    """Draw the values of epochs; a shorter list was measured every few epochs."""
    every = max(longest // max(len(values), 1), 1)
    epochs = np.arange(1, len(values) + 1) * every
    few = len(values) <= 12  # then each point counts
    axis.plot(epochs, values, marker="o" if few else None, markersize=4, **kw)


def _title(name: str) -> str:
    return fill(name.replace("_", " "), 28)


def _chosen(keys: Iterable[str], known: Iterable[str], what: str) -> list[str]:
    """Return the keys; ValueError if there are none, or some that are not known."""
    chosen, found = list(keys), list(known)
    unknown = [key for key in chosen if key not in found]
    if unknown or not chosen:
        raise ValueError(f"{what} no {unknown or 'metrics to draw'}; it has {found}")
    return chosen


def history(history: Any, metrics: Iterable[str] | None = None) -> "Figure":
    """Draw the loss and metrics of a training against its epochs.

    Parameters
    ----------
    history : History, model or dict of lists
    metrics : iterable of str, optional
        Keys to draw, each with its ``val_`` one; by default all, the loss first.

    Returns
    -------
    matplotlib.figure.Figure
        A panel per key: training drawn through, validation dashed.
    """
    epochs, run = _record(history)
    keys = [key for key in run if not key.startswith("val_")]
    keys = sorted(keys, key=lambda key: (key != "loss", key == "learning_rate"))
    keys = _chosen(keys if metrics is None else metrics, run, "history has")
    rows, columns = grid(len(keys))
    figure, axes = canvas(rows, columns, 4.6, 3.4)
    for axis, key in zip(axes.flat, keys, strict=False):
        _draw_curve(axis, run[key], len(epochs), label="training", **style(0))
        if f"val_{key}" in run:
            values = run[f"val_{key}"]
            _draw_curve(axis, values, len(epochs), label="validation", **style(1))
            legend(axis)
        axis.set_ylabel(_title(key))
        label_whole(axis, "epoch")
    blank(axes, len(keys))
    return figure


def compare(
    histories: Mapping[str, Any],
    metrics: Iterable[str] = ("loss", "val_loss"),
    log: bool = False,
) -> "Figure":
    """Draw several trainings into the same axes, a panel per metric.

    Parameters
    ----------
    histories : dict
        What `history` takes, by the name in the legend.
    metrics : iterable of str
    log : bool
        Logarithmic values.

    Returns
    -------
    matplotlib.figure.Figure
        Panels share the scale of their values where they show the same quantity.
    """
    runs = {name: _record(run) for name, run in histories.items()}
    known = dict.fromkeys(key for _, run in runs.values() for key in run)
    keys = _chosen(metrics, known, "compare: the histories have")
    rows, columns = grid(len(keys))
    figure, axes = canvas(rows, columns, 5.2, 3.8)
    for axis, key in zip(axes.flat, keys, strict=False):
        for i, (name, (epochs, run)) in enumerate(runs.items()):
            if key in run:
                _draw_curve(axis, run[key], len(epochs), label=name, **style(i))
        validation = key.startswith("val_")
        axis.set_title("validation" if validation else "training", fontsize=11)
        axis.set_ylabel(_title(key.removeprefix("val_")))
        axis.set_yscale("log" if log else "linear")
        label_whole(axis, "epoch")
    _name_runs(figure, axes)
    for axis in axes.flat[1 : len(keys)]:
        if axis.get_ylabel() == axes.flat[0].get_ylabel():
            axis.sharey(axes.flat[0])
    blank(axes, len(keys))
    return figure


def _name_runs(figure: Any, axes: Any) -> None:
    """Add one legend for all panels, below them, where it hides no curve."""
    curves: dict[Any, Any] = {}
    for axis in axes.flat:
        for handle, name in zip(*axis.get_legend_handles_labels(), strict=True):
            curves.setdefault(name, handle)
    width = figure.get_figwidth() / (1.0 + 0.1 * max(map(len, curves)))
    figure.legend(
        list(curves.values()),
        list(curves),
        loc="outside lower center",
        ncols=max(int(width), 1),
        frameon=False,
    )


def activations(names: Iterable[str] | None = None) -> "Figure":
    """Draw activation functions and their derivatives on [-5, 5].

    Of a function of whole rows, such as softmax, the first output for (x, 0, 1) is
    drawn.

    Parameters
    ----------
    names : iterable of str or callable, optional
        By default the common ones.
    """
    asked = list(_SHOWN if names is None else names)
    if not asked:
        raise ValueError("activations: expected a name at least")
    rows, columns = grid(len(asked))
    figure, axes = canvas(rows, columns, 3.4, 2.7)
    x = np.linspace(-5, 5, 1001)
    for axis, name in zip(axes.flat, asked, strict=False):
        function, beside = _of_numbers(functions.get(name), x)
        y = np.asarray(function(x))
        slope = np.asarray(function(x + _STEP)) - np.asarray(function(x - _STEP))
        axis.axhline(0, color="0.6", linewidth=0.8)
        axis.axvline(0, color="0.6", linewidth=0.8)
        axis.plot(x, y, label="f(x)", linewidth=2, **style(0))
        axis.plot(x, slope / (2 * _STEP), label="f '(x)", linewidth=1.6, **style(1))
        title = getattr(functions.get(name), "__name__", str(name))
        axis.set_title(title + beside, fontsize=11)
        axis.set_xlabel("x")
        axis.set_xlim(-5, 5)
        low, high = float(np.nanmin(y)), float(np.nanmax(y))
        axis.set_ylim(max(low, -5) - 0.25, min(max(high, 1.05), 5) + 0.15)
    legend(axes.flat[0], loc="upper left")
    blank(axes, len(asked))
    return figure


def _of_numbers(
    function: Callable[[Any], Any], x: Any
) -> tuple[Callable[[Any], Any], str]:
    """Return an activation as a function of each number, and how that was done."""
    alone = np.asarray(function(x[:, None]))[:, 0]
    if np.allclose(alone, np.asarray(function(x)), equal_nan=True):
        return function, ""

    def first(numbers: Any) -> Any:
        row = (numbers, *(np.full(len(numbers), value) for value in _BESIDE))
        return np.asarray(function(np.stack(row, 1)))[:, 0]

    return first, " of (x, 0, 1), first output"


def weights(model: Any, bins: int = 40) -> "Figure":
    """Draw histograms of all weights of a model, a panel per weight.

    Parameters
    ----------
    model : Sequential
    bins : int
    """
    found = [(w.path, np.asarray(w.numpy(), float)) for w in model.weights]
    if not found:
        raise ValueError("weights: the model has none; is it built?")
    rows, columns = grid(len(found), 2 if len(found) <= 4 else 3)
    figure, axes = canvas(rows, columns, 3.9, 2.6)
    for axis, (path, value) in zip(axes.flat, found, strict=False):
        axis.hist(value.ravel(), min(bins, value.size // 2 + 5), color=COLORS[0])
        zeros = float((np.abs(value) < 1e-3).mean())
        axis.set_title(
            f"{path} {value.shape}\nmean {value.mean():.2g}, std {value.std():.2g},"
            f" {zeros:.0%} below 0.001",
            fontsize=9,
        )
        axis.set(xlabel="value", ylabel="number of weights")
    blank(axes, len(found))
    return figure


def gradients(norms: Mapping[str, Sequence[float]]) -> "Figure":
    """Draw the length of the gradient of each layer, on a logarithmic scale.

    Parameters
    ----------
    norms : dict
        For each network, by its name in the legend, the norms from the first layer to
        the last.
    """
    if not norms:
        raise ValueError("gradients: expected the norms of a network at least")
    figure, axes = canvas(1, 1, 6.4, 4.2)
    axis = axes[0, 0]
    for i, (name, values) in enumerate(norms.items()):
        layers = np.arange(1, len(values) + 1)
        axis.plot(layers, values, marker="os^D"[i % 4], label=name, **style(i))
    axis.set_yscale("log")
    label_whole(axis, "layer, from the input to the output")
    axis.set_ylabel("norm of the kernel's gradient")
    legend(axis)
    return figure
