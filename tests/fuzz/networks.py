"""What is checked of files of other programs: their tensors, one by one, and networks of them."""

from __future__ import annotations

import math
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cnnfx.errors import CnnfxError
from tests.fuzz.checks import check_message, check_network

if TYPE_CHECKING:
    from cnnfx.formats.tensor_file import TensorFile
    from cnnfx.nn.network import Network

MAX_READ_BYTES = 1 << 26
"""The largest tensor that is read for its own sake, in bytes."""
MAX_READ = 40
"""The most tensors that are read of a file."""
ORDERS_EVERY = 8
"""One input in this number is read with a given order of axes."""
IMAGE_EVERY = 4
"""One network in this number is applied to an image."""
MAX_VALUES = 300_000
"""The most values of the maps of such a network, and its most weights."""


def reads_tensors(path: Path, kind: str) -> list[str]:
    """Read the tensors of a file, and return the names of those that have at least two axes.

    A tensor is as `info` says, or `TensorError` is raised with a clause.
    """
    from cnnfx.formats.tensor_file import TensorError, open_tensor_file

    try:
        with open_tensor_file(path, kind) as file:
            return _read_all(file)
    except TensorError as error:
        _check_clause(error)
    except CnnfxError as error:
        check_message(error, path.name)
    return []


def _read_all(file: TensorFile) -> list[str]:
    from cnnfx.formats.tensor_file import TensorError

    names = list(file.names)
    assert len(set(names)) == len(names), "a name twice"
    assert all(isinstance(name, str) for name in names), "a name that is no text"
    assert all(map(isinstance, file.metadata.values(), [str] * len(file.metadata))), "metadata that are no text"
    found = []
    for name in names[:MAX_READ]:
        try:
            info = file.info(name)
            assert min(info.shape, default=0) >= 0, f"the shape {info.shape}"
            if info.nbytes > MAX_READ_BYTES:
                continue
            array = file.read(name)
        except TensorError as error:
            _check_clause(error)
            continue
        assert array.shape == info.shape, f"it has shape {array.shape}, and {info.shape} in its description"
        assert array.nbytes <= info.nbytes, f"it has {array.nbytes} bytes, and {info.nbytes} in its description"
        assert array.dtype.kind in "iufb" or not info.has_numbers, f"it has values of {array.dtype}"
        assert array.size == math.prod(info.shape)
        if array.ndim > 1:
            found.append(name)
    return found


def _check_clause(error: Exception) -> None:
    text = str(error)
    assert text.strip(), "the message is empty"
    assert len(text) <= 3_000, f"the message has {len(text)} characters: {text[:200]}"
    assert not text.endswith("."), f"the clause ends with a period: {text[-100:]}"


def reads_foreign_network(path: Path, kind: str, layers: tuple[str | int | None, ...] = ()) -> bool:
    """Check the tensors of a file, and its network: with a layer or without, and seldom in a given order of axes."""
    from cnnfx.formats.filter_order import ORDERS
    from cnnfx.formats.load import load_network

    data = path.read_bytes()
    checksum = zlib.crc32(data)
    names = reads_tensors(path, kind) if kind else []
    wanted: list[str | int | None] = [None, *layers, *names[checksum % 64 :][:1], *names[:1]]
    layer = wanted[checksum // 64 % len(wanted)]
    order = list(ORDERS)[checksum // 8 % len(ORDERS)] if checksum % ORDERS_EVERY == 0 else None
    try:
        network = load_network(path, layer=layer, order=order)
    except CnnfxError as error:
        # A message about a layer that is not there names the network rather than its file.
        return check_message(error, path.name if layer is None else "")
    check_network(network)
    if checksum % IMAGE_EVERY == 0:
        _apply(network)
    return True


def _apply(network: Network) -> None:
    """Apply a network to a small image: it makes the maps that it announces, or an error of cnnfx."""
    channels = network.in_channels or 3
    try:
        height, width = network.input.size or (8, 8)
        if channels * height * width > MAX_VALUES:
            return
        bound = network.bind([str(number) for number in range(channels)])
        shapes = bound.output_shapes((channels, height, width))
        if sum(map(math.prod, shapes)) > MAX_VALUES or _weights(bound) > MAX_VALUES:
            return
        with np.errstate(all="ignore"):
            maps = np.asarray(network(np.full((channels, height, width), 0.5, np.float32)))
    except CnnfxError as error:
        check_message(error, "")
        return
    assert maps.shape == shapes[-1], f"maps of {maps.shape}, and {shapes[-1]} announced"


def _weights(network: Network) -> int:
    return sum(layer.conv.weights.size for layer in network.layers if layer.conv is not None)
