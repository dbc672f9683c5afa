"""`cnnfx apply`: filters, channels, images, JSON and messages."""

from __future__ import annotations

import json
import shutil

import numpy as np
import PIL.Image
import pytest

import cnnfx
from tests.cli.commands import SAMPLES, SEVEN, done, on_a_terminal, refused, run

STRIDED = 'stride = 2\nactivation = "relu"\n[[filter]]\nname = "pair"\nweights = [[1, -1]]\n'


def maps(*args, stdin=None):
    """The feature maps that a command writes, and their names."""
    done("apply", *args, "-o", "maps.npz", "--quiet", stdin=stdin)
    with np.load("maps.npz") as file:
        return file["maps"], list(file["names"])


def assert_same_up_to_rounding(found, expected):
    """Compare maps of values up to 4 whose layers have different shapes: BLAS rounds their products differently."""
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def seven():
    return cnnfx.load_image(SEVEN).floats()


def described(*args):
    return [json.loads(line) for line in done("apply", *args, "--json").stdout.splitlines()]


# --- filters


def test_apply_writes_a_grid_named_by_image_and_filters():
    result = done("apply", SEVEN, "--filters", "edges")
    assert result.stderr == "seven.edges.png: 4 channels of 26×26\n"
    assert result.stdout == ""
    with PIL.Image.open("seven.edges.png") as picture:
        assert picture.format == "PNG"
        assert picture.mode == "L"


def test_the_maps_are_those_of_the_library():
    found, names = maps(SEVEN, "-f", "edges")
    np.testing.assert_array_equal(found, cnnfx.load_network("edges").feature_maps(seven())[-1])
    assert names == ["top", "left", "bottom", "right"]


def test_several_filter_files_become_one_layer():
    found, names = maps(SEVEN, "-f", "edges", "-f", "laplacian")
    assert names == ["top", "left", "bottom", "right", "four", "eight"]
    assert len(found) == 6


