"""Arrays as images: `.npy` and `.npz`, as (H, W) or (C, H, W); a row of numbers is an image one pixel high."""

from __future__ import annotations

import io
import lzma
import math
import struct
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import FileError
from cnnfx.images.image import Image, check_size

MAPS, NAMES = "maps", "names"
"""The arrays that cnnfx itself writes into a `.npz`: feature maps and their names."""
DAMAGE = (OSError, ValueError, SyntaxError, LookupError, EOFError, OverflowError, TypeError, RuntimeError)
"""What NumPy and `zipfile` raise where a file's content makes no sense; the modules below them raise the rest."""
BROKEN = (*DAMAGE, struct.error, tokenize.TokenError, zipfile.BadZipFile, zlib.error, lzma.LZMAError)


def load_array(name: str, stream: IO[bytes], kind: str, max_pixels: int) -> Image:
    """Numbers as an image; see `cnnfx.load_image`. `kind` is "npy" or "npz"."""
    names: tuple[str, ...] | None = None
    if kind == "npz":
        array, names = _read_npz(name, stream, max_pixels)
    else:
        array = _read_npy(name, stream, max_pixels)
    values = _channels(_float32(name, array))
    if names is None or len(names) != len(values) or len(set(names)) != len(names):
        names = ("gray",) if len(values) == 1 else tuple(str(index) for index in range(len(values)))
    return Image(name, values, names, is_array=True)


def _float32(name: str, array: NDArray[Any]) -> NDArray[np.float32]:
    try:
        with np.errstate(over="raise", invalid="ignore"):
            return array.astype(np.float32, copy=False)
    except FloatingPointError:
        raise FileError(f"{name}: it holds numbers beyond ±3.4e38, the most for 32 bits. Scale them down.") from None


def _channels(array: NDArray[Any]) -> NDArray[Any]:
    """An array of 1, 2 or 3 axes as `(C, H, W)`."""
    return np.ascontiguousarray(array.reshape((1,) * (3 - array.ndim) + array.shape))


def _read_npy(name: str, stream: IO[bytes], max_pixels: int, label: str = "the array") -> NDArray[Any]:
    """The array of a `.npy`, its type and shape checked before its numbers are read."""
    try:
        shape, fortran, dtype = _header(stream)
    except BROKEN as error:
        raise _damaged(name) from error
    _check(name, label, shape, dtype, max_pixels)
    size = math.prod(shape) * dtype.itemsize
    data = stream.read(size)
    if len(data) != size:
        raise _damaged(name)
    array = np.frombuffer(data, dtype)
    return array.reshape(shape[::-1]).T if fortran else array.reshape(shape)


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """The shape, whether it is in Fortran's order, and the type that a `.npy` begins with."""
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of headers that Python 2 wrote, and of damaged ones
        try:
            shape, fortran, dtype = read(stream)
        except MemoryError:
            raise ValueError("a header nested too deeply") from None
    return tuple(map(int, shape)), fortran, dtype


def _check(name: str, label: str, shape: tuple[int, ...], dtype: np.dtype[Any], max_pixels: int) -> None:
    if dtype.kind not in "biuf":
        raise FileError(f"{name}: {label} holds {dtype} values. An image is made of real numbers.")
    if not 1 <= len(shape) <= 3:
        raise FileError(
            f"{name}: {label} has the shape {shape}. An image is (H, W) or (C, H, W), or one row of numbers."
        )
    if min(shape) <= 0:
        raise FileError(f"{name}: {label} has the shape {shape}: it holds no numbers.")
    check_size(name, shape if len(shape) > 1 else (1, *shape), max_pixels, "numbers")


def _read_npz(name: str, stream: IO[bytes], max_pixels: int) -> tuple[NDArray[Any], tuple[str, ...] | None]:
    """The feature maps of a `.npz` with their names, or the only numbers in it."""
    try:
        with zipfile.ZipFile(stream) as archive:
            members = [entry.removesuffix(".npy") for entry in archive.namelist() if entry.endswith(".npy")]
            chosen = MAPS if MAPS in members else _only(name, archive, members)
            with archive.open(f"{chosen}.npy") as member:
                array = _read_npy(name, member, max_pixels, f"its array {chosen!r}")
            return array, _read_names(archive, members) if chosen == MAPS else None
    except BROKEN as error:
        raise _damaged(name) from error


