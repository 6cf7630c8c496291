# SPDX-License-Identifier: BSD-3-Clause
"""What users get wrong: each call raises, says what, and leaves the model as it was.

A row of the table is a call on a small compiled classifier (4 -> 8 -> 3) with good data
x [20, 4] and labels y [20], the exception, and what the message must contain.
"""

import itertools
import re

import numpy as np
import pytest

import pynn
from pynn import layers, losses, optimizers

ROWS, WIDTH, CLASSES = 20, 4, 3


def classifier(**compiled):
    model = pynn.Sequential(
        [
            pynn.Input((WIDTH,)),
            layers.Dense(8, activation="relu", name="hidden"),
            layers.Dense(CLASSES, activation="softmax", name="out"),
        ],
        name="net",
    )
    settings = {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}
    model.compile("adam", **settings | compiled)
    return model


def data():
    rng = np.random.default_rng(7)
    return rng.normal(size=(ROWS, WIDTH)), rng.integers(0, CLASSES, ROWS)


def one_hot(y):
    return np.eye(CLASSES)[y]


def with_value(y, place, value):
    y = np.array(y, np.float64)
    y[place] = value
    return y


class Sparse:
    """Looks like a sparse matrix of SciPy to NumPy: an object without axes."""

    def toarray(self):
        return np.zeros((ROWS, WIDTH))


class Exploding:
    def __array__(self, dtype=None, copy=None):
        raise TypeError("no array here")


# How x is wrong, whatever is done with it.
BAD_X = {
    "none": (lambda x: None, "None"),
    "scalar": (lambda x: 1.0, r"Dense 'hidden'.*\(n, 4\).*\(\)"),
    "string": (lambda x: "abc", "strings"),
    "strings": (lambda x: x.astype(str), "strings"),
    "bytes": (lambda x: x.astype("S8"), "strings"),
    "objects": (lambda x: x.astype(object), "object"),
    "complex": (lambda x: x.astype(complex), "complex128"),
    "dates": (lambda x: x.astype("M8[s]"), "datetime64"),
    "record": (lambda x: np.zeros(ROWS, "f4,i4"), "numbers"),
    "ragged": (lambda x: [[1.0, 2.0], [1.0]], "array of numbers"),
    "masked": (lambda x: np.ma.masked_less(x, 0), "masked"),
    "sparse": (lambda x: Sparse(), "toarray"),
    "no array": (lambda x: Exploding(), "no array here"),
    "wide": (
        lambda x: np.ones((ROWS, 5)),
        "Dense 'hidden': expected last dim.* 4, got 5",
    ),
    "narrow": (lambda x: x[:, :3], "expected last dimension 4, got 3"),
    "one sample": (lambda x: x[0], r"batch axis: x\[None\]"),
    "vector": (
        lambda x: x.ravel(),
        r"expected an input of shape \(n, 4\), got \(80,\)",
    ),
    "rank 3": (lambda x: x[:, None], r"\(n, 4\), got \(20, 1, 4\)"),
    "no columns": (lambda x: x[:, :0], "expected last dimension 4, got 0"),
}
# Which calls look at x; each gets (model, x, y).
CALLS_WITH_X = {
    "fit": lambda m, x, y: m.fit(x, y, verbose=0),
    "evaluate": lambda m, x, y: m.evaluate(x, y, verbose=0),
    "predict": lambda m, x, y: m.predict(x, verbose=0),
    "predict_on_batch": lambda m, x, y: m.predict_on_batch(x),
    "train_on_batch": lambda m, x, y: m.train_on_batch(x, y),
    "test_on_batch": lambda m, x, y: m.test_on_batch(x, y),
    "call": lambda m, x, y: m(x),
    "validation": lambda m, x, y: m.fit(
        data()[0], data()[1], verbose=0, validation_data=(x, y)
    ),
}
BAD_Y = {
    "none": (lambda y: None, "y: expected numbers, got None"),
    "strings": (lambda y: y.astype(str), "y: .*strings"),
    "objects": (lambda y: y.astype(object), "y: .*object"),
    "complex": (lambda y: y.astype(complex), "y: .*complex"),
    "short": (lambda y: y[:-1], "x has 20 rows but y has 19"),
    "long": (lambda y: np.append(y, 0), "x has 20 rows but y has 21"),
    "empty": (lambda y: y[:0], "x has 20 rows but y has 0"),
    "scalar": (lambda y: 1, r"got shape \(\)"),
    "one hot": (one_hot, "one-hot.*categorical_crossentropy"),
    "two columns": (lambda y: np.stack([y, y], 1), r"\(20,\).*\(20, 3\).*\(20, 2\)"),
    "too high": (lambda y: with_value(y, 5, 3).astype(int), r"y\[5\] is 3.*\[0, 3\)"),
    "negative": (lambda y: with_value(y, 0, -1).astype(int), r"y\[0\] is -1"),
    "huge": (
        lambda y: with_value(y, 19, 2**40).astype(int),
        r"y\[19\] is 1099511627776",
    ),
    "nan": (lambda y: with_value(y, 3, np.nan), r"y\[3\] is nan"),
    "inf": (lambda y: with_value(y, 3, np.inf), r"y\[3\] is inf"),
}
CALLS_WITH_Y = {
    name: CALLS_WITH_X[name]
    for name in ("fit", "evaluate", "train_on_batch", "test_on_batch", "validation")
}
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
    "shuffle": (lambda m, x, y: m.fit(x, y, shuffle="yes"), "shuffle: expected True"),
    "steps_per_epoch": (lambda m, x, y: m.fit(x, y, steps_per_epoch=3), "only None"),
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
        r"\(x, y\) or \(x, y, sample_weight\)",
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
    "predict steps": (lambda m, x, y: m.predict(x, steps=2), "steps is not supported"),
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
        lambda m, x, y: m.compile("sgd", "mse", metrics=["acuracy"]),
        "acuracy",
    ),
    "compile metrics": (
        lambda m, x, y: m.compile("sgd", "mse", metrics="accuracy"),
        "metrics: expected a list",
    ),
    "compile reduction": (
        lambda m, x, y: m.compile("sgd", losses.MeanSquaredError(reduction="sum")),
        "'sum' is not supported",
    ),
    "compile losses": (lambda m, x, y: m.compile("sgd", ["mse", "mae"]), "one loss"),
    "threads": (lambda m, x, y: pynn.set_num_threads(0), "integer >= 1"),
}


