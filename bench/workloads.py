# SPDX-License-Identifier: BSD-3-Clause
"""The workloads as plain data: networks, data and starting weights. NumPy only.

Every network is a stack of dense layers with ReLU between them; in W2b, batch
normalization and dropout follow some. W1 to W6 train it, I1 and I2 run it. Data are
synthetic with a fixed seed, but for MNIST when its files are in ``$PYNN_DATA/mnist``.
"""

from __future__ import annotations

import gzip
import os
from dataclasses import dataclass
from itertools import pairwise, zip_longest
from pathlib import Path
from typing import NamedTuple

import numpy as np

LOSSES = {"sigmoid": "bce", "softmax": "ce", "linear": "mse"}
# Keras' defaults: a moving value keeps this share; added to the variance in the root
NORM_MOMENTUM = 0.99
NORM_EPSILON = 1e-3


class Hidden(NamedTuple):
    """A dense layer with ReLU, and what follows it, in this order."""

    width: int
    norm: bool  # batch normalization, as Keras has it by default
    dropout: float  # the share that is dropped


@dataclass(frozen=True)
class Net:
    """Widths from input to output, and the activation of the last layer.

    The loss follows from it: binary or sparse categorical cross-entropy, or the mean
    squared error. `norms` and `dropout` tell what follows the hidden layers, the first
    of them first; what they do not name has neither.
    """

    widths: tuple[int, ...]
    output: str
    norms: tuple[bool, ...] = ()
    dropout: tuple[float, ...] = ()

    @property
    def hidden(self) -> list[Hidden]:
        """All layers but the last."""
        more = zip_longest(self.widths[1:-1], self.norms, self.dropout)
        return [Hidden(width, bool(norm), rate or 0.0) for width, norm, rate in more]

    @property
    def loss(self) -> str:
        """Name of the loss: bce, ce or mse."""
        return LOSSES[self.output]

    def weights(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return Glorot-uniform kernels ``(in, out)`` and zero biases, float32."""
        rng = np.random.default_rng(0)
        layers = []
        for n, m in pairwise(self.widths):
            limit = np.sqrt(6 / (n + m))
            kernel = rng.uniform(-limit, limit, (n, m)).astype(np.float32)
            layers.append((kernel, np.zeros(m, np.float32)))
        return layers

    def flops(self, rows: int, training: bool) -> float:
        """Count the multiplications and additions of the matrix products.

        Training has three products a layer, but no input gradient for the first.
        """
        sizes = [n * m for n, m in pairwise(self.widths)]
        return 2.0 * rows * (3 * sum(sizes) - sizes[0] if training else sum(sizes))


@dataclass(frozen=True)
class Optimizer:
    """Adam with Keras' epsilon (added to the root of the raw second moment), or SGD."""

    name: str
    rate: float
    momentum: float = 0.0
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-7


ADAM = Optimizer("adam", 1e-3)


@dataclass(frozen=True)
class Training:
    """One call of `fit`: `epochs` over the data in batches, shuffled each epoch."""

    net: Net
    optimizer: Optimizer
    data: str
    batch: int
    epochs: int
    unit: str  # "us/step", "ms/step", "ms/epoch" or "s/epoch"
    title: str
    rows: int = 0  # how many are trained on in a timing, if not all; scaled to an epoch


@dataclass(frozen=True)
class Inference:
    """Prediction of `rows` rows at once, NumPy in and NumPy out."""

    net: Net
    rows: int
    unit: str  # "us" a call (median), or "rows/s"
    title: str


@dataclass(frozen=True)
class Startup:
    """The import of the library, beyond that of NumPy."""

    unit: str
    title: str


XOR = Net((2, 4, 4, 1), "sigmoid")
IRIS = Net((4, 16, 3), "softmax")
REGULARIZED = Net((4, 64, 32, 3), "softmax", norms=(True,), dropout=(0.3, 0.2))
SMALL_MNIST = Net((784, 128, 10), "softmax")
MNIST = Net((784, 512, 512, 10), "softmax")
TABULAR = Net((50, 256, 128, 64, 1), "sigmoid")
WIDE = Net((1024, 4096, 4096, 1024), "linear")
REGRESSOR = Net((16, 64, 64, 1), "linear")

SGD = Optimizer("sgd", 0.1)
MOMENTUM = Optimizer("sgd", 0.01, 0.9)

Workload = Training | Inference | Startup

WORKLOADS: dict[str, Workload] = {
    "W1": Training(XOR, SGD, "xor", 4, 1000, "us/step", "XOR 2-4-4-1, SGD, full batch"),
    "W2": Training(
        IRIS, SGD, "iris", 120, 500, "us/step", "Iris-sized 4-16-3, SGD, full batch"
    ),
    "W2b": Training(
        REGULARIZED,
        ADAM,
        "small iris",
        16,
        100,
        "ms/epoch",
        "4-64-BatchNorm-Dropout-32-Dropout-3, Adam, batch 16",
    ),
    "W3": Training(
        SMALL_MNIST, ADAM, "mnist", 32, 1, "s/epoch", "MNIST 784-128-10, Adam, batch 32"
    ),
    "W3b": Training(
        SMALL_MNIST, ADAM, "noise", 32, 1, "s/epoch", "784-128-10 on data without zeros"
    ),
    "W4": Training(
        MNIST,
        ADAM,
        "mnist",
        128,
        1,
        "s/epoch",
        "MNIST 784-512-512-10, Adam, batch 128",
        rows=15360,
    ),
    "W5": Training(
        TABULAR, ADAM, "tabular", 256, 1, "s/epoch", "50-256-128-64-1, Adam, batch 256"
    ),
    "W6": Training(
        WIDE, MOMENTUM, "wide", 512, 1, "ms/step", "1024-4096-4096-1024, batch 512"
    ),
    "I1a": Inference(REGRESSOR, 1, "us", "16-64-64-1, one row"),
    "I1b": Inference(SMALL_MNIST, 1, "us", "784-128-10, one row"),
    "I2a": Inference(MNIST, 1000, "rows/s", "784-512-512-10, 1,000 rows"),
    "I2b": Inference(MNIST, 10000, "rows/s", "784-512-512-10, 10,000 rows"),
    "S1": Startup("ms", "import, beyond NumPy's"),
}


@dataclass(frozen=True)
class Data:
    """Float32 inputs, and targets as the loss wants them (labels are int64)."""

    x: np.ndarray
    y: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


def load(name: str) -> Data:
    """Return the data set of that name."""
    return _LOADERS[name](np.random.default_rng(0))


def mnist_is_real() -> bool:
    """Return whether "mnist" is MNIST and not noise of its shape."""
    folder = os.environ.get("PYNN_DATA")
    return bool(folder) and (Path(folder) / "mnist").is_dir()


def _xor(rng: np.random.Generator) -> Data:
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    y = np.array([[0], [1], [1], [0]], np.float32)
    return Data(x, y, x, y)


def _iris(rng: np.random.Generator) -> Data:
    """Three overlapping clouds in four dimensions, 120 rows to train on."""
    y = np.arange(150) % 3
    centres = rng.normal(size=(3, 4))
    x = (centres[y] + 0.5 * rng.normal(size=(150, 4))).astype(np.float32)
    return Data(x[:120], y[:120], x[120:], y[120:])


def _small_iris(rng: np.random.Generator) -> Data:
    """The same, 96 rows to train on: six batches of 16."""
    data = _iris(rng)
    return Data(data.x[:96], data.y[:96], data.x_test, data.y_test)


def _noise(rng: np.random.Generator) -> Data:
    """In the shape of MNIST, but nothing of it is zero."""
    x = rng.random((70000, 784), dtype=np.float32)
    y = rng.integers(0, 10, 70000)
    return Data(x[:60000], y[:60000], x[60000:], y[60000:])


def _mnist(rng: np.random.Generator) -> Data:
    if not mnist_is_real():
        return _noise(rng)
    folder = Path(os.environ["PYNN_DATA"]) / "mnist"
    parts = [_mnist_part(folder, name) for name in ("train", "t10k")]
    return Data(*parts[0], *parts[1])


def _mnist_part(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    images = gzip.decompress((folder / f"{name}-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((folder / f"{name}-labels-idx1-ubyte.gz").read_bytes())
    x = np.frombuffer(images, np.uint8, offset=16).reshape(-1, 784)
    y = np.frombuffer(labels, np.uint8, offset=8)
    return x.astype(np.float32) / np.float32(255), y.astype(np.int64)


def _tabular(rng: np.random.Generator) -> Data:
    """110,000 rows, two classes divided by a smooth curved surface with noise."""
    x = rng.standard_normal((110000, 50), dtype=np.float32)
    hidden = np.tanh(x @ rng.standard_normal((50, 20), dtype=np.float32) / 7)
    score = hidden @ rng.standard_normal((20, 1), dtype=np.float32)
    score += 0.3 * rng.standard_normal((110000, 1), dtype=np.float32)
    y = (score > 0).astype(np.float32)
    return Data(x[:100000], y[:100000], x[100000:], y[100000:])


def _wide(rng: np.random.Generator) -> Data:
    x = rng.standard_normal((1024, 1024), dtype=np.float32)
    y = rng.standard_normal((1024, 1024), dtype=np.float32)
    return Data(x, y, x[:64], y[:64])


_LOADERS = {
    "xor": _xor,
    "iris": _iris,
    "small iris": _small_iris,
    "mnist": _mnist,
    "noise": _noise,
    "tabular": _tabular,
    "wide": _wide,
}
