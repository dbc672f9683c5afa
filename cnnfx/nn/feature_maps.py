"""The feature maps of one layer for one image, computed in bands of rows when they are asked for.

A 100-megapixel image has gigabytes of feature maps. Nothing here holds them all, unless they are small: each band of
output rows is
computed from the few input rows that it needs, layer below layer, with the same result as the whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cnnfx.conv import BAND_ROWS, run_in_threads
from cnnfx.conv.padding import OUTSIDE, sources
from cnnfx.errors import ArgumentError
from cnnfx.nn.layers import Shape
from cnnfx.nn.network import Layer, Network

Floats = NDArray[np.float32]


class ChannelStatistics:
    """The finite values of one channel: smallest, largest, mean, `(x, y)` of the largest, and how many are not
    finite."""

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
        """Smallest and largest finite value; (0, 0) if there are none."""
        return (self.low, self.high) if self.count else (0.0, 0.0)

    def add(self, first: int, band: Floats) -> None:
        """Take in a band `(rows, W)` whose first row is row `first` of the channel."""
        # Rows are summed in float32 (pairwise, so exact enough) and only their sums in float64: three times faster.
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
"""One for each channel."""


def measure(bands: Iterable[tuple[int, Floats]]) -> Statistics:
    """The statistics of each channel, from bands `(first row, (K, rows, W))`."""
    channels: Statistics = []
    for first, band in bands:
        channels = channels or [ChannelStatistics() for _ in band]
        _take_in(channels, first, band)
    return channels


def _take_in(channels: Statistics, first: int, band: Floats) -> None:
    """Have each channel take in its part of a band, in threads."""
    run_in_threads(lambda pair: pair[0].add(first, pair[1]), zip(channels, band, strict=True))


KEPT_BYTES = 64 * 2**20
"""Maps up to this size are kept once computed; larger ones are computed again for each use."""
BAND_BYTES = 8 * 2**20
"""About how much of the maps a band holds."""


class Source(Protocol):
    """What feature maps are computed from: channels of float32, row by row."""

    @property
    def shape(self) -> Shape:
        """(C, H, W)."""

    def floats(self, first: int, last: int) -> Floats:
        """Rows `first` to `last` (exclusive) of all channels, `(C, last - first, W)`."""


class FeatureMaps:
    """The output channels of a network's last layer for one image.

    Parameters
    ----------
    network : Network
        Bound to the image's channels (`Network.bind`).
    image : Source
        An image, or anything else with a shape and rows of floats.

    Raises
    ------
    ArgumentError
        If a kernel or pooling of some layer is larger than what it is given.
    """

    def __init__(self, network: Network, image: Source) -> None:
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

    def rows(self, first: int, last: int) -> Floats:
        """Rows `first` to `last` (exclusive) of all output channels, `(K, last - first, W)`."""
        if self._kept is not None:
            return self._kept[:, first:last]
        return self._compute(len(self.network.layers), first, last)

    def whole(self) -> Floats:
        """All output channels, `(K, H, W)`."""
        return self.rows(0, self.shape[1])

    def bands(self) -> Iterator[tuple[int, Floats]]:
        """The output channels from top to bottom: the first row of each band, and the band `(K, rows, W)`."""
        channels, height, width = self.shape
        step = band_rows(channels * width)
        for first in range(0, height, step):
            yield first, self.rows(first, min(first + step, height))

    def part(self, first: int, last: int) -> FeatureMaps:
        """The output channels `first` to `last` (exclusive) alone."""
        part = FeatureMaps(_select(self.network, range(first, last)), self.image)
        if self._kept is not None:
            part.__dict__["_kept"] = self._kept[first:last]  # what is known need not be computed again
        return part

    @cached_property
    def statistics(self) -> Statistics:
        """Smallest, largest and mean value of each channel, and where the largest is."""
        return measure(self.bands())

    @cached_property
    def _kept(self) -> Floats | None:
        wraps = any(layer.conv.window.border == "wrap" for layer in self.network.layers)
        if wraps or int(np.prod(self.shape)) * 4 <= KEPT_BYTES:
            return self._compute(len(self.network.layers), 0, self.shape[1])
        return None

    def _compute(self, number: int, first: int, last: int) -> Floats:
        """Rows of layer `number`, from the rows of the layer below that they need; layer 0 is the image."""
        if number == 0:
            return self.network.normalize(self.image.floats(first, last))
        layer = self.network.layers[number - 1]
        size = layer.pool.size if layer.pool else 1
        return layer.finish(self._correlate(number, first * size, last * size))

    def _correlate(self, number: int, first: int, last: int) -> Floats:
        """Rows of the filters' own maps in layer `number`."""
        conv, (_, height, width) = self.network.layers[number - 1].conv, self.sizes[number - 1]
        rows = conv.window.output_size((height, width))[0]
        (top, bottom), sides = conv.window.pads((height, width))
        method = conv.choose_method(self.sizes[number - 1])
        # A border that mirrors looks up image rows: a band at the edge must be high enough to hold them.
        need = conv.window.input_rows(first, last, height)
        enough = top + bottom + conv.window.extent[0]
        begin = max(0, min(first, rows - enough)) if need.bottom else first
        end = min(rows, max(last, enough)) if need.top else last
        need = conv.window.input_rows(begin, end, height)
        if conv.window.border == "wrap" or need.last - need.first <= max(need.top, need.bottom):
            # Rows are looked up at the other end, or the band has hardly any of its own: the whole serves for it.
            below = self._compute(number - 1, 0, height)
            return conv.forward_band(below, ((top, bottom), sides), method)[:, first:last]
        below = self._compute(number - 1, need.first, need.last)
        maps = conv.forward_band(below, ((need.top, need.bottom), sides), method)
        return maps[:, first - begin : last - begin]


