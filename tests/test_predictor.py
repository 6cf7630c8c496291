# SPDX-License-Identifier: BSD-3-Clause
"""The prepared predictor: the bits of `predict`, whatever happens around it."""

import copy
import gc
import os
import pickle
import subprocess
import sys
import threading
import tracemalloc

import numpy as np
import pytest
from fitting import CLASSES, WIDTH, net
from test_robust import wait

import pynn
from pynn import _engine, layers


@pytest.fixture
def model():
    return net(dtype="float32")


@pytest.fixture
def x(rng):
    return rng.normal(size=(5, WIDTH)).astype("f4")


def test_bits_of_predict(model, x):
    p = model.predictor(5)
    expected = model.predict(x, verbose=0)
    for rows in range(6):
        found = p(x[:rows])
        assert found.shape == (rows, CLASSES)
        assert found.tobytes() == expected[:rows].tobytes()
    single = p(x[3])
    assert single.shape == (CLASSES,)
    assert single.tobytes() == model.predict(x[3:4], verbose=0).tobytes()


@pytest.mark.parametrize("rows", [64, 65, 700])
@pytest.mark.parametrize("threads", [1, 3])
def test_bits_of_predict_on_many_rows(rows, threads, rng):
    x = rng.normal(size=(rows, 300)).astype("f4")
    model = pynn.Sequential([pynn.Input((300,)), layers.Dense(300, "tanh")])
    expected = model.predict(x, verbose=0)
    before = pynn.get_num_threads()
    pynn.set_num_threads(threads)
    try:
        p = model.predictor(rows)
        assert p(x).tobytes() == expected.tobytes()
        assert p(x, out=x).tobytes() == expected.tobytes()  # x is read before
    finally:
        pynn.set_num_threads(before)


def test_layers_of_every_kind(rng):
    """Softmax apart, an activation that is no epilogue, samples of two axes."""
    model = pynn.Sequential(
        [
            pynn.Input((2, 4), dtype="float64"),
            layers.Dense(3, "gelu"),
            layers.Dropout(0.5),
            layers.Reshape((3, 2)),
            layers.Dense(5),
            layers.Softmax(),
        ]
    )
    x = rng.normal(size=(4, 2, 4))
    expected = model.predict(x, verbose=0)
    for p in (model.predictor(4), pickle.loads(pickle.dumps(model.predictor(4)))):
        assert p(x).tobytes() == expected.tobytes()
        assert p(x[2]).tobytes() == expected[2].tobytes()
        assert (p.input_shape, p.output_shape) == ((2, 4), (3, 5))


READABLE = {
    "float64": lambda x: x.astype("f8"),
    "float16": lambda x: x.astype("f2"),
    "int8": lambda x: (9 * x).astype("i1"),
    "uint64": lambda x: (9 * abs(x)).astype("u8"),
    "bool": lambda x: x > 0,
    "big-endian": lambda x: x.astype(">f4"),
    "Fortran order": np.asfortranarray,
    "every second": lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    "backwards": lambda x: x[::-1, ::-1],
    "broadcast": lambda x: np.broadcast_to(x[:1], x.shape),
    "unaligned": lambda x: np.frombuffer(b"." + x.tobytes(), "f4", offset=1),
    "read-only": lambda x: np.frombuffer(x.tobytes(), "f4"),
    "list": lambda x: x.tolist(),
    "a subclass": lambda x: x.view(type("Own", (np.ndarray,), {})),
    "nothing masked": lambda x: np.ma.array(x),
}


@pytest.mark.parametrize("kind", READABLE)
def test_any_type_and_layout(kind, model, x):
    odd = READABLE[kind](x)
    if isinstance(odd, np.ndarray):
        odd = odd.reshape(x.shape)
    expected = model.predict(np.array(odd), verbose=0)
    p = model.predictor(5)
    assert p(odd).tobytes() == expected.tobytes()
    assert p(odd[2]).tobytes() == expected[2].tobytes()


