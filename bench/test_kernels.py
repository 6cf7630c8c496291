# SPDX-License-Identifier: BSD-3-Clause
"""Single operations through plans of one record: GFLOP/s, percent of the peak of one
core, and elements per second. Float64, or float32 against it, is checked first."""

import numpy as np
import pytest

pytest.importorskip("pynn")

from pynn import _core, _ops, optimizers

# rows, in, out: layers of W3, W4, W5, W6, and one row
SHAPES = [(1, 784, 128), (32, 784, 128), (128, 784, 512), (256, 50, 256)]
SHAPES += [(512, 1024, 4096)]
DTYPES = ["float32", "float64"]
# one step of Adam on numbers of order 1; sums of 4096 products have their own bound
TOLERANCE = {"float32": 2e-4, "float64": 1e-11}


def dense(dtype, k, n, rows, dx):
    """Return a training plan of one dense op with bias, and its parameters."""
    width = _ops.stride(n)
    rng = np.random.default_rng(0)
    params = np.zeros((k + 1, width), dtype)
    params[:k, :n] = rng.normal(size=(k, n)) / np.sqrt(k)
    op = (_ops.OPS.index("dense"), 0, 0, 1, -1, _ops.BIAS, 0, -1, 0, ())
    plan = _core.Plan(
        [op],
        [(1, k), (1, n)],
        dtype=_ops.DTYPES.index(dtype),
        output=1,
        target=-1,
        n_params=params.size,
        max_rows=rows,
        input_gradient=dx,
    )
    return plan, params


def report_rate(benchmark, name, count):
    """Put millions a second on record."""
    if benchmark.stats:
        benchmark.extra_info[name] = count / benchmark.stats.stats.median / 1e6


def report_flops(benchmark, peak, dtype, flops):
    """Put the speed and its share of the peak on record."""
    if not benchmark.stats:  # --benchmark-disable
        return
    gflops = flops / benchmark.stats.stats.median / 1e9
    benchmark.extra_info["gflops"] = gflops
    if peak:
        benchmark.extra_info["percent_of_peak"] = 100 * gflops / peak[dtype]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("products", ["y", "y and dw", "y, dw and dx"])
def test_dense(benchmark, peak, shape, dtype, products):
    rows, k, n = shape
    dx = products.endswith("dx")
    plan, params = dense(dtype, k, n, rows, dx)
    rng = np.random.default_rng(1)
    x = rng.normal(size=(rows, k)).astype(dtype)
    dy = rng.normal(size=(rows, n)).astype(dtype)
    y, grads = np.zeros((rows, n), dtype), np.zeros_like(params)
    into = np.zeros_like(x) if dx else None

    def forward():
        plan.forward(params, None, x, None, None, 0, rows, y, None)

    def forward_and_backward():
        forward()
        plan.backward(params, None, dy, rows, grads, into)

    forward_and_backward()
    w, tolerance = params[:k, :n].astype(float), TOLERANCE[dtype]
    np.testing.assert_allclose(y, x @ w, atol=tolerance)
    wanted = x.T @ dy.astype(float)
    np.testing.assert_allclose(grads[:k, :n], wanted, atol=tolerance * np.sqrt(rows))
    if dx:
        np.testing.assert_allclose(into, dy @ w.T, atol=tolerance)
    benchmark.group = f"dense {rows}x{k}x{n} {dtype}"
    benchmark(forward if products == "y" else forward_and_backward)
    count = {"y": 1, "y and dw": 2}.get(products, 3)
    report_flops(benchmark, peak, dtype, 2 * count * rows * k * n)


def elementwise(kind, select, dtype, rows, width):
    """Return an inference plan of one op that keeps the shape."""
    op = (_ops.OPS.index(kind), select, 0, 1, -1, 0, -1, -1, 0, (1.0, 0.0, 0.0, 0.0))
    return _core.Plan(
        [op],
        [(1, width), (1, width)],
        dtype=_ops.DTYPES.index(dtype),
        output=1,
        target=-1,
        n_params=0,
        max_rows=0,
    )


def run_elementwise(benchmark, kind, select, rows, width):
    """Check float32 against float64, then time float32."""
    x = np.random.default_rng(0).normal(size=(rows, width)).astype(np.float32)
    outputs = {}
    for dtype in DTYPES:
        plan = elementwise(kind, select, dtype, rows, width)
        outputs[dtype] = np.zeros((rows, width), dtype)
        x_typed, none = x.astype(dtype), np.zeros(0, dtype)
        arguments = (none, None, x_typed, 0, rows, outputs[dtype])
        if dtype == "float32":
            timed = (plan.predict, *arguments)
        plan.predict(*arguments)
    np.testing.assert_allclose(outputs["float32"], outputs["float64"], 1e-5, 1e-6)
    benchmark(*timed)
    report_rate(benchmark, "elements_per_us", x.size)


@pytest.mark.parametrize("name", _ops.ACTIVATIONS)
def test_activation(benchmark, name):
    benchmark.group = "activations, 64x256 float32"
    run_elementwise(benchmark, "activation", _ops.ACTIVATIONS.index(name), 64, 256)


@pytest.mark.parametrize("width", [3, 10, 1000])
def test_softmax(benchmark, width):
    benchmark.group = "softmax, 128 rows float32"
    run_elementwise(benchmark, "softmax", 0, 128, width)


RULES = {
    "SGD": {},
    "SGD momentum": {"momentum": 0.9},
    "RMSprop": {},
    "Adam": {},
    "AdamW": {},
    "Nadam": {},
    "Adagrad": {},
    "Lion": {},
}


# for the caches of a common server core: L1, L2, L3 (784-128-10), and memory
@pytest.mark.parametrize("parameters", [1024, 32768, 101770, 4_000_000])
@pytest.mark.parametrize("rule", RULES)
def test_update(benchmark, rule, parameters):
    """One flat pass over the parameters and the rule's state."""
    spec = getattr(optimizers, rule.split()[0])(**RULES[rule]).spec()
    size = -(-parameters // _ops.PAD) * _ops.PAD
    runs = np.array([[0, size, size, *[0] * 7]])
    after = {}
    for dtype in DTYPES:
        rng = np.random.default_rng(0)
        params, grads = (rng.normal(size=size).astype(dtype) for _ in range(2))
        slots = [np.full(size, s, dtype) for s in _core.optimizer_state(spec)]
        state = (spec, 1e-3, slots, np.ones(2), 0, runs, params, grads)
        call = (_core.update, _ops.DTYPES.index(dtype), *state)
        if dtype == "float32":
            timed = call
        call[0](*call[1:])
        after[dtype] = params
    np.testing.assert_allclose(after["float32"], after["float64"], 1e-5, 1e-6)
    benchmark.group = f"updates, {parameters:,} parameters float32"
    benchmark(*timed)
    report_rate(benchmark, "parameters_per_us", size)
