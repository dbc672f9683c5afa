"""The public functions that draw arrays."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnnfx.errors import ArgumentError
from cnnfx.files import atomic_write
from cnnfx.render.channels import ArrayMaps, Look, map_tiles
from cnnfx.render.grid import Grid, Section
from cnnfx.render.png import write_png


def grid(
    maps: ArrayLike,
    names: Sequence[str] | None = None,
    *,
    normalize: str = "signed",
    scope: str = "channel",
    colormap: str = "gray",
    columns: int | None = None,
    scale: int | None = None,
    labels: bool = True,
    gap: int | None = None,
) -> NDArray[np.uint8]:
    """Feature maps side by side as one picture.

    Parameters
    ----------
    maps : array (K, H, W)
        Any real numbers.
    names : sequence of K str, optional
        The labels; "0", "1" and so on unless given.
    normalize : "signed", "minmax", "positive", "absolute" or "none"
        As in `cnnfx.render.normalize`: "signed" draws zero mid-grey and the largest magnitude white or black.
    scope : "channel" or "all"
        Whether each map is drawn by its own range or all by the range of all.
    colormap : "gray", "diverging", "heat" or "viridis"
    columns, scale, gap : int, optional
        Maps in a row; whole factor of enlargement; pixels between maps. What suits the sizes unless given.
    labels : bool
        Whether names are written over the maps.

    Returns
    -------
    array (height, width) or, with a colour map, (height, width, 3)
        uint8, 0..255.

    Raises
    ------
    ArgumentError
        If the array has another shape, the names are not as many as the maps, or a mode is not known.
    """
    array: NDArray[Any] = np.asarray(maps)
    if array.ndim != 3 or not array.size:
        raise ArgumentError(f"maps has the shape {array.shape}; a grid is drawn of an array (K, H, W).")
    names = [str(index) for index in range(len(array))] if names is None else names
    if len(names) != len(array):
        raise ArgumentError(f"There are {len(names)} names for {len(array)} maps.")
    values = array if array.dtype in (np.float32, np.float64) else array.astype(np.float32)
    tiles = map_tiles(ArrayMaps(values, names), Look(normalize, scope, colormap))
    return Grid([Section([tiles], columns, scale)], labels, gap).pixels()


def save_grid(path: str | os.PathLike[str], picture: NDArray[np.uint8]) -> None:
    """Write a picture `(H, W)` or `(H, W, 3)` of levels 0..255 as a PNG file, whole or not at all.

    Raises
    ------
    FileError
        If the file cannot be written.
    """
    with atomic_write(path) as file:
        write_png(file, picture.shape[1], picture.shape[0], [picture], color="gray" if picture.ndim == 2 else "rgb")
