# SPDX-License-Identifier: BSD-3-Clause
"""One-op cases of the normalizations and what they give; all families together."""

import numpy as np
import oneop
from oneop import BIAS, FROZEN, ROWS, SCALE, WIDTHS, Case, padded, seeded
from oracle import layers

NORMS = ("layer", "rms", "unit")  # enum pynn_norm


def batch_norm_cases(real):
    """Every width; numbers of rows around a part of a sum; frozen or not."""
    for i, n in enumerate(WIDTHS):
        for flags in (SCALE | BIAS, SCALE, BIAS, 0, SCALE | BIAS | FROZEN, FROZEN):
            rows = (*ROWS[:-1], 63, 64, 65, 130)[(i + flags) % (len(ROWS) + 3)]
            inner = (1, 1, 3)[(i + flags) % 3]
            rng = seeded("batch_norm", rows, inner, n, flags)
            x = rng.normal(rng.normal(size=n), rng.uniform(0.5, 2, n), (rows, inner, n))
            kept = bool(flags & SCALE) + bool(flags & BIAS)
            yield Case(
                "batch_norm",
                real.round(x),
                (inner, n),
                attr=((1e-3, 0.99), (1e-5, 0.7))[i % 2],
                flags=flags,
                params=real.round(rng.normal(size=(kept, n))) if kept else None,
                stats=real.round(rng.uniform(0.5, 2, (2, n))),
                dy=real.round(rng.normal(size=x.shape)),
            )


def row_norm_cases(real):
    """Every width, every kind; each choice of parameters; a row of zeros."""
    for i, n in enumerate(WIDTHS):
        for select in range(len(NORMS)):
            flags = (SCALE | BIAS, SCALE, BIAS, 0)[(i + select) % 4]
            rows, inner = ROWS[(i + select) % len(ROWS)], (1, 1, 3)[(i + select) % 3]
            rng = seeded("row_norm", rows, inner, n, flags)
            x = rng.normal(rng.normal(), rng.uniform(0.5, 2), (rows, inner, n))
            x[0, 0] *= i % 4 != 0
            kept = bool(flags & SCALE) + bool(flags & BIAS)
            yield Case(
                "row_norm",
                real.round(x),
                (inner, n),
                select=select,
                attr=((1e-3, 1e-6)[i % 2],),
                flags=flags,
                params=real.round(rng.normal(size=(kept, n))) if kept else None,
                dy=real.round(rng.normal(size=x.shape)),
            )


def group_norm_cases(real):
    """Every width in one group, in several and in as many as columns; vectors around a
    part of a sum; a sample of zeros."""
    for i, n in enumerate(WIDTHS):
        middle = [g for g in range(2, n) if n % g == 0]
        for j, groups in enumerate((1, n, *middle[:1], *middle[1:][-1:])):
            flags = (SCALE | BIAS, SCALE, BIAS, 0)[(i + j) % 4]
            rows, inner = ROWS[(i + j) % len(ROWS)], (1, 3, 63, 130)[(i + 2 * j) % 4]
            rng = seeded("group_norm", rows, inner, n, flags)
            x = rng.normal(rng.normal(), rng.uniform(0.5, 2), (rows, inner, n))
            x[0] *= i % 4 != 0
            kept = bool(flags & SCALE) + bool(flags & BIAS)
            yield Case(
                "group_norm",
                real.round(x),
                (inner, n),
                attr=((1e-3, 1e-6)[i % 2], float(groups)),
                flags=flags,
                params=real.round(rng.normal(size=(kept, n))) if kept else None,
                dy=real.round(rng.normal(size=x.shape)),
            )


def batch_norm_oracle(case):
    """The layer that a case is."""
    rows = [None, None] if case.params is None else [*case.params]
    gamma = rows.pop(0) if case.flags & SCALE else None
    beta = rows[0] if case.flags & BIAS else None
    frozen = bool(case.flags & FROZEN)
    return layers.BatchNorm(gamma, beta, case.stats, *case.attr, frozen)


def expect_batch_norm(case, real):
    """A sum of n terms is off by (n + 1) u of their sizes, and so is what is made of
    it: the mean by `off` standard deviations, their inverse by the part `wrong`."""
    layer = batch_norm_oracle(case)
    y, dx = layer.forward(case.x), layer.backward(case.dy)
    n = len(case.x) * case.x.shape[1]
    u = (n + 4) * real.u
    scale = np.abs(layer.weights[0] if layer.scaled else 1.0)
    off = np.broadcast_to(0.0 if layer.frozen else u, layer.inv.shape)
    off = off * np.abs(case.x).max(axis=(0, 1)) * layer.inv
    wrong = (0.0 if layer.frozen else u) + off + 4 * real.u
    normal, d = np.abs(layer.normal), np.abs(case.dy)
    near = 2 * real.u * np.abs(case.x) * layer.inv  # rounding of x - mean
    limit = scale * (off + near + wrong * normal) + 4 * real.u * np.abs(y)
    spread = d + d.mean(axis=(0, 1)) + normal * (d * normal).mean(axis=(0, 1))
    error = (2 * u + 4 * (off + wrong)) * (1 + normal + normal.max(axis=(0, 1)))
    grads = [(d * normal).sum(axis=(0, 1))] if layer.scaled else []
    grads += [d.sum(axis=(0, 1))] if layer.shifted else []
    limits = [(2 * u + 2 * wrong) * g + 2 * off * d.sum(axis=(0, 1)) for g in grads]
    pad = ((0, 0), (0, padded(case.out[1]) - case.out[1]))  # padding is exactly zero
    moved = (n + 8) * real.u * np.abs(case.x).max() ** 2
    found = {
        "y": (y, limit),
        "dx": (dx, scale * layer.inv * spread * error),
        "stats": (np.pad(layer.moving, pad), moved + 4 * real.u),
    }
    if layer.weights:
        found["grads"] = np.pad(layer.grads, pad), np.pad(limits, pad)
    return found


