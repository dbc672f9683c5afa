"""Peaks of feature maps: local maxima, found by non-maximum suppression."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from cnnfx.nn.feature_maps import MAX_CACHED_BYTES, band_rows
from cnnfx.nn.layers import Shape

Floats = NDArray[np.floating]


class Maps(Protocol):
    """Feature maps whose rows are read, such as `FeatureMaps`."""

    @property
    def shape(self) -> Shape:
        """(K, H, W)."""

    def rows(self, first: int, last: int) -> Floats:
        """Return the rows `first` to `last` (exclusive) of all channels, `(K, last - first, W)`."""


class Peak(NamedTuple):
    """A local maximum of a feature map.

    Parameters
    ----------
    channel, row, column : int
        Counted from 0.
    value : float
    """

    channel: int
    row: int
    column: int
    value: float


def find_peaks(maps: Maps, count: int, radii: Sequence[tuple[int, int]], minimum: float = 0.0) -> list[Peak]:
    """Return the strongest local maxima of each channel, the strongest of all channels first.

    A value is a local maximum if none in its neighborhood is larger. An area of equal values is one peak, at the
    position that is nearest to the mean of its positions. Of two peaks with each in the neighborhood of the other, only
    the larger is kept, or of equal ones the first in reading order. NaN and infinity are left out.

    Maps of more than `MAX_CACHED_BYTES` are searched in bands; an area of equal values that continues in the next band
    counts once for each.

    Parameters
    ----------
    maps : Maps
    count : int
        The most peaks for each channel.
    radii : sequence of (vertical, horizontal)
        For each channel, how far the neighborhood of a position extends up, down, left and right.
    minimum : float
        Only values above it are peaks.
    """
    candidates: list[list[Peak]] = [[] for _ in range(maps.shape[0])]
    for first, last, begin, band in _overlapping_bands(maps, max((radius for radius, _ in radii), default=0)):
        for channel, (values, radius) in enumerate(zip(band, radii, strict=True)):
            found = (
                Peak(channel, begin + row, column, float(values[row, column]))
                for row, column in _local_maxima(values, radius, minimum)
            )
            candidates[channel] += [peak for peak in found if first <= peak.row < last]
    kept = [
        peak
        for peaks, radius in zip(candidates, radii, strict=True)
        for peak in _without_neighbors(sorted(peaks, key=_strongest_first), count, radius)
    ]
    return sorted(kept, key=_strongest_first)


def _strongest_first(peak: Peak) -> tuple[float, int, int, int]:
    return -peak.value, peak.channel, peak.row, peak.column


def _overlapping_bands(maps: Maps, margin: int) -> Iterator[tuple[int, int, int, Floats]]:
    """Yield bands with up to `margin` more rows at both ends.

    Yields
    ------
    first, last : int
        The rows (`last` exclusive) that are only in this band, apart from margins.
    begin : int
        The first row of the band.
    band : array (K, rows, W)
    """
    channels, height, width = maps.shape
    step = height if channels * height * width * 4 <= MAX_CACHED_BYTES else max(band_rows(channels * width), margin)
    for first in range(0, height, step):
        last = min(first + step, height)
        begin = max(first - margin, 0)
        yield first, last, begin, maps.rows(begin, min(last + margin, height))


def _local_maxima(values: Floats, radius: tuple[int, int], minimum: float) -> list[tuple[int, int]]:
    """Return the (row, column) of each local maximum above `minimum` of an array (H, W), one for each area of it."""
    from scipy import ndimage

    values = np.where(np.isfinite(values), values, -np.inf)
    if not (values > minimum).any():
        return []
    size = 2 * radius[0] + 1, 2 * radius[1] + 1
    largest = ndimage.maximum_filter(values, size, mode="constant", cval=-np.inf)
    areas, _ = ndimage.label((values == largest) & (values > minimum), np.ones((3, 3)))
    rows, columns = np.nonzero(areas)
    numbers = areas[rows, columns] - 1
    sizes = np.bincount(numbers)
    mean_rows, mean_columns = np.bincount(numbers, rows) / sizes, np.bincount(numbers, columns) / sizes
    distances = (rows - mean_rows[numbers]) ** 2 + (columns - mean_columns[numbers]) ** 2
    order = np.lexsort((columns, rows, distances, numbers))
    _, nearest = np.unique(numbers[order], return_index=True)
    return [(int(rows[index]), int(columns[index])) for index in order[nearest]]


def _without_neighbors(peaks: Sequence[Peak], count: int, radius: tuple[int, int]) -> list[Peak]:
    """Return the first `count` peaks that are not in the neighborhood of one before."""
    kept: list[Peak] = []
    for peak in peaks:
        if len(kept) == count:
            break
        if all(abs(peak.row - k.row) > radius[0] or abs(peak.column - k.column) > radius[1] for k in kept):
            kept.append(peak)
    return kept
