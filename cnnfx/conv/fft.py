"""The FFT method: cross-correlation by Fourier transforms of tiles (overlap–save).

The transform of a cross-correlation is the image's transform times the conjugate of the kernel's. The correlation is
circular, so only the outputs whose kernel does not extend past the tile's end are used: tiles overlap by the kernel's
extent minus 1. One transform of an input tile serves all filters, and the products are summed over input
channels before the one inverse transform of each filter.

Rounding errors are relative to the largest values of a tile, not to each output. Tiles of float32 values that are too
different for this (see `dynamic_range`), or whose products could overflow, are transformed in float64, and those for
which that is not enough are computed by the direct method: those of non-finite values too, and all tiles if the weights
are non-finite.
"""

from __future__ import annotations

import math
from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cnnfx.conv.direct import correlate_direct
from cnnfx.conv.geometry import OutputBlock
from cnnfx.conv.padding import PaddedImages
from cnnfx.conv.pocketfft import (
    fast_length,
    inverse_real_transform,
    inverse_transform,
    real_transform,
    transform,
)
from cnnfx.system.memory import buffer
from cnnfx.system.threads import run_in_threads

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from cnnfx.conv.geometry import Pair, Window

    Array = NDArray[Any]

TILE_LENGTH = 256
"""Approximate number of rows and of columns of a tile's input. Its transform fits in the cache."""

SPECTRUM_ELEMENTS = 1 << 23
"""Elements of the filters' transforms in memory at one time, at most."""

FORWARD_COST = 190
"""Time of a transform per pixel and channel, in multiplications."""

INVERSE_COST = 160
"""Time of an inverse transform per pixel and filter, in multiplications."""

PRODUCT_COST = 40
"""Time of the product of two transforms per pixel, in multiplications."""

CALL_COST = 270_000
"""Time of the call of a transform, in multiplications."""

SETUP_COST = 4_000_000
"""Time of the first transform of a call of `correlate`, in multiplications."""


MAX_WEIGHT_SUMS = {np.dtype(np.float32): 1e10, np.dtype(np.float64): 1e140}
"""The sum of the magnitudes of a filter's weights, at most. With tiles whose squares have a finite sum, no product and
no sum of a transform can overflow then."""

EPSILON_RATIOS = {np.dtype(np.float32): 2.0**-15, np.dtype(np.float64): 2.0**-33}
"""The machine epsilon of a transform relative to the smallest values for which it is exact enough, in units of the root
mean square of a tile, for results of each type. The rounding error of an output is a small part of this, relative to
the sum of the magnitudes of its products."""

NO_PADS = (0, 0), (0, 0)


class FftTile(NamedTuple):
    """A block of one image's output, and the size (rows, columns) of its transform."""

    block: OutputBlock
    size: Pair


