"""Adam with decoupled weight decay: Loshchilov and Hutter, 2019, "Decoupled Weight Decay Regularization"."""

from __future__ import annotations

import numpy as np

from cnnfx.layers import Array


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
