"""Write a network as an ONNX model that ONNX Runtime and other programs run with the same results.

The input is a batch of images (N, C, H, W) with values 0..1: their normalization is part of the graph. Weights have the
names that they have in model files, "layers.0.weight". The metadata has a description of the network, with which cnnfx
reads the model back as it was.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import IO, Any

import numpy as np

from cnnfx.errors import ArgumentError, CnnfxError
from cnnfx.formats.extras import import_library
from cnnfx.formats.image_channels import bound_to_image, image_channels
from cnnfx.formats.model import DESCRIPTION_KEY, as_float32, description_text, parameters, read_network
from cnnfx.formats.onnx.layers import Nodes, add_layer, add_normalization, depends_on_size
from cnnfx.formats.tensor_file import TensorError, TensorFile
from cnnfx.nn.classifier import Dense
from cnnfx.nn.layers import Layer, Shape
from cnnfx.nn.network import Network
from cnnfx.system.limits import limit_text

OPSET, IR_VERSION = 17, 8
"""The versions of the operators and of the format. Both are of 2022, so that programs of the last years read them."""
MAX_BYTES = 2_000_000_000
"""The most bytes of weights: a message of protocol buffers must be smaller than 2 GiB."""
IMAGE, SCORES, PROBABILITIES = "image", "scores", "probabilities"
"""The names of the input, and of the output of a classifier without and with softmax."""


def write_onnx(file: IO[bytes], network: Network) -> None:
    """Write a network to an open binary file as an ONNX model.

    Filters read gray images, or red, green and blue; see `cnnfx.formats.image_channels`. The output are the channels of
    the last layer, (N, K, H, W); of a classifier the scores of the classes, (N, K). Weights before training are left
    out.

    Raises
    ------
    ArgumentError
        If ONNX cannot express the network.
    FileError
        If the library onnx is not installed; the message has the command that installs it.
    """
    file.write(onnx_model(network).SerializeToString())


def onnx_model(network: Network, with_weights: bool = True) -> Any:
    """Return the model (`onnx.ModelProto`) of a network, with or without its weights; see `write_onnx`."""
    onnx = import_library("onnx", "writing an ONNX file")
    channels = image_channels(network)
    bound = replace(bound_to_image(network), start=None).only_needed()
    shape = _image_shape(bound, len(channels))
    if shape is None:
        bound = replace(bound, layers=tuple(map(_without_dilation, bound.layers)))
    _check_size(bound)
    nodes = Nodes(onnx, (IMAGE, SCORES, PROBABILITIES), with_weights)
    output = _add_network(nodes, bound, shape, len(channels))
    graph = onnx.helper.make_graph(
        nodes.nodes,
        bound.name,
        [_value(onnx, IMAGE, shape or (len(channels), "height", "width"), f"{', '.join(channels)}, 0..1")],
        [_value(onnx, output, _output_shape(bound), ", ".join(bound.output_names))],
        nodes.constants,
    )
    model = onnx.helper.make_model(
        graph,
        producer_name="cnnfx",
        ir_version=IR_VERSION,
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        doc_string="\n".join(filter(None, (bound.description, bound.source))),
    )
    names = {"classes": bound.classes} if bound.is_classifier else {"channels": bound.output_names}
    metadata = {key: json.dumps(list(value), ensure_ascii=False) for key, value in names.items()}
    onnx.helper.set_model_props(model, {DESCRIPTION_KEY: description_text(bound), **metadata})
    return model


def written_network(model: Any, file: TensorFile) -> Network | None:
    """Return the network that `write_onnx` wrote, as it was, with names, classes and input.

    Parameters
    ----------
    model : onnx.ModelProto
    file : TensorFile
        Its tensors and metadata.

    Returns
    -------
    Network, or None if the description is missing or damaged, or the graph is not the one that is written for it: other
    programs change graphs, but keep the metadata.
    """
    try:
        network = read_network(file, file.metadata[DESCRIPTION_KEY])
        graph = onnx_model(network, with_weights=False).graph
    except (KeyError, TensorError, CnnfxError):
        return None
    weights = parameters(network, "layers")  # which were just read
    constants = [each for each in model.graph.initializer if each.name not in weights]
    is_same = all(getattr(graph, part) == getattr(model.graph, part) for part in ("node", "input", "output"))
    return network if is_same and list(graph.initializer) == constants else None


def _check_size(network: Network) -> None:
    parts = [*(layer.conv for layer in network.layers), network.head]
    size = sum(4 * (part.weights.size + part.bias.size) for part in parts if part is not None)
    if size > MAX_BYTES:
        raise ArgumentError(f"{limit_text('bytes of weights', size, MAX_BYTES)} of ONNX files")


def _image_shape(network: Network, channels: int) -> Shape | None:
    """Return the shape of the images if it is fixed: of networks with a head, or a padding that needs it."""
    windows = [layer.conv.window for layer in network.layers if layer.conv is not None]
    is_needed = any(depends_on_size(window) and window.border != "constant" for window in windows)
    if network.head is None and not is_needed:
        return None
    shape = network.input_shape
    return shape if shape is not None and shape[0] == channels else None


def _without_dilation(layer: Layer) -> Layer:
    """Return a layer with zeros between its weights instead of a dilation, if its padding depends on the size of maps.

    ONNX Runtime does not compute such padding of dilated filters.
    """
    conv = layer.conv
    if conv is None or not depends_on_size(conv.window) or conv.window.dilation == (1, 1):
        return layer
    down, across = conv.window.dilation
    weights = np.zeros((*conv.weights.shape[:2], *conv.window.extent), conv.weights.dtype)
    weights[..., ::down, ::across] = conv.weights
    return replace(layer, conv=replace(conv, weights=weights, dilation=1))


def _output_shape(network: Network) -> tuple[int | None, ...]:
    count = len(network.output_names)
    return (count,) if network.is_classifier else (count, None, None)


def _value(onnx: Any, name: str, shape: tuple[int | str | None, ...], text: str) -> Any:
    return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["batch", *shape], text)


def _add_network(nodes: Nodes, network: Network, shape: Shape | None, channels: int) -> str:
    """Add all layers of a bound network and its head; return the name of the output."""
    is_softmax = network.layers[-1].activation.kind == "softmax"
    if network.is_classifier:
        network = network.without_softmax()
    joined = [None] * len(network.layers) if shape is None else network.joined_shapes(shape)
    nodes.start_layer("input")
    values = {0: add_normalization(nodes, IMAGE, network.input)}
    counts = {0: channels}
    for number, (layer, read) in enumerate(zip(network.layers, joined, strict=True), 1):
        nodes.start_layer(layer.name or f"layer{number}")
        sources = network.sources(number)
        total = [counts[each] for each in sources]
        weights = [f"layers.{number - 1}.{name}" for name in ("weight", "bias")]
        try:
            value = add_layer(
                nodes,
                layer,
                [values[each] for each in sources],
                weights,
                read and read[1:],
                sum(total) if layer.join == "concat" else total[0],
            )
        except ArgumentError as error:
            raise error.prefixed(network.layer_owner(number)) from error
        values[number], counts[number] = nodes.end_layer(value), len(layer.channel_names)
    maps = values[len(network.layers)]
    return _add_scores(nodes, network, maps, is_softmax) if network.is_classifier else maps


def _add_scores(nodes: Nodes, network: Network, maps: str, is_softmax: bool) -> str:
    """Add the scores of the classes, from the head or as the means of maps."""
    nodes.start_layer("classes")
    pool = network.layers[-1].pool
    if network.head is None and not (pool is not None and pool.is_global):
        maps = nodes.add("GlobalAveragePool", [maps])
    value = nodes.add("Flatten", [maps])
    if network.head is not None:
        value = _add_head(nodes, value, network.head, len(network.layers))
    if is_softmax:
        value = nodes.add("Softmax", [value], axis=1)
    return nodes.end_layer(value, PROBABILITIES if is_softmax else SCORES)


def _add_head(nodes: Nodes, value: str, head: Dense, number: int) -> str:
    arrays = {f"layers.{number}.weight": head.weights, f"layers.{number}.bias": head.bias}
    names = [nodes.weights(name, as_float32(array, name)) for name, array in arrays.items()]
    return nodes.add("Gemm", [value, *names], transB=1)
