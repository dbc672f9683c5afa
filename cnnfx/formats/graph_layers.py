"""Operations of a graph as layers: which of them make one layer, the normalization of the input, and names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cnnfx.errors import ArgumentError
from cnnfx.formats.graph_values import (
    Affine,
    Padding,
    Value,
    as_layer,
    numbers,
)
from cnnfx.nn.input import Input
from cnnfx.nn.layers import INPUT, Layer
from cnnfx.system.limits import (
    MAX_ALL_CHANNELS,
    MAX_ALL_FILTERS,
    MAX_LAYERS,
    MAX_NAME_CHARACTERS,
    MAX_TENSOR_BYTES,
    limit_text,
)
from cnnfx.system.text import printable, shortened

RESERVED_NAMES = (INPUT, "all")
"""What a layer cannot be called: the name of the image, and that of all layers."""
LARGE_MEAN, LARGE_STD = 3, 64
"""A network that subtracts a larger mean from its images, or divides by such a number, reads values 0..255."""
PIXEL_MAXIMUM = 255.0
LIMITS = {
    "layers": MAX_LAYERS,
    "filters in all layers": MAX_ALL_FILTERS,
    "channels in all layers": MAX_ALL_CHANNELS,
    "bytes of weights in all layers": MAX_TENSOR_BYTES,
}
"""The limits of the sums over all layers."""


@dataclass
class _Group:
    """Operations that become one layer: the layer, the value of the first operation, and the groups that it reads.

    None stands for the image.
    """

    layer: Layer
    value: Value
    sources: list[_Group | None]


def layers_of(image: Value, outputs: Sequence[Value]) -> tuple[tuple[Layer, ...], Affine | None]:
    """Return the layers that compute some values, and the linear function of the image before them, if there is one.

    Raises
    ------
    ArgumentError
        If there are no layers, or too many, or a weight becomes too large.
    """
    values = _needed(outputs)
    uses = Counter([source for value in values for source in value.sources] + list(outputs))
    normalization: Affine | None = None
    groups: dict[Value, _Group | None] = {image: None}
    layers: list[_Group] = []
    totals: Counter[str] = Counter()
    for value in values:
        below = value.sources[0]
        alone = len(value.sources) == 1 and uses[below] == 1
        group = groups[below]
        if alone and group is None and value not in outputs and _can_normalize(value.operation):
            normalization, groups[value] = _then(normalization, value.operation), None
            continue
        try:
            merged = _merged(group.layer, value.operation) if alone and group is not None else None
            layer = merged or as_layer(value.operation, value.shape[0])
        except ArgumentError as error:
            raise error.prefixed(value.name or value.kind) from error
        if merged is None or group is None:
            group = _Group(layer, value, [groups[source] for source in value.sources])
            layers.append(group)
            totals += _sizes(group)
            _check_totals(totals)  # at once: layers without end can share the weights of a small file
        group.layer, groups[value] = layer, group
    if not layers:
        raise ArgumentError("it has no operations, so there are no layers")
    return _named_layers(layers), normalization


def _needed(outputs: Iterable[Value]) -> list[Value]:
    """Return all values that some values need, themselves included, in order; without the image."""
    found: dict[Value, None] = {}
    waiting = list(outputs)[::-1]
    while waiting:
        value = waiting[-1]
        missing = [source for source in value.sources if source not in found and source.operation is not None]
        if missing and value not in found:
            waiting += missing[::-1]
            continue
        waiting.pop()
        if value.operation is not None:
            found.setdefault(value)
    return list(found)


def _merged(layer: Layer, operation: Layer | Affine | Padding | None) -> Layer | None:
    """Return a layer followed by an operation as one layer, or None if that needs a layer of its own."""
    if layer.activation.kind != "none" or layer.pool is not None or layer.local_response is not None:
        return None
    if isinstance(operation, Affine):
        return operation.fold_into(layer) if layer.conv is not None else None
    if isinstance(operation, Layer) and operation.activation.kind != "none":
        return replace(layer, activation=operation.activation)
    return None


def _can_normalize(operation: Layer | Affine | Padding | None) -> bool:
    """Return whether an operation on the image can be the normalization of the input, whose `std` is positive."""
    return isinstance(operation, Affine) and bool((operation.factor > 0).all())


def _then(first: Affine | None, second: Any) -> Affine:
    return first.then(second) if first is not None else second


def normalized_input(given: Input, affine: Affine) -> Input:
    """Return the input with a linear function of the image's channels as its normalization.

    Images are 0..1, but a large mean or standard deviation is that of pixels 0..255.
    """
    factor, offset = affine
    scale = float(factor[0]) if (factor == factor[0]).all() and factor[0] > 1 else 1.0
    mean, std = -offset / factor * scale, scale / factor
    if scale == 1 and (np.abs(mean).max() > LARGE_MEAN or std.min() >= LARGE_STD):
        scale = PIXEL_MAXIMUM
    means, stds = (_one_or_all(tuple(map(float, values + 0.0))) for values in (mean, std))
    return replace(given, scale=scale, mean=means, std=stds)


def _one_or_all(values: tuple[float, ...]) -> tuple[float, ...]:
    return values[:1] if len(set(values)) == 1 else values


def _sizes(group: _Group) -> Counter[str]:
    """Return what a layer adds to each of the sums in `LIMITS`."""
    conv = group.layer.conv
    weights = 0 if conv is None else conv.weights.nbytes
    counts = (1, len(group.layer.filter_names), group.value.shape[0], weights)
    return Counter(dict(zip(LIMITS, counts, strict=True)))


def _check_totals(totals: Counter[str]) -> None:
    """Check that there are not too many layers, and that they are not too large together."""
    for what, limit in LIMITS.items():
        if totals[what] > limit:
            raise ArgumentError(limit_text(what, totals[what], limit))


def _named_layers(groups: Sequence[_Group]) -> tuple[Layer, ...]:
    """Return the layers with unique names, and with the names of those that they read."""
    names: dict[int, str] = {}
    counts: Counter[str] = Counter()
    taken = set(RESERVED_NAMES)
    layers: list[Layer] = []
    for number, group in enumerate(groups):
        counts[group.value.kind] += 1
        name = _layer_name(group.value, counts[group.value.kind], taken)
        taken.add(name)
        names[id(group)] = name
        sources = tuple(INPUT if source is None else names[id(source)] for source in group.sources)
        below = layers[-1].name if number else INPUT
        filter_names = group.layer.filter_names or numbers(group.value.shape[0])
        layers.append(
            replace(group.layer, name=name, filter_names=filter_names, sources=() if sources == (below,) else sources)
        )
    return tuple(layers)


def _layer_name(value: Value, count: int, taken: set[str]) -> str:
    """Return a name for a layer that no other layer has: that of its value, or one like "conv_3"."""
    name = shortened(printable(value.name.strip()), MAX_NAME_CHARACTERS)
    if not name or name.isdecimal() or name in RESERVED_NAMES:
        name = f"{value.kind}_{count}"
    unique, number = name, 1
    while unique in taken:
        number += 1
        unique = f"{name}_{number}"
    return unique
