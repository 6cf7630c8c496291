# SPDX-License-Identifier: BSD-3-Clause
"""Metrics of classes that overlap, of constrained rates, and correlations."""

import numpy as np
import pytest

from pynn import metrics

CLASS_NUMBERS = [0, 0, 1, 1], [0, 1, 0, 1]  # Keras's examples


def result(metric, *data, weight=None):
    metric.update_state(*data, sample_weight=weight)
    return metric.result()


def test_intersection_over_union():
    # matrix [[1, 1], [1, 1]]: each class 1 / (2 + 2 - 1)
    assert result(metrics.IoU(2, [0]), *CLASS_NUMBERS) == pytest.approx(1 / 3)
    assert result(metrics.MeanIoU(2), *CLASS_NUMBERS) == pytest.approx(1 / 3)
    weighted = result(metrics.IoU(2, [0]), *CLASS_NUMBERS, weight=[0.3, 0.3, 0.3, 0.1])
    assert weighted == pytest.approx(0.3 / 0.9)
    mean = result(metrics.MeanIoU(2), *CLASS_NUMBERS, weight=[0.3, 0.3, 0.3, 0.1])
    assert mean == pytest.approx((0.3 / 0.9 + 0.1 / 0.7) / 2)
    binary = metrics.BinaryIoU(threshold=0.3)
    assert result(binary, [0, 1, 0, 1], [0.1, 0.2, 0.4, 0.7]) == pytest.approx(1 / 3)


def test_intersection_of_one_hot_classes():
    true = [[0, 0, 1], [1, 0, 0], [0, 1, 0], [1, 0, 0]]
    pred = [[0.2, 0.3, 0.5], [0.1, 0.2, 0.7], [0.5, 0.3, 0.1], [0.1, 0.4, 0.5]]
    # class 0: 0 of 3; class 2: 1 of 3
    assert result(metrics.OneHotIoU(3, [0, 2]), true, pred) == pytest.approx(1 / 6)
    assert result(metrics.OneHotMeanIoU(3), true, pred) == pytest.approx(1 / 9)


def test_classes_that_do_not_count():
    absent = result(metrics.MeanIoU(5), *CLASS_NUMBERS)
    assert absent == pytest.approx(1 / 3)
    ignoring = metrics.MeanIoU(2, ignore_class=1)
    assert result(ignoring, *CLASS_NUMBERS) == pytest.approx(0.25)
    outside = result(metrics.MeanIoU(2), [0, 1, 7, -1], [0, 1, 0, 1])
    assert outside == pytest.approx(1.0)
    batches = metrics.MeanIoU(2)
    for i in range(4):
        batches.update_state(CLASS_NUMBERS[0][i : i + 1], CLASS_NUMBERS[1][i : i + 1])
    assert batches.result() == pytest.approx(1 / 3)
    batches.reset_state()
    assert batches.result() == 0


TRUE, PRED = [0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8]


@pytest.mark.parametrize(
    ("metric", "expected", "weight", "weighted"),
    [  # the first three with weights are Keras's examples
        (metrics.SensitivityAtSpecificity(0.5), 0.5, [1, 1, 2, 2, 1], 1 / 3),
        (metrics.SpecificityAtSensitivity(0.5), 2 / 3, [1, 1, 2, 2, 2], 0.5),
        (metrics.PrecisionAtRecall(0.5), 0.5, [2, 2, 2, 1, 1], 1 / 3),
        (metrics.RecallAtPrecision(0.8), 0.0, [1, 0, 0, 1, 1], 1.0),
        (metrics.RecallAtPrecision(0.3), 1.0, [1, 1, 2, 2, 1], 1.0),
    ],
)
def test_rates_under_a_constraint(metric, expected, weight, weighted):
    assert result(metric, TRUE, PRED) == pytest.approx(expected)
    metric.reset_state()
    assert result(metric, TRUE, PRED, weight=weight) == pytest.approx(weighted)


def test_correlations(rng):
    true, pred = rng.normal(size=(4, 9)), rng.normal(size=(4, 9))
    each = [np.corrcoef(t, p)[0, 1] for t, p in zip(true, pred, strict=True)]
    np.testing.assert_allclose(metrics.pearson_correlation(true, pred), each, rtol=1e-9)
    found = result(metrics.PearsonCorrelation(), true, pred)
    assert found == pytest.approx(np.mean(each))
    # Keras's example
    true, pred = [[0, 1, 0.5], [1, 1, 0.2]], [[0.1, 0.9, 0.5], [1, 0.9, 0.2]]
    found = metrics.concordance_correlation(true, pred)
    np.testing.assert_allclose(found, [0.97560976, 0.98765432], rtol=1e-6)
    mean = result(metrics.ConcordanceCorrelation(), true, pred)
    assert mean == pytest.approx(0.9816320385426076, rel=1e-6)
    by_column = metrics.PearsonCorrelation(axis=0)
    assert by_column.get_config() == {"name": "pearson_correlation", "axis": 0}


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: metrics.IoU(2, [2]), "target_class_ids: expected numbers below 2"),
        (lambda: metrics.MeanIoU(0), "MeanIoU: num_classes"),
        (lambda: metrics.PrecisionAtRecall(1.5), "PrecisionAtRecall: recall"),
        (lambda: metrics.RecallAtPrecision(0.5, 0), "num_thresholds"),
    ],
)
def test_bad_arguments(make, words):
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize(
    "kind", [metrics.SparseTopKCategoricalAccuracy, metrics.TopKCategoricalAccuracy]
)
def test_hits_of_numbers_and_of_nothing(kind):
    with pytest.raises(ValueError, match=r"y_pred: expected an array with .*, got"):
        kind()(1.0, 1.0)
    sparse = kind is metrics.SparseTopKCategoricalAccuracy
    assert kind()(np.zeros(0) if sparse else np.zeros((0, 3)), np.zeros((0, 3))) == 0.0
    with pytest.raises(ValueError, match=r"do(es)? not fit y_pred of shape"):
        kind()(np.zeros((2, 2)), np.zeros((2, 0)))
