# SPDX-License-Identifier: BSD-3-Clause
"""What calls cost beside their arithmetic: 37 weights need next to none."""

import subprocess
import sys

import numpy as np
import pytest
from workloads import XOR, load

pynn = pytest.importorskip("pynn")

IMPORT = """
import time
import numpy
start = time.perf_counter()
import pynn
pynn.Sequential, pynn.layers.Dense, pynn.optimizers.Adam
print(time.perf_counter() - start)
"""


def build():
    """Return the XOR network, compiled."""
    layers = [pynn.layers.Dense(n, activation="relu") for n in XOR.widths[1:-1]]
    layers.append(pynn.layers.Dense(1, activation="sigmoid"))
    model = pynn.Sequential([pynn.Input((2,)), *layers])
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
    return model


@pytest.fixture
def model():
    """A network that has seen its data once."""
    model = build()
    data = load("xor")
    model.fit(data.x, data.y, batch_size=4, verbose=0)
    return model


def test_build_and_compile(benchmark):
    model = benchmark(build)
    assert model.count_params() == 37


CALLS = {
    "predict": lambda model, x, y: model.predict(x, verbose=0),
    "predict_on_batch": lambda model, x, y: model.predict_on_batch(x),
    "call": lambda model, x, y: model(x),
    "evaluate": lambda model, x, y: model.evaluate(x, y, verbose=0),
    "train_on_batch": lambda model, x, y: model.train_on_batch(x, y),
    "fit, one step": lambda model, x, y: model.fit(x, y, batch_size=4, verbose=0),
    "fit, 1000 steps": lambda model, x, y: model.fit(
        x, y, batch_size=4, epochs=1000, verbose=0
    ),
}


@pytest.mark.parametrize("call", CALLS)
def test_call(benchmark, model, call):
    data = load("xor")
    before = np.asarray(model.predict_on_batch(data.x))
    assert np.isfinite(before).all()
    benchmark.group = "calls on 2-4-4-1, four rows"
    benchmark(CALLS[call], model, data.x, data.y)


def test_predictor(benchmark, model):
    x = load("xor").x
    p = model.predictor(len(x))
    benchmark.group = "calls on 2-4-4-1, four rows"
    assert benchmark(p, x).tobytes() == model.predict_on_batch(x).tobytes()


def test_import_beyond_numpy(benchmark):
    """In a fresh interpreter each time; the value is in extra_info, in ms."""
    times = []

    def run():
        done = subprocess.run(
            [sys.executable, "-P", "-c", IMPORT],
            capture_output=True,
            text=True,
            check=True,
        )
        times.append(float(done.stdout) * 1e3)

    benchmark.pedantic(run, rounds=7, warmup_rounds=1)
    benchmark.extra_info["import_ms"] = sorted(times)[len(times) // 2]
