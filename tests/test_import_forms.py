# SPDX-License-Identifier: BSD-3-Clause
"""Keras programs run by changing what they import, in every form that people write.

The programs are those of examples/. For a form, their names are spelled as it asks for;
what is then run is a program for Keras (or TensorFlow) in which one word was replaced.
"""

import os
import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "examples"
NAME = re.compile(r"\bkeras\.((?:[a-z_]+\.)*)(\w+)")
PROGRAMS = {
    "xor_keras_style": "count(sturdy, 3)['solved'] == 3",
    "iris_keras_style": "main()[0] >= 0.93",
    "mnist_keras_style": "main(verbose=0) >= 0.96",
}

SLOW = pytest.mark.slow


def prefixed(header, prefix):
    """Return a form that writes `keras.layers.Dense` with another prefix."""
    return lambda source: (header, NAME.sub(rf"{prefix}\1\2", source))


def from_submodules(package):
    """Import every module by itself: ``from pynn import layers``."""

    def form(source):
        modules = {m[1].split(".")[0] for m in NAME.finditer(source) if m[1]}
        plain = {m[2] for m in NAME.finditer(source) if not m[1]}
        header = f"from {package} import {', '.join(sorted(modules | plain))}"
        return header, NAME.sub(r"\1\2", source)

    return form


def from_names(package):
    """Import every name: ``from pynn.layers import Dense``."""

    def form(source):
        found = {(m[1].rstrip("."), m[2]) for m in NAME.finditer(source)}
        lines = [
            f"from {package}{'.' * bool(module)}{module} import {name}"
            for module, name in sorted(found)
        ]
        return "\n".join(lines), NAME.sub(r"\2", source)

    return form


FORMS = {
    "import pynn as keras": prefixed("import pynn as keras", "keras."),
    "import pynn": prefixed("import pynn", "pynn."),
    "from pynn import keras": prefixed("from pynn import keras", "keras."),
    "import pynn as tf": prefixed("import pynn as tf", "tf.keras."),
    "import pynn.keras as K": prefixed("import pynn.keras as K", "K."),
    "from pynn import layers": from_submodules("pynn"),
    "from pynn.keras import layers": from_submodules("pynn.keras"),
    "from pynn.layers import Dense": from_names("pynn"),
    "from pynn.keras.layers import Dense": from_names("pynn.keras"),
}


def test_forms_spell_programs_anew():
    source = "keras.Sequential([keras.layers.Dense(keras.optimizers.schedules.X)])"
    spelled = {form("" + source) for form in FORMS.values()}
    assert len(spelled) == len(FORMS)
    header, body = from_names("pynn")(source)
    assert "from pynn.optimizers.schedules import X" in header
    assert body == "Sequential([Dense(X)])"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "program",
    [pytest.param(name, marks=SLOW if "mnist" in name else ()) for name in PROGRAMS],
)
def test_program(program, form):
    if program == "mnist_keras_style" and "PYNN_DATA" not in os.environ:
        pytest.skip("needs MNIST in $PYNN_DATA")
    source = (FOLDER / f"{program}.py").read_text()
    assert source.count("import pynn as keras\n") == 1
    before, after = source.split("import pynn as keras\n")
    header, body = FORMS[form](after)
    assert "keras." not in body or "tf.keras." in body or form.endswith("keras")
    names = {"__name__": "program", "__file__": str(FOLDER / f"{program}.py")}
    exec(compile(before + header + body, f"{program}.py", "exec"), names)
    assert eval(PROGRAMS[program], names)
