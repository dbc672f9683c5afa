"""Which method is probably faster: a cost model of the arguments.

Costs are counted in multiplications as a matrix product does them. Per output pixel, the direct method multiplies each
number under a band (C · taps · kw of them, see `bands`) with K filters, and copies each input row kw times.
The Fourier method transforms each pixel of C channels once, and once more for each of K filters, and adds up C · K
products; it does so for all pixels of a tile, of which some are lost. The filters are transformed too.
Of minimal filtering, `pieces` counts the cost.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING

from cnnfx.engine.bands import shape_of_products, steps
from cnnfx.engine.pieces import serves, winograd_cost

if TYPE_CHECKING:
    from cnnfx.engine.geometry import Window

METHODS: dict[str, tuple[str, ...]] = {"auto": (), "direct": (), "fft": (), "winograd": ("minimal", "toom_cook")}

COPY = 8
"""To copy a number costs about as much as so many multiplications in a product."""

RUN = 350
"""What a row of a copy costs besides, be it long or short."""

FORWARD, INVERSE, PRODUCT = 150, 125, 33
"""A pixel's share of a transform of a channel, of the transform back, of a product: in multiplications, as measured."""

CALL, SETUP = 270_000, 1_700_000
"""What the call of one transform costs, however small it is, and what the first does."""

TILE = 256

MANY = 4
"""With fewer filters or input channels, minimal filtering is not worth its transforms."""

LIGHT = 15_000_000
"""What is done before a second thread is awake and has been waited for."""


@lru_cache(maxsize=256)
def choose_method(out: tuple[int, ...], weights: tuple[int, ...], window: Window) -> str:
    """Of `METHODS`, for an output (N, K, Ho, Wo), weights (K, C/groups, kh, kw) and how they slide."""
    costs = {"direct": direct_cost(out, weights, window), "fft": fft_cost(out, weights, window)}
    if min(weights[:2]) >= MANY and serves(window):
        costs["winograd"] = winograd_cost(out, weights)
    return min(costs, key=costs.__getitem__)


def direct_cost(out: tuple[int, ...], weights: tuple[int, ...], window: Window) -> float:
    """Multiplications, and copies counted as such."""
    p = shape_of_products(weights, window, out[3]).p
    taps = steps(window, p).taps * weights[0] + COPY + RUN / out[3]
    return prod(out[:1] + out[2:]) * weights[1] * weights[3] * taps


def fft_cost(out: tuple[int, ...], weights: tuple[int, ...], window: Window) -> float:
    """Transforms and products of tiles, and the filters' transforms, counted in multiplications."""
    filters, channels = weights[:2]
    edges = [min(n, TILE) for n in out[2:]]
    tiles = out[0] * prod(n / edge for n, edge in zip(out[2:], edges, strict=True))
    pixels = prod((n - 1) * s + e for n, s, e in zip(edges, window.stride, window.extent, strict=True))
    each = FORWARD * channels + INVERSE * filters + PRODUCT * channels * filters
    return SETUP + tiles * (pixels * each + (1 + filters) * CALL) + FORWARD * channels * filters * pixels
