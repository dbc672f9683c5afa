"""The options that decide how values become gray levels: --normalize, --scope, --clip and --range."""

from __future__ import annotations

import json

import numpy as np
import PIL.Image
import pytest

from cnnfx.pipeline.targets import PAGE_FORMATS, PICTURE_FORMATS
from tests.cli.commands import SEVEN, done, refused

PLAIN = ("--no-labels", "--gap", "0", "--scale", "1", "--columns", "2", "-o", "a.png")
"""Options for a picture of one pixel per value, of maps side by side."""


def levels(values: list[float], *options: str) -> list[list[int]]:
    """Return the gray levels of a row of values under the kernel 1."""
    np.save("a.npy", np.array([values], np.float32))
    done("apply", "a.npy", "-k", "1", *PLAIN, *options)
    with PIL.Image.open("a.png") as picture:
        return np.asarray(picture).tolist()


def test_zero_is_mid_gray_by_default():
    assert levels([-1, 0, 2]) == [[64, 128, 255]]


@pytest.mark.parametrize("options", [["--activation", "relu"], ["--activation", "abs"]])
def test_zero_is_black_by_default_where_values_cannot_be_negative(options):
    assert levels([0, 1, 2], *options) == [[0, 128, 255]]


def test_a_channel_whose_values_happen_to_be_positive_is_drawn_like_all_of_its_kind():
    assert levels([0, 1, 2]) == [[128, 191, 255]]


def test_with_a_diverging_color_map_zero_is_white_also_where_values_cannot_be_negative():
    white, orange = levels([0, 2], "--activation", "relu", "--colormap", "diverging")[0]
    assert min(white) > 240
    assert orange == [102, 46, 3]


@pytest.mark.parametrize(
    "option", [["--range", "-4,4"], ["--range=-4,4"], ["--range", "4"], ["--range", "\N{MINUS SIGN}4, 4"]]
)
def test_a_fixed_range_is_drawn_from_black_to_white(option):
    assert levels([-8, -4, 0, 2, 4, 8], *option) == [[0, 0, 128, 191, 255, 255]]


def test_one_number_as_range_begins_at_zero_where_values_cannot_be_negative():
    assert levels([-8, 0, 2, 4, 8], "--range", "4", "--activation", "relu") == [[0, 0, 128, 255, 255]]


def test_a_fixed_range_need_not_contain_zero():
    assert levels([10, 12, 14], "--range", "10,14", "--activation", "relu") == [[0, 128, 255]]


def test_a_percentile_of_the_magnitudes_is_drawn_as_the_largest():
    values = [*range(-10, 0), 0, *range(1, 9), 1000]  # magnitudes 0, 1, 1, ..., 8, 8, 9, 10, 1000
    largest = np.percentile(np.abs(values), 90)
    expected = np.rint(np.clip(127.5 + 127.5 * np.array(values) / largest, 0, 255) + 1e-9)
    assert levels(values, "--clip", "90") == [expected.astype(int).tolist()]


def test_a_percentile_of_a_map_of_zeros_but_for_one_value_leaves_that_value_white():
    assert levels([0] * 99 + [5], "--clip", "95") == [[128] * 99 + [255]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--clip", "50"], "--clip': '50' is not a percentile of more than 50 and at most 100, such as 99.5."),
        (["--clip", "nan"], "--clip': 'nan' is not a percentile of more than 50 and at most 100, such as 99.5."),
        (
            ["--range", "2,1"],
            "'2,1' is not LOW,HIGH, such as -1,1, with HIGH larger than LOW, nor a number of more than 0.",
        ),
        (["--range", "0"], "'0' is not LOW,HIGH, such as -1,1"),
        (["--range", "0,inf"], "'0,inf' is not LOW,HIGH, such as -1,1"),
        (["--range", "1,2,3"], "'1,2,3' is not LOW,HIGH, such as -1,1"),
        (["--clip", "99", "--range", "1"], "--clip and --range both set the range of values. Give one of them."),
        (
            ["--clip", "99", "--normalize", "none"],
            "--normalize none draws 0 black and 1 white, so --clip has no effect. Leave one out.",
        ),
        (
            ["--range", "2", "--normalize", "none"],
            "--normalize none draws 0 black and 1 white, so --range has no effect. Leave one out.",
        ),
        (
            ["--range", "-1,2", "--normalize", "signed"],
            "--range: The normalization signed draws 0 as mid-gray, so its range cannot be -1 to 2. Give one number, "
            "or use minmax.",
        ),
        (
            ["--range", "-1,2", "--normalize", "absolute"],
            "--range: The normalization absolute draws 0 as black, so its range cannot begin at -1. Give one number, "
            "or use minmax.",
        ),
    ],
)  # fmt: skip
def test_a_range_that_cannot_be_drawn_is_wrong_usage(options, message):
    assert message in refused("apply", SEVEN, "-f", "edges", *options, "-o", "a.png", code=2)


