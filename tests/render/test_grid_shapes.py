"""Grids of any small shape and any options: the promised size, everything inside, and nothing over anything else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnfx.images import Image
from cnnfx.nn.feature_maps import FeatureMaps
from cnnfx.nn.layers import Activation, Combination, Conv, Layer, Pool
from cnnfx.nn.network import Network
from cnnfx.render.color import ColorScale
from cnnfx.render.feature_grid import GridOptions, feature_grid
from cnnfx.render.grid import Grid
from cnnfx.render.tiles import Frame, Item, TileRun

NAMES = ["top", "a name that is quite long", "größer", "0", "a very, very long name of a channel that fits nowhere"]


@st.composite
def layers(draw: st.DrawFn, channels: int, first: bool) -> Layer:
    """Draw a layer whose maps have the size of its input, or are pooled."""
    count = draw(st.integers(1, 12 if first else 5))
    kernel = (count, channels, draw(st.integers(1, 9)), draw(st.integers(1, 9)))
    weights = np.random.default_rng(count).normal(size=kernel).astype(np.float32)
    names = tuple(f"{draw(st.sampled_from(NAMES))} {index}" for index in range(count))
    outputs = [Combination(name, "take", (index,)) for index, name in enumerate(names)]
    combine = (*outputs, Combination("all", "norm", tuple(range(count)))) if draw(st.booleans()) else ()
    activation = Activation(draw(st.sampled_from(["none", "relu"])))
    conv = Conv(weights, np.zeros(count, np.float32), padding="same")
    return Layer(conv, names, combine, activation, draw(st.sampled_from([None, None, Pool("max", 1)])))


@st.composite
def pictures(draw: st.DrawFn) -> Grid:
    """Draw an image, a network of one or two layers, and options of a grid."""
    height, width = draw(st.integers(1, 90)), draw(st.integers(1, 90))
    channels = draw(st.sampled_from([1, 1, 3]))
    values = np.random.default_rng(height).integers(0, 256, (channels, height, width)).astype(np.uint8)
    names = ("red", "green", "blue") if channels == 3 else ("gray",)
    image = Image("folder/an image.png", values, names)
    first = draw(layers(channels, True))
    upper = [draw(layers(len(first.channel_names), False))] if draw(st.booleans()) else []
    network = Network((first, *upper), "network")
    maps = [(number, FeatureMaps(network.upto(number), image)) for number in range(1, len(upper) + 2)]
    optional = st.one_of(st.none(), st.integers(1, 6))
    normalize = draw(st.sampled_from(["auto", "minmax", "absolute"]))
    color_scale = ColorScale(
        normalize, draw(st.sampled_from(["channel", "all"])), draw(st.sampled_from(["gray", "heat"]))
    )
    gap = draw(st.one_of(st.none(), st.integers(0, 20)))
    switches = [draw(st.booleans()) for _ in range(4)]
    options = GridOptions(color_scale, draw(optional), draw(optional), switches[0], gap, *switches[1:])
    return feature_grid(image, maps[-1:] if draw(st.booleans()) else maps, options)


def rectangles(items: list[Item]) -> np.ndarray:
    """Return (left, top, right, bottom) of each item, of each tile of a run, and of each line of a frame."""
    boxes = []
    for item in items:
        if isinstance(item, TileRun):
            width = item.tiles.width * item.scale
            lefts = [item.left + index * item.step for index in range(item.last - item.first)]
            boxes += [(left, item.top, left + width, item.top + item.height) for left in lefts]
        elif isinstance(item, Frame):
            left, top, right, bottom = item.left, item.top, item.left + item.width, item.top + item.height
            boxes += [(left, top, right, top + 1), (left, bottom - 1, right, bottom)]
            boxes += [(left, top + 1, left + 1, bottom - 1), (right - 1, top + 1, right, bottom - 1)]
        else:
            boxes.append((item.left, item.top, item.left + item.width, item.top + item.height))
    return np.array(boxes)


@settings(max_examples=150)
@given(pictures())
def test_a_grid_has_the_promised_size_and_nothing_is_drawn_over_anything_else(grid: Grid) -> None:
    boxes = rectangles(list(grid.items))
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, 2] <= grid.width).all()
    assert (boxes[:, 3] <= grid.height).all()
    left, top, right, bottom = boxes.T[:, :, None]
    overlaps = (left < right.T) & (right > left.T) & (top < bottom.T) & (bottom > top.T)
    assert (overlaps.sum(axis=1) == 1).all()  # each overlaps itself only
    pixels = grid.pixels()
    assert pixels.shape[:2] == (grid.height, grid.width)
    assert (pixels.ndim == 3) == grid.color


@pytest.mark.parametrize("size", [(64, 300), (36, 100), (1, 12), (12, 1), (1, 1), (3, 2000), (2000, 3)])
@pytest.mark.parametrize("channels", [1, 3, 48])
def test_wide_filters_fit_above_narrow_maps(size: tuple[int, int], channels: int) -> None:
    width, height = size
    weights = np.ones((4, channels, 1, 45), np.float32)
    layer = Layer(Conv(weights, np.zeros(4, np.float32), padding="same"), ("top", "left", "bottom", "right"))
    image = Image("a.png", np.zeros((channels, height, width), np.uint8), tuple(map(str, range(channels))))
    maps = FeatureMaps(Network((layer,), "wide"), image)
    grid = feature_grid(image, [(1, maps)], GridOptions(with_input=True, with_filters=True))
    boxes = rectangles(list(grid.items))
    assert (boxes[:, 2] <= grid.width).all()
    assert grid.pixels().shape[:2] == (grid.height, grid.width)
