# SPDX-License-Identifier: BSD-3-Clause
"""The truth that pynn is tested against: float64 NumPy, written to be read.

Nothing here imports pynn. Every gradient is checked by central differences in
test_oracle.py before it may judge the C code, and the tables (``ACTIVATIONS``,
``LOSSES``, ``OPTIMIZERS``) carry one entry for each row of csrc/ops.def.
"""
