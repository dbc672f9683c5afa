"""Write the inputs of the corpus that are made by hand: `python -m tests.fuzz.make_corpus`.

The others are inputs that failed in a run and were made small.
"""

from __future__ import annotations

import bz2
import json
import lzma
import struct
import zlib
from collections.abc import Iterator

import numpy as np

from tests.fuzz import hdf5_files, models, onnx_files, pytorch_files, safetensors_files
from tests.fuzz.arrays import Member, join_npy, join_zip, npy, npz
from tests.fuzz.engine import CORPUS
from tests.fuzz.picture_seeds import png_header
from tests.fuzz.pictures import Part, join_png
from tests.fuzz.tiff import Entry, picture

HUGE = "9" * 5_000
"""A whole number with more digits than Python converts."""
HUGE_HEX = "0x" + "F" * 5_000
"""The same in a notation that Python converts."""


def corpus() -> Iterator[tuple[str, str, bytes]]:
    """Yield the target, the file name and the content of each input."""
    layer = '[[layer]]\n[[layer.filter]]\nname = "a"\nweights = [[1]]\n'
    for name, text in {
        "huge-stride": f"stride = [1, 2, {HUGE_HEX}]\n{layer}",
        "huge-offset": f"{layer}{layer[:-16]}inputs = {{ a = {{ weights = [[1]], at = [{HUGE_HEX}, 0] }} }}\n",
        "huge-integer": f"stride = {HUGE}\n{layer}",
        "dotted-key": f"{'a.' * 3_000}a = 1\n",
        "nested-arrays": f"weights = {'[' * 3_000}1{']' * 3_000}\n",
        "nested-tables": f"a = {'{ a = ' * 500}1{' }' * 500}\n",
        "many-filters": '[[filter]]\nname = "a"\n' * 600,
        "name-with-control-signs": 'name = "\\u001b[31m\\u202e"\n[[filter]]\nname = "a"\nweights = [[1]]\n',
        "long-file-name": f'classes = "{"n" * 300}"\n{layer}',
        "doubled-channels": layer
        + "".join(f'[[layer]]\nname = "l{n}"\nfrom = ["l{n - 1}", "l{n - 1}"]\n' for n in range(1, 40)),
    }.items():
        yield "filters", f"{name}.toml", text.encode()
    for name, text in {
        "large-layer": "[[layer]]\nfilters = 4096\nsize = 255\n",
        "huge-size": f"filters = 2\nsize = {HUGE_HEX}\n",
    }.items():
        yield "arch", f"{name}.toml", text.encode()
    for name, text in {
        "digits": "1" * 5_000 + "x",
        "size": "99999x99999: 1",
        "brackets": "[" * 2_000,
        "e": "1e" + HUGE,
    }.items():
        yield "kernel", f"{name}.txt", text.encode()
    for name, text in {
        "long-cell": "x" * 5_000,
        "digits": f"{HUGE},1\n",
        "overflow": "1e39,1\n",
        "nul": "1,\0\n",
    }.items():
        yield "csv", f"{name}.csv", text.encode()
    yield from _arrays()
    yield from _models()
    yield from _networks()
    yield from _pictures()
    yield "options", "separator.txt", b"\x1d2"
    yield "commands", "long-name.json", json.dumps(["apply", "'" * 300, "-f", "edges"]).encode()
    yield "commands", "model-as-output.json", json.dumps(["apply", "gray.png", "-f", "m.npz", "-o", "m.npz"]).encode()


