"""Statistics of the values of each channel, collected band by band."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnfx.system.threads import run_in_threads

Floats = NDArray[np.float32]

SAMPLED_LENGTH = 16
"""The sample of a channel has about this many rows and columns of each band, up to twice as many."""


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
    nan : int
        The number of those that are NaN.
    """

    low: float = np.inf
    high: float = -np.inf
    total: float = 0.0
    count: int = 0
    peak: tuple[int, int] | None = None
    nonfinite: int = 0
    nan: int = 0

    def __init__(self) -> None:
        self._samples: list[Floats] = []

    @property
    def mean(self) -> float | None:
        """The mean of the finite values, None if there are none."""
        return self.total / self.count if self.count else None

    @property
    def range(self) -> tuple[float, float]:
        """The smallest and the largest finite value; (0, 0) if there are none."""
        return (self.low, self.high) if self.count else (0.0, 0.0)

    def common_magnitude(self) -> float:
        """Return the magnitude that 95 % of the values in a sample do not exceed; 0 if none is finite."""
        samples = np.concatenate([sample.ravel() for sample in self._samples]) if self._samples else np.zeros(0)
        magnitudes = np.abs(samples[np.isfinite(samples)])
        return _percentile(magnitudes, 95) if magnitudes.size else 0.0

    def add(self, first: int, band: Floats) -> None:
        """Include a band `(rows, W)` whose first row is row `first` of the channel."""
        step_down, step_across = (max(1, length // SAMPLED_LENGTH) for length in band.shape)
        self._samples.append(band[::step_down, ::step_across].copy())
        # Rows are summed in float32 (pairwise, so accurate enough) and only their sums in float64: three times as fast.
        with np.errstate(invalid="ignore"):
            total = float(band.sum(axis=1).sum(dtype=np.float64))
        if np.isfinite(total):
            self._add(first, band, total, band.size)
        else:
            finite = np.isfinite(band)
            self.nonfinite += int(band.size - finite.sum())
            self.nan += int(np.isnan(band).sum())
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


def largest_magnitudes(statistics: Statistics) -> NDArray[np.float64]:
    """Return the largest magnitude of the finite values of each channel, an array (K,)."""
    return np.array([max(-low, high, 0.0) for low, high in (channel.range for channel in statistics)])


def typical_magnitudes(values: Floats) -> NDArray[np.float64]:
    """Return the magnitude that 99 % of the finite values other than 0 of each channel do not exceed, an array (K,).

    `values` are a sample, `(K, N, M)`. It is 0 where all are 0, or none is finite.
    """
    magnitudes = [np.abs(channel[np.isfinite(channel) & (channel != 0)]) for channel in values]
    return np.array([_percentile(found, 99) if found.size else 0.0 for found in magnitudes])


def _percentile(values: NDArray[Any], percentage: float) -> float:
    """Return a percentile of finite values `(N,)`, interpolated between two of them, as `numpy.percentile` does.

    That function imports `numpy.ma`, which takes longer than the feature maps of a small image.
    """
    position = (len(values) - 1) * percentage / 100
    below, above = math.floor(position), math.ceil(position)
    ordered = np.partition(values, (below, above))
    low, high = float(ordered[below]), float(ordered[above])
    return low + (high - low) * (position - below)


def channel_magnitudes(maps: Floats, non_negative: bool = False) -> NDArray[np.float64]:
    """Return the largest magnitude of the finite values of each channel of maps `(K, H, W)`, an array (K,).

    With `non_negative`, no value is negative.
    """
    values = maps.reshape(len(maps), -1)
    magnitudes: NDArray[np.float64] = values.max(axis=1).astype(np.float64)
    if not non_negative:
        magnitudes = np.maximum(magnitudes, -values.min(axis=1))
    if not np.isfinite(magnitudes).all():
        magnitudes = np.abs(np.where(np.isfinite(values), values, 0)).max(axis=1).astype(np.float64)
    return magnitudes


def channel_statistics(bands: Iterable[tuple[int, Floats]]) -> Statistics:
    """Return the statistics of each of K channels, from bands `(first row, (K, rows, W))`."""
    channels: Statistics = []
    for first, band in bands:
        channels = channels or [ChannelStatistics() for _ in band]
        _add_in_threads(channels, first, band)
    return channels


def _add_in_threads(channels: Statistics, first: int, band: Floats) -> None:
    run_in_threads(lambda pair: pair[0].add(first, pair[1]), zip(channels, band, strict=True))
