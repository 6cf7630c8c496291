# SPDX-License-Identifier: BSD-3-Clause
"""Whole trainings, every step against the oracle, and the same bits however run."""

import numpy as np
import pytest
from fitting import CLASSES, ROWS, data, net
from oracle import layers as slow
from oracle import optimizers as slow_optimizers
from oracle.philox import keep_mask, permutation
from oracle.train import batches, train

import pynn
from pynn import callbacks, losses, optimizers
from pynn._run import Run


def twin(model, head, dropout=0.0, seed=5, steps=0, batch=0):
    """The oracle's copy of `net`, weights included."""
    k1, b1, k2, b2, k3, b3 = model.get_weights()
    masks = [
        np.reshape(keep_mask(dropout, seed, step, batch * 16), (batch, 16))[:, :8]
        for step in range(steps)
    ]
    return [
        slow.Dense(k1, b1),
        slow.Activation("tanh"),
        *([slow.Dropout(dropout, masks)] if dropout else []),
        slow.Dense(k2, b2),
        slow.Activation("silu"),
        slow.Dense(k3, b3),
        *([slow.Softmax()] if head == "softmax" else []),
        *([slow.Activation(head)] if head in ("sigmoid", "tanh") else []),
    ]


def same(model, weights, tolerance=1e-10):
    for ours, theirs in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


# The loss to compile, the head of the network, the data, the oracle's loss.
GOALS = {
    "softmax and labels": ("sparse_categorical_crossentropy", "softmax", "labels"),
    "softmax and one hot": ("categorical_crossentropy", "softmax", "one hot"),
    "sigmoid": ("binary_crossentropy", "sigmoid", "binary"),
    "squares": ("mean_squared_error", None, "values"),
    "squares of a sigmoid": ("mean_squared_error", "sigmoid", "values"),
    "labels from logits": (
        losses.SparseCategoricalCrossentropy(from_logits=True),
        None,
        "labels",
    ),
    "huber": (losses.Huber(0.5), "tanh", "values"),
}
ORACLE = {
    "labels from logits": ("sparse_categorical_crossentropy_logits", ()),
    "huber": ("huber", (0.5,)),
}


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("goal", GOALS)
def test_trajectories(goal, shuffle, rng):
    """Every step of three epochs with dropout, in float64, batches of 16, 16 and 14."""
    loss, head, kind = GOALS[goal]
    name, parameters = ORACLE.get(goal, (loss, ()))
    x, y = data(rng, kind)
    units = 1 if kind == "binary" else CLASSES
    model = net(head, units, dropout=0.25)
    model.predict_on_batch(x)
    slow_net = twin(model, head, 0.25, 5, 9, 16)
    seed = model.network_for(x).seed
    model.compile("adam", loss)
    history = model.fit(x, y, 16, 3, shuffle=shuffle, verbose=0)
    orders = [permutation(seed, e, ROWS) if shuffle else None for e in range(3)]
    steps = [b for order in orders for b in batches(x, y, 16, order)]
    values, weights = train(
        slow_net, name, slow_optimizers.Adam(epsilon=1e-7), steps, parameters
    )
    # 1e-10: the rounding of 9 steps of float64, through Adam's quotients
    same(model, weights)
    epochs = (values.reshape(3, 3) * [16, 16, 14]).sum(axis=1) / ROWS
    np.testing.assert_allclose(history.history["loss"], epochs, rtol=1e-10)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (optimizers.SGD(0.1), slow_optimizers.SGD(0.1)),
        (
            optimizers.SGD(0.05, momentum=0.9, nesterov=True),
            slow_optimizers.SGD(0.05, momentum=0.9, nesterov=True),
        ),
        (
            optimizers.Adam(0.01, clipnorm=0.1),
            slow_optimizers.Adam(0.01, epsilon=1e-7, clipnorm=0.1),
        ),
        (
            optimizers.Adam(0.01, global_clipnorm=0.1),
            slow_optimizers.Adam(0.01, epsilon=1e-7, global_clipnorm=0.1),
        ),
    ],
    ids=["sgd", "nesterov", "clipnorm", "global_clipnorm"],
)
def test_optimizers_end_to_end(ours, theirs, rng):
    x, y = data(rng, "one hot")
    model = net()
    slow_net = twin(model, "softmax")
    model.compile(ours, "categorical_crossentropy")
    model.fit(x, y, 16, 4, shuffle=False, verbose=0)
    _, weights = train(
        slow_net, "categorical_crossentropy", theirs, list(batches(x, y, 16)) * 4
    )
    same(model, weights)
    assert model.optimizer.iterations == 12


