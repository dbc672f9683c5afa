"""Which method is probably faster: a cost model of the arguments.

Costs are counted in multiplications as a matrix product does them. Per output pixel, the direct method multiplies each
number under a band (C · taps · kw of them, see `bands`) with K filters, and copies each input row kw times.
The Fourier method transforms each pixel of C channels once, and once more for each of K filters, and adds up C · K
products; it does so for all pixels of a tile, of which some are lost. The filters are transformed too.
Kernels of rank R are R times two products with the numbers under a band's rows, or columns. Only that depends on the
weights themselves.
Of minimal filtering, `pieces` counts the cost.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING

from cnnfx.engine.bands import shape_of_products, steps
from cnnfx.engine.threads import thread_count

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from cnnfx.engine.geometry import Window

METHODS: dict[str, tuple[str, ...]] = {
    "auto": (), "direct": (), "separable": (), "fft": (), "winograd": ("minimal", "toom_cook"),
}  # fmt: skip

COPY, RUN = 8, 350
"""To copy a number costs about as much as so many multiplications in a product; and what a row of a copy costs besides,
be it long or short."""

FORWARD, INVERSE, PRODUCT = 190, 160, 40
"""A pixel's share of a transform of a channel, of the transform back, of a product: in multiplications, as measured."""

CALL, SETUP = 270_000, 4_000_000
"""What the call of one transform costs, however small it is, and what the first does."""

TILE = 256

MANY = 4
"""With fewer filters or input channels, minimal filtering is not worth its transforms."""

WAKING = 15_000_000
"""What is done before a second thread is awake and has been waited for."""

SIDE = 16
"""Output rows of a band of what is separable, and output columns that are made together: few zeros, yet products that
BLAS is fast at. Bands of an image that begin at a multiple of it are cut as the whole image is."""

BETWEEN, EACH, CALLS = 16, 10, 2_200_000
"""What each number between the two products costs besides them, each of the output, and the calls for bands of one
height."""


def choose_method(out: tuple[int, ...], weights: NDArray[Any], window: Window) -> str:
    """The name of a method for an output (N, K, Ho, Wo), weights (K, C/groups, kh, kw) and how they slide."""
    method, rank = by_shape(out, weights.shape, window)
    if not rank:
        return method
    from cnnfx.engine.factors import factorised  # small kernels and images do without

    return "separable" if factorised(weights, rank) else method


@lru_cache(maxsize=256)
def by_shape(out: tuple[int, ...], weights: tuple[int, ...], window: Window) -> tuple[str, int]:
    """The method for weights of any values, and up to which rank of theirs "separable" is the faster one."""
    costs = {"direct": direct_cost(out, weights, window), "fft": fft_cost(out, weights, window)}
    if min(weights[:2]) >= MANY:
        from cnnfx.engine.pieces import serves, winograd_cost  # few layers have so many

        if serves(window):
            costs["winograd"] = winograd_cost(out, weights)
    method = min(costs, key=costs.__getitem__)
    ranks = range(1, min(window.kernel))
    return method, sum(separable_cost(out, weights, window, rank) < costs[method] for rank in ranks)


def threads_for(cost: float) -> int:
    """How many threads what costs so much is worth."""
    return 1 if cost < WAKING else thread_count()


def direct_cost(out: tuple[int, ...], weights: tuple[int, ...], window: Window) -> float:
    """Multiplications, and copies counted as such."""
    p = shape_of_products(weights, window, out[3], out[0]).p
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


def separable_cost(out: tuple[int, ...], weights: tuple[int, ...], window: Window, rank: int) -> float:
    """Two products for each outer product of each kernel."""
    down, along = ((SIDE - 1) * s + e + BETWEEN / 2 for s, e in zip(window.stride, window.extent, strict=True))
    each = weights[1] * rank * (down * window.stride[1] + along) + EACH
    heights = 1 + (out[2] % SIDE > 0)
    return out[0] * (CALLS * heights + prod(out[1:]) * each)
