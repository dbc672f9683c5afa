"""Frames to one moving picture: GIF, animated WebP or animated PNG, with one palette for all of its frames."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import ArgumentError, FileError
from cnnfx.render.filters import framed, kernel_levels, side_by_side
from cnnfx.render.grid import Grid, Levels, Section, Tiles, enlarge
from cnnfx.render.png import Part, write_apng
from cnnfx.render.text import BACKGROUND, draw_text, line_height

if TYPE_CHECKING:
    from PIL.Image import Image

MOVING = ("gif", "webp", "png")
"""Endings of files that can move."""
MOST_COLORS = 255
"""A palette has 256 places; the last one stands for what has not changed since the frame before."""
SHORTEST = 20
"""Milliseconds: viewers of GIF show faster frames slowly."""
LONGEST_SIDE = 16383
"""Pixels: WebP has no larger pictures."""


def frame_time(fps: float) -> int:
    """The milliseconds of a frame: whole hundredths of a second, as GIF counts, and `SHORTEST` at least."""
    return max(SHORTEST, round(100 / fps) * 10)


def write_animation(
    file: IO[bytes],
    where: str,
    frames: Iterable[Levels],
    durations: Sequence[int],
    format: str = "gif",
    palette: NDArray[np.uint8] | None = None,
) -> None:
    """Write frames as a moving picture that begins again at its end.

    Parameters
    ----------
    file : binary file
    where : its name, for messages
    frames : iterable of uint8 arrays of one shape
        With a palette, `(H, W)` places in it. Without, gray levels `(H, W)` or colors `(H, W, 3)`, which are given one
        palette: their own colors if these are no more than 255, else 255 that lie near them. None is dithered.
    durations : milliseconds of each frame
    format : "gif", "webp" (lossless) or "png"
    palette : array (N, 3), optional
        N of at most 255.

    Raises
    ------
    ArgumentError
        If the format cannot move, or the palette is too large.
    FileError
        If the format cannot hold pictures of this size.
    """
    if format not in MOVING:
        raise ArgumentError(f"{format} files cannot move. Choose one of {', '.join(MOVING)}.")
    if palette is None:
        frames, palette = share_palette(list(frames))
    if len(palette) > MOST_COLORS:
        raise ArgumentError(f"A palette has at most {MOST_COLORS} colors, not {len(palette)}.")
    if format == "webp":
        _write_webp(file, where, frames, durations, palette)
        return
    same = len(palette)  # the place of a color that is not there: it leaves what was
    palette = np.concatenate([palette, np.zeros((1, 3), np.uint8)])
    parts = _changes(where, frames, same)
    if format == "gif":
        _write_gif(file, parts, durations, palette)
    else:
        write_apng(file, parts, durations, palette)


def _changes(where: str, frames: Iterable[Levels], same: int) -> Iterator[Part]:
    """The first frame, and of each other one the part that differs from the one before, what is the `same` left out."""
    before: Levels | None = None
    for frame in frames:
        if before is None:
            _check_size(where, frame)
            yield frame, 0, 0
        else:
            changed = frame != before
            rows, columns = (_extent(changed.any(axis=axis)) for axis in (1, 0))
            yield np.where(changed, frame, np.uint8(same))[rows, columns], rows.start, columns.start
        before = frame


def _write_gif(file: IO[bytes], parts: Iterable[Part], durations: Sequence[int], palette: NDArray[np.uint8]) -> None:
    """Part by part: Pillow would look at every color of every frame's palette, which takes longer than all else."""
    from PIL.GifImagePlugin import getdata

    same = len(palette) - 1
    for index, ((part, top, left), duration) in enumerate(zip(parts, durations, strict=True)):
        picture = _picture(part, palette)
        if index == 0:
            whole = io.BytesIO()
            picture.save(whole, "GIF", optimize=False, loop=0, duration=duration)
            file.write(whole.getbuffer()[:-1])  # all but the sign of its end
        else:
            how = {"duration": duration, "transparency": same, "disposal": 1}
            file.write(b"".join(getdata(picture, (left, top), **how)))
    file.write(b";")


def _write_webp(
    file: IO[bytes], where: str, frames: Iterable[Levels], durations: Sequence[int], palette: NDArray[np.uint8]
) -> None:
    pictures = [_picture(frame, palette) for frame in frames]
    _check_size(where, np.asarray(pictures[0]))
    encoded = io.BytesIO()  # Pillow goes back in the file, which a pipe cannot
    how = {"lossless": True, "quality": 20, "method": 1, "kmin": 0, "kmax": 0}  # no frame but the first is whole
    pictures[0].save(
        encoded, "WEBP", save_all=True, append_images=pictures[1:], duration=list(durations), loop=0, **how
    )
    file.write(encoded.getbuffer())


def _extent(changed: NDArray[np.bool_]) -> slice:
    """From the first to the last place that has changed; the first one of all if none has."""
    (places,) = changed.nonzero()
    return slice(int(places[0]), int(places[-1]) + 1) if len(places) else slice(0, 1)


def _check_size(where: str, frame: Levels) -> None:
    height, width = frame.shape
    if max(height, width) > LONGEST_SIDE:
        raise FileError(
            f"{where}: a moving picture of {width}×{height} pixels is too large; {LONGEST_SIDE} in each direction are "
            "the most."
        )


