# SPDX-License-Identifier: BSD-3-Clause
"""Arguments that are wrong: each raises, says what, and leaves the model as it was."""

import numpy as np
import pytest
from small import CLASSES, ROWS, classifier, data, refuses, with_value

import pynn
from pynn import layers, losses, metrics, optimizers

BAD_ARGUMENTS = {
    "x without rows": (lambda m, x, y: m.fit(x[:0], y[:0]), "no rows"),
    "evaluate without rows": (lambda m, x, y: m.evaluate(x[:0], y[:0]), "no rows"),
    **{
        f"batch_size={value!r}": (
            lambda m, x, y, value=value: m.fit(x, y, batch_size=value),
            r"batch_size: expected an integer >= 1",
        )
        for value in (0, -1, 2.5, "32", True, np.nan)
    },
    **{
        f"epochs={value!r}": (
            lambda m, x, y, value=value: m.fit(x, y, epochs=value),
            "epochs: expected an integer >= 0",
        )
        for value in (-1, 1.5, "many", None)
    },
    "initial_epoch": (lambda m, x, y: m.fit(x, y, initial_epoch=-1), "initial_epoch"),
    "verbose": (lambda m, x, y: m.fit(x, y, verbose=3), "verbose: expected"),
    "shuffle": (lambda m, x, y: m.fit(x, y, shuffle="yes"), "shuffle.*: expected True"),
    "steps_per_epoch": (
        lambda m, x, y: m.fit(x, y, steps_per_epoch=0),
        "fit: steps_per_epoch: expected an integer >= 1, got 0",
    ),
    "max_seconds": (
        lambda m, x, y: m.fit(x, y, max_seconds=0),
        r"fit: max_seconds: expected a number in \(0, inf\), got 0",
    ),
    "callbacks": (lambda m, x, y: m.fit(x, y, callbacks=["x"]), "callbacks: .*'x'"),
    **{
        f"validation_split={value!r}": (
            lambda m, x, y, value=value: m.fit(x, y, validation_split=value),
            "validation_split",
        )
        for value in (-0.2, 1.0, 1.5, "0.1", np.nan, 0.999, None)
    },
    "validation_data of one": (
        lambda m, x, y: m.fit(x, y, validation_data=(x,)),
        r"\(x, y\), \(x, y, sample_weight\) or",
    ),
    "validation_data array": (
        lambda m, x, y: m.fit(x, y, validation_data=x),
        "validation_data: .*ndarray",
    ),
    "validation_freq": (
        lambda m, x, y: m.fit(x, y, validation_data=(x, y), validation_freq=0),
        "validation_freq: expected an integer >= 1",
    ),
    "sample_weight short": (
        lambda m, x, y: m.fit(x, y, sample_weight=[1.0]),
        r"sample_weight: expected shape \(20,\), got \(1,\)",
    ),
    "sample_weight strings": (
        lambda m, x, y: m.fit(x, y, sample_weight=["a"] * ROWS),
        "sample_weight: .*strings",
    ),
    "sample_weight nan": (
        lambda m, x, y: m.fit(x, y, sample_weight=with_value(y, 2, np.nan)),
        "row 2",
    ),
    "class_weight list": (
        lambda m, x, y: m.fit(x, y, class_weight=[1, 2, 3]),
        "class_weight: expected a dict",
    ),
    "class_weight key": (
        lambda m, x, y: m.fit(x, y, class_weight={"a": 1}),
        "class_weight: class",
    ),
    "class_weight value": (
        lambda m, x, y: m.fit(x, y, class_weight={0: "much"}),
        r"class_weight\[0\]",
    ),
    "both weights": (
        lambda m, x, y: m.fit(x, y, class_weight={0: 2}, sample_weight=np.ones(ROWS)),
        "not both",
    ),
    "evaluate batch_size": (
        lambda m, x, y: m.evaluate(x, y, batch_size=0),
        "batch_size",
    ),
    "predict batch_size": (lambda m, x, y: m.predict(x, batch_size=-3), "batch_size"),
    "predict steps": (lambda m, x, y: m.predict(x, steps=2.5), "predict: steps: "),
    "set_weights count": (
        lambda m, x, y: m.set_weights(m.get_weights()[:-1]),
        "expected 4 weights, got 3",
    ),
    "set_weights shape": (
        lambda m, x, y: m.set_weights([*m.get_weights()[:-1], np.ones(4)]),
        r"'out/bias': expected shape \(3,\), got \(4,\)",
    ),
    "set_weights strings": (
        lambda m, x, y: m.set_weights([*m.get_weights()[:-1], ["a", "b", "c"]]),
        "expected numbers",
    ),
    "assign": (lambda m, x, y: m.weights[0].assign(np.ones((8, 4))), r"\(4, 8\)"),
    "get_layer name": (lambda m, x, y: m.get_layer("nope"), "nope.*hidden, out"),
    "get_layer index": (lambda m, x, y: m.get_layer(index=2), "number 2"),
    "get_layer": (lambda m, x, y: m.get_layer(), "either"),
    "add a string": (lambda m, x, y: m.add("dense"), "expected a layer, got 'dense'"),
    "add a class": (lambda m, x, y: m.add(layers.Dense), "expected a layer"),
    "add a name twice": (
        lambda m, x, y: m.add(layers.Dense(1, name="out")),
        "two layers are called 'out'",
    ),
    "add an input": (lambda m, x, y: m.add(pynn.Input((4,))), "only come first"),
    "add a misfit": (lambda m, x, y: m.add(layers.Reshape((2, 2))), "3 elements"),
    "add another type": (
        lambda m, x, y: m.add(layers.Dense(1, dtype="float64")),
        r"one dtype, got \['float32', 'float64'\]",
    ),
    "build again": (lambda m, x, y: m.build((None, 5)), r"built for \(None, 4\)"),
    "compile optimizer": (lambda m, x, y: m.compile("adamm"), "adam"),
    "compile loss": (lambda m, x, y: m.compile("sgd", "mean_square"), "mean_square"),
    "compile metric": (
        lambda m, x, y: m.compile("sgd", "mse", metrics=["exactness"]),
        "exactness",
    ),
    "compile metrics": (
        lambda m, x, y: m.compile("sgd", "mse", metrics="accuracy"),
        "metrics: expected a list",
    ),
    "compile reduction": (
        lambda m, x, y: m.compile("sgd", losses.MeanSquaredError(reduction="none")),
        "one loss of a batch, which reduction='none' does not make",
    ),
    "compile losses": (lambda m, x, y: m.compile("sgd", ["mse", "mae"]), "one loss"),
    "threads": (lambda m, x, y: pynn.set_num_threads(0), "integer >= 1"),
}


