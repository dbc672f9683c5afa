"""Feature maps in bands against those of the whole image, and selected channels of them."""

from __future__ import annotations

import numpy as np
import pytest

from cnnfx.conv import BAND_ROWS
from cnnfx.errors import ArgumentError
from cnnfx.nn import band_height
from cnnfx.nn.band_height import band_rows
from cnnfx.nn.feature_maps import FeatureMaps, feature_maps
from cnnfx.nn.layers import Activation, Combination, Conv, Layer, Pool
from cnnfx.nn.network import Network

RANDOM = np.random.default_rng(11)


class ArrayImage:
    """An array as an image, with the largest number of rows that were read at once."""

    def __init__(self, array: np.ndarray) -> None:
        self.array, self.max_rows = array.astype(np.float32), 0

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    def floats(self, first: int, last: int) -> np.ndarray:
        self.max_rows = max(self.max_rows, last - first)
        return self.array[:, first:last]


def layer(count: int, depth: int, **settings: object) -> Layer:
    finish = {key: settings.pop(key) for key in ("pool", "activation", "combine") if key in settings}
    weights = RANDOM.normal(size=(count, depth, 3, 5)).astype(np.float32)
    conv = Conv(weights, RANDOM.normal(size=count).astype(np.float32), **settings)
    return Layer(conv, tuple(f"f{k}" for k in range(count)), **finish)


