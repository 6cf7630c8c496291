# SPDX-License-Identifier: BSD-3-Clause
"""What `compile` was told about loss and metrics, made concrete by the first data."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pynn import losses, metrics
from pynn._lowering import Attr
from pynn._network import Goal
from pynn._ops import LABEL_LOSSES, SCORES, Slot, ignored_label
from pynn._variables import Array, sealed
from pynn.data import as_rows, as_target, check_labels, same_rows
from pynn.losses import Loss
from pynn.metrics import MeanMetric, Metric

_BY_SHAPE = ("accuracy", "acc", "crossentropy", "ce")


class Objective:
    """A loss and metrics, asked for by name or as objects.

    Parameters
    ----------
    loss : str, callable, Loss or None
    metric_list, weighted : list, tuple, dict or None
        The second gives metrics that take the sample weights into account.

    Raises
    ------
    ValueError
        If a name is unknown.
    """

    def __init__(self, loss: Any, metric_list: Any, weighted: Any) -> None:
        self._loss_asked, self.loss = loss, _loss(loss)
        self._asked = list(map(_metric, _flat(metric_list, "metrics")))
        self._weighted_asked = list(map(_metric, _flat(weighted, "weighted_metrics")))
        self._output_shape: tuple[int, ...] | None = None
        self.core: list[MeanMetric] = []  # computed in C
        self.python: list[Metric] = []  # computed from outputs
        self._plain = 0  # as many of `python` take no weights, those after them do
        self._names: list[str] = []
        self._core_keys: list[str] = []  # in the history
        self._python_keys: list[str] = []
        self._seen: tuple[Any, int] | None = None
        self._goal: tuple[tuple[int, ...], Goal] | None = None  # and its output shape

    @property
    def names(self) -> list[str]:
        """ "loss" and the metrics, in the order of `compile`."""
        if self._names:
            return ["loss", *self._names]
        return ["loss", *map(_spelled, (*self._asked, *self._weighted_asked))]

    @property
    def takes_labels(self) -> bool:
        """Whether targets are class numbers."""
        return self.loss is not None and self.loss.kind in LABEL_LOSSES

    @property
    def n_sums(self) -> int:
        """How many sums the core gives: of the loss and its metrics."""
        return 1 + len(self.core)

    @property
    def metrics(self) -> list[Metric]:
        """The metric objects, once data have made them concrete."""
        return [*self.core, *self.python]

    def target(self, y: Any, rows: int, output_shape: tuple[int, ...]) -> Array:
        """Return `y` as the loss reads it, after choosing by shape what is open.

        What the first good data chose stays, until the model's output changes.
        """
        if self._loss_asked is None:
            raise ValueError("no loss: call compile(loss=...) before training")
        array = as_rows(y, "y")
        if self._output_shape == output_shape:
            assert self.loss is not None
            array = _checked(array, rows, output_shape, self.loss)
            self._check_costs(array, output_shape)
            return array
        shapes = (rows, *array.shape[1:]), (rows, *output_shape)
        loss = losses.get(self._loss_asked, *shapes)
        array = _checked(array, rows, output_shape, loss)
        self._resolve(loss, *shapes)
        self._check_costs(array, output_shape)
        self._output_shape = output_shape
        return array

    def _check_costs(self, y: Array, output_shape: tuple[int, ...]) -> None:
        """Raise ValueError for labels that the loss ignores and a metric does not.

        An accuracy takes any label.
        """
        assert self.loss is not None
        if self.loss.ignored is None:
            return
        for metric in self.core:
            ignored = ignored_label(metric.kind, metric.attr)
            if metric.kind not in SCORES and ignored != self.loss.ignored:
                check_labels(y, output_shape[-1], ignored)

    def _resolve(self, loss: Loss, y: tuple[int, ...], output: tuple[int, ...]) -> None:
        """Make the metrics that depend on shapes; change nothing if that fails."""
        made = [metrics.get(a, y, output) for a in self._asked]
        heavy = [metrics.get(a, y, output) for a in self._weighted_asked]
        names = _keys([m.name for m in made], [m.name for m in heavy])
        if "loss" in names:
            raise ValueError("a metric cannot be called 'loss'")
        if len(set(map(id, (*made, *heavy)))) < len(names):
            raise ValueError(f"a metric object can be given only once, got {names}")
        inside = not loss.python and _is_last(loss.along, output)
        core = [
            m
            for m in made
            if inside and isinstance(m, MeanMetric) and _is_last(m.axis, output)
        ]
        for wanted in core:
            if _width(wanted.kind, output) != _width(loss.kind, output):
                raise ValueError(
                    f"metric {wanted.name!r} and loss {loss.name!r} read different"
                    f" targets: y has shape {y}, the output {output}"
                )
        self.loss, self._names, self.core = loss, names, core
        self._goal = None
        pairs = list(zip((*made, *heavy), names, strict=True))
        self._core_keys = [name for metric, name in pairs if metric in core]
        self._python_keys = [name for metric, name in pairs if metric not in core]
        self.python = [m for m in made if m not in core] + heavy
        self._plain = len(self.python) - len(heavy)

    def goal(self, y: Array, output_shape: tuple[int, ...]) -> Goal:
        """Return what a plan has to compute on targets `y`."""
        assert self.loss is not None
        if self._goal is not None and self._goal[0] == output_shape:
            return self._goal[1]
        scores: list[tuple[str, Attr]] = [(m.kind, m.attr_for(y)) for m in self.core]
        whole, width = math.prod(output_shape), (1, *output_shape)[self.loss.along]
        slot = Slot(whole // width, 1 if self.takes_labels else width)
        goal = Goal(self.loss.for_targets(y), tuple(scores), slot)
        if not _looks_at_targets(self.loss, self.core):
            self._goal = output_shape, goal
        return goal

    def finish(self, sums: Array, rows: float) -> dict[str, float]:
        """Return loss and metrics from the core's sums, in the order of `names`."""
        totals = sums.tolist()
        done = {"loss": totals[0] / rows}
        for key, metric, total in zip(
            self._core_keys, self.core, totals[1:], strict=True
        ):
            done[key] = metric.finish(total, rows)
        if not self.python:
            return done
        for key, other in zip(self._python_keys, self.python, strict=True):
            done[key] = _plain(other.result())
        return {name: done[name] for name in self.names}

    def columns(self, sums: Array, rows: list[int]) -> dict[str, list[float]]:
        """Return what `finish` gives for each row of sums, by alphabetical name."""
        done = {"loss": (sums[:, 0] / rows).tolist() if rows else []}
        for i, (key, metric) in enumerate(
            zip(self._core_keys, self.core, strict=True), 1
        ):
            pairs = zip(sums[:, i].tolist(), rows, strict=True)
            done[key] = [metric.finish(s, count) for s, count in pairs]
        return dict(sorted(done.items()))

    def turned_back(self, y: Array) -> Array:
        """Return targets with axes as the output has them."""
        assert self.loss is not None
        if self.loss.python or self.takes_labels:
            return y
        return np.moveaxis(y, -1, self.loss.along)

    def update_python(self, y: Array, out: Array, weight: Array | None) -> None:
        """Let the metrics that are not computed in C see a batch."""
        given = sealed(self.turned_back(y))
        for i, metric in enumerate(self.python):
            metric.update_state(given, out, weight if i >= self._plain else None)

    def note(self, sums: Array, rows: int) -> None:
        """Keep sums for whoever asks afterwards."""
        self._seen = sums, rows

    def update(self, y: Array, out: Array, weight: Array | None) -> None:
        """Let all metrics see a batch; the loss stays what it is."""
        sums, rows = self._seen or (np.zeros(self.n_sums), 0)
        total, seen = np.array(sums), rows + len(out)
        total[0] *= seen / rows if rows else 0.0
        for i, metric in enumerate(self.core, 1):
            metric.reset_state()
            metric.update_state(y, out)
            total[i] += metric.total
            metric.reset_state()
        self._seen = total, seen
        self.update_python(y, out, weight)

    def now(self) -> dict[str, float]:
        """Return loss and metrics of what was noted; zeros when nothing was."""
        sums, rows = self._seen or (np.zeros(self.n_sums), 1)
        return self.finish(sums, rows)

    def report(self, as_dict: bool) -> Any:
        """Return `now` as `evaluate` does: a dict, a list, or the loss alone."""
        values = self.now()
        if as_dict:
            return dict(sorted(values.items()))
        return list(values.values()) if len(values) > 1 else values["loss"]

    def reset(self) -> None:
        """Forget what was noted, and start all metrics again."""
        self._seen = None
        self.reset_python()

    def reset_python(self) -> None:
        """Start the metrics that are not computed in C again."""
        for metric in self.python:
            metric.reset_state()


