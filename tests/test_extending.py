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
    """One at least under each heading that names a part."""
    sections = re.split(r"^## ", PAGE.read_text(), flags=re.M)[1:]
    parts = [part for part in sections if re.match(r"An? ", part)]
    assert len(parts) == 10
    assert [part.split("\n")[0] for part in parts if "```python" not in part] == []


@pytest.mark.parametrize("number", range(len(EXAMPLES)), ids=map(named, EXAMPLES))
def test_example(number):
    needed = [BEGINNING]
    if named(EXAMPLES[number]) == "check":  # goes on with the first layer
        needed.append(EXAMPLES[0])
    exec(compile("\n".join([*needed, EXAMPLES[number]]), str(PAGE), "exec"), {})
