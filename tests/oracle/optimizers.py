# SPDX-License-Identifier: BSD-3-Clause
"""Optimizers with Keras 3's formulas and defaults.

``step(weights, grads)`` takes two lists of arrays, one entry per variable, and changes
the weights in place. Order of a step: clip, decay, rule. Slots are made on first use.
"""

import numpy as np


class Optimizer:
    """Clipping, decay and the step counter; a subclass gives `slots` and `rule`."""

    def __init__(
        self,
        learning_rate=0.001,
        weight_decay=0.0,
        clipvalue=None,
        clipnorm=None,
        global_clipnorm=None,
    ):
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.clipvalue = clipvalue
        self.clipnorm = clipnorm
        self.global_clipnorm = global_clipnorm
        self.t = 0
        self.state = None

    def slots(self, w):
        """Starting values of the state of one variable."""
        return {}

    def rule(self, w, g, s):
        """Change `w` and the state `s` of one variable in place; `t` counts from 1."""
        raise NotImplementedError

    def begin(self):
        """Move what all variables share, once per step."""

    def step(self, weights, grads):
        """One step: ``weights`` move against ``grads`` (lists of equal shapes)."""
        if self.state is None:
            self.state = [self.slots(w) for w in weights]
        self.t += 1
        self.begin()
        for w, g, s in zip(weights, self.clipped(grads), self.state, strict=True):
            w -= self.learning_rate * self.weight_decay * w
            self.rule(w, g, s)

    def clipped(self, grads):
        """Gradients after whichever of the three clips is set."""
        if self.clipvalue is not None:
            return [np.clip(g, -self.clipvalue, self.clipvalue) for g in grads]
        if self.clipnorm is not None:
            limit = self.clipnorm
            return [g * limit / max(np.sqrt((g**2).sum()), limit) for g in grads]
        if self.global_clipnorm is not None:
            limit = self.global_clipnorm
            norm = np.sqrt(sum((g**2).sum() for g in grads))
            return [g * limit / max(norm, limit) for g in grads]
        return grads


class SGD(Optimizer):
    """m = momentum m - rate g; w += m, or with Nesterov w += momentum m - rate g."""

    def __init__(self, learning_rate=0.01, momentum=0.0, nesterov=False, **common):
        super().__init__(learning_rate, **common)
        self.momentum = momentum
        self.nesterov = nesterov

    def slots(self, w):
        return {"m": np.zeros_like(w)}

    def rule(self, w, g, s):
        s["m"] = self.momentum * s["m"] - self.learning_rate * g
        if self.nesterov:
            w += self.momentum * s["m"] - self.learning_rate * g
        else:
            w += s["m"]


class RMSprop(Optimizer):
    """Epsilon is inside the root."""

    def __init__(
        self,
        learning_rate=0.001,
        rho=0.9,
        momentum=0.0,
        epsilon=1e-7,
        centered=False,
        **common,
    ):
        super().__init__(learning_rate, **common)
        self.rho = rho
        self.momentum = momentum
        self.epsilon = epsilon
        self.centered = centered

    def slots(self, w):
        return {"v": np.zeros_like(w), "mean": np.zeros_like(w), "b": np.zeros_like(w)}

    def rule(self, w, g, s):
        s["v"] = self.rho * s["v"] + (1 - self.rho) * g**2
        spread = s["v"]
        if self.centered:
            s["mean"] = self.rho * s["mean"] + (1 - self.rho) * g
            spread = s["v"] - s["mean"] ** 2
        increment = self.learning_rate * g / np.sqrt(spread + self.epsilon)
        s["b"] = self.momentum * s["b"] + increment
        w -= s["b"]


class Adam(Optimizer):
    """Epsilon is added to the root of the uncorrected v."""

    def __init__(
        self,
        learning_rate=0.001,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-7,
        amsgrad=False,
        **common,
    ):
        super().__init__(learning_rate, **common)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.amsgrad = amsgrad

    def slots(self, w):
        return {"m": np.zeros_like(w), "v": np.zeros_like(w), "top": np.zeros_like(w)}

    def rule(self, w, g, s):
        correction = np.sqrt(1 - self.beta_2**self.t) / (1 - self.beta_1**self.t)
        s["m"] = s["m"] + (1 - self.beta_1) * (g - s["m"])
        s["v"] = s["v"] + (1 - self.beta_2) * (g**2 - s["v"])
        s["top"] = np.maximum(s["top"], s["v"])
        v = s["top"] if self.amsgrad else s["v"]
        w -= self.learning_rate * correction * s["m"] / (np.sqrt(v) + self.epsilon)


class AdamW(Adam):
    """Adam whose weight decay is 0.004 unless told otherwise."""

    def __init__(self, learning_rate=0.001, weight_decay=0.004, **rest):
        super().__init__(learning_rate, weight_decay=weight_decay, **rest)


class Adamax(Optimizer):
    """Adam with the largest decayed gradient in place of the root."""

    def __init__(
        self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, **common
    ):
        super().__init__(learning_rate, **common)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    def slots(self, w):
        return {"m": np.zeros_like(w), "u": np.zeros_like(w)}

    def rule(self, w, g, s):
        s["m"] = s["m"] + (1 - self.beta_1) * (g - s["m"])
        s["u"] = np.maximum(self.beta_2 * s["u"], np.abs(g))
        scale = (1 - self.beta_1**self.t) * (s["u"] + self.epsilon)
        w -= self.learning_rate * s["m"] / scale


