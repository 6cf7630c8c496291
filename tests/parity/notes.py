# SPDX-License-Identifier: BSD-3-Clause
"""What the table of docs/keras.md cannot read off the two libraries: reasons."""

from collections.abc import Callable
from typing import Any

PREAMBLE = """# Keras and pynn, name by name

Every public name of what people use around a Keras {version} Sequential model, and
pynn's answer: *supported*, *different* (how), or *not* (why). A test holds this page
against the installed Keras: names, arguments, their order and their defaults; `cd
tests && python -m parity.table` writes it again. That the supported ones compute the
same is what [tests/parity](../tests/parity) checks, by running the same programs in
both.

Arguments that only concern other devices and compilers (`run_eagerly`, `jit_compile`,
`steps_per_execution`, `auto_scale_loss`) are taken and change nothing. Arrays are
NumPy's.

Where Keras is at odds with itself, pynn follows one of its backends or raises:

* A softmax or sigmoid before its cross-entropy is trained through the logits, as
  TensorFlow's Keras does; on PyTorch and JAX a wrong and certain answer has no
  gradient.
* Class numbers out of range, targets that would broadcast against the output, complex
  numbers, a `validation_split` outside [0, 1): ValueError.
* `predict` of no rows gives no rows; `compile` again without metrics drops the old
  ones.
* Keras on PyTorch shows the counts of validation (`TruePositives`, ...) as those of
  training; pynn shows each.
* `train_on_batch` and `test_on_batch` tell of the rows of the call alone, as in Keras
  {version}; older ones averaged over all calls.
* A loss along another axis than the last is computed from probabilities as on arrays,
  also after a softmax; `label_smoothing` counts the classes along that axis, not along
  the last one.
* `metrics_names` are the keys of the history, not `["loss", "compile_metrics"]`.
"""

# "" is keras itself. In the order of the page.
MODULES = [
    "",
    "layers",
    "activations",
    "initializers",
    "regularizers",
    "constraints",
    "losses",
    "metrics",
    "optimizers",
    "optimizers.schedules",
    "callbacks",
    "models",
    "saving",
    "utils",
    "datasets",
    "backend",
    "config",
    "random",
]

# Classes whose methods and attributes are listed, with an object to look at.
MEMBERS: dict[str, Callable[[Any], Any]] = {
    "Sequential": lambda k: k.Sequential(),
    "layers.Layer": lambda k: k.layers.Dense(1),
    "optimizers.Optimizer": lambda k: k.optimizers.SGD(),
    "metrics.Metric": lambda k: k.metrics.Mean(),
    "losses.Loss": lambda k: k.losses.MeanSquaredError(),
    "callbacks.Callback": lambda k: k.callbacks.Callback(),
}

_CONV = "no convolutions yet"
_RNN = "no recurrent layers yet"
_GRAPH = "models are chains of layers; no graphs"
_IMAGE = "no layers for images yet"
_TEXT = "no layers for text, categories or sound yet"
_ATTENTION = "no attention, embeddings or general products yet"
_OTHER = "wraps another framework"
_DTYPE = "one element type a model, float32 or float64"
_DEVICE = "there is one device"
_TENSOR = "there are no tensors: arrays are NumPy's"
_QUANT = "no quantisation"
_LEGACY = "kept by Keras for old code only"
_FILES = "folders of images, sound and text are not read"
_INSIDE = "inside of Keras"
_DATA = "not among the data sets yet"
_RARE = "rare; not yet"
_STEP = "the step is compiled; see extending.md for one in Python"
_STATELESS = "for JAX's functional style"

