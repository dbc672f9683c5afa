"""Models of Keras to networks: a configuration and weights, or weights alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import ArgumentError, FileError
from cnnfx.formats.graph_builder import GraphBuilder
from cnnfx.formats.graph_values import Affine, MapShape, Value
from cnnfx.formats.keras.applications import with_input
from cnnfx.formats.keras.call import LayerCall, Maps
from cnnfx.formats.keras.config import INPUT_LAYER, Call, KerasGraph, KerasLayer, UnlistedLayersError
from cnnfx.formats.keras.layers import ABSORBED, TRAINING_ONLY
from cnnfx.formats.keras.operations import TENSORFLOW, call_maps
from cnnfx.formats.keras.weights import KerasWeights
from cnnfx.formats.reading import Reading
from cnnfx.formats.tensor_file import TensorError
from cnnfx.formats.weights import network_of_tensors
from cnnfx.nn.input import MAX_SIDE
from cnnfx.nn.layers import Layer
from cnnfx.nn.network import Network
from cnnfx.system.limits import MAX_CHANNELS, MAX_CLASSES, MAX_TENSOR_BYTES
from cnnfx.system.suggest import first_names, matching_names
from cnnfx.system.text import shown

CONFIG = "model_config"
"""The entry of a file's metadata with the configuration of a model."""
OLD_NAMES = {
    "W": "kernel", "b": "bias", "running_mean": "moving_mean", "running_std": "moving_variance", "alphas": "alpha",
}  # fmt: skip
"""The names of arrays in Keras 1, where running_std is the variance."""
LINEAR = (
    "Rescaling", "Normalization", "BatchNormalization", "Add", "Subtract", "Multiply", "TrueDivide", "Divide",
    TENSORFLOW, *TRAINING_ONLY,
)  # fmt: skip
"""The layers and functions that may prepare an image."""
SMALL_FACTOR = 1 / 64
"""A model that scales its images by at most this factor reads values 0..255."""
LARGE_MEAN = 3
"""A model that subtracts a larger mean from its images reads values 0..255."""
PIXEL_MAXIMUM = 255.0
SCORE_ACTIVATIONS = ("none", "relu", "softmax")
"""The activations of scores of classes of which one is right; of those with sigmoid, several may be."""
SHOWN_LAYERS = 6
"""The most names of layers in a message."""


def read_keras(path: Path, reading: Reading) -> Network:
    """Read a network from an HDF5 file or a `.keras` file.

    Without a configuration that lists the layers of a model, and where `reading.layer` is the whole name of a tensor,
    it is a file of weights; see `cnnfx.formats.weights.network_of_tensors`. With `reading.layer`, a network with a
    layer that is not supported is read as far as that allows.

    Raises
    ------
    FileError
        If the file cannot be read, or its network, or the layer, needs a layer that is not supported.
    ArgumentError
        If there is no such layer.
    """
    try:
        with KerasWeights(path) as file:
            graph = _graph(file, reading)
            if graph is None:
                return network_of_tensors(path, file, reading)
            network = _Model(file, graph, reading).network(path)
    except OSError as error:
        raise FileError(f"{path}: the file cannot be read: {error.strerror or error}.") from error
    except TensorError as error:
        raise FileError(f"{path}: {str(error).removesuffix('.')}.") from error
    if reading.layer is not None:
        network.layer_number(reading.layer)
    if reading.arch is None:
        return with_input(network, graph.name)
    from cnnfx.formats.architectures import with_arch  # few networks have it

    return with_arch(network, reading.arch)


def _graph(file: KerasWeights, reading: Reading) -> KerasGraph | None:
    """Return the calls of layers in a model; None if the file is to be read as one of weights."""
    if CONFIG not in file.metadata:
        return None
    try:
        graph = KerasGraph(file.metadata[CONFIG])
    except UnlistedLayersError:
        return None
    is_tensor = reading.layer in file.names and all(call.layer.name != reading.layer for call in graph.calls)
    return None if is_tensor else graph


