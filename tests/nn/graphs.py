"""Random graphs of layers for property tests, and one with all kinds of layers."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from cnnfx.errors import ArgumentError
from cnnfx.images import Image
from cnnfx.nn.layers import Activation, Combination, Conv, Layer, Pool
from cnnfx.nn.network import Network
from cnnfx.nn.normalization import LocalResponse

POOLS = [
    None,
    None,
    Pool("max", 3, 2),
    Pool("max", 3, 2, ceil=True),
    Pool("max", (2, 3), 1, 1),
    Pool("mean", 3, 2, 1),
    Pool("mean", 3, 2, 1, ceil=True, count_padding=True),
    Pool("mean", 2),
    Pool("mean", None),
]
ACTIVATIONS = ["none", "relu", "relu6", "leaky_relu", "prelu", "sigmoid", "tanh", "hard_swish", "softmax"]


def conv(count: int, channels: int, size: int | tuple[int, int] = 1, seed: int = 0, **settings) -> Conv:
    """Return random filters of a size on a number of channels."""
    height, width = (size, size) if isinstance(size, int) else size
    random = np.random.default_rng(seed + 7 * count + channels)
    weights = random.normal(size=(count, channels, height, width)).astype(np.float32)
    return Conv(weights, random.normal(size=count).astype(np.float32), **settings)


def numbers(count: int) -> tuple[str, ...]:
    """Return the names "1", "2" and so on."""
    return tuple(str(number) for number in range(1, count + 1))


def picture(channels: int, height: int, width: int) -> Image:
    """Return an image of random values 0..1."""
    values = np.random.default_rng(channels).random((channels, height, width), dtype=np.float32)
    names = {1: ("gray",), 3: ("red", "green", "blue")}.get(channels, numbers(channels))
    return Image("random.png", values, names)


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Network, Image]:
    """Draw a network of two to six layers that read any of those above, and an image that is large enough for it."""
    image = picture(draw(st.integers(1, 3)), draw(st.integers(9, 24)), draw(st.integers(9, 24)))
    layers: list[Layer] = []
    shapes = [image.shape]
    for _ in range(draw(st.integers(2, 6))):
        layer = draw(_layers(shapes, len(layers) + 1))
        try:
            network = Network((*layers, layer), "net").bind(image.channel_names)
            shapes = [image.shape, *network.output_shapes(image.shape)]
        except ArgumentError:  # the layer does not fit
            continue
        layers.append(layer)
    if not layers:
        layers = [Layer(conv(2, image.shape[0], 3), numbers(2), name="only")]
    return Network(tuple(layers), "net"), image


@st.composite
def _layers(draw: st.DrawFn, shapes: list[tuple[int, int, int]], number: int) -> Layer:
    """Draw layer `number`, which reads one or more of the layers with these shapes."""
    join = draw(st.sampled_from(["concat", "add", "multiply"]))
    first = draw(st.integers(max(0, len(shapes) - 3), len(shapes) - 1))
    fitting = [index for index, shape in enumerate(shapes) if shape[1:] == shapes[first][1:]]
    if join != "concat":
        fitting = [
            index
            for index, shape in enumerate(shapes)
            if shape[0] == shapes[first][0] and shape[1:] in ((1, 1), shapes[first][1:])
        ]
    others = [each for each in draw(st.lists(st.sampled_from(fitting), max_size=2, unique=True)) if each != first]
    sources = tuple("input" if each == 0 else f"l{each}" for each in (first, *others))
    channels = sum(shapes[each][0] for each in (first, *others)) if join == "concat" else shapes[first][0]
    count, filters = channels, None
    if draw(st.booleans()):
        groups = draw(st.sampled_from([each for each in (1, channels) if channels % each == 0]))
        count = groups * draw(st.integers(1, 2))
        filters = conv(
            count,
            channels // groups,
            (draw(st.integers(1, 3)), draw(st.integers(1, 3))),
            draw(st.integers(0, 1000)),
            stride=draw(st.sampled_from([1, 1, 2, (1, 2)])),
            padding=draw(st.sampled_from(["valid", "same", 1, ((0, 1), (2, 0))])),
            border=draw(st.sampled_from(["constant", "edge", "symmetric"])),
            groups=groups,
        )
    combine = (Combination("n", "norm", (0, 1)), Combination("t", "take", (1,))) if count > 1 else ()
    kind = draw(st.sampled_from(ACTIVATIONS))
    combined = draw(st.sampled_from([(), combine]))
    outputs = len(combined) or count
    slope = tuple(np.linspace(-0.5, 0.5, outputs).tolist()) if kind == "prelu" else None
    return Layer(
        filters,
        () if filters is None else numbers(count),
        combined,
        Activation(kind, slope),
        local_response=draw(st.sampled_from([None, None, LocalResponse(3, 0.5)])),
        pool=draw(st.sampled_from(POOLS)),
        name=f"l{number}",
        sources=sources,
        join=join,
    )


def fire_network(classes: int = 4) -> Network:
    """Return a small network like SqueezeNet: RGB, two fire modules, overlapping pooling, and the scores of classes."""

    def fire(name: str, channels: int, squeeze: int, expand: int) -> list[Layer]:
        relu = Activation("relu")
        return [
            Layer(conv(squeeze, channels), numbers(squeeze), (), relu, name=f"{name}/squeeze"),
            Layer(conv(expand, squeeze), numbers(expand), (), relu, name=f"{name}/expand1x1"),
            Layer(
                conv(expand, squeeze, 3, padding=1),
                numbers(expand),
                (),
                relu,
                name=f"{name}/expand3x3",
                sources=(f"{name}/squeeze",),
            ),
            Layer(name=name, sources=(f"{name}/expand1x1", f"{name}/expand3x3")),
        ]

    names = tuple(f"class {number}" for number in range(1, classes + 1))
    layers = (
        Layer(conv(8, 3, 3, stride=2), numbers(8), (), Activation("relu"), pool=Pool("max", 3, 2), name="conv1"),
        *fire("fire2", 8, 3, 6),
        *fire("fire3", 12, 4, 8),
        Layer(conv(classes, 16), names, (), Activation("relu"), name="scores"),
        Layer(pool=Pool("mean", None), name="classes"),
    )
    return Network(layers, "little", classes=names)
