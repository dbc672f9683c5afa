"""Writing the feature maps of one image: as a picture, as arrays, as a page, or as a folder with a file per channel."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import ArgumentError, CnnfxError, FileError
from cnnfx.images import Image
from cnnfx.nn.feature_maps import FeatureMaps
from cnnfx.nn.network import Network
from cnnfx.pipeline.notes import Layers, PictureNotes
from cnnfx.pipeline.targets import (
    ARRAY_FORMATS,
    PAGE_FORMATS,
    PICTURE_FORMATS,
    Target,
    distinct,
    layer_label,
    layer_names,
)
from cnnfx.render.captions import image_caption
from cnnfx.render.feature_grid import GridOptions, channel_grids, feature_grid
from cnnfx.render.grid import Grid
from cnnfx.render.png import write_png
from cnnfx.render.text import notes_on_escapes
from cnnfx.render.tiles import enlarge
from cnnfx.system.files import atomic_write

if TYPE_CHECKING:
    from cnnfx.render.overlay import FramedPeak, OverlayOptions

QUALITY = {"jpg": {"quality": 92}, "jpeg": {"quality": 92}, "webp": {"quality": 92}}
"""Pillow's settings of formats with lossy compression: 92 of 100 keeps thin lines and labels sharp."""


DEEP = 16
"""The bits per pixel of deep pictures."""
DEEP_FORMATS = ("png", "tif", "tiff", "pgm")
"""The endings of pictures that can have 16 bits per pixel."""


class Written(NamedTuple):
    """Feature maps that were written.

    Parameters
    ----------
    output : str
        The file; `-` for standard output.
    layer : int
        The number of the layer, counted from 1.
    maps : FeatureMaps
        All feature maps of this layer.
    channels : range
        The channels that the file contains.
    notes : tuple of str
        Messages about the file.
    peaks : sequence of FramedPeak, optional
        The peaks that an overlay frames.
    """

    output: str
    layer: int
    maps: FeatureMaps
    channels: range
    notes: tuple[str, ...] = ()
    peaks: Sequence[FramedPeak] | None = None


def write(
    target: Target,
    image: Image,
    layers: Layers,
    grid_options: GridOptions,
    overlay_options: OverlayOptions | None = None,
    network: Network | None = None,
) -> list[Written]:
    """Write feature maps to a target.

    Parameters
    ----------
    target : Target
    image : Image
    layers : sequence of (number of the layer, its feature maps)
    grid_options : GridOptions
    overlay_options : OverlayOptions, optional
        For an overlay instead of a grid; the target is then a picture.
    network : Network, optional
        The whole network, with layers above those of the maps, for a page that computes the scores of its classes.

    Raises
    ------
    ArgumentError
        If the format cannot hold several layers, or a file is an input.
    CnnfxError
        If the picture or page would be too large.
    FileError
        If a file or folder cannot be written.
    """
    if overlay_options is not None:
        return _write_overlay(target, image, layers, overlay_options)
    if target.folder:
        return list(_write_folder(target, image, layers, grid_options))
    notes: tuple[str, ...] = ()
    if target.format in ARRAY_FORMATS:
        with target.open() as file:
            write_arrays(file, target.format, image, layers)
    elif target.format in PAGE_FORMATS:
        with target.open() as file:
            notes = write_page(file, target.name, image, layers, grid_options, network)
    else:
        grid = feature_grid(image, layers, grid_options)
        with target.open() as file:
            write_grid(file, target.name, grid, target.format)
        notes = PictureNotes(layers, grid_options.color_scale).of(target.name)
        if grid_options.labels:
            notes += notes_on_escapes(target.name, picture_texts(image, layers))
    return [
        Written(target.name, number, maps, range(maps.shape[0]), () if index else notes)
        for index, (number, maps) in enumerate(layers)
    ]


