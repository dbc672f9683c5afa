"""The outputs of a layer that are computed from one receptive field, and their gradient with respect to it."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnfx.backprop.graph import GraphGradient
from cnnfx.nn.layers import Activation, Array, Shape
from cnnfx.nn.network import Network
from cnnfx.nn.receptive_field import Box, receptive_field

LEAKY_SLOPE = 0.1
"""The slope of the last ReLU for negative values in `with_leaky_last_relu`."""


class Placement(NamedTuple):
    """A receptive field in an image, and the position of its output in the feature map.

    Attributes
    ----------
    shape : (C, H, W)
        Of the image.
    box : Box
        The field.
    row, column : int
        The output.
    """

    shape: Shape
    box: Box
    row: int
    column: int


class FieldOutput:
    """One output of each channel of a network's last layer, or the class scores, as a function of its receptive field.

    For use by one thread at a time. `backward` follows a call of `forward`.

    Parameters
    ----------
    network : Network
        Bound to the input's channels (`Network.bind`).
    shape : (C, H, W)
        Of the receptive field, or of the image for layers that read whole images.
    dtype : type
        float32, or float64 for tests.
    """

    def __init__(self, network: Network, shape: Shape, dtype: type[np.floating] = np.float32) -> None:
        self.network, self.place, self.dtype = network, placement(network, shape), dtype
        self._gradient = GraphGradient(network, dtype=dtype)
        self._output_shape: tuple[int, ...] = ()

    def forward(self, fields: Array) -> Array:
        """Return the outputs (N, K) for fields (N, C, H, W), 0..1."""
        place = self.place
        images = fields
        if fields.shape[1:] != place.shape:  # pixels outside of the field have no effect
            images = np.zeros((len(fields), *place.shape), self.dtype)
            self._fields(images)[:] = fields
        outputs = self._gradient.forward(images)
        self._output_shape = outputs.shape
        values: Array = outputs[:, :, place.row, place.column]
        return values

    def backward(self, channels: NDArray[np.intp]) -> Array:
        """Return the gradient (N, C, H, W) of one channel's output for each field."""
        d_outputs = np.zeros(self._output_shape, self.dtype)
        d_outputs[np.arange(len(channels)), channels, self.place.row, self.place.column] = 1
        return self._fields(self._gradient.backward(d_outputs))

    def _fields(self, images: Array) -> Array:
        box = self.place.box
        return images[:, :, box.top : box.bottom, box.left : box.right]


def placement(network: Network, shape: Shape) -> Placement:
    """Return the first receptive field of the last layer that has no padding in it, in the smallest such image.

    If a field starts inside of the image, so do the parts of all maps that its output is computed from. Layers that
    read whole images have no such field: for them the field is the image, and the output is in the middle.

    Parameters
    ----------
    network : Network
    shape : (C, H, W)
        Of a receptive field, or of the image.
    """
    channels, height, width = shape
    if network.is_classifier or not network.is_local:
        _, rows, columns = (1, 1, 1) if network.head is not None else network.output_shapes(shape)[-1]
        return Placement(shape, Box(0, 0, height, width), rows // 2, columns // 2)
    field = receptive_field(network, shape)
    row, column = (max(0, -(offset // stride)) for offset, stride in zip(field.offset, field.stride, strict=True))
    image = shape
    while True:  # the padding "same" depends on the size of the image
        box = receptive_field(network, image).box(row, column)
        if box.top >= 0 and box.left >= 0 and box.bottom <= image[1] and box.right <= image[2]:
            return Placement(image, box, row, column)
        row, column = row + (box.top < 0), column + (box.left < 0)
        image = channels, max(image[1], box.bottom), max(image[2], box.right)


def with_leaky_last_relu(network: Network) -> Network:
    """Return the network with leaky ReLU in place of the last ReLU, so that inactive channels have gradients.

    The last ReLU is that of the last layer; if this has neither filters nor an activation function, those of the layers
    that it reads.
    """
    layers, numbers = list(network.layers), [len(network.layers)] if network.head is None else []
    while numbers:
        number = numbers.pop()
        layer = layers[number - 1]
        if layer.activation.kind == "relu":
            layers[number - 1] = replace(layer, activation=Activation("leaky_relu", LEAKY_SLOPE))
        elif layer.conv is None and layer.activation.kind == "none":
            numbers += [source for source in network.sources(number) if source]
    return replace(network, layers=tuple(layers))
