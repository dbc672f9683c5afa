"""The direct method: sums of products of weights and pixels, without transforms.

There are three forms of it, and the one with the least estimated time is used: `row_products` for wide maps and few
filters, `plain_products` for small maps with many channels and filters, and for groups, and `depthwise` for groups of
one channel. The choice does not depend on the output's height, so that bands and whole images have the same form.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from cnnfx.conv.padding import BAND_ROWS
from cnnfx.conv.plain_products import plain_cost, plain_products
from cnnfx.conv.row_products import row_cost, row_products

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from cnnfx.conv.geometry import Pads, Pair, Window
    from cnnfx.conv.padding import PaddedImages

    Array = NDArray[Any]
    Correlation = Callable[[PaddedImages, Array, Array | None, Window, Array], None]

Shape = tuple[int, ...]
Form = Literal["rows", "plain", "depthwise"]

GROUP_CALL_COST = 3_000_000
"""Time of the calls for one group, in multiplications."""


def correlate_direct(images: PaddedImages, weights: Array, bias: Array | None, window: Window, out: Array) -> None:
    """Cross-correlate `images` with `weights` (K, C, kh, kw), add `bias` (K,), and write it to `out` (N, K, Ho, Wo)."""
    direct_plan(images.size, images.pads, out.shape, weights.shape, window)(images, weights, bias, window, out)


def direct_plan(size: Pair, pads: Pads, out: Shape, weights: Shape, window: Window, groups: int = 1) -> Correlation:
    """Return the direct method for images of `size` (H, W), an output (N, K, Ho, Wo) and weights (K, C/groups, kh, kw).

    Later calls of the method reuse the division into blocks.
    """
    form = direct_form(out, weights, window, groups)
    if form == "plain":
        return plain_products(out, weights, window, groups)
    if form == "depthwise":
        from cnnfx.conv.depthwise import depthwise  # not needed by most networks

        return depthwise(out, weights, window, groups)
    out_of_group, weights_of_group = group_shapes(out, weights, groups)
    return by_group(row_products(size, pads, out_of_group, weights_of_group, window), groups)


@lru_cache(maxsize=256)
def direct_form(out: Shape, weights: Shape, window: Window, groups: int = 1) -> Form:
    """Return the form of least cost for an output of this width, as if it were square."""
    costs = _costs((*out[:2], min(out[3], BAND_ROWS), out[3]), weights, window, groups)
    return min(costs, key=costs.__getitem__)


def direct_cost(out: Shape, weights: Shape, window: Window, groups: int = 1) -> float:
    """Return the cost for an output (N, K, Ho, Wo) and weights (K, C/groups, kh, kw), in multiplications."""
    return _costs(out, weights, window, groups)[direct_form(out, weights, window, groups)]


def _costs(out: Shape, weights: Shape, window: Window, groups: int) -> dict[Form, float]:
    rows = row_cost(*group_shapes(out, weights, groups), window)
    costs: dict[Form, float] = {
        "rows": rows if groups == 1 else groups * (rows + GROUP_CALL_COST),
        "plain": plain_cost(out, weights, window, groups),
    }
    if groups > 1 and weights[1] == 1:
        from cnnfx.conv.depthwise import depthwise_cost

        costs["depthwise"] = depthwise_cost(out, weights, window)
    return costs


def group_shapes(out: Shape, weights: Shape, groups: int) -> tuple[Shape, Shape]:
    """Return the shapes of one group's output and weights."""
    return (out[0], out[1] // groups, *out[2:]), (weights[0] // groups, *weights[1:])


def by_group(method: Correlation, groups: int) -> Correlation:
    """Return a method that calls `method` for each group of channels with its group of filters."""
    if groups == 1:
        return method

    def correlate_groups(images: PaddedImages, weights: Array, bias: Array | None, window: Window, out: Array) -> None:
        filters, channels = len(weights) // groups, weights.shape[1]
        for group in range(groups):
            part = slice(group * filters, (group + 1) * filters)
            read = images.channels(slice(group * channels, (group + 1) * channels))
            method(read, weights[part], None if bias is None else bias[part], window, out[:, part])

    return correlate_groups
