"""The table of limits in docs/limits.md: it has every limit with its value, and the program's own message of each."""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cnnfx.datasets import load_dataset
from cnnfx.errors import CnnfxError
from cnnfx.formats import load_network
from cnnfx.formats.arch import load_arch
from cnnfx.formats.kernel_text import parse_kernel
from cnnfx.formats.model_npz import save_model
from cnnfx.images import load_image
from cnnfx.images.load import count_pages
from cnnfx.nn.layers import Conv, Layer
from cnnfx.nn.network import Network
from cnnfx.system import limits
from tests.formats.keras_files import sequential, write_listed

TABLE = Path(__file__).parent.parent / "docs" / "limits.md"
ROW = re.compile(r"\| `(MAX_\w+)` \| ([^|]+) \| ([\d,]+) \| ([^|]+) \| ([^|]+) \|")
ROWS = {match[1]: match for match in map(ROW.fullmatch, TABLE.read_text(encoding="utf-8").splitlines()) if match}

FILTER = "[[filter]]\n"
LAYER = "[[layer]]\n[[layer.filter]]\nweights = [[1]]\n"
FAR = "{ weights = [[1]], at = [255, 255] }"
DOUBLING = "[[layer]]\nname = 'l0'\n[[layer.filter]]\nweights = [[1]]\n" + "".join(
    f"[[layer]]\nname = 'l{number}'\nfrom = ['l{number - 1}', 'l{number - 1}']\n" for number in range(1, 18)
)
MANY_JOINED = DOUBLING.rpartition("[[layer]]")[0] + "".join(
    f"[[layer]]\nname = 'm{number}'\nfrom = ['l15', 'l15']\n" for number in range(15)
)


def toml(text: str) -> Callable[[Path], object]:
    def load(folder: Path) -> object:
        (folder / "a.toml").write_text(text)
        return load_network(folder / "a.toml")

    return load


def arch(text: str) -> Callable[[Path], object]:
    def load(folder: Path) -> object:
        (folder / "a.toml").write_text(text)
        return load_arch(folder / "a.toml")

    return load


def picture(name: str, data: bytes, read: Callable[[Path], object] = load_image) -> Callable[[Path], object]:
    def load(folder: Path) -> object:
        (folder / name).write_bytes(data)
        return read(folder / name)

    return load


def model(member: str, data: bytes) -> Callable[[Path], object]:
    """Return a function that loads a model with one array replaced."""

    def load(folder: Path) -> object:
        path = folder / "a.npz"
        save_model(path, Network((Layer(Conv(np.ones((1, 1, 1, 1), np.float32), np.zeros(1, np.float32)), ("a",)),)))
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in {**members, f"{member}.npy": data}.items():
                archive.writestr(name, content)
        return load_network(path)

    return load


def npy(shape: tuple[int, ...], count: int | None = None, descr: str = "<f4") -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": descr, "fortran_order": False, "shape": shape})
    return stream.getvalue() + bytes(0 if count is None else count)


