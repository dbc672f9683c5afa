"""What a page contains of a network: the layers whose maps it shows, and those that it computes, by their size."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod
from typing import NamedTuple

from cnnfx.errors import CnnfxError
from cnnfx.images import Image
from cnnfx.nn.network import Network
from cnnfx.nn.shapes import Shape

MAX_IMAGE_PIXELS = 512 * 512
"""The largest image on a page, in pixels."""
MAX_MAP_VALUES = 2**24
"""The largest number of values in all feature maps together, which the browser holds in memory."""
MAX_SHOWN_MAPS = 1024
"""The most feature maps that a page shows. Each is a canvas; more make the page slow."""
MAX_WEIGHT_BYTES = 16_000_000
"""The most bytes of weights, as float32, of the layers that a page computes."""
MAX_PRODUCTS = 3_000_000_000
"""The most products of weights and values that a page computes where it does not show all layers. A browser takes about
a second for 10⁹."""


class PageContents(NamedTuple):
    """The layers of a page.

    Parameters
    ----------
    network : Network
        Bound to the image's channels, and ending with the last layer of the page.
    shown : tuple of int
        The numbers of the layers whose maps are shown; the last of them is the one that the page is about.
    computed : frozenset of int
        The numbers of the layers that are computed in the browser. All others that these read are given as maps.
    """

    network: Network
    shown: tuple[int, ...]
    computed: frozenset[int]

    @property
    def given(self) -> list[int]:
        """The numbers of the layers whose maps are part of the page."""
        read = {source for number in self.computed for source in self.network.sources(number)}
        return sorted(read - self.computed - {0})

    @property
    def is_live(self) -> bool:
        """Whether the page computes everything, so that it can show other images, too."""
        return not self.given

    @property
    def needed(self) -> frozenset[int]:
        """The numbers of the layers that the last layer needs; 0 is the image."""
        return self.network.needed

    def note(self) -> str | None:
        """Return what the page leaves out, for the user; None if it shows all layers."""
        wanted = self.needed - {0}
        hidden = wanted - set(self.shown) - set(self._after())
        if not hidden:
            return None
        titles = " and ".join(self.network.layer_title(number) for number in self.shown)
        count = _map_count(self.network, wanted - set(self._after()))
        weights = weight_bytes(self.network, wanted)
        reason = f"all layers up to it have {count:,} maps, and a page shows up to {MAX_SHOWN_MAPS:,}"
        if count <= MAX_SHOWN_MAPS:
            limit = _megabytes(MAX_WEIGHT_BYTES)
            reason = f"the layers up to it have {_megabytes(weights)} of weights, and a page holds up to {limit}"
        text = f"shows {titles} only: {reason}"
        return text if self.is_live else f"{text}. It cannot open other images: that needs the other layers"

    def _after(self) -> range:
        """The numbers of the layers after the last one that is shown, which compute the scores of classes."""
        return range(self.shown[-1] + 1, len(self.network.layers) + 1)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.0f} MB"


def shown_layers(network: Network, requested: Sequence[int], some_channels: bool = False) -> tuple[int, ...]:
    """Return the numbers of the layers whose maps a page shows.

    These are all that the last of the requested layers needs, if they are few enough, otherwise the requested ones.

    Parameters
    ----------
    network : Network
    requested : sequence of int
    some_channels : bool
        Whether only some of the channels of the last one are requested; then their number is not limited.

    Raises
    ------
    CnnfxError
        If the requested layers have too many maps.
    """
    last = max(requested)
    needed = network.upto(last).needed - {0}
    if _map_count(network, needed) <= MAX_SHOWN_MAPS and weight_bytes(network, needed) <= MAX_WEIGHT_BYTES:
        return tuple(sorted(needed))
    count = _map_count(network, requested)
    if count > MAX_SHOWN_MAPS and not (some_channels and len(requested) == 1):
        what = f"the layers of {network.name} have" if len(requested) > 1 else f"{network.layer_owner(last)} has"
        raise CnnfxError(f"{what} {count:,} maps; a page shows up to {MAX_SHOWN_MAPS:,}.", remedy="page_maps")
    return tuple(requested)


def page_contents(network: Network, image: Image, shown: Sequence[int] | None = None) -> PageContents:
    """Return what is computed on a page.

    Parameters
    ----------
    network : Network
        Bound to the image's channels.
    image : Image
    shown : sequence of int, optional
        The layers whose maps are shown; by default all that the last layer needs.
    """
    needed = network.needed - {0}
    if shown is None or needed <= set(shown):
        return PageContents(network, tuple(sorted(needed if shown is None else shown)), needed)
    fits = weight_bytes(network, needed) <= MAX_WEIGHT_BYTES
    if fits and _product_count(network, image.shape) <= MAX_PRODUCTS:
        return PageContents(network, tuple(shown), needed)
    network = network.upto(max(shown))
    passing = [number for number in shown if network.layers[number - 1].conv is None]
    read = {source for number in passing for source in network.sources(number)}  # these have the filters
    return PageContents(network, tuple(shown), frozenset(shown) | (read - {0}))


def max_image_pixels(network: Network) -> int:
    """Return the largest number of pixels of an image on a page: 512×512, or less for a network with many values."""
    side = 512
    try:
        shapes = network.output_shapes((network.in_channels or 1, side, side))
        values = sum(prod(shapes[number - 1]) for number in network.needed if number)
    except CnnfxError:  # layers that need images of one size, which are not as large
        values = side * side * sum(len(layer.outputs) for layer in network.layers)
    return min(MAX_IMAGE_PIXELS, max(1, side * side * MAX_MAP_VALUES // max(1, values)))


def weight_bytes(network: Network, numbers: Iterable[int]) -> int:
    """Return the number of bytes of the weights of some layers as float32."""
    convs = [network.layers[number - 1].conv for number in numbers]
    return sum(4 * conv.weights.size for conv in convs if conv is not None)


def _map_count(network: Network, numbers: Iterable[int]) -> int:
    return sum(len(network.layers[number - 1].outputs) for number in numbers)


def _product_count(network: Network, shape: Shape) -> int:
    """Return the number of products of weights and values that the needed layers compute for an image (C, H, W)."""
    count = 0
    shapes = network.joined_shapes(shape)
    for number in network.needed - {0}:
        conv = network.layers[number - 1].conv
        if conv is not None:
            _, height, width = conv.output_shape(shapes[number - 1])
            count += conv.weights.size * height * width
    return count
