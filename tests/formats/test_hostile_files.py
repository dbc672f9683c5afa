"""A collection of hostile files of networks, given to a command: each is refused with a message and without any effect.

The readers are tested in detail beside this; here every file goes the whole way from a command line.
"""

from __future__ import annotations

import io
import json
import os
import struct
import sys
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

from cnnfx.cli import app
from tests.fuzz import hdf5_files, onnx_files, pytorch_files, safetensors_files
from tests.fuzz.arrays import Member, join_npy, join_zip, npy
from tests.fuzz.pytorch_files import Call, Global, StoredTensor, pickled

MOST_BYTES = 16_000_000
"""The most memory for a file; each asks for far more, or for something else."""
HUGE = 1 << 40
KERNELS = np.ones((2, 3, 3, 3), "f4")
VALUES = KERNELS.tobytes()
WATCHED = ("os.", "subprocess.", "pickle.find_class", "socket.", "ctypes.", "shutil.", "webbrowser.")
"""The starts of the names of events, each of which would be an effect of a file."""
HARMLESS = frozenset({"os.listdir", "os.scandir", "os.walk", "os.fwalk", "os.putenv", "os.unsetenv"})

events: list[str] | None = None
"""What is recorded while a command runs; None otherwise."""


def _record(event: str, arguments: tuple[Any, ...]) -> None:
    if events is None:
        return
    if event.startswith(WATCHED) and event not in HARMLESS:
        events.append(event)
    if event == "open" and "elsewhere" in str(arguments[0]):
        events.append(f"open {arguments[0]}")


@pytest.fixture(scope="module", autouse=True)
def hook() -> None:
    CliRunner().invoke(app, ["show-filters", "sobel", "--json"])  # imports what commands need
    sys.addaudithook(_record)  # which cannot be removed: it does nothing outside of `run`


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a file elsewhere that hostile files refer to."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "w.bin").write_bytes(VALUES)
    with h5py.File(tmp_path / "elsewhere" / "w.h5", "w") as file:
        file["kernel"] = KERNELS
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    return here


def run(*args: str) -> tuple[int, str]:
    """Run a command; return its exit code and its message, after a check of its effects and its memory."""
    global events
    before, writes_bytecode = sorted(os.listdir()), sys.dont_write_bytecode
    sys.dont_write_bytecode = True  # Python renames the files of modules that are imported for the first time
    tracemalloc.start()
    events = []
    try:
        result = CliRunner().invoke(app, list(args))
    finally:
        recorded, events = events, None
        sys.dont_write_bytecode = writes_bytecode
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert recorded == []
    assert sorted(os.listdir()) == before
    assert peak < MOST_BYTES
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stderr


# PyTorch


def torch_call(module: str, name: str, *arguments: Any) -> bytes:
    """Return a file whose pickle calls a function."""
    return pytorch_files.zip_file({}, pickled({"w": Call(Global(module, name), arguments)}))


COMMAND = "touch executed"
PAYLOADS = {
    "os.system": ("os", "system", COMMAND),
    "posix.system": ("posix", "system", COMMAND),
    "builtins.eval": ("builtins", "eval", "open('executed', 'w')"),
    "builtins.exec": ("builtins", "exec", "open('executed', 'w')"),
    "Python 2's eval": ("__builtin__", "eval", "open('executed', 'w')"),
    "subprocess.Popen": ("subprocess", "Popen", COMMAND),
    "runpy": ("runpy", "_run_code", "open('executed', 'w')", {}),
    "torch.hub.load": ("torch.hub", "load", "user/repository", "model"),
    "torch.load": ("torch", "load", "../elsewhere/w.bin"),
    "_load_from_bytes": ("torch.storage", "_load_from_bytes", pickled(Call(Global("os", "system"), (COMMAND,)))),
    "torch.jit.load": ("torch.jit", "load", "../elsewhere/w.bin"),
    "numpy.load": ("numpy", "load", "../elsewhere/w.bin", None, True),
    "numpy's runstring": ("numpy.testing._private.utils", "runstring", "open('executed', 'w')", {}),
    "pickle.loads": ("pickle", "loads", pickled(Call(Global("os", "system"), (COMMAND,)))),
    "getattr": ("builtins", "getattr", Global("os", "path"), "join"),
    "operator.attrgetter": ("operator", "attrgetter", "system"),
    "functools.partial": ("functools", "partial", Global("os", "system"), COMMAND),
    "webbrowser.open": ("webbrowser", "open", "http://127.0.0.1:9/"),
    "importlib": ("importlib", "import_module", "antigravity"),
}
"""Functions that run commands or code, or open files, with arguments."""


