# SPDX-License-Identifier: BSD-3-Clause
"""Learning rates that change from step to step.

A schedule is called with the number of steps taken before (0 first). The built-in ones
also take an array of step numbers, so one can draw them: ``plot(schedule(arange(n)))``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from pynn._checks import flag, integer, optional_real, real
from pynn._lookup import resolve, table, to_config
from pynn._registry import CustomObjectScope

Array = np.ndarray[Any, np.dtype[np.float64]]

__all__ = [
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "LearningRateSchedule",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "deserialize",
    "serialize",
]

_RATE = "[0, inf)"
_STEPS = "(0, inf)"


class LearningRateSchedule:
    """Base of all schedules; a subclass of your own defines ``__call__(step)``."""

    fields: ClassVar[tuple[str, ...]] = ()

    def __call__(self, step: Any) -> Any:
        """Return the rate of the step that follows `step` others."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(step)")

    def rates(self, first: int, count: int) -> Array:
        """Return the rates of steps ``first .. first + count - 1``."""
        steps = range(first, first + count)
        return np.array([real(self(s), "learning rate", _RATE) for s in steps])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this schedule again."""
        return {name: getattr(self, name) for name in self.fields}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> LearningRateSchedule:
        """Make a schedule from what `get_config` returned."""
        return cls(**config)


class _Formula(LearningRateSchedule):
    """A schedule given by a formula over an array of step numbers."""

    def _at(self, step: Array) -> Array:
        raise NotImplementedError

    def __call__(self, step: Any) -> Any:
        """Return the rate at a step (float), or at an array of steps."""
        steps = np.asarray(step, np.float64)
        rates = self._at(steps.reshape(-1))
        return float(rates[0]) if steps.ndim == 0 else rates.reshape(steps.shape)

    def rates(self, first: int, count: int) -> Array:
        """Return the rates of steps ``first .. first + count - 1``."""
        return self._at(np.arange(first, first + count, dtype=np.float64))


class ExponentialDecay(_Formula):
    """``initial_learning_rate * decay_rate ** (step / decay_steps)``.

    Parameters
    ----------
    initial_learning_rate, decay_rate : float
    decay_steps : int
        Steps after which the rate has been multiplied by `decay_rate`.
    staircase : bool
        Cut ``step / decay_steps`` to an integer.
    name : str
    """

    fields = (
        "initial_learning_rate",
        "decay_steps",
        "decay_rate",
        "staircase",
        "name",
    )

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "ExponentialDecay",
    ) -> None:
        who = type(self).__name__
        self.initial_learning_rate = real(
            initial_learning_rate, f"{who}: initial_learning_rate", _RATE
        )
        self.decay_steps = real(decay_steps, f"{who}: decay_steps", _STEPS)
        self.decay_rate = real(decay_rate, f"{who}: decay_rate", _RATE)
        self.staircase = flag(staircase, f"{who}: staircase")
        self.name = name

    def _periods(self, step: Array) -> Array:
        periods = step / self.decay_steps
        return np.floor(periods) if self.staircase else periods

    def _at(self, step: Array) -> Array:
        return self.initial_learning_rate * self.decay_rate ** self._periods(step)


class InverseTimeDecay(ExponentialDecay):
    """``initial_learning_rate / (1 + decay_rate * step / decay_steps)``.

    Parameters
    ----------
    initial_learning_rate, decay_steps, decay_rate, staircase, name
        As in `ExponentialDecay`.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "InverseTimeDecay",
    ) -> None:
        super().__init__(
            initial_learning_rate, decay_steps, decay_rate, staircase, name
        )

    def _at(self, step: Array) -> Array:
        return self.initial_learning_rate / (
            1.0 + self.decay_rate * self._periods(step)
        )


class PiecewiseConstantDecay(_Formula):
    """``values[i]`` up to and including step ``boundaries[i]``, then the last value.

    Parameters
    ----------
    boundaries : sequence of int
        Step numbers in rising order.
    values : sequence of float
        Rates, one more than boundaries.
    name : str
    """

    fields = ("boundaries", "values", "name")

    def __init__(
        self,
        boundaries: Sequence[float],
        values: Sequence[float],
        name: str = "PiecewiseConstant",
    ) -> None:
        who = type(self).__name__
        self.boundaries = [real(b, f"{who}: boundaries") for b in boundaries]
        self.values = [real(v, f"{who}: values", _RATE) for v in values]
        self.name = name
        if len(self.values) != len(self.boundaries) + 1:
            raise ValueError(
                f"{who}: expected one more value than boundaries, got "
                f"{len(self.values)} values and {len(self.boundaries)} boundaries"
            )
        if any(b <= a for a, b in pairwise(self.boundaries)):
            raise ValueError(
                f"{who}: expected boundaries in rising order, got {self.boundaries}"
            )

    def _at(self, step: Array) -> Array:
        return np.array(self.values)[np.searchsorted(self.boundaries, step)]


class PolynomialDecay(_Formula):
    """From the initial to the end rate along ``(1 - step / decay_steps) ** power``.

    Parameters
    ----------
    initial_learning_rate, end_learning_rate, power : float
    decay_steps : int
        Steps until the end rate, which then stays.
    cycle : bool
        Instead of staying, stretch `decay_steps` to its next multiple again and again.
    name : str
    """

    fields = (
        "initial_learning_rate",
        "decay_steps",
        "end_learning_rate",
        "power",
        "cycle",
        "name",
    )

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ) -> None:
        who = type(self).__name__
        self.initial_learning_rate = real(
            initial_learning_rate, f"{who}: initial_learning_rate", _RATE
        )
        self.decay_steps = real(decay_steps, f"{who}: decay_steps", _STEPS)
        self.end_learning_rate = real(
            end_learning_rate, f"{who}: end_learning_rate", _RATE
        )
        self.power = real(power, f"{who}: power", _RATE)
        self.cycle = flag(cycle, f"{who}: cycle")
        self.name = name

    def _at(self, step: Array) -> Array:
        if self.cycle:
            rounds = np.maximum(np.ceil(step / self.decay_steps), 1.0)
            left = 1.0 - step / (self.decay_steps * rounds)
        else:
            left = 1.0 - np.minimum(step, self.decay_steps) / self.decay_steps
        span = self.initial_learning_rate - self.end_learning_rate
        return span * left**self.power + self.end_learning_rate


