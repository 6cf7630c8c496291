# SPDX-License-Identifier: BSD-3-Clause
"""Activations and their derivatives: sigmoid, tanh, ReLU, leaky ReLU, softmax.

    python activations.py [PICTURE]    writes the curves on [-5, 5] there

Going back through a layer multiplies the gradient by this derivative. The sigmoid's is
1/4 at most, tanh's 1 at most, and both are next to nothing far from 0; ReLU passes all
or nothing; leaky ReLU always lets something through.
"""

import sys
from pathlib import Path

import numpy as np

import pynn
from pynn import activations, layers, plotting

X = np.linspace(-5, 5, 11)
BESIDE = {"softmax": (0.0, 1.0)}  # inputs beside x; the first output is looked at


def leaky_relu(x: np.ndarray) -> np.ndarray:
    """Return leaky ReLU with the slope of most texts; Keras's default is another."""
    return activations.leaky_relu(x, negative_slope=0.01)


def first_output(y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
    """Return the first output as the loss, whose gradient is then the derivative."""
    return y_pred[:, 0]


def curves(name: str, layer: pynn.layers.Layer) -> tuple[np.ndarray, np.ndarray]:
    """Return values and derivatives at X, as a network with this layer has them."""
    inputs = np.stack(np.broadcast_arrays(X, *BESIDE.get(name, ())), axis=1)
    entry = pynn.Input(inputs.shape[1:], dtype="float64")
    model = pynn.Sequential([entry, layer])
    model.compile(loss=first_output)
    _, _, slope = model.gradients(inputs, np.zeros(len(X)), input_gradient=True)
    # the loss is the mean over the rows
    return model.predict(inputs, verbose=0)[:, 0], slope[:, 0] * len(X)


def main(picture: str | Path | None = None) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return values and derivatives at X, by the name of the function."""
    plain = ("sigmoid", "tanh", "relu")
    made = {name: layers.Activation(name) for name in plain}
    made["leaky_relu"] = layers.LeakyReLU(negative_slope=0.01)
    made["softmax"] = layers.Softmax()
    found = {name: curves(name, layer) for name, layer in made.items()}
    print("    x" + "".join(f"{name:>18}" for name in found))
    print("     " + f"{'f(x)':>10}{'df/dx':>8}" * len(found))
    for i, x in enumerate(X):
        cells = [f"{value[i]:10.4f}{slope[i]:8.4f}" for value, slope in found.values()]
        print(f"{x:5.1f}" + "".join(cells))
    if picture is not None:
        figure = plotting.activations([*plain, leaky_relu, "softmax"])
        figure.savefig(picture, dpi=150)
    return found


if __name__ == "__main__":
    main(*sys.argv[1:2])
