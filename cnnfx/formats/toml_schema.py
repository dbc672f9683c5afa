"""Tables of a TOML file, read key by key with the type that each key has."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
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


LARGEST = 3.4028234663852886e38
"""The largest float32: what is larger would be infinite in an image."""


class Table:
    """One table of a file.

    Parameters
    ----------
    values : dict
    place : Place
        Where the table stands.
    allowed : collection of str
        The keys that it may have.

    Raises
    ------
    FileError
        If it is not a table, or has another key; the message offers the nearest.
    """

    def __init__(self, values: Any, place: Place, allowed: Collection[str]) -> None:
        if not isinstance(values, dict):
            raise place.error(f"found {describe(values)}; a table is needed here.")
        for key in values:
            if key not in allowed:
                raise place.error(f'unknown key "{key}". {did_you_mean(key, allowed, "Allowed here are")}')
        self.values: Mapping[str, Any] = values
        self.place = place

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def at(self, key: str) -> Place:
        """The place of a key's value."""
        return self.place.at(key)

    def wrong(self, key: str, needed: str) -> FileError:
        """The error that a key's value has the wrong type."""
        return self.at(key).error(f"found {describe(self.values[key])}; {needed} is needed here.")

    def text(self, key: str, default: str = "") -> str:
        """The text at `key`."""
        value = self.values.get(key, default)
        if not isinstance(value, str):
            raise self.wrong(key, "a text")
        return value

    def name(self, key: str, default: str | None = None) -> str:
        """The text at `key`, where it is to name something: one line, not empty, not "*"."""
        if key not in self.values and default is None:
            raise self.place.error(f'{key} is missing. Write {key} = "…".')
        value = self.text(key, default or "")
        if not value.strip() or not value.isprintable() or value == "*":
            raise self.at(key).error(f'{value!r} cannot be a name. A name is a line of text, and not "*".')
        return value

    def number(self, key: str, default: float) -> float:
        """The number at `key`; it is finite."""
        if key not in self.values:
            return default
        return finite(self.values[key], self.at(key))

    def tables(self, key: str) -> list[Any]:
        """The array of tables at `key`; none if there is no such key."""
        value = self.values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self.wrong(key, f"an array of tables, written [[{key}]],")
        return value


def finite(value: Any, place: Place) -> float:
    """A TOML number as a float that a float32 can hold.

    Raises
    ------
    FileError
        If it is something else, NaN, infinite or too large.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise place.error(f"found {describe(value)}; a number is needed here.")
    if isinstance(value, float) and not math.isfinite(value):
        raise place.error(f"found {value}; a finite number is needed here.")
    if abs(value) > LARGEST:
        raise place.error(f"found {describe(value)}; a number of magnitude 3.4e38 or less is needed here.")
    return float(value)
