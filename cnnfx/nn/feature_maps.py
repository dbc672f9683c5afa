"""Feature maps of one layer for one image, computed in bands of rows on demand, and their statistics.

The feature maps of a 100-megapixel image take gigabytes. They are not held in memory unless they are small: each band
of output rows is computed from the input rows that it needs, layer by layer. The values are those of the whole image.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property, lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cnnfx.conv import BAND_ROWS, Padding
from cnnfx.images.image import Image
from cnnfx.nn.layers import Shape, channel_index
from cnnfx.nn.network import Network
from cnnfx.nn.pixel_conv import PixelConv, pixel_conv
from cnnfx.nn.rounding import Range, rounding_errors, signal_ranges
from cnnfx.nn.statistics import Statistics, channel_statistics, largest_magnitudes

Floats = NDArray[np.float32]

MAX_CACHED_BYTES = 64 * 2**20
"""Feature maps of up to this many bytes are kept once computed; larger ones are computed again for each use."""
BAND_BYTES = 8 * 2**20
"""The approximate size of a band of feature maps, in bytes."""


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
        If a kernel or the pooling of a layer is larger than its input.
    """

    def __init__(self, network: Network, image: RowReader) -> None:
        self.network = network
        self.image = image
        self.sizes = [image.shape, *network.output_shapes(image.shape)]

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
        """Whether each output channel cannot be negative; see `Layer.non_negative`."""
        return self.network.non_negative()

    @cached_property
    def statistics(self) -> Statistics:
        """The statistics of each output channel."""
        return channel_statistics(self.bands())

    @cached_property
    def rounding_errors(self) -> list[float]:
        """A bound of the rounding errors of each output channel."""
        # A loose bound, of the magnitudes that weights allow, exceeds the careful one, and is enough for most maps.
        errors = self._errors_by(())
        if signal_ranges(self._ranges, errors) == self._ranges:
            return errors
        maps_below = (FeatureMaps(self.network.upto(number), self.image) for number in range(1, len(self.sizes) - 1))
        return self._errors_by([maps._ranges for maps in maps_below])

    @cached_property
    def signal_ranges(self) -> list[Range]:
        """The range of the finite values of each output channel, without rounding errors; see `signal_range`."""
        return signal_ranges(self._ranges, self.rounding_errors)

    @property
    def _ranges(self) -> list[Range]:
        return [channel.range for channel in self.statistics]

    def _errors_by(self, ranges: Sequence[list[Range]]) -> list[float]:
        """Return bounds of the rounding errors, given the ranges of the channels of the layers below."""
        if isinstance(self.image, Image) and self.image.maximum is not None:
            magnitudes = np.ones(self.image.shape[0])
        else:
            magnitudes = largest_magnitudes(channel_statistics(self._image_bands()))
        largest = self.network.input.normalized_magnitudes(magnitudes)
        return rounding_errors(self.network.layers, largest, ranges, self._pixel_conv is not None)

    def _image_bands(self) -> Iterator[tuple[int, Floats]]:
        channels, height, width = self.image.shape
        step = band_rows(channels * width)
        for first in range(0, height, step):
            yield first, self.image.floats(first, min(first + step, height))

    def rows(self, first: int, last: int) -> Floats:
        """Return the rows `first` to `last` (exclusive) of all output channels, `(K, last - first, W)`."""
        if self._cached is not None:
            return self._cached[:, first:last]
        return self._compute(len(self.network.layers), first, last)

    def whole(self) -> Floats:
        """Return all output channels, `(K, H, W)`."""
        return self.rows(0, self.shape[1])

    def bands(self) -> Iterator[tuple[int, Floats]]:
        """Yield the output channels from top to bottom: the first row of each band, and the band `(K, rows, W)`."""
        channels, height, width = self.shape
        step = band_rows(channels * width)
        for first in range(0, height, step):
            yield first, self.rows(first, min(first + step, height))

    def select(self, indexes: Sequence[int]) -> FeatureMaps:
        """Return the feature maps of some of the output channels, in the order of `indexes`.

        Only these are computed.
        """
        maps = FeatureMaps(_select_outputs(self.network, indexes), self.image)
        if self._cached is not None:
            maps.__dict__["_cached"] = self._cached[channel_index(indexes)]
        return maps

    @cached_property
    def _cached(self) -> Floats | None:
        """All output channels, unless they are too large."""
        wraps = any(layer.conv.window.border == "wrap" for layer in self.network.layers)
        if wraps or int(np.prod(self.shape)) * 4 <= MAX_CACHED_BYTES:
            return self._compute(len(self.network.layers), 0, self.shape[1])
        return None

    def _compute(self, number: int, first: int, last: int) -> Floats:
        """Compute output rows of layer `number` from the rows that they need below; layer 0 is the normalized image."""
        if number == 0:
            return self.network.normalize(self.image.floats(first, last))
        layer = self.network.layers[number - 1]
        return layer.finish(self._correlate(number, first * layer.pool_size, last * layer.pool_size))

    def _correlate(self, number: int, first: int, last: int) -> Floats:
        """Compute rows of the feature maps of layer `number` before its combination, activation and pooling."""
        conv, (_, height, width) = self.network.layers[number - 1].conv, self.sizes[number - 1]
        rows = conv.window.output_size((height, width))[0]
        (top, bottom), sides = conv.window.pads((height, width))
        # A border that mirrors reads image rows, so a band at the edge must be high enough to contain them.
        need = conv.window.input_rows(first, last, height)
        enough = top + bottom + conv.window.extent[0]
        begin = max(0, min(first, rows - enough)) if need.bottom else first
        end = min(rows, max(last, enough)) if need.top else last
        need = conv.window.input_rows(begin, end, height)
        if conv.window.border == "wrap" or need.last - need.first <= max(need.top, need.bottom):
            # The border reads rows at the other end, or more rows than the band has: use the whole input.
            return self._forward(number, 0, height, ((top, bottom), sides))[:, first:last]
        maps = self._forward(number, need.first, need.last, ((need.top, need.bottom), sides))
        return maps[:, first - begin : last - begin]

    def _forward(self, number: int, first: int, last: int, padding: Padding) -> Floats:
        """Apply the filters of layer `number` to rows of its input."""
        if number == 1 and self._pixel_conv is not None:
            assert isinstance(self.image, Image)
            return self._pixel_conv.forward_band(self.image.pixels(first, last), padding)
        conv = self.network.layers[number - 1].conv
        method = conv.choose_method(self.sizes[number - 1])
        return conv.forward_band(self._compute(number - 1, first, last), padding, method)

    @cached_property
    def _pixel_conv(self) -> PixelConv | None:
        """The filters of the first layer for integer pixels, if the image has such, the filters too."""
        if not isinstance(self.image, Image) or self.image.maximum is None or self.network.input.normalizes:
            return None
        return pixel_conv(self.network.layers[0].conv, self.image.shape, self.image.maximum)


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
        If the layer does not exist, or the channels or sizes do not fit.
    """
    return FeatureMaps(_bound(network, tuple(channel_names), layer), image)


@lru_cache(maxsize=16)
def _bound(network: Network, channel_names: tuple[str, ...], layer: int | None) -> Network:
    """Return the layers up to `layer` for input channels of these names, the same network for all images of a run."""
    bound = network.bind(channel_names)
    return bound if layer is None else bound.upto(layer)


def band_rows(values_per_row: int) -> int:
    """Return the number of rows of a band of about `BAND_BYTES`: a multiple of `cnnfx.conv.BAND_ROWS`."""
    return max(1, BAND_BYTES // (4 * values_per_row) // BAND_ROWS) * BAND_ROWS


def _select_outputs(network: Network, channels: Sequence[int]) -> Network:
    """Return the network with some of its last layer's output channels, and only the filters that these need."""
    *below, last = network.layers
    outputs = [last.outputs[index] for index in channels]
    if last.conv.groups > 1:  # removing filters would move others to another group
        return replace(network, layers=(*below, replace(last, combine=tuple(outputs))))
    used = list(dict.fromkeys(index for channel in outputs for index in channel.of))
    conv = replace(last.conv, weights=last.conv.weights[used], bias=last.conv.bias[used])
    names = tuple(last.filter_names[index] for index in used)
    combine = [channel._replace(of=tuple(used.index(index) for index in channel.of)) for channel in outputs]
    selected = replace(last, conv=conv, filter_names=names, combine=tuple(combine) if last.combine else ())
    return replace(network, layers=(*below, selected))
