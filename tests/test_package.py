# SPDX-License-Identifier: BSD-3-Clause
"""What `import pynn` gives and costs."""

import subprocess
import sys

NAMES = """
import sys
import pynn as keras
heavy = {"sklearn", "scipy", "pandas", "matplotlib", "h5py", "safetensors", "tqdm"}
assert not heavy & set(sys.modules)
import pynn.keras.layers
from pynn import keras as again, layers
from pynn.keras.layers import Dense
from pynn.keras.optimizers.schedules import ExponentialDecay
from pynn.optimizers import schedules
import pynn as tf
assert again is keras is tf.keras is sys.modules["pynn"] is sys.modules["pynn.keras"]
assert Dense is keras.layers.Dense is tf.keras.layers.Dense is layers.Dense
assert ExponentialDecay is schedules.ExponentialDecay
assert keras.layers.__spec__.name == "pynn.layers" == keras.layers.__name__
for name in keras.__all__:
    assert getattr(keras, name) is not None, name
assert set(keras.__all__) <= set(dir(keras))
assert keras.__version__.count(".") == 2
try:
    keras.nonsense
except AttributeError as error:
    assert "nonsense" in str(error)
else:
    raise AssertionError
keras.show_config()
"""


def test_names_of_the_package():
    """In a process of its own, where nothing is loaded yet."""
    done = subprocess.run(
        [sys.executable, "-c", NAMES], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "instruction set" in done.stdout


OWN = """
import sys
import numpy
before = set(sys.modules)
import pynn
print(*sorted(set(sys.modules) - before))
"""


def test_import_loads_little():
    """What it costs in time is measured by bench/ (S1)."""
    loaded = subprocess.check_output([sys.executable, "-c", OWN], text=True).split()
    assert "pynn._core" in loaded
    others = {name for name in loaded if name.split(".")[0] != "pynn"}
    assert len(loaded) < 20, loaded
    assert len(others) < 8, others


FIRST_MODEL = """
import sys
import numpy
before = set(sys.modules)
import pynn
from pynn import layers
model = pynn.Sequential([pynn.Input((2,)), layers.Dense(3, "relu"), layers.Dense(1)])
model.compile("adam", "mse", metrics=["mae"])
model.fit(numpy.ones((4, 2)), numpy.ones((4, 1)), verbose=0)
model.predictor()(numpy.ones(2))
print(*sorted({name.split(".")[0] for name in set(sys.modules) - before}))
"""


def test_a_first_model_loads_little():
    """Nothing of what files, downloads, progress bars and type checkers need."""
    out = subprocess.check_output([sys.executable, "-c", FIRST_MODEL], text=True)
    loaded = set(out.split())
    assert "pynn" in loaded
    heavy = {"csv", "inspect", "json", "pathlib", "tempfile", "urllib", "zlib"}
    assert loaded.isdisjoint(heavy | {"safetensors", "tqdm"}), loaded


WITHOUT_CORE = """
import sys
sys.modules["pynn._core"] = None
try:
    import pynn
except ImportError as error:
    print(error)
"""


def test_a_missing_core_is_explained():
    out = subprocess.check_output([sys.executable, "-c", WITHOUT_CORE], text=True)
    assert "pip install -e ." in out
