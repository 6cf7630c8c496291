# SPDX-License-Identifier: BSD-3-Clause
"""Pictures: what they show is what the data say, and they leave nothing behind."""

from itertools import pairwise

import numpy as np
import pytest

import pynn
from pynn import layers, plotting, utils

pytest.importorskip("matplotlib", reason="needs matplotlib: pip install 'pynn[plot]'")
from matplotlib import pyplot
from matplotlib.figure import Figure

pyplot.switch_backend("agg")
RUN = {
    "loss": [3.0, 2.0, 1.0],
    "val_loss": [4.0, 3.0, 3.5],
    "accuracy": [0.1, 0.2, 0.3],
}


@pytest.fixture(autouse=True)
def closed():
    yield
    pyplot.close("all")


@pytest.fixture
def model():
    pynn.utils.set_random_seed(0)
    inner = pynn.Sequential([pynn.Input((4,)), layers.Dense(3, name="deep")], name="in")
    return pynn.Sequential(
        [pynn.Input((2,)), layers.Dense(4, "relu", name="a"), inner, layers.Dense(1)]
    )


def lines(axis):
    return {line.get_label(): line for line in axis.get_lines()}


def texts(figure):
    return [text.get_text() for axis in figure.axes for text in axis.texts]


def test_history():
    figure = plotting.history(RUN)
    assert isinstance(figure, Figure)
    loss, accuracy = (axis for axis in figure.axes if axis.get_visible())
    assert (loss.get_ylabel(), loss.get_xlabel()) == ("loss", "epoch")
    assert lines(loss)["training"].get_xdata().tolist() == [1, 2, 3]
    assert lines(loss)["training"].get_ydata().tolist() == RUN["loss"]
    assert lines(loss)["validation"].get_ydata().tolist() == RUN["val_loss"]
    assert lines(loss)["training"].get_linestyle() != "--"
    assert list(lines(accuracy)) == ["training"]


def test_history_of_what_fit_returns(model, rng):
    x = rng.normal(size=(20, 2))
    model.compile("sgd", "mse")
    found = model.fit(x, x[:, :1], epochs=4, verbose=0)
    for given in (found, model, found.history):
        axis = plotting.history(given).axes[0]
        assert lines(axis)["training"].get_ydata().tolist() == found.history["loss"]


def test_history_measured_every_other_epoch():
    run = {"loss": [4.0, 3.0, 2.0, 1.0], "val_loss": [3.0, 2.0]}
    axis = plotting.history(run).axes[0]
    assert lines(axis)["validation"].get_xdata().tolist() == [2, 4]


@pytest.mark.parametrize("run", [{}, None, 3, pynn.Sequential()])
def test_history_of_nothing(run):
    with pytest.raises(ValueError, match="what fit returned"):
        plotting.history(run)


def test_history_of_unknown_metric():
    with pytest.raises(ValueError, match=r"no \['f1'\]; it has \['loss', 'val_loss'"):
        plotting.history(RUN, metrics=["f1"])


def test_compare():
    figure = plotting.compare({"one": RUN, "two": {"loss": [1.0]}}, log=True)
    training, validation = figure.axes
    assert list(lines(training)) == ["one", "two"]
    assert list(lines(validation)) == ["one"]
    assert training.get_yscale() == "log"
    assert training.get_ylim() == validation.get_ylim()
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["one", "two"]


def test_compare_runs_that_share_nothing():
    runs = {"one": {"loss": [1.0]}, "two": {"val_loss": [1.0]}}
    (legend,) = plotting.compare(runs).legends
    assert [text.get_text() for text in legend.get_texts()] == ["one", "two"]
    with pytest.raises(ValueError, match=r"no \['f1'\]; it has \['loss', 'val_loss'\]"):
        plotting.compare(runs, ["loss", "f1"])
    with pytest.raises(ValueError, match="compare"):
        plotting.compare({})
    with pytest.raises(ValueError, match="no metrics to draw"):
        plotting.compare(runs, [])


