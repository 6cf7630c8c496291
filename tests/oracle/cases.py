# SPDX-License-Identifier: BSD-3-Clause
"""What to try each row of csrc/ops.def on."""

import math

import numpy as np

from oracle import losses, table
from oracle.activations import softmax

# Parameters for each row that has any, in the order of attr in ops.def.
ACTIVATION_PARAMETERS = {
    "leaky_relu": [(0.2,), (0.0,)],
    "general_relu": [(0.1, 2.0, 0.5), (0.0, math.inf, 1.0)],
    "elu": [(1.0,), (0.3,)],
    "celu": [(1.0,), (0.3,)],
    "squareplus": [(4.0,), (0.25,)],
    "soft_shrink": [(0.5,), (0.0,)],
    "hard_shrink": [(0.5,), (0.0,)],
}
# Those that an activation has when it is asked for by name.
ACTIVATION_DEFAULTS = {
    "leaky_relu": (0.2,),
    "elu": (1.0,),
    "celu": (1.0,),
    "squareplus": (4.0,),
    "soft_shrink": (0.5,),
    "hard_shrink": (0.5,),
}
LOSS_PARAMETERS = {
    "huber": [(1.0,), (0.4,)],
    "binary_crossentropy": [(0.0,), (0.1,)],
    "binary_crossentropy_logits": [(0.0,), (0.1,)],
    "categorical_crossentropy": [(0.0,), (0.1,)],
    "categorical_crossentropy_logits": [(0.0,), (0.1,)],
    "sparse_categorical_crossentropy": [(), (1.0, 2.0)],
    "sparse_categorical_crossentropy_logits": [(), (1.0, 2.0)],
    "hinge": [(0.0,), (1.0,)],
    "squared_hinge": [(0.0,), (1.0,)],
    "binary_accuracy": [(0.5,), (0.25,)],
}


def variants(kind, parameters):
    """Every row of a table with every choice of its parameters."""
    return [(n, p) for n in table.names(kind) for p in parameters.get(n, [()])]


def loss_data(rng, name, rows=6, n=5):
    """Targets and predictions that suit a loss, away from its kinks and clips."""
    pred = rng.normal(size=(rows, n))
    target = rng.normal(size=(rows, n))
    if name.startswith("sparse"):
        target = rng.integers(0, n, rows).astype(float)
    elif name.startswith("categorical"):
        target = losses.one_hot(rng.integers(0, n, rows), n)
        if "crossentropy" in name:  # every other row with labels that do not add to 1
            target[::2] = rng.uniform(0.0, 1.0, target[::2].shape)
    elif name.startswith("binary") or "hinge" in name:
        target = rng.integers(0, 2, (rows, n)).astype(float)
    elif name == "kl_divergence":
        target = softmax(target)
    elif name in ("poisson", "mean_squared_logarithmic_error"):
        target = np.exp(target)
    if not name.endswith("logits") and name.split("_")[-1] in (
        "crossentropy",
        "divergence",
        "poisson",
        "error",
    ):
        pred = rng.uniform(0.1, 0.9, (rows, n))
    return target, pred
