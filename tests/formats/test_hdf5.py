"""HDF5 files that are not trusted: nothing outside of them is opened, and sizes are checked before memory is taken."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from cnnfx.formats.keras.weights import KerasWeights
from cnnfx.formats.tensor_file import TensorError
from cnnfx.system.limits import MAX_HDF5_OBJECTS

h5py = pytest.importorskip("h5py")
NUMBERS = np.arange(60, dtype=np.float32).reshape(3, 4, 5)


def error_of(path: Path, name: str = "") -> str:
    """Return the text of the error when a file is opened, or when an array of it is read."""
    with pytest.raises(TensorError) as caught, KerasWeights(path) as weights:
        weights.read(name)
    return str(caught.value)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.h5"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """Return a file that others refer to, by a pipe that blocks whoever opens it."""
    secret = tmp_path / "secret.h5"
    os.mkfifo(secret)
    return secret


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"chunks": (2, 3, 4)},
        {"chunks": (2, 3, 4), "compression": "gzip"},
        {"chunks": (2, 3, 4), "compression": "gzip", "shuffle": True, "fletcher32": True},
        {"chunks": (3, 4, 5), "shuffle": True},
    ],
)
@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f2", "<f8", "i1", "<i4", "<u8"])
def test_values_are_those_that_h5py_wrote(path: Path, options: dict[str, object], dtype: str) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("a", data=NUMBERS.astype(dtype), **options)
    with KerasWeights(path) as weights:
        assert weights.info("a").dtype == np.dtype(dtype).name
        np.testing.assert_array_equal(weights.read("a"), NUMBERS)


def test_bfloat16_becomes_float32(path: Path) -> None:
    halves = np.array([1.0, -2.5, 3e38], np.float32).view(np.uint16)[1::2]
    with h5py.File(path, "w") as file:
        file["a"] = halves.view("V2")
    with KerasWeights(path) as weights:
        assert weights.info("a") == ((3,), "bfloat16", 12)
        np.testing.assert_array_equal(weights.read("a"), (halves.astype(np.uint32) << 16).view(np.float32))


def test_an_array_in_its_header_is_read(path: Path) -> None:
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_layout(h5py.h5d.COMPACT)
    with h5py.File(path, "w") as file:
        space = h5py.h5s.create_simple((2, 3))
        array = h5py.h5d.create(file.id, b"a", h5py.h5t.IEEE_F32LE, space, properties)
        array.write(h5py.h5s.ALL, h5py.h5s.ALL, NUMBERS[0, :2, :3].copy())
    with KerasWeights(path) as weights:
        np.testing.assert_array_equal(weights.read("a"), NUMBERS[0, :2, :3])


def test_a_link_to_another_file_is_named_and_not_followed(path: Path, secret: Path) -> None:
    with h5py.File(path, "w") as file:
        file["group/far"] = h5py.ExternalLink(str(secret), "/a")
    assert error_of(path) == "group/far is a link to another place or file, which is not followed"


def test_a_listed_array_behind_a_link_is_an_error(path: Path, secret: Path) -> None:
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = ["conv"]
        file.create_group("conv").attrs["weight_names"] = ["far", "near"]
        file["conv/far"] = h5py.ExternalLink(str(secret), "/a")
        file["conv/near"] = h5py.SoftLink("/conv/far")
    for name in ("conv/far", "conv/near"):
        assert error_of(path, name) == f"{name}: there is no such array"


def test_values_in_another_file_are_not_read(path: Path, secret: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("a", (3, 4), "f4", external=[(str(secret), 0, h5py.h5f.UNLIMITED)])
    assert error_of(path, "a") == "a: its values are in another file, which is not opened"


def test_a_virtual_array_is_not_read(path: Path, secret: Path) -> None:
    layout = h5py.VirtualLayout((4, 3), "f4", maxshape=(None, 3))
    layout[:] = h5py.VirtualSource(str(secret), "a", (4, 3), maxshape=(None, 3))
    with h5py.File(path, "w") as file:
        file.create_virtual_dataset("a", layout)
    assert error_of(path, "a") == "a: its values are in another file, which is not opened"


def test_values_that_are_not_in_the_file_take_no_memory(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("a", (1 << 20, 1 << 20), "f4")
        file.create_dataset("b", (1 << 20, 1 << 20), "f4", chunks=(1 << 10, 1 << 10))
    assert error_of(path, "a") == "a: its values are not in the file"
    assert error_of(path, "b") == "b: it has 1,048,576 chunks in an array; the limit is 50,000"


def test_chunks_that_are_missing_are_an_error(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("a", (100, 100), "f4", chunks=(10, 10))[:50] = 1
    assert error_of(path, "a") == "a: its values are not in the file"


def test_chunks_that_are_much_larger_than_the_array_are_an_error(path: Path) -> None:
    with h5py.File(path, "w") as file:
        array = file.create_dataset("a", (2, 2), "f4", maxshape=(None, None), chunks=(1 << 14, 1 << 14), compression=9)
        array.id.write_direct_chunk((0, 0), b"x\x9c\x03\x00\x00\x00\x00\x01")
    assert error_of(path, "a") == "a: its chunks of shape (16384, 16384) are much larger than the array of shape (2, 2)"


def test_a_chunk_that_unpacks_to_more_than_its_values_is_an_error(path: Path) -> None:
    import zlib

    with h5py.File(path, "w") as file:
        array = file.create_dataset("a", (4, 4), "f4", chunks=(4, 4), compression=9)
        array.id.write_direct_chunk((0, 0), zlib.compress(bytes(1 << 24), 9))
    assert error_of(path, "a") == "a: a chunk has another size than the 64 bytes of its values"


def test_filters_other_than_gzip_are_refused_by_number(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("a", data=NUMBERS, chunks=(3, 4, 5), compression="lzf")
    assert error_of(path, "a") == "a: its values are compressed by the filter 32000 of HDF5; only gzip is read"


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (["text"], "text"),
        (np.ones(3, np.complex64), "of a type without numbers"),
        (np.array([True]), "of a type without numbers"),
        (np.ones(3, "V5"), "opaque"),
    ],
)
def test_values_that_are_no_numbers_are_named(path: Path, value: object, kind: str) -> None:
    with h5py.File(path, "w") as file:
        file["a"] = value
    with KerasWeights(path) as weights:
        assert not weights.info("a").has_numbers
    assert error_of(path, "a") == f"a: its values are {kind}; numbers are needed"


def test_an_array_without_shape_is_an_error(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["a"] = h5py.Empty("f4")
    assert error_of(path, "a") == "a: the array is empty"


def test_groups_that_contain_themselves_are_an_error(path: Path) -> None:
    with h5py.File(path, "w") as file:
        group = file.create_group("a")
        group["again"] = group
    assert error_of(path) == "it has 33 groups inside each other; the limit is 32"


def test_too_many_arrays_are_an_error(path: Path) -> None:
    with h5py.File(path, "w", libver="latest") as file:
        file["a"] = NUMBERS
        for number in range(MAX_HDF5_OBJECTS):
            file.id.links.create_hard(str(number).encode(), file.id, b"a")
    assert error_of(path) == "it has 50,001 groups and arrays; the limit is 50,000"


def test_names_of_layers_that_are_not_text_are_an_error(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [1, 2]
    assert error_of(path) == "the attribute layer_names is not text"


def test_a_configuration_that_is_too_long_is_an_error(path: Path) -> None:
    with h5py.File(path, "w", libver="latest") as file:
        file.attrs["model_config"] = np.bytes_(b" " * 4_000_001)
    assert error_of(path) == "it has 4,000,001 bytes of text in an attribute; the limit is 4,000,000"


@pytest.mark.parametrize("kept", [9, 100, 2000])
def test_a_file_that_is_cut_off_is_an_error(path: Path, kept: int) -> None:
    with h5py.File(path, "w") as file:
        file["a"] = NUMBERS
    path.write_bytes(path.read_bytes()[:kept])
    assert error_of(path).startswith("this is not an HDF5 file, or only a part of one")
