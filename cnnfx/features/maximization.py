"""Activation maximization: inputs with large activations, computed from noise by gradient ascent.

Plain gradient ascent finds inputs with large activations, but most of them look like noise. The following
regularization leads to inputs that can be interpreted (Yosinski et al., 2015, "Understanding neural networks through
deep visualization"; Mordvintsev et al., 2015, "Inceptionism"):

- Bounds. Each pixel is between 0 and 1 before normalization, as in images, and the norm √Σx² is at most the largest
  norm of the channel's top patches. Without bounds, brightness and contrast would increase the activation without
  limit; with them, activations of inputs and patches can be compared.
- Decay. Each step scales the input down, so that pixels become black unless the gradient restores them.
- Jitter. Each step uses a window of the input at a random offset, so that the result does not depend on single pixels.
- Smoothing. The gradient is blurred, less in later steps, so that large shapes develop first.

The last steps have no decay, jitter or smoothing, so that the input becomes sharp and the activation maximal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from cnnfx.backprop.network import ReplicaPool, shards
from cnnfx.features.activations import ChannelActivations
from cnnfx.nn.layers import Activation, Array, Shape
from cnnfx.nn.network import Network

Offset = tuple[int, int]
"""Rows and columns."""

STEPS = 200
"""Steps of gradient ascent."""

REGULARIZED_FRACTION = 0.85
"""The fraction of the steps with decay, jitter and smoothing."""

FIRST_STEP_LENGTH = 0.15
"""The norm of the first step, as a fraction of the bound."""

LAST_STEP_LENGTH = 0.01
"""The norm of the last step, as a fraction of the bound; the norms of the steps decrease exponentially."""

DECAY = 0.25
"""The fraction of the input that a step subtracts, divided by the length of the step."""

FIRST_BLUR = 1.0
"""The standard deviation of the first gradient's blur, in pixels."""

LAST_BLUR = 0.6
"""The standard deviation of the last gradient's blur, in pixels."""

SMALLEST_BLURRED_SIDE = 8
"""The fewest rows or columns of inputs that are blurred; single pixels matter in smaller inputs."""

