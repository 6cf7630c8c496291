# SPDX-License-Identifier: BSD-3-Clause
"""Every op on every instruction set and element type, on shapes around every vector
length: against the oracle, and to the bit between instruction sets.
"""

import functools

import movecases
import numpy as np
import pytest
from normcases import (
    FAMILIES,
    expect_batch_norm,
    expect_group_norm,
    expect_row_norm,
)
from oneop import (
    ACTIVATIONS,
    ISAS,
    LOSSES,
    REALS,
    Case,
    dropout_mask,
    evaluate,
    noise_normals,
    padded,
    predict,
    run,
)
from oracle import activations as oracle_activations
from oracle import layers, losses, table

from pynn import _core

LEAST = {
    "dense": 72,
    "activation": 80,
    "softmax": 36,
    "dropout": 36,
    "noise": 36,
    "batch_norm": 100,
    "row_norm": 54,
    "group_norm": 50,
    "copy": 48,
    "activity": 54,
    "loss": 400,
    "score": 450,
} | movecases.LEAST


ALL = FAMILIES | movecases.FAMILIES


@functools.cache
def family(name, real):
    """All cases of a family."""
    return list(ALL[name](real))


@functools.cache
def results(name, dtype, isa):
    """What the core gives for a family with one instruction set."""
    before = _core.isa_selected()
    _core.isa_select(isa)
    try:
        return [run(case, REALS[dtype]) for case in family(name, REALS[dtype])]
    finally:
        _core.isa_select(before)


def expect_dense(case, real):
    """One chain of k + 1 products and sums, each rounded at most twice."""
    y, k = case.x @ case.kernel, case.kernel.shape[0]
    size = np.abs(case.x) @ np.abs(case.kernel)
    flat_x, flat_dy = case.x.reshape(-1, k), case.dy.reshape(-1, case.out[1])
    grads = [*(flat_x.T @ flat_dy)]
    limits = [*(np.abs(flat_x).T @ np.abs(flat_dy))]
    if case.bias is not None:
        y, size = y + case.bias, size + np.abs(case.bias)
        grads.append(flat_dy.sum(axis=0))
        limits.append(np.abs(flat_dy).sum(axis=0))
    pad = ((0, 0), (0, padded(case.out[1]) - case.out[1]))  # padding is exactly zero
    rows, n = len(flat_x), case.out[1]
    return {
        "y": (y, (k + 2) * real.u * size),
        "dx": (
            case.dy @ case.kernel.T,
            (n + 2) * real.u * (np.abs(case.dy) @ np.abs(case.kernel).T),
        ),
        "grads": (np.pad(grads, pad), (rows + 2) * real.u * np.pad(limits, pad)),
    }


def expect_activation(case, real):
    """4 roundings of the result and, where a formula takes differences of numbers near
    1, 2 of the argument (6 for the tanh that tanh_shrink takes off); twice as many for
    a slope. At NaN any derivative will do."""
    name = ACTIVATIONS[case.select]
    function, derivative = oracle_activations.ACTIVATIONS[name]
    y, slope = function(case.x, *case.attr), derivative(case.x, *case.attr)
    with np.errstate(all="ignore"):
        near = (3 if name == "tanh_shrink" else 1) * np.minimum(np.abs(case.x), 8.0)
        limit = real.u * np.abs(case.dy) * (8 * np.abs(slope) + 8) + real.tiny
        return {
            "y": (y, real.u * (4 * np.abs(y) + 2 * near) + real.tiny),
            "dx": (case.dy * slope, np.where(np.isnan(case.x), np.inf, limit)),
        }


def expect_softmax(case, real):
    """The rounding of x - max is the relative error of its exponential; a logarithm is
    rounded once more. Sums take n / 16 further roundings."""
    layer = layers.Softmax(bool(case.select))
    n = case.x.shape[-1]
    x, dy = case.x.reshape(-1, n), case.dy.reshape(-1, n)
    y, dx = layer.forward(x), layer.backward(dy)
    p = np.exp(y) if case.select else y
    slack = 2 * (x.max(axis=1, keepdims=True) - x) + 16 + n / 16
    size = np.abs(dy)
    if case.select:
        limits = slack, 2 * size + p * slack * size.sum(axis=1, keepdims=True)
    else:
        mean = (p * size).sum(axis=1, keepdims=True)
        error = (p * size * slack).sum(axis=1, keepdims=True)
        limits = p * slack, p * (slack * (size + mean) + 2 * error)
    limits = (real.u * limit + 8 * real.tiny for limit in limits)
    pairs = zip((y, dx), limits, strict=True)
    shaped = [tuple(v.reshape(case.x.shape) for v in pair) for pair in pairs]
    return dict(zip(("y", "dx"), shaped, strict=True))


