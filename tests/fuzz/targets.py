"""The targets by name: every reader with its seeds, its mutator and what is checked."""

from __future__ import annotations

import functools
import io
import zlib
from pathlib import Path

import numpy as np

from cnnfx.errors import CnnfxError
from tests.datasets.idx_files import NAMES
from tests.fuzz import arrays, commands, models, pictures, texts, tiff
from tests.fuzz.checks import check_message, reads_arch, reads_dataset, reads_image, reads_kernel, reads_network
from tests.fuzz.engine import Target
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
        _zip_target("keras", arrays.keras_seeds, arrays.mutate_npz, _check_keras),
        Target("idx", ".idx", arrays.idx_seeds, arrays.mutate_idx, _check_idx),
        *map(_picture_target, SEEDS),
        _text_target("options", ".txt", texts.OPTION_TEXTS, texts.OPTION_WORDS, commands.parses_option),
        Target(
            "commands", ".json", commands.command_seeds, commands.mutate_command, commands.runs_command, max_seconds=60
        ),
    )
}
