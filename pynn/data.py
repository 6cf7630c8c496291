# SPDX-License-Identifier: BSD-3-Clause
"""Checks of arrays that users pass in: what the core reads is right when they pass.

Nothing here copies an array that the core can read itself: any strides, float16 to
float64, integers of all sizes, bool.
"""

import math
import sys
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pynn._checks import integer
from pynn._ops import MAX_DIMS
from pynn._variables import Array, check_memory

_BOOL = np.dtype(bool)
READABLE = frozenset(
    np.dtype(c)
    for c in ("f4", "f8", "f2", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8")
)


def numeric(value: Any, where: str) -> Array:
    """Return an array that the core can read, without a copy if at all possible.

    Raises
    ------
    ValueError
        If `value` is not made of real numbers.
    """
    masked = sys.modules.get("numpy.ma")  # NumPy loads it when somebody asks for it
    if masked is not None and masked.is_masked(value):
        raise ValueError(f"{where}: masked values; fill or drop them first")
    try:
        array = _array_of(value, where)
    except (TypeError, BufferError, RuntimeError) as error:
        raise ValueError(f"{where}: expected an array of numbers: {error}") from error
    if array.dtype in READABLE:
        return array
    if array.dtype == _BOOL:
        return array.view(np.uint8)
    if array.dtype.kind not in "fiu":
        raise ValueError(f"{where}: expected numbers, got {_found(value, array)}")
    native = array.dtype.newbyteorder("=")
    return array.astype(native if native in READABLE else np.float64)


def _array_of(value: Any, where: str) -> Array:
    """Return any array, tensor or frame as an array."""
    if type(value) is np.ndarray or hasattr(value, "__array__"):
        array = np.asarray(value)
        if array.dtype == object and not isinstance(value, np.ndarray):
            from pynn import _frames

            found = _frames.joined(value, where)
            return array if found is None else found
        return array
    if hasattr(value, "__dlpack__"):
        return np.from_dlpack(value)
    if hasattr(value, "__dataframe__"):
        from pynn import _frames

        return _frames.exchanged(value, where)
    try:
        return np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{where}: expected an array of numbers: {error}") from error


def _found(value: Any, array: Array) -> str:
    kind = array.dtype.kind
    if value is None:
        return "None"
    if kind == "O" and hasattr(value, "toarray"):
        return f"a sparse {type(value).__name__}; pass its toarray()"
    if kind == "O":
        return f"dtype object ({type(value).__name__}); convert columns to float first"
    if kind in "SU":
        return f"strings (dtype {array.dtype}); encode them as numbers first"
    return f"dtype {array.dtype}"


def as_input(x: Any, shape: tuple[int, ...], where: Callable[[], str]) -> Array:
    """Return `x` as an array of samples of `shape`, first axis the batch.

    A missing or superfluous last axis of length 1 is added or dropped. `where` returns
    what a message calls the place.

    Raises
    ------
    ValueError
        If it is not made of numbers or of another shape.
    """
    if (
        type(x) is np.ndarray
        and x.dtype in READABLE
        and x.shape[1:] == shape
        and x.ndim
    ):
        return x
    array = numeric(x, where())
    if array.shape[1:] == shape and array.ndim:
        return array
    if array.ndim == len(shape) and array.ndim and (*array.shape[1:], 1) == shape:
        return array[..., np.newaxis]
    if array.ndim > 1 and array.shape[1:] == (*shape, 1):
        return array[..., 0]
    raise ValueError(f"{where()}: {_misshapen(array, shape)}")


def _misshapen(array: Array, shape: tuple[int, ...]) -> str:
    if array.ndim == len(shape) + 1 and array.shape[1:-1] == shape[:-1]:
        return (
            f"expected last dimension {shape[-1]}, got {array.shape[-1]}"
            f" (input shape {array.shape})"
        )
    hint = "; a single sample needs a batch axis: x[None]" * (array.shape == shape)
    expected = f"({', '.join(['n', *map(str, shape)])}{',' * (not shape)})"
    return f"expected an input of shape {expected}, got {array.shape}{hint}"


def as_rows(x: Any, where: str) -> Array:
    """Return `x` as an array with a batch axis, whatever the samples are."""
    array = numeric(x, where)
    if not 1 <= array.ndim <= MAX_DIMS:
        raise ValueError(
            f"{where}: expected 1 to {MAX_DIMS} axes, the first the batch,"
            f" got shape {array.shape}"
        )
    return array


def check_shape(where: str, shape: Any) -> tuple[int, ...]:
    """Return the shape of a sample as a tuple of positive integers.

    Raises
    ------
    ValueError
        If it is none.
    """
    if isinstance(shape, int | np.integer) and not isinstance(shape, bool):
        shape = (shape,)
    try:
        dims = tuple(shape)
    except TypeError:
        raise ValueError(f"{where}: expected a shape, got {shape!r}") from None
    if len(dims) > MAX_DIMS - 1:
        raise ValueError(
            f"{where}: expected a shape of at most {MAX_DIMS - 1} axes, got {dims}"
        )
    if None in dims:
        raise ValueError(f"{where}: every dimension must be known, got {dims}")
    dims = tuple(integer(d, f"{where}: dimension of shape {dims}", 1) for d in dims)
    check_memory(4 * math.prod(dims), f"{where}: a sample of shape {dims}")
    return dims


def as_target(
    y: Any,
    rows: int,
    output_shape: tuple[int, ...],
    label: bool,
    loss: str,
    axis: int = -1,
) -> Array:
    """Return `y` in the shape that a loss reads it in.

    Parameters
    ----------
    rows : int
        Number of samples of the input.
    output_shape : tuple of int
        One sample of the model's output.
    label : bool
        Whether the loss wants a class number instead of a vector per sample.
    loss : str
        Name of the loss, for messages.
    axis : int
        Of the output, which the loss runs along; it is the last one of what is
        returned.
    """
    array = same_rows(y, rows)
    place = axis % (len(output_shape) + 1) - 1
    others = output_shape[:place] + output_shape[place + 1 :]
    wanted = others if label else output_shape
    shape = array.shape[1:]
    if label and shape == (*others[:place], 1, *others[place:]):
        array = np.squeeze(array, place + 1)
    elif shape != wanted and shape == (*wanted, 1):
        array = array[..., 0]
    elif shape != wanted and (*shape, 1) == wanted:
        array = array[..., np.newaxis]
    elif shape != wanted:
        raise ValueError(_misfit(array.shape, output_shape, wanted, loss, rows))
    along = label or place == len(output_shape) - 1  # moveaxis takes microseconds
    return array if along else np.moveaxis(array, place + 1, -1)


def same_rows(y: Any, rows: int) -> Array:
    """Return `y` as an array, or raise ValueError unless it has as many rows as x."""
    array = as_rows(y, "y")
    if len(array) != rows:
        raise ValueError(f"x has {rows} rows but y has {len(array)}")
    return array


def _misfit(
    found: tuple[int, ...],
    output_shape: tuple[int, ...],
    wanted: tuple[int, ...],
    loss: str,
    rows: int,
) -> str:
    hint = ""
    if wanted != output_shape and found[1:] == output_shape:
        hint = "; for one-hot targets use categorical_crossentropy"
    elif loss.startswith("categorical") and found[1:] in ((), (1,)):
        hint = "; for class numbers use sparse_categorical_crossentropy"
    return (
        f"{loss}: expected y of shape {(rows, *wanted)} for the model's output"
        f" {(rows, *output_shape)}, got {found}{hint}"
    )


def check_labels(labels: Array, classes: int, ignored: float | None = None) -> None:
    """Raise ValueError unless all labels are `ignored` or numbers below `classes`."""
    if labels.size == 0 or (labels.min() >= 0 and labels.max() < classes):
        return
    good = (labels >= 0) & (labels < classes)  # NaN is not good
    if ignored is not None:
        good |= labels == ignored
        if good.all():
            return
    place = np.unravel_index(int(np.argmin(good)), labels.shape)
    where = ", ".join(map(str, place))
    raise ValueError(
        f"y[{where}] is {labels[place]}: labels must lie in [0, {classes}),"
        f" as the model's output has {classes} classes"
    )


def as_weights(weight: Any, rows: int, name: str = "sample_weight") -> Array | None:
    """Return one float64 per row, or None for None."""
    if weight is None:
        return None
    array = numeric(weight, name)
    if array.shape not in ((rows,), (rows, 1)):
        raise ValueError(f"{name}: expected shape ({rows},), got {array.shape}")
    array = np.ascontiguousarray(array, np.float64).reshape(rows)
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: NaN or infinity at row {_first_bad(array)}")
    return array


def _first_bad(array: Array) -> int:
    return int(np.argmin(np.isfinite(array)))


def class_weights(weight: Any, y: Array, label: bool) -> Array:
    """Return one float64 per row from a weight per class; missing classes weigh 1."""
    if not isinstance(weight, Mapping):
        raise ValueError(f"class_weight: expected a dict, got {weight!r}")
    classes = y.argmax(axis=-1) if not label and y.shape[-1] > 1 else y
    if classes.size != len(y):
        raise ValueError(f"class_weight: expected one label per row, got y {y.shape}")
    numbers = classes.reshape(len(y)).astype(np.int64)
    out = np.ones(len(y))
    for key, value in weight.items():
        number = integer(key, "class_weight: class", 0)
        scalar = np.ndim(value) == 0 and np.asarray(value).dtype.kind in "fiu"
        if not scalar or not math.isfinite(value):
            raise ValueError(f"class_weight[{key}]: expected a number, got {value!r}")
        out[numbers == number] = value
    return out


def validation_triple(data: Any) -> tuple[Any, Any, Any]:
    """Return x, y and weights (or None) of a ``validation_data`` argument."""
    if not isinstance(data, list | tuple) or len(data) not in (2, 3):
        raise ValueError(
            "validation_data: expected (x, y), (x, y, sample_weight) or an iterable of"
            f" batches, got {type(data).__name__}"
        )
    return data[0], data[1], data[2] if len(data) == 3 else None


def warn_of_new_classes(head: Array, tail: Array) -> None:
    """Warn if labels to validate on have classes that those to train on lack."""
    new = np.setdiff1d(tail, head)
    if len(new):
        classes = ", ".join(f"{c:g}" for c in new[:5]) + ", ..." * (len(new) > 5)
        warnings.warn(
            "validation_split takes the last rows, which have classes that the others"
            f" lack: {classes}; shuffle sorted data first",
            stacklevel=user_level(),
        )


def user_level() -> int:
    """Return the stack level of the first caller outside the package."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").startswith("pynn."):
        level, frame = level + 1, frame.f_back
    return level


def split_at(rows: int, fraction: Any) -> int:
    """Return how many of the first rows stay for training.

    Raises
    ------
    ValueError
        If the fraction is not in (0, 1) or leaves one part empty.
    """
    real = isinstance(fraction, float | int | np.floating | np.integer)
    if not real or isinstance(fraction, bool) or not 0 < fraction < 1:
        raise ValueError(
            f"validation_split: expected a number in (0, 1), got {fraction!r}"
        )
    kept = math.floor(rows * (1 - float(fraction)))
    if not 0 < kept < rows:
        raise ValueError(
            f"validation_split={fraction} of {rows} rows leaves"
            f" {kept} for training and {rows - kept} for validation"
        )
    return kept
