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
"""The largest difference of the longer side from `BOX_SIDE`, in pixels, for which an image is returned unchanged."""
MAX_CENTER_ERROR = 1.0
"""The largest distance of the center of mass from `CENTER`, in pixels, for which an image is returned unchanged."""

MAX_BORDER_SHARE = 0.15
"""The largest share of an image's border that differs from the background, if most strokes are gray: else it is a
photograph."""
MAX_GRAY_SHARE = 0.7
"""The largest share of strokes that are gray, neither dark nor light, in an image whose border is not plain."""
MIN_FITTED_SHARE = 0.5
"""The least share of a data set's images that have MNIST's format if the data set does."""
CHECKED_IMAGES = 200
"""How many images of a data set are checked."""


def is_mnist_like(images: NDArray[np.uint8 | np.floating]) -> bool:
    """Return whether images `(N, C, H, W)`, uint8 or float32 in 0..1, have the format of MNIST's.

    That is 28×28 pixels, black around a digit or letter whose box is 20 pixels long and whose center of mass is in the
    middle. Most images of MNIST and EMNIST are so, few of other data sets of this size.
    """
    if images.shape[1:] != (1, IMAGE_SIDE, IMAGE_SIDE) or not len(images):
        return False
    checked = images[:: max(1, len(images) // CHECKED_IMAGES), 0]
    levels = checked / np.float32(255) if checked.dtype == np.uint8 else checked.astype(np.float32)
    fitted = [bool((pixels >= MIN_STROKE).any()) and _is_fitted(pixels) for pixels in levels]
    return float(np.mean(fitted)) >= MIN_FITTED_SHARE


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


def reads_digits(shape: Sequence[int], classes: Sequence[str]) -> bool:
    """Return whether a model with images of `shape` (C, H, W) and these classes reads digits in the format of MNIST."""
    return tuple(shape) == (1, IMAGE_SIDE, IMAGE_SIDE) and tuple(classes) == DIGITS


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
    if pixels.shape == (IMAGE_SIDE, IMAGE_SIDE) and not notes and _is_fitted(pixels):
        return pixels, ()
    rows, columns = _bounding_box(strokes)
    scaled = _scale(strokes[rows, columns])
    if pixels.shape != (IMAGE_SIDE, IMAGE_SIDE):
        height, width = pixels.shape
        notes += (f"fitted from {width}×{height} to {IMAGE_SIDE}×{IMAGE_SIDE}, as MNIST was made",)
    return _place_centered(scaled), notes


def _check(image: ArrayLike) -> Pixels:
    pixels = np.asarray(image, np.float32)
    if pixels.ndim != 2 or not pixels.size:
        raise ArgumentError(f"the image has the shape {pixels.shape}. A digit is (H, W).")
    if not np.isfinite(pixels).all():
        raise ArgumentError("the image holds NaN or infinity. Brightness is a number from 0 to 1.")
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


def _is_fitted(pixels: Pixels) -> bool:
    """Return whether a 28×28 image already has MNIST's format, within tolerances."""
    rows, columns = _bounding_box(pixels)
    longer = max(rows.stop - rows.start, columns.stop - columns.start)
    center_error = np.abs(np.array(_center_of_mass(pixels)) - CENTER)
    return (
        pixels.min() == 0 and abs(longer - BOX_SIDE) <= MAX_BOX_ERROR and bool((center_error <= MAX_CENTER_ERROR).all())
    )


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
