# SPDX-License-Identifier: BSD-3-Clause
"""A case of the parity suite, the data it trains on, and how one library runs it."""

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

ROWS, WIDTH = 30, 6  # of the training data; with batches of 8 the last one is smaller
HELD_OUT = 12
Maker = Callable[[Any], Any]  # takes the library, returns an object of it


@dataclass(frozen=True)
class Case:
    """One program: everything in it is made by a function of the library `k`."""

    name: str
    layers: Maker
    loss: Maker
    targets: str
    optimizer: Maker = lambda k: k.optimizers.SGD(0.05)
    metrics: Maker = lambda k: None
    weighted_metrics: Maker = lambda k: None
    callbacks: Maker = lambda k: []
    weights: str = "none"  # "sample", "class"
    fit: Mapping[str, Any] = field(default_factory=dict)
    prepare: Callable[[Any], None] = lambda model: None
    shape: tuple[int, ...] = (WIDTH,)
    # times the tolerance of the suite, with the reason beside it in the grid
    loose: float = 1.0
    single: bool = False  # Keras computes in float32, whatever it is told


@dataclass
class Outcome:
    """What came out of a case in one library."""

    start: list[np.ndarray]
    history: dict[str, list[float]]
    epochs: list[int]
    evaluation: dict[str, float]
    prediction: np.ndarray
    end: list[np.ndarray]
    state: list[np.ndarray]


def inputs(rows: int, shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Return standard normal data."""
    return np.random.default_rng(seed).normal(size=(rows, *shape)).astype("float32")


def targets(kind: str, x: np.ndarray) -> np.ndarray:
    """Return targets that depend on `x` and suit a loss."""
    flat = x.reshape(len(x), -1)
    a, b = flat[:, 0] + flat[:, 1] ** 2, flat[:, -1] - flat[:, 0]
    labels = (a > b).astype(int) + (a > 2 * b + 1)
    one_hot = np.eye(3, dtype="float32")[labels]
    soft = np.abs(np.stack([a, b, a - b], 1)) + 0.1
    return {
        "labels": labels,
        "one_hot": one_hot,
        "soft": (soft / soft.sum(1, keepdims=True)).astype("float32"),
        "binary": (a > b).astype("float32")[:, None],
        "several": (np.stack([a, b, a - b], 1) > 0).astype("float32"),
        "signs": np.where(a > b, 1.0, -1.0).astype("float32")[:, None],
        "number": (a - 0.5 * b).astype("float32"),
        "numbers": np.stack([a, b, a - b], 1).astype("float32"),
        "positive": soft.astype("float32"),
    }[kind]


def make(case: Case, k: Any) -> Any:
    """Return the compiled model of a case."""
    model = k.Sequential([k.Input(case.shape), *case.layers(k)])
    case.prepare(model)
    model.compile(
        optimizer=case.optimizer(k),
        loss=case.loss(k),
        metrics=case.metrics(k),
        weighted_metrics=case.weighted_metrics(k),
    )
    return model


def fit_arguments(case: Case, k: Any) -> dict[str, Any]:
    """Return what `fit` is called with: three epochs of four batches in given order."""
    x = inputs(ROWS, case.shape, 1)
    y = targets(case.targets, x)
    held = inputs(HELD_OUT, case.shape, 2)
    call = {"x": x, "y": y, "batch_size": 8, "epochs": 3, "shuffle": False}
    call |= {"verbose": 0, "callbacks": case.callbacks(k)}
    if "validation_split" not in case.fit:
        call["validation_data"] = (held, targets(case.targets, held))
    if case.weights == "sample":
        weight = np.random.default_rng(3).uniform(0, 2, ROWS).astype("float32")
        weight[4] = 0  # still counts among the rows
        call["sample_weight"] = weight
    if case.weights == "class":
        call["class_weight"] = {0: 0.5, 1: 2.0}
    return call | dict(case.fit)


def run(case: Case, k: Any, start: list[np.ndarray] | None) -> Outcome:
    """Train, evaluate and predict with library `k`, from given weights if any."""
    k.utils.set_random_seed(zlib.crc32(case.name.encode()))
    model = make(case, k)
    if start is not None:
        model.set_weights(start)
    start = model.get_weights()
    call = fit_arguments(case, k)
    history = model.fit(**call)
    weight = call.get("sample_weight")
    found = model.evaluate(
        call["x"], call["y"], 8, 0, sample_weight=weight, return_dict=True
    )
    return Outcome(
        start=start,
        history=history.history,
        epochs=history.epoch,
        evaluation=found,
        prediction=np.asarray(model.predict(call["x"], verbose=0)),
        end=model.get_weights(),
        state=optimizer_state(model.optimizer),
    )


def optimizer_state(optimizer: Any) -> list[np.ndarray]:
    """Return the state of an optimizer, variable by variable, if it shows it."""
    found = []
    for variable in getattr(optimizer, "variables", []):
        value = variable.numpy() if hasattr(variable, "numpy") else variable
        found.append(np.asarray(value))
    return found


class Recorder:
    """A library that remembers which of its names were asked for."""

    def __init__(self, target: Any, path: str = "", seen: set[str] | None = None):
        self._target, self._path = target, path
        self.seen: set[str] = set() if seen is None else seen

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._target, name)
        path = f"{self._path}.{name}".lstrip(".")
        self.seen.add(path)
        if type(value).__name__ == "module":
            return Recorder(value, path, self.seen)
        return value
