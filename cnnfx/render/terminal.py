"""Pictures in the terminal: two pixels per character, the upper half block in front of a colored background.

Nothing is printed here. What a terminal can show is asked of `color_depth`, what to write to it of `half_blocks`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import ArgumentError
from cnnfx.nn.network import Layer
from cnnfx.render.filters import kernel_levels, used_channels
from cnnfx.render.grid import Levels, Tiles

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ColorDepth = Literal["truecolor", "256", "none"]
"""The colors that a terminal shows: all of 24 bits, the 256 of xterm, or none at all."""

HALF_BLOCK = "▀"
BLOCK_SHADES = " ░▒▓█"
ASCII_SHADES = " .:-=+*#%@"
RESET = "\x1b[0m"

_LUMA = np.array([299, 587, 114]) / 1000  # Rec. 601, as everywhere in cnnfx
_CUBE = np.array([0, 95, 135, 175, 215, 255])  # the levels of xterm's colors 16 to 231: a 6×6×6 cube
_GRAYS = np.arange(8, 239, 10)  # its colors 232 to 255: 24 grays
_TRUECOLOR_TERMS = {"alacritty", "foot", "wezterm", "xterm-ghostty", "xterm-kitty"}


class Stream(Protocol):
    """Whatever says whether it is a terminal."""

    def isatty(self) -> bool:
        """Whether the stream ends in a terminal."""


def color_depth(stream: Stream | None, environ: Mapping[str, str]) -> ColorDepth:
    """The colors to use when writing to a stream.

    `NO_COLOR` forbids them (https://no-color.org). `FORCE_COLOR` asks for them even where the stream is no terminal:
    `2` for 256, `3` for all, `0` for none, anything else for what the other variables say, 256 at the least.

    Parameters
    ----------
    stream : object with ``isatty()``, or None
        Where the picture would be written; None (a process without the stream) is no terminal.
    environ : mapping
        The environment, as a rule `os.environ`.
    """
    forced = environ.get("FORCE_COLOR", "").lower()
    if environ.get("NO_COLOR") or forced in {"0", "false"}:
        return "none"
    if forced in {"2", "3"}:
        return "truecolor" if forced == "3" else "256"
    if not forced and not _is_terminal(stream):
        return "none"
    named = _named_depth(environ)
    return "256" if forced and named == "none" else named


def half_blocks(
    picture: NDArray[np.uint8],
    *,
    width: int,
    height: int | None = None,
    depth: ColorDepth,
    enlarge: int = 1,
    encoding: str | None = "utf-8",
) -> str:
    """A picture as lines of characters, each showing two pixels, one above the other.

    A picture that is too large is shrunk by averaging areas, its proportions kept. Colors are set by escape codes
    where they change, and reset at each line's end. Without colors, the characters themselves are lighter or darker,
    as on a dark ground.

    Parameters
    ----------
    picture : uint8 array, `(H, W)` or `(H, W, 3)`
        Gray or RGB levels.
    width, height : int
        The most columns and lines that may be filled; no `height` is no limit.
    depth : {"truecolor", "256", "none"}
        The colors of the terminal, from `color_depth`.
    enlarge : int
        The largest whole factor by which a picture that is smaller than the space may be enlarged, pixel by pixel.
    encoding : str, optional
        The stream's encoding. Where it has no block characters, colored spaces or plain ASCII stand in, each
        character showing the mean of its two pixels.

    Returns
    -------
    str
        Lines joined by newlines, without one at the end.

    Raises
    ------
    ArgumentError
        If the picture is empty or no uint8 picture, or a size is less than 1.
    """
    _check(picture, width, height, enlarge)
    pixels = _fit(picture, width, height, enlarge)
    if depth == "none":
        return _shaded(pixels, BLOCK_SHADES if _has(encoding, BLOCK_SHADES) else ASCII_SHADES)
    if not _has(encoding, HALF_BLOCK):
        pixels = np.floor(_pair_means(pixels) + 0.5).astype(np.uint8).repeat(2, axis=0)
    return _colored(pixels, depth)


def finest(depth: ColorDepth, encoding: str | None) -> int:
    """The enlargement from which on every pixel can be told apart: 1 where a character shows two of them, else 2."""
    return 1 if depth != "none" and _has(encoding, HALF_BLOCK) else 2


def _is_terminal(stream: Stream | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False


def _named_depth(environ: Mapping[str, str]) -> ColorDepth:
    """The colors that a terminal's variables promise."""
    term = environ.get("TERM", "").lower()
    if term == "dumb":
        return "none"
    if environ.get("COLORTERM", "").lower() in {"truecolor", "24bit"} or environ.get("WT_SESSION"):
        return "truecolor"
    if term in _TRUECOLOR_TERMS or term.endswith("-direct"):
        return "truecolor"
    return "256" if "256color" in term else "none"


def _check(picture: NDArray[Any], width: int, height: int | None, enlarge: int) -> None:
    if picture.dtype != np.uint8 or not (picture.ndim == 2 or (picture.ndim == 3 and picture.shape[2] == 3)):
        raise ArgumentError(
            "A picture for the terminal is a uint8 array of shape (H, W) or (H, W, 3); "
            f"this one is {picture.dtype} of shape {picture.shape}."
        )
    if not picture.size:
        raise ArgumentError(f"The picture is empty: its shape is {picture.shape}.")
    for name, value in (("width", width), ("height", height), ("enlarge", enlarge)):
        if value is not None and value < 1:
            raise ArgumentError(f"{name} must be at least 1, not {value}.")


def _fit(picture: NDArray[np.uint8], width: int, height: int | None, enlarge: int) -> NDArray[np.uint8]:
    """The picture shrunk or enlarged to at most `width` columns and twice `height` rows of pixels."""
    rows, columns = picture.shape[:2]
    room = rows * enlarge if height is None else 2 * height
    factor = min(enlarge, width // columns, room // rows)
    if factor >= 1:
        return picture.repeat(factor, axis=0).repeat(factor, axis=1)
    scale = min(width / columns, room / rows)
    return _shrunk(picture, min(room, max(1, round(rows * scale))), min(width, max(1, round(columns * scale))))


def _shrunk(picture: NDArray[np.uint8], rows: int, columns: int) -> NDArray[np.uint8]:
    """The means of equal areas, rounded half up.

    Areas are measured in whole parts of a pixel, and sums of whole numbers are exact: so is the result. One row of
    areas is summed at a time, for the sake of large pictures.
    """
    flat = picture.reshape(picture.shape[0], -1)
    sums = np.empty((rows, flat.shape[1]))
    for row, (begin, overlaps) in enumerate(_overlaps(flat.shape[0], rows)):
        sums[row] = overlaps @ flat[begin : begin + len(overlaps)].astype(float)
    sums = sums.reshape(rows, *picture.shape[1:])
    totals = np.empty((rows, columns, *picture.shape[2:]))
    for column, (begin, overlaps) in enumerate(_overlaps(picture.shape[1], columns)):
        totals[:, column] = np.tensordot(sums[:, begin : begin + len(overlaps)], overlaps, axes=(1, 0))
    area = picture.shape[0] * picture.shape[1]
    means: NDArray[np.float64] = (2 * totals + area) // (2 * area)
    return means.astype(np.uint8)


def _overlaps(size: int, parts: int) -> Iterable[tuple[int, NDArray[np.float64]]]:
    """Per part of a length of `size` pixels: the first pixel it meets, and how much of each it covers, in 1/`parts`."""
    for part in range(parts):
        begin, end = part * size, (part + 1) * size
        edges = np.arange(begin // parts, -(-end // parts) + 1) * parts
        yield begin // parts, np.diff(np.clip(edges, begin, end)).astype(float)


def _pair_means(pixels: NDArray[Any]) -> NDArray[np.float64]:
    """The mean of each two rows; a last single row stands for itself."""
    rows = pixels.astype(float)
    means = (rows[0:-1:2] + rows[1::2]) / 2
    return np.concatenate([means, rows[-1:]]) if len(rows) % 2 else means


def _shaded(pixels: NDArray[np.uint8], shades: str) -> str:
    gray = pixels if pixels.ndim == 2 else pixels @ _LUMA
    steps = np.rint(_pair_means(gray) * ((len(shades) - 1) / 255)).astype(int)
    return "\n".join("".join(shades[step] for step in line) for line in steps.tolist())


def _colored(pixels: NDArray[np.uint8], depth: ColorDepth) -> str:
    if pixels.ndim == 2:
        pixels = np.stack([pixels] * 3, axis=-1)
    if depth == "256":
        rows = [[f"5;{index}" for index in row] for row in _xterm_colors(pixels).tolist()]
    else:
        rows = [[f"2;{red};{green};{blue}" for red, green, blue in row] for row in pixels.tolist()]
    below: list[list[str] | list[None]] = [*rows[1::2], [None] * len(rows[0])]
    return "\n".join(_line(upper, lower) for upper, lower in zip(rows[::2], below, strict=False))


def _line(uppers: list[str], lowers: list[str] | list[None]) -> str:
    """One line; a lower color of None leaves the terminal's own background."""
    fore, back, parts = None, None, []
    for upper, lower in zip(uppers, lowers, strict=True):
        changes = []
        if upper not in (lower, fore):
            fore = upper
            changes.append(f"38;{upper}")
        if lower != back:
            back = lower
            changes.append(f"48;{lower}")
        escape = f"\x1b[{';'.join(changes)}m" if changes else ""
        parts.append(escape + (" " if upper == lower else HALF_BLOCK))
    return "".join(parts) + RESET


def _xterm_colors(pixels: NDArray[np.uint8]) -> NDArray[np.intp]:
    """The nearest of xterm's colors 16 to 255; the first 16 differ between terminals and are left out."""
    levels = pixels.astype(int)
    cube = np.searchsorted((_CUBE[1:] + _CUBE[:-1]) / 2, levels)
    gray = np.searchsorted((_GRAYS[1:] + _GRAYS[:-1]) / 2, levels.mean(axis=-1))
    cube_error = ((_CUBE[cube] - levels) ** 2).sum(axis=-1)
    gray_error = ((_GRAYS[gray][..., None] - levels) ** 2).sum(axis=-1)
    indices: NDArray[np.intp] = np.where(gray_error < cube_error, 232 + gray, 16 + cube @ np.array([36, 6, 1]))
    return indices


def _has(encoding: str | None, characters: str) -> bool:
    """Whether an encoding has these characters; no encoding at all has every character."""
    try:
        characters.encode(encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


GAP = 2
NARROW = 38
"""Pictures are not shrunk to fewer columns than this."""
BAND_ROWS = 1024

Cell = tuple[int, list[str]]
"""A width in characters, and lines: a label, then half blocks."""


def preview(tiles: Tiles, width: int, depth: ColorDepth, encoding: str | None, enlarge: int = 1) -> str:
    """The tiles in lines of at most `width` characters.

    Parameters
    ----------
    tiles : Tiles
    width : the terminal's columns
    depth : the terminal's colors
    encoding : the terminal's encoding
    enlarge : the whole factor by which pictures are enlarged where there is room
    """
    count, longest = len(tiles.labels), max(len(label) for label in tiles.labels)
    least = min(max(tiles.width * enlarge, longest), NARROW)
    columns = max(1, min(count, (width + GAP) // (least + GAP)))
    widest = max(least, (width + GAP) // columns - GAP)
    cells = [_cell(tiles, index, min(widest, width), depth, encoding, enlarge) for index in range(count)]
    return "\n".join(_shelf(cells[first : first + columns]) for first in range(0, count, columns))


def _cell(tiles: Tiles, index: int, width: int, depth: ColorDepth, encoding: str | None, enlarge: int) -> Cell:
    picture = shrink(tiles, index, width)
    columns = min(width, picture.shape[1] * enlarge)
    lines = half_blocks(picture, width=columns, depth=depth, enlarge=enlarge, encoding=encoding).split("\n")
    label = tiles.labels[index][:width]
    cell = max(columns, len(label))
    return cell, [label, *(line + " " * (cell - columns) for line in lines)]


def _shelf(cells: list[Cell]) -> str:
    """Cells of one height side by side."""
    labels = (" " * GAP).join(lines[0].ljust(width) for width, lines in cells)
    rows = zip(*(lines[1:] for _, lines in cells), strict=True)
    return "\n".join([labels.rstrip(), *((" " * GAP).join(row) for row in rows)])


def shrink(tiles: Tiles, index: int, width: int) -> Levels:
    """A picture shrunk by a whole factor to not much more than `width` pixels, by the mean of each block of pixels."""

    def rows(first: int, last: int) -> Levels:
        return next(iter(tiles.rows(index, index + 1, first, last)))

    factor = max(1, tiles.width // max(1, width))
    if factor == 1:
        return rows(0, tiles.height)
    step = BAND_ROWS // factor * factor or factor
    bands = []
    for first in range(0, tiles.height // factor * factor, step):
        last = min(first + step, tiles.height // factor * factor)
        bands.append(_block_means(rows(first, last), factor))
    if not bands:  # lower than one block
        return rows(0, tiles.height)[:, ::factor]
    return np.concatenate(bands)


def _block_means(band: Levels, factor: int) -> Levels:
    rows, columns = band.shape[0] // factor, band.shape[1] // factor
    blocks = band[:, : columns * factor].reshape(rows, factor, columns, factor, *band.shape[2:])
    means: Levels = np.rint(blocks.mean(axis=(1, 3), dtype=np.float32)).astype(np.uint8)
    return means


LONGEST = 12
"""So many characters of a name are shown."""
LARGE = 2
"""Weights are enlarged so many times where all input channels fit then."""


def filter_table(
    layer: Layer,
    inputs: Sequence[str],
    width: int,
    depth: ColorDepth,
    encoding: str | None,
    largest: float | None = None,
) -> str:
    """The kernels of a layer `(K, C, kh, kw)` in lines of at most `width` characters, names at the left and on top.

    Input channels that do not fit into the width follow in another table below. Where a filter does not look at a
    channel, the table is empty.

    Parameters
    ----------
    layer : Layer
    inputs : the names of the C slices of each filter
    width : the terminal's columns
    depth : the terminal's colors
    encoding : the terminal's encoding
    largest : the magnitude that is drawn white or black; each filter's own largest weight unless given
    """
    side, head = (min(max(map(len, names)), LONGEST) for names in (layer.filter_names, inputs))
    factor = LARGE
    if (max(layer.conv.weights.shape[3] * factor, head) + 1) * len(inputs) > width - side:
        factor = finest(depth, encoding)
    rows = [_cells(weights, largest, factor, depth, encoding) for weights in layer.conv.weights]
    cell = max(layer.conv.weights.shape[3] * factor, head)
    fit = max(1, (width - side) // (cell + 1))
    tables = []
    for first in range(0, len(inputs), fit):
        lines = [_line_table("", [name[:cell].ljust(cell) for name in inputs[first : first + fit]], side)]
        for name, cells in zip(layer.filter_names, rows, strict=True):
            lines += _row(name, cells[first : first + fit], side, cell)
        tables.append("\n".join(lines).rstrip("\n"))
    return "\n\n".join(tables)


def _cells(
    weights: NDArray[Any], largest: float | None, factor: int, depth: ColorDepth, encoding: str | None
) -> list[tuple[list[str], int]]:
    """The lines of each kernel of a filter `(C, kh, kw)`, and how many characters wide they are."""
    cells = [_cell_table(kernel, factor, depth, encoding) for kernel in kernel_levels(weights, largest)]
    return [
        (lines if drawn else [" " * columns] * len(lines), columns)
        for (lines, columns), drawn in zip(cells, used_channels(weights), strict=True)
    ]


def _cell_table(kernel: Levels, factor: int, depth: ColorDepth, encoding: str | None) -> tuple[list[str], int]:
    """A kernel's lines, and how many characters wide they are."""
    columns = kernel.shape[1] * factor
    text = half_blocks(kernel, width=columns, depth=depth, enlarge=factor, encoding=encoding)
    # An odd row of pixels leaves half a line free below it; where there is none, a line keeps the filters apart.
    return [*text.split("\n"), *([] if kernel.shape[0] * factor % 2 else [" " * columns])], columns


def _row(name: str, cells: Sequence[tuple[list[str], int]], side: int, cell: int) -> list[str]:
    """The lines of one filter."""
    padded = [[line + " " * (cell - columns) for line in lines] for lines, columns in cells]
    return [_line_table("" if number else name, line, side) for number, line in enumerate(zip(*padded, strict=True))]


def _line_table(name: str, parts: Sequence[str], side: int) -> str:
    return " ".join([name[:side].ljust(side), *parts]).rstrip()
