"""The arithmetic of one output, against the network's feature maps and against values computed by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cnnfx.errors import ArgumentError
from cnnfx.images import Image
from cnnfx.nn.explanation import Read
from cnnfx.nn.feature_maps import FeatureMaps, feature_maps
from cnnfx.nn.input import Input
from cnnfx.nn.layers import Activation, Combination, Conv, Layer, Pool
from cnnfx.nn.network import Network
from cnnfx.nn.trace import MAX_CONTRIBUTIONS, explain, values_at
from tests.nn.graphs import graphs

BORDERS = ["constant", "edge", "reflect", "symmetric", "wrap"]
PADDINGS = st.sampled_from(["valid", "same", 1, 2, ((0, 3), (1, 0))])
PAIRS = st.tuples(st.integers(1, 3), st.integers(1, 3))
COMBINED = [
    Combination("n", "norm", (0, 1)),
    Combination("m", "max", (1, 0)),
    Combination("d", "difference", (0, 1)),
    Combination("s", "sum", (0, 1)),
    Combination("a", "mean", (0, 1)),
    Combination("t", "take", (1,)),
]


@st.composite
def layers(draw: st.DrawFn, channels: int) -> Layer:
    """Draw a layer for a number of input channels, with any settings."""
    random = np.random.default_rng(draw(st.integers(0, 2**20)))
    groups = draw(st.sampled_from([count for count in (1, channels) if channels % count == 0]))
    count = groups * draw(st.integers(1, 2))
    weights = random.normal(size=(count, channels // groups, *draw(PAIRS))).astype(np.float32)
    conv = Conv(
        weights,
        random.normal(size=count).astype(np.float32),
        stride=draw(PAIRS),
        dilation=draw(PAIRS),
        padding=draw(PADDINGS),
        border=draw(st.sampled_from(BORDERS)),
        groups=groups,
    )
    combine = tuple(draw(st.lists(st.sampled_from(COMBINED), unique=True))) if count > 1 else ()
    activation = Activation(draw(st.sampled_from(["none", "relu", "abs"])))
    pool = draw(st.sampled_from([None, Pool("max", 2), Pool("mean", 2), Pool("max", 3)]))
    return Layer(conv, tuple(f"f{k}" for k in range(count)), combine, activation, pool)


@st.composite
def cases(draw: st.DrawFn, least: int = 1) -> tuple[FeatureMaps, Image]:
    """Draw a network of one to three layers, and an image that is large enough for it."""
    count = draw(st.integers(least, 3))
    side = st.integers(6 * count, 30)
    image = picture(draw(st.tuples(st.integers(1, 3), side, side)))
    stacked: list[Layer] = []
    for _ in range(count):
        stacked.append(draw(layers(len(stacked[-1].channel_names) if stacked else image.shape[0])))
    mean, std = draw(st.sampled_from([(0.0, 1.0), (0.13, 0.31)]))
    try:
        return feature_maps(Network(tuple(stacked), input=Input(mean=mean, std=std)), image, image.channel_names), image
    except ArgumentError:
        assume(False)
        raise


def picture(shape: tuple[int, int, int]) -> Image:
    values = np.random.default_rng(sum(shape)).random(shape, dtype=np.float32)
    return Image("random", values, tuple(f"c{index}" for index in range(shape[0])))


@settings(max_examples=150)
@given(cases(), st.data())
def test_the_output_is_what_the_network_computes(case, data):
    maps, image = case
    _, height, width = maps.shape
    row, column = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    computed = maps.whole()
    found = explain(maps, image.channel_names, row, column)
    assert [one.channel for one in found] == list(maps.names)
    scale = max(1, np.abs(computed).max())
    np.testing.assert_allclose([one.value for one in found], computed[:, row, column], rtol=1e-4, atol=2e-5 * scale)


@settings(max_examples=60)
@given(cases(), st.data())
def test_values_at_positions_are_those_of_the_whole_maps(case, data):
    maps, _ = case
    rows, columns = (
        np.array(data.draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=4))) for size in maps.shape[1:]
    )
    computed = maps.whole()
    found = values_at(maps, len(maps.network.layers), rows, columns)
    scale = max(1, np.abs(computed).max())
    np.testing.assert_allclose(found, computed[:, rows[:, None], columns], rtol=1e-4, atol=2e-5 * scale)


@settings(max_examples=60)
@given(cases(2), st.data())
def test_each_value_of_a_patch_is_the_output_that_explains_it(case, data):
    maps, image = case
    row, column = (data.draw(st.integers(0, size - 1)) for size in maps.shape[1:])
    for one in explain(maps, image.channel_names, row, column, depth=len(maps.network.layers)):
        check_below(one)


def check_below(one):
    shown = one.points[one.shown]
    if one.contributions is None:
        assert one.layer == 1
        return
    assert len(one.contributions) <= MAX_CONTRIBUTIONS
    assert not (one.others and len(one.contributions) < MAX_CONTRIBUTIONS)
    for below in one.contributions:
        values = [
            term.patch[i, j]
            for filter_sum in shown.sums
            for term in filter_sum.terms
            for i, j in np.ndindex(term.patch.shape)
            if shown.patch.source(i, j) == (below.explanation.row, below.explanation.column)
        ]
        assert np.isclose(values, below.explanation.value, rtol=1e-4, atol=1e-4).any()
        check_below(below.explanation)
    if one.contributions:
        added = np.sum([below.amounts for below in one.contributions], axis=0) + one.other_amounts
        np.testing.assert_allclose(added, [filter_sum.total for filter_sum in shown.sums], rtol=1e-6, atol=1e-6)


@settings(max_examples=100)
@given(graphs(), st.data())
def test_an_output_of_a_graph_is_what_the_network_computes(case, data):
    network, image = case
    number = data.draw(st.integers(1, len(network.layers)))
    maps = FeatureMaps(network.bind(image.channel_names).upto(number), image)
    computed = network.feature_maps(image)[number - 1]
    row, column = (data.draw(st.integers(0, size - 1)) for size in computed.shape[1:])
    found = explain(maps, image.channel_names, row, column)
    scale = max(1, np.abs(computed).max())
    np.testing.assert_allclose([one.value for one in found], computed[:, row, column], rtol=1e-3, atol=1e-4 * scale)


@settings(max_examples=100)
@given(graphs(), st.data())
def test_contributions_and_others_add_up_to_the_sums_in_a_graph(case, data):
    network, image = case
    maps = FeatureMaps(network.bind(image.channel_names), image)
    row, column = (data.draw(st.integers(0, size - 1)) for size in maps.shape[1:])
    try:
        found = explain(maps, image.channel_names, row, column, [0], depth=2)
    except ArgumentError:  # there is one layer only
        assume(False)
        raise
    (one,) = found
    added = np.sum([below.amounts for below in one.contributions] or [[0.0] * len(one.point.sums)], axis=0)
    sums = [each.value if isinstance(each, Read) else each.total for each in one.point.sums]
    scale = max(1, np.abs(one.point.patch.values).max())
    np.testing.assert_allclose(added + one.other_amounts, sums, rtol=1e-4, atol=1e-4 * scale)
    for below in one.contributions:
        computed = network.feature_maps(image)
        for each in below.explanations:
            if each.layer:
                names = maps.network.layers[each.layer - 1].channel_names
                value = computed[each.layer - 1][names.index(each.channel), each.row, each.column]
                np.testing.assert_allclose(each.value, value, rtol=1e-3, atol=1e-3)


# Values computed by hand


def network(*weights, **settings):
    """Return a network with one filter on one channel in each layer."""
    return Network(
        tuple(
            Layer(Conv(np.array([[kernel]], np.float32), np.zeros(1, np.float32)), (f"k{number}",))
            for number, kernel in enumerate(weights, 1)
        ),
        "net",
        **settings,
    )


def counting(height, width):
    return Image("counting", np.arange(height * width, dtype=np.float32).reshape(1, height, width), ("gray",))


def test_the_largest_products_are_contributions_and_the_rest_is_counted():
    image = counting(1, 7)  # 0 1 2 3 4 5 6
    maps = feature_maps(network([[1, 1]], [[1, -1, 0, 10, 2]]), image, ("gray",))  # below: 1 3 5 7 9 11
    (one,) = explain(maps, ("gray",), 0, 1, depth=2)  # 3·1 − 5 + 0·7 + 9·10 + 11·2
    assert one.value == 110
    assert [(below.explanation.column, below.amounts) for below in one.contributions] == [
        (4, (90.0,)), (5, (22.0,)), (2, (-5.0,)),
    ]  # fmt: skip
    assert (one.others, one.other_amounts) == (1, (3.0,))
    assert one.contributions[0].explanation.value == 9 == 4 + 5


def test_zeros_of_the_padding_contribute_nothing_and_repeated_pixels_add_up():
    image, filters = counting(1, 3), network([[2]], [[1, 1, 1]])
    upper = filters.layers[1]
    for border, amounts in (("constant", [(1, 2.0)]), ("edge", [(1, 2.0)]), ("reflect", [(1, 4.0)])):
        conv = Conv(upper.conv.weights, upper.conv.bias, padding=((0, 0), (1, 1)), border=border)
        padded = Network((filters.layers[0], Layer(conv, ("k",))))
        (one,) = explain(feature_maps(padded, image, ("gray",)), ("gray",), 0, 0, depth=2)  # 0 | 0 2 4
        assert [(below.explanation.column, *below.amounts) for below in one.contributions] == amounts
        assert one.points[0].patch.padding.tolist() == [[True, False, False]]


def test_max_pooling_keeps_the_largest_and_mean_pooling_shows_the_largest_magnitude():
    image = Image("a", np.array([[[1, -9], [4, 2]]], np.float32), ("gray",))
    for kind, shown, value in (("max", 2, 4.0), ("mean", 1, -0.5)):
        layer = Layer(Conv(np.ones((1, 1, 1, 1), np.float32), np.zeros(1)), ("k",), pool=Pool(kind, 2))
        (one,) = explain(feature_maps(Network((layer,)), image, ("gray",)), ("gray",), 0, 0)
        assert (one.shown, one.value) == (shown, value)


def test_the_first_layer_reads_the_normalized_image():
    maps = feature_maps(network([[1, 0]], input=Input(mean=1.0, std=0.5)), counting(1, 3), ("gray",))
    (one,) = explain(maps, ("gray",), 0, 1)
    assert one.points[0].sums[0].terms[0].patch.tolist() == [[0.0, 2.0]]


def test_nan_stays_nan_and_is_the_first_contribution():
    image = Image("a", np.array([[[1, np.nan, 3, np.inf]]], np.float32), ("gray",))
    maps = feature_maps(network([[1]], [[9, 1, 0, 0]]), image, ("gray",))
    (one,) = explain(maps, ("gray",), 0, 0, depth=2)
    assert np.isnan(one.value)
    assert [below.explanation.column for below in one.contributions] == [1, 3, 0]


def test_only_the_needed_rows_of_a_large_image_are_read():
    read = []

    class Large:
        shape = (1, 5000, 4000)

        def floats(self, first, last):
            read.append((first, last))
            return np.ones((1, last - first, 4000), np.float32)

    maps = feature_maps(network([[1, 2, 3]] * 3, [[1, 2], [3, 4]]), Large(), ("gray",))
    (one,) = explain(maps, ("gray",), 2500, 7)
    assert one.value == 180
    assert read == [(2500, 2504)]


@pytest.mark.parametrize(("row", "column"), [(0, 2), (1, 0), (-1, 0), (0, -1)])
def test_a_position_outside_the_map_is_refused(row, column):
    maps = feature_maps(network([[1, 1]]), counting(1, 3), ("gray",))
    with pytest.raises(ArgumentError) as caught:
        explain(maps, ("gray",), row, column)
    assert str(caught.value) == (
        f"There is no position {column},{row}: the output of layer 1 is 2×1, so x is 0 to 1 and y 0 to 0."
    )


@pytest.mark.parametrize(
    ("kernels", "depth", "message"),
    [
        (1, 0, "The depth of an explanation of layer 1 must be 1, not 0."),
        (2, 3, "The depth of an explanation of layer 2 must be 1 to 2, not 3."),
    ],
)
def test_a_depth_out_of_range_is_refused(kernels, depth, message):
    maps = feature_maps(network(*[[[1]]] * kernels), counting(1, 3), ("gray",))
    with pytest.raises(ArgumentError) as caught:
        explain(maps, ("gray",), 0, 0, depth=depth)
    assert str(caught.value) == message
