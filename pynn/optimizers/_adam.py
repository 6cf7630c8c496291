# SPDX-License-Identifier: BSD-3-Clause
"""Adam and its relatives: running means of the gradient and of its size."""

from __future__ import annotations

from typing import Any, ClassVar, Unpack

from pynn._checks import flag, real
from pynn.optimizers._base import Common, Optimizer, Rate


class Moments(Optimizer):
    """What the family shares: two decay rates and epsilon."""

    fields: ClassVar[tuple[str, ...]] = ("beta_1", "beta_2", "epsilon")

    def __init__(
        self,
        learning_rate: Rate,
        beta_1: float,
        beta_2: float,
        epsilon: float,
        **common: Any,
    ) -> None:
        super().__init__(learning_rate, **common)
        self.beta_1 = real(beta_1, self._at("beta_1"), "[0, 1)")
        self.beta_2 = real(beta_2, self._at("beta_2"), "[0, 1)")
        self.epsilon = real(epsilon, self._at("epsilon"), "[0, inf)")

    def _hyper(self) -> tuple[float, ...]:
        return self.beta_1, self.beta_2, self.epsilon


class Adam(Moments):
    """Steps by the mean gradient over the root of its mean square.

    ``m += (1 - beta_1) * (g - m); v += (1 - beta_2) * (g**2 - v);
    w -= rate * sqrt(1 - beta_2**t) / (1 - beta_1**t) * m / (sqrt(v) + epsilon)``.
    D. Kingma and J. Ba, "Adam: a method for stochastic optimization", ICLR 2015, in the
    form before section 2.1: epsilon is added to the root of the uncorrected ``v``, as
    in Keras. `amsgrad` uses the largest ``v`` so far (S. Reddi et al., "On the
    convergence of Adam and beyond", ICLR 2018).

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or callable
    beta_1, beta_2 : float
        In [0, 1).
    epsilon : float
    amsgrad : bool
    **common
        See `Optimizer`.
    """

    fields = (*Moments.fields, "amsgrad")

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **common)
        self.amsgrad = flag(amsgrad, self._at("amsgrad"))

    def rule(self) -> tuple[str, tuple[float, ...]]:
        return "amsgrad" if self.amsgrad else "adam", self._hyper()


class AdamW(Adam):
    """`Adam` with weight decay apart from the gradient.

    I. Loshchilov and F. Hutter, "Decoupled weight decay regularization", ICLR 2019.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or callable
    weight_decay : float
        ``w -= rate * weight_decay * w`` before each step, biases included.
    beta_1, beta_2, epsilon, amsgrad
        As in `Adam`.
    **common
        See `Optimizer`.
    """

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **common: Any,
    ) -> None:
        decay = real(weight_decay, self._at("weight_decay"), "[0, inf)")
        super().__init__(
            learning_rate,
            beta_1,
            beta_2,
            epsilon,
            amsgrad,
            weight_decay=decay,
            **common,
        )


class Adamax(Moments):
    """Adam with the largest, decaying gradient in place of the root.

    ``u = max(beta_2 * u, abs(g)); w -= rate * m / ((1 - beta_1**t) * (u + epsilon))``.
    Section 7.1 of the Adam paper.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or callable
    beta_1, beta_2 : float
        In [0, 1).
    epsilon : float
    **common
        See `Optimizer`.
    """

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **common)

    def rule(self) -> tuple[str, tuple[float, ...]]:
        return "adamax", self._hyper()


class Nadam(Moments):
    """Adam with Nesterov momentum.

    With ``u_t = beta_1 * (1 - 0.5 * 0.96**t)`` and the product ``p_t`` of all of them:
    ``m_hat = u_{t+1} * m / (1 - p_{t+1}) + (1 - u_t) * g / (1 - p_t);
    w -= rate * m_hat / (sqrt(v / (1 - beta_2**t)) + epsilon)``.
    T. Dozat, "Incorporating Nesterov momentum into Adam", ICLR workshop 2016.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or callable
    beta_1, beta_2 : float
        In [0, 1).
    epsilon : float
    **common
        See `Optimizer`.
    """

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **common)

    def rule(self) -> tuple[str, tuple[float, ...]]:
        return "nadam", self._hyper()

    @property
    def extra(self) -> int:
        """One: the product p_t."""
        return 1
