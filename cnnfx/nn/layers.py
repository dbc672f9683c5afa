"""Layers: filters, then combination of channels, activation and pooling.

Each part is an immutable value that maps input channels to output channels. Arrays are `(C, H, W)` or `(N, C, H, W)`:
channels are always the third axis from the end, so the same code handles an image and a batch.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnfx.conv import Border, Method, Padding, Window, choose_method, correlate, window
from cnnfx.errors import ArgumentError
from cnnfx.nn.selection import listed_names
from cnnfx.system.sizes import counted, shape_text

Array = NDArray[Any]
Shape = tuple[int, int, int]

ALL_CHANNELS = "*"
"""The input name of a kernel that is applied to every input channel."""


@dataclass(frozen=True, eq=False)
class Layer:
    """K filters, then combination, activation and pooling of their feature maps, in this order.

    Parameters
    ----------
    conv : Conv
        The filters.
    filter_names : tuple of str
        A name for each of the K filters.
    combine : tuple of Combination
        What each output channel is made from. Empty if the output channels are the filters' feature maps.
    activation : Activation
    pool : Pool, optional
    """

    conv: Conv
    filter_names: tuple[str, ...]
    combine: tuple[Combination, ...] = ()
    activation: Activation = field(default_factory=lambda: Activation())
    pool: Pool | None = None

    def describe(self) -> str:
        """Return the layer in a few words, such as "24 filters of 5×5, relu, max:2"."""
        count, _, *size = self.conv.weights.shape
        steps = [shape_text((count, *size), "filter")]
        steps += [self.activation.kind] if self.activation.kind != "none" else []
        steps += [f"{self.pool.kind}:{self.pool.size}"] if self.pool else []
        return ", ".join(steps)

    def __repr__(self) -> str:
        return f"<Layer {self.describe()}: {listed_names(self.channel_names)}>"

    @property
    def outputs(self) -> tuple[Combination, ...]:
        """What each output channel is made from."""
        return self.combine or tuple(Combination(name, "take", (k,)) for k, name in enumerate(self.filter_names))

    @property
    def channel_names(self) -> tuple[str, ...]:
        """The names of the output channels."""
        return tuple(channel.name for channel in self.outputs)

    @property
    def non_negative(self) -> tuple[bool, ...]:
        """Whether each output channel cannot be negative, by the kinds of its combination and the activation.

        Weights and values do not matter. Pooling keeps signs.
        """
        always = self.activation.kind in NON_NEGATIVE_ACTIVATIONS
        return tuple(always or channel.kind in NON_NEGATIVE_COMBINATIONS for channel in self.outputs)

    @property
    def pool_size(self) -> int:
        """The side of the pooled blocks, 1 without pooling."""
        return self.pool.size if self.pool else 1

    def forward(self, image: Array) -> Array:
        """Return the output channels `(K, Ho, Wo)` of input channels `(C, H, W)`, or of each image of a batch."""
        return self.finish(self.conv.forward(image))

    @np.errstate(invalid="ignore", over="ignore")  # what is too large for the float type is infinite
    def finish(self, maps: Array) -> Array:
        """Apply combination, activation and pooling to the filters' feature maps `(..., K, H, W)`."""
        if self.combine:
            maps = np.stack([channel.forward(maps) for channel in self.combine], axis=-3)
        maps = self.activation.forward(maps)
        return self.pool.forward(maps) if self.pool else maps

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape of the output channels for input channels of shape `(C, H, W)`.

        Raises
        ------
        ArgumentError
            If the kernel or the pooling is larger than the maps that it reads.
        """
        _, height, width = self.conv.output_shape(shape)
        maps = (len(self.channel_names), height, width)
        return self.pool.output_shape(maps) if self.pool else maps

    def bind(self, names: tuple[str, ...]) -> Layer:
        """Return this layer with weights `(K, C, kh, kw)` for the C input channels `names`.

        Kernels for all channels are repeated on each of them; kernels for named channels are placed on theirs.

        Raises
        ------
        ArgumentError
            If the filters have a different number of input channels, or read a channel that is not among `names`.
        """
        wanted, have = self.conv.inputs, f"{len(names)} ({', '.join(names)})"
        if wanted is None:
            if self.conv.in_channels != len(names):
                channels = counted(self.conv.in_channels or 0, "input channel")
                raise ArgumentError(f"its filters have {channels}, its input has {have}")
            return self
        for name in wanted:
            if name not in names and name != ALL_CHANNELS:
                raise ArgumentError(f"its filters read a channel {name!r}, its input has {have}")
        return replace(self, conv=replace(self.conv, weights=self.conv.weights_on(names), inputs=None))

    def to_dict(self) -> dict[str, Any]:
        """Return a bound layer, except for its weights and biases, as data that JSON can hold.

        `from_dict` is the inverse. Model files, `.npz` files of feature maps and pages contain this description.
        """
        window = self.conv.window
        return {
            "kind": "conv",
            "filters": list(self.filter_names),
            "stride": window.stride,
            "dilation": window.dilation,
            "padding": window.padding,
            "border": window.border,
            "groups": self.conv.groups,
            "combine": [channel._asdict() for channel in self.combine],
            "activation": self.activation.kind,
            "pool": str(self.pool) if self.pool else None,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], weights: Array, bias: Array) -> Layer:
        """Return the layer that `to_dict` describes; `data` may come from an untrusted file.

        Parameters
        ----------
        data : mapping
        weights : array (K, C, kh, kw)
            One slice per input channel of the filter's group.
        bias : array (K,)

        Raises
        ------
        ArgumentError
            If a value is wrong, or does not fit the weights.
        KeyError, TypeError
            If a key is missing, or a value is of the wrong type.
        """
        filters, groups = data["filters"], data["groups"]
        if data["kind"] != "conv" or data["activation"] not in ACTIVATIONS:
            raise ArgumentError(f"a layer of kind {data['kind']!r} with activation {data['activation']!r}")
        if not isinstance(filters, list) or not all(isinstance(name, str) for name in filters):
            raise ArgumentError("filters is not a list of names")
        if type(groups) is not int or groups < 1 or len(filters) % groups:
            raise ArgumentError(f"{len(filters)} filters in {groups!r} groups")
        if weights.ndim != 4 or len(weights) != len(filters) or bias.shape != (len(filters),):
            raise ArgumentError(f"{len(filters)} filters, weights of shape {weights.shape}, biases of {bias.shape}")
        conv = Conv(
            weights,
            bias,
            stride=data["stride"],
            dilation=data["dilation"],
            padding=data["padding"],
            border=data["border"],
            groups=groups,
        )
        combine = tuple(Combination.from_dict(channel, len(filters)) for channel in data["combine"])
        pool = Pool.parse(data["pool"]) if data["pool"] else None
        return cls(conv, tuple(filters), combine, Activation(data["activation"]), pool)


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
        The name of the input channel of each of the C slices; `"*"` applies a slice to every channel. By default the
        slices are for the input channels in order. `Layer.bind` resolves the names.
    stride, dilation, padding, border, groups
        As in `cnnfx.correlate`.
    """

    weights: Array
    bias: Array
    inputs: tuple[str, ...] | None = None
    stride: int | tuple[int, int] = 1
    dilation: int | tuple[int, int] = 1
    padding: Padding = "valid"
    border: Border = "constant"
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

    def __repr__(self) -> str:
        return f"<Conv {'×'.join(map(str, self.weights.shape))} {self.weights.dtype}>"

    @property
    def in_channels(self) -> int | None:
        """The number of input channels; None until `Layer.bind` has resolved `inputs`."""
        return None if self.inputs is not None else self.weights.shape[1] * self.groups

    def forward(self, image: Array) -> Array:
        """Return the feature maps `(K, Ho, Wo)` of an image `(C, H, W)`, or of each image of a batch."""
        return self.forward_band(image, self.window.padding, "auto")

    def forward_band(self, band: Array, padding: Padding, method: Method) -> Array:
        """Return the feature maps of some rows of an image.

        Parameters
        ----------
        band : array (..., C, rows, W)
        padding, method
            As in `cnnfx.correlate`. Rows in the middle of an image have padding at their sides only.
        """
        return correlate(
            band,
            self.weights,
            self.bias,
            stride=self.window.stride,
            dilation=self.window.dilation,
            padding=padding,
            border=self.window.border,
            groups=self.groups,
            method=method,
        )

    def choose_method(self, shape: Shape) -> Method:
        """Return the method of `cnnfx.correlate` for all bands of an input of shape `(C, H, W)`."""
        return choose_method((1, *self.output_shape(shape)), self.weights, self.window)

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape `(K, Ho, Wo)` of the feature maps of an input of shape `(C, H, W)`."""
        return (self.weights.shape[0], *self.window.output_size((shape[1], shape[2])))

    def weights_on(self, names: tuple[str, ...]) -> Array:
        """Return the weights `(K, C, kh, kw)` on the C channels `names`, each slice on the channels of its input."""
        assert self.inputs is not None
        result = np.zeros((self.weights.shape[0], len(names), *self.weights.shape[-2:]), self.weights.dtype)
        for index, name in enumerate(self.inputs):
            for channel in range(len(names)) if name == ALL_CHANNELS else [names.index(name)]:
                result[:, channel] += self.weights[:, index]
        return result


class Combination(NamedTuple):
    """One output channel made from others, position by position.

    `kind` is a key of `COMBINATIONS`; `of` are the indexes of the channels that it is made from.
    """

    name: str
    kind: str
    of: tuple[int, ...]

    def forward(self, maps: Array) -> Array:
        """Return the channel `(..., H, W)` made from channels `(..., K, H, W)`."""
        return COMBINATIONS[self.kind](maps[..., channel_index(self.of), :, :])

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], channels: int) -> Combination:
        """Return a combination of `channels` channels from its description: a mapping with `name`, `kind` and `of`.

        Raises
        ------
        ArgumentError
            If its kind is unknown, or it is made from no channel or from one that does not exist.
        """
        of = tuple(data["of"])
        known = all(isinstance(index, int) and 0 <= index < channels for index in of)
        if data["kind"] not in COMBINATIONS or not of or not known:
            raise ArgumentError(f"a combination {data!r}")
        return cls(str(data["name"]), data["kind"], of)


def channel_index(channels: Sequence[int]) -> slice | list[int]:
    """Return an index that selects channels: a slice, which makes no copy, if they are adjacent and in order."""
    chosen = list(channels)
    adjacent = bool(chosen) and chosen == list(range(chosen[0], chosen[-1] + 1))
    return slice(chosen[0], chosen[-1] + 1) if adjacent else chosen


COMBINATIONS: dict[str, Callable[[Array], Array]] = {
    "take": lambda maps: maps[..., 0, :, :],
    "norm": lambda maps: np.sqrt(np.square(maps).sum(axis=-3)),
    "max": lambda maps: maps.max(axis=-3),
    "sum": lambda maps: maps.sum(axis=-3),
    "mean": lambda maps: maps.mean(axis=-3),
    "difference": lambda maps: maps[..., 0, :, :] - maps[..., 1:, :, :].sum(axis=-3),
}
"""Each kind of combination as a function of channels `(..., K, H, W)`: the first channel itself, the Euclidean norm,
the largest value, the sum, the mean, and the first channel minus all others."""

NON_NEGATIVE_COMBINATIONS = frozenset(("norm",))
"""The kinds of combination that make no negative values from the filters' feature maps, which have both signs."""


