# SPDX-License-Identifier: BSD-3-Clause
"""Optimizers as descriptions: options, learning rates, configurations.

Their arithmetic is in test_updates.py.
"""

import copy
import inspect
import math
import pickle
import warnings

import numpy as np
import pytest
from oracle import optimizers as oracle

import pynn
from pynn import optimizers
from pynn._ops import OPTIMIZERS
from pynn.optimizers import schedules

CLASSES = [
    c
    for c in map(optimizers.__dict__.get, optimizers.__all__)
    if isinstance(c, type)
    and issubclass(c, optimizers.Optimizer)
    and c is not optimizers.Optimizer
]


def test_all_classes_are_here():
    names = {c.__name__ for c in CLASSES}
    assert names >= {cls.__name__ for cls, _ in oracle.OPTIMIZERS.values()} | {"AdamW"}
    assert len(names) == 14


@pytest.mark.parametrize("cls", [c for c in CLASSES if not c().own])
def test_defaults_are_those_of_the_oracle(cls):
    known = inspect.signature(getattr(oracle, cls.__name__)).parameters
    ours, compared = cls(), 0
    for name, parameter in known.items():
        if parameter.default is not inspect.Parameter.empty:
            assert getattr(ours, name) == parameter.default, name
            compared += 1
    assert compared >= 1


@pytest.mark.parametrize("cls", CLASSES)
def test_names_lead_to_the_class(cls):
    for name in (cls.__name__, cls.__name__.lower(), cls.__name__.upper()):
        assert type(optimizers.get(name)) is cls
    assert type(optimizers.get(cls)) is cls
    made = cls()
    assert optimizers.get(made) is made
    assert made.name == cls.__name__.lower()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("adamm", r"unknown optimizer 'adamm'; did you mean 'Adam"),
        ("zzz", "Known: Adadelta, Adafactor, Adagrad, Adam, Adamax"),
        (None, "optimizer: expected a name"),
        (0.1, "optimizer: expected a name"),
    ],
)
def test_unknown_optimizer(wrong, words):
    with pytest.raises(ValueError, match=words):
        optimizers.get(wrong)


@pytest.mark.parametrize(
    ("optimizer", "kind"),
    [
        (optimizers.SGD(), "sgd"),
        (optimizers.SGD(nesterov=True), "sgd"),
        (optimizers.SGD(momentum=0.5), "momentum"),
        (optimizers.SGD(momentum=0.5, nesterov=True), "nesterov"),
        (optimizers.Adam(amsgrad=True), "amsgrad"),
        (optimizers.AdamW(), "adam"),
    ],
)
def test_rule(optimizer, kind):
    assert OPTIMIZERS[optimizer.spec()[0]] == kind


def test_spec_carries_decay_and_one_clip():
    assert optimizers.SGD().spec()[2:] == (0.0, 0.0, 0.0, 0.0, 0, None)
    assert optimizers.AdamW().spec()[2:6] == (0.004, 0.0, 0.0, 0.0)
    assert optimizers.Adam(clipvalue=0.5).spec()[2:6] == (0.0, 0.5, 0.0, 0.0)
    assert optimizers.Adam(clipnorm=2).spec()[2:6] == (0.0, 0.0, 2.0, 0.0)
    assert optimizers.Adam(global_clipnorm=3).spec()[2:6] == (0.0, 0.0, 0.0, 3.0)


def test_spec_carries_averages_and_gathered_gradients():
    average = optimizers.Adam(use_ema=True, ema_overwrite_frequency=5)
    assert average.spec()[6:] == (0, (0.99, 5))
    assert optimizers.SGD(use_ema=True, ema_momentum=0.5).spec()[7] == (0.5, 0)
    assert optimizers.SGD(gradient_accumulation_steps=3).spec()[6:] == (3, None)


