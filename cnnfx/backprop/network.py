"""A network on batches: forward and backward passes, loss and gradient, in parallel threads.

A batch is divided into shards of `SHARD_IMAGES` images. A thread processes one shard at a time, with a replica of the
network: operations that share the weights and have separate buffers. Neither the shards nor the order in which their
gradients are added depend on the number of threads, so results do not either.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from queue import Empty, SimpleQueue
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from cnnfx.backprop.im2col import Im2colWeights, PoolingBlocks
from cnnfx.backprop.layers import Linear, Operation, operations_after_filters
from cnnfx.backprop.loss import smoothed_cross_entropy
from cnnfx.backprop.normalization import BatchNorm, Moments, pooled_moments
from cnnfx.backprop.parameters import Parameters
from cnnfx.backprop.winograd import WinogradTiling, WinogradWeights, cheapest_method
from cnnfx.nn.layers import Array, Layer, Shape
from cnnfx.system.blas import single_threaded
from cnnfx.system.threads import run_in_threads

SHARD_IMAGES = 64
"""Images of a training batch that a thread takes at a time. Threads wait for each other between calls of NumPy, so a
shard is large; two of them make the default batch of 128."""

ConvWeights = Im2colWeights | WinogradWeights
"""The filters of a layer, prepared for one of the two methods."""

Collate = Callable[[slice], tuple[Array, NDArray[np.int64]]]
"""Returns the normalized images `(C, H, W, n)` and the labels `(n,)` of a part of a batch."""

Task = TypeVar("Task")
Result = TypeVar("Result")
ReplicaT = TypeVar("ReplicaT")


class BatchResult(NamedTuple):
    """The result of a forward and backward pass on a batch of N images.

    Attributes
    ----------
    loss, cross_entropy : float
        The loss that is minimized and the plain cross-entropy (see `cnnfx.backprop.loss`), summed over the images.
    correct : int
        The number of images that are classified correctly.
    gradient : array (P,)
        Of the mean of `loss` over the images, with respect to the parameters; 0 for those that are not trained.
    """

    loss: float
    cross_entropy: float
    correct: int
    gradient: Array


class TrainableNetwork:
    """Loss, gradient and scores of a network whose parameters change.

    Parameters
    ----------
    parameters : Parameters
    shape : (C, H, W)
        Of the images.
    smoothing : float
        Label smoothing, 0..1, see `cnnfx.backprop.loss`.
    normalized : sequence of bool, optional
        For each layer, whether its outputs are normalized over each shard; see `cnnfx.backprop.normalization`. Without
        it no layer is.
    """

    def __init__(
        self, parameters: Parameters, shape: Shape, smoothing: float = 0.0, normalized: Sequence[bool] = ()
    ) -> None:
        self.parameters, self.smoothing = parameters, smoothing
        self._normalized = list(normalized) or [False] * len(parameters.network.layers)
        *pairs, head = parameters.pairs
        layers = parameters.network.layers
        shapes = [shape, *parameters.network.output_shapes(shape)]
        biases = [bias for _, bias in pairs]
        with single_threaded():  # the threads of BLAS would stay active for a while and slow down ours
            self._weights = [
                prepare_weights(layer, input_shape, weights, np.zeros_like(bias) if norm else bias)
                for layer, input_shape, (weights, bias), norm in zip(
                    layers, shapes, pairs, self._normalized, strict=False
                )
            ]
        norms = [bias if norm else None for bias, norm in zip(biases, self._normalized, strict=True)]
        first_trainable = [bool(mask.any()) for mask, _ in parameters.split(parameters.trainable)].index(True)
        self._replicas = ReplicaPool(lambda: Replica(layers, self._weights, norms, head, first_trainable))

    def update(self) -> None:
        """Prepare the weights again after the parameters have changed."""
        with single_threaded():
            for weights in self._weights:
                weights.update()

    def loss_and_grad(self, count: int, collate: Collate) -> BatchResult:
        """Return loss and gradient of a batch of `count` images."""

        def work(replica: Replica, shard: slice) -> BatchResult:
            images, labels = collate(shard)
            scores = replica.forward(images)
            loss, cross_entropy, d_scores = smoothed_cross_entropy(scores, labels, self.smoothing)
            d_scores *= scores.dtype.type(1 / count)
            replica.backward(d_scores)
            correct = int((scores.argmax(axis=0) == labels).sum())
            return BatchResult(loss, cross_entropy, correct, replica.gradient())

        results = self._replicas.map(work, shards(count, SHARD_IMAGES))
        losses, cross_entropies, correct, gradients = zip(*results, strict=True)
        return BatchResult(sum(losses), sum(cross_entropies), sum(correct), self._sum(gradients))

    def scores(self, count: int, collate: Callable[[slice], Array]) -> Array:
        """Return the scores `(N, K)` of N = `count` images; `collate` returns the images `(C, H, W, n)` of a part."""
        tasks = shards(count, SHARD_IMAGES)
        return np.concatenate(self._replicas.map(lambda replica, shard: replica.forward(collate(shard)).T, tasks))

    def moments(self, count: int, collate: Callable[[slice], Array]) -> list[Moments | None]:
        """Return the moments of each normalized layer over `count` images; None for the other layers."""

        def work(replica: Replica, shard: slice) -> list[Moments | None]:
            replica.forward(collate(shard))
            return replica.moments()

        tasks = shards(count, SHARD_IMAGES)
        by_shard = self._replicas.map(work, tasks)
        sizes = [shard.stop - shard.start for shard in tasks]
        return [
            pooled_moments(list(parts), sizes) if parts[0] is not None else None
            for parts in zip(*by_shard, strict=True)
        ]

    def _sum(self, gradients: Sequence[Array]) -> Array:
        """Return the gradient of all parameters (P,), given the shards' gradients from the first trained layer on."""
        total = np.zeros_like(self.parameters.vector)
        trained = total[len(total) - len(gradients[0]) :]
        for gradient in gradients:
            trained += gradient
        total *= self.parameters.trainable
        return total


