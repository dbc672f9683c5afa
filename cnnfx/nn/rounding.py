"""Bounds of the rounding errors of feature maps, by which maps that contain nothing else are recognized.

The sum of products of an edge detector on a flat region is 0 in exact arithmetic, but about 1e-8 in float32. Drawn by
its own range, such a map would look like a strong pattern. The error of a sum of products is at most

    error[k] = sum over c of |weights[k, c]| · error[c] + UNITS · ROUNDOFF · magnitude[k]
    magnitude[k] = sum over c of |weights[k, c]| · magnitude[c] + |bias[k]|

where magnitude[c] is the largest magnitude of input channel c, and error[c] its own error. Bounds go through the graph
once, with the magnitudes that were found in each layer.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnfx.nn.graph import needed_layers
from cnnfx.nn.layers import Activation, Array, Layer

if TYPE_CHECKING:
    from cnnfx.nn.normalization import LocalResponse

ROUNDOFF = 2.0**-24
"""The largest relative error of rounding to float32."""
UNITS = 16
"""The largest error of a sum of products, in `ROUNDOFF` of the sum of their magnitudes. In 32,000 flat and stepped
images with random kernels of 2×2 to 7×7, it was up to 12 with the Winograd method, and 2.1 with the others."""
MAX_RELATIVE_ERROR = 2.0**-18
"""The largest error of a channel that is assumed, relative to its largest magnitude. Bounds of errors multiply with
each layer and would exceed every value of a deep network, while errors hardly do: those of the channels of SqueezeNet
on photographs are 2^-19.6 of the largest magnitude in the median, and at most 2^-18.5 in 9 of 10 channels."""
FEW_CHANNELS = 8
"""Filters of no more input channels have errors close to their bounds: those of flat regions add up."""
MAX_RELATIVE_ERROR_OF_FEW = 2.0**-10
"""The largest error that is assumed for these, relative to the largest magnitude."""

LARGEST_SLOPES = {"relu6": 1.0, "sigmoid": 0.25, "tanh": 1.0, "hard_sigmoid": 1 / 6, "hard_swish": 1.5, "softmax": 0.5}
"""The largest slope of activations, other than those whose slope is a parameter or that are exact."""
LARGEST_VALUES = {"relu6": 6.0, "sigmoid": 1.0, "tanh": 1.0, "hard_sigmoid": 1.0, "softmax": 1.0}
"""The largest magnitude of the results of activations."""
THROUGH_ZERO = frozenset(("relu6", "tanh", "hard_swish"))
"""The activations of `LARGEST_SLOPES` whose results are not larger than what they are applied to."""
FUNCTION_UNITS = 4
"""The largest error of the calculation of such an activation itself, in `ROUNDOFF` of the largest result."""

OUTLIER_SHARE = 2.0**-10
"""An image whose typical magnitude is a smaller share of the largest one has outliers."""

Range = tuple[float, float]
"""The smallest and the largest value."""


class Bounds(NamedTuple):
    """The largest magnitude of each of C channels, and the bound of its rounding errors: arrays (C,)."""

    magnitudes: Array
    errors: Array


def rounding_errors(
    layers: Sequence[Layer],
    sources: Sequence[Sequence[int]],
    magnitudes: Array,
    found: Mapping[int, Array],
    exact_sums: Collection[int] = (),
) -> list[float]:
    """Return bounds of the rounding errors of the output channels of the last layer.

    Parameters are those of `rounding_errors_of_layers`.
    """
    return rounding_errors_of_layers(layers, sources, magnitudes, found, exact_sums, (len(layers),))[len(layers)]


@np.errstate(all="ignore")  # of weights that are infinite or NaN, errors are too: then all values are signal
def rounding_errors_of_layers(
    layers: Sequence[Layer],
    sources: Sequence[Sequence[int]],
    magnitudes: Array,
    found: Mapping[int, Array],
    exact_sums: Collection[int],
    wanted: Collection[int],
) -> dict[int, list[float]]:
    """Return bounds of the rounding errors of the output channels of some layers, by their numbers from 1.

    Parameters
    ----------
    layers : sequence of Layer
        Bound to the image's channels.
    sources : sequence of tuples of int
        For each layer the numbers of those that it reads; 0 is the image.
    magnitudes : array (C,)
        The largest magnitude of each channel of the normalized image.
    found : mapping of int to array (K,)
        The largest magnitude of each output channel of layers below others, by their numbers. Those that are not given
        are bounded by what the weights allow.
    exact_sums : collection of int
        The numbers of the layers whose sums of products are exact; see `cnnfx.nn.pixel_conv`.
    wanted : collection of int
        The numbers of the layers.
    """
    bounds = {0: image_bounds(magnitudes)}
    errors: dict[int, list[float]] = {}
    for number in sorted(needed_layers(sources, wanted) - {0}):
        layer = layers[number - 1]
        joined = joined_bounds(layer.join, [bounds[source] for source in sources[number - 1]])
        bounds[number] = layer_bounds(layer, joined, number in exact_sums)
        if number in wanted:
            errors[number] = bounds[number].errors.tolist()
        if number in found:
            bounds[number] = actual_bounds(bounds[number], found[number], max_relative_error(layer))
    return errors


def image_bounds(magnitudes: Array) -> Bounds:
    """Return the bounds of the channels of the normalized image, given their largest magnitudes `(C,)`."""
    return Bounds(magnitudes, 2 * ROUNDOFF * magnitudes)


def outlier_share(largest: Array, typical: Array) -> float:
    """Return the share of the largest magnitudes that the values of an image have without its outliers.

    Parameters
    ----------
    largest, typical : arrays (C,)
        The largest magnitude of each channel, and that of nearly all values.

    Returns
    -------
    float
        1 for an image without outliers.
    """
    share = float(typical.max()) / float(largest.max()) if largest.any() else 1.0
    return share if 0 < share < OUTLIER_SHARE else 1.0


def changes_magnitudes(layer: Layer) -> bool:
    """Return whether the largest magnitudes of a layer's output are others than those of what it reads.

    They are the same where maps are put side by side, and pooling does not increase them.
    """
    mixes = layer.conv is not None or layer.combine or layer.local_response is not None
    return bool(mixes) or layer.join != "concat" or layer.activation.kind != "none"


@np.errstate(over="ignore", invalid="ignore")
def joined_bounds(join: str, sources: Sequence[Bounds]) -> Bounds:
    """Return the bounds of the joined input of a layer, given those of the layers that it reads."""
    if len(sources) == 1:
        return sources[0]
    if join == "concat":
        return Bounds(*(np.concatenate(parts) for parts in zip(*sources, strict=True)))
    magnitudes, errors = sources[0]
    for other in sources[1:]:
        if join == "add":
            magnitudes, errors = magnitudes + other.magnitudes, errors + other.errors
        else:
            errors = errors * (other.magnitudes + other.errors) + magnitudes * other.errors
            magnitudes = magnitudes * other.magnitudes
        errors = errors + ROUNDOFF * magnitudes
    return Bounds(magnitudes, errors)


@np.errstate(over="ignore", invalid="ignore")  # of weights and values that are infinite or NaN
def layer_bounds(layer: Layer, below: Bounds, exact_sums: bool = False) -> Bounds:
    """Return the bounds of the output channels of a bound layer, for joined inputs of the bounds `below`.

    With `exact_sums`, the sums of products are rounded once; see `cnnfx.nn.pixel_conv`.
    """
    magnitudes, errors = below
    if layer.conv is not None:
        magnitudes = _weighted_sums(layer, below.magnitudes) + np.abs(layer.conv.bias)
        errors = ROUNDOFF * magnitudes
        if not exact_sums:
            errors = _weighted_sums(layer, below.errors) + _sum_units(layer) * errors
    # A difference is bounded by a sum. The other combinations increase with magnitudes, and so does pooling.
    if layer.combine:
        channels = [each._replace(kind="sum" if each.kind == "difference" else each.kind) for each in layer.combine]
        combined = np.array([each.forward(np.stack([magnitudes, errors])[..., None, None]) for each in channels])
        magnitudes, errors = combined[..., 0, 0].T
    bounds = _activated(layer.activation, Bounds(magnitudes, errors))
    return bounds if layer.local_response is None else _normalized(layer.local_response, bounds)


def _sum_units(layer: Layer) -> int:
    """Return the largest error of a filter's sums of products, in `ROUNDOFF` of the sum of their magnitudes.

    A sum of few products of one pixel is rounded once for each.
    """
    assert layer.conv is not None
    _, depth, height, width = layer.conv.weights.shape
    return min(UNITS, depth) if height == width == 1 else UNITS


def _weighted_sums(layer: Layer, values: Array) -> Array:
    """Return for each filter the sum of the values (C,) of its input channels, times the magnitudes of its weights."""
    assert layer.conv is not None
    weights = _kernel_sums(layer)
    by_group = weights.reshape(layer.conv.groups, -1, weights.shape[1]) @ values.reshape(layer.conv.groups, -1, 1)
    sums: Array = by_group.reshape(-1)
    return sums


@lru_cache(maxsize=128)
def _kernel_sums(layer: Layer) -> Array:
    """Return the sum of the magnitudes of the weights of each kernel, `(K, C/groups)`."""
    assert layer.conv is not None
    sums: Array = np.abs(layer.conv.weights).sum(axis=(2, 3), dtype=np.float64)
    return sums


def _activated(activation: Activation, bounds: Bounds) -> Bounds:
    """Return the bounds after an activation: errors grow by at most its largest slope, and its own rounding."""
    magnitudes, errors = bounds
    if activation.kind in ("none", "relu", "abs"):
        return bounds
    if activation.kind in ("leaky_relu", "prelu"):
        slopes = np.maximum(np.abs(activation.slopes(np.float64).reshape(-1)), 1)
        return Bounds(slopes * magnitudes, slopes * errors + ROUNDOFF * slopes * magnitudes)
    if activation.kind == "softmax":
        # The slope of p[i] by x[j] is p[i]·(1 - p[i]) for i = j and -p[i]·p[j] otherwise: at most 1/2 in all.
        errors = np.full_like(errors, errors.max())
    largest = LARGEST_VALUES.get(activation.kind, np.inf)
    magnitudes = (
        np.minimum(magnitudes, largest) if activation.kind in THROUGH_ZERO else np.full_like(magnitudes, largest)
    )
    return Bounds(magnitudes, LARGEST_SLOPES[activation.kind] * errors + FUNCTION_UNITS * ROUNDOFF * magnitudes)


def _normalized(response: LocalResponse, bounds: Bounds) -> Bounds:
    """Return the bounds after local response normalization.

    With y[c] = x[c] / d^beta and d >= k, the slope of y[c] by x[c] is at most d^-beta. By another x[j] of the sum in d
    it is 2·alpha/n·beta·|x[c]·x[j]| / d^(beta + 1), and 2·alpha/n·|x[c]·x[j]| is at most d: at most beta·d^-beta.
    """
    largest = response.k**-response.beta
    around = response.channel_sums(bounds.errors[:, np.newaxis, np.newaxis])[:, 0, 0]
    magnitudes = largest * bounds.magnitudes
    return Bounds(magnitudes, largest * (bounds.errors + response.beta * around) + UNITS * ROUNDOFF * magnitudes)


def max_relative_error(layer: Layer) -> float:
    """Return the largest error of a layer's channels that is assumed, relative to their largest magnitude."""
    is_few = layer.conv is None or layer.conv.weights.shape[1] <= FEW_CHANNELS
    return MAX_RELATIVE_ERROR_OF_FEW if is_few else MAX_RELATIVE_ERROR


