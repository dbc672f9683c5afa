"""The cost model chooses the method that was measured to be fastest, where the times are far apart."""

from __future__ import annotations

import numpy as np
import pytest

from cnnfx.conv import choose_method, correlate, window


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
