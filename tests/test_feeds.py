# SPDX-License-Identifier: BSD-3-Clause
"""Batches that come from generators, loaders and objects with a length; steps."""

import time

import numpy as np
import pytest
from fitting import data, net

import pynn
from pynn import callbacks, layers, utils

ROWS, BATCH, STEPS = 46, 16, 3


class Loader:
    """Batches by number, as `utils.PyDataset`, but derived from nothing."""

    def __init__(self, x, y, weight=None, batch=BATCH):
        self.arrays = [a for a in (x, y, weight) if a is not None]
        self.batch = batch
        self.events, self.asked = [], []

    def __len__(self):
        return -(-len(self.arrays[0]) // self.batch)

    def __getitem__(self, i):
        self.asked.append(i)
        here = slice(i * self.batch, (i + 1) * self.batch)
        return tuple(a[here] for a in self.arrays)

    def on_epoch_begin(self):
        self.events.append("begin")

    def on_epoch_end(self):
        self.events.append("end")


class Again:
    """Batches from the start each time, of a number that nobody knows."""

    def __init__(self, *arrays):
        self.loader = Loader(*arrays)

    def __iter__(self):
        return (self.loader[i] for i in range(len(self.loader)))


def for_ever(*arrays):
    """Return a generator that never ends."""
    loader = Loader(*arrays)
    while True:
        for i in range(len(loader)):
            yield loader[i]


WAYS = {
    "numbered": lambda x, y, w: (Loader(x, y, w), {}),
    "iterable": lambda x, y, w: (Again(x, y, w), {}),
    "generator": lambda x, y, w: (for_ever(x, y, w), {"steps_per_epoch": STEPS}),
}


def compiled(optimizer="adam", dropout=0.0, **rest):
    model = net(dropout=dropout)
    model.compile(optimizer, "sparse_categorical_crossentropy", **rest)
    return model


def twins(**rest):
    one, two = compiled(**rest), compiled(**rest)
    two.set_weights(one.get_weights())
    return one, two


def bits(model):
    return [w.tobytes() for w in model.get_weights()]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("way", WAYS)
def test_training_equals_that_on_arrays(way, weighted, rng):
    """To the bit, with dropout, metrics in the core and in Python, and weights."""
    x, y = data(rng)
    w = rng.uniform(0.5, 2, ROWS) if weighted else None
    metrics = ["accuracy", pynn.metrics.SparseTopKCategoricalAccuracy(2)]
    arrays, feeds = twins(dropout=0.25, metrics=metrics)
    expected = arrays.fit(x, y, BATCH, 4, 0, shuffle=False, sample_weight=w)
    source, steps = WAYS[way](x, y, w)
    got = feeds.fit(source, epochs=4, verbose=0, shuffle=False, **steps)
    assert bits(feeds) == bits(arrays)
    assert got.history == expected.history
    assert got.epoch == expected.epoch
    assert feeds.get_metrics_result() == arrays.get_metrics_result()


@pytest.mark.parametrize("way", ["numbered", "iterable"])
def test_evaluate_and_predict(way, rng):
    x, y = data(rng)
    model = compiled(metrics=["accuracy"])
    expected = model.evaluate(x, y, verbose=0)
    got = model.evaluate(WAYS[way](x, y, None)[0], verbose=0)
    np.testing.assert_allclose(got, expected, rtol=1e-14)  # sums in another order
    out = model.predict(x, verbose=0)
    np.testing.assert_array_equal(model.predict(WAYS[way](x, y, None)[0]), out)
    np.testing.assert_array_equal(model.predict(iter([x[:5], x[5:]])), out)
    np.testing.assert_array_equal(model.predict(for_ever(x, y), steps=2), out[:32])
    part = model.evaluate(for_ever(x, y), steps=2, verbose=0, return_dict=True)
    np.testing.assert_allclose(
        [part["loss"], part["accuracy"]], model.evaluate(x[:32], y[:32], verbose=0)
    )


def test_validation(rng):
    x, y = data(rng)
    expected = compiled().fit(x, y, epochs=2, verbose=0, validation_data=(x, y))
    for given, more in (
        (Loader(x, y), {}),
        (Again(x, y), {}),
        ((Loader(x, y), None), {}),
        (for_ever(x, y), {"validation_steps": 2}),
    ):
        model = compiled()
        history = model.fit(
            x, y, epochs=2, verbose=0, validation_data=given, **more
        ).history
        assert len(history["val_loss"]) == 2
        rows = slice(2 * BATCH if more else ROWS)
        again = model.evaluate(x[rows], y[rows], verbose=0)
        np.testing.assert_allclose(history["val_loss"][-1], again, rtol=1e-14)
    assert set(expected.history) == set(history)
    model.fit(x, y, verbose=0, validation_data=(x, y), validation_steps=1)
    first = model.evaluate(x[:32], y[:32], verbose=0)
    np.testing.assert_allclose(model.history.history["val_loss"], [first], rtol=1e-14)


@pytest.mark.parametrize(
    ("batches", "steps", "seen"),
    [
        (9, 2, [[1, 2], [1, 2], [1, 2]]),  # the first two each time, as in Keras
        (9, 3, [[1, 2, 3], [1, 2, 4], [1, 2, 5]]),
        (9, 1, [[1], [1], [1]]),
        (4, 3, [[1, 2, 3], [1, 2, 4], [1, 2]]),
        (3, None, [[1, 2, 3], [1, 2], [1, 2]]),
        (1, None, [[1], [1], [1]]),
    ],
)
@pytest.mark.filterwarnings("ignore:.*ran out")
def test_validation_on_a_generator(batches, steps, seen):
    model = pynn.Sequential([pynn.Input((1,)), layers.Dense(1)])
    model.compile(pynn.optimizers.SGD(0.0), "mae")
    model.set_weights([np.ones((1, 1)), np.zeros(1)])
    numbers = (np.full((2, 1), i, np.float64) for i in range(1, batches + 1))
    given = ((x, np.zeros((2, 1))) for x in numbers)
    x = np.zeros((4, 1))
    history = model.fit(
        x, x, epochs=3, verbose=0, validation_data=given, validation_steps=steps
    )
    assert history.history["val_loss"] == [np.mean(numbers) for numbers in seen]


def test_class_weight(rng):
    x, y = data(rng)
    arrays, feeds = twins()
    arrays.fit(x, y, BATCH, shuffle=False, verbose=0, class_weight={0: 3, 2: 0.5})
    feeds.fit(Loader(x, y), verbose=0, shuffle=False, class_weight={0: 3, 2: 0.5})
    assert bits(feeds) == bits(arrays)
    with pytest.raises(ValueError, match="either class_weight or sample_weight"):
        feeds.fit(Loader(x, y, np.ones(ROWS)), verbose=0, class_weight={0: 3})


def test_numbered_batches_are_shuffled(rng):
    x, y = data(rng)
    loader = Loader(x, y, batch=2)
    utils.set_random_seed(4)
    compiled().fit(loader, epochs=3, verbose=0)
    n = len(loader)
    passes = [loader.asked[i * n : (i + 1) * n] for i in range(3)]
    assert all(sorted(p) == list(range(n)) for p in passes)
    assert passes[0] != passes[1] != passes[2] != list(range(n))
    assert loader.events == ["begin", "end"] * 3
    utils.set_random_seed(4)
    again = Loader(x, y, batch=2)
    compiled().fit(again, epochs=3, verbose=0)
    assert again.asked == loader.asked


def test_py_dataset(rng):
    x, y = data(rng)

    class Mine(utils.PyDataset):
        def __init__(self, **arguments):
            super().__init__(**arguments)
            self.inner = Loader(x, y)

        def __len__(self):
            return len(self.inner)

        def __getitem__(self, i):
            return self.inner[i]

    one, two = twins()
    one.fit(x, y, BATCH, shuffle=False, verbose=0)
    two.fit(Mine(workers=2), shuffle=False, verbose=0)
    assert bits(one) == bits(two)
    assert utils.Sequence is utils.PyDataset
    assert [len(b[0]) for b in Mine()] == [16, 16, 14]


def events_of(fit):
    """Steps and rows of each epoch that a callback sees."""
    seen = []
    watch = callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: seen.append([epoch, 0]),
        on_train_batch_end=lambda batch, logs: seen[-1].__setitem__(1, batch + 1),
    )
    fit(watch)
    return seen, watch.params["steps"]


