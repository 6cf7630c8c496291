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
    if "crossentropy" in name and parameters:
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
        count += weight.sum()
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
        ("acuracy", "unknown metric 'acuracy'; did you mean 'Accuracy'"),
        (None, "metric: expected a name"),
        (7, "metric: expected a name"),
    ],
)
def test_unknown_metric(wrong, words):
    with pytest.raises(ValueError, match=words):
        metrics.get(wrong)


@pytest.mark.parametrize("cls", CONCRETE)
def test_configuration_round_trip(cls):
    metric = cls(name="mine")
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


@pytest.fixture
def answers(rng):
    """Scores in [0, 1] in coarse steps, labels that follow them, weights."""
    score = np.round(rng.uniform(size=200), 2)
    label = (rng.uniform(size=200) < score).astype(float)
    return label, score, rng.uniform(0.5, 2.0, 200)


def counts(answers, threshold):
    """Weights of true and false positives and negatives, the slow way."""
    label, score, weight = answers
    yes, positive = score > threshold, label == 1
    return [
        weight[cell].sum()
        for cell in (yes & positive, yes & ~positive, ~yes & ~positive, ~yes & positive)
    ]


def in_two_batches(metric, answers):
    for rows in (slice(0, 70), slice(70, None)):
        label, score, weight = (a[rows] for a in answers)
        metric.update_state(label, score, sample_weight=weight)
    return metric.result()


THRESHOLDS = [0.0, 0.25, 0.5, 0.99, 1.0]


@pytest.mark.parametrize(
    ("cls", "formula"),
    [
        (metrics.TruePositives, lambda tp, fp, tn, fn: tp),
        (metrics.FalsePositives, lambda tp, fp, tn, fn: fp),
        (metrics.TrueNegatives, lambda tp, fp, tn, fn: tn),
        (metrics.FalseNegatives, lambda tp, fp, tn, fn: fn),
        (metrics.Precision, lambda tp, fp, tn, fn: tp / (tp + fp) if tp + fp else 0.0),
        (metrics.Recall, lambda tp, fp, tn, fn: tp / (tp + fn)),
    ],
)
def test_counts_at_thresholds(cls, formula, answers):
    expected = [formula(*counts(answers, t)) for t in THRESHOLDS]
    found = in_two_batches(cls(thresholds=THRESHOLDS), answers)
    np.testing.assert_allclose(found, expected, **CLOSE)
    assert in_two_batches(cls(), answers) == pytest.approx(expected[2], rel=1e-12)


def test_undefined_precision_is_zero():
    assert metrics.Precision()([1.0, 0.0], [0.1, 0.2]) == 0.0
    assert metrics.Recall()([0.0, 0.0], [0.9, 0.2]) == 0.0


def test_top_k_and_class():
    true = [[1, 0, 1, 0]]
    pred = [[0.9, 0.8, 0.3, 0.1]]
    assert metrics.Precision(top_k=3)(true, pred) == pytest.approx(2 / 3)
    assert metrics.Recall(top_k=1)(true, pred) == 0.5
    assert metrics.Recall(class_id=2)(true, pred) == 0.0
    assert metrics.Recall(class_id=2, thresholds=0.2)(true, pred) == 1.0
    with pytest.raises(ValueError, match="only 4 classes"):
        metrics.Recall(class_id=4)(true, pred)


def curve(answers, thresholds):
    return np.array([counts(answers, t) for t in thresholds])


@pytest.mark.parametrize("name", ["interpolation", "minoring", "majoring"])
def test_area_under_roc(name, answers):
    tp, fp, tn, fn = curve(answers, [-1e-7, *np.arange(1, 199) / 199, 1 + 1e-7]).T
    x, y = fp / (fp + tn), tp / (tp + fn)
    pick = {"minoring": np.minimum, "majoring": np.maximum}
    heights = pick.get(name, lambda a, b: (a + b) / 2)(y[1:], y[:-1])
    expected = (heights * -np.diff(x)).sum()
    found = in_two_batches(metrics.AUC(summation_method=name), answers)
    np.testing.assert_allclose(found, expected, **CLOSE)


def test_area_under_roc_is_the_share_of_ordered_pairs(answers):
    label, score, weight = answers
    pairs = np.subtract.outer(score[label == 1], score[label == 0])
    both = np.multiply.outer(weight[label == 1], weight[label == 0])
    exact = (both * ((pairs > 0) + 0.5 * (pairs == 0))).sum() / both.sum()
    # Scores lie on multiples of 0.01, so 0.005 apart every score has its own step.
    found = in_two_batches(metrics.AUC(num_thresholds=201), answers)
    assert found == pytest.approx(exact, rel=1e-12)


