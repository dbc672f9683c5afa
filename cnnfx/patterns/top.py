"""The images that excite each channel most, and where in them: found in one pass over any number of images."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from cnnfx.network import Network
from cnnfx.patterns.gallery import Gallery, Peaks


class Place(NamedTuple):
    """Where a channel is excited: its activation, the number of the image, and the output's row and column."""

    activation: float
    image: int
    row: int
    column: int


class Leaders:
    """The `count` largest activations of each of K channels so far, one of each image.

    Of equal ones the earlier image's counts as larger, so the result is that of sorting them all.
    """

    def __init__(self, count: int, channels: int) -> None:
        self.count, self.channels = count, channels
        self._values = np.full((count, channels), -np.inf)
        self._places = np.full((3, count, channels), -1)

    def add(self, peaks: Peaks) -> None:
        """Take in the peaks of images that come after all before."""
        numbers = np.broadcast_to(peaks.first + np.arange(len(peaks.values))[:, np.newaxis], peaks.values.shape)
        values = np.concatenate([self._values, peaks.values])
        places = np.concatenate([self._places, np.stack([numbers, peaks.rows, peaks.columns])], axis=1)
        order = np.argsort(-values, axis=0, kind="stable")[: self.count]
        self._values = np.take_along_axis(values, order, axis=0)
        self._places = np.take_along_axis(places, order[np.newaxis], axis=1)

    def places(self, channel: int, least: float = -np.inf) -> list[Place]:
        """Where a channel is excited most, and by more than `least`; the largest activation first."""
        columns = zip(self._values[:, channel].tolist(), *self._places[:, :, channel].tolist(), strict=True)
        return [Place(*column) for column in columns if column[0] > least]


def find_top(
    network: Network, gallery: Gallery, count: int, progress: Callable[[int], None] | None = None
) -> list[list[Place]]:
    """For each output channel of the last layer, or each class if the network has a head, where it is excited most.

    Parameters
    ----------
    network : Network
        Bound to the gallery's channels.
    gallery : Gallery
    count : int
        So many images at most. Those in which a channel is nowhere above zero do not excite it: they are left out.
    progress : callable, optional
        Called with the number of images that are done.

    Raises
    ------
    ArgumentError
        If the images do not fit the network.
    """
    least = 0.0 if network.head is None else -np.inf  # any score can be the largest one
    leaders = None
    for peaks in gallery.peaks(network):
        leaders = leaders or Leaders(count, peaks.values.shape[1])
        leaders.add(peaks)
        if progress:
            progress(peaks.first + len(peaks.values))
    return [] if leaders is None else [leaders.places(k, least) for k in range(leaders.channels)]
