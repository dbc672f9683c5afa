"""`cnnfx show-patterns`: pictures, JSON, the terminal and errors."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from tests.cli.commands import SAMPLES, SEVEN, done, on_a_terminal, refused, shell
from tests.cli.pictures import opened, pixels

DATA = ("--data", "drawn:200")


def shape_of(path):
    with PIL.Image.open(path) as picture:
        return picture.size


def lines(*args):
    return [json.loads(line) for line in done("show-patterns", *args, "--json").stdout.splitlines()]


@pytest.fixture
def pictures(tmp_path):
    """A folder of some of the samples."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("seven.png", "scene.png", "colors.png"):
        shutil.copy(SAMPLES / name, folder)
    return folder


def save(name, array):
    PIL.Image.fromarray(np.asarray(array, np.uint8)).save(name)


def test_all_methods_of_a_model_are_drawn(model):
    result = done("show-patterns", model, "-o", "all.png")
    assert result.stdout == ""
    width, height = shape_of("all.png")
    assert width > 1000
    assert height > 500
    done("show-patterns", model, "-o", "patches.png", "--method", "patches", "--columns", 1)
    narrow, high = shape_of("patches.png")
    assert (narrow < 300, high > 2000) == (True, True)


def test_json_contains_activation_image_position_and_box(model):
    first = lines(model, *DATA, "--layer", 1, "--only", 1)[0]
    assert (first["network"], first["layer"], first["filter"], first["images"]) == ("small", 1, "1", 200)
    assert first["receptive_field"] == {"height": 6, "width": 6}
    activations = [patch["activation"] for patch in first["patches"]]
    assert activations == sorted(activations, reverse=True)
    assert len({patch["image"] for patch in first["patches"]}) == len(activations)
    for patch in first["patches"]:
        row, column = patch["at"][1], patch["at"][0]
        assert patch["box"] == {"top": 2 * row, "left": 2 * column, "bottom": 2 * row + 6, "right": 2 * column + 6}
    assert sorted(climb["seed"] for climb in first["maximization"]) == [0, 1, 2, 3]
    assert first["maximization"][0]["activation"] >= activations[0] * 0.999


def test_classes_are_selected_by_name(model):
    found = lines(model, *DATA, "--layer", "classes", "--only", "0,3,5-8", "--method", "patches")
    assert [one["filter"] for one in found] == ["0", "3", "5", "6", "7", "8"]
    assert {one["layer"] for one in found} == {"classes"}


def test_a_seed_gives_the_same_picture_and_numbers(model):
    args = (model, *DATA, "--only", "1-3")
    for name, seed in (("a.png", 5), ("b.png", 5), ("c.png", 6)):
        done("show-patterns", *args, "--seed", seed, "-o", name)
    first, second, other = (Path(name).read_bytes() for name in ("a.png", "b.png", "c.png"))
    assert first == second
    assert first != other


def test_a_preset_searches_a_folder_of_pictures_of_any_size(pictures):
    found = lines("sobel", "--data", pictures, "--only", "y,1")
    assert [one["filter"] for one in found] == ["y", "x"]
    assert {Path(patch["image"]).name for patch in found[0]["patches"]} == {"seven.png", "scene.png", "colors.png"}
    assert done("show-patterns", "sobel", "--data", pictures, "--json").stderr == (
        "cnnfx: photos: it contains 3 images, so there are fewer than 9 patches.\n"
    )


def test_a_single_picture_can_be_searched(pictures):
    assert len(lines("edges", "--data", pictures / "scene.png")[0]["patches"]) == 1


def test_layers_have_names_in_json_and_in_the_title(pictures):
    args = ("squeezenet", "--data", pictures, "--layer", "conv1", "--only", "top:2")
    result = done("show-patterns", *args, "--method", "patches,deconvolution", "-o", "conv1.png", "--json")
    first, second = map(json.loads, result.stdout.splitlines())
    assert (first["layer"], first["layer_name"], first["receptive_field"]) == (1, "conv1", {"width": 3, "height": 3})
    assert first["patches"][0]["activation"] >= second["patches"][0]["activation"]
    title = "squeezenet, layer conv1 · patches of 3×3 · from 3 images of photos"
    assert title in done("show-patterns", *args, "--method", "patches").stdout


