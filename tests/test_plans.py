# SPDX-License-Identifier: BSD-3-Clause
"""Plans at their limits: very wide layers, and batches that would not fit the arena."""

import numpy as np
import pytest
from corenet import CoreNet, oracle_layers
from oneop import REALS, seeded
from oracle import optimizers as oracle_optimizers
from oracle import train

from pynn import _core
from pynn._ops import OPS

F32, F64 = REALS["float32"], REALS["float64"]


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("options", [{}, {"clipnorm": 0.01}], ids=["fused", "flat"])
def test_layers_wider_than_a_task(options):
    """Gradients of 20 x 2063 weights are cut by columns, of 2063 x 20 by rows."""
    rng = seeded("wide layers")

    def normal(*shape):
        return rng.normal(size=shape) / np.sqrt(shape[0])

    described = [
        ("dense", normal(20, 2063), normal(2063)),
        ("activation", "tanh"),
        ("dense", normal(2063, 20), normal(20)),
    ]
    x, y = rng.normal(size=(2, 24, 20))
    optimizer = oracle_optimizers.Adam(**options)
    batches = [b for _ in range(2) for b in train.batches(x, y, 9)]
    made = oracle_layers(described, 9, 0)
    expected, weights = train.train(made, "mean_squared_error", optimizer, batches)
    found = []
    for n in (1, 3):
        _core.set_num_threads(n)
        net = CoreNet(described, 20, "mean_squared_error", 20, F64, 9)
        net.restart("Adam", options)
        net.train(x, y, epochs=2)
        sums = np.dot(expected.reshape(2, 3), [9, 9, 6])
        np.testing.assert_allclose(net.sums[:, 0], sums, rtol=1e-11)
        # Adam divides by roots of squared gradients, which may be as small as 1e-6.
        for got, w in zip(net.weights(), weights, strict=True):
            np.testing.assert_allclose(got, w, rtol=1e-8, atol=1e-10)
        found.append(net.params.tobytes())
    assert found[0] == found[1]


def big_net(rows):
    """4096-512-1 for batches of `rows` rows."""
    rng = seeded("big")
    described = [
        ("dense", F32.round(rng.normal(size=(4096, 512)) / 64), np.zeros(512)),
        ("activation", "relu"),
        ("dense", F32.round(rng.normal(size=(512, 1)) / 23), np.zeros(1)),
    ]
    return CoreNet(described, 4096, "mean_squared_error", 1, F32, rows)


def test_memory_of_a_huge_batch_is_bounded():
    """The rows that a plan holds take some 64 MB, whatever the batch."""
    small, large, huge = (big_net(n).plan.nbytes for n in (64, 10**5, 10**9))
    weights = 4097 * 512 * 4
    assert small < 4 * weights
    assert large == huge < 4 * weights + 80e6
    assert large > 32e6, "nothing was bounded"


def test_batch_beyond_the_arena():
    """3000 rows of 4096 do not fit in 64 MB; the bits are those of smaller pieces."""
    rng = seeded("beyond")
    x = rng.normal(size=(3000, 4096)).astype(np.float32)
    y = x[:, :1].copy()
    found = []
    for rows in (3000, 64):
        net = big_net(rows)
        net.batch = 3000
        net.restart("SGD", {"learning_rate": 0.01})
        assert net.train(x, y) == (1, 1, -1)
        found.append((net.params.tobytes(), net.sums.tobytes()))
    assert found[0] == found[1]
    loss = np.square(net.predict(x).astype(float) - y).mean()
    assert loss < net.sums[0, 0] / 3000


def test_lengths_do_not_overflow():
    """Rows times columns wraps round to little; the core says no instead."""
    plan = _core.Plan(
        [(OPS.index("copy"), 0, 0, 1, -1, 0, -1, -1, 0, ())],
        [(1, 16), (1, 16)],
        dtype=0,
        output=1,
        target=-1,
        n_params=0,
        max_rows=0,
    )
    x = np.zeros((1, 16), "f4")
    for rows in (1 << 60, -1):
        with pytest.raises(ValueError, match="no such array"):
            plan.predict(np.zeros(0, "f4"), None, x, 0, rows, np.zeros(16, "f4"))
