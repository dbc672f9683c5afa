"""Lookup of names with aliases, and suggestions of similar names for an unknown one."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

from cnnfx.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


MAX_LISTED_NAMES = 24
"""The most names that a suggestion lists."""
MAX_COMPARED_CHARACTERS = 100
"""The most characters of names that are compared, which takes time with the product of their lengths."""
MAX_COMPARED_NAMES = 2_000
"""The most names that one is compared with."""


def choose_name(argument: str, given: object, names: Mapping[str, tuple[str, ...]], otherwise: str = "") -> str:
    """Return the key of `names` that equals `given` or has it as an alias; case, "-" and "_" are ignored.

    Parameters
    ----------
    argument : str
        The name of the argument, for the message.
    given : object
        The value of the argument.
    names : mapping of str to tuple of str
        The allowed names, each with its aliases.
    otherwise : str, optional
        Other allowed values, such as "or a number of pixels", for the message.

    Raises
    ------
    ArgumentError
        If no name matches; the message suggests a similar one.
    """
    if given in names:
        return str(given)
    spellings = {_normalize(alias): name for name, aliases in names.items() for alias in (name, *aliases)}
    if isinstance(given, str) and _normalize(given) in spellings:
        return spellings[_normalize(given)]
    allowed = ", ".join(f'"{name}"' for name in names) + (f" {otherwise}" if otherwise else "")
    closest = closest_names(_normalize(str(given)), spellings)
    suggestion = f'; did you mean "{spellings[closest[0]]}"?' if closest else ""
    raise ArgumentError(f"{argument} must be one of {allowed}, not {given!r}{suggestion}")


def did_you_mean(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """Return the sentence `Did you mean "…"?` with the known name most similar to `name`.

    If no name is similar, return a sentence that begins with `otherwise` (such as "Allowed are") and lists the names,
    the first ones if there are more than `MAX_LISTED_NAMES`, or "" if `otherwise` is empty.
    """
    names = list(known)
    if closest := closest_names(name, names):
        return f'Did you mean "{closest[0]}"?'
    return f"{otherwise} {first_names(names, MAX_LISTED_NAMES)}." if otherwise else ""


def matching_names(text: str, names: Iterable[str]) -> list[str]:
    """Return the names that a text names: that which equals it, otherwise those that have it as a part.

    Parts that are whole steps of a name, between ".", "/", "_" or ":", precede others: "conv1" names "block.conv1"
    rather than "conv10", and "features.0" names "features.0.weight" rather than "features.01".
    """
    known = list(names)
    if text in known:
        return [text]
    found = [name for name in known if text in name]
    whole = re.compile(rf"(?:^|[./_:]){re.escape(text)}(?:$|[./_:])")
    return [name for name in found if whole.search(name)] or found


def names_of_module(number: str, names: Iterable[str]) -> list[str]:
    """Return the names whose first step is a number: "3.weight" for "3", in a state dict of `nn.Sequential`."""
    return [name for name in names if re.match(rf"{number}[./_:]", name)]


def first_names(names: Sequence[str], most: int) -> str:
    """Return names as text; of more than `most` the first ones, and how many there are besides."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def closest_names(name: str, known: Iterable[str], count: int = 1) -> list[str]:
    """Return at most `count` of the known names that are similar to `name`, the most similar first; case is ignored."""
    from difflib import get_close_matches  # needed only for messages

    if len(name) > MAX_COMPARED_CHARACTERS:
        return []
    by_lower: dict[str, str] = {}
    for one in islice(known, MAX_COMPARED_NAMES):
        if len(one) <= MAX_COMPARED_CHARACTERS:
            by_lower.setdefault(one.lower(), one)
    return [by_lower[found] for found in get_close_matches(name.lower(), by_lower, count)]


def _normalize(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")