def test_a_kernel_can_be_typed():
    found, names = maps(SEVEN, "-k", "-1 0 1; -2 0 2; -1 0 1")
    np.testing.assert_allclose(found, cnnfx.correlate(seven(), [[[[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]]]), atol=1e-6)
    assert names == ["kernel"]


def test_a_kernel_in_the_syntax_of_imagemagick_is_parsed():
    ours, _ = maps(SEVEN, "-k", "-1 0 1; -2 0 2; -1 0 1")
    theirs, _ = maps(SEVEN, "-k", "3x3: -1,0,1 -2,0,2 -1,0,1")
    np.testing.assert_array_equal(theirs, ours)


def test_several_kernels_are_numbered():
    assert maps(SEVEN, "-k", "1 2", "-k", "3 4", "-f", "box")[1] == ["box", "kernel1", "kernel2"]


def test_a_typed_kernel_gets_the_settings_of_the_filter_file(tmp_path):
    (tmp_path / "strided.toml").write_text(STRIDED)
    found, names = maps(SEVEN, "-f", "strided.toml", "-k", "1 -1")
    assert names == ["pair", "kernel"]
    np.testing.assert_array_equal(found[1], found[0])


def test_options_make_files_with_different_settings_fit(tmp_path):
    (tmp_path / "strided.toml").write_text(STRIDED)
    found, _ = maps(SEVEN, "-f", "strided.toml", "-f", "edges", "--stride", "1", "--activation", "none")
    assert_same_up_to_rounding(found[1:], maps(SEVEN, "-f", "edges")[0])


def test_then_adds_layers_to_the_network():
    stacked = cnnfx.load_network("sobel").then(cnnfx.load_network("gaussian"))
    np.testing.assert_array_equal(
        maps(SEVEN, "-f", "sobel", "--then", "gaussian")[0], stacked.feature_maps(seven())[-1]
    )


def test_then_can_be_repeated():
    assert maps(SEVEN, "-f", "box", "--then", "box", "--then", "box")[0].shape == (1, 22, 22)


# --- settings of the last layer


@pytest.mark.parametrize(
    ("options", "shape"),
    [
        (["--stride", "2"], (1, 13, 13)),
        (["--stride", "2,3"], (1, 13, 9)),
        (["--dilation", "2"], (1, 24, 24)),
        (["--dilation", "1x2"], (1, 26, 24)),
        (["--padding", "same"], (1, 28, 28)),
        (["--padding", "valid"], (1, 26, 26)),
        (["--padding", "3"], (1, 32, 32)),
        (["--pool", "max:2"], (1, 13, 13)),
        (["--pool", "mean:5"], (1, 5, 5)),
        (["--stride", "2", "--padding", "same", "--dilation", "2", "--pool", "max:3"], (1, 4, 4)),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_setting_changes_the_size_of_the_maps(options, shape):
    assert maps(SEVEN, "-f", "box", *options)[0].shape == shape


def test_the_border_determines_the_values_of_the_padding():
    found, _ = maps(SEVEN, "-f", "edges", "--padding", "same", "--border", "reflect")
    weights = cnnfx.load_network("edges").bind(["gray"]).layers[0].conv.weights
    np.testing.assert_allclose(found, cnnfx.correlate(seven(), weights, padding="same", border="reflect"), atol=1e-6)


@pytest.mark.parametrize(("kind", "function"), [("relu", lambda x: np.maximum(x, 0)), ("abs", np.abs)])
def test_an_activation_is_applied_to_each_value(kind, function):
    plain, _ = maps(SEVEN, "-f", "edges")
    np.testing.assert_array_equal(maps(SEVEN, "-f", "edges", "--activation", kind)[0], function(plain))


def test_none_removes_activation_and_pooling_of_the_file(tmp_path):
    (tmp_path / "own.toml").write_text('activation = "abs"\npool = "max:2"\n[[filter]]\nweights = [[-1]]\n')
    found, _ = maps(SEVEN, "-f", "own.toml", "--activation", "none", "--pool", "none")
    np.testing.assert_array_equal(found, -seven())


def test_flip_is_true_convolution():
    flipped, _ = maps(SEVEN, "-k", "1 2 3; 4 5 6; 7 8 9", "--flip")
    np.testing.assert_array_equal(flipped, maps(SEVEN, "-k", "9 8 7; 6 5 4; 3 2 1")[0])


def test_flip_rotates_each_of_several_kernels_about_its_own_center():
    both, _ = maps(SEVEN, "-k", "1 2", "-k", "1 2 3", "--flip")
    turned, _ = maps(SEVEN, "-k", "2 1", "-k", "3 2 1")
    np.testing.assert_array_equal(both, turned)


def test_settings_are_those_of_the_last_layer():
    found, _ = maps(SEVEN, "-f", "box", "--then", "box", "--stride", "2")
    assert_same_up_to_rounding(found, maps(SEVEN, "-f", "box", "--then", "box")[0][:, ::2, ::2])


# --- layers


def test_layer_chooses_whose_channels_are_shown():
    np.testing.assert_array_equal(
        maps(SEVEN, "-f", "edges", "--then", "box", "--layer", "1")[0], maps(SEVEN, "-f", "edges")[0]
    )


def test_settings_apply_to_the_shown_layer():
    settings = ["--activation", "relu", "--pool", "max:2"]
    shown = maps(SEVEN, "-f", "edges", "--then", "box", "--layer", "1", *settings)[0]
    np.testing.assert_array_equal(shown, maps(SEVEN, "-f", "edges", *settings)[0])


def test_activation_and_pooling_of_an_inner_layer_can_be_removed():
    with open("two.toml", "w") as file:
        file.write(
            '[[layer]]\nactivation = "relu"\npool = "max:2"\n[[layer.filter]]\nweights = [[-1, 1]]\n'
            "[[layer]]\n[[layer.filter]]\nweights = [[1]]\n"
        )
    shown = maps(SEVEN, "-f", "two.toml", "--layer", "1", "--activation", "none", "--pool", "none")[0]
    np.testing.assert_array_equal(shown, maps(SEVEN, "-k", "-1 1")[0])


def test_maps_that_are_0_everywhere_are_reported():
    with open("none.toml", "w") as file:
        file.write('activation = "relu"\n[[filter]]\nweights = [[-1]]\nbias = -1\n[[filter]]\nweights = [[1]]\n')
    assert done("apply", SEVEN, "-f", "none.toml", "-o", "a.png").stderr == (
        "a.png: 2 channels of 28×28\n1 of 2 maps is 0 everywhere: ReLU set all values to 0. "
        "With the activation none, layer 1 shows the values before.\n"
    )
    assert done("apply", SEVEN, "-f", "none.toml", "--activation", "none", "-o", "a.png").stderr.count("\n") == 1
    assert done("apply", SEVEN, "-f", "none.toml", "-o", "a.npz").stderr == "a.npz: 2 channels of 28×28\n"


def test_maps_with_nan_are_not_reported_as_0_everywhere():
    np.save("nan.npy", np.array([[-1, np.nan]], np.float32))
    command = ("apply", "nan.npy", "-k", "1", "--activation", "relu", "-o", "a.png")
    assert done(*command).stderr == (
        "a.png: 1 value of kernel is NaN or infinite, drawn in magenta.\na.png: 1 channel of 2×1\n"
    )


def test_all_layers_are_numbered_in_a_npz():
    done("apply", SEVEN, "-f", "edges", "--then", "box", "--layer", "all", "-o", "maps.npz")
    with np.load("maps.npz") as file:
        assert file["maps1"].shape == (4, 26, 26)
        assert file["maps2"].shape == (1, 24, 24)
        assert list(file["names1"]) == ["top", "left", "bottom", "right"]


def test_all_layers_are_reported():
    result = done("apply", SEVEN, "-f", "edges", "--then", "box", "--layer", "all", "-o", "a.png")
    assert result.stderr == "a.png: 4 channels of 26×26, 1 channel of 24×24\n"


# --- channels


def test_kernels_of_one_channel_read_the_luminance_of_a_color_picture():
    found, names = maps(SAMPLES / "colors.png", "-k", "1")
    with PIL.Image.open(SAMPLES / "colors.png") as picture:
        np.testing.assert_allclose(found[0], np.asarray(picture.convert("L")) / 255, atol=1e-6)
    assert names == ["kernel"]


def colors():
    with PIL.Image.open(SAMPLES / "colors.png") as picture:
        return np.moveaxis(np.asarray(picture.convert("RGB")), -1, 0) / 255


def test_rgb_sums_over_the_colors():
    found, _ = maps(SAMPLES / "colors.png", "-k", "1", "--channels", "rgb")
    np.testing.assert_allclose(found[0], colors().sum(axis=0), atol=1e-6)


def test_each_filters_every_color_separately():
    found, names = maps(SAMPLES / "colors.png", "-k", "1", "--channels", "each")
    np.testing.assert_allclose(found, colors(), atol=1e-6)
    assert names == ["red kernel", "green kernel", "blue kernel"]


def test_each_filters_every_color_separately_in_all_layers():
    _, names = maps(SAMPLES / "colors.png", "-f", "box", "--then", "sobel", "--channels", "each")
    assert len(names) == 9


def test_filters_of_three_channels_read_colors(tmp_path):
    (tmp_path / "deep.toml").write_text("[[filter]]\nweights = [[[1]], [[0]], [[-1]]]\n")
    found, _ = maps(SAMPLES / "colors.png", "-f", "deep.toml")
    np.testing.assert_allclose(found[0], colors()[0] - colors()[2], atol=1e-6)


def test_filters_that_name_colors_read_them(tmp_path):
    (tmp_path / "named.toml").write_text("[[filter]]\ninputs = { red = [[1]], green = [[-1]] }\n")
    found, _ = maps(SAMPLES / "colors.png", "-f", "named.toml")
    np.testing.assert_allclose(found[0], colors()[0] - colors()[1], atol=1e-6)


def test_transparent_pixels_show_the_background():
    PIL.Image.new("LA", (4, 4), (200, 0)).save("clear.png")
    assert maps("clear.png", "-k", "1", "--background", "black")[0].max() == 0
    assert maps("clear.png", "-k", "1")[0].min() == 1


# --- arrays


@pytest.mark.parametrize("shape", [(5, 7), (1, 5, 7)])
def test_a_npy_is_an_image(shape):
    values = np.arange(35, dtype=np.float32).reshape(shape)
    np.save("a.npy", values)
    np.testing.assert_array_equal(maps("a.npy", "-k", "1")[0], values.reshape(1, 5, 7))


def test_the_channels_of_an_array_are_input_channels():
    values = np.random.default_rng(0).normal(size=(2, 5, 7)).astype(np.float32)
    np.savez("a.npz", values)
    np.testing.assert_allclose(maps("a.npz", "-k", "1")[0][0], values.sum(axis=0), atol=1e-6)


def test_a_csv_is_an_image(tmp_path):
    (tmp_path / "a.csv").write_text("1,2,4\n")
    np.testing.assert_array_equal(maps("a.csv", "-k", "-1 1")[0], [[[1, 2]]])


# --- several images


def test_images_and_folders_can_be_given_together(tmp_path):
    (tmp_path / "photos" / "deeper").mkdir(parents=True)
    shutil.copy(SEVEN, "photos/a.png")
    shutil.copy(SEVEN, "photos/deeper/b.png")
    shutil.copy(SEVEN, "c.png")
    result = done("apply", "photos", "c.png", "-f", "box")
    assert result.stderr == "a.box.png: 1 channel of 26×26\nc.box.png: 1 channel of 26×26\n"


def test_recursive_searches_subfolders(tmp_path):
    (tmp_path / "photos" / "deeper").mkdir(parents=True)
    shutil.copy(SEVEN, "photos/a.png")
    shutil.copy(SEVEN, "photos/deeper/b.png")
    result = done("apply", "photos", "--recursive", "-f", "box")
    assert result.stderr == "a.box.png: 1 channel of 26×26\nb.box.png: 1 channel of 26×26\n"


def test_other_images_are_processed_after_one_fails(tmp_path):
    (tmp_path / "bad.png").write_bytes(b"")
    result = run("apply", "bad.png", SEVEN, "-f", "box")
    assert result.exit_code == 1
    assert result.stderr == (
        "cnnfx: bad.png: it is empty. The program that made it may have failed.\nseven.box.png: 1 channel of 26×26\n"
    )


# --- JSON


def test_json_describes_each_channel():
    (found,) = described(SEVEN, "-f", "edges", "-o", "a.png")
    assert (found["input"], found["output"], found["layer"]) == (str(SEVEN), "a.png", 1)
    values = maps(SEVEN, "-f", "edges")[0]
    for channel, array, name in zip(found["channels"], values, ("top", "left", "bottom", "right"), strict=True):
        row, column = np.unravel_index(array.argmax(), array.shape)
        assert channel["name"] == name
        assert channel["size"] == [26, 26]
        assert channel["min"] == array.min()
        assert channel["max"] == array.max()
        assert channel["mean"] == pytest.approx(array.mean(dtype=float), abs=1e-6)
        assert channel["peak"] == [column, row]
        assert channel["nonfinite"] == 0


def test_json_has_an_object_for_each_layer():
    found = described(SEVEN, "-f", "edges", "--then", "box", "--layer", "all", "-o", "a.png")
    assert [(one["layer"], len(one["channels"])) for one in found] == [(1, 4), (2, 1)]


def test_json_has_an_object_for_each_file():
    found = described(SEVEN, "-f", "edges", "-o", "maps/")
    assert [one["output"] for one in found] == [
        "maps/seven.top.png", "maps/seven.left.png", "maps/seven.bottom.png", "maps/seven.right.png",
    ]  # fmt: skip
    assert [[channel["name"] for channel in one["channels"]] for one in found] == [
        ["top"],
        ["left"],
        ["bottom"],
        ["right"],
    ]


def test_json_is_strict_where_nothing_is_finite():
    np.save("a.npy", np.full((3, 3), np.nan, np.float32))
    line = done("apply", "a.npy", "-k", "1", "--json").stdout
    (channel,) = json.loads(line, parse_constant=lambda name: pytest.fail(name))["channels"]
    assert channel == {
        "name": "kernel", "size": [3, 3], "min": None, "max": None, "mean": None, "peak": None, "nonfinite": 9,
        "nan": 9, "rounding_error": 0.0,
    }  # fmt: skip


def test_json_counts_nan_and_infinity_and_bounds_the_rounding_errors():
    np.save("a.npy", np.array([[np.nan, np.inf, -np.inf, np.nan], [0.7] * 4], np.float32))
    (found,) = described("a.npy", "-k", "0.1 -0.7 0.6", "-o", "a.png")
    (channel,) = found["channels"]
    assert (channel["nonfinite"], channel["nan"]) == (2, 2)
    assert 0 <= max(-channel["min"], channel["max"]) < channel["rounding_error"] < 1e-5
    (found,) = described("a.npy", "-k", "1", "-o", "a.png")
    assert (found["channels"][0]["nonfinite"], found["channels"][0]["nan"]) == (4, 2)


def test_json_does_not_escape_letters():
    shutil.copy(SEVEN, "é.png")
    assert '"input": "é.png"' in done("apply", "é.png", "-f", "box", "--json").stdout


def test_with_json_nothing_else_is_printed():
    assert done("apply", SEVEN, "-f", "box", "--json").stderr == ""


def test_json_and_a_picture_do_not_both_go_to_standard_output():
    assert refused("apply", SEVEN, "-f", "box", "--json", "-o", "-", code=2) == (
        "cnnfx: --json and the feature maps cannot both go to standard output. Give -o FILE."
    )


# --- what is message


def test_quiet_prints_nothing():
    result = done("apply", SEVEN, "-f", "box", "--quiet")
    assert result.output == ""


def test_a_lost_bit_depth_is_reported():
    PIL.Image.new("RGB", (2, 2)).save("deep.sgi", bpc=2)
    printed = done("apply", "deep.sgi", "-k", "1").stderr.splitlines()[0]
    assert printed == "deep.sgi: 8 of its 16 bits per channel are read. Write it as 16-bit PNG, or .npy, to keep all."


def test_a_terminal_gets_a_preview():
    code, shown = on_a_terminal("apply", SEVEN, "-f", "edges", COLORTERM="truecolor")
    assert code == 0
    assert "top" in shown
    assert "\x1b[38;2;" in shown
    assert "▀" in shown
    assert shown.endswith("seven.edges.png: 4 channels of 26×26\n")


def test_a_terminal_without_colors_gets_a_preview_in_signs():
    _, shown = on_a_terminal("apply", SEVEN, "-f", "edges", NO_COLOR="1")
    assert "\n··········+++·············  ·········−−++·············\n" in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize("options", [["--no-preview"], ["--preview", "--no-preview"]])
def test_no_preview_turns_the_preview_off(options):
    _, shown = on_a_terminal("apply", SEVEN, "-f", "edges", *options)
    assert shown == "seven.edges.png: 4 channels of 26×26\n"


def test_quiet_shows_no_preview():
    assert on_a_terminal("apply", SEVEN, "-f", "edges", "-q") == (0, "")


def test_there_is_no_preview_where_standard_output_is_a_file(tmp_path):
    with open("out", "wb") as file:
        _, shown = on_a_terminal("apply", SEVEN, "-f", "edges", stdout=file.fileno())
    assert shown == "seven.edges.png: 4 channels of 26×26\n"


def many(count):
    for number in range(count):
        shutil.copy(SEVEN, f"{number}.png")
    return [f"{number}.png" for number in range(count)]


def test_five_images_get_a_progress_bar_on_a_terminal():
    _, shown = on_a_terminal("apply", *many(5), "-f", "box")
    assert "━" in shown
    assert "5/5" in shown
    assert "▀" not in shown


def test_four_images_get_none():
    assert "━" not in on_a_terminal("apply", *many(4), "-f", "box", "--no-preview")[1]


def test_quiet_shows_no_progress_bar():
    assert on_a_terminal("apply", *many(5), "-f", "box", "-q") == (0, "")


def test_there_is_no_progress_bar_in_a_pipe():
    assert "━" not in done("apply", *many(5), "-f", "box").stderr


def test_the_progress_bar_leaves_json_on_standard_output(tmp_path):
    with open("out", "wb") as file:
        _, shown = on_a_terminal("apply", *many(5), "-f", "box", "--json", stdout=file.fileno())
    assert [json.loads(line)["input"] for line in (tmp_path / "out").read_text().splitlines()] == many(5)
    assert "{" not in shown


def test_a_message_is_printed_above_the_progress_bar():
    _, shown = on_a_terminal("apply", *many(5), "nofile", "-f", "box")
    assert "\x1b[2Kcnnfx: nofile: there is no such file.\n" in shown


def test_each_separate_channel_gets_its_own_row():
    done(
        "apply",
        SAMPLES / "colors.png",
        "-f",
        "edges",
        "--channels",
        "each",
        "-o",
        "maps.png",
        "--gap",
        "0",
        "--scale",
        "1",
    )
    with PIL.Image.open("maps.png") as grid:
        assert grid.width == 4 * 238
