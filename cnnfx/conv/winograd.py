"""The Winograd method: fewer multiplications for layers of many channels and filters.

A tile of m×m outputs of an r×r kernel takes (m + r − 1)² products for each filter and channel instead of m²r²: 64
instead of 400 for 4×4 outputs of a 5×5 kernel (`winograd_transforms` has the derivation). The output is divided into
groups of a few tiles. Each axis of a group is transformed by one small matrix, for many groups at a time. For each of
the n² points, the transformed filters U (C, K) then multiply the transformed inputs V of all groups, which sums over
channels, and the products are transformed to outputs. The matrix products read and write the axes in the order that the
next step needs, so no array is transposed in memory.

Rounding errors are relative to the largest inputs of a tile, not to each output, and grow with the number of points.
They are below 5·10⁻⁶ in float32, and 10⁻¹⁴ in float64, of the largest sum of the magnitudes of an output's products in
the tile. Blocks of values that are too different for this (see `dynamic_range`) are computed by the direct method.

A non-finite value, or an overflow in a transform, makes all outputs of its group non-finite. If the first output of a
group is non-finite, its row of groups is computed by the direct method, and so are rows at the end that do not fill a
tile.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from cnnfx.conv.direct import correlate_direct
from cnnfx.conv.dynamic_range import exceeds_range, largest_magnitude
from cnnfx.conv.geometry import OutputBlock
from cnnfx.conv.padding import BAND_ROWS
from cnnfx.conv.plain_products import correlate_block
from cnnfx.conv.winograd_transforms import MAX_POINTS, AxisTiling, input_transform, kernel_transform, output_transform
from cnnfx.system.blas import single_threaded
from cnnfx.system.memory import buffer
from cnnfx.system.threads import run_in_threads, threads_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from cnnfx.conv.geometry import Window
    from cnnfx.conv.padding import PaddedImages

    Array = NDArray[Any]

SUMMED_CHANNELS = 32
"""Channels that one product sums, at most. The output transform multiplies the rounding error of a float32 sum, which
would be too large for more channels."""

MAX_TILE = 4
"""Outputs of a tile along an axis, at most. The error of larger tiles is too large in float32."""

MANY_CHANNELS = 16
"""Channels of which the rounding errors cancel enough for tiles of more than `MAX_POINTS_OF_FEW_CHANNELS`."""

MAX_POINTS_OF_FEW_CHANNELS = 6
"""Points of a tile for fewer channels than `MANY_CHANNELS`, at most."""

SMALLEST_RATIO = 2.0**-10
"""Values that are too small beside the largest of a block, which is computed by the direct method then."""

TILES_PER_GROUP = 1, 2, 4
"""Possible numbers of tiles of a group along an axis."""

MAX_GROUPS = 64
"""Groups of a block, at most. Products of more groups are no faster."""

MIN_GROUPS_ACROSS = 4
"""Groups side by side in a block, at least. Short rows are slow to copy."""

TRANSFORMED_ELEMENTS = 1 << 19
"""Elements of the transformed arrays of a block, at most. More would not stay in the cache."""

INPUT_ELEMENTS = 1 << 18
"""Elements of a block's input, at most, unless `MIN_GROUPS_ACROSS` needs more."""

INPUT_TRANSFORM_COST = 5
"""Time to write an element of the input transform along columns, in multiplications."""

TRANSPOSED_TRANSFORM_COST = 40
"""Time to write an element of the input transform along rows, which also transposes, in multiplications."""

OUTPUT_TRANSFORM_COST = 5
"""Time to write an element of an output transform, in multiplications."""

PRODUCT_COST = 2
"""Time to write an element of a product over channels, in multiplications."""

PRODUCT_SLOWDOWN = 1.5
"""Measured time of the products over channels relative to the same number of multiplications in the direct method.
They are small, and sum over `SUMMED_CHANNELS` at most."""

FILTER_COST = 50
"""Time to transform and copy an element of the transformed filters, in multiplications."""

VECTOR_ELEMENTS = 16
"""Elements that a product computes at a time. Fewer elements at the end of a row take the same time."""

TRANSFORM_SLOWDOWN = 1.75
"""Measured time of the transforms relative to the same number of multiplications in the direct method. Their products
are small, so the time is limited by the memory."""

CALL_COST = 3_000_000
"""Time of the NumPy calls for a column of groups in a block, in multiplications."""

COPY_COST = 8
"""Time to copy an element, in multiplications."""