def _keys(plain: list[str], weighted: list[str]) -> list[str]:
    """Return the keys of metrics: names, and for one that is taken another as in Keras.

    The second of two metrics is numbered; a weighted one is called so first.
    """
    seen: Counter[str] = Counter()
    found = []
    for i, name in enumerate((*plain, *weighted)):
        key = f"weighted_{name}" if seen[name] and i >= len(plain) else name
        found.append(f"{key}_{seen[key]}" if seen[key] else key)
        seen[key] += 1
    return found


def _looks_at_targets(loss: Loss, core: list[MeanMetric]) -> bool:
    """Whether what is computed depends on the values of targets."""
    return type(loss).for_targets is not Loss.for_targets or any(
        type(m).attr_for is not MeanMetric.attr_for for m in core
    )


def _checked(y: Array, rows: int, output_shape: tuple[int, ...], loss: Loss) -> Array:
    shape, along = (rows, *output_shape), loss.along
    if not -len(shape) < along < len(shape) or along == 0:
        raise ValueError(
            f"{loss.name}: axis {along} is none of the model's output {shape}, or the"
            " batch"
        )
    if loss.python:  # reads whatever there is, as long as rows belong together
        return same_rows(y, rows)
    label = loss.kind in LABEL_LOSSES
    target = as_target(y, rows, output_shape, label, loss.name, along)
    if label:
        check_labels(target, shape[along], loss.ignored)
    return target


