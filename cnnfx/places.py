"""The values of feature maps at some rows and columns, computed from no more than what these need.

What the kernels stand on is gathered, from the layer below or the image, and laid out kernel beside kernel. There the
layer itself does the rest: with a stride of its kernel's size it sees each of them once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cnnfx.engine.borders import OUTSIDE, sources
from cnnfx.maps import FeatureMaps, Floats

Places = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Axis:
    """What kernels read along one axis.

    Parameters
    ----------
    places : (N, taps) array
        Counted in the maps below; negative, or beyond their end, in the padding.
    sources : (N, taps) array
        The places whose values stand there: others than `places` where a border repeats them, `OUTSIDE` for a zero.
    """

    places: Places
    sources: Places


def read(maps: FeatureMaps, number: int, axis: int, outputs: Places) -> Axis:
    """What the kernels of layer `number` read for some rows (axis 0) or columns (1) of their maps before pooling."""
    window, size = maps.network.layers[number - 1].conv.window, maps.sizes[number - 1][1:]
    before, after = window.pads(size)[axis]
    padded = outputs[:, np.newaxis] * window.stride[axis] + np.arange(window.kernel[axis]) * window.dilation[axis]
    return Axis(padded - before, sources(size[axis], before, after, window.border)[padded])


def gathered(maps: FeatureMaps, number: int, down: Axis, across: Axis) -> Floats:
    """What the kernels of layer `number` stand on, kernel beside kernel: `(C, N·kh, M·kw)` for N rows and M columns."""
    rows, columns = down.sources.ravel(), across.sources.ravel()
    (needed_rows, row), (needed_columns, column) = (
        np.unique(np.maximum(wanted, 0), return_inverse=True) for wanted in (rows, columns)
    )
    values = values_at(maps, number - 1, needed_rows, needed_columns)[:, row[:, np.newaxis], column]
    values[:, rows == OUTSIDE] = 0
    values[:, :, columns == OUTSIDE] = 0
    return values


def values_at(maps: FeatureMaps, number: int, rows: Places, columns: Places) -> Floats:
    """The outputs of layer `number` where these rows and columns meet; layer 0 is the image as the first layer sees it.

    Parameters
    ----------
    maps : FeatureMaps
        Of this layer, or of one above it.
    number : int
    rows, columns : (N,) and (M,) arrays

    Returns
    -------
    (K, N, M) array
    """
    if number == 0:
        image = np.concatenate([maps.image.floats(row, row + 1)[:, :, columns] for row in rows.tolist()], axis=1)
        return maps.network.normalise(image)
    layer = maps.network.layers[number - 1]
    size = layer.pool.size if layer.pool else 1
    down, across = (
        read(maps, number, axis, block(outputs, size).ravel()) for axis, outputs in enumerate((rows, columns))
    )
    apart = replace(layer.conv, stride=layer.conv.window.kernel, dilation=1, padding="valid")
    return replace(layer, conv=apart).forward(gathered(maps, number, down, across))


def block(outputs: Places, size: int) -> Places:
    """The rows or columns `(N, size)` that a pooling of some size makes each output from."""
    return outputs[:, np.newaxis] * size + np.arange(size)
