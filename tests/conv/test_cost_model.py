"""The cost model chooses the method that was measured to be fastest, where the times are far apart."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from cnnfx.conv import choose_method, correlate, window
from cnnfx.conv.direct import direct_form


@pytest.mark.parametrize(
    ("size", "channels", "filters", "kernel", "method"),
    [
        ((28, 28), 1, 4, 5, "direct"),
        ((28, 28), 1, 1, 15, "direct"),
        ((512, 512), 1, 1, 3, "direct"),
        ((512, 512), 1, 1, 31, "fft"),
        ((1080, 1920), 3, 1, 3, "direct"),
        ((1080, 1920), 3, 1, 9, "direct"),
        ((1080, 1920), 3, 1, 15, "fft"),
        ((1080, 1920), 1, 32, 9, "direct"),
        ((3000, 4000), 1, 4, 5, "direct"),
        ((3000, 4000), 3, 4, 15, "fft"),
    ],
)
def test_the_fastest_method_is_chosen(size, channels, filters, kernel, method):
    geometry = window(kernel, padding="same")
    weights = np.random.default_rng(0).standard_normal((filters, channels, kernel, kernel))
    assert choose_method((1, filters, *size), weights, geometry) == method


def test_auto_gives_the_same_bits_as_the_chosen_method():
    image = np.random.default_rng(0).random((1, 300, 300), dtype=np.float32)
    for kernel in (3, 31):
        weights = np.random.default_rng(1).random((2, 1, kernel, kernel), dtype=np.float32)
        method = choose_method((1, 2, 301 - kernel, 301 - kernel), weights, window(kernel))
        np.testing.assert_array_equal(correlate(image, weights), correlate(image, weights, method=method))


@pytest.mark.parametrize(
    ("channels", "filters", "kernel", "stride", "size", "form"),
    [
        (3, 64, 3, 2, 113, "rows"),
        (128, 16, 1, 1, 56, "plain"),
        (48, 192, 3, 1, 14, "plain"),
        (64, 256, 3, 1, 14, "plain"),
        (512, 1000, 1, 1, 14, "plain"),
        (960, 160, 1, 1, 7, "plain"),
        (256, 512, 3, 2, 7, "plain"),
        (1, 4, 3, 1, 512, "rows"),
        (8, 8, 3, 1, 512, "rows"),
    ],
)
def test_layers_with_many_channels_on_small_maps_are_plain_products(channels, filters, kernel, stride, size, form):
    geometry = window(kernel, stride=stride, padding=kernel // 2)
    out, weights = (1, filters, size, size), (filters, channels, kernel, kernel)
    assert direct_form(out, weights, geometry) == form
    assert choose_method(out, np.ones(weights), geometry) in ("direct", "separable")


@pytest.mark.parametrize("height", [1, 20, 300, 5000])
def test_the_form_of_the_direct_method_does_not_depend_on_the_height(height):
    for width, channels, filters in itertools.product((7, 14, 56, 224, 1000), (1, 3, 16, 128), (1, 16, 256)):
        weights, geometry = (filters, channels, 3, 3), window(3)
        form = direct_form((1, filters, width, width), weights, geometry)
        assert direct_form((1, filters, height, width), weights, geometry) == form


def test_groups_use_their_own_shapes():
    weights = np.random.default_rng(0).standard_normal((64, 1, 31, 31))
    assert choose_method((1, 64, 500, 500), weights, window(31), groups=64) == "fft"
    assert choose_method((1, 64, 14, 14), weights[..., :3, :3], window(3, padding=1), groups=64) == "direct"
