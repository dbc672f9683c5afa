"""Deconvolution: the activation of a channel projected back to the pixels.

The method is the deconvolutional network of Zeiler and Fergus, 2013, "Visualizing and Understanding Convolutional
Networks", section 2.1. All activations but one are set to zero; then, layer by layer from the top,

    unpooling       the signal goes to the position of the maximum of each block, as in the forward pass
    rectification   s ← max(s, 0)
    filtering       s ← Σ_k of the signal times the transposed filter k

Unpooling and filtering are the same as in the backward pass of the gradient. Rectification differs: the gradient passes
where the activation was positive in the forward pass, the signal where it is positive in the backward pass. So only
positive contributions of every layer are shown.

The paper does not cover all layers of `cnnfx`. ReLU6 is rectified like ReLU. Where windows of a pooling overlap, the
signals of those with the same maximum add up, and so do those of layers that read the same maps; channels side by side
are split. Other activation functions, combinations of channels and normalizations multiply the signal by their
derivative. Mean pooling spreads it evenly over each window, and a classifier head is a filter as large as its input.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from math import prod
from typing import NamedTuple

import numpy as np

from cnnfx.backprop.graph import GraphGradient
from cnnfx.backprop.network import ReplicaPool, shards
from cnnfx.errors import ArgumentError
from cnnfx.features.images import ImageSource, reads_whole_images
from cnnfx.features.top_patches import TopActivation
from cnnfx.nn.layers import Array, Shape
from cnnfx.nn.network import Network
from cnnfx.nn.receptive_field import AxisField, Box, receptive_field

SHARD_IMAGES = 32
"""The most crops that a thread processes at a time."""

SHARD_VALUES = 2**22
"""The most values of the maps of all layers, for the crops that a thread processes at a time. A larger crop is
processed alone."""


def project(
    network: Network,
    images: ImageSource,
    channels: Sequence[int],
    activations: Sequence[TopActivation],
    boxes: Sequence[Box],
    progress: Callable[[int], None] | None = None,
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
    progress : callable, optional
        Called with the number of activations projected so far.

    Returns
    -------
    list of arrays (C, height, width)
        For each box, positive where brighter pixels increase the activation and negative where darker pixels do; 0
        outside of the image.
    """
    results = [np.empty(0)] * len(boxes)
    networks: dict[Shape, Network] = {}  # by the shape of the image; most of them are the same
    batches: dict[tuple[Network, Shape], list[_Task]] = {}  # by the shape of the crop
    for place, (channel, top) in enumerate(zip(channels, activations, strict=True)):
        shape = images.shape(top.image)
        if shape not in networks:
            networks[shape] = network_for_crop(network, shape)
        crop = crop_for_output(network, shape, top.row, top.column)
        crop_shape = shape[0], crop.box.bottom - crop.box.top, crop.box.right - crop.box.left
        batches.setdefault((networks[shape], crop_shape), []).append(_Task(place, channel, top.image, crop))
    done: list[_Task] = []  # extending a list is thread-safe

    def work(graph: GraphGradient, tasks: Sequence[_Task]) -> None:
        for task, projection in zip(tasks, _project_crops(graph, images, tasks), strict=True):
            results[task.place] = _paste(projection, task.crop.box, boxes[task.place])
        done.extend(tasks)
        if progress:
            progress(len(done))

    for each in dict.fromkeys(networks.values()):
        parts = [
            tasks[part]
            for (of, shape), tasks in batches.items()
            if of is each
            for part in shards(len(tasks), _shard_size(each, shape))
        ]
        ReplicaPool(partial(GraphGradient, each, "deconvolution")).map(work, parts)
    return results


class _Task(NamedTuple):
    """An activation to project: its place among the results, its channel, the number of the image, and the crop."""

    place: int
    channel: int
    image: int
    crop: Crop


def _shard_size(network: Network, shape: Shape) -> int:
    """Return how many crops of a shape (C, H, W) a thread processes at a time."""
    values = prod(shape) + sum(map(prod, network.output_shapes(shape)))
    return max(1, min(SHARD_IMAGES, SHARD_VALUES // values))


def _project_crops(graph: GraphGradient, images: ImageSource, tasks: Sequence[_Task]) -> Array:
    """Return the projection of each activation to the pixels of its crop, `(N, C, H, W)`, for crops of one shape."""
    forward = graph.forward(np.stack([images.crop(task.image, task.crop.box) for task in tasks]))
    signal = np.zeros_like(forward)
    for n, task in enumerate(tasks):
        position = n, task.channel, task.crop.row, task.crop.column
        signal[position] = forward[position]
    return graph.backward(signal)


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
    row, column : int
        The position of the output in the maps of the crop.
    """

    box: Box
    row: int
    column: int


def crop_for_output(network: Network, shape: Shape, row: int, column: int) -> Crop:
    """Return the crop of an image (C, H, W) for an output of the last layer, or for class scores.

    It is the receptive field, and somewhat more where the output depends on the border of the image. Layers pad the
    crop as they pad the image. Where the crop ends within the image, the output does not depend on this padding.

    It is the whole image where outputs depend on all pixels, or a layer cannot pad so small a crop.
    """
    whole = Crop(Box(0, 0, *shape[1:]), row, column)
    if reads_whole_images(network) or not network.is_local:
        return whole
    field = receptive_field(network, shape)
    rows, columns = _crop_axis(field.rows, row), _crop_axis(field.columns, column)
    try:
        network.output_shapes((shape[0], rows.stop - rows.start, columns.stop - columns.start))
    except ArgumentError:
        return whole
    return Crop(Box(rows.start, columns.start, rows.stop, columns.stop), rows.position, columns.position)


class _AxisCrop(NamedTuple):
    start: int
    stop: int
    position: int


def _crop_axis(field: AxisField, position: int) -> _AxisCrop:
    """Return the crop along one axis for the output at a position.

    The maps of the crop are parts of those of the image if the crop starts at a multiple of the stride. Near a border
    it extends to the border, and on the other side far enough for all pixels that the padding repeats. The maps of a
    layer may end, and padding begin, up to a stride before the end of the image.
    """
    start, stop = field.interval(position)
    margin = 2 * (field.size + field.stride) + abs(field.offset)
    at_start, at_end = start < 0, stop + field.stride > field.length
    if at_start:
        stop += margin
    if at_end:
        start -= margin
    first = max(0, start // field.stride * field.stride)
    last = field.length if at_end else min(stop, field.length)
    return _AxisCrop(first, last, position - first // field.stride)


def network_for_crop(network: Network, shape: Shape) -> Network:
    """Return the network for crops of images (C, H, W): "same" padding, which depends on the size, as in the image."""
    if not any(layer.conv is not None and layer.conv.window.padding == "same" for layer in network.layers):
        return network
    layers = [
        layer
        if layer.conv is None
        else replace(layer, conv=replace(layer.conv, padding=layer.conv.window.pads(read[1:])))
        for layer, read in zip(network.layers, network.joined_shapes(shape), strict=True)
    ]
    return replace(network, layers=tuple(layers))