def tensors(folder: Path) -> object:
    with zipfile.ZipFile(folder / "t.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("w.npy", npy((1, 1, 1 << 15, 1 << 14)))
        archive.writestr("v.npy", npy((1 << 15, 1, 1, 1 << 14)))
    (folder / "a.toml").write_text("tensors = 't.npz'\nweights = 'v'\n")
    return load_network(folder / "a.toml")


def maps_of_padded(folder: Path) -> object:
    (folder / "a.toml").write_text(f"padding = 1000000000\n{FILTER}weights = [[1]]\n")
    return load_network(folder / "a.toml")(np.zeros((1, 28, 28), np.float32))


def members(folder: Path) -> object:
    with zipfile.ZipFile(folder / "a.npz", "w") as archive:
        for number in range(10_001):
            archive.writestr(f"{number}.npy", b"")
    return load_network(folder / "a.npz")


def directory(folder: Path) -> object:
    save_model(folder / "a.npz", Network((Layer(filter_names=("a",)),)))
    data = bytearray((folder / "a.npz").read_bytes())
    struct.pack_into("<L", data, data.rindex(b"PK\5\6") + 12, limits.MAX_DIRECTORY_BYTES + 1)
    (folder / "a.npz").write_bytes(data)
    return load_network(folder / "a.npz")


def long_header(folder: Path) -> object:
    pytest.importorskip("safetensors")
    (folder / "a.safetensors").write_bytes(struct.pack("<Q", (1 << 24) + 1) + b"{")
    return load_network(folder / "a.safetensors")


def stored_pickle(data: bytes) -> Callable[[Path], object]:
    """Return a function that reads a zip archive of PyTorch with this pickle."""

    def load(folder: Path) -> object:
        with zipfile.ZipFile(folder / "a.pt", "w") as archive:
            archive.writestr("a/data.pkl", data)
        return load_network(folder / "a.pt")

    return load


def dataset(images: bytes, labels: bytes) -> Callable[[Path], object]:
    def load(folder: Path) -> object:
        for part in ("train", "t10k"):
            (folder / f"{part}-images-idx3-ubyte").write_bytes(images)
            (folder / f"{part}-labels-idx1-ubyte").write_bytes(labels)
        return load_dataset(str(folder))

    return load


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def array_of_missing_chunks(folder: Path) -> object:
    import h5py

    with h5py.File(folder / "a.h5", "w") as file:
        file.create_dataset("w", (3, 3, 1024, 512), np.float32, chunks=(3, 3, 64, 64))
    return load_network(folder / "a.h5")


def many_arrays(folder: Path) -> Network:
    h5py = pytest.importorskip("h5py")
    with h5py.File(folder / "a.h5", "w", libver="latest") as file:
        file["a"] = np.zeros(1)
        for number in range(50_000):
            file.id.links.create_hard(str(number).encode(), file.id, b"a")
    return load_network(folder / "a.h5")


def empty_nodes(count: int) -> Callable[[Path], object]:
    """Return a function that loads an ONNX file with empty nodes in its graph, of two bytes each."""

    def load(folder: Path) -> object:
        pytest.importorskip("onnx")
        size, versions = 2 * count, b"\x42\x04\x0a\x00\x10\x0d"
        length = struct.pack("3B", size & 0x7F | 0x80, size >> 7 & 0x7F | 0x80, size >> 14)
        (folder / "a.onnx").write_bytes(b"\x08\x08\x3a" + length + b"\x0a\x00" * count + versions)
        return load_network(folder / "a.onnx")

    return load


def many_calls(folder: Path) -> Network:
    pytest.importorskip("h5py")
    layers = [{"class_name": "ReLU", "config": {}}] * 20_000
    return load_network(write_listed(folder / "a.h5", {}, config=sequential(*layers)))


PNG_HEADER = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 14_000, 14_000, 16, 6, 0, 0, 0))
IDX_IMAGES = struct.pack(">HBB3I", 0, 8, 3, 3, 1, 1) + bytes(3)
IDX_LABELS = struct.pack(">HBBI3h", 0, 0x0B, 1, 3, 0, 1, 10_001)