def test_without_output_the_best_of_each_are_drawn_as_text():
    result = done("show-patterns", "edges", *DATA, "--method", "patches,maximization")
    first, second, names, *rest = result.stdout.splitlines()
    assert first == "edges, layer 1 · patches of 3×3 · from 200 images of drawn:200"
    assert second == "patches, maximization"
    assert names.startswith("top: ")
    assert ", maximized " in names
    assert len(rest) >= 2
    assert result.stderr == "cnnfx: the best pattern of each filter is shown; -o FILE.png draws all.\n"


def test_a_terminal_gets_colors_and_a_bar():
    code, shown = on_a_terminal("show-patterns", "edges", *DATA, COLORTERM="truecolor")
    assert code == 0
    assert "48;2;" in shown
    assert "images" in shown


def test_a_picture_goes_into_a_pipe():
    result = shell("cnnfx show-patterns edges --data drawn:100 -o - | head -c 4 | tail -c 3")
    assert result.stdout == b"PNG"


def test_a_filter_that_is_never_active_is_reported(tmp_path):
    Path("never.toml").write_text(
        'activation = "relu"\n[[filter]]\nname = "white"\nweights = [[1]]\n'
        '[[filter]]\nname = "never"\nweights = [[1]]\nbias = -2\n'
    )
    result = done("show-patterns", "never.toml", *DATA, "-o", "never.png", "--json")
    assert result.stderr == (
        "cnnfx: never active in 200 images of drawn:200: never.\n"
        f"never.png: the patterns of 2 filters, {pixels('never.png')} pixels\n"
    )
    white, never = map(json.loads, result.stdout.splitlines())
    assert (white["active"], len(white["patches"])) == (True, 9)
    assert (never["active"], never["patches"], never["maximization"]) == (False, [], [])


def test_a_filter_that_is_active_in_few_images_is_reported():
    Path("images").mkdir()
    for number in range(10):
        save(f"images/{number}.png", np.full((4, 4), 255 * (number < 2)))
    Path("white.toml").write_text('activation = "relu"\n[[filter]]\nname = "white"\nweights = [[1]]\n')
    result = done("show-patterns", "white.toml", "--data", "images", "-o", "white.png")
    assert result.stderr == (
        "cnnfx: active in fewer than 9 images: white (2).\n"
        f"white.png: the patterns of 1 filter, {pixels('white.png')} pixels\n"
    )


def test_a_picture_that_does_not_fit_is_skipped_and_reported():
    Path("images").mkdir()
    save("images/small.png", np.full((2, 2), 9))
    save("images/white.png", np.tile([0, 255], (9, 5)))
    Path("images/damaged.png").write_bytes(b"\x89PNG")
    result = done("show-patterns", "sobel", "--data", "images", "-q", "-o", "a.png")
    first, second = result.stderr.splitlines()
    assert first.startswith("cnnfx: skipped: images/damaged.png: ")
    assert second == (
        "cnnfx: skipped: images/small.png: 2×2 pixels are smaller than the receptive field of layer 1 of sobel, 3×3."
    )


def test_a_network_of_three_channels_reads_colors(pictures):
    Path("red.toml").write_text('[[filter]]\nname = "red"\ninputs = { red = [[1]], green = [[-1]] }\n')
    done("show-patterns", "red.toml", "--data", pictures, "-o", "red.png", "-q")
    with PIL.Image.open("red.png") as picture:
        assert picture.mode == "RGB"
        assert (np.asarray(picture) == [255, 0, 0]).all(axis=-1).mean() > 0.02


