# SPDX-License-Identifier: BSD-3-Clause
"""Measure all rivals side by side; rewrite the tables of the two READMEs.

    python bench/compare.py                 everything: some 15 minutes
    python bench/compare.py --workloads W3 I1a --rivals pynn jax_scan --threads 1
    python bench/compare.py --render        only the tables, from the saved results

For each workload and number of threads, every rival is made ready in a process of its
own; then they take turns, one timing each, while the others are stopped. A timing that
other processes disturbed is taken again. All this is done twice, with new processes.
Results of what is not measured again are kept.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import machine

HERE = Path(__file__).parent
LIMIT = 300  # seconds for one answer
PATIENCE = 15  # seconds of a timing after which there is no other in this round
QUIET = 0.05  # share of our CPUs that others may have without a second try
# Of those in rivals/, the ones that lead anywhere; the others on request.
RIVALS = ["pynn", "numpy", "sklearn", "torch", "jax_scan", "onnxruntime"]
BUSY = ["W3", "W4", "W5", "W6", "I2b"]  # measured beside a process that is always busy

Record = dict[str, Any]


class Worker:
    """A process of `measure.py` that is stopped when it is not asked."""

    def __init__(self, rival: str, threads: int) -> None:
        self.rival, self.threads = rival, threads
        self.start()

    def start(self) -> None:
        """Start the process."""
        command = [sys.executable, str(HERE / "measure.py")]
        command += ["--rival", self.rival, "--threads", str(self.threads)]
        pipe = subprocess.PIPE
        env = dict(os.environ)
        env.pop("PYTHONDONTWRITEBYTECODE", None)  # installed packages have theirs
        self.process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, text=True, env=env
        )

    def ask(self, **request: object) -> Record:
        """Send a request and return the answer; a failure is an answer too."""
        self.process.send_signal(signal.SIGCONT)
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            if select.select([self.process.stdout], [], [], LIMIT)[0]:
                answer = self.process.stdout.readline()
                if answer:
                    self.process.send_signal(signal.SIGSTOP)
                    return json.loads(answer)
                failed = f"ended with status {self.process.wait()}"
            else:
                failed = f"no answer in {LIMIT} s"
        except BrokenPipeError:
            failed = "ended"
        self.stop()
        self.start()
        return {"failed": failed}

    def stop(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.communicate()


@contextlib.contextmanager
def workers(rivals: list[str], threads: int) -> Iterator[list[Worker]]:
    """Start a process for each rival, and end them afterwards."""
    started = [Worker(rival, threads) for rival in rivals]
    try:
        yield started
    finally:
        for worker in started:
            worker.stop()


def timing(worker: Worker, tries: int) -> Record:
    """Take a timing; of several that others disturbed, return the quietest."""
    answers: list[Record] = []
    while len(answers) < tries:
        answers.append(worker.ask())
        if "failed" in answers[-1]:
            return answers[-1]
        if answers[-1]["foreign"] <= QUIET or answers[-1]["took_s"] > PATIENCE:
            break
    return min(answers, key=lambda answer: answer["foreign"])


def turns(
    crew: list[Worker],
    workload: str,
    options: argparse.Namespace,
    right: set[tuple[str, str, int]],
    **tags: bool,
) -> list[Record]:
    """Let all rivals of a crew take turns on a workload; return a record of each.

    `right` gathers rivals and workloads whose numbers need no second check.
    """
    records, ready = [], []
    for worker in crew:
        record = {"rival": worker.rival, "workload": workload}
        record |= {"threads": worker.threads, **tags}
        known = (worker.rival, workload, worker.threads)
        record |= worker.ask(workload=workload, check=known not in right)
        records.append(record)
        if not record.keys() & {"skipped", "failed"}:
            ready.append((worker, record))
            right.add(known)
    for turn in range(1 if workload == "S1" else options.repeats):
        shift = turn % max(1, len(ready))
        for worker, record in ready[shift:] + ready[:shift]:
            if "failed" in record or max(record.get("took_s", [0])) > PATIENCE:
                continue  # threads may spin for minutes, waiting for a busy core
            answer = timing(worker, 1 if workload == "S1" or tags else options.tries)
            if "failed" in answer:
                record |= answer
                continue
            for key, value in answer.items():
                record.setdefault(key, []).append(value)
    for record in records:
        show(record)
    return records


def show(record: Record) -> None:
    """Print one line about a measurement."""
    text = record.get("skipped") or record.get("failed")
    if not text:
        values = " ".join(f"{v:.4g}" for v in record["value"])
        text = f"{values}  (others: {max(record['foreign']):.0%})"
    where = f"{record['workload']:4} {record['threads']} {record['rival']:12}"
    print(where, "beside a busy core " if record.get("busy") else "", text, flush=True)


def run(options: argparse.Namespace) -> Iterator[list[Record]]:
    """Take all timings of this call; yield the records of each workload."""
    names = [name for name in options.workloads if name[0] in "WI"]
    right: set[tuple[str, str, int]] = set()
    for _ in range(options.rounds):
        for threads in options.threads:
            with workers(options.rivals, threads) as crew:
                for name in names:
                    yield turns(crew, name, options, right)
    if "S1" in options.workloads:
        for _ in range(options.rounds * options.repeats):
            with workers(options.rivals, 1) as crew:
                yield turns(crew, "S1", options, right)
    if options.busy and "pynn" in options.rivals:
        yield from run_busy(options)


def run_busy(options: argparse.Namespace) -> Iterator[list[Record]]:
    """Time pynn while a process keeps a core busy that it would else use."""
    cpus = sorted(os.sched_getaffinity(0))
    names = [name for name in BUSY if name in options.workloads]
    if len(cpus) < 2 or not names:
        return
    hog = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        os.sched_setaffinity(hog.pid, {cpus[-2]})  # one thread is bound to the last
        for threads in (1, 2):
            with workers(["pynn"], threads) as crew:
                for name in names:
                    yield turns(crew, name, options, set(), busy=True)
    finally:
        hog.kill()
        hog.wait()


def result_file() -> Path:
    """Return the file for this machine, named after its CPU."""
    info = machine.describe()
    name = f"{info['cpu']} {info['cpus']} cpus".lower().replace("(r)", "")
    return HERE / "results" / f"{re.sub(r'[^a-z0-9]+', '-', name).strip('-')}.json"


def merged(old: Record, new: Record) -> Record:
    """Return the new results with the old ones of what was not measured again."""

    def key(record: Record) -> tuple[object, ...]:
        return *(record[k] for k in ("workload", "threads", "rival")), "busy" in record

    measured = {key(record) for record in new["records"]}
    kept = [r for r in old.get("records", []) if key(r) not in measured]
    return old | new | {"records": kept + new["records"]}


def measure(options: argparse.Namespace) -> Iterator[Record]:
    """Measure what was asked for; yield all that is known after each piece of it."""
    import kernels
    import limits
    import workloads

    result: Record = {
        "date": datetime.date.today().isoformat(),
        "machine": machine.describe(),
        "mnist": workloads.mnist_is_real(),
        "records": [],
    }
    for records in run(options):
        result["records"] += records
        yield result
    if options.limits:
        result["limits"] = limits.measure()
        result["caches"] = limits.cache_sizes()
    if options.kernels:
        rivals = [rival for rival in options.rivals if rival in kernels.MAKERS]
        result["kernels"] = kernels.compare(rivals)
    yield result


def parse() -> argparse.Namespace:
    """Parse the command line."""
    import rivals
    import workloads

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    every = list(workloads.WORKLOADS)
    parser.add_argument("--workloads", nargs="*", choices=every, default=every)
    parser.add_argument("--rivals", nargs="+", choices=rivals.RIVALS, default=RIVALS)
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--rounds", type=int, default=2, help="processes for each")
    parser.add_argument("--repeats", type=int, default=3, help="timings in a process")
    parser.add_argument("--tries", type=int, default=2, help="for one timing, at most")
    parser.add_argument("--file", type=Path, help="results (default: by machine)")
    parser.add_argument("--render", action="store_true", help="only write the tables")
    for part in ("busy", "kernels", "limits"):
        parser.add_argument(f"--no-{part}", dest=part, action="store_false")
    return parser.parse_args()


def main() -> None:
    """Measure, save, and write the tables."""
    import tables

    options = parse()
    path = options.file or result_file()
    path.parent.mkdir(exist_ok=True)
    old = new = json.loads(path.read_text()) if path.exists() else {}
    if not options.render:
        for result in measure(options):
            new = merged(old, result)
            path.write_text(json.dumps(new, indent=1) + "\n")
    tables.write(new)


if __name__ == "__main__":
    main()
