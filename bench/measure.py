# SPDX-License-Identifier: BSD-3-Clause
"""Check one rival on one workload, then time it. Run by `compare.py` in a new process.

    python bench/measure.py --rival torch --workload W3 --threads 1

prints one line of JSON. Nothing is timed that does not give the reference's numbers.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import math
import statistics
import time
from typing import TYPE_CHECKING

import machine

if TYPE_CHECKING:
    import numpy as np
    from rivals import Rival
    from workloads import Data, Inference, Training, Workload

SCALE = {"us/step": 1e6, "ms/step": 1e3, "s/epoch": 1.0}
CHECK_STEPS = 10
CHECK_FLOPS = 1e11  # fewer steps, but two, where they would take more than this
# Adam divides by the root of the second moment, plus epsilon. Gradients that only
# rounding keeps from zero become whole steps when epsilon is as small as they are, and
# libraries round differently: with 1e-7, JAX is 2e-3 off on W4. With this, it is 5e-6.
CHECK_EPSILON = 1e-4
# float32 against float64 after ten steps, which move predictions by 0.3: measured below
# 1e-5 for all. Adam's epsilon added at the other place makes 0.1.
TOLERANCE = 1e-4


def check_training(kind: type[Rival], work: Training, threads: int) -> float:
    """Train some unshuffled steps and return the difference to float64 NumPy.

    Raises
    ------
    AssertionError
        If it is more than rounding explains.
    """
    import workloads
    from rivals import Numpy

    data = workloads.load(work.data)
    affordable = CHECK_FLOPS // work.net.flops(work.batch, training=True)
    steps = max(2, min(CHECK_STEPS, int(affordable)))
    rows = min(len(data.x), steps * work.batch)
    epochs = steps * work.batch // rows
    outputs = []
    rule = dataclasses.replace(work.optimizer, epsilon=CHECK_EPSILON)
    reference = Numpy(work.net, rule, threads, _float64(), kind.keras_adam)
    for rival in (kind(work.net, rule, threads), reference):
        x, y = rival.data(data.x[:rows], data.y[:rows])
        rival.fit(x, y, work.batch, epochs, shuffle=False)
        outputs.append(rival.predict(data.x[:64]))
    return _compare(*outputs)


def check_inference(kind: type[Rival], work: Inference, threads: int) -> float:
    """Return the difference of a prediction to float64 NumPy; see `check_training`."""
    from rivals import Numpy

    x = inputs(work)
    got = kind(work.net, None, threads).predict(x)
    reference = Numpy(work.net, None, threads, dtype=_float64()).predict(x)
    return _compare(got, reference)


def _float64() -> type:
    import numpy as np

    return np.float64


def _compare(got: np.ndarray, wanted: np.ndarray) -> float:
    import numpy as np

    assert got.shape == wanted.shape, f"shape {got.shape}, expected {wanted.shape}"
    difference = float(np.max(np.abs(got - wanted)))
    assert difference <= TOLERANCE, f"off by {difference}"
    return difference


def inputs(work: Inference) -> np.ndarray:
    """Return the rows to predict."""
    import numpy as np

    rng = np.random.default_rng(0)
    return rng.random((work.rows, work.net.widths[0]), dtype=np.float32)


def time_training(
    kind: type[Rival], work: Training, threads: int, repeats: int
) -> dict[str, object]:
    """Time calls of `fit`; one value a call, in the unit of the workload."""
    import workloads

    data = workloads.load(work.data)
    rival = kind(work.net, work.optimizer, threads)
    x, y = rival.data(data.x, data.y)
    start = time.perf_counter()
    rival.warm(x, y, work.batch, work.epochs)
    warm = time.perf_counter() - start
    values = []
    steps = work.epochs * math.ceil(len(data.x) / work.batch)
    units = work.epochs if work.unit == "s/epoch" else steps
    with machine.ForeignLoad() as load:
        for _ in range(repeats):
            start = time.perf_counter()
            rival.fit(x, y, work.batch, work.epochs, shuffle=True)
            took = time.perf_counter() - start
            values.append(took / units * SCALE[work.unit])
    flops = work.net.flops(len(data.x), training=True) * work.epochs
    seconds = statistics.median(values) * units / SCALE[work.unit]
    return {
        "values": values,
        "gflops": flops / seconds / 1e9,
        "warm_s": warm,
        "accuracy": accuracy(rival, data),
        "foreign_cores": load.cores,
        "notes": rival.notes,
    }


def accuracy(rival: Rival, data: Data) -> float | None:
    """Return the share of test rows classified rightly, or None for regression."""
    if rival.net.loss == "mse":
        return None
    got = rival.predict(data.x_test)
    if rival.net.loss == "bce":
        return float(((got > 0.5) == (data.y_test > 0.5)).mean())
    return float((got.argmax(1) == data.y_test).mean())


def time_inference(
    kind: type[Rival], work: Inference, threads: int, repeats: int
) -> dict[str, object]:
    """Time predictions: median microseconds of a call, or rows per second."""
    rival = kind(work.net, None, threads)
    x = inputs(work)
    rival.tune(x)
    calls = 2000 if work.rows == 1 else max(3, 20000 // work.rows)
    for _ in range(max(2, calls // 20)):
        rival.predict(x)
    values, slow, clock = [], [], time.perf_counter_ns
    with machine.ForeignLoad() as load:
        for _ in range(repeats):
            times = []
            for _ in range(calls):
                start = clock()
                rival.predict(x)
                times.append(clock() - start)
            times.sort()
            middle = times[calls // 2]
            us = work.unit == "us"
            values.append(middle / 1e3 if us else work.rows / middle * 1e9)
            slow.append(times[calls * 99 // 100] / 1e3)
    return {
        "values": values,
        "p99_us": statistics.median(slow),
        "foreign_cores": load.cores,
        "notes": rival.notes,
    }


def time_startup(kind: type[Rival]) -> dict[str, object]:
    """Time the import of the library in this process, where only NumPy is loaded."""
    import resource

    with machine.ForeignLoad() as load:
        start = time.perf_counter()
        importlib.import_module(kind.needs[0])
        took = time.perf_counter() - start
    return {
        "values": [took * 1e3],
        "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
        "installed_mb": machine.installed_mb(kind.distributions or kind.needs),
        "foreign_cores": load.cores,
    }


def skip_reason(kind: type[Rival], work: Workload) -> str | None:
    """Return why this pair is not measured, or None."""
    import workloads

    if isinstance(work, workloads.Training):
        return kind.missing() or (None if kind.trains else "does not train")
    if isinstance(work, workloads.Startup) and not kind.needs:
        return "is NumPy"
    return kind.missing() or (None if kind.predicts else "is another rival here")


def measure(rival: str, workload: str, threads: int, repeats: int) -> dict[str, object]:
    """Return a record of one rival on one workload, or why there is none."""
    import workloads
    from rivals import RIVALS

    kind, work = RIVALS[rival], workloads.WORKLOADS[workload]
    record: dict[str, object] = {"rival": rival, "workload": workload}
    record["threads"] = threads
    reason = skip_reason(kind, work)
    if reason:
        return record | {"skipped": reason}
    if isinstance(work, workloads.Startup):
        return record | time_startup(kind)
    training = isinstance(work, workloads.Training)
    check = check_training if training else check_inference
    run = time_training if training else time_inference
    record["difference"] = check(kind, work, threads)
    return record | run(kind, work, threads, repeats)


def main() -> None:
    """Parse the command line, pin the process, print the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rival", required=True)
    parser.add_argument("--workload", required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    machine.pin(options.threads)
    print(json.dumps(measure(**vars(options))))


if __name__ == "__main__":
    main()
