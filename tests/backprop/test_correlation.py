"""The gradient of cross-correlations with respect to the input: the adjoint for all settings, and values by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnfx.backprop.correlation import Correlation
from cnnfx.errors import ArgumentError
from cnnfx.nn.layers import Conv

SIDES = st.integers(0, 4)
CONVS = st.fixed_dictionaries(
    {
        "kernel": st.tuples(st.integers(1, 4), st.integers(1, 4)),
        "stride": st.tuples(st.integers(1, 4), st.integers(1, 3)),
        "dilation": st.tuples(st.integers(1, 3), st.integers(1, 4)),
        "padding": st.one_of(st.just("same"), st.tuples(st.tuples(SIDES, SIDES), st.tuples(SIDES, SIDES))),
        "border": st.sampled_from(["constant", "edge", "reflect", "symmetric", "wrap"]),
        "groups": st.sampled_from([1, 2, 4]),
    }
)


def adjoint_holds(conv: Conv, size: tuple[int, int], random) -> bool:
    """Whether ⟨y(x), dy⟩ = ⟨x, dx(dy)⟩, which holds for all x and dy only if dx is the gradient of the linear y."""
    correlation = Correlation(conv)
    x = random.normal(size=(2, conv.in_channels, *size))
    y = correlation.forward(x)
    dy = random.normal(size=y.shape)
    dx = correlation.backward(dy)
    assert dx.shape == x.shape
    return (y * dy).sum() == pytest.approx((x * dx).sum(), rel=1e-9, abs=1e-9)


@settings(max_examples=300)
@given(CONVS, st.tuples(st.integers(1, 14), st.integers(1, 14)), st.integers(0, 2**32 - 1))
def test_the_gradient_is_the_adjoint_for_all_settings(conv, size, seed) -> None:
    random, kernel, groups = np.random.default_rng(seed), conv.pop("kernel"), conv["groups"]
    layer = Conv(random.normal(size=(4, 8 // groups, *kernel)), np.zeros(4), **conv)
    try:
        layer.output_shape((8, *size))
    except ArgumentError:
        return  # the kernel does not fit, or the border cannot pad these images
    assert adjoint_holds(layer, size, random)


def test_each_pixel_of_the_gradient_equals_the_weights_that_read_it() -> None:
    conv = Conv(np.array([[[[1.0, 2, 3]]]]), np.zeros(1), stride=2)  # outputs read (0, 1, 2) and (2, 3, 4) of 6 pixels
    correlation = Correlation(conv)
    correlation.forward(np.zeros((1, 1, 1, 6)))
    dx = correlation.backward(np.array([[[[10.0, 100]]]]))
    np.testing.assert_array_equal(dx[0, 0, 0], [10, 20, 30 + 100, 200, 300, 0])


def test_the_gradient_of_repeated_pixels_is_added_to_that_of_the_pixel() -> None:
    conv = Conv(np.array([[[[1.0, 1, 1]]]]), np.zeros(1), padding=((0, 0), (2, 1)), border="edge")
    correlation = Correlation(conv)
    correlation.forward(np.zeros((1, 1, 1, 3)))
    dx = correlation.backward(np.array([[[[1.0, 10, 100, 1000]]]]))  # the padded pixels are 0 0 0 1 2 2
    np.testing.assert_array_equal(dx[0, 0, 0], [1 + 11 + 111, 1110, 1100 + 1000])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_float_type_is_kept(dtype) -> None:
    correlation = Correlation(Conv(np.ones((3, 2, 3, 3), dtype), np.zeros(3, dtype), stride=2, padding=1))
    dy = np.ones_like(correlation.forward(np.ones((1, 2, 9, 8), dtype)))
    assert correlation.backward(dy).dtype == dtype


@pytest.mark.parametrize("block", [1, 5000])
def test_the_gradient_does_not_depend_on_the_blocks(block, monkeypatch) -> None:
    random = np.random.default_rng(0)
    correlation = Correlation(Conv(random.normal(size=(4, 3, 3, 2)), np.zeros(4), stride=2, padding=1))
    dy = random.normal(size=correlation.forward(random.normal(size=(5, 3, 17, 16))).shape)
    whole = correlation.backward(dy)
    monkeypatch.setattr("cnnfx.backprop.correlation.BLOCK_BYTES", block)
    np.testing.assert_allclose(correlation.backward(dy), whole, rtol=1e-12)
