# SPDX-License-Identifier: BSD-3-Clause
"""From layers to plan records.

Each layer calls methods of one `Lowering`, which numbers the slots and fuses what the
core can do in one op: an activation into the dense op before it, softmax or sigmoid
into the cross-entropy after it, reshapes into nothing.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from pynn._ops import (
    ACTIVATIONS,
    BIAS,
    FROZEN,
    INPUT_ACTIVATIONS,
    LOSSES,
    NORMS,
    SCALE,
    STILL,
    Op,
    Slot,
)

Attr = tuple[float, ...]
SOFTMAX = ("softmax", "log_softmax")
_LINEAR = ACTIVATIONS.index("linear")
_SIGMOID = ACTIVATIONS.index("sigmoid")


class Stage(NamedTuple):
    """Records that one plan of the core runs, and the slot of what they give."""

    ops: list[Op]
    slots: list[Slot]
    output: int


if TYPE_CHECKING:
    from typing import Any, Protocol

    class Part(Protocol):
        """A piece of a network that is written in Python; arrays have a batch axis."""

        @property
        def input_shape(self) -> tuple[int, ...]:
            """Of one sample."""

        @property
        def output_shape(self) -> tuple[int, ...]:
            """Of one sample."""

        @property
        def trains(self) -> bool:
            """Whether `backward` finds gradients of weights."""

        def forward(self, x: Any, training: bool) -> Any:
            """Return the output."""

        def backward(
            self, x: Any, y: Any, gradient: Any
        ) -> tuple[Any, list[tuple[Any, Any]]]:
            """Return the gradient of `x`, and weights with theirs."""

    class Objective(Protocol):
        """What the engine asks of a loss."""

        @property
        def python(self) -> bool:
            """Whether its values come from `values` and `gradients`, not the core."""

        def values(self, y_true: Any, y_pred: Any) -> Any:
            """Return the loss of each vector along the last axis."""

        def gradients(self, y_true: Any, y_pred: Any, weight: Any) -> Any:
            """Return the gradient of the weighted mean over a batch, by `y_pred`."""

        @property
        def summed(self) -> str:
            """What makes one loss of a batch's: one of ``REDUCTIONS``."""

        @property
        def along(self) -> int:
            """Which axis of the output it runs along."""

        def counts(self, y: Any) -> Any:
            """Return the share of each sample that means count, or None for all."""

        @property
        def signature(self) -> object:
            """What `lowered` depends on, apart from its argument."""

        def lowered(self, output_activation: str | None) -> tuple[str, Attr, bool]:
            """Kind, attributes, and whether the loss reads the activation's input."""


def slot_of(shape: Sequence[int]) -> Slot:
    """Return the slot of one sample of `shape`: ops work along the last axis."""
    return Slot(math.prod(shape[:-1]), shape[-1] if shape else 1)


