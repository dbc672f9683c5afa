"""Combinations of feature maps into further output channels: the norm of two, their sum, mean, maximum, difference."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from cnnfx.errors import ArgumentError
from cnnfx.nn.shapes import Array
from cnnfx.system.text import printable


class Combination(NamedTuple):
    """One output channel made from others, position by position.

    `kind` is a key of `COMBINATIONS`; `of` are the indexes of the channels that it is made from.
    """

    name: str
    kind: str
    of: tuple[int, ...]

    @np.errstate(over="ignore", invalid="ignore")  # what is too large for the float type is infinite
    def forward(self, maps: Array) -> Array:
        """Return the channel `(..., H, W)` made from channels `(..., K, H, W)`."""
        return COMBINATIONS[self.kind](maps[..., channel_index(self.of), :, :])

    def is_non_negative(self, channels: Sequence[bool]) -> bool:
        """Return whether the result cannot be negative, given that for each channel."""
        if self.kind == "difference":
            return False
        return self.kind in NON_NEGATIVE_COMBINATIONS or all(channels[index] for index in self.of)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], channels: int) -> Combination:
        """Return a combination of `channels` channels from its description: a mapping with `name`, `kind` and `of`.

        Raises
        ------
        ArgumentError
            If its kind is unknown, or it is made from no channel or from one that does not exist.
        """
        of = tuple(data["of"])
        known = all(isinstance(index, int) and 0 <= index < channels for index in of)
        if data["kind"] not in COMBINATIONS or not of or not known:
            raise ArgumentError(f"a combination {data!r}")
        return cls(printable(str(data["name"])), data["kind"], of)


def channel_index(channels: Sequence[int]) -> slice | list[int]:
    """Return an index that selects channels: a slice, which makes no copy, if they are adjacent and in order."""
    chosen = list(channels)
    adjacent = bool(chosen) and chosen == list(range(chosen[0], chosen[-1] + 1))
    return slice(chosen[0], chosen[-1] + 1) if adjacent else chosen


def _norm(maps: Array) -> Array:
    """Return the Euclidean norm of the channels `(..., K, H, W)`, also where their squares are too large."""
    norm: Array = np.sqrt(np.square(maps).sum(axis=-3))
    return norm if np.isfinite(norm.max(initial=0)) else np.hypot.reduce(maps, axis=-3)


COMBINATIONS: dict[str, Callable[[Array], Array]] = {
    "take": lambda maps: maps[..., 0, :, :],
    "norm": _norm,
    "max": lambda maps: maps.max(axis=-3),
    "sum": lambda maps: maps.sum(axis=-3),
    "mean": lambda maps: maps.mean(axis=-3),
    "difference": lambda maps: maps[..., 0, :, :] - maps[..., 1:, :, :].sum(axis=-3),
}
"""Each kind of combination as a function of channels `(..., K, H, W)`: the first channel itself, the Euclidean norm,
the largest value, the sum, the mean, and the first channel minus all others."""

NON_NEGATIVE_COMBINATIONS = frozenset(("norm",))
"""The kinds of combination that make no negative values from the filters' feature maps, which have both signs."""
