"""What a model tells of the run that made it: checked, so that whoever shows it can rely on it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from cnnfx.network import Network


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_shape(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 3 and all(_is_count(size) and size > 0 for size in value)


def _is_history(value: Any) -> bool:
    return isinstance(value, list) and all(part is None or type(part) in (int, float) for part in value)


KINDS: dict[str, Callable[[Any], bool]] = {
    "dataset": lambda value: isinstance(value, str),
    "seed": _is_count,
    "epochs": _is_count,
    "input": _is_shape,
    "accuracy": _is_history,
}
"""What is read of a run, where it is told, and what it must be."""


def check_run(network: Network) -> None:
    """See that what the network's `meta` tells can be used, and that images of the size it tells fit the network.

    Raises
    ------
    ValueError
        If something is of another kind.
    ArgumentError
        If such images do not fit a layer.
    """
    for key, fits in KINDS.items():
        if key in network.meta and not fits(network.meta[key]):
            raise ValueError(f"{key} is {json.dumps(network.meta[key])[:60]}")
    if network.head is None or "input" not in network.meta:
        return
    channels, height, width = network.meta["input"]
    bound = network.bind([str(index) for index in range(channels)])
    made = bound.output_shapes((channels, height, width))[-1]
    if made != network.head.shape:
        sizes = ("×".join(map(str, shape)) for shape in (network.meta["input"], made, network.head.shape))
        raise ValueError("of an input of {} the layers make maps of {}; the dense layer takes {}".format(*sizes))
