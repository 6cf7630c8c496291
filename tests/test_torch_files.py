# SPDX-License-Identifier: BSD-3-Clause
"""State dicts of PyTorch: order, names, types; with PyTorch itself where it is."""

import pickle

import numpy as np
import pytest

import pynn
from pynn import layers, saving

safetensors = pytest.importorskip("safetensors.numpy")


def model(dtype=None):
    return pynn.Sequential(
        [
            pynn.Input((4,), dtype=dtype),
            layers.Dense(5, "relu"),
            pynn.Sequential([layers.Dense(6, use_bias=False), layers.LeakyReLU()]),
            layers.Dense(3),
        ]
    )


def state(names=("0", "2", "10"), kind=np.float32):
    """Three Linear modules; 10 comes after 2."""
    rng = np.random.default_rng(4)
    first, second, last = names
    shapes = {
        f"{last}.bias": (3,),
        f"{last}.weight": (3, 6),
        f"{first}.weight": (5, 4),
        f"{first}.bias": (5,),
        f"{second}.weight": (6, 5),
    }
    return {name: rng.normal(size=shape).astype(kind) for name, shape in shapes.items()}


def in_order(found, names=("0", "2", "10")):
    first, second, last = names
    return [
        found[f"{first}.weight"].T,
        found[f"{first}.bias"],
        found[f"{second}.weight"].T,
        found[f"{last}.weight"].T,
        found[f"{last}.bias"],
    ]


@pytest.mark.parametrize("kind", ["float16", "float32", "float64"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_sequential(kind, dtype, tmp_path):
    arrays, net = state(kind=kind), model(dtype)
    safetensors.save_file(arrays, tmp_path / "s.safetensors")
    saving.load_torch_weights(net, tmp_path / "s.safetensors")
    for weight, wanted in zip(net.get_weights(), in_order(arrays), strict=True):
        np.testing.assert_array_equal(weight, wanted.astype(dtype))


def test_names(tmp_path):
    names = ("stem", "body.fc", "a_head")
    arrays, net = state(names), model()
    saving.load_torch_weights(net, arrays, order=names)
    for weight, wanted in zip(net.get_weights(), in_order(arrays, names), strict=True):
        np.testing.assert_array_equal(weight, wanted)
    with pytest.raises(ValueError, match=r"in the order a_head, body\.fc, stem"):
        saving.load_torch_weights(net, arrays)
    with pytest.raises(ValueError, match="order: expected all of"):
        saving.load_torch_weights(net, arrays, order=["stem"])


def test_brain_floats(tmp_path):
    """The upper halves of float32, which NumPy has no type for."""
    values = np.array([[1.5, -2.25, 0.0, 3e38]], np.float32).T.repeat(2, 1).T
    halves = (values.view(np.uint32) >> 16).astype("<u2")
    text = b'{"0.weight":{"dtype":"BF16","shape":[2,4],"data_offsets":[0,16]}}'
    content = len(text).to_bytes(8, "little") + text + halves.tobytes()
    (tmp_path / "s").write_bytes(content)
    net = pynn.Sequential([pynn.Input((4,)), layers.Dense(2, use_bias=False)])
    saving.load_torch_weights(net, tmp_path / "s")
    wanted = (halves.astype(np.uint32) << 16).view(np.float32)
    np.testing.assert_array_equal(net.get_weights()[0], wanted.T)


def test_what_does_not_fit(tmp_path):
    net = model()
    before = [w.tobytes() for w in net.get_weights()]
    good = state()
    cases = {
        "2 modules": {k: v for k, v in good.items() if not k.startswith("10")},
        r"'0.bias', for .* is missing": {k: good[k] for k in good if k != "0.bias"},
        "no weight for 2.bias": good | {"2.bias": np.zeros(6)},
        r"expected shape \(4, 5\), got \(5, 4\) once transposed": good
        | {"0.weight": np.zeros((4, 5))},
        "expected numbers": good | {"0.bias": np.array(list("abcde"))},
    }
    for match, arrays in cases.items():
        with pytest.raises(ValueError, match=match):
            saving.load_torch_weights(net, arrays)
    path = tmp_path / "s"
    for content in (b"", b"x" * 20, pickle.dumps(good), b"PK\x03\x04"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"/s "):
            saving.load_torch_weights(net, path)
    with pytest.raises(ValueError, match="not built"):
        saving.load_torch_weights(pynn.Sequential([layers.Dense(1)]), good)
    with pytest.raises(FileNotFoundError):
        saving.load_torch_weights(net, tmp_path / "nothing")
    assert [w.tobytes() for w in net.get_weights()] == before


def their_net(parts):
    return parts.Sequential(
        parts.Linear(4, 5),
        parts.BatchNorm1d(5),
        parts.ReLU(),
        parts.Dropout(0.5),
        parts.Sequential(parts.Linear(5, 6, bias=False), parts.LayerNorm(6)),
        parts.PReLU(6),
        parts.GroupNorm(3, 6),
        parts.Unflatten(1, (3, 2)),
        parts.PReLU(3),
        parts.PReLU(),
        parts.Flatten(),
        parts.Linear(6, 3),
    )


def our_net():
    return pynn.Sequential(
        [
            pynn.Input((4,)),
            layers.Dense(5),
            layers.BatchNormalization(epsilon=1e-5, momentum=0.9),
            layers.ReLU(),
            layers.Dropout(0.5),
            pynn.Sequential(
                [
                    layers.Dense(6, use_bias=False),
                    layers.LayerNormalization(epsilon=1e-5),
                ]
            ),
            layers.PReLU(),
            layers.GroupNormalization(3, epsilon=1e-5),
            layers.Reshape((3, 2)),
            layers.PReLU(shared_axes=[2]),
            layers.PReLU(shared_axes=[1, 2]),
            layers.Flatten(),
            layers.Dense(3),
        ]
    )


def test_a_file_that_torch_wrote(tmp_path):
    torch = pytest.importorskip("torch")
    save_file = pytest.importorskip("safetensors.torch").save_file
    parts = torch.nn
    torch.manual_seed(1)
    theirs = their_net(parts)
    x = torch.randn(40, 4)
    theirs(x)  # moves the running statistics
    theirs.eval()
    save_file(theirs.state_dict(), tmp_path / "t.safetensors")
    ours = our_net()
    saving.load_torch_weights(ours, tmp_path / "t.safetensors")
    expected = theirs(x).detach().numpy()
    # float32 sums in another order
    np.testing.assert_allclose(ours.predict(x.numpy(), verbose=0), expected, atol=2e-6)
