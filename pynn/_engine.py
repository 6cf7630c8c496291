# SPDX-License-Identifier: BSD-3-Clause
"""The one importer of the compiled core: plans, random numbers, single kernels,
threads and instruction sets."""

import itertools
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

try:
    from pynn import _core
except ImportError as error:
    if error.name not in (None, "pynn._core", "pynn"):
        raise
    raise ImportError(
        "pynn: the compiled module pynn._core cannot be loaded"
        f" ({error}). In a source checkout, run: pip install -e ."
    ) from error

from pynn._lowering import SOFTMAX, Attr, Lowering
from pynn._ops import (
    DISTRIBUTIONS,
    DTYPES,
    LABEL_LOSSES,
    LOSSES,
    OPS,
    Op,
    Slot,
)
from pynn._variables import Array, aligned, is_filled_later

_MASK64 = 0xFFFF_FFFF_FFFF_FFFF


# ---- the sequence of seeds


class _Seeds:
    """The process-wide sequence: element i is Philox(counter i, key)."""

    def __init__(self, key: int) -> None:
        self.key = key
        self.counter = itertools.count()


_seeds = _Seeds(int.from_bytes(os.urandom(8), "little"))


def set_seed(seed: int) -> None:
    """Restart the process-wide sequence of seeds."""
    global _seeds
    _seeds = _Seeds(seed & _MASK64)


def next_seed() -> int:
    """Draw a 64-bit seed from the process-wide sequence.

    Weights that are filled later need none: the sequence stays where it is.
    """
    if is_filled_later():
        return int.from_bytes(os.urandom(8), "little")
    i, key = next(_seeds.counter), _seeds.key
    low, high, _, _ = _core.philox(
        (i & 0xFFFF_FFFF, i >> 32, 0, 0x5EED), (key & 0xFFFF_FFFF, key >> 32)
    )
    return low | high << 32


def seed_era() -> object:
    """Return an object that changes when `set_seed` is called."""
    return _seeds


def random(
    distribution: str, a: float, b: float, seed: int, stream: int, shape: Sequence[int]
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return samples as float64: "uniform" on [a, b), "normal" or "truncated_normal"
    (within two sigma) of mean a and deviation b."""
    out = np.empty(tuple(shape))
    number = DISTRIBUTIONS.index(distribution)
    _core.random(number, a, b, seed & _MASK64, stream & _MASK64, out)
    return out


# ---- plans

Plan = _core.Plan
Runner = _core.Runner
Caller = _core.Caller


def make_plan(
    ops: Sequence[Op],
    slots: Sequence[Slot],
    *,
    dtype: str,
    output: int,
    target: int = -1,
    n_params: int = 0,
    n_stats: int = 0,
    max_rows: int = 0,
    input_gradient: bool = False,
) -> Plan:
    """Compile records; ``max_rows == 0`` makes an inference plan."""
    return _core.Plan(
        [(OPS.index(op.kind), *op[1:]) for op in ops],
        list(slots),
        dtype=DTYPES.index(dtype),
        output=output,
        target=target,
        n_params=n_params,
        n_stats=n_stats,
        max_rows=max_rows,
        input_gradient=input_gradient,
    )


# ---- single kernels


def apply_activation(kind: str, attr: Attr, x: Any) -> Array:
    """Apply an activation (or softmax along the last axis) to any array of numbers.

    float64 stays float64, everything else becomes float32.
    """
    array = np.asarray(x)
    dtype = "float64" if array.dtype == np.float64 else "float32"
    array = np.ascontiguousarray(array, dtype)
    if array.size == 0:
        return array.copy()
    width = array.shape[-1] if kind in SOFTMAX and array.ndim else 1
    rows = array.size // width
    lowering = Lowering((width,), False, 0)
    output = lowering.activate(0, kind, attr) or lowering.copy(0)
    out = np.empty(np.shape(x), dtype)
    plan = make_plan(lowering.ops, lowering.slots, dtype=dtype, output=output)
    plan.predict(_NO_PARAMS[dtype], None, array.reshape(rows, width), 0, rows, out)
    return out


def loss_values(
    kind: str, attr: Attr, y_true: Array, y_pred: Array
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the loss of each row, computed in float64; shapes must already agree."""
    rows, width = len(y_pred), y_pred.shape[-1]
    x = np.ascontiguousarray(y_pred, np.float64)
    y = np.ascontiguousarray(y_true, np.float64)
    target = Slot(1, 1 if kind in LABEL_LOSSES else width)
    op = Op("score", LOSSES.index(kind), 0, -1, 1, attr=attr)
    values = np.empty(rows)
    plan = make_plan(
        (op,), (Slot(1, width), target), dtype="float64", output=0, target=1
    )
    sums = np.zeros(1)
    plan.evaluate(_NO_PARAMS["float64"], None, x, y, None, 0, rows, sums, values)
    return values


_NO_PARAMS = {dtype: aligned(0, dtype) for dtype in DTYPES}


# ---- instruction sets, threads, tests

get_num_threads = _core.get_num_threads
isa_names = _core.isa_names
isa_supported = _core.isa_supported
isa_select = _core.isa_select
isa_selected = _core.isa_selected
optimizer_state = _core.optimizer_state
penalty = _core.penalty
update = _core.update
alloc_count = _core.alloc_count
alloc_fail_at = _core.alloc_fail_at


def set_num_threads(n: int) -> None:
    """Set how many threads the library may use from now on.

    Raises
    ------
    ValueError
        If `n` is not a positive integer.
    """
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
        raise ValueError(f"set_num_threads: expected an integer >= 1, got {n!r}")
    _core.set_num_threads(min(int(n), 256))


def _obey_environment() -> None:
    """Use the instruction set that ``PYNN_ISA`` names: the best one, or a lower one."""
    name = os.environ.get("PYNN_ISA") or isa_selected()
    usable = [isa for isa in isa_names() if isa_supported(isa)]
    if name not in usable:
        raise ImportError(
            f"PYNN_ISA: expected one of {', '.join(usable)} on this machine,"
            f" got {name!r}"
        )
    isa_select(name)


_obey_environment()
