# SPDX-License-Identifier: BSD-3-Clause
"""The tables of the two READMEs are those of the saved results."""

import json
from pathlib import Path

import limits
import pytest
import tables
import workloads

RESULTS = sorted((Path(__file__).parent / "results").glob("*.json"))


def test_there_is_a_result():
    assert len(RESULTS) == 1, "the pages show one machine"


@pytest.mark.parametrize("page", [tables.DETAILS, tables.FRONT], ids=lambda p: str(p))
def test_pages_show_the_saved_results(page):
    """`python bench/compare.py --render` writes what is missing here."""
    parts = tables.pages(json.loads(RESULTS[0].read_text()))[page]
    text = page.read_text()
    assert parts
    assert tables.rendered(text, parts) == text


def test_a_changed_figure_is_seen():
    result = json.loads(RESULTS[0].read_text())
    for record in result["records"]:
        if record["rival"] == "pynn" and "value" in record:
            record["value"] = [2 * value for value in record["value"]]
    for page, parts in tables.pages(result).items():
        text = page.read_text()
        assert tables.rendered(text, parts) != text


@pytest.mark.parametrize("missing", [["limits"], ["kernels"], ["limits", "kernels"]])
def test_what_was_not_measured_is_left_out(missing):
    result = json.loads(RESULTS[0].read_text())
    full = tables.pages(result)[tables.DETAILS]
    for part in missing:
        del result[part]
    parts = tables.pages(result)[tables.DETAILS]
    uses = {"limits": {"limits", "roofline", "products"}}
    uses["kernels"] = {"products", "updates"}
    gone = set().union(*(uses[part] for part in missing))
    assert {k for k, text in parts.items() if text == tables.UNKNOWN} == gone
    assert all(parts[k] == full[k] for k in full.keys() - gone)


def test_every_training_and_inference_has_a_bound():
    found = json.loads(RESULTS[0].read_text())["limits"]
    for name, work in workloads.WORKLOADS.items():
        if not isinstance(work, workloads.Startup):
            assert limits.bound(name, 1, found, limits.cache_sizes())["bound"] > 0


def test_pages_do_not_depend_on_the_machine_that_renders(monkeypatch):
    result = json.loads(RESULTS[0].read_text())
    result["caches"] = {"L1": 32 << 10, "L2": 1 << 20, "L3": 32 << 20}
    before = tables.pages(result)
    monkeypatch.setattr(limits, "cache_sizes", lambda: dict.fromkeys(("L1", "L2"), 1))
    assert tables.pages(result) == before


@pytest.mark.parametrize("data", limits.DATA_ROWS)
def test_rows_of_the_data(data):
    assert limits.DATA_ROWS[data] == len(workloads.load(data).x)


def test_workloads_stand_in_their_order():
    records = [
        {"workload": w, "threads": 1, "rival": r, "value": [1.0], "foreign": [0.0]}
        for w in ("W3", "W2b", "W2", "W1")
        for r in ("pynn", "numpy")
    ]
    found = tables.cells(records)
    lines = tables.table(found, workloads.Training).splitlines()[2:]
    names = ["W1", "W2", "W2b", "W3"]
    assert [line.split(" | ")[0].strip("| ") for line in lines] == names
    front = tables.front_table(found).splitlines()[2:]
    titles = [line.split(" | ")[0].strip("| ") for line in front]
    assert titles == [workloads.WORKLOADS[name].title for name in names]
