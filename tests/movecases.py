# SPDX-License-Identifier: BSD-3-Clause
"""One-op plans that move or scale elements: cases, and what the core owes them."""

import numpy as np
from oneop import ROWS, WIDTHS, Case, padded, seeded
from oracle import layers


def affine_cases(real):
    """Every meaning of the constants, one of which has no variance."""
    for i, n in enumerate(3 * WIDTHS):
        select = (1, 2, 3)[i % 3] | (0, 4, 8, 12)[i % 4]
        inner, rows = (1, 3)[i % 2], ROWS[i % len(ROWS)]
        rng = seeded("affine", rows, inner, n, select)
        shape = (inner if select & 4 else 1, n if select & 8 else 1)
        shift, scale = rng.normal(5.0, 1.0, shape), rng.uniform(0.5, 2.0, shape)
        if select == 14:
            scale[0, 0] = 0.0
        yield Case(
            "affine",
            real.round(rng.normal(size=(rows, inner, n))),
            (inner, n),
            select=select,
            stats=real.round(np.concatenate([shift, scale])),
            dy=real.round(rng.normal(size=(rows, inner, n))),
        )


def transpose_cases(real):
    """Shapes with every axis of length 1, and longer ones."""
    for i, n in enumerate(WIDTHS):
        for a, b, c, d in ((1, n, 3, 1), (2, 3, 2, n), (1, 2, n, 5), (n, 2, 2, 1)):
            rng = seeded("transpose", a, b, c, d)
            before = ((a * b * c, d), (a * b, c * d))[i % 2]
            after = ((a * c * b, d), (a * c, b * d))[i // 2 % 2]
            yield Case(
                "transpose",
                real.round(rng.normal(size=(3, *before))),
                after,
                attr=(float(a), float(b), float(c), float(d)),
                dy=real.round(rng.normal(size=(3, *after))),
            )


def repeat_cases(real):
    """Every width, few and many."""
    for i, width in enumerate(WIDTHS):
        rng, n = seeded("repeat", width), (1, 2, 7, 33)[i % 4]
        yield Case(
            "repeat",
            real.round(rng.normal(size=(ROWS[i % len(ROWS)], 1, width))),
            (n, width),
            dy=real.round(rng.normal(size=(ROWS[i % len(ROWS)], n, width))),
        )


def prelu_cases(real):
    """Every width; alpha for each vector, for periods and runs of them, or for all; for
    each column or for all; zeros, an alpha of 0, and what is not finite."""
    for i, n in enumerate(2 * WIDTHS):
        periods, rows, near = ((1, 1, 1), (1, 3, 1), (2, 3, 1), (1, 2, 3), (2, 2, 2))[
            i % 5
        ]
        same, inner = i // len(WIDTHS), periods * rows * near
        count = ROWS[i % len(ROWS)]
        rng = seeded("prelu", count, inner, n, same)
        x = real.round(rng.normal(size=(count, inner, n)))
        x[rng.random(x.shape) < 0.1] = 0.0
        alpha = rng.normal(size=(rows, 1 if same else n))
        alpha[rng.random(alpha.shape) < 0.1] = 0.0
        if i % 7 == 3:
            x.flat[:: 1 + x.size // 3] = -np.inf
        yield Case(
            "prelu",
            x,
            (inner, n),
            select=same,
            attr=(float(rows), float(near)),
            params=real.round(alpha),
            dy=real.round(rng.normal(size=x.shape)),
        )


def expect_affine(case, real):
    """Two roundings and those of the root; nothing moves the constants."""
    shift, scale = np.split(case.stats, 2)
    times, root = bool(case.select & 1), bool(case.select & 2)
    layer = layers.Affine(shift, scale, times, root)
    y, dx = layer.forward(case.x), layer.backward(case.dy)
    size = np.abs(case.x * layer.scale) if times else np.abs(y)
    moved = np.zeros((len(case.stats), padded(case.stats.shape[1])))
    moved[:, : case.stats.shape[1]] = case.stats
    return {
        "y": (y, 4 * real.u * (size + np.abs(y))),
        "dx": (dx, 4 * real.u * np.abs(dx)),
        "stats": (moved, 0.0),
    }


def expect_transpose(case, real):
    """Nothing changes but the order."""
    layer = layers.Transpose([int(n) for n in case.attr], (0, 2, 1, 3))
    return {
        "y": (layer.forward(case.x).reshape(-1, *case.out), 0.0),
        "dx": (layer.backward(case.dy).reshape(case.x.shape), 0.0),
    }


def expect_prelu(case, real):
    """A product is rounded once; the gradient of alpha is a chain over all samples, or,
    of one number, over the columns before."""
    rows, near = map(int, case.attr[:2])
    shape = len(case.x), -1, rows, near, case.x.shape[-1]
    layer = layers.PReLU(case.params[None, :, None])
    x, dy = case.x.reshape(shape), case.dy.reshape(shape)
    with np.errstate(invalid="ignore"):
        y = layer.forward(x).reshape(case.x.shape)
        dx = layer.backward(dy).reshape(case.x.shape)
    grads = layer.grads[0].reshape(case.params.shape)
    layer.x, below = -np.abs(x), np.abs(dy)
    layer.backward(below)
    size = -layer.grads[0].reshape(grads.shape)
    terms = x.size / grads.size + 4
    pad = ((0, 0), (0, padded(grads.shape[1]) - grads.shape[1]))
    return {
        "y": (y, real.u * np.abs(y)),
        "dx": (dx, real.u * np.abs(dx)),
        "grads": (np.pad(grads, pad), np.pad(terms * real.u * size, pad)),
    }


def expect_repeat(case, real):
    """A gradient is a sum in order."""
    layer = layers.Repeat(case.out[0])
    dx = layer.backward(case.dy).reshape(case.x.shape)
    size = np.abs(case.dy).sum(axis=1, keepdims=True)
    return {"y": (layer.forward(case.x), 0.0), "dx": (dx, case.out[0] * real.u * size)}


FAMILIES = {
    "affine": affine_cases,
    "transpose": transpose_cases,
    "repeat": repeat_cases,
    "prelu": prelu_cases,
}
EXPECT = {
    "affine": expect_affine,
    "transpose": expect_transpose,
    "repeat": expect_repeat,
    "prelu": expect_prelu,
}
LEAST = {"affine": 54, "transpose": 72, "repeat": 18, "prelu": 36}
