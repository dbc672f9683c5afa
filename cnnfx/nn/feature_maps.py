"""Feature maps of one layer for one image, computed in bands of rows on demand, and their statistics.

The feature maps of a 100-megapixel image take gigabytes. They are not held in memory unless they are small: each band
of output rows is computed from the input rows that it needs, layer by layer. The values are those of the whole image.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cnnfx.conv import BAND_ROWS
from cnnfx.nn.layers import Shape
from cnnfx.nn.network import Network
from cnnfx.system.threads import run_in_threads

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

    @cached_property
    def statistics(self) -> Statistics:
        """The statistics of each output channel."""
        return channel_statistics(self.bands())

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

    def part(self, first: int, last: int) -> FeatureMaps:
        """Return the feature maps of the output channels `first` to `last` (exclusive) only."""
        maps = FeatureMaps(_select_outputs(self.network, range(first, last)), self.image)
        if self._cached is not None:
            maps.__dict__["_cached"] = self._cached[first:last]
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
        method = conv.choose_method(self.sizes[number - 1])
        # A border that mirrors reads image rows, so a band at the edge must be high enough to contain them.
        need = conv.window.input_rows(first, last, height)
        enough = top + bottom + conv.window.extent[0]
        begin = max(0, min(first, rows - enough)) if need.bottom else first
        end = min(rows, max(last, enough)) if need.top else last
        need = conv.window.input_rows(begin, end, height)
        if conv.window.border == "wrap" or need.last - need.first <= max(need.top, need.bottom):
            # The border reads rows at the other end, or more rows than the band has: use the whole input.
            below = self._compute(number - 1, 0, height)
            return conv.forward_band(below, ((top, bottom), sides), method)[:, first:last]
        below = self._compute(number - 1, need.first, need.last)
        maps = conv.forward_band(below, ((need.top, need.bottom), sides), method)
        return maps[:, first - begin : last - begin]


def feature_maps(
    network: Network, image: RowReader, channel_names: tuple[str, ...], layer: int | None = None
) -> FeatureMaps:
    """Return the feature maps of a layer for an image.

    Parameters
    ----------
    network : Network
    image : RowReader
    channel_names : tuple of str
        The names of the image's channels.
    layer : int, optional
        The number of the layer; 1 is the first. By default the last.

    Raises
    ------
    ArgumentError
        If the layer does not exist, or the channels or sizes do not fit.
    """
    bound = network.bind(channel_names)
    return FeatureMaps(bound if layer is None else bound.upto(layer), image)


def band_rows(values_per_row: int) -> int:
    """Return the number of rows of a band of about `BAND_BYTES`: a multiple of `cnnfx.conv.BAND_ROWS`."""
    return max(1, BAND_BYTES // (4 * values_per_row) // BAND_ROWS) * BAND_ROWS


def _select_outputs(network: Network, channels: range) -> Network:
    """Return the network with some of its last layer's output channels, and only the filters that these need."""
    *below, last = network.layers
    outputs = [last.outputs[index] for index in channels]
    if last.conv.groups > 1:  # removing filters would move others to another group
        return replace(network, layers=(*below, replace(last, combine=tuple(outputs))))
    used = sorted({index for channel in outputs for index in channel.of})
    conv = replace(last.conv, weights=last.conv.weights[used], bias=last.conv.bias[used])
    names = tuple(last.filter_names[index] for index in used)
    combine = [channel._replace(of=tuple(used.index(index) for index in channel.of)) for channel in outputs]
    selected = replace(last, conv=conv, filter_names=names, combine=tuple(combine) if last.combine else ())
    return replace(network, layers=(*below, selected))


class ChannelStatistics:
    """Statistics of the finite values of one channel.

    Attributes
    ----------
    low, high : float
        The smallest and the largest value.
    total : float
        The sum of the values.
    count : int
        The number of values.
    peak : (int, int), optional
        The (x, y) of the first largest value; None if no value is finite.
    nonfinite : int
        The number of values that are NaN or infinite.
    """

    low: float = np.inf
    high: float = -np.inf
    total: float = 0.0
    count: int = 0
    peak: tuple[int, int] | None = None
    nonfinite: int = 0

    @property
    def mean(self) -> float | None:
        """The mean of the finite values, None if there are none."""
        return self.total / self.count if self.count else None

    @property
    def range(self) -> tuple[float, float]:
        """The smallest and the largest finite value; (0, 0) if there are none."""
        return (self.low, self.high) if self.count else (0.0, 0.0)

    def add(self, first: int, band: Floats) -> None:
        """Include a band `(rows, W)` whose first row is row `first` of the channel."""
        # Rows are summed in float32 (pairwise, so accurate enough) and only their sums in float64: three times as fast.
        with np.errstate(invalid="ignore"):
            total = float(band.sum(axis=1).sum(dtype=np.float64))
        if np.isfinite(total):
            self._add(first, band, total, band.size)
        else:
            finite = np.isfinite(band)
            self.nonfinite += int(band.size - finite.sum())
            if finite.any():
                total = float(band.sum(where=finite, dtype=np.float64))
                self._add(first, np.where(finite, band, np.float32(-np.inf)), total, int(finite.sum()), finite)

    def _add(self, first: int, band: Floats, total: float, count: int, finite: NDArray[np.bool_] | None = None) -> None:
        self.total += total
        self.count += count
        self.low = min(self.low, float(band.min() if finite is None else band.min(where=finite, initial=np.inf)))
        row, column = divmod(int(band.argmax()), band.shape[1])
        if band[row, column] > self.high:
            self.high, self.peak = float(band[row, column]), (column, first + row)


Statistics = list[ChannelStatistics]
"""The statistics of each channel."""


def channel_statistics(bands: Iterable[tuple[int, Floats]]) -> Statistics:
    """Return the statistics of each of K channels, from bands `(first row, (K, rows, W))`."""
    channels: Statistics = []
    for first, band in bands:
        channels = channels or [ChannelStatistics() for _ in band]
        _add_in_threads(channels, first, band)
    return channels


def _add_in_threads(channels: Statistics, first: int, band: Floats) -> None:
    run_in_threads(lambda pair: pair[0].add(first, pair[1]), zip(channels, band, strict=True))
