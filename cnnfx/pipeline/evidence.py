"""Evidence for the classes that a network predicts for an image, as arrays and as a picture."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import IO, Any

import numpy as np
from numpy.typing import ArrayLike

from cnnfx.errors import ArgumentError
from cnnfx.features.evidence import Evidence, Method, Progress, find_evidence
from cnnfx.formats.load import load_network
from cnnfx.images import Image
from cnnfx.images.fit import Area
from cnnfx.images.image import GRAY_NAMES
from cnnfx.nn.layers import Array
from cnnfx.nn.network import Network
from cnnfx.render.evidence import METHOD_NAMES, evidence_picture
from cnnfx.render.picture import Picture
from cnnfx.system.arguments import whole_number
from cnnfx.system.npz import save_npy, save_npz
from cnnfx.system.sizes import size_text
from cnnfx.system.suggest import did_you_mean
from cnnfx.training.predict import DEFAULT_MODEL, image_scores, most_probable
from cnnfx.training.prepare import PreparedImage, check_classifier, prepare

DEFAULT_CLASSES = 3
"""The number of classes for which evidence is shown by default."""


@dataclass(frozen=True, eq=False, repr=False)
class EvidencePicture:
    """The evidence for classes in an image. A notebook shows the picture.

    Parameters
    ----------
    found : Evidence
    prepared : PreparedImage
        The image, and what the network read of it.
    title : str
    layer_name : str
        The name of the layer whose maps were used; empty if it has none, and for occlusion.
    colormap : str
        A color map of `cnnfx.render.color.COLORMAPS`.
    """

    found: Evidence
    prepared: PreparedImage
    title: str
    layer_name: str = ""
    colormap: str = "heat"

    @property
    def maps(self) -> np.ndarray[Any, Any]:
        """The map of each class, an array (K, h, w), in points of its score."""
        return self.found.maps

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the classes."""
        return tuple(found.name for found in self.found.classes)

    @property
    def notes(self) -> tuple[str, ...]:
        """Changes of the image that the user may not expect."""
        return self.prepared.notes

    @cached_property
    def picture(self) -> Picture:
        """The picture, an array `(height, width, 3)` of uint8."""
        image, area = _seen(self.prepared)
        size = self.prepared.pixels.shape[1], self.prepared.pixels.shape[2]
        return Picture.of(evidence_picture(self.found, image, area, size, self.title, self.colormap))

    def strongest(self, index: int) -> tuple[int, int] | None:
        """Return where in the image a class has the largest value, (x, y) in pixels; None if no value is above 0.

        Positions in a digit are those in the prepared image.
        """
        values = self.found.classes[index].map
        if not values.max() > 0:
            return None
        row, column = np.unravel_index(int(values.argmax()), values.shape)
        image, area = _seen(self.prepared)
        _, height, width = self.prepared.pixels.shape
        x = area.left + self.found.columns[column] / width * (area.right - area.left)
        y = area.top + self.found.rows[row] / height * (area.bottom - area.top)
        return min(max(int(x), 0), image.shape[2] - 1), min(max(int(y), 0), image.shape[1] - 1)

    def _repr_png_(self) -> bytes | None:
        return self.picture._repr_png_()

    def __repr__(self) -> str:
        return f"<EvidencePicture {self.title}: {', '.join(self.names)}>"


