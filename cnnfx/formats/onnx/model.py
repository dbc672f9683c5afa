"""ONNX files to networks.

Nodes are read in the order of the file. Each gives maps (an operation of the network), a constant, or, where it is not
supported, a reason: so what comes before such a node can still be used.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from cnnfx.errors import ArgumentError, FileError
from cnnfx.formats.graph_builder import GraphBuilder
from cnnfx.formats.graph_values import Value
from cnnfx.formats.model import DESCRIPTION_KEY, named_after_file
from cnnfx.formats.onnx.constants import fold
from cnnfx.formats.onnx.maps import NCHW, NHWC, Maps
from cnnfx.formats.onnx.names import layer_name
from cnnfx.formats.onnx.node import Constant, Node, Tensor
from cnnfx.formats.onnx.operators import OPERATORS
from cnnfx.formats.onnx.weights import OnnxWeights, TensorReader, external_files
from cnnfx.formats.reading import Reading
from cnnfx.formats.tensor_file import TensorError
from cnnfx.nn.input import MAX_SIDE
from cnnfx.nn.network import Network
from cnnfx.system.limits import MAX_CHANNELS, MAX_CLASSES, MAX_LAYERS, MAX_NODES, MAX_TEXT_CHARACTERS, limit_text
from cnnfx.system.sizes import counted
from cnnfx.system.suggest import first_names
from cnnfx.system.text import printable, shortened

__all__ = ["external_files", "read_onnx"]

OLDEST_VERSION = 6
"""The oldest version of the set of operators that is read."""
OWN_DOMAINS = ("", "ai.onnx")
"""The names of ONNX's own set of operators."""
QUANTIZED = ("quantize", "qlinear", "integer", "qgemm", "qattention")
"""Parts of the names of operators of quantized networks, in lower case."""
IMAGE_CHANNELS = (1, 3, 4)
"""The numbers of channels by which the last axis of an input is recognized as that of the channels."""
UINT8 = 2
"""The number of the type of pixels in `TensorProto.DataType`; they are 0..255."""
SHOWN_LAYERS = 6
"""The most names of layers in a message."""


class Refused(NamedTuple):
    """A tensor that is not computed here, and why, with its node."""

    reason: str


def read_onnx(path: Path, reading: Reading) -> Network:
    """Read the network of an ONNX file.

    With `reading.layer`, a network with an operator that is not supported is read as far as that allows. The input and
    the classes are those of `reading.arch`, if it is given.

    Raises
    ------
    FileError
        If the file cannot be read, or its network, or the layer, has an operator that is not supported.
    """
    try:
        with OnnxWeights(path) as file:
            network = None
            if DESCRIPTION_KEY in file.metadata:
                from cnnfx.formats.onnx.writer import written_network  # only for files of cnnfx

                network = written_network(file.model, file)
            if network is None:
                network = _read_graph(path, file.model, file.reader, reading)
    except OSError as error:
        raise FileError(f"{path}: the file cannot be read: {error.strerror or error}.") from error
    except (TensorError, ArgumentError) as error:
        remedy = error.remedy if isinstance(error, ArgumentError) else ""
        raise FileError(f"{path}: {str(error).removesuffix('.')}.", remedy=remedy) from error
    network = named_after_file(network, path)
    if reading.arch is None:
        return network
    from cnnfx.formats.architectures import with_arch  # few networks have it

    return with_arch(network, reading.arch)


def _read_graph(path: Path, model: Any, reader: TensorReader, reading: Reading) -> Network:
    version = _operator_version(model)
    if (count := len(model.graph.node)) > MAX_NODES:
        raise TensorError(limit_text("nodes", count, MAX_NODES))
    builder, image_name, image = _image(model.graph)
    others: dict[str, Tensor | Refused] = {
        entry.name: Refused(f'the input "{_text(entry.name)}" is no image') for entry in model.graph.input
    }
    graph = _Graph(model.graph, reader, {**others, image_name: image})
    for node in model.graph.node:
        graph.add(node, version, builder)
    results = [graph.tensor(output.name) for output in model.graph.output]
    outputs = [tensor for tensor in results if isinstance(tensor, Maps)]
    refused = next((tensor for tensor in results if isinstance(tensor, Refused)), None)
    values = [maps.value for maps in outputs]
    if refused is not None:
        values = list(dict.fromkeys([*graph.unread, *values]))
    values = [value for value in values if value is not builder.image]
    if not values:
        raise TensorError(refused.reason if refused else "none of its outputs is computed from its input")
    network = builder.network(
        values,
        name=path.stem,
        classes=_classes(outputs) if refused is None else (),
        description=shortened(model.doc_string, MAX_TEXT_CHARACTERS),
        source=shortened(f"{model.producer_name} {model.producer_version}".strip(), MAX_TEXT_CHARACTERS),
    )
    if refused is not None:
        _check_layer(network, reading, refused)
    return network


