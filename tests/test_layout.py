# SPDX-License-Identifier: BSD-3-Clause
"""The architecture as a test: arrows between files, sizes, and exported names.

Every check reads the source tree, counts what it looked at and fails when that is
nothing. An exception is named here with its reason, and fails when nothing needs it.
"""

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from pynn import _core

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "pynn"
CSRC = ROOT / "csrc"

# Units of the package (a module, or a subpackage), from the top of architecture to the
# bottom. A unit imports from lower levels only, or from its own.
LEVELS = [
    {"__main__"},
    {"cli"},
    {"sklearn", "onnx", "c_export", "distributed"},
    {"saving"},
    {"models"},
    {"_model"},
    {"_summary"},
    {"training"},
    {"_batchwise", "_fit"},
    {"_filed", "_stream"},
    {"_compilable"},
    {"_exam", "_stepper"},
    {"_compiled", "_run", "predictor"},
    {"callbacks"},
    {"_storage"},
    {
        "layers",
        "metrics",
        "optimizers",
        "datasets",
        "utils",
        "random",
        "_feed",
    },
    {"losses"},
    {"plotting"},
    {
        "activations",
        "constraints",
        "initializers",
        "regularizers",
        "data",
        "_values",
        "_info",
        "_plain",
    },
    {"backend", "threads", "_network"},
    {"_moving", "_stages"},
    {"_engine"},
    {"_terms"},
    {"_elementwise", "_lowering"},
    {"_variables", "config", "_frames"},
    {
        "_alias",
        "_arraylike",
        "_checks",
        "_core",
        "_lookup",
        "_names",
        "_ops",
        "_version",
    },
    {"_registry"},
]
# Units that only show names of others.
FACADES = {"__init__"}
ONLY_IMPORTERS_OF_CORE = {"_engine"}

# Packages that a unit needs before it can define anything; all else is imported inside
# the function that uses it, so that `import pynn` loads NumPy alone.
TOP_LEVEL_PACKAGES = {"sklearn": {"sklearn"}}

LINES = {"python": 400, "layer": 200, "C": 600, "pyx": 300, "pynn.h": 400}
LONG_FILES: dict[str, str] = {}
FUNCTION_LINES = {"python": 40, "C": 60}
LONG_FUNCTIONS: dict[str, str] = {}
PUBLIC_C_FUNCTIONS = 25


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def python_files(*folders: str) -> list[Path]:
    found = [p for folder in folders for p in sorted((ROOT / folder).rglob("*.py"))]
    assert found, folders
    return found


def c_files(folder: Path = CSRC) -> list[Path]:
    found = [p for p in sorted(folder.rglob("*")) if p.suffix in {".c", ".h", ".inc"}]
    assert found, folder
    return found


# ---- Python arrows -------------------------------------------------------------------


def module_name(path: Path) -> str:
    """Return the dotted name, of `pynn/layers/dense.py`: `pynn.layers.dense`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def unit(module: str) -> str:
    """Return the part of the package that a module belongs to."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def is_typing_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def walk_running_code(node: ast.AST) -> Iterator[ast.AST]:
    """Walk a tree without the blocks that only a type checker reads."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not is_typing_only(child):
            yield from walk_running_code(child)


def imported(node: ast.AST, modules: set[str]) -> list[str]:
    """Return the modules that one statement imports; `from p import m` names p.m."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, f"relative import of {node.module}"
        inner = [f"{node.module}.{alias.name}" for alias in node.names]
        return [name if name in modules else str(node.module) for name in inner]
    return []


def package_imports() -> dict[str, set[str]]:
    """Return, for every module of the package, the modules of it that it imports."""
    files = python_files("pynn")
    modules = {module_name(path) for path in files} | {"pynn._core"}
    graph: dict[str, set[str]] = {}
    for path in files:
        nodes = walk_running_code(ast.parse(path.read_text()))
        names = {name for node in nodes for name in imported(node, modules)}
        graph[module_name(path)] = {n for n in names if n.split(".")[0] == "pynn"}
    return graph


