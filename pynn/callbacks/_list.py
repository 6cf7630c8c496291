# SPDX-License-Identifier: BSD-3-Clause
"""The list that calls all callbacks of a `fit`, `evaluate` or `predict`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

from pynn.callbacks._base import Callback, History, Logs
from pynn.callbacks._progress import ProgbarLogger, verbosity


def as_callbacks(given: Any) -> list[Callback]:
    """Return the callbacks that a user gave as a list: a list, a tuple, one or None.

    Raises
    ------
    ValueError
        If there is anything else in it.
    """
    if given is None:
        return []
    if isinstance(given, CallbackList):
        return list(given.callbacks)
    several = list(given) if isinstance(given, list | tuple) else [given]
    for one in several:
        if not isinstance(one, Callback):
            hint = "; make an object of it" if isinstance(one, type) else ""
            raise ValueError(f"callbacks: expected a Callback, got {one!r}{hint}")
    return several


_BATCH_EVENTS = (
    "on_train_batch_begin",
    "on_train_batch_end",
    "on_batch_begin",
    "on_batch_end",
)


def _wants_batches(callback: Callback) -> bool:
    """Whether a callback does anything of its own in a batch event of training."""
    methods = ((getattr(callback, n), getattr(Callback, n)) for n in _BATCH_EVENTS)
    return any(getattr(own, "__func__", None) is not base for own, base in methods)


class CallbackList:
    """All callbacks of one call, in order: the user's, the progress, the history.

    Every event of `Callback` is a method here, ``on_epoch_end(epoch, logs)``, that
    calls all of them; missing `logs` become one new dict.

    Parameters
    ----------
    callbacks : list of Callback, Callback, CallbackList or None
    model : Model, optional
    verbose : "auto", 0, 1 or 2
        Unless 0, a `ProgbarLogger` is added.
    epochs, steps : int
        Epochs of the call, and steps in each.

    Attributes
    ----------
    callbacks : list of Callback
    history : History
        The first one among them; one is added if there is none.
    bar : ProgbarLogger or None
        To be told how far the call is, with ``update``.
    wants_batches : bool
        Whether any callback does something in the batch events of training. If not,
        nobody needs to call those.
    """

    def __init__(
        self,
        callbacks: Any = None,
        model: Any = None,
        *,
        verbose: Any = 0,
        epochs: int = 1,
        steps: int = 1,
    ) -> None:
        level = verbosity(verbose)
        self.callbacks = as_callbacks(callbacks)
        self.bar = ProgbarLogger(level) if level else None
        if self.bar is not None:
            self.callbacks.append(self.bar)
        found = [c for c in self.callbacks if isinstance(c, History)]
        self.history = found[0] if found else History()
        if not found:
            self.callbacks.append(self.history)
        self.wants_batches = any(_wants_batches(c) for c in self.callbacks)
        self.params = {"verbose": level, "epochs": epochs, "steps": steps}
        for callback in self.callbacks:
            callback.set_params(self.params)
            callback.set_model(model)

    @classmethod
    def for_test(cls, model: Any, callbacks: Any, verbose: Any, steps: int = 1) -> Self:
        """Return the list for `evaluate` or `predict`."""
        return cls(callbacks, model, verbose=verbose, steps=steps)

    @property
    def idle(self) -> bool:
        """Whether there is nothing to call in training, the history apart."""
        return all(type(c) is History for c in self.callbacks)

    def test(self, run: Callable[[], Logs]) -> Logs:
        """Return what `run` returns, between the events of an evaluation."""
        self.on_test_begin()
        logs = run()
        self.on_test_end(logs)
        return logs

    def __getattr__(self, name: str) -> Callable[..., None]:
        """Return the event `name` of all callbacks."""
        if not name.startswith("on_") or not hasattr(Callback, name):
            raise AttributeError(f"CallbackList has no attribute {name!r}")
        numbered = "epoch" in name or "batch" in name

        def call(*arguments: Any, logs: Logs | None = None) -> None:
            given = list(arguments)
            if len(given) == numbered:
                given.append({} if logs is None else logs)
            for callback in self.callbacks:
                getattr(callback, name)(*given)

        return call
