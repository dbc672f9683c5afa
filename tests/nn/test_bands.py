"""Bands of rows of graphs: their values, the rows that are computed for them, and their memory."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnfx.errors import ArgumentError
from cnnfx.images import Image
from cnnfx.nn import band_height, bands
from cnnfx.nn import feature_maps as maps_module
from cnnfx.nn.bands import plan_band
from cnnfx.nn.feature_maps import FeatureMaps, feature_maps, feature_maps_of_layers
from cnnfx.nn.layers import Activation, Conv, Layer, Pool
from cnnfx.nn.network import Network
from cnnfx.nn.normalization import LocalResponse
from tests.nn.graphs import conv, fire_network, graphs, numbers, picture
from tests.nn.naive import naive_maps


def maps_in_bands(network: Network, image: Image, rows: int) -> FeatureMaps:
    """Return feature maps that are not kept in memory, and are computed in bands of some rows."""
    maps = FeatureMaps(network.bind(image.channel_names), image)
    maps.__dict__["_cached"], maps.band_height = None, rows
    return maps


def computed_rows(network: Network, image: Image, first: int, last: int) -> dict[int, tuple[int, int]]:
    """Return the rows of each layer's output that are computed for rows of the last, by the layers' names."""
    band = plan_band(network, image.shape, ((len(network.layers), (first, last)),))
    return {
        network.layer_title(number): (parts[0].outputs[0], parts[-1].outputs[1])
        for number, parts in band.layers.items()
    }


@settings(max_examples=100)
@given(graphs())
def test_the_values_of_a_graph_are_those_of_plain_loops(case: tuple[Network, Image]) -> None:
    network, image = case
    bound = network.bind(image.channel_names)
    found = feature_maps_of_layers(network, image, image.channel_names, range(1, len(network.layers) + 1))
    for maps, expected in zip(found, naive_maps(bound, image.floats()), strict=True):
        assert maps.shape == expected.shape
        scale = max(1, np.abs(expected).max())
        np.testing.assert_allclose(maps.whole(), expected, rtol=1e-3, atol=1e-4 * scale)


@settings(max_examples=150)
@given(graphs(), st.integers(1, 7))
def test_bands_of_a_graph_have_the_values_of_the_whole_maps(case: tuple[Network, Image], rows: int) -> None:
    network, image = case
    whole = network.feature_maps(image)[-1]
    joined = np.concatenate([band for _, band in maps_in_bands(network, image, rows).bands()], axis=1)
    scale = max(1, np.abs(whole).max())
    np.testing.assert_allclose(joined, whole, rtol=1e-3, atol=1e-5 * scale)


@settings(max_examples=150)
@given(graphs(), st.integers(1, 5))
def test_layers_in_parts_have_the_values_of_whole_layers(case: tuple[Network, Image], rows: int) -> None:
    network, image = case
    whole = network.feature_maps(image)[-1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bands, "MAX_LAYER_BYTES", 0)
        patch.setattr(bands, "PART_BYTES", 0)
        patch.setattr(bands, "MIN_PART_ROWS", rows)
        maps = FeatureMaps(network.bind(image.channel_names), image).whole()
    np.testing.assert_allclose(maps, whole, rtol=1e-3, atol=1e-5 * max(1, np.abs(whole).max()))


@settings(max_examples=100)
@given(graphs(), st.data())
def test_selected_channels_of_a_graph_have_the_same_values(case: tuple[Network, Image], data: st.DataObject) -> None:
    network, image = case
    whole = network.feature_maps(image)[-1]
    indexes = data.draw(st.lists(st.integers(0, len(whole) - 1), min_size=1, max_size=3, unique=True))
    maps = maps_in_bands(network, image, data.draw(st.integers(1, 9)))
    selected = maps.select(indexes)
    assert selected.names == tuple(maps.names[index] for index in indexes)
    assert selected.non_negative == tuple(maps.non_negative[index] for index in indexes)
    scale = max(1, np.abs(whole).max())
    np.testing.assert_allclose(selected.whole(), whole[indexes], rtol=1e-3, atol=1e-5 * scale)
    assert (np.array(selected.rounding_errors) <= np.array(maps.rounding_errors)[indexes] * (1 + 1e-6)).all()


@settings(max_examples=100)
@given(graphs())
def test_rounding_errors_of_a_graph_are_within_their_bounds_or_called_signal(case: tuple[Network, Image]) -> None:
    network, image = case
    maps = FeatureMaps(network.bind(image.channel_names), image)
    exact = naive_maps(maps.network, image.floats())[-1]
    for index, (low, high) in enumerate(maps.signal_ranges):
        if (low, high) == (0, 0):  # nothing but rounding errors: the true values are 0, or as small as the errors
            assert np.abs(exact[index]).max() <= 2 * maps.rounding_errors[index]


def test_each_layer_of_fire_modules_in_a_row_is_computed_once_for_a_band() -> None:
    modules, calls = 8, []
    layers = [Layer(conv(4, 3, 3), numbers(4), name="fire0")]
    for number in range(1, modules + 1):
        squeeze, left, right = f"squeeze{number}", f"left{number}", f"right{number}"
        layers += [
            Layer(conv(2, 4), numbers(2), name=squeeze),
            Layer(conv(2, 2), numbers(2), name=left),
            Layer(conv(2, 2, 3, padding=1), numbers(2), name=right, sources=(squeeze,)),
            Layer(name=f"fire{number}", sources=(left, right)),
        ]
    image = picture(3, 60, 9)
    maps = maps_in_bands(Network(tuple(layers)), image, 60)
    forward = Conv.forward_band
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Conv, "forward_band", lambda conv, *arguments: calls.append(conv) or forward(conv, *arguments))
        maps.rows(20, 21)
    assert len(calls) == 1 + 3 * modules


def test_a_layer_gives_the_rows_that_all_of_its_readers_need() -> None:
    layers = (
        Layer(conv(2, 1), numbers(2), name="below"),
        Layer(conv(2, 2, 5, padding=2), numbers(2), name="wide"),
        Layer(conv(2, 2, 3, padding=((2, 0), (1, 1))), numbers(2), name="shifted", sources=("below",)),
        Layer(name="both", sources=("wide", "shifted", "below")),
        Layer(pool=Pool("max", 3, 2), name="pooled"),
    )
    image = picture(1, 40, 9)
    network = Network(layers).bind(image.channel_names)
    assert computed_rows(network, image, 5, 7) == {
        "below": (8, 17),
        "wide": (10, 15),
        "shifted": (10, 15),
        "both": (10, 15),
        "pooled": (5, 7),
    }
    assert computed_rows(network, image, 0, 2)["below"] == (0, 7)
    assert computed_rows(network, image, 18, 19)["below"] == (34, 40)


def test_layers_that_are_read_by_no_needed_layer_are_not_computed() -> None:
    layers = (
        Layer(conv(2, 1), numbers(2), name="used"),
        Layer(conv(2, 2), numbers(2), name="unused"),
        Layer(conv(2, 2), numbers(2), name="last", sources=("used",)),
    )
    image = picture(1, 9, 9)
    assert set(computed_rows(Network(layers).bind(image.channel_names), image, 0, 9)) == {"used", "last"}


def test_arrays_are_freed_after_their_last_reader() -> None:
    count, image = 12, picture(3, 64, 64)
    layers = (Layer(conv(8, 3), numbers(8)), *(Layer(conv(8, 8), numbers(8)) for _ in range(count)))
    network = Network(layers).bind(image.channel_names)
    one = 8 * 64 * 64 * 4
    assert plan_band(network, image.shape, ((count + 1, (0, 64)),)).peak_bytes == 2 * one
    kept = plan_band(network, image.shape, ((1, (0, 64)), (2, (0, 64)), (count + 1, (0, 64))))
    assert kept.peak_bytes == 4 * one


def test_several_layers_are_computed_in_one_pass() -> None:
    image, network, calls = picture(3, 40, 50), fire_network(), []
    found = feature_maps_of_layers(network, image, image.channel_names, [1, 3, 8])
    forward = Conv.forward_band
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Conv, "forward_band", lambda conv, *arguments: calls.append(conv) or forward(conv, *arguments))
        ranges = [maps.signal_ranges for maps in found]
    assert len(calls) == 6  # conv1, three layers with filters of a module, and two of the next
    for number, maps, expected in zip([1, 3, 8], found, ranges, strict=True):
        alone = feature_maps(network, image, image.channel_names, number)
        np.testing.assert_array_equal(maps.whole(), alone.whole())
        assert expected == alone.signal_ranges
        assert maps.rounding_errors == alone.rounding_errors


def deep(count: int, **settings: object) -> Network:
    """Return a chain of layers, each with a kernel of 9×9."""
    layers = (Layer(conv(2, 1, 9, padding=4, **settings), numbers(2)) for _ in range(1))
    return Network((*layers, *(Layer(conv(2, 2, 9, padding=4), numbers(2)) for _ in range(count - 1))), "deep")


def test_bands_of_deep_networks_are_as_high_as_the_memory_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(band_height, "MAX_CACHED_BYTES", 0)
    monkeypatch.setattr(band_height, "BAND_BYTES", 1)
    image = picture(1, 4000, 3)
    assert feature_maps(deep(1), image, ("gray",)).band_height == 256
    monkeypatch.setattr(band_height, "MAX_OVERHEAD", 0.01)
    assert feature_maps(deep(4), image, ("gray",)).band_height == 4000
    monkeypatch.setattr(band_height, "WORKING_BYTES", 60_000)
    maps = feature_maps(deep(4), image, ("gray",))
    assert maps.band_height == 1000  # the smallest number of bands of equal height
    joined = np.concatenate([band for _, band in maps.bands()], axis=1)
    np.testing.assert_allclose(joined, deep(4).feature_maps(image)[-1], rtol=1e-3, atol=1e-2)


def test_maps_that_are_expensive_to_compute_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(band_height, "MAX_CACHED_BYTES", 0)
    image = picture(1, 40, 9)
    for least, is_kept in ((300, True), (10**6, False)):  # about 500 multiplications for each value
        monkeypatch.setattr(band_height, "EXPENSIVE_VALUE", least)
        maps = feature_maps(deep(4), image, ("gray",))
        assert np.shares_memory(maps.whole(), maps.rows(3, 5)) == is_kept


def test_images_that_need_more_memory_than_the_limit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    image = picture(3, 40, 50)
    monkeypatch.setattr(maps_module, "memory_limit", lambda: 20_000)
    with pytest.raises(
        ArgumentError,
        match=r"^layer classes of little: its maps of an image of 50×40 need about \d\d kB of memory, and the limit is "
        r"20 kB\. Use a smaller image\.$",
    ):
        feature_maps(fire_network(), image, image.channel_names)


def test_a_network_that_reads_whole_images_is_computed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MAX_CACHED_BYTES", "MAX_EXPENSIVE_BYTES", "BAND_BYTES", "WORKING_BYTES"):
        monkeypatch.setattr(band_height, name, 1)
    layers = (
        Layer(conv(2, 1), numbers(2), name="maps"),
        Layer(pool=Pool("mean", None), activation=Activation("sigmoid"), name="gate"),
        Layer(name="gated", sources=("maps", "gate"), join="multiply"),
    )
    image = picture(1, 300, 4)
    maps = feature_maps(Network(layers), image, ("gray",))
    assert maps.band_height == 300
    np.testing.assert_allclose(maps.whole(), Network(layers).feature_maps(image)[-1], rtol=1e-5)


@pytest.mark.parametrize(
    ("steps", "arrays"),
    [
        ({}, 3 / 8),  # the image; the output is counted apart
        ({"activation": Activation("relu")}, 3 / 8),  # in place
        (
            {"activation": Activation("tanh"), "local_response": LocalResponse(3)},
            3,
        ),  # the filters' maps, squares and sums
        ({"activation": Activation("sigmoid")}, 2),  # the filters' maps, and a term of the function
        ({"pool": Pool("max", 2)}, 2),  # the filters' maps, and their pooled rows
        ({"pool": Pool("max", 2, ceil=True)}, 3),  # and padded maps
        ({"pool": Pool("mean", None)}, 3 / 8 + 1),  # the image and the filters' maps
    ],
)
def test_the_estimated_memory_has_all_arrays_of_a_layer(steps: dict[str, object], arrays: float) -> None:
    image, one = picture(3, 64, 64), 8 * 64 * 64 * 4
    network = Network((Layer(conv(8, 3), numbers(8), **steps),)).bind(image.channel_names)
    rows, columns = network.output_shapes(image.shape)[0][1:]
    output = 8 * rows * columns * 4
    assert plan_band(network, image.shape, ((1, (0, rows)),)).peak_bytes == output + arrays * one
