"""From the options of a command line to the network that they ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from cnnfx.errors import ArgumentError, UsageError
from cnnfx.filterbank import load_network, parse_kernel
from cnnfx.layers import Activation, Pool
from cnnfx.merging import side_by_side
from cnnfx.network import Layer, Network


def build(filters: Sequence[str], kernels: Sequence[str], then: Sequence[str]) -> Network:
    """The network of `--filters` and `--kernel`, side by side, with those of `--then` stacked on it.

    Raises
    ------
    UsageError
        If there is neither a filter nor a kernel, or a kernel cannot be understood.
    FileError
        If a filter file cannot be found or understood.
    """
    if not filters and not kernels:
        raise UsageError("Say which filters to use, such as -f edges; cnnfx list-filters shows what there is.")
    typed = [parse_kernel(kernel) for kernel in kernels]
    if len(typed) > 1:
        typed = [_renamed(network, f"kernel{number}") for number, network in enumerate(typed, 1)]
    networks = [*map(load_network, filters), *typed]
    network = side_by_side(networks)
    for spec in then:
        network = network.then(load_network(spec))
    return network


def _renamed(network: Network, name: str) -> Network:
    layer = replace(network.layers[0], filter_names=(name,))
    return replace(network, layers=(layer,), name=name)


def last_layer(
    network: Network,
    *,
    stride: tuple[int, int] | None,
    dilation: tuple[int, int] | None,
    padding: str | None,
    border: str | None,
    activation: str | None,
    pool: tuple[str, int] | None,
    flip: bool,
) -> Network:
    """The network with some settings of its last layer replaced; None leaves a setting as it is.

    Raises
    ------
    UsageError
        If a setting is not known.
    """
    *below, last = network.layers
    settings = {"stride": stride, "dilation": dilation, "border": border}
    changes: dict[str, Any] = {name: value for name, value in settings.items() if value is not None}
    if padding is not None:
        changes["padding"] = int(padding) if padding.isdecimal() else padding
    if flip:
        changes["weights"] = last.conv.weights[..., ::-1, ::-1]
    try:
        conv = replace(last.conv, **changes)
    except ArgumentError as error:
        raise UsageError(str(error)) from error
    return replace(network, layers=(*below, _finish(replace(last, conv=conv), activation, pool)))


def _finish(layer: Layer, activation: str | None, pool: tuple[str, int] | None) -> Layer:
    if activation is not None:
        layer = replace(layer, activation=Activation(activation))
    if pool is not None:
        layer = replace(layer, pool=None if pool[0] == "none" else Pool(*pool))
    return layer
