# SPDX-License-Identifier: BSD-3-Clause
"""Learning rate schedules: formulas, restarts, and no difference by slicing."""

import math

import numpy as np
import pytest

from pynn import optimizers
from pynn.optimizers import schedules

STEPS = np.array([0, 1, 3, 4, 5, 7, 8, 10, 11, 12, 13, 20, 25, 30])


def cosine(x):
    return 0.5 * (1 + math.cos(math.pi * min(x, 1.0)))


FORMULAS = [
    (
        schedules.ExponentialDecay(0.1, 10, 0.5),
        lambda s: 0.1 * 0.5 ** (s / 10),
    ),
    (
        schedules.ExponentialDecay(0.1, 10, 0.5, staircase=True),
        lambda s: 0.1 * 0.5 ** (s // 10),
    ),
    (
        schedules.InverseTimeDecay(0.1, 10, 0.5),
        lambda s: 0.1 / (1 + 0.5 * s / 10),
    ),
    (
        schedules.InverseTimeDecay(0.1, 10, 0.5, staircase=True),
        lambda s: 0.1 / (1 + 0.5 * (s // 10)),
    ),
    (
        schedules.PiecewiseConstantDecay([3, 7], [1.0, 0.5, 0.1]),
        lambda s: 1.0 if s <= 3 else 0.5 if s <= 7 else 0.1,
    ),
    (
        schedules.PolynomialDecay(0.1, 10, 0.01, power=2.0),
        lambda s: 0.09 * (1 - min(s, 10) / 10) ** 2 + 0.01,
    ),
    (
        schedules.PolynomialDecay(0.1, 10, 0.01, power=2.0, cycle=True),
        lambda s: 0.09 * (1 - s / (10 * max(1, math.ceil(s / 10)))) ** 2 + 0.01,
    ),
    (
        schedules.CosineDecay(0.1, 10, alpha=0.1),
        lambda s: 0.1 * (0.9 * cosine(s / 10) + 0.1),
    ),
    (
        schedules.CosineDecay(0.01, 10, warmup_target=0.1, warmup_steps=5),
        lambda s: 0.01 + 0.09 * s / 5 if s < 5 else 0.1 * cosine((s - 5) / 10),
    ),
]


@pytest.mark.parametrize(("schedule", "formula"), FORMULAS)
def test_schedule_formula(schedule, formula):
    expected = [formula(int(s)) for s in STEPS]
    # Powers and cosines of NumPy and of libm differ by an ulp or two.
    np.testing.assert_allclose(schedule(STEPS), expected, rtol=1e-14, atol=1e-17)


# What Keras 3.15.1 printed for CosineDecayRestarts(0.1, 4, t_mul=2.0, m_mul=0.5,
# alpha=0.1): 4 steps, then 8, then 16. Keras computes in float32, hence rtol.
RESTARTS = [
    *(0.1, 0.08681981, 0.0231802, 0.055, 0.05328729, 0.04111038, 0.0325),
    *(0.0165901, 0.01171271, 0.0325, 0.03228384, 0.02125, 0.01189597, 0.02114192),
]


def test_cosine_restarts():
    schedule = schedules.CosineDecayRestarts(0.1, 4, t_mul=2.0, m_mul=0.5, alpha=0.1)
    np.testing.assert_allclose(schedule(STEPS), RESTARTS, rtol=1e-6)
    even = schedules.CosineDecayRestarts(0.1, 4, t_mul=1.0)
    np.testing.assert_allclose(even(STEPS), [0.1 * cosine(s % 4 / 4) for s in STEPS])


@pytest.mark.parametrize(("first", "grow"), [(1, 4.0), (3, 1.5), (7, 3.0), (10, 2.0)])
def test_cosine_restarts_start_on_time(first, grow):
    schedule = schedules.CosineDecayRestarts(1.0, first, t_mul=grow, m_mul=1.0)
    start, length = 0.0, float(first)
    for _ in range(12):
        assert schedule(start) == pytest.approx(1.0, abs=1e-9)
        assert schedule(start + 0.999 * length) < 0.01
        start, length = start + length, length * grow


ALL_SCHEDULES = [f for f, _ in FORMULAS] + [schedules.CosineDecayRestarts(0.1, 4)]


@pytest.mark.parametrize("schedule", ALL_SCHEDULES, ids=lambda s: s.name)
def test_schedule_does_not_depend_on_where_calls_end(schedule):
    whole = schedule.rates(0, 1000)
    parts = [schedule.rates(i, 7) for i in range(0, 994, 7)]
    assert np.concatenate(parts).tobytes() == whole[:994].tobytes()
    assert [schedule(i) for i in range(1000)] == whole.tolist()
    assert isinstance(schedule(3), float)


@pytest.mark.parametrize("schedule", ALL_SCHEDULES, ids=lambda s: s.name)
def test_schedule_round_trip(schedule):
    other = schedules.deserialize(schedules.serialize(schedule))
    assert type(other) is type(schedule)
    assert other.get_config() == schedule.get_config()
    assert other.rates(0, 50).tolist() == schedule.rates(0, 50).tolist()


def test_schedule_of_a_user():
    class Warm(schedules.LearningRateSchedule):
        def __call__(self, step):
            return 0.1 * (step + 1)

    np.testing.assert_allclose(optimizers.SGD(Warm()).rates(2, 2), [0.3, 0.4])
    with pytest.raises(NotImplementedError, match="define __call__"):
        schedules.LearningRateSchedule()(0)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: schedules.ExponentialDecay(0.1, 0, 0.5), r"decay_steps.*\(0, inf\)"),
        (lambda: schedules.ExponentialDecay(-0.1, 1, 0.5), "initial_learning_rate"),
        (lambda: schedules.ExponentialDecay(0.1, 1, 0.5, 1), "staircase"),
        (lambda: schedules.PiecewiseConstantDecay([1], [1.0]), "one more value"),
        (lambda: schedules.PiecewiseConstantDecay([2, 1], [1, 1, 1]), "rising order"),
        (lambda: schedules.PolynomialDecay(0.1, -1), "decay_steps"),
        (lambda: schedules.CosineDecay(0.1, 10, warmup_steps=-1), "warmup_steps"),
        (lambda: schedules.CosineDecayRestarts(0.1, 10, t_mul=0.5), "t_mul"),
        (
            lambda: schedules.deserialize({"class_name": "Exp"}),
            "learning rate schedule",
        ),
    ],
)
def test_bad_schedule(make, words):
    with pytest.raises(ValueError, match=words):
        make()
