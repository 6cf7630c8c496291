# SPDX-License-Identifier: BSD-3-Clause
"""A network that learns its few examples by heart, and what helps against it.

    python regularisation.py [FOLDER]    writes the pictures there

200 handwritten digits, one in ten of them with a wrong label, to train a 64-128-128-10
network on, and 600 others to check. Without help the loss on the training set goes to
zero while that on the validation set climbs. Dropout, penalties on the weights (L1 and
L2), batch normalisation with dropout, and stopping in time each keep it lower.
"""

import sys
from pathlib import Path

import numpy as np

import pynn
from pynn import layers, plotting, regularizers

EPOCHS = 150


def digits() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return images as vectors and labels, to train on and to validate on."""
    (x, y), _ = pynn.datasets.digits.load_data()
    x, y = x.reshape(-1, 64) / 16, np.array(y)
    rng = np.random.default_rng(0)
    order = rng.permutation(len(x))
    train, held = order[:200], order[200:800]
    labels = y[train]
    labels[:20] = rng.integers(0, 10, 20)
    return (x[train], labels), (x[held], y[held])


def network(between=list, penalty=None) -> pynn.Sequential:
    """Return a network with the layers of `between()` after each hidden one."""
    pynn.utils.set_random_seed(0)
    model = pynn.Sequential([pynn.Input((64,))])
    for _ in range(2):
        model.add(layers.Dense(128, activation="relu", kernel_regularizer=penalty))
        for layer in between():
            model.add(layer)
    model.add(layers.Dense(10, activation="softmax", kernel_regularizer=penalty))
    # the penalty is part of "loss", so curves are drawn of the cross-entropy alone
    model.compile(
        optimizer="adam",
        loss="sparse_categorical_crossentropy",
        metrics=["sparse_categorical_crossentropy", "accuracy"],
    )
    return model


def variants() -> dict[str, tuple[pynn.Sequential, list]]:
    """Return networks to compare, and the callbacks of their training."""
    stop = pynn.callbacks.EarlyStopping(patience=10, restore_best_weights=True)
    both = lambda: [layers.BatchNormalization(), layers.Dropout(0.5)]  # noqa: E731
    return {
        "none": (network(), []),
        "dropout": (network(lambda: [layers.Dropout(0.5)]), []),
        "L1": (network(penalty=regularizers.L1(0.001)), []),
        "L2": (network(penalty=regularizers.L2(0.01)), []),
        "batch norm + dropout": (network(both), []),
        "early stopping": (network(), [stop]),
    }


def small_weights(model: pynn.Sequential) -> float:
    """Return the share of kernel elements that are nearly 0."""
    kernels = [w for layer in model.layers for w in layer.get_weights() if w.ndim == 2]
    return float(np.mean(np.abs(np.concatenate([k.ravel() for k in kernels])) < 1e-3))


def main(folder: str | Path | None = None) -> dict[str, dict[str, float]]:
    """Return, by the name of the variant, how it ended."""
    train, held = digits()
    histories, found = {}, {}
    print(f"{'':22} train loss  val loss  val accuracy  weights below 0.001")
    for name, (model, callbacks) in variants().items():
        fitted = model.fit(
            *train,
            epochs=EPOCHS,
            verbose=0,
            validation_data=held,
            callbacks=callbacks,
        )
        histories[name] = fitted
        ends = [
            model.evaluate(*data, verbose=0, return_dict=True) for data in (train, held)
        ]
        found[name] = {
            "loss": ends[0]["sparse_categorical_crossentropy"],
            "val_loss": ends[1]["sparse_categorical_crossentropy"],
            "val_accuracy": ends[1]["accuracy"],
            "small": small_weights(model),
        }
        row = found[name]
        print(
            f"{name:22} {row['loss']:10.4f}  {row['val_loss']:8.4f}"
            f"  {row['val_accuracy']:12.4f}  {row['small']:19.0%}"
        )
        if folder is not None and name in ("none", "L1"):
            path = Path(folder) / f"regularisation_weights_{name}.png"
            plotting.weights(model).savefig(path, dpi=150)
    if folder is not None:
        key = "sparse_categorical_crossentropy"
        figure = plotting.compare(histories, [key, f"val_{key}"])
        figure.savefig(Path(folder) / "regularisation.png", dpi=150)
    return found


if __name__ == "__main__":
    main(*sys.argv[1:2])
