# SPDX-License-Identifier: BSD-3-Clause
"""Check what a wheel holds: ``python tests/tools/check_wheel.py WHEEL``.

It must be small, carry the library, its types and its data, and bring along no other
library: no OpenMP, no BLAS, no C++ runtime.
"""

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

LIMIT = 2_000_000  # bytes of the wheel file
NEEDED = {
    "pynn/__init__.py",
    "pynn/_core.abi3.so",
    "pynn/_core.pyi",
    "pynn/py.typed",
    "pynn/datasets/digits.bin",
}
SOURCE = {".c", ".h", ".inc", ".pyx", ".pxd", ".pxi"}
SYSTEM = ("libc.so", "libm.so", "libpthread.so", "ld-linux")


def linked(wheel: zipfile.ZipFile, member: str) -> list[str]:
    """Return the libraries that a member asks the loader for."""
    with tempfile.TemporaryDirectory() as folder:
        path = wheel.extract(member, folder)
        command = ["objdump", "-p", path]
        dump = subprocess.run(command, check=True, capture_output=True, text=True)
    return [line.split()[1] for line in dump.stdout.splitlines() if "NEEDED" in line]


def main(path: Path) -> None:
    """Print the size of the wheel, or exit with what is wrong with it."""
    size = path.stat().st_size
    with zipfile.ZipFile(path) as wheel:
        names = wheel.namelist()
        libraries = linked(wheel, "pynn/_core.abi3.so")
        unpacked = sum(item.file_size for item in wheel.infolist())
    problems = [f"missing: {name}" for name in sorted(NEEDED - set(names))]
    problems += [f"source: {name}" for name in names if Path(name).suffix in SOURCE]
    problems += [f"library: {name}" for name in names if ".libs/" in name]
    problems += [f"links {lib}" for lib in libraries if not lib.startswith(SYSTEM)]
    if size > LIMIT:
        problems.append(f"{size} bytes, limit {LIMIT}")
    if problems:
        sys.exit("\n".join(problems))
    print(f"NOTE {path.name}: {size} bytes, {unpacked} unpacked, links {libraries}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
