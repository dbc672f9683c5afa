"""Adam with decoupled weight decay: Loshchilov and Hutter, 2019, "Decoupled Weight Decay Regularization"."""

from __future__ import annotations

import math

import numpy as np

from cnnfx.nn.layers import Array

WARM_UP = 0.25
START = 0.04


def one_cycle(step: int, steps: int, peak: float, warm_up: float = WARM_UP) -> float:
    """The learning rate of a step.

    It rises along half a cosine from `START` of the peak to the peak in the first part of the run, `warm_up` of its
    steps, and falls along another half to (nearly) zero at the last step.

    Parameters
    ----------
    step : int
        Counted from 0.
    steps : int
        Of the whole run.
    peak : float
        The largest learning rate.
    """
    place, top = (step + 0.5) / steps, warm_up
    if place < top:
        return peak * (START + (1 - START) * _half(place / top))
    return peak * (1 - _half((place - top) / (1 - top)))


def _half(part: float) -> float:
    """Half a cosine, from 0 at 0 to 1 at 1, level at both ends."""
    return (1 - math.cos(math.pi * part)) / 2


class Adam:
    """Steps against the gradient, each parameter at its own pace.

    With gradient g, moving means of it and of its square are kept:

        m ← β₁ m + (1 − β₁) g        v ← β₂ v + (1 − β₂) g²

    Both begin at zero; dividing by 1 − βᵗ makes up for that. Then, with learning rate η and decay λ,

        θ ← θ − η (m̂ / (√v̂ + ε) + λ θ)

    so a step is about η, whatever the gradient's size, and smaller where gradients disagree. The decay acts on the
    parameters directly, not through the gradient.

    Parameters
    ----------
    size : int
        The number of parameters.
    betas : (float, float)
        β₁ and β₂, 0 … 1: how long the means remember.
    decay : (size,) array or float
        λ, for each parameter.
    epsilon : float
    """

    def __init__(
        self, size: int, betas: tuple[float, float] = (0.8, 0.95), decay: Array | float = 0.0, epsilon: float = 1e-8
    ) -> None:
        self.betas, self.decay, self.epsilon = betas, decay, epsilon
        self.mean, self.square = np.zeros(size, np.float32), np.zeros(size, np.float32)
        self.steps = 0

    def step(self, parameters: Array, gradient: Array, rate: float) -> None:
        """Change `parameters` (size,) in place, by their `gradient` (size,) and the learning rate."""
        self.steps += 1
        (slow, slower), count = self.betas, self.steps
        self.mean *= slow
        self.mean += (1 - slow) * gradient
        self.square *= slower
        self.square += (1 - slower) * np.square(gradient)
        pace = np.sqrt(self.square)
        pace *= (1 - slower**count) ** -0.5
        pace += self.epsilon
        change = np.divide(self.mean, pace, out=pace)
        change *= rate / (1 - slow**count)
        parameters *= 1 - rate * self.decay
        parameters -= change