def _only(name: str, archive: zipfile.ZipFile, members: list[str]) -> str:
    """The one array of real numbers of an archive."""
    numbers = [member for member in members if _is_numbers(archive, member)]
    if len(numbers) == 1:
        return numbers[0]
    if not numbers:
        raise FileError(f"{name}: it holds no array of numbers.")
    raise FileError(
        f"{name}: it holds {len(numbers)} arrays ({', '.join(numbers)}). Save one of them alone, or call it {MAPS!r}."
    )


def _is_numbers(archive: zipfile.ZipFile, member: str) -> bool:
    with archive.open(f"{member}.npy") as stream:
        try:
            return _header(stream)[2].kind in "biuf"
        except BROKEN:
            return False


def _read_names(archive: zipfile.ZipFile, members: list[str]) -> tuple[str, ...] | None:
    if NAMES not in members or archive.getinfo(f"{NAMES}.npy").file_size > 2**24:
        return None
    with archive.open(f"{NAMES}.npy") as stream:
        try:
            array = np.load(io.BytesIO(stream.read()), allow_pickle=False)
        except BROKEN:
            return None
    return tuple(map(str, array)) if array.ndim == 1 and array.dtype.kind == "U" else None


def _damaged(name: str) -> FileError:
    return FileError(f"{name}: the array is cut off or damaged. Save it again with numpy.save or numpy.savez.")


BYTES = 25
"""About the most bytes that a number takes as text; the limit of numbers limits the text by it."""
APART = (";", ",", "\t")
"""What may stand between two numbers: the first that a line has, so that 1,5;2,5 is refused rather than misread."""


def load_table(name: str, stream: IO[bytes], max_pixels: int) -> Image:
    """The numbers of a `.csv` as an image of one channel.

    Rows of numbers apart by commas, semicolons, tabs or blanks; lines that start with # are passed over.

    Raises
    ------
    FileError
        If a cell is not a finite number, a row is longer or shorter than the first, or there are none or too many.
    """
    if stream.seek(0, io.SEEK_END) > max_pixels * BYTES:
        raise FileError(f"{name}: it is too long for {max_pixels} numbers, the limit. Raise it with --max-pixels.")
    stream.seek(0)
    rows: list[NDArray[np.float32]] = []
    for number, line in _lines(name, stream):
        rows.append(_row(name, number, line))
        if len(rows[-1]) != len(rows[0]):
            raise FileError(
                f"{name}, line {number}: its count of numbers is {len(rows[-1])}, that of the first row "
                f"{len(rows[0])}. Every row needs as many."
            )
        check_size(name, (len(rows), len(rows[0])), max_pixels, "numbers")
    if not rows:
        raise FileError(f"{name}: it holds no numbers.")
    return Image(name, np.stack(rows)[None], ("gray",), is_array=True)


def _lines(name: str, stream: IO[bytes]) -> Iterator[tuple[int, str]]:
    """The lines that hold numbers, and where they stand."""
    try:
        with io.TextIOWrapper(stream, "utf-8-sig") as text:
            for number, line in enumerate(text, 1):
                stripped = line.strip()
                if stripped and not stripped.startswith("#"):
                    yield number, stripped
    except UnicodeDecodeError:
        raise FileError(f"{name}: it is not text. A .csv holds rows of numbers.") from None


def _row(name: str, number: int, line: str) -> NDArray[np.float32]:
    cells = [cell.strip() for cell in line.split(next((mark for mark in APART if mark in line), None))]
    try:
        values = np.array([float(cell) for cell in cells])
    except ValueError:
        values = np.array([np.nan])
    with np.errstate(over="ignore"):  # too large for float32: found as infinite below
        row = values.astype(np.float32)
    if "_" in line or not np.isfinite(row).all():
        column = next(place for place, cell in enumerate(cells, 1) if not _is_number(cell))
        what = f"{cells[column - 1]!r} is not a number" if cells[column - 1] else "there is no number"
        raise FileError(f"{name}, line {number}, column {column}: {what}.")
    return row


def _is_number(cell: str) -> bool:
    """Whether a cell holds a finite float32; Python's own `1_000` is none."""
    try:
        return "_" not in cell and abs(float(cell)) <= float(np.finfo(np.float32).max)
    except ValueError:
        return False
