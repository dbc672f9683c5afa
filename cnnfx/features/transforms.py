"""Random shifts, scalings and rotations of images, as sparse matrices.

A row of the matrix has the four weights of the bilinear interpolation of one pixel. The images are periodic, as their
Fourier series are: what leaves at one side enters at the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cnnfx.nn.layers import Array

if TYPE_CHECKING:
    from scipy.sparse import csr_array


class Transform:
    """A linear function from images to images, and its adjoint.

    Parameters
    ----------
    matrix : sparse array (H·W, H·W)
    """

    def __init__(self, matrix: csr_array) -> None:
        self.matrix, self._adjoint = matrix, matrix.T.tocsr()

    def forward(self, images: Array) -> Array:
        """Return the transformed images (N, C, H, W)."""
        return _product(self.matrix, images)

    def backward(self, d_images: Array) -> Array:
        """Return the gradient of the images, given that of the transformed images (N, C, H, W)."""
        return _product(self._adjoint, d_images)


def similarity(
    size: tuple[int, int],
    shift: tuple[float, float] = (0, 0),
    scale: float = 1,
    angle: float = 0,
    dtype: type[np.floating] = np.float32,
) -> Transform:
    """Return the transform that scales and rotates images around their center, then shifts them.

    Parameters
    ----------
    size : (height, width)
    shift : (down, right)
        In pixels.
    scale : float
        More than 1 enlarges.
    angle : float
        Clockwise, in degrees.
    dtype : type
    """
    from scipy.sparse import csr_array

    height, width = size
    center = (np.array([height, width]) - 1)[:, np.newaxis, np.newaxis] / 2
    rows, columns = np.indices(size) - center - np.array(shift)[:, np.newaxis, np.newaxis]
    cos, sin = np.cos(np.deg2rad(angle)) / scale, np.sin(np.deg2rad(angle)) / scale
    sources = np.array([cos * rows - sin * columns, sin * rows + cos * columns]) + center
    first = np.floor(sources).astype(np.intp)
    down, right = sources - first
    pixels, weights = [], []
    for row, row_weights in ((first[0] % height, 1 - down), ((first[0] + 1) % height, down)):
        for column, column_weights in ((first[1] % width, 1 - right), ((first[1] + 1) % width, right)):
            pixels.append(row * width + column)
            weights.append(row_weights * column_weights)
    count = height * width
    data, indices = (np.stack(of_four, axis=-1).ravel() for of_four in (weights, pixels))
    starts = 4 * np.arange(count + 1)
    return Transform(csr_array((data.astype(dtype), indices, starts), shape=(count, count)))


def _product(matrix: csr_array, images: Array) -> Array:
    """Return the product of a matrix and the pixels of each channel of images (N, C, H, W)."""
    height, width = images.shape[2:]
    pixels = np.ascontiguousarray(images.reshape(-1, height * width).T)
    product: Array = np.ascontiguousarray((matrix @ pixels).T).reshape(images.shape)
    return product
