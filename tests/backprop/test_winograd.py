"""The Winograd method and im2col against `cnnfx.correlate`, and their gradients against each other."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cnnfx.backprop.im2col import Im2colWeights, PoolingBlocks
from cnnfx.backprop.network import prepare_weights
from cnnfx.backprop.winograd import PooledAxis, WinogradTiling, WinogradWeights, cheapest_method
from cnnfx.conv import correlate, window
from cnnfx.conv.winograd_transforms import MAX_POINTS, adds_constants, axis_tiling
from cnnfx.nn.layers import Conv, Layer

BORDERS = ["constant", "edge", "reflect", "symmetric", "wrap"]


def tiling_of(blocks: PoolingBlocks, sides: tuple[int, int]) -> WinogradTiling:
    """Tiles with these numbers of outputs."""
    axes = (
        PooledAxis(axis_tiling(side, taps, blocks.pool * count), size, *pads, blocks.window.border, blocks.pool, count)
        for size, pads, taps, count, side in zip(
            blocks.shape[1:], blocks.pads, blocks.window.kernel, blocks.count, sides, strict=True
        )
    )
    return WinogradTiling(blocks, *axes)


def example(shape, kernel, pool=1, filters=3, padding="valid", border="constant", batch=2):
    """Pooling blocks, weights, bias and images."""
    blocks = PoolingBlocks(window(kernel, padding=padding, border=border), shape, pool)
    random = np.random.default_rng(5)
    weights = random.normal(size=(filters, shape[0], *kernel))
    return blocks, weights, random.normal(size=filters), random.normal(size=(*shape, batch))


def by_correlate(blocks: PoolingBlocks, weights, bias, images):
    """The outputs `(p, p, K, bh, bw, N)`, computed with `correlate`."""
    maps = correlate(
        np.moveaxis(images, -1, 0), weights, bias, padding=blocks.pads, border=blocks.window.border, method="direct"
    )
    (rows, columns), p = blocks.count, blocks.pool
    split = maps[:, :, : rows * p, : columns * p].reshape(*maps.shape[:2], rows, p, columns, p)
    return split.transpose(3, 5, 1, 2, 4, 0)


def check(blocks: PoolingBlocks, sides, weights, bias, images) -> None:
    """Compare the outputs of both methods with `correlate`, and their gradients with each other."""
    winograd = WinogradWeights(tiling_of(blocks, sides), weights, bias).operation()
    im2col = Im2colWeights(blocks, weights, bias).operation()
    expected = by_correlate(blocks, weights, bias, images)
    for operation in (winograd, im2col):
        np.testing.assert_allclose(operation.forward(images), expected, atol=1e-11)
    dy = np.random.default_rng(6).normal(size=expected.shape)
    np.testing.assert_allclose(winograd.backward(dy), im2col.backward(dy), atol=1e-10)
    for one, other in zip(winograd.gradient, im2col.gradient, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-10)


@given(
    size=st.tuples(st.integers(1, 3), st.integers(7, 12), st.integers(7, 12)),
    kernel=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    pool=st.integers(1, 3),
    sides=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    padding=st.sampled_from(["valid", "same", ((1, 0), (2, 1))]),
    border=st.sampled_from(BORDERS),
)
@settings(max_examples=60)
def test_winograd_with_tiles_of_any_size_equals_im2col(size, kernel, pool, sides, padding, border) -> None:
    blocks, *rest = example(size, kernel, pool, padding=padding, border=border)
    assume(all(adds_constants(side, taps) for side, taps in zip(sides, kernel, strict=True)))
    check(blocks, sides, *rest)


def finite_difference(array, index, value) -> float:
    """The change of `value` when an element grows by 1: exact but for rounding, for a linear function."""
    before = value()
    array[index] += 1
    after = value()
    array[index] -= 1
    return after - before


@pytest.mark.parametrize("border", BORDERS)
def test_the_gradients_equal_finite_differences(border) -> None:
    blocks, weights, bias, images = example((2, 9, 8), (5, 3), 2, padding=((1, 2), (0, 1)), border=border)
    prepared = WinogradWeights(tiling_of(blocks, (4, 5)), weights, bias)
    operation = prepared.operation()
    random = np.random.default_rng(6)
    dy = random.normal(size=operation.forward(images).shape)

    def value() -> float:
        prepared.update()
        return float((operation.forward(images) * dy).sum())

    value()
    dx = operation.backward(dy).copy()
    for array, gradient in zip((weights, bias, images), (*operation.gradient, dx), strict=True):
        for index in random.choice(array.size, min(array.size, 20), replace=False):
            position = np.unravel_index(index, array.shape)
            assert gradient[position] == pytest.approx(finite_difference(array, position, value), abs=1e-9)


def test_rounding_errors_in_single_precision_are_small() -> None:
    blocks, *exact = example((24, 12, 12), (5, 5), 2, 48, batch=4)
    single = [array.astype(np.float32) for array in exact]
    expected = by_correlate(blocks, *exact)
    result = WinogradWeights(tiling_of(blocks, (4, 4)), *single[:2]).operation().forward(single[2])
    assert result.dtype == np.float32
    error = (result - expected) / expected.std()
    assert error.std() < 1e-5
    assert np.abs(error).max() < 1e-4


def test_batches_may_differ_in_size() -> None:
    blocks, weights, bias, images = example((2, 8, 8), (3, 3), 2, batch=5)
    operation = WinogradWeights(tiling_of(blocks, (3, 5)), weights, bias).operation()
    for count in (5, 2, 5, 3):
        expected = by_correlate(blocks, weights, bias, images[..., :count])
        np.testing.assert_allclose(operation.forward(images[..., :count]), expected, atol=1e-12)


def test_the_input_is_not_changed() -> None:
    blocks, weights, bias, images = example((2, 8, 8), (3, 3))
    before = images.copy()
    operation = WinogradWeights(tiling_of(blocks, (2, 2)), weights, bias).operation()
    operation.backward(operation.forward(images))
    np.testing.assert_array_equal(images, before)


def test_winograd_is_chosen_for_many_channels_and_not_for_one() -> None:
    first = PoolingBlocks(window((5, 5)), (1, 28, 28), 2)
    second = PoolingBlocks(window((5, 5)), (24, 12, 12), 2)
    assert cheapest_method(first, 24) == first
    method = cheapest_method(second, 48)
    assert isinstance(method, WinogradTiling)
    assert (method.rows.tiling.tile, method.columns.tiling.tile) == (4, 4)
    assert method.cost(48) < second.cost(48) / 4


@pytest.mark.parametrize("options", [{"stride": 2}, {"dilation": 2}, {"stride": (1, 2)}])
def test_im2col_is_chosen_for_strides_and_dilations(options) -> None:
    weights, bias = np.zeros((32, 32, 3, 3)), np.zeros(32)
    blocks = PoolingBlocks(window((3, 3), **options), (32, 12, 12))
    assert cheapest_method(blocks, 32) == blocks
    layer = Layer(Conv(weights, bias, **options), tuple(map(str, range(32))))
    assert isinstance(prepare_weights(layer, (32, 12, 12), weights, bias), Im2colWeights)


def test_tiles_for_large_kernels_have_no_more_values_than_there_are_points() -> None:
    for taps, size in product((MAX_POINTS, MAX_POINTS + 1), (20, 21)):
        method = cheapest_method(PoolingBlocks(window((taps, taps)), (16, size, size)), 16)
        assert isinstance(method, PoolingBlocks) or method.rows.tiling.points <= MAX_POINTS
