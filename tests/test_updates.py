# SPDX-License-Identifier: BSD-3-Clause
"""Every update rule against the oracle, step by step, over padded flat vectors."""

import functools

import numpy as np
import pytest
from oneop import ISAS, REALS, padded, seeded
from oracle import optimizers as oracle_optimizers
from oracle import table
from runs import run_table

import pynn
from pynn import _core

STEPS = 12
SIZES = (1, 16, 129)  # of the variables; each is padded to a run of its own

# class, options: every rule of ops.def, and every option that takes another path.
CONFIGURATIONS = [
    ("SGD", {"learning_rate": 0.1}),
    ("SGD", {"learning_rate": 0.1, "momentum": 0.9}),
    ("SGD", {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True}),
    ("RMSprop", {}),
    ("RMSprop", {"centered": True, "rho": 0.8}),
    ("RMSprop", {"momentum": 0.5}),
    ("RMSprop", {"momentum": 0.5, "centered": True}),
    ("Adam", {"learning_rate": 0.01}),
    ("Adam", {"beta_1": 0.5, "beta_2": 0.75, "epsilon": 0.25}),
    ("Adam", {"amsgrad": True, "beta_2": 0.5}),
    ("AdamW", {"learning_rate": 0.01}),
    ("Adamax", {"learning_rate": 0.01, "beta_2": 0.5}),
    ("Nadam", {"learning_rate": 0.01}),
    ("Adagrad", {"learning_rate": 0.1, "initial_accumulator_value": 0.5}),
    ("Adadelta", {"learning_rate": 1.0, "epsilon": 1e-3}),
    ("Lion", {"learning_rate": 0.01}),
    ("Ftrl", {"learning_rate": 0.1}),
    (
        "Ftrl",
        {
            "learning_rate": 0.1,
            "learning_rate_power": -0.75,
            "l1_regularization_strength": 0.1,
            "l2_regularization_strength": 0.2,
            "l2_shrinkage_regularization_strength": 0.05,
            "beta": 0.3,
        },
    ),
    ("SGD", {"clipvalue": 0.5}),
    ("SGD", {"clipnorm": 1.5, "momentum": 0.9}),
    ("Adam", {"global_clipnorm": 1.5}),
    ("Adam", {"global_clipnorm": 1e3}),
    ("RMSprop", {"weight_decay": 0.3, "clipvalue": 0.5}),
]
IDS = [f"{i}-{name}" for i, (name, _) in enumerate(CONFIGURATIONS)]

LENGTHS = [padded(n) for n in SIZES]
OFFSETS = np.cumsum([0, *LENGTHS[:-1]])
RUNS = run_table(zip(OFFSETS, LENGTHS, strict=True))


def vector(parts, real):
    """Variables laid out with their padding, which is zero."""
    flat = np.zeros(sum(LENGTHS), real.type)
    for offset, part in zip(OFFSETS, parts, strict=True):
        flat[offset : offset + len(part)] = part
    return flat


def variables(flat):
    """The variables of a flat vector."""
    return [flat[a : a + n] for a, n in zip(OFFSETS, SIZES, strict=True)]


def gradient_steps(key, real):
    """Start and gradients of each step; magnitudes differ by 1e4 between elements."""
    rng = seeded("update", *key)
    start = [real.round(rng.normal(size=n)) for n in SIZES]
    scales = [10.0 ** rng.uniform(-3, 1, n) for n in SIZES]
    steps = [
        [real.round(scale * rng.normal(size=len(scale))) for scale in scales]
        for _ in range(STEPS)
    ]
    return start, steps


@functools.cache
def trajectory(index, dtype, isa):
    """Parameter vectors after each step, and the gradients after clipping."""
    real = REALS[dtype]
    name, options = CONFIGURATIONS[index]
    optimizer = getattr(pynn.optimizers, name)(**options)
    spec = optimizer.spec()
    start, steps = gradient_steps((index,), real)
    params = vector(start, real)
    slots = [np.full_like(params, s) for s in _core.optimizer_state(spec)]
    scalar, iteration, found = np.ones(2), 0, []
    before = _core.isa_selected()
    _core.isa_select(isa)
    try:
        for grads in steps:
            iteration = _core.update(
                real.number,
                spec,
                float(optimizer.learning_rate),
                slots,
                scalar,
                iteration,
                RUNS,
                params,
                vector(grads, real),
            )
            found.append(params.copy())
    finally:
        _core.isa_select(before)
    assert iteration == STEPS
    return found


