# SPDX-License-Identifier: BSD-3-Clause
"""The version, read here by the build and by the package."""

__version__ = "0.1.0"