def _half_wave(fraction: Array) -> Array:
    """From 1 down to 0 along half a cosine, as `fraction` goes from 0 to 1."""
    return 0.5 * (1.0 + np.cos(math.pi * fraction))


class CosineDecay(_Formula):
    """Half a cosine from the rate down to `alpha` times it, after an optional warm-up.

    I. Loshchilov and F. Hutter, "SGDR: stochastic gradient descent with warm restarts",
    ICLR 2017; the warm-up of P. Goyal et al., arXiv:1706.02677.

    Parameters
    ----------
    initial_learning_rate : float
    decay_steps : int
        Steps of the cosine, after which the rate stays.
    alpha : float
        Last rate as a fraction of the first of the cosine.
    name : str
    warmup_target : float, optional
        Rate reached after `warmup_steps` steps in a straight line from the initial one;
        the cosine starts from it.
    warmup_steps : int
    """

    fields = (
        "initial_learning_rate",
        "decay_steps",
        "alpha",
        "name",
        "warmup_target",
        "warmup_steps",
    )

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: int = 0,
    ) -> None:
        who = type(self).__name__
        self.initial_learning_rate = real(
            initial_learning_rate, f"{who}: initial_learning_rate", _RATE
        )
        self.decay_steps = real(decay_steps, f"{who}: decay_steps", _STEPS)
        self.alpha = real(alpha, f"{who}: alpha", _RATE)
        self.warmup_target = optional_real(
            warmup_target, f"{who}: warmup_target", _RATE
        )
        self.warmup_steps = integer(warmup_steps, f"{who}: warmup_steps", 0)
        self.name = name

    def _at(self, step: Array) -> Array:
        if self.warmup_target is None:
            fraction = np.minimum(step / self.decay_steps, 1.0)
            return self.initial_learning_rate * self._wave(fraction)
        after = np.maximum(step - self.warmup_steps, 0.0) / self.decay_steps
        wave = self.warmup_target * self._wave(np.minimum(after, 1.0))
        rise = self.warmup_target - self.initial_learning_rate
        line = self.initial_learning_rate + rise * step / max(self.warmup_steps, 1)
        return np.where(step < self.warmup_steps, line, wave)

    def _wave(self, fraction: Array) -> Array:
        return (1.0 - self.alpha) * _half_wave(fraction) + self.alpha


class CosineDecayRestarts(_Formula):
    """`CosineDecay` again and again: "SGDR" of Loshchilov and Hutter, ICLR 2017.

    Parameters
    ----------
    initial_learning_rate : float
    first_decay_steps : int
        Steps of the first period.
    t_mul, m_mul : float
        Factors from one period to the next, of its length and of its first rate.
    alpha : float
        Last rate of every period as a fraction of the initial one.
    name : str
    """

    fields = (
        "initial_learning_rate",
        "first_decay_steps",
        "t_mul",
        "m_mul",
        "alpha",
        "name",
    )

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: float,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ) -> None:
        who = type(self).__name__
        self.initial_learning_rate = real(
            initial_learning_rate, f"{who}: initial_learning_rate", _RATE
        )
        self.first_decay_steps = real(
            first_decay_steps, f"{who}: first_decay_steps", _STEPS
        )
        self.t_mul = real(t_mul, f"{who}: t_mul", "[1, inf)")
        self.m_mul = real(m_mul, f"{who}: m_mul", _RATE)
        self.alpha = real(alpha, f"{who}: alpha", _RATE)
        self.name = name

    def _at(self, step: Array) -> Array:
        done = step / self.first_decay_steps
        if self.t_mul == 1.0:
            period = np.floor(done)
            fraction = done - period
        else:
            period, fraction = self._growing(done)
        wave = (1.0 - self.alpha) * self.m_mul**period * _half_wave(fraction)
        return self.initial_learning_rate * (wave + self.alpha)

    def _growing(self, done: Array) -> tuple[Array, Array]:
        """Period and fraction of it when period i is ``t_mul ** i`` long.

        At a restart the logarithm may land just below a whole number; the start of the
        next period, computed exactly as it will be used, then puts it right.
        """
        grow = self.t_mul - 1.0
        period = np.floor(np.log1p(done * grow) / math.log(self.t_mul))
        period += (self.t_mul ** (period + 1.0) - 1.0) / grow <= done
        start = (self.t_mul**period - 1.0) / grow
        return period, (done - start) / self.t_mul**period


_DECAYS = ExponentialDecay, InverseTimeDecay, PiecewiseConstantDecay, PolynomialDecay
_SCHEDULES = table((*_DECAYS, CosineDecay, CosineDecayRestarts))
_WHAT = "learning rate schedule"


def serialize(schedule: LearningRateSchedule) -> dict[str, Any]:
    """Return a schedule as plain data."""
    return to_config(schedule)


def deserialize(
    config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
) -> LearningRateSchedule:
    """Return the schedule of a configuration; `custom_objects` are yours by name."""
    with CustomObjectScope(custom_objects):
        return resolve(config, _SCHEDULES, LearningRateSchedule, _WHAT)
