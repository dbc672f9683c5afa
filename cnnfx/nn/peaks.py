"""Peaks of feature maps: local maxima, found by non-maximum suppression."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from cnnfx.nn.layers import Shape

Floats = NDArray[np.floating]
Indexes = NDArray[np.intp]
"""Rows or columns, counted from 0."""
Candidates = tuple[Indexes, Indexes, Floats]
"""Rows, columns and values of local maxima."""


class Maps(Protocol):
    """Feature maps whose rows are read, such as `FeatureMaps`."""

    @property
    def shape(self) -> Shape:
        """(K, H, W)."""

    @property
    def band_height(self) -> int:
        """The number of rows that are read at a time."""

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


def find_peaks(maps: Maps, count: int, radii: Sequence[tuple[int, int]], minima: Sequence[float]) -> list[Peak]:
    """Return the strongest local maxima of each channel, the strongest of all channels first.

    A value is a local maximum if none in its neighborhood is larger. An area of equal values is one maximum, at the
    position that is nearest to the mean of its positions. Of two maxima in the neighborhood of each other only the
    larger is kept, of equal ones the first in reading order. NaN and infinity are left out.

    Large maps are searched in bands; an area of equal values in two bands counts twice.

    Parameters
    ----------
    maps : Maps
    count : int
        The most peaks of each channel.
    radii : sequence of (vertical, horizontal)
        For each channel, how far the neighborhood of a position extends up, down, left and right.
    minima : sequence of float
        For each channel, the smallest value of a peak.
    """
    candidates: list[list[Candidates]] = [[] for _ in range(maps.shape[0])]
    for first, last, begin, band in _overlapping_bands(maps, max((radius for radius, _ in radii), default=0)):
        for channel, values in enumerate(band):
            rows, columns = _local_maxima(values, radii[channel], minima[channel])
            inside = (rows + begin >= first) & (rows + begin < last)
            rows, columns = rows[inside], columns[inside]
            candidates[channel].append((rows + begin, columns, values[rows, columns]))
    peaks = [
        Peak(channel, row, column, value)
        for channel, found in enumerate(candidates)
        for row, column, value in _strongest(found, count, radii[channel])
    ]
    return sorted(peaks, key=lambda peak: (-peak.value, peak.channel, peak.row, peak.column))


def _overlapping_bands(maps: Maps, margin: int) -> Iterator[tuple[int, int, int, Floats]]:
    """Yield bands with up to `margin` more rows at both ends.

    Yields
    ------
    first, last : int
        The rows (`last` exclusive) of the band without margins.
    begin : int
        The first row of the band.
    band : array (K, rows, W)
    """
    height = maps.shape[1]
    step = max(maps.band_height, margin, 1)
    for first in range(0, height, step):
        last = min(first + step, height)
        begin = max(first - margin, 0)
        yield first, last, begin, maps.rows(begin, min(last + margin, height))


def _local_maxima(values: Floats, radius: tuple[int, int], minimum: float) -> tuple[Indexes, Indexes]:
    """Return the rows and columns of the local maxima of an array (H, W) from `minimum`, one for each area of them."""
    from scipy import ndimage

    finite = np.where(np.isfinite(values), values, -np.inf)
    if not (finite >= minimum).any():
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    size = 2 * radius[0] + 1, 2 * radius[1] + 1
    largest = ndimage.maximum_filter(finite, size, mode="constant", cval=-np.inf)
    # Maxima that are next to each other have equal values if they are in each other's neighborhood.
    adjacent = np.outer(np.abs([-1, 0, 1]) <= radius[0], np.abs([-1, 0, 1]) <= radius[1])
    areas, _ = ndimage.label((finite == largest) & (finite >= minimum), adjacent)
    rows, columns = np.nonzero(areas)
    numbers = areas[rows, columns] - 1
    sizes = np.bincount(numbers)
    mean_rows, mean_columns = np.bincount(numbers, rows) / sizes, np.bincount(numbers, columns) / sizes
    distances = (rows - mean_rows[numbers]) ** 2 + (columns - mean_columns[numbers]) ** 2
    order = np.lexsort((columns, rows, distances, numbers))
    _, nearest = np.unique(numbers[order], return_index=True)
    return rows[order[nearest]], columns[order[nearest]]


def _strongest(
    candidates: Sequence[Candidates], count: int, radius: tuple[int, int]
) -> Iterator[tuple[int, int, float]]:
    """Yield the (row, column, value) of the strongest `count` maxima that are not in the neighborhood of a stronger."""
    rows, columns, values = (np.concatenate(parts) for parts in zip(*candidates, strict=True))
    kept: list[tuple[int, int]] = []
    for index in np.lexsort((columns, rows, -values)):
        if len(kept) == count:
            return
        row, column = int(rows[index]), int(columns[index])
        if all(abs(row - r) > radius[0] or abs(column - c) > radius[1] for r, c in kept):
            kept.append((row, column))
            yield row, column, float(values[index])
