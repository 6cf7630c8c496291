# SPDX-License-Identifier: BSD-3-Clause
"""Count the instructions of the hot paths, and compare with what they took before.

    python bench/instructions.py OBJECTS            compare; exit 1 if one takes more
    python bench/instructions.py OBJECTS --update   record what they take now

OBJECTS is a folder with the compiled core (``build/editable``, say). Counts depend on
the compiler and on nothing that runs beside, so they tell in a busy place, too, whether
a change made a path longer. Callgrind does not know AVX-512: it is v3 that is counted.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
CSRC = HERE.parent / "csrc"
RECORD = HERE / "instructions.json"
LEVEL = "v3"
# The same compiler gives the same counts but for a few in libc (alignment of arrays).
TOLERANCE = 0.03

Counts = dict[str, int]


def core_objects(folder: Path) -> list[Path]:
    """Return the compiled files of the core below a folder.

    Raises
    ------
    FileNotFoundError
        If one is missing.
    """
    sources = [*CSRC.glob("*.c"), *(CSRC / "kernels").glob("kernels_*.c")]
    found = {path.name.split(".")[0]: path for path in sorted(folder.rglob("*.o"))}
    missing = {p.stem for p in sources} - set(found) - {"kernels_neon"}
    if missing:
        raise FileNotFoundError(f"{folder} has no objects of {sorted(missing)}")
    return [found[p.stem] for p in sources if p.stem in found]


def compiler(objects: list[Path]) -> str:
    """Return the name and major version of what compiled the kernels."""
    (kernels,) = [p for p in objects if p.name.startswith(f"kernels_{LEVEL}.")]
    content = kernels.read_bytes()
    if version := re.search(rb"clang version (\d+)", content):
        return f"clang {version[1].decode()}"
    version = re.search(rb"GCC: \([^)]*\) (\d+)", content)
    return f"gcc {version[1].decode()}" if version else "unknown compiler"


def count(objects: list[Path]) -> Counts:
    """Run every path under callgrind; return instructions per step by name."""
    with tempfile.TemporaryDirectory() as folder:
        program, out = Path(folder) / "hot_paths", Path(folder) / "callgrind"
        link = ["cc", "-O2", "-std=gnu11", f"-I{CSRC}", HERE / "hot_paths.c", *objects]
        subprocess.run([*link, "-o", program, "-lm", "-lpthread"], check=True)
        command = ["valgrind", "--tool=callgrind", "--dump-after=lap"]
        command += ["--combine-dumps=yes", f"--callgrind-out-file={out}"]
        done = subprocess.run(
            [*command, program, LEVEL], capture_output=True, text=True
        )
        if done.returncode:
            sys.exit(done.stderr)
        totals = [int(n) for n in re.findall(r"^totals: (\d+)", out.read_text(), re.M)]
    paths = [line.split(maxsplit=1) for line in done.stdout.splitlines()]
    runs = totals[1::2]  # between them stand the warm-ups
    if not paths or len(runs) < len(paths):
        sys.exit(f"{len(runs)} counts of {len(paths)} paths")
    return {
        name: round(run / int(steps))
        for (steps, name), run in zip(paths, runs, strict=False)
    }


def compare(now: Counts, before: Counts) -> list[str]:
    """Print one line a path; return those that take more, or are not on record."""
    worse = []
    for name, n in now.items():
        old = before.get(name)
        change = n / old - 1 if old else 0.0
        print(f"{name:36} {n:12,}  {f'{change:+.1%}' if old else 'new'}")
        if old is None or change > TOLERANCE:
            worse.append(name)
        elif change < -TOLERANCE:
            print(f"NOTE {name} takes {-change:.0%} fewer instructions: --update")
    return worse + sorted(set(before) - set(now))


def main() -> None:
    """Parse the command line; exit with the paths that take more."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("objects", type=Path)
    parser.add_argument("--update", action="store_true")
    options = parser.parse_args()
    objects = core_objects(options.objects)
    record = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    key = f"{compiler(objects)}, {LEVEL}"
    now = count(objects)
    if options.update:
        record[key] = now
        RECORD.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")
    if key not in record:
        print(f"NOTE no instruction counts on record for {key}, only {list(record)}")
    worse = compare(now, record.get(key, now))
    if worse:
        sys.exit(f"more instructions than on record for {key}: {', '.join(worse)}")
    print(f"NOTE {len(now)} paths, {key}: no more instructions than on record")


if __name__ == "__main__":
    main()