def test_the_result_is_overwritten_unless_a_place_is_given(model, x):
    p = model.predictor()
    first = p(x[:1])
    kept = first.copy()
    assert p(x[1:2]) is first
    assert (first != kept).any()
    out = np.full((1, CLASSES), 7, "f4")
    assert p(x[:1], out=out) is out
    assert out.tobytes() == kept.tobytes()
    assert p(x[0], out[0]).tobytes() == kept.tobytes()
    assert (first != kept).any()


@pytest.mark.parametrize("shift", [0, 1, 64])
def test_input_and_output_may_overlap(shift, rng):
    """Rows that are fed back, and rows that lie elsewhere in the same memory."""
    model = pynn.Sequential([pynn.Input((8,)), layers.Dense(8, "tanh")])
    p = model.predictor(200)
    memory = rng.normal(size=(300, 8)).astype("f4")
    expected = model.predict(memory[shift : shift + 200], verbose=0)
    found = p(memory[shift : shift + 200], out=memory[:200])
    assert found.tobytes() == expected.tobytes()
    again = model.predict(p(expected), verbose=0)
    assert p(p(expected)).tobytes() == again.tobytes()


@pytest.mark.parametrize(
    ("bad", "found"),
    [
        (np.zeros((1, WIDTH + 1), "f4"), r"got \(1, 7\)"),
        (np.zeros((4, WIDTH), "f4"), r"n <= 3 \(max_batch\).* got \(4, 6\)"),
        (np.zeros((1, 1, WIDTH), "f4"), r"got \(1, 1, 6\)"),
        (np.float32(3), r"got \(\)"),
        (np.zeros((1, WIDTH), "c8"), "numbers, got dtype complex64"),
        (np.full((1, WIDTH), None), "dtype object"),
        (np.ma.array(np.zeros((1, WIDTH), "f4"), mask=True), "masked"),
        ("abc", "strings"),
        (None, "got None"),
    ],
)
def test_bad_input_is_named(bad, found, model):
    with pytest.raises(ValueError, match=found):
        model.predictor(3)(bad)


def not_writable():
    out = np.zeros((2, CLASSES), "f4")
    out.flags.writeable = False
    return out


@pytest.mark.parametrize(
    ("out", "found"),
    [
        (np.zeros((2, CLASSES)), "float64 and shape"),
        (np.zeros((2, CLASSES + 1), "f4"), r"got float32 and shape \(2, 4\)"),
        (np.zeros((1, CLASSES), "f4"), r"got float32 and shape \(1, 3\)"),
        (np.zeros(CLASSES, "f4"), r"got float32 and shape \(3,\)"),
        (np.zeros((CLASSES, 2), "f4").T, "not C-contiguous"),
        (not_writable(), "read-only"),
        ([[0.0] * CLASSES] * 2, "got list"),
    ],
)
def test_bad_out_is_named(out, found, model, x):
    with pytest.raises(ValueError, match=found) as error:
        model.predictor(3)(x[:2], out=out)
    assert "expected a writable, C-contiguous array of float32 and shape (2, 3)" in str(
        error.value
    )


@pytest.mark.parametrize("bad", [0, -1, 1.5, True, "1", None])
def test_bad_max_batch(bad, model):
    with pytest.raises(ValueError, match="predictor: max_batch"):
        model.predictor(bad)


def test_a_model_without_shapes_has_no_predictor():
    with pytest.raises(ValueError, match="build"):
        pynn.Sequential([layers.Dense(3)]).predictor()


# ---- the weights


def test_weights_are_followed(model, x, rng):
    p = model.predictor(5)
    model.compile("sgd", "mse")
    before = p(x).copy()
    for change in (
        lambda: model.fit(x, np.zeros((5, CLASSES)), verbose=0),
        lambda: model.set_weights([2 * w for w in model.get_weights()]),
        lambda: model.weights[0].assign(rng.normal(size=(WIDTH, 8))),
    ):
        change()
        after = p(x)
        assert (after != before).any()
        assert after.tobytes() == model.predict(x, verbose=0).tobytes()
        before = after.copy()


