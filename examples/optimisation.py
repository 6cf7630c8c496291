# SPDX-License-Identifier: BSD-3-Clause
"""How a network is best trained: batches, optimizers, rates, decay, scaled inputs.

    python optimisation.py [FOLDER]    writes the pictures there

The task: houses, 512 of them, whose price (in 100,000) depends on area, age, distance
to the centre and rooms. Every part trains the same 4-16-1 network from the same start.
"""

import sys
import warnings
from pathlib import Path

import numpy as np

import pynn
from pynn import plotting

EPOCHS = 40


def houses(count: int = 512) -> tuple[np.ndarray, np.ndarray]:
    """Return area (m2), age (years), distance (m), rooms; and prices in 100,000."""
    rng = np.random.default_rng(0)
    area = rng.uniform(30, 200, count)
    age = rng.uniform(0, 100, count)
    distance = rng.uniform(100, 20_000, count)
    rooms = np.round(area / 28 + rng.normal(0, 0.7, count)).clip(1)
    price = 0.025 * area * np.exp(-distance / 15_000) + 0.15 * rooms
    price -= 0.008 * age * (age < 60)  # very old ones are dear again
    x = np.stack([area, age, distance, rooms], 1)
    return x.astype(np.float32), (price + rng.normal(0, 0.1, count))[:, None]


def scaled(x: np.ndarray) -> np.ndarray:
    """Return columns with mean 0 and standard deviation 1."""
    return (x - x.mean(0)) / x.std(0)


def train(optimizer, batch_size: int = 32, x=None) -> list[float]:
    """Return the loss of each epoch, from the same start and in the same order."""
    inputs, prices = houses()
    pynn.utils.set_random_seed(1)
    model = pynn.Sequential(
        [
            pynn.Input((4,)),
            pynn.layers.Dense(16, activation="tanh"),
            pynn.layers.Dense(1),
        ]
    )
    model.compile(optimizer=optimizer, loss="mse")
    x = scaled(inputs) if x is None else x
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", pynn.DivergenceWarning)
        history = model.fit(x, prices, batch_size=batch_size, epochs=EPOCHS, verbose=0)
    for warning in caught:
        print(f"rate {optimizer.learning_rate:g}: {warning.message}")
    return history.history["loss"]


def batches() -> dict[str, list[float]]:
    """Gradient descent over all rows, 32 rows, and one row at a time."""
    sizes = {"batch (512 rows)": 512, "mini-batch (32)": 32, "stochastic (1)": 1}
    return {name: train(pynn.optimizers.SGD(0.02), n) for name, n in sizes.items()}


def rules() -> dict[str, list[float]]:
    """Plain gradient descent against those that remember."""
    return {
        "SGD": train(pynn.optimizers.SGD(0.005)),
        "momentum 0.9": train(pynn.optimizers.SGD(0.005, momentum=0.9)),
        "Adam": train(pynn.optimizers.Adam(0.005)),
    }


def rates() -> dict[str, list[float]]:
    """A rate that is too small, one that fits, one too large, one that diverges."""
    tried = {"0.0001": 0.0001, "0.05": 0.05, "0.3": 0.3, "0.5": 0.5}
    return {name: train(pynn.optimizers.SGD(rate)) for name, rate in tried.items()}


def decay() -> dict[str, list[float]]:
    """A large rate that stays, and the same one on its way down."""
    schedules = pynn.optimizers.schedules
    steps = EPOCHS * 512 // 32
    return {
        "0.3 throughout": train(pynn.optimizers.SGD(0.3)),
        "exponential": train(
            pynn.optimizers.SGD(schedules.ExponentialDecay(0.3, steps, 0.1))
        ),
        "cosine": train(pynn.optimizers.SGD(schedules.CosineDecay(0.3, steps))),
    }


def inputs() -> dict[str, list[float]]:
    """Metres and years as they are, against standardised columns."""
    return {
        "as they are": train(pynn.optimizers.SGD(0.02), x=houses()[0]),
        "standardised": train(pynn.optimizers.SGD(0.02)),
    }


def named(name: str, losses: list[float]) -> str:
    """Return what the legend says of a run."""
    return name if np.isfinite(losses).all() else f"{name} (diverges)"


def main(folder: str | Path | None = None) -> dict[str, dict[str, list[float]]]:
    """Return the losses of every run of every part."""
    found = {}
    for part in (batches, rules, rates, decay, inputs):
        print(f"\n{part.__doc__}\n")
        found[part.__name__] = runs = part()
        for name, losses in runs.items():
            print(f"{name:20}  loss {losses[0]:8.4f} -> {losses[-1]:.4f}")
        if folder is not None:
            drawn = {
                named(name, losses): {"loss": losses} for name, losses in runs.items()
            }
            figure = plotting.compare(drawn, ["loss"], log=True)
            figure.axes[0].set_ylim(0.015, 20)  # one that diverges is far above
            figure.savefig(Path(folder) / f"optimisation_{part.__name__}.png", dpi=150)
    return found


if __name__ == "__main__":
    main(*sys.argv[1:2])
