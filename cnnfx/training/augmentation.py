"""Random changes of training images: shifts by whole pixels, and continuous warps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cnnfx.nn.layers import Array, Shape
from cnnfx.system.memory import buffer
from cnnfx.system.suggest import choose_name

Integers = NDArray[np.int64]
FLOAT = np.dtype(np.float32)

AUGMENTATIONS = {
    "none": {"shift": 0, "warp": 0.0},
    "shift": {"shift": 1, "warp": 0.0},
    "strong": {"shift": 0, "warp": 1.0},
}
"""The named augmentations, with their values in `TrainingSettings`."""

STRONG = {"shift": 1.0, "rotation": 9.0, "scale": 0.1, "shear": 0.1, "elastic": 0.75}
"""The parameters of `RandomWarp` of strength 1."""

CONTROL_POINTS = 6
"""Control points of the elastic displacement in each direction, 4 or more; a smaller number makes it smoother."""


@dataclass(frozen=True)
class RandomShift:
    """Random shifts of images by up to `pixels` in each direction, all (2·pixels + 1)² equally likely.

    Pixels from outside of the image are copies of the nearest pixel in the image.
    """

    pixels: int = 1

    def sample(self, generator: np.random.Generator, count: int) -> Integers:
        """Draw the shifts of `count` images: `(count, 2)`, down and right, each 0 … 2·pixels."""
        return generator.integers(0, 2 * self.pixels + 1, (count, 2))

    def apply(self, images: Array, indices: Integers, shifts: Integers) -> Array:
        """Return the images `indices` (n,) of `images` (N, C, H, W), shifted by `shifts` (n, 2), as `(C, H, W, n)`."""
        shape = images.shape[1:]
        sources = _source_pixels(self.pixels, shape).take(shifts @ (2 * self.pixels + 1, 1), axis=1)
        sources += indices * math.prod(shape)
        return images.reshape(-1).take(sources).reshape(*shape, len(indices))


@lru_cache(maxsize=4)
def _source_pixels(pixels: int, shape: Shape) -> Integers:
    """Return the flat index of the pixel that each shift moves to each pixel of an image, `(C·H·W, shifts)`."""
    channels, height, width = shape
    shifts = np.arange(-pixels, pixels + 1)
    rows, columns = (np.clip(np.arange(size)[:, np.newaxis] + shifts, 0, size - 1) for size in (height, width))
    inside = rows[:, np.newaxis, :, np.newaxis] * width + columns[:, np.newaxis]
    sources = np.arange(channels).reshape(-1, 1, 1, 1, 1) * (height * width) + inside
    flat: Integers = sources.reshape(channels * height * width, -1)
    return flat


@dataclass(frozen=True)
class RandomWarp:
    """Random affine and elastic warps of images, with bilinear interpolation.

    The value of a pixel is that of the image at the position p' = c + A (p − c) + t + e(p), where p is the position of
    the pixel and c the center of the image. A is a shear and scale followed by a rotation, t a translation, and e a
    smooth random displacement: a sum of cubic B-splines at a grid of `CONTROL_POINTS`² points that spans the image.
    Positions outside of the image are moved to the nearest pixel in it. After Simard, Steinkraus and Platt, "Best
    practices for convolutional neural networks applied to visual document analysis", 2003.

    Parameters
    ----------
    shift : float
        The largest translation in each direction, in pixels. It is uniformly distributed, as all but `elastic` are.
    rotation : float
        The largest angle, in degrees.
    scale : float
        The largest relative change of height and of width, below 1; the two are independent.
    shear : float
        The largest horizontal displacement of a row relative to its distance from the center.
    elastic : float
        The standard deviation of the elastic displacement in each direction, in pixels; it is the same at all pixels.
    """

    shift: float = 0.0
    rotation: float = 0.0
    scale: float = 0.0
    shear: float = 0.0
    elastic: float = 0.0

    def sample(self, generator: np.random.Generator, count: int) -> Array:
        """Draw the warps of `count` images: `(count, 2, P)`, the factors of the P fields for rows and for columns."""
        down, right, angle, height, width, shear = generator.uniform(-1, 1, (6, count))
        cos, sin = np.cos(np.radians(self.rotation) * angle), np.sin(np.radians(self.rotation) * angle)
        height, width, shear = 1 + self.scale * height, 1 + self.scale * width, self.shear * shear
        factors = np.empty((count, 2, 3 + CONTROL_POINTS**2), np.float32)
        factors[:, 0, :3] = np.transpose([self.shift * down, cos * height + sin * shear, sin * width])
        factors[:, 1, :3] = np.transpose([self.shift * right, cos * shear - sin * height, cos * width])
        factors[:, :, 3:] = self.elastic * generator.standard_normal((count, 2, CONTROL_POINTS**2), np.float32)
        return factors

    def apply(self, images: Array, indices: Integers, factors: Array) -> Array:
        """Return the images `indices` (n,) of `images` (N, C, H, W), warped by `factors` (n, 2, P).

        Returns
        -------
        array (C, H, W, n) of float32
            In the scale of the images. The position of each pixel's source is the product of the fields with `factors`.
        """
        count, (channels, height, width) = len(indices), images.shape[1:]
        pixels, plane_shape = height * width, (height * width, count)
        largest = np.array([height - 1, width - 1], np.float32)
        factors = factors.copy()
        factors[:, :, 0] += largest / 2
        positions = buffer("warp positions", (2, *plane_shape), FLOAT)  # rows and columns
        np.matmul(_fields(height, width), factors.transpose(1, 2, 0), out=positions)
        np.clip(positions, 0, largest.reshape(2, 1, 1), out=positions)
        rows, columns = whole = np.floor(positions, out=buffer("warp pixels", positions.shape, FLOAT))
        down, right = np.subtract(positions, whole, out=positions)
        rows *= width
        rows += columns
        sources = buffer("warp sources", plane_shape, np.dtype(np.intp))
        np.copyto(sources, rows, casting="unsafe")
        sources += np.arange(count) * (channels * pixels)
        # Neighbors outside of the image have the weight 0; those of the last pixel of all are added here.
        flat = buffer("warp images", (count * channels * pixels + width + 1,), FLOAT)
        flat[: -width - 1], flat[-width - 1 :] = images[indices].reshape(-1), 0
        result = np.empty((channels, *plane_shape), np.float32)
        corners = [*buffer("warp corners", (3, *plane_shape), FLOAT)]
        for channel, out in enumerate(result):
            for first, corner in zip((0, 1, width, width + 1), (*corners, out), strict=True):
                # mode="clip" is the fastest; all sources are valid
                flat[channel * pixels + first :].take(sources, out=corner, mode="clip")
            upper_left, upper_right, lower_left = corners
            _interpolate(upper_left, upper_right, right)
            _interpolate(lower_left, out, right)
            _interpolate(upper_right, out, down)
        return result.reshape(channels, height, width, count)


Augmentation = RandomShift | RandomWarp
AugmentationName = Literal["none", "shift", "strong"]
NO_AUGMENTATION = RandomShift(0)


def augmentation_settings(name: AugmentationName) -> dict[str, Any]:
    """Return the values of the settings `shift` and `warp` for a named augmentation.

    Raises
    ------
    ArgumentError
        If the name is unknown.
    """
    return AUGMENTATIONS[choose_name("augment", name, dict.fromkeys(AUGMENTATIONS, ()))]


def augmentation_of(shift: int, warp: float) -> Augmentation:
    """Return random warps of the strength `warp`, or shifts by up to `shift` pixels if it is 0."""
    if not warp:
        return RandomShift(shift)
    return RandomWarp(**{name: warp * value for name, value in STRONG.items()})


@lru_cache(maxsize=4)
def _fields(height: int, width: int) -> Array:
    """Return the fields whose linear combinations are warps: `(H·W, P)`.

    These are 1, the row and the column less those of the center, and the products of a spline of the row and one of the
    column. The sum of the squared products is 1 at each pixel. So where their factors are independent random numbers
    of the same variance, all pixels have this variance.
    """
    rows, columns = np.arange(height) - (height - 1) / 2, np.arange(width) - (width - 1) / 2
    affine = np.stack([np.ones((height, width)), *np.meshgrid(rows, columns, indexing="ij")], axis=-1)
    splines = np.einsum("ik,jl->ijkl", _splines(height), _splines(width)).reshape(height, width, -1)
    return np.concatenate([affine, splines], axis=-1, dtype=np.float32).reshape(height * width, -1)


def _splines(size: int) -> Array:
    """Return the cubic B-splines of the `CONTROL_POINTS` at each of `size` pixels, divided by their norm there."""
    intervals = CONTROL_POINTS - 3  # the first and the last control point are outside of the image
    positions = np.linspace(0, intervals, size)
    distances = abs(positions[:, np.newaxis] - np.arange(-1, intervals + 2))
    splines: Array = np.maximum(2 - distances, 0) ** 3 - 4 * np.maximum(1 - distances, 0) ** 3
    splines /= np.linalg.norm(splines, axis=1, keepdims=True)
    return splines


def _interpolate(first: Array, second: Array, fraction: Array) -> None:
    """Replace `second` by first + fraction · (second − first)."""
    second -= first
    second *= fraction
    second += first
