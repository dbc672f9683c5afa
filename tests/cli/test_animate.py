"""`cnnfx animate`: animations, messages and errors."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

from cnnfx.formats import load_network
from cnnfx.images import load_image
from cnnfx.render.color import linear_scale
from cnnfx.render.sliding.palette import Palette
from tests.cli.commands import SAMPLES, SEVEN, done, on_a_terminal, refused, shell
from tests.cli.pictures import frames, opened

PART = ("--region", "4,7,6,5")


def test_the_default_name_contains_image_and_filters():
    result = done("animate", SEVEN, "-f", "edges", "--only", "top", *PART)
    assert result.stdout == ""
    assert len(frames("seven.edges.gif")) == 4 * 3
    width, height = opened("seven.edges.gif").size
    assert result.stderr == f"seven.edges.gif: 12 frames of {width}×{height}, 4.2 s\n"


@pytest.mark.parametrize(("ending", "kind"), [("gif", "GIF"), ("webp", "WEBP"), ("png", "PNG")])
def test_the_ending_determines_the_format(ending, kind):
    done("animate", SEVEN, "-f", "edges", *PART, "-o", f"slide.{ending}")
    picture = opened(f"slide.{ending}")
    assert (picture.format, picture.n_frames) == (kind, 12)


def test_all_formats_show_the_same_frames():
    for ending in ("gif", "webp", "png"):
        done("animate", SEVEN, "-f", "sobel", *PART, "-o", f"slide.{ending}", "--fps", "4")
    first = frames("slide.gif")
    assert [duration for _, duration in first] == [250] * 11 + [2000]
    for other in ("slide.webp", "slide.png"):
        for (one, time), (two, same_time) in zip(first, frames(other), strict=True):
            np.testing.assert_array_equal(one, two)
            assert time == same_time


def has_cells(frame, colors, cell):
    """Return whether cells of some colors `(rows, columns, 3)` are anywhere in a frame, apart from those at the end."""
    rows, columns, _ = colors.shape
    middle = cell // 2
    for top in range(frame.shape[0] - rows * cell + 1):
        for left in np.flatnonzero(
            (frame[top + middle, middle : 1 - columns * cell or None] == colors[0, 0]).all(axis=1)
        ):
            shown = frame[top + middle :: cell, left + middle :: cell][:rows, :columns]
            if np.array_equal(shown[:-1], colors[:-1]):
                return True
    return False


def test_its_last_frame_shows_what_apply_computes():
    options = ("-f", "edges", "--stride", "2", "--padding", "1", "--activation", "relu")
    done("animate", SEVEN, *options, "--only", "left", "--scale", "8", "--layout", "equation", "-o", "slide.gif")
    done("apply", SEVEN, *options, "-o", "maps.npz")
    with np.load("maps.npz") as numbers:
        maps = numbers["maps"][list(numbers["names"]).index("left")]
    levels = linear_scale("auto", 0, float(maps.max()), non_negative=True).levels(maps)
    layout_palette = Palette((((0, 0, 0), (255, 255, 255)), 64))
    colors = layout_palette.colors[layout_palette.ramps[0].indices(levels)]
    shown = frames("slide.gif")
    assert has_cells(shown[-1][0], colors, 8)
    assert not has_cells(shown[-20][0], colors, 8)


def test_json_describes_what_was_written():
    shown = done("animate", SEVEN, "-f", "edges", "--padding", "same", *PART, "-o", "a.png", "--fps", "10", "--json")
    assert shown.stderr == ""
    printed = json.loads(shown.stdout)
    width, height = opened("a.png").size
    assert printed == {
        "input": str(SEVEN), "filters": "edges", "layer": 1, "layout": "planes",
        "channels": ["top", "left", "bottom", "right"],
        "input_size": [6, 5], "positions": [6, 5], "output": "a.png", "format": "png", "frames": 30,
        "width": width, "height": height, "fps": 10.0, "seconds": 4.9, "pooled_positions": None, "notes": [],
    }  # fmt: skip


def test_quiet_prints_nothing():
    result = done("animate", SAMPLES / "still-life.png", "-f", "sobel", "--size", "6", "--quiet")
    assert (result.stdout, result.stderr) == ("", "")


def test_a_large_image_is_shrunk_with_a_message():
    path = SAMPLES / "still-life.png"
    text = done("animate", path, "-f", "edges", "--only", "top", "-o", "a.gif").stderr
    assert text.splitlines()[0] == (
        f"{path}: shrunk from 512×384 to 32×24 pixels, so that each can be seen. --region X,Y,W,H shows a part in "
        "full size, --size N shrinks less."
    )
    assert len(frames("a.gif")) == 30 * 22


def test_steps_bound_the_frames():
    done("animate", SEVEN, "-f", "edges", "--only", "top", "--steps", "20", "-o", "a.gif")
    assert len(frames("a.gif")) == 20


def test_numbers_are_written_into_cells_that_are_large_enough():
    text = done("animate", SEVEN, "-f", "edges", "--numbers", "--scale", "5", *PART, "-o", "a.gif").stderr
    assert text.startswith("--scale 5 is too small for numbers: each pixel is drawn as 37×37.\n")
    assert opened("a.gif").width > 6 * 37
    assert frames("a.gif")[0][1] == 500


def test_the_first_layer_of_a_model_is_animated(model):
    printed = json.loads(done("animate", SEVEN, "-f", model, "-o", "a.gif", "--steps", "2", "--json").stdout)
    assert (printed["layer"], len(printed["channels"]), printed["positions"]) == (1, 6, [24, 24])
    printed = json.loads(
        done("animate", SEVEN, "-f", model, "--layer", "2", "-o", "a.gif", "--steps", "2", "--json").stdout
    )
    assert (printed["layer"], len(printed["channels"]), printed["positions"]) == (2, 12, [10, 10])


def test_the_window_of_the_pooling_slides_after_that_of_the_filters(model):
    printed = done("animate", SEVEN, "-f", model, "-o", "a.gif", "--steps", "2", "--json").stdout
    assert json.loads(printed)["positions"] == [24, 24]
    assert json.loads(printed)["pooled_positions"] == [12, 12]
    options = ("-f", "edges", "--only", "top", "--region", "4,7,8,7", "-o", "b.gif", "--json")
    printed = json.loads(done("animate", SEVEN, *options, "--pool", "max:2").stdout)
    assert (printed["positions"], printed["pooled_positions"], printed["frames"]) == ([6, 5], [3, 2], 36)
    assert len(frames("b.gif")) == 36


def test_constant_regions_pass_faster():
    shown = done("animate", SEVEN, "-f", "edges", "--only", "top", "-o", "a.gif", "--json").stdout
    printed = json.loads(shown)
    durations = [duration for _, duration in frames("a.gif")]
    assert printed["frames"] == len(durations) < 26 * 26 - 200
    assert sorted(set(durations)) == [20, 40, 2000]
    assert printed["seconds"] == sum(durations) / 1000


@pytest.mark.parametrize("options", [(), ("--numbers", "--region", "8,7,7,7", "--only", "top")])
def test_files_stay_small(options):
    done("animate", SEVEN, "-f", "edges", *options, "-o", "a.gif")
    assert os.path.getsize("a.gif") < (300_000 if options else 1_500_000)


def test_numbers_are_drawn_as_an_equation_and_other_animations_as_planes():
    for options, layout in (((), "planes"), (("--numbers",), "equation"), (("--layout", "equation"), "equation")):
        shown = done("animate", SEVEN, "-f", "edges", *PART, *options, "-o", "a.gif", "--steps", "2", "--json").stdout
        assert json.loads(shown)["layout"] == layout


def test_values_that_are_not_finite_are_counted():
    values = np.zeros((1, 6, 6), np.float32)
    values[0, 0, 0] = np.nan
    np.save("gap.npy", values)
    for options in ((), ("--numbers",)):
        text = done("animate", "gap.npy", "-f", "edges", "--only", "top", *options, "-o", "a.gif").stderr
        assert text.splitlines()[0] == "a.gif: 1 value of top is NaN or infinite, drawn in magenta."


def test_products_beyond_the_largest_float32_are_drawn_without_a_warning():
    np.save("large.npy", np.full((1, 3), 3e38, np.float32))
    result = done("animate", "large.npy", "-k", "-2 0 1", "--numbers")
    assert result.stderr.splitlines()[-1].startswith("large.kernel.gif: 1 frame of ")


def test_only_chooses_channels_by_name_number_and_range():
    shown = done("animate", SEVEN, "-f", "edges", *PART, "--only", "right,1-2", "-o", "a.gif", "--json").stdout
    assert json.loads(shown)["channels"] == ["right", "top", "left"]


def test_settings_apply_to_the_animated_layer(model):
    printed = done("animate", SEVEN, "-f", model, "--stride", "4", "-o", "a.gif", "--steps", "2", "--json").stdout
    assert json.loads(printed)["positions"] == [6, 6]


def test_pipes_are_read_and_written():
    shown = shell(f"cat {SEVEN} | cnnfx animate - -f edges --filter top --size 8 | cat")
    assert shown.returncode == 0
    assert len(frames(shown.stdout)) == 36


def test_float_channels_pass_through_a_pipe():
    shown = shell(
        f"cnnfx apply {SEVEN} -f sobel -o - --format npz | "
        "cnnfx animate - -f gaussian --channels each --size 9 -o a.gif"
    )
    assert shown.returncode == 0, shown.stderr
    assert not shown.stdout


def test_a_terminal_gets_no_binary_data():
    code, shown = on_a_terminal("animate", SEVEN, "-f", "edges", "-o", "-")
    assert (code, shown) == (
        2,
        "cnnfx: Binary data is not written to a terminal. Give -o FILE, or send the\noutput into a pipe or file.\n",
    )


@pytest.mark.parametrize(
    ("given", "message", "code"),
    [
        (("-f", "edges", "--only", "tpo"),
         "layer 1 of edges: there is no channel 'tpo'. Did you mean top?", 2),
        (("-f", "sobbel"),
         'there is no preset called "sobbel". Did you mean "sobel"? cnnfx list-filters shows them all.', 2),
        ((), "Name the filters, such as -f edges; cnnfx list-filters shows the presets.", 2),
        (("-f", "edges", "-o", "a.jpg"),
         "a.jpg: .jpg files cannot be animated. Write a .gif, a .webp or an animated .png.", 2),
        (("-f", "edges", "-o", "a.npz"),
         "a.npz: .npz files cannot be animated. Write a .gif, a .webp or an animated .png.", 2),
        (("-f", "edges", "--format", "jpg"),
         "--format: jpg files cannot be animated. Write a .gif, a .webp or an animated .png.", 2),
        (("-f", "edges", "-o", "a"),
         "a: a file without an ending cannot be animated. Write a .gif, a .webp or an animated .png.", 2),
        (("-f", "edges", "-o", "none/a.gif"),
         "none/a.gif: it cannot be written: its folder does not exist. Create it, or choose another with -o.", 1),
        (("-f", "edges", "-o", "out/"), "out/ is a folder. An animation is one file: give -o slide.gif.", 2),
        (("-f", "edges", "--layout", "planes", "--numbers"),
         "--layout planes has no numbers. Leave out --numbers, or use --layout equation.", 2),
        (("-f", "edges", "--colormap", "viridis"),
         "--colormap viridis has no effect on planes, where the output is green. Add --layout equation, or leave it "
         "out.", 2),
        (("-f", "edges", "--size", "28", "--padding", "4", "--pool", "max:2"),
         f"{SEVEN}: the filter has 34×34 = 1156 positions and 17×17 = 289 of the pooling on 28×28 pixels; 1200 frames "
         "are the most. Crop the image with --region X,Y,W,H, shrink it with --size 32, or show them in fewer frames "
         "with --steps 300.", 2),
        (("-f", "edges", "--layer", "2"), "There is no layer 2: edges has 1 layer.", 2),
        (("-f", "edges", "--json", "-o", "-"),
         "--json and the animation cannot both go to standard output. Give -o FILE.", 2),
        (("-f", "edges", "--region", "20,20,10,9"),
         f"{SEVEN}: the region 20,20,10,9 reaches outside the image, which has 28×28 pixels.", 2),
        (("-f", "edges", "--size", "28", "--padding", "8"),
         f"{SEVEN}: the filter has 42×42 = 1764 positions on 28×28 pixels; 1200 frames are the most. Crop the image "
         "with --region X,Y,W,H, shrink it with --size 32, or show them in fewer frames with --steps 300.", 2),
        (("-f", "edges", "--region", "0,0,2,2"),
         f"{SEVEN}: layer 1 of edges: kernel of 3×3 is larger than the image of 2×2; use a smaller "
         'kernel, a larger image or padding="same". The smallest image that edges takes is 3×3.', 1),
    ],
)  # fmt: skip
def test_a_bad_command_is_refused_with_a_message(given, message, code):
    assert refused("animate", SEVEN, *given, code=code) == f"cnnfx: {message}"
    assert os.listdir() == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("--fps", "0"), "'--fps': '0' is not a number of frames per second, from 0.1 to 50."),
        (("--fps", "51"), "'--fps': '51' is not a number of frames per second, from 0.1 to 50."),
        (("--fps", "fast"), "'--fps': 'fast' is not a number of frames per second, from 0.1 to 50."),
        (("--steps", "0"), "'--steps': '0' is not a whole number of 1 or more."),
        (("--size", "0"), "'--size': '0' is not a whole number of 1 or more."),
        (("--region", "1,2,3"),
         "'--region': '1,2,3' is not X,Y,WIDTH,HEIGHT in pixels, such as 4,7,10,10; width and height of 1 or more."),
        (("--region", "1,2,0,3"),
         "'--region': '1,2,0,3' is not X,Y,WIDTH,HEIGHT in pixels, such as 4,7,10,10; width and height of 1 or more."),
    ],
)  # fmt: skip
def test_an_unknown_value_is_wrong_usage(given, message):
    text = refused("animate", SEVEN, "-f", "edges", *given, code=2)
    assert text == f"cnnfx: Invalid value for {message}\nTry 'cnnfx animate --help' for help."


def test_an_animation_that_would_be_too_large_is_refused():
    assert refused("animate", SEVEN, "-f", "edges", "--scale", "999999999", code=2) == (
        f"cnnfx: {SEVEN}: 353 frames of 3488 cells of 999999999×999999999 pixels are too large an animation. Show "
        "fewer filters with --only LIST, a smaller image with --size, smaller cells with --scale, or fewer frames "
        "with --steps."
    )


def test_an_animation_does_not_overwrite_its_input():
    with open("a.gif", "wb") as file:
        opened(SEVEN).save(file, "GIF")
    assert refused("animate", "a.gif", "-f", "edges", "-o", "a.gif", code=2) == (
        "cnnfx: a.gif: the output (-o) is also an input (IMAGE): it would be overwritten. Choose another output with "
        "-o."
    )


def test_a_failed_animation_leaves_an_older_file_unchanged(tmp_path):
    (tmp_path / "a.gif").write_bytes(b"before")
    refused("animate", SEVEN, "-f", "edges", "-o", "a.gif", "--region", "0,0,99,9", code=2)
    assert (tmp_path / "a.gif").read_bytes() == b"before"


def test_the_shown_values_of_a_shrunk_image_are_its_own():
    done("animate", SEVEN, "-f", "edges", "--size", "7", "-o", "a.gif", "--steps", "1")
    small = load_image(SEVEN).floats()[0].reshape(7, 4, 7, 4).mean(axis=(1, 3))
    assert load_network("edges").feature_maps(small[None])[-1].shape == (4, 5, 5)
    assert len(frames("a.gif")) == 1
