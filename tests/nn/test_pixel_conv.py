"""First layers on the pixels of pictures: exact sums, which are 0 where the true sum is 0."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cnnfx
from cnnfx.conv import BAND_ROWS
from cnnfx.images import Image
from cnnfx.nn import band_height
from cnnfx.nn.feature_maps import feature_maps
from cnnfx.nn.layers import Conv, Layer
from cnnfx.nn.network import Network
from cnnfx.nn.pixel_conv import pixels_of
from tests.conv.reference import reference

RANDOM = np.random.default_rng(4)


def picture(values: np.ndarray) -> Image:
    """Return an image (C, H, W) of integers, or of one channel (H, W)."""
    values = values[None] if values.ndim == 2 else values
    return Image("picture", values, tuple("abc"[: len(values)]))


def maps_of(network: Network, values: np.ndarray) -> np.ndarray:
    """Return the feature maps of the last layer for a picture."""
    image = picture(values)
    return feature_maps(network, image, image.channel_names).whole()


def integer_network(weights: np.ndarray, unit: float = 1.0, bias: float = 0.0, **settings: object) -> Network:
    count = len(weights)
    conv = Conv((weights * unit).astype(np.float32), np.full(count, bias, np.float32), **settings)
    return Network((Layer(conv, tuple(f"f{k}" for k in range(count))),))


def vertical_step(left: int, right: int, dtype: type = np.uint8) -> np.ndarray:
    values = np.full((40, 50), left, dtype)
    values[:, 25:] = right
    return values


@pytest.mark.parametrize("levels", [(77, 200), (1, 254), (13, 13)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("name", ["sobel", "scharr", "prewitt"])
def test_a_vertical_step_has_no_vertical_gradient(name: str, dtype: type, levels: tuple[int, int]) -> None:
    network = cnnfx.load_network(name)
    maps = maps_of(network, vertical_step(*levels, dtype))
    y = network.layers[0].channel_names.index("y")
    assert (maps[y] == 0).all()


@pytest.mark.parametrize("name", ["edges", "laplacian", "corners", "circles", "curves", "lines", "squares"])
@pytest.mark.parametrize("level", [1, 77, 128, 255])
def test_filters_whose_weights_add_up_to_zero_are_zero_on_a_flat_picture(name: str, level: int) -> None:
    layer = cnnfx.load_network(name).layers[0]
    np.testing.assert_allclose(layer.conv.weights.sum(axis=(1, 2, 3)), 0, atol=1e-9)
    filters_only = Layer(replace(layer.conv, bias=np.zeros_like(layer.conv.bias)), layer.filter_names)
    assert (maps_of(Network((filters_only,)), np.full((40, 50), level, np.uint8)) == 0).all()


SETTINGS = {
    "plain": {},
    "stride": {"stride": (2, 3)},
    "dilation": {"dilation": (3, 2)},
    "same": {"padding": "same"},
    "edge": {"padding": 3, "border": "edge"},
    "reflect": {"padding": ((2, 1), (3, 0)), "border": "reflect"},
    "wrap": {"padding": 2, "border": "wrap"},
}


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
@given(st.data())
def test_maps_are_the_exact_sums_divided_once(settings: dict[str, object], data: st.DataObject) -> None:
    random = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    dtype = data.draw(st.sampled_from([np.uint8, np.uint16]))
    unit = data.draw(st.sampled_from([1.0, 0.5, 1 / 9, 1 / 394]))
    largest = 20 if dtype == np.uint8 else 2
    weights = random.integers(-largest, largest + 1, (3, 2, 3, 3))
    weights[:, 0, 0, 0] = 1  # so that the unit is not a multiple
    values = random.integers(0, np.iinfo(dtype).max + 1, (2, 12, 17)).astype(dtype)
    network = integer_network(weights, unit, **settings)
    window = network.layers[0].conv.window
    pads = window.pads((12, 17))
    sums = reference(values, weights, stride=window.stride, dilation=window.dilation, pads=pads, border=window.border)
    maps = maps_of(network, values)
    np.testing.assert_array_equal(maps == 0, sums == 0)
    np.testing.assert_allclose(maps, sums * unit / np.iinfo(dtype).max, rtol=3e-7, atol=0)
    np.testing.assert_array_equal(network.feature_maps(picture(values).floats())[0], maps)


def test_the_filter_one_gives_the_brightness_of_each_pixel() -> None:
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    np.testing.assert_array_equal(maps_of(cnnfx.parse_kernel("1"), values), picture(values).floats())


def test_the_bias_is_added_once() -> None:
    maps = maps_of(integer_network(np.ones((1, 1, 1, 1)), bias=0.25), np.array([[0, 255]], np.uint8))
    assert maps.tolist() == [[[0.25, 1.25]]]


@pytest.mark.parametrize("name", ["sobel", "gaussian", "laplacian", "circles"])
def test_bands_have_the_same_bits_as_the_whole_maps(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    values = RANDOM.integers(0, 256, (2 * BAND_ROWS + 77, 300)).astype(np.uint8)
    network = cnnfx.load_network(name).upto(1)
    whole = maps_of(network, values)
    monkeypatch.setattr(band_height, "MAX_CACHED_BYTES", 0)
    monkeypatch.setattr(band_height, "BAND_BYTES", 1)
    bands = [band for _, band in feature_maps(network, picture(values), ("a",)).bands()]
    assert len(bands) == 3
    np.testing.assert_array_equal(np.concatenate(bands, axis=1), whole)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("maximum", [255, 65535])
def test_the_pixels_of_a_picture_are_found_in_its_floats(dtype: type, maximum: int) -> None:
    pixels = RANDOM.integers(0, maximum + 1, (2, 3, 20, 30)).astype(dtype)
    pixels[0, 0, 0, :2] = 0, maximum
    found = pixels_of(pixels / dtype(maximum))
    assert found is not None
    np.testing.assert_array_equal(found[0], pixels)
    assert found[1] == maximum
    assert found[0].dtype == dtype


@pytest.mark.parametrize(
    "image",
    [
        RANDOM.random((1, 9, 9)),
        np.full((1, 2, 2), 1.5),
        np.full((1, 2, 2), -1 / 255),
        np.array([[[0, 1], [0.1234, np.nan]]]),
        np.array([[[0, 1], [np.inf, 1]]]),
    ],
    ids=["random", "above 1", "below 0", "nan", "infinity"],
)
def test_other_floats_are_no_pixels(image: np.ndarray) -> None:
    assert pixels_of(image) is None
    assert pixels_of(image.astype(np.float32)) is None


def test_an_array_of_integers_is_not_scaled() -> None:
    assert pixels_of(np.array([[[0, 255]]])) is None


def test_a_value_in_the_last_row_that_is_no_pixel_is_found() -> None:
    image = RANDOM.integers(0, 256, (1, 600, 900)).astype(np.float32) / np.float32(255)
    assert pixels_of(image) is not None
    image[0, -1, -1] = 0.1234
    assert pixels_of(image) is None