def _write_overlay(target: Target, image: Image, layers: Layers, options: OverlayOptions) -> list[Written]:
    from cnnfx.render.overlay import draw_overlay

    overlay = draw_overlay(image, layers, options)
    with target.open() as file:
        write_picture(file, target.name, overlay.pixels, target.format)
    notes = *overlay.notes, *PictureNotes(layers, options.color_scale).of(target.name)
    if options.labels:
        notes += notes_on_escapes(target.name, picture_texts(image, layers))
    return [
        Written(target.name, number, maps, range(maps.shape[0]), () if index else notes, overlay.peaks[index])
        for index, (number, maps) in enumerate(layers)
    ]


def picture_texts(image: Image, layers: Layers) -> Iterator[str]:
    """Yield the names in the picture of an image and its feature maps."""
    yield image_caption(image)
    for _, maps in layers:
        yield maps.network.name
        yield from maps.names


def _write_folder(target: Target, image: Image, layers: Layers, grid_options: GridOptions) -> Iterator[Written]:
    labeled = [(_label(number, maps), maps.names) for number, maps in layers]
    paths = iter(target.make_files(layer_names(labeled)))
    for number, maps in layers:
        grids, is_deep = channel_grids(maps, grid_options), grid_options.depth == DEEP
        scales = grid_options.color_scale.linear_scales(maps) if is_deep else []
        about = PictureNotes([(number, maps)], grid_options.color_scale)
        for index in range(maps.shape[0]):
            path = next(paths)
            with atomic_write(path) as file:
                if target.format in ARRAY_FORMATS:
                    write_arrays(file, target.format, image, [(number, maps.select([index]))])
                elif is_deep:
                    levels = scales[index].deep_levels(maps.select([index]).whole()[0])
                    write_deep_picture(file, enlarge(levels, grid_options.scale or 1), target.format)
                else:
                    write_grid(file, str(path), grids[index], target.format)
            is_picture = target.format in PICTURE_FORMATS
            notes: tuple[str, ...] = ()
            if is_picture:
                drawn = "black or white" if is_deep else "in magenta"
                notes = about.of(str(path), index, drawn)
            yield Written(str(path), number, maps, range(index, index + 1), notes)


def _label(number: int, maps: FeatureMaps) -> str:
    return layer_label(maps.network.layers[-1].name, number)


def write_arrays(file: IO[bytes], format: str, image: Image, layers: Layers) -> None:
    """Write feature maps as float32: a `.npy` file holds one array `(K, H, W)`, a `.npz` file also names and settings.

    Several layers are called "maps1" and "names1" in a `.npz` file, or "maps.fire2-squeeze" by their names.

    Raises
    ------
    ArgumentError
        If a `.npy` file should hold several layers.
    """
    from cnnfx.system.npz import save_npy, save_npz  # not for pictures

    if format == "npy":
        if len(layers) > 1:
            raise ArgumentError(
                "A .npy file holds one array, so it cannot hold several layers. Write a .npz instead.",
                remedy="several_layers",
            )
        save_npy(file, layers[0][1].whole())
        return
    import json

    arrays: dict[str, Any] = {}
    labels = distinct(_label(number, maps) for number, maps in layers)
    for (number, maps), label in zip(layers, labels, strict=True):
        named = maps.network.layers[-1].name != ""
        suffix = "" if len(layers) == 1 else f".{label}" if named else str(number)
        arrays[f"maps{suffix}"] = maps.whole()
        arrays[f"names{suffix}"] = np.array(maps.names)
    network = layers[-1][1].network
    meta = {
        "format": 1,
        "input": image.name,
        "filters": network.name,
        "layers": [layer.to_dict() for layer in network.layers],
    }
    arrays["meta"] = np.array(json.dumps(meta))
    save_npz(file, arrays)


