# SPDX-License-Identifier: BSD-3-Clause
"""Data frames and tensors of other libraries, and stand-ins where those are absent."""

import ctypes
import importlib

import numpy as np
import pytest
from fitting import net

from pynn.data import numeric

COLUMNS = {
    "count": np.array([3, 1, 2], np.int64),
    "price": np.array([0.5, 1.5, -2.0]),
    "sold": np.array([True, False, True]),
}
EXPECTED = np.column_stack(list(COLUMNS.values()))


class Frame:
    """As pandas: one array of objects where the columns are of several types."""

    def __init__(self, columns):
        self.data, self.columns = columns, list(columns)

    def __getitem__(self, name):
        return self.data[name]

    def __array__(self, dtype=None, copy=None):
        rows = zip(*self.data.values(), strict=True)
        return np.array([list(map(np.generic.item, r)) for r in rows], object)


class Capsule:
    """A tensor that has nothing but ``__dlpack__``."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self, **options):
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


class Column:
    """A column of the interchange protocol."""

    def __init__(self, array, start=0, null_count=0):
        kind = {"i": 0, "u": 1, "f": 2, "b": 20, "U": 21}[array.dtype.kind]
        self.array, self.offset, self.null_count = array, start, null_count
        self.dtype = (kind, array.dtype.itemsize * 8, array.dtype.char, "=")

    def size(self):
        return len(self.array) - self.offset

    def get_buffers(self):
        class Buffer:
            bufsize, ptr = self.array.nbytes, self.array.ctypes.data

        return {"data": (Buffer, self.dtype)}


class Exchange:
    """A frame of the interchange protocol, in chunks."""

    def __init__(self, *chunks):
        self.chunks = chunks

    def __dataframe__(self, allow_copy=True):
        return self

    def get_chunks(self):
        return [Exchange(c) for c in self.chunks] if len(self.chunks) > 1 else [self]

    def column_names(self):
        return list(self.chunks[0])

    def get_column_by_name(self, name):
        return self.chunks[0][name]


WAYS = {
    "frame": lambda: Frame(COLUMNS),
    "exchange": lambda: Exchange({n: Column(c) for n, c in COLUMNS.items()}),
    "chunks": lambda: Exchange(
        {n: Column(c[:2].copy()) for n, c in COLUMNS.items()},
        {n: Column(c, 2) for n, c in COLUMNS.items()},
    ),
    "dlpack": lambda: Capsule(EXPECTED),
    "buffer": lambda: memoryview(EXPECTED),
    "list": lambda: EXPECTED.tolist(),
    "ctypes": lambda: (ctypes.c_double * 9)(*EXPECTED.ravel()),
}


@pytest.mark.parametrize("way", WAYS)
def test_arrays_from(way):
    got = numeric(WAYS[way](), "x")
    assert got.dtype == np.float64
    np.testing.assert_array_equal(got.reshape(3, 3), EXPECTED)


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_a_real_frame(library):
    module = importlib.import_module(library) if _has(library) else None
    if module is None:
        pytest.skip(f"{library} is not installed")
    made = getattr(module, "table", None) or module.DataFrame
    frame = made(dict(COLUMNS))
    np.testing.assert_array_equal(numeric(frame, "x"), EXPECTED)
    np.testing.assert_array_equal(numeric(frame["count"], "y"), COLUMNS["count"])
    words = made({"a": [1.0, 2.0], "city": ["x", "y"]})
    with pytest.raises(ValueError, match="x: "):
        numeric(words, "x")


def _has(library):
    return importlib.util.find_spec(library) is not None


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (
            Frame({"a": COLUMNS["count"], "city": np.array(["x", "y", "z"])}),
            "x: column 'city' is of dtype <U1; encode it as numbers first",
        ),
        (
            Exchange({"city": Column(np.array(["x"]))}),
            "x: column 'city' is of dtype 21; only numbers",
        ),
        (
            Exchange({"a": Column(COLUMNS["price"], 0, 2)}),
            "x: column 'a' has missing values",
        ),
        (Exchange({}), "x: a data frame without columns"),
    ],
)
def test_what_is_no_number(value, words):
    with pytest.raises(ValueError, match=words):
        numeric(value, "x")


def test_training_on_frames(rng):
    """The same bits as on the arrays; targets are a column."""
    names = "abcdef"
    x = {n: rng.normal(size=40) for n in names}
    x["f"] = rng.integers(0, 2, 40).astype(bool)
    y = rng.integers(0, 3, 40)
    one, two = net(), net()
    two.set_weights(one.get_weights())
    for m, given in ((one, Frame(x)), (two, np.column_stack(list(x.values())))):
        m.compile("sgd", "sparse_categorical_crossentropy")
        m.fit(given, y, verbose=0, shuffle=False)
    for a, b in zip(one.get_weights(), two.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
