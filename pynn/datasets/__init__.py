# SPDX-License-Identifier: BSD-3-Clause
"""Data sets to try a network on: `digits` (embedded) and `mnist` (found or fetched)."""

from pynn.datasets import digits, mnist

__all__ = ["digits", "mnist"]
