"""Reading of `.npy`, `.npz` and `.csv` files as images.

Arrays have the shape `(C, H, W)`, `(H, W)` or `(W,)`; missing axes get the size 1. Values become float32 and are not
scaled.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import FileError
from cnnfx.images.image import Image, check_size
from cnnfx.system.npz import CompressionError, NpyHeader, NpzError, NpzReader, read_header, read_values

MAPS = "maps"
"""The array of feature maps in a `.npz` file written by cnnfx."""
NAMES = "names"
"""The array of the maps' names in such a file."""
MAX_NAMES_BYTES = 2**24
"""The most bytes of the maps' names; longer names are ignored."""
REAL_KINDS = "biuf"
"""The kinds of dtype that become an image: boolean, integers, floats."""
MAX_CELL_BYTES = 25
"""The most bytes of a number as text with its separator. Times the limit of numbers, it is the largest `.csv` file."""
SEPARATORS = (";", ",", "\t")
"""The separators of a `.csv` file, in order of precedence: `1,5;2,5` is split at `;`, and its cells are refused."""


def load_npy(name: str, stream: IO[bytes], max_pixels: int) -> Image:
    """Read a `.npy` file as an image.

    Parameters
    ----------
    name : str
        The name of the image, for messages.
    stream : binary file
    max_pixels : int
        The most numbers of all channels together.

    Returns
    -------
    Image
        One channel is called "gray"; several are numbered from "0".

    Raises
    ------
    FileError
        If the file is damaged, or its array is not real, has no axis or more than 3, is empty or too large. The header
        is checked before the values are read.
    """
    try:
        return _to_image(name, _read_array(name, stream, max_pixels, "the array"))
    except NpzError as error:
        raise _damaged(name, error) from error


def load_npz(name: str, stream: IO[bytes], max_pixels: int) -> Image:
    """Read a `.npz` file as an image: its feature maps with their names, or else its only array of real numbers.

    Parameters, result and errors are as in `load_npy`. A file of several arrays without feature maps is an error too.
    """
    try:
        with NpzReader(stream) as archive:
            chosen = MAPS if MAPS in archive.names else _only_real_array(name, archive)
            with archive.open(chosen) as member:
                array = _read_array(name, member, max_pixels, f"its array {chosen!r}")
            return _to_image(name, array, _read_names(archive) if chosen == MAPS else ())
    except NpzError as error:
        raise _damaged(name, error) from error


def load_csv(name: str, stream: IO[bytes], max_pixels: int) -> Image:
    """Read a `.csv` file as an image of one channel, `(1, H, W)`.

    The numbers of a row are separated by commas, semicolons, tabs or blanks. Lines that start with # are ignored.

    Raises
    ------
    FileError
        If a cell is not a finite float32, a row differs from the first in length, or there are no or too many numbers.
    """
    if stream.seek(0, io.SEEK_END) > max_pixels * MAX_CELL_BYTES:
        raise FileError(f"{name}: it is too long for {max_pixels} numbers, the limit.", remedy="pixel_limit")
    stream.seek(0)
    rows: list[NDArray[np.float32]] = []
    for number, line in _csv_lines(name, stream):
        rows.append(_csv_row(name, number, line))
        if len(rows[-1]) != len(rows[0]):
            raise FileError(
                f"{name}, line {number}: this row has {len(rows[-1])} numbers, the first has {len(rows[0])}. "
                "Every row needs the same number."
            )
        check_size(name, (len(rows), len(rows[0])), max_pixels, "numbers")
    if not rows:
        raise FileError(f"{name}: it holds no numbers.")
    return Image(name, np.stack(rows)[None], ("gray",), is_array=True)


def _read_array(name: str, stream: IO[bytes], max_pixels: int, subject: str) -> NDArray[Any]:
    """Read an array after a check of its header. Messages begin with `name` and `subject`."""
    header = read_header(stream)
    _check_header(f"{name}: {subject}", header)
    check_size(name, header.shape if len(header.shape) > 1 else (1, *header.shape), max_pixels, "numbers")
    return read_values(stream, header)


