"""Networks that together use every part of a layer, of a network and of its input."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cnnfx.conv.geometry import BORDERS
from cnnfx.nn.activations import ACTIVATIONS, Activation
from cnnfx.nn.classifier import Dense
from cnnfx.nn.combinations import COMBINATIONS, Combination
from cnnfx.nn.input import Input
from cnnfx.nn.layers import ALL_CHANNELS, Conv, Layer
from cnnfx.nn.network import Network
from cnnfx.nn.normalization import LocalResponse
from cnnfx.nn.pooling import Pool

SIZE = (14, 17)
"""The height and width of images that all networks take."""


def floats(*shape: int, seed: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def conv(count: int, channels: int, *kernel: int, groups: int = 1, **settings) -> Conv:
    return Conv(floats(count, channels // groups, *kernel), floats(count), groups=groups, **settings)


def one_layer(layer: Layer, **settings) -> Network:
    return Network((layer,), "net", **settings)


def names(count: int) -> tuple[str, ...]:
    return tuple("abcdefghij"[:count])


def combined() -> Layer:
    """Return a layer with a combination of each kind after its three filters."""
    own = [Combination(name, "take", (index,)) for index, name in enumerate(names(3))]
    kinds = [kind for kind in COMBINATIONS if kind != "take"]
    return Layer(conv(3, 2, 3, 2), names(3), (*own, *(Combination(kind, kind, (2, 0)) for kind in kinds)))


def activation(kind: str) -> Network:
    slope = (0.1, -0.2, 1.5) if kind == "prelu" else None
    return one_layer(Layer(conv(3, 1, 2, 3), names(3), (), Activation.of(kind, slope)))


def bordered(border: str) -> Network:
    """Return filters with a padding that differs on each side."""
    return one_layer(Layer(conv(2, 3, 3, 4, padding=((2, 1), (0, 3)), border=border, dilation=(2, 1)), names(2)))


def pooled(pool: Pool) -> Network:
    return one_layer(Layer(conv(2, 1, 1, 1), names(2), pool=pool))


def graph() -> Network:
    """Return a graph whose layers are joined in each way."""
    layers = (
        Layer(conv(4, 3, 3, 3, padding="same"), names(4), (), Activation("relu"), name="first"),
        Layer(conv(8, 4, 3, 3, groups=4, padding=1), names(8), name="depth/wise"),
        Layer(conv(4, 8, 1, 1), names(4), (), Activation("relu6"), name="project"),
        Layer(filter_names=names(4), sources=("first", "project"), join="add", name="sum"),
        Layer(filter_names=names(4), pool=Pool("mean", None), name="squeeze"),
        Layer(conv(4, 4, 1, 1), names(4), (), Activation("hard_sigmoid"), name="gate"),
        Layer(filter_names=names(4), sources=("sum", "gate"), join="multiply", name="gated"),
        Layer(conv(2, 7, 1, 1), names(2), sources=("gated", "input"), name="both"),
    )
    return Network(
        layers, "graph", "Joins of each kind.", "a test", Input("rgb", mean=(0.5, 0.4, 0.3), std=0.2, scale=2)
    )


def with_head() -> Network:
    """Return a model with a head, as training makes it."""
    layers = (
        Layer(conv(3, 1, 3, 3), ("1", "2", "3"), (), Activation("relu"), Pool("max", 2)),
        Layer(conv(4, 3, 2, 3), ("1", "2", "3", "4"), (), Activation("relu")),
    )
    height, width = (SIZE[0] - 2) // 2 - 1, (SIZE[1] - 2) // 2 - 2
    head = Dense(floats(2, 4 * height * width), floats(2), (4, height, width))
    run = {"input": [1, *SIZE], "dataset": "drawn", "epochs": 2}
    network = Network(layers, "model", input=Input(mean=0.25, std=0.5), classes=("no", "yes"), head=head, meta=run)
    return replace(network, start=replace(network, head=replace(head, weights=floats(*head.weights.shape, seed=6))))


def with_classes(*activations: str) -> Network:
    """Return a classifier without head, whose scores are the means of maps."""
    kind = activations[0] if activations else "none"
    layers = (
        Layer(conv(3, 3, 3, 3), names(3), (), Activation("relu"), name="below"),
        Layer(conv(2, 3, 2, 2), ("cat", "dog"), (), Activation(kind), Pool("mean", None), name="classes"),
    )
    return Network(layers, "classifier", input=Input("rgb", SIZE), classes=("cat", "dog"))


NETWORKS = {
    **{kind: activation(kind) for kind in ACTIVATIONS},
    "leaky_relu with a slope": one_layer(Layer(conv(1, 1, 2, 2), ("a",), (), Activation("leaky_relu", 0.3))),
    **{f"border {border}": bordered(border) for border in BORDERS},
    "same": one_layer(Layer(conv(2, 1, 4, 3, padding="same", border="edge", dilation=(1, 2)), names(2))),
    "same with a stride": one_layer(Layer(conv(2, 1, 4, 3, padding="same", stride=(3, 2)), names(2))),
    "same with stride and dilation": one_layer(Layer(conv(1, 1, 3, 2, padding="same", stride=2, dilation=2), ("a",))),
    "groups": one_layer(Layer(conv(6, 3, 2, 3, groups=3, stride=(2, 1)), names(6))),
    "combinations": one_layer(combined()),
    "max of overlapping windows": pooled(Pool("max", (3, 2), (2, 1))),
    "max with ceil": pooled(Pool("max", 3, 2, ceil=True)),
    "max with ceil and padding": pooled(Pool("max", (3, 2), (3, 1), ((1, 2), (0, 1)), ceil=True)),
    "mean of blocks": pooled(Pool("mean", 2)),
    "mean with ceil": pooled(Pool("mean", 3, 2, ceil=True)),
    "mean with padding": pooled(Pool("mean", 3, 2, 1)),
    "mean that counts padding": pooled(Pool("mean", 3, 2, ((1, 0), (1, 2)), count_padding=True)),
    "mean that counts padding with ceil": pooled(Pool("mean", 3, 2, ((1, 0), (1, 2)), True, True)),
    "max of all": pooled(Pool("max", None)),
    "local response": one_layer(Layer(conv(6, 1, 2, 2), names(6), local_response=LocalResponse(3, 0.5, 0.75, 2.0))),
    "local response of even size": one_layer(
        Layer(conv(6, 1, 2, 2), names(6), local_response=LocalResponse(4, 0.9, 0.5, 1.5))
    ),
    "graph": graph(),
    "no filters": one_layer(Layer(pool=Pool("max", 2), filter_names=("gray",)), input=Input("gray")),
    "filters by name": one_layer(
        Layer(Conv(floats(2, 2, 3, 3), floats(2), inputs=("red", "blue")), names(2)), description='Two of "three".'
    ),
    "filters on all channels": one_layer(
        Layer(Conv(floats(2, 1, 3, 3), np.zeros(2), inputs=(ALL_CHANNELS,)), names(2))
    ),
    "model": with_head(),
    "classes": with_classes(),
    "probabilities": with_classes("softmax"),
}  # fmt: skip


def channels_of(network: Network) -> int:
    """Return the number of channels of the images for a network of `NETWORKS`."""
    return network.in_channels or (3 if network.color_mode == "rgb" else 1)


def images_for(network: Network, count: int = 2) -> np.ndarray:
    return np.random.default_rng(7).random((count, channels_of(network), *SIZE)).astype(np.float32)


def results(network: Network, images: np.ndarray) -> np.ndarray:
    """Return the scores of a classifier, otherwise the last output channels."""
    if network.is_classifier:
        return network.scores(images)
    colors = ("red", "green", "blue") if images.shape[1] == 3 else None
    return network.feature_maps(images, colors)[-1]
