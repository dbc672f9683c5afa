"""`cnnfx list-filters`: the presets, shipped ones and the user's own."""

from __future__ import annotations

import json
import sys

import pytest

from cnnfx.formats import load_network, preset_names
from cnnfx.formats.presets import TEACHING_ORDER
from tests.cli.commands import done, on_a_terminal, run, shell

OWN = 'name = "mine"\ndescription = "My own."\n[[filter]]\nname = "one"\nweights = [[1]]\n'


def listed() -> list[dict[str, object]]:
    return [json.loads(line) for line in done("list-filters", "--json").stdout.splitlines()]


def test_every_preset_is_listed_with_its_description():
    text = done("list-filters").stdout
    for name in preset_names():
        assert f"{name}  {load_network(name).description}\n" in text


def test_the_shipped_presets_are_in_the_order_of_teaching():
    assert [one["name"] for one in listed()] == [
        "edges", "sobel", "scharr", "prewitt", "laplacian", "box", "gaussian", "sharpen", "emboss", "identity",
        "corners", "squares", "lines", "curves", "circles", "spots", "textures", "colors",
        "faces", "squeezenet",
    ]  # fmt: skip


def test_json_contains_source_file_layers_and_channels():
    sobel = listed()[1]
    assert sobel["source"] == load_network("sobel").source
    assert str(sobel["path"]).endswith("filters/sobel.toml")
    assert (sobel["layers"], sobel["channels"]) == (1, ["x", "y", "magnitude"])


def test_the_channels_of_a_preset_of_several_layers_are_listed_by_layer():
    text = done("list-filters").stdout
    assert (
        "layer 1: top, left, bottom, right\n"
        "layer 2: top to the right, top to the left, bottom to the right, bottom to the left, left downwards, "
        "left upwards, right downwards, right upwards\n"
        "layer 3: top-left, top-right, bottom-left, bottom-right\n"
    ) in text


def test_trained_networks_are_listed_with_the_names_of_their_layers_and_some_of_their_classes():
    text = done("list-filters").stdout
    assert (
        "layers: conv1, pool1, conv2, conv3, conv4, probability, face12, half, face24, quarter, face48, eighth, "
        "face96, faces\n"
        "channels: face of 12 pixels, face of 24 pixels, face of 48 pixels, face of 96 pixels\n"
    ) in text
    assert (
        "layers: conv1, pool1, fire2, fire3, pool3, fire4, fire5, pool5, fire6, fire7, fire8, fire9, conv10, classes\n"
        "classes: tench, goldfish, great white shark, tiger shark, hammerhead shark, electric ray, stingray, rooster, "
        "hen, ostrich, brambling, goldfinch and 988 more\n"
    ) in text


def test_json_of_trained_networks_has_the_names_of_all_layers_and_the_number_of_classes():
    faces, squeezenet = listed()[-2:]
    assert faces["layer_names"][6:9] == ["face12", "half", "half/conv1"]
    assert (faces["channels"][0], "classes" in faces) == ("face of 12 pixels", False)
    assert (squeezenet["layers"], squeezenet["layer_names"][3:6]) == (
        38, ["fire2/expand1x1", "fire2/expand3x3", "fire2"],
    )  # fmt: skip
    assert (squeezenet["classes"], "channels" in squeezenet) == (1000, False)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
def test_a_terminal_wraps_the_channels_of_a_preset_of_several_layers():
    code, text = on_a_terminal("list-filters", NO_COLOR="1")
    assert code == 0
    assert (
        "layer 2: top to the right, top to the left, bottom to the right,\n"
        "         bottom to the left, left downwards, left upwards, right downwards,\n"
        "         right upwards\n"
    ) in text
    deep = text[text.index("corners  ") :].splitlines()
    assert all(len(line) <= 80 for line in deep if line.startswith(("layer", " ")))


def test_json_contains_the_channels_of_the_last_layer():
    squares = next(one for one in listed() if one["name"] == "squares")
    assert (squares["layers"], squares["channels"]) == (4, ["side 13", "side 21", "side 29", "side 41"])


def test_kernels_are_drawn_in_a_terminal():
    code, shown = on_a_terminal("list-filters", COLORTERM="truecolor")
    assert code == 0
    assert "\x1b[1medges\x1b[0m  Four" in shown
    assert "48;2;255;255;255" in shown


def test_a_pipe_gets_no_escape_codes():
    assert b"\x1b" not in shell("cnnfx list-filters | cat").stdout


def test_an_encoding_that_lacks_characters_is_no_error():
    result = shell("PYTHONIOENCODING=ascii cnnfx list-filters")
    assert result.returncode == 0
    assert b"Four 3?3 edge detectors" in result.stdout


def test_json_escapes_what_an_encoding_lacks():
    result = shell("PYTHONIOENCODING=ascii cnnfx list-filters --json")
    assert [json.loads(line) for line in result.stdout.splitlines()] == listed()


def test_presets_in_the_folder_of_the_variable_are_found(tmp_path, monkeypatch):
    (tmp_path / "mine.toml").write_text(OWN)
    monkeypatch.setenv("CNNFX_FILTERS", str(tmp_path))
    assert listed()[-1]["name"] == "mine"


def test_presets_in_the_configuration_folder_are_found(tmp_path):
    folder = tmp_path / "config" / "cnnfx" / "filters"
    folder.mkdir(parents=True)
    (folder / "mine.toml").write_text(OWN)
    assert listed()[-1]["description"] == "My own."


def test_other_presets_are_listed_after_an_invalid_one(tmp_path, monkeypatch):
    (tmp_path / "bad.toml").write_text("[[filter]]\n")
    monkeypatch.setenv("CNNFX_FILTERS", str(tmp_path))
    result = run("list-filters", "--json")
    assert result.exit_code == 1
    assert len(result.stdout.splitlines()) == len(TEACHING_ORDER)
    assert result.stderr == (
        f"cnnfx: {tmp_path}/bad.toml: layer 1, filter 1: weights are missing. Write a matrix: weights = [[-1, 0, 1]].\n"
    )
