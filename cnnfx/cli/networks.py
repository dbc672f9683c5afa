"""From the options of a command line to the network that they ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from cnnfx.errors import ArgumentError, UsageError
from cnnfx.filterbank import load_network
from cnnfx.layers import Activation, Pool
from cnnfx.merging import side_by_side
from cnnfx.network import Layer, Network


class Settings(NamedTuple):
    """Settings of a layer from the command line; None leaves what the file says."""

    stride: tuple[int, int] | None = None
    dilation: tuple[int, int] | None = None
    padding: str | None = None
    border: str | None = None
    activation: str | None = None
    pool: tuple[str, int] | None = None
    flip: bool = False

    def of_last_layer(self, network: Network) -> Network:
        """The network with these settings in its last layer.

        Raises
        ------
        UsageError
            If one is not known.
        """
        *below, last = network.layers
        named = {"stride": self.stride, "dilation": self.dilation, "border": self.border}
        changes: dict[str, Any] = {name: value for name, value in named.items() if value is not None}
        if self.padding is not None:
            changes["padding"] = int(self.padding) if self.padding.isdecimal() else self.padding
        if self.flip:
            changes["weights"] = last.conv.weights[..., ::-1, ::-1]
        try:
            conv = replace(last.conv, **changes)
        except ArgumentError as error:
            raise UsageError(f"{str(error).rstrip('.')}.") from error
        return replace(network, layers=(*below, self._finish(replace(last, conv=conv))))

    def _finish(self, layer: Layer) -> Layer:
        if self.activation is not None:
            layer = replace(layer, activation=Activation(self.activation))
        if self.pool is not None:
            layer = replace(layer, pool=None if self.pool[0] == "none" else Pool(*self.pool))
        return layer


def build(
    filters: Sequence[str], kernels: Sequence[str], then: Sequence[str] = (), settings: Settings | None = None
) -> Network:
    """The network of `--filters` and `--kernel` (at least one), side by side, with those of `--then` stacked on it.

    Typed kernels take the settings of the first filter file. `settings` change the last layer, before its filters are
    put side by side: those of files that differ go together when the command line says what is to hold.

    Raises
    ------
    UsageError
        If a kernel or setting cannot be understood.
    FileError
        If a filter file cannot be found or understood.
    ArgumentError
        If the networks do not fit side by side or on one another.
    """
    settings = settings or Settings()
    loaded = [load_network(spec) for spec in filters]
    networks = [*loaded, *(_typed(kernels, loaded[0] if loaded else None) if kernels else ())]
    upper = [load_network(spec) for spec in then]
    if upper:
        upper[-1] = settings.of_last_layer(upper[-1])
    else:
        networks = [settings.of_last_layer(network) for network in networks]
    network = side_by_side(networks)
    for above in upper:
        network = network.then(above)
    return network


def build_upto(
    layer: int | None, filters: Sequence[str], kernels: Sequence[str], then: Sequence[str], settings: Settings
) -> Network:
    """The network up to a layer, by its number (None for the last), whose settings these are; see `build`.

    Raises
    ------
    UsageError
        If it has not so many layers, too.
    """
    network = build(filters, kernels, then, settings)
    if layer is None or checked_layer(network, layer) == len(network.layers):
        return network
    return settings.of_last_layer(build(filters, kernels, then).upto(layer))


def _typed(kernels: Sequence[str], like: Network | None) -> list[Network]:
    """The kernels of a command line, by name if there are several, with the settings of another network's layer."""
    from cnnfx.filterbank.kernels import parse_kernel

    networks = [parse_kernel(kernel) for kernel in kernels]
    if len(networks) > 1:
        networks = [_renamed(network, f"kernel{number}") for number, network in enumerate(networks, 1)]
    if like is None or len(like.layers) > 1:
        return networks
    return [_with_settings_of(like, network) for network in networks]


def _renamed(network: Network, name: str) -> Network:
    layer = replace(network.layers[0], filter_names=(name,))
    return replace(network, layers=(layer,), name=name)


def _with_settings_of(like: Network, network: Network) -> Network:
    model, layer = like.layers[0], network.layers[0]
    conv = replace(
        layer.conv,
        stride=model.conv.stride,
        dilation=model.conv.dilation,
        padding=model.conv.padding,
        border=model.conv.border,
    )
    layer = replace(layer, conv=conv, activation=model.activation, pool=model.pool)
    return replace(network, layers=(layer,), mean=like.mean, deviation=like.deviation)


def checked_layer(network: Network, number: int) -> int:
    """The number of a layer that the network has.

    Raises
    ------
    UsageError
        If it has not so many.
    """
    count = len(network.layers)
    if number > count:
        raise UsageError(f"There is no layer {number}: {network.name} has {count} layer{'s' * (count > 1)}.")
    return number
