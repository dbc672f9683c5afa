"""Decompression by libtiff, which Pillow contains, without the messages that it writes to standard error.

The rows of strips are wrapped as a TIFF file of 8-bit gray pixels, one for each byte. So libtiff never reads the tags
of a user's file, and every kind of samples can be decompressed.
"""

from __future__ import annotations

import ctypes
import io
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnfx.images.pillow import PILLOW_LIMIT
from cnnfx.images.tiff_directory import LONG_TYPE, Photometric, Tag

HEADER_BYTES = 8
"""The bytes of the header of a TIFF file, after which the directory follows."""
ENTRY_BYTES = 12
"""The bytes of a tag in the directory."""

_lock = threading.Lock()
_users = 0
_handlers: list[Any] = []


@contextmanager
def silent_libtiff() -> Iterator[None]:
    """Keep libtiff from writing to standard error inside the `with` block; Pillow raises errors all the same.

    The functions that write are global to the process. Blocks may overlap in several threads; the end of the last one
    restores them.
    """
    global _users
    with _lock:
        _users += 1
        if _users == 1:
            _handlers[:] = [set_handler(None) for set_handler in _handler_setters()]
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                for set_handler, handler in zip(_handler_setters(), _handlers, strict=True):
                    set_handler(handler)


@lru_cache(maxsize=1)
def _handler_setters() -> list[Callable[[Any], Any]]:
    """Return the functions of libtiff that set what is called on an error and on a warning, and return the one before.

    There are none if libtiff is linked so that its functions cannot be found.
    """
    library = _library()
    setters = [getattr(library, name, None) for name in ("TIFFSetErrorHandler", "TIFFSetWarningHandler")]
    found = [setter for setter in setters if setter is not None]
    for setter in found:
        setter.restype, setter.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    return found


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL | None:
    """Return the library of Pillow, through which the functions of libtiff are found; None if there is none."""
    try:
        return ctypes.CDLL(import_module("PIL._imaging").__file__)
    except (OSError, ImportError):
        return None


def has_compression(compression: int) -> bool:
    """Return whether libtiff can decompress a kind of compression; True if it cannot be asked."""
    is_configured = getattr(_library(), "TIFFIsCODECConfigured", None)
    return is_configured is None or bool(is_configured(ctypes.c_uint16(compression)))


def decompress_strips(
    compression: int, row_bytes: int, contents: list[bytes], heights: list[int]
) -> NDArray[np.uint8] | None:
    """Return the rows of several strips, one after the other.

    Parameters
    ----------
    compression : int
        The number of the kind of compression in TIFF files.
    row_bytes : int
        The bytes of a row.
    contents : list of bytes
        The compressed strips, at least one.
    heights : list of int
        The rows of each strip. Only the last may have fewer than the others.

    Returns
    -------
    array (rows, row_bytes), uint8, or None
        None if the strips are damaged.
    """
    from PIL.TiffImagePlugin import TiffImageFile

    rows = sum(heights)
    content = _gray_file(compression, row_bytes, rows, heights[0], contents)
    try:
        with PILLOW_LIMIT(rows * row_bytes), silent_libtiff(), TiffImageFile(io.BytesIO(content)) as picture:
            picture.load()
            return np.asarray(picture)
    except Exception:  # Pillow raises many kinds
        return None


def _gray_file(compression: int, width: int, height: int, rows_per_strip: int, strips: list[bytes]) -> bytes:
    """Return a TIFF file of 8-bit gray pixels with these compressed strips."""
    counts = [len(strip) for strip in strips]
    tags = 9  # the number of values below
    arrays_start = HEADER_BYTES + 2 + tags * ENTRY_BYTES + 4
    is_single = len(strips) == 1
    strips_start = arrays_start + (0 if is_single else 8 * len(strips))
    offsets = [strips_start + before for before in np.cumsum([0, *counts[:-1]]).tolist()]
    values = {
        Tag.WIDTH: width,
        Tag.HEIGHT: height,
        Tag.BITS_PER_SAMPLE: 8,
        Tag.COMPRESSION: compression,
        Tag.PHOTOMETRIC: Photometric.BLACK_IS_ZERO,
        Tag.STRIP_OFFSETS: offsets[0] if is_single else arrays_start,
        Tag.SAMPLES_PER_PIXEL: 1,
        Tag.ROWS_PER_STRIP: rows_per_strip,
        Tag.STRIP_BYTE_COUNTS: counts[0] if is_single else arrays_start + 4 * len(strips),
    }
    lengths = {Tag.STRIP_OFFSETS: len(strips), Tag.STRIP_BYTE_COUNTS: len(strips)}
    directory = b"".join(
        struct.pack("<HHII", tag, LONG_TYPE, lengths.get(tag, 1), value) for tag, value in values.items()
    )
    arrays = b"" if is_single else struct.pack(f"<{2 * len(strips)}I", *offsets, *counts)
    return b"".join((b"II*\0", struct.pack("<IH", HEADER_BYTES, tags), directory, bytes(4), arrays, *strips))