@pytest.mark.parametrize("at_once", [2, 1 << 16])
def test_schedules_see_the_steps_before_theirs(at_once, rng, monkeypatch):
    monkeypatch.setattr("pynn._run._MAX_RATES", at_once)
    x, y = data(rng, "values")
    model = net(None)
    slow_net = twin(model, None)
    schedule = optimizers.schedules.ExponentialDecay(0.2, 4, 0.5)
    model.compile(optimizers.SGD(schedule), "mse")
    for epochs in (1, 2):
        model.fit(x, y, 16, epochs, shuffle=False, verbose=0)
    rates = [0.2 * 0.5 ** (step / 4) for step in range(9)]
    _, weights = train(
        slow_net,
        "mean_squared_error",
        slow_optimizers.SGD(0.2),
        list(batches(x, y, 16)) * 3,
        rates=rates,
    )
    same(model, weights)


@pytest.mark.parametrize("give", ["sample", "class", "class, one hot"])
def test_weights_scale_the_loss_over_all_rows(give, rng):
    x, y = data(rng)
    target = np.eye(CLASSES)[y]
    by_class = {0: 2.0, 2: 0.25}
    weight = np.array([by_class.get(label, 1.0) for label in y])
    model = net()
    slow_net = twin(model, "softmax")
    if give == "class, one hot":
        model.compile("sgd", "categorical_crossentropy", metrics=["accuracy"])
    else:
        model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    how = {"sample_weight": weight} if give == "sample" else {"class_weight": by_class}
    history = model.fit(
        x, target if "hot" in give else y, 16, shuffle=False, verbose=0, **how
    )
    steps = list(batches(x, target, 16, weight=weight))
    values, weights = train(
        slow_net, "categorical_crossentropy", slow_optimizers.SGD(0.01), steps
    )
    same(model, weights)
    total = (values * [16, 16, 14]).sum() / ROWS
    np.testing.assert_allclose(history.history["loss"], [total], rtol=1e-12)


def trained(x, y, calls, **settings):
    pynn.utils.set_random_seed(9)
    model = net(dtype="float32", dropout=0.3, seed=None)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = {}
    for epochs in calls:
        for key, values in model.fit(x, y, 8, epochs, **settings).history.items():
            history.setdefault(key, []).extend(values)
    return history, [w.tobytes() for w in model.get_weights()]


def test_n_times_one_epoch_is_one_time_n_epochs(rng):
    x, y = data(rng)
    whole = trained(x, y, [6], verbose=0)
    assert trained(x, y, [1] * 6, verbose=0) == whole
    assert trained(x, y, [2, 1, 3], verbose=0) == whole
    assert trained(x, y, [6], verbose=0, shuffle=False) != whole


def test_a_new_seed_repeats_what_is_random_in_a_used_model(rng):
    x, y = data(rng)
    model = net(dtype="float32", dropout=0.3, seed=None)
    weights = model.get_weights()

    def again(seed):
        pynn.utils.set_random_seed(seed)
        model.set_weights(weights)
        model.compile("adam", "sparse_categorical_crossentropy")
        return model.fit(x, y, 8, 2, verbose=0).history["loss"]

    first = again(1)
    assert again(1) == first
    assert again(2) != first


class Seeing(callbacks.Callback):
    """Brings Python between all steps."""

    def __init__(self):
        self.seen = []

    def on_train_batch_begin(self, batch, logs=None):
        self.seen.append(("begin", batch))

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(("end", batch, dict(logs)))


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
@pytest.mark.parametrize("watched", [False, True])
def test_bits_depend_on_nothing_else(threads, watched, rng, capsys, monkeypatch):
    """Not on threads, on where calls of the core end, on callbacks, or on printing."""
    x, y = data(rng)
    before = pynn.get_num_threads()
    whole = trained(x, y, [3], verbose=0)
    pynn.set_num_threads(threads)
    monkeypatch.setattr("pynn._run.SLICE_SECONDS", 1e-9)
    try:
        extra = {"callbacks": [Seeing()], "verbose": 2} if watched else {"verbose": 0}
        assert trained(x, y, [3], **extra) == whole
    finally:
        pynn.set_num_threads(before)


def test_batch_logs_are_running_averages(rng):
    x, y = data(rng)
    watch = Seeing()
    model = net()
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x, y, 16, 2, verbose=0, callbacks=watch).history
    assert [entry[:2] for entry in watch.seen] == [
        (what, i) for _ in range(2) for i in range(3) for what in ("begin", "end")
    ]
    logs = [entry[2] for entry in watch.seen if entry[0] == "end"]
    for name in ("loss", "accuracy"):
        assert [logs[2][name], logs[5][name]] == history[name]
        assert logs[0][name] != logs[2][name]


def test_many_epochs_run_in_one_call(rng, monkeypatch):
    """Or in a few, when the machine is too busy for 4,096 tiny epochs in a moment."""
    x, y = data(rng)
    model = net()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    advance, calls = Run.advance, []
    monkeypatch.setattr(Run, "advance", lambda *a: calls.append(1) or advance(*a))
    history = model.fit(x[:4], y[:4], 4, 10_000, verbose=0).history
    assert len(history["loss"]) == len(history["accuracy"]) == 10_000
    assert len(calls) < 500