def snapshot(model, x):
    state = [w.tobytes() for w in model.get_weights()]
    names = [layer.name for layer in model.layers]
    steps = model.optimizer.iterations
    return state, names, steps, model.predict_on_batch(x).tobytes()


def refuses(call, match):
    model, (x, y) = classifier(), data()
    model.fit(x, y, epochs=2, verbose=0)
    inputs = x.tobytes(), y.tobytes()
    before = snapshot(model, x)
    with pytest.raises(ValueError) as caught:
        call(model, x, y)
    assert re.search(match, str(caught.value)), str(caught.value)
    assert snapshot(model, x) == before
    assert inputs == (x.tobytes(), y.tobytes())
    model.fit(x, y, verbose=0)  # and it still trains


@pytest.mark.parametrize("call", CALLS_WITH_X)
@pytest.mark.parametrize("bad", BAD_X)
def test_bad_x(bad, call):
    make, match = BAD_X[bad]
    refuses(lambda m, x, y: CALLS_WITH_X[call](m, make(x), y), match)


@pytest.mark.parametrize("call", CALLS_WITH_Y)
@pytest.mark.parametrize("bad", BAD_Y)
def test_bad_y(bad, call):
    make, match = BAD_Y[bad]
    refuses(lambda m, x, y: CALLS_WITH_Y[call](m, x, make(y)), match)


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
    "regularizer": (lambda: layers.Dense(3, kernel_regularizer="l2"), "not supported"),
    "use_bias": (lambda: layers.Dense(3, use_bias="no"), "use_bias: expected True"),
    "dtype": (lambda: layers.Dense(3, dtype="int8"), "dtype: expected one of float32"),
    "name": (lambda: layers.Dense(3, name="a/b"), "name without '/'"),
    "input_dim": (lambda: layers.Dense(3, input_dim=0), "integer >= 1, got 0"),
    "input_shape": (lambda: layers.Dense(3, input_shape=(None,)), "must be known"),
    "rate": (lambda: layers.Dropout(1.5), r"rate: expected a number in \[0, 1\]"),
    "rate text": (lambda: layers.Dropout("half"), "rate"),
    "noise_shape": (lambda: layers.Dropout(0.5, noise_shape=(1,)), "noise_shape"),
    "dropout seed": (lambda: layers.Dropout(0.5, seed=-1), "seed"),
    "slope": (lambda: layers.ReLU(negative_slope=-1), "negative_slope"),
    "max_value": (lambda: layers.ReLU(max_value=-1), "max_value"),
    "leaky": (lambda: layers.LeakyReLU("steep"), "negative_slope"),
    "elu": (lambda: layers.ELU(alpha=None), "alpha"),
    "softmax axis": (lambda: layers.Softmax(axis=1)(np.ones((2, 3, 4))), "last axis"),
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


