# SPDX-License-Identifier: BSD-3-Clause
"""docs/keras.md is what the two libraries and the notes give."""

import re

import pytest

import pynn
from parity import table
from parity.notes import MEMBERS, MODULES


def test_page_is_up_to_date(keras):
    if not keras.__version__.startswith("3.15."):
        pytest.skip(f"the page is about Keras 3.15, this is {keras.__version__}")
    table.PROBLEMS.clear()
    page = table.text(keras, pynn)
    assert table.PROBLEMS + table.stale(keras, pynn) == []
    assert page == table.FILE.read_text(), "cd tests && python -m parity.table"


def test_what_the_page_promises_is_there():
    module, found = None, 0
    for line in table.FILE.read_text().splitlines():
        if line.startswith("## "):
            module = line.removeprefix("## keras").split(":")[0].lstrip(".")
            assert module in {*MODULES, *MEMBERS}
        row = re.match(r"\| `(\w+)` \| (supported|different) ", line)
        if row:
            found += 1
            path = f"{module}.{row[1]}".lstrip(".")
            assert table.reach(pynn, path) is not None, path
    assert found > 300
