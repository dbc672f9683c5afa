"""Reading of Netpbm's formats PBM, PGM, PPM and PAM, as text and binary, and of PFM.

A binary file may hold several images, one behind the other. See https://netpbm.sourceforge.net/doc/.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import FileError
from cnnfx.images.channels import select_channels
from cnnfx.images.image import Image, check_size, is_brightness
from cnnfx.images.pages import check_page
from cnnfx.images.picture_file import PictureFile
from cnnfx.system.limits import MAX_PAGES, check_limit

DEPTHS = {"1": 1, "2": 1, "3": 3, "4": 1, "5": 1, "6": 3, "f": 1, "F": 3}
"""The channels of a pixel, by the second letter of the signature; those of a PAM file, P7, are in its header."""
NAMES = {"1": "PBM", "2": "PGM", "3": "PPM", "4": "PBM", "5": "PGM", "6": "PPM", "7": "PAM", "f": "PFM", "F": "PFM"}
"""The names of the formats, by the second letter of the signature."""
BITMAPS, TEXTS, FLOATS = "14", "123", "fF"
"""The second letters of formats without a largest value, of those whose pixels are text, and of those of floats."""
TUPLE_TYPES = (b"BLACKANDWHITE", b"GRAYSCALE", b"RGB", b"BLACKANDWHITE_ALPHA", b"GRAYSCALE_ALPHA", b"RGB_ALPHA")
"""The kinds of pixels that a PAM file may name."""
MAX_MAXVAL = 2**16 - 1
"""The largest value that a header may name for white."""
MAX_HEADER_BYTES = 2**16
"""The most bytes of a header with its comments."""
MAX_TOKEN = 20
"""The most characters of a number in a header, or of a pixel as text."""
SPACE = b" \t\n\v\f\r"
"""The characters between numbers."""
TEXT_BYTES = 2**20
"""The bytes of text that are converted to numbers at a time."""
BAND_NUMBERS = 2**19
"""The numbers of a raster that are converted at a time, about."""


class Header(NamedTuple):
    """The header of an image.

    Parameters
    ----------
    kind : str
        The second letter of the signature.
    width, height, depth : int
        Depth is the number of channels.
    maxval : int
        The value of white; 1 in a bitmap and for floats.
    scale : float
        Of floats: negative if they are little-endian.
    start : int
        Where the pixels start in the file.
    """

    kind: str
    width: int
    height: int
    depth: int
    maxval: int
    scale: float
    start: int

    @property
    def row_bytes(self) -> int:
        """The bytes of a row; the least number of them if pixels are text."""
        numbers = self.width * self.depth
        if self.kind == "4":
            return (numbers + 7) // 8
        if self.kind in TEXTS:
            return numbers if self.kind == "1" else 2 * numbers
        return numbers * (4 if self.kind in FLOATS else self.dtype.itemsize)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the numbers in a binary file."""
        if self.kind in FLOATS:
            return np.dtype("<f4" if self.scale < 0 else ">f4")
        return np.dtype("u1" if self.maxval < 2**8 else ">u2")

    @property
    def end(self) -> int:
        """Where the pixels of a binary image end in the file."""
        return self.start + self.height * self.row_bytes


def load_netpbm(file: PictureFile) -> Image:
    """Read an image of one of Netpbm's formats. The result and errors are those of `cnnfx.load_image`.

    Integers keep all their bits: with up to 8 bits they become uint8 if 255 is a multiple of the largest value, all
    others uint16. Floats are not scaled; the scale of their header only gives the byte order.
    """
    file, size = _named(file), file.size()
    headers = _headers(file, size)
    check_page(file.name, file.page, len(headers), file.format.page)
    header = headers[file.page - 1]
    values = _read_values(file, header, size)
    if header.kind in FLOATS:
        found = select_channels(file.name, values, None, file.channels, file.background)
        is_array = not is_brightness(found.values)
        return Image(file.name, found.values, found.names, is_array, page=file.page, pages=len(headers))
    alpha = values[-1] if header.depth in (2, 4) else None
    color = values if alpha is None else values[:-1]
    found = select_channels(file.name, color, alpha, file.channels, file.background)
    return Image(file.name, found.values, found.names, notes=found.notes, page=file.page, pages=len(headers))


def count_images(file: PictureFile) -> int:
    """Return how many images a file holds."""
    return len(_headers(_named(file), file.size()))


def _named(file: PictureFile) -> PictureFile:
    """Return the file with the name of its format for messages, such as PGM."""
    file.stream.seek(1)
    name = NAMES[file.stream.read(1).decode("latin-1")]
    return replace(file, format=file.format._replace(name=name))


def _headers(file: PictureFile, size: int) -> list[Header]:
    """Return the header of each image of a file.

    What follows an image and does not start with a signature, or has no complete header, is no image.
    """
    headers = [_read_header(file, 0)]
    while headers[-1].kind not in TEXTS + FLOATS and headers[-1].end < size:
        start = _skip_space(file.stream, headers[-1].end)
        file.stream.seek(start)
        if not re.match(rb"P[4-7]\s", file.stream.read(3)):
            break
        try:
            headers.append(_read_header(file, start))
        except FileError:
            break
        check_limit(file.name, "images", len(headers), MAX_PAGES)
    return headers


