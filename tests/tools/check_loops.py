# SPDX-License-Identifier: BSD-3-Clause
"""Look at the hot loops of compiled kernels: ``check_loops.py OBJECT...``.

An object is a ``kernels_LEVEL.o``. Every innermost loop of the functions that RULES
names is held against what was written: for a product tile of mr x nv vectors, mr * nv
multiply-adds, nv vectors and mr broadcasts from memory a step; in all of them, no
vector register stored to the stack. Loops may be unrolled or split: counts are per
step. Nothing is executed, so every level can be checked on any machine whose objdump
knows it (OBJDUMP names another one).
"""

import dataclasses
import itertools
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

Graph = dict[int, set[int]]  # where each instruction, by address, goes on


@dataclasses.dataclass(frozen=True)
class Level:
    """How an instruction set shows in the output of objdump, as patterns."""

    registers: int
    vector: str  # uses a vector register as wide as the level has them
    fma: str  # multiply-add; v2: the addition that stands for it
    load: str  # reads a vector from memory, as an operand too
    broadcast: str  # from memory
    store: str = r"v?mov[au]p[sd] %[xyz]mm.*\)$"
    root: str = r"v?sqrtp[sd]"
    divide: str = r"v?divp[sd]"
    stack: str = r".*\((%rsp|frame)[,)]"


_FMA = r"vfn?m(add|sub)\d+p[sd]"
_LOAD = r"(?!vbroadcast|.*\{1to).*\(.*%[xyz]mm\d+$"
_BROADCAST = r"vbroadcasts[sd] .*\(|vmovddup .*\(|.*\{1to"
LEVELS = {
    "v2": Level(
        16,
        vector=r".*%xmm\d",
        fma=r"addp[sd]",
        load=r"(?!movs[sd]|movddup).*\(.*%xmm\d+$",
        broadcast=r"(movs[sd]|movddup) .*\(",
    ),
    "v3": Level(16, r".*%ymm\d", _FMA, _LOAD, _BROADCAST),
    "v4": Level(32, r".*%zmm\d", _FMA, _LOAD, _BROADCAST),
    "neon": Level(
        32,
        vector=r".*\b(q\d|v\d+\.(4s|2d))",
        fma=r"fml[as] v",
        load=r"ld[rpu]+ q",
        broadcast=r"ld1r|ld[rp] [sd]\d",
        store=r"st[rpu]+ q",
        root=r"fsqrt",
        divide=r"fdiv v",
        stack=r".*\[(sp|frame)\b",
    ),
}


@dataclasses.dataclass(frozen=True)
class Line:
    """One instruction."""

    address: int
    text: str

    def after(self) -> set[int]:
        """Return the address that it may jump to, if it is a jump."""
        jump = r"(j\w+|b|b\.\w+|cbn?z|tbn?z) (.*, )?([0-9a-f]+) <"
        found = re.match(jump, self.text)
        return {int(found[3], 16)} if found else set()

    def ends(self) -> bool:
        """Return whether the next instruction is not reached from here."""
        return bool(re.match(r"(jmp|ret|b|br|ud2)( |$)", self.text))


class Function(list[Line]):
    """The instructions of a function, or of a loop."""

    def count(self, *patterns: str) -> int:
        """Count the instructions that match all patterns; those of a pair twice."""
        texts = [t.text for t in self if all(re.match(p, t.text) for p in patterns)]
        return sum(2 if text.startswith(("ldp", "stp")) else 1 for text in texts)

    def graph(self) -> Graph:
        """Return the edges between instructions."""
        known = {line.address for line in self}
        edges = {line.address: line.after() & known for line in self}
        for line, following in itertools.pairwise(self):
            if not line.ends():
                edges[line.address].add(following.address)
        return edges

    def loops(self) -> Iterator["Function"]:
        """Yield the loops that hold no other loop."""
        graph = self.graph()
        waiting = cycles(graph)
        while waiting:
            part = waiting.pop()
            entries = {n for node in set(graph) - part for n in graph[node] & part}
            head = min(entries or part)
            inner = cycles({n: (graph[n] & part) - {head} for n in part})
            waiting += inner
            if not inner:
                yield Function(line for line in self if line.address in part)


