"""Animation files: frames written as GIF, animated WebP or animated PNG with one palette for all frames."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import ArgumentError, FileError
from cnnfx.render.png import FrameRegion, write_apng
from cnnfx.render.tiles import Levels

if TYPE_CHECKING:
    from PIL.Image import Image

ANIMATION_FORMATS = ("gif", "webp", "png")
"""The formats that can hold an animation, and the endings of their files."""
MAX_COLORS = 255
"""Colors in a palette of 256 entries; the remaining entry is transparent and marks unchanged pixels."""
MIN_FRAME_MILLISECONDS = 20
"""The shortest frame: viewers of GIF files slow down frames that are shorter."""
MAX_SIDE_PIXELS = 16383
"""The largest width and height that WebP allows; the limit applies to all formats."""
GIF_HEADER_BYTES = 13
"""Length of a GIF file's header. The palette follows; the lowest three bits of byte 10 give its size."""
GIF_POSITION_OFFSET = 9
"""Where the column and row of a frame are in its blocks, in bytes: after a graphic control extension of 8 bytes."""


def frame_duration(fps: float) -> int:
    """Return the milliseconds of a frame at `fps` frames per second.

    The result is a multiple of 10, since GIF counts hundredths of a second, and at least `MIN_FRAME_MILLISECONDS`.
    """
    return max(MIN_FRAME_MILLISECONDS, round(100 / fps) * 10)


def write_animation(
    file: IO[bytes],
    name: str,
    frames: Iterable[Levels],
    durations: Sequence[int],
    format: str = "gif",
    palette: NDArray[np.uint8] | None = None,
) -> None:
    """Write frames as an animation that repeats forever.

    Parameters
    ----------
    file : binary file
    name : str
        The name of the file, for messages.
    frames : iterable of uint8 arrays of one shape
        With a palette, `(H, W)` indices into it. Without one, gray levels `(H, W)` or colors `(H, W, 3)`, for which
        `shared_palette` makes a palette.
    durations : sequence of int
        The milliseconds of each frame.
    format : "gif", "webp" (lossless) or "png"
    palette : array (N, 3), uint8, optional
        N is at most 255.

    Raises
    ------
    ArgumentError
        If the format cannot hold an animation, or the palette has too many colors.
    FileError
        If a frame is wider or higher than `MAX_SIDE_PIXELS`.
    """
    if format not in ANIMATION_FORMATS:
        raise ArgumentError(f"{format} files cannot hold an animation. Choose one of {', '.join(ANIMATION_FORMATS)}.")
    if palette is None:
        frames, palette = shared_palette(list(frames))
    if len(palette) > MAX_COLORS:
        raise ArgumentError(f"A palette has at most {MAX_COLORS} colors, not {len(palette)}.")
    if format == "webp":
        _write_webp(file, name, frames, durations, palette)
        return
    transparent = len(palette)
    palette = np.concatenate([palette, np.zeros((1, 3), np.uint8)])
    parts = _changed_parts(name, frames, transparent)
    if format == "gif":
        _write_gif(file, parts, durations, palette)
    else:
        write_apng(file, parts, durations, palette)


def shared_palette(frames: Sequence[Levels]) -> tuple[list[Levels], NDArray[np.uint8]]:
    """Convert frames to indices into one palette.

    The palette has the colors of the frames if they have at most 255, otherwise 255 colors close to them. There is no
    dithering.

    Parameters
    ----------
    frames : sequence of uint8 arrays
        Gray levels `(H, W)` or colors `(H, W, 3)`.

    Returns
    -------
    frames : list of arrays (H, W), uint8
        Indices into the palette.
    palette : array (N, 3), uint8
    """
    if all(frame.ndim == 2 for frame in frames):
        levels = np.unique(np.concatenate([np.unique(frame) for frame in frames]))
        if len(levels) > MAX_COLORS:
            levels = np.rint(np.linspace(0, 255, MAX_COLORS)).astype(np.uint8)
        index_of_level = np.searchsorted(levels, np.arange(256)).clip(0, len(levels) - 1).astype(np.uint8)
        return [index_of_level[frame] for frame in frames], np.repeat(levels[:, None], 3, axis=1)
    import PIL.Image

    colored = [frame if frame.ndim == 3 else np.repeat(frame[..., None], 3, axis=2) for frame in frames]
    colors = np.unique(np.concatenate([np.unique(_color_codes(frame)) for frame in colored]))
    if len(colors) <= MAX_COLORS:
        palette = np.stack([colors >> 16, colors >> 8 & 255, colors & 255], axis=-1).astype(np.uint8)
        return [np.searchsorted(colors, _color_codes(frame)).astype(np.uint8) for frame in colored], palette
    sheet = PIL.Image.fromarray(np.concatenate(colored)).quantize(MAX_COLORS, PIL.Image.Quantize.MEDIANCUT)
    indices = [
        np.asarray(PIL.Image.fromarray(frame).quantize(palette=sheet, dither=PIL.Image.Dither.NONE))
        for frame in colored
    ]
    return indices, np.array(sheet.getpalette(), np.uint8).reshape(-1, 3)


