# SPDX-License-Identifier: BSD-3-Clause
"""Check one rival on one workload, then time it. `compare.py` drives this process.

    python bench/measure.py --rival torch --threads 1

reads lines of JSON and answers each with one. ``{"workload": "W3", "check": true}``
checks that the rival gives the reference's numbers and makes it ready; ``{}`` takes a
timing. With ``--workload W3`` it does the first, five times the second, and prints all.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import math
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import machine

if TYPE_CHECKING:
    import numpy as np
    from rivals import Rival
    from workloads import Data, Inference, Training, Workload

SCALE = {"us/step": 1e6, "ms/step": 1e3, "ms/epoch": 1e3, "s/epoch": 1.0}
CHECK_STEPS = 10
CHECK_FLOPS = 1e11  # fewer steps, but two, where they would take more than this
# Adam divides by the root of the second moment, plus epsilon. Gradients that only
# rounding keeps from zero become whole steps when epsilon is as small as they are, and
# libraries round differently: with 1e-7, JAX is 2e-3 off on W4. With this, it is 5e-6.
CHECK_EPSILON = 1e-4
# float32 against float64 after ten steps, which move predictions by 0.3: measured below
# 1e-5 for all (W4 on noise 6e-5). Adam's epsilon added at the other place makes 0.1.
TOLERANCE = 1e-4
# With batch normalization, where all are below 2e-6: a moving variance of the other
# kind makes 7e-5.
NORM_TOLERANCE = 2e-5

Record = dict[str, Any]
Timer = Callable[[], Record]  # one timing: {"value": ...} in the unit of the workload


def check_training(kind: type[Rival], work: Training, threads: int) -> float:
    """Train some unshuffled steps and return the difference to float64 NumPy.

    Dropout is off. Batch normalization takes part as it does in training, and its
    moving values in the prediction.

    Raises
    ------
    AssertionError
        If it is more than rounding explains.
    """
    import numpy as np
    import workloads
    from rivals import Numpy

    data = workloads.load(work.data)
    affordable = CHECK_FLOPS // work.net.flops(work.batch, training=True)
    steps = max(2, min(CHECK_STEPS, int(affordable)))
    rows = min(len(data.x), steps * work.batch)
    epochs = -(-steps * work.batch // rows)
    outputs = []
    net = dataclasses.replace(work.net, dropout=())
    rule = dataclasses.replace(work.optimizer, epsilon=CHECK_EPSILON)
    formulas = (kind.keras_adam, kind.keras_variance)
    reference = Numpy(net, rule, threads, np.float64, *formulas)
    for rival in (kind(net, rule, threads), reference):
        x, y = rival.data(data.x[:rows], data.y[:rows])
        rival.fit(x, y, work.batch, epochs, shuffle=False)
        outputs.append(rival.predict(data.x[:64]))
    return _compare(*outputs, NORM_TOLERANCE if any(net.norms) else TOLERANCE)


def check_inference(kind: type[Rival], work: Inference, threads: int) -> float:
    """Return the difference of a prediction to float64 NumPy; see `check_training`."""
    import numpy as np
    from rivals import Numpy

    x = inputs(work)
    rival = kind(work.net, None, threads)
    rival.tune(x)
    reference = Numpy(work.net, None, threads, dtype=np.float64).predict(x)
    return _compare(rival.predict(x), reference, TOLERANCE)


def _compare(got: np.ndarray, wanted: np.ndarray, tolerance: float) -> float:
    import numpy as np

    assert got.shape == wanted.shape, f"shape {got.shape}, expected {wanted.shape}"
    difference = float(np.max(np.abs(got - wanted)))
    assert difference <= tolerance, f"off by {difference}"
    return difference


def inputs(work: Inference) -> np.ndarray:
    """Return the rows to predict."""
    import numpy as np

    rng = np.random.default_rng(0)
    return rng.random((work.rows, work.net.widths[0]), dtype=np.float32)


def training_timer(
    kind: type[Rival], work: Training, threads: int
) -> tuple[Record, Timer]:
    """Return a timer of calls of `fit`, in the unit of the workload."""
    import workloads

    data = workloads.load(work.data)
    rows = min(work.rows or len(data.x), len(data.x))
    rival = kind(work.net, work.optimizer, threads)
    x, y = rival.data(data.x[:rows], data.y[:rows])
    start = time.perf_counter()
    rival.warm(x, y, work.batch, work.epochs)
    warm = time.perf_counter() - start
    units = work.epochs * (
        rows / len(data.x)
        if work.unit.endswith("/epoch")
        else math.ceil(rows / work.batch)
    )

    def timer() -> Record:
        start = time.perf_counter()
        rival.fit(x, y, work.batch, work.epochs, shuffle=True)
        took = time.perf_counter() - start
        return {"value": took / units * SCALE[work.unit]}

    return {"warm_s": warm, "notes": rival.notes}, timer


def accuracy(rival: Rival, data: Data) -> float | None:
    """Return the share of test rows classified rightly, or None for regression."""
    if rival.net.loss == "mse":
        return None
    got = rival.predict(data.x_test)
    if rival.net.loss == "bce":
        return float(((got > 0.5) == (data.y_test > 0.5)).mean())
    return float((got.argmax(1) == data.y_test).mean())


def inference_timer(
    kind: type[Rival], work: Inference, threads: int
) -> tuple[Record, Timer]:
    """Return a timer of predictions: median microseconds of a call, or rows/s."""
    rival = kind(work.net, None, threads)
    x = inputs(work)
    rival.tune(x)
    calls = 2000 if work.rows == 1 else max(3, 20000 // work.rows)
    for _ in range(max(2, calls // 20)):
        rival.predict(x)
    clock = time.perf_counter_ns

    def timer() -> Record:
        times = []
        for _ in range(calls):
            start = clock()
            rival.predict(x)
            times.append(clock() - start)
        times.sort()
        middle = times[calls // 2]
        us = work.unit == "us"
        value = middle / 1e3 if us else work.rows / middle * 1e9
        return {"value": value, "p99_us": times[calls * 99 // 100] / 1e3}

    return {"notes": rival.notes}, timer


def startup_timer(kind: type[Rival]) -> tuple[Record, Timer]:
    """Return a timer of the import of a library; it can be used once."""
    import resource

    import numpy as np

    np.random.default_rng(0)  # imported by need, and not by the library then

    def timer() -> Record:
        start = time.perf_counter()
        importlib.import_module(kind.needs[0])
        took = time.perf_counter() - start
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
        return {"value": took * 1e3, "rss_mb": memory}

    size = machine.installed_mb(kind.distributions or kind.needs)
    return {"installed_mb": size}, timer


def skip_reason(kind: type[Rival], work: Workload) -> str | None:
    """Return why this pair is not measured, or None."""
    import workloads

    if isinstance(work, workloads.Training):
        return kind.missing() or kind.cannot_train(work.net)
    if isinstance(work, workloads.Startup) and not kind.needs:
        return "is NumPy"
    return kind.missing() or (None if kind.predicts else "is another rival here")


def prepare(
    rival: str, workload: str, threads: int, check: bool = True
) -> tuple[Record, Timer | None]:
    """Check a rival on a workload; return what was found, and a timer if right."""
    import workloads
    from rivals import RIVALS

    kind, work = RIVALS[rival], workloads.WORKLOADS[workload]
    if reason := skip_reason(kind, work):
        return {"skipped": reason}, None
    if isinstance(work, workloads.Startup):
        return startup_timer(kind)
    training = isinstance(work, workloads.Training)
    found = {}
    if check:
        checker = check_training if training else check_inference
        try:
            found["difference"] = checker(kind, work, threads)
        except AssertionError as error:
            return {"failed": str(error)}, None
    maker = training_timer if training else inference_timer
    record, timer = maker(kind, work, threads)
    return found | record, timer


def timed(timer: Timer) -> Record:
    """Take a timing, and note how busy others kept our CPUs meanwhile."""
    start = time.perf_counter()
    with machine.ForeignLoad() as load:
        record = timer()
    took = time.perf_counter() - start
    return record | {"foreign": load.share, "took_s": took}


def serve(rival: str, threads: int) -> None:
    """Answer requests until there are no more."""
    timer: Timer | None = None
    for line in sys.stdin:
        request = json.loads(line)
        if "workload" in request:
            timer = None  # free what it holds before the next is built
            answer, timer = prepare(
                rival, request["workload"], threads, request["check"]
            )
        else:
            answer = timed(timer)
        print(json.dumps(answer), flush=True)


def main() -> None:
    """Parse the command line and pin the process."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rival", required=True)
    parser.add_argument("--workload")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    machine.pin(options.threads)
    if not options.workload:
        machine.end_with_parent()
        serve(options.rival, options.threads)
        return
    record, timer = prepare(options.rival, options.workload, options.threads)
    print(json.dumps(record))
    for _ in range(1 if options.workload == "S1" else 5):
        print(json.dumps(timed(timer)) if timer else "")


if __name__ == "__main__":
    main()
