# SPDX-License-Identifier: BSD-3-Clause
"""Gradient descent watched: minimise (w - 2)^2 + 0.5 from w = -3 with rate 0.15.

As a network: one weight without bias, input 1, wanted output 2, the squared error; the
0.5 is added for show, as it has no gradient. Each step is w <- 2 + 0.7 (w - 2).
"""

import numpy as np

import pynn

ONE, TWO = np.ones((1, 1)), np.full((1, 1), 2.0)


def descend(steps: int, rate: float, start: float) -> list[tuple[float, float, float]]:
    """Return weight, loss and gradient before every step and after the last."""
    model = pynn.Sequential([pynn.Input((1,)), pynn.layers.Dense(1, use_bias=False)])
    model.set_weights([np.array([[start]])])
    model.compile(optimizer=pynn.optimizers.SGD(rate), loss="mean_squared_error")
    rows = []
    for step in range(steps + 1):
        if step:
            model.train_on_batch(ONE, TWO)
        w = model.get_weights()[0].item()
        rows.append((w, (w - 2) ** 2 + 0.5, 2 * (w - 2)))
    return rows


def main() -> list[tuple[float, float, float]]:
    """Return weight, loss and gradient of every step."""
    rows = descend(steps=20, rate=0.15, start=-3.0)
    print("step   weight     loss  gradient   -3" + " " * 27 + "2")
    for step, (w, loss, gradient) in enumerate(rows):
        picture = " " * round((w + 3) * 6) + "o"
        print(f"{step:4}  {w:7.4f}  {loss:7.4f}  {gradient:8.4f}    {picture}")
    return rows


if __name__ == "__main__":
    main()
