"""The arithmetic of one output: patch × weights, bias, combination, activation and pooling, traced to the layers below.

`explain` returns an `Explanation` for each output channel at one position. The patch of a layer above the first
consists of outputs of the layer below; the largest contributions among them are explained in the same way, down to a
given depth. `values_at` computes outputs at some positions without computing the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cnnfx.conv.padding import OUTSIDE
from cnnfx.errors import ArgumentError
from cnnfx.nn.feature_maps import FeatureMaps, Floats
from cnnfx.nn.layers import COMBINATIONS, Activation, Array, Layer, Pool
from cnnfx.nn.receptive_field import Indexes, conv_step, pool_step

Position = tuple[int, int]
"""(row, column)."""

MAX_CONTRIBUTIONS = 3
"""The most contributions of the layer below that are explained for one output."""


@dataclass(frozen=True, eq=False)
class Patch:
    """The values that the kernels of a layer read for one position of their feature maps.

    Parameters
    ----------
    row, column : int
        The position, before pooling.
    rows, columns : (kh,) and (kw,) arrays
        The rows and columns of the input that the kernels read; negative, or beyond the last, in the padding.
    from_rows, from_columns : (kh,) and (kw,) arrays
        The rows and columns that the values are from; `OUTSIDE` for a zero of the padding.
    values : (C, kh, kw) array
    size : (int, int)
        Rows and columns of the input.
    border : str
        What the padding contains, as in `cnnfx.correlate`.
    """

    row: int
    column: int
    rows: Indexes
    columns: Indexes
    from_rows: Indexes
    from_columns: Indexes
    values: Array
    size: tuple[int, int]
    border: str

    @property
    def padding(self) -> NDArray[np.bool_]:
        """Whether each value is in the padding, `(kh, kw)`."""
        rows, columns = (
            (indexes < 0) | (indexes >= length)
            for indexes, length in zip((self.rows, self.columns), self.size, strict=True)
        )
        return rows[:, np.newaxis] | columns

    def source(self, row: int, column: int) -> Position | None:
        """Return the input position of the value at an element of the kernel; None for a zero of the padding."""
        position = int(self.from_rows[row]), int(self.from_columns[column])
        return None if OUTSIDE in position else position


@dataclass(frozen=True, eq=False)
class Term:
    """The products of a filter on one input channel.

    Parameters
    ----------
    channel : str
    index : int
        The index of the input channel.
    patch, weights : (kh, kw) arrays
    """

    channel: str
    index: int
    patch: Array
    weights: Array

    @cached_property
    def products(self) -> NDArray[np.float64]:
        """`patch` × `weights`, `(kh, kw)`; exact, since the factors are float32."""
        with np.errstate(invalid="ignore"):  # infinity times 0
            products: NDArray[np.float64] = self.patch.astype(np.float64) * self.weights.astype(np.float64)
        return products

    @cached_property
    def sum(self) -> float:
        """The sum of the products."""
        return _total(self.products)


@dataclass(frozen=True, eq=False)
class Sum:
    """The output of one filter at one position: the sum of its terms, plus its bias."""

    filter: str
    index: int
    terms: tuple[Term, ...]
    bias: float

    @cached_property
    def total(self) -> float:
        """The sum of the terms."""
        return _total([term.sum for term in self.terms])

    @property
    def value(self) -> float:
        """The sum of the terms, plus the bias."""
        return self.total + self.bias


@dataclass(frozen=True, eq=False)
class Point:
    """A value of an output channel before pooling: a filter's sum or a combination of several, then the activation.

    `combination` and `activation` are kinds of `cnnfx.nn.layers.Combination` and `Activation`.
    """

    patch: Patch
    sums: tuple[Sum, ...]
    combination: str
    activation: str

    @cached_property
    def combined(self) -> float:
        """The sum itself, or the combination of the sums."""
        values = np.array([filter_sum.value for filter_sum in self.sums])
        with np.errstate(over="ignore", invalid="ignore"):
            return float(COMBINATIONS[self.combination](values[:, np.newaxis, np.newaxis])[0, 0])

    @cached_property
    def value(self) -> float:
        """The value after the activation."""
        return float(Activation(self.activation).forward(np.array(self.combined)))


@dataclass(frozen=True, eq=False)
class Contribution:
    """An output of the layer below, and the amount that it adds to each of the sums of a point."""

    explanation: Explanation
    amounts: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Explanation:
    """The arithmetic of one output.

    Parameters
    ----------
    layer : int
        The number of the layer; 1 is the first.
    channel : str
        The output channel.
    row, column : int
        In the layer's output, after pooling.
    points : tuple of Point
        One, or p·p row by row with a pooling of size p.
    pool : Pool, optional
    contributions : tuple of Contribution, optional
        The outputs of the layer below that add most to the point `shown`, the largest first; None if they were not
        requested.
    others : int
        The number of further contributions that are not 0.
    other_amounts : tuple of float
        The sum of these for each sum of the point.
    """

    layer: int
    channel: str
    row: int
    column: int
    points: tuple[Point, ...]
    pool: Pool | None = None
    contributions: tuple[Contribution, ...] | None = None
    others: int = 0
    other_amounts: tuple[float, ...] = ()

    def __repr__(self) -> str:
        return f"<Explanation of {self.channel} in layer {self.layer} at {self.column},{self.row}: {self.value:.4g}>"

    @property
    def values(self) -> NDArray[np.float64]:
        """The values of the points, `(p, p)`."""
        size = self.pool.block if self.pool else 1
        return np.array([point.value for point in self.points]).reshape(size, size)

    @cached_property
    def value(self) -> float:
        """The output."""
        if self.pool is None:
            return self.points[0].value
        with np.errstate(invalid="ignore"):
            return float(self.pool.forward(self.values[np.newaxis])[0, 0, 0])

    @cached_property
    def shown(self) -> int:
        """The index of the point to show: the one that max pooling keeps, otherwise the largest in magnitude."""
        values = self.values.ravel()
        keeps = self.pool is not None and self.pool.kind == "max"
        return int(np.argmax(values if keeps else np.abs(values)))


def _total(numbers: Sequence[float] | NDArray[np.float64]) -> float:
    with np.errstate(invalid="ignore"):  # infinity less infinity
        return float(np.sum(numbers))


def explain(
    maps: FeatureMaps,
    inputs: Sequence[str],
    row: int,
    column: int,
    channels: Sequence[int] | None = None,
    depth: int = 1,
) -> list[Explanation]:
    """Return the arithmetic of the outputs of the last layer of `maps` at one position.

    Parameters
    ----------
    maps : FeatureMaps
    inputs : sequence of str
        The names of the image's channels.
    row, column : int
        In the layer's output, after pooling.
    channels : sequence of int, optional
        The indexes of the output channels. By default all.
    depth : int
        The number of layers to explain: 1 for this layer only, 2 for its largest contributions too, and so on.

    Returns
    -------
    list of Explanation
        One for each channel.

    Raises
    ------
    ArgumentError
        If the position is outside the maps, or there are fewer layers than `depth`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnnfx.formats.kernel_text import parse_kernel
    >>> from cnnfx.images import Image
    >>> from cnnfx.nn.feature_maps import feature_maps
    >>> image = Image("ramp", np.arange(9, dtype=np.float32).reshape(1, 3, 3), ("gray",))
    >>> maps = feature_maps(parse_kernel("0 1; 2 3"), image, image.channel_names)
    >>> (explanation,) = explain(maps, image.channel_names, row=0, column=1)
    >>> explanation.points[0].sums[0].terms[0].products
    array([[ 0.,  2.],
           [ 8., 15.]])
    >>> explanation.value
    25.0
    """
    number = len(maps.network.layers)
    check_position(maps, row, column)
    if not 1 <= depth <= number:
        allowed = "1" if number == 1 else f"1 to {number}"
        raise ArgumentError(f"The depth of an explanation of layer {number} must be {allowed}, not {depth}.")
    return _explain_channels(maps, inputs, number, (row, column), channels or range(maps.shape[0]), depth)


def check_position(maps: FeatureMaps, row: int, column: int) -> None:
    """Check that a position is in the maps.

    Raises
    ------
    ArgumentError
        If it is outside; the message gives the range of x and y.
    """
    _, height, width = maps.shape
    if not (0 <= row < height and 0 <= column < width):
        raise ArgumentError(
            f"There is no position {column},{row}: the output of layer {len(maps.network.layers)} is {width}×{height}, "
            f"so x is 0 to {width - 1} and y 0 to {height - 1}."
        )


def _explain_channels(
    maps: FeatureMaps, inputs: Sequence[str], number: int, at: Position, channels: Sequence[int], depth: int
) -> list[Explanation]:
    layer = maps.network.layers[number - 1]
    names = maps.network.layers[number - 2].channel_names if number > 1 else inputs
    patches, explanations = list(_patches(maps, number, at)), []
    for channel in channels:
        output = layer.outputs[channel]
        points = tuple(
            Point(patch, tuple(_sum(layer, k, patch, names) for k in output.of), output.kind, layer.activation.kind)
            for patch in patches
        )
        explanation = Explanation(number, output.name, *at, points, layer.pool)
        explanations.append(_with_contributions(maps, inputs, explanation, depth) if depth > 1 else explanation)
    return explanations


def _patches(maps: FeatureMaps, number: int, at: Position) -> Iterator[Patch]:
    """Yield the patches of the positions that an output is pooled from, row by row."""
    layer, (_, height, width) = maps.network.layers[number - 1], maps.sizes[number - 1]
    side, (kh, kw) = layer.pool_size, layer.conv.window.kernel
    rows, columns = (pool_step(layer).positions(np.array([index]))[0] for index in at)
    down, across = (conv_step(layer.conv, axis, (height, width)) for axis in (0, 1))
    from_rows, from_columns = down.sources(rows), across.sources(columns)
    values = _gather_patches(maps, number, from_rows, from_columns)
    values = values.reshape(len(values), side, kh, side, kw)
    for i, read_rows in enumerate(down.positions(rows)):
        for j, read_columns in enumerate(across.positions(columns)):
            yield Patch(
                row=int(rows[i]),
                column=int(columns[j]),
                rows=read_rows,
                columns=read_columns,
                from_rows=from_rows[i],
                from_columns=from_columns[j],
                values=values[:, i, :, j],
                size=(height, width),
                border=layer.conv.window.border,
            )


def _sum(layer: Layer, index: int, patch: Patch, names: Sequence[str]) -> Sum:
    """Return the sum of a filter on a patch: on the channels of its group."""
    weights = layer.conv.weights[index]
    first = index // (len(layer.filter_names) // layer.conv.groups) * len(weights)
    terms = tuple(
        Term(names[channel], channel, patch.values[channel], kernel) for channel, kernel in enumerate(weights, first)
    )
    return Sum(layer.filter_names[index], index, terms, float(layer.conv.bias[index]))


def _with_contributions(maps: FeatureMaps, inputs: Sequence[str], explanation: Explanation, depth: int) -> Explanation:
    """Return the explanation with those of its largest contributions."""
    amounts = _amounts(explanation.points[explanation.shown])
    sizes = {key: np.abs(np.nan_to_num(amount, nan=np.inf)).max() for key, amount in amounts.items()}
    order = sorted((key for key in sizes if sizes[key] > 0), key=lambda key: -sizes[key])
    contributions = []
    for channel, row, column in order[:MAX_CONTRIBUTIONS]:
        (below,) = _explain_channels(maps, inputs, explanation.layer - 1, (row, column), [channel], depth - 1)
        contributions.append(Contribution(below, tuple(amounts[channel, row, column].tolist())))
    rest = [amounts[key] for key in order[MAX_CONTRIBUTIONS:]]
    count = len(explanation.points[explanation.shown].sums)
    with np.errstate(invalid="ignore"):
        others = np.sum(rest, axis=0).tolist() if rest else [0.0] * count
    return replace(explanation, contributions=tuple(contributions), others=len(rest), other_amounts=tuple(others))


def _amounts(point: Point) -> dict[tuple[int, int, int], NDArray[np.float64]]:
    """Return the amount that each input value (channel, row, column) adds to each sum of a point.

    A value that the border repeats is added several times.
    """
    amounts: dict[tuple[int, int, int], NDArray[np.float64]] = {}
    for number, filter_sum in enumerate(point.sums):
        for term in filter_sum.terms:
            for (row, column), product in np.ndenumerate(term.products):
                source = point.patch.source(row, column)
                if source is not None:
                    amount = amounts.setdefault((term.index, *source), np.zeros(len(point.sums)))
                    amount[number] += product
    return amounts


def values_at(maps: FeatureMaps, number: int, rows: Indexes, columns: Indexes) -> Floats:
    """Return the outputs of layer `number` at the crossings of some rows and columns, computing no others.

    Parameters
    ----------
    maps : FeatureMaps
        Of this layer, or of one above it.
    number : int
        1 is the first layer, 0 the normalized image.
    rows, columns : (N,) and (M,) arrays

    Returns
    -------
    (K, N, M) array
    """
    if number == 0:
        image = np.concatenate([maps.image.floats(row, row + 1)[:, :, columns] for row in rows.tolist()], axis=1)
        return maps.network.normalize(image)
    layer, size = maps.network.layers[number - 1], maps.sizes[number - 1][1:]
    row_sources, column_sources = (
        conv_step(layer.conv, axis, size).sources(pool_step(layer).positions(outputs).ravel())
        for axis, outputs in enumerate((rows, columns))
    )
    patches = _gather_patches(maps, number, row_sources, column_sources)
    separate = replace(layer.conv, stride=layer.conv.window.kernel, dilation=1, padding="valid")
    return replace(layer, conv=separate).forward(patches)


def _gather_patches(maps: FeatureMaps, number: int, row_sources: Indexes, column_sources: Indexes) -> Floats:
    """Return the patches that the kernels of layer `number` read, side by side: `(C, N·kh, M·kw)`.

    Parameters
    ----------
    maps : FeatureMaps
    number : int
    row_sources, column_sources : (N, kh) and (M, kw) arrays
        As `AxisStep.sources` returns them.
    """
    rows, columns = row_sources.ravel(), column_sources.ravel()
    (needed_rows, row), (needed_columns, column) = (
        np.unique(np.maximum(wanted, 0), return_inverse=True) for wanted in (rows, columns)
    )
    values = values_at(maps, number - 1, needed_rows, needed_columns)[:, row[:, np.newaxis], column]
    values[:, rows == OUTSIDE] = 0
    values[:, :, columns == OUTSIDE] = 0
    return values
