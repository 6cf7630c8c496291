# SPDX-License-Identifier: BSD-3-Clause
"""What all metrics share, and means of values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from pynn import initializers
from pynn._arraylike import State
from pynn._names import snake_case, unique_name
from pynn._ops import ignored_label
from pynn._values import Values, counted, numbers, per_vector, weights_for


class Metric:
    """A number about a model, gathered over batches.

    A metric of your own overrides `update_state` and `result`. What it gathers lies in
    variables that its constructor makes with `add_variable`, or in attributes that its
    `reset_state` sets, which is called at once if there is no constructor, and at the
    beginning of each epoch.

    Parameters
    ----------
    name : str, optional
        Its key in the history; by default the class in snake case, numbered.
    dtype : optional
        Accepted for Keras's sake: metrics are gathered in float64.

    Attributes
    ----------
    direction : {"up", "down", None}
        Where better is, for callbacks that watch.
    """

    direction: ClassVar[str | None] = None
    fields: ClassVar[tuple[str, ...]] = ()

    def __init__(self, name: str | None = None, dtype: object = None) -> None:
        self.name = name or unique_name(snake_case(type(self).__name__))
        self.dtype = dtype
        self._variables: list[State] = []
        if type(self).__init__ is Metric.__init__:
            self.reset_state()

    def add_variable(
        self,
        shape: Sequence[int],
        initializer: Any = "zeros",
        dtype: Any = None,
        aggregation: str = "sum",
        name: str | None = None,
    ) -> State:
        """Make a variable, in the constructor; `reset_state` sets it to zero.

        Parameters
        ----------
        shape : tuple of int
            () for a single number.
        initializer : str, callable or Initializer
        dtype : str, optional
            "float64" by default.
        aggregation
            Accepted for Keras's sake.
        name : str, optional
        """
        del aggregation
        start = initializers.get(initializer or "zeros")
        name = name or f"variable_{len(self._variables)}"
        value = np.array(start(tuple(shape), dtype=dtype or "float64"))
        self._variables.append(State(value, name, f"{self.name}/{name}"))
        return self._variables[-1]

    def add_weight(
        self,
        shape: Sequence[int] = (),
        initializer: Any = None,
        dtype: Any = None,
        name: str | None = None,
    ) -> State:
        """Do what `add_variable` does."""
        return self.add_variable(shape, initializer, dtype, name=name)

    @property
    def variables(self) -> list[State]:
        """What `add_variable` made, then the variables of metrics among attributes."""
        inner = [m for m in vars(self).values() if isinstance(m, Metric)]
        return [*self._variables, *(v for m in inner for v in m.variables)]

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch.

        Parameters
        ----------
        y_true, y_pred : array_like
            Targets and predictions, one row per sample.
        sample_weight : array_like, optional
            One weight per sample.
        """
        raise NotImplementedError(f"{type(self).__name__} must define update_state")

    def result(self) -> Any:
        """Return the metric over all batches since the last reset."""
        raise NotImplementedError(f"{type(self).__name__} must define result")

    def reset_state(self) -> None:
        """Forget all batches: set variables to zero, and reset metrics it holds."""
        for variable in self._variables:
            variable.value[...] = 0
        for inner in vars(self).values():
            if isinstance(inner, Metric):
                inner.reset_state()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Take in a batch and return the result so far."""
        self.update_state(*args, **kwargs)
        return self.result()

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this metric again."""
        return {"name": self.name} | {n: getattr(self, n) for n in self.fields}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Metric:
        """Make a metric from what `get_config` returned."""
        return cls(**config)


def ratio(part: Any, whole: Any) -> Values:
    """Return ``part / whole``, and 0 where `whole` is 0."""
    part, whole = np.broadcast_arrays(np.float64(part), np.float64(whole))
    found: Values = np.divide(part, whole, out=np.zeros(part.shape), where=whole != 0)
    return found


class Gathered(Metric):
    """A metric whose attributes `reset_state` makes, before those of a subclass."""

    def __init__(self, name: str | None = None, dtype: object = None) -> None:
        super().__init__(name, dtype)
        self.reset_state()


