# SPDX-License-Identifier: BSD-3-Clause
"""What the compiler made of the hot loops: see tools/check_loops.py, with which .ci/run
looks at all instruction sets and compilers. Here it is v3: it has the fewest registers.
"""

import platform
import shutil
import subprocess
from pathlib import Path

import pytest
from tools import check_loops

KERNELS = Path(__file__).resolve().parents[1] / "csrc" / "kernels"
# Those of CMakeLists.txt that change what a loop looks like.
FLAGS = "-O3 -std=gnu11 -ffp-contract=off -fno-math-errno -fno-trapping-math -fPIC"
FLAGS += " -ffunction-sections -march=x86-64-v3"

LOOP = """
0000000000000000 <nn_2x1_f32>:
   0:	push   %rbp
   1:	test   %rdi,%rdi
   4:	je     40 <nn_2x1_f32+0x40>
  10:	vmovups (%rdx),%ymm2
  14:	vbroadcastss (%rsi),%ymm3
  18:	vfmadd231ps %ymm2,%ymm3,%ymm0
  1c:	vbroadcastss (%rsi,%rcx,4),%ymm3
  20:	vfmadd231ps %ymm2,%ymm3,%ymm1
  30:	jne    10 <nn_2x1_f32+0x10>
  40:	ret
"""


def wrong(dump, mr=2, nv=1):
    """Return what is wrong with a tile of v3 that gcc made."""
    (function,) = check_loops.functions(dump).values()
    (loop,) = function.loops()
    level = check_loops.LEVELS["v3"]
    return check_loops.check_tile(level, loop, mr, nv, clang=False)


def test_a_good_tile_passes():
    assert wrong(LOOP) == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("  20:	vfmadd231ps", "  20:	vmulps", "1 multiply-adds"),
        ("(%rdx),%ymm2", "(%rdx),%xmm2", "0 vectors loaded"),
        ("vbroadcastss (%rsi),%ymm3", "vbroadcastss %xmm4,%ymm3", "1 broadcasts"),
        ("  30:", "  2c:	vmovaps %ymm1,0x20(%rsp)\n  30:", "1 vectors on the stack"),
        ("  30:", "  2c:	vaddps 0x20(%rsp),%ymm1,%ymm1\n  30:", "on the stack"),
    ],
)
def test_what_is_wrong_is_named(old, new, message):
    assert LOOP.count(old) == 1
    assert any(message in text for text in wrong(LOOP.replace(old, new)))


def test_a_jump_back_alone_is_no_loop():
    dump = LOOP.replace("jne    10 ", "jmp    40 ").replace("je     40", "je     10")
    (function,) = check_loops.functions(dump).values()
    assert not list(function.loops())


@pytest.mark.slow
@pytest.mark.skipif(platform.machine() != "x86_64", reason="compiles for x86-64")
@pytest.mark.skipif(not KERNELS.is_dir(), reason="needs the sources")
@pytest.mark.skipif(not shutil.which("cc"), reason="needs cc")
@pytest.mark.skipif(not shutil.which("objdump"), reason="needs objdump")
def test_loops_of_v3(tmp_path):
    built = tmp_path / "kernels_v3.o"
    source = [f"-I{KERNELS.parent}", "-c", KERNELS / "kernels_v3.c", "-o", built]
    subprocess.run(["cc", *FLAGS.split(), *source], check=True)
    seen, problems = check_loops.check(built)
    assert min(seen.values()) > 0
    assert not problems
