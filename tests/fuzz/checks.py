"""What readers promise: checks that a target makes for each input.

Each check reads an input, returns whether it is valid, and raises `AssertionError` if an image, a network or a dataset
is not consistent, or an error message is not one. Errors other than `CnnfxError` leave the check.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cnnfx.errors import CnnfxError

if TYPE_CHECKING:
    from cnnfx.datasets.dataset import Dataset
    from cnnfx.images import Image
    from cnnfx.nn.network import Network

MAX_MESSAGE_CHARACTERS = 3_000
"""The most characters of a message: it does not repeat a whole file."""
FEW_PIXELS = 250_000
"""The limit of pixels for most inputs."""
AGAIN_EVERY = 4
"""One of four images of at most `FEW_PIXELS` values is read again, to compare the results."""
LARGE_EVERY = 64
"""One of 64 inputs has the usual limit of pixels."""


def check_message(error: CnnfxError, where: str) -> bool:
    """Check that an error's text is a message about the input; return False, for the input is not valid."""
    text = str(error)
    assert text.strip(), "the message is empty"
    assert len(text) <= MAX_MESSAGE_CHARACTERS, f"the message has {len(text)} characters: {text[:200]}"
    assert where in text, f"the message does not name {where}: {text[:200]}"
    return False


def reads_image(data: bytes, path: Path | None = None, *, thorough: bool = False) -> bool:
    """Check the image of a file, or of bytes.

    Large pictures take long, so most inputs have a low limit of pixels; a `thorough` check has the usual one.
    """
    from cnnfx.images import MAX_PIXELS, load_image

    source: Any = data if path is None else path
    checksum = zlib.crc32(data)
    limit = MAX_PIXELS if thorough or checksum % LARGE_EVERY == 0 else FEW_PIXELS
    try:
        image = load_image(source, max_pixels=limit)
    except CnnfxError as error:
        return check_message(error, "standard input" if path is None else path.name)
    check_image(image)
    if image.values.size <= FEW_PIXELS and (thorough or checksum % AGAIN_EVERY == 0):
        again = load_image(source)
        assert again.values.dtype == image.values.dtype, "read again, the dtype differs"
        assert again.values.tobytes() == image.values.tobytes(), "read again, the values differ"
        assert (again.channel_names, again.notes) == (image.channel_names, image.notes), (
            "read again, names or notes differ"
        )
        check_pages(source, image)
    return True


def check_pages(source: Any, image: Image) -> None:
    """Check that the last page of a file of several can be read, or has an error, and that there is none after it."""
    from cnnfx.images.load import count_pages, load_image

    pages = count_pages(source)
    assert pages == image.pages, f"it has {pages} pages, and {image.pages} when it is read"
    if pages > 1:
        try:
            last = load_image(source, page=pages)
        except CnnfxError as error:
            check_message(error, "standard input" if isinstance(source, bytes) else source.name)
        else:
            check_image(last)
            assert last.pages == pages, f"it has {pages} pages, and {last.pages} when the last is read"
    try:
        load_image(source, page=pages + 1)
    except CnnfxError:
        return
    raise AssertionError(f"a page {pages + 1} of {pages} is read")


def check_image(image: Image) -> None:
    """Check that the parts of an image agree."""
    values = image.values
    assert values.ndim == 3, f"an image of {values.ndim} axes"
    assert values.size, f"an image of the shape {values.shape}"
    assert values.dtype in (np.uint8, np.uint16, np.float32), f"an image of {values.dtype}"
    names = image.channel_names
    assert len(names) == len(values), f"{len(names)} names for {len(values)} channels"
    assert len(set(names)) == len(names), f"names that are the same: {names}"
    assert all(isinstance(text, str) and text for text in (*names, *image.notes)), "names or notes that are no text"
    assert image.is_array or len(values) in (1, 3), f"a picture of {len(values)} channels"


def reads_network(load: Callable[[Path], Network], path: Path) -> bool:
    """Check the network of a file."""
    try:
        network = load(path)
    except CnnfxError as error:
        return check_message(error, path.name)
    check_network(network)
    return True


def check_network(network: Network) -> None:
    """Check that the layers of a network have finite weights and the right number of names, and can be described."""
    assert network.layers, "a network without layers"
    for layer in network.layers:
        names = layer.channel_names
        assert all(isinstance(name, str) and name for name in names), f"names that are no text: {names[:5]}"
        if layer.conv is not None:
            count = len(layer.conv.weights)
            assert layer.conv.weights.ndim == 4, "weights are (K, C, kh, kw)"
            assert layer.conv.weights.size, "weights without numbers"
            assert len(layer.filter_names) == count == len(layer.conv.bias), (
                "names, weights and biases differ in number"
            )
            assert np.isfinite(layer.conv.weights).all(), "weights that are not finite"
            assert np.isfinite(layer.conv.bias).all(), "biases that are not finite"
        json.dumps(layer.to_dict(), allow_nan=False)
    if network.head is not None:
        assert len(network.classes) == len(network.head.bias), "classes and scores differ in number"
    assert all(isinstance(name, str) for name in network.classes), "classes that are no text"


def reads_kernel(data: bytes, folder: Path) -> bool:
    """Check the network of a kernel as text."""
    from cnnfx.formats.kernel_text import parse_kernel

    try:
        network = parse_kernel(data.decode("utf-8", "surrogateescape"))
    except CnnfxError as error:
        return check_message(error, "kernel")
    check_network(network)
    assert network.layers[0].conv is not None
    assert network.layers[0].conv.weights.shape[:2] == (1, 1), "a kernel is (1, 1, kh, kw)"
    return True


def reads_arch(path: Path) -> bool:
    """Check the network of an arch file, and which of its filters are trained."""
    from cnnfx.formats.arch import load_arch

    try:
        arch = load_arch(path)
    except CnnfxError as error:
        return check_message(error, path.name)
    check_network(arch.network)
    for layer, random, trainable in zip(arch.network.layers, arch.random, arch.trainable, strict=True):
        count = len(layer.filter_names)
        assert random.shape == trainable.shape == (count,), f"flags of {random.shape} for {count} filters"
        assert not (random & ~trainable).any(), "random filters that are not trained"
    return True


def check_dataset(dataset: Dataset) -> None:
    """Check that images, labels and classes of a dataset agree."""
    for part in (dataset.train, dataset.test):
        assert part.images.ndim == 4, f"images of {part.images.ndim} axes"
        assert part.images.dtype == np.uint8, f"images of {part.images.dtype}"
        assert len(part.images) == len(part.labels), "numbers of images and labels differ"
        assert part.images.shape[1] in (1, 3), f"images of {part.images.shape[1]} channels"
        assert part.images[0].size, "images without pixels"
        assert part.labels.dtype == np.int64, f"labels of {part.labels.dtype}"
        assert part.labels.min() >= 0, "a label below 0"
        assert part.labels.max() < len(dataset.classes), "a label without class"
    assert dataset.train_images.shape[1:] == dataset.test_images.shape[1:], "images of two sizes"


def reads_dataset(load: Callable[[], Dataset], where: str) -> bool:
    """Check a dataset."""
    try:
        dataset = load()
    except CnnfxError as error:
        return check_message(error, where)
    check_dataset(dataset)
    return True
