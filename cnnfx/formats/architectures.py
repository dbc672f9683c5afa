"""Known architectures: the network that tensors belong to, recognized by their names and shapes, or given by a file.

An architecture is a filter file without tensors of its own: its layers refer to tensors by the names that these have in
the file of weights. Those that repeat the same blocks are made by `cnnfx.formats.torchvision`, others are TOML files in
`filters/architectures`. `filters` and `size` of a layer are the shape of its weights, which the recognition compares.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from cnnfx.formats.file_format import file_format
from cnnfx.formats.filter_order import FILTER_AXES
from cnnfx.formats.presets import shipped_folder
from cnnfx.formats.reading import Reading
from cnnfx.formats.tensor_file import TensorError, TensorFile
from cnnfx.formats.toml_file import FILE_KEYS, has_untrained_filters, parse_network
from cnnfx.formats.toml_input import parse_classes, parse_input, reads_rgb
from cnnfx.formats.toml_layers import BATCH_NORM_KEYS, CLASSES
from cnnfx.formats.toml_schema import Location, Table
from cnnfx.formats.toml_tensors import Tensors
from cnnfx.formats.toml_text import read_toml
from cnnfx.nn.input import channels_name
from cnnfx.nn.network import Network
from cnnfx.system.limits import MAX_CLASSES, MAX_NAME_CHARACTERS, limit_text

Tables = dict[str, Any]
"""The tables of a filter file, or that of a layer."""

TENSOR_KEYS = ("weights", "bias", "slope", "batch_norm")
"""The keys of a layer whose values can be names of tensors; that of `batch_norm` is the beginning of several names."""
COUNTERS = "num_batches_tracked"
"""The last part of the names of tensors that only training needs."""
KERAS_ENDINGS = (("_W", "_b"), ("/kernel", "/bias"))
"""The ends of the names of weights and biases in files of Keras 1, and of Keras 2."""
MEAN_OF_ALL = "mean:all"
"""The pooling before a classifier, or at its end."""


def read_architecture(path: Path, file: TensorFile, reading: Reading) -> Network | None:
    """Return the network of a file of weights, of the given or else a known architecture; None without either.

    Parameters
    ----------
    path : path
        The file, for messages and for the name of the network.
    file : TensorFile
        The open file, with the axes of filters in PyTorch's order.
    reading : Reading
        Only the tensors of layers up to `reading.layer` are read.

    Raises
    ------
    FileError
        If the arch file is malformed, or without layers where these are not known, or the tensors do not fit the
        layers.
    ArgumentError
        If there is no such layer.
    TensorError, OSError
        If the file of weights cannot be read.
    """
    values: Tables | None = None
    location, given = Location(str(path)), Tables()
    if reading.arch is not None:
        given, location = _read_arch(reading.arch)
        if "layer" in given:
            layers = Table(given, location, given).tables("layer")
            values = _with_prefix(given, _prefix(layers, file.names) or "")
    if values is None:
        known = find_architecture(file)
        if known is None and reading.arch is not None:
            raise location.error(f"it has no layers, and those of {path} are not known. Write [[layer]] for each.")
        if known is None:
            return None
        values = {**known, **given}
    return parse_network(values, location, network_name(path), Tensors(file, path.name), reading.layer)


def with_arch(network: Network, arch: str | os.PathLike[str]) -> Network:
    """Return a network of a file with layers of its own, with the input and the classes of an arch file.

    Raises
    ------
    FileError
        If the arch file is malformed, has layers, or has another number of classes than the network.
    """
    values, location = _read_arch(arch)
    top = Table(values, location, FILE_KEYS if "layer" not in values else values)
    if "layer" in top:
        raise location.error(f"{network.name} has layers of its own. Write only [input] and classes in this file.")
    if "input" in top:
        given, is_bgr = parse_input(top.values["input"], top.at("input"))
        layers = network.layers
        if is_bgr:
            layers = tuple(
                reads_rgb(layer, location) if 0 in network.sources(number) else layer
                for number, layer in enumerate(layers, 1)
            )
        network = replace(network, layers=layers, input=given)
    if "classes" in top:
        classes = parse_classes(top.values["classes"], top.at("classes"))
        count = len(network.layers[-1].channel_names)
        if len(classes) != count:
            raise top.at("classes").error(f"there are {len(classes)} classes for {count} scores of {network.name}.")
        network = replace(network, classes=classes)
    return replace(
        network,
        name=top.text("name", network.name),
        description=top.text("description", network.description),
        source=top.text("source", network.source),
    )


def has_layer(arch: str | os.PathLike[str], name: object) -> bool:
    """Return whether an arch file has a layer of this name.

    Raises
    ------
    FileError
        If the arch file is malformed.
    """
    layers = _read_arch(arch)[0].get("layer")
    return isinstance(layers, list) and any(isinstance(table, dict) and table.get("name") == name for table in layers)


def _read_arch(path: str | os.PathLike[str]) -> tuple[Tables, Location]:
    """Return the tables of an arch file, with those of its layers, if any, at "layer"."""
    location = Location(os.fspath(path))
    if not os.path.exists(path):
        raise location.error("there is no such file. Give the path of a TOML file with layers.")
    if os.path.isfile(path) and file_format(path) != "toml":
        raise location.error("this is no TOML file. Give the path of one with layers.")
    values = read_toml(Path(path))
    if "tensors" in values:
        raise location.at("tensors").error("the tensors are those of the file of weights. Remove this key.")
    if has_untrained_filters(values):
        raise location.error('some filters have no weights. Write weights = "NAME", the name of a tensor, for each.')
    own = {key: value for key, value in values.items() if key not in (*FILE_KEYS, "layer")}
    if own and "layer" not in values:  # the only layer
        values = {**{key: values[key] for key in FILE_KEYS if key in values}, "layer": [own]}
    return values, location


def network_name(path: Path) -> str:
    """Return the name of a file without its ending, as far as it can be the name of a network."""
    name = "".join("_" if sign in "/\\:*" or not sign.isprintable() else sign for sign in path.stem)
    return name[:MAX_NAME_CHARACTERS].strip() or Network.name


# Recognition


def find_architecture(file: TensorFile) -> Tables | None:
    """Return the tables of the known network that has these tensors, for `parse_network`; None if none does.

    All layers before the classifier must have their tensors, and no other tensors may be among these. Names may have a
    prefix, such as "module.". Without a classifier, or with another one, the layers before it are returned. If the
    classifier has another number of classes than the original, they are called "class 0", "class 1" and so on.

    Parameters
    ----------
    file : TensorFile
        The open file, with the axes of filters in PyTorch's order.

    Raises
    ------
    TensorError
        If there are more classes than the limit.
    OSError
        If the file cannot be read.
    """
    names = frozenset(file.names)
    for values in _known_architectures():
        prefix = _prefix(values["layer"], names)
        if prefix is not None:
            values = _with_prefix(values, prefix)
            count = _matching_layers(values["layer"], prefix, file, names)
            if count:
                return _adapted(values, count, file)
    return None


def _known_architectures() -> Iterator[Tables]:
    from cnnfx.formats.torchvision import NETWORKS

    yield from map(_of_torchvision, NETWORKS)
    yield from map(_of_file, sorted((shipped_folder() / "architectures").glob("*.toml")))
    yield from map(_squeezenet_of_keras, KERAS_ENDINGS)


@cache
def _of_torchvision(name: str) -> Tables:
    from cnnfx.formats.torchvision import IMAGENET_INPUT, NETWORKS

    top = {"description": f"{name} of torchvision.", "classes": "imagenet.txt", "input": dict(IMAGENET_INPUT)}
    return {**top, "layer": list(NETWORKS[name]())}


@cache
def _of_file(path: Path) -> Tables:
    return read_toml(path)


@cache
def _squeezenet_of_keras(endings: tuple[str, str]) -> Tables:
    """Return the layers of the preset squeezenet with the names that tensors have in files of Keras."""
    values = _of_file(shipped_folder() / "squeezenet.toml")
    own, layers = [".weight", ".bias"], []
    for table in values["layer"]:
        names = {}
        for key, ending, new in zip(("weights", "bias"), own, endings, strict=True):
            if key in table:  # fire2.squeeze.weight is fire2/squeeze1x1_W there
                names[key] = table[key].removesuffix(ending).replace(".", "/").replace("squeeze", "squeeze1x1") + new
        layers.append(table | names)
    return {key: value for key, value in values.items() if key != "tensors"} | {"layer": layers}


def _prefix(layers: Sequence[Tables], names: Iterable[str]) -> str | None:
    """Return what precedes the name of the first layer's weights in a file, the shortest if there are several."""
    first = next((table["weights"] for table in layers if isinstance(table.get("weights"), str)), "")
    found = [name for name in names if first and (name == first or name.endswith(f".{first}"))]
    return min(found, key=len).removesuffix(first) if found else None