def test_activations():
    figure = plotting.activations(["sigmoid", "softplus"])
    curve = lines(figure.axes[0])
    middle = len(curve["f(x)"].get_xdata()) // 2
    assert curve["f(x)"].get_ydata()[middle] == pytest.approx(0.5)
    assert curve["f '(x)"].get_ydata()[middle] == pytest.approx(0.25)
    assert [axis.get_title() for axis in figure.axes] == ["sigmoid", "softplus"]
    with pytest.raises(ValueError, match="a name at least"):
        plotting.activations([])


def test_activations_of_whole_rows():
    axis = plotting.activations(["softmax"]).axes[0]
    curve = lines(axis)
    x = curve["f(x)"].get_xdata()
    p = np.exp(x) / (np.exp(x) + 1 + np.e)
    np.testing.assert_allclose(curve["f(x)"].get_ydata(), p, rtol=1e-12)
    # central differences with a step of 1e-4
    np.testing.assert_allclose(curve["f '(x)"].get_ydata(), p * (1 - p), atol=1e-8)
    assert axis.get_title() == "softmax of (x, 0, 1), first output"


def test_model(model):
    found = texts(plotting.model(model))
    assert "a  (Dense)" in found
    assert "activation: relu" in found
    assert "(None, 4)   12 weights" in found
    assert not [text for text in found if "deep" in text]
    found = texts(plotting.model(model, expand_nested=True, show_trainable=True))
    assert "deep  (Dense)" in found
    assert "trainable" in found


def test_model_with_little_in_it(model):
    options = {"show_shapes": False, "show_layer_names": False, "rankdir": "LR"}
    found = plotting.model(model, show_layer_activations=False, **options)
    assert [t for t in texts(found) if t] == ["Dense", "Sequential", "Dense"]
    with pytest.raises(ValueError, match="'TB' or 'LR', got 'up'"):
        plotting.model(model, rankdir="up")
    with pytest.raises(ValueError, match="no layers to draw"):
        plotting.model(pynn.Sequential())


def test_plot_model(model, tmp_path):
    figure = utils.plot_model(model, tmp_path / "model.png", show_layer_names=True)
    assert (tmp_path / "model.png").read_bytes()[1:4] == b"PNG"
    assert "a  (Dense)" in texts(figure)


@pytest.mark.parametrize("units", [1, 3])
def test_decision_boundary(rng, units):
    x = rng.normal(size=(30, 2))
    y = (x[:, 0] > 0).astype(int)
    last = "sigmoid" if units == 1 else "softmax"
    model = pynn.Sequential([pynn.Input((2,)), layers.Dense(units, last)])
    axis = plotting.decision_boundary(model, x, y, steps=20).axes[0]
    points = np.concatenate([c.get_offsets() for c in axis.collections if _scatter(c)])
    assert len(points) == 30
    (legend,) = axis.figure.legends
    assert legend.get_title().get_text() == "class"


def _scatter(collection):
    return type(collection).__name__ == "PathCollection"


def test_decision_boundary_needs_a_plane(model):
    with pytest.raises(ValueError, match=r"expected \(n, 2\), got \(5, 3\)"):
        plotting.decision_boundary(model, np.zeros((5, 3)), np.zeros(5))
    with pytest.raises(ValueError, match=r"each of 5 samples of X, got y of.*\(3,\)"):
        plotting.decision_boundary(model, np.zeros((5, 2)), np.zeros(3))
    with pytest.raises(ValueError, match=r"labels: expected 2 names, got \['a'\]"):
        plotting.decision_boundary(model, np.zeros((2, 2)), [0, 1], ["a"])


def test_many_classes_are_told_apart(rng):
    model = pynn.Sequential([pynn.Input((2,)), layers.Dense(12, "softmax")])
    x = rng.normal(size=(36, 2))
    axis = plotting.decision_boundary(model, x, np.arange(36) % 12, steps=5).axes[0]
    marks = [c for c in axis.collections if _scatter(c)]
    looks = {(tuple(c.get_facecolor()[0]), len(c.get_paths()[0])) for c in marks}
    assert len(looks) == 12


