"""The heaps of HDF5 files: damaged ones, which the library would read for ever, are found before it does."""

from __future__ import annotations

import io
from itertools import pairwise
from pathlib import Path

import h5py
import pytest

from cnnfx.formats.keras import hdf5_heaps
from cnnfx.formats.keras.hdf5_heaps import GLOBAL_SIGNATURE, LOCAL_SIGNATURE, check_heaps
from cnnfx.formats.tensor_file import TensorError


@pytest.fixture
def data() -> bytes:
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        file.attrs["model_config"] = "a text"  # of variable length: in a global heap
        file.create_dataset("w", data=[1.0, 2.0])
    return stream.getvalue()


def with_object(data: bytes, number: int, size: int) -> bytes:
    """Return the file with another first object of its heap."""
    at = data.index(GLOBAL_SIGNATURE) + 16
    return data[:at] + hdf5_heaps.OBJECT.pack(number, 1, 0, size) + data[at + 16 :]


def test_a_file_as_h5py_writes_it_is_accepted(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.h5").write_bytes(data)
    check_heaps(tmp_path / "a.h5")
    file = io.BytesIO(data)
    check_heaps(file)
    assert file.tell() == 0


@pytest.mark.parametrize(("number", "size"), [(0, 0), (1, 2**64 - 16), (1, 5_000), (0, 2**40)])
def test_an_object_that_does_not_lead_to_the_next_is_refused(data: bytes, number: int, size: int) -> None:
    with pytest.raises(TensorError, match=r"^its global heap is damaged$"):
        check_heaps(io.BytesIO(with_object(data, number, size)))


def test_a_heap_is_found_wherever_blocks_end(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged = with_object(data, 0, 0)
    at = damaged.index(GLOBAL_SIGNATURE)
    for size in range(at - 1, at + len(GLOBAL_SIGNATURE) + 2):
        monkeypatch.setattr(hdf5_heaps, "BLOCK_BYTES", size)
        with pytest.raises(TensorError):
            check_heaps(io.BytesIO(damaged))


@pytest.mark.parametrize("content", [b"", b"\x89HDF\r\n\x1a\n", b"\x89HDF\r\n\x1a\n\x09" + bytes(50), bytes(100)])
def test_another_file_is_refused(content: bytes) -> None:
    with pytest.raises(TensorError, match=r"^this is not an HDF5 file, or only a part of one$"):
        check_heaps(io.BytesIO(content))


@pytest.mark.parametrize(("place", "value"), [(13, 4), (14, 4), (24, 1)])
def test_a_file_with_other_addresses_is_refused(data: bytes, place: int, value: int) -> None:
    damaged = data[:place] + bytes([value]) + data[place + 1 :]
    with pytest.raises(TensorError, match=r"^its addresses are not of 64 bits, or not counted from its start$"):
        check_heaps(io.BytesIO(damaged))


def with_free_blocks(data: bytes, *positions: int) -> bytes:
    """Return the file with other free blocks in the local heap of its names: the first, and that after each."""
    at = data.index(LOCAL_SIGNATURE)
    _, size, _, address = hdf5_heaps.LOCAL_HEAP.unpack_from(data, at)
    changed = bytearray(data)
    hdf5_heaps.LOCAL_HEAP.pack_into(changed, at, LOCAL_SIGNATURE, size, positions[0], address)
    for position, following in pairwise(positions):
        hdf5_heaps.FREE_BLOCK.pack_into(changed, address + position, following, 16)
    return bytes(changed)


@pytest.mark.parametrize("positions", [(16, 16), (16, 32, 16), (16, 32, 48, 32)])
def test_a_free_block_that_leads_back_is_refused(data: bytes, positions: tuple[int, ...]) -> None:
    with pytest.raises(TensorError, match=r"^its local heap is damaged$"):
        check_heaps(io.BytesIO(with_free_blocks(data, *positions)))


@pytest.mark.parametrize("positions", [(1,), (16, 1), (16, 32, 1), (10**6,)])
def test_free_blocks_that_end_are_accepted(data: bytes, positions: tuple[int, ...]) -> None:
    check_heaps(io.BytesIO(with_free_blocks(data, *positions)))


def test_too_many_heaps_are_an_error(data: bytes) -> None:
    with pytest.raises(TensorError, match=r"^it has 50,\d+ heaps; the limit is 50,000$"):
        check_heaps(io.BytesIO(data + LOCAL_SIGNATURE * 50_001))


def test_too_many_objects_are_an_error(data: bytes) -> None:
    at = data.index(GLOBAL_SIGNATURE)
    heap = hdf5_heaps.GLOBAL_HEAP.pack(GLOBAL_SIGNATURE, 10**7) + hdf5_heaps.OBJECT.pack(1, 1, 0, 0) * 50_001
    with pytest.raises(TensorError, match=r"^it has 50,001 objects in its heaps; the limit is 50,000$"):
        check_heaps(io.BytesIO(data[:at] + heap))
