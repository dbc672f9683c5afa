"""What results are written as: one grid picture, numbers, a page, or a folder of pictures."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import ArgumentError, CnnfxError, FileError
from cnnfx.images import Image
from cnnfx.nn.feature_maps import FeatureMaps
from cnnfx.pipeline.targets import NUMBERS, PAGES, PICTURES, STDOUT, Target, layer_names
from cnnfx.render.feature_grid import GridOptions, channel_grids, feature_grid
from cnnfx.render.grid import Grid
from cnnfx.render.png import write_png
from cnnfx.system.files import atomic_write

Layers = Sequence[tuple[int, FeatureMaps]]

QUALITY = {"jpg": {"quality": 92}, "jpeg": {"quality": 92}, "webp": {"quality": 92}}


class Written(NamedTuple):
    """One output: where it is, whose layer it shows, which of its channels, and what is to be told of it."""

    output: str
    layer: int
    maps: FeatureMaps
    channels: range
    notes: tuple[str, ...] = ()


def write(target: Target, image: Image, layers: Layers, grid_options: GridOptions) -> list[Written]:
    """Write the feature maps where `target` says.

    Raises
    ------
    FileError
        If the file or folder cannot be written.
    """
    if target.folder:
        return list(_write_folder(target, image, layers, grid_options))
    where = STDOUT if target.path is None else str(target.path)
    notes: tuple[str, ...] = ()
    if target.format in NUMBERS:
        with target.open() as file:
            write_numbers(file, target.format, image, layers)
    elif target.format in PAGES:
        with target.open() as file:
            notes = write_page(file, where, image, layers, grid_options)
    else:
        grid = feature_grid(image, layers, grid_options)
        with target.open() as file:
            write_grid(file, where, grid, target.format)
    return [
        Written(where, number, maps, range(maps.shape[0]), () if position else notes)
        for position, (number, maps) in enumerate(layers)
    ]


def write_page(file: IO[bytes], where: str, image: Image, layers: Layers, grid_options: GridOptions) -> tuple[str, ...]:
    """Write a page to explore the layers in; what its user should be told of the file `where`.

    Raises
    ------
    CnnfxError
        If it would be too large for a browser; the message names the image.
    """
    from cnnfx.render.page import LARGE_PAGE_BYTES, make_page

    picture = feature_grid(image, layers, grid_options._replace(with_input=True, with_filters=True))
    try:
        page = make_page(layers[-1][1].network, image, grid_options.color_scale, picture)
    except CnnfxError as error:
        raise error.prefixed(image.name) from error
    file.write(page)
    if len(page) <= LARGE_PAGE_BYTES:
        return ()
    size, quick = (f"{count / 1e6:.{digits}f} MB" for count, digits in ((len(page), 1), (LARGE_PAGE_BYTES, 0)))
    return (f"{where}: it has {size}, more than the {quick} that open quickly anywhere.",)


def write_grid(file: IO[bytes], where: str, grid: Grid, format: str = "png") -> None:
    """Write a grid as a picture of a format in `PICTURES`; a PNG band by band, whatever its size.

    Raises
    ------
    FileError
        If the format cannot hold a picture of this size; the message says that of the file `where`.
    """
    if format == "png":
        write_png(file, grid.width, grid.height, grid.bands(), color="rgb" if grid.color else "gray")
    else:
        write_picture(file, where, grid.pixels(), format)


def write_picture(file: IO[bytes], where: str, pixels: NDArray[np.uint8], format: str = "png") -> None:
    """Write levels `(H, W)` or `(H, W, 3)` as a picture of a format in `PICTURES`.

    Raises
    ------
    FileError
        If the format cannot hold a picture of this size; the message says that of the file `where`.
    """
    height, width = pixels.shape[:2]
    if format == "png":
        write_png(file, width, height, [pixels], color="rgb" if pixels.ndim == 3 else "gray")
        return
    import PIL.Image

    encoded = io.BytesIO()
    try:
        PIL.Image.fromarray(pixels).save(encoded, PICTURES[format], **QUALITY.get(format, {}))
    except (OSError, ValueError) as error:
        raise FileError(
            f"{where}: a picture of {width}×{height} pixels cannot be written as {format}: {str(error).rstrip('.')}. "
            "Write a .png instead."
        ) from error
    file.write(encoded.getbuffer())


def write_numbers(file: IO[bytes], format: str, image: Image, layers: Layers) -> None:
    """Write the float maps: `.npy` as one array `(K, H, W)`, `.npz` with names and settings beside it."""
    if format == "npy":
        if len(layers) > 1:
            raise ArgumentError(
                "A .npy file holds one array, so it cannot take several layers. Write a .npz instead.",
                remedy="several_layers",
            )
        array = np.ascontiguousarray(layers[0][1].whole())
        np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(array))
        file.write(array.data)  # numpy.save writes past Python, and does not tell why it cannot
        return
    arrays: dict[str, Any] = {}
    for number, maps in layers:
        suffix = str(number) if len(layers) > 1 else ""
        arrays[f"maps{suffix}"] = maps.whole()
        arrays[f"names{suffix}"] = np.array(maps.names)
    import json

    arrays["meta"] = np.array(json.dumps(_settings(image, layers)))
    np.savez(file, **arrays)


def _settings(image: Image, layers: Layers) -> dict[str, Any]:
    network = layers[-1][1].network
    described = [
        {
            "filters": list(layer.filter_names),
            "stride": layer.conv.window.stride,
            "dilation": layer.conv.window.dilation,
            "padding": layer.conv.window.padding,
            "border": layer.conv.window.border,
            "activation": layer.activation.kind,
            "pool": f"{layer.pool.kind}:{layer.pool.size}" if layer.pool else None,
        }
        for layer in network.layers
    ]
    return {"format": 1, "input": image.name, "filters": network.name, "layers": described}


def _write_folder(target: Target, image: Image, layers: Layers, grid_options: GridOptions) -> Iterator[Written]:
    paths = iter(target.make_files(layer_names([(number, maps.names) for number, maps in layers])))
    for number, maps in layers:
        grids = channel_grids(maps, grid_options)
        for index in range(maps.shape[0]):
            path = next(paths)
            with atomic_write(path) as file:
                if target.format in NUMBERS:
                    write_numbers(file, target.format, image, [(number, maps.part(index, index + 1))])
                else:
                    write_grid(file, str(path), grids[index], target.format)
            yield Written(str(path), number, maps, range(index, index + 1))
