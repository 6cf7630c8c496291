# SPDX-License-Identifier: BSD-3-Clause
"""One neuron by hand: two inputs, two weights, a bias and the sigmoid.

The weighted sum is 0.85 * 0.40 + 0.60 * 0.35 - 0.20 = 0.35, and sigmoid(0.35) = 0.5866.
"""

import numpy as np

import pynn


def main() -> tuple[float, float]:
    """Return the weighted sum and the output of the neuron."""
    neuron = pynn.layers.Dense(1)
    model = pynn.Sequential([pynn.Input((2,)), neuron])
    model.set_weights([np.array([[0.40], [0.35]]), np.array([-0.20])])
    inputs = np.array([[0.85, 0.60]])
    weighted_sum = model.predict(inputs, verbose=0)
    model.add(pynn.layers.Activation("sigmoid"))
    output = model.predict(inputs, verbose=0)
    print(f"weighted sum: {weighted_sum.item():.4f}")
    print(f"output:       {output.item():.4f}")
    return weighted_sum.item(), output.item()


if __name__ == "__main__":
    main()
