# SPDX-License-Identifier: BSD-3-Clause
"""What a layer adds to the loss."""

from typing import Any

from pynn import constraints, regularizers
from pynn._lowering import Lowering
from pynn._terms import strengths, value_of
from pynn._variables import Variable
from pynn.layers._python import ActivityPart


class Penalized:
    """Owner of weights, and of an output, that there are penalties on."""

    def _penalize(self, activity_regularizer: Any) -> None:
        self.activity_regularizer = regularizers.get(activity_regularizer)

    def _take_terms(self, given: dict[str, Any]) -> None:
        """Keep regularizers and constraints of weights, by names that end so."""
        self._terms = tuple(given)
        for name, value in given.items():
            family = regularizers if name.endswith("regularizer") else constraints
            setattr(self, name, family.get(value))

    def _terms_of(self, weight: str) -> tuple[Any, Any]:
        """Return regularizer and constraint of the weight called so."""
        found = getattr(self, f"{weight}_regularizer", None)
        return found, getattr(self, f"{weight}_constraint", None)

    def _terms_config(self) -> dict[str, Any]:
        found = {}
        for name in self._terms:
            family = regularizers if name.endswith("regularizer") else constraints
            found[name] = family.serialize(getattr(self, name))
        return found

    def lower(self, lowering: Lowering, x: int) -> int:
        """Emit the records that turn slot `x` into the returned slot."""
        raise NotImplementedError

    @property
    def trainable_weights(self) -> list[Variable]:
        """Weights that training changes."""
        raise NotImplementedError

    @property
    def losses(self) -> list[float]:
        """The penalties on trainable weights, as these are now.

        Those on outputs belong to data: they are only in the loss of `fit` and
        `evaluate`.
        """
        weights = [w for w in self.trainable_weights if w.regularizer is not None]
        return [value_of(w.regularizer, w.value) for w in weights]

    def emit(self, lowering: Lowering, x: int) -> int:
        """Emit what `lower` does, and the penalty on the output."""
        y = self.lower(lowering, x)
        if self.activity_regularizer is None:
            return y
        known = strengths(self.activity_regularizer)
        if known is None or lowering.staged:
            layer: Any = self
            return lowering.python(y, ActivityPart(layer))
        lowering.activity(y, *known)
        return y

    def _activity_config(self) -> dict[str, Any]:
        if self.activity_regularizer is None:
            return {}
        written = regularizers.serialize(self.activity_regularizer)
        return {"activity_regularizer": written}