def prepare_weights(layer: Layer, input_shape: Shape, weights: Array, bias: Array) -> ConvWeights:
    """Return the weights (K, C, kh, kw) and the bias (K,) of a layer for the cheaper method.

    The arrays may be changed in place; call `update` of the result after each change.
    """
    assert layer.conv is not None  # see `filters_of`
    blocks = PoolingBlocks(layer.conv.window, input_shape, layer.pool_size)
    method = cheapest_method(blocks, len(weights))
    if isinstance(method, WinogradTiling):
        return WinogradWeights(method, weights, bias)
    return Im2colWeights(blocks, weights, bias)


class Replica:
    """The operations of a network, with buffers, for use by one thread at a time.

    Parameters
    ----------
    layers : sequence of Layer
    weights : sequence of ConvWeights
        For each layer, shared by all replicas.
    norms : sequence of arrays (K,) or None
        For each layer, its bias if it is normalized.
    head : (array (K, F), array (K,))
        Weights and bias of the classifier head.
    first_trainable : int
        Index of the first layer with a gradient; `len(layers)` if only the head is trained.
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        weights: Sequence[ConvWeights],
        norms: Sequence[Array | None],
        head: tuple[Array, Array],
        first_trainable: int = 0,
    ) -> None:
        convs = [layer_weights.operation(number > first_trainable) for number, layer_weights in enumerate(weights)]
        linear = Linear(*head)
        self._norms = [None if bias is None else BatchNorm(bias) for bias in norms]
        by_layer = [
            [conv, *operations_after_filters(layer, norm)]
            for conv, layer, norm in zip(convs, layers, self._norms, strict=True)
        ]
        frozen, trained = by_layer[:first_trainable], by_layer[first_trainable:]
        self._frozen: list[Operation] = [*chain.from_iterable(frozen)]
        self._trained: list[Operation] = [*chain.from_iterable(trained), linear]
        self._trained_convs, self._linear = list(zip(convs, self._norms, strict=True))[first_trainable:], linear

    def forward(self, images: Array) -> Array:
        """Return the scores `(K, N)` of images `(C, H, W, N)`."""
        x = images
        for operation in self._frozen + self._trained:
            x = operation.forward(x)
        return x

    def backward(self, dy: Array) -> None:
        """Compute the gradients of the parameters, given the gradient `dy` of the scores, which is overwritten."""
        for operation in reversed(self._trained):
            dy = operation.backward(dy)

    def gradient(self) -> Array:
        """Return the gradient of the parameters from the first trained layer on, after a backward pass."""
        pairs = [
            conv.gradient if norm is None else (conv.gradient[0], norm.gradient) for conv, norm in self._trained_convs
        ]
        pairs.append(self._linear.gradient)
        return np.concatenate([array.ravel() for pair in pairs for array in pair])

    def moments(self) -> list[Moments | None]:
        """Return the moments of each normalized layer in the last forward pass; None for the other layers."""
        return [None if norm is None else norm.moments for norm in self._norms]


class ReplicaPool(Generic[ReplicaT]):
    """Replicas for parallel threads, created when they are needed and reused.

    Parameters
    ----------
    create : callable
        Returns a new replica.
    """

    def __init__(self, create: Callable[[], ReplicaT]) -> None:
        self._create = create
        self._idle: SimpleQueue[ReplicaT] = SimpleQueue()

    def map(self, work: Callable[[ReplicaT, Task], Result], tasks: Sequence[Task]) -> list[Result]:
        """Return `work(replica, task)` for each task, in order; no two threads use a replica at a time."""
        results: dict[int, Result] = {}

        def run(number: int) -> None:
            try:
                replica = self._idle.get_nowait()
            except Empty:
                replica = self._create()
            results[number] = work(replica, tasks[number])
            self._idle.put(replica)

        run_in_threads(run, range(len(tasks)))
        return [results[number] for number in range(len(tasks))]


def shards(count: int, size: int) -> list[slice]:
    """Return slices of at most `size` items that cover 0 … count."""
    return [slice(first, min(first + size, count)) for first in range(0, count, size)]
