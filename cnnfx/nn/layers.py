"""Layers: inputs joined, then filters, combination of channels, activation, normalization and pooling.

Each part is an immutable value that maps input channels to output channels. Arrays are `(C, H, W)` or `(N, C, H, W)`:
channels are always the third axis from the end, so the same code handles an image and a batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from cnnfx.conv import Border, Method, Padding, Window, choose_method, correlate, window
from cnnfx.errors import ArgumentError
from cnnfx.images.image import GRAY_NAMES, RGB_NAMES
from cnnfx.nn.activations import ACTIVATIONS, NON_NEGATIVE_ACTIVATIONS, Activation
from cnnfx.nn.combinations import COMBINATIONS, Combination, channel_index
from cnnfx.nn.joins import JOINS
from cnnfx.nn.pooling import Pool
from cnnfx.nn.selection import MAX_LISTED_NAMES, listed_names
from cnnfx.nn.shapes import Array, Shape
from cnnfx.system.sizes import counted, shape_text
from cnnfx.system.text import printable, printable_names

if TYPE_CHECKING:
    from cnnfx.nn.normalization import LocalResponse

__all__ = [
    "ACTIVATIONS", "ALL_CHANNELS", "COMBINATIONS", "INPUT", "Activation", "Array", "Combination", "Conv", "Layer",
    "Pool", "Shape", "channel_index",
]  # fmt: skip

ALL_CHANNELS = "*"
"""The input name of a kernel that is applied to every input channel."""
INPUT = "input"
"""The name of the image among the sources of a layer."""


@dataclass(frozen=True, eq=False)
class Layer:
    """Inputs joined, then K filters, combination, activation, local response normalization and pooling, in this order.

    Parameters
    ----------
    conv : Conv, optional
        The filters. Without filters, the maps are the joined inputs.
    filter_names : tuple of str
        A name for each of the K filters; without filters, for each input channel, or empty until `bind` sets them.
    combine : tuple of Combination
        What each output channel is made from. Empty if the output channels are the filters' feature maps.
    activation : Activation
    pool : Pool, optional
    local_response : LocalResponse, optional
        Applied before the pooling.
    name : str
        The name by which other layers read it; may be empty.
    sources : tuple of str
        The names of the layers that it reads, or `INPUT` for the image. By default the layer before it, and the image
        for the first.
    join : str
        How the maps of several sources become one input: a key of `cnnfx.nn.joins.JOINS`.

    Raises
    ------
    ArgumentError
        If the join is unknown.
    """

    conv: Conv | None = None
    filter_names: tuple[str, ...] = ()
    combine: tuple[Combination, ...] = ()
    activation: Activation = field(default_factory=lambda: Activation())
    pool: Pool | None = None
    local_response: LocalResponse | None = None
    name: str = ""
    sources: tuple[str, ...] = ()
    join: str = "concat"

    def __post_init__(self) -> None:
        if self.join not in JOINS:
            raise ArgumentError(f"join {self.join!r} is not known. Known are {', '.join(JOINS)}.")
        object.__setattr__(self, "name", printable(self.name))
        for names in ("filter_names", "sources"):
            object.__setattr__(self, names, printable_names(getattr(self, names)))

    def describe(self) -> str:
        """Return the layer in a few words, such as "24 filters of 5×5, relu, max:2"."""
        steps = []
        if self.conv is not None:
            count, _, *size = self.conv.weights.shape
            steps.append(shape_text((count, *size), "filter"))
        elif len(self.sources) > 1:
            steps.append(f"{self.join} of {', '.join(self.sources)}")
        steps += [self.activation.kind] if self.activation.kind != "none" else []
        steps += [str(self.local_response)] if self.local_response else []
        steps += [str(self.pool)] if self.pool else []
        return ", ".join(steps) or "no filters"

    def __repr__(self) -> str:
        return f"<Layer {self.describe()}: {listed_names(self.channel_names)}>"

    @property
    def outputs(self) -> tuple[Combination, ...]:
        """What each output channel is made from."""
        return self.combine or tuple(Combination(name, "take", (k,)) for k, name in enumerate(self.filter_names))

    @property
    def channel_names(self) -> tuple[str, ...]:
        """The names of the output channels."""
        return tuple(channel.name for channel in self.combine) or self.filter_names

    def non_negative(self, inputs: Sequence[bool] = ()) -> tuple[bool, ...]:
        """Return whether each output channel cannot be negative, by the kinds of its combination and the activation.

        Weights and values do not matter. Normalization and pooling keep signs.

        Parameters
        ----------
        inputs : sequence of bool
            Whether each of the joined input channels cannot be negative, for layers without filters.
        """
        maps = [self.conv is None and bool(inputs) and inputs[index] for index in range(len(self.filter_names))]
        always = self.activation.kind in NON_NEGATIVE_ACTIVATIONS
        return tuple(always or channel.is_non_negative(maps) for channel in self.outputs)

    @property
    def pool_size(self) -> int:
        """The side of the pooled blocks, 1 without pooling."""
        return (self.pool.block or 1) if self.pool else 1

    @np.errstate(over="ignore", invalid="ignore")  # what is too large for the float type is infinite
    def join_inputs(self, inputs: Sequence[Array]) -> Array:
        """Return the maps of the sources `(..., C, H, W)` as one input; that of a single source is not copied."""
        return inputs[0] if len(inputs) == 1 else JOINS[self.join](inputs)

    def forward(self, image: Array, out: Array | None = None) -> Array:
        """Return the output channels `(K, Ho, Wo)` of joined inputs `(C, H, W)`, or of each image of a batch.

        They are written to `out` if it is given.
        """
        if self.conv is None:
            maps = self.finish(image)
        else:
            finished = bool(self.combine or self.local_response or self.pool)
            maps = self.finish(self.conv.forward(image, None if finished else out), overwrite=True)
        if out is None or maps is out:
            return maps
        out[...] = maps
        return out

    def finish(self, maps: Array, overwrite: bool = False) -> Array:
        """Apply all that follows the filters to their feature maps `(..., K, H, W)`; `overwrite` allows to use them."""
        if self.combine:
            maps = np.stack([channel.forward(maps) for channel in self.combine], axis=-3)
        if self.activation.kind == "relu" and self.pool and self.pool.kind == "max" and self.local_response is None:
            # max(ReLU(x)) = ReLU(max(x)), and the pooled maps have fewer values.
            return self.activation.forward(self.pool.forward(maps), overwrite or self.pool.size != (1, 1))
        maps = self.activation.forward(maps, overwrite or bool(self.combine))
        if self.local_response is not None:
            maps = self.local_response.forward(maps)
        return self.pool.forward(maps) if self.pool else maps

    def maps_shape(self, shape: Shape) -> Shape:
        """Return the shape of the maps before pooling, for joined inputs of shape `(C, H, W)`.

        Raises
        ------
        ArgumentError
            If the kernel is larger than the maps that it reads.
        """
        channels, height, width = shape if self.conv is None else self.conv.output_shape(shape)
        return len(self.combine) or channels, height, width

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape of the output channels for joined inputs of shape `(C, H, W)`.

        Raises
        ------
        ArgumentError
            If the kernel or the pooling is larger than the maps that it reads.
        """
        maps = self.maps_shape(shape)
        return self.pool.output_shape(maps) if self.pool else maps

    def bind(self, names: tuple[str, ...]) -> Layer:
        """Return this layer with weights `(K, C, kh, kw)` for the C input channels `names`.

        Kernels for all channels are repeated on each of them; kernels for named channels are placed on theirs.

        Raises
        ------
        ArgumentError
            If the filters have a different number of input channels, or read a channel that is not among `names`.
        """
        if self.conv is None:
            return replace(self, filter_names=names)
        wanted, have = self.conv.inputs, f"{len(names)} ({_names_text(names)})"
        if wanted is None:
            if self.conv.in_channels != len(names):
                channels = counted(self.conv.in_channels or 0, "input channel")
                is_deeper = names in (GRAY_NAMES, RGB_NAMES) and (self.conv.in_channels or 0) > len(RGB_NAMES)
                message = f"its filters have {channels}, its input has {have}"
                raise ArgumentError(message, remedy="maps_before" if is_deeper else "")
            return self
        for name in wanted:
            if name not in names and name != ALL_CHANNELS:
                message = f"its filters read a channel {name!r}, its input has {have}"
                raise ArgumentError(message, remedy="color_channels" if name in RGB_NAMES else "")
        return replace(self, conv=replace(self.conv, weights=self.conv.weights_on(names), inputs=None))

    def to_dict(self) -> dict[str, Any]:
        """Return a bound layer, except for its weights and biases, as data that JSON can hold.

        `from_dict` is the inverse. Model files, `.npz` files of feature maps and pages contain this description.
        """
        data: dict[str, Any] = {"kind": "conv"}
        if self.conv is None:
            data = {"kind": "maps"}
        data["filters"] = list(self.filter_names)
        if self.conv is not None:
            window = self.conv.window
            data["stride"], data["dilation"] = window.stride, window.dilation
            data["padding"], data["border"] = window.padding, window.border
            data["groups"] = self.conv.groups
        data["combine"] = [channel._asdict() for channel in self.combine]
        data["activation"] = self.activation.kind
        data["pool"] = self.pool.to_data() if self.pool else None
        return data | self._optional_data()

    def _optional_data(self) -> dict[str, Any]:
        """Return the parts of `to_dict` that most layers do not have."""
        slope, response = self.activation.slope, self.local_response
        data: dict[str, Any] = {} if slope is None else {"slope": slope}
        if response is not None:
            data["local_response"] = vars(response)
        if self.name:
            data["name"] = self.name
        return data | ({"from": list(self.sources), "join": self.join} if self.sources else {})

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], weights: Array | None = None, bias: Array | None = None) -> Layer:
        """Return the layer that `to_dict` describes; `data` may come from an untrusted file.

        Parameters
        ----------
        data : mapping
        weights : array (K, C, kh, kw), optional
            One slice per input channel of the filter's group; None for a layer without filters.
        bias : array (K,), optional

        Raises
        ------
        ArgumentError
            If a value is wrong, or does not fit the weights.
        KeyError, TypeError
            If a key is missing, or a value is of the wrong type.
        """
        filters = data["filters"]
        if data["kind"] != ("maps" if weights is None else "conv"):
            raise ArgumentError(f"a layer of kind {data['kind']!r}")
        if not isinstance(filters, list) or not all(isinstance(name, str) for name in filters):
            raise ArgumentError("filters is not a list of names")
        name, sources, join = data.get("name", ""), data.get("from", []), data.get("join", "concat")
        texts = [name, join, *sources] if isinstance(sources, list) else [None]
        if not all(isinstance(text, str) for text in texts):
            raise ArgumentError("name, from or join is not text")
        return cls(
            None if weights is None or bias is None else Conv.from_dict(data, weights, bias, len(filters)),
            tuple(filters),
            tuple(Combination.from_dict(channel, len(filters)) for channel in data["combine"]),
            Activation.of(data["activation"], data.get("slope")),
            Pool.from_data(data["pool"]) if data["pool"] else None,
            _local_response(data.get("local_response")),
            name,
            tuple(sources),
            join,
        )


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

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], weights: Array, bias: Array, filters: int) -> Conv:
        """Return `filters` filters with the settings in the description of a layer; see `Layer.from_dict`."""
        groups = data["groups"]
        if type(groups) is not int or groups < 1 or filters % groups:
            raise ArgumentError(f"{filters} filters in {groups!r} groups")
        if weights.ndim != 4 or len(weights) != filters or bias.shape != (filters,):
            raise ArgumentError(f"{filters} filters, weights of shape {weights.shape}, biases of {bias.shape}")
        settings = {name: data[name] for name in ("stride", "dilation", "padding", "border")}
        return cls(weights, bias, groups=groups, **settings)

    def __repr__(self) -> str:
        return f"<Conv {'×'.join(map(str, self.weights.shape))} {self.weights.dtype}>"

    @property
    def in_channels(self) -> int | None:
        """The number of input channels; None until `Layer.bind` has resolved `inputs`."""
        return None if self.inputs is not None else self.weights.shape[1] * self.groups

    def forward(self, image: Array, out: Array | None = None) -> Array:
        """Return the feature maps `(K, Ho, Wo)` of an image `(C, H, W)`, or of a batch; `out` as in `correlate`."""
        return self.forward_band(image, self.window.padding, "auto", out)

    def forward_band(self, band: Array, padding: Padding, method: Method, out: Array | None = None) -> Array:
        """Return the feature maps of some rows of an image.

        Parameters
        ----------
        band : array (..., C, rows, W)
        padding, method, out
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
            out=out,
        )

    def choose_method(self, shape: Shape) -> Method:
        """Return the method of `cnnfx.correlate` for all bands of an input of shape `(C, H, W)`."""
        return choose_method((1, *self.output_shape(shape)), self.weights, self.window, self.groups)

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


def _local_response(data: Mapping[str, Any] | None) -> LocalResponse | None:
    if data is None:
        return None
    from cnnfx.nn.normalization import LocalResponse  # few networks have it

    return LocalResponse.from_data(data)


def _names_text(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= MAX_LISTED_NAMES else listed_names(names)
