"""The height of bands of feature maps: chosen by their memory, and by the work that overlapping bands do twice."""

from __future__ import annotations

from math import prod

from cnnfx.conv import BAND_ROWS
from cnnfx.errors import ArgumentError
from cnnfx.nn.bands import VALUE_BYTES, Band, layer_sizes, plan_band
from cnnfx.nn.layers import Shape
from cnnfx.nn.network import Network
from cnnfx.system.sizes import bytes_text, size_text

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
"""The part of the work, done more than once, up to which bands have about `BAND_BYTES`. The bands of layers with large
receptive fields overlap in the layers below."""


def band_rows(values_per_row: int) -> int:
    """Return the number of rows of a band of about `BAND_BYTES`: a multiple of `cnnfx.conv.BAND_ROWS`."""
    return max(1, BAND_BYTES // (VALUE_BYTES * values_per_row) // BAND_ROWS) * BAND_ROWS


def is_kept(network: Network, shape: Shape) -> bool:
    """Return whether the maps of the last layer are kept in memory once computed, for an image of this shape."""
    maps = layer_sizes(network, shape)[-1]
    size = prod(maps) * VALUE_BYTES
    if size <= MAX_CACHED_BYTES or not network.is_local:
        return True
    return size <= MAX_EXPENSIVE_BYTES and _plan(network, shape, 0, maps[1]).work >= EXPENSIVE_VALUE * prod(maps)


def band_height(network: Network, shape: Shape, limit: int) -> int:
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
        is_small = channels * height * width * VALUE_BYTES <= MAX_CACHED_BYTES
        at_once = is_small and _peak_bytes(network, shape, height) <= WORKING_BYTES
        if not at_once and _overhead(network, shape, small) <= MAX_OVERHEAD:
            heights.insert(0, small)
    for bound in (min(WORKING_BYTES, limit), limit):
        for rows in heights:
            if _peak_bytes(network, shape, rows) <= bound:
                return rows
    needed = min(_peak_bytes(network, shape, rows) for rows in heights)
    raise ArgumentError(
        f"{network.layer_owner()}: its maps of an image of {size_text(shape[1:])} need about {bytes_text(needed)} of "
        f"memory, and the limit is {bytes_text(limit)}. Use a smaller image."
    )


def _plan(network: Network, shape: Shape, first: int, last: int) -> Band:
    return plan_band(network, shape, ((len(network.layers), (first, last)),))


def _middle_band(network: Network, shape: Shape, rows: int) -> Band:
    """Return a band of this height in the middle of the last layer's maps, where it reads most rows below."""
    first = (layer_sizes(network, shape)[-1][1] - rows) // 2
    return _plan(network, shape, first, first + rows)


def _peak_bytes(network: Network, shape: Shape, rows: int) -> int:
    """Return an estimate of the memory for a band of this height."""
    return _middle_band(network, shape, rows).peak_bytes


def _overhead(network: Network, shape: Shape, rows: int) -> float:
    """Return the part of the work that is done more than once in bands of this height."""
    height = layer_sizes(network, shape)[-1][1]
    return _middle_band(network, shape, rows).work * height / rows / _plan(network, shape, 0, height).work - 1
