"""The patterns that filters respond to in the images of a data set or folder, drawn as a picture."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnfx.datasets import Dataset, load_dataset
from cnnfx.datasets.fitting import fit_images
from cnnfx.datasets.load import is_name
from cnnfx.errors import ArgumentError, FileError
from cnnfx.features import ImageArray, ImageFiles, ImageSource, LayerPatterns, Pattern, find_patterns
from cnnfx.features.images import reads_whole_images
from cnnfx.features.search import METHODS, Choice, Method, network_up_to
from cnnfx.formats.load import load_network
from cnnfx.images import Image, find_images, load_image
from cnnfx.images.formats import PICTURE_EXTENSIONS
from cnnfx.images.image import GRAY_NAMES, RGB_NAMES
from cnnfx.nn.network import Network
from cnnfx.nn.selection import depends_on_image, select_channels
from cnnfx.render.features import patterns_picture
from cnnfx.render.picture import Picture
from cnnfx.system.arguments import whole_number
from cnnfx.system.folders import expand_user
from cnnfx.system.sizes import counted, size_text
from cnnfx.training.model_data import load_model_data
from cnnfx.training.prepare import prepare


@dataclass(frozen=True, eq=False, repr=False)
class PatternsPicture:
    """The patterns of a layer's filters. A notebook shows the picture.

    Parameters
    ----------
    found : LayerPatterns
    title : str
    columns : int, optional
        Filters in each row.
    notes : tuple of str
        Messages about images that were skipped.
    """

    found: LayerPatterns
    title: str
    columns: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def patterns(self) -> tuple[Pattern, ...]:
        """The pattern of each filter: its top patches and maximized inputs."""
        return self.found.patterns

    @cached_property
    def picture(self) -> Picture:
        """The picture, an array `(height, width)` or `(height, width, 3)` of uint8."""
        return Picture.of(patterns_picture(self.found, self.title, self.columns))

    def _repr_png_(self) -> bytes | None:
        return self.picture._repr_png_()

    def __repr__(self) -> str:
        return f"<PatternsPicture {self.title}>"


def show_patterns(
    network: str | os.PathLike[str] | Network,
    data: str | os.PathLike[str] | NDArray[Any] | ImageSource | None = None,
    *,
    layer: int | str | None = None,
    only: str = "all",
    methods: Method | Sequence[Method] = METHODS,
    columns: int | None = None,
    seed: int = 0,
    progress: Callable[[str, int, int], None] | None = None,
) -> PatternsPicture:
    """Show what filters respond to: patches of images, their deconvolution, and inputs that maximize the activation.

    Parameters
    ----------
    network : str, path or Network
        A preset's name, or the path of a filter file or model.
    data : str, path, array (N, C, H, W) or ImageSource, optional
        The images to search: a folder of pictures, a picture, a data set as for `cnnfx.train`, or an array of uint8 or
        of float32 in 0..1. By default those that a model was trained on; for other networks of gray images MNIST or
        drawn digits; for networks of color images none, which is enough for maximization.
    layer : int or str, optional
        The number of a layer, 1 for the first, or its name, or "classes" for the scores of a classifier. By default
        the last layer that makes maps.
    only : str
        The filters, such as "1,4,7-9", or "top:16" for those with the largest activations; see
        `cnnfx.nn.selection.select_channels`.
    methods : sequence of str, or str
        Some of "patches", "deconvolution" and "maximization".
    columns : int, optional
        Filters in each row of the picture.
    seed : int
        The seed of the noise that maximization starts from.
    progress : callable, optional
        Called with "images" or "inputs", the number processed so far, and the total number.

    Raises
    ------
    FileError
        If network or images cannot be read.
    ArgumentError
        If they do not fit together, there is no such layer, filter or method, or a number is out of range.
    """
    loaded = network if isinstance(network, Network) else load_network(os.fspath(network))
    chosen = (methods,) if isinstance(methods, str) else tuple(methods)
    unknown = [method for method in chosen if method not in METHODS]
    if unknown or not chosen:
        problem = f"There is no method called {unknown[0]!r}." if unknown else "No method is given."
        raise ArgumentError(f"{problem} Choose from {', '.join(METHODS)}.")
    seed = whole_number("seed", seed, 0)
    if columns is not None:
        columns = whole_number("columns", columns, 1)
    channels = choose_channels(network_up_to(loaded, layer), only)
    images: ImageSource | None
    if data is None or isinstance(data, str | os.PathLike):
        spec = None if data is None else os.fspath(data)
        images = open_images(loaded, spec, lambda: _load_labeled(loaded, spec), layer, chosen)
    else:
        images = ImageArray("array", data) if isinstance(data, np.ndarray) else data
    found = find_patterns(loaded, images, layer, channels, methods=chosen, seed=seed, progress=progress)
    notes = () if images is None else tuple(images.notes)
    return PatternsPicture(found, patterns_title(loaded, found, images), columns, notes)


def patterns_title(network: Network, found: LayerPatterns, source: ImageSource | None) -> str:
    """Return the title of the picture: network, layer, size of the patches, and the images that were searched."""
    layer = "classes" if found.layer == "classes" else f"layer {found.layer_name or found.layer}"
    if source is None:
        return f"{network.name}, {layer} · inputs of {size_text(found.size)}"
    images = counted(found.images, "image")
    return f"{network.name}, {layer} · patches of {size_text(found.size)} · from {images} of {source.name}"


def choose_channels(network: Network, only: str, owner: str = "") -> Sequence[int] | Choice:
    """Return the channels of a network's last layer, or the classes, that a list selects.

    Parameters
    ----------
    network : Network
        See `cnnfx.features.search.network_up_to`.
    only : str
        See `cnnfx.nn.selection.select_channels`.
    owner : str, optional
        What the channels belong to, for messages.

    Returns
    -------
    sequence of int, or function
        For `find_patterns`. A function for a list that contains "top:N".

    Raises
    ------
    ArgumentError
        If there is no such channel.
    """
    names = network.output_names
    chosen = select_channels(names, only, owner, strengths=lambda: [0.0] * len(names))
    if not depends_on_image(names, only):
        return chosen
    return lambda activations: select_channels(names, only, owner, strengths=lambda: activations)


def open_images(
    network: Network,
    spec: str | None,
    load_labeled: Callable[[], Dataset],
    layer: int | str | None = None,
    methods: Sequence[str] = METHODS,
    background: str | None = None,
) -> ImageSource | None:
    """Return the images to search: a folder of pictures, one picture, or the training images of a data set.

    Pictures are read in gray or in color, as the network reads them. Where a layer reads whole photographs, as a
    classifier does, they are brought to the size of the network's input.

    Parameters
    ----------
    network : Network
    spec : str, optional
        A path or the name of a data set.
    load_labeled : function to Dataset
        Called if `spec` names neither pictures nor a folder of them.
    layer : int or str, optional
        The layer whose patterns are wanted; see `show_patterns`.
    methods : sequence of str, optional
        What is wanted of them.
    background : str, optional
        The color over which transparent parts of pictures are composited; by default that of the network's input.

    Returns
    -------
    ImageSource, or None
        None for maximization alone by a network of color images, if no images are given.

    Raises
    ------
    FileError
        If there are none, or they cannot be read.
    ArgumentError
        If none are given to a network of color images that was not trained on a data set.
    """
    path = None if spec is None else expand_user(spec)
    if path is not None and (_contains_pictures(path) or path.suffix.lower() in PICTURE_EXTENSIONS):
        found = find_images([path])
        load = _picture_loader(network, layer, background)
        return ImageFiles(path.name or str(path), found.files, load, found.notes)
    if spec is None and not network.meta and network.color_mode == "rgb":
        if tuple(methods) == ("maximization",):
            return None
        message = f"{network.name} reads images in color, and none are given to search: name a folder of photographs."
        raise ArgumentError(message, remedy="image_data")
    dataset = load_labeled()
    images, notes = dataset.train_images, dataset.notes
    if network.input.fit == "digit":
        images, changes = fit_images(dataset.name, images, network.input, network.input_shape)
        notes = (*notes, *changes)
    return ImageArray(dataset.name, images, notes, dataset.skipped)


def _picture_loader(
    network: Network, layer: int | str | None, background: str | None = None
) -> Callable[[Path], Image]:
    """Return a function that loads a picture as a layer reads it."""
    channels = network.color_mode
    is_whole = reads_whole_images(network_up_to(network, layer))
    if not is_whole or network.input_shape is None:
        color = background or network.input.background
        return lambda file: load_image(file, channels=channels, background=color)

    def load(file: Path) -> Image:
        prepared = prepare(network, file, background=background)
        names = RGB_NAMES if channels == "rgb" else GRAY_NAMES
        return Image(prepared.image.name, prepared.pixels, names, notes=prepared.image.notes)

    return load


def _load_labeled(network: Network, spec: str | None) -> Dataset:
    return load_model_data(network, spec) if has_own_data(network, spec) else load_dataset(spec)


def has_own_data(network: Network, spec: str | None) -> bool:
    """Return whether images are loaded for a network: those it was trained on, or a path, fitted to its input."""
    return bool(network.meta) or (spec is not None and not is_name(spec))


def _contains_pictures(folder: Path) -> bool:
    try:
        return os.path.isdir(folder) and bool(find_images([folder]).files)
    except FileError:  # it contains none, or only in its subfolders: a data set
        return False
