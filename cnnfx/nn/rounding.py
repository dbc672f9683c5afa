"""Bounds of the rounding errors of feature maps, by which maps that contain nothing else are recognized.

The sum of products of an edge detector on a flat region is 0 in exact arithmetic, but about 1e-8 in float32. Drawn by
its own range, such a map would look like a strong pattern. The error of a sum of products is at most

    error[k] = sum over c of |weights[k, c]| · error[c] + UNITS · ROUNDOFF · magnitude[k]
    magnitude[k] = sum over c of |weights[k, c]| · magnitude[c] + |bias[k]|

where magnitude[c] is the largest magnitude of input channel c, and error[c] its own error.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cnnfx.nn.layers import Array, Layer

ROUNDOFF = 2.0**-24
"""The largest relative error of rounding to float32."""
UNITS = 16
"""The largest error of a sum of products, in `ROUNDOFF` of the sum of their magnitudes. In 32,000 flat and stepped
images with random kernels of 2×2 to 7×7, it was up to 12 with the Winograd method, and 2.1 with the others."""
MAX_RELATIVE_ERROR = 2.0**-16
"""The largest error of a channel that is assumed, relative to its largest magnitude. Bounds of errors multiply with
each layer and would exceed every value of a deep network, while errors hardly do."""

Range = tuple[float, float]
"""The smallest and the largest value."""


class Bounds(NamedTuple):
    """The largest magnitude of each of C channels, and the bound of its rounding errors: arrays (C,)."""

    magnitudes: Array
    errors: Array


@np.errstate(all="ignore")  # of weights that are infinite or NaN, errors are too: then all values are signal
def rounding_errors(
    layers: Sequence[Layer], magnitudes: Array, ranges: Sequence[list[Range]] = (), exact_sums: bool = False
) -> list[float]:
    """Return bounds of the rounding errors of the output channels of the last layer.

    Parameters
    ----------
    layers : sequence of Layer
        Bound to the image's channels.
    magnitudes : array (C,)
        The largest magnitude of each channel of the normalized image.
    ranges : sequence of lists of (smallest, largest value)
        The range of each output channel of the layers before the last; those that are not given are bounded by what the
        weights allow.
    exact_sums : bool
        Whether the first layer's sums of products are exact; see `cnnfx.nn.pixel_conv`.
    """
    bounds = Bounds(magnitudes, 2 * ROUNDOFF * magnitudes)
    for index, layer in enumerate(layers):
        bounds = layer_bounds(layer, bounds, exact_sums and index == 0)
        if index < len(ranges):
            bounds = actual_bounds(bounds, ranges[index])
    errors: list[float] = bounds.errors.tolist()
    return errors


def layer_bounds(layer: Layer, below: Bounds, exact_sums: bool = False) -> Bounds:
    """Return the bounds of the output channels of a bound layer, for input channels of the bounds `below`.

    With `exact_sums`, the sums of products are rounded once; see `cnnfx.nn.pixel_conv`.
    """
    magnitudes = _weighted_sums(layer, below.magnitudes) + np.abs(layer.conv.bias)
    if exact_sums:
        errors = ROUNDOFF * magnitudes
    else:
        errors = _weighted_sums(layer, below.errors) + UNITS * ROUNDOFF * magnitudes
    # A difference is bounded by a sum. The other combinations, activations and pooling increase with magnitudes.
    outputs = [
        channel._replace(kind="sum" if channel.kind == "difference" else channel.kind) for channel in layer.outputs
    ]
    combined = np.array([channel.forward(np.stack([magnitudes, errors])[..., None, None]) for channel in outputs])
    return Bounds(*combined[..., 0, 0].T)


def _weighted_sums(layer: Layer, values: Array) -> Array:
    """Return for each filter the sum of the values (C,) of its input channels, times the magnitudes of its weights."""
    weights = np.abs(layer.conv.weights).sum(axis=(2, 3), dtype=np.float64)  # (K, C/groups)
    groups = layer.conv.groups
    by_group = weights.reshape(groups, -1, weights.shape[1]) @ values.reshape(groups, -1, 1)
    sums: Array = by_group.reshape(-1)
    return sums


def actual_bounds(possible: Bounds, ranges: list[Range]) -> Bounds:
    """Return the bounds of channels, given those that are possible and the ranges of their values.

    A channel that may be nothing but rounding errors is taken as such: its error is its largest magnitude.
    """
    magnitudes = np.array([max(-low, high, 0.0) for low, high in ranges])
    errors = np.minimum(possible.errors, MAX_RELATIVE_ERROR * magnitudes)
    return Bounds(magnitudes, np.where(magnitudes <= possible.errors, magnitudes, errors))


def signal_ranges(ranges: Sequence[Range], errors: Sequence[float]) -> list[Range]:
    """Return the `signal_range` of each channel, given the ranges of the values and their errors."""
    return [signal_range(values, error) for values, error in zip(ranges, errors, strict=True)]


def signal_range(values: Range, error: float) -> Range:
    """Return the range of values without rounding errors up to `error`.

    It is (0, 0) where there is nothing else, and a single value where the values differ by nothing else.
    """
    low, high = values
    if max(-low, high) <= error:
        return 0.0, 0.0
    if high - low <= 2 * error:
        return (high, high) if high > -low else (low, low)
    return values
