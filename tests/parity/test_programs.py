# SPDX-License-Identifier: BSD-3-Clause
"""The programs in Keras's style are programs for Keras, and look the same there."""

from pathlib import Path

FOLDER = Path(__file__).parents[2] / "examples"


def load(name, library):
    """Run a program of examples/ with another import."""
    source = (FOLDER / f"{name}.py").read_text()
    changed = source.replace("import pynn as keras", f"import {library} as keras")
    names = {"__name__": "program", "__file__": str(FOLDER / f"{name}.py")}
    exec(compile(changed, f"{name}.py", "exec"), names)
    return names


def summaries(library):
    """Return what `summary` says about the network of a program, trained a little."""
    program = load("iris_keras_style", library)
    keras, kept = program["keras"], []
    keras.utils.clear_session()
    model = program["network"]()
    for arguments in ({}, {"show_trainable": True}, {"line_length": 100}):
        model.summary(print_fn=kept.append, **arguments)
    x, y = program["load"]()
    model.fit(x, keras.utils.to_categorical(y, 3), epochs=1, verbose=0)
    model.summary(print_fn=kept.append, layer_range=["dense", "dropout"])
    return kept


def test_summary_is_the_same_to_the_letter(keras, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")  # Keras cuts off what the console cannot show
    assert summaries("pynn") == summaries("keras")


def test_iris_in_keras(keras):
    accuracy, history, stopping = load("iris_keras_style", "keras")["main"]()
    assert accuracy >= 0.93
    assert len(history.epoch) == stopping.best_epoch + 1 + 10


def test_xor_in_keras(keras):
    program = load("xor_keras_style", "keras")
    assert program["count"](program["sturdy"], 1)["solved"] == 1
