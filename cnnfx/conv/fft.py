"""Cross-correlation by Fourier transforms of tiles (overlap–save).

The transform of a cross-correlation is the image's transform times the conjugate of the kernel's. It is the sum
around a circle, so of a tile's output only those places count whose kernel does not reach over the tile's end: tiles
overlap by the kernel's extent less one. One transform of an input tile serves all filters, and the products are summed
over input channels before the one inverse transform for each filter.

Rounding errors are relative to the largest values of a tile, not to each output. Tiles that hold values that are not
finite (or too large to sum) are done directly, as are all where the weights are not finite.
"""

from __future__ import annotations

import math
from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cnnfx.conv.im2col import Block, correlate_direct, fill_block
from cnnfx.system.memory import buffer
from cnnfx.system.threads import run_in_threads

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from cnnfx.conv.geometry import Pair, Window
    from cnnfx.conv.padding import PaddedImages

    Array = NDArray[Any]

FORWARD, INVERSE, PRODUCT = 190, 160, 40
"""A pixel's share of a transform of a channel, of the transform back, of a product: in multiplications, as measured."""

CALL, SETUP = 270_000, 4_000_000
"""What the call of one transform costs, however small it is, and what the first does."""

TILE = 256

SPECTRA = 1 << 23
"""Numbers in the filters' transforms that are held at one time."""


class Tile(NamedTuple):
    """A part of one image's output, and the size of the transform that makes it."""

    image: int
    rows: slice
    columns: slice
    size: Pair

    @property
    def block(self) -> Block:
        """The same part of the output."""
        return Block(
            slice(self.image, self.image + 1), self.rows, self.columns, 1, self.columns.stop - self.columns.start
        )


def correlate_fft(images: PaddedImages, weights: Array, bias: Array | None, window: Window, out: Array) -> None:
    """Cross-correlate `images` with `weights` (K, C, kh, kw), add `bias` (K,), and write it to `out` (N, K, Ho, Wo)."""
    if not np.isfinite(weights).all():
        correlate_direct(images, weights, bias, window, out)
        return
    cut = list(tiles(out.shape, window))
    some = max(1, SPECTRA // (weights.shape[1] * math.prod(max(tile.size for tile in cut))))
    for k in range(0, len(weights), some):
        part = slice(k, k + some)
        added = None if bias is None else bias[part]
        _some_filters(images, weights[part], added, window, out[:, part], cut)


def _some_filters(
    images: PaddedImages, weights: Array, bias: Array | None, window: Window, out: Array, cut: list[Tile]
) -> None:
    from scipy import fft

    filters = spectra(weights, window, {tile.size for tile in cut})

    def work(tile: Tile) -> None:
        pixels = _pixels(images, tile, window)
        if not math.isfinite(pixels.sum()):
            for row in tile.block.pick(np.ones((tile.rows.stop - tile.rows.start, 1), bool)):
                fill_block(images, weights, bias, window, row, out)
            return
        spectrum = fft.rfft2(pixels, tile.size)
        target = out[tile.image, :, tile.rows, tile.columns]
        for k, each in enumerate(filters[tile.size]):
            _invert(_product(spectrum, each), tile.size, window, target[k])
            if bias is not None:
                target[k] += bias[k]

    run_in_threads(work, cut)


def _product(spectrum: Array, weights: Array) -> Array:
    """The sum over channels of the products of transforms (C, rows, columns)."""
    total, product = (buffer(name, spectrum.shape[1:], spectrum.dtype) for name in ("copies", "product"))
    np.multiply(spectrum[0], weights[0], out=total)
    for channel, weight in zip(spectrum[1:], weights[1:], strict=True):
        total += np.multiply(channel, weight, out=product)
    return total


def _invert(spectrum: Array, size: Pair, window: Window, target: Array) -> None:
    """Write the inverse transform to `target`: of the rows, only those that are wanted are transformed."""
    from scipy import fft

    (height, width), (sh, sw) = target.shape, window.stride
    columns = fft.ifft(spectrum, axis=0, overwrite_x=True)
    values = fft.irfft(columns[: (height - 1) * sh + 1 : sh], size[1], axis=1, overwrite_x=True)
    target[...] = values[:, : (width - 1) * sw + 1 : sw]


def _pixels(images: PaddedImages, tile: Tile, window: Window) -> Array:
    under = window.under(tile.rows, tile.columns)
    pixels: Array = images.part(slice(tile.image, tile.image + 1), *under)[0]
    return pixels


def spectra(weights: Array, window: Window, sizes: set[Pair]) -> dict[Pair, Array]:
    """The conjugate transforms of the filters (K, C, rows, columns/2 + 1), for some sizes of tiles."""
    from scipy import fft

    (dh, dw), (eh, ew) = window.dilation, window.extent
    kind = np.result_type(weights, np.complex64)
    found = {size: np.empty((*weights.shape[:2], size[0], size[1] // 2 + 1), kind) for size in sizes}

    def work(task: tuple[Pair, int]) -> None:
        size, k = task
        dilated = np.zeros((weights.shape[1], eh, ew), weights.dtype)
        dilated[:, ::dh, ::dw] = weights[k]
        rows = fft.rfft(dilated, size[1])  # the rows below are zeros, and so are their transforms
        np.conjugate(fft.fft(rows, size[0], axis=1), out=found[size][k])

    run_in_threads(work, [(size, k) for size in sizes for k in range(len(weights))])
    return found


def tiles(out: tuple[int, ...], window: Window) -> Iterator[Tile]:
    """Cut an output of shape `out` into tiles."""
    batch, _, *size = out
    rows, columns = (cuts(*given) for given in zip(size, window.stride, window.extent, strict=True))
    for image in range(batch):
        for down, height in rows:
            for across, width in columns:
                yield Tile(image, down, across, (height, width))


@lru_cache(maxsize=256)
def cuts(length: int, stride: int, extent: int) -> list[tuple[slice, int]]:
    """The rows (or columns) of the tiles of an output, and the length of the transform for each.

    A transform of some 256 pixels fits in the cache; it should be some times as long as the part that is lost.
    Powers of two up to 256 cut a band that begins at a multiple of 256 as they cut the whole image.
    """
    from scipy import fft

    step = next((n for n in (64, 128) if n * stride >= max(256, 4 * extent)), 256)
    parts = (slice(start, min(start + step, length)) for start in range(0, length, step))
    return [(part, fft.next_fast_len((part.stop - part.start - 1) * stride + extent, real=True)) for part in parts]


def fft_cost(out: tuple[int, ...], weights: tuple[int, ...], window: Window) -> float:
    """Transforms and products of tiles, and the filters' transforms, counted in multiplications."""
    filters, channels = weights[:2]
    edges = [min(n, TILE) for n in out[2:]]
    tiles = out[0] * prod(n / edge for n, edge in zip(out[2:], edges, strict=True))
    pixels = prod((n - 1) * s + e for n, s, e in zip(edges, window.stride, window.extent, strict=True))
    each = FORWARD * channels + INVERSE * filters + PRODUCT * channels * filters
    return SETUP + tiles * (pixels * each + (1 + filters) * CALL) + FORWARD * channels * filters * pixels
