"""Reading of `.csv` files as images: rows of numbers, as spreadsheets, NumPy and pandas write them.

A block of lines is parsed at once. If that fails, its lines are read one by one to find the cell that is wrong.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import IO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import FileError
from cnnfx.images.image import GRAY_NAMES, Image, check_size
from cnnfx.system.text import shortened, shown

MAX_CELL_BYTES = 25
"""The most bytes of a number as text with its separator. Times the limit of numbers, it is the largest `.csv` file."""
SEPARATORS = (";", ",", "\t")
"""The separators of a `.csv` file, in order of precedence. Without any of these, blanks separate the numbers."""
BLOCK_CHARACTERS = 1 << 19
"""The characters of lines that are parsed at once, about."""
MAX_SHOWN_CELLS = 3
"""The most cells of a header that a note repeats."""
MAX_HEADER_CHARACTERS = 1 << 16
"""The first characters of the first line, by which it is judged."""
UTF_16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
"""The first bytes of text in UTF-16."""

_SEPARATOR_LINE = re.compile(r"sep=(.)", re.IGNORECASE)
_QUOTED = re.compile(r'"([^"]*)"')
_NUMBER_START = re.compile(r"[+\-\N{MINUS SIGN}]?[\d.,]|[+-]?(nan|inf|infinity)\Z|\Z", re.IGNORECASE)
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+", re.ASCII)


class _Line(NamedTuple):
    """A line that is neither blank nor a comment, with its number in the file, counted from 1."""

    number: int
    text: str


class _Layout(NamedTuple):
    """How the cells of a file are written.

    Attributes
    ----------
    separator : str, optional
        None if blanks separate the cells.
    ends_with_separator : bool
        Whether each line ends with a separator that no cell follows.
    """

    separator: str | None
    ends_with_separator: bool

    def cells(self, line: str) -> list[str]:
        """Return the cells of a line without blanks around them, and without the quotes of those that have them."""
        cells = [cell.strip() for cell in line.split(self.separator)]
        if self.separator is not None and '"' in line:
            cells = _quoted_cells(line, self.separator)
        if self.ends_with_separator and not cells[-1]:
            cells.pop()
        return cells

    def without_end(self, line: str) -> str:
        """Return a line without the separator that no cell follows."""
        return line.rstrip(" ").removesuffix(self.separator or "") if self.ends_with_separator else line

    def marks(self, line: str) -> int:
        """Return the number of separators between the cells of a line, which ends with a cell and has no quotes."""
        if self.separator is not None:
            return line.count(self.separator)
        return len(line.split()) - 1 if len(line) < BLOCK_CHARACTERS else sum(1 for _ in re.finditer(r"\S+", line)) - 1


def load_csv(name: str, stream: IO[bytes], max_pixels: int) -> Image:
    """Read a `.csv` file as an image of one channel, `(1, H, W)`.

    The numbers of a row are separated by semicolons, commas, tabs or blanks, the same in all rows, and can be in
    quotes. What follows a # is ignored, and so are a first line without any number, with a note, a line `sep=;` before
    it, and a separator at the end of each line. `nan` is a missing number, and a decimal comma an error. The text is
    UTF-8, or UTF-16 with its mark.

    Raises
    ------
    FileError
        If a cell is not a number, or is too large for float32, a row differs from the first in length, the first
        column has no name in a header, or there are no or too many numbers.
    """
    if stream.seek(0, io.SEEK_END) > max_pixels * MAX_CELL_BYTES:
        raise FileError(f"{name}: it is too long for {max_pixels} numbers, the limit.", remedy="pixel_limit")
    stream.seek(0)
    lines = _lines(name, stream)
    first = next(lines, None)
    separator = None
    if first is not None and (declared := _SEPARATOR_LINE.fullmatch(first.text)):
        separator, first = declared[1], next(lines, None)
    if first is None:
        raise FileError(f"{name}: it holds no numbers.")
    layout = _layout(first.text, separator)
    notes: tuple[str, ...] = ()
    second = next(lines, None)
    if second is not None and _is_header(name, first, layout):
        header = layout.cells(first.text)
        names = ", ".join(map(shortened, header[:MAX_SHOWN_CELLS])) + (", …" if len(header) > MAX_SHOWN_CELLS else "")
        notes = (f"{name}: its line {first.number} ({names}) is read as a header.",)
        layout, first = _layout(second.text, separator), None
    given = (line for line in (first, second) if line is not None)
    values = _read_rows(name, chain(given, lines), layout, max_pixels)
    return Image(name, values[np.newaxis], GRAY_NAMES, is_array=True, notes=notes)


def _lines(name: str, stream: IO[bytes]) -> Iterator[_Line]:
    """Yield the lines that are neither blank nor comments."""
    encoding = "utf-16" if stream.read(2) in UTF_16_MARKS else "utf-8-sig"
    stream.seek(0)
    try:
        with io.TextIOWrapper(stream, encoding) as text:
            for number, line in enumerate(text, 1):
                content = line.partition("#")[0].strip(" \r\n\f\v")
                if content.strip():
                    yield _Line(number, content)
    except UnicodeError:
        raise FileError(f"{name}: it is not text. A .csv holds rows of numbers.") from None


def _layout(line: str, separator: str | None) -> _Layout:
    """Return the layout of a file by a line, the first of numbers."""
    outside_quotes = _QUOTED.sub("", line)
    if separator is None:
        separator = next((mark for mark in SEPARATORS if mark in outside_quotes), None)
    ends = separator is not None and line.rstrip(" ").endswith(separator)
    return _Layout(separator, ends)


def _is_header(name: str, line: _Line, layout: _Layout) -> bool:
    """Return whether the first line has names of columns, none of which starts as a number does."""
    cells = layout.cells(line.text[:MAX_HEADER_CHARACTERS])
    if not cells[0] and len(cells) > 1:
        raise FileError(
            f"{name}, line {line.number}: the first column has no name or number, like an index that pandas writes. "
            "Save it without the index, such as with to_csv(index=False)."
        )
    return not any(_NUMBER_START.match(cell) for cell in cells)


def _read_rows(name: str, lines: Iterator[_Line], layout: _Layout, max_pixels: int) -> NDArray[np.float32]:
    """Return the numbers of lines, `(rows, columns)`."""
    blocks: list[NDArray[np.float32]] = []
    rows = columns = 0
    for block in _blocks(lines):
        first = block[0].text
        columns = columns or (len(layout.cells(first)) if '"' in first else layout.marks(layout.without_end(first)) + 1)
        values = _parse_block(block, layout, columns)
        if values is None:
            values = np.stack([_parse_line(name, line, layout, columns) for line in block])
        rows += len(values)
        check_size(name, (rows, columns), max_pixels, "numbers")
        blocks.append(values)
    return np.concatenate(blocks)


def _blocks(lines: Iterator[_Line]) -> Iterator[list[_Line]]:
    """Yield lines in lists of about `BLOCK_CHARACTERS`."""
    for first in lines:
        count = BLOCK_CHARACTERS // (len(first.text) + 1)
        yield [first, *islice(lines, count)]


def _parse_block(block: list[_Line], layout: _Layout, columns: int) -> NDArray[np.float32] | None:
    """Return the numbers of lines, `(rows, columns)`; None if a line is not as simple as most, or wrong."""
    texts = [layout.without_end(line.text) for line in block]
    joined = (layout.separator or " ").join(texts)
    if "_" in joined or not joined.isascii() or any(layout.marks(text) != columns - 1 for text in texts):
        return None
    cells: Iterable[str] = chain.from_iterable(
        piece.split(layout.separator) for piece in _pieces(joined, layout.separator)
    )
    if '"' in joined:
        stripped = map(str.strip, cells)
        cells = (cell[1:-1] if cell[:1] == cell[-1:] == '"' and len(cell) > 1 else cell for cell in stripped)
    try:
        values = np.fromiter(map(float, cells), np.float64, columns * len(texts))
    except ValueError:
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        numbers = values.astype(np.float32)
    return None if np.isinf(numbers).any() else numbers.reshape(len(texts), columns)


def _pieces(text: str, separator: str | None) -> Iterator[str]:
    """Yield a text in pieces of about `BLOCK_CHARACTERS`, cut at separators."""
    cut = re.compile(r"\s" if separator is None else re.escape(separator))
    start = 0
    while found := cut.search(text, start + BLOCK_CHARACTERS):
        yield text[start : found.start()]
        start = found.end()
    yield text[start:]


def _parse_line(name: str, line: _Line, layout: _Layout, columns: int) -> NDArray[np.float32]:
    """Return the numbers of one line; the errors name its cells."""
    cells = layout.cells(line.text)
    with np.errstate(over="ignore"):
        row = np.array(list(map(_parse_cell, cells))).astype(np.float32)
    for column, (cell, number) in enumerate(zip(cells, row, strict=True), 1):
        if not np.isfinite(number) and cell.lower().lstrip("+-") != "nan":
            raise FileError(f"{name}, line {line.number}, column {column}: {_problem(cell)}")
    if len(cells) != columns:
        raise FileError(
            f"{name}, line {line.number}: this row has {len(cells)} numbers, the first has {columns}. "
            "Every row needs the same number."
        )
    return row


def _parse_cell(cell: str) -> float:
    """Return the number in a cell, or NaN if there is none. Python's digit groups, as in `1_000`, are not accepted."""
    try:
        return float("nan") if "_" in cell else float(cell.replace("\N{MINUS SIGN}", "-"))
    except ValueError:
        return float("nan")


def _problem(cell: str) -> str:
    """Return what is wrong with a cell, and how to correct it."""
    if not cell:
        return "there is no number. Write nan for one that is missing."
    if _DECIMAL_COMMA.fullmatch(cell):
        return (
            f"{shown(cell)} is not a number. Write decimals with a point, such as {shortened(cell).replace(',', '.')}."
        )
    return f"{shown(cell)} is not a number."


def _quoted_cells(line: str, separator: str) -> list[str]:
    """Return the cells of a line that has quotes, in which separators are part of a cell."""
    pieces = re.findall(rf'("[^"]*"?|[^"{re.escape(separator)}]+)|({re.escape(separator)})', line)
    cells = [""]
    for content, mark in pieces:
        if mark:
            cells.append("")
        else:
            cells[-1] += content
    return [_QUOTED.sub(r"\1", cell.strip()).strip() for cell in cells]
