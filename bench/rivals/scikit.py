# SPDX-License-Identifier: BSD-3-Clause
"""scikit-learn."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from rivals.base import Rival

if TYPE_CHECKING:
    from workloads import Net, Optimizer


class Sklearn(Rival):
    """scikit-learn's multilayer perceptrons, started from the given weights."""

    needs = ("sklearn",)
    distributions = ("scikit-learn",)

    def __init__(self, net: Net, optimizer: Optimizer | None, threads: int) -> None:
        super().__init__(net, optimizer, threads)
        from sklearn import exceptions, neural_network

        warnings.filterwarnings("ignore", category=exceptions.ConvergenceWarning)
        regression = net.loss == "mse"
        kind = "MLPRegressor" if regression else "MLPClassifier"
        settings: dict[str, Any] = {"solver": "adam"}
        o = optimizer
        if o and o.name == "sgd":
            # its squared loss is half the sum over outputs, ours the mean
            scale = 2 / net.widths[-1] if regression else 1
            settings = {"solver": "sgd", "learning_rate_init": o.rate * scale}
            settings |= {"momentum": o.momentum, "nesterovs_momentum": False}
        elif o:
            settings |= {"learning_rate_init": o.rate, "epsilon": o.epsilon}
        self.model = getattr(neural_network, kind)(
            hidden_layer_sizes=net.widths[1:-1],
            alpha=0.0,
            warm_start=True,
            tol=0.0,
            **settings,
        )
        self._start()

    @classmethod
    def cannot_train(cls, net: Net) -> str | None:
        """Return a reason for what its perceptrons do not have."""
        if any(net.norms) or any(net.dropout):
            return "has neither batch normalization nor dropout"
        return super().cannot_train(net)

    def _start(self) -> None:
        """Let it make its arrays from a few rows, and put our weights into them."""
        outputs = self.net.widths[-1]
        x = np.zeros((2 * outputs, self.net.widths[0]), np.float32)
        y = np.arange(2 * outputs) % max(outputs, 2)
        if self.net.loss == "mse":
            y = np.zeros((2 * outputs, outputs), np.float32)
        y = y.ravel() if outputs == 1 else y
        self.model.set_params(max_iter=1, batch_size=len(x)).fit(x, y)
        for i, (kernel, bias) in enumerate(self.net.weights()):
            self.model.coefs_[i][...] = kernel
            self.model.intercepts_[i][...] = bias

    def data(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return x, y.ravel().astype(int) if self.net.loss == "bce" else y

    def warm(self, x: Any, y: Any, batch: int, epochs: int) -> None:
        """There is nothing to compile."""

    def fit(self, x: Any, y: Any, batch: int, epochs: int, *, shuffle: bool) -> None:
        self.model.set_params(
            max_iter=epochs,
            batch_size=batch,
            shuffle=shuffle,
            n_iter_no_change=epochs + 1,
        )
        self.model.fit(x, y)

    def predict(self, x: np.ndarray) -> np.ndarray:
        if self.net.loss == "mse":
            return self.model.predict(x).reshape(len(x), -1)
        p = self.model.predict_proba(x)
        return p[:, 1:] if self.net.loss == "bce" else p
