"""What is learned: all parameters of a network in one row of numbers, and the random ones they start from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import ArgumentError
from cnnfx.nn.layers import Array, Dense, Shape
from cnnfx.nn.network import Network


@dataclass(frozen=True, eq=False)
class Learn:
    """Which of a layer's K filters are learned, and which of them start from random numbers.

    Parameters
    ----------
    learned : array (K,) of bool
        The others are held fixed, weights and bias.
    random : array (K,) of bool
        The others start from the weights that they have.
    """

    learned: NDArray[np.bool_]
    random: NDArray[np.bool_]


def all_learned(network: Network) -> list[Learn]:
    """That all filters of a network are learned on from the weights they have."""
    sizes = [len(layer.filter_names) for layer in network.layers]
    return [Learn(np.ones(size, bool), np.zeros(size, bool)) for size in sizes]


def he(random: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Random weights of a shape `(K, …)`: normal, of variance 2 / (numbers that one output is summed from).

    A sum of n products with weights of variance 1/n is as large as its inputs; ReLU halves the mean square, hence the
    2. So activations neither grow nor fade from layer to layer: He et al., 2015, "Delving deep into rectifiers".
    """
    return random.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape).astype(np.float32)


def initialize(
    network: Network, learn: Sequence[Learn], shape: Shape, classes: Sequence[str], random: np.random.Generator
) -> Network:
    """The network as it starts: bound to its input, random where `learn` says so, with a head for the classes.

    Parameters
    ----------
    network : Network
        Its random filters may have weights of any numbers, but of the right size.
    learn : sequence of Learn
        For each layer.
    shape : (C, H, W)
        Of the images.
    classes : sequence of str
    random : numpy.random.Generator

    Raises
    ------
    ArgumentError
        If a layer's kernel or pooling is larger than what it is given; the message says which layer.
    """
    bound = network.bind([str(index) for index in range(shape[0])])
    maps = bound.output_shapes(shape)[-1]
    layers = []
    for layer, how in zip(bound.layers, learn, strict=True):
        weights = layer.conv.weights.astype(np.float32)
        weights[how.random] = he(random, weights.shape)[how.random]
        layers.append(
            replace(layer, conv=replace(layer.conv, weights=weights, bias=layer.conv.bias.astype(np.float32)))
        )
    # A dense layer is followed by no ReLU: 1 in place of 2 keeps the scores as large as what they are made from.
    dense = he(random, (len(classes), int(np.prod(maps)))) / np.float32(np.sqrt(2))
    head = Dense(dense, np.zeros(len(classes), np.float32), maps)
    start = replace(bound, layers=tuple(layers), head=head, classes=tuple(classes), start=None)
    return replace(start, start=start)


class Parameters:
    """All parameters of a network as one vector, so that the optimizer is a few operations on one array.

    Attributes
    ----------
    vector : array (P,)
        Of the network's layers in order, the head last; each its weights, then its bias.
    learned : array (P,) of float32
        1 where a parameter is learned, 0 where it is held fixed.
    is_weight : array (P,) of float32
        1 for weights, 0 for biases.

    Raises
    ------
    ArgumentError
        If the network has no head, or groups of channels.
    """

    def __init__(self, network: Network, learn: Sequence[Learn], dtype: type[np.generic] = np.float32) -> None:
        if network.head is None:
            raise ArgumentError(f"{network.name} has no head to learn classes with: make one with initialize.")
        if any(layer.conv.groups > 1 for layer in network.layers):
            raise ArgumentError(f"{network.name} has groups of channels, which cannot be learned.")
        self.network = network
        pairs = [(layer.conv.weights, layer.conv.bias) for layer in network.layers]
        pairs.append((network.head.weights, network.head.bias))
        arrays = [array for pair in pairs for array in pair]
        self._shapes = [array.shape for array in arrays]
        self._ends = np.cumsum([0] + [array.size for array in arrays]).tolist()
        self.vector = np.concatenate([array.ravel() for array in arrays]).astype(dtype)
        every = [*(how.learned for how in learn), np.ones(len(network.head.bias), bool)]
        repeated = [np.repeat(every[index // 2], array[0].size) for index, array in enumerate(arrays)]
        self.learned = np.concatenate(repeated).astype(np.float32)
        self.is_weight = np.concatenate([np.full(a.size, index % 2 == 0) for index, a in enumerate(arrays)]).astype(
            "f4"
        )

    def __len__(self) -> int:
        return len(self.vector)

    @property
    def pairs(self) -> list[tuple[Array, Array]]:
        """Weights and bias of each layer, the head's last: views of the vector."""
        return self.split(self.vector)

    def split(self, vector: Array) -> list[tuple[Array, Array]]:
        """Weights and bias of each layer as views of a vector `(P,)`: parameters, or their gradient."""
        parts = [
            vector[first:last].reshape(shape)
            for (first, last), shape in zip(pairwise(self._ends), self._shapes, strict=True)
        ]
        return list(zip(parts[::2], parts[1::2], strict=True))

    def trained(self, vector: Array | None = None) -> Network:
        """The network with a copy of these parameters, or of others `(P,)`, in it."""
        *layers, (weights, bias) = self.split((self.vector if vector is None else vector).copy())
        assert self.network.head is not None
        return replace(
            self.network,
            layers=tuple(
                replace(layer, conv=replace(layer.conv, weights=w, bias=b))
                for layer, (w, b) in zip(self.network.layers, layers, strict=True)
            ),
            head=replace(self.network.head, weights=weights, bias=bias),
        )