def test_imports_point_down() -> None:
    level = {name: i for i, names in enumerate(LEVELS) for name in names}
    wrong, arrows = [], 0
    for module, targets in package_imports().items():
        source = unit(module)
        if source in FACADES:
            continue
        assert source in level, f"{module} has no place in LEVELS"
        for target in targets:
            arrows += 1
            allowed = unit(target) == source or (
                unit(target) in level and level[unit(target)] > level[source]
            )
            if not allowed:
                wrong.append(f"{module} -> {target}")
    assert arrows > 0
    assert not wrong


def test_imports_have_no_cycles() -> None:
    graph = package_imports()
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"import cycle: {error.args[1]}")
    assert len(order) >= len(graph) > 0


def test_one_module_imports_core() -> None:
    importers = {unit(m) for m, t in package_imports().items() if "pynn._core" in t}
    assert importers == ONLY_IMPORTERS_OF_CORE


def test_import_loads_numpy_alone() -> None:
    statements, wrong = 0, []
    for path in python_files("pynn"):
        allowed = {"pynn", "numpy"} | TOP_LEVEL_PACKAGES.get(
            unit(module_name(path)), set()
        )
        for node in ast.parse(path.read_text()).body:
            for name in imported(node, set()):
                statements += 1
                top = name.split(".")[0]
                if top not in allowed and top not in sys.stdlib_module_names:
                    wrong.append(f"{relative(path)}: {name}")
    assert statements > 0
    assert not wrong


