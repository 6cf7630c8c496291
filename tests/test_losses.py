# SPDX-License-Identifier: BSD-3-Clause
"""Losses on arrays: values, reductions, names, and shapes that do not fit."""

import copy
import pickle

import numpy as np
import pytest
from oracle.cases import LOSS_PARAMETERS, loss_data, variants
from oracle.losses import LOSSES

from pynn import losses
from pynn._ops import SCORES

# The core computes these in float64; its logarithms and exponentials are good to 2 ulp,
# and a mean adds some ten rounded terms: 1e-14. Cancellation in cosh costs two digits.
CLOSE = {"rtol": 1e-12, "atol": 1e-14}

CLASSES = [c for c in map(losses.__dict__.get, losses.__all__) if isinstance(c, type)]
CCE = "categorical_crossentropy"
CONCRETE = [c for c in CLASSES if c is not losses.Loss]


def loss_of_row(name, parameters):
    """The loss object that computes a row of the core's table."""
    family, logits = name.removesuffix("_logits"), name.endswith("_logits")
    cls = next(c for c in CONCRETE if c.kind == family)
    arguments = {"from_logits": True} if logits else {}
    if "sparse" in name and parameters:
        arguments["ignore_class"] = int(parameters[1])
    elif "crossentropy" in name and parameters:
        arguments["label_smoothing"] = parameters[0]
    if name == "huber":
        arguments["delta"] = parameters[0]
    return cls(**arguments)


ROWS = [
    (name, parameters)
    for name, parameters in variants("LOSS", LOSS_PARAMETERS)
    if name not in SCORES
]


@pytest.mark.parametrize(("name", "parameters"), ROWS)
def test_row_against_oracle(name, parameters, rng):
    target, pred = loss_data(rng, name)
    if parameters == (0.0,) and "hinge" in name:
        target = 2.0 * target - 1.0
    expected, _ = LOSSES[name](target, pred, *parameters)
    found = loss_of_row(name, parameters).values(target, pred)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, **CLOSE)


def test_every_row_is_a_class():
    assert len(ROWS) >= 18
    assert {c.kind for c in CONCRETE if c.kind} == {
        n.removesuffix("_logits") for n in LOSSES if n not in SCORES
    }


TRUE, PRED = [[0.0, 1.0], [0.0, 0.0]], [[0.6, 0.4], [0.4, 0.6]]
ONE_HOT, PROBABILITIES = [[0, 1, 0], [0, 0, 1]], [[0.05, 0.95, 0], [0.1, 0.8, 0.1]]

# The examples of Keras' documentation, with the digits that it prints.
DOCUMENTED = [
    ("MeanSquaredError", {}, TRUE, [[1.0, 1.0], [1.0, 0.0]], 0.5),
    ("MeanAbsoluteError", {}, TRUE, [[1.0, 1.0], [1.0, 0.0]], 0.5),
    ("BinaryCrossentropy", {}, TRUE, PRED, 0.8149),
    (
        "BinaryCrossentropy",
        {"from_logits": True},
        [[0, 1, 0, 0]],
        [[-18.6, 0.51, 2.94, -12.8]],
        0.8654,
    ),
    ("CategoricalCrossentropy", {}, ONE_HOT, PROBABILITIES, 1.1769),
    ("SparseCategoricalCrossentropy", {}, [1, 2], PROBABILITIES, 1.1769),
    ("Huber", {}, TRUE, PRED, 0.155),
    ("Hinge", {}, TRUE, PRED, 1.3),
    ("SquaredHinge", {}, TRUE, PRED, 1.86),
    ("CategoricalHinge", {}, TRUE, PRED, 1.4),
    ("KLDivergence", {}, TRUE, PRED, 0.458),
    ("Poisson", {}, TRUE, [[1.0, 1.0], [0.0, 0.0]], 0.5),
    ("CosineSimilarity", {}, [[0.0, 1.0], [1.0, 1.0]], [[1.0, 0.0], [1.0, 1.0]], -0.5),
    ("LogCosh", {}, [[0.0, 1.0], [0.0, 0.0]], [[1.0, 1.0], [0.0, 0.0]], 0.108),
    ("MeanAbsolutePercentageError", {}, [[2.0, 1.0]], [[1.0, 1.0]], 25.0),
]


@pytest.mark.parametrize(("name", "options", "true", "pred", "value"), DOCUMENTED)
def test_documented_value(name, options, true, pred, value):
    found = getattr(losses, name)(**options)(true, pred)
    assert isinstance(found, float)
    assert found == pytest.approx(value, abs=5e-4)


def test_certain_and_wrong_is_clipped():
    wrong = losses.sparse_categorical_crossentropy([0], [[0.0, 1.0]])
    # p is cut to 1e-7, and -log(1e-7) is 16.118.
    np.testing.assert_allclose(wrong, 16.11809565095832, rtol=1e-12)
    logits = losses.sparse_categorical_crossentropy([0], [[0.0, 90.0]], True)
    np.testing.assert_allclose(logits, 90.0, rtol=1e-12)


