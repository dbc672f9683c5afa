"""The global heaps of HDF5 files: damaged ones, which the library would read for ever, are found before it does."""

from __future__ import annotations

import io
from pathlib import Path

import h5py
import pytest

from cnnfx.formats import hdf5_heaps
from cnnfx.formats.hdf5_heaps import SIGNATURE, check_heaps
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
    at = data.index(SIGNATURE) + 16
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
    at = damaged.index(SIGNATURE)
    for size in range(at - 1, at + len(SIGNATURE) + 2):
        monkeypatch.setattr(hdf5_heaps, "BLOCK_BYTES", size)
        with pytest.raises(TensorError):
            check_heaps(io.BytesIO(damaged))


@pytest.mark.parametrize("content", [b"", b"\x89HDF\r\n\x1a\n", b"\x89HDF\r\n\x1a\n\0\0\0\0\0\x04\x08\0", bytes(100)])
def test_a_file_with_other_addresses_is_refused(content: bytes) -> None:
    with pytest.raises(TensorError, match="addresses"):
        check_heaps(io.BytesIO(content))
