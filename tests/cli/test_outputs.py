"""Outputs: files, folders, templates and standard output; inputs are never overwritten."""

from __future__ import annotations

import io
import json
import os
import shutil
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

import cnnfx
from cnnfx.pipeline.targets import ARRAY_FORMATS, PAGE_FORMATS, PICTURE_FORMATS
from tests.cli.commands import SAMPLES, SEVEN, done, refused


def files(folder: str = ".") -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file())


def size(name: str) -> tuple[int, int]:
    with PIL.Image.open(name) as picture:
        return picture.size


# --- names


def test_the_default_name_contains_image_and_filters():
    done("apply", SEVEN, "-f", "sobel", "-f", "box", "--then", "gaussian")
    assert files() == ["seven.sobel+box-gaussian.png"]


def test_the_default_name_has_the_ending_of_the_format():
    done("apply", SEVEN, "-f", "box", "--format", "npy")
    assert files() == ["seven.box.npy"]


def test_a_template_is_filled_with_image_and_filters(tmp_path):
    (tmp_path / "out").mkdir()
    done("apply", SEVEN, SAMPLES / "scene.png", "-f", "box", "-o", "out/{filters} of {stem}.png")
    assert files() == ["out/box of scene.png", "out/box of seven.png"]


def test_an_unusual_name_is_accepted():
    shutil.copy(SEVEN, "a b's (é).png")
    done("apply", "a b's (é).png", "-f", "box")
    assert "a b's (é).box.png" in files()


# --- formats


@pytest.mark.parametrize("ending", PICTURE_FORMATS)
def test_the_ending_chooses_the_kind_of_picture(ending):
    done("apply", SEVEN, "-f", "edges", "-o", f"a.{ending}")
    with PIL.Image.open(f"a.{ending}") as picture:
        assert picture.format == PICTURE_FORMATS[ending]
        picture.load()


@pytest.mark.parametrize("ending", [ending for ending in PICTURE_FORMATS if ending not in ("gif", "pgm")])
def test_a_picture_in_colors_can_have_every_ending(ending):
    done("apply", SEVEN, "-f", "edges", "--colormap", "diverging", "-o", f"a.{ending}")
    with PIL.Image.open(f"a.{ending}") as picture:
        assert picture.mode == "RGB"


def test_an_ending_in_capitals_is_recognized():
    done("apply", SEVEN, "-f", "edges", "-o", "A.NPY")
    assert np.load("A.NPY").shape == (4, 26, 26)


def test_a_format_is_used_for_a_name_without_ending():
    done("apply", SEVEN, "-f", "edges", "-o", "maps.dat", "--format", "npy")
    assert np.load("maps.dat").shape == (4, 26, 26)


@pytest.mark.parametrize(("name", "format"), [("a.jpg", "jpeg"), ("a.tif", ".TIFF"), ("a.png", "png")])
def test_a_format_may_repeat_the_ending(name, format):
    done("apply", SEVEN, "-f", "edges", "-o", name, "--format", format)
    assert files() == [name]


def test_a_format_may_not_contradict_the_ending():
    assert refused("apply", SEVEN, "-f", "edges", "-o", "a.png", "--format", "npz", code=2) == (
        "cnnfx: a.png ends in .png, but --format is npz. Give one of the two."
    )
    assert files() == []


KNOWN = ", ".join([*PICTURE_FORMATS, *ARRAY_FORMATS, *PAGE_FORMATS])


def test_an_unknown_ending_is_refused():
    assert refused("apply", SEVEN, "-f", "edges", "-o", "a.xyz", code=2) == (
        f"cnnfx: There is no output format '.xyz'. Choose one of {KNOWN}."
    )


def test_an_unknown_format_is_refused():
    assert refused("apply", SEVEN, "-f", "edges", "--format", "xyz", code=2) == (
        f"cnnfx: There is no output format 'xyz'. Choose one of {KNOWN}."
    )


def test_a_name_without_ending_is_refused():
    assert refused("apply", SEVEN, "-f", "edges", "-o", "maps", code=2) == (
        "cnnfx: maps has no ending that determines the format. Add one, such as .png or .npz, or give --format."
    )