def lying_tensor(**changes: Any) -> bytes:
    return pytorch_files.zip_file({"w": StoredTensor(KERNELS)._replace(**changes)})


PYTORCH = {
    **{name: torch_call(*payload) for name, payload in PAYLOADS.items()},
    "huge shape": lying_tensor(shape=(1 << 20, 1 << 20, 3, 3), strides=(0, 0, 3, 1)),
    "negative offset": lying_tensor(offset=-4),
    "offset beyond the storage": lying_tensor(offset=1 << 40),
    "negative stride": lying_tensor(strides=(-27, 9, 3, 1)),
    "stride beyond the storage": lying_tensor(strides=(1 << 60, 9, 3, 1)),
    "negative size": lying_tensor(shape=(-2, -3, 3, 3), strides=(27, 9, 3, 1)),
    "storage that is too small": lying_tensor(shape=(200, 3, 3, 3), strides=(27, 9, 3, 1)),
    "deflated storage": join_zip(
        [member._replace(method=8) for member in pytorch_files.zip_members({"w": StoredTensor(KERNELS)})]
    ),
    "long text": pytorch_files.zip_file({}, b"\x80\x02}X" + struct.pack("<I", 2**32 - 1) + b"abc"),
    "many bytes": pytorch_files.zip_file({}, b"\x80\x05\x8e" + struct.pack("<Q", HUGE) + b"abc."),
    "large place in the memo": pytorch_files.zip_file({}, b"\x80\x02Nr" + struct.pack("<I", 2**32 - 1) + b"."),
    "lists inside each other": pytorch_files.zip_file({}, b"\x80\x02" + b"]" * 50_000 + b"a" * 49_999 + b"."),
    "a pair of a pair, and so on": pytorch_files.zip_file({}, b"\x80\x02)" + b"2\x86" * 50_000 + b"."),
    "a list in itself": pytorch_files.zip_file({}, b"\x80\x02]q\0h\0a."),
    "a dictionary in itself": pytorch_files.zip_file({}, b"\x80\x02}q\0X\1\0\0\0ah\0s."),
    "a stack without end": pytorch_files.zip_file({}, b"\x80\x02" + b"N" * 90_000 + b"."),
    "a registered code": pytorch_files.zip_file({}, b"\x80\x02\x82\x01."),
}

# Safetensors


def safetensors(values: bytes = VALUES, **entries: Any) -> bytes:
    """Return a file with these entries of its header."""
    return safetensors_files.join_safetensors(json.dumps(entries), values)


