# SPDX-License-Identifier: BSD-3-Clause
"""Turn the results of `compare.py` into the tables of bench/README.md and README.md."""

from __future__ import annotations

import re
import statistics
from pathlib import Path
from typing import Any, NamedTuple

import limits
import workloads
from rivals import RIVALS

HERE = Path(__file__).parent
DETAILS = HERE / "README.md"
FRONT = HERE.parent / "README.md"
BUSY = 0.25  # share of our CPUs that others had, from which a cell is marked
UNKNOWN = "Not measured here."  # instead of a table
# The columns of the front page.
COLUMNS = {
    "pynn": "pynn",
    "numpy": "NumPy",
    "sklearn": "scikit-learn",
    "torch": "PyTorch",
    "jax_scan": "JAX `lax.scan`",
    "onnxruntime": "ONNX Runtime",
}

Result = dict[str, Any]


class Cell(NamedTuple):
    """Median of all timings, the largest over the smallest, and the load by others."""

    value: float
    spread: float
    foreign: float

    def __str__(self) -> str:
        mark = "†" if self.foreign > BUSY else ""
        return f"{short(self.value)} ({self.spread:.2f}){mark}"


class Key(NamedTuple):
    """What a cell is about."""

    workload: str
    threads: int
    rival: str
    busy: bool = False


Cells = dict[Key, Cell]


def short(value: float) -> str:
    """Return three significant digits, and thousands in full."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def cells(records: list[Result]) -> Cells:
    """Gather the timings of each workload, number of threads and rival."""
    groups: dict[Key, list[Result]] = {}
    for r in records:
        if "value" in r:
            key = Key(r["workload"], r["threads"], r["rival"], "busy" in r)
            groups.setdefault(key, []).append(r)
    found = {}
    for key, group in groups.items():
        values = [value for r in group for value in r["value"]]
        foreign = statistics.median(share for r in group for share in r["foreign"])
        spread = max(values) / min(values)
        found[key] = Cell(statistics.median(values), spread, foreign)
    return found


def ratio(name: str, ours: float, theirs: float) -> float:
    """Return how many times better `ours` is, in the unit of a workload."""
    more_is_better = workloads.WORKLOADS[name].unit == "rows/s"
    return ours / theirs if more_is_better else theirs / ours


def best_rival(found: Cells, name: str, threads: int) -> str | None:
    """Return the best of the others on a workload."""
    best = None
    for key, cell in found.items():
        if key[:2] != (name, threads) or key.rival == "pynn" or key.busy:
            continue
        if best is None or ratio(name, cell.value, found[best].value) > 1:
            best = key
    return best.rival if best else None


def lead(found: Cells, name: str, threads: int) -> float | None:
    """Return how far pynn is ahead of the best rival; below 1 it is behind."""
    ours, best = found.get(Key(name, threads, "pynn")), best_rival(found, name, threads)
    if not ours or not best:
        return None
    return ratio(name, ours.value, found[Key(name, threads, best)].value)


def row(found: Cells, name: str, threads: int, names: list[str]) -> list[str]:
    """Return the cells of one workload, the best in bold, and pynn's lead."""
    work, ahead = workloads.WORKLOADS[name], lead(found, name, threads)
    best = "pynn" if (ahead or 0) >= 1 else best_rival(found, name, threads)
    texts = []
    for rival in names:
        text = str(found.get(Key(name, threads, rival), ""))
        texts.append(f"**{text}**" if rival == best else text)
    ends = [work.unit, *texts, f"{ahead:.2f}" if ahead else ""]
    return [name, work.title, str(threads), *ends]


def table(found: Cells, kind: type) -> str:
    """Return the table of all workloads of a kind."""
    here = [
        k for k in found if not k.busy and isinstance(workloads.WORKLOADS[k[0]], kind)
    ]
    present = {key.rival for key in here}
    names = [r for r in RIVALS if r in present]
    head = ["", "work", "threads", "unit", *names, "pynn's lead"]
    keys = sorted({key[:2] for key in here}, key=lambda key: (key[1], key[0]))
    return markdown([head, *(row(found, *key, names) for key in keys)])


def busy_table(found: Cells) -> str:
    """Return what one and two threads of pynn take, alone and beside a busy core."""
    rows = [["", "unit", "1 thread", "2 threads", "1, busy", "2, busy"]]
    for name in workloads.WORKLOADS:
        keys = [
            Key(name, threads, "pynn", busy)
            for busy in (False, True)
            for threads in (1, 2)
        ]
        if keys[-1] in found:
            unit = workloads.WORKLOADS[name].unit
            rows.append([name, unit, *(str(found.get(key, "")) for key in keys)])
    return markdown(rows)


def startup_table(records: list[Result], found: Cells) -> str:
    """Return the table of import time, memory and size on disk."""
    rows = [["library", "import beyond NumPy, ms", "peak memory, MB", "on disk, MB"]]
    for rival in RIVALS:
        if Key("S1", 1, rival) not in found:
            continue
        mine = [r for r in records if (r["workload"], r["rival"]) == ("S1", rival)]
        memory = statistics.median(value for r in mine for value in r["rss_mb"])
        size = mine[-1]["installed_mb"]
        cell = str(found[Key("S1", 1, rival)])
        rows.append([rival, cell, f"{memory:.0f}", f"{size:.1f}" if size else ""])
    return markdown(rows)


def products_table(result: Result) -> str:
    """Return GFLOP/s and percent of the peak for each product and library."""
    if not result.get("kernels") or not result.get("limits"):
        return UNKNOWN
    peak = result["limits"]["1"]["fma"]
    names = {"y": "forward", "dw": "dW", "dx": "dX"}
    speeds = {rival: found["products"] for rival, found in result["kernels"].items()}
    head = [f"{rival} {text}" for rival in speeds for text in names.values()]
    rows = [["batch x in x out", *head]]
    for shape in next(iter(speeds.values())):
        values = [found[shape][name] for found in speeds.values() for name in names]
        rows.append([shape, *(f"{v:.0f} ({v / peak:.0%})" for v in values)])
    return markdown(rows)


