"""Text of TOML files: read and parsed after a check of what would take the parser too much time or memory.

The parser of the standard library keeps each prefix of a dotted key, which takes memory quadratic in its parts, and
calls itself for each array within an array.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from itertools import accumulate
from pathlib import Path
from typing import Any

from cnnfx.errors import FileError
from cnnfx.system.limits import MAX_NESTING, MAX_TOML_BYTES, check_limit
from cnnfx.system.text import shortened

INTEGER_DIGITS = {"0x": 16, "0o": 22, "0b": 64, "": 19}
"""The most digits of a whole number of 64 bits, the most that TOML has, by the prefix of its base."""
MAX_SYNTAX_CHARACTERS = 120
"""The most characters of the parser's own words in a message, which may repeat a key."""

_STRING_OR_COMMENT = re.compile(
    r"""  \#[^\n]*
    | \"\"\"(?:[^"\\]|\\.|"(?!""))*+(?:"{3,5}|\Z)
    | '''(?:[^']|'(?!''))*+(?:'{3,5}|\Z)
    | "(?:[^"\\\n]|\\[^\n])*+"?
    | '[^'\n]*+'?""",
    re.VERBOSE | re.DOTALL,
)
_DOTTED_KEY = re.compile(rf"""(?:\.[ \t]*+[\w"-]++[ \t]*+){{{MAX_NESTING},}}+""")
_INTEGER = re.compile(r"(?<![\w.])(?P<base>0[xob])?(?P<digits>[\da-fA-F_]{20,}+)(?![\w.])", re.ASCII)
_BRACKET = re.compile(r"[\[\]{}]")
_STEPS = {"[": 1, "{": 1, "]": -1, "}": -1}


def read_toml(path: Path) -> dict[str, Any]:
    """Read the tables of a TOML file.

    Raises
    ------
    FileError
        If the file does not exist, is a folder, cannot be read, exceeds a limit of `cnnfx.system.limits`, or is not
        UTF-8 or TOML; the message gives the line where it can.
    """
    return _parse(read_text(path), path)


def read_top_values(path: Path) -> dict[str, Any]:
    """Read the values that stand before the tables of a TOML file; tables may be missing from the result.

    The errors are those of `read_toml`, but those in the tables are not found.
    """
    text = read_text(path)
    with suppress(FileError):  # the first line that begins with a bracket is a part of a value, not a table
        return _parse(text.partition("\n[")[0], path)
    return _parse(text, path)


def _parse(text: str, path: Path) -> dict[str, Any]:
    import tomllib  # only where a file is read

    _check_text(text, path)
    try:
        return tomllib.loads(text)
    except (RecursionError, MemoryError):
        raise FileError(f"{path}: the file takes too much memory to read.") from None
    except ValueError as error:
        raise FileError(_syntax_message(path, str(error))) from error


def read_text(path: Path) -> str:
    """Read a text file; the errors are those of `read_toml`."""
    return _decode(_read_bytes(path), path)


def _read_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_TOML_BYTES + 1)
    except FileNotFoundError:
        raise FileError(f"{path}: there is no such file. Check the path, or name a preset.") from None
    except (OSError, ValueError) as error:
        if os.path.isdir(path):
            raise FileError(
                f"{path}: this is a folder. Give a filter file in it, or name the folder in CNNFX_FILTERS."
            ) from None
        raise FileError(f"{path}: the file cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    if b"\0" in data:
        raise FileError(f"{path}: this is neither text nor a network of a known format, such as ONNX or safetensors.")
    if len(data) > MAX_TOML_BYTES:
        raise FileError(
            f"{path}: the file is larger than {MAX_TOML_BYTES // 1_000_000} MB, the limit for filter files."
        )
    return data


def _decode(data: bytes, path: Path) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise FileError(
            f"{path}:{line}: byte {data[error.start]:#04x} is not UTF-8. Save the file as UTF-8 text."
        ) from None


def _check_text(text: str, path: Path) -> None:
    """Check the parts of keys, the digits of whole numbers, and how deeply arrays and tables are nested."""
    plain = _STRING_OR_COMMENT.sub(_only_lines, text)
    if key := _DOTTED_KEY.search(plain):
        check_limit(_line(path, plain, key.start()), "parts in a key", key[0].count(".") + 1, MAX_NESTING)
    for number in _INTEGER.finditer(plain):
        if not number["base"] and not number["digits"].replace("_", "").isdecimal():  # a float, or a key
            continue
        digits = len(number["digits"].replace("_", "").lstrip("0"))
        limit = INTEGER_DIGITS[number["base"] or ""]
        check_limit(_line(path, plain, number.start()), "digits in a whole number", digits, limit)
    brackets = _BRACKET.findall(plain)
    depths = list(accumulate(map(_STEPS.__getitem__, brackets), initial=0))
    if (deepest := max(depths)) > MAX_NESTING:
        at = [match.start() for match in _BRACKET.finditer(plain)][depths.index(MAX_NESTING + 1) - 1]
        check_limit(_line(path, plain, at), "arrays and tables inside each other", deepest, MAX_NESTING)


def _only_lines(match: re.Match[str]) -> str:
    """Return a string without its characters, or nothing for a comment; the ends of lines stay."""
    return "" if match[0].startswith("#") else '"' + "\n" * match[0].count("\n")


def _line(path: Path, text: str, at: int) -> str:
    line = text.count("\n", 0, at) + 1
    return f"{path}:{line}"


def _syntax_message(path: Path, message: str) -> str:
    """Return `file:line:column: what` for the message `what (at line 3, column 1)` of tomllib."""
    found = re.fullmatch(r"(.*) \(at line (\d+), column (\d+)\)", message, re.DOTALL)
    if found:
        return f"{path}:{found[2]}:{found[3]}: {shortened(found[1], MAX_SYNTAX_CHARACTERS)}."
    what = shortened(message.replace(" (at end of document)", " at the end of the file"), MAX_SYNTAX_CHARACTERS)
    return f"{path}: {what}."
