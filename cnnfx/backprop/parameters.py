"""The parameters of a network as one vector, which of them are trained, and their random initial values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import ArgumentError
from cnnfx.nn.classifier import Dense
from cnnfx.nn.layers import Array, Conv, Shape
from cnnfx.nn.network import Network


def all_filters(network: Network) -> list[NDArray[np.bool_]]:
    """Return masks (K,) that select every filter of each layer."""
    return [np.ones(len(layer.filter_names), bool) for layer in network.layers]


def filters_of(network: Network) -> list[Conv]:
    """Return the filters of each layer of a network that can be trained.

    Raises
    ------
    ArgumentError
        If a layer has no filters, reads other layers than the one before it, or has groups of channels.
    """
    convs = [layer.conv for layer in network.layers if layer.conv is not None]
    if not network.is_chain:
        raise ArgumentError(f"{network.name} has layers that are not a chain of filters, which cannot be trained.")
    if any(conv.groups > 1 for conv in convs):
        raise ArgumentError(f"{network.name} has groups of channels, which cannot be trained.")
    return convs


def initialize(
    network: Network, random_filters: Sequence[NDArray[np.bool_]], shape: Shape, classes: Sequence[str],
    generator: np.random.Generator, first_factor: float = 1.0,
) -> Network:  # fmt: skip
    """Return the network bound to its input, with random weights and a new classifier head.

    Parameters
    ----------
    network : Network
    random_filters : sequence of arrays (K,) of bool
        For each layer, the filters whose weights are replaced by random ones of the same shape.
    shape : (C, H, W)
        Of the images.
    classes : sequence of str
    generator : numpy.random.Generator
    first_factor : float
        Multiplies the random weights of the first layer.

    Raises
    ------
    ArgumentError
        If a layer's kernel or pooling is larger than its input; the message names the layer. If the network cannot be
        trained.
    """
    bound = network.bind([str(index) for index in range(shape[0])])
    maps = bound.output_shapes(shape)[-1]
    layers = []
    factors = (first_factor, *[1.0] * (len(bound.layers) - 1))
    for layer, conv, is_random, factor in zip(bound.layers, filters_of(bound), random_filters, factors, strict=True):
        weights = conv.weights.astype(np.float32)
        weights[is_random] = np.float32(factor) * he_normal(generator, weights.shape)[is_random]
        layers.append(replace(layer, conv=replace(conv, weights=weights, bias=conv.bias.astype(np.float32))))
    # No ReLU follows the head, so its variance is 1/n, which gives the scores the variance of the inputs.
    dense = he_normal(generator, (len(classes), int(np.prod(maps)))) / np.float32(np.sqrt(2))
    head = Dense(dense, np.zeros(len(classes), np.float32), maps)
    start = replace(bound, layers=tuple(layers), head=head, classes=tuple(classes), start=None)
    return replace(start, start=start)


def he_normal(generator: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Draw weights `(K, …)` in float32 from a normal distribution of variance 2 / n, for filters of n values.

    A sum of n products with weights of variance 1/n has the variance of the inputs; the factor 2 compensates for ReLU,
    which halves the mean square. So activations neither grow nor vanish from layer to layer (He et al., 2015, "Delving
    deep into rectifiers").
    """
    return generator.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape).astype(np.float32)


class Parameters:
    """All parameters of a network as one vector, which the optimizer updates with a few operations.

    Parameters
    ----------
    network : Network
    trainable_filters : sequence of arrays (K,) of bool
        For each layer, the filters that are trained; the weights and biases of the others are constant.
    dtype : type
        float32, or float64 for tests.

    Attributes
    ----------
    vector : array (P,)
        Weights, then bias of each layer in order, those of the head last.
    trainable : array (P,) of float32
        1 where a parameter is trained, 0 where it is constant.
    is_weight : array (P,) of float32
        1 for weights, 0 for biases.

    Raises
    ------
    ArgumentError
        If the network has no classifier head, or cannot be trained; see `filters_of`.
    """

    def __init__(
        self, network: Network, trainable_filters: Sequence[NDArray[np.bool_]], dtype: type[np.generic] = np.float32
    ) -> None:
        if network.head is None:
            raise ArgumentError(f"{network.name} has no classifier head. Make one with initialize.")
        self.network = network
        pairs = [(conv.weights, conv.bias) for conv in filters_of(network)]
        pairs.append((network.head.weights, network.head.bias))
        arrays = [array for pair in pairs for array in pair]
        self._shapes = [array.shape for array in arrays]
        self._ends = np.cumsum([0] + [array.size for array in arrays]).tolist()
        self.vector = np.concatenate([array.ravel() for array in arrays]).astype(dtype)
        masks = [*trainable_filters, np.ones(len(network.head.bias), bool)]
        repeated = [np.repeat(masks[index // 2], array[0].size) for index, array in enumerate(arrays)]
        self.trainable = np.concatenate(repeated).astype(np.float32)
        weights_then_biases = [np.full(array.size, index % 2 == 0) for index, array in enumerate(arrays)]
        self.is_weight = np.concatenate(weights_then_biases).astype(np.float32)

    def __len__(self) -> int:
        return len(self.vector)

    @property
    def pairs(self) -> list[tuple[Array, Array]]:
        """Weights and bias of each layer, those of the head last: views of the vector."""
        return self.split(self.vector)

    def split(self, vector: Array) -> list[tuple[Array, Array]]:
        """Return the weights and biases of each layer as views of a vector `(P,)` of parameters or gradients."""
        arrays = [
            vector[first:last].reshape(shape)
            for (first, last), shape in zip(pairwise(self._ends), self._shapes, strict=True)
        ]
        return list(zip(arrays[::2], arrays[1::2], strict=True))

    def to_network(self) -> Network:
        """Return the network with a copy of these parameters."""
        *layers, (weights, bias) = self.split(self.vector.copy())
        assert self.network.head is not None
        return replace(
            self.network,
            layers=tuple(
                replace(layer, conv=replace(conv, weights=w, bias=b))
                for layer, conv, (w, b) in zip(self.network.layers, filters_of(self.network), layers, strict=True)
            ),
            head=replace(self.network.head, weights=weights, bias=bias),
        )
