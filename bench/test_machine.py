# SPDX-License-Identifier: BSD-3-Clause
"""What a pinned process does not take over from its surroundings."""

import os
import subprocess
import sys

CODE = """
import os, sys
sys.path.insert(0, sys.argv[1])
import machine
machine.pin(1)
print(*(name for name in os.environ if name.startswith("OPENBLAS_")))
"""


def test_settings_for_another_cpu_are_removed():
    env = os.environ | {"OPENBLAS_CORETYPE": "Haswell", "OPENBLAS_L2_SIZE": "512"}
    command = [sys.executable, "-c", CODE, os.path.dirname(__file__)]
    done = subprocess.check_output(command, env=env, text=True)
    assert done.split() == ["OPENBLAS_NUM_THREADS"]
