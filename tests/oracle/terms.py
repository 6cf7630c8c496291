# SPDX-License-Identifier: BSD-3-Clause
"""Penalties and constraints with Keras 3's formulas."""

import numpy as np

EPSILON = 1e-7


class Penalty:
    """``l1 sum|w| + l2 sum w^2``."""

    def __init__(self, l1=0.0, l2=0.0):
        self.l1 = l1
        self.l2 = l2

    def value(self, w):
        return self.l1 * np.abs(w).sum() + self.l2 * (w**2).sum()

    def gradient(self, w):
        return self.l1 * np.sign(w) + 2 * self.l2 * w


class Orthogonal:
    """Sum of the absolute cosines between different rows (or columns), over pairs."""

    def __init__(self, factor, columns=False):
        self.factor = factor
        self.columns = columns

    def value(self, w):
        rows = w.T if self.columns else w
        total = 0.0
        for i, a in enumerate(rows):
            for b in rows[:i]:
                total += abs(a @ b) / np.sqrt((a @ a) * (b @ b))
        return self.factor * total / (len(rows) * (len(rows) - 1) / 2)


def non_negative(w):
    """Negative weights become 0."""
    return np.where(w < 0, 0.0, w)


def limited(w, low, high, rate, axis):
    """Norms along `axis` go `rate` of the way into [low, high]."""
    norm = np.sqrt((w**2).sum(axis=axis, keepdims=True))
    wanted = rate * np.minimum(np.maximum(norm, low), high) + (1 - rate) * norm
    return w * wanted / (EPSILON + norm)


class Step:
    """An optimizer of the oracle with all that Keras does around its step.

    Order: penalties, mean of several gradients, clip, decay, rule, average,
    constraints. `penalties`, `constraints` and `decayed` have one entry per weight.
    """

    def __init__(
        self,
        optimizer,
        penalties=None,
        constraints=None,
        decayed=None,
        gather=1,
        momentum=None,
        overwrite=0,
    ):
        self.optimizer = optimizer
        self.penalties = penalties
        self.constraints = constraints
        self.decayed = decayed
        self.gather = gather
        self.momentum = momentum
        self.overwrite = overwrite
        self.seen = 0
        self.sums = None
        self.average = None

    def penalty(self, weights):
        """What the loss gains."""
        pairs = zip(self.penalties or (), weights, strict=False)
        return sum(p.value(w) for p, w in pairs if p is not None)

    def step(self, weights, grads):
        """Take in one gradient."""
        grads = [g.copy() for g in grads]
        for i, penalty in enumerate(self.penalties or ()):
            if penalty is not None:
                grads[i] += penalty.gradient(weights[i])
        self.sums = (
            grads
            if self.sums is None
            else [s + g for s, g in zip(self.sums, grads, strict=True)]
        )
        done = self.seen // self.gather
        self.seen += 1
        if self.seen % self.gather == 0:
            self.move(weights, [s / self.gather for s in self.sums])
            self.sums = None
        if self.momentum is not None:
            self.follow(weights, done)
        for w, constraint in zip(weights, self.constraints or (), strict=False):
            if constraint is not None:
                w[...] = constraint(w)

    def move(self, weights, grads):
        decay = self.optimizer.weight_decay
        for i, w in enumerate(weights):
            if decay and (self.decayed is None or self.decayed[i]):
                w -= self.optimizer.learning_rate * decay * w
        self.optimizer.weight_decay = 0.0
        self.optimizer.step(weights, grads)
        self.optimizer.weight_decay = decay

    def follow(self, weights, done):
        momentum = self.momentum if done > 0 else 0.0
        if self.average is None:
            self.average = [np.zeros_like(w) for w in weights]
        for w, average in zip(weights, self.average, strict=True):
            average[...] = momentum * average + (1 - momentum) * w
            if self.overwrite and (done + 1) % self.overwrite == 0:
                w[...] = average
