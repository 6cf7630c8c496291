# SPDX-License-Identifier: BSD-3-Clause
"""What goes on around training: Ctrl-C, memory, failing allocations, fork, threads."""

import os
import signal
import subprocess
import sys
import threading
import time
import tracemalloc

import numpy as np
import pytest
from fitting import data, net

import pynn
from pynn import _engine, layers

INTERRUPTED = """
import os, signal, sys, threading, time
import numpy as np
import pynn
from pynn import layers

x = np.random.default_rng(0).normal(size=(2000, 50)).astype("f4")
y = (x[:, :1] > 0).astype("f4")
model = pynn.Sequential([pynn.Input((50,)), layers.Dense(64, "relu"), layers.Dense(1)])
model.compile("adam", "mse")
sent = []

def interrupt():
    time.sleep(0.7)
    sent.append(time.perf_counter())
    os.kill(os.getpid(), signal.SIGINT)

threading.Thread(target=interrupt).start()
try:
    if sys.argv[1] == "fit":
        model.fit(x, y, epochs=10**9, batch_size=int(sys.argv[2]), verbose=0)
    elif sys.argv[1] == "evaluate":
        while True:
            model.evaluate(np.broadcast_to(x[:1], (10**7, 50)),
                           np.broadcast_to(y[:1], (10**7, 1)), verbose=0)
except KeyboardInterrupt:
    took = time.perf_counter() - sent[0]
    if sys.argv[1] == "fit":
        assert model.optimizer.iterations > 0
        assert len(model.history.epoch) == len(model.history.history["loss"]) > 0
        steps = model.optimizer.iterations
        history = model.fit(x, y, epochs=2, verbose=0, batch_size=500)
        assert len(history.history["loss"]) == 2
        assert model.optimizer.iterations == steps + 8
    assert np.isfinite(model.predict(x, verbose=0)).all()
    print("took", took)
"""


@pytest.mark.parametrize(
    ("call", "batch"), [("fit", 32), ("fit", 2000), ("evaluate", 1)]
)
def test_ctrl_c_stops_soon(call, batch):
    """A moment on an idle machine; if the core did not look up, it would take days."""
    command = [sys.executable, "-c", INTERRUPTED, call, str(batch)]
    out = subprocess.check_output(command, text=True, timeout=60)
    assert float(out.split()[-1]) < 20.0


MEASURED = """
import resource, sys
import numpy as np
import pynn
from pynn import layers

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

rows, width = 100_000, 784
kind = sys.argv[1]
if kind == "strided":
    x = np.ones((rows, 2 * width), np.uint8)[:, ::2]
else:
    x = np.ones((rows, width), kind)
y = np.zeros(rows, np.int64)
model = pynn.Sequential([layers.Dense(8, input_dim=width), layers.Dense(3, "softmax")])
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x[:100], y[:100], verbose=0)
before = peak()
model.fit(x, y, batch_size=256, epochs=1, verbose=0, validation_split=0.1)
model.evaluate(x, y, verbose=0)
model.predict(x, verbose=0)
print(peak() - before, x.nbytes)
"""


@pytest.mark.parametrize("kind", ["float32", "float64", "uint8", "strided"])
def test_rows_are_never_copied(kind):
    """A tenth of the data, and 4 MB for the order of rows, outputs and the arena."""
    out = subprocess.check_output([sys.executable, "-c", MEASURED, kind], text=True)
    grown, nbytes = map(int, out.split())
    assert grown < 0.1 * nbytes + (4 << 20)


def test_nothing_is_allocated_in_steps_or_predictions(rng):
    x, y = data(rng)
    model = net(dropout=0.5)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])

    def use(epochs):
        before = _engine.alloc_count()
        model.fit(x, y, 8, epochs, verbose=0)
        model.predict_on_batch(x)
        model.predict(x, verbose=0)
        model.evaluate(x, y, verbose=0)
        return _engine.alloc_count() - before

    assert use(1) > 0
    assert use(1) == 0
    assert use(200) == 0