def test_weights_that_move_are_followed(model, x):
    """Layers in another model: all weights lie in a new vector then."""
    p = model.predictor(5)
    expected = p(x).copy()
    head = layers.Dense(2)
    head.build((None, 4))
    larger = pynn.Sequential([pynn.Input((4,)), head, layers.Dense(WIDTH)])
    larger.predict(np.ones((1, 4)), verbose=0)
    for layer in model.layers:
        larger.add(layer)
    larger.predict(np.ones((1, 4)), verbose=0)
    assert p(x).tobytes() == expected.tobytes()
    larger.weights[-1].assign([9.0, 0.0, 0.0])
    assert (p(x)[:, 0] > 0.9).all()


def test_layers_stay_those_of_the_beginning(model, x):
    p = model.predictor(5)
    expected = p(x).copy()
    model.add(layers.Dense(2))
    assert model.predict(x, verbose=0).shape == (5, 2)
    assert p(x).tobytes() == expected.tobytes()
    model.pop()
    model.pop()
    assert p(x).tobytes() == expected.tobytes()


def test_the_model_may_go(model, x):
    p = model.predictor(5)
    expected = model.predict(x, verbose=0)
    del model
    gc.collect()
    assert p(x).tobytes() == expected.tobytes()


def test_copies_have_weights_of_their_own(model, x):
    p = model.predictor(5)
    expected = p(x).copy()
    copies = [copy.deepcopy(p), copy.copy(p), pickle.loads(pickle.dumps(p))]
    model.set_weights([0 * w for w in model.get_weights()])
    assert (p(x) != expected).any()
    for c in copies:
        assert c(x).tobytes() == expected.tobytes()
        assert (c.max_batch, c.dtype) == (p.max_batch, p.dtype)


RESTORED = """
import pickle, sys
data = sys.stdin.buffer.read()
p, x = pickle.loads(data)
assert not {"pynn.layers", "pynn.models"} & set(sys.modules), "the model's code"
sys.stdout.buffer.write(p(x).tobytes())
"""


def test_a_fresh_process_needs_no_layers(x):
    class Own(layers.Dense):
        """A class that the other process has not."""

    model = pynn.Sequential([pynn.Input((WIDTH,)), Own(4, "elu"), layers.Dense(2)])
    found = subprocess.run(
        [sys.executable, "-c", RESTORED],
        input=pickle.dumps((model.predictor(5), x)),
        capture_output=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr.decode()
    assert found.stdout == model.predict(x, verbose=0).tobytes()


# ---- threads and processes


def test_threads_do_not_meet(rng):
    """Long calls without the interpreter's lock, each result in an array of its own."""
    model = pynn.Sequential([pynn.Input((300,)), layers.Dense(200, "relu")])
    xs = rng.normal(size=(4, 100, 300)).astype("f4")
    p, wrong = model.predictor(100), []

    def work(x):
        expected = model.predict(x, verbose=0).tobytes()
        own = p(x)
        right = [p(x) is own and own.tobytes() == expected for _ in range(50)]
        wrong.append(right.count(False))

    threads = [threading.Thread(target=work, args=(x,)) for x in xs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert wrong == [0] * 4


def test_after_a_fork(model, x):
    p = model.predictor(5)
    expected = p(x).tobytes()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = int(p(x).tobytes() != expected)
        finally:
            os._exit(status)
    assert wait(child) == 0
    assert p(x).tobytes() == expected


# ---- costs


def test_nothing_is_allocated_in_a_call(model, x):
    p, one, single = model.predictor(), x[:1], x[0]
    out = np.empty((1, CLASSES), "f4")
    p(one), p(single), p(one, out)
    before = _engine.alloc_count()
    tracemalloc.start()
    try:
        start = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        for _ in range(100):
            p(one), p(single), p(one, out)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert _engine.alloc_count() == before
    assert peak - start < 1000  # arguments and numbers of Python's, for a moment


def test_failing_allocations(model, x):
    expected = model.predictor(5)(x).tobytes()
    failures = 0
    for n in range(1, 50):
        _engine.alloc_fail_at(n)
        try:
            p = model.predictor(5)
            break
        except MemoryError:
            failures += 1
        finally:
            _engine.alloc_fail_at(0)
    assert failures > 1
    assert p(x).tobytes() == expected