def actual_bounds(possible: Bounds, magnitudes: Array, limit: float) -> Bounds:
    """Return the bounds of channels, given those that are possible and the largest magnitudes of their values.

    A channel that may be nothing but rounding errors is taken as such: its error is its largest magnitude. The errors
    of others are at most `limit` times their largest magnitude.
    """
    errors = np.minimum(possible.errors, limit * magnitudes)
    return Bounds(magnitudes, np.where(magnitudes <= possible.errors, magnitudes, errors))


def without_rounding(maps: Array, is_rounding: NDArray[np.bool_]) -> Array:
    """Return maps `(K, H, W)`, with 0 in place of finite values of the channels that are nothing but rounding errors.

    `is_rounding`, a bool array (K,), says which these are.
    """
    if not is_rounding.any():
        return maps
    return np.where(is_rounding[:, np.newaxis, np.newaxis] & np.isfinite(maps), maps.dtype.type(0), maps)


def signal_ranges(ranges: Sequence[Range], errors: Sequence[float]) -> list[Range]:
    """Return the `signal_range` of each channel, given the ranges of the values and their errors."""
    return [signal_range(values, error) for values, error in zip(ranges, errors, strict=True)]


def signal_range(values: Range, error: float) -> Range:
    """Return the range of values without rounding errors up to `error`.

    It is (0, 0) where there is nothing else, and a single value where the values differ by nothing else. An end that
    differs from 0 by nothing else is 0, so that no scale from 0 to this end is one of rounding errors.
    """
    low, high = values
    if max(-low, high) <= error:
        return 0.0, 0.0
    if high - low <= 2 * error:
        return (high, high) if high > -low else (low, low)
    return 0.0 if abs(low) <= error else low, 0.0 if abs(high) <= error else high
