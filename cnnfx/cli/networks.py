"""From the options of a command line to the network that they name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from cnnfx.cli.advice import usage_error
from cnnfx.errors import ArgumentError, FileError, UsageError
from cnnfx.formats import load_network
from cnnfx.formats.file_format import file_format
from cnnfx.formats.load import path_of
from cnnfx.formats.reading import LayerNeededError, Reading
from cnnfx.nn.concat import concat
from cnnfx.nn.layers import Activation, Conv, Pool
from cnnfx.nn.network import Network
from cnnfx.nn.selection import Strengths, select_channels
from cnnfx.system.threads import set_threads, thread_count

if TYPE_CHECKING:
    from cnnfx.cli.options import NetworkOptions


ALL_LAYERS = "all"
"""The value of `--layer` for all layers."""
AS_WRITTEN = Reading()
"""How networks are read without options."""


class LayerSettings(NamedTuple):
    """Settings of a layer on the command line; None keeps those of its file."""

    stride: tuple[int, int] | None = None
    dilation: tuple[int, int] | None = None
    padding: str | None = None
    border: str | None = None
    activation: str | None = None
    pool: str | None = None
    flip: bool = False

    def apply_to_last_layer(self, network: Network) -> Network:
        """Return the network with these settings in its last layer.

        Raises
        ------
        UsageError
            If a value is not known, or a setting is for filters and the layer has none.
        """
        if self == LayerSettings():
            return network
        *below, last = network.layers
        if last.conv is not None:
            last = replace(last, conv=self._conv(last.conv))
        elif given := self._filter_options():
            raise UsageError(
                f"{no_filters_text(network)} So {' and '.join(given)} cannot be applied to it. Leave "
                f"{'it' if len(given) == 1 else 'them'} out, or choose a layer with filters."
            )
        if self.activation is not None:
            last = replace(last, activation=Activation(self.activation))
        if self.pool is not None:
            last = replace(last, pool=None if self.pool == "none" else Pool.parse(self.pool))
        return replace(network, layers=(*below, last))

    def _filter_options(self) -> list[str]:
        """Return the options that were given for filters."""
        names = ("stride", "dilation", "padding", "border")
        given = [f"--{name}" for name in names if getattr(self, name) is not None]
        return [*given, *(["--flip"] if self.flip else [])]

    def _conv(self, conv: Conv) -> Conv:
        """Return the filters with these settings."""
        given = {"stride": self.stride, "dilation": self.dilation, "border": self.border}
        changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        if self.padding is not None:
            changes["padding"] = int(self.padding) if self.padding.isdecimal() else self.padding
        if self.flip:
            changes["weights"] = conv.weights[..., ::-1, ::-1]
        try:
            return replace(conv, **changes)
        except ArgumentError as error:
            raise usage_error(error) from error


def requested_network(options: NetworkOptions, pool: str | None = None, layer: str | int | None = None) -> Network:
    """Return the network of a command line up to a layer, with the settings for this layer.

    Parameters
    ----------
    options : NetworkOptions
    pool : str, optional
        The value of `--pool`.
    layer : str or int, optional
        The name or the number of the layer, counted from 1, or `ALL_LAYERS` for the whole network. By default the last
        layer that makes maps, not the scores of classes.

    Raises
    ------
    UsageError
        If no filters are given, or a kernel or setting cannot be understood or applied.
    FileError
        If a filter file cannot be found or understood.
    ArgumentError
        If the networks do not fit together, or have no such layer.
    """
    filters, kernels, then = options.filters or [], options.kernel or [], options.then or []
    if not filters and not kernels:
        raise UsageError("Name the filters, such as -f edges; cnnfx list-filters shows the presets.")
    settings = LayerSettings(
        options.stride, options.dilation, options.padding, options.border, options.activation, pool, options.flip
    )
    several = len(filters) + len(kernels) + len(then) > 1
    reading = options.reading(None if layer == ALL_LAYERS else layer)
    try:
        network = build_network(filters, kernels, then, settings if several else None, reading)
    except FileError as error:
        if error.remedy == "preset_list":
            names = str(error.details["names"]).split(",")
            error.details["repeat"] = f"For several, repeat -f: {' '.join(f'-f {name}' for name in names)}."
        raise
    number = len(network.layers)
    if layer != ALL_LAYERS:
        number = network.maps_layer if layer is None else network.layer_number(layer)
    if not several:
        return settings.apply_to_last_layer(network.upto(number))
    if number == len(network.layers):
        return network
    return settings.apply_to_last_layer(build_network(filters, kernels, then, reading=reading).upto(number))


def with_scores(network: Network, options: NetworkOptions) -> Network:
    """Return a network of `requested_network` with the layer after it that makes scores of classes from its maps.

    Without such a layer it is the network itself; so it is where the file can be read only up to this layer.
    """
    try:
        whole = build_network(options.filters or [], options.kernel or [], options.then or [], None, options.reading())
    except FileError:
        return network
    count = len(network.layers)
    if whole.maps_layer != count or len(whole.layers) != count + 1 or whole.layers[-1].conv is not None:
        return network
    return replace(whole, layers=(*network.layers, whole.layers[-1]))


def build_network(
    filters: Sequence[str],
    kernels: Sequence[str],
    then: Sequence[str] = (),
    settings: LayerSettings | None = None,
    reading: Reading = AS_WRITTEN,
) -> Network:
    """Return the network of `--filters` and `--kernel` (at least one), concatenated, with those of `--then` on it.

    Typed kernels get the settings of the first filter file. `settings` change the last layer before its filters are
    concatenated, so that files with different settings fit together if the command line gives these settings. The layer
    of `reading` is one of the whole network; only a single file is read no further.

    Raises
    ------
    UsageError, FileError, ArgumentError
        As `requested_network`.
    """
    settings = settings or LayerSettings()
    load = _load_part if len(filters) + len(kernels) + len(then) > 1 else _load
    loaded = [load(spec, reading) for spec in filters]
    networks = [*loaded, *(_typed_kernels(kernels, loaded[0] if loaded else None) if kernels else ())]
    upper = [load(spec, reading) for spec in then]
    if upper:
        upper[-1] = settings.apply_to_last_layer(upper[-1])
    else:
        networks = [settings.apply_to_last_layer(network) for network in networks]
    _check_can_be_combined(networks)
    network = concat(networks)
    if upper:
        network = network.upto(network.maps_layer)  # the filters slide over maps, not over the scores of classes
    try:
        for above in upper:
            network = network.then(above)
    except ArgumentError as error:
        raise usage_error(error) from error
    return network


def _load(spec: str, reading: Reading) -> Network:
    return load_network(spec, layer=reading.layer, order=reading.order, arch=reading.arch)


def _load_part(spec: str, reading: Reading) -> Network:
    """Return one of several networks, the layer of `reading` alone only if nothing else of the file can be read."""
    try:
        return _load(spec, reading._replace(layer=None))
    except LayerNeededError:
        if reading.layer is None:
            raise
        return _load(spec, reading)


def _check_can_be_combined(networks: Sequence[Network]) -> None:
    """Raise UsageError if one of several networks of `--filters` and `--kernel` has more layers, or no filters."""
    for network in networks if len(networks) > 1 else ():
        if len(network.layers) > 1 or network.layers[0].conv is None:
            has = f"{len(network.layers)} layers" if len(network.layers) > 1 else "no filters"
            raise UsageError(
                f"{network.name} has {has}, so it cannot be combined with other filters into one layer. Give it alone, "
                "or add layers that read its maps with --then."
            )


def _typed_kernels(kernels: Sequence[str], model: Network | None) -> list[Network]:
    """The kernels of a command line, numbered if there are several, with the settings of another network's layer."""
    from cnnfx.formats.kernel_text import parse_kernel

    networks = [parse_kernel(kernel) for kernel in kernels]
    if len(networks) > 1:
        networks = [_renamed(network, f"kernel{number}") for number, network in enumerate(networks, 1)]
    if model is None or len(model.layers) > 1 or model.layers[0].conv is None:
        return networks
    return [_with_settings_of(model, network) for network in networks]


