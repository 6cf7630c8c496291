# SPDX-License-Identifier: BSD-3-Clause
"""MNIST: 70,000 handwritten digits of 28 x 28 pixels.

Origin: Y. LeCun, C. Cortes and C. J. C. Burges, "The MNIST database of handwritten
digits", 1998, from NIST's Special Databases 1 and 3. The files are not part of this
package: they are found on the machine or fetched once.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pynn.datasets import _idx
from pynn.datasets._download import download

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Part = tuple[NDArray[np.uint8], NDArray[np.uint8]]

MIRROR = "https://storage.googleapis.com/cvdf-datasets/mnist/"
NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
# SHA-256 of the files without gzip, so that a mirror may compress as it likes
CHECKSUMS = dict(
    zip(
        NAMES,
        (
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
        strict=True,
    )
)
_MAX_DOWNLOAD = 64 << 20


def load_data(
    path: str | os.PathLike[str] | None = None,
    *,
    mirror: str | None = None,
    checksums: Mapping[str, str] | None = None,
) -> tuple[Part, Part]:
    """Return MNIST from a folder of IDX files, downloading them if need be.

    The first folder that has all four files, gzipped (``.gz``) or not, is read:
    `path`, then ``$PYNN_DATA/mnist``, then the cache ``$PYNN_HOME/datasets/mnist``
    (``~/.pynn/datasets/mnist`` when ``PYNN_HOME`` is not set). If there is none, the
    files are downloaded into the cache.

    Parameters
    ----------
    path : path of a folder, optional
        Where the files are; then nothing else is searched. A bare file name ending in
        ``.npz``, which Keras takes for the name of its cached file, is ignored.
    mirror : str, optional
        URL of the folder to download from; ``$PYNN_MNIST_MIRROR`` by default, else a
        public copy.
    checksums : mapping of str to str, optional
        SHA-256 by file name (of the content without gzip) that a download must have,
        for a mirror with other data in this format.

    Returns
    -------
    ((x_train, y_train), (x_test, y_test))
        Images ``(60000, 28, 28)`` and ``(10000, 28, 28)`` of uint8 from 0 to 255,
        labels ``(60000,)`` and ``(10000,)`` of uint8 from 0 to 9.

    Raises
    ------
    OSError
        If the files are neither found nor fetched; it says where they may be put.
    ValueError
        If a file is found and damaged.
    """
    if path is not None and not _is_keras_name(path):
        folder = Path(path)
        if not _complete(folder):
            raise FileNotFoundError(f"no MNIST in {folder}: expected {_expected()}")
        return _load(folder)
    searched = _folders()
    for folder in searched:
        if _complete(folder):
            return _load(folder)
    url = mirror or os.environ.get("PYNN_MNIST_MIRROR") or MIRROR
    try:
        _download_all(url, searched[-1], CHECKSUMS if checksums is None else checksums)
    except (OSError, ValueError) as error:
        raise OSError(
            f"MNIST is not in {' or '.join(map(str, searched))}, and cannot be "
            f"downloaded: {error}. Put {_expected()} into {searched[-1]}, or name "
            f"another server in PYNN_MNIST_MIRROR."
        ) from error
    return _load(searched[-1])


def _is_keras_name(path: str | os.PathLike[str]) -> bool:
    name = os.fspath(path)
    return name.endswith(".npz") and os.path.basename(name) == name


def _expected() -> str:
    return f"{', '.join(NAMES)} (or the same with .gz)"


def _folders() -> list[Path]:
    """Return the folders to search, the cache last."""
    home = os.environ.get("PYNN_HOME")
    cache = (Path(home) if home else Path.home() / ".pynn") / "datasets" / "mnist"
    data = os.environ.get("PYNN_DATA")
    return [Path(data) / "mnist", cache] if data else [cache]


def _find(folder: Path, name: str) -> Path | None:
    """Return the file of that name, or its gzipped form, if there is one."""
    for candidate in (folder / name, folder / f"{name}.gz"):
        if candidate.is_file():
            return candidate
    return None


def _complete(folder: Path) -> bool:
    return all(_find(folder, name) for name in NAMES)


def _download_all(url: str, cache: Path, checksums: Mapping[str, str]) -> None:
    for name in NAMES:
        if _find(cache, name):
            continue

        def check(file: Path, name: str = name) -> None:
            got = _idx.digest(_idx.read_idx(file))
            if got != checksums[name]:
                raise OSError(
                    f"{name} has SHA-256 {got}, expected {checksums[name]}: damaged "
                    f"on the way, or not the file that it should be"
                )

        download(
            f"{url.rstrip('/')}/{name}.gz", cache / f"{name}.gz", check, _MAX_DOWNLOAD
        )


def _load(folder: Path) -> tuple[Part, Part]:
    arrays = []
    for name in NAMES:
        file = _find(folder, name)
        if file is None:
            raise FileNotFoundError(f"{folder / name} is gone")
        arrays.append(_idx.read_idx(file))
    train, test = (arrays[0], arrays[1]), (arrays[2], arrays[3])
    for images, labels in (train, test):
        _check_part(images, labels, folder)
    return train, test


def _check_part(images: NDArray[np.uint8], labels: NDArray[np.uint8], at: Path) -> None:
    if images.ndim != 3 or images.shape[1:] != (28, 28):
        raise ValueError(f"{at}: images of shape {images.shape}, expected (n, 28, 28)")
    if labels.shape != images.shape[:1]:
        raise ValueError(
            f"{at}: labels of shape {labels.shape} for {len(images)} images, "
            f"expected {images.shape[:1]}"
        )
    if labels.size and labels.max() > 9:
        raise ValueError(f"{at}: label {labels.max()}, expected 0 to 9")
