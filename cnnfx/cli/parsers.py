"""Parsers of option values, and the completion of names in a shell.

A parser raises `typer.BadParameter` if it does not understand the text, which is wrong usage. The classes of values are
there because Typer takes a plain tuple for an option with several values.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import typer

if TYPE_CHECKING:
    from cnnfx.nn.network import Network

MAX_DIGITS = 9
"""The most digits of a whole number."""
METHODS = ("patches", "deconvolution", "maximization")
"""The methods of `cnnfx show-patterns`."""


class Pair(NamedTuple):
    """Two whole numbers from 1 on."""

    vertical: int
    horizontal: int


class Position(NamedTuple):
    """A column and a row of an image, counted from 0."""

    x: int
    y: int


class Region(NamedTuple):
    """A region of an image: column and row of its top left pixel, counted from 0, and its size in pixels."""

    x: int
    y: int
    width: int
    height: int


class Counts(tuple[int, ...]):
    """Whole numbers from 1 on."""


class Methods(tuple[str, ...]):
    """Some of `METHODS`."""


class PageChoice(NamedTuple):
    """The page of a file with several, counted from 1; None for all."""

    number: int | None


class Limits(NamedTuple):
    """The range of the values in a picture: one magnitude, or the smallest and the largest value."""

    value: float | tuple[float, float]


def whole(text: str) -> int:
    """Parse a whole number from 1 on."""
    if not _is_whole(text) or int(text) < 1:
        raise typer.BadParameter(f"{text!r} is not a whole number of 1 or more.")
    return int(text)


def page(text: str) -> PageChoice:
    """Parse the number of a page, or "all"."""
    if text.lower() == "all":
        return PageChoice(None)
    if not _is_whole(text) or int(text) < 1:
        raise typer.BadParameter(f"{text!r} is neither the number of a page, 1 or more, nor all.")
    return PageChoice(int(text))


def pixels(text: str) -> int:
    """Parse a whole number from 0 on."""
    if not _is_whole(text):
        raise typer.BadParameter(f"{text!r} is not a whole number of 0 or more.")
    return int(text)


def _is_whole(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS


def pair(text: str) -> Pair:
    """Parse N or VERTICAL,HORIZONTAL: whole numbers from 1 on."""
    parts = [part.strip() for part in text.replace("x", ",").split(",")]
    numbers = [int(part) for part in parts if _is_whole(part)]
    if len(numbers) != len(parts) or len(parts) > 2 or min(numbers) < 1:
        raise typer.BadParameter(
            f"{text!r} is not a whole number of 1 or more, nor two of them as VERTICAL,HORIZONTAL."
        )
    return Pair(numbers[0], numbers[-1])


def position(text: str) -> Position:
    """Parse X,Y: whole numbers from 0 on."""
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 2 or not all(map(_is_whole, parts)):
        raise typer.BadParameter(f"{text!r} is not X,Y: two whole numbers of 0 or more, such as 12,5.")
    return Position(int(parts[0]), int(parts[1]))


def padding(text: str) -> str:
    """Parse valid, same or a number of pixels."""
    if text.lower() not in ("valid", "same") and not _is_whole(text):
        raise typer.BadParameter(f"{text!r} is not valid, same or a whole number of pixels.")
    return text.lower()


def pool(text: str) -> str:
    """Check that the text is max:N, mean:N or none."""
    from cnnfx.errors import ArgumentError
    from cnnfx.nn.layers import Pool

    if text != "none":
        try:
            Pool.parse(text)
        except ArgumentError:
            raise typer.BadParameter(f"{text!r} is not max:N, mean:N (N of 1 or more) or none.") from None
    return text


def color(text: str) -> str:
    """Check that the text is a color that Pillow knows."""
    from PIL import ImageColor

    try:
        ImageColor.getrgb(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a color. Write a name such as gray, or #rrggbb.") from None
    return text


def layer(text: str) -> str:
    """Check that the text can be a layer's name, or its number; "0" can begin a name: that of "0.weight"."""
    if not text.strip() or (text.lstrip("+-").isdecimal() and not _is_whole(text)):
        raise typer.BadParameter(f"{text!r} is not the name of a layer, nor its number.")
    return text.strip()


def counts(text: str) -> Counts:
    """Parse a list of whole numbers from 1 on, such as 16,32."""
    parts = [part.strip() for part in text.split(",")]
    if not all(_is_whole(part) and int(part) >= 1 for part in parts):
        raise typer.BadParameter(f"{text!r} is not a list of whole numbers of 1 or more, such as 16,32.")
    return Counts(map(int, parts))


def rate(text: str) -> float:
    """Parse a positive number."""
    value = _float(text)
    if not value > 0:
        raise typer.BadParameter(f"{text!r} is not a number of more than 0, such as 0.01.")
    return _checked_strength(value, text)


def strength(text: str) -> float:
    """Parse a number of 0 or more."""
    value = _float(text)
    if not value >= 0:
        raise typer.BadParameter(f"{text!r} is not a number of 0 or more, such as 0.1.")
    return _checked_strength(value, text)


def _checked_strength(value: float, text: str) -> float:
    from cnnfx.training.settings import MAX_STRENGTH

    if value > MAX_STRENGTH:
        raise typer.BadParameter(f"{text!r} is more than {MAX_STRENGTH:g}, the largest value allowed.")
    return value


def below_one(text: str) -> float:
    """Parse a number of at least 0 and less than 1."""
    value = _float(text)
    if not 0 <= value < 1:
        raise typer.BadParameter(f"{text!r} is not a number of at least 0 and less than 1, such as 0.1.")
    return value


