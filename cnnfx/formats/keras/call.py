"""A call of a layer of Keras: its settings, its weights, and the maps that it is called with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import ArgumentError
from cnnfx.formats.graph_builder import GraphBuilder
from cnnfx.formats.graph_values import Value
from cnnfx.formats.keras.config import KerasLayer
from cnnfx.system.text import shown

Array = NDArray[Any]
Pair = tuple[int, int]


class Maps(NamedTuple):
    """The result of a layer.

    Attributes
    ----------
    value : Value
        Maps (C, H, W).
    features : str
        "" for maps; "channels_last" or "channels_first" for a vector of their values, by the order of the axes.
    """

    value: Value
    features: str = ""

    @property
    def is_vector(self) -> bool:
        """Whether there is one value for each channel."""
        return self.value.shape[1:] == (1, 1)


@dataclass
class LayerCall:
    """A call of a layer with the results of others.

    Attributes
    ----------
    layer : KerasLayer
    inputs : sequence of Maps
    arguments : tuple
        All arguments in order: None for each of the inputs, and the numbers among them.
    builder : GraphBuilder
    channels_first : bool
        Whether the maps of the model are (C, H, W).
    is_keras_3 : bool
    order : str
        The order of the axes of filters in the file, a key of `ORDERS`.
    read : function
        Returns arrays of the layer by their names.
    """

    layer: KerasLayer
    inputs: Sequence[Maps]
    arguments: tuple[Any, ...]
    builder: GraphBuilder
    channels_first: bool
    is_keras_3: bool
    order: str
    read: Callable[[KerasLayer, Sequence[str]], Mapping[str, Array]]

    @property
    def name(self) -> str:
        """The name of the layer."""
        return self.layer.name

    @property
    def maps(self) -> Maps:
        """The only input."""
        if len(self.inputs) != 1:
            raise ArgumentError(f"it has {len(self.inputs)} inputs, where one is needed")
        return self.inputs[0]

    def arrays(self, *names: str) -> list[Array]:
        """Return arrays of the layer by their names."""
        found = self.read(self.layer, names)
        return [found[name] for name in names]

    def setting(self, *keys: str, default: Any = None) -> Any:
        """Return a value of the configuration by its name, or its names in several versions of Keras."""
        return next((self.layer.config[key] for key in keys if self.layer.config.get(key) is not None), default)

    def flag(self, *keys: str, default: bool = True) -> bool:
        """Return a setting that is true or false."""
        value = self.setting(*keys, default=default)
        if not isinstance(value, bool):
            raise ArgumentError(f"its {keys[0]} is {shown(value)}; true or false is needed")
        return value

    def number(self, *keys: str, default: float) -> float:
        """Return a setting that is a number."""
        value = self.setting(*keys, default=default)
        if isinstance(value, Mapping):  # Keras 2 writes some numbers as arrays: {"class_name": "__numpy__", …}
            value = value.get("value", value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ArgumentError(f"its {keys[0]} is {shown(value)}; a number is needed")
        return float(value)

    def whole(self, key: str, default: int) -> int:
        """Return a setting that is a whole number from 1."""
        value = self.setting(key, default=default)
        if type(value) is not int or value < 1:
            raise ArgumentError(f"its {key} is {shown(value)}; a whole number from 1 is needed")
        return value

    def pair(self, *keys: str, default: Any = 1) -> Pair:
        """Return a setting that is a whole number from 1, or two: vertical, horizontal."""
        value = self.setting(*keys, default=default)
        pair = value if isinstance(value, list | tuple) else [value, value]
        if len(pair) != 2 or not all(type(each) is int and each > 0 for each in pair):
            raise ArgumentError(f"its {keys[0]} is {shown(value)}; one or two whole numbers are needed")
        return pair[0], pair[1]

    def padding(self) -> str:
        """Return "valid" or "same"."""
        value = self.setting("padding", "border_mode", default="valid")
        if value not in ("valid", "same"):
            raise ArgumentError(f"padding {shown(value)} is not supported, only valid and same")
        return str(value)

    def check_axis(self, value: Any, axes: int | None = None) -> None:
        """Check that an axis of the configuration is that of the channels, of maps with `axes` axes."""
        axis = value[0] if isinstance(value, list | tuple) and len(value) == 1 else value
        for maps in self.inputs:
            if maps.features and maps.is_vector:
                allowed: tuple[int, ...] = (-1, 1)
            elif maps.features:
                allowed = ()
            else:
                allowed = (1, -3) if self.channels_first else (3, -1)
            if axis not in allowed:
                raise ArgumentError(f"along the axis {shown(value)} it is not supported, only along the channels")

    def channel_numbers(self, values: Any) -> Array:
        """Return numbers of the configuration, or an array of the file, as an array of one or one for each channel."""
        if isinstance(values, Mapping):
            values = values.get("value", values.get("config"))
        try:
            numbers = np.asarray(values, np.float64).reshape(-1)
        except (TypeError, ValueError):
            raise ArgumentError(f"{shown(values)} are no numbers") from None
        maps, channels = self.maps, self.maps.value.shape[0]
        if len(numbers) not in (1, channels):
            raise ArgumentError(f"it has {len(numbers)} numbers for {channels} channels")
        if len(numbers) > 1 and ((maps.features and not maps.is_vector) or (self.channels_first and not maps.features)):
            raise ArgumentError("one number for each column is not supported, only one for each channel")
        return numbers
