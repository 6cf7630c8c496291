# SPDX-License-Identifier: BSD-3-Clause
"""Penalties, constraints, averages, reductions: as a model trains and evaluates."""

import numpy as np
import pytest
from oracle import layers as oracle_layers
from oracle import losses as oracle_losses
from oracle import optimizers as oracle_optimizers
from oracle import terms

import pynn
from pynn import constraints, layers, losses, optimizers, regularizers

ROWS, BATCH = 22, 8


def data(rng):
    x, y = rng.normal(size=(ROWS, 5)), rng.normal(size=(ROWS, 3))
    return x, y, rng.uniform(0.0, 2.0, ROWS)


def net(rng, *, dtype="float64", activity=None, **hidden):
    """A model of 5-7-3 with tanh between, and its kernels and biases."""
    pynn.utils.set_random_seed(1)
    model = pynn.Sequential(
        [
            pynn.Input((5,), dtype=dtype),
            layers.Dense(7, "tanh", activity_regularizer=activity, **hidden),
            layers.Dense(3),
        ]
    )
    model.set_weights([rng.normal(size=w.shape) for w in model.weights])
    return model, [w.numpy().astype(np.float64) for w in model.weights]


class Oracle:
    """The same net, trained batch by batch in order."""

    def __init__(self, weights, step, activity=(0.0, 0.0), reduction="mean"):
        self.first = oracle_layers.Dense(*weights[:2])
        self.second = oracle_layers.Dense(*weights[2:])
        self.activity = oracle_layers.Activity(*activity)
        self.chain = [self.first, oracle_layers.Activation("tanh"), self.activity]
        self.chain.append(self.second)
        self.step, self.reduction = step, reduction

    @property
    def weights(self):
        return [*self.first.weights, *self.second.weights]

    def loss(self, x, y, weight):
        """Loss of a batch as Keras has it, and the slope of its data part."""
        out = x
        for layer in self.chain:
            out = layer.forward(out)
        values, slope = oracle_losses.LOSSES["mean_squared_error"](y, out)
        w = np.ones(len(x)) if weight is None else weight
        share = {"mean": len(x), "sum": 1.0, "mean_with_sample_weight": w.sum()}
        w = w / share[self.reduction]
        penalties = self.activity.penalties().sum() / len(x)
        total = (w * values).sum() + penalties + self.step.penalty(self.weights)
        return total, slope * w[:, None]

    def epoch(self, x, y, weight=None, train=True):
        """The epoch's loss: the batches' by their rows."""
        total = 0.0
        for start in range(0, len(x), BATCH):
            rows = slice(start, start + BATCH)
            part = None if weight is None else weight[rows]
            value, slope = self.loss(x[rows], y[rows], part)
            total += value * len(x[rows])
            if not train:
                continue
            for layer in reversed(self.chain):
                slope = layer.backward(slope)
            self.step.step(self.weights, [*self.first.grads, *self.second.grads])
        return total / len(x)