def shape(text: str) -> Counts:
    """Parse CHANNELSxWIDTHxHEIGHT, or WIDTHxHEIGHT for one channel, to the shape (C, H, W)."""
    parts = text.lower().replace("×", "x").split("x")
    if len(parts) not in (2, 3) or not all(_is_whole(part) and int(part) >= 1 for part in parts):
        raise typer.BadParameter(f"{text!r} is not CHANNELSxWIDTHxHEIGHT, such as 3x640x480, nor WIDTHxHEIGHT.")
    channels, width, height = map(int, parts if len(parts) == 3 else ("1", *parts))
    return Counts((channels, height, width))


def methods(text: str) -> Methods:
    """Parse names of methods, such as patches,maximization."""
    parts = [part.strip() for part in text.split(",")]
    for part in parts:
        if part not in METHODS:
            raise typer.BadParameter(f"{part!r} is not one of {', '.join(METHODS)}.")
    return Methods(parts)


def percentile(text: str) -> float:
    """Parse a number of more than 50 and at most 100."""
    value = _number(text)
    if value is None or not 50 < value <= 100:
        raise typer.BadParameter(f"{text!r} is not a percentile of more than 50 and at most 100, such as 99.5.")
    return value


def limits(text: str) -> Limits:
    """Parse LOW,HIGH or MAX: numbers, HIGH larger than LOW and MAX larger than 0."""
    numbers = [_number(part) for part in text.split(",")]
    if numbers[0] is not None and len(numbers) == 1 and numbers[0] > 0:
        return Limits(numbers[0])
    if len(numbers) == 2 and numbers[0] is not None and numbers[1] is not None and numbers[0] < numbers[1]:
        return Limits((numbers[0], numbers[1]))
    raise typer.BadParameter(
        f"{text!r} is not LOW,HIGH, such as -1,1, with HIGH larger than LOW, nor a number of more than 0."
    )


def _number(text: str) -> float | None:
    """Return a finite number, or None if the text is not one."""
    value = _float(text.strip().replace("\N{MINUS SIGN}", "-"))
    return value if math.isfinite(value) else None


def _float(text: str) -> float:
    """Return the number that a text is; NaN if it is none."""
    try:
        return float(text)
    except ValueError:
        return float("nan")


def region(text: str) -> Region:
    """Parse X,Y,WIDTH,HEIGHT."""
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 4 or not all(map(_is_whole, parts)) or min(map(int, parts[2:])) < 1:
        raise typer.BadParameter(
            f"{text!r} is not X,Y,WIDTH,HEIGHT in pixels, such as 4,7,10,10; width and height of 1 or more."
        )
    return Region(*map(int, parts))


def fps(text: str) -> float:
    """Parse frames per second, 0.1 to 50."""
    value = _float(text)
    if not 0.1 <= value <= 50:
        raise typer.BadParameter(f"{text!r} is not a number of frames per second, from 0.1 to 50.")
    return value


def complete_filters(incomplete: str) -> list[str]:
    """Return the presets whose names begin with the text."""
    from cnnfx.formats import preset_names

    return [name for name in preset_names() if name.startswith(incomplete)]


def complete_layers(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the names of layers of the network that the command line names, which begin with the text.

    Of a file of weights whose layers are not known, they are the names of tensors.
    """
    from cnnfx.errors import CnnfxError
    from cnnfx.formats.reading import LayerNeededError

    try:
        names = [layer.name for layer in _named_network(ctx).layers if layer.name]
    except LayerNeededError as error:
        names = [tensor.title for tensor in error.tensors]
    except CnnfxError:  # reported when the command is run
        return []
    return [name for name in names if name.startswith(incomplete)]


def complete_layers_or_all(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the names of layers as `complete_layers`, and all."""
    return [*complete_layers(ctx, incomplete), *(["all"] if "all".startswith(incomplete) else [])]


def complete_channels(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the channels of the network that the command line names, which begin with the last item of the list."""
    from cnnfx.errors import CnnfxError

    wanted = ctx.params.get("layer")
    try:
        network = _named_network(ctx)
        number = len(network.layers) if wanted in (None, "all") else network.layer_number(str(wanted))
    except CnnfxError:  # reported when the command is run
        return []
    layer = network.layers[number - 1]
    names = layer.filter_names if ctx.info_name == "show-filters" else layer.channel_names
    before, comma, last = incomplete.rpartition(",")
    return [f"{before}{comma}{name}" for name in names if name.startswith(last)]


def _named_network(ctx: typer.Context) -> Network:
    """Return the network that the filters on the command line make.

    Raises
    ------
    CnnfxError
        If they cannot be understood, or none are named.
    """
    from functools import partial

    from cnnfx.errors import UsageError
    from cnnfx.formats import load_network
    from cnnfx.formats.kernel_text import parse_kernel
    from cnnfx.nn.concat import concat

    given, wanted = ctx.params, ctx.params.get("layer")
    # An option without its value, which is being completed, ends the parsing: the argument is still in `args`.
    names_spec = ctx.info_name in ("show-filters", "show-patterns", "convert")
    filters = ctx.args[:1] if names_spec else given.get("filters") or []
    kernels = given.get("kernel") or []
    if not filters and not kernels:
        raise UsageError("no filters are named")
    layer = None if wanted == "all" else wanted
    load = partial(load_network, layer=layer, order=given.get("order"), arch=given.get("arch"))
    network = concat([*map(load, filters), *map(parse_kernel, kernels)])
    for spec in given.get("then") or []:
        network = network.then(load(spec))
    return network
