"""The parts of a layer: cross-correlation with filters, combinations of channels, activation and pooling.

Each part is an immutable value that maps input channels to output channels. Arrays are `(C, H, W)` or `(N, C, H, W)`;
channels are
always the third axis from the end, so one rule serves a single image and a batch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnfx.conv import Window, choose_method, correlate, window
from cnnfx.errors import ArgumentError

Array = NDArray[Any]
Shape = tuple[int, int, int]
Padding = str | int | tuple[tuple[int, int], tuple[int, int]]

EVERY = "*"
"""The input name that stands for every channel of the layer below (a flat kernel)."""


@dataclass(frozen=True, eq=False)
class Conv:
    """K filters, cross-correlated with the input channels.

    Parameters
    ----------
    weights : array (K, C, kh, kw)
        One slice per input channel of the filter's group.
    bias : array (K,)
        Added to every position of the filter's feature map.
    inputs : tuple of str, optional
        The names that the C slices belong to, where they are not simply the channels below in order: channel names of
        the layer
        below, or `"*"` for a slice that is used on every channel. `bind` resolves them.
    stride, dilation, padding, border, groups
        As in `cnnfx.correlate`.
    """

    weights: Array
    bias: Array
    inputs: tuple[str, ...] | None = None
    stride: int | tuple[int, int] = 1
    dilation: int | tuple[int, int] = 1
    padding: Padding = "valid"
    border: str = "constant"
    groups: int = 1
    window: Window = field(init=False, repr=False)

    def __post_init__(self) -> None:
        checked = window(
            self.weights.shape[-2:],
            stride=self.stride,
            dilation=self.dilation,
            padding=self.padding,
            border=self.border,
        )
        object.__setattr__(self, "window", checked)

    @property
    def depth(self) -> int | None:
        """The number of input channels, or None while that depends on the layer below."""
        return None if self.inputs is not None else self.weights.shape[1] * self.groups

    def forward(self, image: Array) -> Array:
        """The feature maps `(K, Ho, Wo)` of an image `(C, H, W)`, or of each image of a batch."""
        return self.forward_band(image, self.window.padding, "auto")

    def forward_band(self, band: Array, padding: Padding, method: str) -> Array:
        """`forward` of some rows of an image, with the padding that lies around them, by a method of `correlate`."""
        place = self.window
        return correlate(
            band,
            self.weights,
            self.bias,
            stride=place.stride,
            dilation=place.dilation,
            padding=padding,
            border=place.border,
            groups=self.groups,
            method=method,
        )

    def method(self, shape: Shape) -> str:
        """The method of `correlate` that suits an input of shape `(C, H, W)`: the same for each of its bands."""
        return choose_method((1, *self.output_shape(shape)), self.weights, self.window)

    def output_shape(self, shape: Shape) -> Shape:
        """The shape `(K, Ho, Wo)` that an input of shape `(C, H, W)` gives."""
        return (self.weights.shape[0], *self.window.output_size((shape[1], shape[2])))

    def scatter(self, names: tuple[str, ...]) -> Array:
        """The weights `(K, C, kh, kw)` on the C channels `names`, every slice where its input name says."""
        assert self.inputs is not None
        full = np.zeros((self.weights.shape[0], len(names), *self.weights.shape[-2:]), self.weights.dtype)
        for slice_index, name in enumerate(self.inputs):
            targets = range(len(names)) if name == EVERY else [names.index(name)]
            for channel in targets:
                full[:, channel] += self.weights[:, slice_index]
        return full


class Combination(NamedTuple):
    """One output channel made from others, position by position.

    `kind` is `"take"` (the channel itself), `"norm"` (Euclidean), `"max"`, `"sum"`, `"mean"` or `"difference"` (the
    first less all
    others); `of` are the positions of the channels that it is made from.
    """

    name: str
    kind: str
    of: tuple[int, ...]

    def forward(self, maps: Array) -> Array:
        """The channel `(..., H, W)` made from channels `(..., K, H, W)`."""
        first, last = self.of[0], self.of[-1] + 1
        neighbors = self.of == tuple(range(first, last))  # which need not be copied to stand side by side
        chosen = slice(first, last) if neighbors else list(self.of)
        return COMBINATIONS[self.kind](maps[..., chosen, :, :])


def _difference(maps: Array) -> Array:
    return maps[..., 0, :, :] - maps[..., 1:, :, :].sum(axis=-3)  # type: ignore[no-any-return]


COMBINATIONS: dict[str, Callable[[Array], Array]] = {
    "take": lambda maps: maps[..., 0, :, :],
    "norm": lambda maps: np.sqrt(np.square(maps).sum(axis=-3)),
    "max": lambda maps: maps.max(axis=-3),
    "sum": lambda maps: maps.sum(axis=-3),
    "mean": lambda maps: maps.mean(axis=-3),
    "difference": _difference,
}
"""What each kind of combination does to `(..., K, H, W)`."""


class Activation(NamedTuple):
    """An elementwise function: `"none"`, `"relu"` (negative values become 0) or `"abs"`."""

    kind: str = "none"

    def forward(self, maps: Array) -> Array:
        """The function of every value."""
        return ACTIVATIONS[self.kind](maps)


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "none": lambda maps: maps,
    "relu": lambda maps: np.maximum(maps, 0),
    "abs": np.abs,
}
"""What each kind of activation does to an array."""


@dataclass(frozen=True)
class Pool:
    """The largest (`"max"`) or mean (`"mean"`) value of each `size`×`size` block; what does not fill a block is
    dropped."""

    kind: str
    size: int

    def __post_init__(self) -> None:
        if self.kind not in POOLS or self.size < 1:
            raise ArgumentError(
                f"pool {self.kind}:{self.size} is not known. Write max:N or mean:N with N of 1 or more."
            )

    def forward(self, maps: Array) -> Array:
        """The pooled maps `(..., H // size, W // size)`."""
        *_, height, width = self.output_shape(maps.shape[-3:])
        blocks = maps[..., : height * self.size, : width * self.size]
        blocks = blocks.reshape(*maps.shape[:-2], height, self.size, width, self.size)
        return POOLS[self.kind](blocks)

    def output_shape(self, shape: Shape) -> Shape:
        """The shape that maps of shape `(K, H, W)` are pooled to."""
        channels, height, width = shape
        if min(height, width) < self.size:
            raise ArgumentError(f"pool {self.kind}:{self.size} does not fit into maps of {width}×{height} pixels.")
        return channels, height // self.size, width // self.size


POOLS: dict[str, Callable[[Array], Array]] = {
    "max": lambda blocks: blocks.max(axis=(-3, -1)),
    "mean": lambda blocks: blocks.mean(axis=(-3, -1)),
}
"""What each kind of pooling does to blocks `(..., H, size, W, size)`."""


@dataclass(frozen=True, eq=False)
class Dense:
    """The head of a network that tells classes: every score is a weighted sum of all feature maps, and a bias.

    Parameters
    ----------
    weights : array (K, C·H·W)
        In PyTorch's order: the maps of an image flattened channel by channel, row by row.
    bias : array (K,)
    shape : (C, H, W)
        Of the feature maps that it takes.
    """

    weights: Array
    bias: Array
    shape: Shape

    def forward(self, maps: Array) -> Array:
        """The scores `(K,)` of feature maps `(C, H, W)`, or `(N, K)` of a batch.

        Raises
        ------
        ArgumentError
            If the maps are of another shape: the image was larger or smaller than those learned from.
        """
        self.check(maps.shape[-3:])
        flat = maps.reshape(*maps.shape[:-3], -1)
        return flat @ self.weights.T + self.bias

    def check(self, shape: Shape) -> None:
        """See that feature maps have the shape that it takes.

        Raises
        ------
        ArgumentError
            If they have not.
        """
        if shape != self.shape:
            wanted, given = ("×".join(map(str, sizes)) for sizes in (self.shape, shape))
            raise ArgumentError(
                f"the classes are told from feature maps of {wanted} (channels, rows, columns), not {given}: "
                "the image must have the size that the network has learned on."
            )
