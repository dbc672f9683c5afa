"""Feature maps of one layer for one image, computed in bands of rows on demand, and their statistics.

The feature maps of a 100-megapixel image take gigabytes. They are not held in memory unless they are small, or take
long to compute: each band of output rows is computed from the rows of the layers below that it needs, which
`cnnfx.nn.bands` finds. The values are those of the whole image: those of a single layer have the same bits, those of
several layers may differ in the last bits, as bands of the lower layers begin at any row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, lru_cache
from math import isqrt, prod
from typing import NamedTuple, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from cnnfx.images.image import Image
from cnnfx.nn.band_height import MAX_CACHED_BYTES, MAX_EXPENSIVE_BYTES, WORKING_BYTES, band_height, band_rows, is_kept
from cnnfx.nn.bands import VALUE_BYTES, LayerPart, Rows, joined_sizes, layer_sizes, plan_band
from cnnfx.nn.layers import Combination, Layer, Shape, channel_index
from cnnfx.nn.network import Network
from cnnfx.nn.pixel_conv import PixelConv, pixel_conv
from cnnfx.nn.rounding import Range, changes_magnitudes, outlier_share, rounding_errors_of_layers, signal_ranges
from cnnfx.nn.statistics import (
    Statistics,
    channel_magnitudes,
    channel_statistics,
    largest_magnitudes,
    typical_magnitudes,
)
from cnnfx.system.memory import memory_limit

Floats = NDArray[np.float32]

SAMPLED_PIXELS = 100_000
"""About the number of pixels of an image whose magnitudes are compared with the largest one."""


class RowReader(Protocol):
    """An image whose rows are read as float32."""

    @property
    def shape(self) -> Shape:
        """(C, H, W)."""

    def floats(self, first: int, last: int) -> Floats:
        """Return the rows `first` to `last` (exclusive) of all channels, `(C, last - first, W)`."""


class FeatureMaps:
    """The output channels of a network's last layer for one image.

    Parameters
    ----------
    network : Network
        Bound to the image's channels (`Network.bind`).
    image : RowReader
    sizes : sequence of (C, H, W), optional
        The shape of the image, then of each layer's output channels, if these are known to be small and to be computed
        at once.

    Attributes
    ----------
    sizes : list of (C, H, W)
        The shape of the image, then of each layer's output channels.

    Raises
    ------
    ArgumentError
        If a kernel or the pooling of a layer is larger than its input, or the maps need more memory than
        `cnnfx.system.memory.memory_limit`.
    """

    def __init__(self, network: Network, image: RowReader, sizes: Sequence[Shape] | None = None) -> None:
        self.network = network
        self.image = image
        self.sizes = list(sizes or layer_sizes(network, image.shape))
        self.band_height = self.shape[1] if sizes else band_height(network, image.shape, memory_limit())
        self._magnitudes: dict[int, NDArray[np.float64]] = {}
        self._computed_with: Sequence[FeatureMaps] = ()
        self._errors = _Errors(network, (len(network.layers),), {})

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the K output channels."""
        return self.network.layers[-1].channel_names

    @property
    def shape(self) -> Shape:
        """(K, H, W) of the output channels."""
        return self.sizes[-1]

    @property
    def non_negative(self) -> tuple[bool, ...]:
        """Whether each output channel cannot be negative; see `Network.non_negative`."""
        return self.network.non_negative()

    @cached_property
    def statistics(self) -> Statistics:
        """The statistics of each output channel."""
        return channel_statistics(self.bands())

    @cached_property
    def rounding_errors(self) -> list[float]:
        """A bound of the rounding errors of each output channel.

        In an image with outliers it is that of all other values, or these would seem to be rounding errors beside them.
        """
        _ = self.statistics  # every row is computed, and with it the largest magnitudes of the layers below
        number, known = len(self.network.layers), self._errors.known
        if number not in known:
            known.update(self._compute_errors(self._errors.network, self._errors.numbers))
        return known[number]

    def _compute_errors(self, network: Network, numbers: Sequence[int]) -> dict[int, list[float]]:
        """Return the rounding errors of the output channels of some layers, by their numbers."""
        largest = typical = np.ones(self.image.shape[0])
        if not isinstance(self.image, Image) or self.image.maximum is None:
            largest, typical = self._image_magnitudes()
        given = self.network.input
        largest, typical = given.normalized_magnitudes(largest), given.normalized_magnitudes(typical)
        share = outlier_share(largest, typical)
        found = {number: share * magnitudes for number, magnitudes in self._magnitudes.items()}
        sources = [network.sources(number) for number in range(1, len(network.layers) + 1)]
        exact = _pixel_convs(network, self.image)
        return rounding_errors_of_layers(network.layers, sources, share * largest, found, exact, numbers)

    @cached_property
    def signal_ranges(self) -> list[Range]:
        """The range of the finite values of each output channel, without rounding errors; see `signal_range`."""
        return signal_ranges([channel.range for channel in self.statistics], self.rounding_errors)

    def _image_magnitudes(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the largest and the typical magnitude of each channel of the image; see `typical_magnitudes`."""
        samples: list[Floats] = []
        _, height, width = self.image.shape
        step = max(1, isqrt(height * width // SAMPLED_PIXELS))

        def sampled_bands() -> Iterator[tuple[int, Floats]]:
            for first, band in self._image_bands():
                samples.append(band[:, ::step, ::step].copy())
                yield first, band

        largest = largest_magnitudes(channel_statistics(sampled_bands()))
        return largest, typical_magnitudes(np.concatenate(samples, axis=1))

    def _image_bands(self) -> Iterator[tuple[int, Floats]]:
        channels, height, width = self.image.shape
        step = band_rows(channels * width)
        for first in range(0, height, step):
            yield first, self.image.floats(first, min(first + step, height))

    def rows(self, first: int, last: int) -> Floats:
        """Return the rows `first` to `last` (exclusive) of all output channels, `(K, last - first, W)`."""
        if self._cached is not None:
            return self._cached[:, first:last]
        return self._compute(first, last)

    def whole(self) -> Floats:
        """Return all output channels, `(K, H, W)`."""
        return self.rows(0, self.shape[1])

    def bands(self) -> Iterator[tuple[int, Floats]]:
        """Yield the output channels from top to bottom: the first row of each band, and the band `(K, rows, W)`."""
        channels, height, width = self.shape
        step = self.band_height if self._cached is None else band_rows(channels * width)
        for first in range(0, height, step):
            yield first, self.rows(first, min(first + step, height))

    def select(self, indexes: Sequence[int]) -> FeatureMaps:
        """Return the feature maps of some of the output channels, in the order of `indexes`.

        Others are not computed, unless the channels are computed from them.
        """
        maps = FeatureMaps(_select_outputs(self.network, indexes), self.image)
        if self._cached is not None:
            maps._keep(self._cached[channel_index(indexes)], self._magnitudes)
        return maps

    @cached_property
    def _cached(self) -> Floats | None:
        """All output channels, unless they are too large."""
        if self._computed_with:
            self._compute_together()
            return cast(Floats, self.__dict__["_cached"])
        if not is_kept(self.network, self.image.shape):
            return None
        height = self.shape[1]
        if self.band_height >= height:
            return self._compute(0, height)
        maps = np.empty(self.shape, np.float32)
        for first in range(0, height, self.band_height):
            last = min(first + self.band_height, height)
            maps[:, first:last] = self._compute(first, last)
        return maps

    def _keep(self, maps: Floats, magnitudes: dict[int, NDArray[np.float64]]) -> None:
        """Keep output channels that have been computed, and the largest magnitudes of the layers below."""
        self.__dict__["_cached"], self._magnitudes = maps, magnitudes

    def _compute_together(self) -> None:
        """Compute and keep the maps of several layers in one pass through the last of them."""
        by_number = {len(maps.network.layers): maps for maps in self._computed_with}
        top = by_number[max(by_number)]
        found = top._forward([(number, (0, maps.shape[1])) for number, maps in by_number.items()])
        for number, maps in by_number.items():
            maps._keep(found[number], top._magnitudes)
            maps._computed_with = ()  # no cycle of references keeps the arrays in memory

    def _compute(self, first: int, last: int) -> Floats:
        number = len(self.network.layers)
        return self._forward([(number, (first, last))])[number]

    def _forward(self, wanted: Sequence[tuple[int, Rows]]) -> dict[int, Floats]:
        """Compute rows of the outputs of some layers, and all that they are computed from, each layer once."""
        band = plan_band(self.network, self.image.shape, tuple(wanted))
        outputs: dict[int, _Output] = {}
        for number, parts in band.layers.items():
            outputs[number] = output = _Output(parts[0].outputs[0], self._layer_rows(number, parts, outputs))
            if number < len(self.network.layers) and changes_magnitudes(self.network.layers[number - 1]):
                magnitudes = channel_magnitudes(output.values, all(self.network.non_negative(number)))
                self._magnitudes[number] = np.maximum(magnitudes, self._magnitudes.get(number, 0.0))
            for source in self.network.sources(number):
                if band.last_readers.get(source) == number:
                    outputs.pop(source, None)  # frees its memory
        return {number: outputs[number].rows(*rows) for number, rows in wanted}

    def _layer_rows(self, number: int, parts: Sequence[LayerPart], outputs: Mapping[int, _Output]) -> Floats:
        """Compute rows of the output of a layer, given those of the layers that it reads."""
        if len(parts) == 1:
            return self._layer_part(number, parts[0], outputs)
        channels, _, width = self.sizes[number]
        begin, end = parts[0].outputs[0], parts[-1].outputs[1]
        values = np.empty((channels, end - begin, width), np.float32)
        for part in parts:
            first, last = part.outputs
            values[:, first - begin : last - begin] = self._layer_part(number, part, outputs)
        return values

    def _layer_part(self, number: int, part: LayerPart, outputs: Mapping[int, _Output]) -> Floats:
        layer = self.network.layers[number - 1]
        if number in self._pixel_convs:
            assert isinstance(self.image, Image)
            pixels = self.image.pixels(*part.inputs)
            maps = self._pixel_convs[number].forward_band(pixels, part.padding)
        else:
            maps = layer.join_inputs(self._inputs(number, part, outputs))
            if layer.conv is not None:
                method = layer.conv.choose_method(self._joined(number))
                maps = layer.conv.forward_band(maps, part.padding, method)
        maps = maps[:, part.maps[0] - part.computed[0] : part.maps[1] - part.computed[0]]
        is_own = layer.conv is not None or len(self.network.sources(number)) > 1  # not the output of another layer
        values = (layer if part.pool == layer.pool else replace(layer, pool=part.pool)).finish(maps, is_own)
        return values[:, part.outputs[0] - part.pooled[0] : part.outputs[1] - part.pooled[0]]

    def _inputs(self, number: int, part: LayerPart, outputs: Mapping[int, _Output]) -> list[Floats]:
        """Return the rows of each layer that a layer joins; of the image, normalized."""
        rows, height = part.inputs, self._joined(number)[1]
        return [
            self.network.normalize(self.image.floats(*rows))
            if source == 0
            else outputs[source].rows(*(rows if self.sizes[source][1] == height else (0, self.sizes[source][1])))
            for source in self.network.sources(number)
        ]

    def _joined(self, number: int) -> Shape:
        """Return the shape of the joined input of a layer."""
        return joined_sizes(self.network, self.image.shape)[number - 1]

    @cached_property
    def _pixel_convs(self) -> dict[int, PixelConv]:
        return _pixel_convs(self.network, self.image)


def _pixel_convs(network: Network, image: RowReader) -> dict[int, PixelConv]:
    """Return the filters for integer pixels of layers that read the image only, where the image and the filters allow.

    By the numbers of the layers.
    """
    if not isinstance(image, Image) or image.maximum is None or network.input.normalizes:
        return {}
    found: dict[int, PixelConv] = {}
    for number, layer in enumerate(network.layers, 1):
        if layer.conv is not None and network.sources(number) == (0,):
            filters = pixel_conv(layer.conv, image.shape, image.maximum)
            found |= {} if filters is None else {number: filters}
    return found


class _Errors(NamedTuple):
    """The rounding errors of layers with these numbers, by number, once they are known. Several maps can share them."""

    network: Network
    numbers: Sequence[int]
    known: dict[int, list[float]]


class _Output(NamedTuple):
    """Rows `(K, rows, W)` of the output of a layer, from the row `first` on."""

    first: int
    values: Floats

    def rows(self, first: int, last: int) -> Floats:
        return self.values[:, first - self.first : last - self.first]


def feature_maps(
    network: Network, image: RowReader, channel_names: Sequence[str], layer: int | None = None
) -> FeatureMaps:
    """Return the feature maps of a layer for an image.

    Parameters
    ----------
    network : Network
    image : RowReader
    channel_names : sequence of str
        The names of the image's channels.
    layer : int, optional
        The number of the layer; 1 is the first. By default the last.

    Raises
    ------
    ArgumentError
        If the layer does not exist, the channels or sizes do not fit, or there is not enough memory.
    """
    return FeatureMaps(_bound(network, tuple(channel_names), layer), image)


def feature_maps_of_layers(
    network: Network, image: RowReader, channel_names: Sequence[str], layers: Sequence[int]
) -> list[FeatureMaps]:
    """Return the feature maps of several layers for an image; small ones are computed together.

    Parameters and errors are those of `feature_maps`; `layers` are numbers.
    """
    bound = _bound(network, tuple(channel_names), max(layers))
    sizes = layer_sizes(bound, image.shape)
    if _are_small(bound, image.shape, layers):
        maps = [FeatureMaps(bound.upto(number), image, sizes[: number + 1]) for number in layers]
        _compute_together(maps)
        return maps
    maps = [feature_maps(network, image, channel_names, number) for number in layers]
    together = [each for each in maps if is_kept(each.network, image.shape) and each.band_height >= each.shape[1]]
    if sum(prod(each.shape) for each in together) * VALUE_BYTES <= MAX_EXPENSIVE_BYTES:
        _compute_together(together)
    return maps


def _compute_together(maps: Sequence[FeatureMaps]) -> None:
    """Let the maps of several layers be computed in one pass, and their rounding errors in another."""
    if maps:
        numbers = [len(each.network.layers) for each in maps]
        errors = _Errors(max(maps, key=lambda each: len(each.network.layers)).network, numbers, {})
        for each in maps:
            each._computed_with, each._errors = maps, errors


def _are_small(network: Network, shape: Shape, layers: Sequence[int]) -> bool:
    """Return whether the maps of several layers are all kept in memory, and computed in one pass."""
    sizes = layer_sizes(network, shape)
    counts = [prod(sizes[number]) * VALUE_BYTES for number in layers]
    if max(counts) > MAX_CACHED_BYTES or sum(counts) > MAX_EXPENSIVE_BYTES:
        return False
    wanted = tuple((number, (0, sizes[number][1])) for number in layers)
    return plan_band(network, shape, wanted).peak_bytes <= min(WORKING_BYTES, memory_limit())


@lru_cache(maxsize=256)
def _bound(network: Network, channel_names: tuple[str, ...], layer: int | None) -> Network:
    """Return the layers up to `layer` for input channels of these names, the same network for all images of a run."""
    bound = network.bind(channel_names)
    return bound if layer is None else bound.upto(layer)


def _select_outputs(network: Network, channels: Sequence[int]) -> Network:
    """Return the network with some of its last layer's output channels, and only the filters that these need."""
    network = replace(network, head=None, classes=())
    *below, last = network.layers
    outputs = [last.outputs[index] for index in channels]
    if last.local_response is not None or not last.activation.is_elementwise:  # a channel depends on others
        taken = tuple(Combination(last.channel_names[index], "take", (index,)) for index in channels)
        return replace(network, layers=(*network.layers, Layer(None, last.channel_names, taken)))
    last = replace(last, activation=last.activation.select(channels))
    if last.conv is None or last.conv.groups > 1:  # removing filters would move others to another group
        return replace(network, layers=(*below, replace(last, combine=tuple(outputs))))
    used = list(dict.fromkeys(index for channel in outputs for index in channel.of))
    conv = replace(last.conv, weights=last.conv.weights[used], bias=last.conv.bias[used])
    names = tuple(last.filter_names[index] for index in used)
    combine = [channel._replace(of=tuple(used.index(index) for index in channel.of)) for channel in outputs]
    selected = replace(last, conv=conv, filter_names=names, combine=tuple(combine) if last.combine else ())
    return replace(network, layers=(*below, selected))
