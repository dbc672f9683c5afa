"""Softmax cross-entropy loss with label smoothing, and its gradient."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnfx.nn.layers import Array


class Loss(NamedTuple):
    """The loss of a batch of N images, summed over the images.

    Attributes
    ----------
    loss : float
        The loss that is minimized: cross-entropy with the smoothed targets.
    cross_entropy : float
        The plain cross-entropy, −Σ log p of the true class, for reports.
    gradient : array (K, N)
        Of `loss` with respect to the scores.
    """

    loss: float
    cross_entropy: float
    gradient: Array


def smoothed_cross_entropy(scores: Array, labels: NDArray[np.int64], smoothing: float = 0.0) -> Loss:
    """Compute the cross-entropy of the softmax of `scores`, and its gradient.

    The probabilities are p_k = exp(s_k) / Σ exp(s_j). The loss of one image is −Σ t_k log p_k, where the target t is 1
    for its class and 0 elsewhere; with smoothing ε, it is 1 − ε + ε/K and ε/K (Szegedy et al., 2016, "Rethinking the
    Inception architecture", section 7). As log p_k = s_k − log Σ exp(s_j) and the targets sum to 1, the derivative with
    respect to s_k is p_k − t_k.

    With smoothing, the loss of a perfect prediction is not 0 but the entropy of the target: 0.500 for ε = 0.1, K = 10.

    Parameters
    ----------
    scores : array (K, N)
    labels : array (N,) of int
        The class of each image, 0 … K − 1.
    smoothing : float
        ε, the part of the target that is spread evenly over all classes, 0..1.
    """
    classes, batch = scores.shape
    targets = np.full(scores.shape, smoothing / classes, scores.dtype)
    targets[labels, np.arange(batch)] += 1 - smoothing
    shifted = scores - scores.max(axis=0)  # does not change p, and exp does not overflow
    log_p = shifted - np.log(np.exp(shifted).sum(axis=0))
    return Loss(
        loss=-float((targets * log_p).sum(dtype=np.float64)),
        cross_entropy=-float(log_p[labels, np.arange(batch)].sum(dtype=np.float64)),
        gradient=np.exp(log_p) - targets,
    )
