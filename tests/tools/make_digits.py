# SPDX-License-Identifier: BSD-3-Clause
"""Write ``pynn/datasets/digits.bin``, the 1,797 digits that the package embeds.

Run by hand, with scikit-learn installed, from the repository root::

    python tests/tools/make_digits.py

The rows come from ``sklearn.datasets.load_digits`` in its order. They are stored in
the order of ``sha256("pynn digits <row>")``, which depends on no random generator, so
the first 1,437 stored rows are the training set for ever.

Format: the zlib stream (RFC 1950) of 1797 * 64 pixel bytes, row after row, each in
0..16, followed by 1797 label bytes.
"""

import hashlib
import zlib
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

TARGET = Path(__file__).parents[2] / "pynn" / "datasets" / "digits.bin"


def stored_order(rows: int) -> list[int]:
    """Return the row numbers in the order in which they are stored."""
    return sorted(
        range(rows), key=lambda i: hashlib.sha256(b"pynn digits %d" % i).digest()
    )


def packed() -> bytes:
    """Return the content of the file."""
    images, labels = load_digits(return_X_y=True)
    order = stored_order(len(images))
    pixels = images[order].astype(np.uint8)
    assert np.array_equal(pixels, images[order]), "a pixel is no whole number"
    raw = pixels.tobytes() + labels[order].astype(np.uint8).tobytes()
    return zlib.compress(raw, 9)


if __name__ == "__main__":
    TARGET.write_bytes(packed())
    print(f"{TARGET}: {TARGET.stat().st_size} bytes")
