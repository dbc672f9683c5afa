"""Tables of TOML files, whose values are read by key and type; errors name the file, the key and what is allowed."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from cnnfx.errors import FileError
from cnnfx.nn.selection import listed_names
from cnnfx.system.limits import MAX_NAME_CHARACTERS, MAX_TEXT_CHARACTERS, check_limit
from cnnfx.system.sizes import counted
from cnnfx.system.suggest import did_you_mean
from cnnfx.system.text import shorten_words, shortened, shown

MAX_FLOAT32 = 3.4028234663852886e38
"""The largest magnitude of a number in a file: larger ones would be infinite as float32."""


class Location(NamedTuple):
    """A value in a file, by the steps that lead to it: `edges.toml: layer 1, filter "top", weights`.

    `file` is the path of the file; other files that it names are in its folder.
    """

    file: str
    steps: tuple[str, ...] = ()

    def at(self, step: str) -> Location:
        """Return a location within this one."""
        return Location(self.file, (*self.steps, shortened(step)))

    @property
    def text(self) -> str:
        """The file and the steps, as messages begin."""
        return f"{self.file}: {', '.join(self.steps)}" if self.steps else self.file

    def error(self, message: str) -> FileError:
        """Return an error with a message about this location."""
        return FileError(f"{self.text}: {shorten_words(message)}")


class Table:
    """One table of a file.

    Parameters
    ----------
    values : dict
    location : Location
        Where the table is.
    allowed : collection of str
        The keys that it may have.

    Raises
    ------
    FileError
        If `values` is not a table, or has another key; the message suggests the closest allowed key.
    """

    def __init__(self, values: Any, location: Location, allowed: Collection[str]) -> None:
        if not isinstance(values, dict):
            raise location.error(f"found {describe(values)}; a table is needed here.")
        for key in values:
            if key not in allowed:
                hint = did_you_mean(key, allowed, "Allowed here are")
                raise location.error(f'unknown key "{shortened(key)}". {hint}')
        self.values: Mapping[str, Any] = values
        self.location = location

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def at(self, key: str) -> Location:
        """Return the location of a key's value."""
        return self.location.at(key)

    def wrong_type(self, key: str, needed: str) -> FileError:
        """Return the error that a key's value is not of the type `needed`."""
        return self.at(key).error(f"found {describe(self.values[key])}; {needed} is needed here.")

    def text(self, key: str, default: str = "") -> str:
        """Return the text at `key`.

        Raises
        ------
        FileError
            If it is of another type; likewise the methods below.
        """
        value = self.values.get(key, default)
        if not isinstance(value, str):
            raise self.wrong_type(key, "a text")
        check_limit(self.at(key).text, "characters", len(value), MAX_TEXT_CHARACTERS)
        return value

    def choice(self, key: str, allowed: Collection[str], default: str = "") -> str:
        """Return the text at `key`, which must be one of the allowed ones."""
        value = self.text(key, default)
        if value not in allowed:
            hint = f"Allowed are {', '.join(allowed)}. {did_you_mean(value, allowed)}".rstrip()
            raise self.at(key).error(f'"{shortened(value)}" is not known. {hint}')
        return value

    def name(self, key: str, default: str | None = None) -> str:
        """Return the text at `key`, which must be a name: one line, not empty and not "*"."""
        if key not in self.values and default is None:
            raise self.location.error(f'{key} is missing. Write {key} = "…".')
        value = self.text(key, default or "")
        check_limit(self.at(key).text, "characters in a name", len(value), MAX_NAME_CHARACTERS)
        if not value.strip() or not value.isprintable() or value == "*":
            raise self.at(key).error(f'{shown(value)} cannot be a name. A name is a line of text, and not "*".')
        return value

    def number(self, key: str, default: float) -> float:
        """Return the finite number at `key`."""
        if key not in self.values:
            return default
        return finite(self.values[key], self.at(key))

    def whole(self, key: str) -> int:
        """Return the whole number at `key`, which must be there."""
        value = self.values[key]
        if type(value) is not int:
            raise self.wrong_type(key, "a whole number")
        return value

    def flag(self, key: str) -> bool:
        """Return the true or false at `key`; false without that key."""
        value = self.values.get(key, False)
        if not isinstance(value, bool):
            raise self.wrong_type(key, "true or false")
        return value

    def tables(self, key: str) -> list[Any]:
        """Return the array of tables at `key`; empty without that key."""
        value = self.values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self.wrong_type(key, f"an array of tables, written [[{key}]],")
        return value


def finite(value: Any, location: Location) -> float:
    """Return a number of a file as a float.

    Raises
    ------
    FileError
        If it is of another type, NaN, infinite or larger than `MAX_FLOAT32`.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise location.error(f"found {describe(value)}; a number is needed here.")
    if isinstance(value, float) and not math.isfinite(value):
        raise location.error(f"found {value}; a finite number is needed here.")
    if abs(value) > MAX_FLOAT32:
        raise location.error(f"found {describe(value)}; a number of magnitude 3.4e38 or less is needed here.")
    return float(value)


def check_unique(names: Sequence[str], location: Location, what: str) -> None:
    """Check that no two of the names are the same; `what` they are called by is the plural for the message.

    Raises
    ------
    FileError
        If two are.
    """
    if len(set(names)) < len(names):
        name = next(name for name, count in Counter(names).items() if count > 1)
        raise location.error(f'two {what} are called "{shortened(name)}". Give each its own name.')


def suggestion(name: str, known: Sequence[str], otherwise: str) -> str:
    """Return a sentence with the known name most similar to `name`, or one that lists the known names, if there are.

    The list begins with `otherwise`, such as "There are", and has only the first of many names.
    """
    closest = did_you_mean(name, known)
    return closest or (f"{otherwise} {listed_names(known)}." if known else "")


def describe(value: Any) -> str:
    """Return the description of a value of a TOML file for a message: its type, and the value if it is short."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'the text "{shortened(value)}"'
    if isinstance(value, int | float):
        return f"the number {shown(value)}"
    if isinstance(value, list):
        return f"an array of {counted(len(value), 'value')}" if value else "an empty array"
    return "a table" if isinstance(value, dict) else "a date or time"
