"""Names given as arguments, their other spellings, and the nearest of them when one is not known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnfx.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Mapping


def choose_name(argument: str, given: object, names: Mapping[str, tuple[str, ...]], otherwise: str = "") -> str:
    """The key of `names` that `given` is or has as an alias; case, "-" and "_" do not matter.

    Raises
    ------
    ArgumentError
        If there is none; the message offers the nearest.
    """
    if given in names:
        return str(given)
    spellings = {_plain(alias): name for name, aliases in names.items() for alias in (name, *aliases)}
    if isinstance(given, str) and _plain(given) in spellings:
        return spellings[_plain(given)]
    allowed = ", ".join(f'"{name}"' for name in names)
    if otherwise:
        allowed += f" {otherwise}"
    raise ArgumentError(f"{argument} must be one of {allowed}, not {given!r}{_nearest(given, spellings)}")


def _nearest(given: object, spellings: Mapping[str, str]) -> str:
    from difflib import get_close_matches  # only for a message

    close = get_close_matches(_plain(str(given)), spellings, n=1)
    return f'; did you mean "{spellings[close[0]]}"?' if close else ""


def _plain(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")
