"""Benchmark of networks against PyTorch: ratios of times; below 1 is faster.

    python tests/bench/networks.py             whole networks, on an image and on a batch of 16
    python tests/bench/networks.py --layers    each distinct layer of the networks instead
    python tests/bench/networks.py --presets   the whole command with each preset of several layers on 512×512

The networks are SqueezeNet 1.1 at 227×227 (the preset), and MobileNetV2 and ResNet-18 at 224×224 with random weights,
the latter for its layers only. PyTorch computes the same layers with the same weights, batch normalization folded into
the filters, and with ReLU in place. Both use all cores, or --threads. Each ratio is the median of alternating pairs of
measurements, as in `correlate.py`.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from apply import CNNFX, photo, seconds
from correlate import geometric_mean, machine, paired
from torch.nn import functional

import cnnfx
from cnnfx.conv import choose_method, correlate, window
from cnnfx.conv.direct import direct_form
from cnnfx.nn.layers import Activation, Conv, Layer, Pool
from cnnfx.nn.network import Network
from cnnfx.system.threads import set_threads, thread_count

MOBILENET_BLOCKS = [
    (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
]  # fmt: skip
"""Expansion, filters, repetitions and stride of the inverted residual blocks (Sandler et al., 2018, table 2)."""
RESNET_LAYERS = [
    (3, 64, 7, 224, 2), (64, 64, 3, 56, 1), (64, 128, 3, 56, 2), (64, 128, 1, 56, 2), (128, 128, 3, 28, 1),
    (128, 256, 3, 28, 2), (128, 256, 1, 28, 2), (256, 256, 3, 14, 1), (256, 512, 3, 14, 2), (256, 512, 1, 14, 2),
    (512, 512, 3, 7, 1),
]  # fmt: skip
"""Channels, filters, kernel, size of the input and stride of the layers of ResNet-18 (He et al., 2016, table 1)."""
DEEP_PRESETS = "squares", "circles", "corners", "curves", "lines", "spots", "textures"
ACTIVATIONS = {"none": lambda x: x, "relu": torch.relu_, "relu6": lambda x: functional.relu6(x, inplace=True)}


class Builder:
    """The layers of a network with random weights, added one by one."""

    def __init__(self):
        self.layers, self.channels, self.random = [], 3, np.random.default_rng(0)

    def conv(self, filters, kernel, stride=1, activation="none", depthwise=False):
        """Add filters that read the last layer."""
        channels = 1 if depthwise else self.channels
        weights = self.random.standard_normal((filters, channels, kernel, kernel), np.float32)
        weights *= (channels * kernel**2) ** -0.5
        bias = self.random.standard_normal(filters, np.float32) / 10
        groups = self.channels if depthwise else 1
        conv = Conv(weights, bias, stride=stride, padding=kernel // 2, groups=groups)
        self.add(conv=conv, filter_names=tuple(map(str, range(filters))), activation=Activation(activation))
        self.channels = filters

    def add(self, **settings):
        self.layers.append(Layer(name=f"layer{len(self.layers) + 1}", **settings))


def mobilenet():
    """Return MobileNetV2 with random weights."""
    net = Builder()
    net.conv(32, 3, 2, "relu6")
    for expansion, filters, repetitions, first_stride in MOBILENET_BLOCKS:
        for index in range(repetitions):
            stride, before, channels = (1 if index else first_stride), net.layers[-1].name, net.channels
            if expansion > 1:
                net.conv(channels * expansion, 1, 1, "relu6")
            net.conv(channels * expansion, 3, stride, "relu6", depthwise=True)
            net.conv(filters, 1)
            if stride == 1 and channels == filters:
                net.add(sources=(before, net.layers[-1].name), join="add")
    net.conv(1280, 1, 1, "relu6")
    net.add(pool=Pool("mean", None))
    net.conv(1000, 1)
    return Network(tuple(net.layers), "mobilenet_v2")


def in_pytorch(network):
    """Return a function that computes a network's last layer in PyTorch."""
    layers = [(layer, network.sources(number)) for number, layer in enumerate(network.layers, 1)]
    tensors = [
        layer.conv and tuple(map(torch.from_numpy, (np.asarray(layer.conv.weights), np.asarray(layer.conv.bias))))
        for layer, _ in layers
    ]
    last_reader = {read: number for number, (_, sources) in enumerate(layers, 1) for read in sources}

    def forward(images):
        with torch.inference_mode():
            maps = {0: torch.from_numpy(images)}
            for number, (layer, sources) in enumerate(layers, 1):
                inputs = [maps[read] for read in sources]
                x = inputs[0] if len(inputs) == 1 else torch.cat(inputs, 1) if layer.join == "concat" else sum(inputs)
                maps[number] = layer_in_pytorch(layer, tensors[number - 1], x)
                for read in set(sources):
                    if last_reader[read] == number:
                        del maps[read]
            return maps[len(layers)]

    return forward


def layer_in_pytorch(layer, tensors, x):
    if layer.conv is not None:
        padding = layer.conv.window.pads((1, 1))
        assert all(before == after for before, after in padding)
        pads = [before for before, _ in padding]
        x = functional.conv2d(x, *tensors, layer.conv.window.stride, pads, groups=layer.conv.groups)
    x = ACTIVATIONS[layer.activation.kind](x)
    if layer.pool is None:
        return x
    if layer.pool.is_global:
        return x.mean((2, 3), keepdim=True)
    return functional.max_pool2d(x, layer.pool.size, layer.pool.stride)


