"""Where results go: one grid picture, numbers, or a folder of pictures, to a file or to standard output."""

from __future__ import annotations

import io
import os
import stat
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import FileError, UsageError
from cnnfx.files import atomic_write, reason
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

FileId = tuple[int, int]
"""What tells whether two paths name one file: its device and its number there."""


@dataclass(frozen=True)
class Target:
    """Where one image's results go.

    Parameters
    ----------
    path : Path or None
        A file, or None for standard output; or a folder.
    format : str
        The ending of the files.
    folder : bool
        Whether `path` is a folder, in which each channel gets a file of its own.
    stem : str
        What the names of these files begin with.
    below : Path
        The folder in `path` in which they are.
    inputs : set of file identities
        Files that are never written over.
    """

    path: Path | None
    format: str = "png"
    folder: bool = False
    stem: str = ""
    below: Path = Path()
    inputs: frozenset[FileId] = field(default=frozenset(), repr=False)

    def check(self) -> None:
        """See that the target can take what is to be written.

        Raises
        ------
        UsageError
            If it is an input, or binary data would go to a terminal.
        """
        if self.path is None:
            _check_no_terminal(sys.stdout)
        elif not self.folder:
            self._check_file(self.path)

    def open(self) -> AbstractContextManager[IO[bytes]]:
        """The target as a binary file that appears whole or not at all."""
        self.check()
        return _stdout() if self.path is None else atomic_write(self.path)

    def make_files(self, names: Sequence[str]) -> list[Path]:
        """The file of each of some channels, in a folder that is made if need be; none of them is an input."""
        assert self.path is not None
        _make_folder(self.path, self.below)
        folder = self.path / self.below
        files = [folder / f"{self.stem}.{name}.{self.format}" for name in _apart([file_name(name) for name in names])]
        for file in files:
            self._check_file(file)
        return files

    def _check_file(self, path: Path) -> None:
        if file_id(path) in self.inputs:
            raise UsageError(f"{path} is an input: it would be overwritten. Choose another output with -o.")
        if _is_device(path):
            with suppress(OSError), path.open("wb") as device:  # what cannot be opened is told when it is written
                _check_no_terminal(device)


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
        return list(_write_folder(target, image, layers, layout))
    where = STDOUT if target.path is None else str(target.path)
    if target.format in NUMBERS:
        with target.open() as file:
            write_numbers(file, target.format, image, layers)
    else:
        grid = lay_out(image, layers, layout)
        with target.open() as file:
            write_grid(file, where, grid, target.format)
    return [Written(where, number, maps, range(maps.shape[0])) for number, maps in layers]


def write_grid(file: IO[bytes], where: str, grid: Grid, format: str = "png") -> None:
    """Write a grid as a picture of a format in `PICTURES`; a PNG band by band, whatever its size.

    Raises
    ------
    FileError
        If the format cannot hold a picture of this size; the message says that of the file `where`.
    """
    if format == "png":
        write_png(file, grid.width, grid.height, grid.bands(), color="rgb" if grid.color else "gray")
    else:
        write_picture(file, where, grid.pixels(), format)


def write_picture(file: IO[bytes], where: str, pixels: NDArray[np.uint8], format: str = "png") -> None:
    """Write levels `(H, W)` or `(H, W, 3)` as a picture of a format in `PICTURES`.

    Raises
    ------
    FileError
        If the format cannot hold a picture of this size; the message says that of the file `where`.
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
            f"{where}: a picture of {width}×{height} pixels cannot be written as {format}: {str(error).rstrip('.')}. "
            "Write a .png instead."
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
    import json

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


def _write_folder(target: Target, image: Image, layers: Layers, layout: Layout) -> Iterator[Written]:
    prefixes = [f"layer{number}." if len(layers) > 1 else "" for number, _ in layers]
    names = [prefix + name for prefix, (_, maps) in zip(prefixes, layers, strict=True) for name in maps.names]
    paths = iter(target.make_files(names))
    for number, maps in layers:
        grids = channel_grids(maps, layout)
        for index in range(maps.shape[0]):
            path = next(paths)
            with atomic_write(path) as file:
                if target.format in NUMBERS:
                    write_numbers(file, target.format, image, [(number, maps.part(index, index + 1))])
                else:
                    write_grid(file, str(path), grids[index], target.format)
            yield Written(str(path), number, maps, range(index, index + 1))


def _make_folder(path: Path, below: Path) -> None:
    try:
        path.mkdir(exist_ok=True)
        (path / below).mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise FileError(f"{path}: it is a file, so it cannot be made a folder. Choose another with -o.") from None
    except FileNotFoundError:
        raise FileError(f"{path}: the folder in which it should be does not exist. Make it first.") from None
    except OSError as error:
        raise FileError(f"{path}: the folder cannot be made: {reason(error)}.") from error


def _is_device(path: Path) -> bool:
    try:
        return stat.S_ISCHR(path.stat().st_mode)
    except OSError:
        return False


def _apart(names: list[str]) -> list[str]:
    """File names of which no two are the same, also where capitals do not count."""
    counts = Counter(name.casefold() for name in names)
    return [f"{name}.{number}" if counts[name.casefold()] > 1 else name for number, name in enumerate(names, 1)]


def file_name(name: str) -> str:
    """A channel's name as a part of a file name: what file systems do not take becomes `_`."""
    return "".join(sign if sign.isalnum() or sign in "-_.+" else "_" for sign in name)


@contextmanager
def _stdout() -> Iterator[IO[bytes]]:
    """Standard output as a binary file; nothing is sent if writing fails half-way."""
    sys.stdout.flush()
    buffer = sys.stdout.buffer
    yield cast(IO[bytes], _Unseekable(buffer.write))
    buffer.flush()


def _check_no_terminal(stream: IO[Any]) -> None:
    if stream.isatty():
        raise UsageError(
            "Binary data is not written to a terminal. Give -o FILE, or send the output into a pipe or file."
        )


class _Unseekable(io.RawIOBase):
    """A stream that says that it cannot seek, also where standard output is a file: what stands before is not ours."""

    def __init__(self, write: Callable[[Any], int]) -> None:
        self._write = write

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return self._write(data)


def file_id(path: str | os.PathLike[str]) -> FileId | None:
    """What identifies a file, whatever path or link leads to it; None if there is none."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino
