# SPDX-License-Identifier: BSD-3-Clause
"""Training from end to end, pynn and its rivals on W1 to W6."""

import dataclasses

import measure
import pytest
import workloads
from rivals import RIVALS

TRAININGS = [k for k, w in workloads.WORKLOADS.items() if k.startswith("W")]


@pytest.mark.parametrize("rival", RIVALS)
@pytest.mark.parametrize("workload", TRAININGS)
def test_fit(benchmark, threads, workload, rival):
    kind, work = RIVALS[rival], workloads.WORKLOADS[workload]
    reason = measure.skip_reason(kind, work)
    if reason:
        pytest.skip(reason)
    difference = measure.check_training(kind, work, threads)
    data = workloads.load(work.data)
    trained = kind(work.net, work.optimizer, threads)
    x, y = trained.data(data.x, data.y)
    trained.warm(x, y, work.batch, work.epochs)
    benchmark.group = f"{workload}: {work.title}"
    benchmark.pedantic(
        trained.fit, (x, y, work.batch, work.epochs), {"shuffle": True}, rounds=3
    )
    flops = work.net.flops(len(x), training=True) * work.epochs
    if benchmark.stats:
        benchmark.extra_info["gflops"] = flops / benchmark.stats.stats.median / 1e9
    benchmark.extra_info.update(
        accuracy=measure.accuracy(trained, data),
        difference=difference,
        **trained.notes,
    )


@pytest.mark.parametrize("rival", RIVALS)
def test_dropout_is_on_in_training_only(threads, rival):
    kind, work = RIVALS[rival], workloads.WORKLOADS["W2b"]
    reason = measure.skip_reason(kind, work)
    if reason:
        pytest.skip(reason)
    data = workloads.load(work.data)
    outputs = []
    for net in (work.net, dataclasses.replace(work.net, dropout=())):
        trained = kind(net, work.optimizer, threads)
        x, y = trained.data(data.x, data.y)
        trained.fit(x, y, work.batch, 1, shuffle=False)
        first, second = (trained.predict(data.x_test) for _ in range(2))
        assert (first == second).all()
        outputs.append(first)
    assert abs(outputs[0] - outputs[1]).max() > 100 * measure.TOLERANCE
