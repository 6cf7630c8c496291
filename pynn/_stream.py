# SPDX-License-Identifier: BSD-3-Clause
"""Training on batches as they come."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pynn._feed import Feed, warn_of_the_end
from pynn._run import SLICE_SECONDS, Rows, Run
from pynn._variables import Array

if TYPE_CHECKING:
    from pynn._compilable import Compilable


class Stream:
    """A training on the batches of a feed, to be advanced as a `Run` is.

    Parameters
    ----------
    model : model
    feed : Feed
    steps : int, optional
        Batches that an epoch takes; what the feed has unless given.
    by_class : dict, optional
        Weights of classes.

    Raises
    ------
    ValueError
        If there is no batch, or the first one does not fit the model.
    """

    whole = False

    def __init__(
        self, model: "Compilable", feed: Feed, steps: int | None, by_class: Any
    ) -> None:
        self._model, self._feed, self._by_class = model, feed, by_class
        self._limit = steps
        self.steps = steps if steps is not None else feed.steps
        self.step = self.seen = 0
        feed.tell("on_epoch_begin")
        self._told = True
        self._next = self._draw()
        if self._next is None:
            raise ValueError("x gives no batches")

    def _draw(self) -> Rows | None:
        batch = self._feed.take()
        if batch is None:
            return None
        return self._model._rows(*batch, self._by_class)

    def new_sums(self, epochs: int = 1) -> Array:
        """Return zeros for `advance`."""
        assert self._model._objective is not None
        return np.zeros((epochs, self._model._objective.n_sums))

    def begin(self) -> bool:
        """Start an epoch, if there are data for it."""
        self.step = self.seen = 0
        if not self._told:
            self._feed.tell("on_epoch_begin")
        self._told = False
        if self._next is None:
            self._next = self._draw()
        if self._next is None and not self._feed.once:
            self._next = self._draw()  # from the start
        if self._next is None:
            warn_of_the_end(self.steps or 1, 0)
        return self._next is not None

    def advance(
        self, sums: Array, max_steps: int = 0, seconds: float = SLICE_SECONDS
    ) -> tuple[int, int]:
        """Take a step; return whether it ended the epoch, and 0 if its loss was bad."""
        run = self._run()
        _, bad = run.advance(sums)
        run.network.epoch -= 1  # a batch is no pass
        self.step += 1
        self.seen += run.count
        self._next = None
        if self.step == self.steps:
            return 1, bad
        self._next = self._draw()
        if self._next is None and self._limit is not None:
            warn_of_the_end(self._limit, self.step)
        return int(self._next is None), bad

    def standing(self) -> dict[str, int]:
        """Return nothing: what a feed gives again, nobody knows."""
        return {}

    def resume(self, left: Mapping[str, Any]) -> None:
        """Known from `Run`; an epoch starts with what the feed gives now."""

    def enter(self, left: Mapping[str, Any], sums: Array) -> None:
        """Known from `Run`; an interrupted epoch is begun again."""

    def _run(self) -> Run:
        assert self._next is not None
        return self._model._single(self._next)

    def watch(self) -> Callable[[], tuple[Array, Array, Array | None]]:
        """Return what gives targets and outputs of the next step; see `Run.watch`."""
        return self._run().watch()

    def end_epoch(self) -> None:
        """Leave an epoch, and the batches that nobody asked for."""
        self._feed.tell("on_epoch_end")
        if self._limit is None:
            self._feed.rewind()
            self._next = None

    def close(self) -> None:
        """Known from `Run`; there is nothing to leave."""
