"""Conversion of an image of a digit to the format of MNIST's images.

The digit is bright on black, scaled to a box of 20×20 pixels, and placed in 28×28 pixels with its center of mass in the
middle; see http://yann.lecun.com/exdb/mnist/.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnnfx.errors import ArgumentError
from cnnfx.images.image import ResizeMethod, resize
from cnnfx.system.threads import ordered_map

Pixels = NDArray[np.float32]

DIGITS = tuple("0123456789")
"""The names of MNIST's classes."""
IMAGE_SIDE = 28
"""The side of MNIST's images, in pixels."""
BOX_SIDE = 20
"""The longer side of a digit in MNIST's images, in pixels."""
CENTER = 14.5
"""Row and column of the center of mass in MNIST's images: the center of pixel 14, counted from 0."""
MIN_CONTRAST = 0.03
"""The least difference between the brightest and the darkest level of an image of a digit, in 0..1."""
MIN_STROKE = 0.2
"""The least level of a stroke, relative to the brightest; pixels below it are background."""
MAX_BOX_ERROR = 2
"""The largest difference of the longer side from `BOX_SIDE`, in pixels, in an image that has MNIST's format."""
MAX_CENTER_ERROR = 1.5
"""The largest distance of the center of mass from `CENTER`, in pixels, in an image that has MNIST's format.

It is at most 0.52 in MNIST's images. Training shifts images by up to a pixel, so a network tolerates more."""
MIN_VISIBLE = 0.1
"""The least level of a pixel that belongs to the box of a digit in an image that has MNIST's format."""
MIN_BRIGHTEST = 0.5
"""The least level of the brightest pixel in an image that has MNIST's format."""
CENTERS = np.arange(IMAGE_SIDE, dtype=np.float32) + np.float32(0.5)
"""Rows and columns of the centers of MNIST's pixels."""
MOMENTS = np.stack(
    [np.ones_like(CENTERS).repeat(IMAGE_SIDE), CENTERS.repeat(IMAGE_SIDE), np.tile(CENTERS, IMAGE_SIDE)], 1
)
"""The weights of the pixels of an image in its mass, and in the sums of rows and columns weighted by brightness."""
MIN_MASS = np.float32(1e-3)
"""The least divisor of the moments: a black image has no mass."""
CHECKED_AT_ONCE = 1000
"""Images whose format is checked at a time, which limits the memory."""

MAX_BORDER_SHARE = 0.15
"""The largest share of an image's border that differs from the background, if most strokes are gray: else it is a
photograph."""
MAX_GRAY_SHARE = 0.7
"""The largest share of strokes that are gray, neither dark nor light, in an image whose border is not plain."""
MAX_DIGITS_MEAN = 0.25
"""The largest mean brightness of training images with the format of MNIST's."""
MIN_FITTED_SHARE = 0.9
"""The least share of a data set's images that have MNIST's format if the data set does."""
CHECKED_IMAGES = 2000
"""How many images of a data set are checked for this, about."""