def _arrays() -> Iterator[tuple[str, str, bytes]]:
    python_2 = "{'descr': '<f8', 'fortran_order': False, 'shape': (10L,), }\n"
    hex_shape = f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({HUGE_HEX},), }}\n"
    digits = "9" * 2_200
    two_sides = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({digits}, {digits}), }}\n"
    version = b"\x01\0"
    headers = {
        "python-2": python_2,
        "hex-shape": hex_shape,
        "large-shape": two_sides,
        "open": "((((\n",
        "nested": "(" * 300,
    }
    for name, header in headers.items():
        data = join_npy(version, header, bytes(80))
        yield "npy", f"{name}.npy", data
        yield "npz", f"{name}.npz", join_zip([Member(b"maps.npy", data)])
        yield "model", f"{name}.npz", join_zip([Member(b"meta.npy", data, 8)])
    yield "npy", "infinity-times-0.npy", npy(np.array([[[np.inf, 1, 2, 0]] * 5] * 5, np.float32))
    maps = npy(np.zeros((1, 4, 4), np.float32))
    large = join_npy(version, "{'descr': '|u1', 'fortran_order': False, 'shape': (5000, 6000), }\n", bytes(30_000_000))
    for name, method, packed in (
        ("bzip2-large", 12, bz2.compress(large)),
        ("lzma-large", 14, b"\x09\x04\5\0" + lzma.compress(large, lzma.FORMAT_ALONE)[:5] + b"\0" * 5),
        ("lzma-damaged", 14, b"\x09\x04\5\0" + bytes(40)),
        ("deflate-damaged", 8, b"\xff" * 40),
        ("unknown-method", 99, maps),
    ):
        member = Member(b"maps.npy", large if "large" in name else maps, method, packed=packed)
        yield "npz", f"{name}.npz", join_zip([member])
        yield "model", f"{name}.npz", join_zip([member._replace(name=b"meta.npy")])
        yield "tensors", f"{name}.npz", join_zip([member._replace(name=b"w.npy")])
        yield (
            "keras",
            f"{name}.npz",
            join_zip(
                [member._replace(name=f"{each}.npy".encode()) for each in ("x_train", "y_train", "x_test", "y_test")]
            ),
        )
    names = "é" * 200
    yield "tensors", "name-differs.npz", join_zip([Member(b"w.npy", maps)]).replace(b"w.npy", names.encode()[:5], 1)
    yield "idx", "large.idx", struct.pack(">HBBIII", 0, 8, 3, 2**31, 2**31, 2**31)
    yield "idx", "signed-labels.idx", struct.pack(">HBBI", 0, 9, 1, 6) + bytes([0, 1, 2, 0, 1, 2])


def _models() -> Iterator[tuple[str, str, bytes]]:
    ones = {"layers.0.weight": np.ones((2, 1, 3, 3), "f4"), "layers.0.bias": np.zeros(2, "f4")}
    ones |= {"layers.1.weight": np.ones((2, 2), "f4"), "layers.1.bias": np.zeros(2, "f4")}
    dense = models.model_meta()["layers"][1]
    for name, meta in {
        "huge-input": models.model_meta(input=[10**30, 28, 28]),
        "huge-size": models.model_meta(preprocessing={"size": [10**30, 10**30]}),
        "control-signs": models.model_meta(name="\x1b[2J\u202e", classes=["\x1b]0;x\x07", "\n"]),
        "surrogates": models.model_meta(name="\ud800", classes=["\udfff", "a"]),
        "layer-above-dense": models.model_meta(layers=[dense, dense]),
        "many-layers": models.model_meta(layers=[{"kind": "maps", "filters": []}] * 3_000),
    }.items():
        yield "model", f"{name}.npz", npz({"meta": np.array(json.dumps(meta)), **ones}, 8)
    yield "model", "deep-json.npz", npz({"meta": np.array('{"format": 3, "layers": ' + "[" * 3_000)}, 8)


