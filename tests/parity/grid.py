# SPDX-License-Identifier: BSD-3-Clause
"""The cases: every member of every axis once over a base, then mixtures of all axes."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from parity.axes import (
    CONSTRAINTS,
    INITIALIZERS,
    LOSSES,
    OPTIMIZERS,
    REGULARIZERS,
    SCHEDULES,
    Goal,
)
from parity.axes_of_fit import (
    CALLBACKS,
    DATA_RULES,
    FROZEN,
    METRICS,
    UNWEIGHTED,
    counts,
)
from parity.harness import Case
from parity.stacks import RANDOM, STACKS

MIXTURES = 150
# Members of axes that pynn does not have yet; a test makes sure that it has not.
WAITING = {
    "glu",
    "sparsemax",
    "threshold",
}
PLAIN, CLASSES = LOSSES["mse"], LOSSES["sparse_categorical_crossentropy"]


# One value a batch: what the weights of samples should mean is open.
WHOLE_BATCH = ("dice", "tversky")


def head(k: Any, goal: Goal, **kwargs: Any) -> Any:
    """Return the last layer that suits a loss."""
    return k.layers.Dense(goal.units, activation=goal.activation, **kwargs)


def stacked(stack: Callable[..., list[Any]], goal: Goal, **kwargs: Any) -> Any:
    return lambda k: [*stack(k, **kwargs), head(k, goal)]


def regularized(goal: Goal, arguments: Callable[[Any], dict[str, Any]]) -> Any:
    """Return layers whose two Dense take the arguments that `arguments` makes."""
    return lambda k: [
        k.layers.Dense(5, activation="tanh", **arguments(k)),
        head(k, goal, **arguments(k)),
    ]


def _goal(goal: Goal) -> dict[str, Any]:
    return {"loss": goal.loss, "targets": goal.targets, "loose": goal.loose}


def of_stacks() -> Iterator[Case]:
    for name, stack in STACKS.items():
        for goal in (PLAIN, CLASSES):
            yield Case(
                f"layers-{name}-{goal.targets}",
                stacked(stack.layers, goal),
                optimizer=lambda k: k.optimizers.SGD(0.01, momentum=0.5),
                shape=stack.shape,
                single=stack.single,
                **_goal(goal) | {"loose": stack.loose},
            )


def of_losses() -> Iterator[Case]:
    dense = STACKS["tanh"].layers
    for name, goal in LOSSES.items():
        for weights in ("none", "sample")[: 1 + (name not in WHOLE_BATCH)]:
            yield Case(
                f"loss-{name}-{weights}",
                stacked(dense, goal),
                weights=weights,
                optimizer=lambda k: k.optimizers.Adam(0.01),
                **_goal(goal),
            )
        if goal.targets in ("labels", "one_hot", "binary"):
            yield Case(
                f"loss-{name}-class",
                stacked(dense, goal),
                weights="class",
                **_goal(goal),
            )


def of_optimizers() -> Iterator[Case]:
    dense = STACKS["tanh"].layers
    for name, optimizer in OPTIMIZERS.items():
        for goal in (PLAIN, CLASSES):
            yield Case(
                f"optimizer-{name}-{goal.targets}",
                stacked(dense, goal),
                optimizer=optimizer.make,
                **_goal(goal) | {"loose": optimizer.loose},
            )
    for name, schedule in SCHEDULES.items():
        for kind in ("SGD", "Adam"):
            yield Case(
                f"schedule-{name}-{kind}",
                stacked(dense, PLAIN),
                optimizer=lambda k, s=schedule, o=kind: getattr(k.optimizers, o)(s(k)),
                **_goal(PLAIN),
            )


def of_arguments() -> Iterator[Case]:
    for axis in (REGULARIZERS, CONSTRAINTS, INITIALIZERS):
        for name, arguments in axis.items():
            for weights in ("none", "sample"):
                yield Case(
                    f"{arguments.axis}-{name}-{weights}",
                    regularized(CLASSES, arguments.make),
                    weights=weights,
                    optimizer=lambda k: k.optimizers.SGD(0.05, momentum=0.9),
                    metrics=lambda k: ["accuracy"],
                    **_goal(CLASSES),
                )


def of_metrics() -> Iterator[Case]:
    dense = STACKS["tanh"].layers
    for name, (loss, metrics) in (METRICS | UNWEIGHTED).items():
        goal = LOSSES[loss]
        for weights in ("none", "sample")[: 1 + (name in METRICS)]:
            yield Case(
                f"metrics-{name}-{weights}",
                stacked(dense, goal),
                metrics=metrics,
                weighted_metrics=metrics if weights == "sample" else lambda k: None,
                weights=weights,
                **_goal(goal),
            )
    for weights in ("none", "sample"):
        yield Case(
            f"metrics-counts-{weights}",
            stacked(dense, LOSSES["binary_crossentropy"]),
            weighted_metrics=counts,
            weights=weights,
            fit={"validation_data": None},
            **_goal(LOSSES["binary_crossentropy"]),
        )


def of_rules() -> Iterator[Case]:
    dense = STACKS["tanh"].layers
    for name, fit in DATA_RULES.items():
        for goal in (PLAIN, CLASSES):
            yield Case(
                f"fit-{name}-{goal.targets}",
                stacked(dense, goal),
                fit=fit,
                **_goal(goal),
            )
    for name, (layers, prepare) in FROZEN.items():
        yield Case(
            f"frozen-{name}",
            stacked(layers, PLAIN),
            prepare=prepare,
            single="groups" in name,
            **_goal(PLAIN),
        )
    for name, layer in RANDOM.items():
        yield Case(  # what they do in training is random, and off afterwards
            f"random-{name}",
            lambda k, layer=layer: [k.layers.Dense(5), layer(k), head(k, PLAIN)],
            fit={"epochs": 0},
            **_goal(PLAIN),
        )
    for name, callbacks in CALLBACKS.items():
        yield Case(
            f"callback-{name}",
            stacked(dense, CLASSES),
            callbacks=callbacks,
            metrics=lambda k: ["accuracy"],
            optimizer=lambda k: k.optimizers.SGD(0.3, momentum=0.9),
            fit={"epochs": 12},
            **_goal(CLASSES) | {"loose": 4.0},  # four times the steps of the others
        )


def mixtures(count: int) -> Iterator[Case]:
    """Draw one member of every axis, `count` times; the same ones in every run."""
    rng = np.random.default_rng(0)

    def drawn(axis: dict[str, Any]) -> tuple[str, Any]:
        name = list(axis)[rng.integers(len(axis))]
        return name, axis[name]

    stacks = {n: s for n, s in STACKS.items() if s.mixes}
    for i in range(count):
        (s, stack), (o, optimizer), (g, goal) = map(drawn, (stacks, OPTIMIZERS, LOSSES))
        r, regularizer = drawn(REGULARIZERS)
        c, constraint = drawn(CONSTRAINTS)
        choice = ["none", "sample"]
        choice += ["class"] * (goal.targets in ("labels", "one_hot", "binary"))
        choice = ["none"] if g in WHOLE_BATCH else choice
        weights = choice[rng.integers(len(choice))]
        if goal.units == 1 and r.startswith("orthogonal"):
            r, regularizer = "l2", REGULARIZERS["l2"]  # of one column: 0 / 0 in Keras
        last = (regularizer, constraint)[i % 2]
        yield Case(
            f"mix-{i}-{s}-{o}-{g}-{(r, c)[i % 2]}-{weights}",
            lambda k, stack=stack, goal=goal, last=last: [
                *stack.layers(k),
                head(k, goal, **last.make(k)),
            ],
            optimizer=optimizer.make,
            weights=weights,
            shape=stack.shape,
            single=stack.single,
            **_goal(goal) | {"loose": max(stack.loose, optimizer.loose, goal.loose)},
        )


def all_cases() -> list[Case]:
    """Return every case of the grid; their names are unique."""
    makers = (of_stacks, of_losses, of_optimizers, of_arguments, of_metrics, of_rules)
    return [case for maker in makers for case in maker()] + list(mixtures(MIXTURES))


def waits(case: Case) -> bool:
    """Return whether a case needs what pynn does not have yet."""
    return not WAITING.isdisjoint(case.name.split("-"))
