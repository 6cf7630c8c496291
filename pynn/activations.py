# SPDX-License-Identifier: BSD-3-Clause
"""Activation functions with Keras 3's names and defaults.

Each takes an array of any shape and returns one of the same shape: float64 for float64,
float32 for everything else. NaN stays NaN, and infinities give the limits. Their names
are what ``activation=`` of a layer takes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pynn._checks import real
from pynn._engine import apply_activation
from pynn._lookup import function_config, known, unknown
from pynn._registry import CustomObjectScope

Array = np.ndarray[Any, np.dtype[Any]]
Row = tuple[str, tuple[float, ...]]
"""Name of an activation in the core (or softmax, log_softmax), and its parameters."""

__all__ = [
    "celu",
    "deserialize",
    "elu",
    "exponential",
    "gelu",
    "get",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "lowered",
    "mish",
    "relu",
    "relu6",
    "relu_row",
    "selu",
    "serialize",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "squareplus",
    "swish",
    "tanh",
    "tanh_shrink",
]


def relu_row(
    negative_slope: float = 0.0,
    max_value: float | None = None,
    threshold: float = 0.0,
) -> Row:
    """Return the simplest activation of the core that is this `relu`."""
    plain = threshold == 0 and max_value is None
    if plain and negative_slope == 0:
        return "relu", ()
    if plain and negative_slope > 0:
        return "leaky_relu", (float(negative_slope),)
    top = math.inf if max_value is None else float(max_value)
    if (top, negative_slope, threshold) == (6.0, 0, 0):
        return "relu6", ()
    return "general_relu", (float(negative_slope), top, float(threshold))


def linear(x: Any) -> Array:
    """Return x."""
    return apply_activation("linear", (), x)


def relu(
    x: Any,
    negative_slope: float = 0.0,
    max_value: float | None = None,
    threshold: float = 0.0,
) -> Array:
    """Return max(x, 0), or its general form.

    ``max_value`` where x is at least that; else x where it is at least `threshold`;
    else ``negative_slope * (x - threshold)``.
    """
    row = relu_row(negative_slope, max_value, threshold)
    return apply_activation(*row, x)


def leaky_relu(x: Any, negative_slope: float = 0.2) -> Array:
    """Return x where it is positive, ``negative_slope * x`` elsewhere."""
    return apply_activation(*relu_row(negative_slope), x)


def relu6(x: Any) -> Array:
    """Return min(max(x, 0), 6)."""
    return apply_activation("relu6", (), x)


def elu(x: Any, alpha: float = 1.0) -> Array:
    """Return x where it is positive, ``alpha * (exp(x) - 1)`` elsewhere.

    D.-A. Clevert et al., "Fast and accurate deep network learning by exponential linear
    units", ICLR 2016.
    """
    return apply_activation("elu", (float(alpha),), x)


def selu(x: Any) -> Array:
    """Return 1.0507... times `elu` with alpha 1.6732...

    G. Klambauer et al., "Self-normalizing neural networks", NIPS 2017.
    """
    return apply_activation("selu", (), x)


def sigmoid(x: Any) -> Array:
    """Return 1 / (1 + exp(-x))."""
    return apply_activation("sigmoid", (), x)


def hard_sigmoid(x: Any) -> Array:
    """Return x / 6 + 1/2, cut to [0, 1] (Keras 2 had 0.2 x + 1/2)."""
    return apply_activation("hard_sigmoid", (), x)


def tanh(x: Any) -> Array:
    """Return the hyperbolic tangent."""
    return apply_activation("tanh", (), x)


def softplus(x: Any) -> Array:
    """Return log(1 + exp(x))."""
    return apply_activation("softplus", (), x)


def softsign(x: Any) -> Array:
    """Return x / (1 + abs(x))."""
    return apply_activation("softsign", (), x)


def silu(x: Any) -> Array:
    """Return x * sigmoid(x), also called swish.

    P. Ramachandran et al., "Searching for activation functions", arXiv:1710.05941.
    """
    return apply_activation("silu", (), x)


swish = silu


def gelu(x: Any, approximate: bool = False) -> Array:
    """Return x times the normal distribution function of x.

    D. Hendrycks and K. Gimpel, "Gaussian error linear units", arXiv:1606.08415;
    `approximate` takes their formula with tanh in place of erf.
    """
    return apply_activation("gelu_tanh" if approximate else "gelu", (), x)


def exponential(x: Any) -> Array:
    """Return exp(x)."""
    return apply_activation("exponential", (), x)


def mish(x: Any) -> Array:
    """Return x * tanh(softplus(x)).

    D. Misra, "Mish: a self regularized non-monotonic activation function", BMVC 2020.
    """
    return apply_activation("mish", (), x)


def celu(x: Any, alpha: float = 1.0) -> Array:
    """Return x where it is positive, ``alpha * (exp(x / alpha) - 1)`` elsewhere.

    J. T. Barron, "Continuously differentiable exponential linear units",
    arXiv:1704.07483. `alpha` is above 0.
    """
    value = real(alpha, "celu: alpha", "(0, inf)")
    return apply_activation("celu", (value,), x)


def hard_tanh(x: Any) -> Array:
    """Return x, cut to [-1, 1]."""
    return apply_activation("hard_tanh", (), x)


def tanh_shrink(x: Any) -> Array:
    """Return x - tanh(x)."""
    return apply_activation("tanh_shrink", (), x)


def squareplus(x: Any, b: float = 4) -> Array:
    """Return (x + sqrt(x**2 + b)) / 2.

    J. T. Barron, "Squareplus: a softplus-like algebraic rectifier", arXiv:2112.11687.
    `b` is at least 0.
    """
    value = real(b, "squareplus: b", "[0, inf)")
    return apply_activation("squareplus", (value,), x)


def log_sigmoid(x: Any) -> Array:
    """Return the logarithm of `sigmoid`, without forming it."""
    return apply_activation("log_sigmoid", (), x)


def soft_shrink(x: Any, threshold: float = 0.5) -> Array:
    """Return x moved towards 0 by `threshold`, or 0 where that would cross it."""
    value = real(threshold, "soft_shrink: threshold", "[0, inf)")
    return apply_activation("soft_shrink", (value,), x)


def hard_shrink(x: Any, threshold: float = 0.5) -> Array:
    """Return x where ``abs(x) > threshold``, 0 elsewhere."""
    value = real(threshold, "hard_shrink: threshold", "[0, inf)")
    return apply_activation("hard_shrink", (value,), x)


def hard_silu(x: Any) -> Array:
    """Return x * hard_sigmoid(x), also called hard_swish.

    A. Howard et al., "Searching for MobileNetV3", ICCV 2019.
    """
    return apply_activation("hard_silu", (), x)


hard_swish = hard_silu


def sparse_plus(x: Any) -> Array:
    """Return 0 up to -1, ``(x + 1)**2 / 4`` up to 1, and x from there on."""
    return apply_activation("sparse_plus", (), x)


def sparse_sigmoid(x: Any) -> Array:
    """Return (x + 1) / 2, cut to [0, 1]."""
    return apply_activation("sparse_sigmoid", (), x)


def _along(kind: str, x: Any, axis: int) -> Array:
    array = np.asarray(x)
    if axis in (-1, array.ndim - 1):
        return apply_activation(kind, (), array)
    moved = apply_activation(kind, (), np.moveaxis(array, axis, -1))
    return np.moveaxis(moved, -1, axis)


def softmax(x: Any, axis: int = -1) -> Array:
    """Return exp(x) divided by its sum along an axis."""
    return _along("softmax", x, axis)


def log_softmax(x: Any, axis: int = -1) -> Array:
    """Return the logarithm of `softmax`, without forming it."""
    return _along("log_softmax", x, axis)


_FUNCTIONS: tuple[Callable[..., Array], ...] = (
    linear,
    relu,
    leaky_relu,
    relu6,
    elu,
    selu,
    sigmoid,
    hard_sigmoid,
    tanh,
    softplus,
    softsign,
    silu,
    gelu,
    exponential,
    mish,
    celu,
    hard_tanh,
    tanh_shrink,
    squareplus,
    log_sigmoid,
    soft_shrink,
    hard_shrink,
    hard_silu,
    sparse_plus,
    sparse_sigmoid,
    softmax,
    log_softmax,
)
_BY_NAME: dict[str, Callable[..., Array]] = {
    function.__name__: function for function in _FUNCTIONS
} | {"swish": silu, "hard_swish": hard_silu}
_DEFAULTS: dict[str, tuple[float, ...]] = {
    "leaky_relu": (0.2,),
    "elu": (1.0,),
    "celu": (1.0,),
    "squareplus": (4.0,),
    "soft_shrink": (0.5,),
    "hard_shrink": (0.5,),
}


def get(identifier: object = None) -> Callable[..., Array]:
    """Return the activation function that a name stands for; None is `linear`.

    Parameters
    ----------
    identifier : str, callable or None
        A name in any case, one of the functions of this module, or one of your own,
        which takes and returns an array; see `pynn._elementwise` for its derivative.

    Raises
    ------
    ValueError
        If there is none of that name, or it is neither name nor function.
    """
    identifier = known(identifier)
    if identifier is None:
        return linear
    if isinstance(identifier, str):
        found = _BY_NAME.get(identifier.lower())
        if found is None:
            raise unknown(identifier, _BY_NAME, "activation")
        return found
    if callable(identifier) and not isinstance(identifier, type):
        return identifier
    raise ValueError(
        f"activation: expected a name, a function or None, got {identifier!r}"
    )


def own(activation: Callable[..., Any]) -> bool:
    """Whether a function is none of this module, and so runs in Python."""
    return not any(function is activation for function in _FUNCTIONS)


def lowered(activation: Callable[..., Array]) -> Row:
    """Return what the core computes for a function of this module."""
    name = get(activation).__name__
    return name, _DEFAULTS.get(name, ())


def serialize(activation: Callable[..., Array]) -> str | dict[str, Any]:
    """Return the name of an activation function; one of your own is marked as such."""
    found = get(activation)
    return function_config(found) if own(found) else found.__name__


def deserialize(
    name: str | Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
) -> Callable[..., Array]:
    """Return the activation function that `serialize` wrote down.

    Parameters
    ----------
    name : str or dict
    custom_objects : dict, optional
        Functions of your own, by name.
    """
    with CustomObjectScope(custom_objects):
        return get(name)
