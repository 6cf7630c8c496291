# SPDX-License-Identifier: BSD-3-Clause
"""PyTorch."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from workloads import NORM_EPSILON, NORM_MOMENTUM

from rivals.base import Rival, fastest

if TYPE_CHECKING:
    from workloads import Net, Optimizer


class Torch(Rival):
    """PyTorch, eager; the fastest of its optimizer loops is chosen by measuring.

    Denormals are flushed to zero: without that, Adam's moments slow W3 by a third.
    """

    needs = ("torch",)
    keras_adam = False
    keras_variance = False  # its running value is of the unbiased

    def __init__(self, net: Net, optimizer: Optimizer | None, threads: int) -> None:
        super().__init__(net, optimizer, threads)
        import torch

        torch.set_num_threads(threads)
        self.notes["flush_denormal"] = str(torch.set_flush_denormal(True))
        self.torch, self.call = torch, None
        self.kind = "fused"
        self._build()

    def _dense(self, kernel: np.ndarray, bias: np.ndarray) -> Any:
        torch = self.torch
        layer = torch.nn.Linear(*kernel.shape)
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(kernel.T))
            layer.bias.copy_(torch.from_numpy(bias))
        return layer

    def _build(self) -> None:
        torch, layers = self.torch, []
        *first, last = self.net.weights()
        for (width, norm, rate), pair in zip(self.net.hidden, first, strict=True):
            layers += [self._dense(*pair), torch.nn.ReLU()]
            if norm:
                layers.append(
                    torch.nn.BatchNorm1d(width, NORM_EPSILON, 1 - NORM_MOMENTUM)
                )
            if rate:
                layers.append(torch.nn.Dropout(rate))
        self.body = torch.nn.Sequential(*layers, self._dense(*last))
        head = {
            "sigmoid": torch.nn.Sigmoid(),
            "softmax": torch.nn.Softmax(1),
            "linear": torch.nn.Identity(),
        }[self.net.output]
        self.full = torch.nn.Sequential(self.body, head)
        functional = torch.nn.functional
        self.loss = {
            "bce": functional.binary_cross_entropy_with_logits,
            "ce": functional.cross_entropy,
            "mse": functional.mse_loss,
        }[self.net.loss]
        self._make_optimizer()

    def _make_optimizer(self) -> None:
        o, torch = self.optimizer, self.torch
        if o is None:
            return
        loop = {} if self.kind == "plain" else {self.kind: True}
        parameters = self.body.parameters()
        if o.name == "sgd":
            self.opt = torch.optim.SGD(parameters, o.rate, o.momentum, **loop)
        else:
            betas = (o.beta1, o.beta2)
            self.opt = torch.optim.Adam(parameters, o.rate, betas, o.epsilon, **loop)
        self.notes["optimizer loop"] = self.kind

    def data(self, x: np.ndarray, y: np.ndarray) -> tuple[Any, Any]:
        return self.torch.from_numpy(x), self.torch.from_numpy(y)

    def warm(self, x: Any, y: Any, batch: int, epochs: int) -> None:
        """Also choose between the optimizer loops."""
        calls = {}
        rows = min(len(x), 2 * batch)
        for kind in ("fused", "foreach", "plain"):
            self.kind = kind
            self._make_optimizer()
            calls[kind] = lambda opt=self.opt: self._epoch(
                x[:rows], y[:rows], batch, False, opt
            )
        self.kind = fastest(calls)
        self._build()
        super().warm(x, y, batch, epochs)

    def _epoch(self, x: Any, y: Any, batch: int, shuffle: bool, opt: Any) -> None:
        rows = len(x)
        order = self.torch.randperm(rows) if shuffle else self.torch.arange(rows)
        for take in order.split(batch):
            loss = self.loss(self.body(x[take]), y[take])
            opt.zero_grad(set_to_none=True)
            loss.backward()
            opt.step()

    def fit(self, x: Any, y: Any, batch: int, epochs: int, *, shuffle: bool) -> None:
        self.body.train()
        for _ in range(epochs):
            self._epoch(x, y, batch, shuffle, self.opt)

    def tune(self, x: np.ndarray) -> None:
        """Choose between eager mode and a frozen trace."""
        jit = self.torch.jit
        net = self.full.eval()
        with warnings.catch_warnings(), self.torch.no_grad():
            warnings.simplefilter("ignore")
            trace = jit.trace(net, self.torch.from_numpy(x))
            traced = jit.optimize_for_inference(jit.freeze(trace))
        ways = {"eager": net, "traced": traced}
        name = fastest({k: lambda f=f: self._run(f, x) for k, f in ways.items()})
        self.notes["inference"] = name
        self.call = ways[name]

    def _run(self, function: Any, x: np.ndarray) -> np.ndarray:
        with self.torch.inference_mode():
            return function(self.torch.from_numpy(x)).numpy()

    def predict(self, x: np.ndarray) -> np.ndarray:
        return self._run(self.call or self.full.eval(), x)