def _skip_space(stream: IO[bytes], at: int) -> int:
    """Return the position of the next byte that is no white space; that of the end if there is none nearby."""
    stream.seek(at)
    data = stream.read(MAX_TOKEN)
    return at + len(data) - len(data.lstrip(SPACE))


class _Tokens:
    """The words of a header."""

    def __init__(self, file: PictureFile, start: int) -> None:
        file.stream.seek(start)
        self.file, self.start = file, start
        self.text = file.stream.read(MAX_HEADER_BYTES)
        self.at = 2

    def word(self) -> bytes:
        """Return the next word, and move behind the one character that follows it."""
        found = re.compile(rb"(?:\s|#[^\r\n]*(?=[\r\n]))*([^\s#]+)(?:\s|(?=#))").match(self.text, self.at)
        if found is None:
            raise self.file.damaged("its header is truncated or damaged")
        self.at = found.end()
        return found[1]

    def number(self, what: str) -> int:
        """Return the next word as a number of 1 or more."""
        word = self.word()
        number = int(word) if word.isdigit() and len(word) <= MAX_TOKEN else 0
        if not number:
            raise self.file.damaged(f"its header has the {what} {_shown(word)}")
        return number

    def line(self) -> bytes:
        """Return the rest of the line."""
        if self.text[self.at - 1 : self.at] == b"\n":
            return b""
        start, end = self.at, self.text.find(b"\n", self.at)
        self.at = len(self.text) if end < 0 else end + 1
        return self.text[start : self.at].strip()

    def position(self) -> int:
        """Return the position in the file behind the header, and behind a comment at the end of its last line.

        After a line break, # is a pixel of the value 35.
        """
        if self.text[self.at : self.at + 1] == b"#" and self.text[self.at - 1 : self.at] not in (b"\n", b"\r"):
            self.line()
        return self.start + self.at


def _read_header(file: PictureFile, start: int) -> Header:
    """Read the header of an image, and check its size.

    Raises
    ------
    FileError
        If it is damaged or too large.
    """
    tokens = _Tokens(file, start)
    kind = tokens.text[1:2].decode("latin-1")
    maxval, scale = 1, 1.0
    if kind == "7":
        width, height, depth, maxval = _read_pam_header(tokens)
    else:
        width, height, depth = tokens.number("width"), tokens.number("height"), DEPTHS[kind]
        if kind in FLOATS:
            scale = _parse_scale(file, tokens.word())
        elif kind not in BITMAPS:
            maxval = tokens.number("largest value")
    if maxval > MAX_MAXVAL:
        raise file.damaged(f"its header has the largest value {maxval}; {MAX_MAXVAL} is the most")
    if depth > 4:
        raise FileError(
            f"{file.name}: it has {depth} channels. A PAM of gray or color has 1 to 4; save others as .npy."
        )
    check_size(file.name, (height, width), file.max_pixels)
    return Header(kind, width, height, depth, maxval, scale, tokens.position())


def _read_pam_header(tokens: _Tokens) -> tuple[int, int, int, int]:
    """Return the width, height, depth and largest value of a PAM file. The depth gives the kind of pixels."""
    found: dict[bytes, int] = {}
    names = {b"WIDTH": "width", b"HEIGHT": "height", b"DEPTH": "depth", b"MAXVAL": "largest value"}
    while (word := tokens.word()) != b"ENDHDR":
        if word in names:
            found[word] = tokens.number(names[word])
        elif word == b"TUPLTYPE":
            kind = tokens.line()
            if kind and kind not in TUPLE_TYPES:
                raise FileError(
                    f"{tokens.file.name}: its pixels are {_shown(kind)}. A PAM of gray or color can be read."
                )
        else:
            raise tokens.file.damaged(f"its header has the line {_shown(word)}")
    missing = [text for key, text in names.items() if key not in found]
    if missing:
        raise tokens.file.damaged(f"its header has no {missing[0]}")
    return found[b"WIDTH"], found[b"HEIGHT"], found[b"DEPTH"], found[b"MAXVAL"]


def _parse_scale(file: PictureFile, word: bytes) -> float:
    number = word[:MAX_TOKEN]
    if not re.fullmatch(rb"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", number) or not float(number):
        raise file.damaged(f"its header has the scale {_shown(word)}")
    return float(number)


def _shown(word: bytes) -> str:
    """Return the first characters of a word of a header for a message, in quotes."""
    return repr(word[:MAX_TOKEN].decode("latin-1"))


