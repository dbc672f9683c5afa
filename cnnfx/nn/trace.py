"""Tracing an output to what it is computed from: its patch, weights and sums, and the outputs of the layers below.

`explain` returns an `Explanation` for each output channel at one position. What a layer reads are outputs of others, or
the image; the largest contributions among them are explained in the same way, down to a given depth. A layer that only
puts the channels of others side by side is passed through: its outputs are those of the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnfx.conv.padding import OUTSIDE
from cnnfx.errors import ArgumentError
from cnnfx.nn.explanation import (
    Contribution,
    Explanation,
    Patch,
    Point,
    Position,
    Read,
    Sum,
    Term,
    channel_text,
)
from cnnfx.nn.feature_maps import FeatureMaps, Floats
from cnnfx.nn.field_values import FieldValues
from cnnfx.nn.layers import Array, Layer
from cnnfx.nn.network import Network
from cnnfx.nn.receptive_field import Indexes, conv_step

IMAGE = "the image"
"""The title of the image among the layers."""
SIGNS = {"add": "+", "multiply": "×"}
"""The sign between the values that a join adds or multiplies."""
MAX_CONTRIBUTIONS = 3
"""The most contributions of the layers below that are explained for one output."""
MAX_DEPTH = 6
"""The most layers of an explanation: each has up to `MAX_CONTRIBUTIONS` times as many outputs as the one above."""
MAX_POINT_TERMS = 50_000
"""With more terms in the whole window of a pooling, only the point that is shown is explained."""


class Origin(NamedTuple):
    """An output that a layer reads, or a value of the image.

    Parameters
    ----------
    layer : int
        The number of the layer; 0 is the image.
    channel, row, column : int
    """

    layer: int
    channel: int
    row: int
    column: int


Origins = tuple[Origin, ...]
"""One output, or several that are multiplied."""
Amounts = dict[Origins, NDArray[np.float64]]
"""What outputs add to each of the sums of a point."""


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
        If the position is outside the maps, or there are fewer layers than `depth`, or it is more than `MAX_DEPTH`.

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
    deepest = min(_longest_path(maps.network), MAX_DEPTH)
    if not 1 <= depth <= deepest:
        allowed = "1" if deepest == 1 else f"1 to {deepest}"
        title = maps.network.layer_title(number)
        raise ArgumentError(f"The depth of an explanation of {title} must be {allowed}, not {depth}.")
    tracer = _Tracer(maps, inputs, FieldValues(maps, number, np.array([row]), np.array([column])))
    indexes = range(maps.shape[0]) if channels is None else channels
    return tracer.explain(number, (row, column), indexes, depth)


def check_position(maps: FeatureMaps, row: int, column: int) -> None:
    """Check that a position is in the maps.

    Raises
    ------
    ArgumentError
        If it is outside; the message gives the range of x and y.
    """
    _, height, width = maps.shape
    if not (0 <= row < height and 0 <= column < width):
        title = maps.network.layer_title(len(maps.network.layers))
        raise ArgumentError(
            f"There is no position {column},{row}: the output of {title} is {width}×{height}, "
            f"so x is 0 to {width - 1} and y 0 to {height - 1}."
        )


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
    return FieldValues(maps, number, rows, columns).at(number, rows, columns)


def passes_through(layer: Layer) -> bool:
    """Return whether the outputs of a layer are those of its sources, with their channels side by side."""
    computes = layer.conv or layer.combine or layer.local_response or layer.pool
    joins = layer.join != "concat" and len(layer.sources) > 1
    return not computes and not joins and layer.activation.kind == "none"


def channel_source(network: Network, number: int, index: int, counts: Sequence[int]) -> tuple[int, int]:
    """Return the number of the layer, and the channel of it, that an input channel of a layer comes from.

    Parameters
    ----------
    network : Network
    number : int
        The layer, which has one source or puts several side by side.
    index : int
        The input channel.
    counts : sequence of int
        The number of channels of the image and of each layer.

    Returns
    -------
    (int, int)
        Layers that pass channels through are left out; 0 is the image.
    """
    while True:
        for source in network.sources(number):
            if index < counts[source]:
                break
            index -= counts[source]
        if not source or not passes_through(network.layers[source - 1]):
            return source, index
        number = source


def _longest_path(network: Network) -> int:
    """Return the largest number of layers, those that pass channels through not counted, from the image to the last."""
    lengths = [0]
    for number, layer in enumerate(network.layers, 1):
        below = max(lengths[source] for source in network.sources(number))
        lengths.append(below + (not passes_through(layer)))
    return max(1, lengths[-1])


class _Tracer:
    """Explains outputs in the receptive field of one position."""

    def __init__(self, maps: FeatureMaps, inputs: Sequence[str], values: FieldValues) -> None:
        self.network, self.inputs, self.values = maps.network, inputs, values
        self.counts = [size[0] for size in maps.sizes]
        self._names: dict[int, list[tuple[str, str]]] = {}

    def explain(self, number: int, at: Position, channels: Sequence[int], depth: int) -> list[Explanation]:
        """Return the explanation of each of some channels of a layer at a position."""
        if number == 0:
            rows, columns = (np.array([index]) for index in at)
            pixels = self.values.at(0, rows, columns)[:, 0, 0]
            return [Explanation(0, IMAGE, self.inputs[each], *at, pixel=float(pixels[each])) for each in channels]
        found = [self._explained(number, at, channel) for channel in channels]
        if passes_through(self.network.layers[number - 1]):
            return [self._with_contributions(each, depth + 1) for each in found]
        return [self._with_contributions(each, depth) for each in found] if depth > 1 else found

    def _explained(self, number: int, at: Position, channel: int) -> Explanation:
        """Return the explanation of a channel without its contributions."""
        layer = self.network.layers[number - 1]
        read = tuple(self._title(source) for source in self.network.sources(number))
        head = Explanation(number, self._title(number), layer.channel_names[channel], *at, sources=read)
        rows, columns = (self.values.pooled_from(number, axis, np.array([at[axis]]))[0] for axis in (0, 1))
        if layer.pool is None:
            return replace(head, points=self._points(number, rows, columns, channel))
        inside = (rows != OUTSIDE)[:, np.newaxis] & (columns != OUTSIDE)
        rows, columns = rows[rows != OUTSIDE], columns[columns != OUTSIDE]
        divisor = 1
        if layer.pool.kind == "mean":
            divisor = int(layer.pool.divisors(self.values.maps_size(number))[at])
        explanation = replace(head, pool=layer.pool, inside=inside, divisor=divisor)
        terms = self.counts_read(number) * len(layer.outputs[channel].of)
        if len(rows) * len(columns) * terms <= MAX_POINT_TERMS:
            return replace(explanation, points=self._points(number, rows, columns, channel))
        outputs = np.full(inside.shape, np.nan)
        outputs[inside] = self.values.unpooled(number, rows, columns)[channel].ravel()
        explanation = replace(explanation, outputs=outputs)
        row, column = explanation.shown_in_window
        first_row, first_column = (int(np.flatnonzero(inside.any(axis=1 - axis))[0]) for axis in (0, 1))
        shown_rows, shown_columns = rows[[row - first_row]], columns[[column - first_column]]
        return replace(explanation, points=self._points(number, shown_rows, shown_columns, channel))

    def _title(self, number: int) -> str:
        return self.network.layer_title(number) if number else IMAGE

    def counts_read(self, number: int) -> int:
        """Return the number of channels that each filter of a layer reads; 1 without filters."""
        conv = self.network.layers[number - 1].conv
        return 1 if conv is None else conv.weights.shape[1]

    def _points(self, number: int, rows: Indexes, columns: Indexes, channel: int) -> tuple[Point, ...]:
        """Return a channel at the crossings of some positions before pooling, row by row."""
        layer = self.network.layers[number - 1]
        output, names = layer.outputs[channel], self._input_names(number)
        depends = layer.local_response is not None or not layer.activation.is_elementwise
        channels = self.values.combined(number, rows, columns).astype(np.float64) if depends else None
        return tuple(
            Point(
                patch,
                tuple(_sum(layer, index, patch, names) for index in output.of)
                if layer.conv is not None
                else tuple(_read(names[index][0], index, patch, layer.join) for index in output.of),
                output.kind,
                layer.activation,
                channel,
                layer.local_response,
                None if channels is None else channels[:, row, column],
            )
            for row, column, patch in self._patches(number, rows, columns)
        )

    def _input_names(self, number: int) -> list[tuple[str, str]]:
        """Return the name of each channel that a layer reads, and where it comes from if the layer joins others."""
        if number not in self._names:
            names = self.network.input_names(number, self.inputs)
            sources = self.network.sources(number)
            origins = [""] * len(names)
            if len(sources) > 1 and self.network.layers[number - 1].join != "concat":
                sign = SIGNS[self.network.layers[number - 1].join]
                origins = [f" {sign} ".join(map(self._title, sources))] * len(names)
            elif len(sources) > 1 or (sources[0] and passes_through(self.network.layers[sources[0] - 1])):
                origins = [self._origin_text(number, index) for index in range(len(names))]
            self._names[number] = list(zip(names, origins, strict=True))
        return self._names[number]

    def _origin_text(self, number: int, index: int) -> str:
        source, channel = channel_source(self.network, number, index, self.counts)
        names = self.network.layers[source - 1].channel_names if source else self.inputs
        return f"{channel_text(names[channel])} of {self._title(source)}"

    def _patches(self, number: int, rows: Indexes, columns: Indexes) -> Iterator[tuple[int, int, Patch]]:
        """Yield the patches of the crossings of some positions before pooling, row by row, with their indexes."""
        layer, size = self.network.layers[number - 1], self.values.joined_size(number)
        if layer.conv is None:
            read_rows, read_columns = rows[:, np.newaxis], columns[:, np.newaxis]
            from_rows, from_columns, border = read_rows, read_columns, "constant"
        else:
            down, across = (conv_step(layer.conv, axis, size) for axis in (0, 1))
            read_rows, read_columns = down.positions(rows), across.positions(columns)
            from_rows, from_columns = down.sources(rows), across.sources(columns)
            border = layer.conv.window.border
        grid = len(rows), read_rows.shape[1], len(columns), read_columns.shape[1]
        values = self.values.joined(number, rows, columns)
        values = values.reshape(len(values), *grid)
        parts: list[Array] = []
        if layer.join != "concat" and len(self.network.sources(number)) > 1:
            full = len(values), grid[0] * grid[1], grid[2] * grid[3]
            parts = [
                np.broadcast_to(each, full).reshape(len(values), *grid)
                for each in self.values.read_by(number, rows, columns)
            ]
        for i, j in np.ndindex(grid[0], grid[2]):
            yield (
                i,
                j,
                Patch(
                    row=int(rows[i]),
                    column=int(columns[j]),
                    rows=read_rows[i],
                    columns=read_columns[j],
                    from_rows=from_rows[i],
                    from_columns=from_columns[j],
                    values=values[:, i, :, j],
                    size=size,
                    border=border,
                    parts=tuple(part[:, i, :, j] for part in parts),
                    of_image=self.network.sources(number) == (0,),
                ),
            )

    def _with_contributions(self, explanation: Explanation, depth: int) -> Explanation:
        """Return the explanation with those of its largest contributions."""
        amounts = self._amounts(explanation.layer, explanation.point)
        sizes = {key: np.abs(np.nan_to_num(amount, nan=np.inf)).max() for key, amount in amounts.items()}
        least = -1 if passes_through(self.network.layers[explanation.layer - 1]) else 0  # one output, even if it is 0
        order = sorted((key for key in sizes if sizes[key] > least), key=lambda key: -sizes[key])
        contributions = []
        for origins in order[:MAX_CONTRIBUTIONS]:
            below = [
                self.explain(each.layer, (each.row, each.column), [each.channel], depth - 1)[0] for each in origins
            ]
            contributions.append(Contribution(tuple(below), tuple(amounts[origins].tolist())))
        rest = [amounts[key] for key in order[MAX_CONTRIBUTIONS:]]
        count = len(explanation.point.sums)
        with np.errstate(invalid="ignore"):
            others = np.sum(rest, axis=0).tolist() if rest else [0.0] * count
        return replace(explanation, contributions=tuple(contributions), others=len(rest), other_amounts=tuple(others))

    def _amounts(self, number: int, point: Point) -> Amounts:
        """Return what each output that a point of a layer reads adds to each of its sums.

        A value that the border repeats is added several times.
        """
        amounts: Amounts = {}
        for index, each in enumerate(point.sums):
            for origins, amount in self._added(number, point.patch, each):
                amounts.setdefault(origins, np.zeros(len(point.sums)))[index] += amount
        return amounts

    def _added(self, number: int, patch: Patch, added: Sum | Read) -> Iterator[tuple[Origins, float]]:
        """Yield the outputs that a sum is added up from, with their products with the weights."""
        if isinstance(added, Read):
            yield from self._shares(number, patch, added.index, (0, 0), added.value, 1.0)
            return
        for term in added.terms:
            products, weights = term.products, term.weights
            for element in np.ndindex(products.shape):
                product, weight = float(products[element]), float(weights[element])
                yield from self._shares(number, patch, term.index, (element[0], element[1]), product, weight)

    def _shares(
        self, number: int, patch: Patch, channel: int, element: Position, product: float, weight: float
    ) -> Iterator[tuple[Origins, float]]:
        """Yield the outputs that the value of an input channel at an element of the kernel is joined from.

        Values that are side by side are one output each. Of values that are added, each adds its product with the
        weight; those that are multiplied add theirs together.
        """
        layer, sources = self.network.layers[number - 1], self.network.sources(number)
        at = patch.source(*element)
        if at is None:
            return
        if not patch.parts:
            source, index = channel_source(self.network, number, channel, self.counts)
            yield (Origin(source, index, *at),), product
            return
        origins = [self._origin(number, source, channel, at) for source in sources]
        if layer.join == "multiply":
            yield tuple(origins), product
            return
        for origin, part in zip(origins, patch.parts, strict=True):
            yield (origin,), weight * float(part[channel][element])

    def _origin(self, number: int, source: int, channel: int, at: Position) -> Origin:
        """Return the output of a source that is joined with others at a position."""
        if self.values.maps.sizes[source][1:] == (1, 1):
            at = (0, 0)  # it applies to all positions
        if source and passes_through(self.network.layers[source - 1]):
            source, channel = channel_source(self.network, source, channel, self.counts)
        return Origin(source, channel, *at)


def _sum(layer: Layer, index: int, patch: Patch, names: Sequence[tuple[str, str]]) -> Sum:
    """Return the sum of a filter on a patch: on the channels of its group."""
    assert layer.conv is not None
    weights = layer.conv.weights[index]
    first = index // (len(layer.filter_names) // layer.conv.groups) * len(weights)
    terms = tuple(
        Term(names[channel][0], channel, patch.values[channel], kernel, names[channel][1])
        for channel, kernel in enumerate(weights, first)
    )
    return Sum(layer.filter_names[index], index, terms, float(layer.conv.bias[index]))


def _read(name: str, index: int, patch: Patch, join: str) -> Read:
    """Return the value of an input channel that a layer without filters reads."""
    value, parts = float(patch.values[index, 0, 0]), tuple(float(part[index, 0, 0]) for part in patch.parts)
    return Read(name, index, value, parts, SIGNS.get(join, "+"))
