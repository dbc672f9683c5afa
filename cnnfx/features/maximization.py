"""Activation maximization: inputs with large activations, computed from noise by gradient ascent.

Plain gradient ascent on pixels finds inputs with large activations, but most of them look like noise. The following
leads to inputs that can be interpreted (Olah, Mordvintsev and Schubert, 2017, "Feature visualization"):

- Coordinates. The ascent changes coefficients in a decorrelated Fourier space of colors:
  `cnnfx.features.fourier_image`.
- Transforms. Each step shifts, scales and rotates the input at random, so that the result does not depend on single
  pixels: `cnnfx.features.transforms`.
- Decay. Each step makes the coefficients smaller, so that pixels that have no effect return to a uniform level.
- Bounds. Each pixel is between 0 and 1 before normalization, as in images, and the norm √Σx² is at most the largest
  norm of the channel's top patches. Without bounds, brightness and contrast would increase the activation without
  limit; with them, activations of inputs and patches can be compared.

The steps are those of Adam, since gradients differ much in size. The last steps have neither transforms nor decay and
become shorter, so that the activation becomes maximal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnfx.backprop.network import ReplicaPool, shards
from cnnfx.features.field_output import FieldOutput, with_leaky_last_relu
from cnnfx.features.fourier_image import FourierImages
from cnnfx.features.transforms import Transform, similarity
from cnnfx.nn.input import Input
from cnnfx.nn.layers import Array, Shape
from cnnfx.nn.network import Network

STEPS = 200
"""Steps of gradient ascent."""

REGULARIZED_FRACTION = 0.8
"""The fraction of the steps with transforms and decay."""

STEP_LENGTH = 0.1
"""About how far a step changes each coefficient, until the regularized steps end."""

SMALL_STEP_LENGTH = 0.5
"""The same for inputs smaller than `SMALLEST_REGULARIZED_SIDE`, in which many pixels become black or white."""

DECAY = 0.3
"""The fraction of the coefficients that a step subtracts, divided by the length of the step."""

SCALES = (0.8, 1.2)
"""The smallest and the largest scaling."""

LARGEST_ANGLE = 10.0
"""The largest rotation, in degrees."""

LARGEST_SHIFT = 1 / 8
"""The largest shift, as a fraction of the shorter side."""

SMALLEST_REGULARIZED_SIDE = 8
"""The fewest rows or columns of inputs with transforms and decay; single pixels matter in smaller inputs."""

MEAN_MOMENTUM, SQUARE_MOMENTUM = 0.9, 0.999
"""How much of the running means of the gradient and of its square a step of Adam keeps."""

LEVELS = (0.3, 0.7)
"""The darkest and the lightest uniform level that the ascent starts from. Near black or white, the sigmoid function has
small gradients, and some inputs would remain uniform."""

SHARD_INPUTS = 16
"""The most inputs that a thread processes at a time."""

SHARD_PIXELS = 1 << 15
"""The most pixels of these inputs, unless it is one: they determine the memory of the feature maps."""

SMALLEST_NORM = 1e-12
"""The smallest norm that is divided by."""


class MaximizedInput(NamedTuple):
    """An input with a large activation.

    Attributes
    ----------
    activation : float
    pixels : array (C, H, W)
        0..1.
    start : int
        The number of the noise that the input was computed from, 0 … count − 1.
    """

    activation: float
    pixels: Array
    start: int


def maximize(
    network: Network,
    shape: Shape,
    channels: Sequence[int],
    bounds: Sequence[float],
    seed: int,
    count: int,
    progress: Callable[[int], None] | None = None,
) -> list[list[MaximizedInput]]:
    """Compute inputs with large activations of channels.

    Parameters
    ----------
    network : Network
        Bound to the input's channels (`Network.bind`).
    shape : (C, H, W)
        Of an input: of the last layer's receptive field, or of the images that are read whole.
    channels : sequence of int
        Output channels of the last layer, or classes.
    bounds : sequence of float
        For each channel, the largest norm of the inputs.
    seed : int
        Seed of the noise and the transforms.
    count : int
        Inputs for each channel, computed from different noise.
    progress : callable, optional
        Called with the number of inputs computed so far; inputs that are being computed count in part.

    Returns
    -------
    list of lists of `count` MaximizedInput
        For each channel, the largest activation first.
    """
    smooth_network = with_leaky_last_relu(network)
    tasks = [(channel, bound, start) for channel, bound in zip(channels, bounds, strict=True) for start in range(count)]
    steps: list[int] = []  # the inputs of each step so far: appending to a list is thread-safe

    def work(smooth: FieldOutput, part: slice) -> list[MaximizedInput]:
        part_channels, part_bounds, starts = zip(*tasks[part], strict=True)

        def count_step() -> None:
            steps.append(len(starts))
            if progress:
                progress(sum(steps) // STEPS)

        targets = np.array(part_channels, np.intp)
        pixels = _ascend(smooth, shape, targets, np.array(part_bounds), seed, starts, count_step)
        activations = FieldOutput(network, shape).forward(pixels)[np.arange(len(starts)), targets]
        return [MaximizedInput(*result) for result in zip(activations.tolist(), pixels, starts, strict=True)]

    pool = ReplicaPool(lambda: FieldOutput(smooth_network, shape))
    shard_size = max(1, min(SHARD_INPUTS, SHARD_PIXELS // (shape[1] * shape[2])))
    results = [result for part in pool.map(work, shards(len(tasks), shard_size)) for result in part]
    by_channel = [results[first : first + count] for first in range(0, len(results), count)]
    return [sorted(of_channel, key=lambda result: -result.activation) for of_channel in by_channel]


def _ascend(
    network: FieldOutput,
    shape: Shape,
    channels: NDArray[np.intp],
    bounds: Array,
    seed: int,
    starts: Sequence[int],
    count_step: Callable[[], None],
) -> Array:
    """Return inputs (N, C, H, W) after gradient ascent from noise."""
    images = FourierImages(shape, neutral_level(network.network.input))
    coefficients = images.random([(seed, 0, start) for start in starts])
    adam = _Adam(coefficients)
    random = np.random.default_rng((seed, 1))
    regularized = min(shape[1:]) >= SMALLEST_REGULARIZED_SIDE
    for step in range(STEPS):
        remaining = (1 - step / STEPS) / (1 - REGULARIZED_FRACTION)
        length = (STEP_LENGTH if regularized else SMALL_STEP_LENGTH) * min(1, remaining)
        transform = _random_transform(random, shape[1:]) if regularized and remaining > 1 else None
        pixels = images.pixels(coefficients)
        inputs = within_norm(pixels, bounds)
        network.forward(transform.forward(inputs) if transform else inputs)
        gradient = network.backward(channels)
        gradient = transform.backward(gradient) if transform else gradient
        gradient = images.backward(within_norm_backward(pixels, bounds, gradient))
        if transform:
            coefficients *= coefficients.dtype.type(1 - DECAY * length)
        coefficients += adam.step(gradient, length)
        count_step()
    return within_norm(images.pixels(coefficients), bounds)


def neutral_level(values: Input) -> float:
    """Return the level that the network normalizes to 0, within `LEVELS`; mid-gray if it does not normalize."""
    level = float(np.mean(values.mean)) / values.scale if values.normalizes else 0.5
    return float(np.clip(level, *LEVELS))


class _Adam:
    """The steps of Adam: Kingma and Ba, 2015, "Adam: a method for stochastic optimization".

    Gradients are divided by their norm first, since those of the first steps may be very large or small.
    """

    def __init__(self, parameters: Array) -> None:
        self._mean, self._square = np.zeros_like(parameters), np.zeros_like(parameters)
        self._mean_weight = self._square_weight = 1.0

    def step(self, gradient: Array, length: float) -> Array:
        """Return the change of the parameters (N, C, H, W), in the direction of the gradient."""
        gradient = gradient / np.maximum(norms(gradient), SMALLEST_NORM)
        self._mean += (1 - MEAN_MOMENTUM) * (gradient - self._mean)
        self._square += (1 - SQUARE_MOMENTUM) * (np.square(gradient) - self._square)
        self._mean_weight *= MEAN_MOMENTUM
        self._square_weight *= SQUARE_MOMENTUM
        mean, square = self._mean / (1 - self._mean_weight), self._square / (1 - self._square_weight)
        change: Array = length * mean / (np.sqrt(square) + 1e-8)
        return change


def _random_transform(random: np.random.Generator, size: tuple[int, int]) -> Transform:
    """Return a random transform of images of a size."""
    down, right = random.uniform(-1, 1, 2) * LARGEST_SHIFT * min(size)
    angle = random.uniform(-LARGEST_ANGLE, LARGEST_ANGLE)
    return similarity(size, (down, right), random.uniform(*SCALES), angle)


def within_norm(images: Array, bounds: Array) -> Array:
    """Return images (N, C, H, W), scaled so that their norms are at most the bounds (N,)."""
    result: Array = images * np.minimum(1, _factors(images, bounds))
    return result


def within_norm_backward(images: Array, bounds: Array, gradient: Array) -> Array:
    """Return the gradient of images, given that of the scaled images.

    If y = b·x/|x|, then dx = b/|x| · (dy − u·(u·dy)) with the unit vector u = x/|x|.
    """
    factors = _factors(images, bounds)
    units = images / np.maximum(norms(images), SMALLEST_NORM)
    tangent = gradient - units * (units * gradient).sum(axis=(1, 2, 3), keepdims=True)
    result: Array = np.where(factors < 1, factors * tangent, gradient)
    return result


def _factors(images: Array, bounds: Array) -> Array:
    """Return the bound of each image divided by its norm, (N, 1, 1, 1)."""
    factors: Array = bounds[:, np.newaxis, np.newaxis, np.newaxis].astype(images.dtype) / np.maximum(
        norms(images), SMALLEST_NORM
    )
    return factors


def norms(images: Array) -> Array:
    """Return the norm of each image (N, C, H, W), as (N, 1, 1, 1)."""
    result: Array = np.sqrt(np.square(images).sum(axis=(1, 2, 3), keepdims=True))
    return result
