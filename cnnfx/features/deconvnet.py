"""Deconvolution: the activation of a channel projected back to the pixels.

The method is the deconvolutional network of Zeiler and Fergus, 2013, "Visualizing and Understanding Convolutional
Networks", section 2.1. All activations but one are set to zero; then, layer by layer from the top,

    unpooling       the signal goes to the position of the maximum of each block, as in the forward pass
    rectification   s ← max(s, 0)
    filtering       s ← Σ_k of the signal times the transposed filter k

Unpooling and filtering are the same as in the backward pass of the gradient. Rectification differs: the gradient passes
where the activation was positive in the forward pass, the signal where it is positive in the backward pass. So only
positive contributions of every layer are shown.

The paper does not cover all layers of `cnnfx`. Mean pooling spreads the signal evenly over each block, absolute values
and combinations of channels multiply it by their derivative, and a classifier head is a filter as large as its input.
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
"""The most crops that a thread processes at a time."""

SHARD_VALUES = 2**22
"""The most pixel values of the crops that a thread processes at a time; a larger crop is processed alone."""

KeptPads = tuple[bool, bool]
"""Whether the padding at the start and at the end of an axis is kept."""


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
        For each activation, its receptive field.

    Returns
    -------
    list of arrays (C, height, width)
        For each box, positive where brighter pixels increase the activation and negative where darker pixels do; 0
        outside of the image.
    """
    # Crops of one shape, of images of one shape and with the same padding, are computed in batches by one network.
    batches: dict[tuple[Shape, Shape, tuple[KeptPads, KeptPads]], list[tuple[int, _Task]]] = {}
    for index, (channel, top) in enumerate(zip(channels, activations, strict=True)):
        shape = images.shape(top.image)
        crop = crop_for_output(network, shape, top.row, top.column)
        crop_shape = shape[0], crop.box.bottom - crop.box.top, crop.box.right - crop.box.left
        batches.setdefault((shape, crop_shape, crop.kept), []).append((index, _Task(channel, top.image, crop)))
    results = [np.empty(0)] * len(boxes)
    for (shape, crop_shape, kept), batch in batches.items():
        tasks = [task for _, task in batch]
        projections = _project_crops(network_for_crop(network, shape, kept), crop_shape, images, tasks)
        for (index, task), projection in zip(batch, projections, strict=True):
            results[index] = _paste(projection, task.crop.box, boxes[index])
    return results


class _Task(NamedTuple):
    """An activation to project: its channel, the number of the image, and the crop."""

    channel: int
    image: int
    crop: Crop


def _project_crops(network: Network, shape: Shape, images: ImageSource, tasks: Sequence[_Task]) -> list[Array]:
    """Return the projection of each activation to the pixels of its crop, for crops of one shape (C, H, W)."""

    def work(activations: ChannelActivations, part: slice) -> list[Array]:
        pixels = [images.crop(task.image, task.crop.box) for task in tasks[part]]
        forward = activations.forward(np.stack(pixels, axis=-1))
        signal = np.zeros_like(forward)
        for n, task in enumerate(tasks[part]):
            position = task.channel, task.crop.row, task.crop.column, n
            signal[position] = forward[position]
        backward = activations.backward(signal)
        return [backward[..., n] for n in range(len(pixels))]

    pool = ReplicaPool(lambda: ChannelActivations(network, shape, DeconvReLU))
    size = max(1, min(SHARD_IMAGES, SHARD_VALUES // int(np.prod(shape))))
    return [projection for part in pool.map(work, shards(len(tasks), size)) for projection in part]


def _paste(projection: Array, source: Box, target: Box) -> Array:
    """Return the projection of the box `source` cropped or padded with 0 to the box `target`."""
    result = np.zeros((len(projection), target.bottom - target.top, target.right - target.left), projection.dtype)
    top, left = max(source.top, target.top), max(source.left, target.left)
    bottom, right = min(source.bottom, target.bottom), min(source.right, target.right)
    result[:, top - target.top : bottom - target.top, left - target.left : right - target.left] = projection[
        :, top - source.top : bottom - source.top, left - source.left : right - source.left
    ]
    return result


class Crop(NamedTuple):
    """A crop of an image that gives the same value and gradient of one output as the whole image.

    Attributes
    ----------
    box : Box
        The crop in the image.
    kept : (KeptPads, KeptPads)
        The sides, vertical and horizontal, where the crop ends at the border of the image, so that layers pad it.
    row, column : int
        The position of the output in the maps of the crop.
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
    """Return the crop along one axis for an output.

    Far from the border the crop is the receptive field. Near a border it extends to the border, and on the other side
    far enough that the padding of that side does not influence the output.

    Parameters
    ----------
    fields : sequence of AxisField
        The receptive fields of outputs in the image and in the maps of each layer below the last.
    position : int
        The row or column of the output.
    wraps : bool
        Whether a layer has the border "wrap", which reads pixels of the opposite side.
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
    """Return whether the receptive field of an output starts within the image and the maps of every layer."""
    return all(field.interval(position)[0] >= 0 for field in fields)


def _ends_inside(fields: Sequence[AxisField], position: int) -> bool:
    """Return whether the receptive field of an output ends within the image and the maps of every layer."""
    return all(field.interval(position)[1] <= field.length for field in fields)


def network_for_crop(network: Network, shape: Shape, kept: tuple[KeptPads, KeptPads]) -> Network:
    """Return the network for a crop of images (C, H, W), without the padding that is not kept."""
    if all(map(all, kept)):
        return network
    layers = []
    for layer, input_shape in zip(network.layers, [shape, *network.output_shapes(shape)], strict=False):
        (top, bottom), (left, right) = layer.conv.window.pads(input_shape[1:])
        (keep_top, keep_bottom), (keep_left, keep_right) = kept
        padding = (top * keep_top, bottom * keep_bottom), (left * keep_left, right * keep_right)
        layers.append(replace(layer, conv=replace(layer.conv, padding=padding)))
    return replace(network, layers=tuple(layers), head=None)
