"""The scripts of a page that read images of the user and write filter files, run by Node."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

import cnnfx
from cnnfx.datasets import fit_digit
from cnnfx.images import Image, load_image
from cnnfx.images.image import shrink_to_pixels
from cnnfx.nn.network import Network
from cnnfx.render.page.data import pack_array
from tests.render.page.page_helpers import page_data_of, random_image, random_layer, run_in_node


def rgba_pixels(seed: int, height: int, width: int) -> np.ndarray:
    """Return smooth colors `(height, width, 4)` without transparency."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    waves = [np.sin(rows / random.uniform(2, 9)) + np.cos(columns / random.uniform(2, 9)) for _ in range(3)]
    return np.dstack([*(np.rint(64 * wave + 127) for wave in waves), np.full((height, width), 255)]).astype(np.uint8)


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    PIL.Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def read_picture(pixels: np.ndarray, channels: int, max_pixels: int) -> tuple[np.ndarray, list[str]]:
    """Return the integers (C, H, W) and the notes that the page's scripts make of a picture."""
    body = """const rgba = decode(given.rgba), [height, width] = given.rgba.shape;
              const { image, notes } = readPicture({ name: "a.png", height, width, rgba }, given.channels, given.max);
              const shape = [image.channels, image.height, image.width];
              return { shape, pixels: Array.from(image.integers), notes };"""
    found = run_in_node(body, {"rgba": pack_array(pixels), "channels": channels, "max": max_pixels})
    return np.reshape(found["pixels"], found["shape"]), found["notes"]


@pytest.mark.parametrize(("channels", "mode"), [(1, "gray"), (3, "rgb")])
def test_a_picture_has_the_pixels_that_the_command_line_reads(channels, mode):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 31, 4), np.uint8)
    pixels[..., 3] = 255
    found, notes = read_picture(pixels, channels, 10_000)
    np.testing.assert_array_equal(found, load_image(png(pixels), channels=mode).values)
    assert notes == []


@pytest.mark.parametrize(("height", "width"), [(90, 61), (300, 7), (64, 64)])
def test_a_large_picture_is_reduced_as_by_the_command_line(height, width):
    pixels, limit = rgba_pixels(height, height, width), 1500
    wanted = shrink_to_pixels(replace(load_image(png(pixels), channels="rgb"), name="a.png"), limit)
    found, notes = read_picture(pixels, 3, limit)
    assert list(wanted.notes) == notes
    assert found.shape == wanted.shape
    assert np.abs(found - wanted.values.astype(int)).max() <= 1
    assert (found == wanted.values).mean() > 0.97


def photographed_digit(seed: int, is_dark: bool) -> np.ndarray:
    """Return a thick stroke `(50, 70)` on an uneven background, in 0..1."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:50, :70]
    stroke = np.abs(rows - 10 - 0.6 * columns - random.uniform(-5, 5)) < 4
    stroke &= (columns > 8) & (columns < 60)
    light = 0.85 + 0.05 * np.sin(columns / 20)
    plane = np.where(stroke, 0.15, light) if is_dark else np.where(stroke, light, 0.1)
    return plane.astype("f4")


@pytest.mark.parametrize("is_dark", [False, True])
def test_a_picture_of_a_digit_is_prepared_as_by_predict(is_dark):
    body = """const [height, width] = given.shape, fitted = fitDigit({ height, width, values: decode(given) });
              return { values: Array.from(fitted.digit.values), notes: fitted.notes };"""
    for seed in range(4):
        plane = photographed_digit(seed, is_dark)
        digit, notes = fit_digit(plane)
        found = run_in_node(body, pack_array(plane))
        np.testing.assert_allclose(found["values"], np.ravel(digit), atol=1e-5)
        assert [note.split(":")[0].split(" from ")[0] for note in found["notes"]] == [
            note.split(":")[0].split(" from ")[0] for note in notes
        ]


def test_an_image_that_already_is_like_a_digit_of_mnist_is_not_changed(seven):
    plane = seven.floats()[0]
    fitted, notes = fit_digit(plane)
    body = """const [height, width] = given.shape, fitted = fitDigit({ height, width, values: decode(given) });
              return { values: Array.from(fitted.digit.values), notes: fitted.notes };"""
    assert run_in_node(body, pack_array(plane)) == {"values": np.ravel(fitted).tolist(), "notes": list(notes)}


FILTER_FILE = """const network = readNetwork(given.network);
                 return filterFile(network, network.layers[0], given.image.channels);"""


def assert_same_filters(network: Network, image: Image, folder: Path) -> None:
    """Check that the filter file that a page writes for a network of one layer gives the same network."""
    path = folder / "copied.toml"
    path.write_text(run_in_node(FILTER_FILE, page_data_of(network, image)), encoding="utf-8")
    wanted, loaded = network.layers[0], cnnfx.load_network(path).bind(image.channel_names).layers[0]
    assert loaded.filter_names == wanted.filter_names
    assert loaded.conv.window == wanted.conv.window
    assert (loaded.activation, loaded.pool) == (wanted.activation, wanted.pool)
    np.testing.assert_array_equal(loaded.conv.bias.astype("f4"), wanted.conv.bias.astype("f4"))
    if wanted.conv.groups == 1:
        np.testing.assert_array_equal(loaded.conv.weights.astype("f4"), wanted.conv.weights.astype("f4"))
    else:
        maps = loaded.conv.forward(image.floats())
        np.testing.assert_allclose(maps, wanted.conv.forward(image.floats()), rtol=1e-5, atol=1e-5)


def test_a_filter_file_that_the_page_writes_has_the_weights_and_settings_of_the_layer(tmp_path):
    random = np.random.default_rng(4)
    kinds = set()
    for _ in range(12):
        image = random_image(random, int(random.integers(1, 4)), 16, 18)
        layer = replace(random_layer(random, image.shape[0]), combine=())
        kinds |= {("groups", layer.conv.groups), ("pool", layer.pool is not None), ("border", layer.conv.border)}
        assert_same_filters(Network((layer,), name="a: b/c").bind(image.channel_names), image, tmp_path)
    assert {("groups", 1), ("groups", 3), ("pool", True), ("pool", False)} <= kinds


@pytest.mark.parametrize("preset", ["sobel", "emboss", "gaussian", "circles"])
def test_a_filter_file_that_the_page_writes_for_a_preset_gives_the_same_maps(preset, tmp_path, seven):
    network = cnnfx.load_network(preset).bind(seven.channel_names)
    assert_same_filters(network, seven, tmp_path)
    loaded = cnnfx.load_network(tmp_path / "copied.toml").bind(seven.channel_names)
    assert loaded.layers[0].outputs == network.layers[0].outputs


def test_names_with_quotes_and_all_scripts_are_kept_in_a_filter_file(tmp_path, seven):
    layer = cnnfx.load_network("edges").bind(seven.channel_names).layers[0]
    names = ('"quoted"', "back\\slash", "größer σ=2", "верх")
    assert_same_filters(Network((replace(layer, filter_names=names),)), seven, tmp_path)


def test_characters_that_a_filter_file_cannot_have_are_escaped(seven):
    layer = cnnfx.load_network("edges").bind(seven.channel_names).layers[0]
    network = Network((replace(layer, filter_names=("tab\tand\x7f", "b", "c", "d")),))
    assert 'name = "tab\\\\tand\\\\x7f"' in run_in_node(FILTER_FILE, page_data_of(network, seven))
