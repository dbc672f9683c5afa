"""The input of a network: channels and size of images, how a photograph is fitted to it, and the normalization."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from cnnfx.errors import ArgumentError
from cnnfx.nn.shapes import Array
from cnnfx.system.suggest import did_you_mean

CHANNELS = {"auto": None, "gray": 1, "rgb": 3}
"""The kinds of input channels, with their number; "auto" is what the filters of the first layer read."""
FITS = ("squash", "crop", "digit")
"""How an image is brought to the size of the input: scaled without regard to its proportions, scaled and cropped to
the middle, or as a digit of MNIST; see `Input.fit`."""
RESAMPLE_METHODS = ("bilinear", "bicubic")
"""The interpolations by which images are scaled."""
MAX_SIDE = 1 << 15
"""The largest height or width of an input."""


@dataclass(frozen=True)
class Input:
    """What a network reads.

    Images are float, usually 0..1. Channel c of the first layer's input is `(image · scale - mean[c]) / std[c]`.

    Parameters
    ----------
    channels : str
        A key of `CHANNELS`.
    size : (int, int), optional
        Height and width of the images that a classifier takes.
    fit : str
        How an image of another size is prepared for a classifier: "squash" scales it to `size`; "crop" scales its
        shorter side to `resize` and takes the middle; "digit" prepares it as MNIST's digits were.
    resize : int, optional
        For "crop"; by default the longer side of `size`.
    resample : str
        One of `RESAMPLE_METHODS`.
    scale : float
        A factor of the values, such as 255 for a network that takes 0..255.
    mean, std : float or tuple of float
        One for all channels, or one for each.
    background : str, optional
        The color over which transparent parts of pictures are composited, such as "black". By default white, or black
        where nothing would be visible over white.

    Raises
    ------
    ArgumentError
        If a value is wrong.
    """

    channels: str = "auto"
    size: tuple[int, int] | None = None
    fit: str = "squash"
    resize: int | None = None
    resample: str = "bilinear"
    scale: float = 1.0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    background: str | None = None

    def __post_init__(self) -> None:
        for name, allowed in (("channels", CHANNELS), ("fit", FITS), ("resample", RESAMPLE_METHODS)):
            value = getattr(self, name)
            if value not in allowed:
                hint = did_you_mean(str(value), allowed, "Known are")
                raise ArgumentError(f"{name} of the input: {value!r} is not known. {hint}")
        if self.size is not None:
            object.__setattr__(self, "size", tuple(_side("size", side) for side in self.size))
            if len(self.size) != 2:
                raise ArgumentError("size of the input: height and width are needed")
        if self.resize is not None:
            _side("resize", self.resize)
        count = CHANNELS[self.channels]
        for name in ("mean", "std"):
            values = getattr(self, name)
            numbers = tuple(values) if isinstance(values, Sequence) else (values,)
            object.__setattr__(self, name, tuple(_number(name, value) for value in numbers))
            if len(numbers) != 1 and (not numbers or (count is not None and len(numbers) != count)):
                needed = "one number, or one for each channel"
                raise ArgumentError(f"{name} of the input: {len(numbers)} numbers; {needed} is needed")
        if not (self.background is None or isinstance(self.background, str)):
            raise ArgumentError(f"background of the input: {self.background!r}; the name of a color is needed")
        object.__setattr__(self, "scale", _number("scale", self.scale))
        if min(self.std) <= 0 or self.scale <= 0:
            raise ArgumentError(f"{'std' if self.scale > 0 else 'scale'} of the input: a number above 0 is needed")

    @property
    def normalizes(self) -> bool:
        """Whether the first layer reads other values than those of the image."""
        return (self.scale, set(self.mean), set(self.std)) != (1.0, {0.0}, {1.0})

    @np.errstate(over="ignore", invalid="ignore")
    def normalize(self, image: Array) -> Array:
        """Return an image `(..., C, H, W)` as the first layer reads it, of the image's float type.

        Raises
        ------
        ArgumentError
            If the numbers of channels and of means differ.
        """
        if not self.normalizes:
            return image
        self.check_channels(image.shape[-3])
        dtype = image.dtype if image.dtype.kind == "f" else np.dtype(np.float32)
        mean, std = (np.array(values)[:, np.newaxis, np.newaxis] for values in (self.mean, self.std))
        if self.scale == 1 and len(self.mean) == len(self.std) == 1:
            return ((image - self.mean[0]) / self.std[0]).astype(dtype)
        scaled = image * dtype.type(self.scale) if self.scale != 1 else image
        normalized: Array = (scaled - mean.astype(dtype)) / std.astype(dtype)
        return normalized

    @np.errstate(over="ignore", invalid="ignore")
    def denormalize(self, values: Array) -> Array:
        """Return the image of values `(..., C, H, W)` that the first layer reads: the inverse of `normalize`."""
        mean, std = (np.array(part, values.dtype)[:, np.newaxis, np.newaxis] for part in (self.mean, self.std))
        image: Array = (values * std + mean) / values.dtype.type(self.scale)
        return image

    def gradient_factors(self, dtype: type[np.generic] = np.float32) -> Array:
        """Return the derivative of the normalized values by those of the image: `scale / std`, (C, 1, 1) or one."""
        return (self.scale / np.array(self.std)).astype(dtype)[:, np.newaxis, np.newaxis]

    @np.errstate(over="ignore", invalid="ignore")
    def normalized_magnitudes(self, magnitudes: Array) -> Array:
        """Return the largest magnitudes that normalized channels can have, given those of the image, arrays (C,)."""
        largest: Array = (magnitudes * self.scale + np.abs(self.mean)) / np.array(self.std)
        return largest

    def check_channels(self, count: int) -> None:
        """Check that means and standard deviations are for `count` channels.

        Raises
        ------
        ArgumentError
            If they are for another number.
        """
        known = max(len(self.mean), len(self.std))
        if known not in (1, count):
            raise ArgumentError(f"the input has {count} channels, its normalization is for {known}")

    def to_dict(self) -> dict[str, Any]:
        """Return the input as data that JSON can hold; a background only if there is one."""
        data = asdict(self)
        if self.background is None:  # which earlier versions do not know
            del data["background"]
        return data


def channels_name(count: int) -> str:
    """Return the key of `CHANNELS` for a number of channels; "auto" if none has this number."""
    return next((name for name, known in CHANNELS.items() if known == count), "auto")


def _side(name: str, value: object) -> int:
    if type(value) is not int or not 1 <= value <= MAX_SIDE:
        raise ArgumentError(f"{name} of the input: {value!r}; whole numbers from 1 to {MAX_SIDE} are needed")
    return value


def _number(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        raise ArgumentError(f"{name} of the input: {value!r} is not a finite number")
    return float(value)
