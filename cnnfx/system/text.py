"""Text from outside, such as file names and names in models, made safe to print."""

from __future__ import annotations

import re

UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, line separators, characters that reverse the direction of the text after them, and surrogates,
which stand for bytes of a file name that are not valid text. On a terminal they clear the screen, forge lines of output
or hide a file's ending."""
MAX_SHOWN_CHARACTERS = 60
"""The most characters of a wrong value that a message shows."""

MAX_WORD_CHARACTERS = 200
"""The most characters of a word in a message about a place in a file."""
_LONG_WORD = re.compile(rf"\S{{{MAX_WORD_CHARACTERS + 1},}}")


def printable(text: str) -> str:
    r"""Return a text with Python's escapes, such as `\x1b` and `\n`, for the characters that change a terminal.

    All other characters stay, those that are not ASCII too. `ls` and `git` escape names in this way.
    """
    if text.isascii() and text.isprintable():
        return text
    return UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def printable_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return names, each as `printable` returns it. So networks and datasets have no names that change a terminal."""
    return tuple(map(printable, names))


def shortened(text: str, most: int = MAX_SHOWN_CHARACTERS) -> str:
    """Return a text of at most `most` characters: of a longer one the first, then "…"."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def shorten_words(text: str) -> str:
    """Return a message whose words of over `MAX_WORD_CHARACTERS` characters, which come from a file, are shortened."""
    return _LONG_WORD.sub(lambda found: shortened(found[0]), text)


def shown(value: object) -> str:
    """Return the `repr` of a wrong value for a message, shortened to `MAX_SHOWN_CHARACTERS`."""
    try:
        return shortened(repr(value))
    except ValueError:  # Python refuses to write whole numbers of over 4,300 digits
        return "a number of too many digits"
