# SPDX-License-Identifier: BSD-3-Clause
"""The 1,797 handwritten digits of 8 x 8 pixels that come with the package.

Origin: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI
Machine Learning Repository, 1998, https://doi.org/10.24432/C50P49, licensed under
Creative Commons Attribution 4.0. These are its test images: bitmaps of 32 x 32 pixels
from 13 writers, counted in blocks of 4 x 4. The pixels are unchanged; the order is a
fixed shuffle, written by ``tests/tools/make_digits.py`` of the source tree.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ROWS, _SIDE = 1797, 8
_TRAIN = 1437
_FILE = Path(__file__).with_name("digits.bin")

Part = tuple["NDArray[np.uint8]", "NDArray[np.uint8]"]


def load_data() -> tuple[Part, Part]:
    """Return the embedded digits, needing neither a network nor a file of yours.

    The split never changes: 1,437 rows to train on and 360 to test on, drawn by the
    SHA-256 of the row number in the original order.

    Returns
    -------
    ((x_train, y_train), (x_test, y_test))
        Images ``(n, 8, 8)`` of uint8 from 0 (white) to 16 (black), labels ``(n,)`` of
        uint8 from 0 to 9; divide the images by 16 for values in [0, 1].

    Examples
    --------
    >>> (x_train, y_train), (x_test, y_test) = load_data()
    >>> x_train.shape, y_test.shape
    ((1437, 8, 8), (360,))
    """
    import zlib

    size = _ROWS * (_SIDE * _SIDE + 1)
    # a bytearray, so that the arrays belong to the caller and can be written to
    raw = bytearray(zlib.decompress(_FILE.read_bytes(), bufsize=size))
    if len(raw) != size:
        raise OSError(f"{_FILE} is damaged: {len(raw)} bytes of data, expected {size}")
    data = np.frombuffer(raw, np.uint8)
    x = data[: _ROWS * _SIDE * _SIDE].reshape(_ROWS, _SIDE, _SIDE)
    y = data[_ROWS * _SIDE * _SIDE :]
    return (x[:_TRAIN], y[:_TRAIN]), (x[_TRAIN:], y[_TRAIN:])