def _with_prefix(values: Tables, prefix: str) -> Tables:
    """Return the tables of a file with a prefix before all names of tensors."""
    if not prefix:
        return values

    def renamed(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: renamed(each) for key, each in value.items()}
        return prefix + value if isinstance(value, str) else value

    layers = [
        {**table, **{key: renamed(table[key]) for key in TENSOR_KEYS if key in table}} for table in values["layer"]
    ]
    return {**values, "layer": layers}


def _matching_layers(layers: Sequence[Tables], prefix: str, file: TensorFile, names: frozenset[str]) -> int:
    """Return how many layers of an architecture the tensors of a file make; 0 if it is not the file's."""
    body = next((index for index, table in enumerate(layers) if _is_of_classifier(table)), len(layers))
    count = 0
    for table in layers:
        if not names.issuperset(_tensor_names(table)) or not _has_shape(table, file):
            break
        count += 1
    if count < body or _is_part_of_another(layers[:count], body, prefix, file, names):
        return 0
    while count < len(layers) and layers[count - 1].get("pool") == MEAN_OF_ALL:  # of the classifier that is missing
        count -= 1
    return count


def _is_of_classifier(table: Tables) -> bool:
    return bool(table.get("dense")) or table.get("names") == CLASSES or table.get("pool") == MEAN_OF_ALL


