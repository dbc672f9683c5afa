"""Selection of channels by a list of names, numbers, ranges and `top:N`, such as "top,left", "1,4,7-9" or "top:12"."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from cnnfx.errors import ArgumentError
from cnnfx.system.suggest import closest_names, first_names

ALL = "all"
"""The text that selects every channel."""
STRONGEST = re.compile(r"top:([0-9]{1,9})", re.IGNORECASE)
"""The item that selects the N channels with the strongest response to an image."""
MAX_LISTED_NAMES = 12
"""The most names that a message lists."""
MAX_DIGITS = 9
"""The most digits of a number."""
MIN_PART = 3
"""The fewest characters of a part of a name by which it is suggested."""
MAX_SUGGESTED = 3
"""The most names that are suggested."""


Strengths = Callable[[], Sequence[float]]
"""Returns the strength of the response of each channel to an image."""


def select_channels(
    names: Sequence[str], text: str, owner: str = "", kind: str = "channel", strengths: Strengths | None = None
) -> list[int]:
    """Return the indices, from 0, of the channels that a list selects: in its order, each once.

    Parameters
    ----------
    names : sequence of str
        The names of all channels.
    text : str
        Items separated by commas, with or without spaces: names; numbers from 1; ranges of numbers such as 3-5; or
        `all`; or `top:N` for the N channels with the strongest response, the strongest first, of equal ones the first
        (all channels if there are no more than N). A name takes precedence over the other items, and the longest name
        over shorter ones, so names that contain commas, dashes or digits are found, too. Where every channel is named
        by a number, such as the digits "0" to "9", numbers and the ends of ranges are these names.
    owner : str, optional
        What the channels belong to, such as "layer 2 of sobel", for messages.
    kind : str, optional
        What messages call them, such as "filter".
    strengths : function, optional
        Called for `top:N`. Without it this item is an error: it has a meaning for an image only.

    Raises
    ------
    ArgumentError
        If the list is no text or empty, or there is no such channel; the message suggests a similar name.
    """
    if not isinstance(text, str):
        raise _error(f"{text!r} is not a text that lists {kind}s, such as {','.join(names[:2])!r}.")
    try:
        return list(
            dict.fromkeys(index for item in _items(names, text) for index in _item(names, item, text, kind, strengths))
        )
    except ArgumentError as error:
        if not owner:
            raise
        message = str(error)
        raise ArgumentError(f"{owner}: {message[0].lower()}{message[1:]}", remedy=error.remedy) from None


def depends_on_image(names: Sequence[str], text: str) -> bool:
    """Return whether a list contains `top:N`, so that what it selects of the channels `names` depends on the image."""
    return any(item not in names and STRONGEST.fullmatch(item) for item in _items(names, text))


def _items(names: Sequence[str], text: str) -> Iterator[str]:
    """Yield the items of a list: names, some of which may contain commas, and what is between commas otherwise."""
    parts, known = text.split(","), frozenset(names)
    longest = 1 + max((name.count(",") for name in names), default=0)  # in parts
    first = 0
    while first < len(parts):
        ends = range(min(first + longest, len(parts)), first, -1)
        last = next((end for end in ends if _joined(parts, first, end) in known), first + 1)
        yield _joined(parts, first, last)
        first = last


def _joined(parts: Sequence[str], first: int, last: int) -> str:
    return ",".join(parts[first:last]).strip()


def _item(names: Sequence[str], item: str, text: str, kind: str, strengths: Strengths | None) -> Sequence[int]:
    """Return the indices of the channels that one item of the list `text` selects."""
    if item in names:
        return [names.index(item)]
    if not item:
        raise _error(f"{text!r} is not a list of {kind}s, such as 1,4,7-9 or {','.join(names[:2])}.")
    if item.lower() == ALL:
        return range(len(names))
    if strongest := STRONGEST.fullmatch(item):
        return _strongest(int(strongest[1]), item, kind, strengths)
    begin, dash, end = (part.strip() for part in item.partition("-"))
    if dash and _is_number(begin) and _is_number(end):
        first, last = _numbered(names, begin, kind), _numbered(names, end, kind)
        if first > last:
            raise _error(f"The range {item} goes from a larger number to a smaller one. Write {end}-{begin}.")
        return range(first, last + 1)
    if _is_number(item):
        return [_numbered(names, item, kind)]
    ends = [end.strip() for end in re.split(r"-|:|\.\.", item)]
    if len(ends) == 2 and any(ends) and all(not end or _is_number(end) for end in ends):
        example = f"{ends[0] or 1}-{ends[1] if ends[1] not in ('', '0', '1') else len(names)}"
        raise _error(f"{item!r} is not a list of {kind}s. Write a range with both ends, such as {example}.")
    raise _error(f"There is no {kind} {item!r}. {_advice(names, item, kind)}")


def _strongest(count: int, item: str, kind: str, strengths: Strengths | None) -> list[int]:
    if count == 0:
        raise _error(f"{item} selects no {kind}. Write top:1 or more.")
    if strengths is None:
        raise _error(
            f"{item} selects the {kind}s with the strongest response to an image. There is none here: name the {kind}s."
        )
    values = strengths()
    return sorted(range(len(values)), key=lambda index: -values[index])[:count]


def _numbered(names: Sequence[str], number: str, kind: str) -> int:
    """Return the index of the channel of this name or, unless all names are numbers, of this number from 1."""
    if number in names:
        return names.index(number)
    if all(map(_is_number, names)):
        raise _error(f"There is no {kind} {number}. Its {kind}s are {listed_names(names)}.")
    if not 1 <= int(number) <= len(names):
        known = f"They are counted from 1 to {len(names)}" if len(names) > 1 else f"The only one is {names[0]}"
        raise _error(f"There is no {kind} {number}. {known}.")
    return int(number) - 1


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS


def _advice(names: Sequence[str], item: str, kind: str) -> str:
    near = _similar(names, item)
    if not near:
        return f"Its {kind}s are {listed_names(names)}."
    *others, last = near
    return f"Did you mean {', '.join(others)}{' or ' if others else ''}{last}?"


def _similar(names: Sequence[str], item: str) -> list[str]:
    """Return the names that are equal but for case, otherwise those that contain the item, otherwise the closest."""
    plain = item.casefold()
    equal = [name for name in names if name.casefold() == plain]
    containing = [name for name in names if plain in name.casefold()] if len(plain) >= MIN_PART else []
    return (equal or containing or closest_names(item, names, MAX_SUGGESTED))[:MAX_SUGGESTED]


def _error(message: str) -> ArgumentError:
    return ArgumentError(message, remedy="channel_selection")


def listed_names(names: Sequence[str]) -> str:
    """Return names as text for a message; of many, the first ones."""
    if len(names) > 2 and all(map(_is_number, names)):
        return f"{names[0]} to {names[-1]}"
    return first_names(names, MAX_LISTED_NAMES)
