"""`cnnfx show-filters`: filters in the terminal, as values, as a picture and as JSON."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

import cnnfx
from tests.cli.commands import done, on_a_terminal, refused
from tests.cli.pictures import pixels
from tests.render.text_pictures import decoded

DEEP = """
name = "deep"
[[layer]]
[[layer.filter]]
name = "a"
weights = [[1, -1]]
[[layer.filter]]
name = "b"
weights = [[2]]
bias = 0.5
[[layer]]
combine = [{ name = "both", kind = "max", of = ["c", "d"] }]
[[layer.filter]]
name = "c"
weights = [[[1]], [[-1]]]
[[layer.filter]]
name = "d"
weights = [[[0]], [[3]]]
"""


@pytest.fixture
def deep(tmp_path):
    (tmp_path / "deep.toml").write_text(DEEP)
    return "deep.toml"


def levels(*args):
    done("show-filters", *args, "-o", "a.png")
    with PIL.Image.open("a.png") as picture:
        return np.asarray(picture)


def test_filters_are_drawn_as_text_without_a_terminal():
    text = done("show-filters", "-k", "-1 0 1").stdout
    assert text.splitlines()[:2] == ["kernel: 1 filter of 3×1", "kernel"]
    assert "\x1b" not in text


def test_filters_are_drawn_in_colors_in_a_terminal():
    code, shown = on_a_terminal("show-filters", "edges", COLORTERM="truecolor")
    assert code == 0
    assert shown.startswith("edges: 4 filters of 3×3\ntop ")
    assert "48;2;0;0;0" in shown
    assert "48;2;255;255;255" in shown


def test_no_color_is_respected():
    assert "\x1b" not in on_a_terminal("show-filters", "edges", NO_COLOR="1")[1]


def test_values_are_printed_as_a_matrix():
    assert done("show-filters", "-k", "-1 0 1; -2 0.5 2; -1 0 1", "--values").stdout == (
        "kernel: 1 filter of 3×3\nkernel:\n   -1   0   1\n   -2 0.5   2\n   -1   0   1\n"
    )


def test_values_of_a_deeper_network_name_layers_channels_biases_and_combinations(deep):
    assert done("show-filters", deep, "--values").stdout == (
        "layer 1: 2 filters of 2×1\na:\n   1 -1\nb:\n  2 0\n  bias 0.5\n\n"
        "layer 2: 2 filters of 1×1\nc on a:\n  1\nc on b:\n  -1\nd on a:\n  0\nd on b:\n  3\nboth: max of c, d\n"
    )


def test_layer_selects_one_layer(deep):
    shown = done("show-filters", deep, "--layer", "2").stdout
    assert shown == (
        "layer 2: 2 filters of 1×1, one row each; one column for each of 2 input channels\n\n"
        "  a   b\nc  1  -1\n\nd      3\n"
    )


@pytest.fixture
def wide(tmp_path):
    """A second layer of 10 filters of 5×5 on 12 channels."""
    below = "".join(f'[[layer.filter]]\nname = "in{k}"\nweights = [[1]]\n' for k in range(12))
    zeros = str([[[0] * 5] * 5] * 12)
    above = "".join(f'[[layer.filter]]\nname = "out{k}"\nweights = {zeros}\n' for k in range(1, 11))
    (tmp_path / "wide.toml").write_text(f"[[layer]]\n{below}[[layer]]\n{above}")
    return "wide.toml"


def test_the_first_of_many_filters_with_several_channels_are_a_table(wide):
    lines = done("show-filters", wide, "--layer", "2").stdout.splitlines()
    assert lines[:3] == [
        "layer 2: 10 filters of 5×5, one row each; one column for each of 12 input channels",
        "filters 1 to 8 of 10; --only 9-10 shows others, --only all shows all",
        "",
    ]
    assert lines[3].split() == ["in0", "in1", "in2", "in3", "in4", "in5", "in6"]
    assert [line.split()[0] for line in lines if line.startswith("out")] == [f"out{k}" for k in range(1, 9)] * 2


def test_only_selects_filters(wide):
    def names(*only):
        lines = done("show-filters", wide, "--layer", "2", "--only", *only).stdout.splitlines()
        return [line.split()[0] for line in lines if line.startswith("out")]

    assert names("9-10,2") == ["out9", "out10", "out2"] * 2
    assert names("all") == [f"out{k}" for k in range(1, 11)] * 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("d", "layer 1 of deep: there is no filter 'd'. Its filters are a, b. Choose a layer that has it: --layer 2."),
        ("b", "layer 2 of deep: there is no filter 'b'. Its filters are c, d. Choose a layer that has it: --layer 1."),
        ("x", "layer 1 of deep: there is no filter 'x'. Its filters are a, b."),
    ],
)
def test_filters_that_only_one_layer_has_are_found_with_the_option_that_the_message_names(deep, text, message):
    assert refused("show-filters", deep, "--only", text, code=2) == f"cnnfx: {message}"


def test_only_applies_to_values_json_and_pictures(deep):
    assert done("show-filters", deep, "--layer", "2", "--only", "2", "--values").stdout == (
        "layer 2: 2 filters of 1×1\nd on a:\n  0\nd on b:\n  3\n"
    )
    printed = json.loads(done("show-filters", deep, "--layer", "2", "--only", "2", "--json").stdout)
    assert [one["name"] for one in printed["filters"]] == ["d"]
    assert [channel["name"] for channel in printed["channels"]] == ["d"]
    assert levels(deep, "--layer", "2", "--only", "1").shape[0] < levels(deep, "--layer", "2").shape[0]


def test_filters_are_selected_by_name_in_the_given_order():
    printed = json.loads(done("show-filters", "edges", "--only", "right,top", "--json").stdout)
    assert [one["name"] for one in printed["filters"]] == ["right", "top"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0", "layer 1 of edges: there is no filter 0. They are counted from 1 to 4."),
        ("1-999999", "layer 1 of edges: there is no filter 999999. They are counted from 1 to 4."),
        ("tpo", "layer 1 of edges: there is no filter 'tpo'. Did you mean top?"),
        ("", "layer 1 of edges: '' is not a list of filters, such as 1,4,7-9 or top,left."),
    ],
)
def test_a_filter_that_does_not_exist_is_refused(text, message):
    assert refused("show-filters", "edges", "--only", text, code=2) == f"cnnfx: {message}"


def test_many_filters_are_drawn_smaller(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "3")

    def drawn(count):
        lines = done("show-filters", *["-k", "0 1"] * count).stdout.splitlines()
        return decoded("\n".join(lines[2:5]))[1, :10, 0].tolist()

    assert drawn(8) == [95, 128, 128, 128, 128, 255, 255, 255, 255, 95]
    assert drawn(9) == [95, 128, 128, 255, 255, 95, -1, -1, -1, 95]


def test_a_layer_that_does_not_exist_is_refused(deep):
    assert refused("show-filters", deep, "--layer", "3", code=2) == "cnnfx: There is no layer 3: deep has 2 layers."


def test_a_picture_shows_black_gray_and_white():
    assert {0, 128, 255} <= set(np.unique(levels("-k", "-1 0 1")).tolist())


def test_the_scope_of_all_makes_filters_comparable():
    own, common = levels("-k", "1", "-k", "1/2"), levels("-k", "1", "-k", "1/2", "--scope", "all")
    assert (own == 191).sum() < 100 < (common == 191).sum()


def test_the_scope_of_all_applies_in_the_terminal():
    options = ["show-filters", "-k", "1", "-k", "0"]
    one, other = on_a_terminal(*options), on_a_terminal(*options, "--scope", "all")
    assert one == other
    options = ["show-filters", "-k", "1", "-k", "1/2"]
    assert on_a_terminal(*options) != on_a_terminal(*options, "--scope", "all")


def test_values_are_written_into_the_picture():
    assert not np.array_equal(levels("-k", "1 2"), levels("-k", "1 2", "--values"))


def test_several_layers_are_drawn_in_one_picture(deep):
    first, second, both = levels(deep, "--layer", "1"), levels(deep, "--layer", "2"), levels(deep)
    assert both.shape[0] == first.shape[0] + second.shape[0]


def test_three_input_channels_are_also_drawn_in_color(tmp_path):
    (tmp_path / "rgb.toml").write_text("[[filter]]\nweights = [[[1]], [[-1]], [[0]]]\n")
    assert levels("rgb.toml").shape[2:] == (3,)


def test_a_picture_can_go_to_standard_output():
    with PIL.Image.open(io.BytesIO(done("show-filters", "edges", "-o", "-").stdout_bytes)) as picture:
        assert picture.format == "PNG"


def test_a_picture_can_have_another_format():
    done("show-filters", "edges", "-o", "a.dat", "--format", "bmp")
    with PIL.Image.open("a.dat") as picture:
        assert picture.format == "BMP"


def test_json_has_an_object_for_each_layer(deep):
    first, second = map(json.loads, done("show-filters", deep, "--json").stdout.splitlines())
    assert first == {
        "network": "deep",
        "layer": 1,
        "inputs": ["every channel"],
        "filters": [
            {"name": "a", "weights": [[[1, -1]]], "bias": 0},
            {"name": "b", "weights": [[[2, 0]]], "bias": 0.5},
        ],
        "channels": [{"name": "a", "kind": "take", "of": ["a"]}, {"name": "b", "kind": "take", "of": ["b"]}],
    }
    assert second["inputs"] == ["a", "b"]
    assert second["channels"][-1] == {"name": "both", "kind": "max", "of": ["c", "d"]}


def test_json_contains_the_weights_of_the_library():
    (shown,) = map(json.loads, done("show-filters", "sobel", "--json").stdout.splitlines())
    weights = cnnfx.load_network("sobel").layers[0].conv.weights
    np.testing.assert_array_equal([one["weights"] for one in shown["filters"]], weights)


def test_json_and_a_picture_go_to_different_places():
    done("show-filters", "edges", "--json", "-o", "a.png")
    assert Path("a.png").exists()


def test_json_and_a_picture_do_not_both_go_to_standard_output():
    assert refused("show-filters", "edges", "--json", "-o", "-", code=2) == (
        "cnnfx: --json and the picture cannot both go to standard output. Give -o FILE."
    )


def test_nothing_to_show_is_refused():
    assert refused("show-filters", code=2) == (
        "cnnfx: Name the filters, such as edges; cnnfx list-filters shows the presets."
    )


def test_an_array_as_output_is_refused():
    assert refused("show-filters", "edges", "-o", "a.npz", code=2) == (
        "cnnfx: a.npz is not a picture file. Filters are written to one picture: give -o filters.png."
    )


def test_a_folder_as_output_is_refused():
    assert refused("show-filters", "edges", "-o", "out/", code=2) == (
        "cnnfx: out/ is a folder. Filters are written to one picture: give -o filters.png."
    )


def test_an_unknown_preset_is_refused():
    assert refused("show-filters", "sobbel", code=2) == (
        'cnnfx: there is no preset called "sobbel". Did you mean "sobel"? cnnfx list-filters shows them all.'
    )


def test_before_and_after_are_compared_in_pairs(model):
    pairs = levels(model, "--layer", "1", "--compare")
    one = levels(model, "--layer", "1", "--only", "1", "--compare")
    assert pairs.ndim == 2
    assert one.size < pairs.size
    assert not np.array_equal(pairs, levels(model, "--layer", "1", "--compare", "--scope", "all"))


def test_pairs_are_drawn_as_text_with_the_strongest_first(model):
    lines = done("show-filters", model, "--layer", "1", "--compare").stdout.splitlines()
    title, first, second = lines[0], lines.index("before:"), lines.index("after:")
    assert title == "layer 1: 6 filters of 5×5, before and after training, strongest first"
    weights = cnnfx.load_network(model).layers[0].conv.weights
    strongest = np.argsort(-np.square(weights).sum(axis=(1, 2, 3)))
    assert lines[first + 1].split()[0] == lines[second + 1].split()[0] == str(strongest[0] + 1)


@pytest.mark.parametrize(("layer", "size"), [("1", 5), ("2", 3)])
def test_filters_before_and_after_are_drawn_as_signs_without_colors(model, layer, size):
    text = done("show-filters", model, "--layer", layer, "--compare", "--only", "1").stdout
    before, after = text.split("before:\n")[1].split("\n\nafter:\n")
    for half in (before, after):
        _, *rows = half.splitlines()
        assert len(rows) == size
        assert all(set(row[1:]) <= set("+−· ") for row in rows)


def test_pairs_are_drawn_side_by_side_in_colors(model):
    code, shown = on_a_terminal("show-filters", model, "--layer", "1", "--compare", COLORTERM="truecolor")
    assert code == 0
    assert "before:" not in shown
    assert "48;2;" in shown


def test_a_preset_cannot_be_compared():
    assert refused("show-filters", "edges", "--compare", code=2) == (
        "cnnfx: edges has not been trained: --compare is for models written by cnnfx train."
    )


@pytest.mark.parametrize("other", ["--before", "--values", "--json"])
def test_pairs_are_pictures_only(model, other):
    assert refused("show-filters", model, "--compare", other, code=2) == (
        f"cnnfx: --compare draws pairs of pictures, so {other} cannot be given with it."
    )


def test_a_written_picture_is_named_with_its_size():
    text = done("show-filters", "edges", "-o", "edges.png").stderr
    assert text == f"edges.png: 4 filters, {pixels('edges.png')} pixels\n"
    assert done("show-filters", "edges", "-o", "edges.png", "-q").stderr == ""
    assert done("show-filters", "edges", "-o", "-").stderr == ""


GROUPED = """
name = "grouped"

[[layer]]
name = "colors"
groups = 3
weights = [[[[1]]], [[[2]]], [[[4]]]]

[[layer]]
name = "sides"
from = ["colors", "input"]
groups = 2
weights = [[[[1]], [[2]], [[3]]], [[[4]], [[5]], [[6]]]]
"""


def test_filters_in_groups_name_the_channels_of_their_group(tmp_path):
    path = tmp_path / "grouped.toml"
    path.write_text(GROUPED)
    values = done("show-filters", path, "--values").stdout.splitlines()
    assert [line for line in values if " on " in line] == [
        "1 on red:", "2 on green:", "3 on blue:", *(f"{1 + n // 3} on {n}:" for n in range(6)),
    ]  # fmt: skip
    colors = json.loads(done("show-filters", path, "--json").stdout.splitlines()[0])
    assert [each["inputs"] for each in colors["filters"]] == [["red"], ["green"], ["blue"]]
    chosen = json.loads(done("show-filters", path, "--layer", "colors", "--only", "3", "--json").stdout)
    assert chosen["filters"] == [{"name": "3", "inputs": ["blue"], "weights": [[[4.0]]], "bias": 0.0}]