def test_calls_before_compile():
    model = pynn.Sequential([layers.Dense(3)])
    x, y = data()
    for call in ("fit", "evaluate", "train_on_batch", "test_on_batch"):
        with pytest.raises(ValueError, match=rf"call compile\(\.\.\.\) before {call}"):
            getattr(model, call)(x, y)
    assert not model.built
    assert model.predict(x, verbose=0).shape == (ROWS, 3)


def test_fit_without_a_loss():
    model, (x, y) = classifier(loss=None, metrics=None), data()
    with pytest.raises(ValueError, match="no loss"):
        model.fit(x, y)


def test_a_failed_fit_builds_nothing():
    model, (x, y) = pynn.Sequential([layers.Dense(3)]), data()
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"\(20, 3\)"):
        model.fit(x, y)
    assert not model.built
    model.fit(x[:, :2], one_hot(y), verbose=0)
    assert model.input_shape == (None, 2)


@pytest.mark.parametrize(
    ("y_shape", "output"),
    [((ROWS, 2), 1), ((ROWS, 1), 3), ((ROWS,), 3), ((ROWS, 3), 2)],
)
@pytest.mark.parametrize("loss", ["mse", "binary_crossentropy", "kl_divergence"])
def test_targets_are_never_broadcast(loss, y_shape, output):
    model = pynn.Sequential([pynn.Input((WIDTH,)), layers.Dense(output)])
    model.compile("sgd", loss)
    expected = re.escape(f"({ROWS}, {output})") + ".*" + re.escape(f"{y_shape}")
    with pytest.raises(ValueError, match=expected):
        model.fit(data()[0], np.zeros(y_shape))


def test_labels_for_a_categorical_loss_name_the_other_one():
    model, (x, y) = classifier(loss="categorical_crossentropy"), data()
    with pytest.raises(ValueError, match="sparse_categorical_crossentropy"):
        model.fit(x, y)


def test_metric_and_loss_that_want_different_targets():
    model, (x, y) = classifier(metrics=["mse"]), data()
    with pytest.raises(ValueError, match=r"'mse'.*different targets"):
        model.fit(x, y, verbose=0)


def test_metrics_of_one_name():
    model, (x, y) = classifier(metrics=["accuracy", "accuracy"]), data()
    with pytest.raises(ValueError, match="different names"):
        model.fit(x, y, verbose=0)


