"""The input that excites a channel most: from noise, uphill along the activation's gradient.

Any way uphill ends in an input that excites the channel, and most such inputs are noise to the eye. What leads to one
that can be read, as in Yosinski et al., 2015, "Understanding neural networks through deep visualization", and
Mordvintsev et al., 2015, "Inceptionism":

- Bounds. The input keeps to what images are: each pixel stays within 0..1, before the network normalizes it, and the
  norm √Σx² is at most that of the patches that excite the channel most. Without this, more light and more contrast
  would excite it ever more; with it, its activation can be compared with theirs.
- Decay. Each step takes a little of everything away: what the gradient does not give back fades to black.
- Jitter. Each step looks at the input through a frame that is shifted at random, so that a pattern counts, not a pixel.
- Smoothing. The gradient is blurred, less and less, so that large shapes come first.

In the last part of the way there is no decay, jitter or smoothing: the input gets sharper and rises to its peak.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from cnnfx.features.units import Units, in_shards, shards
from cnnfx.nn.layers import Activation, Array, Shape
from cnnfx.nn.network import Network

TINY = 1e-12
Pair = tuple[int, int]

STEPS = 200
FREE = 0.85
"""The share of the way with decay, jitter and smoothing."""
FIRST, LAST = 0.15, 0.01
"""How far a step goes, as a share of the bound: at first, and in the end."""
DECAY = 0.25
"""What each step takes away, as a share of how far it goes."""
BLUR = 1.0, 0.6
"""The standard deviation in pixels by which gradients are blurred: at first, and before it ends."""
SMALL = 8
"""Inputs with fewer rows or columns are not blurred: a pixel is much of them."""
TOGETHER = 32
"""Inputs that one thread works on at a time."""


class Climb(NamedTuple):
    """How much an input excites the channel, the input `(C, H, W)`, 0..1, and which noise it started from, 0, 1, …"""

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
) -> list[list[Climb]]:
    """Inputs that excite channels.

    Parameters
    ----------
    network : Network
        Its last layer's output is one pixel for an input of this shape (or its head tells scores).
    shape : (C, H, W)
    channels : sequence of int
        Of the last layer, or classes.
    bounds : sequence of float
        For each of them, the largest norm of its inputs.
    seed : int
        Of the noise that they start from, and of the jitter.
    count : int
        So many inputs for each channel, each from noise of its own.
    progress : callable, optional
        Called with the number of inputs that are done.

    Returns
    -------
    list of lists of `count` Climb
        For each channel, the best first.
    """
    rising = _rising(network)
    margin = jitter(shape)
    starts, frames = _chance(shape, margin, seed, count)
    each = [(channel, bound, n) for channel, bound in zip(channels, bounds, strict=True) for n in range(count)]
    climbs: dict[int, Climb] = {}

    def work(units: Units, part: slice) -> None:
        some = each[part]
        start = np.stack([starts[n] for _, _, n in some], axis=-1)
        found = _climb(units, start, np.array([c for c, _, _ in some]), np.array([b for _, b, _ in some], "f4"), frames)
        for index, (_, _, n), (activation, pixels) in zip(range(part.start, part.stop), some, found, strict=True):
            climbs[index] = Climb(activation, pixels, n)
        if progress:
            progress(len(climbs))

    in_shards(lambda: Units(rising, shape), shards(len(each), TOGETHER), work)
    ordered = [[climbs[first + n] for n in range(count)] for first in range(0, len(each), count)]
    return [sorted(some, key=lambda climb: -climb.activation) for some in ordered]


def jitter(shape: Shape) -> int:
    """By how many pixels the frame is shifted at most: none on small fields, where a pixel is much."""
    return min(shape[1:]) // 8


def _rising(network: Network) -> Network:
    """The network without the last ReLU: where it is positive it is the same, and where it is not there is a slope."""
    *below, last = network.layers
    if network.head is not None or last.activation.kind != "relu":
        return network
    return replace(network, layers=(*below, replace(last, activation=Activation())))


def _chance(shape: Shape, margin: int, seed: int, count: int) -> tuple[list[Array], list[Pair]]:
    """All that is random: the noise, one for each input of a channel, and where the frame is in each step.

    The noise is half black, and as smooth as the first gradients: in even light a network may see nothing at all, and
    then there is no way up.
    """
    channels, height, width = shape
    starts = []
    for number in range(count):
        random = np.random.default_rng((seed, 0, number))
        noise = random.normal(size=(channels, height + 2 * margin, width + 2 * margin, 1)).astype(np.float32)
        smooth = _smoothed(noise, BLUR[0])[..., 0]
        starts.append(np.clip(smooth / (2 * np.sqrt(np.square(smooth).mean())), 0, 1))
    random = np.random.default_rng((seed, 1))
    shifts = random.integers(0, 2 * margin + 1, (STEPS, 2))
    shifts[round(FREE * STEPS) :] = margin
    return starts, [(top, left) for top, left in shifts.tolist()]


def _climb(
    units: Units, canvas: Array, channels: Array, bounds: Array, frames: Sequence[Pair]
) -> list[tuple[float, Array]]:
    """From the noise `canvas` (C, H + 2·margin, W + 2·margin, N) uphill."""
    canvas = _bounded(canvas, bounds)
    for step, corner in enumerate(frames):
        frame = _framed(canvas, corner, units.shape)
        slope = units.backward(_one(units.forward(frame), channels))
        length = FIRST * (LAST / FIRST) ** (step / len(frames))
        done = step / (FREE * len(frames))
        if done < 1:
            slope = _smoothed(slope, BLUR[0] + (BLUR[1] - BLUR[0]) * done)
            canvas *= np.float32(1 - DECAY * length)
        else:
            slope = _possible(slope, frame)
        frame += slope * (length * bounds / np.maximum(_norms(slope), TINY)).astype(slope.dtype)
        canvas = _bounded(canvas, bounds)
    result = _bounded(_framed(canvas, frames[-1], units.shape), bounds)
    activations = units.forward(result)[channels, 0, 0, np.arange(len(channels))]
    return [(float(a), result[..., n].copy()) for n, a in enumerate(activations)]


def _framed(canvas: Array, corner: Pair, shape: Shape) -> Array:
    """The part of the canvas in the frame: a view."""
    top, left = corner
    return canvas[:, top : top + shape[1], left : left + shape[2]]


def _one(activations: Array, channels: Array) -> Array:
    """1 for each input's own channel, 0 for all others."""
    signal = np.zeros_like(activations)
    signal[channels, :, :, np.arange(len(channels))] = 1
    return signal


