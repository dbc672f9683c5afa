"""Presets: filter files that are found by name, the project's own and the user's."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from cnnfx.errors import FileError
from cnnfx.formats.toml_schema import did_you_mean

TEACHING_ORDER = (
    "edges", "sobel", "scharr", "prewitt", "laplacian", "box", "gaussian", "sharpen", "emboss", "identity",
    "corners", "squares", "lines", "curves", "circles", "spots", "textures", "colors",
)  # fmt: skip
"""The shipped presets in the order in which a learner meets them, those of several layers last."""


def find_presets() -> list[tuple[str, Path]]:
    """Every preset's name and file: the shipped ones in `TEACHING_ORDER`, then others by the alphabet.

    A file in a folder that `CNNFX_FILTERS` names goes before one of the same name in the user's configuration folder,
    and that before a shipped one.
    """
    found: dict[str, Path] = {}
    for folder in preset_folders():
        for path in _filter_files(folder):
            found.setdefault(path.stem, path)
    order = {name: position for position, name in enumerate(TEACHING_ORDER)}
    return sorted(found.items(), key=lambda preset: (order.get(preset[0], len(order)), preset[0]))


def preset_names() -> list[str]:
    """The names of `find_presets`, in the same order."""
    return [name for name, _ in find_presets()]


def find_preset(name: str) -> Path:
    """The file of a preset.

    Raises
    ------
    FileError
        If there is none; the message offers the nearest names.
    """
    presets = dict(find_presets())
    if name not in presets:
        hint = did_you_mean(name, presets)
        raise FileError(
            f'there is no preset called "{name}". {hint} cnnfx list-filters shows them all.'.replace("  ", " ")
        )
    return presets[name]


def preset_folders() -> list[Path]:
    """The folders in which presets are looked for, first come first."""
    own = os.environ.get("CNNFX_FILTERS", "").split(os.pathsep)
    return [*(Path(folder).expanduser() for folder in own if folder), _user_folder(), _shipped_folder()]


def _user_folder() -> Path:
    """Where the system keeps the user's settings of programs."""
    home = Path(os.path.expanduser("~"))
    if sys.platform == "win32":
        base = Path(os.environ.get("APPDATA") or home / "AppData" / "Roaming")
    elif sys.platform == "darwin":
        base = home / "Library" / "Application Support"
    else:
        given = Path(os.environ.get("XDG_CONFIG_HOME") or ".")
        base = given if given.is_absolute() else home / ".config"
    return base / "cnnfx" / "filters"


def _shipped_folder() -> Path:
    """`filters` in the package, where a wheel has it, or beside it, where a checkout has it."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "filters"
    return inside if inside.is_dir() else package.parent / "filters"


def _filter_files(folder: Path) -> list[Path]:
    """The filter files in a folder; none if it cannot be listed."""
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == ".toml" and not path.name.startswith("."))
    except OSError:
        return []
