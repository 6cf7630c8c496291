"""Types of the compiled module; the contract of each call is in csrc/pynn.h.

Arrays are anything with a buffer of native byte order. Vectors that the core moves on
(params, stats, grads, optimizer slots, sums) must be writable and C-contiguous.
"""

from collections.abc import Sequence
from typing import Any

Record = tuple[int, int, int, int, int, int, int, int, int, tuple[float, ...]]
"""kind, select, in, out, target, flags, params, stats, seed, attr: struct pynn_op"""
OptimizerSpec = tuple[
    int,
    tuple[float, ...],
    float,
    float,
    float,
    float,
    int,
    tuple[float, int] | None,
]
"""kind, hyper, weight_decay, clipvalue, clipnorm, global_clipnorm"""

class Plan:
    """A compiled list of ops (struct pynn_plan)."""

    def __init__(
        self,
        ops: Sequence[Record],
        slots: Sequence[tuple[int, int]],
        *,
        dtype: int,
        output: int,
        target: int,
        n_params: int,
        max_rows: int,
        n_stats: int = 0,
        input_gradient: bool = False,
    ) -> None: ...
    @property
    def max_rows(self) -> int: ...
    @property
    def nbytes(self) -> int: ...
    @property
    def flops(self) -> float: ...
    @property
    def n_sums(self) -> int: ...
    def predict(
        self, params: Any, stats: Any, x: Any, first: int, rows: int, out: Any
    ) -> None: ...
    def evaluate(
        self,
        params: Any,
        stats: Any,
        x: Any,
        y: Any,
        weight: Any,
        first: int,
        rows: int,
        sums: Any,
        values: Any = None,
    ) -> None: ...
    def forward(
        self,
        params: Any,
        stats: Any,
        x: Any,
        y: Any,
        weight: Any,
        step: int,
        rows: int,
        out: Any,
        sums: Any,
    ) -> None: ...
    def backward(
        self, params: Any, stats: Any, dout: Any, rows: int, grads: Any, dx: Any
    ) -> None: ...
    def train(
        self,
        x: Any,
        y: Any,
        weight: Any,
        *,
        rows: int,
        batch: int,
        epochs: int,
        max_steps: int,
        max_seconds: float,
        shuffle: int,
        seed: int,
        reduction: int,
        optimizer: OptimizerSpec,
        runs: Any,
        rates: Any,
        params: Any,
        stats: Any,
        grads: Any,
        slots: Sequence[Any],
        scalar: Any,
        iteration: int,
        order: Any,
        epoch: int,
        position: int,
        sums: Any,
        counts: Any = None,
    ) -> tuple[int, int, int, int, int, int]:
        """Return epochs_done, steps_done, bad_step, iteration, epoch, position."""

class Runner:
    """A plan, the weights it reads and the rows it writes, for calls by one thread."""

    def __init__(
        self, plan: Plan, params: Any, stats: Any, shape: tuple[int, ...], result: Any
    ) -> None: ...

class Caller:
    """What calls the runner of the present thread, ``self._threads.runner``.

    ``self(x, out=None)`` returns ``self._slow(x, out)`` when there is no such runner or
    the runner cannot read `x` or write to `out`; `_try` returns None then.
    """

    _threads: Any
    def __call__(self, x: Any, out: Any = None) -> Any: ...
    def _try(self, x: Any, out: Any) -> Any: ...

def optimizer_state(spec: OptimizerSpec) -> tuple[float, ...]:
    """Initial value of each state vector of the rule; its length is their number."""

def update(
    dtype: int,
    spec: OptimizerSpec,
    rate: float,
    slots: Sequence[Any],
    scalar: Any,
    iteration: int,
    runs: Any,
    params: Any,
    grads: Any,
) -> int:
    """One optimizer step over flat vectors; return the new iteration."""

def penalty(dtype: int, runs: Any, params: Any, grads: Any = None) -> float:
    """Penalties of all runs; adds their gradient to `grads` if given."""

def random(
    distribution: int, a: float, b: float, seed: int, stream: int, out: Any
) -> None: ...
def philox(
    counter: tuple[int, int, int, int], key: tuple[int, int]
) -> tuple[int, int, int, int]: ...
def isa_names() -> list[str]: ...
def isa_supported(name: str) -> bool: ...
def isa_select(name: str | None) -> None: ...
def isa_selected() -> str: ...
def get_num_threads() -> int: ...
def set_num_threads(n: int) -> None: ...
def alloc_count() -> int: ...
def alloc_fail_at(n: int) -> None: ...
