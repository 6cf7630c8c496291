# SPDX-License-Identifier: BSD-3-Clause
"""Metrics over several batches, with weights, by name and by shape."""

import pickle

import numpy as np
import pytest
from oracle.cases import LOSS_PARAMETERS, loss_data, variants
from oracle.losses import LOSSES

from pynn import losses, metrics

# Values come from the core in float64 (see test_losses.py); means add a few more terms.
CLOSE = {"rtol": 1e-11, "atol": 1e-13}

CLASSES = [c for c in map(metrics.__dict__.get, metrics.__all__) if isinstance(c, type)]
IN_CORE = [
    c
    for c in CLASSES
    if issubclass(c, metrics.MeanMetric) and c is not metrics.MeanMetric
]
BASES = (metrics.Metric, metrics.MeanMetric, metrics.MeanMetricWrapper)
CONCRETE = [c for c in CLASSES if c not in BASES]


def metric_of_row(name, parameters):
    """The metric object that is the mean of a row of the core's table."""
    family, logits = name.removesuffix("_logits"), name.endswith("_logits")
    plain = (c for c in IN_CORE if c is not metrics.RootMeanSquaredError)
    cls = next(c for c in plain if c().kind == family)
    arguments = {"from_logits": True} if logits else {}
    if "sparse" in name and parameters:
        arguments["ignore_class"] = int(parameters[1])
    elif "crossentropy" in name and parameters:
        arguments["label_smoothing"] = parameters[0]
    if name == "binary_accuracy":
        arguments["threshold"] = parameters[0]
    return cls(**arguments)


ROWS = [row for row in variants("LOSS", LOSS_PARAMETERS) if row[0] != "huber"]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("name", "parameters"), ROWS)
def test_row_against_oracle(name, parameters, weighted, rng):
    metric = metric_of_row(name, parameters)
    total = count = 0.0
    for rows in (6, 3):
        target, pred = loss_data(rng, name, rows)
        if parameters == (0.0,) and "hinge" in name:
            target = 2.0 * target - 1.0
        value, _ = LOSSES[name](target, pred, *parameters)
        weight = rng.uniform(size=rows) if weighted else np.ones(rows)
        metric.update_state(target, pred, weight if weighted else None)
        total += (weight * value).sum()
        ignored = "sparse" in name and weighted and parameters
        count += (weight * (target != parameters[1]) if ignored else weight).sum()
    sign = -1.0 if name == "cosine_similarity" else 1.0  # the loss is minus the cosine
    np.testing.assert_allclose(metric.result(), sign * total / count, **CLOSE)
    metric.reset_state()
    assert metric.result() == 0.0


def test_every_row_is_a_metric():
    assert len(ROWS) >= 20
    assert {c().kind for c in IN_CORE} | {"huber"} >= {
        n for n in LOSSES if not n.endswith("_logits")
    }


def test_root_of_the_mean_not_mean_of_the_roots():
    metric = metrics.RootMeanSquaredError()
    metric.update_state([[0.0], [0.0]], [[3.0], [4.0]])
    assert metric.result() == pytest.approx(np.sqrt(12.5), rel=1e-15)
    assert metrics.RootMeanSquaredError.finish(8.0, 2.0) == 2.0
    assert metrics.CosineSimilarity.finish(-3.0, 4.0) == 0.75


@pytest.mark.parametrize(
    ("values", "weight", "mean", "total"),
    [
        ([1, 3, 5, 7], None, 4.0, 16.0),
        ([1, 3, 5, 7], [1, 1, 0, 0], 2.0, 4.0),
        (5.0, None, 5.0, 5.0),
        ([[1, 2], [3, 6]], None, 3.0, 12.0),
        ([[1, 2], [3, 6]], [1, 0], 1.5, 3.0),
        ([[1, 2], [3, 6]], [[1], [0]], 1.5, 3.0),
        ([[1, 2], [3, 6]], [[1, 0], [0, 1]], 3.5, 7.0),
    ],
)
def test_mean_and_sum(values, weight, mean, total):
    assert metrics.Mean()(values, sample_weight=weight) == pytest.approx(mean)
    assert metrics.Sum()(values, sample_weight=weight) == pytest.approx(total)


def test_mean_over_batches_counts_samples():
    metric = metrics.Mean()
    metric.update_state([1.0])
    metric.update_state([4.0, 4.0, 4.0])
    assert metric.result() == 13.0 / 4.0


def test_half_is_class_zero():
    labels, half = [[0.0], [1.0]], [[0.5], [0.5]]
    assert metrics.BinaryAccuracy()(labels, half) == 0.5
    assert metrics.binary_accuracy(labels, half).tolist() == [[1.0], [0.0]]
    assert metrics.binary_accuracy([0.0, 1.0], [0.2, 0.9]).tolist() == [1.0, 1.0]


@pytest.mark.parametrize("name", ["accuracy", "acc", "Accuracy", "ACC"])
@pytest.mark.parametrize(
    ("y_shape", "output_shape", "kind"),
    [
        ((8,), (8, 1), "binary_accuracy"),
        ((8, 1), (8, 1), "binary_accuracy"),
        ((8,), (8, 3), "sparse_categorical_accuracy"),
        ((8, 1), (8, 3), "sparse_categorical_accuracy"),
        ((8, 3), (8, 3), "categorical_accuracy"),
        ((8, 5), (8, 5, 3), "sparse_categorical_accuracy"),
        ((8, 5, 3), (None, 5, 3), "categorical_accuracy"),
    ],
)
def test_accuracy_by_shape(name, y_shape, output_shape, kind):
    metric = metrics.get(name, y_shape, output_shape)
    assert (metric.kind, metric.name) == (kind, name)


