# SPDX-License-Identifier: BSD-3-Clause
"""Iris as a Keras tutorial writes it; only the import is another.

    python iris_keras_style.py [PICTURE]    writes the curves of loss and accuracy there

Dropout and batch normalisation against overfitting, and early stopping that goes back
to the best epoch. The measurements are R. A. Fisher's of 1936 (public domain).
"""

import csv
import sys
from pathlib import Path

import numpy as np

import pynn as keras

FILE = Path(__file__).parent / "data" / "iris.csv"


def load() -> tuple[np.ndarray, np.ndarray]:
    """Return measurements ``(150, 4)`` in cm and species ``(150,)``."""
    with open(FILE, newline="") as file:
        _, *rows = csv.reader(file)
    names = sorted({row[-1] for row in rows})
    x = np.array([row[:-1] for row in rows], dtype="float32")
    return x, np.array([names.index(row[-1]) for row in rows])


def network() -> keras.Sequential:
    """Return the network of the tutorial, compiled."""
    model = keras.Sequential(
        [
            keras.layers.Dense(
                64,
                activation="relu",
                kernel_initializer="he_normal",
                input_shape=(4,),
            ),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(32, activation="relu"),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate=0.001),
        loss="categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def draw(history, path: str | Path) -> None:
    """Write the curves of loss and accuracy to a file."""
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for axis, name in zip(axes, ("loss", "accuracy"), strict=True):
        epochs = range(1, len(history.history[name]) + 1)
        axis.plot(epochs, history.history[name], label="training")
        axis.plot(epochs, history.history[f"val_{name}"], "--", label="validation")
        axis.set_xlabel("epoch")
        axis.set_ylabel(name)
        axis.grid(color="0.9")
        axis.legend()
    figure.savefig(path, dpi=150)
    plt.close(figure)


def main(picture: str | Path | None = None, seed: int = 0):
    """Return test accuracy, history and the callback that stopped training early."""
    keras.utils.set_random_seed(seed)
    x, y = load()
    # this old generator is frozen; scikit-learn's train_test_split draws the same
    order = np.random.RandomState(42).permutation(len(x))
    test, train = order[:30], order[30:]
    x = (x - x[train].mean(axis=0)) / x[train].std(axis=0)
    y = keras.utils.to_categorical(y, num_classes=3)

    model = network()
    model.summary()
    early_stopping = keras.callbacks.EarlyStopping(
        monitor="val_loss", patience=10, restore_best_weights=True
    )
    history = model.fit(
        x[train],
        y[train],
        epochs=100,
        batch_size=16,
        validation_split=0.2,
        callbacks=[early_stopping],
        verbose=0,
    )
    _, accuracy = model.evaluate(x[test], y[test], verbose=0)
    print(f"{len(history.epoch)} epochs, best: {early_stopping.best_epoch + 1}")
    print(f"test accuracy: {accuracy:.4f}")
    if picture is not None:
        draw(history, picture)
    return accuracy, history, early_stopping


if __name__ == "__main__":
    main(*sys.argv[1:2])