def expect_dropout(case, real):
    """One rounding of the scale and one of the product; with alpha, a few of the scale,
    of the shift and of the sum."""
    mask = dropout_mask(case)
    alpha = case.select & 1
    layer = (layers.AlphaDropout if alpha else layers.Dropout)(case.attr[0], [mask])
    y = layer.forward(case.x)
    dx = layer.backward(case.dy)
    size = np.abs(y) + alpha * (np.abs(case.x) + 4.0)
    few = 4 * real.u if alpha else 2 * real.u
    return {"y": (y, few * size), "dx": (dx, few * np.abs(dx))}


def expect_noise(case, real):
    """A radius is a root: of -2 log p, where p is rounded, so that it has an error of
    1 / radius roundings beside a few of its own; then come a product and a sum."""
    normals, radii = noise_normals(case)
    layer = layers.Noise(case.select, case.attr[0], [normals])
    y, dx = layer.forward(case.x), layer.backward(case.dy)
    error = case.attr[0] * (8 * radii + 2 / radii) + 4
    sizes = (case.x, case.dy) if case.select else (1 + np.abs(case.x), 0.0)
    limits = [real.u * error * np.abs(size) for size in sizes]
    return {"y": (y, limits[0]), "dx": (dx, limits[1])}


def expect_copy(case, real):
    """Nothing changes but the shape."""
    return {
        "y": (case.x.reshape(-1, *case.out), 0.0),
        "dx": (case.dy.reshape(case.x.shape), 0.0),
    }


def expect_activity(case, real):
    """A sum of three terms, of which one is a product with a rounded factor."""
    oracle = layers.Activity(*case.attr)
    y = oracle.forward(case.x)
    dx = oracle.backward(case.dy)
    size = np.abs(case.dy) + np.abs(dx - case.dy) + 1
    return {"y": (y, 0.0), "dx": (dx, real.u * 4 * size)}


def loss_limit(case, real, value):
    """Sums over 16 lanes of n / 16 terms of order 1, each rounded some 4 times."""
    return real.u * (4 + case.x.shape[-1] / 16) * (1 + 2 * np.abs(value))


def oracle_loss(case):
    """Weighted loss of each row, and the gradient of their mean."""
    rows, inner, n = case.x.shape
    name = LOSSES[case.select]
    target = case.target.reshape(len(case.x) * inner, -1)
    if name.startswith("sparse"):
        target = target[:, 0]
    flat, slope = losses.LOSSES[name](target, case.x.reshape(-1, n), *case.attr)
    value = flat.reshape(rows, inner).mean(axis=1)
    if slope is not None:
        slope = losses.batch_gradient(
            slope.reshape(rows, inner * n) / inner, case.weight
        )
        slope = slope.reshape(case.x.shape)
    return value if case.weight is None else value * case.weight, slope


def expect_loss(case, real):
    """A small slope may be the difference of terms as large as another row's slope."""
    value, dx = oracle_loss(case)
    largest = np.abs(dx).max()
    return {
        "sum": (value.sum(keepdims=True), loss_limit(case, real, value).sum()),
        "dx": (dx, real.u * (32 * np.abs(dx) + 16 * largest)),
    }


def expect_score(case, real):
    """An accuracy is a count, so exact; but for the weights and the mean of a row."""
    value, gradient = oracle_loss(case)
    if case.weight is not None:  # scores do not know weights
        value = value / case.weight
    limit = loss_limit(case, real, value) if gradient is not None else 1e-15 * value
    return {"sum": (value.sum(keepdims=True), limit.sum())}


EXPECT = {
    "dense": expect_dense,
    "activation": expect_activation,
    "softmax": expect_softmax,
    "dropout": expect_dropout,
    "noise": expect_noise,
    "batch_norm": expect_batch_norm,
    "row_norm": expect_row_norm,
    "group_norm": expect_group_norm,
    "copy": expect_copy,
    "activity": expect_activity,
    "loss": expect_loss,
    "score": expect_score,
} | movecases.EXPECT