@pytest.mark.parametrize("ending", ["png", "jpg", *PAGE_FORMATS])
def test_a_note_counts_the_values_that_are_not_finite(ending):
    np.save("a.npy", np.array([[1, np.nan, 2, np.inf, -np.inf]], np.float32))
    assert ending in {**PICTURE_FORMATS, **dict.fromkeys(PAGE_FORMATS)}
    text = done("apply", "a.npy", "-k", "1", "-o", f"a.{ending}").stderr
    assert f"a.{ending}: 3 values of kernel are NaN or infinite, drawn in magenta." in text.splitlines()


def test_the_note_on_values_that_are_not_finite_counts_several_maps():
    np.save("a.npy", np.array([[1, np.nan, 2]], np.float32))
    lines = done("apply", "a.npy", "-k", "1", "-k", "2", "-o", "a.png").stderr.splitlines()
    assert "a.png: 2 values of 2 maps are NaN or infinite, drawn in magenta." in lines


def test_each_file_of_a_folder_has_its_own_note_on_values_that_are_not_finite():
    np.save("a.npy", np.array([[1, np.nan, 2]], np.float32))
    lines = done("apply", "a.npy", "-k", "1", "-k", "2", "-o", "out/").stderr.splitlines()
    assert lines[:2] == [
        "out/a.kernel1.png: 1 value of kernel1 is NaN or infinite, drawn in magenta.",
        "out/a.kernel2.png: 1 value of kernel2 is NaN or infinite, drawn in magenta.",
    ]


def waves(outlier: float) -> np.ndarray:
    y, x = np.mgrid[:64, :64]
    values = (0.5 + 0.2 * np.sin(x / 3) * np.cos(y / 4)).astype(np.float32)
    values[20, 30] = outlier
    return values


OUTLIER_NOTE = (
    "{}: a few values of {} are more than 128 times as large as the others, which look almost alike. Clip them at the "
    "percentile 99 for more contrast."
)


@pytest.mark.parametrize("target", ["a.png", "a.html", "a.jpg"])
def test_an_outlier_that_takes_the_contrast_of_maps_is_reported(target):
    np.save("hot.npy", waves(1e6))
    lines = done("apply", "hot.npy", "-f", "laplacian", "-o", target).stderr.splitlines()
    assert lines[0] == OUTLIER_NOTE.format(target, "2 maps")
    found = done("apply", "hot.npy", "-k", "0 1 0; 1 -4 1; 0 1 0", "-o", target, "--json").stdout
    assert json.loads(found)["notes"] == [OUTLIER_NOTE.format(target, "kernel")]


def test_outliers_are_reported_for_the_files_of_a_folder_and_for_overlays():
    np.save("hot.npy", waves(1e6))
    lines = done("apply", "hot.npy", "-f", "laplacian", "-o", "out/").stderr.splitlines()
    assert lines[:2] == [OUTLIER_NOTE.format(f"out/hot.{name}.png", name) for name in ("four", "eight")]
    lines = done("apply", "hot.npy", "-f", "laplacian", "--overlay", "-o", "a.png").stderr.splitlines()
    assert OUTLIER_NOTE.format("a.png", "2 maps") in lines


