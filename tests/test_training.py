# SPDX-License-Identifier: BSD-3-Clause
"""Whole trainings in the core: step by step against the oracle, and the same bits
however they are cut into calls, threads and batches of a prediction.
"""

import numpy as np
import pytest
from corenet import CoreNet, oracle_layers
from oneop import REALS, seeded
from oracle import losses as oracle_losses
from oracle import optimizers as oracle_optimizers
from oracle import philox, table, train
from test_updates import CONFIGURATIONS, IDS

import pynn
from pynn import _core

F32, F64 = REALS["float32"], REALS["float64"]
ROWS, WIDTH, CLASSES, BATCH = 50, 7, 3, 16  # four steps an epoch, the last of 2 rows


def description(rng, real, hidden=19, dropout=0.25):
    """Dense, tanh, dropout, dense, gelu, dense: every way a gradient can pass."""

    def normal(*shape):
        return real.round(rng.normal(size=shape) / np.sqrt(shape[0]))

    return [
        ("dense", normal(WIDTH, hidden), normal(hidden)),
        ("activation", "tanh"),
        ("dropout", dropout, 2**40 + 5),
        ("dense", normal(hidden, 17), None),
        ("activation", "gelu"),
        ("dense", normal(17, CLASSES), normal(CLASSES)),
    ]


def data(rng, real, rows=ROWS, width=WIDTH):
    """Inputs and labels that follow from them, so that there is much to learn."""
    x = real.round(rng.normal(size=(rows, width)))
    return x.astype(real.type), x[:, :CLASSES].argmax(axis=1)


def network(real, loss="sparse_categorical_crossentropy_logits", **rest):
    """A `CoreNet` with its description and data."""
    rng = seeded("network")
    described = description(rng, real, **rest)
    x, y = data(rng, real)
    net = CoreNet(described, WIDTH, loss, 1, real, BATCH)
    return net, described, x, y


