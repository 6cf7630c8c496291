# SPDX-License-Identifier: BSD-3-Clause
"""Names that Keras scripts look for under ``keras.backend``."""

from pynn._names import clear_names
from pynn.config import (
    backend,
    epsilon,
    floatx,
    set_epsilon,
    set_floatx,
    standardize_dtype,
)

__all__ = [
    "backend",
    "clear_session",
    "epsilon",
    "floatx",
    "set_epsilon",
    "set_floatx",
    "standardize_dtype",
]


def clear_session(free_memory: bool = True) -> None:
    """Start the numbers of automatic names again.

    `free_memory` is accepted for Keras's sake: a model's memory goes with the model.
    """
    del free_memory
    clear_names()
