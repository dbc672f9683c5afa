"""Evidence for classes: where an image contains what raises the score of a class.

Three methods give a map for each class. Its values are points of the score, and large where the evidence is.

Class activation maps (Zhou et al., 2016, "Learning Deep Features for Discriminative Localization") need a network whose
scores are weighted means of maps A_c over their Z positions:

    s_k = b_k + Σ_c w_kc · mean A_c      so that      M_k = Σ_c w_kc A_c      has the mean s_k − b_k

Where the maps that are averaged are those of the classes, they are the M_k. Where a dense layer reads the maps, each
position (x, y) has weights of its own, and M_k(x, y) = Z Σ_c w_kcxy A_c(x, y) has the same mean (Draelos and Carin,
2020, "Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional neural networks").

Grad-CAM (Selvaraju et al., 2017, "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization")
takes the maps of any layer, and in place of the weights the mean gradients of the score:

    M_k = max(0, Z Σ_c α_kc A_c)      with      α_kc = mean ∂s_k / ∂A_c

The paper leaves out Z. With it, both methods have one unit, and equal values where both apply and M_k is not negative.

Occlusion (Zeiler and Fergus, 2013, "Visualizing and Understanding Convolutional Networks") covers a part of the image
and measures how much the scores fall. It needs neither maps nor gradients.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import ArgumentError
from cnnfx.nn.activations import softmax
from cnnfx.nn.layers import Array, Layer, Pool, Shape
from cnnfx.nn.network import Network
from cnnfx.nn.receptive_field import AxisField, receptive_field
from cnnfx.nn.rounding import MAX_RELATIVE_ERROR
from cnnfx.system.sizes import size_text

Method = Literal["cam", "grad-cam", "occlusion"]
METHODS: tuple[Method, ...] = get_args(Method)

OCCLUSIONS = 15
"""The positions of the patch that covers a part of the image, in each direction."""
PATCH_SHARE = 0.15
"""The side of this patch, as a share of that of the image."""
OCCLUDED_BATCH = 15
"""The most covered images that are classified at a time, which bounds the memory of the feature maps."""
SCORE_ERROR = 2.0**-17
"""A smaller change of a score, relative to the largest score, is taken as a rounding error."""

Floats = NDArray[np.floating]
Progress = Callable[[str, int, int], None]
"""Called with "images", the number of covered images that were classified, and the total number."""


class ClassEvidence(NamedTuple):
    """The evidence for one class.

    Parameters
    ----------
    number : int
        The number of the class, 0 … K − 1.
    name : str
    score : float
        Before softmax.
    probability : float
        0..1.
    map : array (h, w)
        In points of the score.
    """

    number: int
    name: str
    score: float
    probability: float
    map: Floats


@dataclass(frozen=True, eq=False)
class Evidence:
    """The evidence for some classes in one image.

    Parameters
    ----------
    method : "cam", "grad-cam" or "occlusion"
    layer : int or None
        The number of the layer whose maps were used; None for occlusion.
    rows, columns : arrays (h,) and (w,)
        Where in the image the values of the maps are: the centers of receptive fields or of patches, in pixels. The
        center of the first pixel is 0.5.
    patch : (int, int) or None
        Height and width of the patch that covered a part of the image; None for the other methods.
    classes : tuple of ClassEvidence
    """

    method: Method
    layer: int | None
    rows: Floats
    columns: Floats
    patch: tuple[int, int] | None
    classes: tuple[ClassEvidence, ...]

    def __repr__(self) -> str:
        names = ", ".join(found.name for found in self.classes)
        return f"<Evidence {self.method}, {size_text((len(self.rows), len(self.columns)))}: {names}>"

    @property
    def maps(self) -> Floats:
        """The maps of all classes, (K, h, w)."""
        return np.stack([found.map for found in self.classes])


def find_evidence(
    network: Network,
    pixels: Array,
    classes: Sequence[int],
    method: str | None = None,
    layer: int | None = None,
    progress: Progress | None = None,
    scores: Array | None = None,
) -> Evidence:
    """Find the evidence for classes in an image.

    Parameters
    ----------
    network : Network
        With classes.
    pixels : array (C, H, W)
        The image as the network reads it, in 0..1.
    classes : sequence of int
        Their numbers, 0 … K − 1.
    method : "cam", "grad-cam" or "occlusion", optional
        By default class activation maps where the network is made for them and no other layer is given, else Grad-CAM.
    layer : int, optional
        The number of the layer whose maps are used; by default the last with more than one position.
    progress : callable, optional
        For occlusion.
    scores : array (K,), optional
        Those of all classes for this image, if they are known.

    Raises
    ------
    ArgumentError
        If the network has no classes, the image does not fit it, the method does not exist or does not apply, or the
        layer does not exist, has one position only, or is not needed for the scores.
    """
    if method not in (None, *METHODS):
        raise ArgumentError(f"There is no method called {method!r}. Choose one of {', '.join(METHODS)}.")
    if layer is not None:
        network.check_layer(layer)
    scores = network.scores(pixels) if scores is None else scores
    network = network.without_softmax().bind([str(channel) for channel in range(len(pixels))])
    summed = None if method in ("grad-cam", "occlusion") else _summed_maps(network, pixels.shape)
    if method == "cam":
        _check_summed(network, summed, layer)
    if method == "occlusion":
        found = _occlusion(network, pixels, classes, scores, layer, progress)
    elif summed is not None and layer in (None, summed.layer):
        found = _class_activation_maps(pixels, classes, summed)
    else:
        found = _grad_cam(network, pixels, classes, layer)
    probabilities = softmax(scores)
    evidence = tuple(
        ClassEvidence(number, network.classes[number], float(scores[number]), float(probabilities[number]), values)
        for number, values in zip(classes, found.maps, strict=True)
    )
    return Evidence(found.method, found.layer, found.rows, found.columns, found.patch, evidence)


class _Found(NamedTuple):
    """The maps `(K, h, w)` of classes, the layer and the patch that they were made with, and their positions."""

    method: Method
    layer: int | None
    patch: tuple[int, int] | None
    maps: Floats
    rows: Floats
    columns: Floats


# Class activation maps


class _Summed(NamedTuple):
    """Maps whose weighted means are the scores.

    Parameters
    ----------
    part : Network
        Its last layer makes them.
    layer : int
        The number of the layer whose filters make them.
    weights : array (K, C, h, w) or (K, C, 1, 1), or None
        The weights of each position, or of all; None if the means are the scores.
    """

    part: Network
    layer: int
    weights: Array | None


def _summed_maps(network: Network, shape: Shape) -> _Summed | None:
    """Return the maps whose weighted means are the scores of a network, for an image of this shape; None without."""
    count, last = len(network.layers), network.layers[-1]
    if network.head is not None:
        number, weights = count, network.head.weights.reshape(-1, *network.head.shape)
    elif last.conv is not None and _is_weighted_sum(last) and len(network.sources(count)) == 1:
        number, weights = network.sources(count)[0], last.conv.weights
    else:
        number, weights = count, None
    if number == 0:
        return None
    maps = network.output_shapes(shape)[number - 1]
    if weights is not None and weights.shape[2:] != maps[1:]:
        return None
    if maps[1:] != (1, 1):
        positions = maps[1] * maps[2]
        return None if weights is None else _Summed(network.upto(number), number, positions * weights)
    part = _without_pooling(network, number)
    if not _averages(network.layers[number - 1].pool, part.output_shapes(shape)[-1]):
        return None
    layer, sources = network.layers[number - 1], network.sources(number)
    makes_maps = layer.conv is not None or len(sources) > 1 or sources == (0,)
    return _Summed(part, number if makes_maps else sources[0], weights)


def _is_weighted_sum(layer: Layer) -> bool:
    """Return whether the outputs of a layer are weighted sums of its inputs, plus biases, without padding."""
    conv = layer.conv
    if conv is None or conv.groups != 1 or conv.window.padding != ((0, 0), (0, 0)) or layer.combine:
        return False
    return layer.activation.kind == "none" and layer.local_response is None and layer.pool is None


def _averages(pool: Pool | None, maps: Shape) -> bool:
    """Return whether a pooling gives the mean of each of the maps `(C, h, w)`, and nothing else."""
    if pool is None or pool.kind != "mean":
        return False
    return pool.is_global or (pool.size == maps[1:] and pool.output_shape(maps)[1:] == (1, 1))


def _without_pooling(network: Network, number: int) -> Network:
    """Return the network up to a layer, without the pooling of that layer."""
    part = replace(network, layers=network.layers[:number], head=None, classes=(), start=None)
    return replace(part, layers=(*part.layers[:-1], replace(part.layers[-1], pool=None)))


def _check_summed(network: Network, summed: _Summed | None, layer: int | None) -> None:
    if summed is None:
        raise ArgumentError(
            f"Class activation maps need scores that are weighted sums of maps, and those of {network.name} are not. "
            "Grad-CAM and occlusion apply to all networks.",
            remedy="evidence_method",
        )
    if layer not in (None, summed.layer):
        raise ArgumentError(
            f"Class activation maps are summed to the scores: those of {network.layer_owner(summed.layer)}. For "
            f"layer {network.layers[layer - 1].name or layer} Grad-CAM applies.",
            remedy="evidence_method",
        )


def _class_activation_maps(pixels: Array, classes: Sequence[int], summed: _Summed) -> _Found:
    (maps,) = summed.part.forward(pixels).values()
    if summed.weights is None:
        found = maps[list(classes)]
    else:
        found = np.stack([(summed.weights[number] * maps).sum(axis=0) for number in classes])
    centers = _centers(summed.part, pixels.shape, len(summed.part.layers), found.shape)
    return _Found("cam", summed.layer, None, found, *centers)


# Grad-CAM


def _grad_cam(network: Network, pixels: Array, classes: Sequence[int], layer: int | None) -> _Found:
    from cnnfx.backprop.graph import GraphGradient

    layer = _layer_with_positions(network, pixels.shape, layer)
    gradients = GraphGradient(network, dtype=np.float64 if pixels.dtype == np.float64 else np.float32)
    scores = gradients.forward(pixels[np.newaxis])
    maps = gradients.maps(layer)[0]
    found = []
    for number in classes:
        d_scores = np.zeros_like(scores)
        d_scores[:, number] = 1
        gradients.backward(d_scores)
        weights = gradients.gradient(layer)[0].sum(axis=(1, 2))  # Z times the mean
        sums, magnitudes = np.tensordot(weights, maps, axes=1), np.tensordot(np.abs(weights), np.abs(maps), axes=1)
        found.append(np.where(sums > MAX_RELATIVE_ERROR * magnitudes, sums, 0))
    rows, columns = _centers(network, pixels.shape, layer, maps.shape)
    return _Found("grad-cam", layer, None, np.stack(found), rows, columns)


def _layer_with_positions(network: Network, shape: Shape, layer: int | None) -> int:
    """Return the number of a layer whose maps have several positions, by default the last of those."""
    positions = [height * width for _, height, width in network.output_shapes(shape)]
    if layer is None:
        needed = sorted(network.needed - {0}, reverse=True)
        return next((number for number in needed if positions[number - 1] > 1), needed[-1])
    if layer not in network.needed:
        raise ArgumentError(f"The scores of {network.name} do not depend on {network.layer_title(layer)}.")
    if positions[layer - 1] == 1:
        raise ArgumentError(
            f"{network.layer_owner(layer)} has one value for each channel, at no position. Choose a layer before it.",
            remedy="layer_number",
        )
    return layer


def _centers(network: Network, shape: Shape, layer: int, maps: Shape) -> tuple[Floats, Floats]:
    """Return the centers of the receptive fields of rows and columns of maps `(C, h, w)`, in pixels of the image."""
    field = receptive_field(network, shape, layer)
    return _axis_centers(field.rows, maps[1], shape[1]), _axis_centers(field.columns, maps[2], shape[2])


def _axis_centers(field: AxisField, count: int, length: int) -> Floats:
    """Return the centers along an axis, evenly spread where the fields are as large as the image or larger."""
    centers = field.offset + field.size / 2 + field.stride * np.arange(count)
    inside = -field.stride < centers[0] and centers[-1] < length + field.stride
    return centers if inside and field.stride * count < 2 * length else (np.arange(count) + 0.5) * length / count


# Occlusion


def _occlusion(
    network: Network,
    pixels: Array,
    classes: Sequence[int],
    scores: Array,
    layer: int | None,
    progress: Progress | None,
) -> _Found:
    """Cover the image with a patch of the color that the network reads as 0, and return how much the scores fall."""
    if layer is not None:
        message = "Occlusion covers parts of the image, so it is for no layer. Leave the layer out."
        raise ArgumentError(message, remedy="layer_number")
    sizes = pixels.shape[1:]
    counts = [min(OCCLUSIONS, size) for size in sizes]
    rows, columns = ((np.arange(count) + 0.5) * size / count for count, size in zip(counts, sizes, strict=True))
    height, width = (max(1, round(PATCH_SHARE * size)) for size in sizes)
    color = mean_color(network, len(pixels))[:, np.newaxis, np.newaxis]
    falls = []
    places = [(row, column) for row in rows for column in columns]
    for first in range(0, len(places), OCCLUDED_BATCH):
        batch = places[first : first + OCCLUDED_BATCH]
        covered = np.repeat(pixels[np.newaxis], len(batch), axis=0)
        for image, (row, column) in zip(covered, batch, strict=True):
            top, left = (math.floor(center - size / 2 + 0.5) for center, size in ((row, height), (column, width)))
            image[:, max(0, top) : top + height, max(0, left) : left + width] = color
        falls.append(scores[list(classes)] - network.scores(covered)[:, list(classes)])
        if progress:
            progress("images", first + len(batch), len(places))
    maps = np.concatenate(falls).T.reshape(len(classes), *counts)
    maps[np.abs(maps) <= SCORE_ERROR * np.abs(scores).max()] = 0
    return _Found("occlusion", None, (height, width), maps, rows, columns)


def mean_color(network: Network, channels: int) -> Array:
    """Return the values (C,) of the image that a network reads as 0; mid-gray if it reads the image as it is."""
    if not network.input.normalizes:
        return np.full(channels, 0.5, np.float32)
    return network.input.denormalize(np.zeros((channels, 1, 1), np.float32))[:, 0, 0]
