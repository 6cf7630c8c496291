# SPDX-License-Identifier: BSD-3-Clause
"""What surrounds a step, in the core: penalties, mean of gradients, average of the
weights, constraints. Against the oracle, on every instruction set, and to the bit
between the flat pass and the update of each task, and over any number of threads.
"""

import functools

import numpy as np
import pytest
from corenet import CoreNet
from oneop import ISAS, REALS, padded, seeded
from oracle import optimizers as oracle
from oracle import terms
from runs import RUN, run_table

import pynn
from pynn import _core

FREE, NON_NEGATIVE, COLUMNS, ROWS, ALL = range(5)
SHAPES = ((5, 7), (7,), (33, 129), (130,), (300, 17))
STEPS = 7


def constraint(kind, low=0.0, high=0.0, rate=0.0):
    """The oracle's for a run, which is rows also where there is one."""
    if kind == FREE:
        return None
    if kind == NON_NEGATIVE:
        return terms.non_negative
    axis = {COLUMNS: 0, ROWS: -1, ALL: None}[kind]
    return lambda w: terms.limited(np.atleast_2d(w), low, high, rate, axis).reshape(
        w.shape
    )


# Name, options, spec's last two, (l1, l2), constraint, decayed.
CONFIGURATIONS = {
    "l1": ("SGD", {"learning_rate": 0.1}, {}, (0.05, 0.0), (FREE,)),
    "l2": ("Adam", {"learning_rate": 0.01}, {}, (0.0, 0.125), (FREE,)),
    "both": ("RMSprop", {"learning_rate": 0.01}, {}, (0.01, 0.02), (FREE,)),
    "clipped by value": ("SGD", {"clipvalue": 0.25}, {}, (0.5, 0.5), (FREE,)),
    "clipped": ("SGD", {"clipnorm": 1.5}, {}, (0.5, 0.5), (FREE,)),
    "clipped together": ("SGD", {"global_clipnorm": 1.5}, {}, (0.1, 0.5), (FREE,)),
    "non-negative": ("SGD", {"learning_rate": 0.1}, {}, (0, 0), (NON_NEGATIVE,)),
    "columns": ("SGD", {}, {}, (0, 0), (COLUMNS, 0.0, 1.5, 1.0)),
    "unit columns": ("Adam", {}, {}, (0.0, 0.1), (COLUMNS, 1.0, 1.0, 1.0)),
    "rows": ("SGD", {}, {}, (0, 0), (ROWS, 0.5, 2.0, 0.25)),
    "all": ("SGD", {}, {}, (0, 0), (ALL, 0.5, 2.0, 1.0)),
    "mean": ("SGD", {"momentum": 0.5}, {"gather": 3}, (0.01, 0.01), (FREE,)),
    "mean clipped": (
        "Adam",
        {"clipnorm": 1.0},
        {"gather": 2},
        (0, 0.1),
        (ROWS, 0, 2, 1),
    ),
    "average": ("Adam", {}, {"momentum": 0.75}, (0, 0), (FREE,)),
    "average replaces": (
        "SGD",
        {"learning_rate": 0.1},
        {"momentum": 0.5, "overwrite": 2},
        (0, 0),
        (COLUMNS, 0.0, 1.0, 1.0),
    ),
    "everything": (
        "AdamW",
        {"learning_rate": 0.01, "weight_decay": 0.5, "global_clipnorm": 3.0},
        {"gather": 2, "momentum": 0.5, "overwrite": 2, "undecayed": 1},
        (0.01, 0.02),
        (COLUMNS, 0.5, 1.5, 0.5),
    ),
}


def options_of(around):
    """Keras's names of what is around a rule."""
    found = {}
    if "gather" in around:
        found["gradient_accumulation_steps"] = around["gather"]
    if "momentum" in around:
        found |= {"use_ema": True, "ema_momentum": around["momentum"]}
        found["ema_overwrite_frequency"] = around.get("overwrite")
    return found


def layout():
    """Offset, rows and row length of each variable."""
    at = 0
    for shape in SHAPES:
        rows, ld = (1, *shape)[-2], padded(shape[-1])
        yield at, rows, ld
        at += rows * ld


SIZE = max(at + rows * ld for at, rows, ld in layout())


def variables(flat):
    return [
        flat[at : at + rows * ld].reshape(rows, ld)[:, : shape[-1]].reshape(shape)
        for shape, (at, rows, ld) in zip(SHAPES, layout(), strict=True)
    ]


def vector(parts, real):
    flat = np.zeros(SIZE, real.type)
    for view, part in zip(variables(flat), parts, strict=True):
        view[...] = part
    return flat


