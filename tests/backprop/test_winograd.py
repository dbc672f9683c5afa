"""Filters by tiles and by patches, against correlation as the engine computes it, and with their gradients."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnfx.backprop.im2col import Blocks, PatchBank
from cnnfx.backprop.network import bank
from cnnfx.backprop.winograd import Axis, TileBank, Tiles, cheapest
from cnnfx.conv import correlate, window
from cnnfx.conv.winograd_transforms import POINTS

BORDERS = ["constant", "edge", "reflect", "symmetric", "wrap"]


def tiled(blocks: Blocks, sides: tuple[int, int]) -> Tiles:
    """Tiles of these sides."""
    axes = (
        Axis(size, *pads, blocks.window.border, taps, blocks.pool, count, side)
        for size, pads, taps, count, side in zip(
            blocks.shape[1:], blocks.pads, blocks.window.kernel, blocks.count, sides, strict=True
        )
    )
    return Tiles(blocks, *axes)


def example(shape, kernel, pool=1, filters=3, padding="valid", border="constant", batch=2):
    """Blocks, weights, bias and images."""
    blocks, random = Blocks(window(kernel, padding=padding, border=border), shape, pool), np.random.default_rng(5)
    weights = random.normal(size=(filters, shape[0], *kernel))
    return blocks, weights, random.normal(size=filters), random.normal(size=(*shape, batch))


def plain(blocks: Blocks, weights, bias, images):
    """The outputs `(p, p, K, bh, bw, N)`, from `correlate`."""
    maps = correlate(
        np.moveaxis(images, -1, 0), weights, bias, padding=blocks.pads, border=blocks.window.border, method="direct"
    )
    (high, wide), p = blocks.count, blocks.pool
    split = maps[:, :, : high * p, : wide * p].reshape(*maps.shape[:2], high, p, wide, p)
    return split.transpose(3, 5, 1, 2, 4, 0)


def started(made):
    made.refresh()
    return made.step()


def check(blocks: Blocks, sides, weights, bias, images) -> None:
    """Outputs as `correlate` has them, gradients as those by patches."""
    tiles, patches = started(TileBank(tiled(blocks, sides), weights, bias)), started(PatchBank(blocks, weights, bias))
    expected = plain(blocks, weights, bias, images)
    for step in (tiles, patches):
        np.testing.assert_allclose(step.forward(images), expected, atol=1e-11)
    dy = np.random.default_rng(6).normal(size=expected.shape)
    np.testing.assert_allclose(tiles.backward(dy), patches.backward(dy), atol=1e-10)
    for one, other in zip(tiles.gradient, patches.gradient, strict=True):
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
def test_tiles_of_any_size_give_what_patches_give(size, kernel, pool, sides, padding, border) -> None:
    blocks, *rest = example(size, kernel, pool, padding=padding, border=border)
    check(blocks, sides, *rest)


def slope(numbers, index, value) -> float:
    """The rise of `value` for a rise of one number by 1: exact but for rounding, for a linear function."""
    before = value()
    numbers[index] += 1
    after = value()
    numbers[index] -= 1
    return after - before


@pytest.mark.parametrize("border", BORDERS)
def test_the_gradients_are_those_of_finite_differences(border) -> None:
    blocks, weights, bias, images = example((2, 9, 8), (5, 3), 2, padding=((1, 2), (0, 1)), border=border)
    made = TileBank(tiled(blocks, (4, 4)), weights, bias)
    step = started(made)
    random = np.random.default_rng(6)
    dy = random.normal(size=step.forward(images).shape)

    def value() -> float:
        made.refresh()
        return float((step.forward(images) * dy).sum())

    value()
    dx = step.backward(dy).copy()
    for numbers, gradient in zip((weights, bias, images), (*step.gradient, dx), strict=True):
        for index in random.choice(numbers.size, min(numbers.size, 20), replace=False):
            place = np.unravel_index(index, numbers.shape)
            assert gradient[place] == pytest.approx(slope(numbers, place, value), abs=1e-9)


def test_single_precision_loses_little() -> None:
    blocks, *exact = example((24, 12, 12), (5, 5), 2, 48, batch=4)
    single = [array.astype(np.float32) for array in exact]
    expected = plain(blocks, *exact)
    result = started(TileBank(tiled(blocks, (4, 4)), *single[:2])).forward(single[2])
    assert result.dtype == np.float32
    error = (result - expected) / expected.std()
    assert error.std() < 1e-5
    assert np.abs(error).max() < 1e-4


def test_batches_of_different_sizes_may_take_turns() -> None:
    blocks, weights, bias, images = example((2, 8, 8), (3, 3), 2, batch=5)
    step = started(TileBank(tiled(blocks, (4, 4)), weights, bias))
    for count in (5, 2, 5, 3):
        expected = plain(blocks, weights, bias, images[..., :count])
        np.testing.assert_allclose(step.forward(images[..., :count]), expected, atol=1e-12)


def test_the_input_is_left_as_it_was() -> None:
    blocks, weights, bias, images = example((2, 8, 8), (3, 3))
    before = images.copy()
    step = started(TileBank(tiled(blocks, (2, 2)), weights, bias))
    step.backward(step.forward(images))
    np.testing.assert_array_equal(images, before)


def test_many_channels_are_worth_tiles_and_one_channel_is_not() -> None:
    lower, upper = Blocks(window((5, 5)), (1, 28, 28), 2), Blocks(window((5, 5)), (24, 12, 12), 2)
    assert cheapest(lower, 24) == lower
    way = cheapest(upper, 48)
    assert isinstance(way, Tiles)
    assert (way.rows.side, way.columns.side) == (4, 4)
    assert way.cost(48) < upper.cost(48) / 4


@pytest.mark.parametrize("options", [{"stride": 2}, {"dilation": 2}, {"stride": (1, 2)}])
def test_strides_and_dilations_take_patches(options) -> None:
    blocks = Blocks(window((3, 3), **options), (32, 12, 12))
    assert cheapest(blocks, 32) == blocks
    assert isinstance(bank(blocks, np.zeros((32, 32, 3, 3)), np.zeros(32)), PatchBank)


def test_kernels_too_large_for_the_points_take_patches_or_are_cut_no_finer_than_the_points_allow() -> None:
    for taps, high in product((len(POINTS), len(POINTS) + 1), (20, 21)):
        way = cheapest(Blocks(window((taps, taps)), (16, high, high)), 16)
        assert isinstance(way, Blocks) or way.rows.points <= len(POINTS)
