# SPDX-License-Identifier: BSD-3-Clause
"""What `summary` prints and notebooks show. tests/parity compares it with Keras."""

import numpy as np
import pytest

import pynn
from pynn import layers, optimizers


@pytest.fixture
def model():
    inner = pynn.Sequential(
        [pynn.Input((4,)), layers.Dense(3, name="deep")], name="inner"
    )
    members = [pynn.Input((6,)), layers.Dense(4, name="first"), inner]
    return pynn.Sequential([*members, layers.Dense(2, name="last")], name="outer")


def summary(model, **kwargs):
    kept = []
    model.summary(print_fn=kept.append, **kwargs)
    assert len(kept) == 1
    return kept[0]


def test_prints_what_print_fn_gets(model, capsys):
    model.summary()
    assert capsys.readouterr().out == summary(model)


def test_nested_models(model):
    assert "deep" not in summary(model)
    found = summary(model, expand_nested=True)
    assert "│    └ deep (Dense) " in found
    assert found.count("├") == 3


def test_trainable(model):
    model.layers[0].trainable = False
    rows = summary(model, show_trainable=True, line_length=130).splitlines()
    assert "Trainable" in rows[2]
    assert rows[4].split()[-2:] == ["N", "│"]
    assert rows[6].split()[-2:] == ["Y", "│"]


def test_long_names_are_wrapped():
    model = pynn.Sequential([pynn.Input((2,)), layers.Dense(3, name="n" * 60)])
    rows = summary(model, line_length=60).splitlines()
    assert rows[4].startswith("│ " + "n" * 23 + "… │")
    assert rows[5].startswith("│ (Dense) ")
    assert {len(row) for row in rows[1:7]} == {60}


def test_layer_range(model):
    found = summary(model, layer_range=["inn", "last"])
    assert "first" not in found
    assert "inner" in found
    assert "last" in found
    assert summary(model, layer_range=["last", "inn"]) == found
    for wrong, text in [
        (["x", "last"], "does not match; layers: first"),
        (["last"], "expected two"),
        ([1, 2], "expected two"),
    ]:
        with pytest.raises(ValueError, match=text):
            model.summary(layer_range=wrong)


@pytest.mark.parametrize(
    "kwargs", [{"line_length": 8}, {"positions": [0.5, 1.0]}, {"positions": [1, 1, 1]}]
)
def test_columns_that_do_not_fit(model, kwargs):
    with pytest.raises(ValueError, match="expected 3 columns of 4 characters"):
        model.summary(**kwargs)


def test_optimizer_counts_once_it_has_state(model):
    model.compile("adam", "mse")
    assert "Optimizer" not in summary(model)
    model.fit(np.zeros((4, 6)), np.zeros((4, 2)), verbose=0)
    weights = 6 * 4 + 4 + 4 * 3 + 3 + 3 * 2 + 2
    assert f" Optimizer params: {2 * weights + 2} " in summary(model)
    assert f" Total params: {3 * weights + 2} " in summary(model)


@pytest.mark.parametrize(
    ("optimizer", "count"),  # of 5 * 3 weights and 3 biases; Keras 3.15 says so
    [
        ("sgd", 2),
        ("nadam", 2 * 18 + 3),
        ("lamb", 2 * 18 + 2),
        ("muon", 18 + 3 + 2),  # velocities of biases alone
        ("adafactor", 18 + 5 + 3 + 2 + 2),  # rows, columns, two zeros for the biases
        (optimizers.SGD(optimizers.schedules.CosineDecay(0.1, 9), 0.9), 18 + 1),
        (optimizers.Lion(use_ema=True), 2 * 18 + 2),
    ],
)
def test_state_of_optimizers(optimizer, count):
    model = pynn.Sequential([pynn.Input((5,)), layers.Dense(3)])
    model.compile(optimizer, "mse")
    model.fit(np.ones((4, 5)), np.ones((4, 3)), verbose=0)
    assert f" Optimizer params: {count} " in summary(model)


def test_batch_sizes_are_shown():
    inner = pynn.Sequential([pynn.Input((3,)), layers.Dense(2, name="inner")])
    members = [pynn.Input(batch_shape=(5, 4)), layers.Dense(3), inner]
    model = pynn.Sequential(members)
    assert model.input_shape == (5, 4)
    assert model.output_shape == (5, 2)
    rows = summary(model, expand_nested=True).splitlines()
    assert "│ (5, 3) " in rows[4]
    assert "│ (5, 2) " in rows[6]
    assert "│ (None, 2) " in rows[8]
    assert model.predict(np.ones((7, 4)), verbose=0).shape == (7, 2)
    twin = pynn.Sequential.from_config(model.get_config())
    assert twin.inputs[0].shape == (5, 4)
    with pytest.raises(ValueError, match=r"batch_size: expected .* got 0"):
        pynn.Input((4,), batch_size=0)


def test_layers_before_they_are_built():
    members = [layers.Dense(3), layers.Dropout(0.5), layers.ReLU(), layers.Flatten()]
    counts = [row.split("│")[-2].strip() for row in _rows(pynn.Sequential(members))]
    assert counts == ["0 (unbuilt)", "0", "0", "0 (unbuilt)"]


def _rows(model):
    return [row for row in summary(model).splitlines() if " ? " in row]


def test_html_is_escaped():
    model = pynn.Sequential(
        [pynn.Input((2,)), layers.Dense(3, name="<script>alert(1)<")], name="a<b&c"
    )
    found = model._repr_html_()
    assert "<script>" not in found
    assert "&lt;script&gt;alert(1)&lt;" in found
    assert "a&lt;b&amp;c" in found
    assert "Total params: 9 (36.00 B)" in found


def test_html_of_nested_and_unbuilt(model):
    found = model._repr_html_()
    assert "&nbsp;&nbsp;&nbsp;&nbsp;└ deep <i>Dense</i>" in found
    assert "0 (unbuilt)" in pynn.Sequential([layers.Dense(2)])._repr_html_()
