# SPDX-License-Identifier: BSD-3-Clause
"""Labels and vectors, seeds, and the picture of a model."""

from __future__ import annotations

from typing import Any

import numpy as np

from pynn import _engine
from pynn._checks import integer

Array = np.ndarray[Any, np.dtype[Any]]

_MAX_SEED = 2**32 - 1  # what NumPy takes


def set_random_seed(seed: int) -> None:
    """Seed Python's, NumPy's and this library's random numbers.

    Weights, shuffles and dropout made afterwards are the same bits in every run, with
    any number of threads.

    Parameters
    ----------
    seed : int
        From 0 to 2**32 - 1.
    """
    import random

    number = integer(seed, "set_random_seed: seed", 0)
    if number > _MAX_SEED:
        raise ValueError(
            f"set_random_seed: seed: expected at most {_MAX_SEED}, got {number}"
        )
    random.seed(number)
    np.random.seed(number)  # noqa: NPY002 - the generator that scripts draw from
    _engine.set_seed(number)


def to_categorical(x: Any, num_classes: int | None = None) -> Array:
    """Return class numbers as one-hot vectors.

    Parameters
    ----------
    x : array_like of int
        A last axis of length 1 is dropped. Floats are cut to integers.
    num_classes : int, optional
        Length of the vectors; by default the largest class number and one.

    Returns
    -------
    ndarray
        float32, of shape ``x.shape + (num_classes,)``.

    Raises
    ------
    ValueError
        If a class number is negative or not below `num_classes`.
    """
    array = np.asarray(x)
    if array.dtype.kind not in "fiub" or not np.isfinite(array).all():
        raise ValueError(f"to_categorical: expected class numbers, got {x!r}")
    if array.ndim > 1 and array.shape[-1] == 1:
        array = array[..., 0]
    labels = np.trunc(array).astype(np.int64)
    top = int(labels.max(initial=-1))
    if num_classes is None:
        num_classes = top + 1
    classes = integer(num_classes, "to_categorical: num_classes", 0)
    wrong = labels[(labels < 0) | (labels >= classes)]
    if wrong.size:
        raise ValueError(
            f"to_categorical: expected class numbers from 0 to {classes - 1}, "
            f"got {wrong[0]}"
        )
    found = np.zeros((labels.size, classes), np.float32)
    found[np.arange(labels.size), labels.ravel()] = 1.0
    return found.reshape(*labels.shape, classes)


def normalize(x: Any, axis: int = -1, order: int = 2) -> Array:
    """Return an array divided by its norms along an axis; zeros stay zeros.

    Parameters
    ----------
    x : array_like
    axis : int
    order : int
        Of the norm: 2 is the Euclidean one.
    """
    array = np.atleast_1d(np.asarray(x))
    size = np.linalg.norm(array, order, axis, keepdims=True)
    found: Array = array / np.where(size == 0, 1, size)
    return found


def plot_model(
    model: Any,
    to_file: Any = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int | None = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
) -> Any:
    """Draw a model's layers as boxes into a file; see `pynn.plotting.model`.

    Parameters
    ----------
    model : Sequential
    to_file : path, optional
        Its ending says the format; None writes nothing.
    show_shapes, show_dtype, show_layer_names, rankdir, expand_nested, \
show_layer_activations, show_trainable
        As in `pynn.plotting.model`.
    dpi : int, optional
        Dots per inch.
    splines : str
        Accepted for Keras's sake: arrows are straight.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from pynn import plotting

    del splines
    figure = plotting.model(
        model,
        show_shapes=show_shapes,
        show_dtype=show_dtype,
        show_layer_names=show_layer_names,
        rankdir=rankdir,
        expand_nested=expand_nested,
        show_layer_activations=show_layer_activations,
        show_trainable=show_trainable,
    )
    if to_file is not None:
        figure.savefig(to_file, dpi=dpi or "figure")
    return figure