def _read_values(file: PictureFile, header: Header, size: int) -> NDArray[Any]:
    """Return the pixels (C, H, W) as uint8, uint16 or float32.

    Raises
    ------
    FileError
        If they end early, or one is above the largest value.
    """
    # Nothing need stand behind the last number of a text.
    rows = (size - header.start + (header.kind in TEXTS)) // header.row_bytes
    if rows < header.height:
        found = "at most " * (header.kind in TEXTS) + str(rows)
        raise file.damaged(f"its pixels end after {found} of {header.height} rows")
    dtype = np.uint8 if 255 % header.maxval == 0 else np.uint16
    shape = (header.depth, header.height, header.width)
    values: NDArray[Any] = np.empty(shape, np.float32 if header.kind in FLOATS else dtype)
    file.stream.seek(header.start)
    top = 0
    for band in _text_bands(file, header) if header.kind in TEXTS else _binary_bands(file, header):
        rows = len(band) // (header.width * header.depth)
        pixels = np.moveaxis(band.reshape(rows, header.width, header.depth), -1, 0)
        if header.kind in FLOATS:  # rows from the bottom to the top
            values[:, header.height - top - rows : header.height - top] = pixels[:, ::-1]
        else:
            values[:, top : top + rows] = _scaled(file, header, pixels, dtype)
        top += rows
    return values


def _scaled(
    file: PictureFile, header: Header, pixels: NDArray[Any], dtype: type[np.uint8] | type[np.uint16]
) -> NDArray[Any]:
    """Return numbers in 0..maxval scaled to the range of a dtype, and rounded."""
    largest, maxval = int(np.iinfo(dtype).max), header.maxval
    highest = 0 if maxval == largest else int(pixels.max())
    if highest > maxval:
        raise file.damaged(f"a pixel is {highest}, but its header says that {maxval} is white")
    if header.kind in BITMAPS:
        pixels = 1 - pixels  # a 1 is black there
    if largest == maxval:
        return pixels
    return ((pixels.astype(np.uint32) * largest + maxval // 2) // maxval).astype(dtype)


def _binary_bands(file: PictureFile, header: Header) -> Iterator[NDArray[Any]]:
    """Yield the numbers of a binary file, some rows at a time."""
    rows = max(1, BAND_NUMBERS // (header.width * header.depth))
    for top in range(0, header.height, rows):
        count = min(rows, header.height - top)
        data = file.stream.read(count * header.row_bytes)
        if len(data) < count * header.row_bytes:  # another program shortens the file
            raise file.damaged(f"its pixels end after {top} of {header.height} rows")
        if header.kind == "4":
            bits = np.unpackbits(np.frombuffer(data, np.uint8).reshape(count, -1), axis=1)
            yield bits[:, : header.width].ravel()
        else:
            yield np.frombuffer(data, header.dtype)


def _text_bands(file: PictureFile, header: Header) -> Iterator[NDArray[Any]]:
    """Yield the numbers of a text file, some rows at a time."""
    row = header.width * header.depth
    wanted = header.height * row
    numbers = np.empty(0, np.uint16)
    given = 0
    for part in _text_parts(file, header):
        numbers = np.concatenate([numbers, part])[: wanted - given]
        count = len(numbers) // row * row
        if count:
            yield numbers[:count]
            given += count
            numbers = numbers[count:]
        if given == wanted:
            return
    raise file.damaged(f"its pixels end after {given // row} of {header.height} rows")


def _text_parts(file: PictureFile, header: Header) -> Iterator[NDArray[np.uint16]]:
    """Yield the numbers of blocks of text, of which each ends between two numbers."""
    rest = b""
    while True:
        data = file.stream.read(TEXT_BYTES)
        text = rest + data
        # A comment or number at the end of a block is completed by the next one. Bits need not be separated.
        cut = len(text) if not data or header.kind == "1" else max(map(text.rfind, (b"\n", b" "))) + 1
        line = max(text.rfind(b"\n", 0, cut), text.rfind(b"\r", 0, cut)) + 1
        comment = text.find(b"#", line, cut)
        if data and comment >= 0:
            cut = comment
        rest = text[cut:]
        if len(rest) > 2 * TEXT_BYTES:
            raise file.damaged("a line of its pixels is too long")
        yield _parse_numbers(file, header, re.sub(rb"#[^\r\n]*", b" ", text[:cut]))
        if not data:
            return


def _parse_numbers(file: PictureFile, header: Header, text: bytes) -> NDArray[np.uint16]:
    """Return the numbers of a text without comments."""
    digits = b"01" if header.kind == "1" else b"0123456789"
    other = text.translate(None, digits + SPACE)
    if other:
        raise file.damaged(f"{other[:1].decode('latin-1')!r} stands among its pixels")
    if header.kind == "1":  # there need not be white space between the digits
        return np.frombuffer(text.translate(None, SPACE), np.uint8).astype(np.uint16) - ord("0")
    words = text.split()
    if max(map(len, words), default=0) > MAX_TOKEN:
        raise file.damaged("a pixel has too many digits")
    numbers = list(map(int, words))
    if numbers and max(numbers) > header.maxval:
        raise file.damaged(f"a pixel is {max(numbers)}, but its header says that {header.maxval} is white")
    return np.array(numbers, np.uint16)
