# SPDX-License-Identifier: BSD-3-Clause
"""Losses where they are delicate: certain and wrong, not finite, out of range; and the
probabilities that the fused ones leave behind.
"""

import dataclasses

import numpy as np
import pytest
from oneop import ISAS, LOSSES, OPS, REALS, Case, evaluate, loss_cases, run, seeded
from oracle import table
from oracle.activations import sigmoid, softmax

from pynn import _core


@pytest.fixture(params=ISAS)
def isa(request):
    """Each instruction set in turn."""
    before = _core.isa_selected()
    _core.isa_select(request.param)
    yield request.param
    _core.isa_select(before)


def case_of(name, target, pred, attr=()):
    """Rows of predictions and targets (numbers: labels) as a case."""
    pred, target = np.array(pred, float), np.array(target, float)
    width = 1 if target.ndim == 1 else pred.shape[1]
    shape = len(pred), 1, width
    return Case(
        "loss",
        pred[:, None],
        (1, width),
        select=LOSSES.index(name),
        attr=attr,
        target=target.reshape(shape),
    )


E7 = -np.log(1e-7)
# In float32 1 - 1e-7 is 1 - 2^-23, whose complement is 1.19e-7: the clip is 1 % off.
CLIPPED = {"float32": 0.011, "float64": 1e-9}

# name, target, prediction, loss, gradient (None: not checked): the limits of Keras.
EDGES = [
    ("binary_crossentropy", [1, 0], [0, 1], E7, [0, 0]),
    ("binary_crossentropy", [1, 0], [1, 0], 1e-7, None),
    ("binary_crossentropy_logits", [1, 0], [-1e4, 1e4], 1e4, [-0.5, 0.5]),
    ("binary_crossentropy_logits", [1, 0], [1e4, -1e4], 0, [0, 0]),
    ("categorical_crossentropy", [0, 1, 0], [1, 0, 0], E7, [0, 0, 0]),
    ("categorical_crossentropy_logits", [0, 1, 0], [1e4, 0, -1e4], 1e4, [1, -1, 0]),
    ("sparse_categorical_crossentropy", 1, [1, 0, 0], E7, [0, 0, 0]),
    ("sparse_categorical_crossentropy_logits", 1, [1e4, 0, 0], 1e4, [1, -1, 0]),
    ("sparse_categorical_crossentropy_logits", 0, [1e4, 0, 0], 0, [0, 0, 0]),
    ("kl_divergence", [0, 1], [1, 0], (1 - 1e-7) * E7, None),
    ("poisson", [1, 0], [0, 0], E7 / 2, [0.5 - 0.5e7, 0.5]),
    ("log_cosh", [0, 0], [1e4, -1e4], 1e4 - np.log(2), [0.5, -0.5]),
    ("mean_absolute_percentage_error", [0, 1], [1, 1], 0.5e9, [0.5e9, 0]),
    ("mean_squared_logarithmic_error", [0, 0], [-3, -5], 0, [0, 0]),
    ("mean_absolute_error", [1, 2], [1, 2], 0, [0, 0]),
    ("hinge", [1, -1], [1, -1], 0, [0, 0]),
    ("cosine_similarity", [0, 0], [3, 4], 0, [0, 0]),
    ("huber", [0, 0], [1e4, -1e4], 1e4 - 0.5, [0.5, -0.5]),
]


@pytest.mark.parametrize("dtype", REALS)
@pytest.mark.parametrize(("name", "target", "pred", "value", "gradient"), EDGES)
def test_edges(isa, dtype, name, target, pred, value, gradient):
    attr = (1.0,) if name == "huber" else ()
    case = case_of(name, [target], [pred], attr)
    limit = {"rtol": CLIPPED[dtype], "atol": 3e-7}
    np.testing.assert_allclose(evaluate(case, REALS[dtype])[0], [value], **limit)
    dx = run(case, REALS[dtype])["dx"].ravel()
    assert np.isfinite(dx).all()
    if gradient is not None:
        np.testing.assert_allclose(dx, gradient, **limit)


@pytest.mark.parametrize("dtype", REALS)
def test_nan_stays_in_its_row(isa, dtype):
    """One NaN among the predictions makes one loss NaN, and no other one different."""
    real, checked = REALS[dtype], set()
    for case in loss_cases(real):
        if case.rows < 3:
            continue
        before, _ = evaluate(case, real)
        x = case.x.copy()
        x[1, -1, -1] = np.nan
        after, _ = evaluate(dataclasses.replace(case, x=x), real)
        if case.attr == (1.0, 2.0) and case.target[1, -1, 0] == 2.0:
            assert after[1] == before[1]  # its label is ignored
        else:
            assert np.isnan(after[1]), str(case)
        others = np.arange(case.rows) != 1
        assert after[others].tobytes() == before[others].tobytes()
        checked.add(LOSSES[case.select])
    differentiable = {row[1] for row in table.rows("LOSS") if row[3] == "1"}
    assert checked == differentiable


@pytest.mark.parametrize("dtype", REALS)
@pytest.mark.parametrize("label", [-1, 3, 17, 1e9, np.nan])
def test_label_out_of_range(isa, dtype, label):
    """Python refuses such labels; here they must neither crash nor read elsewhere."""
    for name in (row[1] for row in table.rows("LOSS") if row[2] == "LABEL"):
        if name.endswith("accuracy"):
            continue
        case = case_of(name, [label, 2], [[0.2, 0.3, 0.5], [0.2, 0.3, 0.5]])
        value, _ = evaluate(case, REALS[dtype])
        assert np.isnan(value[0])
        assert np.isfinite(value[1])
        assert not run(case, REALS[dtype])["dx"][0].any()


@pytest.mark.parametrize("dtype", REALS)
@pytest.mark.parametrize("n", [1, 3, 16, 17, 65])
def test_probabilities_of_fused_losses(isa, dtype, n):
    """A loss from logits leaves the probabilities in its output slot, if it has one."""
    real, rows = REALS[dtype], 9
    rng = seeded("probabilities", n)
    logits = real.round(3 * rng.normal(size=(rows, n)))
    checked = 0
    for name in LOSSES:
        if not name.endswith("logits"):
            continue
        width = 1 if name.startswith("sparse") else n
        record = (OPS["loss"], LOSSES.index(name), 0, 1, 2, 0, -1, -1, 0, ())
        plan = _core.Plan(
            [record],
            [(1, n), (1, n), (1, width)],
            dtype=real.number,
            output=1,
            target=2,
            n_params=0,
            max_rows=rows,
            input_gradient=True,
        )
        out, y = np.empty((rows, n), real.type), np.zeros((rows, width))
        x, empty = logits.astype(real.type), np.zeros(0, real.type)
        plan.forward(empty, None, x, y, None, 0, rows, out, np.zeros(1))
        expected = sigmoid(logits) if name.startswith("binary") else softmax(logits)
        # The rounding of x - max (up to 20) is the relative error of the exponential.
        np.testing.assert_allclose(out, expected, rtol=40 * real.u)
        checked += 1
    assert checked == 3