# Full matches of dotted names; the first one counts.
ABSENT: dict[str, str] = {
    r"(DTypePolicy|FloatDTypePolicy|dtype_policies|mixed_precision)": _DTYPE,
    r"(Function|KerasTensor|Operation|InputSpec|layers\.InputSpec)": _GRAPH,
    r"(Quantizer|quantizers)": _QUANT,
    r"(RematScope|remat)": "memory is laid out once; nothing is computed twice",
    r"(StatelessScope|SymbolicScope|name_scope|Variable)": _INSIDE,
    r"(applications|distillation|visualization)": "for images; no convolutions yet",
    r"(device|distribution)": _DEVICE,
    r"(export|legacy|preprocessing|wrappers)": "other ways in and out; see README",
    r"(ops|tree)": _TENSOR,
    r"layers\.(Conv|Depthwise|Separable).*": _CONV,
    r"layers\.(Adaptive|Global)?(Average|Avg|Max)Pool.*": _CONV,
    r"layers\.(ZeroPadding|Cropping|UpSampling)\dD": _CONV,
    r"layers\.(RNN|LSTM|GRU|SimpleRNN|\w+RNNCells|\w+Cell|Bidirectional)": _RNN,
    r"layers\.(TimeDistributed|Masking)": _RNN,
    r"layers\.(Add|Average|Concatenate|Dot|Maximum|Minimum|Multiply|Subtract)": _GRAPH,
    r"layers\.(add|average|concatenate|dot|maximum|minimum|multiply|subtract)": _GRAPH,
    r"layers\.\w*(Attention|Embedding|EinsumDense)": _ATTENTION,
    r"layers\.(FlaxLayer|JaxLayer|TFSMLayer|TorchModuleWrapper)": _OTHER,
    r"layers\.(Random|Aug|Auto|Rand|Mix|Cut)\w*": _IMAGE,
    r"layers\.(CenterCrop|Resizing|Equalization|Solarization)": _IMAGE,
    r"layers\.(ContrastLimited\w+|MaxNumBoundingBoxes)": _IMAGE,
    r"layers\.(CategoryEncoding|Discretization|Hash\w+|\w+Lookup)": _TEXT,
    r"layers\.(TextVectorization|\w+Spectrogram)": _TEXT,
    r"layers\.Lambda": "would put code into files; write a Layer",
    r"layers\.(Wrapper|Pipeline|SpectralNormalization)": _RARE,
    r"initializers\.(STFT|stft)\w*": "no layers for text, categories or sound yet",
    r"losses\.(CTC|ctc|Circle|circle|Tversky|tversky|Dice|dice)": _RARE,
    r"losses\.[Cc]ategorical_?[Gg]eneralized\w+": _RARE,
    r"optimizers\.(LossScaleOptimizer)": _DTYPE,
    r"optimizers\.(MultiOptimizer|OptimizerMap)": "one optimizer a model",
    r"optimizers\.legacy": _LEGACY,
    r"callbacks\.(OrbaxCheckpoint|RemoteMonitor)": _OTHER,
    r"saving\.KerasFileEditor": _INSIDE,
    r"utils\.(\w+_dataset_from_directory|\w*_img|img_to_array)": _FILES,
    r"utils\.(bounding_boxes|FeatureSpace|timeseries_dataset\w+)": _FILES,
    r"utils\.(Config|get_source_inputs|is_keras_tensor|model_to_dot)": _GRAPH,
    r"utils\.legacy": _LEGACY,
    r"datasets\..*": _DATA,
    r"backend\.(is_keras_tensor|result_type|get_uid)": _TENSOR,
    r"backend\.(is_float_dtype|is_int_dtype)": _INSIDE,
    r"(backend|config)\.(set_)?image_data_format": _CONV,
    r"config\.(\w*flash_attention\w*|is_nnx_enabled|set_backend)": _DEVICE,
    r"config\.(set_)?dtype_policy": _DTYPE,
    r"config\.\w*traceback_filtering\w*": "tracebacks are short anyway",
    r"config\.enable_unsafe_deserialization": "loading never runs code",
    r"(config|utils)\.\w+_interactive_logging(_enabled)?": "verbose=0 is silent",
    r"utils\.(de)?serialize_keras_object": "in keras.saving",
    r"utils\.get_file": "nothing is downloaded but data sets",
    r"activations\.(glu|sparsemax|threshold)": _RARE,
    # members of classes
    r".*\.add_(loss|metric|variable)": "penalties are regularizers; see extending.md",
    r".*\.\w*(quantiz|Quantiz|remat|state_tree)\w*": _INSIDE,
    r".*\.(stateless_\w+|symbolic_call)": _STATELESS,
    r".*\.(load_own|save_own|finalize)_\w+": _INSIDE,
    r".*\.(get_build_config|build_from_config)": _INSIDE,
    r".*\.(\w*dtype|dtype_policy)": _DTYPE,
    r".*\.(compute_mask|supports_masking)": _RNN,
    r".*\.(compute_output_spec|input_spec|path|metrics_variables)": _INSIDE,
    r"layers\.Layer\.metrics": "metrics belong to models",
    r"Sequential\.(jit_compile|run_eagerly)": "nothing is compiled at run time",
    r"Sequential\.export": "no export to other formats yet",
    r"optimizers\.Optimizer\.(update_step|set_weights|variables)": _STEP,
    r"optimizers\.Optimizer\.(exclude_from_weight_decay|scale_loss)": _STEP,
}