def correlate_winograd(images: PaddedImages, weights: Array, bias: Array | None, window: Window, out: Array) -> None:
    """Cross-correlate `images` with `weights` (K, C, kh, kw), add `bias` (K,), and write it to `out` (N, K, Ho, Wo)."""
    if supports(window):
        tiling = choose_tiling(out.shape, weights.shape)
        with single_threaded(), np.errstate(all="ignore"):  # threads of BLAS would compete with those of the pool
            transformed = transform_filters(weights, tiling)
            finite = math.isfinite(transformed.sum())
        if finite:
            _correlate(images, weights, transformed, bias, window, out, tiling)
            return
    correlate_direct(images, weights, bias, window, out)


def supports(window: Window) -> bool:
    """Return whether stride and dilation are 1 and neither side of the kernel exceeds `MAX_POINTS`."""
    return (*window.stride, *window.dilation) == (1, 1, 1, 1) and max(window.kernel) <= MAX_POINTS


def transform_filters(weights: Array, tiling: OutputTiling) -> Array:
    """Return U, an array (ny, 1, nx, C, K), for weights (K, C, kh, kw)."""
    filters, channels, *taps = weights.shape
    kernels = weights.transpose(2, 3, 1, 0).reshape(math.prod(taps), -1)
    transformed = kernel_transform(tiling.rows[:2], tiling.columns[:2]).astype(weights.dtype) @ kernels
    return transformed.reshape(tiling.rows.points, 1, tiling.columns.points, channels, filters)


def _correlate(
    images: PaddedImages,
    weights: Array,
    transformed: Array,
    bias: Array | None,
    window: Window,
    out: Array,
    tiling: OutputTiling,
) -> None:
    def work(block: OutputBlock) -> None:
        if block.rows_per_product < tiling.rows.tile:
            correlate_block(images, weights, bias, window, block, out)
            return
        if not _correlate_block(images, transformed, bias, block, tiling, out):
            correlate_block(images, weights, bias, window, block, out)
            return
        for rows in _nonfinite_rows(block, tiling, out):
            correlate_block(images, weights, bias, window, rows, out)

    threads = threads_for(winograd_cost(out.shape, weights.shape))
    run_in_threads(work, split_output(out.shape, tiling), threads)


def _correlate_block(
    images: PaddedImages, transformed: Array, bias: Array | None, block: OutputBlock, tiling: OutputTiling, out: Array
) -> bool:
    """Write a block of the output, one column of groups at a time; return False if its input exceeds the range."""
    pixels = _read_input(images, block, tiling)
    by_group = pixels.reshape(-1, transformed.shape[3], *pixels.shape[1:])
    if exceeds_range(by_group, largest_magnitude(pixels), SMALLEST_RATIO):
        return False
    target = out[block.images, :, block.rows, block.columns]
    batch, filters, _, width = target.shape
    shape = batch, filters, block.products, block.rows_per_product, width
    outputs_by_group = target.reshape(shape).transpose(3, 0, 2, 1, 4)
    for first in range(0, width, tiling.columns.outputs):
        outputs = outputs_by_group[..., first : first + tiling.columns.outputs]
        inputs = pixels[..., first : first + outputs.shape[4] + tiling.columns.taps - 1]
        _transform_output(_multiply(_transform_input(inputs, tiling), transformed), bias, outputs, tiling)
    return True


def _read_input(images: PaddedImages, block: OutputBlock, tiling: OutputTiling) -> Array:
    """Return a block's input (N·products·C, rows, columns), copied unless it is contiguous."""
    rows = slice(block.rows.start, block.rows.stop + tiling.rows.taps - 1)
    columns = slice(block.columns.start, block.columns.stop + tiling.columns.taps - 1)
    pixels = images.region(block.images, rows, columns)
    (batch, channels, _, width), height = pixels.shape, block.rows_per_product + tiling.rows.taps - 1
    if block.products == 1 and pixels.flags.c_contiguous:
        return pixels.reshape(-1, height, width)
    to_image, to_channel, to_row, to_column = pixels.strides
    shape = batch, block.products, channels, height, width
    strides = to_image, block.rows_per_product * to_row, to_channel, to_row, to_column
    copied = buffer("winograd_input", shape, pixels.dtype)
    copied[...] = as_strided(pixels, shape, strides)
    return copied.reshape(-1, height, width)


def _transform_input(pixels: Array, tiling: OutputTiling) -> Array:
    """Return V, an array (ny·tiles, nx·tiles, groups·C), for the input (groups·C, rows, columns)."""
    (count, height, width), rows, columns = pixels.shape, tiling.rows, tiling.columns
    down = input_transform(rows.tile, rows.taps, height - rows.taps + 1, pixels.dtype)
    across = input_transform(columns.tile, columns.taps, width - columns.taps + 1, pixels.dtype)
    transformed_rows = buffer("winograd_input_rows", (height, len(across), count), pixels.dtype)
    np.matmul(across, pixels.transpose(1, 2, 0), out=transformed_rows)
    transformed = buffer("winograd_transformed_input", (len(down), len(across), count), pixels.dtype)
    np.matmul(down, transformed_rows.transpose(1, 0, 2), out=transformed.transpose(1, 0, 2))
    return transformed


