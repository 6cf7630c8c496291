# SPDX-License-Identifier: BSD-3-Clause
"""Iris with one hidden layer and nothing but gradient descent.

4-16-3, ReLU and softmax, cross-entropy, full-batch SGD with rate 0.05, 500 epochs,
standardised features, 80 % of the flowers to train on. The measurements are R. A.
Fisher's of 1936 (public domain).
"""

import csv
from pathlib import Path

import numpy as np

import pynn

FILE = Path(__file__).parent / "data" / "iris.csv"


def load() -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return measurements ``(150, 4)`` in cm, species ``(150,)`` and their names."""
    with open(FILE, newline="") as file:
        _, *rows = csv.reader(file)
    names = sorted({row[-1] for row in rows})
    x = np.array([row[:-1] for row in rows], dtype=np.float32)
    return x, np.array([names.index(row[-1]) for row in rows]), names


def main(seed: int = 42) -> float:
    """Return the share of the 30 test flowers that are named rightly."""
    x, y, names = load()
    # this old generator is frozen, so the split is the same in every NumPy; it is also
    # the one that scikit-learn's train_test_split draws
    order = np.random.RandomState(seed).permutation(len(x))
    test, train = order[:30], order[30:]
    x = (x - x[train].mean(axis=0)) / x[train].std(axis=0)

    pynn.utils.set_random_seed(seed)
    model = pynn.Sequential(
        [
            pynn.Input((4,)),
            pynn.layers.Dense(16, activation="relu", kernel_initializer="he_normal"),
            pynn.layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile(
        optimizer=pynn.optimizers.SGD(0.05),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    history = model.fit(x[train], y[train], batch_size=120, epochs=500, verbose=0)

    print("epoch    loss  accuracy")
    for epoch in (*range(0, 500, 100), 499):
        loss, accuracy = (history.history[k][epoch] for k in ("loss", "accuracy"))
        print(f"{epoch + 1:5}  {loss:.4f}  {accuracy:8.4f}")
    _, accuracy = model.evaluate(x[test], y[test], verbose=0)
    print(f"\ntest accuracy: {accuracy:.4f}")
    guesses = model.predict(x[test], verbose=0).argmax(axis=1)
    for right, guess in zip(y[test], guesses, strict=True):
        if right != guess:
            print(f"took an Iris {names[right]} for an Iris {names[guess]}")
    return accuracy


if __name__ == "__main__":
    main()
