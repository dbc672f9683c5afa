"""Feature maps of one layer for one image, computed in bands of rows on demand, and their statistics.

The feature maps of a 100-megapixel image take gigabytes. They are not held in memory unless they are small, or take
long to compute: each band of output rows is computed from the rows of the layers below that it needs, which
`cnnfx.nn.bands` finds. The values are those of the whole image.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, lru_cache
from math import prod
from typing import NamedTuple, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from cnnfx.conv import BAND_ROWS
from cnnfx.errors import ArgumentError
from cnnfx.images.image import Image
from cnnfx.nn.bands import VALUE_BYTES, Band, LayerPart, Rows, joined_sizes, layer_sizes, plan_band
from cnnfx.nn.layers import Combination, Layer, Shape, channel_index
from cnnfx.nn.network import Network
from cnnfx.nn.pixel_conv import PixelConv, pixel_conv
from cnnfx.nn.rounding import Range, changes_values, rounding_errors, signal_ranges
from cnnfx.nn.statistics import Statistics, channel_magnitudes, channel_statistics, largest_magnitudes
from cnnfx.system.memory import memory_limit
from cnnfx.system.sizes import bytes_text, size_text

Floats = NDArray[np.float32]

MAX_CACHED_BYTES = 64 * 2**20
"""Feature maps of up to this many bytes are kept once computed; larger ones are computed again for each use."""
MAX_EXPENSIVE_BYTES = 512 * 2**20
"""Feature maps of up to this many bytes are kept if they are expensive to compute."""
EXPENSIVE_VALUE = 1000
"""The multiplications for each value of expensive feature maps."""
BAND_BYTES = 8 * 2**20
"""The approximate size of a band of feature maps, in bytes."""
WORKING_BYTES = 2**30
"""The most memory for all arrays of a band, unless a band of one row needs more."""
MAX_OVERHEAD = 0.1
"""The part of the work, done more than once, at which bands are made as high as `WORKING_BYTES` allows. The bands of
layers with large receptive fields overlap in the layers below."""


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

    def __init__(self, network: Network, image: RowReader) -> None:
        self.network = network
        self.image = image
        self.sizes = list(layer_sizes(network, image.shape))
        self.band_height = _band_height(network, image.shape, memory_limit())
        self._magnitudes: dict[int, NDArray[np.float64]] = {}
        self._computed_with: Sequence[FeatureMaps] = ()

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
        """A bound of the rounding errors of each output channel."""
        _ = self.statistics  # every row is computed, and with it the largest magnitudes of the layers below
        if isinstance(self.image, Image) and self.image.maximum is not None:
            magnitudes = np.ones(self.image.shape[0])
        else:
            magnitudes = largest_magnitudes(channel_statistics(self._image_bands()))
        largest = self.network.input.normalized_magnitudes(magnitudes)
        sources = [self.network.sources(number) for number in range(1, len(self.sizes))]
        return rounding_errors(self.network.layers, sources, largest, self._magnitudes, self._pixel_convs)

    @cached_property
    def signal_ranges(self) -> list[Range]:
        """The range of the finite values of each output channel, without rounding errors; see `signal_range`."""
        return signal_ranges([channel.range for channel in self.statistics], self.rounding_errors)

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
        if not _is_kept(self.network, self.image.shape):
            return None
        height = self.shape[1]
        if self._computed_with:
            self._compute_together()
            return cast(Floats, self.__dict__["_cached"])
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
        for maps in self._computed_with:
            maps._keep(found[len(maps.network.layers)], top._magnitudes)

    def _compute(self, first: int, last: int) -> Floats:
        number = len(self.network.layers)
        return self._forward([(number, (first, last))])[number]

    def _forward(self, wanted: Sequence[tuple[int, Rows]]) -> dict[int, Floats]:
        """Compute rows of the outputs of some layers, and all that they are computed from, each layer once."""
        band = plan_band(self.network, self.image.shape, tuple(wanted))
        outputs: dict[int, _Output] = {}
        for number, parts in band.layers.items():
            outputs[number] = output = _Output(parts[0].outputs[0], self._layer_rows(number, parts, outputs))
            if number < len(self.network.layers) and changes_values(self.network.layers[number - 1]):
                magnitudes = channel_magnitudes(output.values)
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
        values = (layer if part.pool == layer.pool else replace(layer, pool=part.pool)).finish(maps)
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
        """The filters for integer pixels of layers that read the image only, where the image has such, the filters too.

        By the numbers of the layers.
        """
        image, network = self.image, self.network
        if not isinstance(image, Image) or image.maximum is None or network.input.normalizes:
            return {}
        found: dict[int, PixelConv] = {}
        for number, layer in enumerate(network.layers, 1):
            if layer.conv is not None and network.sources(number) == (0,):
                filters = pixel_conv(layer.conv, image.shape, image.maximum)
                found |= {} if filters is None else {number: filters}
        return found


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
    maps = [feature_maps(network, image, channel_names, number) for number in layers]
    together = [each for each in maps if _is_kept(each.network, image.shape) and each.band_height >= each.shape[1]]
    if sum(prod(each.shape) for each in together) * VALUE_BYTES <= MAX_EXPENSIVE_BYTES:
        for each in together:
            each._computed_with = together
    return maps


@lru_cache(maxsize=256)
def _bound(network: Network, channel_names: tuple[str, ...], layer: int | None) -> Network:
    """Return the layers up to `layer` for input channels of these names, the same network for all images of a run."""
    if layer is None:
        return network.bind(channel_names)
    return _bound(network, channel_names, None).upto(layer)


def band_rows(values_per_row: int) -> int:
    """Return the number of rows of a band of about `BAND_BYTES`: a multiple of `cnnfx.conv.BAND_ROWS`."""
    return max(1, BAND_BYTES // (VALUE_BYTES * values_per_row) // BAND_ROWS) * BAND_ROWS


def _is_kept(network: Network, shape: Shape) -> bool:
    """Return whether the maps of the last layer are kept in memory once computed, for an image of this shape."""
    maps = layer_sizes(network, shape)[-1]
    size = prod(maps) * VALUE_BYTES
    if size <= MAX_CACHED_BYTES or not network.is_local:
        return True
    return size <= MAX_EXPENSIVE_BYTES and _plan(network, shape, 0, maps[1]).work >= EXPENSIVE_VALUE * prod(maps)


def _band_height(network: Network, shape: Shape, limit: int) -> int:
    """Return the number of rows of the last layer's maps that are computed at a time, for an image of this shape.

    Small maps are computed at once. Bands of larger ones are small if they overlap little in the layers below, as they
    then stay in the processor's cache; otherwise as high as `WORKING_BYTES` allows.

    Raises
    ------
    ArgumentError
        If the band that needs the least memory needs more than `limit` bytes.
    """
    channels, height, width = layer_sizes(network, shape)[-1]
    if not network.is_local:
        heights = [height]
    else:
        heights = [-(-height >> halvings) for halvings in range(height.bit_length())]
        small = min(band_rows(channels * width), height)
        at_once = _is_kept(network, shape) and _peak_bytes(network, shape, height) <= WORKING_BYTES
        if not at_once and _overhead(network, shape, small) <= MAX_OVERHEAD:
            heights.insert(0, small)
    for bound in (min(WORKING_BYTES, limit), limit):
        for rows in heights:
            if _peak_bytes(network, shape, rows) <= bound:
                return rows
    raise _memory_error(network, shape, min(_peak_bytes(network, shape, rows) for rows in heights), limit)


def _plan(network: Network, shape: Shape, first: int, last: int) -> Band:
    return plan_band(network, shape, ((len(network.layers), (first, last)),))


def _middle_band(network: Network, shape: Shape, rows: int) -> Band:
    """Return the band of this height in the middle of the last layer's maps, where it reads most rows."""
    height = layer_sizes(network, shape)[-1][1]
    first = height // 2 // rows * rows
    return _plan(network, shape, min(first, height - rows), min(first + rows, height))