def entry(shape: list[int], begin: int, end: int, dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


WHOLE = entry([2, 3, 3, 3], 0, 216)
SAFETENSORS = {
    "ranges that overlap": safetensors(a=WHOLE, b=entry([1, 3, 3, 3], 108, 216)),
    "the same range twice": safetensors(a=WHOLE, b=WHOLE),
    "a gap between ranges": safetensors(bytes(432), a=WHOLE, b=entry([1, 3, 3, 3], 324, 432)),
    "values that nothing describes": safetensors(VALUES + bytes(8), a=WHOLE),
    "a range beyond the file": safetensors(a=entry([2, 3, 3, 300], 0, 21_600)),
    "a huge range": safetensors(a=entry([HUGE, 1, 1, 1], 0, 4 * HUGE)),
    "a range that ends before it begins": safetensors(a=entry([2, 3, 3, 3], 216, 0)),
    "a shape whose size overflows": safetensors(a=entry([1 << 32, 1 << 32, 1, 1], 0, 0)),
    "a shape that is not that of the range": safetensors(a=entry([2, 3, 3, 4], 0, 216)),
    "a negative size": safetensors(a=entry([-2, -3, 3, 3], 0, 216)),
    "an unknown type": safetensors(a=entry([2, 3, 3, 3], 0, 216, "F31")),
    "a name twice": safetensors_files.join_safetensors(
        f'{{"a": {json.dumps(WHOLE)}, "a": {json.dumps(entry([216], 0, 216, "U8"))}}}', VALUES
    ),
    "a huge header": safetensors_files.join_safetensors("{}", b"", HUGE),
    "a header longer than the file": safetensors_files.join_safetensors("{}", b"", 1_000_000),
    "a header that is no JSON": safetensors_files.join_safetensors('{"a": {{{', b""),
    "a header nested deeply": safetensors_files.join_safetensors('{"a": ' + "[" * 90_000, b""),
    "not a number": safetensors(np.full(54, np.nan, "f4").tobytes(), a=WHOLE),
}

# ONNX


def onnx(tensor: onnx_files.Field, nodes: list[onnx_files.Field] | None = None) -> bytes:
    return onnx_files.onnx_file(nodes or [onnx_files.node("Conv", "x w", "y")], [tensor])


def external(location: str, **entries: str) -> bytes:
    return onnx(onnx_files.tensor("w", KERNELS, external={"location": location, **entries}))


def huge_onnx(*shape: int, raw: bytes = b"") -> bytes:
    fields = [(1, size) for size in shape]
    return onnx(onnx_files.message("tensor", *fields, (2, onnx_files.FLOAT), (8, "w"), (9, raw)))


FILL = onnx_files.node("ConstantOfShape", "s", "w")
ONNX = {
    "a path elsewhere": external("../elsewhere/w.bin"),
    "an absolute path": external("/etc/passwd", length="216"),
    "a path with a folder": external("sub/w.bin"),
    "a symbolic link": external("link.bin"),
    "a pipe": external("pipe.bin"),
    "a folder": external("folder.bin"),
    "itself": external("a.onnx", length=str(HUGE)),
    "a length beyond the file": external("short.bin", length=str(HUGE)),
    "an offset beyond the file": external("w.bin", offset=str(HUGE)),
    "a negative offset": external("w.bin", offset="-8"),
    "an offset of many digits": external("w.bin", offset="9" * 5_000),
    "a name with a null": external("w.bin\0.png"),
    "a huge shape": huge_onnx(1 << 20, 1 << 20, 3, 3),
    "a shape whose size overflows": huge_onnx(1 << 32, 1 << 32, 1, 1),
    "a negative size": huge_onnx(-2, -3, 3, 3, raw=VALUES),
    "a constant of a huge shape": onnx(onnx_files.tensor("s", np.array([1 << 20, 1 << 20, 3, 3])), [
        FILL, onnx_files.node("Conv", "x w", "y"),
    ]),
    "a constant tiled many times": onnx(onnx_files.tensor("w", KERNELS), [
        onnx_files.node("Constant", "", "r", value=onnx_files.tensor("", np.array([1 << 20, 1 << 20, 1, 1]))),
        onnx_files.node("Tile", "w r", "v"),
        onnx_files.node("Conv", "x v", "y"),
    ]),
    "an output that reads itself": onnx(onnx_files.tensor("w", KERNELS), [onnx_files.node("Conv", "y w", "y")]),
    "channels doubled without end": onnx(onnx_files.tensor("w", KERNELS), [
        *(onnx_files.node("Concat", f"{name} {name}", following, axis=1)
          for name, following in zip(["x", *(f"c{number}" for number in range(40))],
                                     [*(f"c{number}" for number in range(40)), "y"], strict=True)),
    ]),
    "not a number": onnx(onnx_files.tensor("w", KERNELS * np.nan)),
    "graphs inside each other": onnx_files.nested_graphs(150),
    "an operator that runs code": onnx(
        onnx_files.tensor("w", KERNELS),
        [onnx_files.node("Conv", "x w", "c"), onnx_files.node("PyOp", "c", "y", module="os", compute="system")],
    ),
    "texts that are not UTF-8": onnx(
        onnx_files.tensor("w", KERNELS), [onnx_files.message("node", (1, "x"), (2, "y"), (4, b"\xff"))]
    ),
}  # fmt: skip

# HDF5


def hdf5(write: Callable[[Any], Any]) -> bytes:
    return hdf5_files.hdf5_file(lambda file: [write(file)])


def _virtual(file: Any) -> None:
    layout = h5py.VirtualLayout((3, 3, 3, 2), "f4")
    layout[...] = h5py.VirtualSource("../elsewhere/w.h5", "kernel", (3, 3, 3, 2))
    file.create_virtual_dataset("w", layout)


def _zeros(file: Any, shape: tuple[int, ...], **how: Any) -> None:
    file.create_dataset("w", shape, "f4", **how)


def _cycle(file: Any) -> None:
    file.create_group("a")["a"] = file["/"]


def _many(file: Any) -> None:
    group = file.create_group("w")
    for _ in range(40):
        group = group.create_group("w")
    group["w"] = KERNELS


HDF5 = {
    "a link to a file elsewhere": hdf5(lambda f: f.__setitem__("w", h5py.ExternalLink("../elsewhere/w.h5", "/kernel"))),
    "values of a file elsewhere": hdf5(lambda f: _zeros(f, (3, 3, 3, 2), external=[("../elsewhere/w.bin", 0, 216)])),
    "a virtual array of a file elsewhere": hdf5(_virtual),
    "a link to nothing": hdf5(lambda file: file.__setitem__("w", h5py.SoftLink("/missing"))),
    "a huge array without values": hdf5(lambda file: _zeros(file, (3, 3, 1 << 20, 1 << 20))),
    "huge chunks": hdf5(lambda file: _zeros(file, (3, 3, 3, 2), maxshape=(None,) * 4, chunks=(1 << 10, 1 << 10, 9, 9))),
    "a huge array of chunks": hdf5(lambda file: _zeros(file, (3, 3, 1 << 20, 1 << 20), chunks=(3, 3, 32, 32))),
    "a group in itself": hdf5(_cycle),
    "groups inside each other": hdf5(_many),
    "a list of layers that are not there": hdf5(lambda file: file.attrs.__setitem__("layer_names", [b"a"] * 500)),
    "a heap that leads to itself": hdf5_files.endless_heap(),
    "not a number": hdf5(lambda file: file.__setitem__("w", np.full((3, 3, 3, 2), np.nan, "f4"))),
}  # fmt: skip

# Archives


def bomb(name: str, start: bytes = b"", size: int = 30_000_000) -> bytes:
    """Return a zip file of a member that unpacks to many zeros."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive, archive.open(name, "w") as member:
        member.write(start)
        for _ in range(size // 10_000_000):
            member.write(bytes(10_000_000))
    return stream.getvalue()


def pickled_array() -> bytes:
    """Return a `.npy` file of a Python object, a pickle that runs a command."""
    header = "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n"
    return join_npy(b"\1\0", header, pickled([Call(Global("os", "system"), (COMMAND,))]))


def header(shape: str, descr: str = "<f4") -> bytes:
    return f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()


def array(shape: str, descr: str = "<f4", values: bytes = VALUES) -> bytes:
    return join_npy(b"\1\0", header(shape, descr).decode(), values)


ARRAYS = {
    "a pickle": pickled_array(),
    "a huge shape": array("(1048576, 1048576, 3, 3)"),
    "a shape whose size overflows": array("(4294967296, 4294967296, 1, 1)"),
    "a negative size": array("(-2, -3, 3, 3)"),
    "an expression": array("__import__('os').system('touch executed')"),
    "text that is not": array("(2, 3, 3, 3)", "<U1"),
    "not a number": npy(KERNELS * np.nan),
}
NPZ = {name: join_zip([Member(b"w.npy", data)]) for name, data in ARRAYS.items()}
NPZ |= {
    "an array that unpacks to much": bomb("w.npy", npy(KERNELS)),
    "members that overlap": join_zip([Member(b"a.npy", npy(KERNELS)), Member(b"b.npy", npy(KERNELS), offset=0)]),
    "a size that is not the member's": join_zip([Member(b"w.npy", npy(KERNELS), 8, size=HUGE % 2**32 + 4_000_000_000)]),
}
KERAS = {
    "weights that unpack to much": bomb("model.weights.h5", hdf5_files.archive_weights()),
    "a configuration that unpacks to much": bomb("config.json", b"{}"),
    "a configuration nested deeply": hdf5_files.keras_archive("[" * 50_000, hdf5_files.archive_weights()),
    "a layer of a long class": hdf5_files.keras_archive(
        json.dumps({
            "class_name": "Sequential",
            "config": {"layers": [
                {"class_name": "InputLayer", "config": {"name": "in", "batch_shape": [None, 8, 8, 3]}},
                {"class_name": "1" * 9_000, "config": {"name": "l" * 900}},
            ]},
        }), hdf5_files.archive_weights(),
    ),
    "code in a Lambda layer": hdf5_files.keras_archive(
        json.dumps({
            "class_name": "Sequential",
            "config": {"layers": [
                {"class_name": "InputLayer", "config": {"name": "in", "batch_shape": [None, 8, 8, 3]}},
                {"class_name": "Lambda", "config": {"name": "l", "function": {
                    "class_name": "__lambda__", "config": {"code": "4wEAAAAAAAAA"}}}},
            ]},
        }), hdf5_files.archive_weights(),
    ),
}  # fmt: skip

REASONS = {
    **{f"PyTorch: {name}": "which runs commands or code" for name in PAYLOADS if "torch" not in name},
    "PyTorch: numpy.load": "no tensors",
    "PyTorch: numpy's runstring": "no tensors",
    "PyTorch: pickle.loads": "no tensors",
    "PyTorch: operator.attrgetter": "no tensors",
    "PyTorch: _load_from_bytes": "no tensors",
    "PyTorch: huge shape": "for a file of this size",
    "PyTorch: offset beyond the storage": "beyond the 216 bytes of its storage",
    "PyTorch: stride beyond the storage": "beyond the 216 bytes of its storage",
    "PyTorch: deflated storage": "compressed",
    "PyTorch: lists inside each other": "inside each other",
    "safetensors: ranges that overlap": "invalid offset",
    "safetensors: a gap between ranges": "invalid offset",
    "safetensors: a huge range": "not fully covered",
    "safetensors: a shape whose size overflows": "overflow",
    "safetensors: a huge header": "1,099,511,627,776 bytes",
    "safetensors: not a number": "NaN",
    "ONNX: a path elsewhere": "not the name of a file in the same folder",
    "ONNX: an absolute path": "not the name of a file in the same folder",
    "ONNX: a symbolic link": "a link to a file in another folder",
    "ONNX: a pipe": "no regular file",
    "ONNX: an offset beyond the file": "too short",
    "ONNX: a huge shape": "larger than 1,024 MB",
    "ONNX: a constant of a huge shape": "larger than 1,024 MB",
    "ONNX: a constant tiled many times": "larger than 1,024 MB",
    "ONNX: channels doubled without end": "98,304 channels",
    "ONNX: an operator that runs code": "PyOp",
    "ONNX: texts that are not UTF-8": "a text that is not UTF-8",
    "HDF5: a link to a file elsewhere": "which is not followed",
    "HDF5: values of a file elsewhere": "in another file, which is not opened",
    "HDF5: a virtual array of a file elsewhere": "in another file, which is not opened",
    "HDF5: huge chunks": "much larger than the array",
    "HDF5: a group in itself": "inside each other",
    "HDF5: a heap that leads to itself": "its global heap is damaged",
    "npy: a pickle": "pickle",
    "npy: an expression": "its header is malformed",
    "npz: a pickle": "pickle",
    "npz: an array that unpacks to much": "bytes large; the limit is 216",
    "npz: members that overlap": "overlap",
    "Keras: weights that unpack to much": "100 times as large as its compressed data",
    "Keras: a configuration that unpacks to much": "the limit is 4,000,000",
    "Keras: code in a Lambda layer": "code, which is never run",
}
"""A part of the message for those files for which another refusal would mean less."""
COLLECTION = [
    (f"{kind}: {name}", ending, data)
    for kind, ending, files in (
        ("PyTorch", "pth", PYTORCH),
        ("safetensors", "safetensors", SAFETENSORS),
        ("ONNX", "onnx", ONNX),
        ("HDF5", "h5", HDF5),
        ("npy", "npy", ARRAYS),
        ("npz", "npz", NPZ),
        ("Keras", "keras", KERAS),
    )
    for name, data in files.items()
]


def write(folder: Path, ending: str, data: bytes) -> str:
    """Write a file, and those beside it that ONNX files name; return its name."""
    if ending == "onnx":
        (folder / "w.bin").write_bytes(VALUES)
        (folder / "short.bin").write_bytes(VALUES[:100])
        (folder / "folder.bin").mkdir()
        (folder / "sub").mkdir()
        (folder / "sub" / "w.bin").write_bytes(VALUES)
        os.symlink("../elsewhere/w.bin", folder / "link.bin")
        os.mkfifo(folder / "pipe.bin")
    name = f"a.{ending}"
    (folder / name).write_bytes(data)
    return name


@pytest.mark.skipif(sys.platform == "win32", reason="pipes have no names in folders there")
@pytest.mark.parametrize(("title", "ending", "data"), COLLECTION, ids=[title for title, *_ in COLLECTION])
def test_a_hostile_file_is_refused_without_any_effect(folder: Path, title: str, ending: str, data: bytes) -> None:
    name = write(folder, ending, data)
    code, message = run("show-filters", name, "--json")
    assert code == 1
    assert name in message
    assert REASONS.get(title, "") in message
    assert "Traceback" not in message
    assert len(message) < 1_000


def test_the_reasons_are_those_of_files_in_the_collection() -> None:
    assert REASONS.keys() <= {title for title, *_ in COLLECTION}


REPEATED = {
    "strides of 0 in a file of PyTorch": (
        "pth", pytorch_files.zip_file({"w": StoredTensor(KERNELS[0], (0, 0, 0, 0), 0, (800, 800, 3, 3))})
    ),
    "floats of 16 bits with strides of 0": (
        "pth", pytorch_files.legacy_file({"w": StoredTensor(KERNELS[0].astype("f2"), (0,) * 4, 0, (2000, 800, 3, 3))})
    ),
    "a constant of ONNX": (
        "onnx", onnx(onnx_files.tensor("s", np.array([800, 800, 3, 3])), [FILL, onnx_files.node("Conv", "x w", "y")])
    ),
    "a product of constants": ("onnx", onnx_files.onnx_file(
        [onnx_files.node("Mul", "a b", "w"), onnx_files.node("Conv", "x w", "y")],
        [onnx_files.tensor("a", np.ones((800, 1, 3, 3), "f4")), onnx_files.tensor("b", np.ones((800, 1, 1), "f4"))],
    )),
    "an array of HDF5 without its chunks": ("h5", hdf5(lambda f: _zeros(f, (3, 3, 800, 800), chunks=(3, 3, 32, 32)))),
}  # fmt: skip


@pytest.mark.parametrize("title", REPEATED)
def test_values_that_a_small_file_repeats_have_a_limit(folder: Path, title: str) -> None:
    ending, data = REPEATED[title]
    name = write(folder, ending, data)
    code, message = run("show-filters", name, "--json")
    assert code == 1
    assert "for a file of this size" in message


def test_a_small_tensor_that_repeats_values_is_read(folder: Path) -> None:
    value = {"w": StoredTensor(np.ones(3, "f4"), (0, 0, 0, 1), 0, (2, 1, 3, 3))}
    name = write(folder, "pth", pytorch_files.zip_file(value))
    code, _ = run("show-filters", name)
    assert code == 0


@pytest.mark.skipif(sys.platform == "win32", reason="pipes have no names in folders there")
@pytest.mark.parametrize("ending", ["pth", "safetensors", "onnx", "h5", "keras", "npy"])
@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_a_pipe_a_device_and_a_folder_are_refused_before_they_are_read(folder: Path, kind: str, ending: str) -> None:
    path = folder / f"a.{ending}"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        os.symlink("/dev/zero", path)
    else:
        path.mkdir()
    code, message = run("show-filters", path.name)
    assert code == 1
    assert message.endswith(
        f"{path.name}: it is {'a folder' if kind == 'folder' else 'not a regular file, which is needed here'}.\n"
    )
