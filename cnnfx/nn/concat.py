"""Filters put side by side: kernels of several sizes and kinds of input become the weights of one layer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import ArgumentError
from cnnfx.nn.layers import ALL_CHANNELS, Combination, Conv
from cnnfx.nn.network import Layer, Network

MOST_WEIGHTS = 2**26
"""The most weights that a layer is given: small kernels beside a huge one are filled up with zeros."""


class Block(NamedTuple):
    """Some filters of a layer that look at their input channels in the same way.

    Parameters
    ----------
    label : str
        What messages call them.
    weights : array (K, C, kh, kw)
    inputs : tuple of str, optional
        What the C slices belong to, as in `cnnfx.nn.layers.Conv`.
    """

    label: str
    weights: NDArray[Any]
    inputs: tuple[str, ...] | None = (ALL_CHANNELS,)

    @property
    def is_flat(self) -> bool:
        """Whether one matrix serves every input channel."""
        return self.inputs == (ALL_CHANNELS,)


def centerd(weights: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """Kernels set in the middle of zeros, so that they stand on the same pixel as before.

    Parameters
    ----------
    weights : array (..., kh, kw)
    size : (int, int)
        Rows and columns of the result, none less than the kernel's. The middle of k rows is row ``(k - 1) // 2``.

    Returns
    -------
    array (..., *size)
    """
    before = [(new - 1) // 2 - (old - 1) // 2 for new, old in zip(size, weights.shape[-2:], strict=True)]
    result = np.zeros((*weights.shape[:-2], *size), weights.dtype)
    rows, columns = (slice(at, at + old) for at, old in zip(before, weights.shape[-2:], strict=True))
    result[..., rows, columns] = weights
    return result


def stack(blocks: Sequence[Block]) -> tuple[NDArray[Any], tuple[str, ...] | None]:
    """The weights `(K, C, kh, kw)` of all filters of the blocks, in order, and what their C slices belong to.

    A flat kernel beside filters with a slice per channel is repeated for each of these channels.

    Raises
    ------
    ArgumentError
        If some filters give their slices in the order of the channels and others by name, or the channels differ in
        number, or there are too many weights.
    """
    inputs = _common_inputs(blocks)
    channels = len(inputs) if inputs else max(block.weights.shape[1] for block in blocks)
    size = common_size(block.weights for block in blocks)
    count = sum(len(block.weights) for block in blocks)
    if count * channels * size[0] * size[1] > MOST_WEIGHTS:
        raise ArgumentError(
            f"{count} filters of {size[0]}×{size[1]} on {_many(channels)} are more than {MOST_WEIGHTS:,} weights."
        )
    return np.concatenate([_spread(centerd(block.weights, size), block, channels, inputs) for block in blocks]), inputs


def common_size(kernels: Iterable[NDArray[Any]]) -> tuple[int, int]:
    """The rows and columns in which kernels `(..., kh, kw)` of different sizes all find room."""
    rows, columns = zip(*(kernel.shape[-2:] for kernel in kernels), strict=True)
    return max(rows), max(columns)


def _common_inputs(blocks: Sequence[Block]) -> tuple[str, ...] | None:
    ordered = [block for block in blocks if block.inputs is None]
    if not ordered:
        return tuple(dict.fromkeys(name for block in blocks for name in block.inputs or ()))
    named = [block for block in blocks if block.inputs is not None and not block.is_flat]
    if named:
        raise ArgumentError(
            f"{ordered[0].label} gives a matrix per input channel in order, {named[0].label} by the channels' names. "
            "Within a layer write one or the other."
        )
    _check_depths(ordered)
    return None


def _check_depths(blocks: Sequence[Block]) -> None:
    first = blocks[0]
    for block in blocks:
        if block.weights.shape[1] != first.weights.shape[1]:
            raise ArgumentError(
                f"{first.label} has {_many(first.weights.shape[1])}, "
                f"{block.label} has {_many(block.weights.shape[1])}. "
                "All filters of a layer look at the same channels."
            )


def _many(channels: int) -> str:
    return f"{channels} input channel" + "s" * (channels != 1)


def _spread(weights: NDArray[Any], block: Block, channels: int, inputs: tuple[str, ...] | None) -> NDArray[Any]:
    if inputs is None:
        return np.repeat(weights, channels, axis=1) if block.is_flat else weights
    result = np.zeros((len(weights), channels, *weights.shape[-2:]), weights.dtype)
    for index, name in enumerate(block.inputs or ()):
        result[:, inputs.index(name)] += weights[:, index]
    return result


def side_by_side(networks: Sequence[Network]) -> Network:
    """One layer that holds the filters of several networks of one layer each.

    The output channels stand in the order of the networks. A name that occurs in two of them gets its network's name
    before it: "sobel.x", "scharr.x". Smaller kernels are set in the middle of zeros.

    Parameters
    ----------
    networks : sequence of Network
        A single one, of any number of layers, is given back as it is.

    Raises
    ------
    ArgumentError
        If there is none, one has more layers, their settings differ, the same network is given twice, or their input
        channels do not go together.
    """
    if len(networks) == 1:
        return networks[0]
    _check_single_layers(networks)
    _check_settings(networks)
    weights, inputs = stack([Block(net.name, _conv(net).weights, _conv(net).inputs) for net in networks])
    bias = np.concatenate([_conv(net).bias for net in networks])
    conv = replace(_conv(networks[0]), weights=weights, inputs=inputs, bias=bias)
    return Network(
        (_name_outputs(replace(networks[0].layers[0], conv=conv), networks),),
        name="+".join(network.name for network in networks),
        description=" ".join(dict.fromkeys(network.description for network in networks if network.description)),
        source="; ".join(dict.fromkeys(network.source for network in networks if network.source)),
        mean=networks[0].mean,
        std=networks[0].std,
    )


def _conv(network: Network) -> Conv:
    return network.layers[0].conv


def _check_single_layers(networks: Sequence[Network]) -> None:
    if not networks:
        raise ArgumentError("There is no network to put side by side with others.")
    for network in networks:
        if len(network.layers) != 1:
            raise ArgumentError(
                f"{network.name} has {len(network.layers)} layers; only networks of one layer can stand side by side. "
                "To stack it on the others, use --then."
            )


def _check_settings(networks: Sequence[Network]) -> None:
    first = networks[0]
    wanted = _settings(first)
    for network in networks[1:]:
        for key, value in _settings(network).items():
            if value != wanted[key]:
                raise ArgumentError(
                    f"{first.name} and {network.name} cannot stand side by side: {key} is {wanted[key]} in "
                    f"{first.name} and {value} in {network.name}. Make them the same, or stack them with --then."
                )


def _settings(network: Network) -> dict[str, str]:
    """What all filters of a layer share, as text that can be compared and shown."""
    layer, window = network.layers[0], _conv(network).window
    return {
        "stride": f"{window.stride[0]}×{window.stride[1]}",
        "dilation": f"{window.dilation[0]}×{window.dilation[1]}",
        "padding": "valid" if window.padding == ((0, 0), (0, 0)) else str(window.padding),
        "border": window.border,
        "groups": str(layer.conv.groups),
        "activation": layer.activation.kind,
        "pool": f"{layer.pool.kind}:{layer.pool.size}" if layer.pool else "none",
        "mean": f"{network.mean:g}",
        "std": f"{network.std:g}",
    }


def _name_outputs(layer: Layer, networks: Sequence[Network]) -> Layer:
    """The merged layer with names that do not clash, and the combinations of each network beside its own filters."""
    renames = _renames(networks)
    filters = [new[name] for net, new in zip(networks, renames, strict=True) for name in net.layers[0].filter_names]
    outputs: list[Combination] = []
    offset = 0
    for network, new in zip(networks, renames, strict=True):
        own = network.layers[0]
        for channel in own.outputs:
            outputs.append(Combination(new[channel.name], channel.kind, tuple(offset + index for index in channel.of)))
        offset += len(own.filter_names)
    plain = not any(network.layers[0].combine for network in networks)
    return replace(layer, filter_names=tuple(filters), combine=() if plain else tuple(outputs))


def _renames(networks: Sequence[Network]) -> list[dict[str, str]]:
    """For each network, the new name of each of its filters and channels."""
    own = [dict.fromkeys((*net.layers[0].filter_names, *net.layers[0].channel_names)) for net in networks]
    count = Counter(name for names in own for name in names)
    renames = [
        {name: f"{net.name}.{name}" if count[name] > 1 else name for name in names}
        for net, names in zip(networks, own, strict=True)
    ]
    again = Counter(new for names in renames for new in names.values())
    clash = next((name for name, times in again.items() if times > 1), None)
    if clash is not None:
        raise ArgumentError(
            f'Two filters would be called "{clash}". Give each network once; two that have the same name need '
            "different names in their files."
        )
    return renames
