"""The class `Image`, and cropping and resizing of images."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import ArgumentError, FileError
from cnnfx.system.limits import MAX_PIXELS as MAX_PIXELS
from cnnfx.system.sizes import shape_text, size_text
from cnnfx.system.text import printable_names

MAX_SHOWN_CHANNELS = 4
"""The most channels that the text of an image in an interactive session names."""
GRAY_NAMES = ("gray",)
"""The channel names of a gray image."""
RGB_NAMES = ("red", "green", "blue")
"""The channel names of a color image."""
LUMA_WEIGHTS = (0.299, 0.587, 0.114)
"""The weights of red, green and blue in luma, after Rec. 601."""

ResizeMethod = Literal["box", "hamming", "bilinear", "bicubic"]
Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True, eq=False)
class Image:
    """An image with named channels.

    Parameters
    ----------
    name : str
        The path as given, or "standard input".
    values : array (C, H, W), uint8, uint16 or float32
        The numbers of the file: pixels in 0..255 or 0..65535, or floats of any range.
    channel_names : tuple of C str
    is_array : bool
        Whether the values are numbers of any range, which are drawn by their own range, and not pixels from black to
        white. So are those of array files, and of pictures of 32-bit integers, or floats outside 0..1.
    notes : tuple of str
        Messages for the user, such as a loss of bit depth.
    page : int
        The page or frame of the file that the image is, counted from 1.
    pages : int
        How many the file holds.
    """

    name: str
    values: NDArray[Any]
    channel_names: tuple[str, ...]
    is_array: bool = False
    notes: tuple[str, ...] = ()
    page: int = 1
    pages: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "channel_names", printable_names(self.channel_names))

    def __repr__(self) -> str:
        _, height, width = self.shape
        names = self.channel_names
        channels = ", ".join(names) if len(names) <= MAX_SHOWN_CHANNELS else f"{len(names)} channels"
        return f"<Image {self.name!r}: {width}×{height}, {channels}, {self.values.dtype}>"

    @property
    def file_name(self) -> str:
        """The name without folders, which would say where the image is stored."""
        return PurePath(self.name).name or self.name

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        channels, height, width = self.values.shape
        return channels, height, width

    def floats(self, first: int = 0, last: int | None = None) -> NDArray[np.float32]:
        """Return the rows ``first:last`` (by default to the end) as a float32 array `(C, rows, W)`.

        Pixels are scaled to 0..1; floats are returned unchanged and without a copy.
        """
        return as_floats(self.values[:, first:last])

    @property
    def maximum(self) -> int | None:
        """The value of white if the values are integers, 255 or 65535; None for floats."""
        return None if self.values.dtype == np.float32 else int(np.iinfo(self.values.dtype).max)

    @property
    def has_own_range(self) -> bool:
        """Whether it is drawn from its smallest value to its largest, not from 0 to 1.

        So are numbers that are no brightness, and pixels of 16 bits, of which cameras often use a small part.
        """
        return self.is_array or self.values.dtype == np.uint16

    def pixels(self, first: int = 0, last: int | None = None) -> NDArray[np.float32]:
        """Return the rows ``first:last`` (by default to the end) as float32 `(C, rows, W)`, integers not scaled."""
        return self.values[:, first:last].astype(np.float32, copy=False)


def as_floats(values: NDArray[Any]) -> NDArray[np.float32]:
    """Return unsigned integers scaled from the range of their dtype to 0..1, as float32; float32 is not changed."""
    if values.dtype == np.float32:
        return values
    scaled: NDArray[np.float32] = np.divide(values, np.float32(np.iinfo(values.dtype).max), dtype=np.float32)
    return scaled


def numbered_names(count: int) -> tuple[str, ...]:
    """Return the names of channels that may be of any kind: "gray" for one, else numbers from "0"."""
    return GRAY_NAMES if count == 1 else tuple(map(str, range(count)))


def channel_names(count: int) -> tuple[str, ...]:
    """Return the names of the channels of an image of gray or color, numbers for others."""
    return RGB_NAMES if count == len(RGB_NAMES) else numbered_names(count)


def is_brightness(values: NDArray[np.float32]) -> bool:
    """Return whether all finite values are in 0..1, black to white, not measurements such as heights."""
    finite = values[np.isfinite(values)]
    return not finite.size or bool(finite.min() >= 0 and finite.max() <= 1)


def range_text(low: np.generic, high: np.generic) -> str:
    """Return two numbers with the fewest digits that identify them in their type: "0 to 1.19"."""
    return " to ".join(str(value).removesuffix(".0") for value in (low, high))


@contextmanager
def within_float32(name: str, error: type[FileError] | type[ArgumentError] = FileError) -> Iterator[None]:
    """Raise an error if a number of an image is too large for float32, to which it is converted in the `with` block.

    Infinity and NaN are converted without a warning.
    """
    try:
        with np.errstate(over="raise", invalid="ignore"):
            yield
    except FloatingPointError:
        raise error(f"{name}: it holds numbers beyond ±3.4e38, the most for 32 bits. Scale them down.") from None


def check_size(name: str, shape: Sequence[int], limit: int, unit: str = "pixels") -> None:
    """Raise `FileError` if an image of this shape has more than `limit` pixels, or numbers of all channels together.

    The shape is (H, W) or (C, H, W).
    """
    if math.prod(shape) > limit:
        size = size_text(shape) if len(shape) == 2 else shape_text(shape)
        raise FileError(
            f"{name}: it has {size} = {math.prod(shape)} {unit}, the limit is {limit}.",
            remedy="pixel_limit",
        )


def crop(image: Image, x: int, y: int, width: int, height: int) -> Image:
    """Return the part of an image whose top left pixel is in column `x` and row `y`, counted from 0.

    Raises
    ------
    ArgumentError
        If the part extends outside the image.
    """
    _, rows, columns = image.shape
    if x + width > columns or y + height > rows:
        raise ArgumentError(
            f"{image.name}: the region {x},{y},{width},{height} reaches outside the image, which has "
            f"{columns}×{rows} pixels.",
            remedy="region",
        )
    return replace(image, values=image.values[:, y : y + height, x : x + width])


def shrink_to_side(image: Image, max_side: int) -> Image:
    """Return the image with at most `max_side` pixels along its longer side, shrunk by box averages, aspect ratio kept.

    A smaller image is returned unchanged. The pixels of a shrunk image are float32 in 0..1, or uint16 as before.
    """
    _, height, width = image.shape
    if max(height, width) <= max_side:
        return image
    factor = max_side / max(height, width)
    values = image.values if image.values.dtype == np.uint16 else image.floats()
    return replace(image, values=resize(values, max(1, round(height * factor)), max(1, round(width * factor))))


def shrink_to_pixels(image: Image, max_pixels: int) -> Image:
    """Return the image with at most `max_pixels` pixels, of the same aspect ratio and dtype, with a note of both sizes.

    A smaller image is returned unchanged. The Hamming window keeps more detail than box averages.
    """
    _, height, width = image.shape
    if height * width <= max_pixels:
        return image
    factor = math.sqrt(max_pixels / (height * width))
    new_height = min(max(1, int(height * factor)), max_pixels)
    new_width = min(max(1, int(width * factor)), max_pixels // new_height)
    note = f"{image.name}: reduced from {width}×{height} to {new_width}×{new_height} for the page."
    values = resize(image.values, new_height, new_width, "hamming")
    return replace(image, values=values, notes=(*image.notes, note))


def resize(values: NDArray[Scalar], height: int, width: int, method: ResizeMethod = "box") -> NDArray[Scalar]:
    """Resize the channels of an image with Pillow.

    Parameters
    ----------
    values : array (C, H, W), uint8, uint16 or float32
    height, width : int
        The new size, at least 1×1.
    method : "box", "hamming", "bilinear" or "bicubic"
        Pillow's resampling filter. "box": the mean of the input pixels whose centers an output pixel covers. The others
        weight input pixels by their distance, in a window that widens as the image shrinks. Results of "bicubic" may be
        outside the range of the input.

    Returns
    -------
    array (C, height, width), of the same dtype
        uint8 and uint16 are rounded.
    """
    import PIL.Image

    resampling = PIL.Image.Resampling[method.upper()]
    # Pillow does not resize 16-bit images with all filters.
    pillow_dtype = np.uint8 if values.dtype == np.uint8 else np.float32
    planes = [PIL.Image.fromarray(np.ascontiguousarray(plane, pillow_dtype)) for plane in values]
    resized = np.stack([np.asarray(plane.resize((width, height), resampling)) for plane in planes])
    return (np.rint(resized) if values.dtype == np.uint16 else resized).astype(values.dtype, copy=False)
