# SPDX-License-Identifier: BSD-3-Clause
"""Files that are damaged, or made to do damage: an error, and nothing has changed."""

import json
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from savings import bits, data, network

import pynn
from pynn import models
from pynn._storage import container

REFUSALS = (ValueError, OSError, ImportError)  # the last without h5py


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("damage")


@pytest.fixture(scope="module")
def model(folder):
    made = network()
    made.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    made.fit(*data(), verbose=0)
    made.save(folder / "model")
    made.save_weights(folder / "weights")
    return made


def refused(model, path):
    """Whether a file is refused by all that read files, without a trace."""
    before = bits(model)
    refusals = 0
    for call in (model.load_weights, models.load_model):
        try:
            call(path)
        except REFUSALS as error:
            refusals += path.name in str(error) or isinstance(error, ImportError)
    assert bits(model) == before
    return refusals == 2


def damaged(content):
    """Files that are nearly right."""
    yield b""
    for length in (1, 7, 8, 9, len(content) // 2, len(content) - 1):
        yield content[:length]
    yield content + b"x"
    for place in np.linspace(0, len(content) - 1, 300).astype(int):
        flipped = bytearray(content)
        flipped[place] ^= 1 << place % 8
        yield bytes(flipped)


@pytest.mark.parametrize("name", ["model", "weights"])
def test_damaged_files(model, folder, name):
    content = (folder / name).read_bytes()
    bad = folder / "bad"
    count = 0
    for part in damaged(content):
        bad.write_bytes(part)
        assert refused(model, bad)
        count += 1
    assert count > 300


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=200))
def test_anything_at_all(model, folder, content):
    path = folder / "noise"
    path.write_bytes(content)
    assert refused(model, path)


