"""Synthetic scenes of colored shapes, determined by a seed.

A scene shows one shape on a background with a gradient, texture, strokes and noise. Its colors are sums on three
orthogonal axes, those of the preset colors: gray, red-green and blue-yellow.

    scene = background + gradient + texture + shape + strokes + noise

A shape differs from its background either in color alone, so that the mean of red, green and blue does not show it (it
is isoluminant), or in gray alone. The strokes of a scene differ in the other way. As in photographs, differences in
gray are larger than those in color: a filter that detects both would hardly detect the color, so a classifier needs
detectors of edges in color and others of edges in gray.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnnfx.datasets.dataset import Dataset, Images, Labels, Progress
from cnnfx.datasets.synthetic import draw_in_blocks, drawn_dataset, normal
from cnnfx.images.image import RGB_NAMES
from cnnfx.nn.layers import Array

AXES = np.array([[1, 1, 1], [1, -1, 0], [-1, -1, 2]]) / np.sqrt([[3], [2], [6]])
"""The axes gray, red-green and blue-yellow in RGB, each of length 1."""

TRAIN_COUNT = 12_000
"""The number of training images."""
TEST_COUNT = 2_000
"""The number of test images."""
IMAGE_SIDE = 32
"""The height and width of a scene, in pixels."""
ISOLUMINANT_SHARE = 0.5
"""The share of scenes whose shape differs in color alone."""
GRAY_CONTRAST = (0.6, 1.3)
"""The range of the differences of shapes and strokes from their background on the axis gray."""
COLOR_CONTRAST = (0.2, 0.4)
"""The range of the differences of others in the plane of the axes of color."""

RADIUS_LIMITS = (8.0, 12.0)
"""The range of the radius of a shape, in pixels."""
LOG_ASPECT_STD = 0.1
"""The standard deviation of the logarithm of the stretch of a shape."""
BACKGROUND_STD = 0.1
"""The standard deviation of the mean of the colors of shape and background on each axis."""
GRADIENT_STD = np.array([0.15, 0.03, 0.03], np.float32)[:, np.newaxis, np.newaxis]
"""The standard deviation of the change of color on each axis, from the middle of a scene to its border."""
TEXTURE_STD = np.array([0.15, 0.03, 0.03], np.float32)[:, np.newaxis, np.newaxis]
"""The standard deviation of the texture on each axis."""
TEXTURE_CELLS = 7
"""The grid points of random colors along a side, between which the texture is interpolated."""
STROKES = 2
"""The number of strokes."""
STROKE_RADIUS = 0.9
"""Half the width of a stroke, in pixels."""
STROKE_LENGTHS = (2.0, 16.0)
"""The range of the length of a stroke, in pixels."""
NOISE_STD = 0.02
"""The standard deviation of the noise of each pixel on each axis."""
GRAY_LIMITS = (0.05, 0.95)
"""The range of the mean of red, green and blue, which leaves space for colors."""


def draw_dataset(
    seed: int = 0, *, train: int = TRAIN_COUNT, test: int = TEST_COUNT, progress: Progress | None = None
) -> Dataset:
    """Draw a dataset of scenes, equally many of each class of `SHAPES`, in random order.

    Parameters
    ----------
    seed : int
        Equal seeds give equal scenes.
    train, test : int
        The numbers of training and test images.
    progress : callable, optional
        Called with "shapes", the number of scenes drawn, and the total number of training or test images.

    Returns
    -------
    Dataset
        Its name is "shapes".
    """
    return drawn_dataset("shapes", tuple(SHAPES), draw_shapes, seed, (train, test), progress)


def draw_shapes(labels: ArrayLike, seed: int | Sequence[int] = 0, *, progress: Progress | None = None) -> Images:
    """Draw scenes of one shape each.

    Parameters
    ----------
    labels : array (N,) of int
        The classes of the shapes, indices into `SHAPES`.
    seed : int or sequence of int
        Equal seeds and labels give equal pixels, for any number of threads. Appended labels do not change the scenes of
        complete blocks of `BLOCK_IMAGES` before them.
    progress : callable, optional
        Called with "shapes", the number of scenes drawn, and their total number.

    Returns
    -------
    array (N, 3, 32, 32), uint8

    Raises
    ------
    ArgumentError
        If the labels are not indices into `SHAPES` on one axis.
    """
    shape = (len(RGB_NAMES), IMAGE_SIDE, IMAGE_SIDE)
    return draw_in_blocks(_draw_block, labels, len(SHAPES), shape, seed, name="shapes", progress=progress)


# Distances from the edge of a shape, below 0 inside, at points x to the right and y down. A shape fills about the
# circle of radius 1 around (0, 0). Only the values near the edge matter.


def _circle(x: Array, y: Array) -> Array:
    return np.hypot(x, y) - 0.85


def _crescent(x: Array, y: Array) -> Array:
    """A circle without another one."""
    return np.maximum(np.hypot(x, y) - 0.95, 0.75 - np.hypot(x - 0.5, y))


def _cross(x: Array, y: Array) -> Array:
    """Two bars."""
    return np.minimum(_box(x, y, 0.95, 0.28), _box(x, y, 0.28, 0.95))


def _heart(x: Array, y: Array) -> Array:
    """A square, and circles around the middles of two of its sides."""
    x, y = x + 0.25, y + 0.25
    circles = np.minimum(np.hypot(x - 0.5, y), np.hypot(x, y - 0.5)) - 0.5
    return np.minimum(_box(x, y, 0.5, 0.5), circles)


def _ring(x: Array, y: Array) -> Array:
    return np.abs(np.hypot(x, y) - 0.7) - 0.22


def _square(x: Array, y: Array) -> Array:
    return _box(x, y, 0.75, 0.75)


def _star(x: Array, y: Array) -> Array:
    """Five tips. Each half of one is mirrored onto the same sector, where its edge is a line from notch to tip."""
    sector, notch = math.pi / 5, 0.42
    radius, angle = np.hypot(x, y), np.abs(np.remainder(np.arctan2(y, x), 2 * sector) - sector)
    along, across = math.cos(sector) - notch, math.sin(sector)
    distance = (radius * np.cos(angle) - notch) * across - radius * np.sin(angle) * along
    return distance / math.hypot(along, across)


def _triangle(x: Array, y: Array) -> Array:
    """Three half-planes, of which two are mirror images."""
    return np.maximum(y, math.sqrt(0.75) * np.abs(x) - 0.5 * y) - 0.5


def _box(x: Array, y: Array, half_width: float, half_height: float) -> Array:
    return np.maximum(np.abs(x) - half_width, np.abs(y) - half_height)


SHAPES: dict[str, Callable[[Array, Array], Array]] = {
    "circle": _circle,
    "crescent": _crescent,
    "cross": _cross,
    "heart": _heart,
    "ring": _ring,
    "square": _square,
    "star": _star,
    "triangle": _triangle,
}
"""The classes, each with the function of the distances from its edge."""


def _draw_block(labels: Labels, rng: np.random.Generator) -> Images:
    """Draw scenes (N, 3, 32, 32).

    Numbers of each scene are arrays (N, 1, 1, 1), and its colors, on the three axes, (N, 3, 1, 1).
    """
    count = len(labels)
    is_isoluminant = rng.random((count, 1, 1, 1)) < ISOLUMINANT_SHARE
    contrast = _contrasts(is_isoluminant, rng)
    background = normal(rng, count, 3, 1, 1, std=BACKGROUND_STD) - contrast / 2
    scene = background + _gradients(count, rng) + _texture(count, rng) + contrast * _shape_masks(labels, rng)
    for _ in range(STROKES):
        scene += _contrasts(~is_isoluminant, rng) * _stroke_masks(count, rng)
    scene += normal(rng, *scene.shape, std=NOISE_STD)
    return _to_rgb(scene)


def _contrasts(in_color: NDArray[np.bool_], rng: np.random.Generator) -> Array:
    """Return random differences (N, 3, 1, 1) in color or else in gray."""
    count = len(in_color)
    angle = _angles(rng, count)
    gray = np.copysign(_uniform(rng, *GRAY_CONTRAST, count), np.cos(angle))
    color = _uniform(rng, *COLOR_CONTRAST, count)
    differences = [np.where(in_color, 0, gray), in_color * color * np.cos(angle), in_color * color * np.sin(angle)]
    return np.concatenate(differences, axis=1)


def _gradients(count: int, rng: np.random.Generator) -> Array:
    """Return linear changes of color (N, 3, 32, 32)."""
    position = np.linspace(-1, 1, IMAGE_SIDE, dtype=np.float32)
    down, right = (normal(rng, count, 3, 1, 1) * GRADIENT_STD for _ in range(2))
    return down * position[:, np.newaxis] + right * position


def _texture(count: int, rng: np.random.Generator) -> Array:
    """Return random colors (N, 3, 32, 32), interpolated between the points of a grid."""
    position, grid = (np.linspace(-1, 1, side, dtype=np.float32) for side in (IMAGE_SIDE, TEXTURE_CELLS))
    weights = np.maximum(1 - np.abs(position[:, np.newaxis] - grid) * ((TEXTURE_CELLS - 1) / 2), 0)
    texture: Array = weights @ (normal(rng, count, 3, TEXTURE_CELLS, TEXTURE_CELLS) * TEXTURE_STD) @ weights.T
    return texture


def _shape_masks(labels: Labels, rng: np.random.Generator) -> Array:
    """Return how much of each pixel a shape of each label covers, (N, 1, 32, 32), 0..1."""
    count = len(labels)
    radius = _uniform(rng, *RADIUS_LIMITS, count)
    largest_shift = IMAGE_SIDE / 2 - radius
    x, y = (_uniform(rng, -1, 1, count) * largest_shift for _ in range(2))
    aspect = np.exp(normal(rng, count, 1, 1, 1, std=LOG_ASPECT_STD))
    along, across = _coordinates(x, y, _angles(rng, count))
    along, across = along * (aspect / radius), across / (aspect * radius)
    distance = np.empty_like(along)
    for label, shape in enumerate(SHAPES.values()):
        chosen = np.flatnonzero(labels == label)
        distance[chosen] = shape(along[chosen], across[chosen])
    return _coverage(distance * radius)


def _stroke_masks(count: int, rng: np.random.Generator) -> Array:
    """Return how much of each pixel a stroke covers, (N, 1, 32, 32), 0..1."""
    x, y = (_uniform(rng, -IMAGE_SIDE / 2, IMAGE_SIDE / 2, count) for _ in range(2))
    along, across = _coordinates(x, y, _angles(rng, count))
    beyond = np.maximum(np.abs(along) - _uniform(rng, *STROKE_LENGTHS, count) / 2, 0)
    return _coverage(np.hypot(beyond, across) - STROKE_RADIUS)


def _coordinates(x: Array, y: Array, angle: Array) -> tuple[Array, Array]:
    """Return the coordinates (N, 1, 32, 32) of all pixels along a direction and across it.

    Their origin is x to the right and y down from the middle of the scene.
    """
    pixels = np.arange(IMAGE_SIDE, dtype=np.float32) - (IMAGE_SIDE - 1) / 2
    right, down = pixels - x, pixels[:, np.newaxis] - y
    cos, sin = np.cos(angle), np.sin(angle)
    return cos * right + sin * down, cos * down - sin * right


def _coverage(distance: Array) -> Array:
    """Return how much of each pixel is inside an edge at a distance in pixels: the edge is one pixel wide."""
    return np.clip(0.5 - distance, 0, 1)


def _to_rgb(scene: Array) -> Images:
    """Return scenes (N, 3, 32, 32) on the three axes as pixels in RGB; 0 is the gray in the middle.

    Colors that RGB cannot represent are less saturated, with the same hue and mean.
    """
    mean = np.clip(0.5 + scene[:, :1] * AXES[0, 0].astype(np.float32), *GRAY_LIMITS)
    colors = np.einsum("ac,nayx->ncyx", AXES[1:].astype(np.float32), scene[:, 1:])
    space = np.where(colors > 0, 1 - mean, mean)
    saturation = np.min(space / np.maximum(np.abs(colors), space), axis=1, keepdims=True)
    pixels: Images = np.rint(255 * (mean + saturation * colors)).astype(np.uint8)
    return pixels


def _angles(rng: np.random.Generator, count: int) -> Array:
    return _uniform(rng, 0, 2 * math.pi, count)


def _uniform(rng: np.random.Generator, low: float, high: float, count: int) -> Array:
    return low + (high - low) * rng.random((count, 1, 1, 1), np.float32)