def cycles(graph: Graph) -> list[set[int]]:
    """Return the strongly connected parts that have a cycle (Kosaraju)."""
    back: Graph = {node: set() for node in graph}
    for node, edges in graph.items():
        for edge in edges:
            back[edge].add(node)
    seen: set[int] = set()
    finished = [node for root in graph for node in walk(graph, root, seen)]
    seen = set()
    parts = [set(walk(back, root, seen)) for root in reversed(finished)]
    return [p for p in parts if len(p) > 1 or any(n in graph[n] for n in p)]


def walk(graph: Graph, root: int, seen: set[int]) -> list[int]:
    """Return what a root leads to and was not seen, in the order of finishing."""
    finished = []
    stack = [] if root in seen else [(root, iter(graph[root]))]
    seen.add(root)
    while stack:
        node, edges = stack[-1]
        fresh = next((edge for edge in edges if edge not in seen), None)
        if fresh is None:
            finished.append(node)
            stack.pop()
        else:
            seen.add(fresh)
            stack.append((fresh, iter(graph[fresh])))
    return finished


def disassemble(path: Path) -> str:
    """Return what objdump says about an object."""
    objdump = [os.environ.get("OBJDUMP", "objdump"), "-d", "--no-show-raw-insn"]
    done = subprocess.run([*objdump, path], check=True, capture_output=True, text=True)
    return done.stdout


def functions(dump: str) -> dict[str, Function]:
    """Return the functions by name; suffixes that the compiler added are left out."""
    found: dict[str, Function] = {}
    here = Function()
    for text in dump.splitlines():
        if name := re.match(r"[0-9a-f]+ <([^>.]+)[^>]*>:$", text):
            here = found.setdefault(name[1], Function())
        elif line := re.match(r"\s*([0-9a-f]+):\s+(.*?)\s*$", text):
            here.append(Line(int(line[1], 16), re.sub(r"\s+", " ", line[2])))
    return {name: with_frame(function) for name, function in found.items()}


def with_frame(function: Function) -> Function:
    """Return a function with the frame pointer called so, if it sets one up."""
    for setup, pointer in ((r"mov %rsp,%rbp$", "%rbp"), (r"mov x29, sp$", "x29")):
        if function.count(setup):
            function = Function(
                Line(line.address, line.text.replace(pointer, "frame"))
                for line in function
            )
    return function


def is_clang(path: Path) -> bool:
    """Return whether clang made an object."""
    return b"clang version" in path.read_bytes()


def excused(level: Level, mr: int, nv: int) -> bool:
    """Return whether clang 14 cannot keep a tile in registers.

    It loads all vectors of a step first, where gcc makes them operands of the
    multiply-adds; v2 needs one register more for the product. The one vector of 1 x 1
    stays an array in memory.
    """
    needed = mr * nv + nv + 1 + (level is LEVELS["v2"])
    return needed > level.registers or mr * nv == 1


def check_tile(
    level: Level, loop: Function, mr: int, nv: int, clang: bool
) -> list[str]:
    """Return what is wrong with the loop over k of a tile."""
    fma, tile = loop.count(level.fma, level.vector), mr * nv
    if fma == 0:
        return []  # not that loop
    steps, extra = divmod(fma, tile)
    loads, broadcasts = (
        loop.count(level.load, level.vector),
        loop.count(level.broadcast),
    )
    problems = [f"{fma} multiply-adds, tile has {tile}"] if extra or not steps else []
    if clang and excused(level, mr, nv):
        return problems
    # gcc may read a vector again for each row instead of keeping it in a register
    if not steps * nv <= loads <= steps * tile:
        problems.append(f"{loads} vectors loaded, {nv} needed in each of {steps} steps")
    if broadcasts != steps * mr:
        problems.append(
            f"{broadcasts} broadcasts, {mr} needed in each of {steps} steps"
        )
    stack = loop.count(level.stack, level.vector)
    return [*problems, f"{stack} vectors on the stack"] if stack else problems