def test_predictions_leave_no_memory_behind(rng):
    x, _ = data(rng)
    model = net()
    model.predict_on_batch(x)
    tracemalloc.start()
    try:
        for _ in range(200):
            model.predict(x, verbose=0)
        first = tracemalloc.get_traced_memory()[0]
        for _ in range(2000):
            model.predict(x, verbose=0)
        assert tracemalloc.get_traced_memory()[0] - first < 10_000
    finally:
        tracemalloc.stop()


def state(model):
    return [w.tobytes() for w in model.get_weights()], model.optimizer.iterations


def fresh():
    pynn.utils.set_random_seed(3)
    model = net(dropout=0.5, seed=None)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


CALLS = {
    "fit": lambda m, x, y: m.fit(x, y, epochs=2, verbose=0),
    "evaluate": lambda m, x, y: m.evaluate(x, y, verbose=0),
    "predict": lambda m, x, y: m.predict(x, verbose=0),
    "call": lambda m, x, y: m(x, training=True),
    "train_on_batch": lambda m, x, y: m.train_on_batch(x, y),
}


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("call", CALLS)
def test_each_allocation_may_fail(call, threads, rng):
    x, y = data(rng)
    expected = fresh()
    CALLS[call](expected, x, y)
    before = pynn.get_num_threads()
    pynn.set_num_threads(threads)
    failures = 0
    try:
        model = fresh()
        start = state(model)
        for n in range(1, 100):
            _engine.alloc_fail_at(n)
            try:
                CALLS[call](model, x, y)
                break
            except MemoryError:
                failures += 1
                assert state(model) == start
        else:
            pytest.fail("it never succeeded")
    finally:
        _engine.alloc_fail_at(0)
        pynn.set_num_threads(before)
    assert failures > 1
    assert state(model) == state(expected)


def test_fork_after_use(rng, tmp_path):
    """A child trains on with its own threads, to the bits of the parent."""
    x, y = data(rng)
    x = np.tile(x, (40, 20))
    y = np.tile(y, 40)
    before = pynn.get_num_threads()
    pynn.set_num_threads(3)
    try:
        pynn.utils.set_random_seed(1)
        model = pynn.Sequential(
            [pynn.Input((120,)), layers.Dense(300, "relu"), layers.Dense(3, "softmax")]
        )
        model.compile("adam", "sparse_categorical_crossentropy")
        model.fit(x, y, 256, 2, verbose=0)
        child = os.fork()
        if child == 0:
            status = 1
            try:
                model.fit(x, y, 256, 2, verbose=0)
                model.save_weights(tmp_path / "child")
                status = 0
            finally:
                os._exit(status)
        model.fit(x, y, 256, 2, verbose=0)
        assert wait(child) == 0
        mine = model.predict(x, verbose=0)
        model.load_weights(tmp_path / "child")
        assert model.predict(x, verbose=0).tobytes() == mine.tobytes()
    finally:
        pynn.set_num_threads(before)


def wait(child):
    """The child's exit status; one that hangs is killed."""
    for _ in range(200):
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status
        time.sleep(0.1)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "hung"


def four_models(x):
    """Their seeds are drawn before any thread can come between."""
    pynn.utils.set_random_seed(1)
    models = []
    for _ in range(4):
        model = pynn.Sequential(
            [pynn.Input((200,)), layers.Dense(300, "relu"), layers.Dense(3, "softmax")]
        )
        model.compile("adam", "sparse_categorical_crossentropy")
        model.predict_on_batch(x[:1])
        models.append(model)
    return models