def _networks() -> Iterator[tuple[str, str, bytes]]:
    kernels = np.ones((2, 3, 3, 3), np.float32)
    negative = "{'descr': '<f4', 'fortran_order': False, 'shape': (-2, 3, 3, 3), }\n"
    yield "weights", "negative-size.npz", join_zip([Member(b"w.npy", join_npy(b"\1\0", negative, bytes(216)))])
    signaling = np.full((1, 1, 2, 2), 0x7FF4000000000000, np.uint64).view(np.float64)
    yield "weights", "signaling-nan.npz", npz({"w": signaling})
    yield "array", "signaling-nan.npy", npy(signaling)
    repeated = pytorch_files.StoredTensor(np.ones(1, np.float32), (0, 0, 0, 0), 0, (5000, 5900, 3, 3))
    for storage in ("FloatStorage", "HalfStorage", "DoubleStorage"):
        value = repeated._replace(array=np.ones(1, {"F": "f4", "H": "f2", "D": "f8"}[storage[0]]))
        yield "pytorch", f"repeated-{storage.lower()}.pth", pytorch_files.zip_file({"c.weight": value})
    header = json.dumps({"c.weight": {"dtype": "F32", "shape": [2**32, 2**32, 1, 1], "data_offsets": [0, 0]}})
    yield "safetensors", "overflow.safetensors", safetensors_files.join_safetensors(header, b"")
    conv = onnx_files.node("Conv", "x w", "y")
    fill = onnx_files.node("ConstantOfShape", "s", "w", value=onnx_files.tensor("", np.ones(1, np.float32)))
    shape = onnx_files.tensor("s", np.array([5000, 5900, 3, 3]))
    yield "onnx", "filled.onnx", onnx_files.onnx_file([fill, conv], [shape], (1, 5900, 8, 8))
    text = onnx_files.message("node", (1, "x"), (2, "y"), (4, b"\xff"))
    yield "onnx", "text-not-utf-8.onnx", onnx_files.onnx_file([text], [onnx_files.tensor("w", kernels)])
    yield "onnx", "nested-graphs.onnx", onnx_files.nested_graphs(150)
    yield "hdf5", "heap-in-a-circle.h5", hdf5_files.endless_heap()
    yield "hdf5", "layer-listed-often.h5", hdf5_files.often_listed(7_000)


def _pictures() -> Iterator[tuple[str, str, bytes]]:
    end, empty = Part(b"IEND", b""), Part(b"IDAT", zlib.compress(b""))
    palette = [Part(b"PLTE", bytes(48)), Part(b"tRNS", b"\0\x80")]
    rows = Part(b"IDAT", zlib.compress(bytes(7 * 9)))
    yield "png", "largest-empty.png", join_png([png_header(14_142, 14_142, 8, 6), empty, end])
    header = png_header(11, 9, 4, 3)
    yield "png", "two-headers-palette.png", join_png([header, *palette, header, rows, end])
    early = Part(b"IDAT", zlib.compress(bytes(60)))
    yield "png", "pixels-end-early.png", join_png([png_header(12, 9, 8, 0), early, end])
    small, pixels = png_header(4, 2, 8, 0), Part(b"IDAT", zlib.compress(bytes(10)))
    text = Part(b"zTXt", b"a\0\0" + zlib.compress(bytes(3_000_000), 9))
    yield "png", "large-text.png", join_png([small, text, pixels, end])
    frames = [
        Part(b"acTL", struct.pack(">II", 4, 0)),
        Part(b"fcTL", struct.pack(">IIIIIHHBB", 0, 4, 2, 0, 0, 1, 10, 0, 0)),
    ]
    yield "png", "missing-frames.png", join_png([small, *frames, pixels, end])
    yield "tiff", "no-rows.tif", picture(5, 4, [8], more=[Entry(33723, 7, b"\xff" * 40)])[:-20]
    yield "tiff", "65535-samples.tif", picture(1, 1, [8] * 200)
    yield "tiff", "packbits-short.tif", picture(5, 4, [8], compression=32773)[:-3]
    yield (
        "gif",
        "large-screen.gif",
        b"GIF89a" + struct.pack("<HHBBB", 14_000, 14_000, 0, 0, 0) + b",\0\0\0\0\1\0\1\0\0\2\2D\1\0;",
    )
    yield "netpbm", "float.pfm", b"Pf 1 1 -1 " + bytes(4)
    yield "netpbm", "long-word.pgm", b"P5 " + b"1" * 5_000 + b" 1 255 a"


def main() -> None:
    """Write the files."""
    for target, name, data in corpus():
        folder = CORPUS / target
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


if __name__ == "__main__":
    main()