def test_steps_per_epoch_of_arrays(rng):
    """An epoch goes on where the last one stopped; at the end of the rows it ends."""
    x, y = data(rng)
    whole, cut = twins(dropout=0.25)
    utils.set_random_seed(5)
    whole.fit(x, y, 5, 1, 0)  # ten steps
    utils.set_random_seed(5)
    seen, steps = events_of(
        lambda watch: cut.fit(
            x, y, 5, 2, 0, callbacks=[watch], steps_per_epoch=5, shuffle=True
        )
    )
    assert (seen, steps) == ([[0, 5], [1, 5]], 5)
    assert bits(cut) == bits(whole)
    with pytest.warns(UserWarning, match="ran out after 2 of 4 batches"):
        seen, _ = events_of(
            lambda watch: cut.fit(x, y, 5, 3, 0, [watch], steps_per_epoch=4)
        )
    assert seen == [[0, 4], [1, 4], [2, 2]]
    seen, _ = events_of(
        lambda w: cut.fit(x, y, epochs=1, verbose=0, callbacks=[w], steps_per_epoch=4)
    )
    assert seen == [[0, 4]]  # batches of 12 rows
    assert cut.optimizer.iterations == 10 + 10 + 4


def test_a_generator_that_ends(rng):
    x, y = data(rng)
    model = compiled()
    with pytest.warns(UserWarning, match="ran out after 3 of 4 batches"):
        seen, steps = events_of(
            lambda watch: model.fit(
                iter(Again(x, y)),
                epochs=1,
                verbose=0,
                callbacks=[watch],
                steps_per_epoch=4,
            )
        )
    assert (seen, steps) == ([[0, 3]], 4)
    with pytest.warns(UserWarning, match="ran out"):
        history = model.fit(iter(Again(x, y)), epochs=5, verbose=0)
    assert len(history.history["loss"]) == 1  # one pass is all there is
    seen, steps = events_of(
        lambda watch: model.fit(Again(x, y), epochs=2, verbose=0, callbacks=[watch])
    )
    assert (seen, steps) == ([[0, 3], [1, 3]], None)
    with pytest.warns(UserWarning, match="ran out after 3 of 5"):
        model.evaluate(Again(x, y), steps=5, verbose=0)