def _color_codes(frame: Levels) -> NDArray[np.int32]:
    """Return each color of a frame `(H, W, 3)` as one number, red·2¹⁶ + green·2⁸ + blue."""
    red, green, blue = np.moveaxis(frame.astype(np.int32), -1, 0)
    codes: NDArray[np.int32] = red << 16 | green << 8 | blue
    return codes


def _changed_parts(name: str, frames: Iterable[Levels], transparent: int) -> Iterator[FrameRegion]:
    """Yield the first frame, then the rectangle of each frame that differs from the previous one.

    Pixels in the rectangle that have not changed get the index `transparent`, which compresses well.
    """
    previous: Levels | None = None
    for frame in frames:
        if previous is None:
            _check_size(name, frame)
            yield frame, 0, 0
        else:
            changed = frame != previous
            rows, columns = (_extent(changed.any(axis=axis)) for axis in (1, 0))
            yield np.where(changed, frame, np.uint8(transparent))[rows, columns], rows.start, columns.start
        previous = frame


def _extent(changed: NDArray[np.bool_]) -> slice:
    """Return the slice from the first to the last true value; the first position if all are false."""
    (positions,) = changed.nonzero()
    return slice(int(positions[0]), int(positions[-1]) + 1) if len(positions) else slice(0, 1)


def _check_size(name: str, frame: Levels) -> None:
    height, width = frame.shape
    if max(height, width) > MAX_SIDE_PIXELS:
        raise FileError(
            f"{name}: an animation of {width}×{height} pixels is too large. Width and height are limited to "
            f"{MAX_SIDE_PIXELS} pixels."
        )


def _write_gif(
    file: IO[bytes], parts: Iterable[FrameRegion], durations: Sequence[int], palette: NDArray[np.uint8]
) -> None:
    """Write a GIF file with one palette, part by part.

    Each part is saved as a separate GIF file, whose blocks are copied with the position of the part: Pillow's
    animations would have a palette for each frame and need all frames in memory.
    """
    transparent = len(palette) - 1
    for index, ((part, top, left), duration) in enumerate(zip(parts, durations, strict=True)):
        picture = _palette_image(part, palette)
        encoded = io.BytesIO()
        if index == 0:
            picture.save(encoded, "GIF", optimize=False, loop=0, duration=duration)
            file.write(encoded.getbuffer()[:-1])  # without the end mark
        else:
            options = {"duration": duration, "transparency": transparent, "disposal": 1, "interlace": 0}
            picture.save(encoded, "GIF", optimize=False, **options)
            data = encoded.getbuffer()
            blocks = data[GIF_HEADER_BYTES + 3 * (2 << (data[10] & 7)) : -1]
            struct.pack_into("<2H", blocks, GIF_POSITION_OFFSET, left, top)
            file.write(blocks)
    file.write(b";")


def _write_webp(
    file: IO[bytes], name: str, frames: Iterable[Levels], durations: Sequence[int], palette: NDArray[np.uint8]
) -> None:
    pictures = [_palette_image(frame, palette) for frame in frames]
    _check_size(name, np.asarray(pictures[0]))
    encoded = io.BytesIO()  # Pillow seeks in the file, which a pipe does not support
    options = {"lossless": True, "quality": 20, "method": 1, "kmin": 0, "kmax": 0}  # kmax: no further key frames
    pictures[0].save(
        encoded, "WEBP", save_all=True, append_images=pictures[1:], duration=list(durations), loop=0, **options
    )
    file.write(encoded.getbuffer())


def _palette_image(frame: Levels, palette: NDArray[np.uint8]) -> Image:
    """Return a frame `(H, W)` of indices into a palette as a Pillow image."""
    import PIL.Image

    picture = PIL.Image.fromarray(frame)
    picture.putpalette(palette.tobytes())  # changes the mode from gray levels to palette indices
    return picture
