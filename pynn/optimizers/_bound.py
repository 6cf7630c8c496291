# SPDX-License-Identifier: BSD-3-Clause
"""An optimizer together with the weights that it moves."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pynn._arraylike import State
from pynn._network import network_of
from pynn._variables import edited
from pynn.optimizers._own import OwnState, own_step

if TYPE_CHECKING:
    from pynn._network import Network
    from pynn._variables import Array, Variable


class Bound(OwnState):
    """What an optimizer tells about, and does to, given weights."""

    slots: list[Array]
    weight_decay: float | None
    use_ema: bool
    gradient_accumulation_steps: int | None
    _batches: int
    _undecayed: tuple[frozenset[str], re.Pattern[str] | None]

    # ---- state

    @property
    def own(self) -> bool:
        """Whether the rule is `update_step`, not one of the core's."""
        return type(self).update_step is not OwnState.update_step

    def build(self, variables: Sequence[Variable]) -> None:
        """Make the state for weights, as the first step does otherwise.

        An optimizer of your own overrides this, calls it first, and makes its state
        with `add_optimizer_variables` or its like.
        """
        self._places = {v.path: i for i, v in enumerate(variables)}
        network = _owner(self, variables)
        if network is not None:
            network.prepare(self)  # type: ignore[arg-type]

    @property
    def built(self) -> bool:
        """Whether there is state for given weights."""
        return bool(self._places) or network_of(self) is not None

    def built_for(self, weights: Sequence[Variable]) -> bool:
        """Whether a rule in Python has made its state for all of these weights.

        Raises
        ------
        ValueError
            If it has for others.
        """
        if self._places and any(w.path not in self._places for w in weights):
            raise ValueError(
                f"{self.name}: the state was made for other weights; make a new"
                " optimizer, or compile again"
            )
        return bool(self._places)

    @property
    def variables(self) -> list[State]:
        """The state: number of batches, rate, then vectors of each weight.

        Each is a view that may be read with `numpy()` and written with `assign`, but
        for the first two, which are copies.
        """
        batches = np.array(self._batches)
        found = [State(batches, "iteration", f"{self.name}/iteration")]
        rate = getattr(self, "_rate", None)
        if isinstance(rate, float):
            at = f"{self.name}/learning_rate"
            found.append(State(np.array(rate, np.float32), "learning_rate", at))
        network = network_of(self)
        for weight in network.root.trainable_weights if network else ():
            path = weight.path.replace("/", "_")
            for i, slot in enumerate(self.slots):
                name = f"{path}_slot_{i}"
                found.append(State(weight.view(slot), name, f"{self.name}/{name}"))
        return [*found, *self._made]

    def count_state(self, trained: int) -> int:
        """Return how many numbers make up the state for `trained` elements of weights.

        As Keras counts: `variables`, and `extra`.
        """
        made = sum(state.size for state in self._made)
        fixed = isinstance(getattr(self, "_rate", None), float)
        return 1 + fixed + self.extra + len(self.slots) * trained + made

    @property
    def extra(self) -> int:
        """Numbers that Keras's rule keeps in variables and ours does not."""
        return 0

    def save_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Put copies of `variables` into a dict, by number."""
        for i, variable in enumerate(self.variables):
            store[str(i)] = variable.numpy()

    def load_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Take the state that `save_own_variables` put into a dict.

        Raises
        ------
        ValueError
            If it is that of other weights or of another optimizer.
        """
        own = self.variables
        if set(store) != set(map(str, range(len(own)))):
            raise ValueError(
                f"{self.name}: expected {len(own)} state variables, got {len(store)}"
            )
        for i, variable in enumerate(own):
            if np.shape(store[str(i)]) != variable.shape:
                raise ValueError(
                    f"{variable.path!r}: expected shape {variable.shape},"
                    f" got {np.shape(store[str(i)])}"
                )
        for i, variable in enumerate(own):
            variable.assign(store[str(i)])
        self._batches = int(own[0].value)
        if own[1:] and own[1].name == "learning_rate":
            self._rate: Any = float(own[1].value)

    def own_state(self, weights: Sequence[Variable]) -> list[State]:
        """Return what a rule in Python carries on, making it if need be."""
        if self.own and not self.built_for(weights):
            self.build(list(weights))
        return self._made

    # ---- steps

    def apply(
        self,
        grads: Sequence[Any],
        trainable_variables: Sequence[Variable] | None = None,
    ) -> None:
        """Take one step by given gradients.

        Parameters
        ----------
        grads : list of array_like
            One for each weight, of its shape; penalties must be in them.
        trainable_variables : list of Variable, optional
            The weights, of one built model; those of `build` unless given.

        Raises
        ------
        ValueError
            If the lists or shapes do not fit, or the weights belong to no model.
        """
        network = network_of(self)
        if trainable_variables is None and network is not None:
            trainable_variables = network.root.trainable_weights
        weights = list(trainable_variables or ())
        if len(weights) != len(grads):
            raise ValueError(
                f"{self.name}: expected {len(weights)} gradients, got {len(grads)}"
            )
        network = _owner(self, weights)
        if network is None:
            raise ValueError(f"{self.name}: the weights belong to no built model")
        network.prepare(self)  # type: ignore[arg-type]
        flat = np.zeros_like(network.store.vector)
        for weight, gradient in zip(weights, grads, strict=True):
            weight.view(flat)[...] = weight.checked(gradient)
        network.apply(self, weights, flat)  # type: ignore[arg-type]

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Variable]]) -> int:
        """Take one step by (gradient, weight) pairs; return the number of batches."""
        pairs = list(grads_and_vars)
        self.apply([g for g, _ in pairs], [v for _, v in pairs])
        return self._batches

    # ---- averages of the weights

    def averages(self) -> list[tuple[Variable, Array]]:
        """Return each trainable weight with the view of its running average.

        Raises
        ------
        ValueError
            If the optimizer keeps none.
        """
        if not self.use_ema:
            raise ValueError(f"{self.name}: made without use_ema=True")
        network = network_of(self)
        if network is None or not self._batches:
            return []
        weights = network.root.trainable_weights
        return [(weight, weight.view(self.slots[-1])) for weight in weights]

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        """Let the averages, if any are kept, replace the weights, as `fit` does."""
        if not self.use_ema:
            return
        wanted = {id(v) for v in var_list}
        for weight, average in self.averages():
            if id(weight) in wanted:
                weight.value[...] = average

    # ---- decay

    def exclude_from_weight_decay(
        self,
        var_list: Sequence[Variable] | None = None,
        var_names: Sequence[str] | None = None,
    ) -> None:
        """Say which weights `weight_decay` leaves alone, in place of what was said.

        Parameters
        ----------
        var_list : list of Variable, optional
        var_names : list of str, optional
            Regular expressions; a weight is left alone if one is found in its name,
            such as "bias".
        """
        pattern = re.compile("|".join(sorted(set(var_names)))) if var_names else None
        self._undecayed = frozenset(v.path for v in var_list or ()), pattern
        edited()

    @property
    def excluding(self) -> Callable[[Variable], float] | None:
        """`decay_of` if there is a weight that it says 0 of, else None."""
        return self.decay_of if self.weight_decay and any(self._undecayed) else None

    def own_step(self, weights: Sequence[Variable], grads: Array, rate: float) -> None:
        """Take in one gradient by the rule in Python; see `_own.own_step`."""
        own_step(self, weights, grads, rate)  # type: ignore[arg-type]

    def decay_of(self, variable: Variable) -> float:
        """Return the share of a weight that a step takes off, over the rate."""
        known, pattern = self._undecayed
        if variable.path in known or (pattern and pattern.search(variable.name)):
            return 0.0
        return self.weight_decay or 0.0


def _owner(optimizer: object, weights: Sequence[Variable]) -> Network | None:
    """Return the network that the weights belong to: the optimizer's, if it has one."""
    network = network_of(optimizer)
    wanted = {id(w) for w in weights}
    users = tuple(weights[0].store.users) if weights else ()
    for user in (*(() if network is None else (network,)), *users):
        if wanted <= {id(w) for w in user.root.trainable_weights}:
            found: Network = user
            return found
    return None
