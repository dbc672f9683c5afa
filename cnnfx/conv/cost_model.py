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
from typing import TYPE_CHECKING

from cnnfx.conv.fft import fft_cost
from cnnfx.conv.im2col import direct_cost
from cnnfx.conv.separable import factorized, separable_cost

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from cnnfx.conv.geometry import Window

METHODS: dict[str, tuple[str, ...]] = {
    "auto": (), "direct": (), "separable": (), "fft": (), "winograd": ("minimal", "toom_cook"),
}  # fmt: skip

MANY = 4
"""With fewer filters or input channels, minimal filtering is not worth its transforms."""


def choose_method(out: tuple[int, ...], weights: NDArray[Any], window: Window) -> str:
    """The name of a method for an output (N, K, Ho, Wo), weights (K, C/groups, kh, kw) and how they slide."""
    method, rank = by_shape(out, weights.shape, window)
    if not rank:
        return method
    return "separable" if factorized(weights, rank) else method


@lru_cache(maxsize=256)
def by_shape(out: tuple[int, ...], weights: tuple[int, ...], window: Window) -> tuple[str, int]:
    """The method for weights of any values, and up to which rank of theirs "separable" is the faster one."""
    costs = {"direct": direct_cost(out, weights, window), "fft": fft_cost(out, weights, window)}
    if min(weights[:2]) >= MANY:
        from cnnfx.conv.winograd import (
            serves,  # few layers have so many
            winograd_cost,  # few layers have so many
        )

        if serves(window):
            costs["winograd"] = winograd_cost(out, weights)
    method = min(costs, key=costs.__getitem__)
    ranks = range(1, min(window.kernel))
    return method, sum(separable_cost(out, weights, window, rank) < costs[method] for rank in ranks)