def _check_header(where: str, header: NpyHeader) -> None:
    shape, dtype = header.shape, header.dtype
    if dtype.kind not in REAL_KINDS:
        kind = "structured" if dtype.kind == "V" else dtype
        raise FileError(f"{where} holds {kind} values. An image is made of real numbers.")
    if not 1 <= len(shape) <= 3:
        raise FileError(f"{where} has the shape {shape}. An image is (H, W) or (C, H, W), or one row of numbers.")
    if min(shape) <= 0:
        raise FileError(f"{where} has the shape {shape}: it holds no numbers.")


def _to_image(name: str, array: NDArray[Any], names: tuple[str, ...] = ()) -> Image:
    """Return an array of 1 to 3 axes as an image. Names whose number differs from its channels are replaced."""
    try:
        with np.errstate(over="raise", invalid="ignore"):
            values = array.astype(np.float32, copy=False)
    except FloatingPointError:
        raise FileError(f"{name}: it holds numbers beyond ±3.4e38, the most for 32 bits. Scale them down.") from None
    values = np.ascontiguousarray(values.reshape((1,) * (3 - values.ndim) + values.shape))
    count = len(values)
    if len(names) != count or len(set(names)) != count:
        names = ("gray",) if count == 1 else tuple(map(str, range(count)))
    return Image(name, values, names, is_array=True)


def _only_real_array(name: str, archive: NpzReader) -> str:
    """Return the name of the only array of real numbers in a `.npz` file."""
    real = [member for member in archive.names if _is_real(archive, member)]
    if len(real) == 1:
        return real[0]
    if not real:
        raise FileError(f"{name}: it holds no array of numbers.")
    raise FileError(
        f"{name}: it holds {len(real)} arrays ({', '.join(real)}). Save one of them alone, or call it {MAPS!r}."
    )


def _is_real(archive: NpzReader, member: str) -> bool:
    try:
        return archive.header(member).dtype.kind in REAL_KINDS
    except CompressionError:
        raise
    except NpzError:
        return False


def _read_names(archive: NpzReader) -> tuple[str, ...]:
    """Return the names of feature maps; empty if they are missing or cannot be read."""
    if NAMES not in archive.names:
        return ()
    try:
        array = archive.read(NAMES, MAX_NAMES_BYTES)
    except NpzError:
        return ()
    return tuple(map(str, array)) if array.ndim == 1 and array.dtype.kind == "U" else ()


def _damaged(name: str, error: NpzError) -> FileError:
    reason = error if isinstance(error, CompressionError) else "the array is truncated or damaged"
    return FileError(f"{name}: {reason}. Save it again with numpy.save or numpy.savez.")


def _csv_lines(name: str, stream: IO[bytes]) -> Iterator[tuple[int, str]]:
    """Yield each line that is neither blank nor a comment, with its line number from 1."""
    try:
        with io.TextIOWrapper(stream, "utf-8-sig") as text:
            for number, line in enumerate(text, 1):
                stripped = line.strip()
                if stripped and not stripped.startswith("#"):
                    yield number, stripped
    except UnicodeDecodeError:
        raise FileError(f"{name}: it is not text. A .csv holds rows of numbers.") from None


def _csv_row(name: str, number: int, line: str) -> NDArray[np.float32]:
    """Return the numbers of one line."""
    separator = next((mark for mark in SEPARATORS if mark in line), None)
    cells = [cell.strip() for cell in line.split(separator)]
    with np.errstate(over="ignore"):  # numbers too large for float32 become infinite and are refused
        row = np.array(list(map(_parse_cell, cells))).astype(np.float32)
    refused = ~np.isfinite(row)
    if refused.any():
        column = int(refused.argmax())
        what = f"{cells[column]!r} is not a number" if cells[column] else "there is no number"
        raise FileError(f"{name}, line {number}, column {column + 1}: {what}.")
    return row


def _parse_cell(cell: str) -> float:
    """Return the number in a cell, or NaN if there is none. Python's digit groups, as in `1_000`, are not accepted."""
    try:
        return float("nan") if "_" in cell else float(cell)
    except ValueError:
        return float("nan")
