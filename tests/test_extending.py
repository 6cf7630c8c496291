# SPDX-License-Identifier: BSD-3-Clause
"""The examples of docs/extending.md run, each after the beginning that they share."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[1] / "docs" / "extending.md"
BEGINNING, *EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S)


def named(code):
    """Return the first thing that an example defines."""
    found = re.search(r"^(?:class|def) (\w+)", code, re.M)
    return found[1] if found else "check"


def test_there_are_examples():
    assert len(EXAMPLES) >= 9


@pytest.mark.parametrize("number", range(len(EXAMPLES)), ids=map(named, EXAMPLES))
def test_example(number):
    needed = [BEGINNING]
    if named(EXAMPLES[number]) == "check":  # goes on with the first layer
        needed.append(EXAMPLES[0])
    exec(compile("\n".join([*needed, EXAMPLES[number]]), str(PAGE), "exec"), {})