@settings(deadline=None, max_examples=300, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_mutations(model, folder, data):
    """Cut, doubled, moved and overwritten pieces; the checksum made right again."""
    content = bytearray((folder / "model").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        a, b = sorted(data.draw(st.integers(0, len(content))) for _ in range(2))
        piece = data.draw(st.sampled_from(["cut", "double", "zero", "noise"]))
        if piece == "cut":
            del content[a:b]
        elif piece == "double":
            content[a:a] = content[a:b][:5000]
        elif piece == "zero":
            content[a:b] = bytes(b - a)
        else:
            noise = data.draw(st.binary(min_size=1, max_size=20))
            content[a : a + len(noise)] = noise
    path = folder / "mutant"
    path.write_bytes(repaired(bytes(content)))
    before = bits(model)
    for call in (model.load_weights, models.load_model):
        try:
            call(path)
        except REFUSALS:
            assert bits(model) == before
        else:  # whatever changed was no structure
            with np.errstate(all="ignore"):
                model.load_weights(folder / "model")


def repaired(content):
    """Give a file the checksum that it should have, if it has a place for one."""
    found = list(container._CHECKSUM.finditer(content))
    if not found:
        return content
    a, b = found[0].span(1)
    blank = content[:a] + b"0" * 8 + content[b:]
    return content[:a] + f"{zlib.crc32(blank):08x}".encode() + content[b:]


def compact(header):
    return json.dumps(header, separators=(",", ":")).encode()


def with_header(header, data=b""):
    text = header if isinstance(header, bytes) else compact(header)
    return repaired(len(text).to_bytes(8, "little") + text + data)


def entry(shape, start, stop, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, stop]}


FRONT = {"__metadata__": {"pynn": "0" * 8 + '{"format":"pynn","version":"1"}'}}
DEEP = b'{"a":' * 200_000
HEADERS = {
    "huge length": b"\xff" * 8,
    "length of the data": (1 << 40).to_bytes(8, "little") + b"{}",
    "no dict": with_header([]),
    "no JSON": with_header(b"{"),
    "no text": with_header(b"\xff\xfe{}"),
    "deep": with_header(DEEP),
    "deep list": with_header(b"[" * 200_000),
    "no checksum": with_header({"__metadata__": {"format": "pynn", "version": "1"}}),
    "numbers as metadata": with_header({"__metadata__": {"a": 1}}),
    "list as metadata": with_header({"__metadata__": []}),
    "null as entry": with_header({"a": None}),
    "two of a name": with_header(b'{"a":{},"a":{}}'),
    "overlap": with_header({**FRONT, "a": entry([2], 0, 8), "b": entry([2], 4, 12)}),
    "hole": with_header({**FRONT, "a": entry([1], 4, 8)}, bytes(8)),
    "rest": with_header({**FRONT, "a": entry([1], 0, 4)}, bytes(8)),
    "too long": with_header({**FRONT, "a": entry([3], 0, 12)}, bytes(8)),
    "huge": with_header({**FRONT, "a": entry([1 << 40], 0, 1 << 42)}),
    "overflow": with_header({**FRONT, "a": entry([1 << 62, 4, 1 << 40], 0, 0)}),
    "negative": with_header({**FRONT, "a": entry([-1, -4], 0, 16)}, bytes(16)),
    "backwards": with_header({**FRONT, "a": entry([1], 4, 0)}, bytes(4)),
    "float shape": with_header({**FRONT, "a": entry([1.0], 0, 4)}, bytes(4)),
    "bool shape": with_header({**FRONT, "a": entry([True], 0, 4)}, bytes(4)),
    "many axes": with_header({**FRONT, "a": entry([1] * 1000, 0, 4)}, bytes(4)),
    "no offsets": with_header({**FRONT, "a": {"dtype": "F32", "shape": [1]}}),
    "three offsets": with_header(
        {**FRONT, "a": {**entry([1], 0, 4), "data_offsets": [0, 2, 4]}}
    ),
    "dtype": with_header({**FRONT, "a": entry([1], 0, 4, "O")}, bytes(4)),
    "dtype list": with_header({**FRONT, "a": entry([1], 0, 4, ["F32"])}, bytes(4)),
    "no content": with_header(FRONT),
}


@pytest.mark.parametrize("name", HEADERS)
def test_hostile_headers(model, folder, name):
    path = folder / "hostile"
    path.write_bytes(HEADERS[name])
    tracemalloc.start()
    try:
        assert refused(model, path)
        assert tracemalloc.get_traced_memory()[1] < 40 << 20
    finally:
        tracemalloc.stop()


def rewritten(folder, change):
    """The file of the model with another document, its checksum right."""
    content = container.read(folder / "model", checked=True)
    document = json.loads(content.metadata["content"])
    arrays = dict(content.arrays)
    metadata = dict(content.metadata)
    document = change(document, arrays, metadata) or document
    text = document if isinstance(document, str) else json.dumps(document)
    container.write(folder / "lie", metadata | {"content": text}, arrays)
    return folder / "lie"


def layer(document, number=1):
    return document["model"]["config"]["layers"][number]["config"]


def without(arrays, name):
    del arrays[name]


def retyped(arrays, name, kind):
    arrays[name] = arrays[name].astype(kind)


LIES = {
    "newer format": lambda d, a, m: m.update(version="99"),
    "other format": lambda d, a, m: m.update(format="pt"),
    "no JSON": lambda d, a, m: "{",
    "a list": lambda d, a, m: "[]",
    "deep": lambda d, a, m: '{"model":' * 100_000 + "1" + "}" * 100_000,
    "deep layers": lambda d, a, m: d.update(model=nested(250)),
    "no model": lambda d, a, m: d.update(model=None),
    "a layer": lambda d, a, m: d.update(model=d["model"]["config"]["layers"][1]),
    "huge layer": lambda d, a, m: layer(d).update(units=1 << 40),
    "large layer": lambda d, a, m: layer(d).update(units=30_000_000),
    "negative layer": lambda d, a, m: layer(d).update(units=-1),
    "unknown class": lambda d, a, m: d["model"].update(class_name="os.system"),
    "a module": lambda d, a, m: d["model"].update(
        module="os", class_name="system", registered_name="os>system"
    ),
    "lambda": lambda d, a, m: layer(d).update(activation={"class_name": "__lambda__"}),
    "function": lambda d, a, m: layer(d).update(
        activation={"class_name": "function", "module": "os", "config": "system"}
    ),
    "unknown argument": lambda d, a, m: layer(d).update(code="import os"),
    "path in a name": lambda d, a, m: layer(d).update(name="../../etc/passwd"),
    "wrong name": lambda d, a, m: layer(d).update(name=3),
    "class name list": lambda d, a, m: d["model"].update(class_name=[]),
    "config text": lambda d, a, m: d["model"].update(config="x"),
    "no layers": lambda d, a, m: d["model"].update(config={}),
    "dtype": lambda d, a, m: layer(d).update(dtype="object"),
    "loss": lambda d, a, m: d["compile"].update(loss="eval"),
    "optimizer": lambda d, a, m: d["compile"].update(optimizer={"class_name": "X"}),
    "compile list": lambda d, a, m: d.update(compile=[1]),
    "compile argument": lambda d, a, m: d["compile"].update(run=1),
    "huge metric": lambda d, a, m: d["compile"].update(
        metrics=[{"class_name": "AUC", "config": {"num_thresholds": 1 << 33}}]
    ),
    "steps": lambda d, a, m: d["optimizer"].update(iterations=-1),
    "steps text": lambda d, a, m: d["optimizer"].update(iterations="1"),
    "huge steps": lambda d, a, m: d["optimizer"].update(iterations=1 << 80),
    "random": lambda d, a, m: d.update(random={"seed": -1}),
    "random list": lambda d, a, m: d.update(random=[1]),
    "random epoch": lambda d, a, m: d["random"].update(epoch=1 << 70),
    "a weight less": lambda d, a, m: without(a, "layers/0/bias"),
    "a weight more": lambda d, a, m: a.update({"layers/9/bias": np.ones(3)}),
    "dtype of a weight": lambda d, a, m: retyped(a, "layers/0/bias", "int32"),
    "a slot less": lambda d, a, m: without(a, "optimizer/0/layers/0/bias"),
    "a slot more": lambda d, a, m: a.update({"optimizer/7/layers/0/bias": np.ones(3)}),
    "dtype of a slot": lambda d, a, m: retyped(a, "optimizer/0/layers/0/bias", "f8"),
}


def nested(levels):
    config = {"class_name": "Dense", "config": {"units": 1}}
    for _ in range(levels):
        config = {"class_name": "Sequential", "config": {"layers": [config]}}
    return config


@pytest.mark.parametrize("name", LIES)
def test_files_that_lie(model, folder, name):
    path = rewritten(folder, LIES[name])
    before = bits(model)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="lie"):
            models.load_model(path)
        assert tracemalloc.get_traced_memory()[1] < 40 << 20
    finally:
        tracemalloc.stop()
    try:
        model.load_weights(path)
    except ValueError:
        assert bits(model) == before
    model.load_weights(folder / "model")


def test_an_honest_file_is_read(model, folder):
    """The same way with nothing changed: what the others are refused for is the lie."""
    twin = models.load_model(rewritten(folder, lambda d, a, m: None))
    assert bits(twin) == bits(model)


def test_a_directory_and_a_missing_file(model, folder):
    (folder / "d").mkdir()
    assert refused(model, folder / "d")
    assert refused(model, folder / "none")
    assert pynn.saving.get_custom_objects() == {}
