"""Receptive fields: by hand for known networks, and by perturbing pixels for random ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnfx.errors import ArgumentError, CnnfxError
from cnnfx.nn.channel_field import ChannelField, channel_field
from cnnfx.nn.input import Input
from cnnfx.nn.layers import Activation, Combination, Conv, Layer, Pool
from cnnfx.nn.network import Network
from cnnfx.nn.normalization import LocalResponse
from cnnfx.nn.receptive_field import Box, field_size, receptive_field
from tests.nn.graphs import graphs


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


def monotonic(network: Network) -> Network:
    """Return the network with positive weights and means: each output increases with every pixel that it reads."""
    layers = []
    for one in network.layers:
        conv = one.conv and replace(
            one.conv, weights=np.abs(one.conv.weights).astype(float) + 0.1, bias=np.zeros(len(one.conv.bias))
        )
        pool = one.pool and replace_kind(one.pool, "mean")
        layers.append(replace(one, conv=conv, pool=pool, activation=Activation(), local_response=None))
    return replace(network, layers=tuple(layers))


def replace_kind(pool: Pool, kind: str) -> Pool:
    stride = None if pool.is_global else pool.stride
    return Pool(kind, pool.size, stride, pool.padding, pool.ceil, pool.count_padding)


def changed_outputs(network: Network, image: np.ndarray, row: int, column: int) -> np.ndarray:
    """Return whether each output channel at a position changes with each pixel of an image, (K, H, W)."""
    height, width = image.shape[1:]
    changes = np.eye(height * width).reshape(-1, 1, height, width)
    outputs = network.feature_maps(image + changes)[-1][:, :, row, column]
    unchanged = network.feature_maps(image)[-1][:, row, column]
    return (outputs > unchanged * (1 + 1e-9)).T.reshape(-1, height, width)


@settings(max_examples=150, deadline=None)
@given(graphs(), st.data())
def test_the_field_of_a_graph_has_the_pixels_that_change_the_output(case, data):
    network, image = monotonic(case[0]), case[1].values.astype(float) + 0.5
    maps = network.feature_maps(image)[-1]
    row, column = (data.draw(st.integers(0, size - 1)) for size in maps.shape[1:])
    changed = changed_outputs(network, image, row, column)
    field = receptive_field(network, image.shape)
    rows, columns = field.rows.indexes(row), field.columns.indexes(column)
    any_changed = changed.any(axis=0)
    assert set(np.nonzero(any_changed.any(axis=1))[0]) <= set(rows)
    assert set(np.nonzero(any_changed.any(axis=0))[0]) <= set(columns)
    convs = [one.conv for one in network.layers if one.conv is not None]
    reads_padding_only = any(
        conv.window.padding != "same"
        and np.max(np.subtract(np.max(conv.window.padding, axis=1), conv.window.extent)) >= 0
        for conv in convs
    )
    if not reads_padding_only and not any(one.combine for one in network.layers):
        assert np.nonzero(any_changed.any(axis=1))[0].tolist() == rows.tolist()
        assert np.nonzero(any_changed.any(axis=0))[0].tolist() == columns.tolist()
    if all(conv.window.border == "constant" for conv in convs):
        box = field.box(row, column)
        assert outside(any_changed, box.clipped(*image.shape[1:])) == 0
        bound = network.bind([str(index) for index in range(len(image))])
        joins_one_value = {one.join for one in network.layers if len(one.sources) > 1} - {
            "concat"
        } and not bound.is_local
        if not joins_one_value:
            for channel, pixels in enumerate(changed):
                assert (
                    outside(
                        pixels, channel_field(bound, image.shape, channel).box(row, column).clipped(*image.shape[1:])
                    )
                    == 0
                )


def outside(changed: np.ndarray, box: Box) -> int:
    """Return how many pixels outside a box are changed."""
    return int(changed.sum() - changed[box.top : box.bottom, box.left : box.right].sum())


def graph(*layers: Layer) -> Network:
    return Network(layers, "graph").bind(["gray"])


def named(name: str, size: int, sources: tuple[str, ...] = (), **settings) -> Layer:
    return Layer(Conv(np.ones((1, 1, size, size)), np.zeros(1), **settings), ("1",), name=name, sources=sources)


def test_the_field_of_joined_layers_is_the_smallest_that_contains_theirs():
    net = graph(
        named("below", 3, stride=2),
        named("left", 1),
        named("right", 5, ("below",), padding=((3, 1), (2, 2))),
        Layer(name="both", sources=("left", "right")),
    )
    field = receptive_field(net, (1, 41, 41))
    assert (field.size, field.stride, field.offset) == ((11, 11), (2, 2), (-6, -4))
    assert field.box(4, 5) == Box(2, 6, 13, 17)
    assert receptive_field(net, (1, 41, 41), 4, of=1).box(4, 5) == Box(1, 3, 6, 8)
    assert receptive_field(net, (1, 41, 41), 4, of=3).box(4, 5) == Box(4, 5, 5, 6)
    assert receptive_field(net, (1, 41, 41), 2, of=1).size == (1, 1)
    assert receptive_field(net, (1, 41, 41), 3, of=2).size == (0, 0)
    assert field_size(net) == (11, 11)


def test_the_field_of_overlapping_and_padded_pooling_contains_its_windows():
    net = graph(Layer(pool=Pool("max", 3, 2, 1)), named("top", 3))
    field = receptive_field(net, (1, 20, 20))
    assert (field.size, field.stride, field.offset) == ((7, 7), (2, 2), (-1, -1))
    assert field.rows.indexes(0).tolist() == [0, 1, 2, 3, 4, 5]


def test_the_field_of_pooled_whole_maps_is_the_image():
    net = graph(named("maps", 3), Layer(pool=Pool("mean", None), name="mean"))
    field = receptive_field(net, (1, 12, 20))
    assert field.box(0, 0) == Box(0, 0, 12, 20)
    assert (field.size, field.stride) == ((12, 20), (10, 18))
    assert field_size(net) == (3, 3)  # the smallest image that it takes
    assert field_size(replace(net, input=Input(size=(40, 50)))) == (40, 50)


def test_a_layer_that_is_scaled_by_one_value_is_placed_by_its_own_kernels():
    net = graph(
        named("maps", 3, stride=2),
        Layer(pool=Pool("mean", None), name="mean"),
        Layer(name="scaled", sources=("maps", "mean"), join="multiply"),
    )
    field = receptive_field(net, (1, 11, 15))
    assert (field.size, field.stride, field.offset) == ((3, 3), (2, 2), (0, 0))
    assert field.box(1, 2) == Box(0, 0, 11, 15)
    assert field.rows.indexes(3).tolist() == list(range(11))
    assert channel_field(net, (1, 11, 15), 0).box(1, 2) == Box(2, 4, 5, 7)


def test_the_channels_of_joined_layers_have_the_fields_of_their_own_layer():
    net = graph(
        named("small", 3),
        named("large", 5, ("input",), padding=1),
        Layer(name="both", sources=("large", "small"), pool=Pool("max", 2, 1)),
    )
    assert channel_field(net, (1, 20, 20), 0).first == Box(-1, -1, 5, 5)
    assert channel_field(net, (1, 20, 20), 1).first == Box(0, 0, 4, 4)


def test_channels_that_depend_on_each_other_have_a_common_field():
    layers = named("small", 3), named("large", 5, ("input",), padding=1)
    for steps in ({"activation": Activation("softmax")}, {"local_response": LocalResponse(3)}):
        net = graph(*layers, Layer(name="both", sources=("large", "small"), **steps))
        assert {channel_field(net, (1, 20, 20), channel).first for channel in (0, 1)} == {Box(-1, -1, 4, 4)}
    net = graph(*layers, Layer(name="both", sources=("large", "small"), local_response=LocalResponse(2)))
    # Of two channels, a normalization reads the one before.
    assert [channel_field(net, (1, 20, 20), channel).size for channel in (0, 1)] == [(5, 5), (5, 5)]
    net = graph(*layers, Layer(name="both", sources=("small", "large"), local_response=LocalResponse(2)))
    assert [channel_field(net, (1, 20, 20), channel).size for channel in (0, 1)] == [(3, 3), (5, 5)]
