"""The shipped presets, and how presets are found."""

from __future__ import annotations

import os
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from skimage import data, filters

from cnnfx.errors import FileError
from cnnfx.formats import find_presets, load_network, preset_names
from cnnfx.formats.presets import TEACHING_ORDER

ONE_FILTER = '[[filter]]\nname = "{}"\nweights = [[1]]\n'
GRADIENTS = ("sobel", "scharr", "prewitt")


@pytest.fixture(autouse=True)
def no_presets_of_the_user(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("APPDATA", str(tmp_path / "config"))
    monkeypatch.delenv("CNNFX_FILTERS", raising=False)


@pytest.fixture(scope="module")
def photo():
    return data.camera().astype(np.float64) / 255


def maps(preset: str, image: np.ndarray) -> dict[str, np.ndarray]:
    network = load_network(preset)
    return dict(zip(network.layers[0].channel_names, network.feature_maps(image[None])[0], strict=True))


def test_the_shipped_presets_are_in_the_teaching_order():
    assert preset_names() == list(TEACHING_ORDER)


@pytest.mark.parametrize("preset", TEACHING_ORDER)
def test_every_preset_has_a_description_and_a_source(preset):
    path = dict(find_presets())[preset]
    network = load_network(preset)
    assert network.name == preset
    assert network.description.endswith(".")
    assert network.source[-4:].isdigit()
    assert path.read_text("utf-8").startswith("# ")
    written = set(tomllib.loads(path.read_text("utf-8")))
    trained = {"tensors", "classes", "input"} if "tensors" in written else set()
    assert written <= {"name", "description", "source", "filter", "combine", "layer"} | trained


def test_edges_are_the_four_filters_of_the_article_in_its_order():
    layer = load_network("edges").layers[0]
    assert layer.channel_names == ("top", "left", "bottom", "right")
    assert layer.conv.weights[:, 0].tolist() == [
        [[-1, -1, -1], [1, 1, 1], [0, 0, 0]],
        [[-1, 1, 0], [-1, 1, 0], [-1, 1, 0]],
        [[0, 0, 0], [1, 1, 1], [-1, -1, -1]],
        [[0, 1, -1], [0, 1, -1], [0, 1, -1]],
    ]


@pytest.mark.parametrize("preset", [name for name in TEACHING_ORDER if len(load_network(name).layers) == 1])
def test_blurs_keep_a_constant_image_and_detectors_give_0(preset):
    detects = preset in ("edges", "laplacian", *GRADIENTS)
    for channel in maps(preset, np.full((9, 11), 0.5)).values():
        np.testing.assert_allclose(channel, 0 if detects else 0.5, atol=1e-15)


def test_the_gaussian_is_binomial():
    binomial = np.array([1, 4, 6, 4, 1]) / 16
    np.testing.assert_array_equal(load_network("gaussian").layers[0].conv.weights[0, 0], np.outer(binomial, binomial))


def test_identity_returns_the_image(photo):
    np.testing.assert_array_equal(maps("identity", photo)["identity"], photo[1:-1, 1:-1])


def test_sharpen_is_the_image_minus_its_laplacian(photo):
    expected = photo[1:-1, 1:-1] - maps("laplacian", photo)["four"]
    np.testing.assert_allclose(maps("sharpen", photo)["sharpen"], expected, atol=1e-12)


@pytest.mark.parametrize(("preset", "step"), list(zip(GRADIENTS, (8, 32, 6), strict=True)))
def test_a_ramp_to_the_right_is_positive_in_x_alone(preset, step):
    ramp = np.tile(np.arange(9.0), (7, 1))
    found = maps(preset, ramp)
    assert np.unique(found["x"]).tolist() == [step]
    assert np.unique(found["y"]).tolist() == [0]
    assert np.unique(maps(preset, ramp.T)["y"]).tolist() == [step]


def test_a_ramp_has_no_second_derivative():
    for channel in maps("laplacian", np.tile(np.arange(9.0), (7, 1))).values():
        assert not channel.any()


def test_a_dark_spot_is_bright_in_the_laplacian():
    spot = np.ones((5, 5))
    spot[2, 2] = 0
    found = maps("laplacian", spot)
    assert (found["four"][1, 1], found["eight"][1, 1]) == (4, 8)


@pytest.mark.parametrize("edge", ["top", "left", "bottom", "right"])
def test_each_edge_of_a_square_is_brightest_in_its_own_map(edge):
    square = np.zeros((12, 12))
    square[3:9, 3:9] = 1
    edge_pixels = {
        "top": (2, slice(3, 7)),
        "left": (slice(3, 7), 2),
        "bottom": (7, slice(3, 7)),
        "right": (slice(3, 7), 7),
    }
    found = maps("edges", square)
    assert (found[edge][edge_pixels[edge]] == found[edge].max()).all()
    assert found[edge].max() == 3
    assert all(found[other][edge_pixels[edge]].max() < 3 for other in edge_pixels if other != edge)


def test_embossed_shapes_are_bright_on_their_upper_left_side():
    square = np.full((12, 12), 0.5)
    square[4:8, 4:8] = 1
    found = maps("emboss", square)["emboss"]
    assert found[3, 3] > 1
    assert found[6, 6] < 1
    assert found[4, 7] == found[7, 4] == found.min()


@pytest.mark.parametrize(("preset", "divisor"), list(zip(GRADIENTS, (4, 16, 3), strict=True)))
def test_gradients_are_those_of_scikit_image(photo, preset, divisor):
    found = {name: channel / divisor for name, channel in maps(preset, photo).items()}
    inner = (slice(1, -1), slice(1, -1))
    np.testing.assert_allclose(found["x"], getattr(filters, f"{preset}_v")(photo)[inner], atol=1e-12)
    np.testing.assert_allclose(found["y"], getattr(filters, f"{preset}_h")(photo)[inner], atol=1e-12)
    np.testing.assert_allclose(found["magnitude"] / np.sqrt(2), getattr(filters, preset)(photo)[inner], atol=1e-12)


def test_the_laplacian_is_the_negative_of_that_of_scikit_image(photo):
    np.testing.assert_allclose(maps("laplacian", photo)["four"], -filters.laplace(photo)[1:-1, 1:-1], atol=1e-12)


def test_an_unknown_preset_suggests_the_closest_name():
    with pytest.raises(FileError) as caught:
        load_network("sobl")
    assert (
        str(caught.value)
        == 'there is no preset called "sobl". Did you mean "sobel"? cnnfx list-filters shows them all.'
    )


def test_an_unknown_preset_unlike_any_other_refers_to_the_list():
    with pytest.raises(FileError) as caught:
        load_network("qqq")
    assert str(caught.value) == 'there is no preset called "qqq". cnnfx list-filters shows them all.'


def user_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    at = "Library/Application Support" if sys.platform == "darwin" else "config"
    folder = tmp_path / at / "cnnfx" / "filters"
    folder.mkdir(parents=True)
    return folder


def test_presets_of_the_user_follow_the_shipped_ones_in_alphabetical_order(monkeypatch, tmp_path):
    folder = user_folder(monkeypatch, tmp_path)
    for name in ("zebra", "ants", ".hidden"):
        (folder / f"{name}.toml").write_text(ONE_FILTER.format(name))
    (folder / "notes.txt").write_text("no preset")
    assert preset_names() == [*TEACHING_ORDER, "ants", "zebra"]
    assert load_network("ants").layers[0].channel_names == ("ants",)


def test_named_folders_take_precedence_over_the_users_and_these_over_the_shipped(monkeypatch, tmp_path):
    folder = user_folder(monkeypatch, tmp_path)
    for name in ("box", "sobel"):
        (folder / f"{name}.toml").write_text(ONE_FILTER.format("user"))
    named = [tmp_path / "one", tmp_path / "two", tmp_path / "missing"]
    for folder_path in named[:2]:
        folder_path.mkdir()
        (folder_path / "box.toml").write_text(ONE_FILTER.format(folder_path.name))
    monkeypatch.setenv("CNNFX_FILTERS", os.pathsep.join(["", *map(str, named)]))
    assert load_network("box").layers[0].channel_names == ("one",)
    assert load_network("sobel").layers[0].channel_names == ("user",)
    assert preset_names() == list(TEACHING_ORDER)


def test_a_folder_of_presets_can_be_relative_to_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("CNNFX_FILTERS", "~")
    (tmp_path / "mine.toml").write_text(ONE_FILTER.format("mine"))
    assert "mine" in preset_names()
