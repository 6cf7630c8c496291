# SPDX-License-Identifier: BSD-3-Clause
"""One neuron learns y = 2x: five steps of gradient descent that fit on a page.

In double precision, to agree with a calculation by hand in every digit.
"""

import numpy as np

import pynn

X = np.array([1.0, 2.0, 3.0, 4.0])


def main() -> list[tuple[float, float, float]]:
    """Return the loss before each step, and weight and bias after it."""
    model = pynn.Sequential(
        [
            pynn.Input((1,), dtype="float64"),
            pynn.layers.Dense(1, kernel_initializer="zeros", dtype="float64"),
        ]
    )
    model.compile(optimizer=pynn.optimizers.SGD(0.1), loss="mean_squared_error")
    rows = []
    print("epoch     loss       w       b")
    for epoch in range(1, 6):
        history = model.fit(X, 2 * X, batch_size=4, epochs=1, verbose=0)
        w, b = (a.item() for a in model.get_weights())
        rows.append((history.history["loss"][0], w, b))
        print(f"{epoch:5}  {rows[-1][0]:7.4f}  {w:6.4f}  {b:6.4f}")
    return rows


if __name__ == "__main__":
    main()