def oracle_trajectory(index, real):
    """The same from the oracle, as lists of variables."""
    name, options = CONFIGURATIONS[index]
    optimizer = getattr(oracle_optimizers, name)(**options)
    weights, steps = gradient_steps((index,), real)
    weights = [w.copy() for w in weights]
    for grads in steps:
        optimizer.step(weights, grads)
        yield [w.copy() for w in weights]


def test_every_rule_is_configured():
    names = table.names("OPTIMIZER")
    rules = {getattr(pynn.optimizers, n)(**o).spec()[0] for n, o in CONFIGURATIONS}
    missing = [name for i, name in enumerate(names) if i not in rules]
    assert not missing, "no oracle for " + ", ".join(missing)
    assert len(names) >= 12


@pytest.mark.parametrize("dtype", REALS)
@pytest.mark.parametrize("index", range(len(CONFIGURATIONS)), ids=IDS)
def test_rule_against_oracle(index, dtype):
    real = REALS[dtype]
    expected = list(oracle_trajectory(index, real))
    for isa in ISAS:
        for t, (flat, weights) in enumerate(
            zip(trajectory(index, dtype, isa), expected, strict=True)
        ):
            for got, w in zip(variables(flat), weights, strict=True):
                # Per step one rounding of w, and some 16 of its change, which is at
                # most 1 here; differences of near numbers (Ftrl) cost a factor 4.
                limit = (t + 1) * real.u * (np.abs(w) + 64)
                worst = np.argmax(np.abs(got - w) - limit)
                assert abs(got[worst] - w[worst]) <= limit[worst], (isa, t, worst)


@pytest.mark.parametrize("dtype", REALS)
@pytest.mark.parametrize("pair", [("generic", "v2"), ("v3", "v4")], ids="-".join)
def test_bits_between_instruction_sets(dtype, pair):
    if not set(pair) <= set(ISAS):
        pytest.skip("this machine has " + ", ".join(ISAS))
    for index, name in enumerate(IDS):
        one, other = (trajectory(index, dtype, isa)[-1] for isa in pair)
        assert one.tobytes() == other.tobytes(), name


@pytest.mark.parametrize("dtype", REALS)
def test_padding_stays_zero(dtype):
    used = np.concatenate(variables(np.arange(sum(LENGTHS))))
    padding = np.setdiff1d(np.arange(sum(LENGTHS)), used)
    assert len(padding) == 30
    for index, name in enumerate(IDS):
        for isa in ISAS:
            assert not trajectory(index, dtype, isa)[-1][padding].any(), (name, isa)


def extreme(rng, dtype, size):
    """Numbers of every kind and magnitude; gradients and state may hold any of them."""
    info = np.finfo(dtype)
    kinds = [0.0, -0.0, 1.0, np.inf, -np.inf, np.nan, info.max, info.tiny]
    kinds += [info.smallest_subnormal, 2.0**-100, 2.0**-101, 2.0**100, -1.0, 1e-9]
    values = rng.choice(np.array(kinds, dtype), size)
    ordinary = rng.normal(size=size).astype(dtype)
    # whole groups of vectors without extremes, and with few of them
    return np.where(rng.random(size) < rng.choice([0, 0.02, 0.5]), values, ordinary)


def extreme_update(spec, dtype, isa, key):
    """Bits after one step over extreme numbers; NaN are all one."""
    rng = seeded("extreme", *key)
    size = 16 * 13
    params, grads, *slots = (
        extreme(rng, dtype, size) for _ in range(2 + len(_core.optimizer_state(spec)))
    )
    slots = [np.abs(s) if i == len(slots) - 1 else s for i, s in enumerate(slots)]
    before = _core.isa_selected()
    _core.isa_select(isa)
    try:
        runs = run_table([(0, size)])
        number = REALS[dtype].number
        _core.update(number, spec, 1e-3, slots, np.ones(2), 3, runs, params, grads)
    finally:
        _core.isa_select(before)
    vectors = np.array([params, *slots])
    vectors[np.isnan(vectors)] = np.nan
    return vectors.tobytes()


@pytest.mark.parametrize("dtype", REALS)
@pytest.mark.parametrize("pair", [("generic", "v2"), ("v3", "v4")], ids="-".join)
def test_bits_of_extreme_numbers(dtype, pair):
    if not set(pair) <= set(ISAS):
        pytest.skip("this machine has " + ", ".join(ISAS))
    for index, (name, options) in enumerate(CONFIGURATIONS):
        spec = getattr(pynn.optimizers, name)(**options).spec()
        for draw in range(20):
            one, other = (
                extreme_update(spec, dtype, isa, (index, draw)) for isa in pair
            )
            assert one == other, (IDS[index], draw)