def networks(pairs):
    """Print the times of whole networks."""
    for name, network, side in (
        ("SqueezeNet 1.1", cnnfx.load_network("squeezenet"), 227),
        ("MobileNetV2", mobilenet(), 224),
    ):
        theirs = in_pytorch(network)
        for batch in (1, 16):
            images = np.random.default_rng(0).random((batch, 3, side, side), np.float32)
            normalized = network.normalize(images)
            (ours,) = network.forward(images).values()
            expected = theirs(normalized).numpy()
            assert np.abs(ours - expected).max() <= 1e-4 * np.abs(expected).max()
            taken, ratio = paired(partial(network.forward, images), partial(theirs, normalized), pairs)
            print(f"{name:16}{batch:3} of {side}×{side}{taken * 1e3:10.2f} ms{ratio:7.2f} of PyTorch", flush=True)


def distinct_layers():
    """Return (name, channels, filters, kernel, size, stride, padding, groups) of the layers of the three networks."""
    found = {}
    for name, network, side in (("squeezenet", cnnfx.load_network("squeezenet"), 227), ("mobilenet", mobilenet(), 224)):
        bound = network.bind(["0", "1", "2"])
        for layer, shape in zip(bound.layers, bound.joined_shapes((3, side, side)), strict=True):
            if layer.conv is not None:
                filters, _, kernel, _ = layer.conv.weights.shape
                stride, padding = layer.conv.window.stride[0], layer.conv.window.pads((1, 1))[0][0]
                found.setdefault((shape[0], filters, kernel, shape[1], stride, padding, layer.conv.groups), name)
    for channels, filters, kernel, size, stride in RESNET_LAYERS:
        found.setdefault((channels, filters, kernel, size, stride, kernel // 2, 1), "resnet18")
    return [(name, *layer) for layer, name in found.items()]


def layers(pairs, batch):
    """Print the times of each distinct layer, and their geometric means."""
    ratios = {}
    print(f"{'layer':48}{'cnnfx ms':>10}{'PyTorch ms':>12}{'ratio':>8}  method")
    for name, channels, filters, kernel, size, stride, padding, groups in distinct_layers():
        random = np.random.default_rng(0)
        images = random.random((batch, channels, size, size), np.float32)
        weights = random.standard_normal((filters, channels // groups, kernel, kernel), np.float32)
        bias = random.standard_normal(filters, np.float32)
        tensors = [torch.from_numpy(array) for array in (images, weights, bias)]

        def theirs(tensors=tensors, stride=stride, padding=padding, groups=groups):
            with torch.inference_mode():
                return functional.conv2d(*tensors, stride, padding, groups=groups)

        ours = partial(correlate, images, weights, bias, stride=stride, padding=padding, groups=groups)
        taken, ratio = paired(ours, theirs, pairs)
        ratios.setdefault(f"{name}, depthwise" if groups > 1 else name, []).append(ratio)
        geometry = window(kernel, stride=stride, padding=padding)
        shape = batch, filters, *geometry.output_size((size, size))
        method = choose_method(shape, weights, geometry, groups)
        form = f" ({direct_form(shape, weights.shape, geometry, groups)})" if method == "direct" else ""
        kind = f"depthwise {channels}" if groups > 1 else f"{channels}→{filters}"
        text = f"{name}: {kind}, {kernel}×{kernel}, stride {stride}, {size}×{size}"
        print(f"{text:48}{taken * 1e3:10.3f}{taken / ratio * 1e3:12.3f}{ratio:8.2f}  {method}{form}", flush=True)
    for name, own in ratios.items():
        print(f"geometric mean of {len(own)} layers of {name}: {geometric_mean(own):.2f}")
    print(f"geometric mean of all: {geometric_mean([ratio for own in ratios.values() for ratio in own]):.2f}")


def presets(runs):
    """Print the time of the whole command with each preset of several layers on a photograph of 512×512."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = photo(folder / "photo.png", 512, 512)
        for preset in ("edges", *DEEP_PRESETS):
            command = [*CNNFX, "apply", str(source), "--filters", preset, "-o", "grid.png"]
            seconds(command, folder)
            print(f"{preset:12}{statistics.median(seconds(command, folder) for _ in range(runs)):8.3f} s", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", action="store_true", help="each distinct layer instead of whole networks")
    parser.add_argument("--presets", action="store_true", help="the whole command with presets of several layers")
    parser.add_argument("--batch", type=int, default=1, help="images at a time with --layers (1)")
    parser.add_argument("--pairs", type=int, default=7, help="pairs of measurements for each ratio (7)")
    parser.add_argument("--threads", type=int, help="threads of both (all cores)")
    given = parser.parse_args()
    if given.threads:
        set_threads(given.threads)
        torch.set_num_threads(given.threads)
    peers = ", ".join(f"{package} {version(package)}" for package in ("numpy", "scipy", "torch"))
    print(f"cnnfx {cnnfx.__version__} on {machine()}, {os.cpu_count()} processors, {thread_count()} threads; {peers}\n")
    if given.presets:
        presets(given.pairs)
    elif given.layers:
        layers(given.pairs, given.batch)
    else:
        networks(given.pairs)


if __name__ == "__main__":
    main()
