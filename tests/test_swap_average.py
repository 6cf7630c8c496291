# SPDX-License-Identifier: BSD-3-Clause
"""SwapEMAWeights: who sees weights, who sees their averages, and what is left."""

import numpy as np
import pytest
from savings import data

import pynn
from pynn import layers, models, optimizers
from pynn.callbacks import Callback, EarlyStopping, ModelCheckpoint, SwapEMAWeights


def compiled(use_ema=True):
    pynn.utils.set_random_seed(2)
    model = pynn.Sequential([pynn.Input((5,)), layers.Dense(3, "softmax")])
    sgd = optimizers.SGD(0.5, use_ema=use_ema, ema_momentum=0.9)
    model.compile(sgd, "sparse_categorical_crossentropy")
    return model


class Watch(Callback):
    """Keeps weights and averages as they are at the end of each epoch."""

    def __init__(self):
        self.seen = []

    def on_epoch_end(self, epoch, logs=None):
        pairs = self.model.optimizer.averages()
        self.seen.append([(w.numpy(), a.copy()) for w, a in pairs])


def loss_of(weights, x, y):
    model = compiled()
    model.set_weights(weights)
    return model.evaluate(x, y, verbose=0)


def fit(*callbacks, **options):
    model = compiled()
    x, y = data()
    model.fit(x, y, 8, 4, 0, [*callbacks], validation_data=(x, y), **options)
    return model


@pytest.mark.parametrize("swap_on_epoch", [False, True])
def test_validation_sees_the_averages(swap_on_epoch):
    before, after = Watch(), Watch()
    model = fit(before, SwapEMAWeights(swap_on_epoch), after)
    plain = fit(both := Watch())
    x, y = data()
    for epoch in range(4):
        weights, averages = zip(*both.seen[epoch], strict=True)
        found = model.history.history["val_loss"][epoch]
        assert found == pytest.approx(loss_of(averages, x, y), rel=1e-6)
        assert found != plain.history.history["val_loss"][epoch]
        for place, swapped in ((before, False), (after, swap_on_epoch)):
            for i in range(2):
                now = place.seen[epoch][i]
                wanted = (averages, weights) if swapped else (weights, averages)
                last = swap_on_epoch and swapped and epoch == 3
                assert now[0].tobytes() == wanted[0][i].tobytes()
                assert now[1].tobytes() == wanted[0 if last else 1][i].tobytes()
    for weight, end in zip(model.get_weights(), averages, strict=True):
        assert weight.tobytes() == end.tobytes()  # fit leaves the averages


def test_a_training_that_stops_early_leaves_the_averages():
    stop = EarlyStopping("val_loss", min_delta=100, patience=2)
    both = Watch()
    model = fit(both, SwapEMAWeights(swap_on_epoch=True), stop)
    assert len(both.seen) < 4
    for weight, (_, average) in zip(model.get_weights(), both.seen[-1], strict=True):
        assert weight.tobytes() == average.tobytes()


def test_checkpoints_of_the_averages(tmp_path):
    both = Watch()
    path = tmp_path / "{epoch}.keras"
    fit(both, SwapEMAWeights(swap_on_epoch=True), ModelCheckpoint(path))
    for epoch in range(4):
        saved = models.load_model(tmp_path / f"{epoch + 1}.keras").get_weights()
        for weight, (_, average) in zip(saved, both.seen[epoch], strict=True):
            assert weight.tobytes() == average.tobytes()


def test_evaluate_and_predict():
    model = compiled()
    x, y = data()
    swap = SwapEMAWeights()
    model.fit(x, y, 8, 2, verbose=0, callbacks=[Watch()])
    for weight, average in model.optimizer.averages():
        average[...] = weight.value + 1 + np.arange(3)  # tell them apart
    weights = [w.tobytes() for w in model.get_weights()]
    averages = [a.copy() for _, a in model.optimizer.averages()]
    found = model.evaluate(x, y, verbose=0, callbacks=[swap])
    assert found == pytest.approx(loss_of(averages, x, y), rel=1e-6)
    twin = compiled()
    twin.set_weights(averages)
    found = model.predict(x, verbose=0, callbacks=[swap])
    assert found.tobytes() == twin.predict(x, verbose=0).tobytes()
    assert [w.tobytes() for w in model.get_weights()] == weights
    assert not np.array_equal(averages[0], model.get_weights()[0])


def test_without_averages():
    model = compiled(use_ema=False)
    x, y = data()
    for call in (
        lambda: model.fit(x, y, verbose=0, callbacks=[SwapEMAWeights()]),
        lambda: model.evaluate(x, y, verbose=0, callbacks=[SwapEMAWeights()]),
    ):
        with pytest.raises(ValueError, match="made with use_ema=True, got SGD"):
            call()
    with pytest.raises(ValueError, match="swap_on_epoch"):
        SwapEMAWeights("yes")
