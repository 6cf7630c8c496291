# SPDX-License-Identifier: BSD-3-Clause
"""Optimizers, regularizers and constraints whose formulas are in Python."""

import numpy as np
import pytest
from oracle import gradcheck, terms

import pynn
from pynn import constraints, layers, models, optimizers, regularizers

BATCH = 6


def data(rng, rows=18):
    return rng.normal(size=(rows, 5)), rng.normal(size=(rows, 2))


def net(rng, **first):
    """A model of 5-4-2 in float64 with random weights."""
    model = pynn.Sequential(
        [
            pynn.Input((5,), dtype="float64"),
            layers.Dense(4, "tanh", name="first", **first),
            layers.Dense(2, name="second"),
        ]
    )
    model.set_weights([rng.normal(size=w.shape) for w in model.weights])
    return model


def lamb(w, g, s, t, rate):
    s["m"] = 0.9 * s.get("m", 0) + 0.1 * g
    s["v"] = 0.999 * s.get("v", 0) + 0.001 * g**2
    step = s["m"] / (1 - 0.9**t) / (np.sqrt(s["v"] / (1 - 0.999**t)) + 1e-7)
    norms = np.linalg.norm(w), np.linalg.norm(step)
    return w - rate * (norms[0] / norms[1] if all(norms) else 1.0) * step


def adafactor(w, g, s, t, rate):
    kept, square = 1 - t**-0.8, g**2 + 1e-30
    if w.ndim == 2:
        s["r"] = kept * s.get("r", 0) + (1 - kept) * square.mean(axis=1)
        s["c"] = kept * s.get("c", 0) + (1 - kept) * square.mean(axis=0)
        s["v"] = np.outer(s["r"], s["c"]) / s["r"].mean()
    else:
        s["v"] = kept * s.get("v", 0) + (1 - kept) * square
    step = g / np.sqrt(s["v"])
    step /= max(1.0, np.sqrt((step**2).mean()))
    length = max(1e-3, np.sqrt((w**2).mean())) * min(rate, t**-0.5)
    return w - length * step


def muon(w, g, s, t, rate):
    decayed = w * (1 - 0.004 * rate)
    if w.ndim == 1:
        s["m"] = 0.9 * s.get("m", 0) + 0.1 * g
        s["v"] = 0.999 * s.get("v", 0) + 0.001 * g**2
        size = rate * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        return decayed - size * s["m"] / (np.sqrt(s["v"]) + 1e-7)
    s["m"] = 0.95 * s.get("m", 0) + g
    x = g + 0.95 * s["m"]
    x = x / (np.linalg.norm(x) + 1e-7)
    u, sizes, v = np.linalg.svd(x, full_matrices=False)
    for _ in range(5):  # the same polynomial, of the singular values
        sizes = 3.4445 * sizes - 4.7750 * sizes**3 + 2.0315 * sizes**5
    return decayed - rate * 0.2 * np.sqrt(max(w.shape)) * (u * sizes) @ v


def schedule_free(w, g, s, t, rate):
    z = s.get("z", w)
    x = s.get("x", w)
    s["v"] = 0.999 * s.get("v", 0) + 0.001 * g**2
    s["z"] = z - rate * g / (np.sqrt(s["v"] / (1 - 0.999**t)) + 1e-8)
    s["x"] = x + (s["z"] - x) / t
    return 0.1 * s["z"] + 0.9 * s["x"]


RULES = {
    "Lamb": lamb,
    "Adafactor": adafactor,
    "Muon": muon,
    "ScheduleFreeAdamW": schedule_free,
}


def test_every_rule_in_python_has_an_oracle():
    own = {n for n in optimizers.__all__ if getattr(optimizers, n, None) is not None}
    classes = [getattr(optimizers, n) for n in own]
    rules = [c for c in classes if isinstance(c, type)]
    rules = [c for c in rules if issubclass(c, optimizers.Optimizer)]
    rules = [c for c in rules if c is not optimizers.Optimizer and c().own]
    assert {c.__name__ for c in rules} == set(RULES)


