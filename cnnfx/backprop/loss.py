"""Softmax cross-entropy: how surprised the network is by the right answers."""

from __future__ import annotations

import numpy as np

from cnnfx.nn.layers import Array


def softmax(scores: Array) -> Array:
    """Probabilities from scores `(K, N)`: p_k = exp(s_k) / Σ exp(s_j), each column adding up to 1.

    The largest score of each column is taken off first, which changes nothing (it cancels) and keeps exp from
    overflowing.
    """
    powers = np.exp(scores - scores.max(axis=0))
    return powers / powers.sum(axis=0)  # type: ignore[no-any-return]


def cross_entropy(scores: Array, labels: Array, smoothing: float = 0.0) -> tuple[float, Array]:
    """The loss of each image, summed, and its gradient with respect to the scores.

    The loss of one image is −Σ t_k log p_k, where the target t is 1 for its class and 0 elsewhere; or with smoothing
    ε, 1 − ε + ε/K and ε/K. As log p_k = s_k − log Σ exp(s_j), and the targets add up to 1, the slope is p_k − t_k.

    Parameters
    ----------
    scores : (K, N) array
    labels : (N,) array of int
        The right class of each image, 0 … K − 1.
    smoothing : float, 0 … 1
        The part of the target that is spread evenly over all classes.

    Returns
    -------
    loss : float
        The sum over the N images.
    gradient : (K, N) array
    """
    classes, batch = scores.shape
    targets = np.full(scores.shape, smoothing / classes, scores.dtype)
    targets[labels, np.arange(batch)] += 1 - smoothing
    lowered = scores - scores.max(axis=0)
    logs = lowered - np.log(np.exp(lowered).sum(axis=0))
    return -float((targets * logs).sum(dtype=np.float64)), np.exp(logs) - targets
