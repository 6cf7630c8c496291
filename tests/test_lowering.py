# SPDX-License-Identifier: BSD-3-Clause
"""Which records layers become: what is fused, dropped and kept apart."""

import pytest

import pynn
from pynn import _ops, layers, losses
from pynn._lowering import Lowering
from pynn._ops import Slot


def lowered(stack, shape=(6,), *, training=True, loss=None, scores=(), target=None):
    """Names of the records: kind, its choice, slots; and the slots."""
    pynn.Sequential([pynn.Input(shape), *stack])
    lowering = Lowering(shape, training, seed=1)
    x = 0
    for layer in stack:
        x = layer.lower(lowering, x)
    if loss is not None:
        x, y = lowering.objective(x, loss, scores, target)
        assert lowering.slots[y] == target
    names = {
        "dense": _ops.ACTIVATIONS,
        "activation": _ops.ACTIVATIONS,
        "softmax": ("softmax", "log_softmax"),
        "loss": _ops.LOSSES,
        "score": _ops.LOSSES,
    }
    records = [
        (op.kind, names.get(op.kind, ("",))[op.select], op.source, op.dest)
        for op in lowering.ops
    ]
    return records, x, lowering.slots


Dense, Activation = layers.Dense, layers.Activation

FUSED = {
    "in place": ([Dense(3, "relu")], [("dense", "relu", 0, 1)]),
    "a layer of its own": (
        [Dense(3), Activation("tanh")],
        [("dense", "tanh", 0, 1)],
    ),
    "a layer as activation": (
        [Dense(3, layers.LeakyReLU())],
        [("dense", "leaky_relu", 0, 1)],
    ),
    "needs its input": (
        [Dense(3, "gelu")],
        [("dense", "linear", 0, 1), ("activation", "gelu", 1, 2)],
    ),
    "falls below zero": (
        [Dense(3, layers.LeakyReLU(-0.1))],
        [("dense", "linear", 0, 1), ("activation", "general_relu", 1, 2)],
    ),
    "only once": (
        [Dense(3, "relu"), Activation("relu")],
        [("dense", "relu", 0, 1), ("activation", "relu", 1, 2)],
    ),
    "not over softmax": (
        [Dense(3, "softmax"), Activation("relu")],
        [
            ("dense", "linear", 0, 1),
            ("softmax", "softmax", 1, 2),
            ("activation", "relu", 2, 3),
        ],
    ),
    "linear is nothing": ([Dense(3, "linear")], [("dense", "linear", 0, 1)]),
    "no dropout of nothing": ([layers.Dropout(0.0)], []),
    "dropout": (
        [Dense(3, "relu"), layers.Dropout(0.1)],
        [("dense", "relu", 0, 1), ("dropout", "", 1, 2)],
    ),
    "a flat input": ([layers.Flatten()], []),
    "an input in another shape": ([layers.Reshape((2, 3))], []),
    "rows cut differently": (
        [Dense(4), layers.Reshape((2, 2)), layers.Flatten()],
        [("dense", "linear", 0, 1), ("copy", "", 1, 2), ("copy", "", 2, 3)],
    ),
    "the same rows": (
        [Dense(4), layers.Reshape((1, 4)), layers.Flatten(), Activation("relu")],
        [("dense", "relu", 0, 1)],
    ),
}


@pytest.mark.parametrize("case", FUSED)
def test_records(case):
    stack, expected = FUSED[case]
    records, output, _ = lowered(stack)
    assert records == expected
    assert output == (expected[-1][-1] if expected else 0)


def test_dropout_is_nothing_outside_training():
    records, output, _ = lowered([layers.Dropout(0.5)], training=False)
    assert (records, output) == ([], 0)


def test_slots_of_images():
    _, _, slots = lowered([Dense(4), layers.Flatten()], shape=(5, 7, 3))
    assert slots == [Slot(35, 3), Slot(35, 4), Slot(1, 140)]


SPARSE = losses.SparseCategoricalCrossentropy
BINARY = losses.BinaryCrossentropy

