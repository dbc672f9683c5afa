"""The networks of torchvision that repeat the same blocks, as tables of filter files: VGG, ResNet and others.

Layers have the names of torchvision's modules: those of a convolution for the filters with the batch normalization and
the activation after them, and those of a block for its output. Tensors are referred to by their names in state dicts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

Layer = dict[str, Any]
"""The table of a layer of a filter file."""

IMAGENET_INPUT: Mapping[str, Any] = {
    "channels": "rgb",
    "size": 224,
    "fit": "crop",
    "resize": 256,
    "mean": [0.485, 0.456, 0.406],
    "std": [0.229, 0.224, 0.225],
}
"""What torchvision's networks for ImageNet read; mean and std are those of the training images."""


def _conv(name: str, filters: int, size: int, norm: str = "", tensor: str = "", **settings: Any) -> Layer:
    """Return a layer of filters, padded so that maps keep their size at stride 1.

    Parameters
    ----------
    name : str
    filters, size : int
        Their number, and their rows and columns.
    norm : str
        The name of the batch normalization after them. Without one they have biases.
    tensor : str
        The name of their weights without ".weight", if it is not that of the layer.
    settings
        Others of the layer.
    """
    weights = tensor or name
    layer = {"name": name, "filters": filters, "size": size, "weights": f"{weights}.weight"}
    layer |= {"batch_norm": norm} if norm else {"bias": f"{weights}.bias"}
    return layer | {"padding": size // 2} | settings


def _dense(name: str, filters: int | None = None, size: int = 1) -> Layer:
    """Return a dense layer with ReLU; without a number of filters, the last one, which makes the scores of classes."""
    layer = {"name": name, "size": size, "weights": f"{name}.weight", "bias": f"{name}.bias", "dense": True}
    return layer | ({"names": "classes"} if filters is None else {"filters": filters, "activation": "relu"})


def _max_pool(name: str, size: int, **settings: Any) -> Layer:
    return {"name": name, "pool": {"kind": "max", "size": size, "stride": 2, **settings}}


def _add(name: str, first: str, second: str, **settings: Any) -> Layer:
    return {"name": name, "from": [first, second], "join": "add", **settings}


# VGG (Simonyan and Zisserman, 2014, "Very deep convolutional networks for large-scale image recognition")

VGG_FILTERS = (64, 128, 256, 512, 512)
"""The filters of each layer in the five stages; max pooling is between them."""


def vgg(counts: Sequence[int], batch_norm: bool) -> Iterator[Layer]:
    """Yield the layers of a VGG network.

    Parameters
    ----------
    counts : sequence of int
        The number of convolutions in each stage.
    batch_norm : bool
        Whether each is followed by batch normalization.
    """
    index = 0  # in `features`, where normalization, activation and pooling are modules of their own
    for count, filters in zip(counts, VGG_FILTERS, strict=True):
        for _ in range(count):
            name, norm = f"features.{index}", f"features.{index + 1}" if batch_norm else ""
            yield _conv(name, filters, 3, norm, bias=f"{name}.bias", activation="relu")
            index += 3 if batch_norm else 2
        yield _max_pool(f"features.{index}", 2)
        index += 1
    yield _dense("classifier.0", 4096, size=7)
    yield _dense("classifier.3", 4096)
    yield _dense("classifier.6")


# ResNet (He et al., 2015, "Deep residual learning for image recognition")

RESNET_FILTERS = (64, 128, 256, 512)
"""The filters of the 3×3 convolutions in the four stages."""
BOTTLENECK_EXPANSION = 4
"""How many times as many channels a bottleneck block has at its end."""


def resnet(counts: Sequence[int], bottleneck: bool) -> Iterator[Layer]:
    """Yield the layers of a ResNet, with torchvision's strides: in the 3×3 convolutions of bottleneck blocks.

    Parameters
    ----------
    counts : sequence of int
        The number of blocks in each stage.
    bottleneck : bool
        Whether blocks have convolutions of 1×1, 3×3 and 1×1, rather than two of 3×3.
    """
    yield _conv("conv1", 64, 7, "bn1", stride=2, activation="relu")
    yield _max_pool("maxpool", 3, padding=1)
    below = "maxpool"
    for stage, (count, filters) in enumerate(zip(counts, RESNET_FILTERS, strict=True), 1):
        for block in range(count):
            name = f"layer{stage}.{block}"
            output = f"layer{stage}" if block == count - 1 else name  # that of the stage is that of its last block
            stride = 2 if stage > 1 and block == 0 else 1
            has_new_shape = block == 0 and (bottleneck or stage > 1)
            yield from _residual_block(name, output, below, filters, stride, bottleneck, has_new_shape)
            below = output
    yield {"name": "avgpool", "pool": "mean:all"}
    yield _dense("fc")


def _residual_block(
    name: str, output: str, below: str, filters: int, stride: int, bottleneck: bool, has_new_shape: bool
) -> Iterator[Layer]:
    """Yield the convolutions of a block, and their sum with what the block reads."""
    conv = [f"{name}.conv{number}" for number in range(4)]
    norm = [f"{name}.bn{number}" for number in range(4)]
    if bottleneck:
        channels = BOTTLENECK_EXPANSION * filters
        yield _conv(conv[1], filters, 1, norm[1], activation="relu")
        yield _conv(conv[2], filters, 3, norm[2], stride=stride, activation="relu")
        yield _conv(conv[3], channels, 1, norm[3])
    else:
        channels = filters
        yield _conv(conv[1], filters, 3, norm[1], stride=stride, activation="relu")
        yield _conv(conv[2], filters, 3, norm[2])
    last, shortcut = conv[3 if bottleneck else 2], below
    if has_new_shape:
        shortcut, down = f"{name}.downsample", f"{name}.downsample.0"
        yield _conv(shortcut, channels, 1, f"{name}.downsample.1", down, **{"from": below}, stride=stride)
    yield _add(output, last, shortcut, activation="relu")


# SqueezeNet (Iandola et al., 2016)

SQUEEZENET_1_0 = ((96, 7), (2, 6, 11), {3: 16, 4: 16, 5: 32, 7: 32, 8: 48, 9: 48, 10: 64, 12: 64})
SQUEEZENET_1_1 = ((64, 3), (2, 5, 8), {3: 16, 4: 16, 6: 32, 7: 32, 9: 48, 10: 48, 11: 64, 12: 64})
"""Number and size of the first filters, and the positions in `features` of the poolings and of the fire modules, these
with the number of the filters that squeeze the channels."""


def squeezenet(first: tuple[int, int], pools: Sequence[int], fires: Mapping[int, int]) -> Iterator[Layer]:
    """Yield the layers of a SqueezeNet: fire modules, and the mean of a map for each class."""
    yield _conv("features.0", *first, padding=0, stride=2, activation="relu")
    for index in sorted((*pools, *fires)):
        name = f"features.{index}"
        if index in pools:
            yield _max_pool(name, 3, ceil=True)
            continue
        squeezed, expanded = fires[index], 4 * fires[index]
        yield _conv(f"{name}.squeeze", squeezed, 1, activation="relu")
        yield _conv(f"{name}.expand1x1", expanded, 1, activation="relu")
        yield _conv(f"{name}.expand3x3", expanded, 3, activation="relu", **{"from": f"{name}.squeeze"})
        yield {"name": name, "from": [f"{name}.expand1x1", f"{name}.expand3x3"]}
    scores = {"name": "classifier.1", "weights": "classifier.1.weight", "bias": "classifier.1.bias"}
    yield {**scores, "size": 1, "names": "classes", "activation": "relu"}
    yield {"name": "classifier.3", "pool": "mean:all"}


# MobileNetV2 (Sandler et al., 2018, "MobileNetV2: inverted residuals and linear bottlenecks")

MOBILENET_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""Of each stage: the factor by which blocks expand their channels, the channels of their results, the number of blocks,
and the stride of the first."""


def mobilenet_v2() -> Iterator[Layer]:
    """Yield the layers of MobileNetV2: inverted residual blocks."""
    channels = 32
    yield _conv("features.0", channels, 3, "features.0.1", "features.0.0", stride=2, activation="relu6")
    index, below = 0, "features.0"
    for expansion, filters, count, first_stride in MOBILENET_STAGES:
        for block in range(count):
            index += 1
            name, stride = f"features.{index}", first_stride if block == 0 else 1
            yield from _inverted_block(name, below, channels, expansion, filters, stride)
            below, channels = name, filters
    last = f"features.{index + 1}"
    yield _conv(last, 1280, 1, f"{last}.1", f"{last}.0", activation="relu6")
    yield {"name": "mean", "pool": "mean:all"}
    yield _dense("classifier.1")


def _inverted_block(name: str, below: str, channels: int, expansion: int, filters: int, stride: int) -> Iterator[Layer]:
    """Yield the layers of a block: 1×1 to more channels, 3×3 on each channel, 1×1 to fewer, and a sum."""
    expanded, index = expansion * channels, 0
    if expansion > 1:
        conv = f"{name}.conv.0"
        yield _conv(conv, expanded, 1, f"{conv}.1", f"{conv}.0", activation="relu6")
        index = 1
    conv, project = f"{name}.conv.{index}", f"{name}.conv.{index + 1}"
    depthwise = {"groups": "depthwise", "stride": stride, "activation": "relu6"}
    yield _conv(conv, expanded, 3, f"{conv}.1", f"{conv}.0", **depthwise)
    is_sum = stride == 1 and channels == filters
    yield _conv(project if is_sum else name, filters, 1, f"{name}.conv.{index + 2}", project)
    if is_sum:
        yield _add(name, below, project)


VGG_COUNTS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
RESNET_COUNTS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
"""The convolutions or blocks of each stage, by the number of layers with weights."""

NETWORKS: dict[str, Callable[[], Iterator[Layer]]] = {
    **{f"ResNet-{depth}": partial(resnet, counts, depth >= 50) for depth, counts in RESNET_COUNTS.items()},
    **{f"VGG-{depth}": partial(vgg, counts, False) for depth, counts in VGG_COUNTS.items()},
    **{f"VGG-{depth} with batch normalization": partial(vgg, counts, True) for depth, counts in VGG_COUNTS.items()},
    "MobileNetV2": mobilenet_v2,
    "SqueezeNet 1.0": partial(squeezenet, *SQUEEZENET_1_0),
    "SqueezeNet 1.1": partial(squeezenet, *SQUEEZENET_1_1),
}
"""Each network with the function that yields its layers."""
