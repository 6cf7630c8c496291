# SPDX-License-Identifier: BSD-3-Clause
"""Dense with so many weights that its products pack: the same bits as without packing.

Rows of a batch and columns of the weights do not depend on each other, so parts that
are too small to be packed must give the bits that the whole gives.
"""

import dataclasses

import numpy as np
import pytest
from corenet import CoreNet
from oneop import ISAS, REALS, Case, run, seeded
from test_training import vectors

from pynn import _core

# Batch, inputs, outputs. Packed are 2 MiB of weights or more, for batches from 96 on;
# blocks hold 1536 bytes of a column and up to 384 KiB, panels 2 to 14 rows.
SHAPES = {
    "float32": [
        (96, 383, 1400),
        (97, 384, 1377),  # 87 vectors: half a panel is left on AVX-512
        (101, 385, 1361),
        (127, 769, 700),
        (113, 1024, 520),  # a task of the bias alone
        (115, 1031, 513),
        (800, 65, 8065),  # more rows than are packed at a time
        (98, 40000, 9),
    ],
    "float64": [
        (96, 191, 1400),
        (97, 193, 1361),
        (127, 1031, 260),
        (450, 65, 4033),
    ],
}
QUICK = {"generic", "v2"}  # where only the batches below 102 are run: they take seconds


def case_of(shape, real):
    rows, k, n = shape
    rng = seeded("packed", *shape)
    return Case(
        "dense",
        real.round(rng.normal(size=(rows, 1, k))),
        (1, n),
        kernel=real.round(rng.normal(size=(k, n))),
        bias=real.round(rng.normal(size=n)),
        dy=real.round(rng.normal(size=(rows, 1, n))),
    )


def some_rows(case, first, end):
    return dataclasses.replace(case, x=case.x[first:end], dy=case.dy[first:end])


def some_columns(case, first, end):
    return dataclasses.replace(
        case,
        out=(1, end - first),
        kernel=case.kernel[:, first:end],
        bias=case.bias[first:end],
        dy=case.dy[..., first:end],
    )


def cases():
    for isa in ISAS:
        for dtype, shapes in SHAPES.items():
            for shape in shapes:
                if isa not in QUICK or shape[0] < 102:
                    yield pytest.param(isa, dtype, shape, id=f"{isa}-{dtype}-{shape}")


@pytest.fixture
def isa(request):
    before = _core.isa_selected()
    _core.isa_select(request.param)
    yield
    _core.isa_select(before)


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize(("isa", "dtype", "shape"), [*cases()], indirect=["isa"])
def test_bits_of_the_parts(dtype, shape):
    case, real = case_of(shape, REALS[dtype]), REALS[dtype]
    found = run(case, real)
    rows, _, n = shape
    for first in range(0, rows, 95):
        part = run(some_rows(case, first, min(first + 95, rows)), real)
        for name in ("y", "dx"):
            whole = found[name][first : first + 95]
            assert part[name].tobytes() == whole.tobytes(), (name, first)
    for first in range(0, n, 240):  # of whole pads
        end = min(first + 240, n)
        part = run(some_columns(case, first, end), real)["grads"]
        whole = found["grads"][:, first:end]
        assert part[:, : end - first].tobytes() == whole.tobytes(), first
    assert not found["grads"][:, n:].any()


@pytest.mark.parametrize("dtype", REALS)
def test_against_float64(dtype):
    real, shape = REALS[dtype], SHAPES[dtype][1]
    case = case_of(shape, real)
    x, dy, found = case.x[:, 0], case.dy[:, 0], run(case, real)
    exact = {"y": (x, case.kernel), "dx": (dy, case.kernel.T), "grads": (x.T, dy)}
    for name, (a, b) in exact.items():
        rounding = (a.shape[1] + 2) * real.u  # of a chain; both sides if it is float64
        result = found[name].reshape(len(found[name]), -1)
        expected = a @ b + (case.bias if name == "y" else 0)
        bound = 2 * rounding * (np.abs(a) @ np.abs(b) + 4)
        error = np.abs(result[: len(expected), : expected.shape[1]] - expected)
        assert (error <= bound).all(), name


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("dtype", REALS)
@pytest.mark.parametrize("held", [160, 100], ids=["fused", "pieces"])
def test_training(dtype, held):
    """Any threads; a batch in pieces; weights of a batch that is too small to pack."""
    real, found = REALS[dtype], []
    rng = seeded("packed net")
    x = real.round(rng.normal(size=(160, 600))).astype(real.type)
    y = real.round(rng.normal(size=(160, 3))).astype(real.type)
    kernels = [(600, 1100), (1100, 1030), (1030, 3)]
    described = []
    for k, n in kernels:
        kernel = real.round(rng.normal(size=(k, n)) / np.sqrt(k))
        described += [("dense", kernel, np.zeros(n)), ("activation", "relu")]
    for threads, max_rows in ((1, held), (3, held), (2, 160), (1, 95)):
        _core.set_num_threads(threads)
        net = CoreNet(
            described[:-1], 600, "mean_squared_error", 3, real, 160, (), max_rows
        )
        net.restart("Adam", {})
        net.train(x, y, epochs=2)
        found.append([*vectors(net), net.sums.tobytes(), net.predict(x).tobytes()])
    assert found[0] == found[1] == found[2] == found[3]
