# SPDX-License-Identifier: BSD-3-Clause
"""The generator against its published answers, and samples against their definition."""

from statistics import NormalDist

import numpy as np
import pytest
from oracle import philox

from pynn import _core

N = 500
SEED, STREAM = 2**63 + 12345, 2**40 + 7
UNIFORM, NORMAL, TRUNCATED = range(3)  # enum pynn_distribution


@pytest.mark.parametrize(("counter", "key", "expected"), philox.KNOWN_ANSWERS)
def test_known_answers(counter, key, expected):
    assert tuple(_core.philox(counter, key)) == expected


def test_any_counter(rng):
    for words in rng.integers(0, 2**32, (200, 6)).tolist():
        got = tuple(_core.philox(tuple(words[:4]), tuple(words[4:])))
        assert got == philox.philox4x32(words[:4], words[4:])


def sample(distribution, a, b, n=N, seed=SEED, stream=STREAM):
    out = np.empty(n)
    _core.random(distribution, a, b, seed, stream, out)
    return out


def middles():
    """The middle of the cell of (0, 1), of 2^-52, that each 64-bit number falls in."""
    cells = [philox.bits64(SEED, STREAM, i) >> 12 for i in range(N)]
    return np.array([(cell + 0.5) / 2**52 for cell in cells])


def test_uniform():
    got = sample(UNIFORM, -3.0, 5.0)
    np.testing.assert_allclose(got, -3.0 + 8.0 * middles(), rtol=0, atol=2e-15)
    assert got.min() > -3.0
    assert got.max() < 5.0


def test_normal():
    """Through the inverse of the distribution function; Python has one of its own."""
    expected = [NormalDist(1.0, 2.0).inv_cdf(p) for p in middles()]
    np.testing.assert_allclose(sample(NORMAL, 1.0, 2.0), expected, rtol=0, atol=1e-13)


def test_truncated_normal():
    tail = NormalDist().cdf(-2.0)
    expected = [NormalDist().inv_cdf(tail + p * (1 - 2 * tail)) for p in middles()]
    got = sample(TRUNCATED, 0.0, 1.0)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-13)
    assert np.abs(sample(TRUNCATED, 0.0, 1.0, 10**5)).max() <= 2.0


@pytest.mark.parametrize("distribution", [UNIFORM, NORMAL, TRUNCATED])
def test_a_sample_depends_on_its_number_alone(distribution):
    long = sample(distribution, 0.0, 1.0, 1000)
    assert sample(distribution, 0.0, 1.0, 7).tobytes() == long[:7].tobytes()
    for other in ({"seed": SEED + 1}, {"seed": SEED - 2**32}, {"stream": 7}):
        assert not (sample(distribution, 0.0, 1.0, 1000, **other) == long).any()


def test_uniform_fills_its_range_evenly():
    """Kolmogorov and Smirnov: further than 1.95 / sqrt(n) once in a thousand."""
    n = 10**5
    found = np.sort(sample(UNIFORM, 0.0, 1.0, n))
    assert np.abs(found - (np.arange(n) + 0.5) / n).max() < 1.95 / np.sqrt(n)