def test_an_optimizer_trains_one_model():
    optimizer = optimizers.Adam()
    x, y = data()
    first, second = classifier(), classifier()
    first.compile(optimizer, "sparse_categorical_crossentropy")
    first.fit(x, y, verbose=0)
    second.compile(optimizer, "sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match="belongs to another model"):
        second.fit(x, y, verbose=0)


# ---- odd, but right: the same bits as from float32 in C order


def integers(x):
    return np.round(x * 10)


LAYOUTS = {
    "float64": lambda x: x.astype(np.float64),
    "float16": lambda x: x.astype(np.float16),
    "longdouble": lambda x: x.astype(np.longdouble),
    "big endian": lambda x: x.astype(">f4"),
    "big endian double": lambda x: x.astype(">f8"),
    "fortran": np.asfortranarray,
    "read only": lambda x: (lambda c: (c.setflags(write=False), c)[1])(x.copy()),
    "every second row": lambda x: np.repeat(x, 2, axis=0)[::2],
    "every second column": lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    "backwards": lambda x: x[::-1, ::-1].copy()[::-1, ::-1],
    "transposed": lambda x: x.T.copy().T,
    "unaligned": lambda x: unaligned(x),
    "list": lambda x: x.tolist(),
    "tuple of rows": lambda x: tuple(x),
    "matrix": lambda x: x.view(np.matrix),
    "masked, but nothing hidden": lambda x: np.ma.masked_array(x, False),
    "extra axis": lambda x: x[..., None],
    "memory view": lambda x: memoryview(np.ascontiguousarray(x)),
}
INTEGERS = ["int8", "int16", "int32", "int64", "float16"]


def unaligned(x):
    out = np.ndarray(x.shape, x.dtype, buffer=bytearray(x.nbytes + 1), offset=1)
    out[...] = x
    assert not out.flags.aligned
    return out


def trained(x, y):
    pynn.utils.set_random_seed(3)
    model = classifier()
    history = model.fit(x, y, epochs=3, batch_size=8, verbose=0).history
    return (
        history,
        [w.tobytes() for w in model.get_weights()],
        model.evaluate(x, y, verbose=0),
        model.predict(x, verbose=0).tobytes(),
    )


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(layout):
    x, y = data()
    x = integers(x).astype(np.float32)
    assert trained(LAYOUTS[layout](x), y) == trained(x, y)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integers(dtype):
    x, y = data()
    x = integers(x)
    assert trained(x.astype(dtype), y) == trained(x.astype(np.float32), y)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "uint16", "uint32", "uint64"])
def test_unsigned(dtype):
    x, y = data()
    x = x > 0
    assert trained(x.astype(dtype), y) == trained(x.astype(np.float32), y)


@pytest.mark.parametrize(
    "make",
    [
        lambda y: y[:, None],
        lambda y: y.astype(np.uint8),
        lambda y: y.astype(np.float32),
        lambda y: y.astype(np.float64) + 0.25,  # cut to integers
        lambda y: y.astype(">i4"),
        lambda y: y.tolist(),
        lambda y: np.repeat(y, 3)[::3],
    ],
)
def test_labels_of_any_type(make):
    x, y = data()
    assert trained(x, make(y)) == trained(x, y)


def test_constant_rows_without_strides():
    x, y = np.broadcast_to(np.float32(0.5), (ROWS, WIDTH)), data()[1]
    assert trained(x, y) == trained(x.copy(), y)


def test_regression_targets_squeeze():
    x = data()[0]
    y = x.sum(axis=1)
    seen = []
    for target in (y, y[:, None], y.tolist(), y.astype(np.float32).astype(">f4")):
        pynn.utils.set_random_seed(1)
        model = pynn.Sequential([layers.Dense(1)])
        model.compile("sgd", "mse")
        seen.append(model.fit(x, target, epochs=2, verbose=0).history)
    assert all(history == seen[0] for history in seen)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_not_a_number_is_reported_not_hidden(value):
    model, (x, y) = classifier(), data()
    x[3, 1] = value
    assert not np.isfinite(model.predict(x, verbose=0)[3]).any()
    assert np.isfinite(model.predict(x, verbose=0)[4:]).all()
    with pytest.warns(pynn.DivergenceWarning, match="epoch 1, step 1 of 1"):
        history = model.fit(x, y, epochs=2, verbose=0)
    assert np.isnan(history.history["loss"]).all()


def test_prediction_of_no_rows():
    model = classifier()
    for empty in (np.ones((0, WIDTH)), np.ones((0, WIDTH), np.float32)):
        for call in (model.predict, model.predict_on_batch, model):
            out = call(empty)
            assert out.shape == (0, CLASSES)
            assert out.dtype == np.float32


def test_the_tables_are_long():
    crossed = itertools.chain(
        itertools.product(BAD_X, CALLS_WITH_X), itertools.product(BAD_Y, CALLS_WITH_Y)
    )
    rows = len(list(crossed)) + len(BAD_ARGUMENTS) + len(BAD_LAYERS)
    assert rows >= 80