BAD = [
    ("SGD", {"learning_rate": -0.1}, r"SGD: learning_rate.*\[0, inf\), got -0.1"),
    ("SGD", {"learning_rate": math.nan}, "learning_rate"),
    ("SGD", {"learning_rate": math.inf}, "learning_rate"),
    ("SGD", {"learning_rate": "0.1"}, "learning_rate.*'0.1'"),
    ("SGD", {"learning_rate": True}, "learning_rate"),
    ("SGD", {"learning_rate": None}, "learning_rate"),
    ("SGD", {"learning_rate": [0.1]}, "learning_rate"),
    ("SGD", {"momentum": 1.5}, r"SGD: momentum.*\[0, 1\], got 1.5"),
    ("SGD", {"nesterov": 1}, "nesterov: expected True or False"),
    ("RMSprop", {"rho": -0.1}, r"RMSprop: rho.*\[0, 1\]"),
    ("RMSprop", {"epsilon": -1}, "RMSprop: epsilon"),
    ("Adam", {"beta_1": 1.0}, r"Adam: beta_1.*\[0, 1\), got 1.0"),
    ("Adam", {"beta_2": 1.5}, "Adam: beta_2"),
    ("Adam", {"epsilon": -1e-7}, "Adam: epsilon"),
    ("AdamW", {"weight_decay": None}, "AdamW: weight_decay"),
    ("AdamW", {"weight_decay": -1}, "AdamW: weight_decay"),
    ("Adagrad", {"initial_accumulator_value": -1}, "initial_accumulator_value"),
    ("Adadelta", {"rho": 2}, "Adadelta: rho"),
    ("Lion", {"beta_1": 0}, r"Lion: beta_1.*\(0, 1\], got 0"),
    ("Ftrl", {"learning_rate_power": 0.5}, r"Ftrl: learning_rate_power.*\(-inf, 0\]"),
    ("Ftrl", {"l1_regularization_strength": -1}, "l1_regularization_strength"),
    ("Adam", {"clipnorm": 0}, r"Adam: clipnorm.*\(0, inf\), got 0"),
    ("Adam", {"clipvalue": -1}, "Adam: clipvalue"),
    ("Adam", {"global_clipnorm": "1"}, "Adam: global_clipnorm"),
    (
        "Adam",
        {"clipnorm": 1.0, "clipvalue": 1.0},
        "only one of.* and clipnorm",
    ),
    ("Adam", {"lr": 0.1}, "Adam: unknown argument 'lr'; did you mean learning_rate"),
    ("Adam", {"beta1": 0.1}, "Adam: unknown argument 'beta1'"),
    ("Adam", {"use_ema": 1}, "Adam: use_ema: expected True or False"),
    ("Adam", {"ema_momentum": 1.5}, r"ema_momentum.*\[0, 1\], got 1.5"),
    ("Adam", {"ema_overwrite_frequency": 0}, "expected an integer >= 1, got 0"),
    ("Adam", {"gradient_accumulation_steps": 1}, "an integer >= 2, got 1"),
    ("Adam", {"loss_scale_factor": 0}, "loss_scale_factor"),
    ("ScheduleFreeAdamW", {"beta_1": 0}, "beta_1: expected a number above 0"),
    ("Adafactor", {"clip_threshold": 0}, "clip_threshold"),
    ("Muon", {"momentum": 1}, "momentum"),
]


@pytest.mark.parametrize(("name", "options", "words"), BAD)
def test_bad_option(name, options, words):
    with pytest.raises(ValueError, match=words):
        getattr(optimizers, name)(**options)


def test_keywords_of_keras_at_their_defaults():
    optimizers.Adam(
        use_ema=False,
        ema_momentum=0.99,
        ema_overwrite_frequency=None,
        loss_scale_factor=None,
        gradient_accumulation_steps=None,
        name="mine",
    )


def test_decay_is_ignored_with_a_warning():
    with pytest.warns(UserWarning, match="SGD: decay is ignored") as caught:
        optimizers.SGD(0.1, decay=1e-6)
    assert caught[0].filename == __file__


RATES = [1, 0, 0.25, np.float32(0.25), np.float64(0.25), np.int64(2), np.array(0.25)]


@pytest.mark.parametrize("rate", RATES, ids=repr)
def test_rate_of_any_number_type(rate):
    optimizer = optimizers.SGD(learning_rate=rate)
    assert float(optimizer.learning_rate) == float(rate)
    np.testing.assert_array_equal(optimizer.rates(0, 5), [float(rate)])


def test_rate_can_be_read_and_set_in_every_way():
    optimizer = optimizers.Adam()
    assert optimizer.learning_rate == 0.001
    assert optimizer.learning_rate.numpy() == np.float64(0.001)
    assert f"{optimizer.learning_rate:.4f}" == "0.0010"
    optimizer.learning_rate = 0.5
    assert optimizer.rates(7, 3).tolist() == [0.5]
    optimizer.learning_rate.assign(0.25)
    assert optimizer.learning_rate == 0.25
    optimizer.learning_rate = optimizer.learning_rate * 2
    assert optimizer.learning_rate == 0.5
    with pytest.raises(ValueError, match="learning_rate"):
        optimizer.learning_rate = -1.0
    assert optimizer.learning_rate == 0.5
    assert pickle.loads(pickle.dumps(optimizer.learning_rate)) == 0.5


