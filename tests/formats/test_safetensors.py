"""Safetensors files: types, single tensors of large files, and headers that do not tell the truth."""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path

import numpy as np
import pytest

import cnnfx
from cnnfx.errors import FileError
from cnnfx.formats.safetensors import SafetensorsFile
from cnnfx.formats.tensor_file import TensorError, TensorInfo
from cnnfx.system.limits import MAX_MEMBERS
from tests.formats.safetensors_files import entry, write_arrays, write_header

pytest.importorskip("safetensors")
FOUR = np.arange(4, dtype=np.float32).tobytes()


def test_arrays_are_read_in_the_order_of_the_file(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    arrays = {
        "z.weight": random.normal(size=(4, 3, 5, 2)).astype(np.float32),
        "a": random.normal(size=(2, 3)),
        "half": random.normal(size=3).astype(np.float16),
        "count": np.array(7),
        "mask": np.array([True, False]),
        "image": np.arange(6, dtype=np.uint8).reshape(2, 3),
        "empty": np.zeros((0, 3), np.float32),
    }
    with SafetensorsFile(write_arrays(tmp_path / "a.safetensors", arrays)) as file:
        assert sorted(file.names) == sorted(arrays)
        assert file.names[0] == "z.weight"
        for name, array in arrays.items():
            assert file.info(name) == TensorInfo(array.shape, array.dtype.name, array.nbytes)
            np.testing.assert_array_equal(file.read(name), array, strict=True)


def test_the_library_writes_the_same_files(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    arrays = {"w": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.arange(3)}
    save_file(arrays, tmp_path / "library.safetensors")
    with SafetensorsFile(tmp_path / "library.safetensors") as file:
        for name, array in arrays.items():
            np.testing.assert_array_equal(file.read(name), array, strict=True)


@pytest.mark.parametrize(
    ("code", "dtype", "data", "values"),
    [
        ("BF16", "bfloat16", struct.pack("<3H", 0x3F80, 0xC049, 0x0001), [1, -3.140625, 2.0**-133]),
        ("F8_E4M3", "float8_e4m3fn", bytes([0x38, 0xFE, 0x01]), [1, -448, 2.0**-9]),
        ("F8_E5M2", "float8_e5m2", bytes([0x3C, 0xFB, 0x01]), [1, -57344, 2.0**-16]),
    ],
)
def test_floats_that_numpy_does_not_have_become_float32(
    tmp_path: Path, code: str, dtype: str, data: bytes, values: list[float]
) -> None:
    header = {"first": entry("U8", [5], 0, 5), "x": entry(code, [3, 1], 5, 5 + len(data))}
    with SafetensorsFile(write_header(tmp_path / "a.safetensors", header, bytes(5) + data)) as file:
        assert file.info("x") == TensorInfo((3, 1), dtype, 12)
        np.testing.assert_array_equal(file.read("x"), np.array(values, np.float32)[:, np.newaxis], strict=True)


def test_the_header_is_parsed_once_for_all_bfloat16_tensors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    header = {f"w{number}": entry("BF16", [2], 4 * number, 4 * number + 4) for number in range(20)}
    path = write_header(tmp_path / "a.safetensors", header, bytes(80))
    parsed = []
    loads = json.loads
    monkeypatch.setattr("cnnfx.formats.safetensors.json.loads", lambda text: parsed.append(1) or loads(text))
    with SafetensorsFile(path) as file:
        for name in file.names:
            np.testing.assert_array_equal(file.read(name), np.zeros(2, np.float32), strict=True)
    assert len(parsed) == 1


def test_complex_numbers_are_not_read_as_filters(tmp_path: Path) -> None:
    path = write_header(tmp_path / "a.safetensors", {"x": entry("C64", [1, 1, 1, 1], 0, 8)}, bytes(8))
    with SafetensorsFile(path) as file:
        assert not file.info("x").has_numbers
        with pytest.raises(TensorError, match='the tensor "x" has values of type C64, which are not read'):
            file.read("x")


@pytest.mark.parametrize(("name", "order"), [("pt", "pytorch"), ("tf", "keras"), ("flax", "keras"), ("mlx", "mlx")])
def test_the_metadata_determine_the_order_of_the_axes(tmp_path: Path, name: str, order: str) -> None:
    path = write_arrays(tmp_path / "a.safetensors", {"w": np.zeros(1)}, {"format": name})
    with SafetensorsFile(path) as file:
        assert file.order == order
        assert file.metadata == {"format": name}


def test_without_metadata_the_order_of_the_axes_is_unknown(tmp_path: Path) -> None:
    with SafetensorsFile(write_arrays(tmp_path / "a.safetensors", {"w": np.zeros(1)})) as file:
        assert file.order is None
        assert file.metadata == {}


@pytest.mark.parametrize(
    ("header", "data"),
    [
        ({"x": entry("F32", [4], 0, 32)}, FOUR),  # more bytes than the shape has
        ({"x": entry("F32", [8], 0, 32)}, FOUR),  # more than the file has
        ({"x": entry("F32", [1 << 62, 4], 0, 16)}, FOUR),  # a product of over 64 bits
        ({"x": entry("F32", [4], 16, 0)}, FOUR),
        ({"x": entry("F32", [4], 4, 20)}, FOUR + FOUR),  # a gap before
        ({"x": entry("F32", [2], 0, 8), "y": entry("F32", [2], 4, 12)}, FOUR),  # an overlap
        ({"x": entry("F32", [4], 0, 16)}, FOUR + b"more"),
        ({"x": entry("F32", [-4], 0, 16)}, FOUR),
        ({"x": entry("F33", [4], 0, 16)}, FOUR),
        (b'{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},'
         b'"x":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}', FOUR),  # a name twice
        (b"{", b""),
        (b"[]", b""),
        (b"{\xff}", b""),
        (b"[" * 10_000, b""),
    ],
)  # fmt: skip
def test_headers_that_do_not_fit_the_values_are_refused(
    tmp_path: Path, header: dict[str, object] | bytes, data: bytes
) -> None:
    path = write_header(tmp_path / "a.safetensors", header, data)
    with pytest.raises(TensorError, match=r"^the safetensors file is damaged \(.+\)$"):
        SafetensorsFile(path)


@pytest.mark.parametrize("size", [0, 4, 8, 30, -1])
def test_a_file_that_is_cut_off_is_refused(tmp_path: Path, size: int) -> None:
    path = write_arrays(tmp_path / "a.safetensors", {"w": np.zeros((2, 3, 3, 3), np.float32)})
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(FileError, match=r"a\.safetensors: the safetensors file is damaged \(.+\)\.$"):
        cnnfx.load_network(path)


def test_more_tensors_than_the_limit_are_refused(tmp_path: Path) -> None:
    header = {str(number): entry("U8", [0], 0, 0) for number in range(MAX_MEMBERS + 1)}
    with pytest.raises(TensorError, match=r"^it has 10,001 tensors; the limit is 10,000$"):
        SafetensorsFile(write_header(tmp_path / "a.safetensors", header))


def test_without_the_library_the_message_has_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_arrays(tmp_path / "a.safetensors", {"w": np.zeros((1, 1, 3, 3), np.float32)})
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(FileError, match=r"a\.safetensors: this needs the library safetensors, which is not installed"):
        cnnfx.load_network(path)
