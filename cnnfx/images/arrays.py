"""Numbers as images: `.npy`, `.npz` and `.csv`, as (H, W) or (C, H, W); a row of numbers is an image one pixel high."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import FileError
from cnnfx.images.image import Image, check_pixels

MAPS, NAMES = "maps", "names"
"""The arrays that cnnfx itself writes into a `.npz`: feature maps and their names."""
TEXT_BYTES = 25
"""About the most bytes that a number of a `.csv` takes; the limit of pixels limits the text by it."""


def load_array(name: str, stream: IO[bytes], kind: str, max_pixels: int) -> Image:
    """Numbers as an image; see `cnnfx.load_image`. `kind` is "npy", "npz" or "csv"."""
    names: tuple[str, ...] | None = None
    if kind == "csv":
        array = _read_csv(name, stream, max_pixels)
    elif kind == "npz":
        array, names = _read_npz(name, stream, max_pixels)
    else:
        array = _read_npy(name, stream, max_pixels)
    values = _channels(array).astype(np.float32, copy=False)
    if names is None or len(names) != len(values):
        names = ("gray",) if len(values) == 1 else tuple(str(index) for index in range(len(values)))
    return Image(name, values, names, is_array=True)


def _channels(array: NDArray[Any]) -> NDArray[Any]:
    """An array of 1, 2 or 3 axes as `(C, H, W)`."""
    return np.ascontiguousarray(array.reshape((1,) * (3 - array.ndim) + array.shape))


def _read_npy(name: str, stream: IO[bytes], max_pixels: int, label: str = "the array") -> NDArray[Any]:
    """The array of a `.npy`, its type and shape checked before its numbers are read."""
    try:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(stream)
    except (ValueError, EOFError, OSError, SyntaxError) as error:
        raise _damaged(name) from error
    _check(name, label, shape, dtype, max_pixels)
    data = stream.read(int(np.prod(shape)) * dtype.itemsize)
    if len(data) != int(np.prod(shape)) * dtype.itemsize:
        raise _damaged(name)
    array = np.frombuffer(data, dtype)
    return array.reshape(shape[::-1]).T if fortran else array.reshape(shape)


def _check(name: str, label: str, shape: tuple[int, ...], dtype: np.dtype[Any], max_pixels: int) -> None:
    if dtype.kind not in "biuf":
        raise FileError(f"{name}: {label} holds {dtype} values. An image is made of real numbers.")
    if not 1 <= len(shape) <= 3:
        raise FileError(
            f"{name}: {label} has the shape {shape}. An image is (H, W) or (C, H, W), or one row of numbers."
        )
    if 0 in shape:
        raise FileError(f"{name}: {label} has the shape {shape}: it holds no numbers.")
    *channels, width = shape
    check_pixels(name, width, int(np.prod(channels)) if channels else 1, max_pixels)


def _read_npz(name: str, stream: IO[bytes], max_pixels: int) -> tuple[NDArray[Any], tuple[str, ...] | None]:
    """The feature maps of a `.npz` with their names, or the only numbers in it."""
    try:
        with zipfile.ZipFile(stream) as archive:
            members = [entry.removesuffix(".npy") for entry in archive.namelist() if entry.endswith(".npy")]
            chosen = MAPS if MAPS in members else _only(name, archive, members)
            with archive.open(f"{chosen}.npy") as member:
                array = _read_npy(name, member, max_pixels, f"its array {chosen!r}")
            return array, _read_names(archive, members) if chosen == MAPS else None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
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
            version = np.lib.format.read_magic(stream)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            return read(stream)[2].kind in "biuf"
        except ValueError:
            return False


def _read_names(archive: zipfile.ZipFile, members: list[str]) -> tuple[str, ...] | None:
    if NAMES not in members or archive.getinfo(f"{NAMES}.npy").file_size > 2**24:
        return None
    with archive.open(f"{NAMES}.npy") as stream:
        try:
            array = np.load(io.BytesIO(stream.read()), allow_pickle=False)
        except ValueError:
            return None
    return tuple(map(str, array)) if array.ndim == 1 and array.dtype.kind == "U" else None


def _damaged(name: str) -> FileError:
    return FileError(f"{name}: the array is cut off or damaged. Save it again with numpy.save or numpy.savez.")


def _read_csv(name: str, stream: IO[bytes], max_pixels: int) -> NDArray[np.float64]:
    """Rows of numbers apart by commas, semicolons, tabs or blanks; lines that start with # are passed over."""
    data = stream.read(max_pixels * TEXT_BYTES + 1)
    if len(data) > max_pixels * TEXT_BYTES:
        raise FileError(f"{name}: it is too long for {max_pixels} numbers, the limit. Raise it with --max-pixels.")
    try:
        lines = data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise FileError(f"{name}: it is not text at byte {error.start + 1}. A .csv holds rows of numbers.") from None
    rows: list[list[float]] = []
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.lstrip().startswith("#"):
            rows.append(_row(name, number, line))
            if len(rows[-1]) != len(rows[0]):
                raise FileError(
                    f"{name}, line {number}: it has {len(rows[-1])} numbers, the first row has {len(rows[0])}. "
                    "Every row needs as many."
                )
    if not rows:
        raise FileError(f"{name}: it holds no numbers.")
    check_pixels(name, len(rows[0]), len(rows), max_pixels)
    return np.array(rows)


def _row(name: str, number: int, line: str) -> list[float]:
    cells = re.split(r"\s*[,;\t]\s*|\s+", line.strip())
    try:
        values = [float(cell) for cell in cells]
    except ValueError:
        values = []
    if not values or not np.isfinite(values).all():
        place, cell = next((place, cell) for place, cell in enumerate(cells, 1) if not _is_number(cell))
        raise FileError(f"{name}, line {number}, column {place}: {cell!r} is not a number.")
    return values


def _is_number(cell: str) -> bool:
    try:
        return bool(np.isfinite(float(cell)))
    except ValueError:
        return False
