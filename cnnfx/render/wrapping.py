"""Text in lines of a width: words stay whole, and characters of East Asian scripts count as two columns."""

from __future__ import annotations

import re

UNITS = ("%", "s", "ms", "min", "kB", "MB", "GB", "images/s")
"""Units that stay on the line of their number."""
WORD = re.compile(rf" *[^ ]+(?:(?<=\d) (?:{'|'.join(UNITS)})(?![^ .,:;)]))?")
"""A word with the spaces before it; a number includes its unit."""


def wrap(text: str, width: int, indent: str = "") -> list[str]:
    """Return a text in lines of at most `width` columns.

    Lines end between words only, so a word that is longer than `width` has a line that is too long. Line breaks of the
    text, spaces inside lines and the spaces before a line are kept.

    Parameters
    ----------
    text : str
    width : int
    indent : str
        What precedes each line that continues another one.
    """
    lines = []
    for paragraph in text.split("\n"):
        line = ""
        for word in WORD.findall(paragraph):
            if line.strip() and display_width(line + word) > width:
                lines.append(line)
                line = indent + word.lstrip(" ")
            else:
                line += word
        lines.append(line)
    return lines


def display_width(text: str) -> int:
    """Return the columns that a terminal needs for a text without control characters."""
    if text.isascii():
        return len(text)
    from unicodedata import category, east_asian_width

    return sum(
        0 if category(character) in ("Mn", "Me", "Cf") else 2 if east_asian_width(character) in "WF" else 1
        for character in text
    )


def pad(text: str, width: int) -> str:
    """Return a text with spaces behind it that fill `width` columns; a longer text is unchanged."""
    return text + " " * (width - display_width(text))


def cut(text: str, width: int, mark: str = "…") -> str:
    """Return a text of at most `width` columns; `mark` replaces the end of a longer text."""
    if display_width(text) <= width:
        return text
    kept = text
    while kept and display_width(kept) > width - len(mark):
        kept = kept[:-1]
    return kept.rstrip() + mark[:width]
