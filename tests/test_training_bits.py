# SPDX-License-Identifier: BSD-3-Clause
"""Bits of training and prediction: threads, slices, instruction sets, pieces."""

from pathlib import Path

import numpy as np
import pytest
from corenet import CoreNet
from oneop import ISAS, REALS, seeded
from test_training import vectors

from pynn import _core


def wide_net(real, max_rows=None):
    """Large enough that several threads take part: 300-256-10, batches of 96 rows."""
    rng = seeded("wide")
    x = real.round(rng.normal(size=(200, 300))).astype(real.type)
    y = x[:, :10].argmax(axis=1)
    described = [
        ("dense", real.round(rng.normal(size=(300, 256)) / 17), np.zeros(256)),
        ("activation", "relu"),
        ("dropout", 0.5, 99),
        ("noise", 1, 0.25, 98),
        ("dense", real.round(rng.normal(size=(256, 10)) / 13), np.zeros(10)),
        ("softmax",),
    ]
    net = CoreNet(
        described,
        300,
        "sparse_categorical_crossentropy_logits",
        1,
        real,
        96,
        ("sparse_categorical_accuracy",),
        max_rows,
    )
    net.restart("Adam", {"learning_rate": 0.01})
    return net, x, y


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("dtype", REALS)
def test_bits_for_any_number_of_threads(dtype):
    found = []
    for n in (1, 2, 3, 8):
        _core.set_num_threads(n)
        assert _core.get_num_threads() == n
        net, x, y = wide_net(REALS[dtype])
        net.train(x, y, epochs=2, shuffle=True, seed=1)
        sums = np.zeros(2)
        net.judge.evaluate(net.params, None, x, y, None, 0, len(x), sums)
        outputs = (net.sums, net.predict(x), sums)
        found.append([*vectors(net), *(v.tobytes() for v in outputs)])
    assert found[0] == found[1] == found[2] == found[3]
    tasks = Path("/proc/self/task")
    assert not tasks.exists() or len([*tasks.iterdir()]) >= 8, "no threads were started"


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("dtype", REALS)
def test_any_slicing_of_a_prediction(dtype):
    net, x, _ = wide_net(REALS[dtype])
    for n in (1, 3):
        _core.set_num_threads(n)
        whole = net.predict(x)
        for size in (1, 2, 7, 16, 33, 96, 199):
            parts = [
                net.predict(x, i, min(size, len(x) - i)) for i in range(0, len(x), size)
            ]
            assert np.concatenate(parts).tobytes() == whole.tobytes(), (n, size)


@pytest.mark.parametrize("pair", [("generic", "v2"), ("v3", "v4")], ids="-".join)
@pytest.mark.parametrize("dtype", REALS)
def test_bits_between_instruction_sets(dtype, pair):
    if not set(pair) <= set(ISAS):
        pytest.skip("this machine has " + ", ".join(ISAS))
    before, found = _core.isa_selected(), []
    try:
        for isa in pair:
            _core.isa_select(isa)
            net, x, y = wide_net(REALS[dtype])
            net.train(x, y, shuffle=True, seed=3)
            found.append(vectors(net))
    finally:
        _core.isa_select(before)
    assert found[0] == found[1]


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("dtype", REALS)
@pytest.mark.parametrize("held", [1, 7, 64])
@pytest.mark.parametrize("options", [{}, {"clipnorm": 0.1}], ids=["fused", "flat"])
def test_batch_larger_than_the_plan_holds(held, dtype, options):
    """Pieces of a batch add up to the bits of the whole, masks and noise included."""
    found = []
    for max_rows, threads in ((96, 1), (held, 1), (held, 3)):
        _core.set_num_threads(threads)
        net, x, y = wide_net(REALS[dtype], max_rows)
        net.restart("Adam", options)
        assert net.train(x, y, shuffle=True) == (1, 3, -1)
        found.append([*vectors(net), net.sums.tobytes()])
    assert found[0] == found[1] == found[2]