TRIGGERS: dict[str, Callable[[Path], object]] = {
    "MAX_PIXELS": picture("a.pgm", b"P5 20000 20000 255\n"),
    "MAX_PAGES": picture("a.pbm", b"P4 1 1\n\0" * 10_001, count_pages),
    "MAX_TAGS": picture("a.tif", b"II*\0\x08\0\0\0" + struct.pack("<H", 4097) + bytes(12 * 4097 + 4)),
    "MAX_LAYERS": toml(LAYER * 2001),
    "MAX_FILTERS": toml(f"{FILTER}weights = [[1]]\n" * 10_001),
    "MAX_ALL_FILTERS": arch("[[layer]]\nfilters = 4000\nsize = 1\n" * 26),
    "MAX_CHANNELS": toml(DOUBLING),
    "MAX_ALL_CHANNELS": toml(MANY_JOINED),
    "MAX_LAYER_WEIGHTS": arch("filters = 4096\nsize = 65\n"),
    "MAX_WEIGHTS": toml("".join(f"[[layer]]\n[[layer.filter]]\ninputs = {{ '1' = {FAR} }}\n" for _ in range(129))),
    "MAX_OFFSET_PIXELS": toml(f"{FILTER}inputs = {{ gray = {{ weights = [[1]], at = [256, 0] }} }}\n"),
    "MAX_RANDOM_FILTERS": arch("filters = 4097\nsize = 1\n"),
    "MAX_KERNEL_SIDE": arch("filters = 1\nsize = 256\n"),
    "MAX_MAP_VALUES": maps_of_padded,
    "MAX_CLASSES": toml("classes = [" + "'a'," * 65_537 + "]\n" + FILTER + "weights = [[1]]\n"),
    "MAX_KERNEL_NUMBERS": lambda folder: parse_kernel("1 " * 65_537),
    "MAX_KERNEL_CHARACTERS": lambda folder: parse_kernel(" " * 1_000_001),
    "MAX_DIGITS": lambda folder: parse_kernel("1" * 401),
    "MAX_NAME_CHARACTERS": toml(f"name = '{'n' * 1001}'\n{FILTER}weights = [[1]]\n"),
    "MAX_TEXT_CHARACTERS": toml(f"description = '{'n' * 100_001}'\n{FILTER}weights = [[1]]\n"),
    "MAX_NESTING": toml("x = " + "[" * 33 + "]" * 33),
    "MAX_TOML_BYTES": toml("#" * 10_000_001),
    "MAX_META_BYTES": model("meta", npy((), 4_000_004, "<U1000001")),
    "MAX_ARRAY_BYTES": model("layers.0.weight", npy((1, 1, 1 << 13, (1 << 14) + 1))),
    "MAX_TENSOR_BYTES": tensors,
    "MAX_PICKLE_BYTES": stored_pickle(bytes((1 << 24) + 1)),
    "MAX_PICKLE_OPERATIONS": stored_pickle(b"\x80\2" + b"N" * 1_000_000),
    "MAX_NODES": empty_nodes(20_001),
    "MAX_MESSAGE_FIELDS": empty_nodes(500_000),
    "MAX_MEMBERS": members,
    "MAX_DIRECTORY_BYTES": directory,
    "MAX_SAFETENSORS_HEADER_BYTES": long_header,
    "MAX_HEADER_BYTES": model("meta", b"\x93NUMPY\1\0" + struct.pack("<H", 10_001)),
    "MAX_LAYER_CALLS": many_calls,
    "MAX_HDF5_OBJECTS": many_arrays,
    "MAX_EXPANSION": array_of_missing_chunks,
    "MAX_LABEL": dataset(IDX_IMAGES, IDX_LABELS),
    "MAX_DATASET_BYTES": dataset(struct.pack(">HBB3I", 0, 8, 3, 1 << 20, 64, 64), IDX_LABELS),
    "MAX_MEMORY_PER_PIXEL": picture("a.png", b"\x89PNG\r\n\x1a\n" + PNG_HEADER + png_chunk(b"IDAT", bytes(9))),
}
"""What exceeds each limit."""


def own_limits() -> dict[str, int]:
    return {name: value for name, value in vars(limits).items() if name.startswith("MAX_")}


def test_the_table_has_every_limit_with_its_value() -> None:
    assert {name: int(row[3].replace(",", "")) for name, row in ROWS.items()} == own_limits()


@pytest.mark.parametrize("name", TRIGGERS)
def test_the_message_of_each_limit_is_that_of_the_table(name: str, tmp_path: Path) -> None:
    with pytest.raises(CnnfxError) as caught:
        TRIGGERS[name](tmp_path)
    message = re.sub(rf"{re.escape(str(tmp_path))}[/\\][\w.-]+", "FILE", str(caught.value))
    assert message == ROWS[name][5].strip()


def test_limits_without_a_message_have_none_in_the_table() -> None:
    assert {name for name, row in ROWS.items() if row[5].strip() == "–"} == ROWS.keys() - TRIGGERS.keys()
