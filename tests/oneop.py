# SPDX-License-Identifier: BSD-3-Clause
"""One-op plans: the smallest thing the core runs, so what is tested is what ships.

A `Case` is one record with its inputs; `run` passes it through the core, forward and
backward, with whatever instruction set is selected. Inputs are float64 numbers that the
plan's type holds exactly, so the oracle sees the same ones.
"""

import dataclasses
from typing import Any

import numpy as np
from oracle import cases, philox, table
from runs import seeded

from pynn import _core

PAD = 16
BIAS, FROZEN, SCALE = 1, 2, 4  # enum pynn_flag
OPS = {name: number for number, name in enumerate(table.names("OP"))}
ACTIVATIONS = table.names("ACTIVATION")
LOSSES = table.names("LOSS")

ISAS = [name for name in _core.isa_names() if _core.isa_supported(name)]

# Below, at and above every vector length, unrolling and padding; two primes.
WIDTHS = (1, 2, 3, 7, 15, 16, 17, 31, 32, 33, 47, 48, 49, 63, 64, 65, 127, 129)
ROWS = (1, 2, 3, 7, 8, 9, 13, 33)
# Widths and rows around a block of 16 rows, which work with few columns goes by.
BLOCKS = ((1, 33), (2, 16), (3, 15), (4, 17), (10, 33), (16, 16), (16, 49))


@dataclasses.dataclass(frozen=True)
class Real:
    """An element type: its number in the core, unit roundoff and smallest normal."""

    name: str
    number: int
    type: type
    u: float
    tiny: float

    def round(self, x):
        """`x` as float64, rounded to this type."""
        return np.asarray(x, np.float64).astype(self.type).astype(np.float64)


REALS = {
    "float32": Real("float32", 0, np.float32, 2.0**-24, 2.0**-126),
    "float64": Real("float64", 1, np.float64, 2.0**-53, 2.0**-1022),
}


@dataclasses.dataclass(frozen=True)
class Case:
    """One record and its inputs; what an op does not use stays None."""

    kind: str
    x: np.ndarray  # [rows, inner, width]
    out: tuple[int, int]  # inner, width
    select: int = 0
    attr: tuple[float, ...] = ()
    seed: int = 0
    step: int = 0
    kernel: np.ndarray | None = None  # [in, out]
    bias: np.ndarray | None = None  # [out]
    params: np.ndarray | None = None  # of other ops: [rows, width]
    stats: np.ndarray | None = None  # [rows, width]
    flags: int = 0
    dy: np.ndarray | None = None  # [rows, inner, width]
    target: np.ndarray | None = None
    weight: np.ndarray | None = None

    @property
    def rows(self):
        return len(self.x)

    def __str__(self):
        return f"{self.kind} {self.select} {self.x.shape} -> {self.out} {self.attr}"


