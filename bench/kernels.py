# SPDX-License-Identifier: BSD-3-Clause
"""Products and updates alone: GFLOP/s and parameters per second, pynn beside PyTorch.

python bench/kernels.py --rival pynn      one line of JSON
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import machine

BATCHES = (32, 128, 512)
LAYERS = ((784, 128), (128, 10), (256, 128), (512, 512), (1024, 4096), (4096, 4096))
# one parameter takes 16 bytes: weight, gradient, two moments
PARAMETERS = {"L1": 1_024, "L2": 32_768, "L3": 524_288, "DRAM": 16_777_216}
REPEATS = 3  # in each round of `compare`
LEAST = 0.01  # seconds of one timing

Calls = dict[str, Callable[[], object]]


def seconds(calls: Calls) -> dict[str, float]:
    """Return the median time of each call; the calls take turns."""
    counts = {}
    for name, call in calls.items():
        call()
        start = time.perf_counter()
        call()
        counts[name] = max(1, int(LEAST / (time.perf_counter() - start)))
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(REPEATS):
        for name, call in calls.items():
            start = time.perf_counter()
            for _ in range(counts[name]):
                call()
            times[name].append((time.perf_counter() - start) / counts[name])
    return {name: statistics.median(values) for name, values in times.items()}


def pynn_products(rows: int, k: int, n: int) -> dict[str, float]:
    """Return seconds of the products of a dense layer with bias.

    The backward pass needs a forward pass before it: what that takes is subtracted.
    """
    import numpy as np

    from pynn import _core, _ops

    rng = np.random.default_rng(0)
    params = np.zeros((k + 1, _ops.stride(n)), np.float32)
    params[:, :n] = rng.standard_normal((k + 1, n), np.float32)
    x = rng.standard_normal((rows, k), np.float32)
    dy = rng.standard_normal((rows, n), np.float32)
    grads, dx = np.zeros_like(params), np.zeros_like(x)
    op = (_ops.OPS.index("dense"), 0, 0, 1, -1, _ops.BIAS, 0, -1, 0, ())
    shape = {"dtype": 0, "output": 1, "target": -1, "n_params": params.size}
    plans = [
        _core.Plan([op], [(1, k), (1, n)], **shape, max_rows=rows, input_gradient=dx)
        for dx in (False, True)
    ]

    def forward(plan: Any = plans[0]) -> None:
        plan.forward(params, None, x, None, None, 0, rows, None, None)

    def weights() -> None:
        forward()
        plans[0].backward(params, None, dy, rows, grads, None)

    def both() -> None:
        forward(plans[1])
        plans[1].backward(params, None, dy, rows, grads, dx)

    took = seconds({"y": forward, "dw": weights, "dx": both})
    return {
        "y": took["y"],
        "dw": took["dw"] - took["y"],
        "dx": took["dx"] - took["dw"],
    }


def torch_products(rows: int, k: int, n: int) -> dict[str, float]:
    """Return seconds of the same products with addmm and mm, into given arrays."""
    import torch

    w, bias, x, dy = (
        torch.randn(*shape) for shape in ((k, n), (n,), (rows, k), (rows, n))
    )
    y, dw, dx = torch.empty(rows, n), torch.empty(k, n), torch.empty(rows, k)
    return seconds(
        {
            "y": lambda: torch.addmm(bias, x, w, out=y),
            "dw": lambda: torch.mm(x.t(), dy, out=dw),
            "dx": lambda: torch.mm(dy, w.t(), out=dx),
        }
    )


def pynn_update(size: int) -> float:
    """Return seconds of a step of Adam over a flat vector."""
    import numpy as np

    from pynn import _core, optimizers

    rng = np.random.default_rng(0)
    params, grads = (rng.standard_normal(size, np.float32) for _ in range(2))
    slots, runs = (
        [np.zeros_like(params) for _ in range(2)],
        np.array([[0, size, size, *[0] * 7]]),
    )
    state = (optimizers.Adam().spec(), 1e-3, slots, np.ones(2), 0, runs, params, grads)
    return seconds({"": lambda: _core.update(0, *state)})[""]


def torch_update(size: int) -> float:
    """Return seconds of a step of the fused Adam over one tensor."""
    import torch

    torch.set_flush_denormal(True)
    params = torch.randn(size, requires_grad=True)
    params.grad = torch.randn(size)
    adam = torch.optim.Adam([params], 1e-3, eps=1e-7, fused=True)
    return seconds({"": adam.step})[""]


MAKERS = {
    "pynn": (pynn_products, pynn_update),
    "torch": (torch_products, torch_update),
}


def measure(rival: str) -> dict[str, Any]:
    """Return GFLOP/s by shape and product, and million parameters/s by level."""
    products, update = MAKERS[rival]
    speeds: dict[str, Any] = {}
    for k, n in LAYERS:
        for rows in BATCHES:
            took = products(rows, k, n)
            flops = 2e-9 * rows * k * n
            speeds[f"{rows} x {k} x {n}"] = {
                name: flops / max(t, 1e-9) for name, t in took.items()
            }
    rates = {level: size / update(size) / 1e6 for level, size in PARAMETERS.items()}
    return {"products": speeds, "updates": rates}


def compare(rivals: list[str], rounds: int = 2) -> dict[str, Any]:
    """Measure in processes of their own, in turns; keep the medians of the rounds."""
    runs: dict[str, list[Any]] = {rival: [] for rival in rivals}
    for _ in range(rounds):
        for rival in rivals:
            command = [sys.executable, __file__, "--rival", rival]
            runs[rival].append(json.loads(subprocess.check_output(command)))
            print(f"kernels of {rival}", flush=True)
    return {rival: medians(found) for rival, found in runs.items()}


def medians(found: list[Any]) -> Any:
    """Return the median of each number in equal trees."""
    if isinstance(found[0], dict):
        return {key: medians([tree[key] for tree in found]) for key in found[0]}
    return statistics.median(found)


def main() -> None:
    """Parse the command line, pin the process to one CPU, print the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rival", choices=list(MAKERS), default="pynn")
    rival = parser.parse_args().rival
    machine.pin(1)
    print(json.dumps(measure(rival)))


if __name__ == "__main__":
    main()
