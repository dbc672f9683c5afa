"""Percentiles of the values of each channel, exact, in a few passes over bands instead of by sorting in memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from cnnfx.nn.statistics import Floats
from cnnfx.system.threads import run_in_threads

DIGITS = ((21, 11), (10, 11), (0, 10))
"""The digits of a 32-bit key from the highest: the bits below each and its own bits. There is a pass for each digit."""
SIGN_BIT = np.uint32(1 << 31)

ReadBands = Callable[[], Iterable[tuple[int, Floats]]]
"""Returns the bands of feature maps: the first row of each, and the band (K, rows, W)."""


def channel_percentiles(
    read_bands: ReadBands, percentage: float, *, magnitudes: bool = False, pooled: bool = False
) -> list[float]:
    """Return a percentile of the finite values of each of K channels.

    It is that of `numpy.percentile` for the values as float32. Each value has a key, an unsigned integer that increases
    with the value. The key of the wanted value is found digit by digit: a pass over the bands counts, for each digit,
    the values whose higher digits are those found before (a radix selection).

    Parameters
    ----------
    read_bands : function
        It is called once for each pass.
    percentage : float
        0 to 100.
    magnitudes : bool
        Whether the percentile is that of the magnitudes.
    pooled : bool
        Whether the percentile is that of the values of all channels together. It is then returned for each channel.

    Returns
    -------
    list of K float
        0 for channels without finite values.
    """
    fractions: list[float] = []
    prefixes = ranks = np.zeros((0, 2), np.int64)
    for shift, bits in DIGITS:
        counts = _count_digits(read_bands(), prefixes, shift, bits, magnitudes)
        counts = np.broadcast_to(counts.sum(axis=0), counts.shape) if pooled else counts
        if not len(prefixes):  # the first pass: the percentile is between two values, at these ranks
            positions = [max(0, int(each[0].sum()) - 1) * percentage / 100 for each in counts]
            fractions = [position - math.floor(position) for position in positions]
            ranks = np.array([(math.floor(position), math.ceil(position)) for position in positions])
            prefixes = np.zeros_like(ranks)
        cumulative = counts.cumsum(axis=-1)
        digits = np.minimum((cumulative <= ranks[..., None]).sum(axis=-1), (1 << bits) - 1)
        lower = np.take_along_axis(cumulative - counts, digits[..., None], axis=-1)[..., 0]
        prefixes, ranks = prefixes << bits | digits, ranks - lower
    values = _values_of(prefixes.astype(np.uint32), magnitudes).astype(np.float64)
    values[counts.sum(axis=-1) == 0] = 0
    return [low + (high - low) * part for (low, high), part in zip(values.tolist(), fractions, strict=True)]


def _count_digits(
    bands: Iterable[tuple[int, Floats]], prefixes: NDArray[np.int64], shift: int, bits: int, magnitudes: bool
) -> NDArray[np.int64]:
    """Count, by channel and for each of two prefixes, the values of each digit that follows the prefix: (K, 2, digits).

    Without prefixes all values are counted.
    """
    counts = np.zeros((0, 2, 1 << bits), np.int64)
    same = prefixes[:, 0] == prefixes[:, 1]  # nearly always: one count is enough

    def add(channel: int) -> None:
        heads = _keys(band[channel], magnitudes) >> np.uint32(shift)
        for side in range(2):
            if side and (not len(prefixes) or same[channel]):
                counts[channel, 1] = counts[channel, 0]
                continue
            chosen = heads[heads >> np.uint32(bits) == prefixes[channel, side]] if len(prefixes) else heads
            counts[channel, side] += np.bincount(chosen & np.uint32((1 << bits) - 1), minlength=1 << bits)

    for _, band in bands:
        if not len(counts):
            counts = np.zeros((len(band), 2, 1 << bits), np.int64)
        run_in_threads(add, range(len(band)))
    return counts


def _keys(values: Floats, magnitudes: bool) -> NDArray[np.uint32]:
    """Return unsigned integers that are ordered like the finite values, or like their magnitudes."""
    finite = values[np.isfinite(values)].astype(np.float32, copy=False)
    if magnitudes:
        return np.abs(finite).view(np.uint32)
    bits = (finite + np.float32(0)).view(np.uint32)  # -0 becomes 0
    # IEEE 754: without sign, floats are ordered like their bits.
    return np.where(bits & SIGN_BIT, ~bits, bits | SIGN_BIT)


def _values_of(keys: NDArray[np.uint32], magnitudes: bool) -> Floats:
    """Return the values of keys, the inverse of `_keys`."""
    bits = keys if magnitudes else np.where(keys & SIGN_BIT, keys ^ SIGN_BIT, ~keys)
    return np.ascontiguousarray(bits).view(np.float32)