def padded(n):
    """Elements from one row of `n` to the next: whole pads, no multiple of 128."""
    pads = -(-n // PAD) * PAD
    return pads + PAD if pads % 128 == 0 else pads


def flat_params(case, real):
    """The parameter vector; of a dense op: kernel rows, then the bias row, padded."""
    if case.kernel is None:
        return flat(case.params, real)
    rows = [*case.kernel] + ([] if case.bias is None else [case.bias])
    return flat(np.array(rows), real)


def flat(matrix, real):
    """Rows of a vector of the core; None is no row."""
    if matrix is None:
        return np.zeros(0, real.type)
    vector = np.zeros((len(matrix), padded(matrix.shape[1])), real.type)
    vector[:, : matrix.shape[1]] = matrix
    return vector.ravel()


def make_plan(case, real, max_rows):
    """Slots: 0 input, 1 output or, for a loss, the target."""
    lossy = case.kind in ("loss", "score")
    params = flat_params(case, real).size
    record = (
        OPS[case.kind],
        case.select,
        0,
        -1 if lossy or case.kind == "activity" else 1,
        1 if lossy else -1,
        case.flags | (BIAS if case.bias is not None else 0),
        0 if params else -1,
        -1 if case.stats is None else 0,
        case.seed,
        (*case.attr, *(0.0,) * (4 - len(case.attr))),
    )
    records = [record]
    if case.kind == "activity":  # something else has to read the slot
        records.append((OPS["copy"], 0, 0, 1, -1, 0, -1, -1, 0, ()))
    return _core.Plan(
        records,
        [case.x.shape[1:], case.out],
        dtype=real.number,
        output=0 if lossy else 1,
        target=1 if lossy else -1,
        n_params=params,
        n_stats=flat(case.stats, real).size,
        max_rows=max_rows,
        input_gradient=True,
    )


def run(case, real) -> dict[str, Any]:
    """Forward and backward: y, dx, grads (as a matrix), and for a loss its sum."""
    plan = make_plan(case, real, case.rows)
    params = flat_params(case, real)
    x, stats = case.x.astype(real.type), flat(case.stats, real)
    lossy = case.kind in ("loss", "score")
    y = np.full((case.rows, *case.out), np.nan, real.type)
    sums = np.zeros(plan.n_sums)
    plan.forward(
        params,
        stats,
        x,
        case.target,
        case.weight,
        case.step,
        case.rows,
        None if lossy else y,
        sums if lossy else None,
    )
    result = {"sum": sums} if lossy else {"y": y}
    if case.kind == "score":
        return result
    grads = np.full(params.shape, np.nan, real.type)
    dx = np.full(case.x.shape, np.nan, real.type)
    upstream = None if lossy else case.dy.astype(real.type)
    plan.backward(params, stats, upstream, case.rows, grads, dx)
    result["dx"] = dx
    if params.size:
        width = case.out[1] if case.params is None else case.params.shape[1]
        result["grads"] = grads.reshape(-1, padded(width))
    if stats.size:
        result["stats"] = stats.reshape(len(case.stats), -1)
    return result


def predict(case, real):
    """The output of an inference plan."""
    out = np.full((case.rows, *case.out), np.nan, real.type)
    x = case.x.astype(real.type)
    plan = make_plan(case, real, 0)
    stats = flat(case.stats, real)
    plan.predict(flat_params(case, real), stats, x, 0, case.rows, out)
    return out


def evaluate(case, real):
    """The loss or score of each row, from an inference plan: alone and all at once."""
    plan = make_plan(case, real, 0)
    params, x = flat_params(case, real), case.x.astype(real.type)
    alone = np.zeros((case.rows, plan.n_sums))
    for row in range(case.rows):
        plan.evaluate(params, None, x, case.target, case.weight, row, 1, alone[row])
    sums, values = np.zeros(plan.n_sums), np.zeros((plan.n_sums, case.rows))
    rows = case.rows
    plan.evaluate(params, None, x, case.target, case.weight, 0, rows, sums, values)
    return alone[:, -1], values[-1]


def dense_cases(real):
    """Every width as input and as output, four times each; every number of rows."""
    for i in range(4 * len(WIDTHS)):
        k = WIDTHS[i % len(WIDTHS)]
        n = WIDTHS[(5 * i + i // len(WIDTHS)) % len(WIDTHS)]
        rows, inner = ROWS[(i + i // 8) % len(ROWS)], (1, 1, 1, 3)[i % 4]
        rng = seeded("dense", rows, inner, k, n)
        yield Case(
            "dense",
            real.round(rng.normal(size=(rows, inner, k))),
            (inner, n),
            kernel=real.round(rng.normal(size=(k, n))),
            bias=real.round(rng.normal(size=n)) if i % 3 else None,
            dy=real.round(rng.normal(size=(rows, inner, n))),
        )


# Ordinary numbers, both tails, both zeros and what is not a number.
POINTS = np.concatenate(
    [
        np.linspace(-20.0, 20.0, 1601),
        *(s * np.geomspace(1e-30, 1e4, 137) for s in (1.0, -1.0)),
        [0.0, -0.0, 87.0, -87.0, 90.0, -104.0, 709.0, -745.0, 1e30, -1e30],
        [np.inf, -np.inf, np.nan],
    ]
)


def activation_cases(real):
    """Every activation with every choice of its parameters, on `POINTS`."""
    for name, parameters in cases.variants("ACTIVATION", cases.ACTIVATION_PARAMETERS):
        for shape in ((1, 1, 1), (3, 1, 17), (7, 2, 16), (16, 1, 129)):
            rng = seeded("activation", name, shape)
            size = int(np.prod(shape))
            x = rng.choice(POINTS, size) if size < 2000 else np.resize(POINTS, size)
            yield Case(
                "activation",
                real.round(x.reshape(shape)),
                shape[1:],
                select=ACTIVATIONS.index(name),
                attr=parameters,
                dy=real.round(rng.normal(size=shape)),
            )


def softmax_cases(real):
    """Every width, small and large numbers, plain and logarithm."""
    shapes = [(n, ROWS[i % len(ROWS)]) for i, n in enumerate(WIDTHS)]
    for i, (n, rows) in enumerate((*shapes, *BLOCKS)):
        for log in (0, 1):
            shape = (rows, (1, 3)[i % 2], n)
            rng = seeded("softmax", shape, log)
            yield Case(
                "softmax",
                real.round(rng.normal(size=shape) * (1.0, 30.0)[i // 2 % 2]),
                shape[1:],
                select=log,
                dy=real.round(rng.normal(size=shape)),
            )


def dropout_cases(real):
    """Rates from none to all, steps and seeds that use their high words; plain and
    alpha, with every choice of axes that share a mask."""
    for i, n in enumerate(2 * WIDTHS):
        shape = (ROWS[i % len(ROWS)], (1, 3)[i % 2], n)
        rng = seeded("dropout", shape)
        yield Case(
            "dropout",
            real.round(rng.normal(size=shape)),
            shape[1:],
            select=i % 16 if i >= len(WIDTHS) else 0,
            attr=((0.0, 0.1, 0.5, 0.9, 1.0)[i % 5],),
            seed=(i * 0x9E3779B97F4A7C15) % 2**64,
            step=(i, i + 2**40)[i % 2],
            dy=real.round(rng.normal(size=shape)),
        )


def dropout_mask(case):
    """What a case keeps: elements are numbered with their padding, along the axes on
    which they do not share."""
    rows, inner, width = case.x.shape
    same = [bool(case.select & bit) for bit in (2, 4, 8)]
    sizes = (rows, inner, padded(width))
    shape = [1 if s else n for s, n in zip(same, sizes, strict=True)]
    keep = philox.keep_mask(case.attr[0], case.seed, case.step, int(np.prod(shape)))
    return np.broadcast_to(np.reshape(keep, shape), sizes)[:, :, :width]


def noise_cases(real):
    """Added and multiplied, with steps and seeds that use their high words."""
    for i, n in enumerate(2 * WIDTHS):
        shape = (ROWS[i % len(ROWS)], (1, 3)[i % 2], n)
        rng = seeded("noise", shape)
        yield Case(
            "noise",
            real.round(rng.normal(size=shape)),
            shape[1:],
            select=i // len(WIDTHS),
            attr=((0.0, 0.125, 0.5, 1.0, 3.0)[i % 5],),
            seed=(i * 0x9E3779B97F4A7C15) % 2**64,
            step=(i, i + 2**40)[i % 2],
            dy=real.round(rng.normal(size=shape)),
        )


def noise_normals(case):
    """The normal numbers of a case and their radii: numbered with their padding."""
    rows, inner, width = case.x.shape
    shape = (rows, inner, padded(width))
    found = philox.normals(case.seed, case.step, int(np.prod(shape)))
    return [np.reshape(numbers, shape)[:, :, :width] for numbers in found]


def copy_cases(real):
    """Equal sizes cut in every way."""
    for n in WIDTHS[2:]:
        for before, after in (
            ((1, 2 * n), (2, n)),
            ((n, 2), (1, 2 * n)),
            ((n, 1), (1, n)),
        ):
            rng = seeded("copy", before, after)
            yield Case(
                "copy",
                real.round(rng.normal(size=(3, *before))),
                after,
                dy=real.round(rng.normal(size=(3, *after))),
            )


def activity_cases(real):
    """Every width, with one of the penalties or both; some elements are 0."""
    for i, n in enumerate(WIDTHS):
        shape = (ROWS[i % len(ROWS)], (1, 3)[i % 2], n)
        rng = seeded("activity", shape)
        x = real.round(rng.normal(size=shape) * (rng.random(shape) < 0.8))
        dy = real.round(rng.normal(size=shape))
        for attr in ((0.25, 0.0), (0.0, 0.5), (0.125, 2.0)):
            yield Case("activity", x, shape[1:], attr=attr, dy=dy)


def loss_cases(real, kind="loss"):
    """Every loss (or score) with every choice of its parameters, on every width."""
    differentiable = {row[1] for row in table.rows("LOSS") if row[3] == "1"}
    for name, parameters in cases.variants("LOSS", cases.LOSS_PARAMETERS):
        if kind == "loss" and name not in differentiable:
            continue
        shapes = [(n, ROWS[i % len(ROWS)]) for i, n in enumerate(WIDTHS)]
        if name != "cosine_similarity":  # flat at width 1: nothing but rounding
            shapes += BLOCKS
        for i, (n, rows) in enumerate(shapes):
            rng = seeded("loss", name, n, rows)
            inner = (1, 1, 3)[i % 3]
            target, pred = cases.loss_data(rng, name, rows * inner, n)
            labels = name.startswith("sparse")
            width = 1 if labels else n
            yield Case(
                kind,
                real.round(pred).reshape(rows, inner, n),
                (inner, width),
                select=LOSSES.index(name),
                attr=parameters,
                target=real.round(target).reshape(rows, inner, width),
                weight=rng.uniform(0.5, 2.0, rows) if i % 2 else None,
            )


def score_cases(real):
    """Every loss as a metric, and the pure metrics."""
    return loss_cases(real, "score")


FAMILIES = {
    "dense": dense_cases,
    "activation": activation_cases,
    "softmax": softmax_cases,
    "dropout": dropout_cases,
    "noise": noise_cases,
    "copy": copy_cases,
    "activity": activity_cases,
    "loss": loss_cases,
    "score": score_cases,
}
