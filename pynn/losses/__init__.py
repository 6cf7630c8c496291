# SPDX-License-Identifier: BSD-3-Clause
"""Losses with Keras 3's names and definitions, as classes and as functions.

A function returns one value per sample; calling an object also weights and reduces.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pynn._lookup import find, known, resolve, table, to_config
from pynn._names import snake_case
from pynn._registry import CustomObjectScope
from pynn._values import ALIASES, BY_TASK, task
from pynn.losses._base import Loss, LossFunctionWrapper
from pynn.losses._focal import (
    BinaryFocalCrossentropy,
    CategoricalFocalCrossentropy,
    Dice,
    Tversky,
    binary_focal_crossentropy,
    categorical_focal_crossentropy,
    dice,
    tversky,
)
from pynn.losses._hinge import (
    CategoricalHinge,
    Hinge,
    SquaredHinge,
    categorical_hinge,
    hinge,
    squared_hinge,
)
from pynn.losses._probabilistic import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    KLDivergence,
    Poisson,
    SparseCategoricalCrossentropy,
    binary_crossentropy,
    categorical_crossentropy,
    kl_divergence,
    poisson,
    sparse_categorical_crossentropy,
)
from pynn.losses._regression import (
    CosineSimilarity,
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    cosine_similarity,
    huber,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
)

__all__ = [
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalHinge",
    "CosineSimilarity",
    "Dice",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "Tversky",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_hinge",
    "cosine_similarity",
    "deserialize",
    "dice",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "poisson",
    "serialize",
    "sparse_categorical_crossentropy",
    "squared_hinge",
    "tversky",
]

_CLASSES: dict[str, type[Loss]] = {
    name: value
    for name, value in globals().items()
    if isinstance(value, type)
    and issubclass(value, Loss)
    and value not in (Loss, LossFunctionWrapper)
}
_LOSSES = table(
    _CLASSES.values(), **{short: _CLASSES[name] for short, name in ALIASES.items()}
)
_BY_FUNCTION: dict[Callable[..., Any], type[Loss]] = {
    globals()[snake_case(name)]: cls
    for name, cls in _CLASSES.items()
    if snake_case(name) in globals()
}


def get(
    identifier: object,
    y_shape: Sequence[int] | None = None,
    output_shape: Sequence[int | None] | None = None,
) -> Loss:
    """Return the loss that a name, configuration, function, class or object stands for.

    Parameters
    ----------
    identifier : str, dict, callable, type or Loss
        Names are those of the classes or functions in any case, the short ones ``mse
        mae mape msle bce kld``, and ``crossentropy`` or ``ce``, which picks the binary,
        categorical or sparse one by shape. A function of yours takes ``(y_true,
        y_pred)`` as float64 arrays and returns a value per sample; see `Loss.call`.
    y_shape, output_shape : tuple of int, optional
        Shapes of targets and predictions with the batch axis, for the last two names.

    Raises
    ------
    ValueError
        If there is none; the message lists the nearest names.
    """
    identifier = known(identifier)
    if isinstance(identifier, str) and identifier.lower() in ("crossentropy", "ce"):
        if y_shape is None or output_shape is None:
            raise ValueError(
                f"loss {identifier!r} is picked by the shapes of data, which are not "
                "known here; name one of the three cross-entropies"
            )
        name = BY_TASK[task(y_shape, output_shape)] + "Crossentropy"
        return find(name, _LOSSES, "loss")()
    if callable(identifier) and not isinstance(identifier, type | Loss):
        cls = _BY_FUNCTION.get(identifier)
        return cls() if cls is not None else LossFunctionWrapper(identifier)
    return resolve(identifier, _LOSSES, Loss, "loss")


def serialize(loss: Loss) -> dict[str, Any]:
    """Return a loss as plain data."""
    return to_config(loss)


def deserialize(
    config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
) -> Loss:
    """Make the loss that `serialize` wrote down.

    Parameters
    ----------
    config : dict
    custom_objects : dict, optional
        Classes and functions of your own, by name.
    """
    with CustomObjectScope(custom_objects):
        return get(dict(config))