class Lowering:
    """The records of one network under construction.

    Parameters
    ----------
    input_shape : tuple of int
        Shape of one sample.
    training : bool
        Whether dropout and its like take effect.
    seed : int
        From which ops without a seed of their own derive theirs.
    staged : bool
        Whether it is known that there will be pieces in Python.
    """

    def __init__(
        self,
        input_shape: tuple[int, ...],
        training: bool,
        seed: int,
        staged: bool = False,
    ) -> None:
        self.slots = [slot_of(input_shape)]
        self.ops: list[Op] = []
        self.training, self.staged = training, staged
        self.stages: list[Stage | Part] = []  # before those that are being written
        self._seed, self._passed = seed, 0

    def slot(self, shape: Slot) -> int:
        """Add a slot and return its number."""
        self.slots.append(shape)
        return len(self.slots) - 1

    def stream(self) -> int:
        """Return a seed that belongs to the position in the network."""
        odd = 0x9E3779B97F4A7C15 * (2 * (self._passed + len(self.ops)) + 1)
        return (self._seed ^ odd) & 0xFFFF_FFFF_FFFF_FFFF

    def dense(
        self, x: int, units: int, params: int, *, bias: bool, trainable: bool
    ) -> int:
        """Add ``x @ kernel + bias`` along the last axis."""
        y = self.slot(Slot(self.slots[x].inner, units))
        flags = BIAS * bias | FROZEN * (not trainable)
        self.ops.append(Op("dense", _LINEAR, x, y, flags=flags, params=params))
        return y

    def activate(self, x: int, kind: str, attr: Attr = ()) -> int:
        """Add an activation, or softmax along the last axis."""
        if kind == "linear":
            return x
        if kind in SOFTMAX:
            y = self.slot(self.slots[x])
            self.ops.append(Op("softmax", SOFTMAX.index(kind), x, y))
            return y
        select = ACTIVATIONS.index(kind)
        last = self.ops[-1] if self.ops else None
        if (
            last is not None
            and (last.kind, last.select, last.dest) == ("dense", _LINEAR, x)
            and kind not in INPUT_ACTIVATIONS
        ):
            self.ops[-1] = last._replace(select=select, attr=attr)
            return x
        y = self.slot(self.slots[x])
        self.ops.append(Op("activation", select, x, y, attr=attr))
        return y

    def dropout(self, x: int, rate: float, seed: int | None, select: int = 0) -> int:
        """Add dropout when training; `select`: bits of ``ALPHA`` and ``SAME_...``."""
        return self._random("dropout", select, x, rate, seed)

    def noise(self, x: int, times: bool, deviation: float, seed: int | None) -> int:
        """Add normal noise when training: to x, or to a 1 that multiplies it."""
        return self._random("noise", int(times), x, deviation, seed)

    def _random(
        self, kind: str, select: int, x: int, amount: float, seed: int | None
    ) -> int:
        if not self.training or amount == 0:
            return x
        y = self.slot(self.slots[x])
        stream = self.stream() if seed is None else seed
        self.ops.append(Op(kind, select, x, y, seed=stream, attr=(amount,)))
        return y

    def batch_norm(
        self,
        x: int,
        params: int,
        stats: int,
        attr: Attr,
        *,
        scale: bool,
        center: bool,
        trainable: bool,
    ) -> int:
        """Add batch normalization of the last axis; `attr`: epsilon, momentum."""
        y = self.slot(self.slots[x])
        flags = SCALE * scale | BIAS * center | FROZEN * (not trainable)
        flags |= STILL * (not self.training)
        self.ops.append(
            Op(
                "batch_norm",
                0,
                x,
                y,
                flags=flags,
                params=params,
                stats=stats,
                attr=attr,
            )
        )
        return y

    def affine(self, x: int, select: int, stats: int) -> int:
        """Add a scaling by constants; `select`: bits of ``TIMES`` and so on."""
        y = self.slot(self.slots[x])
        self.ops.append(Op("affine", select, x, y, stats=stats))
        return y

    def permute(self, x: int, shape: Sequence[int], order: Sequence[int]) -> int:
        """Put the axes of samples of `shape` in another order (``numpy.transpose``)."""
        axes = list(range(len(shape)))
        for i, axis in enumerate(order):
            j = axes.index(axis)
            cuts = axes[:i], axes[i:j], axes[j : j + 1], axes[j + 1 :]
            sizes = [math.prod(shape[a] for a in part) for part in cuts]
            axes = [*cuts[0], *cuts[2], *cuts[1], *cuts[3]]
            wanted = slot_of([shape[a] for a in axes])
            if sizes[1] == 1 or sizes[2] == 1:
                x = x if self.slots[x] == wanted else self.copy(x, wanted)
                continue
            y = self.slot(wanted)
            self.ops.append(Op("transpose", 0, x, y, attr=tuple(map(float, sizes))))
            x = y
        return x

    def repeat(self, x: int, n: int) -> int:
        """Add a repetition of the one vector of a sample."""
        y = self.slot(Slot(n, self.slots[x].width))
        self.ops.append(Op("repeat", 0, x, y))
        return y

    def row_norm(
        self,
        x: int,
        kind: str,
        epsilon: float,
        params: int = -1,
        *,
        scale: bool = False,
        center: bool = False,
        trainable: bool = True,
    ) -> int:
        """Add a normalization, one of `NORMS`, of each vector along the last axis."""
        y = self.slot(self.slots[x])
        flags = SCALE * scale | BIAS * center | FROZEN * (not trainable)
        select, attr = NORMS.index(kind), (epsilon,)
        self.ops.append(
            Op("row_norm", select, x, y, flags=flags, params=params, attr=attr)
        )
        return y

    def group_norm(
        self,
        x: int,
        groups: int,
        epsilon: float,
        params: int,
        *,
        scale: bool,
        center: bool,
        trainable: bool,
    ) -> int:
        """Add a normalization by groups of neighbours along the last axis."""
        y = self.slot(self.slots[x])
        flags = SCALE * scale | BIAS * center | FROZEN * (not trainable)
        attr = (epsilon, float(groups))
        self.ops.append(
            Op("group_norm", 0, x, y, flags=flags, params=params, attr=attr)
        )
        return y

    def prelu(
        self, x: int, rows: int, near: int, params: int, *, same: bool, trainable: bool
    ) -> int:
        """Add a PReLU with `rows` vectors of alpha, each for `near` neighbours in turn.

        With `same`, each vector of alpha is one number.
        """
        y = self.slot(self.slots[x])
        flags, attr = FROZEN * (not trainable), (float(rows), float(near))
        self.ops.append(
            Op("prelu", int(same), x, y, flags=flags, params=params, attr=attr)
        )
        return y

    def activity(self, x: int, l1: float, l2: float) -> None:
        """Add ``l1 * sum(abs(x)) + l2 * sum(x**2)``, over the rows, to the loss."""
        if l1 != 0 or l2 != 0:
            self.ops.append(Op("activity", 0, x, -1, attr=(l1, l2)))

    def reshape(self, x: int, shape: Sequence[int]) -> int:
        """See the sample as `shape`, moving data only where rows are cut differently.

        The input is read in C order whatever its shape, so there it costs nothing.
        """
        wanted = slot_of(shape)
        if self.slots[x] == wanted:
            return x
        if x == 0 and not self.ops:
            self.slots[0] = wanted
            return x
        return self.copy(x, wanted)

    def copy(self, x: int, wanted: Slot | None = None) -> int:
        """Add a copy of slot `x`, with its rows cut as `wanted`."""
        y = self.slot(wanted or self.slots[x])
        self.ops.append(Op("copy", 0, x, y))
        return y

    def python(self, x: int, part: "Part") -> int:
        """Add a piece that is not made of records; new ones begin after it."""
        if self.ops:
            self.stages.append(Stage(self.ops, self.slots, x))
        self._passed += len(self.ops) + 1
        self.stages.append(part)
        self.ops, self.slots = [], [slot_of(part.output_shape)]
        return 0

    def sample_shape(self, x: int) -> tuple[int, ...]:
        """Return the shape of slot `x`, all axes but the last in one."""
        inner, width = self.slots[x]
        return (width,) if inner == 1 else (inner, width)

    def objective(
        self,
        x: int,
        loss: "Objective",
        scores: Sequence[tuple[str, Attr]],
        target: Slot,
    ) -> tuple[int, int]:
        """End with a loss and metrics on `x`; return slots of output and target."""
        y = self.slot(target)
        kind, attr, from_logits = loss.lowered(self._head(x))
        source, output, probabilities = x, x, -1
        if from_logits and self._head(x):
            source, output = self._drop_head()
            probabilities = output
        self.ops.append(
            Op("loss", LOSSES.index(kind), source, probabilities, y, attr=attr)
        )
        for name, values in scores:
            score = LOSSES.index(name)
            self.ops.append(Op("score", score, output, -1, y, attr=values))
        return output, y

    def _head(self, x: int) -> str | None:
        """Name of the activation that makes slot `x`, if a loss may absorb it."""
        last = self.ops[-1] if self.ops else None
        if last is None or last.dest != x:
            return None
        if last.kind == "softmax" and last.select == 0:
            return "softmax"
        if last.kind in ("dense", "activation") and last.select == _SIGMOID:
            return "sigmoid"
        return None

    def _drop_head(self) -> tuple[int, int]:
        """Remove the last activation; return slots of its input and its output."""
        last = self.ops.pop()
        if last.kind != "dense":
            return last.source, last.dest
        self.ops.append(last._replace(select=_LINEAR, attr=()))
        return last.dest, self.slot(self.slots[last.dest])
