"""Deconvolution: the activation of a channel projected back to the pixels.

The deconvolutional network of Zeiler and Fergus, 2013, "Visualizing and Understanding Convolutional Networks", section
2.1, is run backward. All activations but one are set to zero; then, layer by layer from the top,

    unpooling       the signal goes to the position of the maximum of each block, as in the forward pass
    rectification   s ← max(s, 0)
    filtering       s ← Σ_k of the signal times the transposed filter k

Unpooling and filtering are the same as in the gradient's backward pass. Rectification is not: the gradient passes where
the activation was positive in the forward pass, the deconvolutional network where the signal is positive in the
backward pass. So the result shows what increases the activation by way of parts that increase it too. The two agree in
networks whose signals are all positive.

For what the paper does not cover: mean pooling spreads the signal evenly over its block, absolute values and
combinations of channels pass it as their gradient does, and a classifier head is a filter as large as its input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from cnnfx.backprop.layers import ReLU
from cnnfx.backprop.network import ReplicaPool, shards
from cnnfx.features.activations import ChannelActivations
from cnnfx.features.images import ImageSource
from cnnfx.features.top_patches import TopActivation
from cnnfx.nn.layers import Array, Shape
from cnnfx.nn.network import Network
from cnnfx.nn.receptive_field import AxisField, Box, receptive_field

SHARD_IMAGES = 32
"""Crops that a thread takes at a time, at most."""

SHARD_VALUES = 2**22
"""Pixel values of the crops that a thread takes at a time, at most, unless a single one has more."""

KeptPads = tuple[bool, bool]
"""Whether the padding before and after is kept along an axis."""


class DeconvReLU(ReLU):
    """ReLU in the forward pass; the deconvolutional network's rectification in the backward pass.

    dx = max(dy, 0), where the gradient would be dx = dy where x > 0 (Zeiler and Fergus, 2013, section 2.1).
    """

    def backward(self, dy: Array) -> Array:
        """Return max(dy, 0), in place."""
        return np.maximum(dy, 0, out=dy)


def project(
    network: Network,
    images: ImageSource,
    channels: Sequence[int],
    activations: Sequence[TopActivation],
    boxes: Sequence[Box],
) -> list[Array]:
    """Project activations back to the pixels of their receptive fields.

    Parameters
    ----------
    network : Network
        Bound to the channels of the images.
    images : ImageSource
    channels : sequence of int
        For each activation, the output channel of the last layer, or the class if the network has a head.
    activations : sequence of TopActivation
    boxes : sequence of Box
        The receptive field of each.

    Returns
    -------
    list of arrays (C, height, width)
        Of each box: positive where brighter pixels increase the activation, negative where darker ones do; 0 outside
        of the image.
    """
    groups: dict[_CropKind, list[_Projected]] = {}
    for number, (channel, top) in enumerate(zip(channels, activations, strict=True)):
        shape = images.shape(top.image)
        crop = crop_for_output(network, shape, top.row, top.column)
        crop_shape = shape[0], crop.box.bottom - crop.box.top, crop.box.right - crop.box.left
        kind = _CropKind(shape, crop_shape, crop.kept)
        groups.setdefault(kind, []).append(_Projected(number, channel, top.image, crop))
    results = [np.empty(0)] * len(boxes)
    for kind, group in groups.items():
        crop_network = network_for_crop(network, kind.image, kind.kept)
        for one, projection in zip(group, _project_group(crop_network, kind.crop, images, group), strict=True):
            results[one.number] = _paste(projection, one.crop.box, boxes[one.number])
    return results


class _CropKind(NamedTuple):
    """What crops have in common that can be computed in one batch: shapes of image and crop, and the kept padding."""

    image: Shape
    crop: Shape
    kept: tuple[KeptPads, KeptPads]


class _Projected(NamedTuple):
    """An activation to project: its number, channel, image number and crop."""

    number: int
    channel: int
    image: int
    crop: Crop


def _project_group(network: Network, shape: Shape, images: ImageSource, group: Sequence[_Projected]) -> list[Array]:
    """Return the projection `(C, H, W)` of each activation to the pixels of its crop, all crops having one shape."""

    def work(activations: ChannelActivations, part: slice) -> list[Array]:
        pixels = [images.crop(one.image, one.crop.box) for one in group[part]]
        forward = activations.forward(np.stack(pixels, axis=-1))
        signal = np.zeros_like(forward)
        for n, one in enumerate(group[part]):
            position = one.channel, one.crop.row, one.crop.column, n
            signal[position] = forward[position]
        backward = activations.backward(signal)
        return [backward[..., n] for n in range(len(pixels))]

    pool = ReplicaPool(lambda: ChannelActivations(network, shape, DeconvReLU))
    size = max(1, min(SHARD_IMAGES, SHARD_VALUES // int(np.prod(shape))))
    return [projection for part in pool.map(work, shards(len(group), size)) for projection in part]


def _paste(projection: Array, source: Box, target: Box) -> Array:
    """Return the projection of the box `source` in the box `target`, 0 where they do not overlap."""
    result = np.zeros((len(projection), target.bottom - target.top, target.right - target.left), projection.dtype)
    top, left = max(source.top, target.top), max(source.left, target.left)
    bottom, right = min(source.bottom, target.bottom), min(source.right, target.right)
    result[:, top - target.top : bottom - target.top, left - target.left : right - target.left] = projection[
        :, top - source.top : bottom - source.top, left - source.left : right - source.left
    ]
    return result


class Crop(NamedTuple):
    """A crop of an image from which one output can be computed as from the whole image, forward and backward.

    Attributes
    ----------
    box : Box
        Of the crop in the image.
    kept : pair of KeptPads
        Where the crop ends at the image's border, so that layers pad it (vertical, horizontal).
    row, column : int
        The output's position in the maps of the crop.
    """

    box: Box
    kept: tuple[KeptPads, KeptPads]
    row: int
    column: int


def crop_for_output(network: Network, shape: Shape, row: int, column: int) -> Crop:
    """Return the crop of an image (C, H, W) for an output of the last layer; the whole image for class scores."""
    if network.head is not None:
        return Crop(Box(0, 0, *shape[1:]), ((True, True), (True, True)), 0, 0)
    count = len(network.layers)
    fields = [receptive_field(network, shape, count, of) for of in range(count)]
    wraps = any(layer.conv.window.border == "wrap" for layer in network.layers)
    rows = _crop_axis([field.rows for field in fields], row, wraps)
    columns = _crop_axis([field.columns for field in fields], column, wraps)
    box = Box(rows.start, columns.start, rows.stop, columns.stop)
    return Crop(box, (rows.kept, columns.kept), rows.position, columns.position)


class _AxisCrop(NamedTuple):
    start: int
    stop: int
    kept: KeptPads
    position: int


def _crop_axis(fields: Sequence[AxisField], position: int, wraps: bool) -> _AxisCrop:
    """Return the crop along one axis for an output; `fields` are its receptive fields in the image and in the maps of
    each layer below the last.

    Far from the border it is the receptive field. Near a border it extends to the border, and on the other side so far
    that the padding there does not reach the output.
    """
    image = fields[0]
    margin = 2 + (2 * image.size + abs(image.offset)) // image.stride  # in outputs
    first = position if _ends_inside(fields, position) else position - margin
    last = position if _starts_inside(fields, position) else position + margin
    before, after = not _starts_inside(fields, first), not _ends_inside(fields, last)
    if wraps and (before or after):
        before = after = True
    start = 0 if before else image.interval(first)[0]
    stop = image.length if after else image.interval(last)[1]
    return _AxisCrop(start, stop, (before, after), position if before else position - first)


def _starts_inside(fields: Sequence[AxisField], position: int) -> bool:
    """Return whether the field of an output starts inside of the image and of the maps of every layer."""
    return all(field.interval(position)[0] >= 0 for field in fields)


def _ends_inside(fields: Sequence[AxisField], position: int) -> bool:
    """Return whether the field of an output ends inside of the image and of the maps of every layer."""
    return all(field.interval(position)[1] <= field.length for field in fields)


def network_for_crop(network: Network, shape: Shape, kept: tuple[KeptPads, KeptPads]) -> Network:
    """Return the network for a crop of images (C, H, W): with the padding that is kept, without the rest."""
    if all(map(all, kept)):
        return network
    layers = []
    for layer, input_shape in zip(network.layers, [shape, *network.output_shapes(shape)], strict=False):
        (top, bottom), (left, right) = layer.conv.window.pads(input_shape[1:])
        (keep_top, keep_bottom), (keep_left, keep_right) = kept
        padding = (top * keep_top, bottom * keep_bottom), (left * keep_left, right * keep_right)
        layers.append(replace(layer, conv=replace(layer.conv, padding=padding)))
    return replace(network, layers=tuple(layers), head=None)
