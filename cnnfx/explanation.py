"""The arithmetic of one number of a feature map, part by part; `cnnfx.explain` takes it from a network.

The parts are the steps of `cnnfx.layers`, in their order, for one position each:

    patch × weights = products, and their sum     a `Term` for each input channel
    sum of the terms + bias                       a `Sum` for each filter
    combination, activation                       a `Point` of the layer's maps before pooling
    pooling of p×p points                         the `Explanation` of an output
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cnnfx.engine.borders import OUTSIDE
from cnnfx.layers import ACTIVATIONS, COMBINATIONS, POOLS, Array, Pool
from cnnfx.places import Places

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

    `combination` and `activation` are kinds of `cnnfx.layers.Combination` and `Activation`.
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
            return float(POOLS[self.pool.kind](self.values[np.newaxis, :, np.newaxis, :])[0, 0])

    @cached_property
    def shown(self) -> int:
        """The point that tells most of the output: what max pooling keeps, or else the largest in magnitude."""
        values = self.values.ravel()
        keeps = self.pool is not None and self.pool.kind == "max"
        return int(np.argmax(values if keeps else np.abs(values)))


def _total(numbers: Sequence[float] | NDArray[np.float64]) -> float:
    with np.errstate(invalid="ignore"):  # infinity less infinity
        return float(np.sum(numbers))
