"""Reading of `.npy` and `.npz` files as images.

Arrays have the shape `(C, H, W)`, `(H, W)` or `(W,)`, and missing axes get the size 1; or `(H, W, C)`, as
`cnnfx.images.axes` decides. Values become float32 and are not scaled.
"""

from __future__ import annotations

from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import FileError
from cnnfx.images.axes import REAL_KINDS, to_channels, without_batch
from cnnfx.images.channels import Background, Channels
from cnnfx.images.image import Image, check_size, numbered_names, within_float32
from cnnfx.system.npz import CompressionError, NpyHeader, NpzError, NpzReader, read_header, read_values

MAPS = "maps"
"""The array of feature maps in a `.npz` file written by cnnfx."""
NAMES = "names"
"""The array of the maps' names in such a file."""
MAX_NAMES_BYTES = 2**24
"""The most bytes of the maps' names; longer names are ignored."""


def load_npy(name: str, stream: IO[bytes], max_pixels: int, background: Background = None) -> Image:
    """Read a `.npy` file as an image.

    Parameters
    ----------
    name : str
        The name of the image, for messages.
    stream : binary file
    max_pixels : int
        The most numbers of all channels together.
    background : Background
        The color over which an array (H, W, 4) is composited; see `cnnfx.images.axes.to_channels`.

    Returns
    -------
    Image
        One channel is called "gray"; several are numbered from "0", those of (H, W, 3) are red, green and blue.

    Raises
    ------
    FileError
        If the file is damaged, or its array is not real, is not that of one image, is empty or too large. The header
        is checked before the values are read.
    """
    try:
        array = _read_array(name, stream, max_pixels, "the array")
    except NpzError as error:
        raise _damaged(name, error) from error
    return _to_image(name, to_channels(name, array, background))


def load_npz(name: str, stream: IO[bytes], max_pixels: int, background: Background = None) -> Image:
    """Read a `.npz` file as an image: its feature maps with their names, or else its only array of real numbers.

    Feature maps have the axes (C, H, W), whatever their sizes. Parameters, result and errors are as in `load_npy`. A
    file of several arrays without feature maps is an error too.
    """
    try:
        with NpzReader(stream) as archive:
            chosen = MAPS if MAPS in archive.names else _only_real_array(name, archive)
            with archive.open(chosen) as member:
                array = _read_array(name, member, max_pixels, f"its array {chosen!r}")
            names = _read_names(archive) if chosen == MAPS else ()
    except NpzError as error:
        raise _damaged(name, error) from error
    if chosen == MAPS and array.ndim == 3:
        return _to_image(name, Channels(array, _maps_names(len(array), names)))
    return _to_image(name, to_channels(name, array, background))


def _maps_names(count: int, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of feature maps; numbers where the names in the file are not one for each."""
    return names if len(names) == len(set(names)) == count else numbered_names(count)


def _read_array(name: str, stream: IO[bytes], max_pixels: int, subject: str) -> NDArray[Any]:
    """Read an array after a check of its header. Messages begin with `name` and `subject`."""
    header = read_header(stream)
    _check_header(f"{name}: {subject}", header)
    shape = without_batch(header.shape)
    check_size(name, shape if len(shape) > 1 else (1, *shape), max_pixels, "numbers")
    return read_values(stream, header)


def _check_header(where: str, header: NpyHeader) -> None:
    shape, dtype = header.shape, header.dtype
    if dtype.kind not in REAL_KINDS:
        kind = "structured" if dtype.kind == "V" else dtype
        raise FileError(f"{where} holds {kind} values. An image is made of real numbers.")
    if len(shape) == 4 and shape[0] > 1:
        raise FileError(f"{where} has the shape {shape}, which is {shape[0]} images. Save one of them.")
    if not 1 <= len(without_batch(shape)) <= 3:
        raise FileError(
            f"{where} has the shape {shape}. An image is (H, W), (C, H, W) or (H, W, C), or one row of numbers."
        )
    if min(shape) <= 0:
        raise FileError(f"{where} has the shape {shape}: it holds no numbers.")


def _to_image(name: str, channels: Channels) -> Image:
    """Return channels as an image of float32."""
    with within_float32(name):
        values = channels.values.astype(np.float32, copy=False)
    return Image(name, np.ascontiguousarray(values), channels.names, is_array=True, notes=channels.notes)


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
