"""Commands on networks that are graphs of named layers: layers by name, joins, and layers without filters."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import cnnfx
from tests.cli.commands import SAMPLES, SEVEN, done, on_a_terminal, refused
from tests.cli.graphs import write_graph
from tests.cli.pictures import frames, opened
from tests.cli.test_help import completed

PHOTO = SAMPLES / "still-life.png"


@pytest.fixture(autouse=True)
def little(tmp_path):
    """The network in the file little.toml, and a photograph of 40×30 pixels."""
    path = write_graph(tmp_path)
    image = cnnfx.load_image(PHOTO).floats()[:, 60:90, 100:140]
    np.save("photo.npy", image)
    return cnnfx.load_network(path)


def arrays(*options):
    done("apply", "photo.npy", "-f", "little.toml", *options, "-o", "maps.npz")
    with np.load("maps.npz") as file:
        return dict(file)


# apply


@pytest.mark.parametrize("layer", ["fire2", "5"])
def test_a_layer_is_chosen_by_its_name_or_number(layer, little):
    found = arrays("--layer", layer)
    expected = little.feature_maps(cnnfx.load_image("photo.npy"))[4]
    np.testing.assert_allclose(found["maps"], expected, rtol=1e-4, atol=1e-4)
    assert list(found["names"]) == [str(number) for number in range(1, 13)]


def test_the_default_layer_makes_maps_not_the_scores_of_classes():
    assert arrays()["maps"].shape == (4, 6, 9)
    assert arrays("--layer", "classes")["maps"].shape == (4, 1, 1)


def test_arrays_of_all_layers_are_called_by_the_names_of_the_layers():
    found = arrays("--layer", "all")
    assert [key for key in found if key.startswith("maps")] == [
        "maps.conv1", "maps.fire2-squeeze", "maps.fire2-expand1x1", "maps.fire2-expand3x3", "maps.fire2", "maps.scores",
        "maps.classes",
    ]  # fmt: skip
    assert found["maps.fire2-squeeze"].shape == (3, 6, 9)
    assert list(found["names.scores"]) == ["1", "2", "3", "4"]


def test_files_of_all_layers_are_called_by_the_names_of_the_layers():
    done("apply", "photo.npy", "-f", "little.toml", "--layer", "all", "--only", "2", "-o", "maps/")
    assert sorted(path.name for path in Path("maps").iterdir()) == [
        "photo.classes.2.png", "photo.conv1.2.png", "photo.fire2-expand1x1.2.png", "photo.fire2-expand3x3.2.png",
        "photo.fire2-squeeze.2.png", "photo.fire2.2.png", "photo.scores.2.png",
    ]  # fmt: skip
    again = done(
        "apply", "photo.npy", "-f", "little.toml", "--layer", "all", "--only", "2", "-o", "maps/", "--skip-existing"
    )
    assert again.stderr == "photo.npy: its output exists already.\n"


def test_names_of_layers_that_clash_in_files_are_numbered():
    text = Path("little.toml").read_text()
    Path("clash.toml").write_text(text.replace('name = "scores"', 'name = "fire2-squeeze"'))
    done("apply", "photo.npy", "-f", "clash.toml", "--layer", "all", "-o", "maps.npz")
    with np.load("maps.npz") as file:
        assert {"maps.fire2-squeeze.2", "maps.fire2-squeeze.6"} < set(file)


def test_json_has_the_number_and_the_name_of_the_layer():
    (found,) = map(
        json.loads,
        done("apply", "photo.npy", "-f", "little.toml", "--layer", "fire2", "--json", "-q").stdout.splitlines(),
    )
    assert (found["layer"], found["layer_name"]) == (5, "fire2")
    (chain,) = map(json.loads, done("apply", SEVEN, "-f", "edges", "--json", "-q").stdout.splitlines())
    assert "layer_name" not in chain


def test_the_strongest_channels_of_a_join_come_first(little):
    expected = little.feature_maps(cnnfx.load_image("photo.npy"))[4].max(axis=(1, 2))
    found = arrays("--layer", "fire2", "--only", "top:3")
    assert list(found["names"]) == [str(index + 1) for index in np.argsort(-expected)[:3]]
    np.testing.assert_allclose(found["maps"].max(axis=(1, 2)), np.sort(expected)[:-4:-1], rtol=1e-4)


def test_the_options_of_the_last_layer_apply_to_the_chosen_one():
    assert arrays("--layer", "fire2", "--pool", "max:2")["maps"].shape == (12, 3, 4)
    assert arrays("--layer", "conv1", "--stride", "1", "--pool", "none")["maps"].shape == (8, 28, 38)
    sums = arrays("--layer", "fire2", "--activation", "softmax")["maps"].sum(axis=0)
    np.testing.assert_allclose(sums, 1, rtol=1e-5)


def test_layers_of_then_read_maps_not_the_scores_of_classes():
    assert arrays("--then", "box")["maps"].shape == (1, 4, 7)


def test_a_picture_and_an_overlay_and_a_page_of_a_join():
    for options in (
        ("--layer", "fire2", "-o", "a.png"),
        ("--layer", "all", "--with-input", "--with-filters", "-o", "b.png"),
        ("--layer", "fire2", "--overlay", "-o", "c.png"),
        ("--layer", "fire2", "-o", "d.html"),
    ):
        done("apply", "photo.npy", "-f", "little.toml", *options)
        assert Path(options[-1]).stat().st_size > 1000


def test_a_terminal_shows_the_strongest_of_many_maps():
    code, shown = on_a_terminal(
        "apply", SEVEN, *[part for name in ("edges", "sobel") for part in ("-f", name)], "-o", "a.png"
    )
    assert code == 0
    assert "strongest" not in shown
    Path("many.toml").write_text("".join(f"[[filter]]\nname = 'f{k}'\nweights = [[{k}]]\n" for k in range(1, 71)))
    code, shown = on_a_terminal("apply", SEVEN, "-f", "many.toml", "-o", "a.png")
    assert code == 0
    assert shown.startswith("the 12 of 70 maps with the strongest response\nf70 ")
    assert "f58 " not in shown


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--layer", "fre2"), "There is no layer 'fre2': little has 7 layers. Did you mean \"fire2\"?"),
        (("--layer", "8"), "There is no layer 8: little has 7 layers."),
        (("--layer", "fire2", "--only", "13"),
         "layer fire2 of little: there is no channel 13. Its channels are 1 to 12."),
        (("--layer", "fire2", "--stride", "2"),
         "layer fire2 of little has no filters: it joins fire2/expand1x1 and fire2/expand3x3. So --stride cannot be "
         "applied to it. Leave it out, or choose a layer with filters."),
        (("--layer", "classes", "--flip", "--padding", "1"),
         "layer classes of little has no filters: it pools scores. So --padding and --flip cannot be applied to it. "
         "Leave them out, or choose a layer with filters."),
        (("-f", "sobel"),
         "little has 7 layers, so it cannot be combined with other filters into one layer. Give it alone, or add "
         "layers that read its maps with --then."),
        (("-k", "1 2"),
         "little has 7 layers, so it cannot be combined with other filters into one layer. Give it alone, or add "
         "layers that read its maps with --then."),
    ],
)  # fmt: skip
def test_options_that_cannot_work_are_wrong_usage(options, message):
    assert refused("apply", "photo.npy", "-f", "little.toml", *options, code=2) == f"cnnfx: {message}"
    assert not list(Path().glob("*.png"))


def test_a_network_that_normalizes_its_input_must_be_the_first():
    message = refused("apply", "photo.npy", "-f", "edges", "--then", "little.toml", code=2)
    assert message == "cnnfx: little normalizes its input, so it must be the first network, not a later one."


# show-filters


def test_filters_on_colors_are_pictures_in_color(little):
    done("show-filters", "little.toml", "--layer", "conv1", "-o", "a.png", "--no-labels")
    with opened("a.png") as picture:
        shown = np.asarray(picture)
    first = little.layers[0].conv.weights[0]
    expected = np.rint(127.5 + 127.5 * first / np.abs(first).max()).transpose(1, 2, 0)
    side = 132 // 3
    np.testing.assert_allclose(shown[7 : 7 + 3 * side : side, 7 : 7 + 3 * side : side], expected, atol=1)


def test_layers_without_filters_are_left_out_of_all():
    found = [json.loads(line) for line in done("show-filters", "little.toml", "--json").stdout.splitlines()]
    assert [(one["layer"], one["layer_name"]) for one in found] == [
        (1, "conv1"), (2, "fire2/squeeze"), (3, "fire2/expand1x1"), (4, "fire2/expand3x3"), (6, "scores"),
    ]  # fmt: skip
    assert found[0]["inputs"] == ["red", "green", "blue"]
    assert found[4]["inputs"] == [str(number) for number in range(1, 13)]


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("fire2", "layer fire2 of little has no filters: it joins fire2/expand1x1 and fire2/expand3x3. "
         "Choose fire2/expand1x1 or fire2/expand3x3 with --layer."),
        ("classes", "layer classes of little has no filters: it pools scores. Choose scores with --layer."),
        ("fire2/expand", "'fire2/expand' is part of the names of 2 layers of little: fire2/expand1x1, fire2/expand3x3. "
         "Write more of the name."),
        ("fire3", "There is no layer 'fire3': little has 7 layers. Did you mean \"fire2\"?"),
    ],
)  # fmt: skip
def test_a_layer_without_filters_cannot_be_shown(layer, message):
    assert refused("show-filters", "little.toml", "--layer", layer, code=2) == f"cnnfx: {message}"


def test_of_many_layers_the_first_is_shown_unless_others_are_chosen():
    layers = "".join(f'[[layer]]\nname = "l{k}"\n[[layer.filter]]\nweights = [[1]]\n' for k in range(1, 8))
    Path("deep.toml").write_text(f'name = "deep"\n{layers}')
    shown = done("show-filters", "deep.toml")
    assert shown.stdout.splitlines()[0] == "l1: 1 filter of 1×1"
    assert shown.stderr == (
        "deep has 7 layers with filters; l1 is shown. --layer chooses others, such as l2, or all.\n"
    )
    assert "l7: 1 filter of 1×1" in done("show-filters", "deep.toml", "--layer", "all").stdout


def test_a_terminal_shows_filters_on_colors_in_color():
    text = Path("little.toml").read_text()
    random = np.random.default_rng(1)
    with np.load("little.npz") as file:
        tensors = dict(file)
    tensors["conv1.weight"] = random.normal(size=(12, 3, 3, 3)).astype(np.float32)
    tensors["conv1.bias"] = np.zeros(12, np.float32)
    np.savez("little.npz", **tensors)
    Path("one.toml").write_text(text.partition('[[layer]]\nname = "fire2/squeeze"')[0].replace("classes = ", "#"))
    code, shown = on_a_terminal("show-filters", "one.toml", COLORTERM="truecolor")
    assert code == 0
    assert shown.startswith("conv1: 12 filters of 3×3 on red, green and blue\n")
    assert "color" not in shown


def test_weights_of_1x1_filters_on_many_channels_are_lines_in_a_terminal():
    weights = str([[[k % 3 - 1]] for k in range(100)])
    below = "".join(f'[[layer.filter]]\nname = "i{k}"\nweights = [[1]]\n' for k in range(100))
    Path("wide.toml").write_text(
        f'[[layer]]\n{below}[[layer]]\n[[layer.filter]]\nname = "a"\nweights = {weights}\n'
        f'[[layer.filter]]\nname = "b"\nweights = {weights}\n'
    )
    lines = done("show-filters", "wide.toml", "--layer", "2").stdout.splitlines()
    assert lines[0] == "layer 2: 2 filters of 1×1, one row each; one column for each of 100 input channels"
    assert lines[2] == "  input i0 to i77"
    assert lines[3] == "a " + ("−·+" * 26)
    assert lines[6] == "  input i78 to i99"
    assert len(lines) == 9


# explain


def explained(*options):
    shown = done("explain", "photo.npy", "-f", "little.toml", *options, "--json", "-q")
    return [json.loads(line) for line in shown.stdout.splitlines()]


@pytest.mark.parametrize("layer", ["conv1", "fire2/expand3x3", "fire2", "scores", "classes"])
def test_explained_values_are_those_of_the_network(layer, little):
    maps = little.feature_maps(cnnfx.load_image("photo.npy"))[little.layer_number(layer) - 1]
    x, y = (0, 0) if layer == "classes" else (4, 3)
    found = explained("--layer", layer, "--at", f"{x},{y}")
    np.testing.assert_allclose([one["value"] for one in found], maps[:, y, x], rtol=1e-4, atol=1e-4)
    assert {one["layer_name"] for one in found} == {layer}


def test_a_channel_of_a_join_is_explained_by_the_layer_that_it_comes_from():
    (found,) = explained("--layer", "fire2", "--only", "8", "--at", "4,3", "--depth", "2")
    (passed,) = found["contributions"]
    source = passed["output"]
    assert (source["layer"], source["layer_name"], source["filter"], source["at"]) == (
        4,
        "fire2/expand3x3",
        "2",
        [4, 3],
    )
    assert source["value"] == found["value"] == passed["adds"][0]
    assert {below["output"]["layer_name"] for below in source["contributions"]} == {"fire2/squeeze"}


def test_the_text_names_layers_and_where_channels_come_from():
    text = done("explain", "photo.npy", "-f", "little.toml", "--layer", "scores", "--only", "1", "--at", "4,3").stdout
    assert "through little: scores, position 4,3 of 9×6\n" in text
    assert "The image is normalized first, (value × 255 - mean) / std, with mean 120, 110, 100 and std 60" in text
    assert "Shown are the 3 of 12 input channels with the largest sums.\n" in text
    assert "of fire2/expand" in text


def test_the_text_of_overlapping_pooling_shows_its_window():
    text = done("explain", "photo.npy", "-f", "little.toml", "--layer", "conv1", "--only", "1", "--at", "4,3").stdout
    assert "Max pooling keeps the largest of 3×3 outputs: the one at " in text
    assert "The 3×3 outputs before pooling:" in text


def test_top_selects_the_largest_outputs_at_the_position(little):
    values = little.feature_maps(cnnfx.load_image("photo.npy"))[4][:, 3, 4]
    found = explained("--layer", "fire2", "--only", "top:2", "--at", "4,3")
    assert [one["filter"] for one in found] == [str(index + 1) for index in np.argsort(-values)[:2]]


def test_a_position_or_depth_that_does_not_exist_names_the_layer():
    where = ("explain", "photo.npy", "-f", "little.toml", "--layer", "fire2")
    assert refused(*where, "--at", "9,0", code=2) == (
        "cnnfx: There is no position 9,0: the output of fire2 is 9×6, so x is 0 to 8 and y 0 to 5."
    )
    assert refused(*where, "--at", "8,0", "--only", "1", "--depth", "4", code=2) == (
        "cnnfx: The depth of an explanation of fire2 must be 1 to 3, not 4."
    )


# animate


def test_a_layer_of_a_graph_is_animated():
    shown = done(
        "animate",
        "photo.npy",
        "-f",
        "little.toml",
        "--layer",
        "fire2/expand3x3",
        "--only",
        "2",
        "-o",
        "a.gif",
        "--json",
    )
    found = json.loads(shown.stdout)
    assert (found["layer"], found["layer_name"], found["channels"]) == (4, "fire2/expand3x3", ["2"])
    assert found["positions"] == [9, 6]
    assert found["frames"] == len(frames("a.gif"))


def test_overlapping_pooling_is_animated():
    done("animate", "photo.npy", "-f", "little.toml", "--only", "2", "--numbers", "-o", "a.gif")
    assert len(frames("a.gif")) == 5 * 4 + 2 * 1


def test_a_layer_without_filters_cannot_be_animated():
    assert refused("animate", "photo.npy", "-f", "little.toml", "--layer", "fire2", code=2) == (
        "cnnfx: layer fire2 of little has no filters: it joins fire2/expand1x1 and fire2/expand3x3. "
        "An animation shows filters: choose a layer that has some."
    )


def test_of_many_channels_the_strongest_is_animated():
    Path("many.toml").write_text("".join(f"[[filter]]\nname = 'f{k}'\nweights = [[{k}]]\n" for k in range(1, 41)))
    shown = done("animate", SEVEN, "-f", "many.toml", "-o", "a.gif")
    assert shown.stderr.startswith(
        "layer 1 has 40 channels; the one with the strongest response is shown: f40. --only chooses others, such as "
        "top:4.\n"
    )


# The shell


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("cnnfx apply a.png -f squeezenet --layer fire9/e", ["fire9/expand1x1", "fire9/expand3x3"]),
        ("cnnfx apply a.png -f squeezenet --layer a", ["all"]),
        ("cnnfx explain a.png -f squeezenet --layer conv", ["conv1", "conv10"]),
        ("cnnfx show-filters squeezenet --layer conv", ["conv1", "conv10"]),
        ("cnnfx explain a.png -f edges --layer ", []),
        ("cnnfx apply a.png -f squeezenet --layer classes --only gold", ["goldfish", "goldfinch"]),
    ],
)  # fmt: skip
def test_the_shell_completes_names_of_layers_and_their_channels(line, names):
    assert completed(line) == names
