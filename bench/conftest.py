# SPDX-License-Identifier: BSD-3-Clause
"""Pins the process before any library is loaded, and puts the machine on record.

``PYNN_BENCH_THREADS`` (1 by default) is the number of threads and CPUs for everyone.
"""

import os
import subprocess

import limits
import machine
import pytest

THREADS = int(os.environ.get("PYNN_BENCH_THREADS", "1"))
machine.pin(THREADS)


def pytest_configure(config):
    """What rivals warn about is not ours to fix."""
    config.addinivalue_line("filterwarnings", "default")


def pytest_benchmark_update_machine_info(config, machine_info):
    """Add what pytest-benchmark does not look at."""
    machine_info.update(machine.describe(), threads=THREADS)


@pytest.fixture(scope="session")
def threads():
    """Threads that this process is pinned to."""
    return THREADS


@pytest.fixture(scope="session")
def peak():
    """Peak GFLOP/s of one core by element type, or None without a compiler."""
    try:
        sizes = {"float32": 4, "float64": 8}
        return {name: limits.peak_gflops(size) for name, size in sizes.items()}
    except (OSError, subprocess.CalledProcessError):
        return None