def test_oracle_never_imports_what_it_judges() -> None:
    allowed = sys.stdlib_module_names | {"numpy", "oracle"}
    names = []
    for path in python_files("tests/oracle"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.level:
                continue  # within the oracle
            names += [name.split(".")[0] for name in imported(node, set())]
    assert names
    assert set(names) <= allowed


# ---- C arrows ------------------------------------------------------------------------

NEVER = {"Python.h", "stdio.h", "numpy"}
INTRINSICS = {"immintrin.h", "arm_neon.h"}
# Below the kernels; and the two files that put the templates together.
UNDER_KERNELS = {"../ops.def", "../rng.h"}
ASSEMBLERS = {"kernels.inc", "templates.inc"}


def includes(path: Path) -> list[str]:
    return re.findall(r'^\s*#\s*include\s+[<"]([^>"]+)[>"]', path.read_text(), re.M)


def include_is_allowed(path: Path, name: str) -> bool:
    """Decide one arrow: the rules of csrc/, each file knowing only what is below it."""
    target = Path(name).name
    in_kernels = (CSRC / "kernels" / target).exists()
    if target in NEVER or name.split("/")[0] in NEVER:
        return False
    if path.name == "pynn.h":
        return name in {"stddef.h", "stdint.h"}
    if target in INTRINSICS:
        return path.name.startswith("simd") and path.parent.name == "kernels"
    if path.parent.name != "kernels":
        return target == "kernels.h" or not in_kernels
    if path.suffix == ".inc" and path.name not in ASSEMBLERS:
        return name == "../ops.def"
    return in_kernels or name in UNDER_KERNELS or not any(CSRC.glob(target))


def test_includes_point_down() -> None:
    arrows = [(path, name) for path in c_files() for name in includes(path)]
    assert arrows
    wrong = [f"{relative(p)} -> {n}" for p, n in arrows if not include_is_allowed(p, n)]
    assert not wrong


def test_bridge_knows_one_header() -> None:
    found = 0
    for path in [*PACKAGE.glob("_core.pyx"), *PACKAGE.glob("_core.pxd")]:
        text = path.read_text()
        headers = set(re.findall(r'cdef extern from "([^"]+)"', text))
        found += len(headers)
        assert headers <= {"pynn.h"}
        imports = re.findall(r"^\s*(?:from|c?import)\s+([\w.]+)", text, re.M)
        assert not [n for n in imports if n.split(".")[0] in {"numpy", "pynn"}]
    assert found > 0


# ---- Sizes ---------------------------------------------------------------------------


def budget(path: Path) -> int:
    if path.suffix == ".py":
        return LINES["layer" if path.parent == PACKAGE / "layers" else "python"]
    if path.suffix in {".pyx", ".pxi"}:
        return LINES["pyx"]
    return LINES.get(path.name, LINES["C"])


def folders(*names: str) -> list[str]:
    return [name for name in names if (ROOT / name).is_dir()]


def test_files_are_short() -> None:
    files = python_files(*folders("pynn", "tests", "bench", "examples"))
    files += c_files() + list((ROOT / "tests").rglob("*.[ch]"))
    files += [*PACKAGE.glob("*.pyx"), *PACKAGE.glob("*.pxi")]
    lines = {p: len(p.read_text().splitlines()) for p in files}
    long = {relative(p): n for p, n in lines.items() if n > budget(p)}
    assert set(long) == set(LONG_FILES), long


def python_functions(path: Path) -> Iterator[tuple[str, int]]:
    """Yield every function with its number of lines, docstring not counted."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            length = node.end_lineno - node.lineno + 1
            first = node.body[0]
            if ast.get_docstring(node) is not None:
                assert first.end_lineno is not None
                length -= first.end_lineno - first.lineno + 1
            yield node.name, length


# clang-format puts the braces of a function body, and no others, alone in column 0.
C_FUNCTION = re.compile(r"^(\w[^;{}#]*?)\n\{\n(.*?)^\}", re.M | re.S)


def c_functions(path: Path) -> Iterator[tuple[str, str, int]]:
    """Yield signature, name and lines of every function body of more than one line."""
    text = re.sub(
        r"/\*.*?\*/", lambda m: "\n" * m[0].count("\n"), path.read_text(), flags=re.S
    )
    for match in C_FUNCTION.finditer(text):
        signature = match[1]
        name = re.search(r"R\((\w+)\)\s*\(|(\w+)\s*\(", signature)
        if name and not signature.rstrip().endswith("\\"):
            yield signature, name[1] or name[2], match[0].count("\n") + 1


def test_functions_are_short() -> None:
    lengths = {}
    for path in python_files(*folders("pynn", "tests", "bench", "examples")):
        for name, lines in python_functions(path):
            lengths[f"{relative(path)}:{name}"] = lines - FUNCTION_LINES["python"]
    n_python = len(lengths)
    for path in c_files():
        for _, name, lines in c_functions(path):
            lengths[f"{relative(path)}:{name}"] = lines - FUNCTION_LINES["C"]
    assert 0 < n_python < len(lengths)
    long = {name: over for name, over in lengths.items() if over > 0}
    assert set(long) == set(LONG_FUNCTIONS), f"lines over the budget: {long}"


# ---- Names ---------------------------------------------------------------------------


def public_c_functions() -> list[str]:
    text = re.sub(r"/\*.*?\*/", "", (CSRC / "pynn.h").read_text(), flags=re.S)
    return re.findall(r"^[\w ]+[ *](\w+)\([^;{}]*\)[^;{}]*;", text, re.M)


def test_header_is_small() -> None:
    names = public_c_functions()
    assert 0 < len(names) <= PUBLIC_C_FUNCTIONS
    assert all(name.startswith("pynn_") for name in names)


def test_linkage_has_the_prefix() -> None:
    names = [
        (relative(path), name)
        for path in c_files()
        for signature, name, _ in c_functions(path)
        if not re.search(r"\bstatic\b|\bPYNN_INLINE\b", signature)
        and not name.isupper()  # a macro that makes static functions
    ]
    assert names
    assert not [n for n in names if not n[1].startswith("pynn_")]


@pytest.mark.skipif(
    not sys.platform.startswith("linux") or shutil.which("nm") is None,
    reason="needs an ELF library and nm",
)
def test_library_exports_the_prefix_only() -> None:
    command = ["nm", "-D", "--defined-only", _core.__file__]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    names = {line.split()[-1] for line in out.splitlines()}
    assert "PyInit__core" in names
    assert not {n for n in names if not n.startswith("pynn_")} - {"PyInit__core"}
