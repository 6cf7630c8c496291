# SPDX-License-Identifier: BSD-3-Clause
"""Embedded digits, and MNIST found, fetched and refused."""

import contextlib
import gzip
import hashlib
import http.server
import importlib.util
import os
import socket
import threading
import time
import zlib
from pathlib import Path

import numpy as np
import pytest

from pynn.datasets import _download, _idx, digits, mnist

DATA = os.environ.get("PYNN_DATA")
ROWS = {"train": 7, "t10k": 3}


def idx(array, kind=8):
    """Return the IDX file of an array of unsigned bytes."""
    head = bytes([0, 0, kind, array.ndim])
    dims = b"".join(n.to_bytes(4, "big") for n in array.shape)
    return head + dims + array.astype(np.uint8).tobytes()


def small_mnist():
    """Return the content of four small files by name."""
    rng = np.random.default_rng(0)
    files = {}
    for part, rows in ROWS.items():
        images = rng.integers(0, 256, (rows, 28, 28))
        files[f"{part}-images-idx3-ubyte"] = idx(images)
        files[f"{part}-labels-idx1-ubyte"] = idx(np.arange(rows) % 10)
    return files


def sha256s(files):
    return {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}


def assert_small_mnist(data):
    (x_train, y_train), (x_test, y_test) = data
    assert x_train.shape == (7, 28, 28)
    assert x_test.shape == (3, 28, 28)
    assert y_train.tolist() == list(range(7))
    assert y_test.tolist() == [0, 1, 2]
    assert {a.dtype for a in (x_train, y_train, x_test, y_test)} == {np.dtype("u1")}
    assert idx(x_train) == small_mnist()["train-images-idx3-ubyte"]


