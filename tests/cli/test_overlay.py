"""`cnnfx apply --overlay`: the files it writes, its messages and its options."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.cli.commands import SAMPLES, SEVEN, done, refused
from tests.cli.pictures import opened

PATTERNS = SAMPLES / "patterns.png"


def test_the_overlay_is_written_beside_the_grid_of_the_same_network():
    result = done("apply", PATTERNS, "-f", "squares", "--overlay")
    assert result.stderr == "patterns.squares.overlay.png: 4 peaks in 4 channels of 360×264\n"
    assert opened("patterns.squares.overlay.png").mode == "RGB"


def test_json_lists_the_peaks_of_each_channel():
    (found,) = map(json.loads, done("apply", PATTERNS, "-f", "squares", "--overlay", "--json").stdout.splitlines())
    peaks = [channel["peaks"] for channel in found["channels"]]
    assert [[(peak["x"], peak["y"]) for peak in channel] for channel in peaks] == [
        [(22, 140)], [(58, 140)], [(102, 140)], [(158, 140)],
    ]  # fmt: skip
    first = peaks[0][0]
    assert first["value"] == found["channels"][0]["max"]
    assert first["receptive_field"] == {"left": 5, "top": 123, "right": 40, "bottom": 158}


def test_json_of_a_grid_lists_no_peaks():
    (found,) = map(json.loads, done("apply", SEVEN, "-f", "edges", "--json").stdout.splitlines())
    assert "peaks" not in found["channels"][0]


def test_peaks_are_limited_by_an_option():
    (found,) = map(
        json.loads, done("apply", SEVEN, "-f", "edges", "--overlay", "--peaks", "1", "--json").stdout.splitlines()
    )
    assert [len(channel["peaks"]) for channel in found["channels"]] == [1, 1, 1, 1]


def test_chosen_channels_and_layers_are_drawn():
    done("apply", PATTERNS, "-f", "squares", "--only", "side 41", "--overlay", "-o", "one.png")
    result = done("apply", PATTERNS, "-f", "squares", "--layer", "all", "--overlay", "-o", "all.png", "--json")
    assert [len(json.loads(line)["channels"]) for line in result.stdout.splitlines()] == [4, 8, 4, 4]
    assert opened("all.png").height > 3 * opened("one.png").height


def test_several_images_have_an_overlay_each_also_from_workers():
    done("apply", PATTERNS, SEVEN, "-f", "edges", "--overlay", "-o", "{stem}.png", "-j", "2")
    assert opened("patterns.png").width == 734
    assert opened("seven.png").width == 802


def test_a_photograph_in_color_and_formats_other_than_png():
    done("apply", SAMPLES / "still-life.png", "-f", "edges", "--channels", "each", "--overlay", "-o", "overlay.jpg")
    assert opened("overlay.jpg").format == "JPEG"
    written = done("apply", SEVEN, "-f", "edges", "--overlay", "-o", "-").stdout_bytes
    assert opened(written).size[0] >= 784


def test_without_labels_the_picture_is_that_of_the_image():
    done("apply", SEVEN, "-f", "edges", "--overlay", "--no-labels", "--scale", "2", "-o", "bare.png")
    assert opened("bare.png").size == (56, 56)


def test_a_trained_model_has_an_overlay(model):
    result = done("apply", SEVEN, "-f", model, "--overlay", "--json")
    (found,) = map(json.loads, result.stdout.splitlines())
    assert 1 <= sum(len(channel["peaks"]) for channel in found["channels"]) <= 20


def test_nan_in_an_array_is_noted_and_no_peak():
    values = np.random.default_rng(0).random((20, 30))
    values[5, 7] = np.nan
    np.save("nan.npy", values)
    result = done("apply", "nan.npy", "-f", "edges", "--overlay", "-o", "nan.png")
    assert "36 values of 4 maps are NaN or infinite, drawn in magenta." in result.stderr
    magenta = (np.asarray(opened("nan.png")) == (255, 0, 255)).all(axis=2)
    assert magenta.any()


def test_nothing_found_is_a_note():
    np.save("flat.npy", np.full((40, 50), 0.5))
    result = done("apply", "flat.npy", "-f", "circles", "--overlay", "-o", "flat.png")
    assert "flat.npy: nothing found: no value of layer 2 is above 0.\n" in result.stderr
    assert "flat.png: 0 peaks in 5 channels of 50×40\n" in result.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-o", "a.npz"], "the output cannot be a .npz file. Give -o '{stem}.png'."),
        (["-o", "a.html"], "the output cannot be a .html file. Give -o '{stem}.png'."),
        (["-o", "maps/"], "the output cannot be a folder. Give -o '{stem}.png'."),
        (["--columns", "2"], "--columns cannot be combined with --overlay"),
        (["--with-filters", "--gap", "0"], "--gap and --with-filters cannot be combined with --overlay"),
        (["--colormap", "heat"], "--colormap cannot be combined with --overlay"),
        (["--normalize", "minmax"], "--normalize minmax cannot be combined with --overlay"),
        (["--peaks", "0"], "--peaks"),
    ],
)
def test_options_that_do_not_fit_an_overlay_are_wrong_usage(options, message):
    assert message in refused("apply", SEVEN, "-f", "edges", "--overlay", *options, code=2)
    assert not list(Path().iterdir())


def test_peaks_without_an_overlay_are_wrong_usage():
    assert "Give --overlay, too." in refused("apply", SEVEN, "-f", "edges", "--peaks", "2", code=2)
