# SPDX-License-Identifier: BSD-3-Clause
"""Central differences."""

import numpy as np

STEP = 1e-6


def numeric_gradient(function, x, step=STEP):
    """Gradient of the scalar ``function(x)``, one element at a time.

    The error is about step^2 |f'''| + 1e-16 |f| / step, so 1e-9 for well-scaled f.
    """
    gradient = np.empty(x.shape)
    for i in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[i] += step
        down[i] -= step
        gradient[i] = (function(up) - function(down)) / (up[i] - down[i])
    return gradient