# Until it is there.
ABSENT |= {
    r"layers\.SpatialDropout3D": _CONV,
    r"Regularizer": "in keras.regularizers",
    r"metrics\.\w+_focal_crossentropy": "in keras.losses",
}

# Dotted names that exist in both and mean something else in part.
DIFFERENT: dict[str, str] = {
    "optimizers.ScheduleFreeAdamW": "steps are not those of Keras: unsettled",
}

# Names that only pynn has, by module.
OWN: dict[str, tuple[str, ...]] = {
    "everywhere": (),
    "layers": ("KerasTensor",),
    "metrics": ("MeanMetric",),
    "callbacks": ("verbosity",),
    "activations": ("lowered", "relu_row"),
    "optimizers": ("LearningRate", "OptimizerSpec"),
    "models": ("Functional",),
    "datasets": ("digits",),
    "config": ("standardize_dtype",),
    "saving": ("load_torch_weights",),
    "": (
        "DivergenceWarning",
        "Predictor",
        "get_num_threads",
        "keras",
        "plotting",
        "set_num_threads",
        "show_config",
    ),
}

# Modules whose classes have to appear in a case of the grid.
WITH_CASES = (
    *("layers", "initializers", "regularizers", "constraints", "losses", "metrics"),
    *("optimizers", "optimizers.schedules", "callbacks"),
)

_BASE = "a base class"
_STARTS = "weights start from Keras's values; held against NumPy in test_initializers"
_VALUES = "takes values, not answers of a model"
_EVERY = "every case has an Input"
_DRAWS = "draws numbers of its own; its moments are tested"
_WRITES = "writes files or to the terminal; tested without Keras"

# Supported classes that no case uses, and why.
ELSEWHERE: dict[str, str] = {
    "optimizers.ScheduleFreeAdamW": "steps are not those of Keras: unsettled",
    "callbacks.BackupAndRestore": _WRITES,
    "callbacks.CSVLogger": _WRITES,
    "callbacks.CallbackList": _BASE,
    "callbacks.ModelCheckpoint": _WRITES,
    "callbacks.ProgbarLogger": _WRITES,
    "callbacks.TensorBoard": _WRITES,
    "callbacks.SwapEMAWeights": "tested without Keras",
    "constraints.Constraint": _BASE,
    "regularizers.Regularizer": _BASE,
    "initializers.GlorotNormal": _STARTS,
    "initializers.GlorotUniform": _STARTS,
    "initializers.HeNormal": _STARTS,
    "initializers.HeUniform": _STARTS,
    "initializers.Identity": _STARTS,
    "initializers.IdentityInitializer": _STARTS,
    "initializers.Initializer": _BASE,
    "initializers.LecunNormal": _STARTS,
    "initializers.LecunUniform": _STARTS,
    "initializers.Ones": _STARTS,
    "initializers.Orthogonal": _STARTS,
    "initializers.OrthogonalInitializer": _STARTS,
    "initializers.RandomNormal": _STARTS,
    "initializers.TruncatedNormal": _STARTS,
    "initializers.VarianceScaling": _STARTS,
    "initializers.Zeros": _STARTS,
    "layers.Input": _EVERY,
    "layers.InputLayer": _EVERY,
    "layers.Layer": _BASE,
    "layers.SpatialDropout1D": _DRAWS,
    "layers.SpatialDropout2D": _DRAWS,
    "losses.Loss": _BASE,
    "metrics.Mean": _VALUES,
    "metrics.MeanMetricWrapper": _BASE,
    "metrics.Metric": _BASE,
    "metrics.Sum": _VALUES,
    "optimizers.Optimizer": _BASE,
    "optimizers.schedules.LearningRateSchedule": _BASE,
}