class Nadam(Adamax):
    """Adam with Nesterov's look-ahead; the product of the u's is shared by all."""

    product = 1.0

    def begin(self):
        self.product *= self.u(self.t)

    def u(self, t):
        """The momentum of step t."""
        return self.beta_1 * (1 - 0.5 * 0.96**t)

    def slots(self, w):
        return {"m": np.zeros_like(w), "v": np.zeros_like(w)}

    def rule(self, w, g, s):
        now, after = self.u(self.t), self.u(self.t + 1)
        s["m"] = s["m"] + (1 - self.beta_1) * (g - s["m"])
        s["v"] = s["v"] + (1 - self.beta_2) * (g**2 - s["v"])
        m_hat = after * s["m"] / (1 - self.product * after)
        m_hat = m_hat + (1 - now) * g / (1 - self.product)
        v_hat = s["v"] / (1 - self.beta_2**self.t)
        w -= self.learning_rate * m_hat / (np.sqrt(v_hat) + self.epsilon)


class Adagrad(Optimizer):
    """The accumulator starts at 0.1; epsilon is inside the root."""

    def __init__(
        self,
        learning_rate=0.001,
        initial_accumulator_value=0.1,
        epsilon=1e-7,
        **common,
    ):
        super().__init__(learning_rate, **common)
        self.initial = initial_accumulator_value
        self.epsilon = epsilon

    def slots(self, w):
        return {"a": np.full_like(w, self.initial)}

    def rule(self, w, g, s):
        s["a"] = s["a"] + g**2
        w -= self.learning_rate * g / np.sqrt(s["a"] + self.epsilon)


class Adadelta(Optimizer):
    """Steps scaled by the root mean square of the steps before."""

    def __init__(self, learning_rate=0.001, rho=0.95, epsilon=1e-7, **common):
        super().__init__(learning_rate, **common)
        self.rho = rho
        self.epsilon = epsilon

    def slots(self, w):
        return {"grad": np.zeros_like(w), "delta": np.zeros_like(w)}

    def rule(self, w, g, s):
        s["grad"] = self.rho * s["grad"] + (1 - self.rho) * g**2
        ratio = np.sqrt(s["delta"] + self.epsilon) / np.sqrt(s["grad"] + self.epsilon)
        delta = -ratio * g
        s["delta"] = self.rho * s["delta"] + (1 - self.rho) * delta**2
        w += self.learning_rate * delta


class Lion(Optimizer):
    """Every weight moves by exactly the rate, or not at all."""

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.99, **common):
        super().__init__(learning_rate, **common)
        self.beta_1 = beta_1
        self.beta_2 = beta_2

    def slots(self, w):
        return {"m": np.zeros_like(w)}

    def rule(self, w, g, s):
        w -= self.learning_rate * np.sign(self.beta_1 * s["m"] + (1 - self.beta_1) * g)
        s["m"] = self.beta_2 * s["m"] + (1 - self.beta_2) * g


class Ftrl(Optimizer):
    """Follow the regularised leader: w is recomputed from sums, not moved."""

    def __init__(
        self,
        learning_rate=0.001,
        learning_rate_power=-0.5,
        initial_accumulator_value=0.1,
        l1_regularization_strength=0.0,
        l2_regularization_strength=0.0,
        l2_shrinkage_regularization_strength=0.0,
        beta=0.0,
        **common,
    ):
        super().__init__(learning_rate, **common)
        self.power = -learning_rate_power
        self.initial = initial_accumulator_value
        self.l1 = l1_regularization_strength
        self.l2 = l2_regularization_strength
        self.shrinkage = l2_shrinkage_regularization_strength
        self.beta = beta

    def slots(self, w):
        return {"n": np.full_like(w, self.initial), "z": np.zeros_like(w)}

    def rule(self, w, g, s):
        rate = self.learning_rate
        n = s["n"] + g**2
        sigma = (n**self.power - s["n"] ** self.power) / rate
        s["z"] = s["z"] + g + 2 * self.shrinkage * w - sigma * w
        s["n"] = n
        curvature = n**self.power / rate + 2 * (self.l2 + self.beta / (2 * rate))
        w[...] = (np.clip(s["z"], -self.l1, self.l1) - s["z"]) / curvature


# For each row of csrc/ops.def the class and the options that make it this row.
OPTIMIZERS = {
    "sgd": (SGD, {}),
    "momentum": (SGD, {"momentum": 0.9}),
    "nesterov": (SGD, {"momentum": 0.9, "nesterov": True}),
    "rmsprop": (RMSprop, {}),
    "adam": (Adam, {}),
    "amsgrad": (Adam, {"amsgrad": True}),
    "adamax": (Adamax, {}),
    "nadam": (Nadam, {}),
    "adagrad": (Adagrad, {}),
    "adadelta": (Adadelta, {}),
    "lion": (Lion, {}),
    "ftrl": (Ftrl, {}),
}
