"""Overlays: the dimmed image, feature maps as colors over it, and frames around what their peaks are computed from."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from cnnfx.errors import CnnfxError
from cnnfx.images import Image
from cnnfx.nn.channel_field import channel_field
from cnnfx.nn.feature_maps import FeatureMaps
from cnnfx.nn.peaks import Peak, find_peaks
from cnnfx.nn.receptive_field import Box
from cnnfx.render.captions import picture_caption
from cnnfx.render.color import ColorScale
from cnnfx.render.filter_colors import FILTER_COLORS, RGB, draw_color_legend, filter_colors
from cnnfx.render.heading import Heading
from cnnfx.render.label_placement import Rectangle, place_labels
from cnnfx.render.number_text import format_scale_number
from cnnfx.render.shapes import draw_frame, draw_line
from cnnfx.render.text import draw_text, line_height, shorten
from cnnfx.render.tiles import Levels, blank, paste
from cnnfx.render.tint import View, tinted_image
from cnnfx.system.sizes import counted

MAX_CHANNELS = len(FILTER_COLORS)
"""The most channels in an overlay; those with the largest values are shown."""
DEFAULT_PEAKS = 20
"""About how many peaks are framed by default, in all channels together."""
MAX_DEFAULT_PEAKS = 5
"""The most peaks that are framed in one channel by default."""
CHANNEL_SHARE = 0.75
"""Peaks are framed from this share of the largest value of their channel."""
TOTAL_SHARE = 0.5
"""Peaks are framed from this share of the largest value of all channels."""
MIN_FONT_SIZE, MAX_FONT_SIZE = 12, 28
"""The limits of the font size."""
FONT_DIVISOR = 44
"""The font size is the square root of the pixels divided by this."""
MAX_OVERLAY_PIXELS = 100_000_000
"""The most pixels of a picture of a layer."""
MIN_CANVAS_WIDTH = 400
"""Narrower pictures get space for labels at their sides, in pixels."""
MIN_CANVAS_LINES = 8
"""Lower pictures get space for labels above and below, in lines of text."""
MIN_DISTANCE = 1 / 12
"""Peaks of a channel are farther apart than this share of the longer side of the image."""
MAX_NAMED_PEAKS = 12
"""With more peaks, only the strongest of each channel are labeled with its name, the others with their value."""
FRAME_THICKNESS = 2
"""The thickness of frames in pixels, without their dark edge."""
LABEL_PADDING = 4
"""Pixels left and right of the text of a label."""


class OverlayOptions(NamedTuple):
    """How feature maps are drawn over their image.

    Parameters
    ----------
    color_scale : ColorScale
        Its percentile or limits determine which value has the full color.
    peaks : int, optional
        The most peaks that are framed in each channel. By default about `DEFAULT_PEAKS` in all channels together.
    scale : int, optional
        The factor of enlargement. By default small images are enlarged.
    labels : bool
        Whether frames have labels.
    legend : bool
        Whether there are a title and a legend.
    """

    color_scale: ColorScale = ColorScale()
    peaks: int | None = None
    scale: int | None = None
    labels: bool = True
    legend: bool = True


class FramedPeak(NamedTuple):
    """A peak, the name of its channel, and its receptive field in the image, parts of which may be in the padding."""

    name: str
    peak: Peak
    field: Box


class Overlay(NamedTuple):
    """The overlay of one or several layers.

    Parameters
    ----------
    pixels : uint8 array (height, width, 3)
    peaks : list of lists of FramedPeak
        Those of each layer, the strongest first.
    notes : tuple of str
        What the picture does not show.
    """

    pixels: Levels
    peaks: list[list[FramedPeak]]
    notes: tuple[str, ...]


def draw_overlay(image: Image, layers: Sequence[tuple[int, FeatureMaps]], options: OverlayOptions) -> Overlay:
    """Draw the overlays of layers, one below the other.

    Only positive values are shown, since they are what a filter detects. All channels of a layer have one scale.

    Parameters
    ----------
    image : Image
    layers : sequence of (number of the layer, its feature maps)
    options : OverlayOptions

    Raises
    ------
    CnnfxError
        If the picture would be too large; the message names the image.
    """
    view = View.of(*image.shape[1:], options.scale)
    height, width = view.length(image.shape[1]), view.length(image.shape[2])
    if height * width > MAX_OVERLAY_PIXELS:
        raise CnnfxError(
            f"{image.name}: an overlay of {width}×{height} pixels is too large. The limit is "
            f"{MAX_OVERLAY_PIXELS // 10**6} million pixels."
        )
    notes = []
    if view.reduction > 1:
        notes.append(f"{image.name}: drawn at 1/{view.reduction} of its size. The peaks are those of the whole image.")
    color_scale = ColorScale("positive", "all", clip=options.color_scale.clip, limits=options.color_scale.limits)
    parts, found = [], []
    for number, maps in layers:
        caption, title = picture_caption(image, number, maps), maps.network.layer_title(number)
        shown, note = _strongest_channels(maps)
        peaks = framed_peaks(shown, options.peaks)
        parts.append(_draw_layer(image, caption, shown, peaks, color_scale, view, options))
        notes += [f"{title}: {note}"] if note else []
        if not peaks:
            notes.append(f"{image.name}: nothing found: no value of {title} is above 0.")
        found.append(peaks)
    return Overlay(np.concatenate(parts), found, tuple(notes))


def framed_peaks(maps: FeatureMaps, count: int | None = None) -> list[FramedPeak]:
    """Return the peaks that an overlay frames, the strongest first.

    A peak is the largest value within half the receptive field of its channel and within `MIN_DISTANCE`, at least
    `CHANNEL_SHARE` of the largest value of its channel, and at least `TOTAL_SHARE` of that of all channels.

    Parameters
    ----------
    maps : FeatureMaps
    count : int, optional
        The most peaks in each channel. By default about `DEFAULT_PEAKS` in all channels together.
    """
    channels = maps.shape[0]
    count = count or min(max(1, DEFAULT_PEAKS // channels), MAX_DEFAULT_PEAKS)
    largest = [max(high, 0.0) for _, high in maps.signal_ranges]
    if not max(largest):
        return []
    minima = [max(CHANNEL_SHARE * value, TOTAL_SHARE * max(largest)) for value in largest]
    fields = [channel_field(maps.network, maps.image.shape, channel) for channel in range(channels)]
    distance = int(max(maps.image.shape[1:]) * MIN_DISTANCE)
    radii = [
        (max(field.size[0] // 2, distance) // field.stride[0], max(field.size[1] // 2, distance) // field.stride[1])
        for field in fields
    ]
    peaks = find_peaks(maps, count, radii, minima)
    return [
        FramedPeak(maps.names[peak.channel], peak, fields[peak.channel].box(peak.row, peak.column)) for peak in peaks
    ]


def _strongest_channels(maps: FeatureMaps) -> tuple[FeatureMaps, str]:
    """Return the channels that an overlay shows, and a note if these are not all."""
    count = maps.shape[0]
    if count <= MAX_CHANNELS:
        return maps, ""
    order = sorted(range(count), key=lambda channel: -maps.signal_ranges[channel][1])
    shown = sorted(order[:MAX_CHANNELS])
    names = ", ".join(maps.names[channel] for channel in shown)
    note = f"the overlay shows the {MAX_CHANNELS} of {count} channels with the largest values: {names}."
    return maps.select(shown), note


def _draw_layer(
    image: Image,
    caption: str,
    maps: FeatureMaps,
    peaks: Sequence[FramedPeak],
    color_scale: ColorScale,
    view: View,
    options: OverlayOptions,
) -> Levels:
    """Draw the overlay of a layer, with its title and legend."""
    colors = filter_colors(maps.names)
    picture = tinted_image(image, maps, color_scale, colors, view)
    size = min(max(MIN_FONT_SIZE, round(math.sqrt(picture.size / 3) / FONT_DIVISOR)), MAX_FONT_SIZE)
    left = top = 0
    if options.labels:
        canvas = blank(
            max(picture.shape[0], MIN_CANVAS_LINES * line_height(size)), max(picture.shape[1], MIN_CANVAS_WIDTH), True
        )
        top, left = ((canvas.shape[axis] - picture.shape[axis]) // 2 for axis in (0, 1))
        paste(canvas, picture, top, left)
        picture = canvas
    frames = _frames(peaks, image.shape[1:], view, (left, top), picture.shape)
    for frame, framed in reversed(list(zip(frames, peaks, strict=True))):
        draw_frame(picture, frame, colors[framed.peak.channel], FRAME_THICKNESS)
    if options.labels:
        _draw_labels(picture, frames, peaks, colors, size)
    if not options.legend:
        return picture
    return _with_heading(
        picture,
        f"{caption} · {_count_text(peaks)}",
        _draw_legend(maps, peaks, color_scale, size, picture.shape[1]),
        size,
    )


def _count_text(peaks: Sequence[FramedPeak]) -> str:
    return counted(len(peaks), "peak") if peaks else "nothing found"


def _with_heading(picture: Levels, text: str, legend: Levels, size: int) -> Levels:
    """Return a picture below a text and a legend, with a margin around them."""
    title = Heading(text).draw(size, picture.shape[1])
    margin = max(4, size // 2)
    heights = [margin, title.shape[0], legend.shape[0], margin // 2, picture.shape[0], margin]
    canvas = blank(sum(heights), picture.shape[1] + 2 * margin, True)
    paste(canvas, title, margin, margin)
    paste(canvas, legend, sum(heights[:2]), margin)
    paste(canvas, picture, sum(heights[:4]), margin)
    return canvas


def _draw_legend(
    maps: FeatureMaps, peaks: Sequence[FramedPeak], color_scale: ColorScale, size: int, width: int
) -> Levels:
    """Draw the color of each filter, its name, whether it has a peak, and the values of the colors."""
    found = {framed.peak.channel for framed in peaks}
    names = [name if channel in found else f"{name}: none" for channel, name in enumerate(maps.names)]
    high = color_scale.linear_scales(maps)[0].limits[1]
    is_clipped = color_scale.clip is not None or color_scale.limits is not None
    end = f"0 to {'≥ ' * is_clipped}{format_scale_number(high)}" if high else ""
    nonfinite = sum(channel.nonfinite for channel in maps.statistics)
    return draw_color_legend(names, filter_colors(maps.names), end, size, width, nonfinite)


def _frames(
    peaks: Sequence[FramedPeak],
    size: Sequence[int],
    view: View,
    origin: tuple[int, int],
    canvas: Sequence[int],
) -> list[Rectangle]:
    """Return the outer border of the frame of each peak; equal ones are drawn one around the other."""
    frames: list[Rectangle] = []
    for framed in peaks:
        box = framed.field.clipped(*size)
        left, right = view.position(box.left) + origin[0], view.position(box.right) + origin[0]
        top, bottom = view.position(box.top) + origin[1], view.position(box.bottom) + origin[1]
        frame = _grown(Rectangle(left, top, right, bottom), FRAME_THICKNESS + 1)
        while frame in frames:
            frame = _grown(frame, FRAME_THICKNESS + 1)
        frames.append(frame)
    height, width = canvas[:2]
    return [Rectangle(max(f.left, 0), max(f.top, 0), min(f.right, width), min(f.bottom, height)) for f in frames]


def _grown(box: Rectangle, pixels: int) -> Rectangle:
    return Rectangle(box.left - pixels, box.top - pixels, box.right + pixels, box.bottom + pixels)


def _draw_labels(
    picture: Levels, frames: Sequence[Rectangle], peaks: Sequence[FramedPeak], colors: Sequence[RGB], size: int
) -> None:
    """Draw the name and value of each peak near its frame, in the color of its filter."""
    height, width = picture.shape[:2]
    labels = [draw_text(shorten(text, size, width - 2 * LABEL_PADDING), size) for text in _label_texts(peaks)]
    sizes = [(label.shape[1] + 2 * LABEL_PADDING, label.shape[0]) for label in labels]
    placements = place_labels(frames, sizes, Rectangle(0, 0, width, height))
    for frame, placement, framed in zip(frames, placements, peaks, strict=True):
        if placement is not None and placement.apart:
            _draw_connection(picture, placement.label, frame, colors[framed.peak.channel])
    for placement, label, framed in zip(placements, labels, peaks, strict=True):
        if placement is not None:
            box = placement.label
            background = picture[box.top : box.bottom, box.left : box.right]
            background[:] = colors[framed.peak.channel]
            text = background[:, LABEL_PADDING:-LABEL_PADDING]
            text[:] = text * (label[..., np.newaxis] / 255)
            # The edge separates the label from its own color in the picture.
            draw_frame(picture, box, 0, 1, edge=None)


def _label_texts(peaks: Sequence[FramedPeak]) -> Iterator[str]:
    """Yield the name and the value of each peak, of many only the values after the first of each channel."""
    named: set[int] = set()
    for framed in peaks:
        value = format_scale_number(framed.peak.value)
        hidden = len(peaks) > MAX_NAMED_PEAKS and framed.peak.channel in named
        yield value if hidden else f"{framed.name} {value}"
        named.add(framed.peak.channel)


def _draw_connection(picture: Levels, label: Rectangle, frame: Rectangle, color: RGB) -> None:
    """Draw a line from a label to the nearest point of a frame."""
    (start_x, end_x), (start_y, end_y) = (
        _nearest((label[axis], label[axis + 2]), (frame[axis], frame[axis + 2])) for axis in (0, 1)
    )
    draw_line(picture, (start_x, start_y), (end_x, end_y), 0, 3)
    draw_line(picture, (start_x, start_y), (end_x, end_y), color, 1.5)


def _nearest(first: tuple[int, int], second: tuple[int, int]) -> tuple[float, float]:
    """Return a position in each of two intervals so that they are as close as possible."""
    start, end = max(first[0], second[0]), min(first[1], second[1])
    if start <= end:
        return (start + end) / 2, (start + end) / 2
    return (first[1], second[0]) if first[1] < second[0] else (first[0], second[1])