def is_mnist_like(images: NDArray[np.uint8 | np.floating]) -> bool:
    """Return whether images `(N, C, H, W)`, uint8 or float32 in 0..1, have the format of MNIST's.

    That is, at least `MIN_FITTED_SHARE` of them, or of a sample of many, have it; see `have_mnist_format`.
    """
    sample = images[:: max(1, len(images) // CHECKED_IMAGES)]
    return len(sample) > 0 and float(have_mnist_format(sample).mean()) >= MIN_FITTED_SHARE


def have_mnist_format(images: NDArray[np.uint8 | np.floating]) -> NDArray[np.bool_]:
    """Return which of the images `(N, C, H, W)`, uint8 or float32 in 0..1, have the format of MNIST's, `(N,)`.

    That is 28×28 pixels, black around bright strokes whose box is 20 pixels long and whose center of mass is in the
    middle, or as close to it as the border allows. All of MNIST's images are so.
    """
    if images.shape[1:] != (1, IMAGE_SIDE, IMAGE_SIDE):
        return np.zeros(len(images), bool)
    parts = range(0, len(images), CHECKED_AT_ONCE)
    found = ordered_map(lambda first: _have_format(images[first : first + CHECKED_AT_ONCE, 0]), parts)
    return np.concatenate([np.zeros(0, bool), *found])


def is_photograph(image: ArrayLike) -> bool:
    """Return whether an image `(H, W)` with contrast shows no digit on a plain background, but probably a scene.

    Then its border differs from the background, as defined by `fit_digit`, in more than `MAX_BORDER_SHARE` of its
    pixels, and more than `MAX_GRAY_SHARE` of what is not background is neither dark nor light.
    """
    strokes, _ = _extract_strokes(_check(image))
    pixels = np.asarray(image, np.float32)
    border = _border(pixels)
    background = float(np.median(border))
    contrast = max(float(pixels.max()) - background, background - float(pixels.min()))
    differs = np.abs(border - background) >= MIN_STROKE * contrast
    drawn = strokes[strokes > 0]
    gray = (drawn > MIN_STROKE) & (drawn < 1 - MIN_STROKE)
    return bool(differs.mean() > MAX_BORDER_SHARE and gray.mean() > MAX_GRAY_SHARE)


def reads_digits(shape: Sequence[int], classes: Sequence[str], mean: float) -> bool:
    """Return whether a model of an earlier version, which did not record it, reads digits in the format of MNIST.

    `shape` (C, H, W) is that of its training images, `mean` their mean brightness, which is low for bright strokes on
    black: 0.13 in MNIST.
    """
    return tuple(shape) == (1, IMAGE_SIDE, IMAGE_SIDE) and tuple(classes) == DIGITS and mean <= MAX_DIGITS_MEAN


def fit_digit(image: ArrayLike) -> tuple[Pixels, tuple[str, ...]]:
    """Fit an image of a digit to the format of MNIST.

    A dark digit on a light background is inverted. The strokes are cropped and scaled, with the same aspect ratio, so
    that the longer side of their box is 20 pixels; the box is placed in 28×28 pixels so that the center of mass is in
    the middle. An image that already has this format is returned unchanged.

    Parameters
    ----------
    image : array (H, W)
        Brightness in 0..1.

    Returns
    -------
    digit : array (28, 28), float32
        0 is background, 1 the brightest stroke.
    notes : tuple of str
        Messages about changes that the user may not expect.

    Raises
    ------
    ArgumentError
        If the image is not (H, W), holds NaN or infinity, or has no contrast.
    """
    pixels = _check(image)
    strokes, notes = _extract_strokes(pixels)
    if not notes and have_mnist_format(pixels[np.newaxis, np.newaxis])[0]:
        return pixels, ()
    rows, columns = _bounding_box(strokes)
    scaled = _scale(strokes[rows, columns])
    if pixels.shape != (IMAGE_SIDE, IMAGE_SIDE):
        height, width = pixels.shape
        notes += (f"fitted from {width}×{height} to {IMAGE_SIDE}×{IMAGE_SIDE}, as MNIST was made",)
    return _place_centered(scaled), notes


def _check(image: ArrayLike) -> Pixels:
    """Return the pixels, divided by the largest magnitude if that is above 1: numbers of any range have a contrast."""
    pixels = np.asarray(image, np.float32)
    if pixels.ndim != 2 or not pixels.size:
        raise ArgumentError(f"the image has the shape {pixels.shape}. A digit is (H, W).")
    if not np.isfinite(pixels).all():
        raise ArgumentError("the image holds NaN or infinity. Brightness is a number from 0 to 1.")
    largest = np.abs(pixels).max()
    if largest > 1:
        pixels = pixels / largest
    if np.ptp(pixels) < MIN_CONTRAST:
        raise ArgumentError("the image has no contrast: all of it has the same brightness.")
    return pixels


def _extract_strokes(pixels: Pixels) -> tuple[Pixels, tuple[str, ...]]:
    """Return the strokes in 0..1 on a background of 0, and a note if they were dark.

    The background is the median of the image's border; `MIN_STROKE` is a tolerance for noise and uneven light.
    """
    background = float(np.median(_border(pixels)))
    is_dark = float(pixels.max()) - background < background - float(pixels.min())
    contrast = background - pixels if is_dark else pixels - background
    strokes: Pixels = np.clip(contrast / contrast.max(), 0, 1)
    strokes[strokes < MIN_STROKE] = 0
    return strokes, ("dark on light: inverted",) if is_dark else ()


def _border(pixels: Pixels) -> Pixels:
    return np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])


