"""Concatenation of filters of several sizes and input channels into one layer, and of networks of one layer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import ArgumentError
from cnnfx.nn.layers import ALL_CHANNELS, Combination, Conv, Layer
from cnnfx.nn.network import Network
from cnnfx.system.limits import MAX_LAYER_WEIGHTS, check_limit
from cnnfx.system.sizes import pair_text, size_text


def concat(networks: Sequence[Network]) -> Network:
    """Return a network of one layer with the filters of several networks of one layer each.

    The output channels are in the order of the networks. A name that two networks have is prefixed with the network's
    name: "sobel.x", "scharr.x". Smaller kernels are centered in zeros.

    Parameters
    ----------
    networks : sequence of Network
        A single network, with any number of layers, is returned unchanged.

    Raises
    ------
    ArgumentError
        If there is no network, one has more layers, their settings differ, a network is given twice, or their input
        channels do not fit together.
    """
    if len(networks) == 1:
        return networks[0]
    _check_single_layers(networks)
    _check_settings(networks)
    weights, inputs = concat_filters([Filters(net.name, _conv(net).weights, _conv(net).inputs) for net in networks])
    bias = np.concatenate([_conv(net).bias for net in networks])
    conv = replace(_conv(networks[0]), weights=weights, inputs=inputs, bias=bias)
    return Network(
        (_with_outputs(replace(networks[0].layers[0], conv=conv), networks),),
        name="+".join(network.name for network in networks),
        description=" ".join(dict.fromkeys(network.description for network in networks if network.description)),
        source="; ".join(dict.fromkeys(network.source for network in networks if network.source)),
        input=networks[0].input,
    )


def _conv(network: Network) -> Conv:
    conv = network.layers[0].conv
    assert conv is not None  # `_check_single_layers` checked it
    return conv


def _check_single_layers(networks: Sequence[Network]) -> None:
    if not networks:
        raise ArgumentError("There is no network to concatenate.")
    for network in networks:
        if len(network.layers) != 1:
            raise ArgumentError(
                f"{network.name} has {len(network.layers)} layers; only networks of one layer can be concatenated.",
                remedy="stack",
            )
        if network.layers[0].conv is None:
            raise ArgumentError(f"{network.layer_owner()} has no filters, so it cannot be concatenated with others.")


def _check_settings(networks: Sequence[Network]) -> None:
    first = networks[0]
    wanted = _settings(first)
    for network in networks[1:]:
        for key, value in _settings(network).items():
            if value != wanted[key]:
                raise ArgumentError(
                    f"{first.name} and {network.name} cannot be concatenated: {key} is {wanted[key]} in {first.name} "
                    f"and {value} in {network.name}. Make them the same, or apply one after the other.",
                    remedy="stack",
                )


def _settings(network: Network) -> dict[str, str]:
    """Return what all filters of a layer share, as text to compare and to show."""
    layer = network.layers[0].to_dict()
    return {
        "stride": pair_text(layer["stride"]),
        "dilation": pair_text(layer["dilation"]),
        "padding": "valid" if layer["padding"] == ((0, 0), (0, 0)) else str(layer["padding"]),
        "border": layer["border"],
        "groups": str(layer["groups"]),
        "activation": layer["activation"],
        "pool": layer["pool"] or "none",
        "mean": _numbers_text(network.input.mean),
        "std": _numbers_text(network.input.std),
    }


def _numbers_text(numbers: Sequence[float]) -> str:
    return ", ".join(f"{number:g}" for number in numbers)


def _with_outputs(layer: Layer, networks: Sequence[Network]) -> Layer:
    """Return the concatenated layer with unique names, and the combinations of each network on its own filters."""
    renames = _unique_names(networks)
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


def _unique_names(networks: Sequence[Network]) -> list[dict[str, str]]:
    """Return, for each network, the new name of each of its filters and output channels."""
    own = [dict.fromkeys((*net.layers[0].filter_names, *net.layers[0].channel_names)) for net in networks]
    count = Counter(name for names in own for name in names)
    renames = [
        {name: f"{net.name}.{name}" if count[name] > 1 else name for name in names}
        for net, names in zip(networks, own, strict=True)
    ]
    new_count = Counter(new for names in renames for new in names.values())
    clash = next((name for name, times in new_count.items() if times > 1), None)
    if clash is not None:
        raise ArgumentError(
            f'Two filters would be called "{clash}". Give each network once; two that have the same name need '
            "different names in their files."
        )
    return renames


class Filters(NamedTuple):
    """Filters with the same input channels.

    Parameters
    ----------
    label : str
        Their name in messages.
    weights : array (K, C, kh, kw)
    inputs : tuple of str, optional
        The names of the channels that the C slices are for, as in `cnnfx.nn.layers.Conv`.
    """

    label: str
    weights: NDArray[Any]
    inputs: tuple[str, ...] | None = (ALL_CHANNELS,)

    @property
    def on_all_channels(self) -> bool:
        """Whether each filter has one kernel, for every input channel."""
        return self.inputs == (ALL_CHANNELS,)


def concat_filters(parts: Sequence[Filters]) -> tuple[NDArray[Any], tuple[str, ...] | None]:
    """Return the weights `(K, C, kh, kw)` of all filters in order, and the names of the inputs of the C slices.

    A kernel for all channels is repeated for each channel if other filters have a slice per channel in order.

    Raises
    ------
    ArgumentError
        If some filters have slices in the order of the channels and others by name, the numbers of channels differ, or
        there are more than `MAX_LAYER_WEIGHTS` weights.
    """
    inputs = _common_inputs(parts)
    channels = len(inputs) if inputs else max(part.weights.shape[1] for part in parts)
    size = common_size(part.weights for part in parts)
    count = sum(len(part.weights) for part in parts)
    check_limit(
        f"a layer of {count} filters of {size_text(size)} on {_input_channels(channels)}",
        "weights",
        count * channels * size[0] * size[1],
        MAX_LAYER_WEIGHTS,
        error=ArgumentError,
    )
    return np.concatenate([_on_inputs(part, center(part.weights, size), channels, inputs) for part in parts]), inputs


def _common_inputs(parts: Sequence[Filters]) -> tuple[str, ...] | None:
    ordered = [part for part in parts if part.inputs is None]
    if not ordered:
        return tuple(dict.fromkeys(name for part in parts for name in part.inputs or ()))
    named = [part for part in parts if part.inputs is not None and not part.on_all_channels]
    if named:
        raise ArgumentError(
            f"{ordered[0].label} gives a matrix per input channel in order, {named[0].label} by the channels' names. "
            "Within a layer write one or the other."
        )
    first = ordered[0]
    for part in ordered:
        if part.weights.shape[1] != first.weights.shape[1]:
            raise ArgumentError(
                f"{first.label} has {_input_channels(first.weights.shape[1])}, "
                f"{part.label} has {_input_channels(part.weights.shape[1])}. "
                "All filters of a layer must have the same input channels."
            )
    return None


def _input_channels(count: int) -> str:
    return f"{count} input channel" + "s" * (count != 1)


def _on_inputs(part: Filters, weights: NDArray[Any], channels: int, inputs: tuple[str, ...] | None) -> NDArray[Any]:
    """Return the weights of a part with a slice for each of the layer's `inputs`, zeros where it has none."""
    if inputs is None:
        return np.repeat(weights, channels, axis=1) if part.on_all_channels else weights
    result = np.zeros((len(weights), channels, *weights.shape[-2:]), weights.dtype)
    for index, name in enumerate(part.inputs or ()):
        result[:, inputs.index(name)] += weights[:, index]
    return result


def common_size(kernels: Iterable[NDArray[Any]]) -> tuple[int, int]:
    """Return the largest number of rows and of columns of kernels `(..., kh, kw)`."""
    rows, columns = zip(*(kernel.shape[-2:] for kernel in kernels), strict=True)
    return max(rows), max(columns)


def center(weights: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """Center kernels in zeros, so that the pixel under their middle stays the same.

    Parameters
    ----------
    weights : array (..., kh, kw)
    size : (int, int)
        Rows and columns of the result, at least those of the kernels. The middle of k rows is row ``(k - 1) // 2``.

    Returns
    -------
    array (..., *size)
    """
    before = [(new - 1) // 2 - (old - 1) // 2 for new, old in zip(size, weights.shape[-2:], strict=True)]
    result = np.zeros((*weights.shape[:-2], *size), weights.dtype)
    rows, columns = (slice(at, at + old) for at, old in zip(before, weights.shape[-2:], strict=True))
    result[..., rows, columns] = weights
    return result
