# SPDX-License-Identifier: BSD-3-Clause
"""What fit, evaluate and predict print: on a terminal, into a file, not at all."""

import io
import re
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from smallfit import X, Y, small_model

from pynn import utils
from pynn.callbacks import CallbackList


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    """A terminal that remembers, as the progress bar's standard output."""
    screen = Terminal()
    monkeypatch.setattr("pynn.utils._progbar.sys", SimpleNamespace(stdout=screen))
    return screen


def plain(text):
    """Text without colours."""
    return re.sub(r"\x1b\[\d+m", "", text)


VALUES = r"loss: \d+\.\d{4} - mae: \d+\.\d{4}"
TIME = r"\d+s \d+(us|ms|s)/step"
LINE = rf"2/2 - \d+s - \d+(us|ms|s)/step - {VALUES}"
VALIDATED = rf"{LINE} - val_loss: \d+\.\d{{4}} - val_mae: \d+\.\d{{4}}"


def test_silence(capsys):
    model = small_model()
    model.fit(X, Y, epochs=2, verbose=0)
    model.evaluate(X, Y, verbose=0)
    model.predict(X, verbose=0)
    assert capsys.readouterr() == ("", "")


def test_lines_into_a_file(capsys):
    small_model().fit(X, Y, 3, epochs=2, validation_data=(X, Y))
    first, second = capsys.readouterr().out.splitlines()
    assert re.fullmatch(f"Epoch 1/2 - {VALIDATED}", first), first
    assert re.fullmatch(f"Epoch 2/2 - {VALIDATED}", second), second


@pytest.mark.parametrize("where", ["terminal", "file"])
def test_verbose_2(where, request, capsys):
    screen = request.getfixturevalue("terminal") if where == "terminal" else None
    small_model().fit(X, Y, 3, epochs=2, verbose=2)
    text = screen.getvalue() if screen else capsys.readouterr().out
    lines = text.splitlines()
    assert lines[0::2] == ["Epoch 1/2", "Epoch 2/2"]
    assert all(re.fullmatch(LINE, line) for line in lines[1::2]), lines


def test_no_header_for_one_epoch(capsys):
    small_model().fit(X, Y, 3, verbose=2)
    assert re.fullmatch(LINE + "\n", capsys.readouterr().out)


def test_evaluate_and_predict_print_a_line(capsys):
    model = small_model()
    model.evaluate(X, Y, 3)
    assert re.fullmatch(LINE + "\n", capsys.readouterr().out)
    model.predict(X, 3)
    assert capsys.readouterr().out == "", "predict is called in loops"
    model.predict(X, 3, verbose=1)
    line = r"2/2 - \d+s - \d+(us|ms|s)/step\n"
    assert re.fullmatch(line, capsys.readouterr().out)