SHARD_INPUTS = 32
"""Inputs that a thread processes at a time."""

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
        With one output pixel in the last layer for an input of this shape, or with a classifier head.
    shape : (C, H, W)
    channels : sequence of int
        Output channels of the last layer, or classes.
    bounds : sequence of float
        For each channel, the largest norm of the inputs.
    seed : int
        Seed of the noise and the jitter.
    count : int
        Inputs for each channel, computed from different noise.
    progress : callable, optional
        Called with the number of inputs computed so far.

    Returns
    -------
    list of lists of `count` MaximizedInput
        For each channel, the largest activation first.
    """
    smooth_network = _without_last_relu(network)
    starts, offsets = _random_numbers(shape, seed, count)
    tasks = [(channel, bound, start) for channel, bound in zip(channels, bounds, strict=True) for start in range(count)]
    done: list[int] = []  # the starts of the inputs computed so far: appending to a list is thread-safe

    def work(activations: ChannelActivations, part: slice) -> list[MaximizedInput]:
        noise = np.stack([starts[start] for _, _, start in tasks[part]], axis=-1)
        part_channels = np.array([channel for channel, _, _ in tasks[part]])
        part_bounds = np.array([bound for _, bound, _ in tasks[part]], np.float32)
        ascended = _ascend(activations, noise, part_channels, part_bounds, offsets)
        done.extend(start for _, _, start in tasks[part])
        if progress:
            progress(len(done))
        return [MaximizedInput(*one, start) for one, (_, _, start) in zip(ascended, tasks[part], strict=True)]

    pool = ReplicaPool(lambda: ChannelActivations(smooth_network, shape))
    results = [result for part in pool.map(work, shards(len(tasks), SHARD_INPUTS)) for result in part]
    by_channel = [results[first : first + count] for first in range(0, len(results), count)]
    return [sorted(of_channel, key=lambda result: -result.activation) for of_channel in by_channel]


def without_padding(network: Network) -> Network:
    """Return the network without padding, as it is applied far from the border of an image."""
    layers = [replace(layer, conv=replace(layer.conv, padding="valid")) for layer in network.layers]
    return replace(network, layers=tuple(layers))


def _without_last_relu(network: Network) -> Network:
    """Return the network without the last ReLU, whose gradient is 0 for channels that are not active."""
    *lower, last = network.layers
    if network.head is not None or last.activation.kind != "relu":
        return network
    return replace(network, layers=(*lower, replace(last, activation=Activation())))


def _jitter(shape: Shape) -> int:
    """Return the jitter in pixels: the largest distance of the window from the center; 0 for small inputs."""
    return min(shape[1:]) // 8


def _random_numbers(shape: Shape, seed: int, count: int) -> tuple[list[Array], list[Offset]]:
    """Return the noise `(C, H + 2·jitter, W + 2·jitter)` of each input, and the offset of the window in each step.

    The noise is black in half of its pixels and as smooth as the first gradients: for a uniform input, activations and
    gradients of a network may all be 0.
    """
    channels, height, width = shape
    jitter = _jitter(shape)
    starts = []
    for number in range(count):
        random = np.random.default_rng((seed, 0, number))
        noise = random.normal(size=(channels, height + 2 * jitter, width + 2 * jitter, 1)).astype(np.float32)
        smooth = _blur(noise, FIRST_BLUR)[..., 0]
        starts.append(np.clip(smooth / (2 * np.sqrt(np.square(smooth).mean())), 0, 1))
    random = np.random.default_rng((seed, 1))
    offsets = random.integers(0, 2 * jitter + 1, (STEPS, 2))
    offsets[round(REGULARIZED_FRACTION * STEPS) :] = jitter
    return starts, [(top, left) for top, left in offsets.tolist()]


def _ascend(
    network: ChannelActivations, canvas: Array, channels: Array, bounds: Array, offsets: Sequence[Offset]
) -> list[tuple[float, Array]]:
    """Return activations and inputs (C, H, W) after gradient ascent from noise (C, H + 2·jitter, W + 2·jitter, N)."""
    canvas = _project_to_bounds(canvas, bounds)
    for step, offset in enumerate(offsets):
        window = _window(canvas, offset, network.shape)
        gradient = network.backward(_select(network.forward(window), channels))
        length = FIRST_STEP_LENGTH * (LAST_STEP_LENGTH / FIRST_STEP_LENGTH) ** (step / len(offsets))
        done = step / (REGULARIZED_FRACTION * len(offsets))
        if done < 1:
            gradient = _blur(gradient, FIRST_BLUR + (LAST_BLUR - FIRST_BLUR) * done)
            canvas *= np.float32(1 - DECAY * length)
        else:
            gradient = _within_range(gradient, window)
        window += gradient * (length * bounds / np.maximum(_norms(gradient), SMALLEST_NORM)).astype(gradient.dtype)
        canvas = _project_to_bounds(canvas, bounds)
    result = _project_to_bounds(_window(canvas, offsets[-1], network.shape), bounds)
    activations = network.forward(result)[channels, 0, 0, np.arange(len(channels))]
    return [(float(activation), result[..., n].copy()) for n, activation in enumerate(activations)]


def _window(canvas: Array, offset: Offset, shape: Shape) -> Array:
    """Return the view (C, H, W, N) of the canvas at an offset."""
    top, left = offset
    return canvas[:, top : top + shape[1], left : left + shape[2]]


def _select(activations: Array, channels: Array) -> Array:
    """Return the gradient of the sum of each input's channel: 1 for this channel, 0 for the others."""
    gradient = np.zeros_like(activations)
    gradient[channels, :, :, np.arange(len(channels))] = 1
    return gradient


def _within_range(gradient: Array, pixels: Array) -> Array:
    """Return the gradient, set to 0 for pixels that it would move out of 0..1."""
    clipped = ((pixels >= 1) & (gradient > 0)) | ((pixels <= 0) & (gradient < 0))
    return np.where(clipped, 0, gradient)


def _project_to_bounds(pixels: Array, bounds: Array) -> Array:
    """Return the nearest inputs with all pixels in 0..1 and norms within their bounds: clip(f·x, 0, 1).

    The factor f ≤ 1 is found by iteration. Clipped pixels do not change for small changes of f, so the norm decreases
    more slowly than f, and multiplying f by bound / norm repeatedly converges to the solution from above.
    """
    scaled = pixels
    for _ in range(5):
        norms = np.maximum(_norms(np.clip(scaled, 0, 1)), SMALLEST_NORM)
        scaled = scaled * np.minimum(1, bounds / norms).astype(pixels.dtype)
    clipped: Array = np.clip(scaled, 0, 1)
    bounded: Array = clipped * np.minimum(1, bounds / np.maximum(_norms(clipped), SMALLEST_NORM)).astype(pixels.dtype)
    return bounded


def _norms(pixels: Array) -> Array:
    """Return the norm of each input (N,)."""
    norms: Array = np.sqrt(np.square(pixels).sum(axis=(0, 1, 2)))
    return norms


def _blur(pixels: Array, std: float) -> Array:
    """Return inputs blurred with a Gaussian; small inputs are not blurred."""
    from scipy.ndimage import gaussian_filter1d

    if min(pixels.shape[1:3]) < SMALLEST_BLURRED_SIDE:
        return pixels
    rows = gaussian_filter1d(pixels, std, axis=1, mode="nearest")
    smooth: Array = gaussian_filter1d(rows, std, axis=2, mode="nearest")
    return smooth