def test_rate_of_a_schedule_follows_the_steps():
    optimizer = optimizers.SGD(schedules.ExponentialDecay(1.0, 2, 0.25))
    assert optimizer.learning_rate == 1.0
    optimizer.iterations = 4
    assert optimizer.learning_rate == 0.0625
    with pytest.raises(TypeError, match=r"ruled by a ExponentialDecay.*0.1"):
        optimizer.learning_rate = 0.1
    optimizer.learning_rate = schedules.ExponentialDecay(2.0, 2, 0.25)
    assert optimizer.rates(0, 2).tolist() == [2.0, 1.0]


def test_rate_of_a_function_sees_the_step():
    optimizer = optimizers.SGD(lambda: 1.0 / (1.0 + optimizer.iterations))
    optimizer.iterations = 1
    assert optimizer.learning_rate == 0.5
    np.testing.assert_array_equal(optimizer.rates(3, 2), [0.25, 0.2])
    assert optimizer.iterations == 1
    wrong = optimizers.SGD(lambda: -1.0)
    with pytest.raises(ValueError, match=r"SGD: learning_rate\(\).*got -1.0"):
        wrong.rates(0, 1)


@pytest.mark.parametrize("cls", CLASSES)
def test_configuration_round_trip(cls):
    optimizer = cls(learning_rate=0.25, clipnorm=1.5, weight_decay=0.125, name="mine")
    for other in (
        optimizers.deserialize(optimizers.serialize(optimizer)),
        cls.from_config(optimizer.get_config()),
        copy.deepcopy(optimizer),
        pickle.loads(pickle.dumps(optimizer)),
    ):
        assert type(other) is cls
        assert other.get_config() == optimizer.get_config()
        assert other.spec() == optimizer.spec()
        assert other.learning_rate == 0.25
        assert other.name == "mine"


def test_configuration_with_a_schedule():
    optimizer = optimizers.Adam(schedules.CosineDecay(0.1, 10))
    other = optimizers.deserialize(optimizers.serialize(optimizer))
    assert other.rates(0, 12).tolist() == optimizer.rates(0, 12).tolist()


def test_reset():
    optimizer = optimizers.Adam()
    optimizer.iterations = 3
    optimizer.slots, optimizer.scalar = [np.ones(4)], np.zeros(2)
    optimizer.reset()
    assert (optimizer.iterations, optimizer.slots) == (0, [])
    assert optimizer.scalar.tolist() == [1.0, 1.0]
    with pytest.raises(ValueError, match="iterations"):
        optimizer.iterations = -1


def line_model(optimizer):
    """One weight of 1 and one row, so the gradient is 2 (w - 3)."""
    layer = pynn.layers.Dense(1, use_bias=False, kernel_initializer="ones")
    model = pynn.Sequential([pynn.Input((1,)), layer])
    model.compile(optimizer, "mse")
    return model


def test_training_uses_the_rate_of_each_step():
    schedule = schedules.PiecewiseConstantDecay([0, 1], [0.5, 0.125, 0.0])
    model = line_model(optimizers.SGD(schedule))
    model.fit([[1.0]], [[3.0]], epochs=2, verbose=0)
    # 1 -> 3 with rate 1/2; nothing is left to learn afterwards, so start again.
    assert model.get_weights()[0] == 3.0
    model.set_weights([np.array([[1.0]])])
    model.fit([[1.0]], [[3.0]], epochs=1, verbose=0)
    assert model.get_weights()[0] == 1.0
    assert model.optimizer.iterations == 3
    slow = line_model(optimizers.SGD(schedules.ExponentialDecay(0.25, 1, 0.5)))
    slow.fit([[1.0]], [[3.0]], epochs=3, verbose=0)
    weight = 1.0
    for rate in (0.25, 0.125, 0.0625):
        weight -= rate * 2 * (weight - 3.0)
    assert slow.get_weights()[0] == weight


def test_assigning_the_rate_between_fits_counts():
    model = line_model(optimizers.SGD(0.5))
    model.optimizer.learning_rate = 0.0
    model.fit([[1.0]], [[3.0]], verbose=0)
    assert model.get_weights()[0] == 1.0
    model.optimizer.learning_rate.assign(0.5)
    model.fit([[1.0]], [[3.0]], verbose=0)
    assert model.get_weights()[0] == 3.0


def test_no_optimizer_warns():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for cls in CLASSES:
            cls()


def test_steps_that_no_counter_holds():
    optimizer = pynn.optimizers.SGD(gradient_accumulation_steps=2)
    with pytest.raises(ValueError, match=r"SGD: iterations: expected below 2\*\*63"):
        optimizer.iterations = 2**62
    optimizer.iterations = 2**62 - 1
    assert optimizer.iterations == 2**62 - 1