def _have_format(images: NDArray[np.uint8 | np.floating]) -> NDArray[np.bool_]:
    """Return which of the images `(N, 28, 28)` have MNIST's format, `(N,)`."""
    white = 255 if images.dtype == np.uint8 else 1
    if white == 1:
        images = np.nan_to_num(np.clip(images, -1, 2), nan=-1)  # numbers far from 0..1 would overflow
    pixels = images.reshape(len(images), -1)
    fits: NDArray[np.bool_] = (pixels.min(axis=1) == 0) & (pixels.max(axis=1) >= MIN_BRIGHTEST * white)
    longest = np.zeros(len(images), np.int64)
    mass, row_moment, column_moment = (pixels.astype(np.float32) @ MOMENTS).T
    for axis, moment in ((2, row_moment), (1, column_moment)):
        brightest = images.max(axis=axis)  # of each row, then of each column
        first, last = _extent(brightest >= np.float32(MIN_VISIBLE * white))
        error = moment / np.maximum(mass, MIN_MASS) - CENTER
        at_border = np.where(error > 0, first == 0, last == IMAGE_SIDE)  # so that it cannot be closer to the middle
        fits &= (np.abs(error) <= MAX_CENTER_ERROR) | at_border
        longest = np.maximum(longest, last - first)
    fits &= np.abs(longest - BOX_SIDE) <= MAX_BOX_ERROR
    return fits


def _extent(lines: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first true value of each row of `lines` (N, L), and the end after the last one."""
    return lines.argmax(axis=1), lines.shape[1] - lines[:, ::-1].argmax(axis=1)


def _bounding_box(strokes: Pixels) -> tuple[slice, slice]:
    """Return the rows and columns from the first to the last that contain a stroke."""
    rows, columns = (np.flatnonzero((strokes >= MIN_STROKE).any(axis=axis)) for axis in (1, 0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _scale(strokes: Pixels) -> Pixels:
    """Scale the strokes to 20 pixels on the longer side, the brightest to 1."""
    height, width = strokes.shape
    factor = BOX_SIDE / max(height, width)
    new_height, new_width = max(1, round(height * factor)), max(1, round(width * factor))
    method: ResizeMethod = "box" if factor < 0.5 else "bicubic"  # box averages would draw an enlarged digit in squares
    scaled = np.clip(resize(strokes[np.newaxis], new_height, new_width, method)[0], 0, 1)
    brightest: Pixels = scaled / scaled.max()
    return brightest


def _place_centered(strokes: Pixels) -> Pixels:
    """Place the strokes in 28×28 pixels, with their center of mass as close to the middle as possible."""
    top, left = (
        int(np.clip(round(CENTER - center), 0, IMAGE_SIDE - size))
        for center, size in zip(_center_of_mass(strokes), strokes.shape, strict=True)
    )
    height, width = strokes.shape
    digit = np.zeros((IMAGE_SIDE, IMAGE_SIDE), np.float32)
    digit[top : top + height, left : left + width] = strokes
    return digit


def _center_of_mass(pixels: Pixels) -> tuple[float, float]:
    """Return the row and column of the center of mass; pixel centers have half-integer coordinates."""
    mass = float(pixels.sum())
    rows, columns = (np.arange(size) + 0.5 for size in pixels.shape)
    return float(pixels.sum(axis=1) @ rows) / mass, float(pixels.sum(axis=0) @ columns) / mass
