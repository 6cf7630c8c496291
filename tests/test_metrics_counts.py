# SPDX-License-Identifier: BSD-3-Clause
"""Metrics from counts of right and wrong answers, against counting the slow way."""

import numpy as np
import pytest

from pynn import metrics

# Sums of 200 weights in another order, then a quotient or an area of 200 pieces.
CLOSE = {"rtol": 1e-11, "atol": 1e-13}


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
