"""The graph of a network: which layers each layer reads, checked when a network is made."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cnnfx.errors import ArgumentError
from cnnfx.nn.layers import INPUT, Layer
from cnnfx.system.sizes import counted
from cnnfx.system.suggest import did_you_mean, first_names, matching_names, names_of_module

MAX_MATCHES = 6
"""The most names that a message about a part of several names lists."""
MAX_CYCLE_LAYERS = 8
"""The most layers of a cycle that a message names."""


def layer_sources(layers: Sequence[Layer]) -> tuple[tuple[int, ...], ...]:
    """Return for each layer the numbers of those that it reads, counted from 1; 0 is the image."""
    numbers = {INPUT: 0, **{layer.name: number for number, layer in enumerate(layers, 1) if layer.name}}
    return tuple(tuple(numbers[name] for name in layer.sources) or (index,) for index, layer in enumerate(layers))


def layer_number(layer: int | str, names: Sequence[str], network: str) -> int:
    """Return the number of a layer, given its name, a unique part of it, or its number, counted from 1.

    Parameters
    ----------
    layer : int or str
        A number in a text that is no layer's can be the first step of a name, as "3" for "3.weight".
    names : sequence of str
        The name of each layer, empty for those without one.
    network : str
        The name of the network, for messages.

    Raises
    ------
    ArgumentError
        If there is no such layer, or the text is part of several names; the message has the closest names.
    """
    has = f"{network} has {counted(len(names), 'layer')}"
    if isinstance(layer, str) and not layer.isdecimal():
        known = [name for name in names if name]
        found = matching_names(layer, known)
        if not found:
            hint = did_you_mean(layer, known, "They are called") if known else "They have no names, but numbers."
            raise ArgumentError(f"There is no layer {layer!r}: {has}. {hint}", remedy="layer_number")
        if len(found) > 1:
            raise ArgumentError(
                f"{layer!r} is part of the names of {len(found)} layers of {network}: "
                f"{first_names(found, MAX_MATCHES)}. Write more of the name.",
                remedy="layer_number",
            )
        return 1 + list(names).index(found[0])
    number = int(layer)
    if not 1 <= number <= len(names):
        found = names_of_module(layer, names) if isinstance(layer, str) else []
        if len(found) == 1:
            return 1 + list(names).index(found[0])
        raise ArgumentError(f"There is no layer {number}: {has}.", remedy="layer_number")
    return number


def needed_layers(sources: Sequence[Sequence[int]], wanted: Iterable[int]) -> frozenset[int]:
    """Return the numbers of all layers that some layers need, themselves included; 0 is the image."""
    needed = set(wanted)
    for number in range(len(sources), 0, -1):
        if number in needed:
            needed.update(sources[number - 1])
    return frozenset(needed)


def check_order(layers: Sequence[Layer]) -> None:
    """Check that layer names are unique, and that each layer comes after all that it reads.

    Raises
    ------
    ArgumentError
        If not; the message names the layer, and the layers of a cycle.
    """
    if not any(layer.name or layer.sources for layer in layers):
        return
    numbers: dict[str, int] = {INPUT: 0}
    for number, layer in enumerate(layers, 1):
        if layer.name in numbers:
            taken = "the name of the image" if layer.name == INPUT else f"the name of layer {numbers[layer.name]}, too"
            raise ArgumentError(f"layer {number} is called {layer.name!r}, which is {taken}. Give it another name.")
        if layer.name:
            numbers[layer.name] = number
    for number, layer in enumerate(layers, 1):
        for name in layer.sources:
            _check_source(layers, numbers, number, name)


def _check_source(layers: Sequence[Layer], numbers: dict[str, int], number: int, name: str) -> None:
    """Check one name in the sources of layer `number`."""
    owner = f"layer {layers[number - 1].name or number}"
    if name not in numbers:
        hint = did_you_mean(name, [INPUT, *(layer.name for layer in layers if layer.name)], "There are")
        raise ArgumentError(f"{owner} reads {name!r}, which does not exist. {hint}")
    if numbers[name] < number:
        return
    cycle = _path(layers, numbers, numbers[name], number)
    if cycle:
        titles = [layers[each - 1].name or f"layer {each}" for each in [number, *cycle]]
        if len(titles) > MAX_CYCLE_LAYERS:
            titles[MAX_CYCLE_LAYERS - 2 : -1] = [f"{len(titles) - MAX_CYCLE_LAYERS + 1} others"]
        raise ArgumentError(
            f"{owner} is part of a cycle: {' reads '.join(titles)}. A layer cannot read its own output."
        )
    raise ArgumentError(f"{owner} reads {name!r}, which comes after it. Move {owner} below {name!r}.")


def _path(layers: Sequence[Layer], numbers: dict[str, int], start: int, end: int) -> list[int]:
    """Return the layers from `start` to `end`, each of which reads the next one; empty if there is no such path."""
    paths, seen = [[start]], {start}
    while paths:
        path = paths.pop(0)
        if path[-1] == end:
            return path
        layer = layers[path[-1] - 1]
        read = [numbers.get(name, 0) for name in layer.sources] or [path[-1] - 1]
        for number in read:
            if number and number not in seen:
                seen.add(number)
                paths.append([*path, number])
    return []
