# SPDX-License-Identifier: BSD-3-Clause
"""Losses computed in NumPy: by hand, by differences, and in a training."""

import math

import numpy as np
import pytest

import pynn
from pynn import layers, losses

LOSSES = [
    losses.BinaryFocalCrossentropy(),
    losses.BinaryFocalCrossentropy(True, 0.3, 1.5, label_smoothing=0.1),
    losses.BinaryFocalCrossentropy(from_logits=True, gamma=0.0),
    losses.CategoricalFocalCrossentropy(),
    losses.CategoricalFocalCrossentropy(0.4, 1.0, label_smoothing=0.1),
    losses.CategoricalFocalCrossentropy(from_logits=True),
    losses.Dice(),
    losses.Dice(axis=-1),
    losses.Tversky(0.3, 0.7),
    losses.Tversky(0.3, 0.7, axis=(1,)),
]


def test_values_by_hand():
    y, p = np.array([[1.0, 0.0]]), np.array([[0.8, 0.4]])
    binary = (0.2**2 * -math.log(0.8) + 0.4**2 * -math.log(0.6)) / 2
    assert losses.BinaryFocalCrossentropy()(y, p) == pytest.approx(binary, rel=1e-12)
    p = np.array([[0.6, 0.2]])  # of the sum: 0.75, 0.25
    categorical = 0.25 * 0.25**2 * -math.log(0.75)
    found = losses.categorical_focal_crossentropy(y, p)
    assert found == pytest.approx([categorical], rel=1e-12)
    assert losses.dice(y, p) == pytest.approx(1 - 2 * 0.6 / 1.8, rel=1e-6)
    expected = 1 - 0.6 / (0.6 + 0.3 * 0.4 + 0.7 * 0.2)
    assert losses.tversky(y, p, 0.3, 0.7) == pytest.approx(expected, rel=1e-6)


def test_without_focus_they_are_cross_entropies(rng):
    y, p = np.eye(4)[rng.integers(0, 4, 9)], rng.uniform(0.05, 0.95, (9, 4))
    for focal, plain in (
        (losses.BinaryFocalCrossentropy(gamma=0), losses.BinaryCrossentropy()),
        (
            losses.CategoricalFocalCrossentropy(1.0, 0.0),
            losses.CategoricalCrossentropy(),
        ),
    ):
        np.testing.assert_allclose(focal(y, p), plain(y, p), rtol=1e-12)


@pytest.mark.parametrize("shape", [(6, 3), (4, 5, 3)])
@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
def test_gradients_by_differences(loss, shape, rng):
    y = np.eye(3)[rng.integers(0, 3, shape[:-1])]
    p = rng.uniform(0.05, 0.95, shape)
    found, numeric = loss.gradients(y, p), np.empty(shape)
    for place in np.ndindex(shape):
        sides = []
        for step in (1e-6, -1e-6):
            moved = p.copy()
            moved[place] += step
            sides.append(loss(y, moved))
        numeric[place] = (sides[0] - sides[1]) / 2e-6
    # differences of numbers near 1: 1e-16 / 1e-6
    np.testing.assert_allclose(found, numeric, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", ["dice", "BinaryFocalCrossentropy", "tversky"])
def test_training(name, rng):
    x = rng.normal(size=(80, 4))
    y = (x @ rng.normal(size=(4, 2)) > 0).astype(float)
    pynn.utils.set_random_seed(1)
    model = pynn.Sequential([layers.Dense(8, "tanh"), layers.Dense(2, "sigmoid")])
    model.compile(pynn.optimizers.Adam(0.05), name)
    values = model.fit(x, y, epochs=8, verbose=0).history["loss"]
    assert values[-1] < 0.5 * values[0]
    again = losses.get(name)(y, model.predict(x, verbose=0))
    if name.startswith("Binary"):  # no mean over samples, the others
        assert again == pytest.approx(model.evaluate(x, y, verbose=0), rel=1e-5)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: losses.Dice(axis=0), "Dice: axis: the batch"),
        (lambda: losses.Tversky(alpha="a"), "Tversky: alpha"),
        (lambda: losses.BinaryFocalCrossentropy(gamma=-1), "gamma: expected a number"),
        (lambda: losses.CategoricalFocalCrossentropy(axis="a"), "axis: expected"),
        (lambda: losses.BinaryFocalCrossentropy(alpha=1), None),
    ],
)
def test_arguments(make, words):
    if words is None:
        assert make().alpha == 1.0
        return
    with pytest.raises(ValueError, match=words):
        make()


FOCAL = [
    losses.CategoricalFocalCrossentropy,
    losses.BinaryFocalCrossentropy,
    lambda **named: losses.CategoricalFocalCrossentropy(from_logits=True, **named),
]


@pytest.mark.parametrize("make", FOCAL)
def test_numbers_and_empty_arrays(make):
    with pytest.raises(ValueError, match=r"y_pred: expected an array with .*, got"):
        make()(1.0, 1.0)
    with pytest.raises(ValueError, match=r"y_true of shape \(0,\) does not fit y_pred"):
        make()([], np.zeros((0, 3)))
    for shape in ((0, 3), (3, 0), (0, 0)):
        empty = np.zeros(shape)
        values = make(reduction=None)(empty, empty)
        np.testing.assert_array_equal(values, np.zeros(shape[:1]))
        assert make().gradients(empty, empty).shape == shape
    with pytest.raises(ValueError, match="no samples to average"):
        make()(np.zeros((0, 3)), np.zeros((0, 3)))