def test_a_npz_contains_maps_names_and_settings():
    done("apply", SEVEN, "-f", "sobel", "--stride", "2", "--pool", "max:2", "-o", "a.npz")
    with np.load("a.npz") as file:
        assert sorted(file) == ["maps", "meta", "names"]
        meta = json.loads(str(file["meta"]))
    assert meta == {
        "format": 1,
        "input": str(SEVEN),
        "filters": "sobel",
        "layers": [
            {
                "kind": "conv",
                "filters": ["x", "y"],
                "stride": [2, 2],
                "dilation": [1, 1],
                "padding": [[0, 0], [0, 0]],
                "border": "constant",
                "groups": 1,
                "combine": [
                    {"name": "x", "kind": "take", "of": [0]},
                    {"name": "y", "kind": "take", "of": [1]},
                    {"name": "magnitude", "kind": "norm", "of": [0, 1]},
                ],
                "activation": "none",
                "pool": "max:2",
            }
        ],
    }


def test_a_npy_cannot_hold_several_layers():
    assert refused("apply", SEVEN, "-f", "box", "--then", "box", "--layer", "all", "-o", "a.npy", code=2) == (
        "cnnfx: A .npy file holds one array, so it cannot hold several layers. Write a .npz instead."
    )
    assert files() == []


def test_a_picture_too_large_for_its_format_is_refused():
    np.save("wide.npy", np.zeros((1, 20000), np.float32))
    text = refused("apply", "wide.npy", "-k", "1", "--no-labels", "--gap", "0", "-o", "a.webp")
    assert text.startswith("cnnfx: a.webp: a picture of 20000×1 pixels cannot be written as webp: ")
    assert text.endswith(". Write a .png instead.")
    assert files() == ["wide.npy"]


# --- the grid


def test_columns_scale_gap_and_labels_make_the_size():
    done("apply", SEVEN, "-f", "edges", "--columns", "4", "--scale", "2", "--gap", "3", "--no-labels", "-o", "a.png")
    assert size("a.png") == (4 * 52 + 5 * 3, 52 + 2 * 3)


def test_labels_make_a_grid_higher():
    done("apply", SEVEN, "-f", "edges", "--columns", "2", "--no-labels", "-o", "bare.png")
    done("apply", SEVEN, "-f", "edges", "--columns", "2", "-o", "labeled.png")
    assert size("labeled.png")[0] == size("bare.png")[0]
    assert size("labeled.png")[1] > size("bare.png")[1]


def test_the_input_stands_at_the_left_of_the_maps():
    plain = ["apply", SEVEN, "-f", "edges", "--columns", "9", "--scale", "1", "--gap", "0", "--no-labels"]
    done(*plain, "--with-input", "-o", "a.png")
    assert size("a.png") == (28 + 4 * 26, 28)


def test_a_legend_makes_a_grid_higher_and_no_labels_leaves_pixels_alone():
    for option in ("--legend", "--no-legend", "--no-labels"):
        done("apply", SEVEN, "-f", "edges", "--columns", "4", "--gap", "0", option, "-o", f"{option}.png")
    heights = [size(f"{option}.png")[1] for option in ("--legend", "--no-legend", "--no-labels")]
    assert heights[0] > heights[1] > heights[2] == 26 * 7


def test_filters_are_drawn_above_their_maps():
    done("apply", SEVEN, "-f", "edges", "-o", "bare.png")
    done("apply", SEVEN, "-f", "edges", "--with-filters", "-o", "filters.png")
    assert size("filters.png")[1] > size("bare.png")[1]


def shown(*options: str) -> np.ndarray:
    np.save("a.npy", np.array([[-1, 0, 2]], np.float32))
    done("apply", "a.npy", "-k", "1", "--no-labels", "--gap", "0", "--scale", "1", *options, "-o", "a.png")
    with PIL.Image.open("a.png") as picture:
        return np.asarray(picture)


@pytest.mark.parametrize(
    ("mode", "levels"),
    [
        ("signed", [64, 128, 255]),
        ("minmax", [0, 85, 255]),
        ("positive", [0, 0, 255]),
        ("absolute", [128, 0, 255]),
        ("none", [0, 0, 255]),
    ],
)
def test_a_normalization_maps_values_to_gray_levels(mode, levels):
    assert shown("--normalize", mode).tolist() == [levels]


def test_the_scope_of_all_makes_channels_comparable():
    np.save("a.npy", np.array([[1]], np.float32))
    grid = ["--no-labels", "--gap", "0", "--scale", "1", "--columns", "2", "-o", "a.png"]
    done("apply", "a.npy", "-k", "1", "-k", "1/2", "--scope", "all", *grid)
    with PIL.Image.open("a.png") as picture:
        assert np.asarray(picture).tolist() == [[255, 191]]


def test_a_color_map_colors_the_values():
    assert shown("--colormap", "diverging").tolist()[0][1:] == [[247, 246, 245], [102, 46, 3]]