def _peak_bytes(network: Network, shape: Shape, rows: int) -> int:
    """Return an estimate of the memory for a band of this height."""
    return _middle_band(network, shape, rows).peak_bytes


def _overhead(network: Network, shape: Shape, rows: int) -> float:
    """Return the part of the work that is done more than once in bands of this height."""
    height = layer_sizes(network, shape)[-1][1]
    whole = _plan(network, shape, 0, height).work
    return _middle_band(network, shape, rows).work * height / rows / whole - 1


def _memory_error(network: Network, shape: Shape, needed: int, limit: int) -> ArgumentError:
    number = len(network.layers)
    return ArgumentError(
        f"{network.layer_owner(number)}: its maps of an image of {size_text(shape[1:])} need about "
        f"{bytes_text(needed)} of memory, and the limit is {bytes_text(limit)}. Use a smaller image."
    )


def _select_outputs(network: Network, channels: Sequence[int]) -> Network:
    """Return the network with some of its last layer's output channels, and only the filters that these need."""
    *below, last = network.layers
    outputs = [last.outputs[index] for index in channels]
    if last.local_response is not None or not last.activation.is_elementwise:  # a channel depends on others
        taken = tuple(Combination(last.channel_names[index], "take", (index,)) for index in channels)
        return replace(network, layers=(*network.layers, Layer(None, last.channel_names, taken)), head=None)
    last = replace(last, activation=last.activation.select(channels))
    if last.conv is None or last.conv.groups > 1:  # removing filters would move others to another group
        return replace(network, layers=(*below, replace(last, combine=tuple(outputs))))
    used = list(dict.fromkeys(index for channel in outputs for index in channel.of))
    conv = replace(last.conv, weights=last.conv.weights[used], bias=last.conv.bias[used])
    names = tuple(last.filter_names[index] for index in used)
    combine = [channel._replace(of=tuple(used.index(index) for index in channel.of)) for channel in outputs]
    selected = replace(last, conv=conv, filter_names=names, combine=tuple(combine) if last.combine else ())
    return replace(network, layers=(*below, selected))
