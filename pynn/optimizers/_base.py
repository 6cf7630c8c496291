# SPDX-License-Identifier: BSD-3-Clause
"""What all optimizers share: the rate, clipping, weight decay and the state.

Python only describes an optimizer; `Optimizer.spec` is what the C core runs (the order
of the hyper-parameters is that of csrc/update.h). One step clips the gradients, decays
the weights (``w -= rate * weight_decay * w``, on every trainable weight) and then
applies the rule.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypedDict

import numpy as np

from pynn._arraylike import State
from pynn._checks import flag, integer, optional_real, real
from pynn._lookup import to_config
from pynn._ops import OPTIMIZERS, OptimizerSpec
from pynn.optimizers._bound import Bound
from pynn.optimizers.schedules import LearningRateSchedule, deserialize

Rate = float | LearningRateSchedule | Callable[[], float]

_CLIPS = ("clipvalue", "clipnorm", "global_clipnorm")
_POSITIVE = "(0, inf)"
_TOO_MANY = 2**63  # batches: the core counts on from what is set, in 64 bits
_OTHERS = ("loss_scale_factor", "gradient_accumulation_steps")
_AVERAGE = ("use_ema", "ema_momentum", "ema_overwrite_frequency")


class Common(TypedDict, total=False):
    """Keywords that every optimizer takes; see `Optimizer`."""

    weight_decay: float | None
    clipnorm: float | None
    clipvalue: float | None
    global_clipnorm: float | None
    use_ema: bool
    ema_momentum: float
    ema_overwrite_frequency: int | None
    loss_scale_factor: float | None
    gradient_accumulation_steps: int | None
    name: str | None


class LearningRate(float):
    """The rate of an optimizer at the time of asking: a float that can set a new one.

    It stays what it was; ask the optimizer again after a change.
    """

    _owner: Optimizer

    def numpy(self) -> np.float64:
        """Return the rate as a NumPy number."""
        return np.float64(self)

    def assign(self, value: float) -> LearningRate:
        """Set the optimizer's rate; the same as ``optimizer.learning_rate = value``."""
        self._owner.learning_rate = value
        return self._owner.learning_rate

    def __reduce__(self) -> tuple[type[float], tuple[float]]:
        return float, (float(self),)


