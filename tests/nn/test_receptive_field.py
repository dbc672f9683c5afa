"""Receptive fields: by hand for known networks, and by perturbing pixels for random ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnfx.errors import ArgumentError, CnnfxError
from cnnfx.nn.layers import Combination, Conv, Layer, Pool
from cnnfx.nn.network import Network
from cnnfx.nn.receptive_field import Box, ChannelField, channel_field, field_size, receptive_field


def layer(weights, pool: str = "", **settings) -> Layer:
    conv = Conv(weights, np.zeros(len(weights)), **settings)
    return Layer(conv, tuple(map(str, range(len(weights)))), pool=Pool.parse(pool) if pool else None)


def network(*layers: Layer) -> Network:
    return Network(layers, "tiny")


def ones(size: int = 3, **settings):
    return layer(np.ones((1, 1, size, size)), **settings)


def test_the_field_of_the_default_network_has_16_pixels_at_stride_4():
    net = network(ones(5, pool="max:2"), ones(5, pool="max:2"))
    field = receptive_field(net, (1, 28, 28))
    assert (field.size, field.stride, field.offset) == ((16, 16), (4, 4), (0, 0))
    assert field.box(3, 1) == Box(12, 4, 28, 20)
    assert field_size(net) == (16, 16)


def test_the_field_in_the_maps_of_a_layer_below_is_smaller():
    net = network(ones(5, pool="max:2"), ones(5, pool="max:2"))
    field = receptive_field(net, (1, 28, 28), 2, of=1)
    assert (field.size, field.stride) == ((6, 6), (2, 2))
    assert receptive_field(net, (1, 28, 28), 2, of=2).box(1, 3) == Box(1, 3, 2, 4)


def test_rows_and_columns_are_independent():
    net = network(layer(np.ones((1, 1, 3, 2)), stride=(2, 1), dilation=(1, 4), padding=((1, 0), (0, 2))))
    field = receptive_field(net, (1, 9, 20))
    assert (field.size, field.stride, field.offset) == ((3, 5), (2, 1), (-1, 0))
    assert field.rows.indexes(0).tolist() == [0, 1]
    assert field.columns.indexes(2).tolist() == [2, 6]


def test_a_box_is_clipped_to_the_image():
    assert Box(-2, 3, 4, 12).clipped(10, 8) == Box(0, 3, 4, 8)


@pytest.mark.parametrize(("border", "rows"), [("constant", [0, 1]), ("reflect", [0, 1]), ("wrap", [0, 1, 8])])
def test_a_border_that_repeats_pixels_reads_them(border, rows):
    net = network(ones(3, padding=1, border=border))
    assert receptive_field(net, (1, 9, 9)).rows.indexes(0).tolist() == rows


def test_a_layer_that_does_not_exist_is_refused():
    with pytest.raises(
        ArgumentError, match=r"^No receptive field of layer 3 in layer 0: tiny has layers 1 to 1; 0 is the image\.$"
    ):
        receptive_field(network(ones()), (1, 9, 9), 3)


PADDINGS = st.one_of(
    st.just("valid"),
    st.just("same"),
    st.integers(0, 2),
    st.tuples(st.tuples(st.integers(0, 3), st.integers(0, 2)), st.tuples(st.integers(0, 1), st.integers(0, 3))),
)
LAYERS = st.fixed_dictionaries(
    {
        "kernel": st.tuples(st.integers(1, 3), st.integers(1, 3)),
        "stride": st.tuples(st.integers(1, 2), st.integers(1, 3)),
        "dilation": st.tuples(st.integers(1, 3), st.integers(1, 2)),
        "padding": PADDINGS,
        "border": st.sampled_from(["constant", "edge", "reflect", "symmetric", "wrap"]),
        "pool": st.sampled_from(["", "mean:2", "mean:3"]),
    }
)


@settings(max_examples=80)
@given(st.lists(LAYERS, min_size=1, max_size=3), st.integers(0, 2**32 - 1))
def test_exactly_the_pixels_in_the_field_change_the_output(layers, seed):
    random = np.random.default_rng(seed)
    built = []
    for one in layers:
        kernel = one.pop("kernel")
        built.append(layer(random.uniform(0.5, 1, (1, 1, *kernel)), **one))
    net = network(*built)
    height, width = random.integers(8, 20, 2).tolist()
    image = np.zeros((1, height, width))
    try:
        maps = net.feature_maps(image)[-1][0]
        field = receptive_field(net, image.shape)
    except CnnfxError:
        return  # the layers do not fit so small an image
    row, column = (int(random.integers(0, size)) for size in maps.shape)
    pixels = np.eye(height * width).reshape(
        -1, 1, height, width
    )  # the weights are positive, so each pixel that is read increases the output
    changed = net.feature_maps(pixels)[-1][:, 0, row, column].reshape(height, width) > 1e-12
    expected = np.zeros((height, width), bool)
    expected[np.ix_(field.rows.indexes(row), field.columns.indexes(column))] = True
    np.testing.assert_array_equal(changed, expected)
    if all(one["border"] == "constant" for one in layers):
        top, left, bottom, right = field.box(row, column).clipped(height, width)
        assert not expected[:top].any()
        assert not expected[bottom:].any()
        assert not expected[:, :left].any()
        assert not expected[:, right:].any()


def test_the_field_includes_all_pixels_of_a_max_pooling():
    net = network(ones(3, pool="max:2"), ones(2))
    field = receptive_field(net, (1, 14, 14))
    pixels = np.eye(14 * 14).reshape(-1, 1, 14, 14)
    changed = net.feature_maps(pixels)[-1][:, 0, 1, 2].reshape(14, 14) > 0
    top, left, bottom, right = field.box(1, 2)
    expected = np.zeros((14, 14), bool)
    expected[top:bottom, left:right] = True
    np.testing.assert_array_equal(changed, expected)


def test_the_field_of_a_channel_leaves_out_weights_of_0():
    kernels = np.zeros((2, 1, 3, 5))
    kernels[0, 0, 1, 1:4] = 1
    kernels[1, 0, 0, 0] = kernels[1, 0, 2, 4] = 1
    net = network(layer(kernels, padding=1, stride=(1, 2)))
    assert channel_field(net, (1, 9, 9), 0) == ChannelField(Box(0, 0, 1, 3), (1, 2))
    assert channel_field(net, (1, 9, 9), 0).box(4, 3) == Box(4, 6, 5, 9)
    assert channel_field(net, (1, 9, 9), 1) == ChannelField(Box(-1, -1, 2, 4), (1, 2))
    assert channel_field(net, (1, 9, 9), 1).size == (3, 5)


def test_a_combined_channel_reads_what_its_filters_read():
    kernels = np.zeros((2, 1, 3, 3))
    kernels[0, 0, 0, 0] = kernels[1, 0, 2, 1] = 1
    combined = layer(kernels)
    combine = Combination("second", "take", (1,)), Combination("both", "norm", (0, 1))
    net = network(Layer(combined.conv, combined.filter_names, combine))
    assert channel_field(net, (1, 9, 9), 0).first == Box(2, 1, 3, 2)
    assert channel_field(net, (1, 9, 9), 1).first == Box(0, 0, 3, 2)


def test_a_channel_without_weights_has_the_field_of_its_layer():
    net = network(ones(3, pool="max:2"), layer(np.zeros((1, 1, 2, 2))))
    field = receptive_field(net, (1, 12, 12))
    assert channel_field(net, (1, 12, 12), 0) == ChannelField(field.box(0, 0), field.stride)


@settings(max_examples=80)
@given(st.lists(st.tuples(st.integers(1, 4), LAYERS), min_size=1, max_size=3), st.integers(1, 2), st.integers(0, 2**32))
def test_the_field_of_a_channel_is_the_smallest_rectangle_of_the_pixels_that_change_it(layers, groups, seed):
    random = np.random.default_rng(seed)
    built, channels = [], groups
    for count, one in layers:
        settings_of_layer = {**one, "border": "constant", "groups": groups}
        kernel = settings_of_layer.pop("kernel")
        weights = random.uniform(0.5, 1, (count * groups, channels // groups, *kernel))
        weights[random.random(weights.shape) < 0.5] = 0
        built.append(layer(weights, **settings_of_layer))
        channels = count * groups
    net = network(*built)
    shape = (groups, *random.integers(8, 16, 2).tolist())
    try:
        maps = net.feature_maps(np.zeros(shape))[-1]
    except CnnfxError:
        return  # the layers do not fit so small an image
    channel, row, column = (int(random.integers(0, size)) for size in maps.shape)
    pixels = np.eye(int(np.prod(shape))).reshape(-1, *shape)
    changed = net.feature_maps(pixels)[-1][:, channel, row, column].reshape(shape).any(axis=0)
    box = channel_field(net, shape, channel).box(row, column)
    clipped = box.clipped(*shape[1:])
    assert (
        not changed.sum() or changed[clipped.top : clipped.bottom, clipped.left : clipped.right].sum() == changed.sum()
    )
    without_padding = all(one["padding"] == "valid" for _, one in layers[1:])
    if box == clipped and without_padding and changed.any():  # no part of it is in the padding of any layer
        rows, columns = np.nonzero(changed.any(axis=1))[0], np.nonzero(changed.any(axis=0))[0]
        assert box == Box(rows[0], columns[0], rows[-1] + 1, columns[-1] + 1)
