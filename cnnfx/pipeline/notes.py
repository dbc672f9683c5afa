"""Notes on the pictures of feature maps: what they cannot show, and what takes their contrast."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from cnnfx.nn.feature_maps import FeatureMaps
from cnnfx.nn.statistics import channel_statistics, largest_magnitudes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cnnfx.nn.receptive_field import AxisField
    from cnnfx.render.color import ColorScale

Layers = Sequence[tuple[int, FeatureMaps]]
"""Layers with their numbers, counted from 1."""

FRAME_RATIO = 4
"""Values near padding of zeros that are this many times as large as all others make a frame that is reported."""
MAX_VALUES_WITH_FRAME = 2**24
"""Larger maps are not searched for frames, which takes as long as computing them."""
OUTLIER_RATIO = 128
"""Values that are this many times as large as 95 % of a map are outliers: the others have no more than three levels."""
MIN_VALUES_WITH_OUTLIERS = 256
"""Smaller maps have none."""


class PictureNotes:
    """The notes on pictures of the feature maps of an image, all of them or one channel in each.

    Parameters
    ----------
    layers : sequence of (number of the layer, its feature maps)
    color_scale : ColorScale
    """

    def __init__(self, layers: Layers, color_scale: ColorScale) -> None:
        self.layers, self.color_scale = layers, color_scale

    def of(self, name: str, channel: int | None = None, drawn: str = "in magenta") -> tuple[str, ...]:
        """Return the notes on a picture or page.

        Parameters
        ----------
        name : str
            The name of the file.
        channel : int, optional
            The index of the only channel in the picture.
        drawn : str
            How values are drawn that are NaN or infinite.
        """
        notes = list(nonfinite_notes(name, self.layers, channel, drawn))
        if framed := self._chosen(self._framed, channel):
            notes.append(
                f"{name}: zeros of the padding make a frame in {framed}, more than {FRAME_RATIO} times as strong as "
                "what is in it. The borders reflect, symmetric and edge make none."
            )
        if with_outliers := self._chosen(self._with_outliers, channel):
            notes.append(
                f"{name}: a few values of {with_outliers} are more than {OUTLIER_RATIO} times as large as the others, "
                "which look almost alike. Clip them at the percentile 99 for more contrast."
            )
        return tuple(notes)

    def _chosen(self, found: Sequence[tuple[int, str]], channel: int | None) -> str:
        """Return the name of the only one of the channels found, or how many there are; "" if there is none."""
        names = [name for index, name in found if channel in (None, index)]
        return f"{len(names)} maps" if len(names) > 1 else "".join(names)

    @cached_property
    def _draws_the_range(self) -> bool:
        scale = self.color_scale
        return scale.clip is None and scale.limits is None and scale.normalize != "none"

    @cached_property
    def _framed(self) -> list[tuple[int, str]]:
        layers = self.layers if self._draws_the_range else ()
        return [(index, maps.names[index]) for _, maps in layers for index in framed_channels(maps)]

    @cached_property
    def _with_outliers(self) -> list[tuple[int, str]]:
        layers = self.layers if self._draws_the_range else ()
        return [(index, maps.names[index]) for _, maps in layers for index in outlier_channels(maps)]


def nonfinite_notes(
    name: str, layers: Layers, channel: int | None = None, drawn: str = "in magenta"
) -> tuple[str, ...]:
    """Return a note that counts the values in a picture that are NaN or infinite; no note if there are none.

    Parameters
    ----------
    name : str
        The name of the file.
    layers : sequence of (number of the layer, its feature maps)
    channel : int, optional
        The index of the only channel in the picture.
    drawn : str
        How they are drawn.
    """
    counts = [
        (maps.names[index], statistics.nonfinite)
        for _, maps in layers
        for index, statistics in enumerate(maps.statistics)
        if statistics.nonfinite and channel in (None, index)
    ]
    if not counts:
        return ()
    total, where = sum(count for _, count in counts), counts[0][0] if len(counts) == 1 else f"{len(counts)} maps"
    values = f"{total:,} values of {where} are" if total > 1 else f"1 value of {where} is"
    return (f"{name}: {values} NaN or infinite, drawn {drawn}.",)


def framed_channels(maps: FeatureMaps) -> list[int]:
    """Return the channels whose values near zeros of the padding are much larger than all others."""
    conv, (channels, height, width) = maps.network.layers[-1].conv, maps.shape
    is_padded = conv is not None and conv.padding not in ("valid", 0) and conv.window.border == "constant"
    if not is_padded or channels * height * width > MAX_VALUES_WITH_FRAME:
        return []
    from cnnfx.nn.receptive_field import receptive_field

    field = receptive_field(maps.network, maps.image.shape)
    _, image_height, image_width = maps.image.shape
    rows, columns = (
        _unpadded(axis, count, length)
        for axis, count, length in ((field.rows, height, image_height), (field.columns, width, image_width))
    )
    if not (rows.any() and columns.any()):
        return []
    parts = ((first, band[:, rows[first : first + band.shape[1]]][:, :, columns]) for first, band in maps.bands())
    inside = largest_magnitudes(channel_statistics((first, part) for first, part in parts if part.size))
    found = []
    for index, (low, high) in enumerate(maps.signal_ranges):
        if maps.rounding_errors[index] < inside[index] < max(-low, high) / FRAME_RATIO:
            found.append(index)
    return found


def _unpadded(field: AxisField, count: int, length: int) -> NDArray[np.bool_]:
    """Return which of the rows or columns of maps are computed from the image alone, without padding."""
    first = field.offset + field.stride * np.arange(count)
    unpadded: NDArray[np.bool_] = (first >= 0) & (first + field.size <= length)
    return unpadded


def outlier_channels(maps: FeatureMaps) -> list[int]:
    """Return the channels most of whose values are signal, but small compared with the largest one."""
    _, height, width = maps.shape
    if height * width < MIN_VALUES_WITH_OUTLIERS:
        return []
    found = []
    for index, (low, high) in enumerate(maps.signal_ranges):
        common = maps.statistics[index].common_magnitude()
        if maps.rounding_errors[index] < common < max(-low, high) / OUTLIER_RATIO:
            found.append(index)
    return found
