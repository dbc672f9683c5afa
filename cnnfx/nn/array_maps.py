"""Feature maps with names, in an array."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, overload

import numpy as np
from numpy.typing import DTypeLike, NDArray

from cnnfx.errors import ArgumentError
from cnnfx.nn.layers import Shape, channel_index
from cnnfx.nn.rounding import Range, signal_ranges
from cnnfx.nn.selection import listed_names
from cnnfx.nn.statistics import Statistics, channel_statistics
from cnnfx.system.sizes import shape_text
from cnnfx.system.suggest import closest_names


class ArrayMaps:
    """K feature maps in an array, each with a name.

    `maps["top"]` and `maps[0]` are maps `(H, W)`, `maps[:2]` are some of them, `np.asarray(maps)` is the array.
    Iteration yields the maps in order. For drawing there are the attributes of `FeatureMaps`.

    Parameters
    ----------
    array : array (K, H, W)
    names : sequence of K str
    non_negative : sequence of K bool, optional
        Whether each channel cannot be negative, by the kind of what computed it. By default all can be.
    rounding_errors : sequence of K float, optional
        A bound of the rounding errors of each channel. By default values have none.
    """

    def __init__(
        self,
        array: NDArray[Any],
        names: Sequence[str],
        non_negative: Sequence[bool] | None = None,
        rounding_errors: Sequence[float] | None = None,
    ) -> None:
        self.array, self.names = array, tuple(names)
        self.non_negative = tuple(non_negative) if non_negative is not None else (False,) * len(array)
        self.rounding_errors = list(rounding_errors) if rounding_errors is not None else [0.0] * len(array)

    @property
    def shape(self) -> Shape:
        """(K, H, W)."""
        channels, height, width = self.array.shape
        return channels, height, width

    @property
    def band_height(self) -> int:
        """The number of rows that are read at a time: all."""
        return self.shape[1]

    @cached_property
    def statistics(self) -> Statistics:
        """The statistics of each channel."""
        return channel_statistics(self.bands())

    @property
    def signal_ranges(self) -> list[Range]:
        """The range of the finite values of each channel, without rounding errors; see `signal_range`."""
        return signal_ranges([channel.range for channel in self.statistics], self.rounding_errors)

    def rows(self, first: int, last: int) -> NDArray[Any]:
        """Return the rows `first` to `last` (exclusive) of all channels, `(K, last - first, W)`."""
        return self.array[:, first:last]

    def bands(self) -> Iterator[tuple[int, NDArray[Any]]]:
        """Yield all channels as one band: its first row, 0, and the array."""
        yield 0, self.array

    def select(self, indexes: Sequence[int]) -> ArrayMaps:
        """Return some of the channels, in the order of `indexes`."""
        return ArrayMaps(
            self.array[channel_index(indexes)],
            [self.names[index] for index in indexes],
            [self.non_negative[index] for index in indexes],
            [self.rounding_errors[index] for index in indexes],
        )

    def __contains__(self, name: object) -> bool:
        """Return whether there is a map of this name."""
        return isinstance(name, str) and name in self.names

    def __len__(self) -> int:
        return len(self.array)

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return iter(self.array)

    @overload
    def __getitem__(self, key: str | int) -> NDArray[Any]: ...

    @overload
    def __getitem__(self, key: slice) -> ArrayMaps: ...

    def __getitem__(self, key: str | int | slice) -> NDArray[Any] | ArrayMaps:
        """Return the map of a name or number `(H, W)`, or the maps of a slice.

        Raises
        ------
        ArgumentError
            If there is no map of this name.
        IndexError
            If there is no map of this number.
        """
        if isinstance(key, slice):
            return self.select(range(len(self))[key])
        if not isinstance(key, str):
            map_of_number: NDArray[Any] = self.array[key]
            return map_of_number
        if key not in self.names:
            near = closest_names(key, self.names, 3)
            known = f"Did you mean {' or '.join(near)}?" if near else f"The maps are {listed_names(self.names)}."
            raise ArgumentError(f"There is no map called {key!r}. {known}")
        map_of_name: NDArray[Any] = self.array[self.names.index(key)]
        return map_of_name

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        """Return the array `(K, H, W)`."""
        return np.array(self.array, dtype, copy=True) if copy else np.asarray(self.array, dtype)

    def __repr__(self) -> str:
        return f"<{shape_text(self.shape, 'map')}: {listed_names(self.names)}>"
