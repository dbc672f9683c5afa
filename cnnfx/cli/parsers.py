"""How the texts of options become values; what cannot be understood is wrong usage."""

from __future__ import annotations

from typing import NamedTuple

import typer

MOST_DIGITS = 9
"""No option takes a number as long as that of all pixels."""
MOST_CHOSEN = 100_000
"""No range of filters is as long."""


class Pair(NamedTuple):
    """Two whole numbers; a class of its own because Typer takes a plain tuple for an option with two values."""

    vertical: int
    horizontal: int


class Spot(NamedTuple):
    """A position in a picture, counted from the left and the top; a class of its own as `Pair` is."""

    x: int
    y: int


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


def spot(text: str) -> Spot:
    """ "x,y" as two whole numbers from 0 on."""
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 2 or not all(map(_is_whole, parts)):
        raise typer.BadParameter(f"{text!r} is not X,Y: two whole numbers of 0 or more, such as 12,5.")
    return Spot(int(parts[0]), int(parts[1]))


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


def color(text: str) -> str:
    """A color that Pillow knows; kept as text."""
    if text != "white":
        from PIL import ImageColor

        try:
            ImageColor.getrgb(text)
        except ValueError:
            raise typer.BadParameter(f"{text!r} is not a color. Write a name such as gray, or #rrggbb.") from None
    return text


def complete_filters(incomplete: str) -> list[str]:
    """The presets whose names begin so."""
    from cnnfx.formats import preset_names

    return [name for name in preset_names() if name.startswith(incomplete)]


def complete_channels(ctx: typer.Context, incomplete: str) -> list[str]:
    """The output channels of the network that the command line names so far, those whose names begin so."""
    from cnnfx.cli.networks import build_network, checked_layer
    from cnnfx.errors import CnnfxError

    given = {name: ctx.params.get(name) or [] for name in ("filters", "kernel", "then")}
    try:
        network = build_network(given["filters"], given["kernel"], given["then"])
        number = checked_layer(network, ctx.params.get("layer") or len(network.layers))
    except CnnfxError:  # told when the command is run
        return []
    return [name for name in network.layers[number - 1].channel_names if name.startswith(incomplete)]


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


def numbers(text: str) -> Counts:
    """ "1-8,12" as whole numbers from 1 on, in order; "all" as none."""
    found: list[int] = []
    for part in [] if text == "all" else text.split(","):
        first, dash, last = (one.strip() for one in part.partition("-"))
        ends = (first, last if dash else first)
        if not all(_is_whole(end) and len(end) <= 5 for end in ends) or not 1 <= int(ends[0]) <= int(ends[1]):
            raise typer.BadParameter(
                f"{text!r} is not all, nor numbers of 1 or more and ranges of them, such as 1-8,12."
            )
        found += range(int(ends[0]), int(ends[1]) + 1)
    return Counts(dict.fromkeys(found))


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


def layer_or_classes(text: str) -> str:
    """ "classes" or a layer's number from 1 on; kept as text."""
    if text != "classes" and not (_is_whole(text) and int(text) >= 1):
        raise typer.BadParameter(f"{text!r} is not classes or the number of a layer, 1 or more.")
    return text


class Choice(tuple[tuple[str, str | None], ...]):
    """Names, and ranges of numbers (first, last); a class of its own as `Counts` is."""


def choice(text: str) -> Choice:
    """ "1,4,7-9" or "top,left" as names and ranges of numbers."""
    found: list[tuple[str, str | None]] = []
    for part in (part.strip() for part in text.split(",")):
        first, dash, last = (piece.strip() for piece in part.partition("-"))
        if not part:
            raise typer.BadParameter(f"{text!r} is not a list of filters, such as 1,4,7-9 or top,left.")
        if dash and _is_whole(first) and _is_whole(last):
            if int(first) > int(last) or int(last) - int(first) >= MOST_CHOSEN:
                raise typer.BadParameter(f"{part!r} is not a range of filters, from a smaller number to a larger one.")
            found.append((first, last))
        elif dash and (not first or not last):
            raise typer.BadParameter(f"{part!r} is not a range of filters: write both ends, such as 5-8.")
        else:
            found.append((part, None))
    return Choice(found)


METHODS = ("patches", "deconvolution", "maximization")


class Methods(tuple[str, ...]):
    """Some of `METHODS`; a class of its own as `Counts` is."""


def methods(text: str) -> Methods:
    """ "patches,maximization" as names of methods."""
    parts = [part.strip() for part in text.split(",")]
    for part in parts:
        if part not in METHODS:
            raise typer.BadParameter(f"{part!r} is not one of {', '.join(METHODS)}.")
    return Methods(parts)


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
