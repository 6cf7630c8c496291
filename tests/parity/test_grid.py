# SPDX-License-Identifier: BSD-3-Clause
"""The same programs in Keras and pynn: the same losses, metrics, weights, answers."""

import importlib
import re
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import pynn
from parity import grid
from parity.harness import Recorder, make, run
from parity.notes import ELSEWHERE
from parity.table import supported_classes

EVERY = grid.all_cases()
CASES = [case for case in EVERY if not grid.waits(case)]
README = Path(__file__).parents[2] / "README.md"

# After a dozen steps. In float32, Adam and its relatives divide a small gradient by
# its own size, so that rounding (6e-8) comes out thousands of times larger: 2e-4 was
# seen, and without them 3e-6. In float64 a wrong formula cannot hide behind that; what
# is left are the constants that Keras rounds to float32 (6e-8 of each).
TOLERANCE = {
    "float32": {"rtol": 1e-3, "atol": 1e-4},
    "float64": {"rtol": 2e-6, "atol": 2e-7},
}


def test_there_are_as_many_cases_as_the_readme_says():
    assert len(EVERY) == len({case.name for case in EVERY})
    stated = re.search(r"([\d,]+) small programs", README.read_text())
    assert stated
    count = int(stated[1].replace(",", ""))
    # a few cases more are no reason to touch the README
    assert count <= len(CASES) < count + 50


def test_what_waits_is_not_there_yet():
    waiting = set(grid.WAITING)
    for case in EVERY:
        names = waiting & set(case.name.split("-"))
        if names:
            with pytest.raises((AttributeError, TypeError, ValueError)):
                make(case, pynn)
            waiting -= names
    assert waiting == set()


def test_cases_use_every_supported_class():
    recorder = Recorder(pynn)
    for case in CASES:
        make(case, recorder)
        case.callbacks(recorder)
    supported = supported_classes()
    assert len(supported) > 100
    assert supported - recorder.seen - set(ELSEWHERE) == set()
    assert set(ELSEWHERE) <= supported - recorder.seen


def set_type(keras, name):
    keras.config.set_floatx(name)
    keras.config.set_dtype_policy(name)
    pynn.config.set_floatx(name)


@pytest.fixture(params=["float32", "float64"])
def precision(request, keras, monkeypatch):
    """The element type of both libraries.

    Keras takes that of layers from a policy that outlives `set_floatx`. On PyTorch it
    forces results of two float64 operands to float32, as JAX would; on TensorFlow it
    does not, and not here.
    """
    types = importlib.import_module("keras.src.backend.common.dtypes")
    monkeypatch.setitem(types.BIT64_TO_BIT32_DTYPE, "float64", "float64")
    set_type(keras, request.param)
    yield request.param
    set_type(keras, "float32")


# without Keras, one that is skipped stands for all
RUN = CASES if find_spec("keras") else CASES[:1]


@pytest.mark.parametrize("case", RUN, ids=lambda case: case.name)
def test_case(case, precision, keras):
    want = run(case, keras, None)
    got = run(case, pynn, want.start)
    least = TOLERANCE["float32" if case.single else precision]
    near = {k: v * case.loose for k, v in least.items()}
    assert got.epochs == want.epochs
    assert list(got.history) == list(want.history)
    assert list(got.evaluation) == list(want.evaluation)
    for name, values in want.history.items():
        np.testing.assert_allclose(got.history[name], values, **near, err_msg=name)
    for name, value in want.evaluation.items():
        np.testing.assert_allclose(got.evaluation[name], value, **near, err_msg=name)
    assert got.prediction.dtype == want.prediction.dtype == precision
    np.testing.assert_allclose(got.prediction, want.prediction, **near)
    assert [w.shape for w in got.end] == [w.shape for w in want.end]
    for i, (a, b) in enumerate(zip(got.end, want.end, strict=True)):
        np.testing.assert_allclose(a, b, **near, err_msg=f"weight {i}")