def correlate_fft(images: PaddedImages, weights: Array, bias: Array | None, window: Window, out: Array) -> None:
    """Cross-correlate `images` with `weights` (K, C, kh, kw), add `bias` (K,), and write it to `out` (N, K, Ho, Wo)."""
    if not np.isfinite(weights).all():
        correlate_direct(images, weights, bias, window, out)
        return
    tiles = list(split_output(out.shape, window))
    step = max(1, SPECTRUM_ELEMENTS // (weights.shape[1] * math.prod(max(tile.size for tile in tiles))))
    for k in range(0, len(weights), step):
        filters = slice(k, k + step)
        _correlate(images, weights[filters], None if bias is None else bias[filters], window, out[:, filters], tiles)


def _correlate(
    images: PaddedImages, weights: Array, bias: Array | None, window: Window, out: Array, tiles: list[FftTile]
) -> None:
    """Cross-correlate as `correlate_fft`, with all filters transformed at one time."""
    left = _correlate_tiles(images, weights, bias, window, out, tiles)
    if left and weights.dtype == np.float32:
        left = _correlate_tiles(images, weights.astype(np.float64), bias, window, out, left)
    for block, _ in left:
        read = images.region(block.images, *window.input_region(block.rows, block.columns))
        target = out[block.images, :, block.rows, block.columns]
        correlate_direct(PaddedImages(read, NO_PADS, images.border), weights, bias, window, target)


def _correlate_tiles(
    images: PaddedImages, weights: Array, bias: Array | None, window: Window, out: Array, tiles: list[FftTile]
) -> list[FftTile]:
    """Write the tiles for which transforms of the weights' type are exact enough, and return the others."""
    from cnnfx.conv.dynamic_range import exceeds_range, root_mean_square  # not needed for the cost

    if np.abs(weights).sum(axis=(1, 2, 3), dtype=np.float64).max() > MAX_WEIGHT_SUMS[weights.dtype]:
        return tiles
    filters = transform_filters(weights, window, {tile.size for tile in tiles})
    ratio = np.finfo(weights.dtype).eps / EPSILON_RATIOS[out.dtype]
    left: list[FftTile] = []

    def work(tile: FftTile) -> None:
        block, size = tile
        pixels = images.region(block.images, *window.input_region(block.rows, block.columns))[0]
        padded = buffer("fft_input", (len(pixels), *size), weights.dtype)
        padded[:, : pixels.shape[1], : pixels.shape[2]] = pixels
        padded[:, pixels.shape[1] :] = 0
        padded[:, : pixels.shape[1], pixels.shape[2] :] = 0
        if any(exceeds_range(channel[np.newaxis], root_mean_square(channel), ratio) for channel in padded):
            left.append(tile)
            return
        spectrum = real_transform(padded, (1, 2))
        target = out[block.images.start, :, block.rows, block.columns]
        for k, filter_spectrum in enumerate(filters[size]):
            _inverse_transform(_sum_of_products(spectrum, filter_spectrum), size, window, target[k])
            if bias is not None:
                target[k] += bias[k]

    run_in_threads(work, tiles)
    return left


def transform_filters(weights: Array, window: Window, sizes: set[Pair]) -> dict[Pair, Array]:
    """Return the conjugate transforms (K, C, rows, columns//2 + 1) of the filters, for each size (rows, columns)."""
    (dh, dw), (eh, ew) = window.dilation, window.extent
    dtype = np.result_type(weights, np.complex64)
    spectra = {size: np.empty((*weights.shape[:2], size[0], size[1] // 2 + 1), dtype) for size in sizes}

    def work(task: tuple[Pair, int]) -> None:
        size, k = task
        dilated = np.zeros((weights.shape[1], eh, size[1]), weights.dtype)
        dilated[:, ::dh, :ew:dw] = weights[k]
        rows = np.zeros(spectra[size][k].shape, dtype)
        rows[:, :eh] = real_transform(dilated, (2,))  # the rows below are zero, and so are their transforms
        np.conjugate(transform(rows, 1), out=spectra[size][k])

    run_in_threads(work, [(size, k) for size in sizes for k in range(len(weights))])
    return spectra


def _sum_of_products(spectrum: Array, filter_spectrum: Array) -> Array:
    """Return the sum over channels of the products of transforms (C, rows, columns)."""
    total, product = (buffer(name, spectrum.shape[1:], spectrum.dtype) for name in ("fft_sum", "fft_product"))
    np.multiply(spectrum[0], filter_spectrum[0], out=total)
    for channel, weight in zip(spectrum[1:], filter_spectrum[1:], strict=True):
        total += np.multiply(channel, weight, out=product)
    return total


def _inverse_transform(spectrum: Array, size: Pair, window: Window, target: Array) -> None:
    """Write the inverse transform to `target` (rows, columns). Rows that are not outputs are not transformed."""
    (height, width), (sh, sw) = target.shape, window.stride
    columns = inverse_transform(spectrum, 0)
    values = inverse_real_transform(columns[: (height - 1) * sh + 1 : sh], size[1], 1)
    target[...] = values[:, : (width - 1) * sw + 1 : sw]


def split_output(out: tuple[int, ...], window: Window) -> Iterator[FftTile]:
    """Divide an output (N, K, Ho, Wo) into tiles."""
    batch, _, height, width = out
    rows = axis_tiles(height, window.stride[0], window.extent[0])
    columns = axis_tiles(width, window.stride[1], window.extent[1])
    for image in range(batch):
        for down, fft_rows in rows:
            for across, fft_columns in columns:
                yield FftTile(OutputBlock(slice(image, image + 1), down, across, 1), (fft_rows, fft_columns))


@lru_cache(maxsize=256)
def axis_tiles(length: int, stride: int, extent: int) -> list[tuple[slice, int]]:
    """Return the tiles of an output's rows (or columns), and the length of the transform of each.

    A transform should be several times as long as the overlap of tiles. The number of rows of a tile is a divisor of
    `BAND_ROWS`, so that bands and whole images have the same tiles.
    """
    step = next((n for n in (64, 128) if n * stride >= max(TILE_LENGTH, 4 * extent)), 256)
    outputs = (slice(start, min(start + step, length)) for start in range(0, length, step))
    return [(part, fast_length((part.stop - part.start - 1) * stride + extent)) for part in outputs]


def fft_cost(out: tuple[int, ...], weights: tuple[int, ...], window: Window) -> float:
    """Return the cost for an output (N, K, Ho, Wo) and weights (K, C, kh, kw), in multiplications.

    Each pixel of a tile is transformed once for each of C channels and K filters, and multiplied C·K times. The filters
    are also transformed.
    """
    filters, channels = weights[:2]
    edges = [min(length, TILE_LENGTH) for length in out[2:]]
    tiles = out[0] * prod(length / edge for length, edge in zip(out[2:], edges, strict=True))
    pixels = prod((n - 1) * s + e for n, s, e in zip(edges, window.stride, window.extent, strict=True))
    per_pixel = FORWARD_COST * channels + INVERSE_COST * filters + PRODUCT_COST * channels * filters
    transforms = tiles * (pixels * per_pixel + (1 + filters) * CALL_COST)
    return SETUP_COST + transforms + FORWARD_COST * channels * filters * pixels
