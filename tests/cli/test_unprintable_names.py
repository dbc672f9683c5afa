"""File names and names in files never change the terminal, nor forge a line of output."""

import json
import shutil

import numpy as np
import pytest

from cnnfx import Image, Layer, Network
from tests.cli.commands import SEVEN, done, refused, run

NAMES = {
    "a\x1b[2Jb.png": r"a\x1b[2Jb.png",
    "c\nd: 9 (99 %).png": r"c\nd: 9 (99 %).png",
    "u\x9f.png": r"u\x9f.png",
    "bidi\u202egnp.png": r"bidi\u202egnp.png",
}


@pytest.mark.parametrize(("name", "shown"), NAMES.items(), ids=NAMES.values())
def test_predict_prints_one_line_for_a_file(name, shown, model):
    shutil.copy(SEVEN, name)
    assert done("predict", name, "--model", model).stdout.startswith(f"{shown}: 7 (")
    described = done("predict", name, "--model", model, "--json").stdout
    assert described.count("\n") == 1
    assert described.isascii()
    assert json.loads(described)["image"] == name


@pytest.mark.parametrize(("name", "shown"), NAMES.items(), ids=NAMES.values())
def test_messages_escape_file_names(name, shown):
    assert refused("apply", name, "-f", "edges").startswith(f"cnnfx: {shown}: there is no such file.")
    shutil.copy(SEVEN, name)
    assert done("apply", name, "-f", "edges", "-o", "maps/").stderr.startswith(f"4 files, maps/{shown[:-4]}.top.png")


def test_errors_of_the_command_line_escape_what_was_given():
    assert refused("apply", SEVEN, "-f", "no\x1b[31m", code=2).startswith(
        'cnnfx: there is no preset called "no\\x1b[31m"'
    )
    assert "\\x1b" in refused("apply", SEVEN, "-f", "edges", "--padding", "\x1b[31m", code=2)


def test_names_in_a_filter_file_are_lines_of_text():
    with open("k.toml", "w") as file:
        file.write('"\\u001b[31m" = 1\n[[filter]]\nname = "x"\nweights = [[1]]\n')
    assert refused("apply", SEVEN, "-f", "k.toml").startswith(r'cnnfx: k.toml: unknown key "\x1b[31m".')


def test_names_in_an_array_file_are_escaped():
    np.savez("maps.npz", maps=np.zeros((2, 8, 8)), names=np.array(["a\x1b[31m", "b\nc"]))
    text = run("apply", "maps.npz", "-k", "1", "--channels", "each", "-o", "o.npz", "--json").stdout
    assert "\x1b" not in text


def test_names_of_networks_and_images_are_printable():
    layer = Layer(filter_names=("a\x1b[31m",), name="b\nc")
    assert layer.filter_names == (r"a\x1b[31m",)
    network = Network((layer,), name="x\x1b", classes=("\x9f",))
    assert (network.name, network.classes, network.layers[0].name) == (r"x\x1b", (r"\x9f",), r"b\nc")
    assert Image("x", np.zeros((1, 2, 2), np.uint8), ("\udce9",)).channel_names == (r"\udce9",)
