"""Attributes in the headers of HDF5 objects: wrong lengths of texts are found before the library allocates them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from cnnfx.formats.keras.hdf5_headers import REFERENCE, text_references
from cnnfx.formats.keras.hdf5_heaps import check_heaps
from cnnfx.formats.keras.weights import KerasWeights
from cnnfx.formats.tensor_file import TensorError

h5py = pytest.importorskip("h5py")
TEXTS = ["first", "", "the third text"]


def file_of(libver: str, more: int = 0, track_order: bool = False) -> tuple[bytes, int]:
    """Return a file with texts in an attribute of a group, and the address of the group's header."""
    stream = io.BytesIO()
    with h5py.File(stream, "w", libver=libver, track_order=track_order) as file:
        group = file.create_group("g", track_order=track_order)
        for number in range(more):
            group.attrs[f"other{number}"] = np.arange(200)
        group.attrs["texts"] = TEXTS
        address = h5py.h5o.get_info(group.id).addr
    return stream.getvalue(), address


@pytest.mark.parametrize("track_order", [False, True])
@pytest.mark.parametrize("more", [0, 3])
@pytest.mark.parametrize("libver", ["earliest", "v108", "v110", "latest"])
def test_lengths_of_texts_are_those_in_the_heap(libver: str, more: int, track_order: bool) -> None:
    data, address = file_of(libver, more, track_order)
    sizes = check_heaps(io.BytesIO(data))
    found = text_references(io.BytesIO(data), address, "texts", len(TEXTS))
    assert [length for length, _, _ in found] == [len(text) for text in TEXTS]
    assert all(sizes[heap, number] == length for length, heap, number in found if length)


def test_many_attributes_of_an_old_file_are_in_further_blocks() -> None:
    data, address = file_of("earliest", 20)
    found = text_references(io.BytesIO(data), address, "texts", len(TEXTS))
    assert [length for length, _, _ in found] == [len(text) for text in TEXTS]


def test_an_attribute_apart_from_its_object_is_not_supported() -> None:
    data, address = file_of("latest", 20)
    with pytest.raises(TensorError) as caught:
        text_references(io.BytesIO(data), address, "texts", len(TEXTS))
    assert str(caught.value) == "the attribute texts is stored apart from its group, which is not supported"


def test_fewer_texts_than_the_shape_says_are_an_error() -> None:
    data, address = file_of("earliest")
    with pytest.raises(TensorError, match=r"^the attribute texts is truncated$"):
        text_references(io.BytesIO(data), address, "texts", 1000)


@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_a_text_that_is_longer_than_its_object_is_refused_before_it_is_read(tmp_path: Path, libver: str) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", libver=libver) as file:
        file.attrs["layer_names"] = ["conv"]
        address = h5py.h5o.get_info(file.id).addr
    data = path.read_bytes()
    ((length, heap, number),) = text_references(io.BytesIO(data), address, "layer_names", 1)
    longer = data.replace(REFERENCE.pack(length, heap, number), REFERENCE.pack(1 << 30, heap, number))
    assert longer != data
    path.write_bytes(longer)
    with pytest.raises(TensorError, match=r"a text of the attribute layer_names is not in the file$|[Cc]hecksum"):
        KerasWeights(path)


def test_blocks_that_lead_back_are_an_error() -> None:
    data, address = file_of("earliest", 20)
    at = data.index(b"\x10\0\x10\0", address)  # the message that names a further block
    damaged = data[: at + 8] + (address + 16).to_bytes(8, "little") + data[at + 16 :]
    with pytest.raises(TensorError, match=r"^it has too many attributes$"):
        text_references(io.BytesIO(damaged), address, "absent", 1)
