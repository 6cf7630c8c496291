# SPDX-License-Identifier: BSD-3-Clause
"""How a network's weights move when a gradient is at hand: outside the core's loop."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from pynn._engine import penalty, update
from pynn._ops import DTYPES, OptimizerSpec
from pynn._terms import OwnTerms, gradient, own_terms, run_records, value_of
from pynn._variables import Array, Block, Store, Variable

if TYPE_CHECKING:
    from typing import Protocol

    from pynn._lowering import Lowering

    class Root(Protocol):
        """A layer or model, as a network sees it."""

        name: str

        def lower(self, lowering: Lowering, x: int) -> int: ...
        @property
        def blocks(self) -> list[Block]: ...
        @property
        def moving_blocks(self) -> list[Block]: ...
        @property
        def active_blocks(self) -> list[Block]: ...
        @property
        def weights(self) -> list[Variable]: ...
        @property
        def trainable_weights(self) -> list[Variable]: ...

    class OptimizerLike(Protocol):
        """What the engine asks of an optimizer."""

        batches: int
        slots: list[Array]
        scalar: Array

        @property
        def own(self) -> bool: ...
        @property
        def excluding(self) -> Callable[[Variable], float] | None: ...
        def own_state(self, weights: Sequence[Variable]) -> Sequence[Any]: ...
        def own_step(
            self, weights: Sequence[Variable], grads: Array, rate: float
        ) -> None: ...

        def spec(self) -> OptimizerSpec: ...
        def rates(self, first: int, count: int) -> Array: ...


class Moving:
    """Penalties and steps of a network.

    Attributes
    ----------
    root : layer or model
    dtype : str
    store : Store
        Of the parameters.
    """

    root: "Root"
    dtype: str
    store: Store

    def runs(self, optimizer: "OptimizerLike | None" = None) -> Array:
        """Return what the core has to know of each trainable weight."""
        raise NotImplementedError

    @property
    def own_terms(self) -> OwnTerms:
        """The weights that need Python in each step."""
        raise NotImplementedError

    def penalty(self, grads: Array | None = None) -> float:
        """Return what the loss gains for the weights; add its gradient to `grads`."""
        runs, vector = self.runs(), self.store.vector
        total = penalty(DTYPES.index(self.dtype), runs, vector, grads)
        for weight in self.own_terms.penalized:
            total += value_of(weight.regularizer, weight.value)
        if grads is not None:
            self._add_own_gradients(grads)
        return total

    def _add_own_gradients(self, grads: Array) -> None:
        for weight in self.own_terms.penalized:
            part = weight.view(grads)
            part += gradient(weight.regularizer, weight.value)

    def move(self, optimizer: "OptimizerLike", grads: Array, rate: float) -> None:
        """Take in the gradient of the loss apart from penalties; it is changed."""
        self._add_own_gradients(grads)
        self._step(optimizer, self.root.trainable_weights, grads, rate, True)

    def apply(
        self, optimizer: "OptimizerLike", weights: Sequence[Variable], grads: Array
    ) -> None:
        """Take in the gradient of everything, for some weights."""
        rate = float(optimizer.rates(optimizer.batches, 1)[0])
        self._step(optimizer, weights, grads, rate, False)

    def _step(
        self,
        optimizer: "OptimizerLike",
        weights: Sequence[Variable],
        grads: Array,
        rate: float,
        penalties: bool,
    ) -> None:
        runs = run_records(weights, optimizer.excluding, penalties)
        if optimizer.own:
            number = DTYPES.index(self.dtype)
            penalty(number, runs, self.store.vector, grads)
            optimizer.own_step(weights, grads, rate)
            return
        self._update(optimizer, runs, grads, rate)
        for weight in own_terms(weights).constrained:
            weight.assign(weight.constraint(weight.value))

    def _update(
        self, optimizer: "OptimizerLike", runs: Array, grads: Array, rate: float
    ) -> None:
        optimizer.batches = update(
            DTYPES.index(self.dtype),
            optimizer.spec(),
            rate,
            optimizer.slots,
            optimizer.scalar,
            optimizer.batches,
            runs,
            self.store.vector,
            grads,
        )
