# SPDX-License-Identifier: BSD-3-Clause
"""The rows of csrc/ops.def, read as text, so that tests can enumerate them."""

import re
from pathlib import Path

OPS_DEF = Path(__file__).parents[2] / "csrc" / "ops.def"


def rows(kind):
    """Rows ``PYNN_<kind>(...)`` in order, each a tuple of its fields as strings."""
    text = re.sub(r"/\*.*?\*/", "", OPS_DEF.read_text(encoding="utf-8"), flags=re.S)
    found = re.findall(rf"PYNN_{kind}\(([^)]*)\)", text)
    return [tuple(field.strip() for field in row.split(",")) for row in found]


def names(kind):
    """The lower-case name of each row of a kind."""
    return [row[1] for row in rows(kind)]
