"""Feature maps as colors over their image."""

from __future__ import annotations

import numpy as np
import pytest

import cnnfx.render.tint
from cnnfx.images import Image
from cnnfx.nn.feature_maps import feature_maps
from cnnfx.nn.layers import Conv, Layer, Pool
from cnnfx.nn.network import Network
from cnnfx.render.color import NONFINITE_COLOR, ColorScale
from cnnfx.render.tint import BRIGHTNESS, View, tinted_image

POSITIVE = ColorScale("positive", "all")
RED, GREEN = (255, 0, 0), (0, 255, 0)


def network(weights, pool: str = "", **settings) -> Network:
    weights = np.array(weights, np.float32)
    conv = Conv(weights[:, None], np.zeros(len(weights), np.float32), **settings)
    names = tuple(map(str, range(len(weights))))
    return Network((Layer(conv, names, pool=Pool.parse(pool) if pool else None),), "test")


def image_of(values, **settings) -> Image:
    values = np.array(values, np.float32)
    return Image(
        "test",
        values[None] if values.ndim == 2 else values,
        ("gray",) if values.ndim == 2 else ("r", "g", "b"),
        **settings,
    )


def tinted(values, net: Network, view: View | None = None, colors=(RED, GREEN)):
    image = image_of(values)
    maps = feature_maps(net, image, image.channel_names)
    return tinted_image(image, maps, POSITIVE, colors[: maps.shape[0]], view or View())


def test_zero_shows_the_dimmed_image_and_the_largest_value_the_color_of_its_filter():
    values = [[0.0, 0.5, 1.0]]
    picture = tinted(values, network([[[1]]]))
    half = 255 * 0.5 * BRIGHTNESS
    assert picture[0, 0].tolist() == [0, 0, 0]
    np.testing.assert_allclose(
        picture[0, 1], [half + 128 / 255 * (255 - half), half * 127 / 255, half * 127 / 255], atol=1
    )
    assert picture[0, 2].tolist() == list(RED)


def test_negative_values_are_not_drawn():
    picture = tinted([[0.25, 1.0]], network([[[-1]]]))
    assert (picture == np.rint(255 * BRIGHTNESS * np.array([0.25, 1.0]))[None, :, None]).all()


def test_where_two_maps_are_positive_the_stronger_color_prevails():
    picture = tinted([[1.0]], network([[[1]], [[0.5]]]))
    assert picture[0, 0].tolist() == [204, 51, 0]  # weights of 1 and a quarter


def test_a_value_is_drawn_in_the_middle_of_its_receptive_field():
    values = np.zeros((5, 7))
    values[2, 3] = 1
    picture = tinted(values, network(np.ones((1, 3, 3))))
    drawn = picture[..., 0].astype(int) - picture[..., 1] > 200  # red
    assert np.argwhere(drawn).tolist() == [[row, column] for row in (1, 2, 3) for column in (2, 3, 4)]


def test_a_value_covers_as_many_pixels_as_the_stride_of_its_layer():
    values = np.zeros((6, 6))
    values[2, 5] = 1
    picture = tinted(values, network([[[1]]], pool="max:2"), View(scale=3))
    assert picture.shape == (18, 18, 3)
    drawn = (picture == RED).all(axis=2)
    assert np.argwhere(drawn).tolist() == [[row, column] for row in range(6, 12) for column in range(12, 18)]


def test_nan_and_infinity_are_drawn_in_their_color():
    picture = tinted([[0.0, np.nan, 1.0, np.inf, 0.0]], network([[[1]]]))
    expected = [False, True, False, True, False]
    assert ((picture == NONFINITE_COLOR).all(axis=2)[0] == expected).all()


def test_a_photograph_keeps_some_of_its_color():
    picture = tinted(
        np.array([[[1.0]], [[0.0]], [[0.0]]]), network([[[0]]]).per_channel(("r", "g", "b")), colors=[RED] * 3
    )
    red, green, blue = picture[0, 0].tolist()
    assert red > green == blue > 0


def test_a_smaller_picture_shows_the_largest_value_of_each_block():
    values = np.zeros((6, 9))
    values[4, 7] = 1
    picture = tinted(values, network([[[1]]]), View(reduction=3))
    assert picture.shape == (2, 3, 3)
    assert np.argwhere((picture == RED).all(axis=2)).tolist() == [[1, 2]]


@pytest.mark.parametrize("view", [View(), View(scale=3), View(reduction=2), View(reduction=3)])
def test_bands_give_the_same_picture_as_the_whole(view, monkeypatch):
    values = np.random.default_rng(0).random((40, 11))
    net = network(np.random.default_rng(1).normal(size=(2, 3, 3)), pool="max:2")
    whole = tinted(values, net, view)
    monkeypatch.setattr(cnnfx.render.tint, "band_rows", lambda _: 5)
    np.testing.assert_array_equal(tinted(values, net, view), whole)


def test_small_images_are_enlarged_and_large_ones_are_reduced_by_whole_factors():
    assert View.of(28, 28) == View(28)
    assert View.of(264, 360) == View(2)
    assert View.of(1, 1) == View(40)
    assert View.of(1000, 2000) == View()
    assert View.of(3000, 4000) == View(1, 2)
    assert View.of(28, 28, 3) == View(3)
    assert View.of(2, 10**7) == View(1, 2)