@pytest.fixture
def banded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep no maps in memory, and make bands as low as possible."""
    monkeypatch.setattr(band_height, "MAX_CACHED_BYTES", 0)
    monkeypatch.setattr(band_height, "BAND_BYTES", 1)


NETWORKS = {
    "valid": [layer(3, 2)],
    "same": [layer(3, 2, padding="same", border="reflect"), layer(2, 3, padding="same", border="symmetric")],
    "uneven padding": [layer(3, 2, padding=((5, 0), (0, 3)), border="edge"), layer(1, 3, padding=((0, 4), (1, 1)))],
    "strided and dilated": [layer(3, 2, stride=(2, 1), dilation=(3, 1)), layer(2, 3, stride=3, padding=2)],
    "pooled": [layer(4, 2, pool=Pool("max", 2), activation=Activation("relu")), layer(2, 4, pool=Pool("mean", 3))],
    "wrapped": [layer(3, 2, padding="same", border="wrap")],
    "wrapped, the last rows unused": [layer(3, 2, padding=2, border="wrap", stride=3, pool=Pool("max", 4))],
    "rows that read padding only": [
        layer(3, 2, padding=((8, 8), (2, 2)), stride=(60, 1), border="reflect"),
        layer(2, 3, padding=((3, 3), (2, 2)), stride=(9, 1)),
    ],
    "combined": [layer(3, 2, combine=(Combination("n", "norm", (0, 1)), Combination("m", "max", (1, 2))))],
}


@pytest.mark.usefixtures("banded")
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("height", [40, 2 * BAND_ROWS + 1, 3 * BAND_ROWS + 77])
def test_bands_are_the_rows_of_the_whole_maps(name: str, height: int) -> None:
    network = Network(tuple(NETWORKS[name]))
    image = RANDOM.random((2, height, 23), dtype=np.float32)
    maps = feature_maps(network, ArrayImage(image), ("a", "b"))
    joined = np.concatenate([band for _, band in maps.bands()], axis=1)
    np.testing.assert_allclose(joined, network.feature_maps(image)[-1], rtol=1e-5, atol=1e-5)


@pytest.mark.usefixtures("banded")
def test_bands_of_one_layer_have_the_same_bits_as_the_whole_maps() -> None:
    image = RANDOM.random((2, 3 * BAND_ROWS + 77, 31), dtype=np.float32)
    network = Network((layer(3, 2, padding="same"),))
    joined = np.concatenate([band for _, band in feature_maps(network, ArrayImage(image), ("a", "b")).bands()], axis=1)
    np.testing.assert_array_equal(joined, network.feature_maps(image)[-1])


@pytest.mark.usefixtures("banded")
def test_a_band_reads_only_the_input_rows_of_its_kernels() -> None:
    source = ArrayImage(np.zeros((2, 20 * BAND_ROWS, 9)))
    for _ in feature_maps(Network((layer(3, 2), layer(2, 3))), source, ("a", "b")).bands():
        pass
    assert source.max_rows == BAND_ROWS + 4  # two layers with kernels of three rows


@pytest.mark.usefixtures("banded")
@pytest.mark.parametrize("name", NETWORKS)
def test_a_part_of_the_channels_has_the_same_values(name: str) -> None:
    network, source = Network(tuple(NETWORKS[name])), ArrayImage(RANDOM.random((2, 50, 23)))
    maps = feature_maps(network, source, ("a", "b"))
    last = maps.shape[0]
    part = maps.select([last - 1])
    assert part.names == maps.names[last - 1 :]
    np.testing.assert_allclose(part.whole(), maps.whole()[last - 1 :], rtol=1e-5, atol=1e-5)


@pytest.mark.usefixtures("banded")
@pytest.mark.parametrize("name", ["valid", "combined"])
def test_selected_channels_come_in_the_order_of_their_indexes(name: str) -> None:
    maps = feature_maps(Network(tuple(NETWORKS[name])), ArrayImage(RANDOM.random((2, 50, 23))), ("a", "b"))
    selected = maps.select([1, 0])
    assert selected.names == (maps.names[1], maps.names[0])
    np.testing.assert_allclose(selected.whole(), maps.whole()[[1, 0]], rtol=1e-5, atol=1e-5)


def test_channels_of_maps_in_memory_are_selected_without_computing_them_again() -> None:
    source = ArrayImage(RANDOM.random((2, 30, 20)))
    maps = feature_maps(Network((layer(3, 2),)), source, ("a", "b"))
    whole = maps.whole()
    source.max_rows = 0
    np.testing.assert_array_equal(maps.select([2, 0]).whole(), whole[[2, 0]])
    assert source.max_rows == 0


@pytest.mark.usefixtures("banded")
def test_a_part_of_grouped_channels_has_the_same_values() -> None:
    network = Network((layer(3, 1),)).per_channel(("red", "green"))
    maps = FeatureMaps(network, ArrayImage(RANDOM.random((2, 30, 23))))
    np.testing.assert_array_equal(maps.select(range(2, 5)).whole(), maps.whole()[2:5])


def test_small_maps_are_computed_once() -> None:
    source = ArrayImage(np.zeros((2, 30, 20)))
    maps = feature_maps(Network((layer(3, 2),)), source, ("a", "b"))
    maps.whole()
    source.max_rows = 0
    maps.select([0]).rows(3, 9)
    assert maps.statistics[0].count == 28 * 16
    assert source.max_rows == 0


def test_the_maps_of_an_earlier_layer_can_be_computed() -> None:
    network, source = Network((layer(3, 2), layer(2, 3))), ArrayImage(RANDOM.random((2, 30, 20)))
    maps = feature_maps(network, source, ("a", "b"), layer=1)
    np.testing.assert_array_equal(maps.whole(), network.feature_maps(source.array)[0])


@pytest.mark.parametrize("number", [0, 3])
def test_a_layer_that_does_not_exist_is_refused(number: int) -> None:
    network = Network((layer(3, 2), layer(2, 3)), "net")
    with pytest.raises(ArgumentError, match=rf"^There is no layer {number}: net has 2 layers\.$"):
        feature_maps(network, ArrayImage(np.zeros((2, 9, 9))), ("a", "b"), layer=number)


def test_the_height_of_a_band_is_a_multiple_of_band_rows() -> None:
    assert band_rows(1) % BAND_ROWS == 0
    assert band_rows(10**9) == BAND_ROWS