@dataclass(frozen=True)
class _Refused:
    """The result of a call that is not supported, and why."""

    reason: str


class _Model:
    """A model whose calls of layers become operations of a graph."""

    def __init__(self, file: KerasWeights, graph: KerasGraph, reading: Reading) -> None:
        self._reading = reading
        self._graph = graph
        self._weights = _LayerWeights(file)
        version = file.metadata.get("keras_version", "3" if file.numbered else "")
        self._is_keras_3 = version.startswith("3")
        self._results: dict[Call, Maps | _Refused] = {}

    def network(self, path: Path) -> Network:
        """Return the network, as far as the layer that is asked for needs it."""
        target = self._target()
        wanted = [target] if target is not None else list(self._graph.outputs)
        self._compute(wanted)
        results = [self._results[call] for call in wanted]
        refused = next((result for result in results if isinstance(result, _Refused)), None)
        values = [result.value for result in results if isinstance(result, Maps)]
        if refused is not None:
            if target is not None:
                raise TensorError(refused.reason)
            values = self._last_values()
        try:
            network = self._builder.network(
                values,
                name=path.stem,
                classes=() if refused or target is not None else self._classes(),
                description=f"The model {self._graph.name} of Keras." if self._graph.name else "A model of Keras.",
            )
        except ArgumentError as error:
            raise TensorError(str(error)) from error
        if refused is not None:
            _check_layer(network, self._reading, refused)
        return network if target is None else _with_last_name(network, target.layer.name, self._reading)

    def _target(self) -> Call | None:
        """Return the call of the layer that is asked for by name, with the layers that become a part of it."""
        layer, calls = self._reading.layer, [call for call in self._graph.calls if call.layer.kind != INPUT_LAYER]
        if not isinstance(layer, str) or layer.isdecimal():
            return None
        own = {call.layer.name: call for call in calls if call.layer.kind not in ABSORBED}
        every = {call.layer.name: call for call in calls}
        found = [layer] if layer in every else matching_names(layer, own) or matching_names(layer, every)
        if len(found) != 1:
            return None  # the message is that of the whole network
        call = every[found[0]]
        if call.layer.kind in ABSORBED:
            return call
        readers: dict[Call, list[Call]] = {each: [] for each in self._graph.calls}
        for each in self._graph.calls:
            for read in each.inputs:
                readers[read].append(each)
        while len(readers[call]) == 1 and readers[call][0].layer.kind in ABSORBED and call not in self._graph.outputs:
            call = readers[call][0]
        return call

    # Calls

    def _compute(self, wanted: Sequence[Call]) -> None:
        """Compute the results of calls, and of all that they need."""
        needed = set(wanted)
        for call in reversed(self._graph.calls):
            if call in needed:
                needed.update(call.inputs)
        images = [call for call in self._graph.calls if call in needed and call.layer.kind == INPUT_LAYER]
        if len(images) != 1:
            names = ", ".join(call.layer.name for call in images)
            raise TensorError(f"its model has {len(images)} inputs ({names}); networks read one image")
        self._builder = GraphBuilder(self._image_shape(images[0]))
        image = self._builder.image
        if self._reads_pixels(images[0]):
            image = self._builder.affine(image, PIXEL_MAXIMUM)
        self._results[images[0]] = Maps(image)
        for call in self._graph.calls:
            if call in needed and call not in self._results:
                self._results[call] = self._result(call)

    def _result(self, call: Call) -> Maps | _Refused:
        inputs = []
        for each in call.inputs:
            given = self._results[each]
            if isinstance(given, _Refused):
                return given
            inputs.append(given)
        try:
            return call_maps(self._layer_call(call, inputs, self._builder))
        except ArgumentError as error:
            return _Refused(f"{call.layer}: {str(error).removesuffix('.')}")

    def _layer_call(self, call: Call, inputs: Sequence[Maps], builder: GraphBuilder) -> LayerCall:
        return LayerCall(
            layer=call.layer,
            inputs=inputs,
            arguments=call.arguments,
            builder=builder,
            channels_first=self._graph.channels_first,
            is_keras_3=self._is_keras_3,
            order=self._reading.order or _kernel_order(call.layer),
            read=self._weights.read,
        )

    def _last_values(self) -> list[Value]:
        """Return the results that nothing reads which is supported."""
        known = {call: result for call, result in self._results.items() if isinstance(result, Maps)}
        read = {each for call in known for each in call.inputs}
        values = [result.value for call, result in known.items() if call not in read]
        values = [value for value in values if value.operation is not None]
        if not values:
            refused = next(result for result in self._results.values() if isinstance(result, _Refused))
            raise TensorError(refused.reason)
        return values

    # The image

    def _image_shape(self, image: Call) -> MapShape:
        shape = image.layer.config.get("batch_shape") or image.layer.config.get("batch_input_shape")
        if shape is None:
            return self._first_channels(), None, None
        if not isinstance(shape, list) or len(shape) != 4:
            raise TensorError(f"its model reads arrays of shape {shown(shape)}, where images are needed")
        sides = shape[1:]
        channels, height, width = sides if self._graph.channels_first else (sides[2], *sides[:2])
        for side, most in ((channels, MAX_CHANNELS), (height, MAX_SIDE), (width, MAX_SIDE)):
            if side is not None and (type(side) is not int or not 1 <= side <= most):
                raise TensorError(f"its model reads arrays of shape {shown(shape)}, which is not possible")
        return channels or self._first_channels(), height, width

    def _first_channels(self) -> int:
        """Return the number of channels that the first filters read."""
        for call in self._graph.calls:
            if call.layer.kind.endswith(("Conv2D", "Convolution2D")):
                return self._weights.channels(call.layer)
        raise TensorError("its model does not say how many channels its images have")

    def _reads_pixels(self, image: Call) -> bool:
        """Return whether linear functions of the image at the beginning are for values 0..255."""
        builder = GraphBuilder(self._builder.image.shape)
        results = {image: Maps(builder.image)}
        for call in self._graph.calls:
            if call.layer.kind not in LINEAR or len(call.inputs) != 1 or call.inputs[0] not in results:
                continue
            try:
                found = call_maps(self._layer_call(call, [results[call.inputs[0]]], builder))
            except ArgumentError:  # which is reported where it is needed
                continue
            results[call] = found
            if isinstance(found.value.operation, Affine):
                factor, offset = found.value.operation
                with np.errstate(divide="ignore", invalid="ignore"):
                    mean = np.abs(offset / factor)
                if np.abs(factor).max() <= SMALL_FACTOR or mean.max() > LARGE_MEAN:
                    return True
        return False

    # The result

    def _classes(self) -> tuple[str, ...]:
        """Return numbered names of classes if the only output is a score for each."""
        maps = self._results[self._graph.outputs[0]]
        if len(self._graph.outputs) != 1 or not isinstance(maps, Maps) or not maps.features or not maps.is_vector:
            return ()
        last = maps.value.operation
        if isinstance(last, Layer) and last.activation.kind not in SCORE_ACTIVATIONS:
            return ()
        count = maps.value.shape[0]
        return tuple(f"class {number}" for number in range(count)) if 1 < count <= MAX_CLASSES else ()


