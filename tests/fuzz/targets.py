"""The targets by name: every reader with its seeds, its mutator and what is checked."""

from __future__ import annotations

import functools
import importlib
import io
import pkgutil
import zlib
from pathlib import Path

import numpy as np

import cnnfx.formats
from cnnfx.errors import CnnfxError
from tests.datasets.idx_files import NAMES
from tests.fuzz import (
    arrays,
    commands,
    hdf5_files,
    models,
    onnx_files,
    pictures,
    pytorch_files,
    safetensors_files,
    texts,
    tiff,
)
from tests.fuzz.checks import check_message, reads_arch, reads_dataset, reads_image, reads_kernel, reads_network
from tests.fuzz.engine import Target
from tests.fuzz.networks import reads_foreign_network
from tests.fuzz.picture_seeds import SEEDS

LINES = texts.split_lines, texts.join_lines
MEMBERS = arrays.split_npz_parts, arrays.join_npz_parts


def _encoded(seeds: tuple[str, ...]) -> list[bytes]:
    return [text.encode() for text in seeds]


def _written(data: bytes, folder: Path, name: str) -> Path:
    path = folder / name
    with open(path, "wb") as file:
        file.write(data)
    return path


# Networks


def _check_filter_file(data: bytes, folder: Path) -> bool:
    from cnnfx.formats.load import load_network

    if not (folder / "t.npz").exists():
        _written(_tensors(), folder, "t.npz")
        _written(b"cat\ndog\n", folder, "names.txt")
    return reads_network(load_network, _written(data, folder, "f.toml"))


@functools.cache
def _tensors() -> bytes:
    ones = np.ones(2, "f4")
    bn = {f"bn.{name}": ones for name in ("weight", "bias", "running_mean", "running_var")}
    return arrays.npz(
        {"w": np.ones((2, 1, 3, 3), "f2"), "b": ones, "d": np.ones((2, 8), "f4"), "text": np.array("x"), **bn}
    )


def _check_tensors(data: bytes, folder: Path) -> bool:
    from cnnfx.formats.load import load_network

    if not (folder / "f.toml").exists():
        text = 'tensors = "t.npz"\n[[layer]]\nweights = "w"\nbias = "b"\n[[layer]]\nbatch_norm = "bn"\n'
        _written(text.encode(), folder, "f.toml")
    _written(data, folder, "t.npz")
    return reads_network(load_network, folder / "f.toml")


def _check_model(data: bytes, folder: Path) -> bool:
    from cnnfx.formats.model_npz import load_checkpoint

    return reads_network(lambda path: load_checkpoint(path)[0], _written(data, folder, "m.npz"))


# Networks of other programs


def _network_target(name: str, ending: str, kind: str, seeds, mutate, parts=(None, None), layers=()) -> Target:
    """Return the target of files of a kind of `file_format`, read without a layer or with one of `layers`."""

    def check(data: bytes, folder: Path) -> bool:
        if not (folder / "w.bin").exists():  # the values beside an ONNX file
            _written(bytes(range(216)), folder, "w.bin")
        return reads_foreign_network(_written(data, folder, f"t{ending}"), kind, layers)

    def prepared_seeds() -> list[bytes]:
        for module in pkgutil.iter_modules(cnnfx.formats.__path__, "cnnfx.formats."):
            importlib.import_module(module.name)  # before processes are forked
        return seeds()

    return Target(name, ending, prepared_seeds, mutate, check, None, *parts)


def _weights_seeds() -> list[bytes]:
    """Return archives of filters in several orders and types."""
    ones = np.ones(2, "f4")
    ramp = np.linspace(-1, 1, 54, dtype="f4")
    return [
        arrays.npz({"c.weight": ramp.reshape(2, 3, 3, 3), "c.bias": ones, "bn.weight": ones, "bn.running_var": ones}),
        arrays.npz({"c/kernel:0": ramp.reshape(3, 3, 3, 2), "d/kernel:0": np.ones((2, 4)), "step": np.array(3)}, 8),
        arrays.npz({"arr_0": np.asfortranarray(ramp.reshape(3, 3, 1, 6).astype("f2")), "arr_1": np.array("text")}),
        arrays.npz({"kernels": ramp.reshape(6, 3, 3).astype(">f8"), "k": np.eye(3, dtype="i4")}),
    ]


def _filter_array_seeds() -> list[bytes]:
    """Return arrays of filters in several orders and types."""
    ramp = np.linspace(-1, 1, 54, dtype="f4")
    shapes = ((2, 3, 3, 3), (3, 3, 3, 2), (6, 3, 3), (9, 6), (3, 3, 6, 1))
    types = ("f4", ">f4", "f2", "f8", "i8")
    return [arrays.npy(ramp.reshape(shape).astype(dtype)) for shape in shapes for dtype in types]


# Images


def _image_target(name: str, ending: str, seeds, mutate, parts=(None, None), as_file: bool = False) -> Target:
    """Return the target of image files, which are read as bytes, or `as_file` where the ending says what they are."""

    def check(data: bytes, folder: Path, thorough: bool = False) -> bool:
        return reads_image(data, _written(data, folder, f"t{ending}") if as_file else None, thorough=thorough)

    return Target(name, ending, seeds, mutate, check, functools.partial(check, thorough=True), *parts)


