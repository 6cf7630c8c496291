# SPDX-License-Identifier: BSD-3-Clause
"""What the normalizations with `gamma` and `beta` share."""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

from pynn import initializers
from pynn._checks import flag, real
from pynn._variables import Variable
from pynn.layers.base import Layer

TERMS = [f"{w}_{t}" for t in ("regularizer", "constraint") for w in ("beta", "gamma")]


def place_rows(
    layer: Layer, starts: Mapping[str, Any], shape: Sequence[int], moving: bool = False
) -> None:
    """Make weights of one shape, from initializers by name, as attributes of a layer.

    Parameters
    ----------
    layer : Layer
    starts : mapping of str to Initializer
    shape : tuple of int
    moving : bool
        Whether they are statistics, which no training changes.
    """
    if not starts:
        return
    block = layer.add_block(len(starts), prod(shape), moving=moving)
    for i, (name, start) in enumerate(starts.items()):
        row, terms = slice(i, i + 1), layer._terms_of(name)
        made = layer.place_weight(name, block, row, tuple(shape), start, *terms)
        setattr(layer, name, made)


class Scaled(Layer):
    """Base: ``normal * gamma + beta``, without one if `scale` or `center` is off."""

    gamma: Variable | None = None
    beta: Variable | None = None

    def _take_scaling(
        self,
        epsilon: float,
        center: bool,
        scale: bool,
        starts: tuple[Any, Any],
        terms: Sequence[Any],
    ) -> None:
        """Check and keep arguments: the initializers of beta and gamma, their
        regularizers, their constraints."""
        who = type(self).__name__
        self.epsilon = real(epsilon, f"{who}: epsilon", "[0, inf)")
        self.center = flag(center, f"{who}: center")
        self.scale: Any = flag(scale, f"{who}: scale")
        self.beta_initializer, self.gamma_initializer = map(initializers.get, starts)
        self._take_terms(dict(zip(TERMS, terms, strict=True)))

    def _place_scaling(self, shape: Sequence[int]) -> None:
        """Make `gamma` and `beta`, as far as there are any."""
        starts = {"gamma": self.gamma_initializer} if self.scale else {}
        starts |= {"beta": self.beta_initializer} if self.center else {}
        place_rows(self, starts, shape)

    def _scaling_config(self) -> dict[str, Any]:
        return {
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            "beta_initializer": initializers.serialize(self.beta_initializer),
            "gamma_initializer": initializers.serialize(self.gamma_initializer),
            **self._terms_config(),
        }
