# SPDX-License-Identifier: BSD-3-Clause
"""JAX: a compiled step, and a compiled loop of steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from workloads import NORM_EPSILON, NORM_MOMENTUM

from rivals.base import Rival, fastest

if TYPE_CHECKING:
    from workloads import Net, Optimizer


class Jax(Rival):
    """JAX by hand, one compiled call per step.

    Of two generators of random bits, the faster is chosen by measuring.
    """

    needs = ("jax",)
    generators = ("threefry2x32", "rbg")  # the first is the default

    def __init__(self, net: Net, optimizer: Optimizer | None, threads: int) -> None:
        super().__init__(net, optimizer, threads)
        import jax

        jax.config.update("jax_enable_compilation_cache", False)
        self.jax, self.np = jax, jax.numpy
        self.state = self._start()
        self.rng = np.random.default_rng(1)
        self.step = jax.jit(self._step, donate_argnums=0)
        self.run = jax.jit(self._run)

    def _start(self, generator: str = generators[0]) -> Any:
        """Return weights, moments, step, moving values (a pair a layer), and a key."""
        arrays, tree = self.np, self.jax.tree
        params = [[arrays.array(a) for a in pair] for pair in self.net.weights()]
        moving: list[Any] = []
        for layer, own in zip(self.net.hidden, params[:-1], strict=True):
            one = arrays.ones(layer.width)
            own += [one, 0 * one] if layer.norm else []
            moving.append((0 * one, arrays.copy(one)) if layer.norm else ())
        moments = [tree.map(arrays.zeros_like, params) for _ in range(2)]
        key = self.jax.random.key(1, impl=generator) if any(self.net.dropout) else None
        return params, *moments, arrays.zeros((), arrays.float32), moving, key

    def _logits(self, params: Any, moving: Any, x: Any, keys: Any) -> Any:
        """Return the logits and the new moving values; without keys, predict."""
        random, moved = self.jax.random, []
        for i, (_, norm, rate) in enumerate(self.net.hidden):
            kernel, bias, *scales = params[i]
            x = self.jax.nn.relu(x @ kernel + bias)
            moved.append(moving[i])
            if norm:
                x, moved[i] = self._norm(x, scales, moving[i], keys is not None)
            if rate and keys is not None:
                kept = random.bernoulli(keys[i], 1 - rate, x.shape)
                x = self.np.where(kept, x / (1 - rate), 0)
        return x @ params[-1][0] + params[-1][1], moved

    def _norm(self, x: Any, scales: Any, moving: Any, training: bool) -> Any:
        mean, variance = moving
        if training:
            mean, variance = x.mean(0), x.var(0)
            step = 1 - NORM_MOMENTUM
            moving = [
                m + (value - m) * step
                for m, value in zip(moving, (mean, variance), strict=True)
            ]
        scale = scales[0] * self.jax.lax.rsqrt(variance + NORM_EPSILON)
        return (x - mean) * scale + scales[1], tuple(moving)

    def _run(self, params: Any, moving: Any, x: Any) -> Any:
        return self._head(self._logits(params, moving, x, None)[0])

    def _head(self, z: Any) -> Any:
        nn = self.jax.nn
        return {"sigmoid": nn.sigmoid, "softmax": nn.softmax, "linear": lambda z: z}[
            self.net.output
        ](z)

    def _loss(self, params: Any, moving: Any, x: Any, y: Any, keys: Any) -> Any:
        z, moving = self._logits(params, moving, x, keys)
        if self.net.loss == "mse":
            return ((z - y) ** 2).mean(), moving
        if self.net.loss == "bce":
            return (self.jax.nn.softplus(z) - z * y).mean(), moving
        logs = self.jax.nn.log_softmax(z)
        return -self.np.take_along_axis(logs, y[:, None], 1).mean(), moving

    def _step(self, state: Any, x: Any, y: Any, take: Any) -> Any:
        o, tree = self.optimizer, self.jax.tree
        params, first, second, t, moving, key = state
        keys: Any = ()
        if key is not None:
            key, *keys = self.jax.random.split(key, 1 + len(self.net.hidden))
        gradient = self.jax.grad(self._loss, has_aux=True)
        grads, moving = gradient(params, moving, x[take], y[take], keys)
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
        return params, first, second, t, moving, key

    def data(self, x: np.ndarray, y: np.ndarray) -> tuple[Any, Any]:
        y = y.astype(np.int32) if self.net.loss == "ce" else y
        return self.np.asarray(x), self.np.asarray(y)

    def _orders(self, rows: int, epochs: int, shuffle: bool) -> np.ndarray:
        one = np.arange(rows, dtype=np.int32)
        return np.stack(
            [self.rng.permutation(one) if shuffle else one for _ in range(epochs)]
        )

    def warm(self, x: Any, y: Any, batch: int, epochs: int) -> None:
        if any(self.net.dropout):
            self._choose_generator(x, y, batch, epochs)
        self._compile(x, y, batch, epochs)

    def _choose_generator(self, x: Any, y: Any, batch: int, epochs: int) -> None:
        def call(generator: str) -> None:
            self.state = self._start(generator)
            self.fit(x, y, batch, epochs, shuffle=False)

        calls = {name: lambda name=name: call(name) for name in self.generators}
        self.notes["generator"] = fastest(calls)
        self.state = self._start(self.notes["generator"])

    def _compile(self, x: Any, y: Any, batch: int, epochs: int) -> None:
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
        return np.asarray(self.run(self.state[0], self.state[4], x))


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

    def _compile(self, x: Any, y: Any, batch: int, epochs: int) -> None:
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
