"""Forward and backward functions from an input patch to the channels of one layer."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cnnfx.backprop.layers import ACTIVATIONS, Operation, ReLU
from cnnfx.backprop.network import Replica, prepare_weights
from cnnfx.errors import ArgumentError
from cnnfx.nn.layers import Array, Shape
from cnnfx.nn.network import Network


class ChannelActivations:
    """The activations of a network's last layer, or its class scores, as a function of the input.

    Objects have buffers, so each is for use by one thread at a time. `backward` follows a call of `forward`.

    Parameters
    ----------
    network : Network
        Bound to the input's channels (`Network.bind`). With a classifier head, the channels are the classes.
    shape : (C, H, W)
        Of an input.
    relu : callable
        Creates the operation for ReLU; `cnnfx.features.deconvnet` uses one with another backward pass.
    dtype : type
        float32, or float64 for tests.

    Raises
    ------
    ArgumentError
        If the input is too small for a layer, the head reads maps of another size, or filters have groups of channels.
    """

    def __init__(
        self,
        network: Network,
        shape: Shape,
        relu: Callable[[], Operation] = ReLU,
        dtype: type[np.floating] = np.float32,
    ) -> None:
        self.network, self.shape = network, shape
        if any(layer.conv.groups > 1 for layer in network.layers):
            raise ArgumentError(f"{network.name} has groups of channels, which have no backward pass.")
        shapes = [shape, *network.output_shapes(shape)]
        weights = [
            prepare_weights(layer, input_shape, layer.conv.weights.astype(dtype), layer.conv.bias.astype(dtype))
            for layer, input_shape in zip(network.layers, shapes, strict=False)
        ]
        head = None
        if network.head is not None:
            network.head.check(shapes[-1])
            head = network.head.weights.astype(dtype), network.head.bias.astype(dtype)
        activations = {**ACTIVATIONS, "relu": relu}
        self._replica = Replica(network.layers, weights, head, needs_input_gradient=True, activations=activations)
        self._factor, self._mean = dtype(1 / network.input.std[0]), dtype(network.input.mean[0])

    def forward(self, images: Array) -> Array:
        """Normalize images `(C, H, W, N)`, and return the activations `(K, Ho, Wo, N)` or the scores `(K, 1, 1, N)`."""
        normalized: Array = (images - self._mean) * self._factor
        activations = self._replica.forward(normalized).copy()  # the buffers are overwritten by the backward pass
        return activations if activations.ndim == 4 else activations[:, np.newaxis, np.newaxis]

    def backward(self, gradient: Array) -> Array:
        """Return the gradient of the images `(C, H, W, N)`, given that of the activations, which is overwritten."""
        if self.network.head is not None:
            gradient = gradient[:, 0, 0]
        d_images: Array = self._replica.backward(gradient) * self._factor
        return d_images
