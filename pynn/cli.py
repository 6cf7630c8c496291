# SPDX-License-Identifier: BSD-3-Clause
"""The command ``pynn``: a demonstration, and what was found on this machine."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pynn.models import Sequential


class Task(NamedTuple):
    """A data set of the demonstration, and a network that suits it."""

    hidden: tuple[int, ...]
    dropout: float
    epochs: int
    decay_from: float  # learning rate that falls to 0 over the run; 0: Adam's default
    white: int  # the largest pixel


# 64-128-10 alone stays below 0.97 from some starts; this had 0.9778 at worst of 60.
TASKS = {
    "digits": Task((256, 128), dropout=0.3, epochs=30, decay_from=4e-3, white=16),
    "mnist": Task((128,), dropout=0.0, epochs=5, decay_from=0.0, white=255),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with `argv` (`sys.argv` by default) and return its exit status.

    The status is 0 for success, 1 when something is missing or cannot be written, 2 for
    a command line that makes no sense, and 130 after Ctrl-C.
    """
    parser = _parser()
    options = parser.parse_args(argv)
    if options.command is None:
        parser.print_help()
        return 0
    try:
        options.run(options)
    except (OSError, ValueError) as error:
        print(f"pynn: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("pynn: interrupted", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    from pynn._version import __version__

    parser = argparse.ArgumentParser(
        prog="pynn", description="Neural networks on the CPU."
    )
    parser.add_argument("--version", action="version", version=f"pynn {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    demo = commands.add_parser(
        "demo",
        help="train a classifier of handwritten digits",
        description="Train a classifier of handwritten digits and save its weights.",
    )
    demo.add_argument(
        "--data",
        choices=TASKS,
        default="digits",
        help="digits comes with pynn; mnist is found in $PYNN_DATA/mnist or downloaded",
    )
    demo.add_argument("--epochs", type=_positive, metavar="N", help="times through it")
    demo.add_argument("--batch-size", type=_positive, metavar="N", default=32)
    demo.add_argument("--seed", type=int, metavar="N", default=0)
    demo.add_argument(
        "--threads", type=_positive, metavar="N", help="at most that many"
    )
    demo.add_argument(
        "--save",
        type=Path,
        metavar="PATH",
        help="where the weights go (default: pynn-DATA.weights.safetensors)",
    )
    demo.set_defaults(run=_demo)
    info = commands.add_parser("info", help="print versions and what the CPU offers")
    info.set_defaults(run=_info)
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected 1 or more, got {number}")
    return number


def _info(options: argparse.Namespace) -> None:
    from pynn._info import show_config

    show_config()


def _demo(options: argparse.Namespace) -> None:
    from pynn import _engine, datasets, saving, utils

    task = TASKS[options.data]
    path = options.save or Path(f"pynn-{options.data}.weights.safetensors")
    _check_target(path)
    if options.threads:
        _engine.set_num_threads(options.threads)
    utils.set_random_seed(options.seed)
    train, test = getattr(datasets, options.data).load_data()
    epochs = options.epochs or task.epochs
    steps = epochs * -(-len(train[0]) // options.batch_size)
    model = _model(task, train[0].shape[1:], steps)
    start = time.perf_counter()
    model.fit(
        _scaled(train[0], task),
        train[1],
        batch_size=options.batch_size,
        epochs=epochs,
    )
    seconds = time.perf_counter() - start
    _, accuracy = model.evaluate(_scaled(test[0], task), test[1], verbose=0)
    saving.save_weights(model, path)
    print(f"test accuracy: {accuracy:.4f} ({len(test[0]):,} images not trained on)")
    rate = epochs * len(train[0]) / seconds
    print(f"training: {rate:,.0f} examples per second, {seconds:.2f} s in all")
    print(f"instruction set: {_engine.isa_selected()}")
    print(f"threads: {_engine.get_num_threads()}")
    print(f"weights saved to: {path.resolve()}")


def _check_target(path: Path) -> None:
    """Notice before training that the result could not be saved."""
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder: expected the name of a file")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"no folder {path.parent} to save {path.name} in")


def _model(task: Task, shape: tuple[int, ...], steps: int) -> Sequential:
    """Return the compiled network for images of that shape, to be trained `steps`."""
    from pynn import layers, optimizers
    from pynn.models import Sequential

    model = Sequential([layers.Input(shape), layers.Flatten()])
    for units in task.hidden:
        model.add(layers.Dense(units, activation="relu"))
        if task.dropout:
            model.add(layers.Dropout(task.dropout))
    model.add(layers.Dense(10, activation="softmax"))
    optimizer = optimizers.Adam()
    if task.decay_from:
        decay = optimizers.schedules.CosineDecay(task.decay_from, steps)
        optimizer = optimizers.Adam(decay)
    model.compile(
        optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    return model


def _scaled(images: NDArray[np.uint8], task: Task) -> NDArray[np.floating[Any]]:
    """Return pixels in [0, 1]."""
    return images.astype(np.float32) / np.float32(task.white)
