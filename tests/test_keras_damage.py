# SPDX-License-Identifier: BSD-3-Clause
"""Files of Keras that are damaged, or made to do damage."""

import os
import zipfile

import numpy as np
import pytest

from pynn import models

h5py = pytest.importorskip("h5py")
from keras_made import arrays, config, empty_model, hdf5, zipped  # noqa: E402


def link(name, target):
    def change(file):
        del file[name]
        file[name] = target

    return change


def outside(folder):
    """Datasets that claim the bytes of another file."""

    def external(file):
        del file["layers/dense/vars/1"]
        place = [(str(folder / "secret"), 0, 28)]
        file["layers/dense/vars"].create_dataset("1", (7,), "<f4", external=place)

    def virtual(file):
        del file["layers/dense/vars/1"]
        layout = h5py.VirtualLayout((7,), "<f4")
        layout[:] = h5py.VirtualSource(str(folder / "other.h5"), "x", (7,))
        file["layers/dense/vars"].create_virtual_dataset("1", layout)

    return {"external": external, "virtual": virtual}


@pytest.mark.parametrize("kind", ["external", "virtual", "soft", "elsewhere", "group"])
def test_data_that_lie_elsewhere(kind, tmp_path):
    (tmp_path / "secret").write_bytes(os.urandom(28))
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = np.ones(7, np.float32)
        file["dense/vars/0"] = np.ones((5, 7), np.float32)
    place = "layers/dense/vars/1"
    changes = {
        **outside(tmp_path),
        "soft": link(place, h5py.SoftLink("/layers/sequential/layers/dense/vars/1")),
        "elsewhere": link(place, h5py.ExternalLink(str(tmp_path / "other.h5"), "x")),
        "group": link(
            "layers/dense", h5py.ExternalLink(str(tmp_path / "other.h5"), "dense")
        ),
    }
    path = tmp_path / "w"
    path.write_bytes(hdf5(arrays(), changes[kind]))
    model = empty_model()
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"elsewhere|in another file"):
        model.load_weights(path)
    assert model.get_weights()[1].tobytes() == before[1].tobytes()


def huge(file):
    del file["layers/dense/vars/0"]
    shape = (1 << 20, 1 << 20)
    file["layers/dense/vars"].create_dataset("0", shape, "<f4", chunks=(64, 64))


def texts(file):
    del file["layers/dense/vars/1"]
    file["layers/dense/vars/1"] = np.array([b"x"] * 7)


@pytest.mark.parametrize("change", [huge, texts])
def test_strange_datasets(change, tmp_path):
    (tmp_path / "w").write_bytes(hdf5(arrays(), change))
    with pytest.raises(ValueError, match=r"expected shape|expected numbers"):
        empty_model().load_weights(tmp_path / "w")


def test_zip_bombs(tmp_path):
    path = tmp_path / "m.keras"
    bomb = b"\0" * (200 << 20)
    zipped(path, bomb, stored=zipfile.ZIP_DEFLATED)
    with pytest.raises(ValueError, match=r"model.weights.h5 claims 209715200 bytes"):
        models.load_model(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", bomb)
    with pytest.raises(ValueError, match=r"config.json claims 209715200 bytes"):
        models.load_model(path)


def test_damaged_zips(tmp_path):
    content = zipped(tmp_path / "m.keras", hdf5(arrays())).read_bytes()
    model, bad = empty_model(), tmp_path / "bad"
    kept = model.get_weights()
    before = [w.tobytes() for w in kept]
    read = 0
    for cut in np.linspace(4, len(content) - 1, 40).astype(int):
        flipped = bytearray(content)
        flipped[cut] ^= 255
        for damaged in (content[:cut], bytes(flipped)):
            bad.write_bytes(damaged)
            try:
                models.load_model(bad)
                model.load_weights(bad)
                read += 1  # a flip in a date or in HDF5's unused room
                model.set_weights(
                    [
                        np.frombuffer(b, "f4").reshape(w.shape)
                        for b, w in zip(before, model.weights, strict=True)
                    ]
                )
            except (ValueError, OSError):
                assert [w.tobytes() for w in model.get_weights()] == before
    assert read < 10
    lambdas = config()
    lambdas["config"]["layers"][1]["config"]["activation"] = {
        "class_name": "__lambda__",
        "config": {"value": ["4wAAAAA="]},
    }
    unknown = config()
    unknown["config"]["layers"][1].update(module="mine", registered_name="mine>Odd")
    for model in (lambdas, unknown, {}, [], {"class_name": "Sequential"}):
        with pytest.raises(ValueError, match=r"m\.keras"):
            models.load_model(zipped(tmp_path / "m.keras", hdf5({}), model))
    with zipfile.ZipFile(tmp_path / "m.keras", "w") as archive:
        archive.writestr("other", "")
    with pytest.raises(ValueError, match=r"no config\.json"):
        models.load_model(tmp_path / "m.keras")