def test_confusion_matrix():
    # true classes in rows: one 0 taken for a 1, both 2s right
    figure = plotting.confusion_matrix(
        [0, 0, 2, 2], [0, 1, 2, 2], labels=["a", "b", "c"]
    )
    axis = figure.axes[0]
    assert texts(figure) == ["1", "1", "0", "0", "0", "0", "0", "0", "2"]
    assert axis.get_title() == "3 of 4 right"
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("predicted class", "true class")
    assert [t.get_text() for t in axis.get_xticklabels()] == ["a", "b", "c"]


def test_confusion_matrix_of_probabilities():
    figure = plotting.confusion_matrix([0, 1], np.array([[0.2], [0.7]]))
    assert texts(figure) == ["1", "0", "0", "1"]
    figure = plotting.confusion_matrix(np.eye(2), np.array([[0.2, 0.8], [0.3, 0.7]]))
    assert texts(figure) == ["0", "1", "0", "1"]


@pytest.mark.parametrize(
    ("true", "pred", "match"),
    [
        ([1], [1, 0], "1 true classes, 2 predicted"),
        ([0, 1], [-1, 0], "0, 1, ..., got"),
        ([0, 1], [0.2, 0.7], "0, 1, ..., got"),
        ([], [], "got float64 of shape"),
        ([0, 1], ["0", "1"], "got <U1"),
        ([0, 300], [0, 1], "at most 200 classes, got number 300"),
        ([0, 2], [0, 1], "labels: expected 3 names"),
    ],
)
def test_confusion_matrix_of_something_else(true, pred, match):
    with pytest.raises(ValueError, match=match):
        plotting.confusion_matrix(true, pred, labels=["a", "b"])


def test_weights(model):
    figure = plotting.weights(model)
    titles = [axis.get_title() for axis in figure.axes]
    assert titles[0].startswith("a/kernel (2, 4)\nmean")
    heights = [patch.get_height() for patch in figure.axes[0].patches]
    assert sum(heights) == 8
    with pytest.raises(ValueError, match="has none"):
        plotting.weights(pynn.Sequential())


def test_gradients():
    figure = plotting.gradients({"sigmoid": [1e-6, 1e-3, 1.0], "relu": [0.5, 0.7]})
    axis = figure.axes[0]
    assert axis.get_yscale() == "log"
    assert lines(axis)["sigmoid"].get_xdata().tolist() == [1, 2, 3]
    assert lines(axis)["relu"].get_ydata().tolist() == [0.5, 0.7]
    with pytest.raises(ValueError, match="norms of a network"):
        plotting.gradients({})


def overlapping(axis):
    """Whether labels below an axis run into each other."""
    axis.figure.canvas.draw()
    low, high = axis.get_xlim()
    marks = axis.xaxis.get_major_ticks()
    shown = [t.label1 for t in marks if low <= t.get_loc() <= high]
    boxes = [label.get_window_extent() for label in shown if label.get_text()]
    assert len(boxes) > 1
    return any(a.x1 >= b.x0 for a, b in pairwise(boxes))


def test_labels_do_not_overlap():
    deep = plotting.gradients({"deep": np.logspace(-40, 0, 60)})
    assert not overlapping(deep.axes[0])
    names = ["a rather long class", "b", "another long class"]
    axis = plotting.confusion_matrix([0, 1, 2], [0, 1, 2], names).axes[0]
    axis.figure.canvas.draw()
    assert axis.get_window_extent().width >= 1.5 * axis.figure.dpi


def test_one_epoch_is_a_whole_number():
    axis = plotting.history({"loss": [1.0]}).axes[0]
    axis.figure.canvas.draw()
    low, high = axis.get_xlim()
    assert [tick for tick in axis.get_xticks() if low <= tick <= high] == [1.0]


def test_nothing_is_shown(monkeypatch):
    monkeypatch.setattr(pyplot, "show", lambda *a, **k: pytest.fail("shown"))
    plotting.history(RUN)
    assert len(pyplot.get_fignums()) == 1