@pytest.mark.parametrize(
    ("reduction", "value"),
    [
        ("sum_over_batch_size", (1 * 1 + 4 * 0.5 + 9 * 0) / 3),
        ("mean", (1 * 1 + 4 * 0.5 + 9 * 0) / 3),
        ("sum", 3.0),
        ("mean_with_sample_weight", 3.0 / 1.5),
        ("none", [1.0, 2.0, 0.0]),
        (None, [1.0, 2.0, 0.0]),
    ],
)
@pytest.mark.parametrize("column", [False, True])
def test_reduction(reduction, value, column):
    loss = losses.MeanSquaredError(reduction)
    weight = np.array([1.0, 0.5, 0.0])
    weight = weight[:, None] if column else weight
    found = loss([[0.0], [0.0], [0.0]], [[1.0], [2.0], [3.0]], sample_weight=weight)
    np.testing.assert_array_equal(found, value)


def test_weights_of_zero_average_to_zero():
    loss = losses.MeanSquaredError("mean_with_sample_weight")
    assert loss([[1.0]], [[2.0]], [0.0]) == 0.0


def test_unknown_reduction():
    with pytest.raises(ValueError, match=r"reduction.*'sum'.*got 'average'"):
        losses.MeanSquaredError(reduction="average")


def test_higher_ranks_keep_their_axes(rng):
    true, pred = rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 3, 4))
    found = losses.mean_squared_error(true, pred)
    np.testing.assert_allclose(found, ((true - pred) ** 2).mean(-1), **CLOSE)
    labels = rng.integers(0, 4, (2, 3))
    shape = losses.sparse_categorical_crossentropy(labels, np.exp(pred)).shape
    assert shape == (2, 3)


def test_one_axis_is_one_sample():
    assert losses.mean_squared_error([1.0, 2.0], [1.0, 4.0]) == 2.0
    assert losses.MeanSquaredError()([1.0, 2.0], [1.0, 4.0]) == 2.0


def test_missing_last_axis_is_added_not_broadcast(rng):
    true, pred = rng.normal(size=5), rng.normal(size=(5, 1))
    expected = (true - pred[:, 0]) ** 2
    np.testing.assert_allclose(losses.mean_squared_error(true, pred), expected, **CLOSE)
    np.testing.assert_allclose(losses.mean_squared_error(pred, true), expected, **CLOSE)


@pytest.mark.parametrize(
    ("name", "true", "pred", "words"),
    [
        ("mse", np.zeros((4, 2)), np.zeros((4, 1)), r"\(4, 2\).*\(4, 1\)"),
        ("mse", np.zeros((4, 1)), np.zeros((4, 3)), r"\(4, 1\).*\(4, 3\)"),
        ("mse", np.zeros(4), np.zeros((4, 3)), r"\(4,\).*\(4, 3\)"),
        ("mse", 1.0, 2.0, "at least one axis"),
        ("mse", [["a"]], [[1.0]], "y_true: expected numbers"),
        ("mse", [[1.0]], [[1j]], "y_pred: expected numbers"),
        ("mse", [[None]], [[1.0]], "y_true: expected numbers"),
        ("mse", np.zeros((0, 2)), np.zeros((0, 2)), "no samples"),
        ("sparse_categorical_crossentropy", [0, 3], np.ones((2, 3)), "0 to 2, got 3"),
        ("sparse_categorical_crossentropy", [0, -1], np.ones((2, 3)), "0 to 2, got -1"),
        ("sparse_categorical_crossentropy", [0, np.nan], np.ones((2, 3)), "got nan"),
        ("sparse_categorical_crossentropy", [0, 1, 2], np.ones((2, 3)), r"\(3,\)"),
    ],
)
def test_bad_arrays(name, true, pred, words):
    with pytest.raises(ValueError, match=words):
        losses.get(name)(true, pred)


def test_bad_weights():
    with pytest.raises(ValueError, match=r"sample_weight of shape \(2,\).*\(3,\)"):
        losses.MeanSquaredError()(np.zeros((3, 1)), np.ones((3, 1)), [1.0, 2.0])


def test_float_labels_are_cut():
    values = losses.sparse_categorical_crossentropy([[1.9], [0.2]], [[0.2, 0.8]] * 2)
    np.testing.assert_allclose(values, -np.log([0.8, 0.2]), **CLOSE)


def test_all_number_types_give_the_same():
    for dtype in (bool, np.uint8, np.int64, np.float16, np.float32, ">f8"):
        true = np.array([[0, 1], [1, 1]]).astype(dtype)
        assert losses.MeanSquaredError()(true, np.asfortranarray(true)) == 0.0


def test_nan_is_not_hidden():
    assert np.isnan(losses.MeanSquaredError()([[0.0]], [[np.nan]]))
    assert np.isnan(losses.BinaryCrossentropy()([[0.0]], [[np.nan]]))