def _possible(slope: Array, pixels: Array) -> Array:
    """The gradient without what would lead out of 0..1, so that the step is spent on what is left."""
    stuck = ((pixels >= 1) & (slope > 0)) | ((pixels <= 0) & (slope < 0))
    return np.where(stuck, 0, slope)


def _bounded(pixels: Array, bounds: Array) -> Array:
    """The nearest inputs with each pixel within 0..1, and the norm of each within its bound: clip(f·x, 0, 1).

    The factor f is at most 1. Clipped pixels stay where they are while f falls a little, so the norm falls by less than
    f does: f times bound / norm, again and again, comes down to the right one and never passes it.
    """
    scaled = pixels
    for _ in range(5):
        scaled = scaled * np.minimum(1, bounds / np.maximum(_norms(np.clip(scaled, 0, 1)), TINY)).astype(pixels.dtype)
    clipped: Array = np.clip(scaled, 0, 1)
    bounded: Array = clipped * np.minimum(1, bounds / np.maximum(_norms(clipped), TINY)).astype(pixels.dtype)
    return bounded


def _norms(pixels: Array) -> Array:
    """The norm of each input (N,)."""
    norms: Array = np.sqrt(np.square(pixels).sum(axis=(0, 1, 2)))
    return norms


def _smoothed(pixels: Array, blur: float) -> Array:
    """Blurred along rows and columns, unless there are few of them."""
    from scipy.ndimage import gaussian_filter1d

    if min(pixels.shape[1:3]) < SMALL:
        return pixels
    rows = gaussian_filter1d(pixels, blur, axis=1, mode="nearest")
    smooth: Array = gaussian_filter1d(rows, blur, axis=2, mode="nearest")
    return smooth
