"""Feature maps in bands: the same as those of the whole image."""

from __future__ import annotations

import numpy as np
import pytest

from cnnfx.conv import BAND_ROWS
from cnnfx.errors import ArgumentError
from cnnfx.nn import feature_maps as maps_module
from cnnfx.nn.feature_maps import FeatureMaps, band_rows, feature_maps
from cnnfx.nn.layers import Activation, Combination, Conv, Pool
from cnnfx.nn.network import Layer, Network

RANDOM = np.random.default_rng(11)


class Source:
    """An array as an image, which remembers the most rows that were asked for at once."""

    def __init__(self, array: np.ndarray) -> None:
        self.array, self.most = array.astype(np.float32), 0

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    def floats(self, first: int, last: int) -> np.ndarray:
        self.most = max(self.most, last - first)
        return self.array[:, first:last]


def layer(count: int, depth: int, **settings: object) -> Layer:
    finish = {key: settings.pop(key) for key in ("pool", "activation", "combine") if key in settings}
    weights = RANDOM.normal(size=(count, depth, 3, 5)).astype(np.float32)
    conv = Conv(weights, RANDOM.normal(size=count).astype(np.float32), **settings)
    return Layer(conv, tuple(f"f{k}" for k in range(count)), **finish)


@pytest.fixture
def banded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every image counts as too large to keep its maps, and bands are as low as they can be."""
    monkeypatch.setattr(maps_module, "KEPT_BYTES", 0)
    monkeypatch.setattr(maps_module, "BAND_BYTES", 1)


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
def test_bands_are_the_rows_of_the_whole(name: str, height: int) -> None:
    network = Network(tuple(NETWORKS[name]))
    image = RANDOM.random((2, height, 23), dtype=np.float32)
    maps = feature_maps(network, Source(image), ("a", "b"))
    joined = np.concatenate([band for _, band in maps.bands()], axis=1)
    np.testing.assert_allclose(joined, network.feature_maps(image)[-1], rtol=1e-5, atol=1e-5)


@pytest.mark.usefixtures("banded")
def test_bands_of_one_layer_hold_the_same_bits_as_the_whole() -> None:
    image = RANDOM.random((2, 3 * BAND_ROWS + 77, 31), dtype=np.float32)
    network = Network((layer(3, 2, padding="same"),))
    joined = np.concatenate([band for _, band in feature_maps(network, Source(image), ("a", "b")).bands()], axis=1)
    np.testing.assert_array_equal(joined, network.feature_maps(image)[-1])


@pytest.mark.usefixtures("banded")
def test_a_band_asks_for_little_more_than_its_own_rows() -> None:
    source = Source(np.zeros((2, 20 * BAND_ROWS, 9)))
    for _ in feature_maps(Network((layer(3, 2), layer(2, 3))), source, ("a", "b")).bands():
        pass
    assert source.most == BAND_ROWS + 4  # two layers, each two rows more


@pytest.mark.usefixtures("banded")
@pytest.mark.parametrize("name", NETWORKS)
def test_a_part_of_the_channels_is_the_same_alone(name: str) -> None:
    network, source = Network(tuple(NETWORKS[name])), Source(RANDOM.random((2, 50, 23)))
    maps = feature_maps(network, source, ("a", "b"))
    last = maps.shape[0]
    part = maps.part(last - 1, last)
    assert part.names == maps.names[last - 1 :]
    np.testing.assert_allclose(part.whole(), maps.whole()[last - 1 :], rtol=1e-5, atol=1e-5)


@pytest.mark.usefixtures("banded")
def test_a_part_of_grouped_channels_is_the_same_alone() -> None:
    network = Network((layer(3, 1),)).per_channel(("red", "green"))
    maps = FeatureMaps(network, Source(RANDOM.random((2, 30, 23))))
    np.testing.assert_array_equal(maps.part(2, 5).whole(), maps.whole()[2:5])


def test_small_maps_are_computed_once() -> None:
    source = Source(np.zeros((2, 30, 20)))
    maps = feature_maps(Network((layer(3, 2),)), source, ("a", "b"))
    maps.whole()
    source.most = 0
    maps.part(0, 1).rows(3, 9)
    assert maps.statistics[0].count == 28 * 16
    assert source.most == 0


def test_an_earlier_layer_can_be_asked_for() -> None:
    network, source = Network((layer(3, 2), layer(2, 3))), Source(RANDOM.random((2, 30, 20)))
    maps = feature_maps(network, source, ("a", "b"), layer=1)
    np.testing.assert_array_equal(maps.whole(), network.feature_maps(source.array)[0])


@pytest.mark.parametrize("number", [0, 3])
def test_a_layer_that_is_not_there_is_refused(number: int) -> None:
    network = Network((layer(3, 2), layer(2, 3)), "net")
    with pytest.raises(ArgumentError, match=rf"^There is no layer {number}: net has 2 layers\.$"):
        feature_maps(network, Source(np.zeros((2, 9, 9))), ("a", "b"), layer=number)


def test_bands_begin_where_the_engine_promises_the_same_bits() -> None:
    assert band_rows(1) % BAND_ROWS == 0
    assert band_rows(10**9) == BAND_ROWS
