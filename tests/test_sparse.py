# SPDX-License-Identifier: BSD-3-Clause
"""Products that pass over zeros: no bit may show it.

They do so in batches of 16 rows or more, for 64 columns or more, where most of the
left operand is zero; predictions from 256 rows on. Rows of a batch and columns of the
weights do not depend on each other, so parts too small for that must give the bits of
the whole.
"""

import dataclasses

import numpy as np
import pytest
from corenet import CoreNet
from oneop import (
    ISAS,
    REALS,
    Case,
    flat_params,
    make_plan,
    padded,
    predict,
    run,
    seeded,
)
from test_training import vectors

from pynn import _core

# Batch, inputs, outputs, share of zeros: around the 64 rows and steps that are listed
# at a time, and around one and two panels of 4 to 16 vectors.
SHAPES = [
    (16, 64, 64, 0.6),
    (63, 65, 127, 0.8),
    (64, 128, 129, 0.9),
    (65, 63, 272, 0.7),
    (130, 191, 64, 0.95),
    (257, 70, 150, 0.6),
    (300, 130, 65, 0.99),
    (256, 64, 128, 1.0),
]


def with_zeros(rng, shape, share, real):
    """Normal numbers, of which a share is zero, with either sign."""
    x = rng.normal(size=shape)
    zero = rng.random(shape) < share
    return real.round(np.where(zero, np.where(x < 0, -0.0, 0.0), x))


def case_of(shape, real):
    rows, k, n, share = shape
    rng = seeded("sparse", *shape)
    bias = real.round(rng.normal(size=n))
    bias[::3] = -0.0
    return Case(
        "dense",
        with_zeros(rng, (rows, 1, k), share, real),
        (1, n),
        kernel=real.round(rng.normal(size=(k, n))),
        bias=bias,
        dy=with_zeros(rng, (rows, 1, n), share, real),
    )


def plan_of(case, real):
    """For inference, its parameters, and a function of them and some rows."""
    plan, params = make_plan(case, real, 0), flat_params(case, real)
    x = case.x.astype(real.type)

    def outputs(rows):
        out = np.full((rows, *case.out), np.nan, real.type)
        plan.predict(params, None, x, 0, rows, out)
        return out

    return params, outputs


def part_of(case, rows=slice(None), columns=slice(None)):
    n = len(range(*columns.indices(case.out[1])))
    return dataclasses.replace(
        case,
        x=case.x[rows],
        out=(1, n),
        kernel=case.kernel[:, columns],
        bias=case.bias[columns],
        dy=case.dy[rows][..., columns],
    )


def pieces(total, size):
    return [slice(i, min(i + size, total)) for i in range(0, total, size)]


@pytest.fixture
def isa(request):
    before = _core.isa_selected()
    _core.isa_select(request.param)
    yield
    _core.isa_select(before)


def check_parts(case, real):
    """Outputs and gradients of the whole against those of its parts, in bits."""
    rows, n = case.rows, case.out[1]
    found, y = run(case, real), predict(case, real)
    for part in pieces(rows, 15):
        small = run(part_of(case, part), real)
        for name, whole in (("dx", found["dx"]), ("y", found["y"]), ("y", y)):
            assert small[name].tobytes() == whole[part].tobytes(), (name, part)
    for part in pieces(n, 48):
        small = run(part_of(case, columns=part), real)["grads"]
        small, whole = small[:, : part.stop - part.start], found["grads"][:, part]
        assert small.tobytes() == whole.tobytes(), part


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("isa", ISAS, indirect=True)
@pytest.mark.parametrize("dtype", REALS)
@pytest.mark.parametrize("shape", SHAPES)
def test_bits_of_the_parts(dtype, shape):
    check_parts(case_of(shape, REALS[dtype]), REALS[dtype])


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("isa", ISAS, indirect=True)
@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("where", ["kernel", "dy", "x"])
def test_not_finite(where, value):
    """Zero times infinity is not a number, wherever it stands."""
    real = REALS["float32"]
    case = case_of((257, 70, 150, 0.9), real)
    matrix = getattr(case, where).copy()
    matrix.reshape(-1, matrix.shape[-1])[5, 3] = value
    if where == "kernel":
        case.x[:, :, 5] = 0  # no product but with zeros
    case = dataclasses.replace(case, **{where: matrix})
    with np.errstate(invalid="ignore"):
        if where == "kernel":
            assert np.isnan(predict(case, real)[..., 3]).all()
            assert not np.isfinite(run(case, real)["dx"][..., 5]).any()
        elif where == "dy":
            grads = run(case, real)["grads"]
            assert not np.isfinite(grads[:, 3]).any()
            assert np.isfinite(np.delete(grads, 3, axis=1)).all()
    check_parts(case, real)


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("isa", ISAS, indirect=True)
def test_sign_of_zero():
    """Each product is -0 here, and so is the bias; the sum is 0 all the same."""
    real = REALS["float32"]
    case = case_of((257, 70, 150, 1.0), real)
    case.x[:] = 0.0
    case.kernel[:] = -np.abs(case.kernel)
    for rows in (257, 255):
        _, outputs = plan_of(case, real)
        assert not np.signbit(outputs(rows)[..., ::3]).any(), rows