def assert_within(got, expected, limit, where):
    """NaN and infinities in the same places, elsewhere no further than `limit`; where
    that is infinite, anything."""
    with np.errstate(all="ignore"):
        expected = np.broadcast_to(expected, got.shape)
        rounded = expected.astype(got.dtype).astype(np.float64)
        limit = np.broadcast_to(limit, got.shape)
        same = (got == rounded) | (np.isnan(got) & np.isnan(rounded))
        bad = ~(same | (np.abs(got - expected) <= limit) | np.isinf(limit))
    if bad.any():
        i = tuple(np.argwhere(bad)[0])
        pytest.fail(
            f"{where} at {i}: got {got[i]!r}, expected {expected[i]!r} "
            f"+- {limit[i]:.3g}; {bad.sum()} of {bad.size} wrong"
        )


def assert_same_bits(a, b, where):
    """Equal bit for bit, signs of zeros included; one NaN is as good as another."""
    a, b = (np.where(np.isnan(v), np.array(np.nan, v.dtype), v) for v in (a, b))
    assert a.tobytes() == b.tobytes(), f"{where}: {np.sum(a != b)} values differ"


def test_every_op_has_a_family():
    missing = [name for name in table.names("OP") if name not in ALL]
    assert not missing, "no oracle for " + ", ".join(missing)
    assert set(ALL) == set(EXPECT) == set(LEAST) == set(table.names("OP"))
    assert ISAS[0] == "generic"


@pytest.mark.parametrize("dtype", REALS)
@pytest.mark.parametrize("name", ALL)
def test_op_against_oracle(name, dtype):
    real = REALS[dtype]
    cases = family(name, real)
    assert len(cases) >= LEAST[name]
    checked = 0
    expectations = [EXPECT[name](case, real) for case in cases]
    for isa in ISAS:
        for case, got, expected in zip(
            cases, results(name, dtype, isa), expectations, strict=True
        ):
            assert set(got) == set(expected)
            for key, (value, limit) in expected.items():
                assert_within(got[key], value, limit, f"{isa} {dtype} {case} {key}")
                checked += 1
    assert checked >= len(ISAS) * LEAST[name]


@pytest.mark.parametrize("dtype", REALS)
@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("pair", [("generic", "v2"), ("v3", "v4")], ids="-".join)
def test_bits_between_instruction_sets(name, dtype, pair):
    if not set(pair) <= set(ISAS):
        pytest.skip("this machine has " + ", ".join(ISAS))
    one, other = (results(name, dtype, isa) for isa in pair)
    for case, a, b in zip(family(name, REALS[dtype]), one, other, strict=True):
        for key in a:
            assert_same_bits(a[key], b[key], f"{case} {key}")


@pytest.mark.parametrize("dtype", REALS)
@pytest.mark.parametrize(
    "name",
    [
        "dense",
        "activation",
        "softmax",
        "affine",
        "transpose",
        "repeat",
        "copy",
        "row_norm",
        "group_norm",
        "prelu",
    ],
)
def test_prediction_is_the_forward_pass(name, dtype):
    """To the bit, also row by row."""
    real = REALS[dtype]
    for case, got in zip(
        family(name, real), results(name, dtype, _core.isa_selected()), strict=True
    ):
        assert_same_bits(predict(case, real), got["y"], str(case))
        last = Case(case.kind, case.x[-1:], case.out, **shared(case))
        assert_same_bits(predict(last, real), got["y"][-1:], str(case))


def shared(case):
    """The fields of a case that do not belong to single rows."""
    names = (
        "select",
        "attr",
        "seed",
        "step",
        "kernel",
        "bias",
        "params",
        "stats",
        "flags",
    )
    return {name: getattr(case, name) for name in names}


@pytest.mark.parametrize("dtype", REALS)
@pytest.mark.parametrize("name", ["dropout", "noise"])
def test_chance_is_off_in_prediction(name, dtype):
    for case in family(name, REALS[dtype]):
        np.testing.assert_array_equal(predict(case, REALS[dtype]), case.x)


@pytest.mark.parametrize("dtype", REALS)
@pytest.mark.parametrize("isa", ISAS)
def test_losses_row_by_row(isa, dtype):
    real = REALS[dtype]
    before = _core.isa_selected()
    _core.isa_select(isa)
    try:
        for case in family("loss", real):
            value, _ = oracle_loss(case)
            limit = loss_limit(case, real, value)
            alone, together = evaluate(case, real)
            assert_within(alone, value, limit, f"{isa} {dtype} {case}")
            assert_same_bits(alone, together, str(case))
    finally:
        _core.isa_select(before)
