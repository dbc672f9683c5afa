"""The configuration of a model of Keras 1, 2 or 3, as a graph of calls of layers.

A model is a chain of layers (Sequential), or lists for each layer the results that it is called with (Functional); a
layer may be a model itself. Configurations come from files that are not trusted.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from cnnfx.formats.json_text import parse_json
from cnnfx.formats.tensor_file import TensorError
from cnnfx.system.limits import MAX_LAYER_CALLS, limit_text
from cnnfx.system.suggest import did_you_mean
from cnnfx.system.text import printable, shortened, shown

INPUT_LAYER = "InputLayer"
SEQUENTIAL, FUNCTIONAL = ("Sequential",), ("Functional", "Model")
"""The classes of models."""
CONSTANT = "_CONSTANT_VALUE"
"""The placeholder for the name of a layer where a function of TensorFlow is called with a number."""
ARRAYS = ("__numpy__", "__tensor__")
"""The classes of arrays in the arguments of a call, in Keras 3."""
KERAS_TENSOR = "__keras_tensor__"
"""The class of a result of a layer in the arguments of a call, in Keras 3."""

Config = Mapping[str, Any]
Reference = tuple[str, int, int]
"""The name of a layer, the number of the call of it, and the number of the result."""


@dataclass(frozen=True, eq=False)
class KerasLayer:
    """A layer of a model.

    Attributes
    ----------
    kind : str
        Its class.
    path : tuple of str
        Its name, after those of the models that it is in.
    group : str
        The path of its weights in files of Keras 3; see `KerasWeights.layers`.
    config : mapping
    is_operation : bool
        Whether it is a function, such as that of "+", rather than a layer.
    """

    kind: str
    path: tuple[str, ...]
    group: str
    config: Config
    is_operation: bool = False

    @property
    def name(self) -> str:
        """The names of the path: "inner/conv1"."""
        return "/".join(self.path)

    def __str__(self) -> str:
        kind = "operation" if self.is_operation else "layer"
        return f"the {kind} {shortened(printable(self.name))} ({shortened(printable(self.kind))})"


@dataclass(frozen=True, eq=False)
class Call:
    """A call of a layer with the results of others; that of an `InputLayer` has none.

    Attributes
    ----------
    layer : KerasLayer
    inputs : tuple of Call
    arguments : tuple
        All arguments in order: None for each of the inputs, and the numbers among them.
    """

    layer: KerasLayer
    inputs: tuple[Call, ...] = ()
    arguments: tuple[Any, ...] = ()


class UnlistedLayersError(TensorError):
    """A model of a class of its own, whose layers are in its code."""


class Node(NamedTuple):
    """A call of a layer in a configuration: references to results, and all arguments, with None for each of these."""

    references: list[Reference]
    arguments: tuple[Any, ...] = ()


class KerasGraph:
    """The calls of layers in a model.

    Parameters
    ----------
    text : str
        The configuration as JSON.

    Attributes
    ----------
    name : str
        The name of the model; may be empty.
    calls : list of Call
        Each after those that it reads.
    outputs : tuple of Call
    channels_first : bool
        Whether the layers' maps are (C, H, W) rather than (H, W, C).

    Raises
    ------
    UnlistedLayersError
        If it is neither a Sequential nor a Functional model.
    TensorError
        If the configuration is malformed, or has more than `MAX_LAYER_CALLS` calls.
    """

    def __init__(self, text: str) -> None:
        try:
            model = parse_json(text)
        except ValueError as error:
            raise TensorError(f"the configuration of its model is not JSON: {error}") from error
        kind, config = _kind(model), _config(model)
        if kind not in SEQUENTIAL + FUNCTIONAL:
            raise UnlistedLayersError(f"its model is of the class {kind}, which does not list its layers in the file")
        self.calls: list[Call] = []
        self._count = 0
        self.name = config["name"] if isinstance(config, Mapping) and isinstance(config.get("name"), str) else ""
        build = model.get("build_config")
        self._shape = build.get("input_shape") if isinstance(build, Mapping) else None
        self.outputs = self._model(kind, config, None, (), "")
        # Flatten may put the channels last, whatever the other layers do.
        formats = Counter(_data_format(call.layer.config) for call in self.calls if call.layer.kind != "Flatten")
        if formats["channels_first"] and formats["channels_last"]:
            raise TensorError("some of its layers have the channels first and others last, which is not supported")
        self.channels_first = bool(formats["channels_first"])

    def _add(self, layer: KerasLayer, inputs: tuple[Call, ...] = (), arguments: tuple[Any, ...] = ()) -> Call:
        self._count_call()
        self.calls.append(Call(layer, inputs, arguments))
        return self.calls[-1]

    def _count_call(self) -> None:
        """Count a call of a layer or a model; a few models that call each other can make very many."""
        self._count += 1
        if self._count > MAX_LAYER_CALLS:
            raise TensorError(limit_text("calls of layers", self._count, MAX_LAYER_CALLS))

    def _model(
        self, kind: str, config: Any, inputs: tuple[Call, ...] | None, path: tuple[str, ...], group: str
    ) -> tuple[Call, ...]:
        """Add the calls of a model and return its outputs; without inputs, it is the outermost one."""
        entries = config if isinstance(config, list) else _list(config, "layers")
        layers = _layers(entries, path, group)
        if kind in SEQUENTIAL:
            return self._chain(layers, inputs)
        return self._functional(config, layers, inputs)

    def _call(self, layer: KerasLayer, inputs: tuple[Call, ...], arguments: tuple[Any, ...] = ()) -> tuple[Call, ...]:
        if layer.kind in SEQUENTIAL + FUNCTIONAL and not layer.is_operation:
            self._count_call()
            return self._model(layer.kind, layer.config, inputs, layer.path, f"{layer.group}/")
        return (self._add(layer, inputs, arguments),)

    def _chain(self, layers: Sequence[KerasLayer], inputs: tuple[Call, ...] | None) -> tuple[Call, ...]:
        if inputs is None:
            first = layers[0] if layers else None
            if first is None or first.kind != INPUT_LAYER:
                shape = _shape_of(first.config) if first else None
                first = KerasLayer(INPUT_LAYER, ("input",), "", {"batch_shape": shape or self._shape})
            inputs = (self._add(first),)
        for layer in layers:
            if layer.kind != INPUT_LAYER:
                inputs = self._call(layer, inputs)
        return inputs

    def _functional(
        self, config: Any, layers: Sequence[KerasLayer], inputs: tuple[Call, ...] | None
    ) -> tuple[Call, ...]:
        entries = _list(config, "layers")
        known = {layer.path[-1]: (layer, _nodes(entry)) for layer, entry in zip(layers, entries, strict=True)}
        if len(known) < len(layers):
            raise TensorError("two layers of its model have the same name")
        outputs = _references(config.get("output_layers"))
        if not outputs:
            raise TensorError("the configuration of its model has no output_layers")
        references = [each for _, nodes in known.values() for node in nodes for each in node.references]
        _check_references(known, [*outputs, *references])
        first = _first_calls(known, [*outputs, *references])
        results: dict[tuple[str, int], tuple[Call, ...]] = {}
        if inputs is not None:
            names = _references(config.get("input_layers"))
            if len(names) != len(inputs):
                raise TensorError(f"a model of {len(names)} inputs is called with {len(inputs)}")
            results = {(name, 0): (call,) for (name, _, _), call in zip(names, inputs, strict=True)}
        waiting = [(name, number - first[name]) for name, number, _ in reversed(outputs)]
        opened: set[tuple[str, int]] = set()
        while waiting:
            name, number = waiting[-1]
            if (name, number) in results:
                waiting.pop()
                continue
            layer, nodes = known[name]
            node = nodes[number] if number < len(nodes) else Node([])
            if not node.references and layer.kind != INPUT_LAYER:
                raise TensorError(f"{layer} reads nothing")
            needed = [(source, call - first[source]) for source, call, _ in node.references]
            missing = [reference for reference in needed if reference not in results]
            if missing:
                if (name, number) in opened:
                    raise TensorError(f"{layer} is part of a cycle")
                opened.add((name, number))
                waiting += missing[::-1]
                continue
            given = [_output(results[each], index) for each, (_, _, index) in zip(needed, node.references, strict=True)]
            results[name, number] = self._call(layer, tuple(given), node.arguments) if given else (self._add(layer),)
        return tuple(_output(results[name, number - first[name]], index) for name, number, index in outputs)


def _output(calls: tuple[Call, ...], index: int) -> Call:
    if not 0 <= index < len(calls):
        raise TensorError(f"{calls[0].layer} has {len(calls)} outputs, number {index} of which is read")
    return calls[index]


def _layers(entries: Sequence[Any], path: tuple[str, ...], group: str) -> list[KerasLayer]:
    """Return the layers of a model; `path` and `group` stand before theirs."""
    counts: Counter[str] = Counter()
    layers = []
    for entry in entries:
        kind, config = _kind(entry), _config(entry)
        own = entry.get("name") or (config.get("name") if isinstance(config, Mapping) else None)
        is_operation = _is_operation(entry, config)
        title = snake_case(kind)
        if not isinstance(own, str):
            own = f"{title}_{counts[title] + 1}"
        place = f"{group}{title}_{counts[title]}" if counts[title] else f"{group}{title}"
        if not is_operation:
            counts[title] += 1
        layers.append(KerasLayer(kind, (*path, own), place, config, is_operation))
    return layers


def _is_operation(entry: Config, config: Any) -> bool:
    """Return whether an entry is a function rather than a layer: Keras 3 has the function Add and the layer Add."""
    module = entry.get("module")
    if isinstance(module, str):
        return ".ops." in module
    # In .h5 files, modules are left out. Layers have other settings, too.
    nodes = entry.get("inbound_nodes")
    is_called = isinstance(nodes, list) and any(isinstance(node, Mapping) for node in nodes)
    return is_called and isinstance(config, Mapping) and config.keys() <= {"name", "negative_slope"}


def snake_case(name: str) -> str:
    """Return the name of a class as Keras writes it in files: "conv2d" for "Conv2D"."""
    words = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", name))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", words).lower()


# The parts of a configuration


def _kind(entry: Any) -> str:
    kind = entry.get("class_name") if isinstance(entry, Mapping) else None
    if not isinstance(kind, str):
        raise TensorError(f"the configuration of its model has a layer without a class: {shown(entry)}")
    return kind


def _config(entry: Config) -> Any:
    """Return the settings of a layer: a mapping, but a list of layers of a chain in Keras 1."""
    config = entry.get("config")
    if not isinstance(config, Mapping) and not (isinstance(config, list) and _kind(entry) in SEQUENTIAL):
        raise TensorError(f"the configuration of its model has a layer without settings: {shown(entry)}")
    return config


def _list(entry: Any, key: str) -> list[Any]:
    value = entry.get(key) if isinstance(entry, Mapping) else None
    if not isinstance(value, list):
        raise TensorError(f"the configuration of its model has no {key}")
    return value


def _shape_of(config: Any) -> Any:
    """Return the shape of the images in the configuration of a first layer, which may be a model."""
    while isinstance(config, Mapping | list):
        if isinstance(config, Mapping) and (shape := config.get("batch_input_shape") or config.get("batch_shape")):
            return shape
        layers = config if isinstance(config, list) else config.get("layers")
        first = layers[0] if isinstance(layers, list) and layers else None
        config = first.get("config") if isinstance(first, Mapping) else None
    return None


def _data_format(config: Any) -> str:
    """Return the order of the axes that a layer names: "channels_first", "channels_last" or ""."""
    if not isinstance(config, Mapping):
        return ""
    old = {"th": "channels_first", "tf": "channels_last"}
    found = old.get(str(config.get("dim_ordering"))) or config.get("data_format")
    return found if found in ("channels_first", "channels_last") else ""


def _nodes(entry: Config) -> list[Node]:
    """Return the calls of a layer."""
    nodes = entry.get("inbound_nodes", [])
    if not isinstance(nodes, list):
        raise TensorError("the configuration of its model has no lists of calls")
    return [_keras_3_node(node) if isinstance(node, Mapping) else _keras_2_node(node) for node in nodes]


def _keras_3_node(node: Config) -> Node:
    """Return a call with its arguments: {"args": [[result, result], number], "kwargs": {}}."""
    references: list[Reference] = []
    arguments: list[Any] = []
    waiting = [node.get("kwargs"), node.get("args")]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value[::-1]
        elif isinstance(value, Mapping) and value.get("class_name") == KERAS_TENSOR:
            config = value.get("config")
            references += _references(config.get("keras_history") if isinstance(config, Mapping) else None)
            arguments.append(None)
        elif isinstance(value, Mapping) and value.get("class_name") in ARRAYS:
            config = value.get("config")
            arguments.append(config.get("value") if isinstance(config, Mapping) else None)
        elif isinstance(value, Mapping):
            waiting += list(value.values())[::-1]
        elif _is_number(value):
            arguments.append(value)
    return Node(references, tuple(arguments))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _keras_2_node(node: Any) -> Node:
    """Return a call with its arguments: a list of references, in which functions of TensorFlow have their numbers."""
    if isinstance(node, list) and node and isinstance(node[0], str):
        node = [node]
    references: list[Reference] = []
    arguments: list[Any] = []
    for given in node if isinstance(node, list) else [None]:
        match given:
            case [str(name), _, value, *_] if name == CONSTANT:
                arguments.append(value)
            case _:
                references += _references([given])
                arguments.append(None)
        match given:
            case [_, _, _, {"y": [str(name), *_] as other}] if name != CONSTANT:
                references += _references([other])
                arguments.append(None)
            case [_, _, _, {"y": value}]:
                arguments.append(value)
            case [_, _, _, {} as settings]:  # such as the axis of a softmax
                arguments += [value for value in settings.values() if _is_number(value)]
    return Node(references, tuple(arguments))


def _references(value: Any) -> list[Reference]:
    """Return references to results: lists of a name and two numbers, of which Keras 3 writes a single one alone."""
    if isinstance(value, list) and value and isinstance(value[0], str):
        value = [value]
    found = []
    for reference in value if isinstance(value, list) else [None]:
        match reference:
            case [str(name), int(number), int(index), *_] if 0 <= number <= MAX_LAYER_CALLS:
                found.append((name, number, index))
            case _:
                shown_value = shown(reference)
                raise TensorError(f"the configuration of its model has a reference to a layer that is {shown_value}")
    return found


def _check_references(known: Mapping[str, Any], references: Sequence[Reference]) -> None:
    for name, _, _ in references:
        if name not in known:
            hint = did_you_mean(name, known, "There are")
            raise TensorError(f"the configuration of its model refers to a layer {shown(name)}. {hint}".rstrip(" ."))


def _first_calls(known: Mapping[str, tuple[KerasLayer, list[Node]]], references: Sequence[Reference]) -> dict[str, int]:
    """Return the number of the first call of each layer. In nested models, number 0 may be that of the model itself."""
    numbers: dict[str, int] = {}
    for name, number, _ in references:
        numbers[name] = min(number, numbers.get(name, number))
    models = SEQUENTIAL + FUNCTIONAL
    return {name: numbers.get(name, 0) if layer.kind in models else 0 for name, (layer, _) in known.items()}
