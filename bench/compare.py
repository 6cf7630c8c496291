# SPDX-License-Identifier: BSD-3-Clause
"""Measure all rivals side by side and rewrite the tables of bench/README.md.

    python bench/compare.py
    python bench/compare.py --workloads W3 I1a --rivals pynn jax_scan --threads 1

Every measurement is a process of its own, and the rivals take turns: round after round,
each round beginning with another one, so that a busy minute does not hit one of them
alone. Results of workloads that are not measured again are kept.
"""

from __future__ import annotations

import argparse
import datetime
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import machine

HERE = Path(__file__).parent
LIMIT = 600  # seconds for one process


def child(rival: str, workload: str, threads: int, repeats: int) -> dict[str, Any]:
    """Run `measure.py` and return its record; a failure is a record too."""
    command = [sys.executable, str(HERE / "measure.py")]
    command += ["--rival", rival, "--workload", workload]
    command += ["--threads", str(threads), "--repeats", str(repeats)]
    record = {"rival": rival, "workload": workload, "threads": threads}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        return record | {"failed": f"not done after {LIMIT} s"}
    if done.returncode:
        return record | {"failed": done.stderr.strip().splitlines()[-1]}
    return json.loads(done.stdout.splitlines()[-1])


def run(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Take all measurements of this call, in turns."""
    records, hopeless = [], set()
    for turn in range(options.rounds):
        shift = turn % len(options.rivals)
        order = options.rivals[shift:] + options.rivals[:shift]
        for workload in options.workloads:
            for threads in options.threads:
                for rival in order:
                    key = (workload, threads, rival)
                    if key in hopeless or (workload == "S1" and threads > 1):
                        continue
                    record = child(rival, workload, threads, options.repeats)
                    records.append(record)
                    if "values" not in record:
                        hopeless.add(key)
                    show(turn, record)
    return records


def show(turn: int, record: dict[str, Any]) -> None:
    """Print one line about a measurement."""
    text = record.get("skipped") or record.get("failed")
    if not text:
        values = " ".join(f"{v:.4g}" for v in record["values"])
        text = f"{values}  (others: {record['foreign_cores']:.2f} cores)"
    where = f"{record['workload']:4} {record['threads']} {record['rival']:12}"
    print(f"{turn + 1}  {where} {text}", flush=True)


def result_file() -> Path:
    """Return the file for this machine, named after its CPU."""
    info = machine.describe()
    name = f"{info['cpu']} {info['cpus']} cpus".lower().replace("(r)", "")
    return HERE / "results" / f"{re.sub(r'[^a-z0-9]+', '-', name).strip('-')}.json"


def merged(path: Path, records: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the new records with what the file has on other measurements."""
    import workloads

    old = json.loads(path.read_text())["records"] if path.exists() else []
    names = ("workload", "threads", "rival")
    new = {tuple(r[k] for k in names) for r in records}
    kept = [r for r in old if tuple(r[k] for k in names) not in new]
    try:
        peak = machine.peak_gflops()
    except (OSError, subprocess.CalledProcessError):
        peak = None
    return {
        "date": datetime.date.today().isoformat(),
        "machine": machine.describe(),
        "peak_gflops": peak,
        "mnist": workloads.mnist_is_real(),
        "records": kept + records,
    }


def parse() -> argparse.Namespace:
    """Parse the command line."""
    import workloads
    from rivals import RIVALS

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    every, all_rivals = list(workloads.WORKLOADS), list(RIVALS)
    parser.add_argument("--workloads", nargs="+", choices=every, default=every)
    parser.add_argument("--rivals", nargs="+", choices=all_rivals, default=all_rivals)
    parser.add_argument("--threads", nargs="+", type=int, default=[1])
    parser.add_argument("--rounds", type=int, default=5, help="processes for each")
    parser.add_argument("--repeats", type=int, default=3, help="timings in a process")
    parser.add_argument("--file", type=Path, help="results (default: by machine)")
    parser.add_argument("--render", action="store_true", help="only write the tables")
    return parser.parse_args()


def main() -> None:
    """Measure, save, and write the tables."""
    import tables

    options = parse()
    path = options.file or result_file()
    if not options.render:
        result = merged(path, run(options))
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(result, indent=1) + "\n")
    tables.render(json.loads(path.read_text()))


if __name__ == "__main__":
    main()