@pytest.mark.parametrize("signs", [[[-1.0, 1.0]], [[0.0, 1.0]]])
def test_hinge_reads_both_kinds_of_labels(signs):
    assert losses.Hinge()(signs, [[0.5, 0.25]]) == pytest.approx((1.5 + 0.75) / 2)
    mixed = losses.Hinge()([[0.0, -1.0]], [[0.5, 0.25]])
    assert mixed == pytest.approx((1.0 + 1.25) / 2)


@pytest.mark.parametrize("cls", CONCRETE)
def test_names_lead_to_the_class(cls):
    name = losses.snake_case(cls.__name__)
    for spelled in (cls.__name__, name, name.upper(), cls.__name__.lower()):
        assert type(losses.get(spelled)) is cls
    assert type(losses.get(getattr(losses, name))) is cls
    assert type(losses.get(cls)) is cls


@pytest.mark.parametrize(
    ("short", "name"),
    [
        ("mse", "MeanSquaredError"),
        ("MAE", "MeanAbsoluteError"),
        ("mape", "MeanAbsolutePercentageError"),
        ("msle", "MeanSquaredLogarithmicError"),
        ("bce", "BinaryCrossentropy"),
        ("KLD", "KLDivergence"),
    ],
)
def test_short_names(short, name):
    assert type(losses.get(short)).__name__ == name


@pytest.mark.parametrize(
    ("y_shape", "output_shape", "kind"),
    [
        ((8,), (8, 1), "binary_crossentropy"),
        ((8, 1), (8, 1), "binary_crossentropy"),
        ((8,), (8, 3), "sparse_categorical_crossentropy"),
        ((8, 1), (8, 3), "sparse_categorical_crossentropy"),
        ((8, 3), (8, 3), "categorical_crossentropy"),
    ],
)
def test_crossentropy_by_shape(y_shape, output_shape, kind):
    assert losses.get("crossentropy", y_shape, output_shape).kind == kind


def test_crossentropy_without_shapes():
    with pytest.raises(ValueError, match="picked by the shapes"):
        losses.get("ce")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("mean_square_error", "did you mean 'MeanSquaredError'"),
        ("qwertz", "unknown loss 'qwertz' Known: BinaryCrossentropy"),
        (3, "loss: expected a name"),
        (None, "loss: expected a name"),
        (np.mean(3.0), "loss: expected a name"),
        ({"config": {}}, "class_name"),
    ],
)
def test_unknown_loss(wrong, words):
    with pytest.raises(ValueError, match=words):
        losses.get(wrong)


@pytest.mark.parametrize("cls", CONCRETE)
def test_configuration_round_trip(cls):
    loss = cls(reduction="sum", name="mine")
    for other in (
        losses.deserialize(losses.serialize(loss)),
        losses.get(losses.serialize(loss)),
        copy.deepcopy(loss),
        pickle.loads(pickle.dumps(loss)),
    ):
        assert type(other) is cls
        assert other.get_config() == loss.get_config()
        assert (other.name, other.reduction) == ("mine", "sum")


def test_options_survive():
    loss = losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.25)
    other = losses.deserialize(losses.serialize(loss))
    assert (other.kind, other.attr, other.from_logits) == (loss.kind, (0.25,), True)
    assert losses.deserialize(losses.serialize(losses.Huber(2.5))).attr == (2.5,)


@pytest.mark.parametrize(
    ("loss", "activation", "kind", "fused"),
    [
        ("bce", "sigmoid", "binary_crossentropy_logits", True),
        ("bce", "softmax", "binary_crossentropy", False),
        ("bce", None, "binary_crossentropy", False),
        (CCE, "softmax", f"{CCE}_logits", True),
        (CCE, "sigmoid", CCE, False),
        (f"sparse_{CCE}", "softmax", f"sparse_{CCE}_logits", True),
        ("mse", "sigmoid", "mean_squared_error", False),
    ],
)
def test_loss_after_its_activation_reads_logits(loss, activation, kind, fused):
    found = losses.get(loss)
    assert found.lowered(activation) == (kind, found.attr, fused)


@pytest.mark.parametrize("activation", [None, "sigmoid", "softmax"])
@pytest.mark.parametrize(
    "cls", [c for c in CONCRETE if c.kind and "logits" in str(c.fields)]
)
def test_loss_from_logits_reads_the_output(cls, activation):
    loss = cls(from_logits=True)
    assert loss.lowered(activation) == (f"{loss.kind}_logits", loss.attr, False)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: losses.Huber(delta=0), r"Huber: delta.*\(0, inf\).*got 0"),
        (lambda: losses.BinaryCrossentropy(label_smoothing=2), r"\[0, 1\], got 2"),
        (lambda: losses.BinaryCrossentropy(from_logits="yes"), "from_logits.*'yes'"),
        (lambda: losses.CategoricalCrossentropy(axis="last"), "axis: expected an int"),
        (lambda: losses.CosineSimilarity(axis=-9), "axis: expected an int"),
        (lambda: losses.SparseCategoricalCrossentropy(ignore_class=0.5), "ignore_cl"),
        (lambda: losses.SparseCategoricalCrossentropy(ignore_class=1 << 25), "at most"),
    ],
)
def test_bad_options(make, words):
    with pytest.raises(ValueError, match=words):
        make()