# Datasets


def _check_keras(data: bytes, folder: Path) -> bool:
    from cnnfx.datasets.keras_npz import load_keras

    path = _written(data, folder, "k.npz")
    return reads_dataset(lambda: load_keras(path), path.name)


def _check_idx(data: bytes, folder: Path) -> bool:
    """Read a file alone, and one in 16 as a part of a dataset, too."""
    from cnnfx.datasets.idx import load_idx, read_idx

    axes = 1 if data[3:4] == b"\1" else 3
    try:
        values = read_idx("file.idx", io.BytesIO(data), axes)
        assert values.ndim == axes, f"{values.ndim} axes"
        assert values.dtype == np.uint8 or (axes == 1 and values.dtype.kind in "iu"), f"values of {values.dtype}"
    except CnnfxError as error:
        return check_message(error, "file.idx")
    if zlib.crc32(data) % 16:
        return True
    images, labels = arrays.idx_seeds()[:2]
    for name, content in zip(NAMES, (images, labels) * 2, strict=True):
        _written(content, folder, name)
    _written(data, folder, NAMES[int(axes == 1)])
    return reads_dataset(lambda: load_idx(folder), folder.name)


def _text_target(name: str, ending: str, seeds: tuple[str, ...], words: tuple[str, ...], check) -> Target:
    mutate = texts.text_mutator(words)
    return Target(name, ending, lambda: _encoded(seeds), mutate, check, None, *LINES)


def _zip_target(name: str, seeds, mutate, check) -> Target:
    return Target(name, ".npz", seeds, mutate, check, None, *MEMBERS)


def _picture_target(name: str) -> Target:
    """Return the target of a format; files without a signature are found by their ending, others read as bytes."""
    ending, seeds = SEEDS[name]
    structure = pictures.STRUCTURES.get(name)
    if name in pictures.HEADERS:
        mutate = pictures.header_mutator(pictures.HEADERS[name])
    else:
        mutate = {"tiff": tiff.mutate_tiff, "jpeg2000": pictures.mutate_jpeg2000}.get(name) or structure.mutate
    parts = (structure.split_bytes, structure.join_bytes) if structure else (None, None)
    return _image_target(name, ending, seeds, mutate, parts, as_file=name == "tga")


TARGETS = {
    target.name: target
    for target in (
        _text_target("filters", ".toml", texts.FILTER_FILES, texts.TOML_WORDS, _check_filter_file),
        _text_target("kernel", ".txt", texts.KERNELS, texts.KERNEL_WORDS, reads_kernel),
        _text_target(
            "arch",
            ".toml",
            texts.ARCH_FILES,
            texts.TOML_WORDS,
            lambda data, folder: reads_arch(_written(data, folder, "a.toml")),
        ),
        _image_target(
            "csv", ".csv", lambda: _encoded(texts.TABLES), texts.text_mutator(texts.TABLE_WORDS), LINES, True
        ),
        _image_target("npy", ".npy", arrays.npy_seeds, arrays.mutate_npy),
        _image_target("npz", ".npz", arrays.npz_seeds, arrays.mutate_npz, MEMBERS),
        _zip_target("tensors", lambda: [_tensors()], arrays.mutate_npz, _check_tensors),
        _zip_target("model", models.model_seeds, models.mutate_model, _check_model),
        _network_target("weights", ".npz", "npz", _weights_seeds, arrays.mutate_npz, MEMBERS),
        _network_target("array", ".npy", "npy", _filter_array_seeds, arrays.mutate_npy),
        _network_target(
            "pytorch",
            ".pth",
            "pytorch",
            pytorch_files.pytorch_seeds,
            pytorch_files.mutate_pytorch,
            (pytorch_files.split_pytorch, pytorch_files.join_pytorch),
            ("c.weight",),
        ),
        _network_target(
            "safetensors",
            ".safetensors",
            "safetensors",
            safetensors_files.safetensors_seeds,
            safetensors_files.mutate_safetensors,
            layers=("c.weight",),
        ),
        _network_target(
            "onnx",
            ".onnx",
            "onnx",
            onnx_files.onnx_seeds,
            onnx_files.mutate_onnx,
            (onnx_files.split_onnx, onnx_files.join_onnx),
            (1, "conv"),
        ),
        _network_target("hdf5", ".h5", "hdf5", hdf5_files.hdf5_seeds, hdf5_files.mutate_hdf5, layers=(1, "c1")),
        _network_target(
            "keras-archive",
            ".keras",
            "keras",
            hdf5_files.archive_seeds,
            hdf5_files.mutate_archive,
            MEMBERS,
            (1, "c1"),
        ),
        _zip_target("keras", arrays.keras_seeds, arrays.mutate_npz, _check_keras),
        Target("idx", ".idx", arrays.idx_seeds, arrays.mutate_idx, _check_idx),
        *map(_picture_target, SEEDS),
        _text_target("options", ".txt", texts.OPTION_TEXTS, texts.OPTION_WORDS, commands.parses_option),
        Target(
            "commands", ".json", commands.command_seeds, commands.mutate_command, commands.runs_command, max_seconds=60
        ),
    )
}