def updates_table(result: Result) -> str:
    """Return million parameters per second by the level that holds them."""
    if not result.get("kernels"):
        return UNKNOWN
    kernels = result["kernels"]
    levels = list(next(iter(kernels.values()))["updates"])
    rows = [["Adam, million parameters/s", *levels]]
    for rival, found in kernels.items():
        rows.append([rival, *(short(found["updates"][level]) for level in levels)])
    return markdown(rows)


def limits_table(result: Result) -> str:
    """Return what was measured of the machine."""
    if not result.get("limits"):
        return UNKNOWN
    rows = [["", *(f"{cores} core" for cores in result["limits"])]]
    rows[0][2:] = [f"{head}s" for head in rows[0][2:]]
    for name in next(iter(result["limits"].values())):
        unit = "FMA, GFLOP/s" if name == "fma" else f"{name}, GB/s"
        values = (short(found[name]) for found in result["limits"].values())
        rows.append([unit, *values])
    return markdown(rows)


def roofline_table(result: Result, found: Cells) -> str:
    """Return the least time of each workload, and how near to it pynn is."""
    if not result.get("limits"):
        return UNKNOWN
    sizes = result.get("caches") or limits.cache_sizes()
    head = ["", "threads", "unit", "Mflop", "MB", "held in", "by peak", "by bandwidth"]
    rows = [[*head, "pynn", "of the bound"]]
    for threads in (1, 2):
        for name in workloads.WORKLOADS:
            cell = found.get(Key(name, threads, "pynn"))
            if name[0] not in "WI" or not cell or str(threads) not in result["limits"]:
                continue
            least = limits.bound(name, threads, result["limits"], sizes)
            work = workloads.WORKLOADS[name]
            texts = [short(least[k]) for k in ("compute", "memory")]
            reached = ratio(name, cell.value, least["bound"])
            row = [name, str(threads), work.unit, short(least["mflop"])]
            row += [short(least["mb"]), least["level"], *texts, short(cell.value)]
            rows.append([*row, f"{reached:.0%}"])
    return markdown(rows)


def front_table(found: Cells) -> str:
    """Return the short table of the front page: one thread, without spreads."""
    rows = [["work, one thread", "unit", *COLUMNS.values()]]
    for name, work in workloads.WORKLOADS.items():
        keys = [Key(name, 1, rival) for rival in COLUMNS]
        if keys[0] not in found:
            continue
        ahead = lead(found, name, 1) or 1
        best = "pynn" if ahead >= 1 else best_rival(found, name, 1)
        texts = [short(found[k].value) if k in found else "" for k in keys]
        bold = [
            f"**{text}**" if key.rival == best else text
            for key, text in zip(keys, texts, strict=True)
        ]
        rows.append([work.title, work.unit, *bold])
    return markdown(rows)


def losses(found: Cells) -> str:
    """Name every workload on which a rival is ahead."""
    lines = []
    for name, threads in sorted({key[:2] for key in found if key.rival == "pynn"}):
        ahead, best = lead(found, name, threads), best_rival(found, name, threads)
        if ahead is not None and ahead < 1:
            who, title = COLUMNS.get(best, best), workloads.WORKLOADS[name].title
            count = f"{threads} thread{'s' * (threads > 1)}"
            lines.append(f"- {title}, {count}: {who}, {1 / ahead:.2f} times as fast.")
    return "\n".join(lines) or "Nowhere in what is measured."


def markdown(rows: list[list[str]]) -> str:
    """Return rows as a table; the first is its head."""
    lines = ["| " + " | ".join(cells) + " |" for cells in rows]
    lines.insert(1, "|---" * len(rows[0]) + "|")
    return "\n".join(lines)


def machine_text(result: Result) -> str:
    """Describe where the figures come from."""
    m = result["machine"]
    versions = ", ".join(f"{name} {v}" for name, v in m["versions"].items())
    data = "MNIST" if result["mnist"] else "noise in the shape of MNIST"
    return (
        f"{m['cpu']}, {m['cpus']} CPUs; {m['system']}, Python {m['python']},"
        f" {m['compiler']}; {versions}; W3 and W4 on {data}; {result['date']}."
    )


def pages(result: Result) -> dict[Path, dict[str, str]]:
    """Return what stands between the markers of each page."""
    found = cells(result["records"])
    details = {
        "machine": machine_text(result),
        "training": table(found, workloads.Training),
        "inference": table(found, workloads.Inference),
        "busy": busy_table(found),
        "startup": startup_table(result["records"], found),
        "limits": limits_table(result),
        "roofline": roofline_table(result, found),
        "products": products_table(result),
        "updates": updates_table(result),
    }
    return {
        DETAILS: details,
        FRONT: {"measured": front_table(found), "losses": losses(found)},
    }


def rendered(text: str, parts: dict[str, str]) -> str:
    """Return a page with its marked parts replaced.

    Raises
    ------
    ValueError
        If the page does not have the markers of a part.
    """
    for name, content in parts.items():
        pattern = rf"(<!-- begin {name} -->\n).*?(<!-- end {name} -->)"
        new = re.compile(pattern, re.DOTALL)
        if not new.search(text):
            raise ValueError(f"no markers for {name}")
        text = new.sub(lambda m, c=content: f"{m[1]}{c}\n{m[2]}", text)
    return text


def write(result: Result) -> None:
    """Rewrite the pages."""
    for page, parts in pages(result).items():
        page.write_text(rendered(page.read_text(), parts))
