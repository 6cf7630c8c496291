# SPDX-License-Identifier: BSD-3-Clause
"""Fit the polynomials of csrc/kernels/math.inc and print them as C tables.

Needs mpmath. Every table is a weighted minimax polynomial found by the Remez exchange
on a dense Chebyshev grid. Coefficients are then rounded to the element type, in float32
also moved by single ulps while that lowers the largest error.
Run: ``python tests/tools/fit_math.py [name_type ...]``, for example ``exp_f32``.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass

import mpmath as mp

mp.mp.prec = 240
Function = Callable[[mp.mpf], mp.mpf]
BITS = {"f32": 24, "f64": 53}


@dataclass(frozen=True)
class Fit:
    """One table: minimise ``max |weight(x) (p(x) - target(x))|`` over [low, high]."""

    name: str
    kind: str
    degree: int
    low: mp.mpf
    high: mp.mpf
    target: Function
    weight: Function


def round_to(value: mp.mpf, bits: int) -> mp.mpf:
    """Return the nearest number with `bits` bits of mantissa."""
    with mp.workprec(bits):
        return +value


def chebyshev_grid(low: mp.mpf, high: mp.mpf, count: int) -> list[mp.mpf]:
    """Return `count` points of [low, high], dense at both ends."""
    middle, half = (low + high) / 2, (high - low) / 2
    return [
        middle - half * mp.cos(mp.pi * (2 * i + 1) / (2 * count)) for i in range(count)
    ]


def alternation(error: list[mp.mpf]) -> list[int]:
    """Return the place of the largest |error| within each run of one sign."""
    peaks = [0]
    for i in range(1, len(error)):
        if (error[i] > 0) != (error[peaks[-1]] > 0):
            peaks.append(i)
        elif abs(error[i]) > abs(error[peaks[-1]]):
            peaks[-1] = i
    return peaks


def trim(peaks: list[int], error: list[mp.mpf], count: int) -> list[int]:
    """Drop the smaller end of the alternation until `count` points are left."""
    while len(peaks) > count:
        first, last = abs(error[peaks[0]]), abs(error[peaks[-1]])
        peaks = peaks[1:] if first < last else peaks[:-1]
    return peaks


def remez(
    grid: list[mp.mpf], target: list[mp.mpf], weight: list[mp.mpf], degree: int
) -> list[mp.mpf]:
    """Return the minimax c of sum c_k x^k, lowest power first."""
    count = degree + 2
    places = [(2 * i + 1) * len(grid) // (2 * count) for i in range(count)]
    for _ in range(30):
        rows = mp.matrix(count, count)
        right = mp.matrix(count, 1)
        for i, at in enumerate(places):
            for k in range(degree + 1):
                rows[i, k] = weight[at] * grid[at] ** k
            rows[i, degree + 1] = (-1) ** i
            right[i] = weight[at] * target[at]
        *c, level = mp.lu_solve(rows, right)
        error = [
            w * (mp.polyval(c[::-1], x) - t)
            for x, t, w in zip(grid, target, weight, strict=True)
        ]
        if max(abs(e) for e in error) <= abs(level) * mp.mpf("1.001"):
            return c
        places = trim(alternation(error), error, count)
    raise ArithmeticError("the Remez exchange did not converge")


def largest_error(
    c: list[mp.mpf], grid: list[mp.mpf], target: list[mp.mpf], weight: list[mp.mpf]
) -> mp.mpf:
    """Return max |weight (p - target)| over the grid."""
    return max(
        abs(w * (mp.polyval(c[::-1], x) - t))
        for x, t, w in zip(grid, target, weight, strict=True)
    )


def settle(c: list[mp.mpf], bits: int, score: Callable[[list[mp.mpf]], mp.mpf]) -> None:
    """Move the rounded coefficients `c` by single ulps while `score` falls."""
    best, moved = score(c), True
    while moved:
        moved = False
        for k, step in [(k, step) for k in range(len(c)) for step in (-1, 1)]:
            trial = list(c)
            trial[k] += step * mp.mpf(2) ** (mp.frexp(c[k])[1] - bits)
            if score(trial) < best:
                best, moved = score(trial), True
                c[:] = trial


def fit(job: Fit) -> tuple[list[mp.mpf], mp.mpf]:
    """Return the rounded coefficients of `job` and their largest weighted error."""
    grid = chebyshev_grid(job.low, job.high, 40 * (job.degree + 2))
    target = [job.target(x) for x in grid]
    weight = [abs(job.weight(x)) for x in grid]
    bits = BITS[job.kind]
    c = [round_to(k, bits) for k in remez(grid, target, weight, job.degree)]
    if bits < 53:  # in float64 plain rounding costs nothing
        settle(c, bits, lambda trial: largest_error(trial, grid, target, weight))
    return c, largest_error(c, grid, target, weight)


def exp_tail(x: mp.mpf) -> mp.mpf:
    """Return (exp(x) - 1 - x) / x^2."""
    if abs(x) < mp.mpf(2) ** -60:
        return mp.mpf(1) / 2
    return (mp.expm1(x) - x) / x**2


def exp_weight(x: mp.mpf) -> mp.mpf:
    """Turn an error of `exp_tail` into a relative error of exp(x) - 1."""
    return x**2 / mp.expm1(x)


def log_tail(x: mp.mpf) -> mp.mpf:
    """Return (log(1 + x) - x + x^2/2) / x^3."""
    return (mp.log1p(x) - x + x**2 / 2) / x**3


def log_weight(x: mp.mpf) -> mp.mpf:
    """Turn an error of `log_tail` into a relative error of log(1 + x)."""
    return x**3 / mp.log1p(x)


def atanh_tail(z: mp.mpf) -> mp.mpf:
    """Return (2 atanh(s) / s - 2) / z with s = sqrt(z)."""
    s = mp.sqrt(z)
    return (2 * mp.atanh(s) / s - 2) / z


def erfc_rate(x: mp.mpf) -> mp.mpf:
    """Return -log(erfc(x)) / x - 1."""
    return -mp.log(mp.erfc(x)) / x - 1


def erfc_rise(x: mp.mpf) -> mp.mpf:
    """Return (erfc_rate(x) - erfc_rate(0)) / x."""
    return (erfc_rate(x) + 1 - 2 / mp.sqrt(mp.pi)) / x


def erfc_weight(x: mp.mpf) -> mp.mpf:
    """Weigh `erfc_rate` as a relative error of erf(x), and a little of erfc(x)."""
    ratio = mp.erfc(x) / mp.erf(x)
    return x * max(ratio, mp.mpf(2) ** -7)


def sine_tail(z: mp.mpf) -> mp.mpf:
    """Return (sin(x) - x) / x^3 with x = sqrt(z)."""
    x = mp.sqrt(z)
    return (mp.sin(x) - x) / (x * z)


def cosine_tail(z: mp.mpf) -> mp.mpf:
    """Return (cos(x) - 1 + z/2) / z^2 with x = sqrt(z)."""
    return (mp.cos(mp.sqrt(z)) - 1 + z / 2) / z**2


def jobs() -> list[Fit]:
    """Return every table of math.inc."""
    reduced = mp.log(2) / 2 * mp.mpf("1.002")  # n may be off by one at a tie
    low, high = mp.sqrt(mp.mpf(1) / 2) - 1, mp.sqrt(2) - 1
    z = ((mp.sqrt(2) - 1) / (mp.sqrt(2) + 1)) ** 2
    octant, tiny = (mp.pi / 4) ** 2, mp.mpf("1e-12")
    turns = [
        fit
        for kind, degree in (("f32", 2), ("f64", 5))
        for fit in (
            Fit("sine", kind, degree, tiny, octant, sine_tail, lambda z: z),
            Fit("cosine", kind, degree, tiny, octant, cosine_tail, lambda z: z * z),
        )
    ]
    return [
        *turns,
        Fit("exp", "f32", 4, -reduced, reduced, exp_tail, exp_weight),
        Fit("log", "f32", 7, low, high, log_tail, log_weight),
        Fit("erfc", "f32", 10, mp.mpf("1e-9"), mp.mpf(4), erfc_rate, erfc_weight),
        Fit("exp", "f64", 10, -reduced, reduced, exp_tail, exp_weight),
        Fit("log", "f64", 6, z * mp.mpf("1e-9"), z, atanh_tail, lambda x: x / 2),
        Fit("erfc", "f64", 29, mp.mpf("1e-9") - 1, mp.mpf(1),
            lambda w: erfc_rise(3 * (w + 1)),
            lambda w: 3 * (w + 1) * erfc_weight(3 * (w + 1))),
    ]  # fmt: skip


def main(names: list[str]) -> None:
    """Print the tables whose name_kind is in `names`, or all of them."""
    for kind, bits, grid in (("f32", 24, 15), ("f64", 53, 40)):
        high = mp.nint(mp.log(2) * 2**grid) / 2**grid
        low = round_to(mp.log(2) - high, bits)
        print(f"/* {kind} ln 2 = {mp.nstr(high, 17)} + {mp.nstr(low, 17)} */")
    for job in jobs():
        title = f"{job.name}_{job.kind}"
        if names and title not in names:
            continue
        coefficients, error = fit(job)
        print(f"/* {title}: error 2^{mp.nstr(mp.log(error, 2), 5)} */")
        digits = 9 if job.kind == "f32" else 17
        for c in coefficients:
            print(f"    REAL_C({mp.nstr(c, digits, strip_zeros=False, min_fixed=0)}),")


if __name__ == "__main__":
    main(sys.argv[1:])
