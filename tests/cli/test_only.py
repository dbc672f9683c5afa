"""`cnnfx apply --only`: the chosen channels in every kind of output."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from tests.cli.commands import SAMPLES, SEVEN, done, on_a_terminal, refused
from tests.cli.pictures import opened


def arrays(*options):
    """The arrays of a `.npz` that apply writes."""
    done("apply", SEVEN, *options, "-o", "maps.npz", "-q")
    with np.load("maps.npz") as file:
        return dict(file)


def test_arrays_hold_the_chosen_channels_in_their_order():
    found, every = arrays("-f", "sobel", "--only", "magnitude,1"), arrays("-f", "sobel")
    assert list(found["names"]) == ["magnitude", "x"]
    np.testing.assert_array_equal(found["maps"], every["maps"][[2, 0]])


def test_the_option_can_be_repeated():
    assert list(arrays("-f", "edges", "--only", "left", "--only", "top,left")["names"]) == ["left", "top"]


def test_a_picture_of_fewer_channels_is_smaller():
    done("apply", SEVEN, "-f", "edges", "-o", "all.png", "--columns", "4")
    done("apply", SEVEN, "-f", "edges", "--only", "2-3", "-o", "two.png", "--columns", "4")
    assert opened("two.png").width < opened("all.png").width


def test_a_folder_gets_a_file_for_each_chosen_channel():
    done("apply", SEVEN, "-f", "edges", "--only", "right,left", "-o", "maps/")
    assert sorted(path.name for path in Path("maps").iterdir()) == ["seven.left.png", "seven.right.png"]


def test_json_describes_the_chosen_channels():
    (found,) = map(json.loads, done("apply", SEVEN, "-f", "edges", "--only", "3,1", "--json").stdout.splitlines())
    assert [channel["name"] for channel in found["channels"]] == ["bottom", "top"]


def test_a_page_shows_the_chosen_channels_of_the_last_layer():
    done("apply", SEVEN, "-f", "edges", "--then", "sobel", "--only", "y", "-o", "page.html")
    found = re.search(r'id="data">(.*?)</script>', Path("page.html").read_text(encoding="utf-8"), re.DOTALL)
    assert found
    assert [layer["filters"] for layer in json.loads(found[1])["network"]["layers"]] == [
        ["top", "left", "bottom", "right"], ["y"],
    ]  # fmt: skip


def test_the_preview_shows_the_chosen_channels():
    shown = on_a_terminal("apply", SEVEN, "-f", "edges", "--only", "left", "-o", "left.png")[1]
    assert "left" in shown
    assert "bottom" not in shown


def test_the_list_holds_for_each_shown_layer():
    done("apply", SEVEN, "-f", "squares", "--layer", "all", "--only", "1", "-o", "maps.npz")
    with np.load("maps.npz") as file:
        assert [list(file[f"names{number}"]) for number in (1, 2)] == [["top"], ["top to the right"]]


def test_existing_outputs_are_those_of_the_chosen_channels():
    command = ("apply", SEVEN, "-f", "edges", "--only", "top", "-o", "maps/", "--skip-existing")
    done(*command)
    assert done(*command).stderr == f"{SEVEN}: its output exists already.\n"


def test_the_channels_with_the_strongest_response_come_first():
    every, found = arrays("-f", "edges"), arrays("-f", "edges", "--only", "top:3")
    largest = dict(zip(every["names"], every["maps"].max(axis=(1, 2)), strict=True))
    assert list(found["names"]) == sorted(largest, key=lambda name: -largest[name])[:3]
    assert list(arrays("-f", "edges", "--only", "top:1,top")["names"])[1:] == ["top"]


def test_existing_outputs_of_the_strongest_channels_are_found():
    command = ("apply", SEVEN, "-f", "edges", "--only", "top:2", "-o", "maps/", "--skip-existing")
    done(*command)
    assert len(list(Path("maps").iterdir())) == 2
    assert done(*command).stderr == f"{SEVEN}: its output exists already.\n"


def test_channels_of_each_color_are_chosen_by_their_full_names():
    still_life = SAMPLES / "still-life.png"
    done("apply", still_life, "-f", "sobel", "--channels", "each", "--only", "red x,4", "-o", "maps.npz")
    with np.load("maps.npz") as file:
        assert list(file["names"]) == ["red x", "green x"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--only", "top:2,tpo"), "layer 1 of edges: there is no channel 'tpo'. Did you mean top?"),
        (("--only", "tpo"), "layer 1 of edges: there is no channel 'tpo'. Did you mean top?"),
        (("--only", ""), "layer 1 of edges: '' is not a list of channels, such as 1,4,7-9 or top,left."),
        (("--then", "box", "--layer", "all", "--only", "2"),
         "layer 2 of edges-box: there is no channel 2. The only one is box."),
        (("--channels", "each", "--only", "zzz"),
         "layer 1 of edges: there is no channel 'zzz'. Its channels are gray top, gray left, gray bottom, gray right."),
    ],
)  # fmt: skip
def test_a_channel_that_does_not_exist_is_wrong_usage(options, message):
    assert refused("apply", SEVEN, "-f", "edges", *options, code=2) == f"cnnfx: {message}"
    assert list(Path().iterdir()) == []
