# SPDX-License-Identifier: BSD-3-Clause
"""``python -m pynn`` is the command ``pynn``."""

import sys

from pynn.cli import main

if __name__ == "__main__":
    sys.exit(main())
