# SPDX-License-Identifier: BSD-3-Clause
"""What the machine allows: peak, bandwidths, and a bound for each workload."""

from __future__ import annotations

import itertools
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import workloads

HERE = Path(__file__).parent
LEVELS = ("L1", "L2", "L3", "DRAM")
SCALE = {"us/step": 1e6, "ms/step": 1e3, "ms/epoch": 1e3, "s/epoch": 1.0, "us": 1e6}
DATA_ROWS = {
    "xor": 4,
    "iris": 120,
    "small iris": 96,
    "mnist": 60000,
    "noise": 60000,
    "tabular": 100000,
    "wide": 1024,
}

Limits = dict[
    str, dict[str, float]
]  # "1" or "2" cores: {"fma": GFLOP/s, "read L1": GB/s, ..}


def cache_sizes() -> dict[str, int]:
    """Return bytes of the caches that one core sees, as far as the system tells."""
    names = {"L1": "LEVEL1_DCACHE", "L2": "LEVEL2_CACHE", "L3": "LEVEL3_CACHE"}
    sizes = {}
    for level, name in names.items():
        command = ["getconf", f"{name}_SIZE"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        sizes[level] = int(done.stdout or 0)
    usual = {"L1": 32 << 10, "L2": 1 << 20, "L3": 32 << 20}
    return {level: sizes[level] or usual[level] for level in usual}


def build(folder: str, itemsize: int = 4) -> str:
    """Compile the program that measures; return where it is."""
    program = str(Path(folder) / "limits")
    kind = {4: "float", 8: "double"}[itemsize]
    flags = ["-O3", "-march=native", "-ffp-contract=fast", f"-DREAL={kind}"]
    subprocess.run(["cc", *flags, HERE / "limits.c", "-o", program], check=True)
    return program


def measure() -> Limits:
    """Measure the limits of one core, and of two at once.

    Raises
    ------
    OSError, subprocess.CalledProcessError
        If there is no C compiler.
    """
    sizes = cache_sizes()
    footprint = {
        "L1": sizes["L1"] * 3 // 4,
        "L2": sizes["L2"] // 2,
        "L3": sizes["L3"] // 4,
        "DRAM": 8 * sizes["L3"],
    }
    cpus = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder:
        program = build(folder)
        found: Limits = {}
        for cores in range(1, min(2, len(cpus)) + 1):
            jobs = {"fma": [program]}
            for kind in ("read", "triad"):
                for level in LEVELS:
                    size = str(footprint[level])
                    jobs[f"{kind} {level}"] = [program, kind, size]
            found[str(cores)] = {
                name: max(together(job, cpus[-cores:]) for _ in range(3))
                for name, job in jobs.items()
            }
    return found


def together(command: list[str], cpus: list[int]) -> float:
    """Run a program on each of some CPUs at once; return the sum of what they print."""
    started = [
        subprocess.Popen(["taskset", "-c", str(cpu), *command], stdout=subprocess.PIPE)
        for cpu in cpus
    ]
    return sum(float(process.communicate()[0]) for process in started)


def peak_gflops(itemsize: int = 4) -> float:
    """Return the fused multiply-add peak of one core; see `measure`."""
    with tempfile.TemporaryDirectory() as folder:
        program = build(folder, itemsize)
        return max(float(subprocess.check_output([program])) for _ in range(3))


class Cost(NamedTuple):
    """What a step or a call has to do, at least."""

    flops: float
    traffic: float  # bytes between the core and where the working set lies
    footprint: float  # bytes of the working set


def training_cost(work: workloads.Training) -> Cost:
    """Count one step: every array is read or written once by each pass that needs it.

    Weights are read forward, backward (but for the first layer) and by the update,
    which also moves the optimizer's state; gradients need not go through memory.
    Activations are written once and read twice (next layer, weight gradient), and so
    are their gradients; the input is read twice. A normalized activation is one more
    activation, with four numbers a column: two weights, and two moving values that are
    read and written. Dropout moves nothing: what it drops can be drawn again.
    """
    widths, rows = work.net.widths, work.batch
    normalized = sum(layer.width for layer in work.net.hidden if layer.norm)
    kernels = [n * m for n, m in itertools.pairwise(widths)]
    weights = sum(kernels) + sum(widths[1:]) + 2 * normalized
    slots = 2 if work.optimizer.name == "adam" else 1 if work.optimizer.momentum else 0
    moved = weights + sum(kernels) - kernels[0] + 2 * (1 + slots) * weights
    moved += 4 * normalized
    activations = rows * (sum(widths[1:]) + normalized)
    return Cost(
        work.net.flops(rows, training=True),
        4.0 * (moved + 6 * activations + 2 * rows * widths[0]),
        4.0
        * ((1 + slots) * weights + 2 * normalized + 2 * activations + rows * widths[0]),
    )


def inference_cost(work: workloads.Inference) -> Cost:
    """Count one call, with the rows in blocks that stay in L2 between the layers."""
    widths, rows = work.net.widths, work.rows
    weights = sum(n * m for n, m in itertools.pairwise(widths))
    passes = -(-rows // 128)
    return Cost(
        work.net.flops(rows, training=False),
        4.0 * (passes * weights + rows * (widths[0] + widths[-1])),
        4.0 * (weights + min(rows, 128) * (widths[0] + max(widths))),
    )


def bound(
    name: str, threads: int, limits: Limits, sizes: dict[str, int]
) -> dict[str, Any]:
    """Return the least time of a workload, in its unit, and where it comes from.

    `sizes` are those of `cache_sizes`, of the machine with these limits.
    """
    work = workloads.WORKLOADS[name]
    training = isinstance(work, workloads.Training)
    cost = training_cost(work) if training else inference_cost(work)
    level = next((k for k in sizes if cost.footprint <= sizes[k]), "DRAM")
    here = limits[str(threads)]
    compute = cost.flops / here["fma"] / 1e9
    memory = cost.traffic / here[f"read {level}"] / 1e9
    if work.unit == "rows/s":
        compute, memory = work.rows / compute, work.rows / memory
    else:
        whole = work.unit.endswith("/epoch")
        steps = DATA_ROWS[work.data] / work.batch if whole else 1
        scale = steps * SCALE[work.unit]
        compute, memory = compute * scale, memory * scale
    best = min if work.unit == "rows/s" else max
    return {
        "mflop": cost.flops / 1e6,
        "mb": cost.traffic / 1e6,
        "level": level,
        "compute": compute,
        "memory": memory,
        "bound": best(compute, memory),
    }
