"""Presets: filter files found by name, those shipped with cnnfx and those of the user."""

from __future__ import annotations

import os
from pathlib import Path

from cnnfx.errors import FileError
from cnnfx.system.folders import config_folder, expand_user
from cnnfx.system.suggest import did_you_mean

TEACHING_ORDER = (
    "edges", "sobel", "scharr", "prewitt", "laplacian", "box", "gaussian", "sharpen", "emboss", "identity",
    "corners", "squares", "lines", "curves", "circles", "spots", "textures", "colors",
    "faces", "squeezenet",
)  # fmt: skip
"""The shipped presets from simple to advanced: those of several layers come last, after them trained networks."""


def find_presets() -> list[tuple[str, Path]]:
    """Return the name and file of every preset: those of `TEACHING_ORDER`, then others in alphabetical order.

    Of two files with the same name, one in a folder listed in `CNNFX_FILTERS` takes precedence over one in the user's
    configuration folder, and that over a shipped one.
    """
    found: dict[str, Path] = {}
    for folder in preset_folders():
        for path in _filter_files(folder):
            found.setdefault(path.stem, path)
    order = {name: position for position, name in enumerate(TEACHING_ORDER)}
    return sorted(found.items(), key=lambda preset: (order.get(preset[0], len(order)), preset[0]))


def preset_names() -> list[str]:
    """Return the names of `find_presets`, in the same order."""
    return [name for name, _ in find_presets()]


def find_preset(name: str) -> Path:
    """Return the file of a preset.

    Raises
    ------
    FileError
        If there is none; the message suggests the closest name.
    """
    presets = dict(find_presets())
    if name not in presets:
        parts = [part.strip() for part in name.split(",") if part.strip()]
        if "," in name and presets.keys() & set(parts):
            raise FileError(f'"{name}" is not one preset.', remedy="preset_list", names=",".join(parts))
        if os.path.isfile(f"{name}.toml") or os.path.isfile(name):
            raise FileError(f'there is no preset called "{name}". {_meant_file(name)}', remedy="preset_unknown")
        hint = did_you_mean(name, presets)
        raise FileError(
            f'there is no preset called "{name}". {hint} cnnfx list-filters shows them all.'.replace("  ", " "),
            remedy="preset_unknown",
        )
    return presets[name]


def _meant_file(name: str) -> str:
    """Return what may be meant by the name of a file without the ending of a filter file."""
    if os.path.isfile(f"{name}.toml"):
        return f"Did you mean {name}.toml?"
    from cnnfx.images.formats import PICTURE_EXTENSIONS

    if Path(name).suffix.lower() in PICTURE_EXTENSIONS:
        return (
            f"{name} is a picture. Filters are a preset, a filter file (.toml), a model (.npz), or a file of PyTorch, "
            "Keras, ONNX or safetensors."
        )
    return "A filter file ends in .toml."


def preset_folders() -> list[Path]:
    """Return the folders that presets are looked up in, in order of precedence."""
    own = os.environ.get("CNNFX_FILTERS", "").split(os.pathsep)
    return [*(expand_user(folder) for folder in own if folder), config_folder() / "filters", shipped_folder()]


def shipped_folder() -> Path:
    """Return the folder `filters` inside the package (in a wheel) or beside it (in a checkout)."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "filters"
    return inside if inside.is_dir() else package.parent / "filters"


def _filter_files(folder: Path) -> list[Path]:
    """Return the filter files in a folder; none if it cannot be listed."""
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == ".toml" and not path.name.startswith("."))
    except OSError:
        return []
