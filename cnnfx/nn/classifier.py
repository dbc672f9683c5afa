"""The classifier head: a dense layer that gives the scores of classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cnnfx.errors import ArgumentError
from cnnfx.nn.layers import Array, Shape
from cnnfx.system.sizes import shape_text


@dataclass(frozen=True, eq=False)
class Dense:
    """The classifier head of a network: the score of a class is a weighted sum of all values of the maps, plus a bias.

    Parameters
    ----------
    weights : array (K, C·H·W)
        In PyTorch's order: the maps of an image flattened channel by channel, row by row.
    bias : array (K,)
    shape : (C, H, W)
        The shape of the feature maps that it reads.
    """

    weights: Array
    bias: Array
    shape: Shape

    def __repr__(self) -> str:
        return f"<Dense {'×'.join(map(str, self.weights.shape))} {self.weights.dtype}>"

    @np.errstate(over="ignore", invalid="ignore")
    def forward(self, maps: Array) -> Array:
        """Return the scores `(K,)` of feature maps `(C, H, W)`, or `(N, K)` of a batch.

        Raises
        ------
        ArgumentError
            If the maps do not have this shape.
        """
        self.check(maps.shape[-3:])
        flat = maps.reshape(*maps.shape[:-3], -1)
        return flat @ self.weights.T + self.bias

    def check(self, shape: Shape) -> None:
        """Check that feature maps have the shape that the head reads.

        Raises
        ------
        ArgumentError
            If the shape differs.
        """
        if shape != self.shape:
            wanted, given = (shape_text(sizes, "map") for sizes in (self.shape, shape))
            raise ArgumentError(
                f"the classifier reads {wanted}, not {given}: the image must have the size of the training images."
            )