PENALTY = terms.Penalty(0.01, 0.02)
CASES = {
    "l1": ({"kernel_regularizer": regularizers.L1(0.05)}, terms.Penalty(0.05), (0, 0)),
    "l2": ({"kernel_regularizer": "l2"}, terms.Penalty(0, 0.01), (0, 0)),
    "activity": ({"activity": regularizers.L1L2(0.02, 0.03)}, None, (0.02, 0.03)),
    "both": (
        {
            "activity": regularizers.L2(0.03),
            "kernel_regularizer": regularizers.L1L2(0.01, 0.02),
        },
        PENALTY,
        (0.0, 0.03),
    ),
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("reduction", ["mean", "sum", "mean_with_sample_weight"])
@pytest.mark.parametrize("name", CASES)
def test_losses_of_epochs(name, reduction, weighted, rng):
    arguments, penalty, activity = CASES[name]
    model, weights = net(rng, **arguments)
    x, y, weight = data(rng)
    weight = weight if weighted else None
    rule = oracle_optimizers.SGD(learning_rate=0.02)
    step = terms.Step(rule, [penalty, None, None, None])
    oracle = Oracle(weights, step, activity, reduction)
    model.compile(
        optimizers.SGD(0.02), losses.MeanSquaredError(reduction), metrics=["mse"]
    )
    found = model.fit(x, y, BATCH, 3, shuffle=False, sample_weight=weight, verbose=0)
    expected = [oracle.epoch(x, y, weight) for _ in range(3)]
    # float64 throughout; the core's tanh is good to 4 units of the last place
    np.testing.assert_allclose(found.history["loss"], expected, rtol=1e-12)
    for w, exact in zip(model.get_weights(), oracle.weights, strict=True):
        np.testing.assert_allclose(w, exact, rtol=1e-11, atol=1e-12)
    after = oracle.epoch(x, y, weight, train=False)
    judged = model.evaluate(x, y, BATCH, sample_weight=weight, verbose=0)
    assert judged[0] == pytest.approx(after, rel=1e-12)
    whole, _ = oracle.loss(x, y, weight)
    tested = model.test_on_batch(x, y, sample_weight=weight)
    assert tested[0] == pytest.approx(whole, rel=1e-12)
    stepped = model.train_on_batch(x, y, sample_weight=weight)
    assert stepped[0] == pytest.approx(whole, rel=1e-12)


def test_zero_weights_have_no_mean(rng):
    model, _ = net(rng)
    x, y, _ = data(rng)
    model.compile("sgd", losses.MeanSquaredError("mean_with_sample_weight"))
    before = model.get_weights()
    found = model.fit(x, y, BATCH, sample_weight=np.zeros(ROWS), verbose=0)
    assert found.history["loss"] == [0.0]
    for a, b in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_terms_of_a_model(rng):
    model, weights = net(rng, kernel_regularizer="l2", bias_regularizer="l1")
    expected = [terms.Penalty(0, 0.01).value(weights[0])]
    expected += [terms.Penalty(0.01).value(weights[1])]
    assert model.losses == pytest.approx(expected, rel=1e-14)
    assert model.layers[0].losses == model.losses
    assert model.layers[1].losses == []
    model.layers[0].bias.trainable = False
    assert model.losses == pytest.approx(expected[:1], rel=1e-14)
    model.layers[0].trainable = False
    assert model.losses == []
    x, y, _ = data(rng)
    model.compile("sgd", "mse")
    plain, _ = net(rng)
    plain.set_weights(model.get_weights())
    plain.compile("sgd", "mse")
    assert model.evaluate(x, y, verbose=0) == plain.evaluate(x, y, verbose=0)


def test_a_regularizer_may_be_set_later(rng):
    model, weights = net(rng)
    x, y, _ = data(rng)
    model.compile("sgd", "mse")
    before = model.evaluate(x, y, verbose=0)
    model.layers[0].kernel.regularizer = regularizers.L2(0.5)
    penalty = terms.Penalty(0, 0.5).value(weights[0])
    assert model.evaluate(x, y, verbose=0) == pytest.approx(before + penalty, rel=1e-14)


def test_a_weight_may_be_frozen_alone(rng):
    model, _ = net(rng)
    x, y, _ = data(rng)
    model.compile("adam", "mse")
    model.layers[0].bias.trainable = False
    before = model.get_weights()
    model.fit(x, y, verbose=0)
    same = [(a == b).all() for a, b in zip(model.get_weights(), before, strict=True)]
    assert same == [False, True, False, False]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_constraints_hold_after_training(dtype, rng):
    model, start = net(
        rng,
        dtype=dtype,
        kernel_constraint=constraints.MaxNorm(0.5),
        bias_constraint="non_neg",
    )
    x, y, _ = data(rng)
    model.compile("adam", "mse")
    model.fit(x, y, BATCH, 5, verbose=0)
    kernel, bias = model.layers[0].get_weights()
    norms = np.sqrt((kernel.astype(np.float64) ** 2).sum(axis=0))
    assert (norms <= 0.5).all()
    assert (norms > 0.49).any()
    assert (bias >= 0).all()
    assert (start[1] < 0).any()


def test_fit_ends_with_the_average(rng):
    model, weights = net(rng)
    x, y, _ = data(rng)
    rule = optimizers.SGD(0.05, use_ema=True, ema_momentum=0.75)
    model.compile(rule, "mse")
    oracle = Oracle(
        weights,
        terms.Step(oracle_optimizers.SGD(learning_rate=0.05), momentum=0.75),
    )
    model.fit(x, y, BATCH, 2, shuffle=False, verbose=0)
    for _ in range(2):
        oracle.epoch(x, y)
    for w, exact in zip(model.get_weights(), oracle.step.average, strict=True):
        np.testing.assert_allclose(w, exact, rtol=1e-11, atol=1e-12)
    for weight, average in rule.averages():
        np.testing.assert_array_equal(weight.value, average)
    before = model.get_weights()
    model.train_on_batch(x, y)
    assert (model.get_weights()[0] != before[0]).all()
    assert (rule.averages()[0][1] != model.get_weights()[0]).all()


def test_averages_need_use_ema(rng):
    model, _ = net(rng)
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="use_ema=True"):
        model.optimizer.averages()