class Optimizer(Bound):
    """Base of the optimizers.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or callable
        Step size; a schedule is asked with the number of steps taken so far, a callable
        without argument. Both may be asked ahead of the steps.
    weight_decay : float, optional
        Share of the weight, times the rate, that every step takes off.
    clipnorm, global_clipnorm, clipvalue : float, optional
        Longest gradient of one variable, of all together, and largest element. At most
        one may be given.
    use_ema : bool
        Keep a running average of the weights, ``a = momentum * a + (1 - momentum) * w``
        after each batch, which starts at the weights after the first step. It replaces
        the weights at the end of `fit`.
    ema_momentum : float
        In [0, 1].
    ema_overwrite_frequency : int, optional
        The average also replaces the weights after every so many steps.
    gradient_accumulation_steps : int, optional
        Take one step by the mean gradient of so many batches, 2 or more; what is left
        over at the end of a training waits for the next one. `iterations` then counts
        steps; a schedule is still asked with the number of batches.
    loss_scale_factor : float, optional
        Ignored: it scales the loss and then the gradient back, for element types that
        are not used here.
    name : str, optional

    Raises
    ------
    ValueError
        If an argument is unknown or out of range.
    """

    fields: ClassVar[tuple[str, ...]] = ()

    def __init__(self, learning_rate: Rate, **common: Any) -> None:
        self._refuse_unknown(common)
        self.name = common.get("name") or type(self).__name__.lower()
        decay = common.get("weight_decay")
        self.weight_decay = optional_real(decay, self._at("weight_decay"), "[0, inf)")
        for name in _CLIPS:
            limit = optional_real(common.get(name), self._at(name), _POSITIVE)
            setattr(self, name, limit)
        given = [name for name in _CLIPS if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(
                f"{type(self).__name__}: only one of {', '.join(_CLIPS)} may be set, "
                f"got {' and '.join(given)}"
            )
        self._take_average(common)
        steps = common.get("gradient_accumulation_steps")
        self.gradient_accumulation_steps: int | None = (
            None
            if steps is None
            else integer(steps, self._at("gradient_accumulation_steps"), 2)
        )
        scale = common.get("loss_scale_factor")
        where = self._at("loss_scale_factor")
        self.loss_scale_factor = optional_real(scale, where, _POSITIVE)
        self._rate: Rate = self._checked_rate(learning_rate)
        self._undecayed = frozenset(), None
        self.reset()

    clipvalue: float | None
    clipnorm: float | None
    global_clipnorm: float | None

    def _take_average(self, common: Mapping[str, Any]) -> None:
        self.use_ema = flag(common.get("use_ema", False), self._at("use_ema"))
        momentum = common.get("ema_momentum", 0.99)
        self.ema_momentum = real(momentum, self._at("ema_momentum"), "[0, 1]")
        after = common.get("ema_overwrite_frequency")
        where = self._at("ema_overwrite_frequency")
        self.ema_overwrite_frequency: int | None = (
            None if after is None else integer(after, where, 1)
        )

    def reset(self) -> None:
        """Forget all steps: the counter, the state vectors and what they share."""
        self._batches = 0
        self.slots: list[np.ndarray[Any, np.dtype[Any]]] = []
        self.scalar = np.ones(2)
        self._made: list[State] = []
        self._places: dict[str, int] = {}

    def rule(self) -> tuple[str, tuple[float, ...]]:
        """Return the row of ``OPTIMIZERS`` and its hyper-parameters.

        An optimizer of your own has `update_step` instead.
        """
        if self.own:
            return "sgd", ()  # which has no state
        raise NotImplementedError(f"{type(self).__name__} must define update_step")

    def spec(self) -> OptimizerSpec:
        """Return what the core needs to know, learning rates apart."""
        kind, hyper = self.rule()
        return (
            OPTIMIZERS.index(kind),
            hyper,
            self.weight_decay or 0.0,
            self.clipvalue or 0.0,
            self.clipnorm or 0.0,
            self.global_clipnorm or 0.0,
            self.gradient_accumulation_steps or 0,
            (self.ema_momentum, self.ema_overwrite_frequency or 0)
            if self.use_ema
            else None,
        )

    @property
    def iterations(self) -> int:
        """Number of steps taken."""
        return self._batches // (self.gradient_accumulation_steps or 1)

    @iterations.setter
    def iterations(self, value: int) -> None:
        steps = integer(value, self._at("iterations"), 0)
        batches = steps * (self.gradient_accumulation_steps or 1)
        if batches >= _TOO_MANY:
            where = self._at("iterations")
            raise ValueError(f"{where}: expected below 2**63 batches, got {batches}")
        self._batches = batches

    @property
    def batches(self) -> int:
        """Number of gradients taken: `iterations`, unless several make a step."""
        return self._batches

    @batches.setter
    def batches(self, value: int) -> None:
        self._batches = integer(value, self._at("batches"), 0)

    @property
    def learning_rate(self) -> LearningRate:
        """The rate of the next step; a number may be assigned unless a schedule rules.

        Raises
        ------
        TypeError
            On assigning a number when the optimizer was made with a schedule.
        """
        rate = LearningRate(self.rates(self._batches, 1)[0])
        rate._owner = self
        return rate

    @learning_rate.setter
    def learning_rate(self, value: Rate) -> None:
        rate = self._checked_rate(value)
        if isinstance(self._rate, LearningRateSchedule) and isinstance(rate, float):
            raise TypeError(
                f"{type(self).__name__}: learning_rate is ruled by a "
                f"{type(self._rate).__name__} and cannot be set to {value!r}; "
                "make the optimizer with a number to change it later"
            )
        self._rate = rate

    def rates(self, first: int, count: int) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Return the rates at `count` batches from number `first` (0 is the first).

        A constant rate comes as one element, whatever `count` is.
        """
        if isinstance(self._rate, LearningRateSchedule):
            return self._rate.rates(first, count)
        if isinstance(self._rate, float):
            return np.array([self._rate])
        return self._asked(self._rate, first, count)

    def _asked(
        self, rate: Callable[[], float], first: int, count: int
    ) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Ask a function for each step, with `iterations` at that step."""
        now, found = self._batches, np.empty(count)
        try:
            for i in range(count):
                self._batches = first + i
                found[i] = real(rate(), self._at("learning_rate()"), "[0, inf)")
        finally:
            self._batches = now
        return found

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this optimizer again, without its state."""
        rate = self._rate
        if isinstance(rate, LearningRateSchedule):
            written: Any = to_config(rate)
        else:
            written = rate
        names = ("weight_decay", *_CLIPS, *_AVERAGE, *_OTHERS, *self.fields)
        own = {name: getattr(self, name) for name in names}
        return {"name": self.name, "learning_rate": written} | own

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Optimizer:
        """Make an optimizer from what `get_config` returned."""
        arguments = dict(config)
        if isinstance(arguments.get("learning_rate"), Mapping):
            arguments["learning_rate"] = deserialize(arguments["learning_rate"])
        return cls(**arguments)

    def _at(self, argument: str) -> str:
        return f"{type(self).__name__}: {argument}"

    def _checked_rate(self, value: Rate) -> Rate:
        if isinstance(value, LearningRateSchedule):
            return value
        if callable(value):
            return value
        return real(value, self._at("learning_rate"), "[0, inf)")

    def _refuse_unknown(self, common: dict[str, Any]) -> None:
        if common.pop("decay", None) is not None:
            warnings.warn(
                f"{type(self).__name__}: decay is ignored, as in Keras 3; "
                "use a schedule of optimizers.schedules",
                stacklevel=4,
            )
        for name in common:
            if name not in Common.__annotations__:
                hint = "; did you mean learning_rate?" if name == "lr" else ""
                raise ValueError(
                    f"{type(self).__name__}: unknown argument {name!r}{hint}"
                )
