"""The outputs of a layer as functions of the input, and the way back from them to it.

This is the one place that works with the steps of `cnnfx.training`: they know forward and backward already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from queue import Empty, SimpleQueue
from typing import TypeVar

import numpy as np

from cnnfx.backprop.layers import ACTIVATIONS, ReLU
from cnnfx.backprop.network import Replica, prepare_weights
from cnnfx.conv import run_in_threads
from cnnfx.errors import ArgumentError
from cnnfx.nn.layers import Array, Shape
from cnnfx.nn.network import Network

Task = TypeVar("Task")

SHARD = 32
"""Inputs that one thread works on at a time."""


class Rectify(ReLU):
    """ReLU forward; backward it lets pass what is positive in the signal that goes back, whatever x was.

    dx = max(dy, 0), in place of the gradient's dx = dy where x > 0: this is the deconvolutional network's rule, Zeiler
    and Fergus, 2013, section 2.1, "Rectification".
    """

    def backward(self, dy: Array) -> Array:
        """The positive part of dy."""
        return np.maximum(dy, 0, out=dy)


class Units:
    """The output channels of a network's last layer, or its classes if it has a head, on batches `(C, H, W, N)`.

    What one thread works with: `backward` goes back on the way that the last `forward` came.

    Parameters
    ----------
    network : Network
        Bound to the input's channels (`Network.bind`).
    shape : (C, H, W)
        Of the inputs.
    deconvolve : bool
        Whether `backward` is the deconvolutional network, or else the gradient.
    dtype : type
        float32, or float64 for tests.

    Raises
    ------
    ArgumentError
        If a layer or the head does not fit what it is given, or channels are in groups.
    """

    def __init__(
        self, network: Network, shape: Shape, deconvolve: bool = False, dtype: type[np.floating] = np.float32
    ) -> None:
        self.network, self.shape = network, shape
        if any(layer.conv.groups > 1 for layer in network.layers):
            raise ArgumentError("filters in groups of channels have no way back to the input here.")
        shapes = [shape, *network.output_shapes(shape)]
        weights = [
            prepare_weights(layer, below, layer.conv.weights.astype(dtype), layer.conv.bias.astype(dtype))
            for layer, below in zip(network.layers, shapes, strict=False)
        ]
        for one in weights:
            one.update()
        head = None
        if network.head is not None:
            network.head.check(shapes[-1])
            head = network.head.weights.astype(dtype), network.head.bias.astype(dtype)
        activations = {**ACTIVATIONS, "relu": Rectify} if deconvolve else None
        self._replica = Replica(network.layers, weights, head, 0, True, activations)
        self._factor, self._mean = dtype(1 / network.std), dtype(network.mean)

    def forward(self, images: Array) -> Array:
        """The activations `(K, Ho, Wo, N)`, or scores `(K, 1, 1, N)`, of images `(C, H, W, N)`: they are normalized
        here."""
        maps: Array = (images - self._mean) * self._factor
        found = self._replica.forward(maps).copy()  # the steps use their memory again, also on the way back
        return found if found.ndim == 4 else found[:, np.newaxis, np.newaxis]

    def backward(self, signal: Array) -> Array:
        """The signal `(K, Ho, Wo, N)` brought back to the images: `(C, H, W, N)`. It may be overwritten."""
        signal = signal if self.network.head is None else signal[:, 0, 0]
        images: Array = self._replica.backward(signal) * self._factor
        return images


def in_shards(make: Callable[[], Units], tasks: Iterable[Task], work: Callable[[Units, Task], object]) -> None:
    """Call `work` on every task with units that nobody else works with; `make` makes as many as there are threads."""
    idle: SimpleQueue[Units] = SimpleQueue()

    def take(task: Task) -> None:
        try:
            units = idle.get_nowait()
        except Empty:
            units = make()
        work(units, task)
        idle.put(units)

    run_in_threads(take, tasks)


def shards(count: int, size: int = SHARD) -> list[slice]:
    """0 … `count` in parts of `size`."""
    return [slice(first, min(first + size, count)) for first in range(0, count, size)]
