"""The arithmetic of one output as data: patch × weights, bias, combination, activation, normalization and pooling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cnnfx.conv.padding import OUTSIDE
from cnnfx.nn.layers import COMBINATIONS, Activation, Array, Pool
from cnnfx.nn.receptive_field import Indexes

if TYPE_CHECKING:
    from cnnfx.nn.normalization import LocalResponse

Position = tuple[int, int]
"""(row, column)."""


@dataclass(frozen=True, eq=False)
class Patch:
    """The values that the kernels of a layer read for one position of their feature maps.

    A layer without filters reads one value of each channel.

    Parameters
    ----------
    row, column : int
        The position, before pooling.
    rows, columns : (kh,) and (kw,) arrays
        The rows and columns of the input that the kernels read; negative, or beyond the last, in the padding.
    from_rows, from_columns : (kh,) and (kw,) arrays
        The rows and columns that the values are from; `OUTSIDE` for a zero of the padding.
    values : (C, kh, kw) array
        Of the sources of the layer, joined.
    size : (int, int)
        Rows and columns of the input.
    border : str
        What the padding contains, as in `cnnfx.correlate`.
    parts : tuple of (C, kh, kw) arrays
        What each source contributes, where the layer adds or multiplies several.
    of_image : bool
        Whether the input is the image alone.
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
    parts: tuple[Array, ...] = ()
    of_image: bool = False

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
    origin : str
        The channel that the layer below passes through, or the layers that are joined, where it is not one layer.
    """

    channel: str
    index: int
    patch: Array
    weights: Array
    origin: str = ""

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

    name: str
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
class Read:
    """The value of an input channel at one position, in a layer without filters.

    Parameters
    ----------
    name : str
        The name of the channel.
    index : int
        Its index among the input channels.
    value : float
    parts : tuple of float
        What it is added up or multiplied from, where the layer joins several in this way.
    sign : "+" or "×"
        Between the parts.
    """

    name: str
    index: int
    value: float
    parts: tuple[float, ...] = ()
    sign: str = "+"


@dataclass(frozen=True, eq=False)
class Point:
    """A value of an output channel before pooling.

    It is made from the sums of one or several filters, or the values of input channels in a layer without filters: by a
    combination, then the activation and the local response normalization.

    Parameters
    ----------
    patch : Patch
    sums : tuple of Sum or of Read
        What is combined.
    combination : str
        The kind of `cnnfx.nn.layers.Combination`.
    function : Activation
    channel : int
        The index of the output channel.
    response : LocalResponse, optional
    channels : (K,) array, optional
        The values of all channels at this position before the activation, if the value depends on them.
    """

    patch: Patch
    sums: tuple[Sum | Read, ...]
    combination: str
    function: Activation
    channel: int = 0
    response: LocalResponse | None = None
    channels: NDArray[np.float64] | None = None

    @property
    def activation(self) -> str:
        """The kind of the activation."""
        return self.function.kind

    @property
    def slope(self) -> float | None:
        """The slope of the activation for negative values, None if it has none."""
        if self.activation not in ("leaky_relu", "prelu"):
            return None
        return float(self.function.select([self.channel]).slopes(np.float64).ravel()[0])

    @cached_property
    def combined(self) -> float:
        """The sum itself, or the combination of the sums."""
        values = np.array([each.value for each in self.sums])
        with np.errstate(over="ignore", invalid="ignore"):
            return float(COMBINATIONS[self.combination](values[:, np.newaxis, np.newaxis])[0, 0])

    @cached_property
    def activated(self) -> float:
        """The value after the activation."""
        if not self.function.is_elementwise:
            return float(self.activated_channels[self.channel])
        function = self.function.select([self.channel])
        with np.errstate(over="ignore", invalid="ignore"):
            return float(function.forward(np.array(self.combined).reshape(1, 1, 1)).ravel()[0])

    @cached_property
    def activated_channels(self) -> NDArray[np.float64]:
        """The values `(K,)` of all channels after the activation, where `channels` is known."""
        assert self.channels is not None
        values = self.channels.copy()
        values[self.channel] = self.combined  # in float64
        with np.errstate(over="ignore", invalid="ignore"):
            activated: NDArray[np.float64] = self.function.forward(values[:, np.newaxis, np.newaxis]).ravel()
        return activated

    @property
    def response_base(self) -> float:
        """What the activated value is divided by, before it is raised to the power β of the normalization."""
        assert self.response is not None
        return float(self.response.bases(self.activated_channels[:, np.newaxis, np.newaxis]).ravel()[self.channel])

    @cached_property
    def value(self) -> float:
        """The value after activation and normalization."""
        if self.response is None:
            return self.activated
        return float(self.activated / self.response_base**self.response.beta)


@dataclass(frozen=True, eq=False)
class Contribution:
    """An output of a layer below, or several that are multiplied, and what they add to each of the sums of a point."""

    explanations: tuple[Explanation, ...]
    amounts: tuple[float, ...]

    @property
    def explanation(self) -> Explanation:
        """The output, the first one of several that are multiplied."""
        return self.explanations[0]


@dataclass(frozen=True, eq=False)
class Explanation:
    """The arithmetic of one output, or a value of the image.

    Parameters
    ----------
    layer : int
        The number of the layer; 1 is the first, 0 the image.
    title : str
        The name of the layer, or "layer 2".
    channel : str
        The output channel.
    row, column : int
        In the layer's output, after pooling.
    points : tuple of Point
        One; with a pooling one for each position of its window that is in the maps, row by row. Of very large windows,
        only the one that is shown. None for the image.
    pool : Pool, optional
    inside : (ph, pw) array, optional
        Whether each position of the window of the pooling is in the maps, not in their padding.
    outputs : (ph, pw) array, optional
        The values in the window, where there is not a point for each.
    divisor : int
        The number of positions that a mean pooling divides by.
    pixel : float
        The value of the image, normalized.
    contributions : tuple of Contribution, optional
        The outputs of layers below that add most to the point `shown`, the largest first; None if they were not
        requested.
    others : int
        The number of further contributions that are not 0.
    other_amounts : tuple of float
        The sum of these for each sum of the point.
    sources : tuple of str
        The titles of the layers that this layer reads.
    """

    layer: int
    title: str
    channel: str
    row: int
    column: int
    points: tuple[Point, ...] = ()
    pool: Pool | None = None
    inside: NDArray[np.bool_] | None = None
    outputs: NDArray[np.float64] | None = None
    divisor: int = 1
    pixel: float = 0.0
    contributions: tuple[Contribution, ...] | None = None
    others: int = 0
    other_amounts: tuple[float, ...] = ()
    sources: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The channel and, if it has a name, its layer: "channel 5 of fire2"; that of the image's channels too."""
        named = self.title != f"layer {self.layer}"
        return f"{channel_text(self.channel)} of {self.title}" if named else channel_text(self.channel)

    def __repr__(self) -> str:
        return f"<Explanation of {self.channel} in {self.title} at {self.column},{self.row}: {self.value:.4g}>"

    @property
    def is_passed_through(self) -> bool:
        """Whether the layer computes nothing: it puts the channels of others side by side."""
        if not self.points or self.pool is not None:
            return False
        (read, *others), point = self.point.sums, self.point
        computes = point.combination != "take" or point.activation != "none" or point.response is not None
        return isinstance(read, Read) and not others and not read.parts and not computes

    @cached_property
    def values(self) -> NDArray[np.float64]:
        """The values in the window of the pooling, `(ph, pw)`, or the only one; NaN in the padding."""
        if self.outputs is not None:
            return self.outputs
        if self.inside is None:
            return np.array([[point.value for point in self.points]])
        values = np.full(self.inside.shape, np.nan)
        values[self.inside] = [point.value for point in self.points]
        return values

    @cached_property
    def value(self) -> float:
        """The output."""
        if not self.points:
            return self.pixel
        if self.pool is None or self.inside is None:
            return self.point.value
        if self.pool.kind == "max":
            return float(self.values[self.inside].max())
        with np.errstate(invalid="ignore"):
            return float(np.where(self.inside, self.values, 0).sum(axis=1).sum() / self.divisor)

    @cached_property
    def shown_in_window(self) -> Position:
        """The (row, column) in the window of the value to show: the one that max pooling keeps, or the largest in
        magnitude."""
        values = self.values
        keeps = self.pool is not None and self.pool.kind == "max"
        sizes = values if keeps else np.abs(values)
        if self.inside is not None:
            sizes = np.where(self.inside, sizes, -np.inf)
        row, column = divmod(int(np.argmax(sizes)), values.shape[1])
        return row, column

    @property
    def shown(self) -> int:
        """The index of the point to show."""
        if len(self.points) <= 1 or self.inside is None:
            return 0
        row, column = self.shown_in_window
        return int(np.count_nonzero(self.inside.ravel()[: row * self.inside.shape[1] + column]))

    @property
    def point(self) -> Point:
        """The point to show."""
        return self.points[self.shown]


def channel_text(name: str) -> str:
    """Return the name of a channel, after the word "channel" if it is only a number."""
    return f"channel {name}" if name.isdecimal() else name


def _total(numbers: Sequence[float] | NDArray[np.float64]) -> float:
    with np.errstate(invalid="ignore"):  # infinity less infinity
        return float(np.sum(numbers))
