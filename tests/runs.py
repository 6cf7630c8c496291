# SPDX-License-Identifier: BSD-3-Clause
"""Runs of parameters, as the core reads them; random numbers of a case."""

import zlib

import numpy as np

_DOUBLES = {"l1", "l2", "low", "high", "rate"}
_FIELDS = ("offset", "length", "ld", "l1", "l2", "constraint", "low", "high", "rate")
RUN = np.dtype(  # struct pynn_run
    [
        (name, np.float64 if name in _DOUBLES else np.int64)
        for name in (*_FIELDS, "undecayed")
    ]
)


def run_table(runs, **terms):
    """Runs of parameters as the core reads them: (offset, length) or with a row's ld.

    `terms` are further fields of all of them.
    """
    records = np.zeros(len(runs := list(runs)), RUN)
    for record, run in zip(records, runs, strict=True):
        record["offset"], record["length"], record["ld"] = (*run, run[1])[:3]
        for name, value in terms.items():
            record[name] = value
    return records.view(np.int64).reshape(-1, len(RUN))


def seeded(*key):
    """A generator that depends on what the case is, and on nothing else."""
    return np.random.default_rng(zlib.crc32(repr(key).encode()))
