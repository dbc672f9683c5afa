"""The Adam optimizer with decoupled weight decay, its learning rate schedule, and the decay of roughness of kernels."""

from __future__ import annotations

import math

import numpy as np

from cnnfx.nn.layers import Array

WARM_UP = 0.25
"""The fraction of the steps in which the learning rate rises."""

INITIAL_RATE = 0.04
"""The learning rate of the first step, as a fraction of the largest one."""

MAX_EIGENVALUE = 8
"""The upper bound of the eigenvalues of the grid Laplacian: 4 for the rows and 4 for the columns."""


class Adam:
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019, "Decoupled weight decay regularization").

    The moving means of the gradient g and of its square are updated:

        m ← β₁ m + (1 − β₁) g        v ← β₂ v + (1 − β₂) g²

    They start at zero; in step t, this bias is corrected by m̂ = m / (1 − β₁ᵗ) and v̂ = v / (1 − β₂ᵗ). Then, with
    learning rate η and weight decay λ,

        θ ← θ − η (m̂ / (√v̂ + ε) + λ θ)

    So the size of a step is about η for gradients of any size, and smaller where successive gradients differ. The decay
    acts on the parameters directly, not through the gradient.

    Parameters
    ----------
    size : int
        P, the number of parameters.
    betas : (float, float)
        β₁ and β₂, 0 ≤ β < 1.
    decay : array (P,) or float
        λ, for each parameter.
    epsilon : float
        ε.

    Attributes
    ----------
    mean, square : arrays (P,) of float32
        m and v.
    steps : int
        t.
    """

    def __init__(
        self, size: int, betas: tuple[float, float] = (0.8, 0.95), decay: Array | float = 0.0, epsilon: float = 1e-8
    ) -> None:
        self.betas, self.decay, self.epsilon = betas, decay, epsilon
        self.mean, self.square = np.zeros(size, np.float32), np.zeros(size, np.float32)
        self.steps = 0

    def step(self, parameters: Array, gradient: Array, rate: float) -> None:
        """Update `parameters` (P,) in place, with their `gradient` (P,) and the learning rate."""
        self.steps += 1
        beta1, beta2 = self.betas
        self.mean *= beta1
        self.mean += (1 - beta1) * gradient
        self.square *= beta2
        self.square += (1 - beta2) * np.square(gradient)
        denominator = np.sqrt(self.square)
        denominator *= (1 - beta2**self.steps) ** -0.5
        denominator += self.epsilon
        change = np.divide(self.mean, denominator, out=denominator)
        change *= rate / (1 - beta1**self.steps)
        parameters *= 1 - rate * self.decay
        parameters -= change


def grid_laplacian(weights: Array) -> Array:
    """Return the grid Laplacian L w of each kernel of `weights` (…, kh, kw).

    At each weight it is the sum of the differences from the neighbors above, below, left and right:

        (L w)ᵢ = Σⱼ (wᵢ − wⱼ)        j: the neighbors of i within the kernel

    A neighbor outside of the kernel counts as no difference, so the border is not pulled to 0, and L w is 0 for a
    constant kernel. L w is the gradient of the roughness, ½ Σ (wᵢ − wⱼ)² over all pairs of neighbors. L is symmetric
    with eigenvalues of at least 0 and below 8; the largest belongs to a kernel like a checkerboard.
    """
    laplacian = np.zeros_like(weights)
    rows, columns = np.diff(weights, axis=-2), np.diff(weights, axis=-1)
    laplacian[..., 1:, :] += rows
    laplacian[..., :-1, :] -= rows
    laplacian[..., :, 1:] += columns
    laplacian[..., :, :-1] -= columns
    return laplacian


def decay_roughness(weights: Array, rate: float, smoothness: float) -> Array:
    """Return kernels `(…, kh, kw)` after one step of a decay of their roughness.

    With learning rate η and smoothness s, gradient descent on s times the roughness of `grid_laplacian`:

        w ← w − s η L w

    Beside the decay of size, w ← w − η λ w, this is a decoupled decay of differences: a component of w with the
    eigenvalue μ of L is multiplied by 1 − s η μ. For s η ≤ 1/8 no component changes its sign, and the roughness
    decreases. A larger s η is limited to 1/8.

    Parameters
    ----------
    weights : array (…, kh, kw)
    rate : float
        η, above 0.
    smoothness : float
        s, 0 or more.
    """
    factor = min(smoothness * rate, 1 / MAX_EIGENVALUE)
    smoother: Array = weights - weights.dtype.type(factor) * grid_laplacian(weights)
    return smoother


def one_cycle(step: int, steps: int, peak: float, warm_up: float = WARM_UP) -> float:
    """Return the learning rate of a step of the one-cycle schedule.

    The rate rises along half a cosine from `INITIAL_RATE`·peak to the peak, and then falls along another half to nearly
    0 at the last step (Smith, 2018, "A disciplined approach to neural network hyper-parameters").

    Parameters
    ----------
    step : int
        0 … steps − 1.
    steps : int
        The number of steps of the run.
    peak : float
        The largest learning rate.
    warm_up : float
        The fraction of the steps in which the rate rises, 0..1.
    """
    position = (step + 0.5) / steps
    if position < warm_up:
        return peak * (INITIAL_RATE + (1 - INITIAL_RATE) * _half_cosine(position / warm_up))
    return peak * (1 - _half_cosine((position - warm_up) / (1 - warm_up)))


def _half_cosine(x: float) -> float:
    """Return (1 − cos πx) / 2, which rises from 0 at x = 0 to 1 at x = 1."""
    return (1 - math.cos(math.pi * x)) / 2
