# SPDX-License-Identifier: BSD-3-Clause
"""Files as Keras 3.15 makes them, made by hand."""

import io
import json
import zipfile

import h5py
import numpy as np

import pynn
from pynn import layers

POLICY = {
    "module": "keras",
    "class_name": "DTypePolicy",
    "config": {"name": "float32"},
    "registered_name": None,
    "shared_object_id": 140648301852624,
}


def described(kind, module="keras.layers", **config):
    return {
        "module": module,
        "class_name": kind,
        "config": {"trainable": True, "dtype": POLICY, **config},
        "registered_name": None,
        "build_config": {"input_shape": [None, 5]},
    }


def dense(name, units, **options):
    start = {
        "module": "keras.initializers",
        "class_name": "GlorotUniform",
        "config": {"seed": None, "input_axes": None, "output_axes": None},
        "registered_name": None,
    }
    terms = ("kernel_regularizer", "bias_regularizer", "kernel_constraint")
    return described(
        "Dense",
        name=name,
        units=units,
        kernel_initializer=start,
        quantization_config=None,
        **dict.fromkeys((*terms, "bias_constraint"), None),
        **options,
    )


def config():
    entry = {
        "module": "keras.layers",
        "class_name": "InputLayer",
        "config": {
            "batch_shape": [None, 5],
            "dtype": "float32",
            "sparse": False,
            "ragged": False,
            "name": "input_layer",
            "optional": False,
        },
        "registered_name": None,
    }
    inner = described(
        "Sequential", "keras", name="inner", layers=[dense("x", 4), dense("y", 3)]
    )
    noise = described("Dropout", name="noise", rate=0.5, seed=None, noise_shape=None)
    parts = [entry, dense("first", 7, activation="relu"), noise, inner]
    model = described("Sequential", "keras", name="net", layers=parts)
    model["config"]["build_input_shape"] = [None, 5]
    adam = {
        "module": "keras.optimizers",
        "class_name": "Adam",
        "config": {"name": "adam", "learning_rate": 0.01, "beta_1": 0.8},
        "registered_name": None,
    }
    model["compile_config"] = {
        "optimizer": adam,
        "loss": "sparse_categorical_crossentropy",
        "loss_weights": None,
        "metrics": ["accuracy"],
        "weighted_metrics": None,
        "run_eagerly": False,
        "steps_per_execution": 1,
        "jit_compile": False,
    }
    return model


def arrays():
    rng = np.random.default_rng(3)
    shapes = {
        "layers/dense/vars/0": (5, 7),
        "layers/dense/vars/1": (7,),
        "layers/sequential/layers/dense/vars/0": (7, 4),
        "layers/sequential/layers/dense/vars/1": (4,),
        "layers/sequential/layers/dense_1/vars/0": (4, 3),
        "layers/sequential/layers/dense_1/vars/1": (3,),
    }
    return {n: rng.normal(size=s).astype(np.float32) for n, s in shapes.items()}


def hdf5(values, change=None):
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for name, value in values.items():
            file[name] = value
        file.create_group("layers/dropout/vars")
        if change is not None:
            change(file)
    return buffer.getvalue()


def zipped(path, weights, model=None, stored=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", stored) as archive:
        archive.writestr("metadata.json", '{"keras_version": "3.15.1"}')
        text = json.dumps(config() if model is None else model)
        archive.writestr("config.json", text)
        archive.writestr("model.weights.h5", weights)
    return path


def empty_model():
    return pynn.Sequential(
        [
            pynn.Input((5,)),
            layers.Dense(7, "relu"),
            layers.Dropout(0.5),
            pynn.Sequential([layers.Dense(4), layers.Dense(3)]),
        ]
    )