@pytest.mark.parametrize("case", BAD_ARGUMENTS)
def test_bad_argument(case):
    refuses(*BAD_ARGUMENTS[case])


BAD_LAYERS = {
    **{
        f"units={value!r}": (lambda value=value: layers.Dense(value), "units: expected")
        for value in (0, -1, 2.5, "8", True, None, np.nan)
    },
    "unknown keyword": (lambda: layers.Dense(3, unit=4), "Dense: unknown arg.*'unit'"),
    "activation": (lambda: layers.Dense(3, activation="rellu"), "rellu.*relu"),
    "initializer": (lambda: layers.Dense(3, kernel_initializer="he"), "he"),
    "regularizer": (
        lambda: layers.Dense(3, kernel_regularizer="l3"),
        "unknown regularizer",
    ),
    "constraint": (lambda: layers.Dense(3, bias_constraint="max"), "unknown constr"),
    "activity": (lambda: layers.Dense(3, activity_regularizer=2), "regularizer: exp"),
    "use_bias": (lambda: layers.Dense(3, use_bias="no"), "use_bias: expected True"),
    "dtype": (lambda: layers.Dense(3, dtype="int8"), "dtype: expected one of float32"),
    "name": (lambda: layers.Dense(3, name="a/b"), "name without '/'"),
    "input_dim": (lambda: layers.Dense(3, input_dim=0), "integer >= 1, got 0"),
    "input_shape": (lambda: layers.Dense(3, input_shape=(None,)), "must be known"),
    "rate": (lambda: layers.Dropout(1.5), r"rate: expected a number in \[0, 1\]"),
    "rate text": (lambda: layers.Dropout("half"), "rate"),
    "noise_shape": (lambda: layers.Dropout(0.5, noise_shape=(0,)), "noise_shape"),
    "dropout seed": (lambda: layers.Dropout(0.5, seed=-1), "seed"),
    "slope": (lambda: layers.ReLU(negative_slope=-1), "negative_slope"),
    "max_value": (lambda: layers.ReLU(max_value=-1), "max_value"),
    "leaky": (lambda: layers.LeakyReLU("steep"), "negative_slope"),
    "elu": (lambda: layers.ELU(alpha=None), "alpha"),
    "softmax axis": (lambda: layers.Softmax(axis=3)(np.ones((2, 3, 4))), "axis"),
    "reshape zero": (lambda: layers.Reshape((0, 4)), "positive"),
    "reshape two": (lambda: layers.Reshape((-1, -1)), "at most one -1"),
    "reshape size": (lambda: layers.Reshape((3,))(np.ones((2, 4))), "4 elements"),
    "dense on vector": (lambda: layers.Dense(3)(np.ones(4)), "at least 2 axes"),
    "input none": (lambda: pynn.Input(), "shape or batch_shape"),
    "input zero": (lambda: pynn.Input((0,)), "integer >= 1"),
    "input negative": (lambda: pynn.Input((4, -1)), "integer >= 1"),
    "input text": (lambda: pynn.Input("ab"), "integer >= 1"),
    "input deep": (lambda: pynn.Input((1,) * 8), "at most 7 axes"),
    "layer name twice": (
        lambda: pynn.Sequential([layers.ReLU(name="a"), layers.ReLU(name="a")]),
        "two layers",
    ),
    "shapes": (
        lambda: pynn.Sequential([pynn.Input((4,)), layers.Reshape((3,))]),
        "4 elements",
    ),
    "no layers": (lambda: pynn.Sequential().predict(np.ones((2, 2))), "no layers"),
    "count_params": (lambda: layers.Dense(3).count_params(), "not built"),
}


