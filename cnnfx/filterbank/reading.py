"""Filter files as they lie on the disk: bytes to the tables of their TOML text, whatever these may say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from cnnfx.errors import FileError

LARGEST_FILE = 10_000_000


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises
    ------
    FileError
        If the file is missing, a folder, not readable, too large, not UTF-8 or not TOML.
    """
    import tomllib  # only where a file is read

    text = _decode(_read(path), path)
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise FileError(f"{path}: the arrays or tables are nested too deeply.") from None
    except ValueError as error:
        raise FileError(_syntax_message(path, str(error))) from error


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        raise FileError(f"{path}: there is no such file. Check the path, or name a preset.") from None
    except IsADirectoryError:
        raise _is_folder(path) from None
    except (OSError, ValueError) as error:
        if path.is_dir():  # Windows says "permission denied" of a folder
            raise _is_folder(path) from None
        raise FileError(f"{path}: the file cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    if len(data) > LARGEST_FILE:
        raise FileError(f"{path}: the file is larger than {LARGEST_FILE // 1_000_000} MB; no filter file is.")
    return data


def _is_folder(path: Path) -> FileError:
    return FileError(f"{path}: this is a folder. Give a filter file in it, or name the folder in CNNFX_FILTERS.")


def _decode(data: bytes, path: Path) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise FileError(
            f"{path}:{line}: byte {data[error.start]:#04x} is not UTF-8. Save the file as UTF-8 text."
        ) from None


def _syntax_message(path: Path, message: str) -> str:
    """`file:line:column: what`, of tomllib's `what (at line 3, column 1)`."""
    found = re.fullmatch(r"(.*) \(at line (\d+), column (\d+)\)", message, re.DOTALL)
    if found:
        return f"{path}:{found[2]}:{found[3]}: {found[1]}."
    return f"{path}: {message.replace(' (at end of document)', ' at the end of the file')}."
