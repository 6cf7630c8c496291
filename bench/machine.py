# SPDX-License-Identifier: BSD-3-Clause
"""Pin a process before anything is imported, and describe the machine it runs on."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).parent
_VARIABLES = (
    "PYNN_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
)
_DISTRIBUTIONS = ("pynn", "numpy", "scikit-learn", "torch", "jax", "keras")


def pin(threads: int) -> None:
    """Give this process that many CPUs, and its libraries that many threads.

    Call it before NumPy or any rival is imported: most read their settings once. XLA
    and OpenMP also count the CPUs that the process may run on.
    """
    for name in _VARIABLES:
        os.environ[name] = str(threads)
    os.environ["JAX_PLATFORMS"] = "cpu"
    os.environ["KERAS_BACKEND"] = "jax"
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    if threads == 1:
        os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    if hasattr(os, "sched_setaffinity"):
        cpus = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, cpus[-threads:])


def describe() -> dict[str, object]:
    """Return CPU, memory, compiler and the versions of what is installed."""
    return {
        "cpu": cpu_name(),
        "cpus": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "compiler": compiler(),
        "versions": versions(),
    }


def cpu_name() -> str:
    """Return the model name of the CPU."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1] for line in lines if line.startswith("model name")]
    return names[0].strip() if names else platform.machine()


def compiler() -> str:
    """Return the first line that ``cc --version`` prints."""
    try:
        done = subprocess.run(
            ["cc", "--version"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "none"
    return done.stdout.splitlines()[0]


def versions() -> dict[str, str]:
    """Return the installed versions of pynn and its rivals."""
    found = {}
    for name in (*_DISTRIBUTIONS, "onnxruntime"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def installed_mb(names: Sequence[str]) -> float | None:
    """Return the size of distributions with all that they require, but for NumPy."""
    seen, waiting, total = {"numpy"}, list(names), 0
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        try:
            found = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        paths = [Path(str(found.locate_file(file))) for file in found.files or ()]
        total += sum(path.stat().st_size for path in paths if path.is_file())
        for line in found.requires or ():
            if "extra ==" not in line:
                required = re.match(r"[\w.-]+", line)
                waiting.append(re.sub(r"[-_.]+", "-", required[0]).lower())
    return total / 1e6 if total else None


def peak_gflops(itemsize: int = 4) -> float:
    """Measure the FMA peak of one core in GFLOP/s, by a C loop that does nothing else.

    Raises
    ------
    OSError, subprocess.CalledProcessError
        If there is no C compiler.
    """
    kind = {4: "float", 8: "double"}[itemsize]
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "peak"
        flags = ["-O3", "-march=native", "-ffp-contract=fast", f"-DREAL={kind}"]
        source = str(HERE / "peak.c")
        subprocess.run(["cc", *flags, source, "-o", program], check=True)
        runs = [subprocess.check_output([program]) for _ in range(3)]
    return max(map(float, runs))


class ForeignLoad:
    """Measure how many cores other processes used while a block ran.

    Attributes
    ----------
    cores : float
        Valid after the block; 0 where the system does not tell.
    """

    cores = 0.0

    def __enter__(self) -> ForeignLoad:
        self._start = self._now()
        return self

    def __exit__(self, *error: object) -> None:
        wall, busy, own = (b - a for a, b in zip(self._start, self._now(), strict=True))
        self.cores = max(0.0, (busy - own) / wall) if wall > 0 and busy > 0 else 0.0

    @staticmethod
    def _now() -> tuple[float, float, float]:
        """Return wall time, busy time of all CPUs, CPU time of this process."""
        try:
            fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
        except OSError:
            return time.perf_counter(), 0.0, time.process_time()
        user, nice, system, _idle, _iowait, irq, softirq, _steal = map(int, fields)
        busy = (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")
        return time.perf_counter(), busy, time.process_time()


if __name__ == "__main__":
    for key, value in describe().items():
        print(f"{key}: {value}")
    print(f"peak: {peak_gflops():.0f} GFLOP/s float32 on one core", file=sys.stdout)