def write_page(
    file: IO[bytes],
    name: str,
    image: Image,
    layers: Layers,
    grid_options: GridOptions,
    whole: Network | None = None,
) -> tuple[str, ...]:
    """Write an interactive page with all layers; return notes about the file of this name.

    Parameters
    ----------
    file : binary file
    name : str
    image : Image
    layers : sequence of (number of the layer, its feature maps)
        Those that the page shows.
    grid_options : GridOptions
    whole : Network, optional
        The network with all its layers, for a page that computes the scores of its classes.

    Raises
    ------
    CnnfxError
        If it would be too large for a browser; the message names the image.
    """
    from cnnfx.render.page import LARGE_PAGE_BYTES, make_page, page_contents

    picture = feature_grid(image, layers, grid_options._replace(with_input=True, with_filters=True))
    network = _with_scores(layers[-1][1].network, whole, image)
    shown = [number for number, _ in layers]
    try:
        page = make_page(network, image, grid_options.color_scale, picture, shown)
        left_out = page_contents(network, image, shown).note()
    except CnnfxError as error:
        raise error.prefixed(image.name) from error
    file.write(page)
    notes = *PictureNotes(layers, grid_options.color_scale).of(name), *([f"{name}: it {left_out}."] if left_out else [])
    if len(page) <= LARGE_PAGE_BYTES:
        return notes
    size, limit = f"{len(page) / 1e6:.1f} MB", f"{LARGE_PAGE_BYTES / 1e6:.0f} MB"
    return (*notes, f"{name}: it has {size}, more than the {limit} that open quickly anywhere.")


def _with_scores(network: Network, whole: Network | None, image: Image) -> Network:
    """Return the layers of a page and the one after them if it makes scores of classes from their maps."""
    count = len(network.layers)
    if whole is None or whole.maps_layer != count or len(whole.layers) != count + 1 or whole.layers[-1].conv:
        return network
    if len(network.layers[-1].outputs) != len(whole.classes):  # some of the channels only
        return network
    bound = whole.bind(image.channel_names)
    return replace(bound, layers=(*network.layers, bound.layers[-1]))


def write_grid(file: IO[bytes], name: str, grid: Grid, format: str = "png") -> None:
    """Write a grid as a picture of a format in `PICTURE_FORMATS`; a PNG is written band by band.

    Raises
    ------
    FileError
        If the format cannot hold a picture of this size; the message names the file.
    """
    if format == "png":
        write_png(file, grid.width, grid.height, grid.bands(), color="rgb" if grid.color else "gray")
    else:
        write_picture(file, name, grid.pixels(), format)


def write_deep_picture(file: IO[bytes], levels: NDArray[np.uint16], format: str) -> None:
    """Write levels `(H, W)` of 16 bits as a gray picture of a format in `DEEP_FORMATS`."""
    if format == "pgm":
        height, width = levels.shape
        file.write(b"P5\n%d %d\n65535\n" % (width, height))
        file.write(levels.astype(">u2").tobytes())
        return
    import PIL.Image

    encoded = io.BytesIO()
    PIL.Image.fromarray(levels).save(encoded, PICTURE_FORMATS[format])
    file.write(encoded.getbuffer())


def write_picture(file: IO[bytes], name: str, pixels: NDArray[np.uint8], format: str = "png") -> None:
    """Write pixels `(H, W)` or `(H, W, 3)` as a picture of a format in `PICTURE_FORMATS`.

    Raises
    ------
    FileError
        If the format cannot hold a picture of this size; the message names the file.
    """
    height, width = pixels.shape[:2]
    if format == "png":
        write_png(file, width, height, [pixels], color="rgb" if pixels.ndim == 3 else "gray")
        return
    if format == "pgm" and pixels.ndim == 3:
        raise FileError(f"{name}: a .pgm file has gray levels only, and this picture has colors. Write a .ppm or .png.")
    if format == "ppm" and pixels.ndim == 2:  # Pillow would write a PGM
        pixels = np.repeat(pixels[..., np.newaxis], 3, axis=2)
    import PIL.Image

    encoded = io.BytesIO()
    try:
        PIL.Image.fromarray(pixels).save(encoded, PICTURE_FORMATS[format], **QUALITY.get(format, {}))
    except (OSError, ValueError) as error:
        raise FileError(
            f"{name}: a picture of {width}×{height} pixels cannot be written as {format}: {str(error).rstrip('.')}. "
            "Write a .png instead."
        ) from error
    file.write(encoded.getbuffer())