def _tensor_names(table: Tables) -> list[str]:
    """Return the names of the tensors that a layer of a known architecture needs."""
    names = [table[key] for key in ("weights", "bias", "slope") if key in table]
    if "batch_norm" in table:
        names += [f"{table['batch_norm']}.{key}" for key in BATCH_NORM_KEYS[:-1]]
    return names


def _has_shape(table: Tables, file: TensorFile) -> bool:
    """Return whether the weights of a layer have the number of filters and the size in its table, if it has them."""
    if "weights" not in table:
        return True
    side, is_dense = table.get("size"), table.get("dense")
    try:
        shape = file.info(table["weights"]).shape
    except TensorError:  # the others may be those of an unknown network
        return False
    if len(shape) != (2 if is_dense else FILTER_AXES) or shape[0] != table.get("filters", shape[0]):
        return False
    if side is None:
        return True
    return shape[1] % side**2 == 0 if is_dense else shape[2:] == (side, side)


def _is_part_of_another(
    layers: Sequence[Tables], body: int, prefix: str, file: TensorFile, names: frozenset[str]
) -> bool:
    """Return whether a file has further tensors, among those before the classifier or with filters of their own.

    The layers may then be a part of another network, which uses them in another way: with dilation, or other branches.
    """
    known = {name for table in layers for name in _tensor_names(table)}
    parts = {name.removeprefix(prefix).split(".")[0] for table in layers[:body] for name in _tensor_names(table)}
    for name in names - known:
        if name.startswith(prefix) and not name.endswith(COUNTERS) and name.removeprefix(prefix).split(".")[0] in parts:
            return True
        with suppress(TensorError):  # of a tensor that is not needed
            if len(file.info(name).shape) == FILTER_AXES:
                return True
    return False


def _adapted(values: Tables, count: int, file: TensorFile) -> Tables:
    """Return the tables of an architecture with its first layers, and with the channels and classes of the file."""
    layers = values["layer"][:count]
    adapted = {**values, "layer": layers}
    channels = file.info(layers[0]["weights"]).shape[1]
    if channels != 3:  # the normalization is that of red, green and blue
        kept = {key: value for key, value in values["input"].items() if key not in ("mean", "std")}
        adapted["input"] = {**kept, "channels": channels_name(channels)}
    if count < len(values["layer"]):
        adapted.pop("classes", None)
    elif "classes" in values:
        scores = next(table for table in layers if table.get("names") == CLASSES)
        number = file.info(scores["weights"]).shape[0]
        if number > MAX_CLASSES:
            raise TensorError(limit_text("classes", number, MAX_CLASSES))
        # The file of weights may be beside another list of this name.
        classes = parse_classes(values["classes"], Location(str(shipped_folder() / "architectures" / "classes")))
        adapted["classes"] = [*classes] if len(classes) == number else [f"class {index}" for index in range(number)]
    return adapted
