"""From the options of a command line to the network that they ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from cnnfx.conv import set_threads, thread_count
from cnnfx.errors import ArgumentError, FileError, UsageError
from cnnfx.formats import load_network
from cnnfx.nn.concat import concat
from cnnfx.nn.layers import Activation, Layer, Pool
from cnnfx.nn.network import Network

if TYPE_CHECKING:
    from cnnfx.images import Image
    from cnnfx.nn.layers import Array


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
    network = concat(networks)
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
    from cnnfx.formats.kernel_text import parse_kernel

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
    return replace(network, layers=(layer,), mean=like.mean, std=like.std)


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


DIGITS = tuple("0123456789")
DIGIT_SHAPE = (1, 28, 28)


def load_classifier(path: str) -> Network:
    """The model of this file, which must tell classes.

    Raises
    ------
    UsageError
        If it is a preset or a filter file.
    FileError
        If it cannot be read, or tells no classes.
    """
    from cnnfx.formats import load_network

    if not path.lower().endswith(".npz"):
        raise UsageError(f"{path} is not a model: those are files in .npz, made by cnnfx train.")
    network = load_network(path)
    if network.head is None:
        raise FileError(f"{path}: it tells no classes: it has filters only. Give a model made by cnnfx train.")
    return network


def input_shape(network: Network, path: str) -> tuple[int, int, int]:
    """The shape of the images that a model has learned on.

    Raises
    ------
    FileError
        If the model does not tell it.
    """
    told = network.meta.get("input")
    if not isinstance(told, list) or len(told) != 3 or not all(type(size) is int and size > 0 for size in told):
        raise FileError(f"{path}: it does not tell the size of the images that it has learned on.")
    channels, height, width = told
    return channels, height, width


def fitted(network: Network, shape: tuple[int, int, int], image: Image) -> tuple[Array, tuple[str, ...]]:
    """An image as a model wants it, `(C, H, W)`, and what was done that its user may not expect.

    Digits are fitted as MNIST was made; other images are resized.

    Raises
    ------
    ArgumentError
        If it cannot be made so; the message names the image.
    """
    from cnnfx.errors import ArgumentError

    if image.shape[0] != shape[0]:
        raise ArgumentError(f"{image.name}: it has {image.shape[0]} channels; the model has learned on {shape[0]}.")
    if shape != DIGIT_SHAPE or network.classes != DIGITS:
        return _resized(image, shape)
    from cnnfx.datasets import fit_digit

    try:
        digit, notes = fit_digit(image.floats()[0])
    except ArgumentError as error:
        raise ArgumentError(f"{image.name}: {error}") from error
    return digit[None], notes


def _resized(image: Image, shape: tuple[int, int, int]) -> tuple[Array, tuple[str, ...]]:
    from cnnfx.datasets.image_folder import resize_to_bytes
    from cnnfx.images import as_floats

    pixels = as_floats(resize_to_bytes(image, *shape[1:]))
    if image.shape == shape:
        return pixels, ()
    sizes = ("×".join(map(str, size[1:])) for size in (image.shape, shape))
    return pixels, ("resized from {} to {}, the size that the model has learned on".format(*sizes),)


def use_threads(count: int | None) -> None:
    """So many, or as many as $CNNFX_THREADS says, or the machine grants.

    Raises
    ------
    UsageError
        If $CNNFX_THREADS is no number of threads, before anything is done.
    """
    if count is not None:
        set_threads(count)
    try:
        thread_count()
    except ArgumentError as error:
        raise UsageError(f"{error}.") from None
