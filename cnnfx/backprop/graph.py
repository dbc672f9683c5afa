"""Gradients of any output of a network, a graph of layers, with respect to the images and to the maps of every layer.

The forward pass is that of `cnnfx.nn`. The backward pass goes through the layers in reverse order, and through the
steps of each layer in reverse order: pooling, local response normalization, activation, combination, filters, join. The
gradient of maps that several layers read is the sum of what these layers pass down.

Weights have no gradient here; `cnnfx.backprop.network` trains them. Arrays are `(N, C, H, W)` as in `cnnfx.nn`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from cnnfx.backprop.correlation import Correlation
from cnnfx.backprop.layers import Operation
from cnnfx.backprop.operations import Activate, Combine, Join, NormalizeLocalResponse, Rectify, Softmax
from cnnfx.backprop.pooling import MaxPool, MeanPool
from cnnfx.nn.layers import Array, Layer
from cnnfx.nn.network import Network

Rule = Literal["gradient", "deconvolution"]
"""How signals pass activation functions backward; see `GraphGradient`."""

RECTIFIERS = ("relu", "relu6")
"""The activation functions that the rule "deconvolution" replaces: those that set negative values to zero."""


class GraphGradient:
    """The maps of a network's last layer, or its class scores, as a differentiable function of the images.

    Objects keep the maps of all layers of the last forward pass, so each is for use by one thread at a time.

    Parameters
    ----------
    network : Network
        Bound to the images' channels (`Network.bind`).
    rule : "gradient" or "deconvolution"
        "deconvolution" rectifies the signal at each ReLU and ReLU6, as the deconvolutional network of Zeiler and Fergus
        does: see `cnnfx.features.deconvnet`. All other operations pass the gradient.
    dtype : type
        float32, or float64 for tests.
    """

    def __init__(self, network: Network, rule: Rule = "gradient", dtype: type[np.floating] = np.float32) -> None:
        self.network, self.dtype = network, np.dtype(dtype)
        self._layers = {
            number: _LayerSteps(network.layers[number - 1], rule, self.dtype) for number in sorted(network.needed - {0})
        }
        self._maps: dict[int, Array] = {}
        self._gradients: dict[int, Array] = {}

    @np.errstate(over="ignore", invalid="ignore")
    def forward(self, images: Array) -> Array:
        """Return the last layer's maps `(N, K, Ho, Wo)`, or the class scores `(N, K, 1, 1)` of a network with a head.

        Parameters
        ----------
        images : array (N, C, H, W)
            0..1; the network's normalization is applied to them.

        Raises
        ------
        ArgumentError
            If the images do not fit the network.
        """
        self._maps = {0: self.network.normalize(images.astype(self.dtype, copy=False))}
        for number, steps in self._layers.items():
            self._maps[number] = steps.forward([self._maps[source] for source in self.network.sources(number)])
        last = self._maps[len(self.network.layers)]
        if self.network.head is None:
            return last
        return self.network.head.forward(last)[..., np.newaxis, np.newaxis]

    @np.errstate(over="ignore", invalid="ignore")
    def backward(self, d_output: Array) -> Array:
        """Return the gradient with respect to the images, given that with respect to the result of `forward`.

        Parameters
        ----------
        d_output : array (N, K, Ho, Wo), or (N, K, 1, 1) for class scores

        Returns
        -------
        array (N, C, H, W)
        """
        count = len(self.network.layers)
        gradient = d_output.astype(self.dtype, copy=False)
        if self.network.head is not None:  # scores = W·x, so dx = Wᵀ·dy
            weights = self.network.head.weights.astype(self.dtype, copy=False)
            gradient = (gradient[:, :, 0, 0] @ weights).reshape(self._maps[count].shape)
        self._gradients = {count: gradient}
        for number in reversed(self._layers):
            below = self._layers[number].backward(self._gradients[number])
            for source, part in zip(self.network.sources(number), below, strict=True):
                self._gradients[source] = self._gradients[source] + part if source in self._gradients else part
        d_images: Array = self._gradients[0] * self.network.input.gradient_factors(self.dtype.type)
        return d_images

    def maps(self, number: int) -> Array:
        """Return the output `(N, K, H, W)` of a layer in the last forward pass; that of 0 is the normalized images."""
        return self._maps[number]

    def gradient(self, number: int) -> Array:
        """Return the gradient `(N, K, H, W)` with respect to the output of a layer, after a backward pass."""
        return self._gradients[number]


class _LayerSteps:
    """The steps of a layer: join, filters, combination, activation, local response normalization, pooling."""

    def __init__(self, layer: Layer, rule: Rule, dtype: np.dtype[np.floating]) -> None:
        self._join = Join(layer.join_inputs, layer.join)
        self._operations = _operations(layer, rule, dtype)

    def forward(self, inputs: Sequence[Array]) -> Array:
        """Return the layer's output, given those of the layers that it reads."""
        x = self._join.forward(inputs)
        for operation in self._operations:
            x = operation.forward(x)
        return x

    def backward(self, dy: Array) -> list[Array]:
        """Return the gradient of each input."""
        for operation in reversed(self._operations):
            dy = operation.backward(dy)
        return self._join.backward(dy)


def _operations(layer: Layer, rule: Rule, dtype: np.dtype[np.floating]) -> list[Operation]:
    """Return the operations of a layer on its joined inputs."""
    operations: list[Operation] = []
    if layer.conv is not None:
        weights, bias = (array.astype(dtype, copy=False) for array in (layer.conv.weights, layer.conv.bias))
        operations.append(Correlation(replace(layer.conv, weights=weights, bias=bias)))
    if layer.combine:
        operations.append(Combine(layer.combine))
    if layer.activation.kind == "softmax":
        operations.append(Softmax(layer.activation))
    elif layer.activation.kind in RECTIFIERS and rule == "deconvolution":
        operations.append(Rectify(layer.activation))
    elif layer.activation.kind != "none":
        operations.append(Activate(layer.activation))
    if layer.local_response is not None:
        operations.append(NormalizeLocalResponse(layer.local_response))
    if layer.pool is not None:
        operations.append(MaxPool(layer.pool) if layer.pool.kind == "max" else MeanPool(layer.pool))
    return operations
