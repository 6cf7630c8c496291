# SPDX-License-Identifier: BSD-3-Clause
"""Handwritten digits: the 8 x 8 ones inside the package, which need no download.

Prints how training went, and draws the test images that the network gets wrong.
"""

import numpy as np

import pynn

SHADES = " .:-=+*#%@"


def draw(image: np.ndarray) -> list[str]:
    """Return an image of values 0 to 16 as lines of characters, two a pixel."""
    shade = image.astype(int) * (len(SHADES) - 1) // 16
    return ["".join(SHADES[s] * 2 for s in row) for row in shade]


def main(seed: int = 0) -> float:
    """Return the accuracy on the 360 test images."""
    (x_train, y_train), (x_test, y_test) = pynn.datasets.digits.load_data()
    pynn.utils.set_random_seed(seed)
    model = pynn.Sequential(
        [
            pynn.Input((8, 8)),
            pynn.layers.Flatten(),
            pynn.layers.Dense(256, activation="relu"),
            pynn.layers.Dropout(0.3),
            pynn.layers.Dense(128, activation="relu"),
            pynn.layers.Dropout(0.3),
            pynn.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(
        optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    history = model.fit(x_train / 16, y_train, epochs=40, verbose=0).history
    print("epoch    loss  accuracy")
    for epoch in range(9, 40, 10):
        loss, accuracy = history["loss"][epoch], history["accuracy"][epoch]
        print(f"{epoch + 1:5}  {loss:.4f}  {accuracy:8.4f}")
    _, accuracy = model.evaluate(x_test / 16, y_test, verbose=0)
    print(f"\ntest accuracy: {accuracy:.4f}")

    guesses = model.predict(x_test / 16, verbose=0).argmax(axis=1)
    for i in np.flatnonzero(guesses != y_test)[:3]:
        print(f"\na {y_test[i]}, taken for a {guesses[i]}:")
        print("\n".join(draw(x_test[i])))
    return accuracy


if __name__ == "__main__":
    main()