def gradient_steps(real):
    rng = seeded("terms")
    start = [real.round(rng.normal(size=shape)) for shape in SHAPES]
    start[0][1, 2] = 0.0  # where a penalty has no slope
    steps = [[real.round(rng.normal(size=s)) for s in SHAPES] for _ in range(STEPS)]
    return start, steps


@functools.cache
def trajectory(name, dtype, isa):
    """Weights and penalties at each step, and the average at the end."""
    real = REALS[dtype]
    rule, options, around, (l1, l2), held = CONFIGURATIONS[name]
    spec = getattr(pynn.optimizers, rule)(**options, **options_of(around)).spec()
    rate = float(getattr(pynn.optimizers, rule)(**options).learning_rate)
    fields = dict(zip(("constraint", "low", "high", "rate"), held, strict=False))
    undecayed = around.get("undecayed", 0)
    table = run_table(
        ((at, rows * ld, ld) for at, rows, ld in layout()),
        l1=l1,
        l2=l2,
        undecayed=undecayed,
        **fields,
    )
    start, steps = gradient_steps(real)
    params = vector(start, real)
    slots = [np.full_like(params, s) for s in _core.optimizer_state(spec)]
    scalar, iteration, found = np.ones(2), 0, []
    before = _core.isa_selected()
    _core.isa_select(isa)
    try:
        for grads in steps:
            penalty = _core.penalty(real.number, table, params)
            iteration = _core.update(
                real.number,
                spec,
                rate,
                slots,
                scalar,
                iteration,
                table,
                params,
                vector(grads, real),
            )
            found.append((params.copy(), penalty))
    finally:
        _core.isa_select(before)
    return found, slots


def oracle_trajectory(name, real):
    rule, options, around, strengths, held = CONFIGURATIONS[name]
    penalties = [terms.Penalty(*strengths)] * len(SHAPES)
    step = terms.Step(
        getattr(oracle, rule)(**options),
        penalties,
        [constraint(*held)] * len(SHAPES),
        [not around.get("undecayed", 0)] * len(SHAPES),
        around.get("gather", 1),
        around.get("momentum"),
        around.get("overwrite", 0),
    )
    weights, steps = gradient_steps(real)
    for grads in steps:
        penalty = step.penalty(weights)
        step.step(weights, grads)
        yield [w.copy() for w in weights], penalty, step.average


@pytest.mark.parametrize("dtype", REALS)
@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_steps_against_the_oracle(name, dtype):
    real = REALS[dtype]
    expected = list(oracle_trajectory(name, real))
    for isa in ISAS:
        found, slots = trajectory(name, dtype, isa)
        for t, ((flat, penalty), (weights, value, _)) in enumerate(
            zip(found, expected, strict=True)
        ):
            # Each weight is rounded once before; the sum is taken in double.
            assert penalty == pytest.approx(value, rel=(t + 1) * 64 * real.u)
            for got, w in zip(variables(flat), weights, strict=True):
                # Per step some 8 roundings of numbers of order 1, of norms of up to
                # 5000 elements added in double, and of quotients of them.
                limit = (t + 1) * real.u * 64 * (1 + np.abs(w))
                assert (np.abs(got - w) <= limit).all(), (isa, t, np.abs(got - w).max())
        if expected[-1][2] is not None:
            for got, w in zip(variables(slots[-1]), expected[-1][2], strict=True):
                assert np.abs(got - w).max() <= STEPS * real.u * 64 * (1 + abs(w).max())


@pytest.mark.parametrize("dtype", REALS)
@pytest.mark.parametrize("pair", [("generic", "v2"), ("v3", "v4")], ids="-".join)
def test_bits_between_instruction_sets(dtype, pair):
    if not set(pair) <= set(ISAS):
        pytest.skip("this machine has " + ", ".join(ISAS))
    for name in CONFIGURATIONS:
        (one, slots), (other, others) = (trajectory(name, dtype, i) for i in pair)
        for (a, p), (b, q) in zip(one, other, strict=True):
            assert a.tobytes() == b.tobytes(), name
            assert p == q, name
        for a, b in zip(slots, others, strict=True):
            assert a.tobytes() == b.tobytes(), name


@pytest.mark.parametrize("dtype", REALS)
def test_padding_stays_zero(dtype):
    used = np.concatenate([v.ravel() for v in variables(np.arange(SIZE))])
    padding = np.setdiff1d(np.arange(SIZE), used)
    assert len(padding) > 1000
    for name in CONFIGURATIONS:
        for isa in ISAS:
            found, _ = trajectory(name, dtype, isa)
            assert not found[-1][0][padding].any(), (name, isa)