def _kernel_order(layer: KerasLayer) -> str:
    return "theano" if layer.config.get("dim_ordering") == "th" else "keras"


def _check_layer(network: Network, reading: Reading, refused: _Refused) -> None:
    """Check that the layer that is asked for is one before the layers that are not supported."""
    if reading.layer is None:
        names = first_names([layer.name for layer in network.layers], SHOWN_LAYERS)
        raise TensorError(f"{refused.reason}. The layers before it can be used one at a time: {names}")
    try:
        network.layer_number(reading.layer)
    except ArgumentError as error:
        raise TensorError(f"{refused.reason}, so it is read up to there. {error}") from error


def _with_last_name(network: Network, name: str, reading: Reading) -> Network:
    """Return a network whose last layer has the name of a layer of Keras, if it cannot be found otherwise."""
    try:
        if network.layer_number(reading.layer or "") == len(network.layers):
            return network
    except ArgumentError:
        pass
    *below, last = network.layers
    if name in (layer.name for layer in below):  # a layer that is called several times
        return network
    return replace(network, layers=(*below, replace(last, name=name)))


class _LayerWeights:
    """The weights of layers, read from a file as they are needed."""

    def __init__(self, file: KerasWeights) -> None:
        self._file = file
        self._bytes_left = MAX_TENSOR_BYTES

    def read(self, layer: KerasLayer, names: Sequence[str]) -> Mapping[str, NDArray[Any]]:
        """Return arrays of a layer by their names.

        Raises
        ------
        TensorError
            If the file does not have them, or they are too large or not finite.
        """
        tensors = self._tensors(layer, names)
        return {name: self._array(tensor) for name, tensor in zip(names, tensors, strict=True)}

    def channels(self, layer: KerasLayer) -> int:
        """Return the number of channels that the filters of a layer read."""
        shape = self._file.info(self._all(layer)[0]).shape
        return shape[1 if _kernel_order(layer) == "theano" else 2] if len(shape) == 4 else 1

    def _all(self, layer: KerasLayer) -> list[str]:
        """Return the names of the tensors of a layer."""
        if self._file.numbered:
            found = self._file.layers.get(layer.group, [])
        else:
            found = self._file.layers.get(layer.path[0], [])
            if len(layer.path) > 1:  # the weights of a model in a model are in one list
                found = _of_layer(found, layer.path)
        if not found:
            raise TensorError(f"there are no weights of {layer}")
        return found

    def _tensors(self, layer: KerasLayer, names: Sequence[str]) -> list[str]:
        found = self._all(layer)
        if not self._file.numbered:
            by_name = {_array_name(tensor): tensor for tensor in found}
            if all(name in by_name for name in names):
                if len(by_name) < len(found):
                    raise TensorError(f"{layer} has several arrays of the same name in the file")
                return [by_name[name] for name in names]
        if len(found) < len(names) or (len(found) > len(names) and not self._file.numbered):
            raise TensorError(f"{layer} has {len(found)} arrays in the file, where {', '.join(names)} are needed")
        return found[: len(names)]

    def _array(self, name: str) -> NDArray[Any]:
        info = self._file.info(name)
        if not info.dtype.startswith(("float", "bfloat")):
            raise TensorError(f"{name} has values of type {info.dtype}; quantized models are not supported")
        if min(info.shape, default=1) < 1:
            raise TensorError(f"{name} is an empty array of shape {info.shape}")
        if info.nbytes > self._bytes_left:
            raise TensorError(f"with {name}, the arrays are larger than {MAX_TENSOR_BYTES >> 20:,} MB, the limit")
        self._bytes_left -= info.nbytes
        with np.errstate(over="ignore"):  # found below
            array = self._file.read(name).astype(np.float32, copy=False)
        if not np.isfinite(array).all():
            raise TensorError(f"{name} has values that are NaN, infinite or too large for float32")
        return array


def _of_layer(tensors: Sequence[str], path: Sequence[str]) -> list[str]:
    """Return the names of tensors that are of the layer at a path, among those of all layers of the outermost model."""
    for end in (list(path[1:]), list(path[-1:])):  # not all versions of Keras write the names of the models between
        found = [tensor for tensor in tensors if tensor.split("/")[:-1][-len(end) :] == end]
        if found:
            return found
    arrays = {f"{path[-1]}_{array}" for array in (*OLD_NAMES, "gamma", "beta")}
    return [tensor for tensor in tensors if tensor.rpartition("/")[2] in arrays]


def _array_name(tensor: str) -> str:
    """Return the last part of the name of a tensor, as Keras 3 calls it: "kernel" for "conv_W"."""
    last = tensor.rpartition("/")[2]
    for old, name in OLD_NAMES.items():
        if last.endswith(f"_{old}"):
            return name
    for name in ("gamma", "beta"):
        if last.endswith(f"_{name}"):
            return name
    return last
