# SPDX-License-Identifier: BSD-3-Clause
"""A model and data that train in no time, for tests of what surrounds training."""

import numpy as np

import pynn

X, Y = np.arange(12.0).reshape(6, 2) / 12, np.arange(6.0)


def small_model(**options):
    """Two inputs, one output, squared error and mean absolute error."""
    model = pynn.Sequential([pynn.Input((2,)), pynn.layers.Dense(1)])
    options.setdefault("metrics", ["mae"])
    model.compile("sgd", "mse", **options)
    return model