EPOCHS = 3
STEPS = EPOCHS * -(-ROWS // BATCH)


def losses_of_steps(net, x, y, **rest):
    """Train step by step; the loss of each."""
    found, before, rows_before = [], 0.0, 0
    for step in range(STEPS):
        if net.position == 0 or net.position >= len(x):
            net.sums[...] = before = rows_before = 0.0
        assert net.train(x, y, steps=1, **rest) == (step % 4 == 3, 1, -1)
        rows = min(BATCH, len(x) - int(rows_before))
        found.append((net.sums[0, 0] - before) / rows)
        before, rows_before = net.sums[0, 0], rows_before + rows
    return found


# float64 shows whether the formulas agree; float32 whether nothing is lost on the way.
# Rounding grows by a small factor per step: 12 steps from 1e-16 (6e-8) stay far below.
LIMITS = {"float32": 3e-4, "float64": 1e-11}


@pytest.mark.parametrize("dtype", REALS)
@pytest.mark.parametrize("index", range(len(CONFIGURATIONS)), ids=IDS)
def test_training_against_oracle(index, dtype):
    name, options = CONFIGURATIONS[index]
    real = REALS[dtype]
    net, described, x, y = network(real)
    net.restart(name, options)
    optimizer = getattr(oracle_optimizers, name)(**options)
    batches = [b for _ in range(EPOCHS) for b in train.batches(x, y, BATCH)]
    expected, weights = train.train(
        oracle_layers(described, BATCH, STEPS),
        "sparse_categorical_crossentropy_logits",
        optimizer,
        batches,
    )
    found = losses_of_steps(net, x, y)
    np.testing.assert_allclose(found, expected, rtol=LIMITS[dtype])
    moved = 0.0
    starts = [w for d in described if d[0] == "dense" for w in d[1:] if w is not None]
    for got, w, start in zip(net.weights(), weights, starts, strict=True):
        np.testing.assert_allclose(got, w, rtol=LIMITS[dtype], atol=LIMITS[dtype])
        moved = max(moved, np.abs(w - start).max())
    assert moved > 1e-3, "nothing was learned, so nothing was tested"


def test_every_rule_is_trained_with():
    used = {name for name, _ in CONFIGURATIONS}
    assert {cls.__name__ for cls, _ in oracle_optimizers.OPTIMIZERS.values()} <= used
    assert len(table.names("OPTIMIZER")) == 12


def fresh(optimizer="Adam", real=F32, options=None, **rest):
    net, _, x, y = network(real, **rest)
    net.restart(optimizer, options or {"learning_rate": 0.01})
    return net, x, y


def vectors(net):
    """Everything that training moves, as bytes."""
    return [v.tobytes() for v in (net.params, *net.state, net.scalar)]


@pytest.mark.parametrize("dtype", REALS)
@pytest.mark.parametrize("index", range(len(CONFIGURATIONS)), ids=IDS)
def test_fused_update_is_the_flat_one(index, dtype):
    """`train` gives the bits of forward, backward and update one after the other."""
    name, options = CONFIGURATIONS[index]
    net, x, y = fresh(name, REALS[dtype], options)
    net.train(x, y, epochs=2)
    other, _, _ = fresh(name, REALS[dtype], options)
    rate, grads = other.optimizer.rates(0, 1)[0], np.empty_like(other.params)
    iteration = 0
    for start in (*range(0, ROWS, BATCH), *range(0, ROWS, BATCH)):
        rows = slice(start, min(start + BATCH, ROWS))
        n = len(x[rows])
        other.plan.forward(
            other.params, None, x[rows], y[rows], None, iteration, n, None, None
        )
        other.plan.backward(other.params, None, None, n, grads, None)
        iteration = _core.update(
            other.real.number,
            other.spec,
            rate,
            other.state,
            other.scalar,
            iteration,
            other.runs,
            other.params,
            grads,
        )
    assert vectors(net) == vectors(other)
    assert net.iteration == iteration == 8


def test_pieces_of_wide_rows():
    """A task moves a part of each of its rows; the flat pass moves runs."""
    weights = []
    for clip in (None, 1e30):  # a clipped norm asks for the flat pass
        pynn.utils.set_random_seed(5)
        model = pynn.Sequential([pynn.Input((21,)), pynn.layers.Dense(2087)])
        model.compile(pynn.optimizers.Adam(global_clipnorm=clip), "mse")
        x = np.linspace(-1, 1, 40 * 21).reshape(40, 21)
        model.fit(x, np.sin(x @ np.ones((21, 2087))), batch_size=20, verbose=0)
        weights.append(b"".join(w.tobytes() for w in model.get_weights()))
    assert weights[0] == weights[1]


@pytest.mark.parametrize("optimizer", ["SGD", "Adam", "Nadam"])
def test_cut_into_calls(optimizer):
    """Three epochs at once, one by one, and in runs of five steps."""
    whole, x, y = fresh(optimizer)
    assert whole.train(x, y, epochs=3, shuffle=True, seed=11) == (3, 12, -1)
    single, _, _ = fresh(optimizer)
    for epoch in range(3):
        single.sums[...] = 0.0
        assert single.train(x, y, shuffle=True, seed=11) == (1, 4, -1)
        assert single.sums[0].tobytes() == whole.sums[epoch].tobytes()
    cut, _, _ = fresh(optimizer)
    left, calls = 3, 0
    while left:
        left -= cut.train(x, y, epochs=left, steps=5, shuffle=True, seed=11)[0]
        calls += 1
    assert calls == 3
    assert vectors(whole) == vectors(single) == vectors(cut)
    assert whole.params.tobytes() != whole.start.tobytes()


def test_the_same_rows_every_step():
    """Also after an epoch that begins in its middle."""
    results = []
    for steps in (0, 1):
        net, x, y = fresh("SGD")
        net.position, left = 5, 3
        while left:
            left -= net.train(x[:BATCH], y[:BATCH], epochs=left, steps=steps)[0]
        results.append((vectors(net), net.iteration))
    assert results[0] == results[1]


def test_shuffle_is_the_documented_permutation():
    """Fisher and Yates from Philox, numbered by epoch; every row once."""
    net, x, y = fresh("SGD", F64)
    net.train(x, y, epochs=2, shuffle=True, seed=2**35 + 1)
    ordered, _, _ = fresh("SGD", F64)
    for epoch in range(2):
        order = philox.permutation(2**35 + 1, epoch, ROWS)
        assert sorted(order) == list(range(ROWS))
        ordered.train(x[order], y[order])
    assert vectors(net) == vectors(ordered)


def test_rates_of_each_step():
    net, x, y = fresh("SGD", F64)
    rates = np.array([0.1, 0.2, 0.0, 0.3])
    net.train(x, y, epochs=2, rates=rates)  # the last one repeats
    other, _, _ = fresh("SGD", F64)
    for rate in (0.1, 0.2, 0.0, *[0.3] * 5):
        other.train(x, y, steps=1, rates=np.array([rate]))
    assert vectors(net) == vectors(other)


@pytest.mark.parametrize("shuffle", [False, True])
def test_weights_of_rows(shuffle):
    """A weight of zero still counts as a row; weights scale losses and gradients."""
    rng = seeded("weights of rows")
    weight = rng.uniform(0.0, 2.0, ROWS)
    weight[::5] = 0.0
    net, described, x, y = network(F64, dropout=0.0)
    net.restart("SGD", {"learning_rate": 0.1})
    net.train(x, y, weight=weight, shuffle=shuffle, seed=3)
    order = philox.permutation(3, 0, ROWS) if shuffle else None
    expected, weights = train.train(
        oracle_layers(described, BATCH, STEPS),
        "sparse_categorical_crossentropy_logits",
        oracle_optimizers.SGD(0.1),
        train.batches(x, y, BATCH, order, weight),
    )
    sizes = [16, 16, 16, 2]
    np.testing.assert_allclose(net.sums[0, 0], np.dot(expected, sizes), rtol=1e-12)
    for got, w in zip(net.weights(), weights, strict=True):
        np.testing.assert_allclose(got, w, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("options", [{}, {"global_clipnorm": 0.05}], ids=str)
@pytest.mark.parametrize("frozen", [(0,), (3,), (0, 3), (3, 5)])
def test_frozen_layers(frozen, options):
    """They keep their weights, pass gradients on, and count in no norm."""
    net, described, x, y = network(F64, dropout=0.0)
    described = [
        (*layer, True) if i in frozen else layer for i, layer in enumerate(described)
    ]
    loss = "sparse_categorical_crossentropy_logits"
    net = CoreNet(described, WIDTH, loss, 1, F64, BATCH)
    net.restart("Adam", options)
    net.train(x, y)
    made = oracle_layers(described, BATCH, STEPS)
    moving = [layer for i, layer in enumerate(made) if i not in frozen]
    optimizer = oracle_optimizers.Adam(**options)
    for rows in train.batches(x, y, BATCH):
        train.gradients(made, loss, *rows)
        optimizer.step(
            [w for layer in moving for w in layer.weights],
            [g for layer in moving for g in layer.grads],
        )
    expected = [w for layer in made for w in layer.weights]
    for got, w in zip(net.weights(), expected, strict=True):
        np.testing.assert_allclose(got, w, rtol=1e-11, atol=1e-12)
    assert net.params.tobytes() != net.start.tobytes()


def test_bad_step_is_reported():
    net, x, y = fresh("SGD")
    broken = x.copy()
    broken[40, 2] = np.nan
    assert net.train(broken, y)[2] == 2


@pytest.mark.parametrize("rows", [1, 15, 64, 1000])
def test_one_batch_of_any_size(rows):
    """One step on all rows at once, however the core cuts them into blocks."""
    rng = seeded("one batch", rows)
    x, y = data(rng, F64, rows)
    described = description(rng, F64, dropout=0.0)
    loss = "sparse_categorical_crossentropy_logits"
    net = CoreNet(described, WIDTH, loss, 1, F64, rows)
    net.restart("SGD", {"learning_rate": 0.1})
    assert net.train(x, y, shuffle=True) == (1, 1, -1)
    (expected,), weights = train.train(
        oracle_layers(described, 1, 1), loss, oracle_optimizers.SGD(0.1), [(x, y)]
    )
    assert net.sums[0, 0] / rows == pytest.approx(expected, rel=1e-12)
    for got, w in zip(net.weights(), weights, strict=True):
        np.testing.assert_allclose(got, w, rtol=1e-11, atol=1e-13)


def test_one_neuron_learns_to_double():
    """x = 1 ... 4, y = 2 x, from zero: the table of losses, weights and biases."""
    x = np.arange(1.0, 5.0).reshape(4, 1)
    net = CoreNet(
        [("dense", np.zeros((1, 1)), np.zeros(1))], 1, "mean_squared_error", 1, F64, 4
    )
    net.restart("SGD", {"learning_rate": 0.1})
    rows = []
    for _ in range(5):
        net.sums[...] = 0.0
        net.train(x, 2 * x)
        w, b = net.weights()
        rows.append((net.sums[0, 0] / 4, w[0, 0], b[0]))
    expected = [
        (30.0, 3.0, 1.0),
        (13.5, 1.0, 0.3),
        (6.09, 2.35, 0.74),
        (2.7614, 1.455, 0.417),
        (1.2653, 2.064, 0.6061),
    ]
    np.testing.assert_allclose(rows, expected, atol=5e-5)
    assert oracle_losses.batch_loss(np.array([4.0, 16.0, 36.0, 64.0])) == 30.0
