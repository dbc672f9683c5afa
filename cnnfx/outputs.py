"""Where results go: one grid picture, numbers, or a folder of pictures, to a file or to standard output."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import FileError, UsageError
from cnnfx.files import atomic_write
from cnnfx.images import Image
from cnnfx.maps import FeatureMaps
from cnnfx.pipeline import Layout, channel_grids, lay_out
from cnnfx.render.grid import Grid
from cnnfx.render.png import write_png

Layers = Sequence[tuple[int, FeatureMaps]]

PICTURES = {
    "png": "PNG", "jpg": "JPEG", "jpeg": "JPEG", "tif": "TIFF", "tiff": "TIFF", "webp": "WEBP",
    "bmp": "BMP", "gif": "GIF", "pgm": "PPM", "ppm": "PPM",
}  # fmt: skip
"""Endings of picture files, and Pillow's name for their format."""
QUALITY = {"jpg": {"quality": 92}, "jpeg": {"quality": 92}, "webp": {"quality": 92}}
NUMBERS = ("npy", "npz")
"""Endings of files that hold the float maps."""
STDOUT = "-"


@dataclass(frozen=True)
class Target:
    """Where one image's results go: `path` (None is standard output) in `format`, or one file per channel in folder
    `path`."""

    path: Path | None
    format: str = "png"
    folder: bool = False
    stem: str = ""

    def open(self) -> AbstractContextManager[IO[bytes]]:
        """The target as a binary file that appears whole or not at all."""
        return _stdout() if self.path is None else atomic_write(self.path)


@dataclass(frozen=True)
class Written:
    """One output: where it is, whose layer it shows, and which of its channels."""

    output: str
    layer: int
    maps: FeatureMaps
    channels: range


def checked_format(name: str) -> str:
    """A format's name as an ending without dot.

    Raises
    ------
    UsageError
        If it is not known.
    """
    ending = name.lower().removeprefix(".")
    if ending not in PICTURES and ending not in NUMBERS:
        known = ", ".join([*PICTURES, *NUMBERS])
        raise UsageError(f"There is no output format {name!r}. Choose one of {known}.")
    return ending


def write(target: Target, image: Image, layers: Layers, layout: Layout) -> list[Written]:
    """Write the feature maps where `target` says.

    Raises
    ------
    FileError
        If the file or folder cannot be written.
    """
    if target.folder:
        return list(_write_folder(target, layers, layout))
    with target.open() as file:
        if target.format in NUMBERS:
            write_numbers(file, target.format, image, layers)
        else:
            write_grid(file, lay_out(image, layers, layout), target.format)
    where = STDOUT if target.path is None else str(target.path)
    return [Written(where, number, maps, range(maps.shape[0])) for number, maps in layers]


def write_grid(file: IO[bytes], grid: Grid, format: str = "png") -> None:
    """Write a grid as a picture of a format in `PICTURES`; a PNG band by band, whatever its size."""
    if format == "png":
        write_png(file, grid.width, grid.height, grid.bands(), color="rgb" if grid.color else "gray")
    else:
        write_picture(file, grid.pixels(), format)


def write_picture(file: IO[bytes], pixels: NDArray[np.uint8], format: str = "png") -> None:
    """Write levels `(H, W)` or `(H, W, 3)` as a picture of a format in `PICTURES`.

    Raises
    ------
    FileError
        If the format cannot hold a picture of this size.
    """
    height, width = pixels.shape[:2]
    if format == "png":
        write_png(file, width, height, [pixels], color="rgb" if pixels.ndim == 3 else "gray")
        return
    import PIL.Image

    encoded = io.BytesIO()
    try:
        PIL.Image.fromarray(pixels).save(encoded, PICTURES[format], **QUALITY.get(format, {}))
    except (OSError, ValueError) as error:
        raise FileError(
            f"A picture of {width}×{height} pixels cannot be written as {format}: {error}. Write a .png instead."
        ) from error
    file.write(encoded.getbuffer())


def write_numbers(file: IO[bytes], format: str, image: Image, layers: Layers) -> None:
    """Write the float maps: `.npy` as one array `(K, H, W)`, `.npz` with names and settings beside it."""
    if format == "npy":
        if len(layers) > 1:
            raise UsageError("A .npy file holds one array, so it cannot take several layers. Write a .npz instead.")
        np.save(file, layers[0][1].whole())
        return
    arrays: dict[str, Any] = {}
    for number, maps in layers:
        suffix = str(number) if len(layers) > 1 else ""
        arrays[f"maps{suffix}"] = maps.whole()
        arrays[f"names{suffix}"] = np.array(maps.names)
    arrays["meta"] = np.array(json.dumps(_settings(image, layers)))
    np.savez(file, **arrays)


def _settings(image: Image, layers: Layers) -> dict[str, Any]:
    network = layers[-1][1].network
    described = [
        {
            "filters": list(layer.filter_names),
            "stride": layer.conv.window.stride,
            "dilation": layer.conv.window.dilation,
            "padding": layer.conv.window.padding,
            "border": layer.conv.window.border,
            "activation": layer.activation.kind,
            "pool": f"{layer.pool.kind}:{layer.pool.size}" if layer.pool else None,
        }
        for layer in network.layers
    ]
    return {"format": 1, "input": image.name, "filters": network.name, "layers": described}


def _write_folder(target: Target, layers: Layers, layout: Layout) -> Iterator[Written]:
    assert target.path is not None
    _make_folder(target.path)
    for number, maps in layers:
        layer = f"layer{number}." if len(layers) > 1 else ""
        for index, (name, grid) in enumerate(channel_grids(maps, layout)):
            path = target.path / f"{target.stem}.{layer}{file_name(name)}.{target.format}"
            with atomic_write(path) as file:
                write_grid(file, grid, target.format)
            yield Written(str(path), number, maps, range(index, index + 1))


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(exist_ok=True)
    except OSError as error:
        raise FileError(f"{path}: the folder cannot be made: {error.strerror}. Choose another with -o.") from error


def file_name(name: str) -> str:
    """A channel's name as a part of a file name: what file systems do not take becomes `_`."""
    return "".join(sign if sign.isalnum() or sign in "-_.+" else "_" for sign in name)


@contextmanager
def _stdout() -> Iterator[IO[bytes]]:
    """Standard output as a binary file; nothing is sent if writing fails half-way."""
    if sys.stdout.isatty():
        raise UsageError(
            "Binary data is not written to a terminal. Give -o FILE, or send the output into a pipe or file."
        )
    sys.stdout.flush()
    buffer = sys.stdout.buffer
    yield cast(IO[bytes], _Unseekable(buffer.write))
    buffer.flush()


class _Unseekable(io.RawIOBase):
    """A stream that says that it cannot seek, also where standard output is a file: what stands before is not ours."""

    def __init__(self, write: Callable[[Any], int]) -> None:
        self._write = write

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return self._write(data)


def is_same_file(first: str | os.PathLike[str], second: str | os.PathLike[str]) -> bool:
    """Whether two paths name the same existing file."""
    try:
        return Path(first).samefile(second)
    except OSError:
        return False