def _multiply(inputs: Array, filters: Array) -> Array:
    """Return the products summed over channels, (ny·tiles, nx·tiles, groups·K)."""
    ny, _, nx, channels, count = filters.shape
    groups = inputs.shape[2] // channels
    by_point = inputs.reshape(ny, len(inputs) // ny, nx, -1, channels)
    products = buffer("winograd_products", (*by_point.shape[:4], count), inputs.dtype)
    np.matmul(by_point[..., :SUMMED_CHANNELS], filters[..., :SUMMED_CHANNELS, :], out=products)
    for first in range(SUMMED_CHANNELS, channels, SUMMED_CHANNELS):
        part = slice(first, first + SUMMED_CHANNELS)
        partial = buffer("winograd_partial_products", products.shape, products.dtype)
        products += np.matmul(by_point[..., part], filters[..., part, :], out=partial)
    return products.reshape(*inputs.shape[:2], groups * count)


def _transform_output(products: Array, bias: Array | None, target: Array, tiling: OutputTiling) -> None:
    """Write the outputs of groups to `target` (rows, N, products, K, columns).

    The bias is a further element beside the products of each row, which is added to all of its outputs.
    """
    rows, columns = tiling.rows, tiling.columns
    down = output_transform(rows.tile, rows.taps, target.shape[0], products.dtype)
    across = output_transform(columns.tile, columns.taps, target.shape[4], products.dtype, bias is not None)
    output_rows = buffer("winograd_output_rows", (len(target), len(across), products.shape[2]), products.dtype)
    np.matmul(down.T, products.transpose(1, 0, 2), out=output_rows[:, : products.shape[1]].transpose(1, 0, 2))
    if bias is not None:
        output_rows[:, -1].reshape(len(target), -1, len(bias))[...] = bias
    if target.shape[2] == 1 and target.strides[1] == target.shape[3] * target.strides[3]:
        target = target.reshape(len(target), 1, 1, -1, target.shape[4])
    by_output = np.moveaxis(output_rows.reshape(len(target), -1, *target.shape[1:4]), 1, 4)
    np.matmul(by_output, across, out=target)


def _nonfinite_rows(block: OutputBlock, tiling: OutputTiling, out: Array) -> Iterator[OutputBlock]:
    """Yield the rows of groups in which the first output of a group is non-finite."""
    height = block.rows_per_product
    first = out[block.images, :, block.rows, block.columns][:, :, ::height, :: tiling.columns.outputs]
    if math.isfinite(first.sum()):
        return
    for n, index in np.argwhere(~np.isfinite(first).all(axis=(1, 3))).tolist():
        image, row = block.images.start + n, block.rows.start + index * height
        yield OutputBlock(slice(image, image + 1), slice(row, row + height), block.columns, height)


class OutputTiling(NamedTuple):
    """The division of an output into tiles, groups and blocks.

    Attributes
    ----------
    rows, columns : AxisTiling
        The tiles of one group.
    groups : int
        Groups in a column of a block, of all its images together, at most.
    block_columns : int
        Output columns of a block, at most.
    """

    rows: AxisTiling
    columns: AxisTiling
    groups: int
    block_columns: int


@lru_cache(maxsize=256)
def choose_tiling(out: tuple[int, ...], weights: tuple[int, ...]) -> OutputTiling:
    """Return the tiling of least cost for an output (N, K, Ho, Wo) and weights (K, C, kh, kw).

    The tiling of a single image does not depend on its height, so that bands and whole images have the same tiles.
    """
    if out[0] == 1 and out[2] != BAND_ROWS:
        return choose_tiling((*out[:2], BAND_ROWS, out[3]), weights)
    rows, columns = min(
        product(*(candidate_tilings(out[axis], weights[axis], weights[1]) for axis in (2, 3))),
        key=lambda axes: tiling_cost(out, weights, *axes),
    )
    groups = groups_per_block(out, weights, rows, columns)
    across = INPUT_ELEMENTS // (weights[1] * groups * rows.inputs * columns.outputs)
    return OutputTiling(rows, columns, groups, columns.outputs * max(MIN_GROUPS_ACROSS, across))


def candidate_tilings(length: int, taps: int, channels: int) -> list[AxisTiling]:
    """Return the possible tiles of a group along an axis with `length` outputs, for kernels of `taps` and `channels`.

    With one output, a tile is the plain sum, for which any number of points is exact enough.
    """
    points = MAX_POINTS if channels >= MANY_CHANNELS else MAX_POINTS_OF_FEW_CHANNELS
    largest = max(1, min(points - taps + 1, MAX_TILE, length)) if taps > 1 else 1
    return [
        AxisTiling(tile, taps, tiles)
        for tile in range(1, largest + 1)
        for tiles in TILES_PER_GROUP
        if tile * (tiles - 1) < length
    ]


def groups_per_block(out: tuple[int, ...], weights: tuple[int, ...], rows: AxisTiling, columns: AxisTiling) -> int:
    """Return the number of groups in a column of a block, at least 1."""
    filters, channels = weights[:2]
    elements = rows.elements * columns.elements * (channels + filters) + columns.elements * rows.outputs * filters
    whole_image = rows.outputs >= out[2] and columns.outputs >= out[3]
    limit = 2 * TRANSFORMED_ELEMENTS if whole_image else TRANSFORMED_ELEMENTS  # calls take most of the time then
    return max(1, min(limit // elements, MAX_GROUPS))


def winograd_cost(out: tuple[int, ...], weights: tuple[int, ...]) -> float:
    """Return the cost for an output (N, K, Ho, Wo) and weights (K, C, kh, kw), in multiplications."""
    tiling = choose_tiling(out, weights)
    return tiling_cost(out, weights, tiling.rows, tiling.columns)


def tiling_cost(out: tuple[int, ...], weights: tuple[int, ...], rows: AxisTiling, columns: AxisTiling) -> float:
    """Return the cost with groups of these tiles, in multiplications."""
    filters, channels, kh, kw = weights
    down, across = out[0] * -(-out[2] // rows.outputs), -(-out[3] // columns.outputs)
    elements, width = rows.elements * columns.elements, _whole_vectors(columns.outputs)
    copy = rows.inputs * columns.outputs * COPY_COST
    input_rows = rows.inputs * columns.elements * (columns.inputs + TRANSPOSED_TRANSFORM_COST)
    input_columns = elements * (rows.inputs + INPUT_TRANSFORM_COST)
    output_columns = columns.elements * rows.outputs * (rows.elements + OUTPUT_TRANSFORM_COST)
    output_rows = rows.outputs * width * (columns.elements + OUTPUT_TRANSFORM_COST)
    transforms = channels * (copy + input_rows + input_columns) + filters * (output_columns + output_rows)
    products = elements * _whole_vectors(filters) * (channels + PRODUCT_COST)
    groups = down * across * (TRANSFORM_SLOWDOWN * transforms + PRODUCT_SLOWDOWN * products)
    calls = -(-down // groups_per_block(out, weights, rows, columns)) * across * CALL_COST
    return calls + groups + filters * channels * rows.points * columns.points * (kh * kw + FILTER_COST)


def _whole_vectors(count: int) -> int:
    """Return `count` rounded up to a multiple of `VECTOR_ELEMENTS`."""
    return -(-count // VECTOR_ELEMENTS) * VECTOR_ELEMENTS


def split_output(out: tuple[int, ...], tiling: OutputTiling) -> Iterator[OutputBlock]:
    """Divide an output (N, K, Ho, Wo) into blocks that do not cross a multiple of `BAND_ROWS`."""
    batch, _, height, width = out
    for first in range(0, height, BAND_ROWS):
        for rows, group_rows in _row_ranges(first, min(first + BAND_ROWS, height), tiling):
            images = _even_share(batch, max(1, tiling.groups * group_rows // (rows.stop - rows.start)))
            for n, column in product(range(0, batch, images), range(0, width, tiling.block_columns)):
                columns = slice(column, min(column + tiling.block_columns, width))
                yield OutputBlock(slice(n, min(n + images, batch)), rows, columns, group_rows)


def _row_ranges(first: int, last: int, tiling: OutputTiling) -> Iterator[tuple[slice, int]]:
    """Yield the rows of each block and the rows of its groups. Groups of the remaining rows at the end have fewer."""
    group_rows = tiling.rows.outputs
    end = last - (last - first) % group_rows
    step = group_rows * _even_share(max(1, (end - first) // group_rows), tiling.groups)
    for row in range(first, end, step):
        yield slice(row, min(row + step, end)), group_rows
    if end < last:
        yield slice(end, last), last - end


def _even_share(count: int, largest: int) -> int:
    """Return the size of equal shares of `count`, each at most `largest`."""
    return -(-count // -(-count // largest))
