# SPDX-License-Identifier: BSD-3-Clause
"""What samples of Keras 3's initializers look like, for statistical tests."""

import math

# Standard deviation of a unit normal truncated at two:
# sqrt(1 - 4 phi(2) / erf(sqrt 2)), phi the density.
TRUNCATED_STD = math.sqrt(
    1.0 - 4.0 * math.exp(-2.0) / math.sqrt(2.0 * math.pi) / math.erf(math.sqrt(2.0))
)

# name: (scale, which fan, distribution)
VARIANCE_SCALING = {
    "glorot_uniform": (1.0, "fan_avg", "uniform"),
    "glorot_normal": (1.0, "fan_avg", "truncated_normal"),
    "he_uniform": (2.0, "fan_in", "uniform"),
    "he_normal": (2.0, "fan_in", "truncated_normal"),
    "lecun_uniform": (1.0, "fan_in", "uniform"),
    "lecun_normal": (1.0, "fan_in", "truncated_normal"),
}


def fans(shape):
    """``(fan_in, fan_out)`` of a kernel: receptive field times channels."""
    if len(shape) == 1:
        return shape[0], shape[0]
    field = math.prod(shape[:-2])
    return field * shape[-2], field * shape[-1]


def spread(shape, scale, mode, distribution):
    """``(limit, std)`` of the samples: none lies beyond the limit (inf for normal)."""
    fan_in, fan_out = fans(shape)
    fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}
    std = math.sqrt(scale / max(1.0, fan[mode]))
    if distribution == "uniform":
        return math.sqrt(3.0) * std, std
    if distribution == "truncated_normal":
        return 2.0 * std / TRUNCATED_STD, std
    return math.inf, std