@pytest.mark.parametrize("case", BAD_LAYERS)
def test_bad_layer(case):
    call, match = BAD_LAYERS[case]
    with pytest.raises(ValueError, match=match):
        call()


HUGE = {
    "units": lambda: layers.Dense(10**15).build((None, 1000)),
    "product": lambda: layers.Dense(2**40).build((None, 2**40)),
    "model": lambda: pynn.Sequential([pynn.Input((10**6,)), layers.Dense(10**6)]),
    "input": lambda: pynn.Input((2**20, 2**20, 2**20)),
    "beyond C": lambda: layers.Dense(2**70).build((None, 4)),
}


@pytest.mark.parametrize("case", HUGE)
def test_huge_sizes_are_refused_before_memory_is_taken(case):
    with pytest.raises(MemoryError, match="GiB"):
        HUGE[case]()


def test_huge_batch_and_epochs():
    model, (x, y) = classifier(), data()
    model.fit(x, y, batch_size=10**15, verbose=0)
    assert model.optimizer.iterations == 1
    assert model.predict(x, batch_size=2**62, verbose=0).shape == (ROWS, CLASSES)


def test_metrics_that_cannot_be_told_apart():
    twice = metrics.MeanSquaredError()
    for given, text in [
        ([metrics.MeanSquaredError("loss")], "cannot be called 'loss'"),
        ([twice, twice], "only once"),
    ]:
        model, (x, y) = classifier(), data()
        model.compile("sgd", "mse", metrics=given)
        with pytest.raises(ValueError, match=text):
            model.fit(x, np.eye(CLASSES)[y], verbose=0)


def test_an_optimizer_trains_one_model():
    optimizer = optimizers.Adam()
    x, y = data()
    first, second = classifier(), classifier()
    first.compile(optimizer, "sparse_categorical_crossentropy")
    first.fit(x, y, verbose=0)
    second.compile(optimizer, "sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match="belongs to another model"):
        second.fit(x, y, verbose=0)