def test_accuracy_without_shapes_is_equality():
    assert metrics.get("accuracy")([1, 2, 3, 4], [0, 2, 3, 4]) == 0.75


@pytest.mark.parametrize(
    ("name", "cls"),
    [
        ("mse", metrics.MeanSquaredError),
        ("MSE", metrics.MeanSquaredError),
        ("mean_absolute_error", metrics.MeanAbsoluteError),
        ("bce", metrics.BinaryCrossentropy),
        ("kld", metrics.KLDivergence),
        ("BinaryAccuracy", metrics.BinaryAccuracy),
        ("AUC", metrics.AUC),
        ("auc", metrics.AUC),
        ("precision", metrics.Precision),
        ("f1_score", metrics.F1Score),
        ("logcosh", metrics.LogCoshError),
        ("cosine_similarity", metrics.CosineSimilarity),
    ],
)
def test_name_stays_as_written(name, cls):
    metric = metrics.get(name)
    assert type(metric) is cls
    assert metric.name == name


def test_crossentropy_by_shape():
    assert metrics.get("ce", (4,), (4, 3)).kind == "sparse_categorical_crossentropy"
    with pytest.raises(ValueError, match="picked by the shapes"):
        metrics.get("crossentropy")


def test_functions():
    ours = metrics.get(losses.mean_squared_error)
    assert (type(ours), ours.name) == (metrics.MeanSquaredError, "mean_squared_error")

    def largest_error(y_true, y_pred):
        return np.abs(y_true - y_pred).max(axis=-1)

    theirs = metrics.get(largest_error)
    assert theirs.name == "largest_error"
    theirs.update_state([[0.0, 0.0], [1.0, 1.0]], [[1.0, 3.0], [1.0, 2.0]])
    assert theirs.result() == 2.0


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("accurac", "unknown metric 'accurac'; did you mean 'Accuracy'"),
        (None, "metric: expected a name"),
        (7, "metric: expected a name"),
    ],
)
def test_unknown_metric(wrong, words):
    with pytest.raises(ValueError, match=words):
        metrics.get(wrong)


# Arguments of the metrics that cannot do without.
NEEDED = {
    "IoU": (3, [0, 2]),
    "MeanIoU": (3,),
    "OneHotIoU": (3, [1]),
    "OneHotMeanIoU": (3,),
    "PrecisionAtRecall": (0.5,),
    "RecallAtPrecision": (0.5,),
    "SensitivityAtSpecificity": (0.5,),
    "SpecificityAtSensitivity": (0.5,),
}


@pytest.mark.parametrize("cls", CONCRETE)
def test_configuration_round_trip(cls):
    metric = cls(*NEEDED.get(cls.__name__, ()), name="mine")
    for other in (
        metrics.deserialize(metrics.serialize(metric)),
        pickle.loads(pickle.dumps(metric)),
    ):
        assert type(other) is cls
        assert other.get_config() == metric.get_config()
        assert other.name == "mine"


def test_options_survive():
    for metric in (
        metrics.AUC(num_thresholds=7, curve="PR"),
        metrics.AUC(thresholds=[0.2, 0.5]),
        metrics.Precision(thresholds=[0.25, 0.75], class_id=1),
        metrics.Recall(top_k=2),
        metrics.F1Score(average="macro", threshold=0.5),
        metrics.TopKCategoricalAccuracy(k=3),
    ):
        other = metrics.deserialize(metrics.serialize(metric))
        state = {k: v for k, v in vars(metric).items() if k != "dtype"}
        for key, value in state.items():
            np.testing.assert_array_equal(getattr(other, key), value, err_msg=key)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: metrics.AUC(num_thresholds=1), "num_thresholds.*>= 2, got 1"),
        (lambda: metrics.AUC(curve="PRX"), "curve: expected one of 'ROC', 'PR'"),
        (lambda: metrics.AUC(multi_label=True), "not supported"),
        (lambda: metrics.Precision(thresholds=1.5), r"thresholds.*\[0, 1\], got 1.5"),
        (lambda: metrics.F1Score(average="best"), "average: expected one of None"),
        (lambda: metrics.FBetaScore(beta=0), r"beta: .*\(0, inf\), got 0"),
        (lambda: metrics.TopKCategoricalAccuracy(k=0), "k: expected an integer >= 1"),
        (lambda: metrics.R2Score(num_regressors=-1), "num_regressors"),
        (lambda: metrics.F1Score()([0, 1], [0.1, 0.9]), r"\(samples, columns\)"),
        (lambda: metrics.Accuracy()([1, 2], [1, 2, 3]), r"\(2,\).*\(3,\)"),
        (lambda: metrics.Mean()(["a"]), "values: expected numbers"),
        (lambda: metrics.MeanSquaredError()([[1]], [[1]], [1, 2]), "sample_weight"),
    ],
)
def test_bad_arguments(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_a_bad_batch_changes_nothing():
    metric = metrics.MeanSquaredError()
    metric.update_state([[0.0]], [[2.0]])
    with pytest.raises(ValueError, match="does not fit"):
        metric.update_state([[0.0, 1.0]], [[2.0]])
    assert metric.result() == 4.0
