"""Rounding errors in pictures: where the true value is 0 or constant, there is one level, in every color scale."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import cnnfx
from cnnfx.images import Image
from cnnfx.nn.array_maps import ArrayMaps
from cnnfx.nn.feature_maps import FeatureMaps, feature_maps
from cnnfx.nn.layers import Conv, Layer, Pool
from cnnfx.nn.network import Network
from cnnfx.nn.trace import explain
from cnnfx.pipeline.explain import explain as explain_image
from cnnfx.render.color import NORMALIZATIONS, ColorScale, LinearScale, draw_values, linear_scale
from cnnfx.render.overlay import OverlayOptions, draw_overlay
from cnnfx.render.sliding.positions import sliding_window

THIRDS = [[1 / 3, 1 / 3, 1 / 3, -1]]
CROSS = [[0.1, 0.2, 0.1], [0.2, -1.2, 0.2], [0.1, 0.2, 0.1]]
NOISY = [[0.1, -0.7, 0.6]]
BOX = np.full((5, 5), 1 / 25)
RANDOM = np.random.default_rng(3).normal(size=(7, 7))
KERNELS = {"thirds": THIRDS, "cross": CROSS, "noisy": NOISY, "random": RANDOM - RANDOM.mean()}
SCALES = [
    ColorScale(mode, scope, clip=clip)
    for mode, scope, clip in itertools.product(NORMALIZATIONS, ("channel", "all"), (None, 75, 99))
    if mode != "none" or clip is None
] + [ColorScale(limits=0.01), ColorScale(limits=(-1e-3, 1)), ColorScale("minmax", limits=(0, 1))]


def network(*kernels: object) -> Network:
    """Return a network of layers of one kernel each."""
    layers = (np.array(kernel, np.float32)[None, None] for kernel in kernels)
    return Network(tuple(Layer(Conv(weights, np.zeros(1, np.float32)), ("k",)) for weights in layers))


def image(values: np.ndarray) -> Image:
    """Return pixels, or floats, `(H, W)` as an image."""
    return Image("image", values[None], ("gray",), is_array=values.dtype == np.float32)


def step(low: float, high: float, dtype: type) -> Image:
    """Return an image of two halves."""
    values = np.full((24, 120), low, dtype)
    values[:, 60:] = high
    return image(values)


STEPS = {
    "8 bits": step(77, 200, np.uint8),
    "16 bits": step(777, 40001, np.uint16),
    "floats": step(0.1, 0.7, np.float32),
    "far from 0": step(5e4 + 77, 5e4 + 700, np.float32),
}


def maps_of(given: Network, source: Image) -> FeatureMaps:
    return feature_maps(given, source, source.channel_names)


def pictures(maps: FeatureMaps | ArrayMaps, scale: ColorScale) -> list[np.ndarray]:
    values = maps.rows(0, maps.shape[1])
    return [draw_values(channel, each, "gray") for channel, each in zip(values, scale.linear_scales(maps), strict=True)]


@pytest.mark.parametrize("kind", STEPS)
@pytest.mark.parametrize("name", KERNELS)
def test_the_flat_halves_of_a_step_have_the_level_of_zero_in_every_scale(kind: str, name: str) -> None:
    for kernels in ([KERNELS[name]], [BOX, KERNELS[name]], [KERNELS[name], BOX], [BOX, KERNELS[name], CROSS]):
        maps = maps_of(network(*kernels), STEPS[kind])
        for scale in SCALES:
            (picture,) = pictures(maps, scale)
            flat = np.concatenate([picture[:, :40], picture[:, -40:]], axis=1)
            assert np.unique(flat).size == 1, scale
            if scale.normalize in ("auto", "signed") and not isinstance(scale.limits, tuple):
                assert flat[0, 0] == 128
            if scale.normalize in ("positive", "absolute", "none"):
                assert flat[0, 0] == 0


@pytest.mark.parametrize("value", [0.3, 0.5, 1499.7])
def test_a_constant_map_has_one_level_in_every_scale(value: float) -> None:
    error = value * 1e-6
    values = np.random.default_rng(2).uniform(value - error / 2, value + error / 2, (1, 30, 40)).astype(np.float32)
    maps = ArrayMaps(values, ["a"], rounding_errors=[error])
    for scale in SCALES:
        (picture,) = pictures(maps, scale)
        assert np.unique(picture).size == 1, scale


def test_a_value_between_two_levels_has_one_of_them() -> None:
    values = np.float32(0.5) + np.float32([[[-3e-8, 3e-8, 0]]])
    (scale,) = ColorScale(limits=(0, 1)).linear_scales(ArrayMaps(values, ["a"], rounding_errors=[1e-6]))
    assert np.unique(scale.levels(values)).size == 1


def test_channels_that_differ_by_rounding_only_have_no_contrast_together() -> None:
    values = np.float32([[[0.3, 0.3]], [[0.30000004, 0.30000004]]])
    maps = ArrayMaps(values, ["a", "b"], rounding_errors=[1e-6, 1e-6])
    for mode in ("minmax", "auto"):
        first, second = pictures(maps, ColorScale(mode, "all"))
        np.testing.assert_array_equal(first, second)


def test_the_largest_value_of_a_map_without_positive_values_is_not_a_rounding_error() -> None:
    maps = ArrayMaps(np.float32([[[-1, 1e-8, -2e-8]]]), ["a"], rounding_errors=[1e-6])
    assert maps.signal_ranges == [(-1, 0)]
    assert pictures(maps, ColorScale("positive"))[0].tolist() == [[0, 0, 0]]


def test_weak_values_above_the_rounding_errors_are_drawn() -> None:
    maps = ArrayMaps(np.float32([[[-1, 0.01, 1e-8, 1]]]), ["a"], rounding_errors=[1e-6])
    assert pictures(maps, ColorScale())[0].tolist() == [[0, 129, 128, 255]]


def test_errors_of_many_levels_are_drawn_as_zero_and_larger_values_as_they_are() -> None:
    values = np.float32([[[-4, 0.9, -0.9, 1.2, 0]]])
    maps = ArrayMaps(values, ["a"], rounding_errors=[1.0])
    exact = linear_scale("signed", -4, 4).levels(values[0])
    assert pictures(maps, ColorScale())[0].tolist() == [[0, 128, 128, exact[0, 3], 128]]


def test_exact_values_are_drawn_as_without_errors() -> None:
    values = np.random.default_rng(1).normal(size=(20, 30)).astype(np.float32)
    plain = linear_scale("signed", -3, 3)
    np.testing.assert_array_equal(plain._replace(error=0.0).levels(values), plain.levels(values))


def test_levels_of_small_errors_move_by_less_than_one() -> None:
    values = np.linspace(-1, 1, 2001, dtype=np.float32)
    plain = linear_scale("signed", -1, 1)
    moved = plain._replace(error=0.24 / plain.scale).levels(values).astype(int) - plain.levels(values)
    assert set(np.unique(moved)) == {0, 1}


def test_nan_in_a_constant_map_is_still_marked() -> None:
    scale = LinearScale(255.0, 0.0, constant=0.5)
    picture = draw_values(np.float32([[0.5, np.nan]]), scale, "gray", has_nonfinite=True)
    assert picture.tolist() == [[[128] * 3, [255, 0, 255]]]


def test_an_overlay_of_rounding_errors_shows_nothing() -> None:
    source = step(0.1, 0.7, np.float32)
    maps = maps_of(network(THIRDS), source)
    assert maps.statistics[0].high > 0
    found = draw_overlay(source, [(1, maps)], OverlayOptions(labels=False, legend=False))
    assert found.peaks == [[]]
    assert found.notes == ("image: nothing found: no value of layer 1 is above 0.",)


def test_an_explanation_reads_zeros_from_a_layer_of_rounding_errors() -> None:
    source = image(np.full((20, 20), 0.7, np.float32))
    maps = maps_of(network(NOISY, np.ones((3, 3)) / 9), source)
    (found,) = explain(maps, source.channel_names, 3, 3)
    assert not found.point.patch.values.any()
    assert found.value == 0


@pytest.mark.parametrize("kind", ["max", "mean"])
def test_an_explanation_of_pooled_rounding_errors_says_zero(kind: str) -> None:
    (layer,) = network(NOISY).layers
    pooled = Network((Layer(layer.conv, layer.filter_names, pool=Pool(kind, 2)),))
    text = explain_image(np.full((1, 20, 20), 0.7), pooled, at=(3, 3)).text()
    assert text.endswith(f"The 2×2 outputs before pooling:\n    *0   0\n     0   0\n  {kind} = 0")


def test_an_explanation_of_a_large_kernel_on_a_flat_image_says_zero() -> None:
    y, x = np.mgrid[-15:16, -15:16]
    weights = (x * x + y * y - 50) * np.exp(-(x * x + y * y) / 50)
    found = explain_image(np.full((1, 40, 40), 0.7, np.float32), network(weights - weights.mean()), at=(3, 3))
    assert "\nk at 3,3 = 0\n" in found.text()


def test_the_values_of_an_animation_are_without_rounding_errors() -> None:
    source = image(np.full((12, 12), 0.7, np.float32))
    maps = maps_of(network(NOISY, np.ones((3, 3)) / 9), source)
    sliding = sliding_window(maps, source.channel_names)
    assert maps.whole().any()
    assert not sliding.inputs.any()
    assert not sliding.channels[0].values.any()


def test_every_preset_draws_flat_images_in_one_level() -> None:
    for name in ("edges", "sobel", "laplacian", "sharpen", "emboss", "spots", "corners"):
        loaded = cnnfx.load_network(name)
        for source in (image(np.full((40, 40), 77, np.uint8)), image(np.full((40, 40), 0.77, np.float32))):
            maps = maps_of(loaded, source)
            for scale in (ColorScale(), ColorScale("minmax"), ColorScale(scope="all", clip=99)):
                assert all(np.unique(picture).size == 1 for picture in pictures(maps, scale)), name


def test_values_beside_an_outlier_are_no_rounding_errors() -> None:
    values = np.random.default_rng(4).random((40, 50)).astype(np.float32)
    plain = maps_of(network(CROSS), image(values)).rounding_errors
    values[20, 20] = 1e6
    maps = maps_of(network(CROSS), image(values))
    assert maps.rounding_errors[0] == pytest.approx(plain[0], rel=0.05)
    assert maps.signal_ranges == [channel.range for channel in maps.statistics]


def test_a_bright_line_on_black_is_no_outlier() -> None:
    values = np.zeros((40, 400), np.float32)
    values[:, 200] = 0.7
    maps = maps_of(network(np.transpose(NOISY)), image(values))
    assert maps.statistics[0].range != (0, 0)
    assert maps.signal_ranges == [(0, 0)]