def _renamed(network: Network, name: str) -> Network:
    layer = replace(network.layers[0], filter_names=(name,))
    return replace(network, layers=(layer,), name=name)


def _with_settings_of(model: Network, network: Network) -> Network:
    source, layer = model.layers[0], network.layers[0]
    assert layer.conv is not None
    settings = {name: getattr(source.conv, name) for name in ("stride", "dilation", "padding", "border")}
    layer = replace(layer, conv=replace(layer.conv, **settings), activation=source.activation, pool=source.pool)
    return replace(network, layers=(layer,), input=model.input)


def no_filters_text(network: Network, number: int | None = None) -> str:
    """Return a sentence on a layer without filters, by default the last, and what it does: "…: it joins a and b."."""
    number = number or len(network.layers)
    layer, sources = network.layers[number - 1], [network.layer_title(each) for each in network.sources(number) if each]
    names = [*(["the image"] if 0 in network.sources(number) else []), *sources]
    listed = f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
    joins = {"concat": "joins", "add": "adds", "multiply": "multiplies"}
    verb = joins[layer.join] if len(names) > 1 else "pools" if layer.pool else "reads"
    return f"{network.layer_owner(number)} has no filters: it {verb} {listed}."


def chosen_channels(
    only: Sequence[str] | None,
    names: Sequence[str],
    owner: str,
    kind: str = "channel",
    strengths: Strengths | None = None,
) -> list[int]:
    """Return the indices of the channels that the values of `--only` select; all for None.

    Raises
    ------
    ArgumentError
        As `cnnfx.nn.selection.select_channels`, to which the other arguments are passed.
    """
    return list(range(len(names))) if only is None else select_channels(names, ",".join(only), owner, kind, strengths)


