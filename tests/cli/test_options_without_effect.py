"""An option that has no effect is reported, and names of outputs promise what is in them."""

import json
import shutil

import numpy as np
import PIL.Image
import pytest

import cnnfx
from cnnfx.errors import ArgumentError
from tests.cli.commands import SEVEN, done, refused

APPLY = ("apply", SEVEN, "-f", "edges")


@pytest.mark.parametrize(
    ("command", "note"),
    [
        ((*APPLY, "--border", "reflect", "-o", "b.npy"), "--border has no effect without --padding."),
        (
            (*APPLY, "--columns", "2", "--colormap", "heat", "-o", "b.npz"),
            "--columns and --colormap have no effect on arrays (.npz).",
        ),
        (
            (*APPLY, "--no-labels", "-o", "maps/"),
            "--no-labels has no effect on a folder, in which each channel is a picture without text.",
        ),
        (
            ("summary", "edges", "--classes", "3"),
            "--classes has no effect on a network that is complete; it is for arch files.",
        ),
        (
            ("show-filters", "edges", "--values", "--colormap", "heat"),
            "--colormap has no effect on printed weights.",
        ),
        (
            ("show-filters", "edges", "--json", "--no-legend"),
            "--no-legend has no effect on JSON, which has the weights.",
        ),
        (
            ("show-patterns", "edges", "--data", SEVEN, "--method", "patches", "--seed", "3", "-o", "p.png"),
            "--seed has no effect without the method maximization.",
        ),
        (
            ("train", "--data", "drawn:60", "--widths", "2,2", "--epochs", "1", "--skip-bad"),
            "--skip-bad has no effect on drawn:60, which holds no pictures.",
        ),
        (
            ("train", "--data", "shapes:60", "--widths", "2,2", "--epochs", "1", "--channels", "gray"),
            "--channels has no effect on shapes:60, which holds no pictures.",
        ),
        (
            ("show-patterns", "edges", "--data", "drawn:60", "--background", "red", "--skip-bad", "-o", "p.png"),
            "--background and --skip-bad have no effect on drawn:60, which holds no pictures.",
        ),
    ],
)
def test_an_option_without_effect_is_reported(command, note):
    assert done(*command).stderr.startswith(f"cnnfx: {note}\n")
    if "summary" not in command:
        assert "no effect" not in done(*command, "-q").stderr


@pytest.mark.parametrize(
    "options",
    [
        ("--border", "wrap", "--padding", "same", "-o", "b.npy"),
        ("--columns", "2", "--no-legend", "-o", "b.png"),
        ("--scale", "2", "--colormap", "heat", "-o", "maps/"),
    ],
)
def test_an_option_with_an_effect_is_not_reported(options):
    assert "no effect" not in done(*APPLY, *options).stderr


def test_a_pgm_holds_gray_and_a_ppm_holds_colors():
    assert refused(*APPLY, "--colormap", "viridis", "-o", "v.pgm") == (
        "cnnfx: v.pgm: a .pgm file has gray levels only, and this picture has colors. Write a .ppm or .png."
    )
    done(*APPLY, "-o", "v.pgm")
    done(*APPLY, "-o", "v.ppm")
    with open("v.pgm", "rb") as gray, open("v.ppm", "rb") as color:
        assert (gray.read(2), color.read(2)) == (b"P5", b"P6")


def test_a_grid_is_saved_as_png_only():
    with pytest.raises(ArgumentError, match=r"'x.jpg' does not end in .png. A grid is saved as PNG."):
        cnnfx.save_grid("x.jpg", np.zeros((4, 4), np.uint8))


@pytest.mark.parametrize("background", [(255, 0, 0), 3])
def test_a_background_that_is_no_text_is_refused(background):
    with pytest.raises(ArgumentError, match="is not a color"):
        cnnfx.load_image(SEVEN, background=background)


def test_templates_have_the_name_and_the_ending_of_the_image():
    shutil.copy(SEVEN, "x.png")
    PIL.Image.open(SEVEN).save("x.jpg")
    assert refused("apply", "x.png", "x.jpg", "-f", "edges", "-o", "{stem}.npy", code=2) == (
        "cnnfx: 2 images would all be written to x.npy. Their stems are equal: write {name}, which has the ending, "
        "too: -o '{name}.npy'."
    )
    done("apply", "x.png", "x.jpg", "-f", "edges", "-q", "-o", "{name}.npy")
    done("apply", "x.png", "x.jpg", "-f", "edges", "-q", "-o", "{stem}-{ext}-{filters}.npy")
    for name in ("x.png", "x.jpg", "x-png-edges", "x-jpg-edges"):
        assert np.load(f"{name}.npy").shape == (4, 26, 26)


def test_an_image_that_is_given_twice():
    shutil.copy(SEVEN, "x.png")
    for output in ("maps/", "{stem}.png"):
        assert refused("apply", "x.png", "x.png", "-f", "edges", "-o", output, code=2).endswith(
            "x.png is given 2 times; name it once."
        )


def test_the_null_device_needs_no_ending():
    assert done(*APPLY, "-o", "/dev/null").stderr == "/dev/null: 4 channels of 26×26\n"


def test_a_missing_folder_is_one_message_before_any_work():
    for name in "ab":
        shutil.copy(SEVEN, f"{name}.png")
    message = "cnnfx: new/a.npy: it cannot be written: its folder does not exist. Create it, or choose another with -o."
    assert refused("apply", "a.png", "b.png", "-f", "edges", "-o", "new/{stem}.npy") == message


def test_the_formats_of_a_picture_are_listed_for_a_picture():
    assert refused("show-filters", "edges", "-o", "x.svg", code=2) == (
        "cnnfx: There is no output format '.svg'. Choose one of png, jpg, jpeg, tif, tiff, webp, bmp, gif, pgm, ppm."
    )


def test_a_picture_in_place_of_filters_is_named_as_one():
    shutil.copy(SEVEN, "x.png")
    assert refused("show-filters", "x.png", code=2) == (
        'cnnfx: there is no preset called "x.png". x.png is a picture. Filters are a preset, a filter file (.toml), '
        "a model (.npz), or a file of PyTorch, Keras, ONNX or safetensors."
    )


def test_filters_of_colors_on_single_channels_name_the_option():
    assert refused("apply", SEVEN, "-f", "colors", "--channels", "each", "-o", "x.png").endswith(
        "its filters read a channel 'red', its input has 1 (0). Filters of colors need a color picture and "
        "--channels auto or rgb."
    )


def test_notes_about_an_image_are_in_the_json_of_every_command(model):
    image = "dem.tif"
    levels = np.linspace(0, 1, 28 * 28, dtype=np.float32).reshape(28, 28)
    levels[3, 3] = -9999
    PIL.Image.fromarray(levels).save(image, tiffinfo={42113: "-9999"})
    for command in (
        ("apply", image, "-f", "edges", "-o", "o.npy"),
        ("explain", image, "-f", "edges", "--only", "top"),
        ("animate", image, "-f", "edges", "--only", "top", "--steps", "2", "-o", "a.gif"),
    ):
        (note, *_) = json.loads(done(*command, "--json").stdout.splitlines()[0])["notes"]
        assert note.startswith(f"{image}: 1 pixel has the no-data value -9999, read as NaN.")
