# SPDX-License-Identifier: BSD-3-Clause
"""The list that calls all callbacks of a `fit`, `evaluate` or `predict`."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Self

from pynn.callbacks._base import Callback, History, Logs
from pynn.callbacks._progress import ProgbarLogger
from pynn.utils._progbar import verbosity


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


_BATCH_EVENTS = {
    "train": (
        "on_train_batch_begin",
        "on_train_batch_end",
        "on_batch_begin",
        "on_batch_end",
    ),
    "test": ("on_test_batch_begin", "on_test_batch_end"),
    "predict": ("on_predict_batch_begin", "on_predict_batch_end"),
}


@cache
def _overridden(kind: type) -> frozenset[str]:
    """Names of the batch events that a class does something in."""
    names = [name for several in _BATCH_EVENTS.values() for name in several]
    return frozenset(n for n in names if getattr(kind, n) is not getattr(Callback, n))


def _wants(callback: Callback, call: str) -> bool:
    """Whether a callback does anything of its own in the batch events of a call."""
    kind: Any = type(callback)
    own = _overridden(kind) | vars(callback).keys()
    return not own.isdisjoint(_BATCH_EVENTS[call])


class CallbackList:
    """All callbacks of one call, in order: the user's, the progress, the history.

    Every event of `Callback` is a method here, ``on_epoch_end(epoch, logs)``, that
    calls all of them; missing `logs` become one new dict.

    Parameters
    ----------
    callbacks : list of Callback, Callback, CallbackList or None
    add_history, add_progbar : bool
        Add a `History` unless there is one, and a `ProgbarLogger`.
    model : Model, optional
    **params
        "verbose", "epochs" and "steps".

    Attributes
    ----------
    callbacks : list of Callback
    history : History or None
        The first one among them.
    train_batches, test_batches, predict_batches : bool
        Whether any of them does something in the batch events of a call. If not, nobody
        needs to call those.
    """

    def __init__(
        self,
        callbacks: Any = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Any = None,
        **params: Any,
    ) -> None:
        self.callbacks = as_callbacks(callbacks)
        self._bar: ProgbarLogger | None = None
        if add_progbar:
            self._bar = ProgbarLogger(params.get("verbose", 1))
            self.callbacks.append(self._bar)
        if add_history and not any(isinstance(c, History) for c in self.callbacks):
            self.callbacks.append(History())
        found = [c for c in self.callbacks if isinstance(c, History)]
        self.history = found[0] if found else None
        self.train_batches = any(_wants(c, "train") for c in self.callbacks)
        self.test_batches = any(_wants(c, "test") for c in self.callbacks)
        self.predict_batches = any(_wants(c, "predict") for c in self.callbacks)
        self.params = params
        for callback in self.callbacks:
            callback.set_params(params)
            if model is not None:
                callback.set_model(model)

    @classmethod
    def for_fit(
        cls, model: Any, callbacks: Any, verbose: Any, *, epochs: int, steps: int | None
    ) -> Self:
        """Return the list for `fit`, with history and, unless silent, the progress."""
        level = verbosity(verbose)
        params = {"verbose": level, "epochs": epochs, "steps": steps}
        return cls(callbacks, True, level > 0, model, **params)

    @classmethod
    def for_call(
        cls, model: Any, callbacks: Any, verbose: Any, *, steps: int | None
    ) -> Self:
        """Return the list for `evaluate` or `predict`."""
        level = verbosity(verbose)
        return cls(callbacks, False, level > 0, model, verbose=level, steps=steps)

    @property
    def shows_progress(self) -> bool:
        """Whether `progress` may draw anything."""
        return self._bar is not None

    def progress(self, seen: int, logs: Logs) -> None:
        """Show how far the call is, if anything is shown.

        Parameters
        ----------
        seen : int
            Steps done in this epoch, or in this call of `evaluate` or `predict`.
        logs : dict
            Averages so far.
        """
        if self._bar is not None:
            self._bar.update(seen, logs)

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