def _operator_version(model: Any) -> int:
    """Return the version of ONNX's operators that a model uses."""
    versions = [int(entry.version) for entry in model.opset_import if entry.domain in OWN_DOMAINS]
    if not versions:
        raise TensorError("it does not name the version of its operators")
    if versions[0] < OLDEST_VERSION:
        raise TensorError(
            f"its operators are of version {versions[0]}; versions from {OLDEST_VERSION} on are read. "
            "onnx.version_converter converts it"
        )
    return versions[0]


def _classes(outputs: list[Maps]) -> tuple[str, ...]:
    """Return numbered names of classes if the only output is a score for each: (images, classes)."""
    if len(outputs) != 1 or len(outputs[0].axes) != 2:
        return ()
    count, *size = outputs[0].value.shape
    return tuple(f"class {number}" for number in range(count)) if size == [1, 1] and 1 < count <= MAX_CLASSES else ()


def _check_layer(network: Network, reading: Reading, refused: Refused) -> None:
    """Check that the layer that is asked for is one before the operators that are not supported."""
    if reading.layer is None:
        names = first_names([layer.name for layer in network.layers], SHOWN_LAYERS)
        raise ArgumentError(
            f"{refused.reason}. The layers before it can be used one at a time: {names}", remedy="layers_before"
        )
    try:
        network.layer_number(reading.layer)
    except ArgumentError as error:
        raise TensorError(f"{refused.reason}, so it is read up to there. {error}") from error


# The graph


class _Graph:
    """The tensors of a graph by name, computed node by node.

    Attributes
    ----------
    unread : list of Value
        The maps that nodes read which are not supported, or which follow these.
    """

    def __init__(self, graph: Any, reader: TensorReader, tensors: dict[str, Tensor | Refused]) -> None:
        self.unread: list[Value] = []
        self._reader = reader
        self._stored = {tensor.name: tensor for tensor in graph.initializer}
        self._tensors = {name: tensor for name, tensor in tensors.items() if name not in self._stored}
        for sparse in graph.sparse_initializer:
            self._tensors[sparse.values.name] = Refused("sparse tensors are not supported")

    def tensor(self, name: str) -> Tensor | Refused:
        """Return the tensor with a name."""
        if name not in self._tensors and name in self._stored:
            try:
                self._tensors[name] = Constant(self._reader.read(self._stored[name]), name)
            except TensorError as error:
                self._tensors[name] = Refused(str(error))
        return self._tensors.get(name) or Refused(f'there is no tensor "{_text(name)}" before it')

    def add(self, message: Any, version: int, builder: GraphBuilder) -> None:
        """Compute the results of a node."""
        given = [self.tensor(name) if name else None for name in message.input]
        first = next((tensor for tensor in given if isinstance(tensor, Refused)), None)
        if first is None:
            inputs = [tensor for tensor in given if not isinstance(tensor, Refused)]
            node = Node(message, inputs, version, layer_name(message, _weights_name(inputs)), builder, self._reader)
            result = _computed(node)
        else:
            result = first if first.reason.startswith(OPERATOR) else Refused(f"{_title(message)}: {first.reason}")
        if isinstance(result, Refused):
            self.unread += [tensor.value for tensor in given if isinstance(tensor, Maps)]
        results = [result] * len(message.output) if isinstance(result, Refused) else result
        for index, name in enumerate(message.output):
            if name in self._tensors or name in self._stored:
                raise TensorError(f'two of its tensors are called "{_text(name)}"')
            if name:
                other = Refused(f"result {index + 1} of {_title(message)} is not supported")
                self._tensors[name] = results[index] if index < len(results) else other


OPERATOR = "the operator "
"""The beginning of the title of a node."""


def _computed(node: Node) -> Sequence[Tensor] | Refused:
    """Return the results of a node: all, or the first."""
    title = _title(node.message)
    if any(part in node.operator.lower() for part in QUANTIZED):
        return Refused(f"{title} is for quantized networks, which are not supported. Export it before quantization")
    if len(node.inputs) > MAX_LAYERS:
        return Refused(f"{title}: {limit_text('inputs', len(node.inputs), MAX_LAYERS)}")
    has_maps = any(isinstance(tensor, Maps) for tensor in node.inputs)
    if node.message.domain not in OWN_DOMAINS or (has_maps and node.operator not in OPERATORS):
        return Refused(f"{title} is not supported")
    try:
        with np.errstate(all="ignore"):  # numbers that are not finite are found where they are used
            if not has_maps:
                return [_folded(node)]
            results = OPERATORS[node.operator](node)
            return results if isinstance(results, list) else [results]
    except (ArgumentError, TensorError) as error:
        return Refused(f"{title}: {str(error).removesuffix('.')}")
    except (ValueError, IndexError, TypeError, ArithmeticError):
        return Refused(f"{title}: its inputs or attributes are malformed")


