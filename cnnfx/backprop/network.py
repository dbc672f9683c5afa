"""A whole network on batches, forward and backward, in shards that threads work on.

A batch is cut into shards of `SHARD` images, whatever the number of threads; each shard's gradient is that of its own
images, and the sum is taken in the shards' order. So results do not depend on which thread did what.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from cnnfx.backprop.im2col import Blocks, PatchBank
from cnnfx.backprop.layers import Absolute, Affine, Combine, MaxPool, MeanPool, Relu, Step, Unpooled
from cnnfx.backprop.loss import cross_entropy
from cnnfx.backprop.parameters import Parameters
from cnnfx.backprop.winograd import TileBank, Tiles, cheapest
from cnnfx.conv import run_in_threads
from cnnfx.nn.layers import Array, Shape
from cnnfx.nn.network import Layer
from cnnfx.system.blas import single_threaded

Bank = PatchBank | TileBank


def bank(blocks: Blocks, weights: Array, bias: Array) -> Bank:
    """The filters of a layer, with weights (K, C, kh, kw) and bias (K,) that may change in place."""
    way = cheapest(blocks, len(weights))
    return TileBank(way, weights, bias) if isinstance(way, Tiles) else PatchBank(way, weights, bias)


SHARD = 64
"""Images of a batch that one thread takes: many, for between calls of NumPy threads wait for each other; a batch of 128
keeps two threads busy."""

Load = Callable[[slice], tuple[Array, NDArray[np.int64]]]
"""What gives the images `(C, H, W, N)`, normalized, and the labels `(N,)` of a part of a batch."""

Result = TypeVar("Result")


class Outcome(NamedTuple):
    """Of a batch: its loss, summed over the images; how many were told rightly; the gradient of the mean loss (P,)."""

    loss: float
    correct: int
    gradient: Array


class Stack:
    """The steps of a network, with memory of their own: what one thread works with."""

    def __init__(self, banks: Sequence[Bank], layers: Sequence[Layer], head: tuple[Array, Array], lowest: int) -> None:
        self.lowest = lowest
        self.filters = [bank.step(wants_input=number > lowest) for number, bank in enumerate(banks)]
        self.layers = [[filters, *follow(layer)] for filters, layer in zip(self.filters, layers, strict=True)]
        self.head = Affine(*head)

    def forward(self, images: Array) -> Array:
        """The scores `(K, N)` of images `(C, H, W, N)`."""
        maps = images
        for steps in self.layers:
            for step in steps:
                maps = step.forward(maps)
        return self.head.forward(maps)

    def backward(self, gradient: Array) -> Array:
        """The gradient of the parameters from those of the lowest learned layer on, in their order, from that of the
        scores `(K, N)`."""
        gradient = self.head.backward(gradient)
        for steps in reversed(self.layers[self.lowest :]):
            for step in reversed(steps):
                gradient = step.backward(gradient)
        pairs = [*(filters.gradient for filters in self.filters[self.lowest :]), self.head.gradient]
        return np.concatenate([array.ravel() for pair in pairs for array in pair])


def follow(layer: Layer) -> list[Step]:
    """The steps that follow a layer's filters: combination, activation, pooling.

    The largest value is the same before and after an activation that only rises, and after the pooling there are fewer
    values to activate: so there the two change places.
    """
    combine: list[Step] = [Combine(layer.combine)] if layer.combine else []
    activation: list[Step] = [ACTIVATIONS[layer.activation.kind]()] if layer.activation.kind != "none" else []
    pool: Step = Unpooled() if layer.pool is None else POOLS[layer.pool.kind]()
    pool_first = isinstance(pool, MaxPool) and layer.activation.kind == "relu"
    return [*combine, pool, *activation] if pool_first else [*combine, *activation, pool]


ACTIVATIONS: dict[str, type[Step]] = {"relu": Relu, "abs": Absolute}
POOLS: dict[str, type[Step]] = {"max": MaxPool, "mean": MeanPool}


class Passes:
    """Forward and backward passes of a network whose parameters change.

    Parameters
    ----------
    parameters : Parameters
    shape : (C, H, W)
        Of the images.
    smoothing : float
        Of the targets, see `cnnfx.backprop.loss.cross_entropy`.
    """

    def __init__(self, parameters: Parameters, shape: Shape, smoothing: float = 0.0) -> None:
        self.parameters, self.smoothing = parameters, smoothing
        *pairs, self._head = parameters.pairs
        self._layers = parameters.network.layers
        shapes = [shape, *parameters.network.output_shapes(shape)]
        self._banks = [
            bank(Blocks(layer.conv.window, below, layer.pool.size if layer.pool else 1), *pair)
            for layer, below, pair in zip(self._layers, shapes, pairs, strict=False)
        ]
        self.refresh()
        learned = [bool(mask.any()) for mask, _ in parameters.split(parameters.learned)]
        self._lowest = learned.index(True)
        self._stacks: SimpleQueue[Stack] = SimpleQueue()

    def refresh(self) -> None:
        """Take in that the parameters have changed."""
        with single_threaded():  # threads of BLAS would stay awake for a while, in the way of ours
            for bank in self._banks:
                bank.refresh()

    def learn(self, count: int, load: Load) -> Outcome:
        """Loss and gradient of a batch of `count` images."""

        def work(stack: Stack, shard: slice) -> tuple[float, int, Array]:
            images, labels = load(shard)
            scores = stack.forward(images)
            loss, gradient = cross_entropy(scores, labels, self.smoothing)
            gradient *= scores.dtype.type(1 / count)
            return loss, int((scores.argmax(axis=0) == labels).sum()), stack.backward(gradient)

        losses, correct, gradients = zip(*self._in_shards(count, work), strict=True)
        return Outcome(sum(losses), sum(correct), self._sum(gradients))

    def scores(self, count: int, load: Callable[[slice], Array]) -> Array:
        """The scores `(N, K)` of `count` images."""
        parts = self._in_shards(count, lambda stack, shard: stack.forward(load(shard)).T)
        return np.concatenate(parts)

    def _in_shards(self, count: int, work: Callable[[Stack, slice], Result]) -> list[Result]:
        """What `work` makes of each shard, in order."""
        shards = [slice(first, min(first + SHARD, count)) for first in range(0, count, SHARD)]
        results: dict[int, Result] = {}

        def take(shard: slice) -> None:
            stack = self._stack()
            results[shard.start] = work(stack, shard)
            self._stacks.put(stack)

        run_in_threads(take, shards)
        return [results[shard.start] for shard in shards]

    def _stack(self) -> Stack:
        """One that nobody works with."""
        try:
            return self._stacks.get_nowait()
        except Empty:
            return Stack(self._banks, self._layers, self._head, self._lowest)

    def _sum(self, gradients: Sequence[Array]) -> Array:
        """The gradient of all parameters (P,) from those of the shards, in their order; 0 for what is not learned."""
        result = np.zeros_like(self.parameters.vector)
        upper = result[len(result) - len(gradients[0]) :]
        for gradient in gradients:
            upper += gradient
        result *= self.parameters.learned
        return result
