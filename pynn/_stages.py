# SPDX-License-Identifier: BSD-3-Clause
"""A plan some stages of which are written in Python.

A stack is cut at what the core cannot run: records before and after it become plans of
their own, and arrays pass between them. The whole answers like a plan of the core, but
for `train`: a training loop calls `forward` and `backward` and moves the weights.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pynn._engine import Plan, make_plan
from pynn._lowering import Stage
from pynn._ops import FROZEN, Slot
from pynn._variables import Array, aligned

if TYPE_CHECKING:
    from pynn._lowering import Objective, Part

_PYTHON_FLOPS = 100.0  # what an element of a Python part counts for, in `flops`

Place = Callable[[int], tuple[int, int]]
"""Where the block lies that holds an element of the parameter vector: start, end."""


class End(NamedTuple):
    """What comes after the last stage: slots of output and target in the core, which
    computes loss and metrics with that stage, unless there is a `loss` in Python."""

    output: int
    shape: tuple[int, ...]  # of one output
    target: int = -1
    sums: int = 0
    loss: "Objective | None" = None


class Core:
    """Records with the stretch of the parameter vector that they read."""

    def __init__(
        self,
        stage: Stage,
        place: Place,
        dtype: str,
        sizes: tuple[int, int],
        target: int,
        back: bool,
    ) -> None:
        here = [place(op.params) for op in stage.ops if op.params >= 0]
        self.first = min((start for start, _ in here), default=0)
        self.end = max((end for _, end in here), default=0)
        self.trains = _trains(stage)
        self.shape, self.element = stage.slots[stage.output], np.dtype(dtype)
        self.input = stage.slots[0]
        self.input_gradient = back
        ops = [
            op._replace(params=op.params - self.first) if op.params >= 0 else op
            for op in stage.ops
        ]
        self._make = partial(
            make_plan,
            ops,
            stage.slots,
            dtype=dtype,
            output=stage.output,
            target=target,
            n_params=self.end - self.first,
            n_stats=sizes[1],
            max_rows=sizes[0],
            input_gradient=back,
        )
        self.plan = self._make()
        self._plans = [self.plan]  # more where one cannot hold all rows of a step

    def part(self, vector: Array) -> Array:
        """Return the stretch of a vector that belongs to these records."""
        return vector[self.first : self.end]

    def _pieces(self, rows: int) -> Iterator[tuple[int, Plan, slice]]:
        """Cut the rows of a step into what a plan holds."""
        limit = self.plan.max_rows
        for k, start in enumerate(range(0, rows, limit)):
            if k == len(self._plans):
                self._plans.append(self._make())
            yield k, self._plans[k], slice(start, min(start + limit, rows))

    def forward(
        self,
        params: Array,
        stats: Array | None,
        x: Array,
        goal: tuple[Array | None, Array | None, Array | None],
        step: int,
        out: Array | None,
    ) -> None:
        """Pass rows in training mode; `goal` is targets, weights, sums."""
        y, weight, sums = goal
        for k, plan, here in self._pieces(len(x)):
            plan.forward(
                self.part(params),
                stats,
                x[here],
                None if y is None else y[here],
                None if weight is None else weight[here],
                step ^ k << 48,  # masks of its own for each piece
                here.stop - here.start,
                None if out is None else out[here],
                sums,
            )

    def backward(
        self,
        params: Array,
        stats: Array | None,
        gradient: Array | None,
        rows: int,
        grads: Array,
    ) -> Array | None:
        """Add to `grads`; return the gradient of the input if that is known."""
        mine, found = (
            self.part(grads),
            aligned(self.end - self.first, self.element.name),
        )
        dx = self.empty(rows, self.input) if self.input_gradient else None
        for _, plan, here in self._pieces(rows):
            count = here.stop - here.start
            down = None if dx is None else dx[here]
            dout = None if gradient is None else gradient[here]
            plan.backward(self.part(params), stats, dout, count, found, down)
            scale = count / rows if gradient is None else 1.0  # a mean of pieces
            mine += found if scale == 1 else found * self.element.type(scale)
            if down is not None and scale != 1:
                down *= self.element.type(scale)
        return dx

    def empty(self, rows: int, slot: Slot) -> Array:
        """Return room for the values of a slot."""
        return np.empty((rows, slot.inner * slot.width), self.element)


def _trains(stage: "Stage | Part") -> bool:
    if isinstance(stage, Stage):
        return any(op.params >= 0 and not op.flags & FROZEN for op in stage.ops)
    return stage.trains


def _add_penalty(part: "Part", value: Array, sums: Array | None) -> None:
    """Add what a part says that its output costs."""
    penalty = getattr(part, "penalty", None)
    if sums is not None and penalty is not None:
        sums[0] += penalty(value)


class StagedPlan:
    """Stages in a row, as one plan; see `pynn._engine.Plan` for what its calls do.

    Parameters
    ----------
    stages : list of Stage or Part
        The last one has the loss at its end, if the core is to compute it.
    end : End
    place : callable
    dtype : str
    sizes : tuple of int
        Most rows of a training step, 0 for a plan that only predicts and evaluates; and
        the length of the vector of moving statistics.
    input_gradient : bool
        Whether `backward` can give the gradient of the input.
    """

    def __init__(
        self,
        stages: "Sequence[Stage | Part]",
        end: End,
        place: Place,
        dtype: str,
        sizes: tuple[int, int],
        input_gradient: bool = False,
    ) -> None:
        self.element, self.end = np.dtype(dtype), end
        self.stages: list[Core | Part] = []
        back = input_gradient
        for i, stage in enumerate(stages):
            trains = _trains(stage)
            if isinstance(stage, Stage):
                target = end.target if i == len(stages) - 1 else -1
                slope = back and sizes[0] > 0
                made = Core(stage, place, dtype, sizes, target, slope)
                self.stages.append(made)
            else:
                self.stages.append(stage)
            back = back or trains
        self.input_gradient, self.trains = input_gradient, back
        self._kept: list[tuple[Array, Array]] = []
        self._scored: tuple[Array, Array, Array | None] | None = None
        self._core_loss = end.target >= 0
        self.n_sums = end.sums

    @property
    def _plans(self) -> list[Plan]:
        return [stage.plan for stage in self.stages if isinstance(stage, Core)]

    @property
    def by_batch(self) -> bool:
        """Whether penalties on outputs may depend on which rows make a batch."""
        return any(hasattr(stage, "penalty") for stage in self.stages)

    @property
    def flops(self) -> float:
        """Operations per row, with a guess for the parts in Python."""
        parts = [stage for stage in self.stages if not isinstance(stage, Core)]
        guess = sum(_PYTHON_FLOPS * math.prod(part.output_shape) for part in parts)
        return guess + sum(plan.flops for plan in self._plans)

    @property
    def nbytes(self) -> int:
        """Memory of the core's plans."""
        return sum(plan.nbytes for plan in self._plans)

    max_rows = 0
    """Known from `Plan`: `forward` takes as many rows as there are."""

    # ---- inference

    def predict(
        self,
        params: Array,
        stats: Array | None,
        x: Array,
        first: int,
        rows: int,
        out: Array,
    ) -> None:
        """Fill `out` with the outputs of rows ``[first, first + rows)`` of `x`."""
        last = self._infer(params, stats, x[first : first + rows], len(self.stages))
        out[...] = last.reshape(out.shape)

    def _infer(
        self,
        params: Array,
        stats: Array | None,
        x: Array,
        count: int,
        sums: Array | None = None,
    ) -> Array:
        rows, value = len(x), x
        for stage in self.stages[:count]:
            if isinstance(stage, Core):
                out = stage.empty(rows, stage.shape)
                stage.plan.predict(stage.part(params), stats, value, 0, rows, out)
                value = out
            else:
                value = stage.forward(self._into(stage, value), False)
                _add_penalty(stage, value, sums)
        return value

    def _into(self, part: "Part", value: Array) -> Array:
        """Return `value` as the samples that a part wants."""
        array = np.ascontiguousarray(value, self.element)
        return array.reshape(len(value), *part.input_shape)

    def evaluate(
        self,
        params: Array,
        stats: Array | None,
        x: Array,
        y: Array,
        weight: Array | None,
        first: int,
        rows: int,
        sums: Array,
    ) -> None:
        """Add loss and metrics of rows ``[first, first + rows)`` to `sums`."""
        here = slice(first, first + rows)
        target, by_row = y[here], None if weight is None else weight[here]
        last = self.stages[-1]
        if self._core_loss and isinstance(last, Core):
            value = self._infer(params, stats, x[here], len(self.stages) - 1, sums)
            part = last.part(params)
            last.plan.evaluate(part, stats, value, target, by_row, 0, rows, sums)
        else:
            out = self._infer(params, stats, x[here], len(self.stages), sums)
            self._judge(target, out, by_row, sums)

    # ---- training

    def forward(
        self,
        params: Array,
        stats: Array | None,
        x: Array,
        y: Array | None,
        weight: Array | None,
        step: int,
        rows: int,
        out: Array | None,
        sums: Array | None,
    ) -> None:
        """Pass rows ``[0, rows)`` in training mode, keeping what `backward` needs."""
        self._kept, self._scored = [], None
        value = x[:rows]
        for i, stage in enumerate(self.stages):
            if isinstance(stage, Core):
                ends = i == len(self.stages) - 1 and self._core_loss
                goal = (y, weight, sums) if ends else (None, None, None)
                room = stage.empty(rows, stage.shape)
                to = None if ends and out is None else room
                stage.forward(params, stats, value, goal, step, to)
                value = room
            else:
                value = self._into(stage, value)
                self._kept.append((value, stage.forward(value, True)))
                value = self._kept[-1][1]
                _add_penalty(stage, value, sums)
        if out is not None:
            out[...] = value.reshape(out.shape)
        if y is not None and not self._core_loss:
            self._scored = y, value, weight
            if sums is not None:
                self._judge(y, value, weight, sums)

    def backward(
        self,
        params: Array,
        stats: Array | None,
        dout: Array | None,
        rows: int,
        grads: Array,
        dx: Array | None,
    ) -> None:
        """Overwrite `grads` (and `dx`) with the gradients of the last `forward`."""
        grads.fill(0)
        gradient = dout if dout is not None else self._loss_gradient()
        kept = list(self._kept)
        for i in range(len(self.stages) - 1, -1, -1):
            stage = self.stages[i]
            if isinstance(stage, Core):
                gradient = self._back(stage, params, stats, gradient, rows, grads)
            elif stage.trains or self.input_gradient or self._trains_before(i):
                gradient = self._back_part(stage, *kept.pop(), gradient, grads)
            else:
                break
            if gradient is None:
                break
        if dx is not None and gradient is not None:
            dx[...] = gradient.reshape(dx.shape)
        self._kept, self._scored = [], None

    def _trains_before(self, i: int) -> bool:
        return any(stage.trains for stage in self.stages[:i])

    def _back(
        self,
        stage: Core,
        params: Array,
        stats: Array | None,
        gradient: Array | None,
        rows: int,
        grads: Array,
    ) -> Array | None:
        if not (stage.trains or stage.input_gradient):
            return None
        if gradient is not None:
            gradient = np.ascontiguousarray(gradient, self.element)
        return stage.backward(params, stats, gradient, rows, grads)

    def _back_part(
        self, part: "Part", x: Array, y: Array, gradient: Array | None, grads: Array
    ) -> Array:
        assert gradient is not None
        array = np.ascontiguousarray(gradient, self.element).reshape(y.shape)
        dx: Array
        dx, found = part.backward(x, y, array)
        for variable, value in found:
            variable.view(grads)[...] += value
        return dx

    # ---- a loss in Python

    def _judge(self, y: Array, out: Array, weight: Array | None, sums: Array) -> None:
        """Add the loss of these rows to `sums`."""
        assert self.end.loss is not None
        values = self.end.loss.values(y, out.reshape(len(out), *self.end.shape))
        sums[0] += float(np.dot(values, weight) if weight is not None else values.sum())

    def _loss_gradient(self) -> Array | None:
        """Return the gradient of the mean loss, or None if the core finds it."""
        if self._core_loss:
            return None
        if self._scored is None or self.end.loss is None:
            raise ValueError("backward without the forward pass of a loss")
        y, out, weight = self._scored
        shaped = out.reshape(len(out), *self.end.shape)
        gradient: Array = self.end.loss.gradients(y, shaped, weight)
        return gradient
