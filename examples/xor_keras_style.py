# SPDX-License-Identifier: BSD-3-Clause
"""XOR as a Keras tutorial writes it: 2-2-1, ReLU, Adam; only the import is another.

It fails from four starts out of five, in every library. Two ReLU neurons are just
enough for XOR, and where a neuron is negative it passes no signal and gets no gradient.
If one is negative at all four points it is dead for ever, and the other cannot do it
alone. If both are negative at two points with different answers, the two look the same
and stay so. Eight neurons that leak have no such trap, and a higher rate gets them
there.
"""

from collections import Counter

import numpy as np

import pynn as keras

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
y = np.array([0, 1, 1, 0])


def tutorial() -> keras.Sequential:
    """Return the network of the tutorial."""
    model = keras.Sequential(
        [
            keras.layers.Dense(2, activation="relu", input_shape=(2,)),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
    return model


def sturdy() -> keras.Sequential:
    """Return a network that learns XOR from nearly every start."""
    model = keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.Dense(8),
            keras.layers.LeakyReLU(negative_slope=0.2),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(0.02),
        loss="binary_crossentropy",
        metrics=["accuracy"],
    )
    return model


def outcome(model: keras.Sequential) -> str:
    """Say how training ended, and why."""
    if (model.predict(X, verbose=0).round()[:, 0] == y).all():
        return "solved"
    kernel, bias = model.layers[0].get_weights()
    on = (X @ kernel + bias) > 0
    if not on.any(axis=0).all():
        return f"{(~on.any(axis=0)).sum()} of {len(bias)} neurons dead"
    off = y[~on.any(axis=1)]
    return "both neurons off at points that differ" if len(set(off)) > 1 else "slow"


def count(make, starts: int, epochs: int = 1000) -> Counter[str]:
    """Train from the seeds 0, 1, ... and return how often training ended how."""
    found: Counter[str] = Counter()
    for seed in range(starts):
        keras.utils.set_random_seed(seed)
        model = make()
        model.fit(X, y, epochs=epochs, verbose=0)
        found[outcome(model)] += 1
    return found


def main(starts: int = 100) -> tuple[Counter[str], Counter[str]]:
    """Return how the starts ended, of the tutorial's network and of the other."""
    results = []
    for make in (tutorial, sturdy):
        results.append(count(make, starts))
        print(f"{make.__name__}: {make().count_params()} weights, {starts} starts")
        for how, often in sorted(results[-1].items()):
            print(f"{often:5}  {how}")
    return results[0], results[1]


if __name__ == "__main__":
    main()