HEADS = {
    "softmax": (
        [Dense(3, "softmax")],
        SPARSE(),
        [
            ("dense", "linear", 0, 1),
            ("loss", "sparse_categorical_crossentropy_logits", 1, 2),
            ("score", "sparse_categorical_accuracy", 2, -1),
        ],
    ),
    "softmax as a layer": (
        [Dense(3), layers.Softmax()],
        SPARSE(),
        [
            ("dense", "linear", 0, 1),
            ("loss", "sparse_categorical_crossentropy_logits", 1, 2),
            ("score", "sparse_categorical_accuracy", 2, -1),
        ],
    ),
    "logits": (
        [Dense(3)],
        SPARSE(from_logits=True),
        [
            ("dense", "linear", 0, 1),
            ("loss", "sparse_categorical_crossentropy_logits", 1, -1),
            ("score", "sparse_categorical_accuracy", 1, -1),
        ],
    ),
    "softmax of logits": (
        [Dense(3, "softmax")],
        SPARSE(from_logits=True),
        [
            ("dense", "linear", 0, 1),
            ("softmax", "softmax", 1, 2),
            ("loss", "sparse_categorical_crossentropy_logits", 2, -1),
            ("score", "sparse_categorical_accuracy", 2, -1),
        ],
    ),
    "dropout after softmax": (
        [Dense(3, "softmax"), layers.Dropout(0.5)],
        SPARSE(),
        [
            ("dense", "linear", 0, 1),
            ("softmax", "softmax", 1, 2),
            ("dropout", "", 2, 3),
            ("loss", "sparse_categorical_crossentropy", 3, -1),
            ("score", "sparse_categorical_accuracy", 3, -1),
        ],
    ),
    "another loss of softmax": (
        [Dense(3, "softmax")],
        losses.MeanSquaredError(),
        [
            ("dense", "linear", 0, 1),
            ("softmax", "softmax", 1, 2),
            ("loss", "mean_squared_error", 2, -1),
            ("score", "sparse_categorical_accuracy", 2, -1),
        ],
    ),
    "sigmoid": (
        [Dense(3, "sigmoid")],
        BINARY(),
        [
            ("dense", "linear", 0, 1),
            ("loss", "binary_crossentropy_logits", 1, 3),  # 2 is the target
            ("score", "sparse_categorical_accuracy", 3, -1),
        ],
    ),
    "sigmoid apart": (
        [Dense(3, "relu"), Activation("sigmoid")],
        BINARY(),
        [
            ("dense", "relu", 0, 1),
            ("loss", "binary_crossentropy_logits", 1, 2),
            ("score", "sparse_categorical_accuracy", 2, -1),
        ],
    ),
    "sigmoid and squares": (
        [Dense(3, "sigmoid")],
        losses.MeanSquaredError(),
        [
            ("dense", "sigmoid", 0, 1),
            ("loss", "mean_squared_error", 1, -1),
            ("score", "sparse_categorical_accuracy", 1, -1),
        ],
    ),
}


@pytest.mark.parametrize("case", HEADS)
def test_losses_take_the_last_activation_over(case):
    stack, loss, expected = HEADS[case]
    records, output, slots = lowered(
        stack,
        loss=loss,
        scores=[("sparse_categorical_accuracy", ())],
        target=Slot(1, 1),
    )
    assert records == expected
    assert output == expected[-1][2]
    assert slots[output] == Slot(1, 3)


def test_dropouts_have_streams_of_their_own():
    stack = [Dense(3), layers.Dropout(0.5), Dense(3), layers.Dropout(0.5)]
    pynn.Sequential([pynn.Input((6,)), *stack])
    seeds = set()
    for seed in (1, 2):
        lowering, x = Lowering((6,), True, seed), 0
        for layer in stack:
            x = layer.lower(lowering, x)
        seeds |= {op.seed for op in lowering.ops if op.kind == "dropout"}
    assert len(seeds - {1, 2}) == 4
