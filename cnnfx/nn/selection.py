"""Selection of channels by a list of names, numbers and ranges, such as "top,left" or "1,4,7-9"."""

from __future__ import annotations

from collections.abc import Sequence

from cnnfx.errors import ArgumentError
from cnnfx.system.suggest import closest_names

ALL = "all"
"""The text that selects every channel."""
MAX_LISTED_NAMES = 12
"""The most names that a message lists."""
MAX_DIGITS = 9
"""The most digits of a number."""


def select_channels(names: Sequence[str], text: str, owner: str = "") -> list[int]:
    """Return the indices, from 0, of the channels that a list selects: in its order, each once.

    Parameters
    ----------
    names : sequence of str
        The names of all channels.
    text : str
        Items separated by commas, with or without spaces: names; numbers from 1; ranges of numbers such as 3-5; or
        `all`. A name takes precedence over a number, a range or `all`, and the longest name over shorter ones, so names
        that contain commas, dashes or digits are found, too. Where every channel is named by a number, such as the
        digits "0" to "9", numbers and the ends of ranges are these names.
    owner : str, optional
        What the channels belong to, such as "layer 2 of sobel", for messages.

    Raises
    ------
    ArgumentError
        If the list is empty, or there is no such channel; the message suggests a similar name.
    """
    parts, known = text.split(","), frozenset(names)
    longest = 1 + max((name.count(",") for name in names), default=0)  # in parts
    selected: list[int] = []
    first = 0
    while first < len(parts):
        ends = range(min(first + longest, len(parts)), first, -1)
        last = next((end for end in ends if _joined(parts, first, end) in known), first + 1)
        selected += _item(names, _joined(parts, first, last), text, owner)
        first = last
    return list(dict.fromkeys(selected))


def _joined(parts: Sequence[str], first: int, last: int) -> str:
    return ",".join(parts[first:last]).strip()


def _item(names: Sequence[str], item: str, text: str, owner: str) -> Sequence[int]:
    """Return the indices of the channels that one item of the list `text` selects."""
    if item in names:
        return [names.index(item)]
    if not item:
        raise _error(owner, f"{text!r} is not a list of channels, such as 1,4,7-9 or {','.join(names[:2])}.")
    if item == ALL:
        return range(len(names))
    begin, dash, end = (part.strip() for part in item.partition("-"))
    if dash and _is_number(begin) and _is_number(end):
        first, last = _numbered(names, begin, owner), _numbered(names, end, owner)
        if first > last:
            raise _error(owner, f"the range {item} goes from a larger number to a smaller one. Write {end}-{begin}.")
        return range(first, last + 1)
    if _is_number(item):
        return [_numbered(names, item, owner)]
    raise _error(owner, f"there is no channel {item!r}. {_advice(names, item)}")


def _numbered(names: Sequence[str], number: str, owner: str) -> int:
    """Return the index of the channel of this name or, unless all names are numbers, of this number from 1."""
    if number in names:
        return names.index(number)
    if all(map(_is_number, names)):
        raise _error(owner, f"there is no channel {number}. Its channels are {listed_names(names)}.")
    if not 1 <= int(number) <= len(names):
        raise _error(owner, f"there is no channel {number}. They are counted from 1 to {len(names)}.")
    return int(number) - 1


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS


def _advice(names: Sequence[str], item: str) -> str:
    near = [name for name in names if name.casefold() == item.casefold()] or closest_names(item, names, 3)
    return f"Did you mean {' or '.join(near)}?" if near else f"Its channels are {listed_names(names)}."


def _error(owner: str, message: str) -> ArgumentError:
    if not owner:
        message = message[0].upper() + message[1:]
    return ArgumentError(f"{owner}: {message}" if owner else message, remedy="channel_selection")


def listed_names(names: Sequence[str]) -> str:
    """Return names as text for a message; of many, the first ones."""
    if len(names) > 2 and all(map(_is_number, names)):
        return f"{names[0]} to {names[-1]}"
    more = len(names) - MAX_LISTED_NAMES
    return ", ".join(names[:MAX_LISTED_NAMES]) + (f" and {more} more" if more > 0 else "")