def expect_row_norm(case, real):
    """Sums of n terms, off by n / 16 + 5 roundings of their sizes, which the mean, the
    root and all that follows take over: `off` standard deviations, the part `wrong`."""
    rows = [None, None] if case.params is None else [*case.params]
    gamma = rows.pop(0) if case.flags & SCALE else None
    beta = rows[0] if case.flags & BIAS else None
    layer = layers.RowNorm(NORMS[case.select], gamma, beta, case.attr[0])
    y, dx = layer.forward(case.x), layer.backward(case.dy)
    n, rows = case.x.shape[-1], case.x.size // case.x.shape[-1]
    u = (n / 16 + 8) * real.u
    size = np.abs(case.x) * layer.inv
    off = u * size.max(axis=-1, keepdims=True) * (NORMS[case.select] == "layer")
    wrong, scale = 2 * u + off, np.abs(gamma if layer.scaled else np.ones(n))
    normal, d = np.abs(layer.normal), np.abs(case.dy) * scale
    limit = scale * (off + wrong * normal + 2 * real.u * size) + 4 * real.u * np.abs(y)
    ends = {"axis": -1, "keepdims": True}
    mean = np.sum if NORMS[case.select] == "unit" else np.mean
    spread = d + d.mean(**ends) + normal * mean(d * normal, **ends)
    error = (4 * u + 6 * wrong) * (1 + normal + normal.max(**ends))
    error += off * mean(d, **ends) * 4
    found = {"y": (y, limit), "dx": (dx, layer.inv * spread * error + real.tiny)}
    if layer.weights:
        axes, many = (0, 1), (rows + 4) * real.u
        sizes = [(np.abs(case.dy) * (normal * (many + wrong) + off)).sum(axis=axes)]
        sizes = sizes if layer.scaled else []
        sizes += [many * np.abs(case.dy).sum(axis=axes)] if layer.shifted else []
        pad = ((0, 0), (0, padded(n) - n))  # padding is exactly zero
        found["grads"] = np.pad(layer.grads, pad), np.pad(sizes, pad)
    return found


def expect_group_norm(case, real):
    """As for rows: sums go over a column, in parts of 64 vectors, and then over the
    columns of a group."""
    rows = [None, None] if case.params is None else [*case.params]
    gamma = rows.pop(0) if case.flags & SCALE else None
    beta = rows[0] if case.flags & BIAS else None
    groups = int(case.attr[1])
    layer = layers.GroupNorm(groups, gamma, beta, case.attr[0])
    y, dx = layer.forward(case.x), layer.backward(case.dy)
    rows, inner, n = case.x.shape
    u = (min(inner, 64) + inner / 64 + n / groups / 16 + 8) * real.u
    size = np.abs(case.x) * layer.inv
    off = u * layer.over(np.max, size)
    wrong, scale = 2 * u + off, np.abs(gamma if layer.scaled else np.ones(n))
    normal, d = np.abs(layer.normal), np.abs(case.dy) * scale
    limit = scale * (off + wrong * normal + 2 * real.u * size) + 4 * real.u * np.abs(y)
    mean = layer.over(np.mean, d)
    spread = d + mean + normal * layer.over(np.mean, d * normal)
    error = (4 * u + 6 * wrong) * (1 + normal + layer.over(np.max, normal))
    error += off * mean * 4
    found = {"y": (y, limit), "dx": (dx, layer.inv * spread * error + real.tiny)}
    if layer.weights:
        axes, many = (0, 1), (rows * inner + 4) * real.u
        sizes = [(np.abs(case.dy) * (normal * (many + wrong) + off)).sum(axis=axes)]
        sizes = sizes if layer.scaled else []
        sizes += [many * np.abs(case.dy).sum(axis=axes)] if layer.shifted else []
        pad = ((0, 0), (0, padded(n) - n))  # padding is exactly zero
        found["grads"] = np.pad(layer.grads, pad), np.pad(sizes, pad)
    return found


FAMILIES = oneop.FAMILIES | {
    "batch_norm": batch_norm_cases,
    "row_norm": row_norm_cases,
    "group_norm": group_norm_cases,
}
