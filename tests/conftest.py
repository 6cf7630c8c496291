# SPDX-License-Identifier: BSD-3-Clause
"""What all tests share. This file also puts tests/ on the path, for `import oracle`."""

import os
import zlib

import numpy as np
import pytest

from pynn import _core

# Python processes that tests start import the installed package, as the tests do, and
# not the sources in the current directory.
os.environ["PYTHONSAFEPATH"] = "1"


@pytest.fixture
def rng(request):
    """A generator seeded by the name of the test, so every test can run alone."""
    return np.random.default_rng(zlib.crc32(request.node.nodeid.encode()))


@pytest.fixture
def threads():
    """Restore the number of threads."""
    before = _core.get_num_threads()
    yield
    _core.set_num_threads(before)