def test_the_penalty_s_gradient_is_added():
    real, table = REALS["float32"], run_table([(0, 32), (48, 16)], l1=0.5, l2=0.25)
    params = np.linspace(-1, 1, 64).astype(np.float32)
    grads = np.ones(64, np.float32)
    value = _core.penalty(real.number, table, params, grads)
    used = np.r_[0:32, 48:64]
    w = params[used].astype(np.float64)
    assert value == pytest.approx(0.5 * abs(w).sum() + 0.25 * (w**2).sum(), rel=1e-12)
    # a sum of three, rounded twice
    np.testing.assert_allclose(grads[used], 1 + 0.5 * np.sign(w) + 0.5 * w, rtol=2e-7)
    assert (grads[32:48] == 1).all()


@pytest.mark.parametrize(
    "runs",
    [
        [(0, 16, 16), (8, 16, 16)],
        [(0, 16, 0)],
        [(0, 32, 48)],
        [(0, 16, 24)],
        [(64, 16)],
    ],
)
def test_runs_that_lie_elsewhere(runs):
    with pytest.raises(ValueError, match="a run lies outside"):
        _core.penalty(0, run_table(runs), np.zeros(64, np.float32))


def test_runs_are_whole_records():
    with pytest.raises(ValueError, match="whole records"):
        _core.penalty(0, np.zeros(len(RUN) + 1, np.int64), np.zeros(64, np.float32))


# ---- trained nets


def special_net(dtype, batch, held=(COLUMNS, 0.25, 0.75, 1.0), **options):
    """A net with penalties on kernels, constraints on all, biases of one that stay."""
    rng, real = seeded("special", dtype), REALS[dtype]
    kernels = [real.round(rng.normal(size=s)) for s in ((21, 150), (150, 3))]
    biases = [real.round(rng.normal(size=k.shape[1])) for k in kernels]
    net = CoreNet(
        [
            ("dense", kernels[0], biases[0]),
            ("activation", "tanh"),
            ("dense", kernels[1], biases[1]),
        ],
        21,
        "mean_squared_error",
        3,
        real,
        batch,
    )
    net.restart("Adam", {"learning_rate": 0.01, **options})
    table = net.runs.view(RUN).ravel()
    for run, ld in zip(table, (160, 160, 16, 16), strict=True):
        run["ld"] = ld
    table["l1"][[0, 2]], table["l2"] = 0.01, 0.02
    for name, value in zip(("constraint", "low", "high", "rate"), held, strict=False):
        table[name] = value
    net.runs = table[[3, 0, 2]].copy().view(np.int64).reshape(-1, len(RUN))
    return net


def trained(dtype, batch=40, epochs=2, max_rows=None, **options):
    net = special_net(dtype, batch, **options)
    rng = seeded("special data")
    x, y = rng.normal(size=(100, 21)), rng.normal(size=(100, 3))
    net.train(x, y, epochs=epochs, shuffle=True, seed=5)
    return [net.params.tobytes(), *(s.tobytes() for s in net.state)], net.sums.copy()


@pytest.mark.parametrize("dtype", REALS)
@pytest.mark.parametrize("held", [(FREE,), (NON_NEGATIVE,), (COLUMNS, 0.2, 0.7, 1.0)])
def test_flat_pass_and_tasks_agree(dtype, held):
    """A norm that is never reached asks for the flat pass."""
    options = {"use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 3}
    one, sums = trained(dtype, held=held, **options)
    other, others = trained(dtype, held=held, global_clipnorm=1e30, **options)
    assert one == other
    assert sums.tobytes() == others.tobytes()


@pytest.mark.parametrize(
    "options", [{}, {"clipnorm": 0.5}, {"gradient_accumulation_steps": 2}]
)
def test_bits_over_threads(options, threads):
    reference = None
    for count in (1, 2, 3, 8):
        _core.set_num_threads(count)
        weights, sums = trained("float32", use_ema=True, **options)
        found = weights, sums.tobytes()
        reference = reference or found
        assert found == reference, count


def test_weights_that_are_not_trained_stay():
    """The first layer's bias is in no run, though its kernel is."""
    net = special_net("float32", 40)
    bias = net.params[21 * 160 : 22 * 160].copy()
    kernel = net.params[: 21 * 160].copy()
    rng = seeded("still")
    net.train(rng.normal(size=(80, 21)), rng.normal(size=(80, 3)))
    assert (net.params[21 * 160 : 22 * 160] == bias).all()
    assert (net.params[: 21 * 160] != kernel).any()
