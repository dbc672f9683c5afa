"""Where in a file something stands, and what is said when it is wrong there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from cnnfx.errors import FileError

LONGEST_SHOWN = 40


class Place(NamedTuple):
    """A file, and the way to one of its values: `edges.toml: layer 1, filter "top", weights`."""

    file: str
    steps: tuple[str, ...] = ()

    def at(self, step: str) -> Place:
        """A place within this one."""
        return Place(self.file, (*self.steps, step))

    def error(self, message: str) -> FileError:
        """The error that says `message` of this place."""
        where = f"{self.file}: {', '.join(self.steps)}" if self.steps else self.file
        return FileError(f"{where}: {message}")


def did_you_mean(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """A sentence that offers the one of the `known` names nearest to `name`, or lists them as `otherwise` says."""
    from difflib import get_close_matches  # only for a message

    names = list(known)
    nearest = get_close_matches(name, names, n=1)
    if nearest:
        return f'Did you mean "{nearest[0]}"?'
    return f"{otherwise} {', '.join(names)}." if otherwise else ""


def describe(value: Any) -> str:
    """What a value of a TOML file is, for a message."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'the text "{value}"' if len(value) <= LONGEST_SHOWN else f'the text "{value[:LONGEST_SHOWN]}…"'
    if isinstance(value, int | float):
        return "a number of very many digits" if _is_huge(value) else f"the number {value}"
    if isinstance(value, list):
        return f"an array of {len(value)} value{'s' * (len(value) > 1)}" if value else "an empty array"
    return "a table" if isinstance(value, dict) else "a date or time"


def _is_huge(value: float) -> bool:
    return isinstance(value, int) and value.bit_length() > 4 * LONGEST_SHOWN
