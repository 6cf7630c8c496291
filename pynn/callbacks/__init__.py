# SPDX-License-Identifier: BSD-3-Clause
"""Callbacks: what happens beside the training."""

from pynn.callbacks._average import SwapEMAWeights
from pynn.callbacks._backup import BackupAndRestore
from pynn.callbacks._base import Callback, History, LambdaCallback
from pynn.callbacks._checkpoint import ModelCheckpoint
from pynn.callbacks._list import CallbackList
from pynn.callbacks._logging import CSVLogger, LearningRateScheduler
from pynn.callbacks._monitor import EarlyStopping, ReduceLROnPlateau, TerminateOnNaN
from pynn.callbacks._progress import ProgbarLogger
from pynn.callbacks._tensorboard import TensorBoard
from pynn.utils._progbar import verbosity

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "SwapEMAWeights",
    "TensorBoard",
    "TerminateOnNaN",
    "verbosity",
]