def test_area_under_precision_recall():
    # J. Davis and M. Goadrich: between two thresholds the number of hits is linear in
    # the number of answers. With two thresholds all area lies in one such piece.
    auc = metrics.AUC(curve="PR", thresholds=[0.5])
    auc.update_state([1, 1, 0, 0, 0], [0.9, 0.2, 0.8, 0.1, 0.3])
    # Above 0.5: 1 hit of 2 answers. Above 0: 2 of 5. Slope 1/3, intercept 1/3.
    low = (1 / 3) * (1 + (1 / 3) * np.log(5 / 2)) / 2
    # From no answer to 2: slope 1/2, intercept 0.
    high = (1 / 2) * 1 / 2
    assert auc.result() == pytest.approx(low + high, rel=1e-12)


def test_documented_areas():
    # The example of Keras' documentation, which prints 0.75 and, with weights, 1.0.
    assert metrics.AUC(3)([0, 0, 1, 1], [0, 0.5, 0.3, 0.9]) == pytest.approx(0.75)
    weighted = metrics.AUC(3)
    weighted.update_state([0, 0, 1, 1], [0, 0.5, 0.3, 0.9], [1, 0, 0, 1])
    assert weighted.result() == pytest.approx(1.0)


def test_area_from_logits(answers):
    label, score, _ = answers
    logit = np.log((score + 0.005) / (1.005 - score))
    sigmoid = 1.0 / (1.0 + np.exp(-logit))
    found = metrics.AUC(from_logits=True)(label, logit)
    assert found == pytest.approx(metrics.AUC()(label, sigmoid), abs=1e-9)


@pytest.mark.parametrize("cls", [metrics.Precision, metrics.AUC])
def test_scores_are_probabilities(cls):
    with pytest.raises(ValueError, match=r"expected predictions in \[0, 1\], got 1.5"):
        cls()([0, 1], [0.5, 1.5])
    metric = metrics.Precision()
    metric.update_state([1, 0], [np.nan, 0.9])
    assert metric.result() == 0.0


def test_numbered_names():
    from pynn.utils import clear_session

    clear_session()
    assert [metrics.AUC().name, metrics.AUC().name] == ["auc", "auc_1"]
    assert metrics.Precision().name == "precision"
    clear_session()


def test_top_k():
    pred = [[0.1, 0.9, 0.8], [0.05, 0.95, 0.0]]
    assert metrics.TopKCategoricalAccuracy(k=1)([[0, 0, 1], [0, 1, 0]], pred) == 0.5
    assert metrics.SparseTopKCategoricalAccuracy(k=2)([2, 1], pred) == 1.0
    assert metrics.SparseTopKCategoricalAccuracy(k=9)([0, 2], pred) == 1.0
    ties = metrics.sparse_top_k_categorical_accuracy([2], [[0.5, 0.5, 0.5]], k=1)
    assert ties.tolist() == [1.0]


def test_documented_f_scores():
    true = [[1, 1, 1], [1, 0, 0], [1, 1, 0]]
    pred = [[0.2, 0.6, 0.7], [0.2, 0.6, 0.6], [0.6, 0.8, 0.0]]
    f1 = metrics.F1Score(threshold=0.5)(true, pred)
    # Keras' documentation prints 0.5, 0.8, 0.6666667; 1e-7 is added to denominators.
    np.testing.assert_allclose(f1, [0.5, 0.8, 2 / 3], atol=1e-6)
    f2 = metrics.FBetaScore(beta=2.0, threshold=0.5)(true, pred)
    np.testing.assert_allclose(f2, [0.3846154, 0.90909094, 0.8333334], atol=1e-6)


def test_averages_of_f_scores():
    true = np.array([[1, 0], [0, 1], [1, 0], [1, 0]])
    pred = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.7, 0.3]])
    each = metrics.F1Score()(true, pred)
    np.testing.assert_allclose(each, [2 / 3, 0.0], atol=1e-6)
    assert metrics.F1Score("macro")(true, pred) == pytest.approx(1 / 3, abs=1e-6)
    assert metrics.F1Score("weighted")(true, pred) == pytest.approx(0.5, abs=1e-6)
    assert metrics.F1Score("micro")(true, pred) == pytest.approx(0.5, abs=1e-6)


def test_r2(rng):
    true, noise = rng.normal(size=(40, 2)), rng.normal(size=(40, 2)) * [0.1, 1.0]
    pred = true + noise
    residual = ((true - pred) ** 2).sum(0)
    total = ((true - true.mean(0)) ** 2).sum(0)
    each = 1 - residual / total
    found = metrics.R2Score(class_aggregation=None)(true, pred)
    np.testing.assert_allclose(found, each, rtol=1e-10)
    found = metrics.R2Score("variance_weighted_average")(true, pred)
    assert found == pytest.approx((each * total).sum() / total.sum(), rel=1e-10)
    # Keras counts values, not rows, when it adjusts.
    adjusted = 1 - (1 - each.mean()) * 79 / (80 - 3 - 1)
    found = metrics.R2Score(num_regressors=3)(true, pred)
    assert found == pytest.approx(adjusted, rel=1e-10)


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
