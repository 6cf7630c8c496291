# SPDX-License-Identifier: BSD-3-Clause
"""JAX: a compiled step, and a compiled loop of steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rivals.base import Rival

if TYPE_CHECKING:
    from workloads import Net, Optimizer


class Jax(Rival):
    """JAX by hand, one compiled call per step."""

    needs = ("jax",)

    def __init__(self, net: Net, optimizer: Optimizer | None, threads: int) -> None:
        super().__init__(net, optimizer, threads)
        import jax

        jax.config.update("jax_enable_compilation_cache", False)
        self.jax, self.np = jax, jax.numpy
        params = [(self.np.array(w), self.np.array(b)) for w, b in net.weights()]
        zeros = jax.tree.map(self.np.zeros_like, params)
        more = jax.tree.map(self.np.zeros_like, params)
        self.state = (params, zeros, more, self.np.zeros((), self.np.float32))
        self.rng = np.random.default_rng(1)
        self.step = jax.jit(self._step, donate_argnums=0)
        self.run = jax.jit(lambda params, x: self._head(self._logits(params, x)))

    def _logits(self, params: Any, x: Any) -> Any:
        for kernel, bias in params[:-1]:
            x = self.jax.nn.relu(x @ kernel + bias)
        return x @ params[-1][0] + params[-1][1]

    def _head(self, z: Any) -> Any:
        nn = self.jax.nn
        return {"sigmoid": nn.sigmoid, "softmax": nn.softmax, "linear": lambda z: z}[
            self.net.output
        ](z)

    def _loss(self, params: Any, x: Any, y: Any) -> Any:
        z = self._logits(params, x)
        if self.net.loss == "mse":
            return ((z - y) ** 2).mean()
        if self.net.loss == "bce":
            return (self.jax.nn.softplus(z) - z * y).mean()
        logs = self.jax.nn.log_softmax(z)
        return -self.np.take_along_axis(logs, y[:, None], 1).mean()

    def _step(self, state: Any, x: Any, y: Any, take: Any) -> Any:
        o, tree = self.optimizer, self.jax.tree
        params, first, second, t = state
        grads = self.jax.grad(self._loss)(params, x[take], y[take])
        t = t + 1
        if o.name == "adam":
            rate = o.rate * self.np.sqrt(1 - o.beta2**t) / (1 - o.beta1**t)
            first = tree.map(lambda m, g: m + (g - m) * (1 - o.beta1), first, grads)
            second = tree.map(
                lambda v, g: v + (g * g - v) * (1 - o.beta2), second, grads
            )
            params = tree.map(
                lambda p, m, v: p - rate * m / (self.np.sqrt(v) + o.epsilon),
                params,
                first,
                second,
            )
        elif o.momentum:
            first = tree.map(lambda m, g: o.momentum * m - o.rate * g, first, grads)
            params = tree.map(lambda p, m: p + m, params, first)
        else:
            params = tree.map(lambda p, g: p - o.rate * g, params, grads)
        return params, first, second, t

    def data(self, x: np.ndarray, y: np.ndarray) -> tuple[Any, Any]:
        y = y.astype(np.int32) if self.net.loss == "ce" else y
        return self.np.asarray(x), self.np.asarray(y)

    def _orders(self, rows: int, epochs: int, shuffle: bool) -> np.ndarray:
        one = np.arange(rows, dtype=np.int32)
        return np.stack(
            [self.rng.permutation(one) if shuffle else one for _ in range(epochs)]
        )

    def warm(self, x: Any, y: Any, batch: int, epochs: int) -> None:
        for rows in {min(batch, len(x)), len(x) % batch} - {0}:
            self.state = self.step(self.state, x, y, np.zeros(rows, np.int32))
        self.jax.block_until_ready(self.state)

    def fit(self, x: Any, y: Any, batch: int, epochs: int, *, shuffle: bool) -> None:
        state = self.state
        for _ in range(epochs):
            order = self._orders(len(x), 1, shuffle)[0]
            for start in range(0, len(x), batch):
                state = self.step(state, x, y, order[start : start + batch])
        self.state = self.jax.block_until_ready(state)

    def predict(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(self.run(self.state[0], x))


class JaxScan(Jax):
    """JAX with the steps of an epoch, or of many short epochs, in one `lax.scan`."""

    predicts = False

    def __init__(self, net: Net, optimizer: Optimizer | None, threads: int) -> None:
        super().__init__(net, optimizer, threads)
        self.scan = self.jax.jit(self._scan, donate_argnums=0)

    def _scan(self, state: Any, x: Any, y: Any, takes: Any) -> Any:
        def body(state: Any, take: Any) -> tuple[Any, None]:
            return self._step(state, x, y, take), None

        return self.jax.lax.scan(body, state, takes)[0]

    def warm(self, x: Any, y: Any, batch: int, epochs: int) -> None:
        """Compile for the very shapes of `fit`: a whole run on a copy of the state."""
        kept = self.jax.tree.map(self.np.copy, self.state)
        self.fit(x, y, batch, epochs, shuffle=False)
        self.state = kept

    def fit(self, x: Any, y: Any, batch: int, epochs: int, *, shuffle: bool) -> None:
        rows = len(x)
        full = rows // batch * batch
        # a call for all epochs at once where they are short and of equal batches
        together = epochs if rows == full and rows * epochs <= 1_000_000 else 1
        state = self.state
        for _ in range(epochs // together):
            orders = self._orders(rows, together, shuffle)
            state = self.scan(state, x, y, orders[:, :full].reshape(-1, batch))
            if rows > full:
                state = self.step(state, x, y, orders[0, full:])
        self.state = self.jax.block_until_ready(state)