def test_weights_that_change():
    """What a call knew of the weights does not hold for the next."""
    real = REALS["float32"]
    case = case_of((257, 70, 150, 0.9), real)
    case.x[:, :, 5] = 0
    params, outputs = plan_of(case, real)
    assert np.isfinite(outputs(257)).all()
    params.reshape(-1, padded(150))[5, 3] = np.inf
    for rows in (100, 257):
        assert np.isnan(outputs(rows)[..., 3]).all(), rows


def test_a_forward_pass_does_not_know_the_weights():
    """What the backward pass before it saw of them may be over."""
    real = REALS["float32"]
    case = case_of((65, 70, 150, 0.9), real)
    case.x[:, :, 5] = 0
    plan, params = make_plan(case, real, case.rows), flat_params(case, real)
    x, dy = case.x.astype(real.type), case.dy.astype(real.type)
    y = np.empty((case.rows, *case.out), real.type)
    for value in (0.0, np.inf):
        params.reshape(-1, padded(150))[5, 3] = value
        plan.forward(params, None, x, None, None, 0, case.rows, y, None)
        assert np.isfinite(y[..., 3]).any() == np.isfinite(value)
        grads, dx = np.empty_like(params), np.empty_like(x)
        plan.backward(params, None, dy, case.rows, grads, dx)


@pytest.mark.usefixtures("isa", "threads")
@pytest.mark.parametrize("isa", ISAS, indirect=True)
@pytest.mark.parametrize("dtype", REALS)
def test_training(dtype):
    """Any threads, and a plan of so few rows that all its products are plain."""
    real, found = REALS[dtype], []
    rng = seeded("sparse net")
    x = with_zeros(rng, (160, 130), 0.8, real).astype(real.type)
    y = real.round(rng.normal(size=(160, 3))).astype(real.type)
    described = []
    for k, n in [(130, 96), (96, 80), (80, 3)]:
        kernel = real.round(rng.normal(size=(k, n)) / np.sqrt(k))
        bias = np.full(n, -0.5)  # most units rest
        described += [("dense", kernel, bias), ("activation", "relu")]
    for threads, held in ((1, 40), (2, 40), (3, 40), (1, 15)):
        _core.set_num_threads(threads)
        net = CoreNet(described[:-1], 130, "mean_squared_error", 3, real, 40, (), held)
        net.restart("Adam", {})
        net.train(x, y, epochs=3)
        found.append([*vectors(net), net.sums.tobytes(), net.predict(x).tobytes()])
    assert all(other == found[0] for other in found)


def test_divergence_in_training():
    """Weights that cease to be finite do so in the same bits."""
    real, found = REALS["float32"], []
    rng = seeded("sparse divergence")
    x = with_zeros(rng, (64, 100), 0.9, real).astype(np.float32)
    y = rng.normal(size=(64, 1)).astype(np.float32)
    described = [
        ("dense", rng.normal(size=(100, 64)), np.zeros(64)),
        ("activation", "relu"),
        ("dense", rng.normal(size=(64, 1)), np.zeros(1)),
    ]
    for held in (32, 15):
        net = CoreNet(
            described, 100, "mean_squared_error", 1, real, 32, (), max_rows=held
        )
        net.restart("SGD", {"learning_rate": 1e3})
        net.train(x, y, epochs=12)
        found.append([*vectors(net), net.sums.tobytes()])
        assert not np.isfinite(net.params).all()
    assert found[0] == found[1]
