"""Cross-correlation by Fourier transforms of tiles (overlap–save).

The transform of a cross-correlation is the product of the image's transform and the conjugate of the kernel's. It is
the sum around a circle, so of a tile's output only those places count whose kernel does not reach over the tile's end:
tiles overlap by the kernel's extent less one. One transform of an input tile serves all filters, and the products are
summed over input channels before the one inverse transform for each filter.

Rounding errors are relative to the largest values of a tile, not to each output. Tiles that hold values that are not
finite (or too large to sum) are done directly, as are all where the weights are not finite.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from cnnfx.engine.bands import Block
from cnnfx.engine.direct import correlate_direct, fill_rows
from cnnfx.engine.threads import run_in_threads

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cnnfx.engine.borders import PaddedImages
    from cnnfx.engine.geometry import Pair, Window

Array = NDArray[Any]
SPECTRA = 2**23
"""Numbers in the filters' transforms that are held at one time."""


class Tile(NamedTuple):
    """A part of one image's output."""

    image: int
    rows: slice
    columns: slice


def correlate_fft(images: PaddedImages, weights: Array, bias: Array, window: Window, out: Array) -> None:
    """Cross-correlate `images` with `weights` (K, C, kh, kw), add `bias` (K,), and write it to `out` (N, K, Ho, Wo)."""
    if not (np.isfinite(weights).all() and np.isfinite(bias).all()):
        correlate_direct(images, weights, bias, window, out)
        return
    tile = tuple(map(tile_size, out.shape[2:], window.stride, window.extent))
    sizes = tuple((n - 1) * s + e for n, s, e in zip(tile, window.stride, window.extent, strict=True))
    padded = tuple(fft.next_fast_len(size, real=True) for size in sizes)
    some = max(1, SPECTRA // (weights.shape[1] * math.prod(padded)))
    for k in range(0, len(weights), some):
        part = slice(k, k + some)
        _some_filters(images, weights[part], bias[part], window, out[:, part], (tile[0], tile[1]), padded)


def _some_filters(
    images: PaddedImages, weights: Array, bias: Array, window: Window, out: Array, tile: Pair, size: tuple[int, ...]
) -> None:
    filters = spectra(weights, window, size)

    def work(part: Tile) -> None:
        pixels = _pixels(images, part, window)
        if not math.isfinite(pixels.sum()):
            fill_rows(images, weights, bias, window, _block(part), out)
            return
        spectrum = fft.rfft2(pixels, size)
        for k, each in enumerate(filters):
            product = (spectrum * each).sum(0)
            values = fft.irfft2(product, size, overwrite_x=True)
            target = out[part.image, k, part.rows, part.columns]
            height, width = target.shape
            np.add(values[:: window.stride[0], :: window.stride[1]][:height, :width], bias[k], out=target)

    run_in_threads(work, tiles(out.shape, tile))


def _block(part: Tile) -> Block:
    return Block(slice(part.image, part.image + 1), part.rows, part.columns, 1, 1)


def _pixels(images: PaddedImages, part: Tile, window: Window) -> Array:
    rows, columns = (
        slice(where.start * stride, (where.stop - 1) * stride + extent)
        for where, stride, extent in zip(part[1:], window.stride, window.extent, strict=True)
    )
    return images.part(slice(part.image, part.image + 1), rows, columns)[0]


def spectra(weights: Array, window: Window, size: tuple[int, ...]) -> Array:
    """The conjugate transforms of the filters (K, C, rows, columns/2 + 1), dilated by zeros."""
    dilated = np.zeros((*weights.shape[:2], *window.extent), weights.dtype)
    dilated[..., :: window.dilation[0], :: window.dilation[1]] = weights
    return np.conj(fft.rfft2(dilated, size))  # type: ignore[no-any-return]


def tiles(out: tuple[int, ...], tile: Pair) -> Iterator[Tile]:
    """Cut an output of shape `out` into tiles."""
    batch, _, height, width = out
    for n in range(batch):
        for row in range(0, height, tile[0]):
            for column in range(0, width, tile[1]):
                rows = slice(row, min(row + tile[0], height))
                yield Tile(n, rows, slice(column, min(column + tile[1], width)))


@lru_cache(maxsize=256)
def tile_size(length: int, stride: int, extent: int) -> int:
    """Output rows (or columns) of a tile: a power of two up to 256, so that bands of 256 rows are cut alike."""
    wanted = 64
    while wanted < 256 and wanted * stride < 8 * extent:
        wanted *= 2
    return min(length, wanted)