def write(folder, files, zipped=True):
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        if zipped:
            (folder / f"{name}.gz").write_bytes(gzip.compress(data, 1))
        else:
            (folder / name).write_bytes(data)


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    """An empty cache, no other place to look at, and no proxy on the way."""
    for name in ("PYNN_DATA", "PYNN_MNIST_MIRROR", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYNN_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(mnist, "MIRROR", "http://127.0.0.1:9/no-such-server")
    return tmp_path / "home" / "datasets" / "mnist"


@pytest.fixture
def server():
    """A web server on this machine; ``server.answers`` maps paths to bodies."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.asked.append(self.path)
            body = self.server.answers.get(self.path)
            if body is None:
                self.send_error(404)
                return
            self.send_response(200)
            length = len(body) + self.server.missing
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as web:
        web.answers, web.asked, web.missing = {}, [], 0
        web.url = f"http://127.0.0.1:{web.server_port}/data/"
        thread = threading.Thread(target=web.serve_forever, args=(0.01,))
        thread.start()
        yield web
        web.shutdown()
        thread.join()


def serve(server, files):
    server.answers = {
        f"/data/{name}.gz": gzip.compress(data) for name, data in files.items()
    }


# ---- digits ------------------------------------------------------------------------


def test_digits_shapes_and_values():
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    assert x_train.shape == (1437, 8, 8)
    assert x_test.shape == (360, 8, 8)
    assert y_train.shape == (1437,)
    assert y_test.shape == (360,)
    assert {a.dtype for a in (x_train, y_train, x_test, y_test)} == {np.dtype("u1")}
    assert x_train.max() == 16
    assert x_test.max() == 16
    # the counts of each digit in the published file
    counts = np.bincount(np.concatenate([y_train, y_test]))
    assert counts.tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_digits_never_change():
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    parts = (x_train, x_test, y_train, y_test)
    everything = b"".join(a.tobytes() for a in parts)
    assert hashlib.sha256(everything).hexdigest() == (
        "7f409ae65368c34a4d40f16a1b053d139207b4cd3ddfbcebb6795a919f5e78fc"
    )
    assert y_train[:8].tolist() == [1, 5, 5, 0, 6, 5, 6, 3]


def test_digits_belong_to_the_caller():
    (x, _), _ = digits.load_data()
    x[:] = 0
    (again, _), _ = digits.load_data()
    assert again.any()


def test_digits_file_is_small_and_made_by_the_script():
    assert digits._FILE.stat().st_size < 100_000
    pytest.importorskip("sklearn")
    script = Path(__file__).parent / "tools" / "make_digits.py"
    spec = importlib.util.spec_from_file_location("make_digits", script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made, kept = zlib.decompress(module.packed()), digits._FILE.read_bytes()
    assert made == zlib.decompress(kept)


def test_digits_damaged_file(monkeypatch, tmp_path):
    file = tmp_path / "digits.bin"
    file.write_bytes(zlib.compress(b"\0" * 100))
    monkeypatch.setattr(digits, "_FILE", file)
    with pytest.raises(OSError, match=r"damaged: 100 bytes of data, expected 116805"):
        digits.load_data()


# ---- MNIST found on the machine ----------------------------------------------------


@pytest.mark.parametrize("zipped", [True, False])
def test_mnist_from_path(tmp_path, zipped):
    write(tmp_path / "here", small_mnist(), zipped)
    assert_small_mnist(mnist.load_data(tmp_path / "here"))
    assert_small_mnist(mnist.load_data(str(tmp_path / "here")))


def test_mnist_order_of_search(monkeypatch, tmp_path, home):
    other = {name: data[:-1] + b"\1" for name, data in small_mnist().items()}
    write(home, other)
    assert mnist.load_data()[0][1][-1] == 1
    monkeypatch.setenv("PYNN_DATA", str(tmp_path / "data"))
    assert mnist.load_data()[0][1][-1] == 1  # there is nothing in PYNN_DATA yet
    write(tmp_path / "data" / "mnist", small_mnist())
    assert_small_mnist(mnist.load_data())
    assert_small_mnist(mnist.load_data("mnist.npz"))  # as Keras scripts write it


def test_mnist_path_without_files(tmp_path):
    write(tmp_path, dict(list(small_mnist().items())[:3]))
    with pytest.raises(FileNotFoundError, match=r"no MNIST in .*t10k-labels"):
        mnist.load_data(tmp_path)


def test_home_folder_is_the_default_cache(monkeypatch, tmp_path):
    monkeypatch.delenv("PYNN_HOME")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    write(tmp_path / ".pynn" / "datasets" / "mnist", small_mnist())
    assert_small_mnist(mnist.load_data())


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("train-images-idx3-ubyte", np.zeros((7, 27, 28)), r"shape \(7, 27, 28\)"),
        ("t10k-images-idx3-ubyte", np.zeros((3, 784)), r"shape \(3, 784\)"),
        ("train-labels-idx1-ubyte", np.zeros(6), r"shape \(6,\) for 7 images"),
        ("t10k-labels-idx1-ubyte", np.zeros((3, 1)), r"shape \(3, 1\) for 3 images"),
        ("t10k-labels-idx1-ubyte", np.array([1, 10, 2]), "label 10, expected 0 to 9"),
    ],
)
def test_mnist_that_is_none(tmp_path, name, array, message):
    write(tmp_path, small_mnist() | {name: idx(array)})
    with pytest.raises(ValueError, match=message):
        mnist.load_data(tmp_path)


# ---- IDX files ---------------------------------------------------------------------

GOOD = idx(np.arange(24).reshape(2, 3, 4))


def huge(*dims):
    head = bytes([0, 0, 8, len(dims)])
    return head + b"".join(n.to_bytes(4, "big") for n in dims)


BAD_IDX = {
    "empty": (b"", "not an IDX file"),
    "three bytes": (GOOD[:3], "not an IDX file"),
    "text": (b"hello, world", "not an IDX file"),
    "html": (b"<html>not found</html>", "not an IDX file"),
    "signed bytes": (GOOD[:2] + b"\x09" + GOOD[3:], "IDX type 0x09"),
    "floats": (GOOD[:2] + b"\x0d" + GOOD[3:], "IDX type 0x0d"),
    "no dimension": (b"\0\0\x08\0", "0 dimensions"),
    "255 dimensions": (b"\0\0\x08\xff" + b"\0" * 1020, "255 dimensions"),
    "cut in the header": (GOOD[:9], "ends within its header"),
    "cut in the data": (GOOD[:-1], "ends after 23 of 24 bytes"),
    "one byte more": (GOOD + b"\0", "longer than the 24 bytes"),
    "29 MB in no byte": (huge(29_000_000), "more than the file can hold"),
    "4 GiB": (huge(0xFFFFFFFF), "more than the file can hold"),
    "over 64 bits": (huge(*[0xFFFFFFFF] * 3), "more than the file can hold"),
    "over 2 GiB by zero": (huge(1 << 31, 1) + b"\0", "more than the file can hold"),
}


@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("case", BAD_IDX)
def test_malformed_idx(tmp_path, case, zipped):
    data, message = BAD_IDX[case]
    file = tmp_path / "bad"
    file.write_bytes(gzip.compress(data) if zipped else data)
    with pytest.raises(ValueError, match=message) as caught:
        _idx.read_idx(file)
    assert str(file) in str(caught.value)


def test_every_cut_and_every_wrong_byte_of_a_gzip_file(tmp_path):
    whole = gzip.compress(GOOD)
    file = tmp_path / "bad"
    for n in range(2, len(whole)):
        file.write_bytes(whole[:n])
        with pytest.raises(ValueError, match=r"damaged gzip|not an IDX"):
            _idx.read_idx(file)
    for n in range(2, len(whole)):
        file.write_bytes(whole[:n] + bytes([whole[n] ^ 0xFF]) + whole[n + 1 :])
        # a name or date in the header of gzip changes nothing; all else is noticed
        with contextlib.suppress(ValueError):
            assert _idx.read_idx(file).tobytes() == GOOD[16:]


def test_gzip_bomb_is_not_unpacked(tmp_path):
    # 16 MiB of zeros behind a header that declares 24 bytes: read no further
    file = tmp_path / "bomb"
    file.write_bytes(gzip.compress(GOOD + b"\0" * (16 << 20)))
    with pytest.raises(ValueError, match="longer than the 24 bytes"):
        _idx.read_idx(file)


def test_empty_idx_array(tmp_path):
    file = tmp_path / "empty"
    file.write_bytes(huge(0, 28, 28))
    assert _idx.read_idx(file).shape == (0, 28, 28)


def test_limit_on_size(tmp_path, monkeypatch):
    monkeypatch.setattr(_idx, "MAX_BYTES", 23)
    file = tmp_path / "file"
    file.write_bytes(GOOD)
    with pytest.raises(ValueError, match="24 bytes of shape"):
        _idx.read_idx(file)


# ---- downloads ---------------------------------------------------------------------


def leftovers(folder):
    return sorted(p.name for p in folder.iterdir()) if folder.exists() else []


def test_download_then_cache(server, home):
    files = small_mnist()
    serve(server, files)
    data = mnist.load_data(mirror=server.url, checksums=sha256s(files))
    assert_small_mnist(data)
    assert leftovers(home) == sorted(f"{name}.gz" for name in files)
    asked = len(server.asked)
    assert asked == 4
    assert_small_mnist(mnist.load_data(mirror=server.url))
    assert len(server.asked) == asked


def test_download_from_the_environment(server, monkeypatch):
    files = small_mnist()
    serve(server, files)
    monkeypatch.setenv("PYNN_MNIST_MIRROR", server.url.rstrip("/"))
    assert_small_mnist(mnist.load_data(checksums=sha256s(files)))


def test_download_fetches_only_what_is_missing(server, home):
    files = small_mnist()
    serve(server, files)
    write(home, dict(list(files.items())[:3]))
    assert_small_mnist(mnist.load_data(mirror=server.url, checksums=sha256s(files)))
    assert server.asked == ["/data/t10k-labels-idx1-ubyte.gz"]


def refused(server, home, message):
    """Loading must fail, say where files may be put, and leave nothing behind."""
    sums = sha256s(small_mnist())
    with pytest.raises(OSError, match=message) as caught:
        mnist.load_data(mirror=server.url, checksums=sums)
    assert f"into {home}" in str(caught.value)
    assert "train-images-idx3-ubyte" in str(caught.value)
    assert leftovers(home) == []


def test_wrong_checksum(server, home):
    files = small_mnist()
    name = "train-images-idx3-ubyte"
    serve(server, files | {name: files[name][:-1] + b"\7"})
    refused(server, home, f"{name} has SHA-256")


def test_pinned_checksums_are_the_default(server, home):
    serve(server, small_mnist())
    with pytest.raises(OSError, match="expected ba891046e6505d7aadcbbe25680a0738"):
        mnist.load_data(mirror=server.url)
    assert leftovers(home) == []


@pytest.mark.parametrize("missing", [0, 9], ids=["short file", "broken off"])
def test_truncated_download(server, home, missing):
    serve(server, small_mnist())
    path = "/data/train-images-idx3-ubyte.gz"
    server.answers[path] = server.answers[path][:-9]
    server.missing = missing
    refused(server, home, "damaged gzip data")


def test_not_found(server, home):
    refused(server, home, "train-images-idx3-ubyte.gz: HTTP Error 404")


def test_too_long_an_answer(server, home, monkeypatch):
    serve(server, small_mnist())
    monkeypatch.setattr(mnist, "_MAX_DOWNLOAD", 100)
    refused(server, home, "more than 100 bytes")


def test_server_that_says_nothing(home, monkeypatch):
    monkeypatch.setattr(_download, "TIMEOUT", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        start = time.monotonic()
        with pytest.raises(OSError, match="timed out"):
            mnist.load_data(mirror=url)
        assert time.monotonic() - start < 4
    assert leftovers(home) == []


def test_no_server_at_all(home):
    with pytest.raises(OSError, match="cannot be downloaded") as caught:
        mnist.load_data()
    assert str(home) in str(caught.value)


@pytest.mark.parametrize("url", ["file:///etc", "ftp://127.0.0.1/", "mnist", "C:\\x"])
def test_only_http(url):
    with pytest.raises(OSError, match="expected an http or https URL"):
        mnist.load_data(mirror=url)


@pytest.mark.skipif(DATA is None, reason="needs MNIST in $PYNN_DATA")
def test_real_mnist():
    (x_train, y_train), (x_test, y_test) = mnist.load_data(Path(DATA) / "mnist")
    assert x_train.shape == (60000, 28, 28)
    assert x_test.shape == (10000, 28, 28)
    got = [_idx.digest(array) for array in (x_train, y_train, x_test, y_test)]
    assert got == list(mnist.CHECKSUMS.values())
