"""Pooling: windows with size, stride, padding and ceil, against the definition position by position."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnfx.errors import ArgumentError
from cnnfx.nn.pooling import Pool


def axis_windows(length, size, stride, before, after, ceil) -> list[range]:
    """Return the positions of each window along an axis, padding included, as PyTorch's `MaxPool2d` defines them.

    With `ceil`, the last window may leave the padded maps by less than the stride, but must begin inside the maps or
    the padding before them.
    """
    windows, start = [], -before
    while start + size <= length + after:
        windows.append(range(start, start + size))
        start += stride
    ends_early = not windows or windows[-1].stop < length + after
    if ceil and ends_early and start < length and start + size - length - after < stride:
        windows.append(range(start, start + size))
    return windows


def pooled_value(kind, maps, rows, columns, limits, count_padding) -> float:
    height, width = maps.shape
    inside = [maps[y, x] for y in rows if 0 <= y < height for x in columns if 0 <= x < width]
    if kind == "max":
        return max(inside)
    counted = sum(y < limits[0] for y in rows) * sum(x < limits[1] for x in columns) if count_padding else len(inside)
    return sum(inside) / counted


@st.composite
def pools(draw):
    size = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    pads = tuple(draw(st.tuples(st.integers(0, each - 1), st.integers(0, each - 1))) for each in size)
    stride = draw(st.none() | st.tuples(st.integers(1, 4), st.integers(1, 4)))
    return Pool(draw(st.sampled_from(["max", "mean"])), size, stride, pads, draw(st.booleans()), draw(st.booleans()))


@given(pools(), st.integers(1, 9), st.integers(1, 9), st.integers(0, 10**6))
def test_a_pooling_is_the_maximum_or_mean_of_each_window(pool, height, width, seed) -> None:
    maps = np.random.default_rng(seed).normal(size=(height, width))
    rows, columns = (
        axis_windows(length, pool.size[axis], pool.stride[axis], *pool.padding[axis], pool.ceil)
        for axis, length in enumerate(maps.shape)
    )
    if not rows or not columns:
        with pytest.raises(ArgumentError, match="does not fit into maps of"):
            pool.forward(maps[np.newaxis])
        return
    limits = [length + pool.padding[axis][1] for axis, length in enumerate(maps.shape)]
    expected = [[pooled_value(pool.kind, maps, y, x, limits, pool.count_padding) for x in columns] for y in rows]
    found = pool.forward(maps[np.newaxis])
    assert found.shape == pool.output_shape((1, height, width))
    np.testing.assert_allclose(found[0], expected, rtol=0, atol=1e-14)


def test_overlapping_windows_of_3_by_3_at_stride_2() -> None:
    maps = np.arange(25, dtype=np.float32).reshape(1, 5, 5)
    pool = Pool("max", 3, 2)
    assert pool.forward(maps).tolist() == [[[12, 14], [22, 24]]]
    assert pool.forward(maps).dtype == np.float32
    assert Pool("mean", 3, 2).forward(maps).tolist() == [[[6, 8], [16, 18]]]


def test_ceil_adds_a_window_for_the_rest() -> None:
    maps = np.arange(9, dtype=np.float64).reshape(1, 3, 3)
    assert Pool("max", 2).forward(maps).tolist() == [[[4]]]
    assert Pool("max", 2, ceil=True).forward(maps).tolist() == [[[4, 5], [7, 8]]]
    assert Pool("mean", 2, ceil=True).forward(maps).tolist() == [[[2, 3.5], [6.5, 8]]]


def test_a_mean_counts_the_padding_only_if_asked() -> None:
    maps = np.ones((1, 2, 2))
    assert Pool("mean", 3, padding=1).forward(maps).tolist() == [[[1]]]
    assert Pool("mean", 3, padding=1, count_padding=True).forward(maps).tolist() == [[[4 / 9]]]


def test_a_maximum_ignores_the_padding_of_negative_maps() -> None:
    assert Pool("max", 3, 1, 1).forward(-np.ones((2, 2, 2))).tolist() == (-np.ones((2, 2, 2))).tolist()


@pytest.mark.parametrize(("kind", "value"), [("max", 11), ("mean", 5.5)])
def test_whole_maps_are_pooled_to_one_value(kind, value) -> None:
    maps = np.stack([np.arange(12.0).reshape(3, 4), np.full((3, 4), value)])
    assert Pool(kind, None).forward(maps).tolist() == [[[value]], [[value]]]
    assert Pool(kind, None).output_shape((2, 3, 4)) == (2, 1, 1)


POOLS = [
    (Pool("max", 2), "max:2"), (Pool("mean", None), "mean:all"), (Pool("max", 3, 2), "max:3, stride 2"),
    (Pool("max", 3, 2, 1), "max:3, stride 2, padding 1"), (Pool("max", 2, ceil=True), "max:2, ceil"),
    (Pool("mean", (1, 3), 1, ((0, 0), (1, 1)), False, True), "mean:1,3, stride 1, padding 0,1, counting padding"),
    (Pool("max", 3, 2, ((0, 1), (0, 1))), "max:3, stride 2, padding ((0,1),(0,1))"),
    (Pool("mean", 2, count_padding=True), "mean:2"), (Pool("mean", 2, ceil=True, count_padding=True), "mean:2, ceil"),
]  # fmt: skip


@pytest.mark.parametrize(("pool", "text"), POOLS)
def test_a_pooling_has_a_text_and_comes_back_from_its_data(pool, text) -> None:
    assert str(pool) == text
    assert Pool.from_data(pool.to_data()) == pool


@pytest.mark.parametrize(
    ("text", "pool"),
    [("max:2", Pool("max", 2)), (" AVG : all ", Pool("mean", None)), ("max:3, stride 2", Pool("max", 3, 2))],
)
def test_a_text_is_read_as_a_pooling(text, pool) -> None:
    assert Pool.parse(text) == pool


@pytest.mark.parametrize("text", ["max", "max:0", "max:00", "min:2", "max:2, stride 0", "max:all, stride 2", "max:-1"])
def test_a_text_that_is_no_pooling_is_refused(text) -> None:
    with pytest.raises(ArgumentError, match=r"is not known. Write max:N or mean:N with N of 1 or more\."):
        Pool.parse(text)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("max", 2, 0), "the stride of a pooling must be a whole number from 1, or two, not 0"),
        (("max", 2, None, 2), "the padding of pool max must be less than its size of 2×2"),
        (("max", (2, 2, 2)), "the size of a pooling must be a whole number from 1, or two, not (2, 2, 2)"),
        (("max", None, 2), "a pooling of whole maps has no stride and no padding"),
    ],
)
def test_a_pooling_that_cannot_be_is_refused(arguments, message) -> None:
    with pytest.raises(ArgumentError) as error:
        Pool(*arguments)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("pool", "block"), [(Pool("max", 3), 3), (Pool("max", 3, 2), None), (Pool("max", (2, 3)), None)]
)
def test_adjacent_square_blocks_have_a_side(pool, block) -> None:
    assert pool.block == block