def test_gathered_gradients_wait_for_the_next_call(rng):
    """Five batches, two a step: one waits; a schedule counts batches."""
    x, y, _ = data(rng)
    results = []
    for parts in (1, 2):
        model, _ = net(np.random.default_rng(3))
        rate = optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)
        rule = optimizers.SGD(rate, momentum=0.5, gradient_accumulation_steps=2)
        model.compile(rule, "mse")
        if parts == 1:
            model.fit(x, y, 5, 2, shuffle=False, verbose=0)
        else:
            for _ in range(2):
                model.fit(x, y, 5, 1, shuffle=False, verbose=0)
        assert (rule.iterations, rule.batches) == (5, 10)
        assert float(rule.learning_rate) == pytest.approx(0.1 * 0.5**5)
        results.append(b"".join(w.tobytes() for w in model.get_weights()))
    assert results[0] == results[1]


def test_weights_without_decay(rng):
    model, weights = net(rng)
    x, y, _ = data(rng)
    rule = optimizers.AdamW(0.05, weight_decay=0.5)
    rule.exclude_from_weight_decay([model.layers[1].kernel], ["bias"])
    model.compile(rule, "mse")
    decayed = [True, False, False, False]
    inner = oracle_optimizers.AdamW(0.05, 0.5)
    oracle = Oracle(weights, terms.Step(inner, decayed=decayed))
    model.fit(x, y, BATCH, shuffle=False, verbose=0)
    oracle.epoch(x, y)
    for w, exact in zip(model.get_weights(), oracle.weights, strict=True):
        np.testing.assert_allclose(w, exact, rtol=1e-10, atol=1e-11)


def test_gradients_of_the_user_s(rng):
    """A step by `apply` is that of `fit`; penalties are the caller's affair."""
    model, weights = net(rng, kernel_regularizer="l2", kernel_constraint="non_neg")
    model.predict(np.zeros((1, 5)), verbose=0)
    grads = [rng.normal(size=w.shape) for w in weights]
    rule = optimizers.Adam(0.05)
    rule.apply_gradients(zip(grads, model.trainable_weights, strict=True))
    exact = oracle_optimizers.Adam(learning_rate=0.05)
    exact.step(weights, [g.copy() for g in grads])
    weights[0] = terms.non_negative(weights[0])
    for w, expected in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_allclose(w, expected, rtol=1e-12, atol=1e-13)
    assert rule.iterations == 1
    with pytest.raises(ValueError, match="expected 4 gradients, got 1"):
        rule.apply(grads[:1])
    with pytest.raises(ValueError, match=r"expected shape \(5, 7\), got \(7,\)"):
        rule.apply(grads[1:2], model.trainable_weights[:1])


def test_state_as_variables(rng):
    model, _ = net(rng, dtype="float32")
    x, y, _ = data(rng)
    rule = optimizers.Adam(0.01, use_ema=True)
    assert [v.name for v in rule.variables] == ["iteration", "learning_rate"]
    model.compile(rule, "mse")
    rule.build(model.trainable_variables)
    model.fit(x, y, verbose=0)
    names = [v.name for v in rule.variables]
    assert len(names) == 2 + 3 * 4
    assert names[2:5] == [f"{model.layers[0].name}_kernel_slot_{i}" for i in range(3)]
    assert rule.variables[2].shape == (5, 7)
    saved = {}
    rule.save_own_variables(saved)
    model.fit(x, y, verbose=0)
    assert rule.iterations == 2
    rule.load_own_variables(saved)
    assert rule.iterations == 1
    for i, variable in enumerate(rule.variables):
        np.testing.assert_array_equal(variable, saved[str(i)])
    with pytest.raises(ValueError, match="expected 14 state variables, got 1"):
        rule.load_own_variables({"0": 1})


def test_configurations_carry_terms():
    layer = layers.Dense(
        3,
        kernel_regularizer=regularizers.L1L2(0.1, 0.2),
        bias_regularizer="l1",
        activity_regularizer="l2",
        kernel_constraint=constraints.MinMaxNorm(0.5, 2.0),
        bias_constraint="non_neg",
    )
    again = layers.deserialize(layers.serialize(layer))
    assert again.get_config() == layer.get_config()
    assert again.kernel_regularizer.l2 == 0.2
    assert again.activity_regularizer.l2 == 0.01
    assert again.kernel_constraint.min_value == 0.5


def test_activity_regularization(rng):
    x = rng.normal(size=(ROWS, 5))
    model = pynn.Sequential(
        [pynn.Input((5,), dtype="float64"), layers.ActivityRegularization(0.1, 0.2)]
    )
    model.compile("sgd", "mse")
    loss = model.evaluate(x, x, verbose=0)
    expected = (0.1 * np.abs(x) + 0.2 * x**2).sum() / ROWS
    assert loss == pytest.approx(expected, rel=1e-13)
    np.testing.assert_array_equal(model.predict(x, verbose=0), x)
    layer = model.layers[0]
    again = layers.deserialize(layers.serialize(layer))
    assert (again.l1, again.l2) == (0.1, 0.2)