RGB = '[[filter]]\nname = "red"\nweights = [[[1]], [[0]], [[0]]]\n'


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["--layer", 3], 2, "There is no layer 3: small has 2 layers."),
        (["--only", "1,13"], 2, "layer 2 of small: there is no channel 13. Its channels are 1 to 12."),
        (["--layer", 1, "--only", "0-3"], 2, "layer 1 of small: there is no channel 0. Its channels are 1 to 6."),
        (
            ["--layer", "classes", "--only", "10"],
            2,
            "the classes of small: there is no channel 10. Its channels are 0 to 9.",
        ),
        (["-o", "a.npz"], 2, "a.npz is not a picture file. Patterns are written to one picture: give -o patterns.png."),
        (["-o", "a/"], 2, "a/ is a folder. Patterns are written to one picture: give -o patterns.png."),
        (["-o", "-", "--json"], 2, "--json and the picture cannot both go to standard output. Give -o FILE."),
    ],
)
def test_a_missing_layer_or_filter_of_a_model_is_refused(model, args, code, message):
    assert refused("show-patterns", model, *DATA, *args, code=code) == f"cnnfx: {message}"


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--only", "1,,2", "'1,,2' is not a list of channels, such as 1,4,7-9 or top,left."),
        ("--only", "2-", "'2-' is not a list of channels. Write a range with both ends, such as 2-4."),
        ("--only", "4-2", "the range 4-2 goes from a larger number to a smaller one. Write 2-4."),
        ("--layer", "-1", "'-1' is not the name of a layer, nor its number."),
        ("--layer", "0", "There is no layer 0: edges has 1 layer."),
        ("--layer", "zero", "There is no layer 'zero': edges has 1 layer."),
        ("--method", "patches,magic", "'magic' is not one of patches, deconvolution, maximization."),
        ("--seed", "-1", "'-1' is not a whole number of 0 or more."),
    ],
)
def test_an_invalid_option_value_is_wrong_usage(option, value, message):
    assert message in " ".join(refused("show-patterns", "edges", option, value, code=2).split())


def test_a_preset_has_no_classes():
    assert refused("show-patterns", "edges", *DATA, "--layer", "classes") == (
        "cnnfx: edges has no classifier head. Choose a layer by its number."
    )


def test_a_network_of_colors_needs_data():
    assert refused("show-patterns", "squeezenet", "--layer", "fire5", code=2) == (
        "cnnfx: squeezenet reads images in color, and none are given to search: name a folder of photographs. "
        "The option is --data."
    )


def test_maximization_needs_no_photographs():
    args = ("squeezenet", "--layer", "conv1", "--only", "3,5", "--method", "maximization")
    first, _ = lines(*args)
    assert (first["images"], first["active"], first["patches"]) == (0, True, [])
    assert first["maximization"][0]["activation"] > 0
    done("show-patterns", *args, "-o", "inputs.png")
    assert "squeezenet, layer conv1 · inputs of 3×3" in done("show-patterns", *args).stdout
    assert refused("show-patterns", *args[:3], "--only", "top:3", "--method", "maximization", code=2) == (
        "cnnfx: Images are needed to search for patches and activations. The option is --data."
    )


def test_patterns_that_take_too_much_memory_are_refused():
    args = "--layer", "fire9", "--method", "patches", "--data", SAMPLES / "colors.png"
    assert refused("show-patterns", "squeezenet", *args, code=2) == (
        "cnnfx: The patterns of 512 filters of layer fire9 of squeezenet take 2.2 GB of memory, more than 0.5 GB. "
        "Choose some with --only, such as --only top:16."
    )


def test_messages_name_the_layer():
    args = "--layer", "fire5", "--only", "300", "--data", SAMPLES / "colors.png"
    assert refused("show-patterns", "squeezenet", *args, code=2) == (
        "cnnfx: layer fire5 of squeezenet: there is no channel 300. Its channels are 1 to 256."
    )
    assert refused("show-patterns", "squeezenet", "--layer", "fire55", code=2) == (
        "cnnfx: There is no layer 'fire55': squeezenet has 38 layers. Did you mean \"fire5\"?"
    )


def test_a_name_that_no_filter_has_is_refused():
    assert refused("show-patterns", "edges", *DATA, "--only", "tip", code=2) == (
        "cnnfx: layer 1 of edges: there is no channel 'tip'. Did you mean top?"
    )


def test_gray_images_are_refused_by_a_network_of_three_channels():
    Path("rgb.toml").write_text(RGB)
    assert refused("show-patterns", "rgb.toml", *DATA) == (
        "cnnfx: drawn:200: it has 1 channel; the first layer of rgb takes 3."
    )


