# SPDX-License-Identifier: BSD-3-Clause
"""Keras, if it is there, on PyTorch, which compiles nothing and so is quick."""

import importlib
import os
import warnings
from importlib.util import find_spec
from typing import Any

import pytest

import pynn


def pytest_collection_modifyitems(items):
    """Warnings of Keras and what is below it are theirs."""
    for item in items:
        item.add_marker(pytest.mark.filterwarnings("ignore"))


@pytest.fixture(scope="session")
def keras() -> Any:
    """The installed Keras; KERAS_BACKEND chooses what is below it."""
    if find_spec("keras") is None:
        pytest.skip("needs Keras: pip install -r requirements-parity.txt")
    quickest = "torch" if find_spec("torch") else "jax"
    os.environ.setdefault("KERAS_BACKEND", quickest)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        library = importlib.import_module("keras")
        if library.backend.backend() == "torch":
            importlib.import_module("torch").set_num_threads(1)
    return library


@pytest.fixture(autouse=True)
def names():
    """Leave the numbers of automatic names as they are found."""
    yield
    pynn.backend.clear_session()