def test_a_huge_grid_is_refused_with_advice():
    text = refused("apply", SEVEN, "-f", "edges", "--scale", "10000", "-o", "a.png")
    assert text == (
        f"cnnfx: {SEVEN}: the grid would have 520000×520000 pixels; the limit is 600 megapixels. "
        "Choose maps with --layer and --only, write one picture per channel with -o FOLDER/, or use a smaller --scale."
    )
    assert files() == []


def test_a_long_row_has_labels_of_the_usual_size():
    np.save("a.npy", np.zeros((1, 100_000), np.float32))
    done("apply", "a.npy", "-k", "1", "--no-legend", "-o", "a.png")
    assert size("a.png")[1] < 50


# --- folders


def test_a_folder_gets_a_picture_for_each_channel():
    result = done("apply", SEVEN, "-f", "edges", "-o", "maps/")
    assert files() == ["maps/seven.bottom.png", "maps/seven.left.png", "maps/seven.right.png", "maps/seven.top.png"]
    assert result.stderr == "4 files, maps/seven.top.png the first: 4 channels of 26×26\n"
    assert size("maps/seven.top.png") == (26, 26)


def test_a_folder_that_exists_needs_no_slash(tmp_path):
    (tmp_path / "maps").mkdir()
    done("apply", SEVEN, "-f", "box", "-o", "maps")
    assert files() == ["maps/seven.box.png"]


@pytest.mark.parametrize("ending", ARRAY_FORMATS)
def test_a_folder_can_hold_arrays(ending):
    done("apply", SEVEN, "-f", "edges", "-o", "maps/", "--format", ending)
    done("apply", SEVEN, "-f", "edges", "-o", "all.npy")
    np.testing.assert_array_equal(cnnfx.load_image(f"maps/seven.left.{ending}").floats(), np.load("all.npy")[1:2])


def test_files_of_layers_have_different_names_in_a_folder():
    done("apply", SEVEN, "-f", "box", "--then", "box", "--layer", "all", "-o", "maps/")
    assert files() == ["maps/seven.layer1.box.png", "maps/seven.layer2.box.png"]


def test_a_folder_repeats_the_subfolders_of_the_images(tmp_path):
    (tmp_path / "photos" / "deeper").mkdir(parents=True)
    shutil.copy(SEVEN, "photos/a.png")
    shutil.copy(SEVEN, "photos/deeper/a.png")
    done("apply", "photos", "-r", "-f", "box", "-o", "maps/")
    assert files("maps") == ["a.box.png", "deeper/a.box.png"]


def test_images_that_differ_in_their_ending_get_different_files_in_a_folder():
    shutil.copy(SEVEN, "a.png")
    shutil.copy(SEVEN, "a.bmp")
    done("apply", "a.png", "a.bmp", "-f", "box", "-o", "maps/")
    assert files("maps") == ["a.bmp.box.png", "a.png.box.png"]


def test_images_of_one_name_are_refused_in_one_folder(tmp_path):
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        shutil.copy(SEVEN, f"{folder}/a.png")
    assert refused("apply", "x/a.png", "y/a.png", "-f", "box", "-o", "maps/", code=2) == (
        "cnnfx: 2 images would all be written to maps/a.png.*. Give each its own name or folder."
    )


def test_channels_whose_file_names_would_be_equal_are_numbered(tmp_path):
    (tmp_path / "own.toml").write_text(
        '[[filter]]\nname = "a/b"\nweights = [[1]]\n[[filter]]\nname = "A b"\nweights = [[2]]\n'
    )
    done("apply", SEVEN, "-f", "own.toml", "-o", "maps/")
    assert files("maps") == ["seven.A_b.2.png", "seven.a_b.1.png"]


def test_a_folder_in_a_missing_folder_is_refused():
    assert refused("apply", SEVEN, "-f", "box", "-o", "no/maps/") == (
        "cnnfx: no/maps: the folder that should contain it does not exist. Create it first."
    )


@pytest.mark.parametrize(
    ("parent", "reason"), [("x" * 300, "the name is too long"), ("a.png", "a part of its path is not a folder")]
)
def test_a_folder_whose_path_cannot_be_used_is_refused(parent, reason):
    shutil.copy(SEVEN, "a.png")
    assert refused("apply", SEVEN, "-f", "box", "-o", f"{parent}/maps/") == (
        f"cnnfx: {parent}/maps: the folder cannot be created: {reason}. Choose another output with -o."
    )


def test_a_file_as_output_folder_is_refused(tmp_path):
    (tmp_path / "maps").write_text("")
    assert refused("apply", SEVEN, "-f", "box", "-o", "maps/") == (
        "cnnfx: maps: it is a file, so it cannot be made a folder. Choose another output with -o."
    )


# --- never over an input