def evidence(
    image: str | os.PathLike[str] | bytes | Image | ArrayLike,
    model: str | os.PathLike[str] | Network = DEFAULT_MODEL,
    *,
    classes: Sequence[str | int] | None = None,
    top: int = DEFAULT_CLASSES,
    method: Method | None = None,
    layer: int | str | None = None,
    colormap: str = "heat",
    progress: Progress | None = None,
) -> EvidencePicture:
    """Show where an image contains the evidence for classes.

    Parameters
    ----------
    image : path, bytes, Image or array (C, H, W) or (H, W)
    model : str, path or Network
        As for `cnnfx.predict`.
    classes : sequence of str or int, optional
        Names of classes, or their numbers, counted from 0; by default the most probable.
    top : int
        How many classes, if none are given.
    method : "cam", "grad-cam" or "occlusion", optional
        By default class activation maps where the network ends in maps and their means, else Grad-CAM; see
        `cnnfx.features.evidence`.
    layer : int or str, optional
        The number, counted from 1, or the name of the layer whose maps Grad-CAM uses; by default the last with more
        than one position.
    colormap : str
        Of the picture: "heat", "magma", "viridis", "gray" or "diverging".
    progress : callable, optional
        Called during occlusion with "images", the number of images classified so far, and the total number.

    Raises
    ------
    FileError
        If image or model cannot be read.
    ArgumentError
        If they do not fit together, the model has no classes, a class, layer or method does not exist, or the method
        is not for this network.
    """
    network = model if isinstance(model, Network) else load_network(os.fspath(model))
    check_classifier(network, network.name if isinstance(model, Network) else str(model))
    number = None if layer is None else network.layer_number(layer)
    prepared = prepare(network, image)
    scores = image_scores(network, prepared)
    if classes is None:
        numbers = most_probable(scores, whole_number("top", top, 1))
    else:
        numbers = [class_number(network, each) for each in classes]
    return evidence_of(network, prepared, scores, numbers, method, number, colormap, progress)


def evidence_of(
    network: Network,
    prepared: PreparedImage,
    scores: Array,
    classes: Sequence[int],
    method: str | None = None,
    layer: int | None = None,
    colormap: str = "heat",
    progress: Progress | None = None,
) -> EvidencePicture:
    """Return the evidence for the classes of these numbers in a prepared image, given the scores `(K,)` of all classes.

    The other parameters and the errors are those of `cnnfx.features.evidence.find_evidence`.
    """
    found = find_evidence(network, prepared.pixels, classes, method, layer, progress, scores)
    layer_name = "" if found.layer is None else network.layers[found.layer - 1].name
    return EvidencePicture(found, prepared, evidence_title(network, found), layer_name, colormap)


def class_number(network: Network, name: str | int) -> int:
    """Return the number of a class, given its name or number, counted from 0.

    Raises
    ------
    ArgumentError
        If there is no such class.
    """
    if isinstance(name, str) and name in network.classes:
        return network.classes.index(name)
    if isinstance(name, int) and 0 <= name < len(network.classes):
        return name
    hint = did_you_mean(str(name), network.classes) if isinstance(name, str) else f"It has {len(network.classes)}."
    raise ArgumentError(f"{network.name} has no class {name!r}. {hint}".rstrip())


def evidence_title(network: Network, found: Evidence) -> str:
    """Return the title of a picture: the network, the method, and its maps or patches."""
    if found.layer is None:
        how = f"{METHOD_NAMES[found.method]} by patches of {size_text(found.patch or (0, 0))}"
    else:
        how = f"{METHOD_NAMES[found.method]} of {network.layer_title(found.layer)}, {size_text(found.maps.shape[1:])}"
    return f"{network.name} · evidence for classes · {how}"


def write_evidence_arrays(file: IO[bytes], format: str, shown: EvidencePicture) -> None:
    """Write the maps as arrays: a `.npy` file holds `(K, h, w)`, a `.npz` file also names, probabilities and so on."""
    if format == "npy":
        save_npy(file, shown.maps)
        return
    found = shown.found
    arrays = {
        "maps": shown.maps,
        "names": np.array(shown.names),
        "probabilities": np.array([each.probability for each in found.classes]),
        "scores": np.array([each.score for each in found.classes]),
        "rows": found.rows,
        "columns": found.columns,
    }
    save_npz(file, arrays)


def _seen(prepared: PreparedImage) -> tuple[Image, Area]:
    """Return the image over which evidence is drawn, and the part that the network read: a digit as it was prepared."""
    if prepared.area is not None:
        return prepared.image, prepared.area
    _, height, width = prepared.pixels.shape
    return Image(prepared.image.name, prepared.pixels, GRAY_NAMES), Area(0, 0, width, height)