def check_adam(level: Level, loop: Function) -> list[str]:
    """Return what is wrong with Adam's loop: no more roots than divisions.

    Fewer where a compiler copies a part of the loop behind the choice of the root.
    """
    roots, divisions = (loop.count(p, level.vector) for p in (level.root, level.divide))
    problems = check_kept(level, loop)
    if not 0 < roots <= divisions:
        problems.append(f"{divisions} divisions, {roots} roots")
    return problems


def check_kept(level: Level, loop: Function) -> list[str]:
    """Return what the loop stores to the stack. Constants may be read from there."""
    spilled = loop.count(level.store, level.stack, level.vector)
    return [f"{spilled} vectors stored to the stack"] if spilled else []


def check_softmax(level: Level, loop: Function) -> list[str]:
    """As `check_kept` on v4; its 16 sums and constants take more than others have."""
    return check_kept(level, loop) if level is LEVELS["v4"] else []


TILE = re.compile(r"\w+_(\d+)x(\d+)_f(?:32|64)")
# functions, what is wrong with a loop of theirs, how many there are at least
RULES = [
    (re.compile(r"update_(adam|amsgrad|nadam)_f(32|64)"), check_adam, 6),
    (
        re.compile(r"update_(sgd|momentum|nesterov|adagrad|lion)_f(32|64)"),
        check_kept,
        10,
    ),
    (re.compile(r"act_(relu|sigmoid|tanh)_(forward|backward)_f32"), check_kept, 6),
    (re.compile(r"act_exponential_forward_f32"), check_kept, 1),
    (re.compile(r"softmax_forward_f32"), check_softmax, 1),
    (re.compile(r"batch_(moments|apply|sums|backward)_f32"), check_kept, 5),
]

# clang 14 spills four of the constants there
GCC_ONLY = {check_softmax}


def check(path: Path) -> tuple[dict[str, int], list[str]]:
    """Return how many loops of each rule an object has, and what is wrong with them.

    Raises
    ------
    KeyError
        If the name of the file does not end in a level.
    """
    level, clang = LEVELS[path.stem.rpartition("_")[2]], is_clang(path)
    found = functions(disassemble(path))
    seen: dict[str, int] = {}
    problems: list[str] = []

    def note(name: str, loop: Function, wrong: list[str]) -> None:
        where = f"{path.name}: {name}, loop at {loop[0].address:#x}: "
        problems.extend(where + text for text in wrong)

    for name, function in found.items():
        if size := TILE.fullmatch(name):
            mr, nv = map(int, size.groups())
            loops = [p for p in function.loops() if p.count(level.fma, level.vector)]
            for loop in loops:
                note(name, loop, check_tile(level, loop, mr, nv, clang))
            if not loops:
                problems.append(f"{path.name}: {name} has no loop of multiply-adds")
            seen["tiles"] = seen.get("tiles", 0) + len(loops)
        for pattern, rule, _ in RULES:
            if not pattern.fullmatch(name):
                continue
            loops = [p for p in function.loops() if p.count(level.vector)]
            for loop in loops if not clang or rule not in GCC_ONLY else []:
                note(name, loop, rule(level, loop))
            seen[pattern.pattern] = seen.get(pattern.pattern, 0) + len(loops)
    minima = {"tiles": 50} | {pattern.pattern: least for pattern, _, least in RULES}
    for what, least in minima.items():
        if seen.get(what, 0) < least:
            problems.append(f"{path.name}: {seen.get(what, 0)} loops of {what}")
    return seen, problems


def main(paths: list[Path]) -> None:
    """Print what was looked at, or exit with what is wrong."""
    if not paths:
        sys.exit(__doc__)
    wrong = []
    for path in paths:
        seen, problems = check(path)
        compiler = "clang" if is_clang(path) else "gcc"
        counts = f"{seen.get('tiles', 0)} tiles, {sum(seen.values())} hot loops"
        print(f"NOTE {compiler}, {path.name}: {counts}, {len(problems)} wrong")
        wrong += problems
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]])