class Activation(NamedTuple):
    """An elementwise function; `kind` is a key of `ACTIVATIONS`."""

    kind: str = "none"

    def forward(self, maps: Array) -> Array:
        """Apply the function to every value."""
        return ACTIVATIONS[self.kind](maps)


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "none": lambda maps: maps,
    "relu": lambda maps: np.maximum(maps, 0),
    "abs": np.abs,
}
"""Each kind of activation as a function of an array."""

NON_NEGATIVE_ACTIVATIONS = frozenset(("relu", "abs"))
"""The kinds of activation whose results are never negative."""


@dataclass(frozen=True)
class Pool:
    """The largest (`"max"`) or mean (`"mean"`) value of each `size`×`size` block.

    Rows and columns at the end that do not fill a block are dropped.
    """

    kind: str
    size: int

    def __post_init__(self) -> None:
        if self.kind not in POOLS or self.size < 1:
            raise _unknown_pool(str(self))

    def __str__(self) -> str:
        return f"{self.kind}:{self.size}"

    @classmethod
    def parse(cls, text: str) -> Pool:
        """Return the pooling that a text such as "max:2" or "mean:2" describes; "avg:2" is "mean:2".

        Raises
        ------
        ArgumentError
            If the text does not describe a pooling.
        """
        match = re.fullmatch(r"\s*([a-z]+)\s*:\s*([0-9]{1,9})\s*", text.lower())
        if match is None:
            raise _unknown_pool(text)
        kind, size = match.groups()
        return cls(POOL_ALIASES.get(kind, kind), int(size))

    def forward(self, maps: Array) -> Array:
        """Return the pooled maps `(..., H // size, W // size)` of maps `(..., H, W)`."""
        *_, height, width = self.output_shape(maps.shape[-3:])
        return POOLS[self.kind](maps[..., : height * self.size, : width * self.size], self.size)

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape of the pooled maps for maps of shape `(K, H, W)`.

        Raises
        ------
        ArgumentError
            If the maps are smaller than a block.
        """
        channels, height, width = shape
        if min(height, width) < self.size:
            raise ArgumentError(f"pool {self} does not fit into maps of {width}×{height} pixels.")
        return channels, height // self.size, width // self.size


POOL_ALIASES = {"avg": "mean", "average": "mean"}
"""Other names of kinds of pooling."""


def _unknown_pool(text: str) -> ArgumentError:
    return ArgumentError(f"pool {text} is not known. Write max:N or mean:N with N of 1 or more.")


# Ufuncs of strided slices are about 20 times as fast as the reduction over two axes of a 5-D view of the blocks.


def _max_pool(maps: Array, size: int) -> Array:
    # The bits are those of NumPy's reduction, apart from the sign of a NaN.
    rows = reduce(np.maximum, (maps[..., row::size, :] for row in range(size)))
    return reduce(np.maximum, (rows[..., column::size] for column in range(size)))


def _mean_pool(maps: Array, size: int) -> Array:
    # NumPy's order of addition depends on the sizes and the memory layout, so its mean is the same within rounding.
    columns = reduce(np.add, (maps[..., column::size] for column in range(size)))
    sums: Array = reduce(np.add, (columns[..., row::size, :] for row in range(size)))
    return sums / size**2


POOLS: dict[str, Callable[[Array, int], Array]] = {"max": _max_pool, "mean": _mean_pool}
"""Each kind of pooling as a function of maps `(..., H·size, W·size)` and the size."""