def test_two_threads_training_at_once(rng):
    """One takes the pool, the other goes alone: no deadlock, the same bits."""
    x = rng.normal(size=(512, 200)).astype(np.float32)
    y = rng.integers(0, 3, 512)
    before = pynn.get_num_threads()
    pynn.set_num_threads(3)

    def fit(model):
        model.fit(x, y, 256, 10, verbose=0)

    try:
        expected = four_models(x)
        for model in expected:
            fit(model)
        models = four_models(x)
        threads = [threading.Thread(target=fit, args=(m,)) for m in models]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive()
    finally:
        pynn.set_num_threads(before)
    assert [state(m) for m in models] == [state(m) for m in expected]


def test_one_model_in_two_fits_is_an_error_or_in_turn(rng):
    x, y = rng.normal(size=(3000, 6)), rng.integers(0, 3, 3000)
    model = fresh()
    model.fit(x, y, verbose=0)
    seen = []

    def fit():
        try:
            model.fit(x, y, 3000, 50, verbose=0)
            seen.append("done")
        except RuntimeError as error:
            seen.append(str(error))

    threads = [threading.Thread(target=fit) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert "done" in seen
    assert all(text == "done" or "another thread" in text for text in seen)
    assert np.isfinite(model.evaluate(x, y, verbose=0)).all()


class Once(pynn.callbacks.Callback):
    """Calls a function after the second step; it has batch events or not."""

    def __init__(self, function, by_batch):
        super().__init__()
        self.function, self.seen = function, 0
        name = "on_train_batch_end" if by_batch else "on_epoch_end"
        setattr(self, name, self.call)

    def on_train_batch_end(self, batch, logs=None):
        pass

    def call(self, number, logs=None):
        self.seen += 1
        if self.seen == 2:
            self.function(self.model)


@pytest.mark.parametrize("by_batch", [False, True])
def test_weights_that_move_in_training(by_batch, rng):
    """The vector is another one then: training goes on in it, and in its own part."""
    x, y = data(rng)
    first = pynn.Sequential([pynn.Input((6,), dtype="float64"), layers.Dense(6)])
    before = first.get_weights()
    expected = fresh()
    expected.fit(x, y, epochs=4, verbose=0)
    model = fresh()

    def move(model):
        pynn.Sequential([first, model]).predict(x, verbose=0)

    model.fit(x, y, epochs=4, verbose=0, callbacks=[Once(move, by_batch)])
    assert model.weights[0].store is first.weights[0].store
    assert [w.tobytes() for w in first.get_weights()] == [w.tobytes() for w in before]
    assert state(model) == state(expected)


def test_layers_that_change_in_training(rng):
    x, y = data(rng)

    def narrow(model):
        model.pop()
        model.predict(x, verbose=0)

    model = fresh()
    with pytest.raises(RuntimeError, match="layers of this model changed"):
        model.fit(x, y, epochs=3, verbose=0, callbacks=[Once(narrow, True)])


@pytest.mark.parametrize("by_batch", [False, True])
def test_compile_in_training(by_batch, rng):
    x, y = data(rng)
    model = fresh()

    def other(model):
        model.compile("sgd", "sparse_categorical_crossentropy")

    with pytest.raises(RuntimeError, match=r"compile\(...\) was called while fit"):
        model.fit(x, y, epochs=3, verbose=0, callbacks=[Once(other, by_batch)])
    model.fit(x, y, verbose=0)


@pytest.mark.parametrize("batch", [32, 7])
def test_weights_in_training_are_taken(batch, rng):
    """Whatever plan a call would run: one of its own trains the same weights."""
    x, y = rng.normal(size=(64, 6)), rng.integers(0, 3, 64)
    model = fresh()
    model.fit(x, y, 32, verbose=0)
    before = state(model)
    with model.weights[0]._block.store.turn:  # as a training in another thread holds it
        with pytest.raises(RuntimeError, match="another thread"):
            model.fit(x, y, batch, verbose=0)
        with pytest.raises(RuntimeError, match="another thread"):
            model.train_on_batch(x[:batch], y[:batch])
    assert state(model) == before
    model.fit(x, y, batch, verbose=0)
    assert state(model) != before
