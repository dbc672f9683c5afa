"""On a terminal of 60 columns no line is too wide and no word is broken."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from cnnfx.cli.evaluate import _matrix
from cnnfx.cli.summary import layer_table, table
from cnnfx.formats import load_network, preset_names
from cnnfx.nn.summary import summarize
from cnnfx.training.evaluate import Evaluation
from tests.cli.commands import SAMPLES, SEVEN, on_a_terminal
from tests.render.text_pictures import columns

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")

STILL_LIFE = SAMPLES / "still-life.png"
MESSAGES = [
    ["apply"],
    ["aply"],
    ["apply", "nofile.png", "-f", "edges"],
    ["apply", SEVEN, "-f", "edgs"],
    ["apply", SEVEN, "-f", "edges", "--stride", "x"],
    ["apply", SEVEN, "-f", "edges", "--border", "round"],
    ["apply", SEVEN, "-k", "1 2; 3"],
    ["apply", SEVEN, "-f", "edges", "-o", "a.xyz"],
    ["apply", SEVEN, "-f", "edges", "--layer", "3"],
    ["explain", SEVEN, "-f", "edges", "--at", "99,99"],
    ["predict", SEVEN, "--model", "nosuch.npz"],
]
TABLES = [
    ["list-filters"],
    ["show-filters", "colors"],
    ["show-filters", "corners", "--layer", "2"],
    ["summary", "squares"],
    ["explain", STILL_LIFE, "-f", "sobel", "--at", "40,60"],
    ["explain", STILL_LIFE, "-f", "corners", "--at", "40,60", "--depth", "2"],
    ["apply", STILL_LIFE, "-f", "sobel", "-o", "a.png"],
    ["apply", STILL_LIFE, "-f", "squares", "-o", "a.png", "--layer", "all"],
]


def too_wide(text, width=60):
    """Return the lines that are too wide, unless they are one word, such as a path."""
    return [line for line in text.splitlines() if columns(line) > width and len(line.split()) > 1]


@pytest.mark.parametrize("args", MESSAGES, ids=lambda args: " ".join(map(str, args[:1] + args[2:])))
def test_messages_are_wrapped_between_words(args):
    (code, narrow), (_, wide) = (on_a_terminal(*args, COLUMNS=width) for width in ("60", "1000"))
    assert code
    assert narrow.split() == wide.split()
    assert not too_wide(narrow)


@pytest.mark.parametrize("variables", [{"COLORTERM": "truecolor"}, {"NO_COLOR": "1"}], ids=["color", "no color"])
@pytest.mark.parametrize("args", TABLES, ids=lambda args: " ".join(map(str, args[:1] + args[-2:])))
def test_tables_and_pictures_fit(args, variables):
    code, text = on_a_terminal(*args, COLUMNS="60", **variables)
    assert code == 0
    assert not too_wide(text)


def test_results_of_a_model_fit(model):
    for command in ("evaluate", "summary", "show-filters"):
        code, text = on_a_terminal(command, model, COLUMNS="60")
        assert code == 0
        assert not too_wide(text.replace("\r", "\n"))


def test_training_fits():
    code, text = on_a_terminal(
        "train", "--data", "drawn:600", "--widths", "4,8", "--epochs", "1", "-o", "m.npz", COLUMNS="60"
    )
    assert code == 0
    assert not too_wide(text.replace("\r", "\n"))
    assert "…" not in text


@pytest.mark.parametrize("name", sorted(preset_names()))
@pytest.mark.parametrize("width", [40, 60, 80, 100])
def test_the_steps_of_a_network_fit(name, width):
    network = load_network(name)
    steps = summarize(network, (network.in_channels or len(network.reads_names - {"*"}) or 1, 100, 100))
    assert not too_wide(table(steps, width), width)
    assert not too_wide(layer_table(network, steps, width), width)


def test_the_steps_of_a_network_are_a_list_where_columns_do_not_fit():
    steps = summarize(load_network("squares"), (1, 28, 28))
    assert table(steps, 60).startswith(
        "4 filters of 3×3, padding same: 4 maps of 28×28, 40\n  parameters\n  4 × 1 × 3 × 3 + 4 = 40\nReLU: 4 maps"
    )
    assert table(steps, 200) == table(steps, None)
    assert table(steps, None).startswith("layer  ")


def test_the_columns_of_a_confusion_matrix_that_do_not_fit_follow_below():
    classes = ["cat", "dog", "mouse"]
    labels = np.array([0, 0, 1, 2])
    probabilities = np.eye(3)[[0, 1, 1, 2]]
    result = Evaluation(tuple(classes), labels, probabilities)
    assert (
        _matrix(result, None)
        == _matrix(result, 26)
        == ("       cat  dog  mouse\ncat      1    1      ·\ndog      ·    1      ·\nmouse    ·    ·      1")
    )
    assert _matrix(result, 19) == (
        "       cat  dog\ncat      1    1\ndog      ·    1\nmouse    ·    ·\n\n"
        "       mouse\ncat        ·\ndog        ·\nmouse      1"
    )