@pytest.mark.parametrize("name", RULES)
def test_rules(name, rng):
    """By the gradients that the model tells, step by step."""
    model = net(rng)
    x, y = data(rng)
    model.compile(getattr(optimizers, name)(0.05), "mse")
    weights, states = model.get_weights(), [{} for _ in model.weights]
    for t in range(1, 6):
        _, grads = model.gradients(x, y)
        model.train_on_batch(x, y)
        weights = [
            RULES[name](w, g, s, t, 0.05)
            for w, g, s in zip(weights, grads, states, strict=True)
        ]
        # float64; a few roundings a step, and products of matrices of 5 x 4
        for w, exact in zip(model.get_weights(), weights, strict=True):
            np.testing.assert_allclose(w, exact, rtol=1e-11, atol=1e-12)


class Momentum(optimizers.Optimizer):
    """SGD with momentum, as a user would write it."""

    def __init__(self, learning_rate=0.1, momentum=0.5, **common):
        super().__init__(learning_rate, **common)
        self.momentum = momentum

    def build(self, variables):
        super().build(variables)
        self.velocities = self.add_optimizer_variables(variables, "velocity")

    def update_step(self, gradient, variable, learning_rate):
        v = self.velocities[self._get_variable_index(variable)]
        self.assign(v, self.momentum * v.value - learning_rate * gradient)
        self.assign_add(variable, v)

    def get_config(self):
        return super().get_config() | {"momentum": self.momentum}


AROUND = {
    "nothing": {},
    "value": {"clipvalue": 0.05},
    "norm": {"clipnorm": 0.3, "weight_decay": 0.5},
    "all norms": {"global_clipnorm": 0.3},
    "average": {"use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 3},
    "mean": {"gradient_accumulation_steps": 2, "clipnorm": 0.3, "use_ema": True},
}


@pytest.mark.parametrize("name", AROUND)
def test_own_optimizer_is_as_the_core_s(name, rng):
    weights = rng.normal(size=(5, 4))
    x, y = data(rng)
    results = []
    for cls in (optimizers.SGD, Momentum):
        model = net(
            np.random.default_rng(1),
            kernel_regularizer="l1_l2",
            kernel_constraint="max_norm",
            activity_regularizer="l2",
        )
        model.layers[0].kernel.assign(weights)
        model.compile(cls(0.1, momentum=0.5, **AROUND[name]), "mse")
        history = model.fit(x, y, BATCH, 3, verbose=0, shuffle=False).history
        results.append([*model.get_weights(), history["loss"]])
        assert model.optimizer.iterations == 9 // (1 + (name == "mean"))
    for one, other in zip(*results, strict=True):  # float64, in another order
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("copier", ["deepcopy", "file"])
def test_own_state_goes_along(copier, rng, tmp_path):
    import copy

    model = net(rng)
    x, y = data(rng)
    model.compile(Momentum(), "mse")
    model.fit(x, y, BATCH, 2, verbose=0)
    if copier == "file":
        model.save(tmp_path / "m.keras")
        twin = models.load_model(tmp_path / "m.keras", {"Momentum": Momentum})
    else:
        twin = copy.deepcopy(model)
    seen = [m.fit(x, y, BATCH, 2, verbose=0).history for m in (model, twin)]
    assert seen[0] == seen[1]
    for a, b in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_state_belongs_to_weights(rng):
    first, second = net(rng), net(rng)
    rule = Momentum()
    for model in (first, second):
        model.predict(np.zeros((1, 5)), verbose=0)
    rule.build(first.trainable_weights)
    assert rule.built
    assert [v.shape for v in rule.variables[2:]] == [(5, 4), (4,), (4, 2), (2,)]
    with pytest.raises(ValueError, match="another model"):
        rule.apply([w.numpy() for w in second.weights], second.trainable_weights)


def test_without_a_rule():
    class Nothing(optimizers.Optimizer):
        pass

    with pytest.raises(NotImplementedError, match="Nothing must define update_step"):
        Nothing(0.1).spec()


# ---- regularizers and constraints


def cubes(w):
    """A penalty that is no sum of what the core knows."""
    return 0.01 * (np.abs(w) ** 3).sum()


class Half(constraints.Constraint):
    """Holds a weight to half of what it is."""

    def __call__(self, w):
        return w / 2


@pytest.mark.parametrize("penalty", [cubes, regularizers.OrthogonalRegularizer(0.3)])
def test_penalties_of_the_user_s(penalty, rng):
    model = net(rng, kernel_regularizer=penalty)
    plain = net(rng)
    plain.set_weights(model.get_weights())
    x, y = data(rng)
    for m in (model, plain):
        m.compile("sgd", "mse")
    value = float(penalty(model.layers[0].kernel.value))
    assert model.losses == [value]
    assert model.evaluate(x, y, verbose=0) == pytest.approx(
        plain.evaluate(x, y, verbose=0) + value, rel=1e-14
    )
    (loss, grads), (other, others) = (m.gradients(x, y) for m in (model, plain))
    assert loss == pytest.approx(other + value, rel=1e-14)
    slope = gradcheck.numeric_gradient(penalty, model.layers[0].kernel.numpy())
    # both by central differences at worst
    np.testing.assert_allclose(grads[0], others[0] + slope, atol=1e-7)
    np.testing.assert_array_equal(grads[1], others[1])
    assert model.train_on_batch(x, y) == pytest.approx(loss, rel=1e-14)
    moved = plain.layers[0].kernel.value - 0.01 * grads[0]
    np.testing.assert_allclose(model.layers[0].kernel.value, moved, atol=1e-14)


@pytest.mark.parametrize(
    ("part", "returned", "match"),
    [
        ("kernel_regularizer", None, "number as the penalty, got object"),
        ("kernel_regularizer", np.ones(4), r"got float64 of shape \(4,\)"),
        ("activity_regularizer", "a", "number as the penalty, got <U1"),
        ("kernel_constraint", None, "'first/kernel': expected numbers"),
        ("kernel_constraint", np.ones(4), r"'first/kernel': expected shape \(5, 4\)"),
    ],
)
def test_parts_that_return_something_else(part, returned, match, rng):
    model = net(rng, **{part: lambda w: returned})
    before = model.get_weights()
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=match):
        model.fit(*data(rng), verbose=0)
    for now, then in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_constraints_of_the_user_s(rng):
    x, y = data(rng)
    results = []
    for first in ({}, {"kernel_constraint": Half(), "bias_constraint": np.abs}):
        model = net(np.random.default_rng(1), **first)
        model.compile("sgd", "mse")
        model.train_on_batch(x, y)
        results.append(model.get_weights())
    plain, held = results
    np.testing.assert_array_equal(held[0], plain[0] / 2)
    np.testing.assert_array_equal(held[1], np.abs(plain[1]))
    np.testing.assert_array_equal(held[2], plain[2])


