"""The choice of a method: the one with the least estimated cost.

Costs are times in units of a multiplication in a large matrix product. They depend only on the shapes of the arguments,
except that the separable method needs weights of low rank.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from cnnfx.conv.direct import direct_cost, group_shapes
from cnnfx.conv.fft import fft_cost
from cnnfx.conv.separable import factorize, separable_cost

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from cnnfx.conv.geometry import Window

Method = Literal["auto", "direct", "separable", "fft", "winograd"]
"""Values of the argument `method` of `correlate`."""
METHODS: dict[str, tuple[str, ...]] = {
    "auto": (),
    "direct": (),
    "separable": (),
    "fft": (),
    "winograd": ("minimal", "toom_cook"),
}
"""The names of `correlate`'s argument `method`, and aliases."""

MIN_WINOGRAD_CHANNELS = 4
"""With fewer filters or input channels, Winograd's transforms take longer than its products save."""


def choose_method(out: tuple[int, ...], weights: NDArray[Any], window: Window, groups: int = 1) -> Method:
    """Return the method for an output (N, K, Ho, Wo), weights (K, C/groups, kh, kw) and a window."""
    method, max_rank = choose_by_shape(out, weights.shape, window, groups)
    return "separable" if max_rank and factorize(weights, max_rank) else method


@lru_cache(maxsize=256)
def choose_by_shape(
    out: tuple[int, ...], weights: tuple[int, ...], window: Window, groups: int = 1
) -> tuple[Method, int]:
    """Return the method for weights of full rank, and the highest rank for which the separable method costs less."""
    group = group_shapes(out, weights, groups)
    costs: dict[Method, float] = {
        "direct": direct_cost(out, weights, window, groups),
        "fft": groups * fft_cost(*group, window),
    }
    if min(group[1][:2]) >= MIN_WINOGRAD_CHANNELS:
        from cnnfx.conv.winograd import supports, winograd_cost  # not needed for few channels

        if supports(window):
            costs["winograd"] = groups * winograd_cost(*group)
    method = min(costs, key=costs.__getitem__)
    ranks = range(1, min(window.kernel))
    return method, sum(groups * separable_cost(*group, window, rank) < costs[method] for rank in ranks)
