# SPDX-License-Identifier: BSD-3-Clause
"""Turn the records of `compare.py` into the tables of README.md."""

from __future__ import annotations

import re
import statistics
from pathlib import Path
from typing import Any, NamedTuple

import workloads
from rivals import RIVALS

README = Path(__file__).with_name("README.md")
BUSY = 0.25  # cores used by others from which a cell is marked


class Cell(NamedTuple):
    """Median of the processes' medians, their spread, and the load by others."""

    value: float
    spread: float
    runs: int
    foreign: float

    def __str__(self) -> str:
        mark = "†" if self.foreign > BUSY else ""
        return f"{short(self.value)} ({self.spread:.2f}){mark}"


Cells = dict[tuple[str, int, str], Cell]


def short(value: float) -> str:
    """Return three significant digits, and thousands in full."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def cells(records: list[dict[str, Any]]) -> Cells:
    """Gather the processes of each workload, number of threads and rival."""
    groups: dict[tuple[str, int, str], list[dict[str, Any]]] = {}
    for r in records:
        if "values" in r:
            key = (r["workload"], r["threads"], r["rival"])
            groups.setdefault(key, []).append(r)
    found = {}
    for key, group in groups.items():
        medians = [statistics.median(r["values"]) for r in group]
        foreign = statistics.median(r["foreign_cores"] for r in group)
        spread = max(medians) / min(medians)
        found[key] = Cell(statistics.median(medians), spread, len(group), foreign)
    return found


def better(work: workloads.Workload, a: float, b: float) -> bool:
    """Return whether value `a` beats value `b`."""
    return a > b if work.unit == "rows/s" else a < b


def row(found: Cells, name: str, threads: int, names: list[str]) -> list[str]:
    """Return the cells of one workload, the best in bold, and pynn's lead."""
    work = workloads.WORKLOADS[name]
    here = {r: found[name, threads, r] for r in names if (name, threads, r) in found}
    best = None
    for rival, cell in here.items():
        if best is None or better(work, cell.value, here[best].value):
            best = rival
    texts = [f"**{here[r]}**" if r == best else str(here.get(r, "")) for r in names]
    return [name, work.title, str(threads), work.unit, *texts, lead(work, here)]


def lead(work: workloads.Workload, here: dict[str, Cell]) -> str:
    """Say how far pynn is ahead of the best rival; below 1 it is behind."""
    others = [cell.value for rival, cell in here.items() if rival != "pynn"]
    if "pynn" not in here or not others:
        return ""
    best = max(others) if work.unit == "rows/s" else min(others)
    ours = here["pynn"].value
    ratio = ours / best if work.unit == "rows/s" else best / ours
    return f"{ratio:.2f}"


def table(found: Cells, kind: type) -> str:
    """Return the Markdown table of all workloads of a kind."""
    keys = {
        (name, threads)
        for name, threads, _ in found
        if isinstance(workloads.WORKLOADS[name], kind)
    }
    present = {rival for name, threads, rival in found if (name, threads) in keys}
    names = [r for r in RIVALS if r in present]
    head = ["", "work", "threads", "unit", *names, "pynn's lead"]
    rows = [row(found, name, threads, names) for name, threads in sorted(keys)]
    return markdown([head, *rows])


def startup_table(records: list[dict[str, Any]], found: Cells) -> str:
    """Return the table of import time, memory and size on disk."""
    rows = [["library", "import beyond NumPy, ms", "peak memory, MB", "on disk, MB"]]
    for rival in RIVALS:
        cell = found.get(("S1", 1, rival))
        if not cell:
            continue
        mine = [r for r in records if (r["workload"], r["rival"]) == ("S1", rival)]
        memory = statistics.median(r["rss_mb"] for r in mine)
        size = mine[-1]["installed_mb"]
        rows.append([rival, str(cell), f"{memory:.0f}", f"{size:.1f}" if size else ""])
    return markdown(rows)


def markdown(rows: list[list[str]]) -> str:
    """Return rows as a table; the first is its head."""
    lines = ["| " + " | ".join(cells) + " |" for cells in rows]
    lines.insert(1, "|---" * len(rows[0]) + "|")
    return "\n".join(lines)


def machine_text(result: dict[str, Any]) -> str:
    """Describe where the figures come from."""
    m = result["machine"]
    versions = ", ".join(f"{name} {v}" for name, v in m["versions"].items())
    data = "MNIST" if result["mnist"] else "noise in the shape of MNIST"
    peak = f"{result['peak_gflops']:.0f}" if result["peak_gflops"] else "not measured"
    return (
        f"{m['cpu']}, {m['cpus']} CPUs, peak of one core {peak} GFLOP/s (float32);"
        f" {m['system']}, Python {m['python']}, {m['compiler']}; {versions};"
        f" W3 and W4 on {data}; {result['date']}."
    )


def render(result: dict[str, Any], readme: Path = README) -> None:
    """Replace what stands between the markers of the README."""
    found = cells(result["records"])
    parts = {
        "machine": machine_text(result),
        "training": table(found, workloads.Training),
        "inference": table(found, workloads.Inference),
        "startup": startup_table(result["records"], found),
    }
    text = readme.read_text()
    for name, content in parts.items():
        pattern = rf"(<!-- begin {name} -->\n).*?(<!-- end {name} -->)"
        new = re.compile(pattern, re.DOTALL)
        if not new.search(text):
            raise ValueError(f"{readme} has no markers for {name}")
        text = new.sub(lambda m, c=content: f"{m[1]}{c}\n{m[2]}", text)
    readme.write_text(text)