def _folded(node: Node) -> Constant:
    """Return the result of a node without maps."""
    constants = [tensor for tensor in node.inputs if isinstance(tensor, Constant)]
    value = node.tensor("value") if node.operator == "Constant" else None
    array = fold(node, [constant.array for constant in constants]) if value is None else value
    same = [each.name for each in constants if each.name and each.array.size == array.size]  # the tensor changed
    depends = any(constant.depends_on_image for constant in constants)
    return Constant(array, next(iter([*same, *node.message.output]), ""), depends)


def _weights_name(inputs: list[Tensor | None]) -> str:
    """Return the name of the weights of a node, its second input."""
    return inputs[1].name if len(inputs) > 1 and isinstance(inputs[1], Constant) else ""


def _title(message: Any) -> str:
    """Return what a node is called in messages."""
    operator = ".".join(part for part in (message.domain, message.op_type) if part)
    name = message.name or next(iter(message.output), "")
    return f'{OPERATOR}{_text(operator)} (node "{_text(name)}")'


def _text(name: str) -> str:
    return shortened(printable(name))


# The image


def _image(graph: Any) -> tuple[GraphBuilder, str, Maps]:
    """Return the builder of a network for the image, the name of the input that is the image, and its maps."""
    known = {tensor.name for tensor in graph.initializer}
    inputs = [entry for entry in graph.input if entry.name not in known]
    images = [entry for entry in inputs if len(entry.type.tensor_type.shape.dim) == len(NCHW)] or inputs
    if len(images) != 1:
        raise TensorError(f"it has {counted(len(images), 'input')}, where one image is needed")
    entry = images[0]
    name, kind = _text(entry.name), entry.type.tensor_type
    sizes = [dim.dim_value if dim.dim_value > 0 else None for dim in kind.shape.dim]
    if len(sizes) == len(NCHW):
        fits = sizes[3] in IMAGE_CHANNELS and sizes[1] not in IMAGE_CHANNELS
        axes = NHWC if fits and _moves_channels(graph, entry.name) else NCHW
    elif len(sizes) == 3:
        axes = NCHW[1:]
    else:
        raise TensorError(f'its input "{name}" has {counted(len(sizes), "dimension")}, so it is no image')
    by_letter = dict(zip(axes, sizes, strict=True))
    channels = by_letter["C"] or _channels_read(graph, entry.name)
    if channels is None:
        raise TensorError(f'the number of channels of its input "{name}" is not known')
    for what, size, limit in (
        ("input channels", channels, MAX_CHANNELS),
        ("rows", by_letter["H"] or 1, MAX_SIDE),
        ("columns", by_letter["W"] or 1, MAX_SIDE),
    ):
        if size > limit:
            raise TensorError(limit_text(what, size, limit))
    builder = GraphBuilder((channels, by_letter["H"], by_letter["W"]))
    value = builder.affine(builder.image, 255.0) if kind.elem_type == UINT8 else builder.image
    return builder, entry.name, Maps(value, axes, by_letter.get("N") or 1)


def _moves_channels(graph: Any, name: str) -> bool:
    """Return whether a graph moves the last axis of its input, the channels, before the rows and columns."""
    orders = (attribute.ints for node in graph.node if node.op_type == "Transpose" for attribute in node.attribute)
    return any(list(order) == [0, 3, 1, 2] for order in orders) or any(
        node.op_type == "Reshape" and list(node.input[:1]) == [name] for node in graph.node
    )


def _channels_read(graph: Any, name: str) -> int | None:
    """Return the number of channels that the filters on the image have."""
    shapes = {tensor.name: tensor.dims for tensor in graph.initializer}
    for node in graph.node:
        read = list(node.input)
        if (
            node.op_type == "Conv"
            and read[:1] == [name]
            and len(read) > 1
            and len(shapes.get(read[1], ())) == len(NCHW)
        ):
            groups = next((attribute.i for attribute in node.attribute if attribute.name == "group"), 1)
            count = int(shapes[read[1]][1]) * int(groups)
            return count if count > 0 else None
    return None
