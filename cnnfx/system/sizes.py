"""Sizes and counts as text: width×height, as everywhere in messages, pictures and the command line."""

from __future__ import annotations

from collections.abc import Sequence

BYTE_UNITS = (("GB", 1e9), ("MB", 1e6))
"""Units of memory, with their bytes."""


def size_text(size: Sequence[int]) -> str:
    """Return a size, given as the (rows, columns) of an array: "640×480"."""
    height, width = size
    return f"{width}×{height}"


def counted(count: int, noun: str) -> str:
    """Return a count with its noun: "1 map", "3 maps"."""
    return f"{count} {noun}{'s' * (count != 1)}"


def shape_text(shape: Sequence[int], noun: str = "channel") -> str:
    """Return the shape (C, H, W) of an array: "3 channels of 640×480"."""
    count, *size = shape
    return f"{counted(count, noun)} of {size_text(size)}"


def pair_text(pair: Sequence[int]) -> str:
    """Return a stride or dilation, given as (vertical, horizontal), as the command line reads it: "2", or "2,1"."""
    vertical, horizontal = pair
    return str(vertical) if vertical == horizontal else f"{vertical},{horizontal}"


def bytes_text(count: int) -> str:
    """Return an amount of memory: "60 kB", "350 MB", "1.2 GB", "12 GB"."""
    number, unit = next(((count / size, unit) for unit, size in BYTE_UNITS if count >= size), (count / 1e3, "kB"))
    return f"{number:.1f} {unit}" if number < 10 else f"{number:.0f} {unit}"