def test_images_of_another_size_are_fitted_for_classes_as_in_predict(model):
    with PIL.Image.open(SAMPLES / "seven.png") as seven:
        seven.convert("L").resize((140, 140)).point(lambda level: 255 - level).save("dark.png")
    args = model, "--data", "dark.png", "--layer", "classes", "--only", "7", "--method", "patches", "--json"
    (pattern,) = map(json.loads, done("show-patterns", *args).stdout.splitlines())
    top = done("predict", "dark.png", "-m", model, "-o", "scores.npz", "--only", "7", "-q")
    assert top.stdout.startswith("dark.png: 7 (")
    with np.load("scores.npz") as scores:
        assert pattern["patches"][0]["activation"] == pytest.approx(float(scores["scores"][0]), abs=1e-4)


def save_colors(folder):
    """Write red and blue images into class folders, and return the folder."""
    for name, color in (("red", (255, 0, 0)), ("blue", (0, 0, 255))):
        Path(f"{folder}/{name}").mkdir(parents=True)
        for number in range(3):
            PIL.Image.new("RGB", (32, 32), color).save(f"{folder}/{name}/{number}.png")
    return folder


@pytest.mark.parametrize("spec", ["colors", "rg.toml"])
def test_networks_of_colors_get_class_folders_and_photographs_in_color(spec):
    Path("rg.toml").write_text('[[filter]]\nname = "red"\nweights = [[[1]], [[-1]], [[0]]]\n')
    args = "show-patterns", spec, "--only", "red", "--method", "patches", "--json", "-q", "--data"
    for data in (save_colors("photos"), "photos/red"):
        (found,) = map(json.loads, done(*args, data).stdout.splitlines())
        assert found["patches"][0]["activation"] > 0.5


def test_images_that_cannot_be_read_are_left_out_with_their_number():
    save_colors("photos")
    Path("photos/red/1.png").write_bytes(b"")
    command = "show-patterns", "edges", "--data", "photos", "--method", "patches", "--json", "-q"
    empty = "photos/red/1.png: it is empty. The program that made it may have failed."
    assert refused(*command) == f"cnnfx: {empty} Leave out what cannot be read with --skip-bad."
    result = done(*command, "--skip-bad")
    note = f"photos: 1 of its 6 images was skipped: {empty}"
    assert result.stderr.splitlines()[0] == f"cnnfx: {note}"
    assert {(one["skipped"], one["notes"][0]) for one in map(json.loads, result.stdout.splitlines())} == {(1, note)}


def test_a_photograph_is_refused_for_classes_of_digits(model):
    assert refused("show-patterns", model, "--data", SAMPLES / "chelsea.png", "--layer", "classes") == (
        f"cnnfx: {SAMPLES / 'chelsea.png'}: it shows no single digit on a plain background, which is what layer 1 of "
        "small reads. For photographs give --model squeezenet."
    )


def test_images_smaller_than_the_receptive_field_are_refused(model):
    save("tiny.png", np.zeros((9, 8)))
    assert refused("show-patterns", model, "--data", "tiny.png") == (
        "cnnfx: tiny.png: 8×9 pixels are smaller than the receptive field of layer 2 of small, 12×12."
    )


def test_deconvolutions_are_drawn_in_the_chosen_colors(model):
    command = ("show-patterns", model, *DATA, "--only", "1", "--method", "deconvolution", "-q")
    done(*command, "-o", "gray.png")
    done(*command, "-o", "diverging.png", "--colormap", "diverging")
    with PIL.Image.open("gray.png") as gray, PIL.Image.open("diverging.png") as colored:
        assert (gray.mode, colored.mode) == ("L", "RGB")
        assert gray.width == colored.width


def test_weights_near_the_limit_of_float32_are_drawn():
    with open("big.toml", "w") as file:
        file.write('[[filter]]\nname = "big"\nweights = [[3e38, -3e38], [3e38, 1]]\n')
    done("show-patterns", "big.toml", "--data", SEVEN, "--method", "patches,deconvolution", "-o", "p.png")
    assert opened("p.png").size[0] > 100
