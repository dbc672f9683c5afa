"""The input of a network in a filter file, and the names of its classes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from cnnfx.errors import ArgumentError
from cnnfx.formats.presets import shipped_folder
from cnnfx.formats.toml_schema import Location, Table, check_unique, describe, finite
from cnnfx.formats.toml_tensors import file_beside
from cnnfx.formats.toml_text import read_text
from cnnfx.nn.input import Input
from cnnfx.nn.layers import Conv, Layer
from cnnfx.system.limits import MAX_CLASSES, check_limit
from cnnfx.system.text import shown

INPUT_KEYS = ("channels", "size", "fit", "resize", "resample", "scale", "mean", "std", "background")
"""The keys of `[input]`."""
FILE_CHANNELS = ("auto", "gray", "rgb", "bgr")
"""The kinds of channels in a file. Networks read "rgb": the weights of a "bgr" file are rearranged when it is read."""

SHIPPED_CLASSES = ("imagenet.txt",)
"""The lists of classes that come with cnnfx: any filter file can name them, unless it has a file of this name."""


def parse_input(values: Any, location: Location) -> tuple[Input, bool]:
    """Return the input that `[input]` describes, and whether the weights in the file are for blue, green and red.

    Raises
    ------
    FileError
        If something is unknown, of the wrong type or out of range.
    """
    table = Table(values, location, INPUT_KEYS)
    channels = table.choice("channels", FILE_CHANNELS, "auto")
    settings: dict[str, Any] = {key: table.text(key) for key in ("fit", "resample", "background") if key in table}
    if "size" in table:
        settings["size"] = _parse_size(table)
    if "resize" in table:
        settings["resize"] = table.whole("resize")
    settings["scale"] = table.number("scale", 1.0)
    for key, default in (("mean", 0.0), ("std", 1.0)):
        numbers = _parse_numbers(table, key, default)
        settings[key] = numbers[::-1] if channels == "bgr" else numbers
    try:
        return Input("rgb" if channels == "bgr" else channels, **settings), channels == "bgr"
    except ArgumentError as error:
        key, _, problem = str(error).partition(" of the input: ")
        raise table.at(key).error(f"{problem.rstrip('.')}.") from error


def _parse_size(table: Table) -> tuple[int, int]:
    """Return height and width, from one number for both or two."""
    value = table.values["size"]
    sides = value if isinstance(value, list) and len(value) == 2 else [value, value]
    if not all(type(side) is int for side in sides):
        raise table.wrong_type("size", "a whole number, or [height, width],")
    return sides[0], sides[1]


def _parse_numbers(table: Table, key: str, default: float) -> tuple[float, ...]:
    value = table.values.get(key, default)
    numbers = value if isinstance(value, list) else [value]
    return tuple(finite(number, table.at(key)) for number in numbers)


def reads_rgb(layer: Layer, location: Location) -> Layer:
    """Return a layer of a file for blue, green and red images with its filters for red, green and blue.

    Raises
    ------
    FileError
        If the layer has no filters, or filters in groups, so that its own channels would be in another order.
    """
    if layer.conv is None or layer.conv.groups > 1 or len(layer.sources) > 1:
        raise location.error(
            'a layer that reads a "bgr" image needs filters on all three channels, and only this input.'
        )
    if layer.conv.inputs is not None:  # by name
        return layer
    conv: Conv = replace(layer.conv, weights=layer.conv.weights[:, ::-1].copy())
    return replace(layer, conv=conv)


def parse_classes(value: Any, location: Location) -> tuple[str, ...]:
    """Return the names of the classes: an array of names, or the lines of a text file.

    The file is beside the filter file, or is one of `SHIPPED_CLASSES`.

    Raises
    ------
    FileError
        If it is neither, the file cannot be read, a name is empty, or two are the same.
    """
    if isinstance(value, str):
        is_shipped = value in SHIPPED_CLASSES and not (Path(location.file).parent / value).exists()
        path = shipped_folder() / value if is_shipped else file_beside(value, location)
        names = read_text(path).splitlines()
    elif isinstance(value, list):
        names = value
    else:
        raise location.error(f"found {describe(value)}; an array of names, or the name of a text file, is needed here.")
    check_limit(location.text, "classes", len(names), MAX_CLASSES)
    for number, name in enumerate(names, 1):
        if not isinstance(name, str) or not name.strip() or not name.isprintable():
            found = shown(name) if isinstance(name, str) else describe(name)
            raise location.error(f"name {number} is {found}; a name is a line of text.")
    if not names:
        raise location.error("there are no names. Write at least one.")
    check_unique(names, location, "classes")
    return tuple(names)
