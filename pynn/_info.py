# SPDX-License-Identifier: BSD-3-Clause
"""What the library found and chose on this machine."""

import platform

import numpy as np

from pynn import _engine
from pynn._version import __version__


def show_config() -> None:
    """Print versions, the instruction set in use, those available, and threads."""
    available = [name for name in _engine.isa_names() if _engine.isa_supported(name)]
    rows = {
        "pynn": __version__,
        "NumPy": np.__version__,
        "Python": platform.python_version(),
        "machine": f"{platform.machine()} {platform.system()}",
        "instruction set": _engine.isa_selected(),
        "available": ", ".join(available),
        "threads": _engine.get_num_threads(),
    }
    for name, value in rows.items():
        print(f"{name + ':':<17}{value}")