@pytest.mark.parametrize("name", ["a.png", "./a.png", "link.png", "hard.png"])
def test_an_input_is_never_overwritten(name):
    shutil.copy(SEVEN, "a.png")
    os.symlink("a.png", "link.png")
    os.link("a.png", "hard.png")
    assert refused("apply", "a.png", "-f", "box", "-o", name, code=2) == (
        f"cnnfx: {Path(name)}: the output (-o) is also an input ({'IMAGE' if 'a.png' in name else 'IMAGE: a.png'}): "
        "it would be overwritten. Choose another output with -o."
    )
    assert Path("a.png").read_bytes() == SEVEN.read_bytes()


def test_an_input_named_like_the_output_of_another_is_not_overwritten():
    shutil.copy(SEVEN, "a.png")
    shutil.copy(SEVEN, "a.box.png")
    assert refused("apply", "a.png", "a.box.png", "-f", "box", code=2) == (
        "cnnfx: a.box.png: the output (-o) is also an input (IMAGE): it would be overwritten. Choose another output "
        "with -o."
    )
    assert files() == ["a.box.png", "a.png"]


def test_an_input_is_not_overwritten_by_a_channel_in_a_folder(tmp_path):
    (tmp_path / "photos").mkdir()
    shutil.copy(SEVEN, "photos/a.png")
    shutil.copy(SEVEN, "photos/a.right.png")
    assert refused("apply", "photos", "-f", "edges", "-o", "photos", code=2) == (
        "cnnfx: photos/a.right.png: the output (-o) is also an input (in a folder of images): it would be overwritten. "
        "Choose another output with -o."
    )
    assert Path("photos/a.right.png").read_bytes() == SEVEN.read_bytes()
    assert "a.top.png" not in files("photos")


def test_several_images_are_not_written_to_one_file():
    assert refused("apply", SEVEN, SAMPLES / "scene.png", "-f", "box", "-o", "a.png", code=2) == (
        "cnnfx: 2 images would all be written to a.png. "
        "Give -o FOLDER/ or a name with {stem} in it, such as -o 'out/{stem}.png'."
    )


def test_several_images_are_not_written_to_standard_output():
    assert refused("apply", SEVEN, SAMPLES / "scene.png", "-f", "box", "-o", "-", code=2) == (
        "cnnfx: 2 images would all be written to standard output. "
        "Give -o FOLDER/ or a name with {stem} in it, such as -o 'out/{stem}.png'."
    )


def test_a_link_to_another_file_stays_a_link(tmp_path):
    (tmp_path / "old.png").write_text("old")
    os.symlink("old.png", "link.png")
    done("apply", SEVEN, "-f", "box", "-o", "link.png")
    assert Path("link.png").is_symlink()
    assert size("old.png") == size("link.png")


# --- standard output


def test_standard_output_gets_the_same_bytes_as_a_file():
    result = done("apply", SEVEN, "-f", "edges", "-o", "-")
    done("apply", SEVEN, "-f", "edges", "-o", "a.png")
    assert result.stdout_bytes == Path("a.png").read_bytes()
    assert result.stderr == ""


def test_standard_output_can_be_an_array():
    result = done("apply", SEVEN, "-f", "edges", "-o", "-", "--format", "npy")
    assert np.load(io.BytesIO(result.stdout_bytes)).shape == (4, 26, 26)


@pytest.mark.parametrize(
    ("command", "output"),
    [
        (["apply", SEVEN, "-f", "signs.toml"], "maps.png"),
        (["apply", SEVEN, "-f", "signs.toml", "--overlay"], "maps.png"),
        (["show-filters", "signs.toml"], "filters.png"),
        (["animate", SEVEN, "-f", "signs.toml", "--region", "8,8,6,6"], "slide.gif"),
    ],
)
def test_a_note_tells_how_characters_that_the_typeface_lacks_are_written(command, output):
    names = ("größer σ ∂x верх", "漢字")
    filters = "\n".join(f'[[filter]]\nname = "{name}"\nweights = [[1, -1]]\n' for name in names)
    Path("signs.toml").write_text(filters, encoding="utf-8")
    notes = done(*command, "-o", output).stderr.splitlines()
    assert [note for note in notes if "typeface" in note] == [
        rf"{output}: the typeface of pictures has no 漢, 字; written as \u6f22, \u5b57."
    ]


def test_pixels_without_labels_have_no_such_note():
    Path("signs.toml").write_text('[[filter]]\nname = "漢"\nweights = [[1, -1]]\n', encoding="utf-8")
    assert "typeface" not in done("apply", SEVEN, "-f", "signs.toml", "--no-labels", "-o", "maps.png").stderr
