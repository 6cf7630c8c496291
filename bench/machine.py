# SPDX-License-Identifier: BSD-3-Clause
"""Pin a process before anything is imported, and describe the machine it runs on."""

from __future__ import annotations

import ctypes
import importlib.metadata
import os
import platform
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

_VARIABLES = (
    "PYNN_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
)
# Some machines set these, for another CPU than their own: OpenBLAS, and NumPy with it,
# then runs with kernels and blocks that are not those of the CPU, and slower.
_MISLEADING = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
MEASURABLE = 0.1  # seconds: the system counts in hundredths
_DISTRIBUTIONS = ("pynn", "numpy", "scikit-learn", "torch", "jax", "keras")


def pin(threads: int) -> None:
    """Give this process that many CPUs, and its libraries that many threads.

    Call it before NumPy or any rival is imported: most read their settings once. XLA
    and OpenMP also count the CPUs that the process may run on.
    """
    for name in _MISLEADING:
        os.environ.pop(name, None)
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


def end_with_parent() -> None:
    """Let the system kill this process when the one that started it is gone."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


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


class ForeignLoad:
    """Measure how much of our CPUs others used while a block ran.

    Others are other processes on the CPUs that this one is bound to, and the neighbours
    of a virtual machine.

    Attributes
    ----------
    share : float
        Valid after the block: 0 to 1; 0 where the system does not tell.
    """

    share = 0.0

    def __enter__(self) -> ForeignLoad:
        self._start = self._now()
        return self

    def __exit__(self, *error: object) -> None:
        wall, busy, own = (b - a for a, b in zip(self._start, self._now(), strict=True))
        if wall > MEASURABLE and busy > 0:
            self.share = max(0.0, (busy - own) / (wall * len(os.sched_getaffinity(0))))

    @staticmethod
    def _now() -> tuple[float, float, float]:
        """Return wall time, busy time of our CPUs, CPU time of this process."""
        busy, ours = 0, {f"cpu{n}" for n in os.sched_getaffinity(0)}
        try:
            for line in Path("/proc/stat").read_text().splitlines():
                name, *fields = line.split()
                if name in ours:
                    times = [int(field) for field in fields[:8]]
                    busy += sum(times) - times[3] - times[4]  # idle, waiting
        except OSError:
            pass
        ticks = os.sysconf("SC_CLK_TCK")
        return time.perf_counter(), busy / ticks, time.process_time()


if __name__ == "__main__":
    for key, value in describe().items():
        print(f"{key}: {value}")
