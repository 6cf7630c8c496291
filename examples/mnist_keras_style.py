# SPDX-License-Identifier: BSD-3-Clause
"""MNIST as a Keras tutorial writes it; only the import is another.

The files are found in ``$PYNN_DATA/mnist`` or the cache, or downloaded once.
"""

import pynn as keras


def main(seed: int = 0, verbose: int = 1) -> float:
    """Return the accuracy on the 10,000 test images."""
    keras.utils.set_random_seed(seed)
    (x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()
    x_train = x_train.reshape(-1, 784).astype("float32") / 255
    x_test = x_test.reshape(-1, 784).astype("float32") / 255

    model = keras.Sequential(
        [
            keras.Input((784,)),
            keras.layers.Dense(128, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(
        optimizer="adam",
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    model.fit(
        x_train,
        y_train,
        epochs=5,
        batch_size=32,
        validation_split=0.1,
        verbose=verbose,
    )
    _, accuracy = model.evaluate(x_test, y_test, verbose=verbose)
    print(f"test accuracy: {accuracy:.4f}")
    return accuracy


if __name__ == "__main__":
    main()