def test_a_feed_builds_the_model(rng):
    x, y = data(rng)
    model = pynn.Sequential([pynn.layers.Dense(3, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(Again(x, y), verbose=0)
    assert model.input_shape == (None, 6)
    assert model.fit(for_ever(x, y), steps_per_epoch=7, verbose=2).history


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda m, x, y: m.fit(Again(x, y), y), "batches, which have their own y"),
        (lambda m, x, y: m.fit(Again(x, y), sample_weight=y), "own sample_weight"),
        (lambda m, x, y: m.fit(Again(x, y), validation_split=0.1), "needs arrays"),
        (lambda m, x, y: m.fit(iter(())), "x gives no batches"),
        (lambda m, x, y: m.evaluate(iter(()), verbose=0), "x gives no batches"),
        (lambda m, x, y: m.predict(iter(())), "predict: x gives no batches"),
        (lambda m, x, y: m.fit(iter([(x, y, y, y)])), r"got a tuple of 4"),
        (lambda m, x, y: m.fit(iter([x])), "y"),
        (lambda m, x, y: m.fit(iter([(x, y[1:])])), "x has 46 rows but y has 45"),
        (lambda m, x, y: m.fit({"a": x}, y), "expected numbers, got dtype object"),
        (lambda m, x, y: m.fit("no", y), "expected numbers, got strings"),
    ],
)
def test_mistakes(call, words, rng):
    model = compiled()
    before = bits(model)
    with pytest.raises(ValueError, match=words):
        call(model, *data(rng))
    assert bits(model) == before


def test_an_exception_in_a_source(rng):
    x, y = data(rng)

    def broken():
        yield x, y
        yield x, y
        raise OSError("no more")

    model = compiled()
    with pytest.raises(OSError, match="no more"):
        model.fit(broken(), verbose=0)
    assert model.optimizer.iterations == 2
    model.fit(x, y, verbose=0)


def test_max_seconds(rng):
    """Training stops within an epoch, with averages of what it did."""
    x, y = data(rng)
    for more in ({}, {"callbacks": [callbacks.Callback()]}):
        model = compiled()
        start = time.monotonic()
        history = model.fit(x, y, 4, 10**7, verbose=0, max_seconds=0.3, **more)
        took = time.monotonic() - start
        assert 0.3 <= took < 5.0  # far from what all epochs would take
        losses = history.history["loss"]
        assert len(losses) == len(history.epoch) > 1
        assert np.isfinite(losses).all()
        assert losses[-1] < losses[0]
    ended = []
    watch = callbacks.LambdaCallback(on_train_end=lambda logs: ended.append(1))
    history = model.fit(
        for_ever(x, y),
        epochs=3,
        steps_per_epoch=10**9,
        verbose=0,
        callbacks=[watch],
        max_seconds=0.1,
    )
    assert (len(history.epoch), ended) == (1, [1])
    exact = compiled()
    exact.fit(x, y, 4, 2, verbose=0, max_seconds=1e9)
    assert exact.optimizer.iterations == 2 * 12


def test_shuffle_of_batches(rng):
    """Whole batches change places, a shorter one stays last; the bits repeat."""
    x, y = data(rng)
    marked = np.zeros((ROWS, 6))
    marked[:, 0] = np.arange(ROWS)
    orders = []

    class Watch(pynn.layers.Layer):
        def call(self, inputs, training=False):
            if training:
                orders.append(inputs[:, 0].astype(int).tolist())
            return inputs

    model = pynn.Sequential([Watch(), pynn.layers.Dense(3, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(marked, y, 10, 3, verbose=0, shuffle="batch")
    epochs = [orders[i : i + 5] for i in range(0, 15, 5)]
    for batches in epochs:
        assert all(b == list(range(b[0], b[0] + len(b))) for b in batches)
        assert sorted(b[0] for b in batches) == [0, 10, 20, 30, 40]
        assert batches[-1] == list(range(40, 46))
    assert len({str(e) for e in epochs}) > 1
    # the same order in the core's loop
    one, two = twins()
    for m in (one, two):
        utils.set_random_seed(9)
        m.fit(x, y, 10, 3, verbose=0, shuffle="batch")
    assert bits(one) == bits(two)
    python = pynn.Sequential([*net().layers, pynn.layers.Activation(lambda v: v)])
    python.compile("adam", "sparse_categorical_crossentropy")
    python.set_weights(compiled().get_weights())
    start = compiled()
    start.set_weights(python.get_weights())
    for m in (python, start):
        utils.set_random_seed(9)
        m.fit(x, y, 10, 3, verbose=0, shuffle="batch")
    for a, b in zip(python.get_weights(), start.get_weights(), strict=True):
        # float64; the head is not fused with the loss in one of them
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
