"""Helpers that read pictures back from their text for the terminal."""

from __future__ import annotations

import re

import numpy as np

from cnnfx.render.wrapping import display_width

ESCAPE = re.compile(r"\x1b\[[\d;?]*[A-Za-z]")


def plain(text: str) -> str:
    """Return a text without escape codes."""
    return ESCAPE.sub("", text)


def columns(line: str) -> int:
    """Return the columns that a line fills."""
    return display_width(plain(line))


def decoded(text: str) -> np.ndarray:
    """Return the pixels (rows, columns, 3) that a terminal shows; -1 is its background."""
    rows: list[list[list[int]]] = []
    for line in text.split("\n"):
        fore, back, upper, lower = [-1] * 3, [-1] * 3, [], []
        for codes, character in re.findall(r"\x1b\[([\d;]*)m|([ ▀▄])", line):
            numbers = [int(code) for code in codes.split(";") if code]
            while numbers:
                target, *numbers = numbers
                if target in (0, 49):
                    fore, back = ([-1] * 3 if target == 0 else fore), [-1] * 3
                    continue
                assert numbers[0] == 2
                fore, back = (numbers[1:4], back) if target == 38 else (fore, numbers[1:4])
                numbers = numbers[4:]
            if character:
                upper.append(fore if character == "▀" else back)
                lower.append(fore if character == "▄" else back)
        rows += [upper, lower]
    width = max(map(len, rows))
    return np.array([row + [[-1] * 3] * (width - len(row)) for row in rows])
