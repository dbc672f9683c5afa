"""A decoder of sixel graphics, written from the manual of the VT340, to check the encoder with."""

from __future__ import annotations

import re

import numpy as np

TOKEN = re.compile(
    r"#(?P<define>\d+);2;(?P<red>\d+);(?P<green>\d+);(?P<blue>\d+)|#(?P<use>\d+)|!(?P<count>\d+)(?P<repeated>[?-~])"
    r"|(?P<one>[?-~])|(?P<home>\$)|(?P<down>-)"
)


def decode_sixel(text: str) -> np.ndarray:
    """Return the pixels (H, W, 3), colors in 0..100; -1 where nothing is drawn."""
    start = re.match(r'\x1bP[\d;]*q"1;1;(\d+);(\d+)', text)
    assert start
    assert text.endswith("\x1b\\")
    width, height = map(int, start.groups())
    body, position = text[start.end() : -2], 0
    pixels = np.full((height, width, 3), -1)
    palette: dict[str, tuple[int, int, int]] = {}
    color, left, top = (-1, -1, -1), 0, 0
    while position < len(body):
        token = TOKEN.match(body, position)
        assert token, body[position : position + 20]
        position = token.end()
        if token["define"]:
            palette[token["define"]] = (int(token["red"]), int(token["green"]), int(token["blue"]))
        elif token["use"]:
            color = palette[token["use"]]
        elif token["home"]:
            left = 0
        elif token["down"]:
            left, top = 0, top + 6
        else:
            bits, count = ord(token["repeated"] or token["one"]) - ord("?"), int(token["count"] or 1)
            assert left + count <= width
            for row in range(6):
                if bits >> row & 1:
                    pixels[top + row, left : left + count] = color  # an IndexError below the last row
            left += count
    return pixels
