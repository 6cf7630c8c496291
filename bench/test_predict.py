# SPDX-License-Identifier: BSD-3-Clause
"""Prediction, NumPy in and NumPy out: one row (I1) and many (I2)."""

import measure
import pytest
import workloads
from rivals import RIVALS

INFERENCES = [k for k in workloads.WORKLOADS if k.startswith("I")]


@pytest.mark.parametrize("rival", RIVALS)
@pytest.mark.parametrize("workload", INFERENCES)
def test_predict(benchmark, threads, workload, rival):
    kind, work = RIVALS[rival], workloads.WORKLOADS[workload]
    reason = measure.skip_reason(kind, work)
    if reason:
        pytest.skip(reason)
    difference = measure.check_inference(kind, work, threads)
    ready = kind(work.net, None, threads)
    x = measure.inputs(work)
    ready.tune(x)
    benchmark.group = f"{workload}: {work.title}"
    benchmark(ready.predict, x)
    if benchmark.stats:
        rate = work.rows / benchmark.stats.stats.median
        benchmark.extra_info["rows_per_second"] = rate
    benchmark.extra_info.update(difference=difference, **ready.notes)
