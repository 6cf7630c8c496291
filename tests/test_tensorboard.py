# SPDX-License-Identifier: BSD-3-Clause
"""Summaries for TensorBoard, read back: by TensorBoard where it is installed."""

import json
import struct

import numpy as np
import pytest
from savings import bits, data, network

import pynn
from pynn.callbacks import TensorBoard

pytest.importorskip("tensorboardX")
# tensorboardX and protobuf have warnings of their own in some versions of Python.
pytestmark = pytest.mark.filterwarnings("default")


def records(folder):
    """Return all events of a run: records of length, checksum, data, checksum."""
    from tensorboardX.proto.event_pb2 import Event

    found = []
    for path in sorted(folder.glob("events.*")):
        content = path.read_bytes()
        while content:
            (length,) = struct.unpack("<Q", content[:8])
            found.append(Event.FromString(content[12 : 12 + length]))
            content = content[16 + length :]
    return found


def values(folder):
    """Return (tag, step) -> summary value."""
    return {
        (value.tag, event.step): value
        for event in records(folder)
        for value in event.summary.value
    }


def fitted(callback, epochs=3):
    model = network()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    x, y = data()
    model.fit(x, y, 10, epochs, 0, [callback], validation_split=0.2)
    return model


def test_scalars(tmp_path):
    model = fitted(TensorBoard(tmp_path))
    history = model.history.history
    train, valid = values(tmp_path / "train"), values(tmp_path / "validation")
    for epoch in range(3):
        for name in ("loss", "accuracy"):
            wanted = np.float32(history[name][epoch])
            assert train[f"epoch_{name}", epoch].simple_value == wanted
            wanted = np.float32(history[f"val_{name}"][epoch])
            assert valid[f"epoch_{name}", epoch].simple_value == wanted
            steps = f"evaluation_{name}_vs_iterations", 4 * (epoch + 1)
            assert valid[steps].simple_value == wanted
        rate = train["epoch_learning_rate", epoch].simple_value
        assert rate == np.float32(0.001)
    assert len(train) == 3 * 3 + 1  # and the graph
    assert len(valid) == 2 * 2 * 3


def test_histograms_and_graph(tmp_path):
    model = fitted(TensorBoard(tmp_path, histogram_freq=2))
    found = values(tmp_path / "train")
    for weight in model.weights:
        tag = f"{weight.path}/histogram"
        assert (tag, 1) not in found
        histogram = found[tag, 2].histo  # of the last epoch: the weights of now
        assert histogram.num == weight.size
        assert histogram.min == weight.numpy().min()
        assert histogram.max == weight.numpy().max()
        assert histogram.sum == pytest.approx(weight.numpy().sum(dtype=float))
        assert sum(histogram.bucket) == weight.size
    graph = found["keras", 0]
    assert graph.metadata.plugin_data.plugin_name == "graph_keras_model"
    written = json.loads(graph.tensor.string_val[0])
    assert written["config"]["layers"][1]["config"]["units"] == 37


def test_batches(tmp_path):
    fitted(TensorBoard(tmp_path, update_freq=2, write_steps_per_second=True), 2)
    found = values(tmp_path / "train")
    steps = sorted(step for tag, step in found if tag == "batch_loss")
    assert steps == [2, 4, 6, 8]
    assert found["batch_steps_per_second", 2].simple_value > 0
    assert found["epoch_steps_per_second", 1].simple_value > 0


def test_weights_that_are_no_numbers(tmp_path):
    model = network()
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.layers[0].weights[1].assign(np.full(37, np.nan))
    writer = TensorBoard(tmp_path, histogram_freq=1)
    with pytest.warns(pynn.DivergenceWarning):
        model.fit(*data(), epochs=1, verbose=0, callbacks=writer)
    assert ("epoch_loss", 0) in values(tmp_path / "train")


def test_it_changes_nothing(tmp_path):
    results = []
    for callbacks in (pynn.callbacks.Callback(), TensorBoard(tmp_path, 1)):
        pynn.utils.set_random_seed(5)
        results.append(bits(fitted(callbacks)))
    assert results[0] == results[1]


def test_nobody_has_to_watch_the_steps():
    watched = pynn.callbacks.CallbackList
    assert not watched([TensorBoard(histogram_freq=1)]).train_batches
    assert watched([TensorBoard(update_freq="batch")]).train_batches


@pytest.mark.parametrize(
    "arguments",
    [
        {"log_dir": 3},
        {"histogram_freq": -1},
        {"update_freq": "step"},
        {"update_freq": 0},
        {"profile_batch": 2},
        {"embeddings_freq": 1},
    ],
)
def test_bad_arguments(arguments):
    with pytest.raises(ValueError, match=f"TensorBoard: {next(iter(arguments))}"):
        TensorBoard(**arguments)


def test_tensorboard_reads_it(tmp_path):
    name = "tensorboard.backend.event_processing.event_accumulator"
    reader = pytest.importorskip(name)
    keras_util = pytest.importorskip("tensorboard.plugins.graph.keras_util")
    model = fitted(TensorBoard(tmp_path, 1, write_images=True))
    train = reader.EventAccumulator(str(tmp_path / "train"))
    train.Reload()
    seen = [event.value for event in train.Scalars("epoch_loss")]
    assert seen == [np.float32(v) for v in model.history.history["loss"]]
    tags = train.Tags()
    assert len(tags["histograms"]) == len(tags["images"]) == len(model.weights)
    text = train.Tensors("keras")[0].tensor_proto.string_val[0]
    graph = keras_util.keras_model_to_graph_def(json.loads(text))
    ends = [node.name.rsplit("/", 1)[-1] for node in graph.node]
    assert ends[1:3] == [layer.name for layer in model.layers[:2]]
