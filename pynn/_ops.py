# SPDX-License-Identifier: BSD-3-Clause
"""The vocabulary of plans: names in the order of csrc/ops.def, and plain records.

A name's number is its position in the tuple; numbers never leave the process.
"""

from typing import NamedTuple

OPS = (
    "dense",
    "activation",
    "softmax",
    "dropout",
    "noise",
    "batch_norm",
    "affine",
    "transpose",
    "repeat",
    "row_norm",
    "group_norm",
    "prelu",
    "copy",
    "activity",
    "loss",
    "score",
)

ACTIVATIONS = (
    "linear",
    "relu",
    "leaky_relu",
    "relu6",
    "general_relu",
    "elu",
    "selu",
    "sigmoid",
    "hard_sigmoid",
    "tanh",
    "softplus",
    "softsign",
    "silu",
    "gelu",
    "gelu_tanh",
    "exponential",
    "mish",
    "celu",
    "hard_tanh",
    "tanh_shrink",
    "squareplus",
    "log_sigmoid",
    "soft_shrink",
    "hard_shrink",
    "hard_silu",
    "sparse_plus",
    "sparse_sigmoid",
)

INPUT_ACTIVATIONS = frozenset(
    {
        "general_relu",
        "elu",
        "softsign",
        "silu",
        "gelu",
        "gelu_tanh",
        "mish",
        "celu",
        "tanh_shrink",
        "squareplus",
        "hard_silu",
        "sparse_plus",
    }
)
"""Their backward pass reads the input: they cannot run in place after a dense op."""

LOSSES = (
    "mean_squared_error",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_logarithmic_error",
    "huber",
    "log_cosh",
    "binary_crossentropy",
    "binary_crossentropy_logits",
    "categorical_crossentropy",
    "categorical_crossentropy_logits",
    "sparse_categorical_crossentropy",
    "sparse_categorical_crossentropy_logits",
    "poisson",
    "kl_divergence",
    "hinge",
    "squared_hinge",
    "categorical_hinge",
    "cosine_similarity",
    "binary_accuracy",
    "categorical_accuracy",
    "sparse_categorical_accuracy",
)

LABEL_LOSSES = frozenset(
    {
        "sparse_categorical_crossentropy",
        "sparse_categorical_crossentropy_logits",
        "sparse_categorical_accuracy",
    }
)
"""Their target is one class number; all others take a target as wide as the output."""


def ignored_label(kind: str, attr: tuple[float, ...]) -> float | None:
    """Return the label that a loss of these parameters leaves out, if any."""
    return attr[1] if kind in LABEL_LOSSES and attr and attr[0] else None


SCORES = frozenset(
    {"binary_accuracy", "categorical_accuracy", "sparse_categorical_accuracy"}
)
"""Rows of LOSSES without a gradient: metrics only."""

OPTIMIZERS = (
    "sgd",
    "momentum",
    "nesterov",
    "rmsprop",
    "adam",
    "amsgrad",
    "adamax",
    "nadam",
    "adagrad",
    "adadelta",
    "lion",
    "ftrl",
)

DISTRIBUTIONS = ("uniform", "normal", "truncated_normal", "permutation")

DTYPES = ("float32", "float64")
"""The types that a plan computes in."""

BIAS = 1
FROZEN = 2
SCALE = 4
STILL = 8
"""Flags of an op (enum pynn_flag)."""

NORMS = ("layer", "rms", "unit")
"""What `row_norm` selects from (enum pynn_norm)."""

ALPHA, SAME_ROWS, SAME_INNER, SAME_WIDTH = 1, 2, 4, 8
"""Bits of a dropout's `select` (csrc/op_random.c): alpha dropout, shared masks."""

TIMES, ROOT, PER_VECTOR, PER_COLUMN = 1, 2, 4, 8
"""Bits of an affine op's `select` (csrc/op_affine.c)."""

PAD = 16
"""Rows of the parameter vector are padded to a multiple of this many elements."""

MAX_DIMS = 8
"""Most axes that an array given to the core may have, the batch axis included."""


class Slot(NamedTuple):
    """A value between ops: per sample, `inner` vectors of `width` elements."""

    inner: int
    width: int


class Op(NamedTuple):
    """One record of a plan (struct pynn_op); `select` is a number within its table."""

    kind: str
    select: int
    source: int
    dest: int
    target: int = -1
    flags: int = 0
    params: int = -1
    stats: int = -1
    seed: int = 0
    attr: tuple[float, ...] = ()


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
"""kind, hyper, weight_decay, clipvalue, clipnorm, global_clipnorm, gradients in a step,
momentum of the average of the weights and after how many steps it replaces them"""

REDUCTIONS = ("mean", "sum", "mean_with_sample_weight")
"""What makes one loss of a batch's (enum pynn_reduction)."""

RUN = (
    ("offset", "<i8"),
    ("length", "<i8"),
    ("ld", "<i8"),
    ("l1", "<f8"),
    ("l2", "<f8"),
    ("constraint", "<i8"),
    ("low", "<f8"),
    ("high", "<f8"),
    ("rate", "<f8"),
    ("undecayed", "<i8"),
)
"""Fields of a run of parameters (struct pynn_run)."""


def stride(n: int) -> int:
    """Elements from one row of `n` to the next (pynn_ld in csrc/internal.h)."""
    padded = -(-n // PAD) * PAD
    return padded + PAD if padded % 128 == 0 else padded
