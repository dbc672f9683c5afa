"""`cnnfx explain`: the arithmetic of one output pixel, with the value that `cnnfx apply` writes."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.cli.commands import SAMPLES, SEVEN, done, on_a_terminal, refused, shell

SCENE = SAMPLES / "still-life.png"


def applied(*args):
    """The maps that apply writes."""
    done("apply", *args, "-o", "maps.npy", "-q")
    return np.load("maps.npy")


def explained(*args, **options):
    return [json.loads(line) for line in done("explain", *args, "--json", **options).stdout.splitlines()]


SPECS = {
    "edges": ("-f", "edges"),
    "pooled": ("-f", "edges", "--pool", "max:2", "--activation", "relu"),
    "mean pooled": ("-f", "edges", "--pool", "mean:3", "--activation", "abs"),
    "combined": ("-f", "sobel", "--stride", "2,1"),
    "two layers": ("-f", "edges", "--then", "box", "--dilation", "2", "--padding", "3", "--border", "reflect"),
    "typed, flipped": ("-k", "1 2; 3 4", "-k", "0 1 0; 1 -4 1; 0 1 0", "--flip"),
    "each": ("-f", "sobel", "--channels", "each", "--padding", "same"),
    "colors summed": ("-f", "edges", "--channels", "rgb", "--padding", "same", "--border", "wrap"),
}


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize(("x", "y"), [(0, 0), (100, 60)])
def test_the_value_equals_that_of_apply(spec, x, y):
    maps = applied(SCENE, *SPECS[spec])
    found = explained(SCENE, *SPECS[spec], "--at", f"{x},{y}")
    np.testing.assert_allclose([one["value"] for one in found], maps[:, y, x], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("layer", ["1", "2"])
def test_the_value_of_a_model_equals_that_of_apply(model, layer):
    maps = applied(SEVEN, "-f", model, "--layer", layer)
    found = explained(SEVEN, "-f", model, "--layer", layer, "--at", "2,1")
    np.testing.assert_allclose([one["value"] for one in found], maps[:, 1, 2], rtol=1e-4, atol=1e-4)


def test_the_text_shows_patch_weights_products_and_sum():
    assert done("explain", SEVEN, "-f", "edges", "--only", "bottom", "--at", "13,9").stdout.splitlines() == [
        f"{SEVEN} (28×28) through edges: position 13,9 of 26×26",
        "Its receptive field is columns 13 to 15 and rows 9 to 11 of the image.",
        "",
        "bottom at 13,9 = 2.216",
        "        patch           weights            products",
        "  1.000 1.000 1.000      0  0  0      0.000  0.000  0.000",
        "  1.000 1.000 0.906  ×   1  1  1  =   1.000  1.000  0.906",
        "  0.306 0.239 0.145     -1 -1 -1     -0.306 -0.239 -0.145",
        "",
        "    sum of products  2.216",
        "  + bias             0.000",
        "  = bottom           2.216",
    ]


def test_json_contains_every_number():
    (one,) = explained(SEVEN, "-f", "edges", "--only", "top", "--padding", "1", "--at", "0,0")
    (point,) = one["points"]
    (total,) = point["sums"]
    (term,) = total["inputs"]
    assert term["weights"] == [[-1, -1, -1], [1, 1, 1], [0, 0, 0]]
    assert term["padding"] == [[True, True, True], [True, False, False], [True, False, False]]
    assert np.sum(term["products"]) == term["sum"] == total["sum"] == total["value"] == point["value"] == one["value"]
    assert (point["columns"], point["rows"]) == ([-1, 0, 1], [-1, 0, 1])
    assert one["receptive_field"] == {"left": -1, "top": -1, "right": 2, "bottom": 2}
    assert (one["map"], one["size"], one["at"]) == ([28, 28], [28, 28], [0, 0])
    assert "contributions" not in one


def test_json_contains_as_many_layers_as_the_depth():
    (one,) = explained(SEVEN, "-f", "edges", "--then", "box", "--at", "10,7", "--depth", "2")
    adds = [below["adds"][0] for below in one["contributions"]]
    assert len(adds) == 3
    assert sum(adds) + one["others"]["add"][0] == pytest.approx(one["points"][0]["sums"][0]["sum"])
    assert [below["output"]["layer"] for below in one["contributions"]] == [1, 1, 1]


def test_nan_is_shown_in_text_and_null_in_json():
    np.save("nan.npy", np.array([[1, np.nan], [np.inf, 2]], np.float32))
    printed = done("explain", "nan.npy", "-k", "1 1; 1 1", "--at", "0,0")
    assert printed.stdout.splitlines()[3] == "kernel at 0,0 = nan"
    assert printed.stderr == ""
    (one,) = explained("nan.npy", "-k", "1 1; 1 1", "--at", "0,0")
    assert one["value"] is None
    assert one["points"][0]["sums"][0]["inputs"][0]["patch"] == [[1, None], [None, 2]]


def test_standard_input_is_read():
    printed = done("explain", "-", "-f", "edges", "--at", "3,4", stdin=SEVEN.read_bytes()).stdout
    assert printed.startswith("standard input (28×28) through edges: position 3,4 of 26×26\n")


def test_filters_are_explained_once_and_in_the_given_order():
    options = ("--only", "right", "--only", "top", "--only", "right")
    assert [one["filter"] for one in explained(SEVEN, "-f", "edges", *options, "--at", "1,1")] == ["right", "top"]


def test_of_many_channels_those_with_the_largest_outputs_are_explained(model):
    result = done("explain", SEVEN, "-f", model, "--at", "1,1")
    titles = [line for line in result.stdout.splitlines() if line.startswith("channel ")]
    outputs = {one["filter"]: one["value"] for one in explained(SEVEN, "-f", model, "--at", "1,1")}
    assert len(outputs) == 12
    shown = [title.split()[1] for title in titles]
    assert set(shown) == set(sorted(outputs, key=lambda name: -abs(outputs[name]))[:4])
    assert result.stderr == (
        "Of the 12 output channels, those with the 4 largest outputs here are explained. "
        "Choose others with --only, or print all with --json.\n"
    )
    assert done("explain", SEVEN, "-f", model, "--at", "1,1", "-q").stderr == ""


def test_a_terminal_with_colors_shows_a_picture_of_the_patch():
    command = ("explain", SEVEN, "-f", "edges", "--only", "top", "--at", "13,9")
    status, shown = on_a_terminal(*command, COLORTERM="truecolor")
    assert status == 0
    assert "\x1b[1mtop at 13,9 = " in shown
    assert "\x1b[48;2;" in shown
    assert on_a_terminal(*command, NO_COLOR="1", COLUMNS="400")[1] == done(*command).stdout


def test_a_terminal_shows_the_patch_in_the_chosen_colors():
    command = ("explain", SEVEN, "-f", "edges", "--only", "top", "--at", "13,9")
    shown = on_a_terminal(*command, "--colormap", "viridis", COLORTERM="truecolor")[1]
    assert "\x1b[48;2;253;231;37m" in shown  # the yellow that viridis ends with: the digit is white there


def test_a_reader_that_closes_the_pipe_is_no_error():
    shown = shell(f"cnnfx explain '{SCENE}' -f sobel --channels each --at 3,3 | head -1")
    assert (shown.returncode, shown.stderr) == (0, b"")


# --- bad input


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("-f", "edges", "--at", "26,3"),
         "There is no position 26,3: the output of layer 1 is 26×26, so x is 0 to 25 and y 0 to 25."),
        (("-f", "edges", "--pool", "max:2", "--at", "3,13"),
         "There is no position 3,13: the output of layer 1 is 13×13, so x is 0 to 12 and y 0 to 12."),
        (("-f", "edges", "--at", "1,1", "--layer", "2"), "There is no layer 2: edges has 1 layer."),
        (("-f", "edges", "--at", "1,1", "--only", "botom"),
         "layer 1 of edges: there is no channel 'botom'. Did you mean bottom?"),
        (("-f", "edges", "--at", "1,1", "--only", "zzz"),
         "layer 1 of edges: there is no channel 'zzz'. Its channels are top, left, bottom, right."),
        (("-f", "edges", "--at", "1,1", "--depth", "2"),
         "The depth of an explanation of layer 1 must be 1, not 2."),
        (("-f", "edges", "--then", "box", "--at", "1,1", "--depth", "3"),
         "The depth of an explanation of layer 2 must be 1 to 2, not 3."),
        (("other.png", "-f", "edges", "--at", "1,1"),
         f"Only one image can be explained, 2 are given: {SEVEN}, other.png."),
        (("--at", "1,1"), "Name the filters, such as -f edges; cnnfx list-filters shows the presets."),
    ],
)  # fmt: skip
def test_an_impossible_command_is_wrong_usage(options, message):
    assert refused("explain", SEVEN, *options, code=2) == f"cnnfx: {message}"


@pytest.mark.parametrize("text", ["3", "1,2,3", "a,b", "-1,2", "1.5,2", ""])
def test_an_invalid_position(text):
    assert refused("explain", SEVEN, "-f", "edges", f"--at={text}", code=2) == (
        f"cnnfx: Invalid value for '--at': {text!r} is not X,Y: two whole numbers of 0 or more, such as 12,5.\n"
        "Try 'cnnfx explain --help' for help."
    )


def test_by_default_the_strongest_position_of_the_first_channel_is_explained():
    result = done("explain", SEVEN, "-f", "edges")
    assert result.stderr == "10,8 is the strongest position of top. Choose another with --at X,Y.\n"
    assert result.stdout == done("explain", SEVEN, "-f", "edges", "--at", "10,8").stdout
    assert applied(SEVEN, "-f", "edges")[0].argmax() == 8 * 26 + 10
    assert done("explain", SEVEN, "-f", "edges", "-q").stderr == ""


def test_by_default_the_strongest_position_of_the_first_chosen_channel_is_explained():
    found = explained(SEVEN, "-f", "edges", "--only", "bottom,left", "--pool", "max:2")
    assert [(one["filter"], one["at"]) for one in found] == [("bottom", [3, 4]), ("left", [3, 4])]


def test_a_map_without_a_finite_value_has_no_strongest_position():
    np.save("nan.npy", np.full((5, 5), np.nan, np.float32))
    assert refused("explain", "nan.npy", "-f", "edges", code=1) == (
        "cnnfx: nan.npy: no value of top is finite, so it has no strongest position. Give one with --at X,Y."
    )


def test_a_depth_of_0():
    assert refused("explain", SEVEN, "-f", "edges", "--at", "1,1", "--depth", "0", code=2).startswith(
        "cnnfx: Invalid value for '--depth': '0' is not a whole number of 1 or more.\n"
    )


def test_an_image_that_is_too_small():
    np.save("small.npy", np.ones((2, 2), np.float32))
    assert refused("explain", "small.npy", "-f", "edges", "--at", "0,0") == (
        "cnnfx: small.npy: layer 1 of edges: kernel of 3×3 is larger than the image of 2×2; "
        'use a smaller kernel, a larger image or padding="same". The smallest image that edges takes is 3×3.'
    )


def test_a_folder_and_a_missing_file():
    assert refused("explain", ".", "-f", "edges", "--at", "0,0").startswith("cnnfx: .: it is a folder, not an image.")
    assert refused("explain", "no.png", "-f", "edges", "--at", "0,0") == "cnnfx: no.png: there is no such file."


def test_settings_apply_to_the_explained_layer():
    spec = ("-f", "edges", "--then", "box", "--layer", "1", "--activation", "relu", "--pool", "max:2")
    maps = applied(SEVEN, *spec)
    found = explained(SEVEN, *spec, "--at", "5,4")
    np.testing.assert_allclose([one["value"] for one in found], maps[:, 4, 5], rtol=1e-5)
    assert maps.min() == 0
