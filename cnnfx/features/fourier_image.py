"""Images in a decorrelated Fourier space of colors: the coefficients that activation maximization changes.

Gradient ascent on pixels finds patterns of high frequency, which look like noise, because neighboring pixels of images
are correlated and the gradient ignores that. In the coordinates below, images have uncorrelated components of equal
variance, and steps of equal length in all of them change all frequencies and colors as much as they vary in
photographs (Olah, Mordvintsev and Schubert, 2017, "Feature visualization"):

- Space. The spectrum of photographs falls with 1/f (Field, 1987, "Relations between the statistics of natural images
  and the response properties of cortical cells"), so each coefficient is divided by its frequency f. The transform is
  the discrete Hartley transform, the Fourier transform in real numbers, cas = cos + sin in place of exp (Bracewell,
  1983). It is symmetric and its own inverse, so it is also its own adjoint.
- Color. The principal components of the colors of photographs are nearly R + G + B, R − B and R − 2G + B (Ohta, Kanade
  and Sakai, 1980, "Color information for region segmentation").
- Range. The sigmoid function makes every pixel a number between 0 and 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cnnfx.nn.layers import Array, Shape

COLOR_AXES = np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]]) / np.sqrt([[3], [2], [6]])
"""The principal components of colors, one in each row."""

COLOR_STDS = np.array([1, 0.3, 0.1])
"""The standard deviation of the pixels along each axis, as a fraction of the first.

The covariance of the pixels of two photographs has the fractions 0.28 and 0.07 (a cat), 0.34 and 0.09 (a coffee cup).
"""

GAIN = 1.25
"""The standard deviation of each color component, before the sigmoid function, if that of the coefficients is 1."""

NOISE_STD = 0.5
"""The standard deviation of random coefficients."""


class FourierImages:
    """The function from coefficients to pixels, and its gradient.

    Parameters
    ----------
    shape : (C, H, W)
        Images of three channels are in color; the channels of others are independent.
    level : float
        The pixels if all coefficients are 0, greater than 0 and less than 1.
    dtype : type
        float32, or float64 for tests.
    """

    def __init__(self, shape: Shape, level: float, dtype: type[np.floating] = np.float32) -> None:
        channels, height, width = shape
        self.shape, self.dtype = shape, dtype
        self._offset = dtype(np.log(level / (1 - level)))
        rows, columns = np.fft.fftfreq(height)[:, np.newaxis], np.fft.fftfreq(width)
        frequencies = np.maximum(np.hypot(rows, columns), 1 / max(height, width))
        amplitudes = 1 / frequencies
        self._scale = (GAIN * amplitudes / np.sqrt(np.square(amplitudes).mean())).astype(dtype)
        self._colors = (color_matrix() if channels == 3 else np.eye(channels)).astype(dtype)
        self._sigmoid = np.zeros((0, *shape), dtype)

    def random(self, seeds: Sequence[int | Sequence[int]]) -> Array:
        """Return small random coefficients (N, C, H, W), one image for each seed."""
        noise = [np.random.default_rng(seed).normal(0, NOISE_STD, self.shape) for seed in seeds]
        return np.array(noise, self.dtype)

    def pixels(self, coefficients: Array) -> Array:
        """Return the pixels (N, C, H, W), 0..1."""
        components = hartley(coefficients * self._scale)
        self._sigmoid = sigmoid(_mix(self._colors, components) + self._offset)
        return self._sigmoid

    def backward(self, d_pixels: Array) -> Array:
        """Return the gradient of the coefficients, given that of the pixels that `pixels` returned last."""
        d_colors = d_pixels * self._sigmoid * (1 - self._sigmoid)
        gradient: Array = hartley(_mix(self._colors.T, d_colors)) * self._scale
        return gradient


def color_matrix() -> Array:
    """Return the matrix (3, 3) from uncorrelated components of variance 1 to R, G and B."""
    matrix: Array = COLOR_AXES.T * COLOR_STDS
    return matrix


def hartley(images: Array) -> Array:
    """Return the Hartley transform of the rows and columns of images (N, C, H, W): orthonormal, its own inverse."""
    from scipy.fft import fft2

    spectrum = fft2(images, norm="ortho")
    transformed: Array = spectrum.real - spectrum.imag
    return transformed


def sigmoid(values: Array) -> Array:
    """Return 1 / (1 + exp(−x)), by way of tanh, which does not overflow."""
    result: Array = (np.tanh(values / 2) + 1) / 2
    return result


def _mix(matrix: Array, images: Array) -> Array:
    """Return the products of a matrix (C, C) and the channels of images (N, C, H, W)."""
    count, channels = images.shape[:2]
    mixed: Array = (matrix @ images.reshape(count, channels, -1)).reshape(images.shape)
    return mixed