def _is_last(axis: int, shape: Sequence[int]) -> bool:
    """Whether an axis is the last one of an array of that shape."""
    return axis in (-1, len(shape) - 1)


def _metric(asked: Any) -> Any:
    """Return a metric object, or the name of one that waits for shapes."""
    if isinstance(asked, str) and asked.lower() in _BY_SHAPE:
        return asked
    return metrics.get(asked, (1, 1), (1, 1))


def _width(kind: str, output: Sequence[int]) -> int:
    return 1 if kind in LABEL_LOSSES else output[-1]


def _plain(value: Any) -> Any:
    array = np.asarray(value)
    return array.tolist() if array.ndim else float(array)


def _loss(loss: Any) -> Loss | None:
    if loss is None or (isinstance(loss, str) and loss in _BY_SHAPE):
        return None
    if isinstance(loss, list | tuple | dict):
        raise ValueError(f"loss: expected one loss for the one output, got {loss!r}")
    found = losses.get(loss)
    if found.reduction in ("none", None):
        raise ValueError(
            "compile: training needs one loss of a batch, which"
            f" reduction={found.reduction!r} does not make; expected one of"
            " 'sum_over_batch_size', 'sum', 'mean_with_sample_weight'"
        )
    return found


def _flat(given: Any, name: str) -> list[Any]:
    """Return the metrics of a list, tuple or dict (by output name) as a list."""
    if given is None:
        return []
    if isinstance(given, Mapping):
        given = list(given.values())
    if not isinstance(given, list | tuple):
        raise ValueError(f"{name}: expected a list, tuple or dict, got {given!r}")
    found: list[Any] = []
    for item in given:
        found.extend(_flat(item, name) if isinstance(item, list | tuple) else [item])
    return found


def _spelled(asked: Any) -> str:
    if isinstance(asked, str):
        return asked
    name = getattr(asked, "name", None) or getattr(asked, "__name__", None)
    return name or str(asked)
