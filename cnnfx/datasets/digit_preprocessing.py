"""An image of a digit made as MNIST's were: bright on dark, in a box of 20×20, its center of mass in the middle."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnnfx.errors import ArgumentError

Plane = NDArray[np.float32]

SIDE, BOX = 28, 20
"""The sides of MNIST's images, and of the box in them into which the digits are scaled."""
MIDDLE = 14.5
"""Where MNIST has the centers of mass: in pixel 14, counted from 0, of 28."""
FAINTEST = 0.03
"""An image whose levels span less shows nothing."""
INK = 0.2
"""What is darker than this share of the brightest is ground, not stroke."""


def fit_digit(image: ArrayLike) -> tuple[Plane, tuple[str, ...]]:
    """Fit an image of a digit as MNIST was made.

    Dark on light is noticed and inverted. The strokes are cropped and scaled, keeping their aspect, so that the larger
    side of their box is 20 pixels; the box is placed in 28×28 so that their center of mass is in the middle. An image
    that is so already stays as it is.

    Parameters
    ----------
    image : array (H, W)
        Brightness in 0..1.

    Returns
    -------
    digit : array (28, 28), float32
        0 is ground, 1 the brightest stroke.
    notes : tuple of str
        What was done that its user may not expect.

    Raises
    ------
    ArgumentError
        If the image is not (H, W), holds NaN or infinity, or shows nothing.
    """
    plane = _checked(image)
    strokes, notes = _bright_strokes(plane)
    if plane.shape == (SIDE, SIDE) and not notes and _is_fitted(plane):
        return plane, ()
    rows, columns = _extent(strokes)
    scaled = _scaled(strokes[rows, columns])
    if plane.shape != (SIDE, SIDE):
        notes += (f"fitted from {plane.shape[0]}×{plane.shape[1]} to {SIDE}×{SIDE}, as MNIST was made",)
    return _centerd(scaled), notes


def _checked(image: ArrayLike) -> Plane:
    plane = np.asarray(image, np.float32)
    if plane.ndim != 2 or not plane.size:
        raise ArgumentError(f"the image has the shape {plane.shape}. A digit is (H, W).")
    if not np.isfinite(plane).all():
        raise ArgumentError("the image holds NaN or infinity. A digit is made of numbers of 0 to 1.")
    if np.ptp(plane) < FAINTEST:
        raise ArgumentError("the image shows nothing: all of it has the same brightness.")
    return plane


def _bright_strokes(plane: Plane) -> tuple[Plane, tuple[str, ...]]:
    """The strokes in 0..1 on a ground of 0, and whether they were dark.

    The ground is what most of the image's rim is, within a tolerance for noise and uneven light.
    """
    rim = np.concatenate([plane[0], plane[-1], plane[:, 0], plane[:, -1]])
    ground = float(np.median(rim))
    dark = float(plane.max()) - ground < ground - float(plane.min())
    above = ground - plane if dark else plane - ground
    strokes: Plane = np.clip(above / above.max(), 0, 1)
    strokes[strokes < INK] = 0
    return strokes, ("dark on light: inverted",) if dark else ()


def _is_fitted(plane: Plane) -> bool:
    """Whether a 28×28 image is already as MNIST's: in the box, its center of mass within a pixel of the middle."""
    rows, columns = _extent(plane)
    larger = max(rows.stop - rows.start, columns.stop - columns.start)
    off = np.abs(np.array(_center_of_mass(plane)) - MIDDLE)
    return plane.min() == 0 and abs(larger - BOX) <= 2 and bool((off <= 1).all())


def _extent(strokes: Plane) -> tuple[slice, slice]:
    """The rows and columns from the first to the last that hold ink."""
    rows, columns = (np.flatnonzero((strokes >= INK).any(axis=axis)) for axis in (1, 0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _scaled(strokes: Plane) -> Plane:
    """The strokes with 20 pixels on the larger side, each the mean of what it covers."""
    from PIL import Image

    height, width = strokes.shape
    factor = BOX / max(height, width)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    picture = Image.fromarray(np.ascontiguousarray(strokes))
    method = Image.Resampling.BOX if factor < 0.5 else Image.Resampling.BICUBIC
    scaled = np.clip(np.asarray(picture.resize(size, method)), 0, 1)
    brightest: Plane = scaled / scaled.max()
    return brightest


def _centerd(strokes: Plane) -> Plane:
    """The strokes in 28×28, their center of mass as near the middle as whole pixels and the frame let."""
    height, width = strokes.shape
    top, left = (
        int(np.clip(round(MIDDLE - center), 0, SIDE - extent))
        for center, extent in zip(_center_of_mass(strokes), (height, width), strict=True)
    )
    digit = np.zeros((SIDE, SIDE), np.float32)
    digit[top : top + height, left : left + width] = strokes
    return digit


def _center_of_mass(plane: Plane) -> tuple[float, float]:
    """The row and column, pixel edges having whole coordinates."""
    mass = float(plane.sum())
    rows, columns = (np.arange(extent) + 0.5 for extent in plane.shape)
    return float(plane.sum(axis=1) @ rows) / mass, float(plane.sum(axis=0) @ columns) / mass