def _picture(frame: Levels, palette: NDArray[np.uint8]) -> Image:
    """A frame `(H, W)` of places in a palette as Pillow's picture."""
    import PIL.Image

    picture = PIL.Image.fromarray(frame)
    picture.putpalette(palette.tobytes())  # makes places of what were levels
    return picture


def share_palette(frames: Sequence[Levels]) -> tuple[list[Levels], NDArray[np.uint8]]:
    """Frames of gray levels `(H, W)` or colors `(H, W, 3)` as places in one palette, and the palette `(N, 3)`."""
    if all(frame.ndim == 2 for frame in frames):
        levels = np.unique(np.concatenate([np.unique(frame) for frame in frames]))
        if len(levels) > MOST_COLORS:
            levels = np.rint(np.linspace(0, 255, MOST_COLORS)).astype(np.uint8)
        places = np.searchsorted(levels, np.arange(256)).clip(0, len(levels) - 1).astype(np.uint8)
        return [places[frame] for frame in frames], np.repeat(levels[:, None], 3, axis=1)
    import PIL.Image

    colors = [frame if frame.ndim == 3 else np.repeat(frame[..., None], 3, axis=2) for frame in frames]
    used = np.unique(np.concatenate([np.unique(_numbers(frame)) for frame in colors]))
    if len(used) <= MOST_COLORS:
        palette = np.stack([used >> 16, used >> 8 & 255, used & 255], axis=-1).astype(np.uint8)
        return [np.searchsorted(used, _numbers(frame)).astype(np.uint8) for frame in colors], palette
    sheet = PIL.Image.fromarray(np.concatenate(colors)).quantize(MOST_COLORS, PIL.Image.Quantize.MEDIANCUT)
    shared = np.array(sheet.getpalette(), np.uint8).reshape(-1, 3)
    return [
        np.asarray(PIL.Image.fromarray(frame).quantize(palette=sheet, dither=PIL.Image.Dither.NONE)) for frame in colors
    ], shared


def _numbers(frame: Levels) -> NDArray[np.int32]:
    """Each color of a frame `(H, W, 3)` as one number."""
    red, green, blue = np.moveaxis(frame.astype(np.int32), -1, 0)
    numbers: NDArray[np.int32] = red << 16 | green << 8 | blue
    return numbers


Weights = NDArray[np.float32]

FRAMES = 40
"""About how many frames a run gives."""
AREA, LARGEST, SMALLEST = 110_000, 20, 2
"""About how many pixels all filters together have, and the largest and smallest square of a weight."""
FONT = 15
MARGIN = 8
FIRST, EACH, LAST = 800, 150, 2500
"""For how many milliseconds the random start, each frame, and the end are seen."""


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A layer's weights `(K, C, kh, kw)` at a step, and what is written over them."""

    weights: Weights
    told: str


def sampled(steps: int, frames: int = FRAMES) -> list[int]:
    """Up to `frames` of the steps 1 to `steps`, with the last; closer to one another at the start, as squares are."""
    return sorted({math.ceil(steps * (frame / frames) ** 2) for frame in range(1, frames + 1)})


def durations(count: int) -> list[int]:
    """For how many milliseconds each of `count` frames is seen."""
    return [LAST] if count == 1 else [FIRST, *[EACH] * (count - 2), LAST]


def strip(names: Sequence[str], snapshots: Sequence[Snapshot]) -> Iterator[Levels]:
    """The frames, of one size: `(height, width)`, or `(height, width, 3)` of filters on three channels.

    Each filter is drawn by its own largest weight, as `show-filters` draws it.
    """
    for snapshot in snapshots:
        body = _filters(names, snapshot.weights)
        head = np.full((line_height(FONT) + MARGIN, *body.shape[1:]), BACKGROUND, np.uint8)
        text = draw_text(snapshot.told, FONT, body.shape[1] - 2 * MARGIN)
        head[MARGIN:, MARGIN : MARGIN + text.shape[1]] = text if body.ndim == 2 else text[..., None]
        yield np.concatenate([head, body])


def _filters(names: Sequence[str], weights: Weights) -> Levels:
    """All filters under their names."""
    count, depth, height, width = weights.shape
    across = 1 if depth == 3 else depth
    scale = math.isqrt(AREA // (count * across * height * width) or 1)
    scale = max(SMALLEST, min(LARGEST, scale))
    pictures = np.stack([_filter(one, scale) for one in weights])
    _, high, wide = pictures.shape[:3]
    tiles = Tiles(names, high, wide, lambda first, last, top, low: pictures[first:last, top:low], pictures.ndim == 4)
    return Grid([Section([tiles], scale=1)]).pixels()


def _filter(weights: Weights, scale: int) -> Levels:
    """A filter `(C, kh, kw)`: its kernels side by side, or in color if they are three."""
    levels = kernel_levels(weights)
    if len(levels) == 3:
        return framed(enlarge(np.moveaxis(levels, 0, -1), scale))
    return side_by_side([framed(enlarge(kernel, scale)) for kernel in levels], 1)
