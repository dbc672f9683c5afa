"""Color scales: normalization of values to levels 0..255, and color maps from levels to colors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from numbers import Real
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import ArgumentError
from cnnfx.nn.array_maps import ArrayMaps
from cnnfx.nn.feature_maps import FeatureMaps
from cnnfx.nn.rounding import Range, signal_range
from cnnfx.system.memory import buffer

Normalize = Literal["auto", "signed", "minmax", "positive", "absolute", "none"]
Scope = Literal["channel", "all"]
Colormap = Literal["gray", "diverging", "heat", "magma", "viridis"]

NORMALIZATIONS = {
    "auto": "zero is black in channels that cannot be negative, such as those of ReLU, and mid-gray in others",
    "signed": "zero is mid-gray, the largest magnitude white or black",
    "minmax": "the smallest value is black, the largest white",
    "positive": "zero and less is black, the largest value white",
    "absolute": "zero is black, the largest magnitude white",
    "none": "values as they are, clipped at 0 and 1",
}
"""The modes of normalization and what each shows."""

COLORMAPS: dict[str, tuple[tuple[int, int, int], ...]] = {
    "gray": ((0, 0, 0), (255, 255, 255)),
    # Blue below zero, white at zero, orange above: for signed maps. The two differ for all kinds of color vision, and
    # colors at equal distances from white are equally dark (CIE lightness 26, 46, 62 and 80).
    "diverging": (
        (10, 61, 117), (32, 112, 182), (85, 155, 214), (168, 203, 231), (247, 247, 247),
        (242, 188, 135), (227, 122, 19), (169, 87, 11), (102, 46, 3),
    ),
    # From black to red, yellow and white: for magnitudes.
    "heat": ((0, 0, 0), (120, 0, 30), (220, 60, 10), (250, 170, 30), (255, 245, 150), (255, 255, 255)),
    # From black to purple, pink and light yellow, with evenly increasing lightness: for magnitudes.
    "magma": ((0, 0, 4), (59, 15, 112), (140, 41, 129), (222, 73, 104), (254, 159, 109), (252, 253, 191)),
    # From dark blue to green and yellow, with evenly increasing lightness: readable without color vision too.
    "viridis": ((68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37)),
}  # fmt: skip
"""Colors (red, green, blue), 0..255, at equal distances along each color map; those between them are interpolated."""

NONFINITE_COLOR = (255, 0, 255)
"""Red, green and blue of NaN and infinity: a magenta that is in no color map."""

CHUNK_VALUES = 2**17
"""About how many values are converted at a time: few enough to stay in the processor's cache, and enough to keep the
overhead of each step small."""
MAX_SHIFT = 0.25
"""The largest error in levels for which the level of 0 is shifted; larger errors are replaced by 0."""
LEVEL_ROUNDING = 2.0**-14
"""More than the rounding error of a level in float32."""


@dataclass(frozen=True)
class ColorScale:
    """How the values of feature maps become colors.

    Parameters
    ----------
    normalize : str
        A mode of `NORMALIZATIONS`.
    scope : "channel" or "all"
        Whether each channel is drawn by its own range, or all channels by their common range, so that they can be
        compared.
    colormap : str
        A color map of `COLORMAPS`.
    clip : float, optional
        The percentile, more than 50 and at most 100, of the magnitudes (of the values, in channels that cannot be
        negative and in the mode "positive") that is drawn as the largest; larger ones are clipped to it. In the mode
        "minmax" also the opposite percentile is drawn as the smallest. By default the largest value itself.
    limits : float or (float, float), optional
        The range of values, the same for all channels and images, instead of that of their values: the value of level 0
        and that of level 255, or one magnitude M for (-M, M) or, where values cannot be negative, (0, M).

    Raises
    ------
    ArgumentError
        If the mode or the color map is unknown, a number is out of range, or `clip`, `limits` and the mode contradict
        each other.
    """

    normalize: str = "auto"
    scope: str = "channel"
    colormap: str = "gray"
    clip: float | None = None
    limits: float | Range | None = None

    def __post_init__(self) -> None:
        if self.colormap == "grey":
            object.__setattr__(self, "colormap", "gray")
        linear_scale(self.normalize, 0.0, 1.0)  # checks it
        if self.scope not in get_args(Scope):
            raise ArgumentError(f"There is no scope called {self.scope!r}. Choose one of {', '.join(get_args(Scope))}.")
        color_table(self.colormap)  # checks it
        if self.clip is not None:
            self._check_clip(self.clip)
        if self.limits is not None:
            if isinstance(self.limits, Sequence | np.ndarray) and len(self.limits) == 2:
                object.__setattr__(self, "limits", tuple(self.limits))
            self._check_limits(self.limits)

    def _check_clip(self, clip: float) -> None:
        if not isinstance(clip, Real) or not 50 < clip <= 100:
            text = f"{clip:g}" if isinstance(clip, Real) else repr(clip)
            raise ArgumentError(f"The percentile {text} is not more than 50 and at most 100.")
        if self.limits is not None:
            raise ArgumentError("A percentile and a fixed range cannot both determine the range. Give one of them.")
        if self.normalize == "none":
            raise ArgumentError("The normalization none draws 0 as black and 1 as white, so it takes no percentile.")

    def _check_limits(self, limits: float | Range) -> None:
        low, high = limits if isinstance(limits, tuple) else (0.0, limits)
        if not (isinstance(low, Real) and isinstance(high, Real)):
            raise ArgumentError(f"The range {limits!r} is neither a number nor two numbers.")
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise ArgumentError(f"The range {low:g} to {high:g} does not go from a number to a larger one.")
        if self.normalize == "none":
            raise ArgumentError("The normalization none draws 0 as black and 1 as white, so it takes no other range.")
        if self.normalize == "signed" and isinstance(limits, tuple) and low != -high:
            raise ArgumentError(
                f"The normalization signed draws 0 as mid-gray, so its range cannot be {low:g} to {high:g}. Give one "
                "number, or use minmax."
            )
        if self.normalize in ("positive", "absolute") and low != 0:
            raise ArgumentError(
                f"The normalization {self.normalize} draws 0 as black, so its range cannot begin at {low:g}. Give one "
                "number, or use minmax."
            )

    def linear_scales(self, maps: FeatureMaps | ArrayMaps) -> list[LinearScale]:
        """Return the scale from values to levels for each channel.

        What is only rounding is not drawn: neither the range nor a percentile is that of rounding errors, these have
        the level of 0, and a channel that is constant but for them has one level. See `cnnfx.nn.rounding`.
        """
        if self.limits is not None:
            scales = [self._fixed_scale(self.limits, non_negative) for non_negative in maps.non_negative]
        else:
            scales = [
                self._scale(low, high, non_negative)
                for (low, high), non_negative in zip(self._drawn_ranges(maps), maps.non_negative, strict=True)
            ]
        return [
            scale._replace(error=error, constant=low if low == high else None)
            for scale, (low, high), error in zip(scales, maps.signal_ranges, _finite_errors(maps), strict=True)
        ]

    def _drawn_ranges(self, maps: FeatureMaps | ArrayMaps) -> list[Range]:
        """Return the range of values of each channel that the levels 0..255 show."""
        ranges = maps.signal_ranges
        if self.clip is not None:
            ranges = self._clipped_ranges(maps, ranges)
        if self.scope == "all":
            common = min(low for low, _ in ranges), max(high for _, high in ranges)
            ranges = [signal_range(common, max(_finite_errors(maps)))] * len(ranges)
        return ranges

    def _clipped_ranges(self, maps: FeatureMaps | ArrayMaps, ranges: list[Range]) -> list[Range]:
        """Return the range of each channel up to the percentile `clip`; the whole range if the percentile is 0."""
        from cnnfx.nn.percentiles import channel_percentiles

        assert self.clip is not None
        magnitudes, pooled = self.normalize not in ("minmax", "positive"), self.scope == "all"
        percentile = partial(channel_percentiles, maps.bands, magnitudes=magnitudes, pooled=pooled)
        highs = percentile(self.clip)
        lows = percentile(100 - self.clip) if self.normalize == "minmax" else [-high for high in highs]
        errors = [max(_finite_errors(maps))] * len(ranges) if pooled else _finite_errors(maps)
        clipped = [signal_range(*pair) for pair in zip(zip(lows, highs, strict=True), errors, strict=True)]
        # The percentile of a map with few values other than 0 may be 0. Maps without contrast keep their range.
        return [
            percentiles if percentiles[0] < percentiles[1] and whole[0] < whole[1] else whole
            for percentiles, whole in zip(clipped, ranges, strict=True)
        ]

    def _scale(self, low: float, high: float, non_negative: bool) -> LinearScale:
        """Return the scale of a channel whose values are drawn from `low` to `high`."""
        # The middle of a diverging color map is 0 in all channels.
        return linear_scale(self.normalize, low, high, non_negative and self.colormap != "diverging")

    def _fixed_scale(self, limits: float | Range, non_negative: bool) -> LinearScale:
        """Return the scale of a channel for fixed limits."""
        if isinstance(limits, tuple):
            return linear_scale("minmax" if self.normalize == "auto" else self.normalize, *limits)
        return self._scale(0.0 if non_negative else -limits, limits, non_negative)


def _finite_errors(maps: FeatureMaps | ArrayMaps) -> list[float]:
    """Return the bound of the rounding errors of each channel, 0 where weights that are not finite leave none."""
    return [error if math.isfinite(error) else 0.0 for error in maps.rounding_errors]


class LinearScale(NamedTuple):
    """The mapping `level = scale * value + offset`.

    Parameters
    ----------
    scale, offset : float
    magnitude : bool
        Whether it is that of the value's magnitude.
    error : float
        The bound of the rounding errors of the values: magnitudes up to this have the level of 0.
    constant : float, optional
        The value of all values, if they differ by nothing else than rounding errors.
    """

    scale: float
    offset: float
    magnitude: bool = False
    error: float = 0.0
    constant: float | None = None

    @property
    def limits(self) -> Range:
        """The values of level 0 and of level 255, which are one value for a map without contrast."""
        if not self.scale:
            constant = self.constant or 0.0
            return constant, constant
        return (0.0 - self.offset) / self.scale, (255.0 - self.offset) / self.scale

    def levels(self, values: NDArray[Any], out: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
        """Return the levels 0..255 of values `(..., W)`, in `out` if it is given.

        Infinity becomes 0 or 255, and NaN 0: `draw_values` marks them.
        """
        levels = np.empty(values.shape, np.uint8) if out is None else out
        if self.constant is not None:
            values = np.where(np.isfinite(values), values.dtype.type(self.constant), values)
        value_rows, level_rows = values.reshape(-1, values.shape[-1]), levels.reshape(-1, values.shape[-1])
        step = max(1, CHUNK_VALUES // value_rows.shape[1])
        scaled = buffer("levels", (min(step, len(value_rows)), value_rows.shape[1]), values.dtype)
        with np.errstate(invalid="ignore", over="ignore"):  # infinity times a scale of 0; values far beyond the range
            for first in range(0, len(value_rows), step):
                chunk = value_rows[first : first + step]
                self._convert(chunk, scaled[: len(chunk)], level_rows[first : first + step])
        return levels

    def _convert(self, values: NDArray[Any], scaled: NDArray[Any], levels: NDArray[np.uint8]) -> None:
        np.multiply(values, np.float32(self.scale), out=scaled)
        if self.error * self.scale > MAX_SHIFT:
            scaled[np.abs(values) <= self.error] = 0
        if self.magnitude:
            np.abs(scaled, out=scaled)
        scaled += np.float32(self.offset + 0.5 + self._shift)  # the cast to integers truncates: with 0.5 it rounds
        np.clip(scaled, 0, 255.5, out=scaled)
        if np.isnan(scaled.min()):  # NaN is rare: one minimum costs less than replacing it in every chunk
            scaled[np.isnan(scaled)] = 0
        np.copyto(levels, scaled, casting="unsafe")

    def deep_levels(self, values: NDArray[Any]) -> NDArray[np.uint16]:
        """Return the levels 0..65535 of values `(..., W)`, 257 times those of 8 bits but not rounded to these.

        Infinity becomes 0 or 65535, and NaN 0.
        """
        numbers = values.astype(np.float64)
        if self.constant is not None:
            numbers[np.isfinite(numbers)] = self.constant
        numbers[np.abs(numbers) <= self.error] = 0
        with np.errstate(invalid="ignore"):  # infinity times a scale of 0
            numbers *= self.scale
        if self.magnitude:
            np.abs(numbers, out=numbers)
        # 0 is not moved by the rounding of the offset: mid-gray is 32768.
        numbers = np.floor(np.clip((numbers + self.offset) * 257 + 0.5, 0, 65535))
        return np.where(np.isnan(numbers), 0, numbers).astype(np.uint16)

    @property
    def _shift(self) -> float:
        """What is added to all levels, at most about half of one, so that all rounding errors have the level of 0.

        0 is at the lower end of level 128 where it is mid-gray, so that half of the errors would have the level 127.
        """
        error = self.error * self.scale
        if not 0 < error <= MAX_SHIFT or self.magnitude:
            return 0.0
        error += LEVEL_ROUNDING
        zero = self.offset + 0.5
        return max(0.0, math.floor(zero + error) - (zero - error))


def linear_scale(mode: str, low: float, high: float, non_negative: bool = False) -> LinearScale:
    """Return the scale that draws values between `low` and `high` in a mode of `NORMALIZATIONS`.

    A map without contrast is drawn in the level of zero: mid-gray where zero is mid-gray, else black.

    Parameters
    ----------
    mode : str
    low, high : float
        The smallest and the largest value, both finite.
    non_negative : bool
        Whether the channel cannot be negative, which matters in the mode "auto" only.

    Raises
    ------
    ArgumentError
        If the mode is unknown.
    """
    largest = max(abs(low), abs(high))
    if mode == "auto" and non_negative:
        return LinearScale(_ratio(255.0, largest), 0.0)
    if mode in ("auto", "signed"):
        return LinearScale(_ratio(127.5, largest), 127.5)
    if mode == "minmax":
        scale = _ratio(255.0, high - low)
        return LinearScale(scale, -low * scale)
    if mode == "positive":
        return LinearScale(_ratio(255.0, max(high, 0.0)), 0.0)
    if mode == "absolute":
        return LinearScale(_ratio(255.0, largest), 0.0, magnitude=True)
    if mode == "none":
        return LinearScale(255.0, 0.0)
    raise ArgumentError(f"There is no normalization called {mode!r}. Choose one of {', '.join(NORMALIZATIONS)}.")


def _ratio(levels: float, extent: float) -> float:
    """Return `levels / extent`, or 0 if the extent is 0 or so small that the quotient overflows float32."""
    return levels / extent if extent > levels / float(np.finfo(np.float32).max) else 0.0


def draw_values(
    values: NDArray[Any], scale: LinearScale, colormap: str, has_nonfinite: bool = False
) -> NDArray[np.uint8]:
    """Draw values `(H, W)` as levels `(H, W)` or, with a color map other than "gray", as colors `(H, W, 3)`.

    If `has_nonfinite` is set, the picture is in color, with NaN and infinity in `NONFINITE_COLOR`.
    """
    picture = apply_colormap(scale.levels(values), colormap)
    if not has_nonfinite:
        return picture
    picture = np.stack([picture] * 3, axis=-1) if picture.ndim == 2 else picture
    picture[~np.isfinite(values)] = NONFINITE_COLOR
    return picture


def apply_colormap(levels: NDArray[np.uint8], name: str) -> NDArray[np.uint8]:
    """Return levels `(H, W)` unchanged for the color map "gray", and as colors `(H, W, 3)` for the others.

    Raises
    ------
    ArgumentError
        If there is no color map of that name.
    """
    if name == "gray":
        return levels
    colors: NDArray[np.uint8] = color_table(name)[levels]
    return colors


@cache
def color_table(name: str) -> NDArray[np.uint8]:
    """Return the 256 colors `(256, 3)` of a color map, for the levels 0..255.

    Raises
    ------
    ArgumentError
        If there is no color map of that name.
    """
    if name not in COLORMAPS:
        raise ArgumentError(f"There is no color map called {name!r}. Choose one of {', '.join(COLORMAPS)}.")
    colors = interpolate_colors(COLORMAPS[name], 256)
    colors.flags.writeable = False
    return colors


def interpolate_colors(anchors: Sequence[tuple[int, int, int]], count: int) -> NDArray[np.uint8]:
    """Return `count` colors `(count, 3)` at equal distances, interpolated linearly between the anchors."""
    points = np.array(anchors, float)
    positions = np.linspace(0, len(points) - 1, count)
    channels = [np.interp(positions, np.arange(len(points)), points[:, channel]) for channel in range(3)]
    colors: NDArray[np.uint8] = np.rint(np.stack(channels, axis=-1)).astype(np.uint8)
    return colors
