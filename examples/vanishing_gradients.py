# SPDX-License-Identifier: BSD-3-Clause
"""Why deep networks of sigmoids do not learn: their gradients vanish.

    python vanishing_gradients.py [PICTURE]    writes the picture there

Going back through a layer multiplies the gradient by its weights and by the slope of
its activation. The sigmoid's slope is 1/4 at most, so that ten layers take off a factor
of thousands and more; ReLU's is 1 where it is on.
"""

import sys
from pathlib import Path

import numpy as np

import pynn
from pynn import layers, plotting

LAYERS, UNITS = 10, 32


def network(activation: str, initializer: str) -> pynn.Sequential:
    """Return ten hidden layers and an output, from their initial weights."""
    pynn.utils.set_random_seed(0)
    model = pynn.Sequential([pynn.Input((8,))])
    for _ in range(LAYERS):
        model.add(layers.Dense(UNITS, activation, kernel_initializer=initializer))
    model.add(layers.Dense(1))
    model.compile(optimizer="sgd", loss="mse")
    return model


def norms(model: pynn.Sequential) -> list[float]:
    """Return the length of the gradient of each hidden layer's kernel."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(256, 8))
    y = np.sin(x[:, :1]) + x[:, 1:2] * x[:, 2:3]
    _, gradients = model.gradients(x, y)
    kernels = [g for g in gradients if g.ndim == 2]
    return [float(np.linalg.norm(g)) for g in kernels[:LAYERS]]


def main(picture: str | Path | None = None) -> dict[str, list[float]]:
    """Return the norms, from the first layer to the last, by activation."""
    found = {
        "sigmoid": norms(network("sigmoid", "glorot_uniform")),
        "tanh": norms(network("tanh", "glorot_uniform")),
        "ReLU": norms(network("relu", "he_normal")),
    }
    print("layer  " + "".join(f"{name:>12}" for name in found))
    for i, row in enumerate(zip(*found.values(), strict=True), 1):
        print(f"{i:5}  " + "".join(f"{norm:12.2e}" for norm in row))
    if picture is not None:
        plotting.gradients(found).savefig(picture, dpi=150)
    return found


if __name__ == "__main__":
    main(*sys.argv[1:2])