@pytest.mark.parametrize(
    ("outlier", "options"),
    [(0.7, []), (1e6, ["--clip", "99"]), (1e6, ["--range", "1"]), (1e6, ["--normalize", "none"])],
)
def test_without_an_outlier_or_with_a_chosen_range_nothing_is_reported(outlier, options):
    np.save("a.npy", waves(outlier))
    assert "a few values" not in done("apply", "a.npy", "-f", "laplacian", "-o", "a.png", *options).stderr


def test_a_percentile_shows_the_values_beside_an_outlier_as_without_it():
    for name, outlier in (("cool", 0.7), ("hot", 1e6), ("huge", 3e38), ("infinite", np.inf)):
        np.save(f"{name}.npy", waves(outlier))
        done(
            "apply", f"{name}.npy", "-k", "0 1 0; 1 -4 1; 0 1 0", "--range", "0.1", "-o", f"{name}/", "--format", "png"
        )
        done("apply", f"{name}.npy", "-k", "0 1 0; 1 -4 1; 0 1 0", "--clip", "99", "-o", f"{name}-99/")
    pictures = {name: np.asarray(PIL.Image.open(f"{name}/{name}.kernel.png").convert("L")) for name in ("cool", "hot")}
    elsewhere = np.ones((62, 62), np.bool_)
    elsewhere[17:22, 27:32] = False
    np.testing.assert_array_equal(pictures["hot"][elsewhere], pictures["cool"][elsewhere])
    for name in ("cool", "hot", "huge", "infinite"):
        clipped = np.asarray(PIL.Image.open(f"{name}-99/{name}.kernel.png").convert("L"))
        assert np.unique(clipped[elsewhere]).size > 30, name


def test_one_range_for_several_images_gives_equal_levels_for_equal_values():
    np.save("a.npy", waves(0.5))
    np.save("half.npy", waves(0.5) / 2)
    done("apply", "a.npy", "half.npy", "-k", "1", "--range", "0,1", "-o", "out/", "--labels")
    full, half = (np.asarray(PIL.Image.open(f"out/{name}.kernel.png")).astype(int) for name in ("a", "half"))
    assert np.abs(full - 2 * half).max() <= 1


def test_arrays_keep_nan_without_a_note():
    np.save("a.npy", np.array([[1, np.nan, 2]], np.float32))
    assert "NaN" not in done("apply", "a.npy", "-k", "1", "-o", "b.npy").stderr


FRAME_NOTE = (
    "{}: zeros of the padding make a frame in {}, more than 4 times as strong as what is in it. The borders reflect, "
    "symmetric and edge make none."
)


def test_a_frame_of_padding_that_takes_the_contrast_is_reported():
    y, x = np.mgrid[:64, :64]
    PIL.Image.fromarray(np.uint8(210 + 12 * np.sin(x / 3) * np.cos(y / 4))).save("a.png")
    lines = done("apply", "a.png", "-f", "edges", "--padding", "same", "-o", "b.png").stderr.splitlines()
    assert lines[0] == FRAME_NOTE.format("b.png", "4 maps")
    lines = done("apply", "a.png", "-f", "edges", "--padding", "same", "-o", "out/").stderr.splitlines()
    assert lines[0] == FRAME_NOTE.format("out/a.top.png", "top")


@pytest.mark.parametrize(
    "options",
    [["--border", "reflect", "--padding", "same"], [], ["--padding", "same", "--clip", "90"]],
    ids=["reflect", "valid", "clip"],
)
def test_without_zeros_or_with_a_chosen_range_no_frame_is_reported(options):
    y, x = np.mgrid[:64, :64]
    PIL.Image.fromarray(np.uint8(210 + 12 * np.sin(x / 3) * np.cos(y / 4))).save("a.png")
    assert "frame" not in done("apply", "a.png", "-f", "edges", *options, "-o", "b.png").stderr


def test_strong_edges_beside_padding_are_not_reported():
    assert "frame" not in done("apply", SEVEN, "-f", "edges", "--padding", "same", "-o", "b.png").stderr
