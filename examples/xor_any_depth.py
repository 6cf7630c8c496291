# SPDX-License-Identifier: BSD-3-Clause
"""XOR with hidden ReLU layers of any number and width, and why it often fails.

Full-batch gradient descent on four points has no noise to get it out of a bad start. A
neuron is dead where it is negative: ReLU then passes neither a signal nor a gradient.
When the neurons that could tell two points with different answers apart are dead at
both, the points look the same to all later layers, for ever, and the network settles
for their mean: a loss of 0.3466 for two merged points (half of ln 2), 0.4774 for three,
and 0.6931 (ln 2) for all four, when a whole layer is dead.
"""

from collections import Counter

import numpy as np

import pynn

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
Y = np.array([[0], [1], [1], [0]], np.float32)


def make(seed: int, hidden: tuple[int, ...]) -> pynn.Sequential:
    """Return a network with He initialisation, ready to train."""
    pynn.utils.set_random_seed(seed)
    model = pynn.Sequential([pynn.Input((2,))])
    for units in hidden:
        model.add(
            pynn.layers.Dense(units, activation="relu", kernel_initializer="he_normal")
        )
    model.add(pynn.layers.Dense(1, activation="sigmoid"))
    model.compile(optimizer=pynn.optimizers.SGD(0.1), loss="binary_crossentropy")
    return model


def train(model: pynn.Sequential, epochs: int = 1001) -> list[float]:
    """Train on all four points at once and return the loss of every epoch."""
    return model.fit(X, Y, batch_size=4, epochs=epochs, verbose=0).history["loss"]


def merged(value: np.ndarray) -> bool:
    """Return whether two points with different answers have the same values."""
    pairs = [(i, j) for i in range(4) for j in range(i) if Y[i] != Y[j]]
    return any(np.allclose(value[i], value[j], atol=1e-6) for i, j in pairs)


def outcome(model: pynn.Sequential) -> str:
    """Say in words how training ended."""
    error = np.abs(model.predict(X, verbose=0) - Y).max()
    if error < 0.05:
        return "solved"
    value, found = X, False
    for layer in model.layers[:-1]:
        kernel, bias = layer.get_weights()
        value = np.maximum(value @ kernel + bias, 0)
        if not value.any():
            return "a dead layer"
        found = found or merged(value)
    if found:
        return "dead neurons merge points"
    return "right, but not yet within 0.05" if error < 0.5 else "wrong"


def show(seed: int, hidden: tuple[int, ...]) -> np.ndarray:
    """Train from one seed, print how it went, and return the four predictions."""
    model = make(seed, hidden)
    losses = train(model)
    print(f"2-{'-'.join(map(str, hidden))}-1 from seed {seed}\n")
    print("epoch    loss")
    for epoch in range(0, len(losses), 200):
        print(f"{epoch:5}  {losses[epoch]:.4f}")
    predictions = model.predict(X, verbose=0)
    print("\ninputs  wanted  predicted")
    for x, y, p in zip(X, Y, predictions, strict=True):
        print(f"{x[0]:.0f}, {x[1]:.0f}   {y[0]:5.0f}   {p[0]:.4f}")
    return predictions


def main(
    hidden: tuple[int, ...] = (4, 4), starts: int = 60
) -> tuple[np.ndarray, Counter[str]]:
    """Return the predictions of a start that trains, and how often starts end how."""
    outcomes = []
    for seed in range(starts):
        model = make(seed, hidden)
        train(model)
        outcomes.append(outcome(model))
    predictions = show(outcomes.index("solved"), hidden)
    print(f"\nof {starts} starts")
    for how, count in Counter(outcomes).most_common():
        print(f"{count:4}  {how}")
    return predictions, Counter(outcomes)


if __name__ == "__main__":
    main()