def test_bar_on_a_terminal(terminal):
    small_model().fit(X, Y, 3, epochs=2)
    shown = terminal.getvalue().removesuffix("\n").split("\n")
    lines = [plain(line.split("\r")[-1]) for line in shown]
    assert lines[0::2] == ["Epoch 1/2", "Epoch 2/2"]
    assert all(re.fullmatch(f"2/2 ━{{20}} {TIME} - {VALUES} *", x) for x in lines[1::2])


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is set."""
    now = [100.0]
    monkeypatch.setattr("pynn.utils._progbar.time.perf_counter", lambda: now[0])
    return now


def progress(steps, epochs=1, verbose=1):
    hooks = CallbackList.for_fit(None, None, verbose, epochs=epochs, steps=steps)
    hooks.on_train_begin()
    hooks.on_epoch_begin(0)
    return hooks


def test_bar_moves(terminal, clock):
    hooks = progress(200)
    clock[0] += 1.0
    hooks.progress(50, {"loss": 0.5})
    shown = terminal.getvalue()
    assert plain(shown) == " 50/200 ━━━━━━━━━━━━━━━━━━━━ 3s 20ms/step - loss: 0.5000"
    assert "\x1b[32m━━━━━\x1b[0m\x1b[37m━━━━━━━━━━━━━━━\x1b[0m" in shown
    clock[0] += 0.01
    hooks.progress(51, {"loss": 0.25})
    assert terminal.getvalue() == shown, "drawn again within 50 ms"
    clock[0] += 0.05
    hooks.progress(100, {"loss": 123.25})
    assert terminal.getvalue().count("\r") == 1
    clock[0] += 1.0
    hooks.on_epoch_end(0, {"loss": 0.25})
    last = plain(terminal.getvalue().split("\r")[-1])
    # Shorter than what was there, so blanks cover the rest of it.
    shown = "200/200 ━━━━━━━━━━━━━━━━━━━━ 2s 10ms/step - loss: 0.2500"
    assert last == shown + " " * 2 + "\n"


@pytest.mark.parametrize(
    ("left", "text"),
    [(59, "59s"), (60, "60s"), (61, "1:01"), (3600, "60:00"), (3661, "1:01:01")],
)
def test_time_left(left, text, terminal, clock):
    hooks = progress(2)
    clock[0] += left
    hooks.progress(1, {})
    assert f"━ {text} " in plain(terminal.getvalue())


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(8.0, "2s/step"), (0.02, "5ms/step"), (0.0004, "100us/step"), (0.0, "0s/step")],
)
def test_time_of_a_step(seconds, text, capsys, clock):
    hooks = progress(4, verbose=2)
    clock[0] += seconds
    hooks.on_epoch_end(0, {})
    assert capsys.readouterr().out == f"4/4 - {seconds:.0f}s - {text}\n"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.25, "0.2500"),
        (123.45678, "123.4568"),
        (-0.5, "-0.5000"),
        (0.00012345, "1.2345e-04"),
        (0.0, "0.0000e+00"),
        (float("nan"), "nan"),
        (np.float32(0.5), "0.5000"),
        ([0.25, 0.75], "0.5000"),
    ],
)
def test_how_values_look(value, text, capsys, clock):
    progress(1, verbose=2).on_epoch_end(0, {"loss": value})
    assert capsys.readouterr().out.endswith(f"- loss: {text}\n")


def test_plain_characters_where_there_are_no_others(monkeypatch, clock):
    raw = io.BytesIO()
    screen = io.TextIOWrapper(raw, encoding="ascii")
    monkeypatch.setattr(screen, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdout", screen)
    progress(4).on_epoch_end(0, {})
    monkeypatch.undo()
    assert "4/4 ==================== 0s" in plain(raw.getvalue().decode("ascii"))


def test_bar_is_cut_to_the_screen(terminal, clock, monkeypatch):
    monkeypatch.setattr("pynn.utils._progbar._columns", lambda: 50)
    hooks = progress(4)
    clock[0] += 1.0
    hooks.progress(1, {"a_metric_with_a_long_name": 0.5})
    assert len(plain(terminal.getvalue())) == 49


@pytest.mark.parametrize("wrong", [3, -1, "loud", None, 1.0, [1]])
def test_bad_verbose(wrong):
    model = small_model()
    before = model.get_weights()[0].tobytes()
    for call in (model.fit, model.evaluate):
        with pytest.raises(ValueError, match="verbose: expected 'auto', 0, 1 or 2"):
            call(X, Y, verbose=wrong)
    assert model.get_weights()[0].tobytes() == before


def test_no_standard_output(monkeypatch):
    monkeypatch.setattr("sys.stdout", None)  # as in pythonw, or a detached service
    model = small_model()
    model.fit(X, Y, epochs=2, verbose=1)
    model.fit(X, Y, verbose=2)
    model.evaluate(X, Y, verbose=1)
    assert len(model.predict(X, verbose=1)) == len(X)


def test_progbar_takes_means(terminal, clock):
    bar = utils.Progbar(8, width=4, stateful_metrics=["rate"], unit_name="file")
    clock[0] += 1.0
    bar.update(2, [("loss", 1.0), ("rate", 5.0)])
    clock[0] += 1.0
    bar.add(2, [("loss", 2.0), ("rate", 6.0)])
    shown = [plain(part) for part in terminal.getvalue().split("\r")]
    assert shown == [
        "2/8 ━━━━ 3s 500ms/file - loss: 1.0000 - rate: 5.0000",
        "4/8 ━━━━ 2s 500ms/file - loss: 1.5000 - rate: 6.0000",
    ]
    bar.update(8, [("loss", 4.0)])  # the end: what is given then stands
    last = plain(terminal.getvalue().split("\r")[-1])
    assert last == "8/8 ━━━━ 2s 250ms/file - loss: 4.0000 - rate: 6.0000\n"


def test_progbar_of_unknown_length(terminal, clock):
    bar = utils.Progbar(None, stateless_metrics=["loss"])
    for step in (1, 2):
        clock[0] += 1.0
        bar.update(step, [("loss", float(step)), ("seen", step)])
    last = plain(terminal.getvalue().split("\r")[-1])
    assert last.startswith("2/Unknown ━")
    assert last.endswith(" 0s 1s/step - loss: 1.5000 - seen: 2.0000")
    bar.update(2, finalize=True)
    assert terminal.getvalue().endswith("\n")


def test_progbar_into_a_file(capsys, clock):
    for verbose in (0, 1, 2):
        bar = utils.Progbar(2, verbose=verbose)
        bar.update(1, [("loss", 1.0)])
        bar.update(2, [("loss", [2.0, 4.0])])
    assert capsys.readouterr().out == "2/2 - 0s - 0s/step - loss: 3.0000\n" * 2


def test_what_progbar_refuses():
    with pytest.raises(ValueError, match="either stateful_metrics or stateless"):
        utils.Progbar(2, stateful_metrics=[], stateless_metrics=[])
    with pytest.raises(ValueError, match="target: expected an integer >= 0, got -1"):
        utils.Progbar(-1)
