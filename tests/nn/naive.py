"""The values of a network by plain loops in float64, for comparison."""

from __future__ import annotations

import numpy as np

from cnnfx.nn.layers import Layer, Pool
from cnnfx.nn.network import Network


def naive_maps(network: Network, image: np.ndarray) -> list[np.ndarray]:
    """Return the outputs of every layer for an image (C, H, W), which the network is bound to."""
    maps = [network.normalize(image.astype(np.float64))]
    for number, layer in enumerate(network.layers, 1):
        maps.append(_layer(layer, [maps[source] for source in network.sources(number)]))
    return maps[1:]


def _layer(layer: Layer, sources: list[np.ndarray]) -> np.ndarray:
    maps = sources[0]
    for source in sources[1:]:
        if layer.join == "concat":
            maps = np.concatenate([maps, source])
        else:
            maps = maps + source if layer.join == "add" else maps * source
    if layer.conv is not None:
        maps = _filters(layer, maps)
    if layer.combine:
        maps = np.stack([channel.forward(maps) for channel in layer.combine])
    maps = layer.activation.forward(maps)
    if layer.local_response is not None:
        maps = _normalized(layer, maps)
    return maps if layer.pool is None else _pooled(layer.pool, maps)


def _filters(layer: Layer, maps: np.ndarray) -> np.ndarray:
    conv = layer.conv
    window, (count, channels, kh, kw) = conv.window, conv.weights.shape
    pads = window.pads(maps.shape[1:])
    padded = np.pad(maps, ((0, 0), *pads), mode=window.border)
    rows, columns = window.output_size(maps.shape[1:])
    result = np.zeros((count, rows, columns))
    for k in range(count):
        first = k // (count // conv.groups) * channels
        for row in range(rows):
            for column in range(columns):
                top, left = row * window.stride[0], column * window.stride[1]
                read = padded[
                    first : first + channels,
                    top : top + kh * window.dilation[0] : window.dilation[0],
                    left : left + kw * window.dilation[1] : window.dilation[1],
                ]
                result[k, row, column] = np.sum(read * conv.weights[k].astype(np.float64)) + conv.bias[k]
    return result


def _normalized(layer: Layer, maps: np.ndarray) -> np.ndarray:
    response = layer.local_response
    result = np.empty_like(maps)
    for channel in range(len(maps)):
        first, last = max(0, channel - response.size // 2), channel + (response.size - 1) // 2 + 1
        energy = np.square(maps[first:last]).sum(axis=0)
        result[channel] = maps[channel] / (response.k + response.alpha / response.size * energy) ** response.beta
    return result


def _pooled(pool: Pool, maps: np.ndarray) -> np.ndarray:
    _, height, width = maps.shape
    axes = pool.windows(0, height), pool.windows(1, width)
    result = np.empty((len(maps), axes[0].number, axes[1].number))
    for row in range(axes[0].number):
        for column in range(axes[1].number):
            top, left = row * axes[0].stride - axes[0].before, column * axes[1].stride - axes[1].before
            inside = maps[:, max(top, 0) : top + axes[0].size, max(left, 0) : left + axes[1].size]
            if pool.kind == "max":
                result[:, row, column] = inside.max(axis=(1, 2))
                continue
            rows, columns = inside.shape[1:]
            if pool.count_padding:  # but not what `ceil` adds
                rows = min(top + axes[0].size, height + pool.padding[0][1]) - top
                columns = min(left + axes[1].size, width + pool.padding[1][1]) - left
            result[:, row, column] = inside.sum(axis=(1, 2)) / (rows * columns)
    return result
