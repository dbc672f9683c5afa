"""Weights without a graph: the tensors of a file that can be filters, one of them as a layer, or all of a network."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from cnnfx.errors import FileError
from cnnfx.formats.architectures import has_layer, network_name, read_architecture
from cnnfx.formats.filter_order import FILTER_AXES, ORDERS, FiltersFirst, order_of, recognize_order
from cnnfx.formats.model import DESCRIPTION_KEY, named_after_file, read_network
from cnnfx.formats.reading import FilterTensor, LayerNeededError, Reading
from cnnfx.formats.tensor_file import TensorError, TensorFile, TensorInfo, open_tensor_file
from cnnfx.formats.toml_file import RESERVED_NAMES
from cnnfx.formats.toml_schema import Location
from cnnfx.formats.toml_tensors import Tensors
from cnnfx.nn.graph import MAX_MATCHES
from cnnfx.nn.layers import ALL_CHANNELS, Conv, Layer
from cnnfx.nn.network import Network
from cnnfx.system.limits import MAX_CHANNELS, MAX_FILTERS, MAX_KERNEL_SIDE, MAX_NAME_CHARACTERS, check_limit
from cnnfx.system.sizes import counted
from cnnfx.system.suggest import did_you_mean, first_names, matching_names, names_of_module
from cnnfx.system.text import printable, shorten_words, shortened

KERNEL_AXES = (2, 3)
"""The axes of one kernel (rows, columns), and of several, in files of arrays."""
BIAS_NAMES = {
    "weight": "bias", "weights": "biases", "kernel": "bias", "depthwise_kernel": "bias", "pointwise_kernel": "bias",
    "W": "b", "w": "b",
}  # fmt: skip
"""The last part of the name of a tensor of weights, and that of its bias beside it."""
_LAST_PART = re.compile(rf"(.*?(?:^|[./_:]))({'|'.join(BIAS_NAMES)})(:0)?", re.DOTALL)


def read_weights(path: Path, kind: str, reading: Reading) -> Network:
    """Read a network from a file of named tensors.

    Parameters
    ----------
    path : path
    kind : str
        The format of the file; see `cnnfx.formats.file_format.file_format`.
    reading : Reading

    Raises
    ------
    FileError
        If the file cannot be read, or `network_of_tensors` raises it.
    LayerNeededError, ArgumentError
        As `network_of_tensors`.
    """
    try:
        with open_tensor_file(path, kind) as file:
            return network_of_tensors(path, file, reading)
    except OSError as error:
        raise FileError(f"{path}: the file cannot be read: {error.strerror or error}.") from error
    except TensorError as error:
        raise FileError(f"{path}: {error}.") from error


def network_of_tensors(path: Path, file: TensorFile, reading: Reading) -> Network:
    """Return the network of an open file of tensors.

    A file that cnnfx wrote has a description of the network. Others are read with the layers of `reading.arch`, or
    those of a known architecture that the names and shapes of the tensors show. Otherwise, and if `reading.layer` is
    the whole name of a tensor but of no layer of `reading.arch`, it is one layer: the filters of the tensor that
    `reading.layer` names, with the bias beside it, but without what follows it in its network.

    Raises
    ------
    FileError
        If a tensor is missing, has another shape, or has values that are not finite; or if `reading.layer` names no
        tensor that can be filters.
    LayerNeededError
        If the architecture is not known, `reading.layer` is not given, and several tensors can be filters.
    ArgumentError
        If the architecture has no layer `reading.layer`.
    TensorError
        If the content of the file is malformed.
    """
    if DESCRIPTION_KEY in file.metadata and reading.arch is None:
        return named_after_file(read_network(file, file.metadata[DESCRIPTION_KEY]), path)
    infos = _numeric_infos(file)
    shapes = {name: info.shape for name, info in infos.items() if len(info.shape) == FILTER_AXES}
    # Other tensors, such as tables of positions, are no filters of layers but may have four axes, too.
    of_layers = [shape for name, shape in shapes.items() if _LAST_PART.fullmatch(name)]
    order = reading.order or file.order or recognize_order(of_layers or [*shapes.values()])
    found = _filter_tensors(infos, order, file.holds_arrays and not shapes)
    is_tensor = any(tensor.name == reading.layer for tensor in found)
    if not is_tensor or (reading.arch is not None and has_layer(reading.arch, reading.layer)):
        network = read_architecture(path, FiltersFirst(file, order), reading)
        if network is not None:
            return network
    return _one_layer(path, file, _chosen(path, file, found, reading.layer))


def _numeric_infos(file: TensorFile) -> dict[str, TensorInfo]:
    """Return the shape and the type of each tensor of numbers that is not empty."""
    infos = {}
    for name in file.names:
        try:
            info = file.info(name)
        except TensorError:  # the others can be read
            continue
        if info.has_numbers and min(info.shape, default=0) > 0:
            infos[name] = info
    return infos


def _filter_tensors(infos: Mapping[str, TensorInfo], order: str, with_kernels: bool) -> list[FilterTensor]:
    """Return the tensors that can be filters: those with four axes, and with two or three if these can be kernels."""
    found: list[FilterTensor] = []
    taken: Counter[str] = Counter()
    for name, (shape, dtype, _) in infos.items():
        own = order_of(name, order)
        if len(shape) == FILTER_AXES:
            filters = ORDERS[own].filters_shape(shape)
        elif with_kernels and len(shape) in KERNEL_AXES and max(shape[-2:]) <= MAX_KERNEL_SIDE:
            own, filters = "", (math.prod(shape[:-2]), 1, *shape[-2:])
        else:
            continue
        found.append(FilterTensor(name, _title(name, taken), shape, dtype, own, filters))
    return found


def _title(name: str, taken: Counter[str]) -> str:
    """Return the name of the layer that a tensor becomes, which is counted in `taken`.

    It is printable, not too long, neither a number nor reserved, and differs from those before.
    """
    title = shortened(printable(name), MAX_NAME_CHARACTERS)
    if not title or title.isdecimal() or title in RESERVED_NAMES:
        title = f"tensor {title}".rstrip()
    unique = title
    while unique in taken:
        taken[title] += 1
        unique = f"{title} ({taken[title]})"
    taken[unique] += 1
    return unique


# One tensor


def _chosen(path: Path, file: TensorFile, found: Sequence[FilterTensor], layer: str | int | None) -> FilterTensor:
    """Return the tensor that a layer names: by its whole name, or a part that no other has."""
    if not found:
        raise FileError(f"{path}: none of its tensors can be filters: {_reason(file)}.")
    if len(found) == 1 and layer in (None, 1, "1"):
        return found[0]
    if layer is None or isinstance(layer, int):
        names = first_names([tensor.title for tensor in found], MAX_MATCHES)
        error = LayerNeededError(
            f"{path}: the layers of its network are not known, but {counted(len(found), 'tensor')} can be filters: "
            f"{shorten_words(names)}.",
            remedy="weights_layer",
        )
        error.tensors = found
        raise error
    by_title = {tensor.title: tensor for tensor in found}
    matching = (names_of_module if layer.isdecimal() else matching_names)(layer, by_title)
    if len(matching) == 1:
        return by_title[matching[0]]
    if len(matching) > 1:
        raise FileError(
            f"{path}: {shortened(layer)!r} is part of the names of {len(matching)} tensors: "
            f"{shorten_words(first_names(matching, MAX_MATCHES))}. Write more of the name.",
            remedy="layer_number",
        )
    raise FileError(f"{path}: {shorten_words(_no_tensor(file, list(by_title), layer))}", remedy="layer_number")


def _no_tensor(file: TensorFile, titles: Sequence[str], layer: str) -> str:
    """Return sentences that there is no tensor of filters of this name, and which are similar."""
    others = f"These can be filters: {first_names(titles, MAX_MATCHES)}."
    if layer.isdecimal():
        return f"its tensors have names, no numbers. {others}"
    if layer in file.names:
        info = file.info(layer)
        found = f"it is {info.dtype} of shape {info.shape}; numbers with {FILTER_AXES} axes are needed"
        return f"{layer} cannot be filters: {found}. {others}"
    return f"there is no tensor {shortened(layer)!r} of filters. {did_you_mean(layer, titles, 'There are')}"


def _reason(file: TensorFile) -> str:
    needed = f"filters are numbers with {FILTER_AXES} axes"
    for name in file.names:
        try:
            info = file.info(name)
        except TensorError as error:
            return str(error)
        return f"{needed}, and {printable(name)} is {info.dtype} of shape {info.shape}"
    return f"{needed}, and there are no tensors"


def _one_layer(path: Path, file: TensorFile, tensor: FilterTensor) -> Network:
    """Return a network of one layer with the filters of a tensor and the bias beside it."""
    location = Location(str(path))
    count, channels, *_ = tensor.filters
    check_limit(location.text, f"filters in {tensor.title}", count, MAX_FILTERS)
    check_limit(location.text, f"channels in {tensor.title}", channels, MAX_CHANNELS)
    inputs = None
    if tensor.order:
        tensors = Tensors(FiltersFirst(file, tensor.order), path.name)
        weights = tensors.read(tensor.name, tensor.filters, location)
    else:
        tensors, inputs = Tensors(file, path.name), (ALL_CHANNELS,)
        weights = tensors.read(tensor.name, tensor.shape, location).reshape(tensor.filters)
    bias = np.zeros(count, np.float32)
    if beside := _bias_beside(file, tensor):
        bias = tensors.read(beside, (count,), location)
    layer = Layer(Conv(weights, bias, inputs), tuple(str(number) for number in range(1, count + 1)), name=tensor.title)
    return Network((layer,), network_name(path), description=f"The tensor {tensor.title} of {path.name}.")


def _bias_beside(file: TensorFile, tensor: FilterTensor) -> str:
    """Return the name of the bias of filters, such as "conv1.bias" for "conv1.weight"; "" if there is none."""
    match = _LAST_PART.fullmatch(tensor.name)
    if match is None:
        return ""
    start, last, end = match[1], match[2], match[3] or ""
    name = f"{start}{BIAS_NAMES[last]}{end}"
    is_first_step = last == "depthwise_kernel" and f"{start}pointwise_kernel{end}" in file.names
    if is_first_step or name not in file.names:  # of a separable layer, the bias follows the second step
        return ""
    info = file.info(name)
    return name if info.has_numbers and info.shape == tensor.filters[:1] else ""