class _Average(Gathered):
    """A weighted sum of values and the sum of the weights."""

    def reset_state(self) -> None:
        self.total = 0.0
        self.count = 0.0

    def result(self) -> float:
        """Return the mean of all values since the last reset; 0 if there were none."""
        return self.finish(self.total, self.count)

    @staticmethod
    def finish(total: float, count: float) -> float:
        """Return the metric from the weighted sum and the sum of the weights."""
        return float(total) / count if count else 0.0

    def add(self, values: Values, sample_weight: Any) -> None:
        """Take in values, the first axis of which counts the samples."""
        count = float(len(values)) if values.ndim else 1.0
        if sample_weight is not None:
            weight = np.broadcast_to(weights_for(values, sample_weight), values.shape)
            values = values * weight
            count *= float(weight.sum()) / max(weight.size, 1)
        per_sample = max(values.size, 1) / max(len(values) if values.ndim else 1, 1)
        self.total += float(values.sum()) / per_sample
        self.count += count


class Mean(_Average):
    """The weighted mean of values: ``update_state(values, sample_weight)``."""

    def __init__(self, name: str | None = "mean", dtype: object = None) -> None:
        super().__init__(name, dtype)

    def update_state(  # type: ignore[override]
        self, values: Any, sample_weight: Any = None
    ) -> None:
        """Take in values; a weight goes with each of them, or with each sample."""
        self.add(numbers(values, "values"), sample_weight)


class Sum(Gathered):
    """The weighted sum of values: ``update_state(values, sample_weight)``."""

    def __init__(self, name: str | None = "sum", dtype: object = None) -> None:
        super().__init__(name, dtype)

    def update_state(  # type: ignore[override]
        self, values: Any, sample_weight: Any = None
    ) -> None:
        """Take in values; a weight goes with each of them, or with each sample."""
        found = numbers(values, "values")
        if sample_weight is not None:
            found = found * weights_for(found, sample_weight)
        self.total += float(found.sum())

    def result(self) -> float:
        """Return the sum of all values since the last reset."""
        return self.total

    def reset_state(self) -> None:
        self.total = 0.0


class MeanMetric(_Average):
    """The mean over samples of a row of the core's table of losses.

    Training computes it in the core, as a sum and a number of samples, and asks
    `finish`; `update_state` does the same on arrays.

    Attributes
    ----------
    kind : str
        Row of the core's table.
    attr : tuple of float
        Its parameters.
    """

    kind: ClassVar[str]
    axis: int = -1

    def __init__(self, name: str | None = None, dtype: object = None) -> None:
        super().__init__(name or snake_case(type(self).__name__), dtype)

    @property
    def attr(self) -> tuple[float, ...]:
        """Parameters of the core's loss."""
        return ()

    def attr_for(self, y_true: Any) -> tuple[float, ...]:
        """Return the parameters that fit these targets."""
        del y_true
        return self.attr

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch; see `Metric.update_state`."""
        attr = self.attr_for(y_true)
        values = per_vector(self.kind, attr, y_true, y_pred, self.axis)
        ignored = ignored_label(self.kind, attr)
        if sample_weight is not None and ignored is not None:
            mask = counted(y_true, ignored, values.shape)
            sample_weight = weights_for(values, sample_weight) * mask
        self.add(values, sample_weight)


class MeanMetricWrapper(_Average):
    """The mean of what a function of yours returns.

    Parameters
    ----------
    fn : callable
        ``fn(y_true, y_pred, **kwargs)`` on NumPy arrays, returning a value per sample.
    name : str, optional
        The function's by default.
    dtype : optional
        Accepted for Keras's sake.
    **kwargs
        Passed on to `fn`.
    """

    def __init__(
        self,
        fn: Callable[..., Any],
        name: str | None = None,
        dtype: object = None,
        **kwargs: Any,
    ) -> None:
        self.fn = fn
        self.kwargs = kwargs
        found = name or getattr(fn, "__name__", type(fn).__name__)
        super().__init__(found, dtype)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch; see `Metric.update_state`."""
        values = self.fn(np.asarray(y_true), np.asarray(y_pred), **self.kwargs)
        self.add(numbers(values, self.name), sample_weight)