def feature_maps(
    network: Network, image: Source, channel_names: tuple[str, ...], layer: int | None = None
) -> FeatureMaps:
    """The feature maps of a layer (1 is the first, None the last) for an image whose channels have these names.

    Raises
    ------
    ArgumentError
        If the layer is not there, or the channels or sizes do not fit.
    """
    count = len(network.layers)
    if layer is not None and not 1 <= layer <= count:
        raise ArgumentError(f"There is no layer {layer}: {network.name} has {count} layer{'s' * (count > 1)}.")
    return FeatureMaps(network.bind(channel_names).upto(layer or count), image)


def band_rows(values_per_row: int) -> int:
    """How many rows of so many float32 values make a band of about `BAND_BYTES`: a multiple of the engine's
    `BAND_ROWS`."""
    return max(1, BAND_BYTES // (4 * values_per_row) // BAND_ROWS) * BAND_ROWS


def _select(network: Network, channels: range) -> Network:
    """The network with some of its last layer's output channels only, without the filters that these do not need."""
    *below, last = network.layers
    return replace(network, layers=(*below, _select_channels(last, channels)))


def _select_channels(layer: Layer, channels: range) -> Layer:
    outputs = [layer.outputs[index] for index in channels]
    if layer.conv.groups > 1:  # filters of different groups see different channels: all stay, only the output is chosen
        return replace(layer, combine=tuple(outputs))
    used = sorted({index for channel in outputs for index in channel.of})
    conv = replace(layer.conv, weights=layer.conv.weights[used], bias=layer.conv.bias[used])
    names = tuple(layer.filter_names[index] for index in used)
    combine = [channel._replace(of=tuple(used.index(index) for index in channel.of)) for channel in outputs]
    return replace(layer, conv=conv, filter_names=names, combine=tuple(combine) if layer.combine else ())


Places = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Axis:
    """What kernels read along one axis.

    Parameters
    ----------
    places : (N, taps) array
        Counted in the maps below; negative, or beyond their end, in the padding.
    sources : (N, taps) array
        The places whose values stand there: others than `places` where a border repeats them, `OUTSIDE` for a zero.
    """

    places: Places
    sources: Places


def read(maps: FeatureMaps, number: int, axis: int, outputs: Places) -> Axis:
    """What the kernels of layer `number` read for some rows (axis 0) or columns (1) of their maps before pooling."""
    window, size = maps.network.layers[number - 1].conv.window, maps.sizes[number - 1][1:]
    before, after = window.pads(size)[axis]
    padded = outputs[:, np.newaxis] * window.stride[axis] + np.arange(window.kernel[axis]) * window.dilation[axis]
    return Axis(padded - before, sources(size[axis], before, after, window.border)[padded])


def gathered(maps: FeatureMaps, number: int, down: Axis, across: Axis) -> Floats:
    """What the kernels of layer `number` stand on, kernel beside kernel: `(C, N·kh, M·kw)` for N rows and M columns."""
    rows, columns = down.sources.ravel(), across.sources.ravel()
    (needed_rows, row), (needed_columns, column) = (
        np.unique(np.maximum(wanted, 0), return_inverse=True) for wanted in (rows, columns)
    )
    values = values_at(maps, number - 1, needed_rows, needed_columns)[:, row[:, np.newaxis], column]
    values[:, rows == OUTSIDE] = 0
    values[:, :, columns == OUTSIDE] = 0
    return values


def values_at(maps: FeatureMaps, number: int, rows: Places, columns: Places) -> Floats:
    """The outputs of layer `number` where these rows and columns meet; layer 0 is the image as the first layer sees it.

    Parameters
    ----------
    maps : FeatureMaps
        Of this layer, or of one above it.
    number : int
    rows, columns : (N,) and (M,) arrays

    Returns
    -------
    (K, N, M) array
    """
    if number == 0:
        image = np.concatenate([maps.image.floats(row, row + 1)[:, :, columns] for row in rows.tolist()], axis=1)
        return maps.network.normalize(image)
    layer = maps.network.layers[number - 1]
    size = layer.pool.size if layer.pool else 1
    down, across = (
        read(maps, number, axis, block(outputs, size).ravel()) for axis, outputs in enumerate((rows, columns))
    )
    apart = replace(layer.conv, stride=layer.conv.window.kernel, dilation=1, padding="valid")
    return replace(layer, conv=apart).forward(gathered(maps, number, down, across))


def block(outputs: Places, size: int) -> Places:
    """The rows or columns `(N, size)` that a pooling of some size makes each output from."""
    return outputs[:, np.newaxis] * size + np.arange(size)
