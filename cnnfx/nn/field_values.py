"""Values in the receptive field of some outputs: those of every layer that these are computed from, and no others.

From the layer down to the image, the rows and columns that are needed of each layer are collected; then they are
computed from the image up, each layer once. What a pooling or a kernel reads is gathered window by window, so that the
windows are adjacent blocks without padding.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnfx.conv.padding import OUTSIDE
from cnnfx.errors import ArgumentError
from cnnfx.nn.bands import VALUE_BYTES
from cnnfx.nn.feature_maps import FeatureMaps, Floats
from cnnfx.nn.layers import Activation, Array, Layer
from cnnfx.nn.receptive_field import Indexes, conv_step
from cnnfx.nn.rounding import (
    Bounds,
    actual_bounds,
    image_bounds,
    joined_bounds,
    layer_bounds,
    max_relative_error,
    without_rounding,
)
from cnnfx.nn.statistics import channel_magnitudes
from cnnfx.system.memory import memory_limit
from cnnfx.system.sizes import bytes_text

Size = tuple[int, int]
"""(rows, columns)."""


class Crossings(NamedTuple):
    """Positions of maps at the crossings of some rows and columns, each sorted and without repetition."""

    rows: Indexes
    columns: Indexes

    def union(self, other: Crossings) -> Crossings:
        """Return the crossings of the rows and columns of both."""
        return Crossings(np.union1d(self.rows, other.rows), np.union1d(self.columns, other.columns))


class FieldValues:
    """The values of all layers in the receptive field of some outputs, in float32.

    Channels that are nothing but rounding errors in the field are 0, as in pictures; see `cnnfx.nn.rounding`.

    Parameters
    ----------
    maps : FeatureMaps
        Of layer `number` or of a layer above it.
    number : int
        1 is the first layer, 0 the normalized image.
    rows, columns : (N,) and (M,) arrays
        The outputs are those at the crossings of these rows and columns.

    Raises
    ------
    ArgumentError
        If the values need more memory than `cnnfx.system.memory.memory_limit`.
    """

    def __init__(self, maps: FeatureMaps, number: int, rows: Indexes, columns: Indexes) -> None:
        self.maps, self.network = maps, maps.network
        self._needed = {number: Crossings(np.unique(rows), np.unique(columns))}
        for each in range(number, 0, -1):
            if each in self._needed:
                self._need_sources(each)
        self._check_memory(number)
        self._values: dict[int, Floats] = {}
        bounds: dict[int, Bounds] = {}
        for each, crossings in sorted(self._needed.items()):
            values = self._compute(each, *crossings)
            magnitudes = channel_magnitudes(values)
            if each == 0:
                bounds[0] = image_bounds(magnitudes)
            else:
                below = [bounds[source] for source in self.network.sources(each)]
                possible = layer_bounds(self._layer(each), joined_bounds(self._layer(each).join, below))
                bounds[each] = actual_bounds(possible, magnitudes, max_relative_error(self._layer(each)))
                values = without_rounding(values, magnitudes <= possible.errors)
            self._values[each] = values

    def at(self, number: int, rows: Indexes, columns: Indexes) -> Floats:
        """Return the outputs `(K, N, M)` of a layer at the crossings of N rows and M columns, all in the field."""
        needed = self._needed[number]
        row, column = np.searchsorted(needed.rows, rows), np.searchsorted(needed.columns, columns)
        return self._values[number][:, row[:, np.newaxis], column]

    def read_by(self, number: int, rows: Indexes, columns: Indexes) -> list[Array]:
        """Return what a layer reads of each of its sources, for positions of its maps before pooling.

        Parameters
        ----------
        number : int
        rows, columns : (N,) and (M,) arrays

        Returns
        -------
        list of arrays (C, N·kh, M·kw)
            The patches side by side, with 0 outside the maps unless the border repeats others. Maps of one pixel that
            apply to all positions are `(C, 1, 1)`.
        """
        row_sources, column_sources = self._sources(number, rows, columns)
        patches = []
        for source in self.network.sources(number):
            if self._is_broadcast(number, source):
                patches.append(self.at(source, np.zeros(1, np.intp), np.zeros(1, np.intp)))
                continue
            values = self.at(source, np.maximum(row_sources, 0), np.maximum(column_sources, 0))
            values[:, row_sources == OUTSIDE] = 0
            values[:, :, column_sources == OUTSIDE] = 0
            patches.append(values)
        return patches

    def joined(self, number: int, rows: Indexes, columns: Indexes) -> Array:
        """Return what a layer reads, its sources joined: `(C, N·kh, M·kw)`; see `read_by`."""
        joined = self._layer(number).join_inputs(self.read_by(number, rows, columns))
        row_sources, column_sources = self._sources(number, rows, columns)
        joined[:, row_sources == OUTSIDE] = 0  # the padding is that of the joined maps: adding could change it
        joined[:, :, column_sources == OUTSIDE] = 0
        return joined

    def combined(self, number: int, rows: Indexes, columns: Indexes) -> Array:
        """Return the values `(K, N, M)` of a layer after filters and combination, before activation and pooling."""
        layer, patches = self._layer(number), self.joined(number, rows, columns)
        if layer.conv is not None:
            separate = replace(layer.conv, stride=layer.conv.window.kernel, dilation=1, padding="valid")
            patches = separate.forward(patches)
        return replace(layer, activation=Activation(), local_response=None, pool=None).finish(patches)

    def unpooled(self, number: int, rows: Indexes, columns: Indexes) -> Array:
        """Return the outputs `(K, N, M)` of a layer before its pooling."""
        layer = self._layer(number)
        return replace(layer, conv=None, combine=(), pool=None).finish(self.combined(number, rows, columns))

    def maps_size(self, number: int) -> Size:
        """Return the rows and columns of the maps of a layer before its pooling."""
        layer = self._layer(number)
        _, height, width = layer.maps_shape((layer_inputs(layer), *self.joined_size(number)))
        return height, width

    def joined_size(self, number: int) -> Size:
        """Return the rows and columns of what a layer reads."""
        height, width = max(self.maps.sizes[source][1:] for source in self.network.sources(number))
        return height, width

    def pooled_from(self, number: int, axis: int, outputs: Indexes) -> Indexes:
        """Return the positions `(N, p)` before pooling of each of N output rows (axis 0) or columns (1) of a layer.

        `OUTSIDE` marks the padding of the pooling.
        """
        pool, length = self._layer(number).pool, self.maps_size(number)[axis]
        if pool is None:
            return outputs[:, np.newaxis]
        windows = pool.windows(axis, length)
        positions = outputs[:, np.newaxis] * windows.stride + np.arange(windows.size) - windows.before
        return np.where((positions >= 0) & (positions < length), positions, OUTSIDE)

    def _check_memory(self, number: int) -> None:
        """Check that the values of all layers, and those gathered for the largest one, fit into memory."""
        values, gathered = 0, 0
        for each, (rows, columns) in self._needed.items():
            values += self.maps.sizes[each][0] * len(rows) * len(columns)
            if each:
                read = self._sources(each, *self._before_pooling(each, self._needed[each]))
                channels = sum(self.maps.sizes[source][0] for source in self.network.sources(each))
                gathered = max(gathered, channels * len(read[0]) * len(read[1]))
        needed, limit = VALUE_BYTES * (values + 2 * gathered), memory_limit()
        if needed > limit:
            raise ArgumentError(
                f"{self.network.layer_owner(number)}: the values in its receptive field need about "
                f"{bytes_text(needed)} of memory, and the limit is {bytes_text(limit)}. Use a smaller image."
            )

    def _layer(self, number: int) -> Layer:
        return self.network.layers[number - 1]

    def _is_broadcast(self, number: int, source: int) -> bool:
        """Return whether a source of a layer has maps of one pixel that apply to all positions of larger ones."""
        return self.maps.sizes[source][1:] == (1, 1) != self.joined_size(number)

    def _sources(self, number: int, rows: Indexes, columns: Indexes) -> tuple[Indexes, Indexes]:
        """Return the rows and columns of its input that a layer reads; `OUTSIDE` is a zero of the padding."""
        conv = self._layer(number).conv
        if conv is None:
            return rows, columns
        size = self.joined_size(number)
        row_sources, column_sources = (
            conv_step(conv, axis, size).sources(positions).ravel() for axis, positions in enumerate((rows, columns))
        )
        return row_sources, column_sources

    def _before_pooling(self, number: int, crossings: Crossings) -> Crossings:
        """Return the positions before pooling that some outputs of a layer are computed from."""
        rows, columns = (
            np.unique(positions[positions != OUTSIDE])
            for positions in (self.pooled_from(number, axis, crossings[axis]) for axis in (0, 1))
        )
        return Crossings(rows, columns)

    def _need_sources(self, number: int) -> None:
        """Collect the positions of the sources of a layer that the collected ones of the layer need."""
        read = self._sources(number, *self._before_pooling(number, self._needed[number]))
        # A zero of the padding is gathered from position 0 first.
        needed = Crossings(*(np.unique(np.maximum(positions, 0)) for positions in read))
        first = Crossings(np.zeros(1, np.intp), np.zeros(1, np.intp))
        for source in self.network.sources(number):
            crossings = first if self._is_broadcast(number, source) else needed
            self._needed[source] = crossings.union(self._needed.get(source, crossings))

    def _compute(self, number: int, rows: Indexes, columns: Indexes) -> Floats:
        """Return the outputs of a layer at the crossings of rows and columns, given those of its sources."""
        if number == 0:
            image = self.maps.image
            parts = [image.floats(first, last)[:, :, columns] for first, last in _runs(rows)]
            return self.network.normalize(np.concatenate(parts, axis=1))
        pool, before = self._layer(number).pool, self._before_pooling(number, Crossings(rows, columns))
        values = self.unpooled(number, *before)
        if pool is None:
            return values
        windows = [self.pooled_from(number, axis, outputs) for axis, outputs in enumerate((rows, columns))]
        row, column = (
            np.searchsorted(found, np.maximum(window, 0).ravel()).clip(0, len(found) - 1)
            for found, window in zip(before, windows, strict=True)
        )
        gathered = values[:, row[:, np.newaxis], column]
        filling = -np.inf if pool.kind == "max" else 0
        gathered[:, windows[0].ravel() == OUTSIDE] = filling
        gathered[:, :, windows[1].ravel() == OUTSIDE] = filling
        blocks = gathered.reshape(len(gathered), *windows[0].shape, *windows[1].shape)
        if pool.kind == "max":
            return np.asarray(blocks.max(axis=(2, 4)))
        divisors = pool.divisors(self.maps_size(number))[rows[:, np.newaxis], columns]
        with np.errstate(over="ignore", invalid="ignore"):
            return np.asarray(blocks.sum(axis=(2, 4)) / divisors.astype(blocks.dtype))


def layer_inputs(layer: Layer) -> int:
    """Return the number of channels that a bound layer reads."""
    return len(layer.filter_names) if layer.conv is None else layer.conv.in_channels or 0


def _runs(rows: NDArray[np.intp]) -> list[tuple[int, int]]:
    """Return the first and last (exclusive) row of each run of adjacent rows."""
    ends = np.flatnonzero(np.diff(rows) > 1) + 1
    firsts, lasts = rows[np.r_[0, ends]], rows[np.r_[ends, len(rows)] - 1] + 1
    return list(zip(firsts.tolist(), lasts.tolist(), strict=True))