def load_named_network(spec: str, reading: Reading = AS_WRITTEN) -> Network:
    """Return a network; a model has the name of its file, since all trained networks have the same name.

    Raises
    ------
    FileError
        If it cannot be found or understood.
    """
    check_default_model(spec)
    network = _load(spec, reading)
    return replace(network, name=path_of(spec).stem) if is_model(spec) else network


def load_classifier(spec: str, reading: Reading = AS_WRITTEN, option_name: str = "") -> Network:
    """Return a network with classes; for `option_name` see `check_default_model`.

    Raises
    ------
    ArgumentError
        If it has no classes.
    FileError
        If it cannot be found or understood, or is a model without classifier head.
    """
    check_default_model(spec, option_name)
    network = load_whole_network(spec, reading)
    if network.is_classifier:
        return network
    if is_model(spec):
        raise FileError(f"{spec} has no classifier head. Use a model written by cnnfx train.")
    from cnnfx.training.prepare import no_classes

    raise no_classes(spec)


def load_whole_network(spec: str, reading: Reading) -> Network:
    """Return a network for a command that takes no single layer of a file of weights.

    Raises
    ------
    FileError
        If it cannot be found or understood.
    """
    try:
        return _load(spec, reading)
    except LayerNeededError as error:
        error.remedy = "weights_arch"
        raise


def is_model(spec: str) -> bool:
    """Return whether a spec is a model of cnnfx."""
    return file_format(path_of(spec)) == "model"


def note_unused_reading(specs: Sequence[str | None]) -> None:
    """Print a note that `--order` or `--arch` is given but has no effect on the files that are read."""
    from cnnfx.cli.given import given_options, note_without_effect

    given = given_options("--order", "--arch")
    if not given:
        return
    try:
        kinds = {file_format(path_of(spec)) for spec in specs if spec}
    except FileError:  # reported when it is read
        return
    if kinds <= {"toml", "model"}:
        note_without_effect(given, "on presets, filter files and models of cnnfx, only on files of other programs")
    elif kinds <= {"toml", "model", "onnx"}:
        note_without_effect([name for name in given if name == "--order"], "on ONNX files, whose order is known")


def check_default_model(path: str, option_name: str = "") -> None:
    """Check that the model that commands read by default exists; messages name the option for another, if any.

    Raises
    ------
    FileError
        If it does not.
    """
    import os

    from cnnfx.cli.options import DEFAULT_MODEL

    if path == DEFAULT_MODEL and not os.path.exists(path):
        another = f"name another model{f' with {option_name}' if option_name else ''}"
        raise FileError(f"There is no {path} in this folder. Train one with cnnfx train, or {another}.")


def use_threads(count: int | None) -> None:
    """Set the number of threads; None for $CNNFX_THREADS or the number of processors.

    Raises
    ------
    UsageError
        If $CNNFX_THREADS is not a number of threads, before any work is done.
    """
    if count is not None:
        set_threads(count)
    try:
        thread_count()
    except ArgumentError as error:
        raise usage_error(error) from None
