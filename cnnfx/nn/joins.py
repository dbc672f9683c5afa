"""Joins: the maps of several layers as the input of one, side by side, added or multiplied."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce

import numpy as np

from cnnfx.errors import ArgumentError
from cnnfx.nn.shapes import Array, Shape
from cnnfx.system.sizes import shape_text

JOINS: dict[str, Callable[[Sequence[Array]], Array]] = {
    "concat": lambda maps: np.concatenate(maps, axis=-3),
    "add": lambda maps: reduce(np.add, maps),
    "multiply": lambda maps: reduce(np.multiply, maps),
}
"""Each kind of join as a function of two or more arrays of maps `(..., C, H, W)`.

"concat" puts the channels side by side. "add" and "multiply" join channel by channel; maps of 1×1 pixel apply to all
positions of larger ones."""


def joined_shape(join: str, shapes: Sequence[Shape], names: Sequence[str]) -> Shape:
    """Return the shape of the joined maps.

    Parameters
    ----------
    join : str
        A key of `JOINS`.
    shapes : sequence of (C, H, W)
    names : sequence of str
        What the maps are of, for messages.

    Raises
    ------
    ArgumentError
        If the sizes of the maps differ, or their numbers of channels where they are added or multiplied.
    """
    if len(shapes) == 1:
        return shapes[0]
    sizes = {shape[1:] for shape in shapes}
    if join == "concat":
        fits = len(sizes) == 1
    else:
        fits = len(sizes - {(1, 1)}) <= 1 and len({shape[0] for shape in shapes}) == 1
    if not fits:
        listed = ", ".join(f"{name} has {shape_text(shape)}" for name, shape in zip(names, shapes, strict=True))
        raise ArgumentError(f"its inputs do not fit together ({join}): {listed}")
    channels = sum(shape[0] for shape in shapes) if join == "concat" else shapes[0][0]
    height, width = max(sizes)
    return channels, height, width


def joined_names(join: str, names: Sequence[Sequence[str]], sources: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the joined channels, given those of each source.

    Channels side by side keep names that are unique. Numbers are counted on, from 1; other names that are not unique
    are prefixed with the name of their source: "left.x", "right.x".
    """
    if len(names) == 1 or join != "concat":
        return tuple(names[0])
    together = [name for each in names for name in each]
    if all(name.isdecimal() for name in together):
        return tuple(str(number) for number in range(1, len(together) + 1))
    if len(set(together)) == len(together):
        return tuple(together)
    return tuple(f"{source}.{name}" for source, each in zip(sources, names, strict=True) for name in each)
