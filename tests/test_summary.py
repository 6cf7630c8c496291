# SPDX-License-Identifier: BSD-3-Clause
"""What `summary` prints and notebooks show. tests/parity compares it with Keras."""

import numpy as np
import pytest

import pynn
from pynn import layers


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
