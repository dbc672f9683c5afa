"""How the outputs of a layer at one position came about: each `Explanation` is filled from the network's own layers.

The patch of a layer above the first is made of outputs of the layer below; the largest of its contributions are
explained in the same way, as deep as is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cnnfx.conv.padding import OUTSIDE
from cnnfx.errors import ArgumentError
from cnnfx.nn.feature_maps import FeatureMaps, Places, block, gathered, read
from cnnfx.nn.layers import ACTIVATIONS, COMBINATIONS, Array, Pool
from cnnfx.nn.network import Layer

Position = tuple[int, int]
"""(row, column)."""


@dataclass(frozen=True, eq=False)
class Patch:
    """What the kernels of a layer stand on for one position of their maps.

    Parameters
    ----------
    row, column : int
        The position, before pooling.
    rows, columns : (kh,) and (kw,) arrays
        The places below that the kernels read; negative, or beyond the maps' end, in the padding.
    from_rows, from_columns : (kh,) and (kw,) arrays
        The places whose values stand there; `OUTSIDE` for a zero.
    values : (C, kh, kw) array
    size : (int, int)
        Rows and columns of the maps below.
    border : str
        What their padding holds.
    """

    row: int
    column: int
    rows: Places
    columns: Places
    from_rows: Places
    from_columns: Places
    values: Array
    size: tuple[int, int]
    border: str

    @property
    def padding(self) -> NDArray[np.bool_]:
        """Which of the places lie in the padding, `(kh, kw)`."""
        down, across = (
            (places < 0) | (places >= length)
            for places, length in zip((self.rows, self.columns), self.size, strict=True)
        )
        return down[:, np.newaxis] | across

    def source(self, row: int, column: int) -> Position | None:
        """Where below the value at a place of the kernel stands; None if it is a zero of the padding."""
        found = int(self.from_rows[row]), int(self.from_columns[column])
        return None if OUTSIDE in found else found


@dataclass(frozen=True, eq=False)
class Term:
    """What a filter makes of one input channel.

    Parameters
    ----------
    channel : str
    index : int
        The channel's number below.
    patch, weights : (kh, kw) arrays
    """

    channel: str
    index: int
    patch: Array
    weights: Array

    @cached_property
    def products(self) -> NDArray[np.float64]:
        """`patch` × `weights`, `(kh, kw)`: exact, as factors of float32 are."""
        with np.errstate(invalid="ignore"):  # infinity times 0
            products: NDArray[np.float64] = self.patch.astype(np.float64) * self.weights.astype(np.float64)
        return products

    @cached_property
    def sum(self) -> float:
        """The sum of the products."""
        return _total(self.products)


@dataclass(frozen=True, eq=False)
class Sum:
    """The output of one filter at one position: the sum of its terms, and its bias."""

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
        """With the bias."""
        return self.total + self.bias


@dataclass(frozen=True, eq=False)
class Point:
    """A value of an output channel before pooling: one filter's sum or a combination of several, then the activation.

    `combination` and `activation` are kinds of `cnnfx.nn.layers.Combination` and `Activation`.
    """

    patch: Patch
    sums: tuple[Sum, ...]
    combination: str
    activation: str

    @cached_property
    def combined(self) -> float:
        """The sum itself, or what is made of the sums."""
        values = np.array([found.value for found in self.sums])
        with np.errstate(over="ignore", invalid="ignore"):
            return float(COMBINATIONS[self.combination](values[:, np.newaxis, np.newaxis])[0, 0])

    @cached_property
    def value(self) -> float:
        """After the activation."""
        return float(ACTIVATIONS[self.activation](np.array(self.combined)))


@dataclass(frozen=True, eq=False)
class Contribution:
    """An output of the layer below, and what it adds to each of the sums of the point that it is shown for."""

    explanation: Explanation
    amounts: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Explanation:
    """How one output came about.

    Parameters
    ----------
    layer : int
        1 is the first.
    channel : str
        The output channel.
    row, column : int
        In the layer's output, after pooling.
    points : tuple of Point
        One, or with a pooling of p its p·p, row by row.
    pool : Pool, optional
    contributions : tuple of Contribution, optional
        Those of the layer below that add most to `shown`, largest first; None if they were not asked for.
    others : int
        How many more contributions there are that are not 0.
    other_amounts : tuple of float
        What these add to each sum together.
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

    @property
    def values(self) -> NDArray[np.float64]:
        """The points' values, `(p, p)`."""
        size = self.pool.size if self.pool else 1
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
        """The point that tells most of the output: what max pooling keeps, or else the largest in magnitude."""
        values = self.values.ravel()
        keeps = self.pool is not None and self.pool.kind == "max"
        return int(np.argmax(values if keeps else np.abs(values)))


def _total(numbers: Sequence[float] | NDArray[np.float64]) -> float:
    with np.errstate(invalid="ignore"):  # infinity less infinity
        return float(np.sum(numbers))


LARGEST = 3
"""The contributions to an output whose own arithmetic is shown."""