@pytest.mark.parametrize("penalty", [cubes, terms.Penalty(0.1, 0.2).value])
def test_penalties_on_outputs(penalty, rng):
    """A function is told the outputs of a batch; its gradient passes on."""
    model = net(rng, activity_regularizer=penalty)
    x, y = data(rng)
    model.compile("sgd", "mse")

    def loss(kernel):
        model.layers[0].kernel.assign(kernel)
        hidden = np.tanh(x @ kernel + model.layers[0].bias.value)
        out = model.predict(x, verbose=0)
        return ((out - y) ** 2).mean() + penalty(hidden) / len(x)

    kernel = model.layers[0].kernel.numpy()
    expected = loss(kernel)
    assert model.evaluate(x, y, len(x), verbose=0) == pytest.approx(expected, rel=1e-12)
    value, grads = model.gradients(x, y)
    assert value == pytest.approx(expected, rel=1e-12)
    slope = gradcheck.numeric_gradient(loss, kernel)
    model.layers[0].kernel.assign(kernel)
    np.testing.assert_allclose(grads[0], slope, atol=1e-7)
    found = model.fit(x, y, len(x), verbose=0).history["loss"]
    assert found == pytest.approx([expected], rel=1e-12)


def test_known_penalties_beside_python(rng):
    """The core's penalties on outputs count in a model that is stepped from Python."""
    x, y = data(rng)
    results = []
    for own in (None, cubes):
        model = net(
            np.random.default_rng(1),
            activity_regularizer=regularizers.L1L2(0.1, 0.2),
            bias_regularizer=own and (lambda w: 0.0 * w.sum()),
        )
        loss = losses_of(model, x, y, own is not None)
        results.append([*model.get_weights(), loss])
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-9)


def losses_of(model, x, y, python):
    """Losses of three epochs; with a loss in Python if asked for."""

    def squares(y_true, y_pred):
        return ((y_true - y_pred) ** 2).mean(axis=-1)

    model.compile("sgd", squares if python else "mse")
    return model.fit(x, y, BATCH, 3, verbose=0, shuffle=False).history["loss"]
