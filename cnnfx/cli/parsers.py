"""How the texts of options become values; what cannot be understood is wrong usage."""

from __future__ import annotations

from typing import NamedTuple

import typer

MOST_DIGITS = 9
"""No option takes a number as long as that of all pixels."""


class Pair(NamedTuple):
    """Two whole numbers; a class of its own because Typer takes a plain tuple for an option with two values."""

    vertical: int
    horizontal: int


class Pooled(NamedTuple):
    """A kind of pooling and the size of its blocks."""

    kind: str
    size: int


class Region(NamedTuple):
    """A part of an image: its left and top pixel, counted from 0, and its size."""

    x: int
    y: int
    width: int
    height: int


def whole(text: str) -> int:
    """A whole number from 1 on."""
    if not _is_whole(text) or int(text) < 1:
        raise typer.BadParameter(f"{text!r} is not a whole number of 1 or more.")
    return int(text)


def pixels(text: str) -> int:
    """A whole number from 0 on."""
    if not _is_whole(text):
        raise typer.BadParameter(f"{text!r} is not a whole number of 0 or more.")
    return int(text)


def _is_whole(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS


def pair(text: str) -> Pair:
    """A number, or "vertical,horizontal", as a pair of whole numbers from 1 on."""
    parts = text.replace("x", ",").split(",")
    numbers = [int(part) for part in parts if _is_whole(part.strip())]
    if len(numbers) != len(parts) or len(parts) > 2 or min(numbers) < 1:
        raise typer.BadParameter(
            f"{text!r} is not a whole number of 1 or more, nor two of them as VERTICAL,HORIZONTAL."
        )
    return Pair(numbers[0], numbers[-1])


def padding(text: str) -> str:
    """ "valid", "same" or a number of pixels; kept as text."""
    if text not in ("valid", "same") and not _is_whole(text):
        raise typer.BadParameter(f"{text!r} is not valid, same or a whole number of pixels.")
    return text


def pool(text: str) -> Pooled:
    """ "max:2" or "mean:2" as a kind and a size; "none" takes the pooling away."""
    kind, _, size = text.partition(":")
    if text == "none":
        return Pooled("none", 1)
    if kind not in ("max", "mean") or not _is_whole(size) or int(size) < 1:
        raise typer.BadParameter(f"{text!r} is not max:N, mean:N (N of 1 or more) or none.")
    return Pooled(kind, int(size))


def colour(text: str) -> str:
    """A colour that Pillow knows; kept as text."""
    if text != "white":
        from PIL import ImageColor

        try:
            ImageColor.getrgb(text)
        except ValueError:
            raise typer.BadParameter(f"{text!r} is not a colour. Write a name such as gray, or #rrggbb.") from None
    return text


def complete_filters(incomplete: str) -> list[str]:
    """The presets whose names begin so."""
    from cnnfx.filterbank import preset_names

    return [name for name in preset_names() if name.startswith(incomplete)]


def layers(text: str) -> str:
    """ "all" or a layer's number from 1 on; kept as text."""
    if text != "all" and not (_is_whole(text) and int(text) >= 1):
        raise typer.BadParameter(f"{text!r} is not all or the number of a layer, 1 or more.")
    return text


class Counts(tuple[int, ...]):
    """Whole numbers from 1 on; a class of its own because Typer takes a plain tuple for an option with many values."""


def counts(text: str) -> Counts:
    """ "16,32" as whole numbers from 1 on."""
    parts = [part.strip() for part in text.split(",")]
    if not all(_is_whole(part) and int(part) >= 1 for part in parts):
        raise typer.BadParameter(f"{text!r} is not a list of whole numbers of 1 or more, such as 16,32.")
    return Counts(map(int, parts))


def rate(text: str) -> float:
    """A positive number."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise typer.BadParameter(f"{text!r} is not a number of more than 0, such as 0.01.")
    return value


def shape(text: str) -> Counts:
    """ "1x28x28" as channels, rows and columns."""
    parts = text.lower().replace("×", "x").split("x")
    if len(parts) != 3 or not all(_is_whole(part) and int(part) >= 1 for part in parts):
        raise typer.BadParameter(f"{text!r} is not CHANNELSxROWSxCOLUMNS, such as 1x28x28.")
    return Counts(map(int, parts))


def region(text: str) -> Region:
    """ "x,y,w,h" as a part of an image."""
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 4 or not all(map(_is_whole, parts)) or min(map(int, parts[2:])) < 1:
        raise typer.BadParameter(
            f"{text!r} is not X,Y,WIDTH,HEIGHT in pixels, such as 4,7,10,10; width and height of 1 or more."
        )
    return Region(*map(int, parts))


def fps(text: str) -> float:
    """A number of frames per second, 0.1 to 50."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.1 <= value <= 50:
        raise typer.BadParameter(f"{text!r} is not a number of frames per second, from 0.1 to 50.")
    return value
