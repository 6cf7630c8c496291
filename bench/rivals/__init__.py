# SPDX-License-Identifier: BSD-3-Clause
"""pynn and its rivals behind one interface, each as its own documentation would use it.

Every class trains and runs the same network from the same weights. Imports happen in
the constructor, so that a process loads the one library that it measures. To add a
rival, write a subclass of `Rival` and list it in `RIVALS`.
"""

from rivals.base import Rival
from rivals.by_hand import Numpy
from rivals.jax_loops import Jax, JaxScan
from rivals.keras_like import KerasJax, Pynn
from rivals.onnx import Onnxruntime
from rivals.pytorch import Torch
from rivals.scikit import Sklearn

__all__ = ["RIVALS", "Numpy", "Rival"]

RIVALS: dict[str, type[Rival]] = {
    "pynn": Pynn,
    "numpy": Numpy,
    "sklearn": Sklearn,
    "torch": Torch,
    "jax": Jax,
    "jax_scan": JaxScan,
    "keras_jax": KerasJax,
    "onnxruntime": Onnxruntime,
}