def explain(
    maps: FeatureMaps,
    inputs: Sequence[str],
    row: int,
    column: int,
    channels: Sequence[int] | None = None,
    depth: int = 1,
) -> list[Explanation]:
    """How the outputs of the last layer of `maps` at a position came about.

    Parameters
    ----------
    maps : FeatureMaps
    inputs : sequence of str
        The names of the image's channels.
    row, column : int
        In the layer's output, after pooling.
    channels : sequence of int, optional
        The numbers of the output channels; all unless given.
    depth : int
        The layers whose arithmetic is wanted: 1 for this one only, 2 for that of its largest contributions too.

    Raises
    ------
    ArgumentError
        If the position lies outside, or there are not so many layers.

    Examples
    --------
    >>> import numpy as np
    >>> from cnnfx.formats.kernel_text import parse_kernel
    >>> from cnnfx.images import Image
    >>> from cnnfx.nn.feature_maps import feature_maps
    >>> image = Image("ramp", np.arange(9, dtype=np.float32).reshape(1, 3, 3), ("gray",))
    >>> maps = feature_maps(parse_kernel("0 1; 2 3"), image, image.channel_names)
    >>> (found,) = explain(maps, image.channel_names, row=0, column=1)
    >>> found.points[0].sums[0].terms[0].products
    array([[ 0.,  2.],
           [ 8., 15.]])
    >>> found.value
    25.0
    """
    number = len(maps.network.layers)
    check_position(maps, row, column)
    if not 1 <= depth <= number:
        raise ArgumentError(
            f"A depth of {depth} is not possible: layer {number} can be explained to a depth of 1"
            + (f" to {number}, the first layer being the deepest." if number > 1 else ", as it is the first.")
        )
    return _explained(maps, inputs, number, (row, column), channels or range(maps.shape[0]), depth)


def check_position(maps: FeatureMaps, row: int, column: int) -> None:
    """Refuse a position that the maps do not have.

    Raises
    ------
    ArgumentError
    """
    _, height, width = maps.shape
    if not (0 <= row < height and 0 <= column < width):
        raise ArgumentError(
            f"There is no position {column},{row}: the output of layer {len(maps.network.layers)} is {width}×{height}, "
            f"so x is 0 to {width - 1} and y 0 to {height - 1}."
        )


def _explained(
    maps: FeatureMaps, inputs: Sequence[str], number: int, at: Position, channels: Sequence[int], depth: int
) -> list[Explanation]:
    layer = maps.network.layers[number - 1]
    names = maps.network.layers[number - 2].channel_names if number > 1 else inputs
    patches, found = list(_patches(maps, number, at)), []
    for channel in channels:
        output = layer.outputs[channel]
        points = tuple(
            Point(patch, tuple(_sum(layer, k, patch, names) for k in output.of), output.kind, layer.activation.kind)
            for patch in patches
        )
        explanation = Explanation(number, output.name, *at, points, layer.pool)
        found.append(_followed(maps, inputs, explanation, depth) if depth > 1 else explanation)
    return found


def _patches(maps: FeatureMaps, number: int, at: Position) -> Iterator[Patch]:
    """The patches for the positions that an output is pooled from, row by row."""
    layer, (_, *size) = maps.network.layers[number - 1], maps.sizes[number - 1]
    side, (kh, kw) = layer.pool.size if layer.pool else 1, layer.conv.window.kernel
    rows, columns = (block(np.array([place]), side)[0] for place in at)
    down, across = read(maps, number, 0, rows), read(maps, number, 1, columns)
    values = gathered(maps, number, down, across)
    values = values.reshape(len(values), side, kh, side, kw)
    for i, row in enumerate(rows.tolist()):
        for j, column in enumerate(columns.tolist()):
            read_at = down.places[i], across.places[j], down.sources[i], across.sources[j]
            border = layer.conv.window.border
            yield Patch(row, column, *read_at, values[:, i, :, j], (size[0], size[1]), border)


def _sum(layer: Layer, index: int, patch: Patch, names: Sequence[str]) -> Sum:
    """A filter on what it stands on: the channels of its group."""
    weights = layer.conv.weights[index]
    first = index // (len(layer.filter_names) // layer.conv.groups) * len(weights)
    terms = tuple(
        Term(names[channel], channel, patch.values[channel], kernel) for channel, kernel in enumerate(weights, first)
    )
    return Sum(layer.filter_names[index], index, terms, float(layer.conv.bias[index]))


def _followed(maps: FeatureMaps, inputs: Sequence[str], explanation: Explanation, depth: int) -> Explanation:
    """The explanation with those of its largest contributions."""
    amounts = _amounts(explanation.points[explanation.shown])
    sizes = {key: np.abs(np.nan_to_num(found, nan=np.inf)).max() for key, found in amounts.items()}
    order = sorted((key for key in sizes if sizes[key] > 0), key=lambda key: -sizes[key])
    contributions = []
    for channel, row, column in order[:LARGEST]:
        (below,) = _explained(maps, inputs, explanation.layer - 1, (row, column), [channel], depth - 1)
        contributions.append(Contribution(below, tuple(amounts[channel, row, column].tolist())))
    rest = [amounts[key] for key in order[LARGEST:]]
    count = len(explanation.points[explanation.shown].sums)
    with np.errstate(invalid="ignore"):
        others = np.sum(rest, axis=0).tolist() if rest else [0.0] * count
    return replace(explanation, contributions=tuple(contributions), others=len(rest), other_amounts=tuple(others))


def _amounts(point: Point) -> dict[tuple[int, int, int], NDArray[np.float64]]:
    """What each value below (channel, row, column) adds to the sums of a point; a border may repeat it."""
    amounts: dict[tuple[int, int, int], NDArray[np.float64]] = {}
    for number, found in enumerate(point.sums):
        for term in found.terms:
            for (row, column), product in np.ndenumerate(term.products):
                source = point.patch.source(row, column)
                if source is not None:
                    amount = amounts.setdefault((term.index, *source), np.zeros(len(point.sums)))
                    amount[number] += product
    return amounts
