"""What a network confuses, as pictures: the confusion matrix, and the images that it told wrongly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnfx.render.grid import Grid, Levels, Section, Tiles
from cnnfx.render.text import PAPER, draw_text, line_height, text_width

FONT = 15
MARGIN = 12
SQUARE = 44
"""The smallest square of the matrix, in pixels."""
MOST_CLASSES = 100
"""A matrix of more classes is drawn without numbers, each square small."""


def confusion_picture(confusion: NDArray[np.integer[Any]], classes: Sequence[str]) -> Levels:
    """A confusion matrix: a row for each true class, a column for each that was told, its number in each square.

    The shade of a square is its share of its row, mistakes on a scale of their own so that they can be seen: right ones
    in green, wrong ones in red.

    Parameters
    ----------
    confusion : array (K, K) of int
    classes : sequence of K str

    Returns
    -------
    array (height, width, 3)
    """
    names = [str(name) for name in classes]
    square = max(SQUARE, *(min(text_width(text, FONT) + 10, 3 * SQUARE) for text in map(str, confusion.ravel())))
    square = square if len(names) <= MOST_CLASSES else 8
    colours = _colours(confusion)
    body = colours.repeat(square, axis=0).repeat(square, axis=1)
    body[::square] = body[:, ::square] = 255  # thin lines between the squares
    if square > 8:
        for (row, column), number in np.ndenumerate(confusion):
            if number:
                _write(body, str(number), row, column, square, colours[row, column])
    return _with_names(body, names, square)


def _colours(confusion: NDArray[np.integer[Any]]) -> Levels:
    """The colour of each square (K, K, 3)."""
    share = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    wrong = share * (1 - np.eye(len(share)))
    strength = np.sqrt(wrong / max(wrong.max(), 1e-9))
    red = _mixed(strength, (200, 40, 30))
    green = _mixed(0.15 + 0.85 * share, (20, 120, 60))
    return np.where(np.eye(len(share), dtype=bool)[..., None], green, red)


def _mixed(strength: NDArray[np.float64], colour: tuple[int, int, int]) -> Levels:
    """White, more and more of a colour."""
    mixed = 255 + strength[..., None] * (np.array(colour) - 255)
    rounded: Levels = np.rint(mixed).astype(np.uint8)
    return rounded


def _write(body: Levels, text: str, row: int, column: int, square: int, colour: Levels) -> None:
    """A number in the middle of its square, light on dark squares."""
    ink = draw_text(text, FONT, min(text_width(text, FONT), square - 4))
    top = row * square + (square - ink.shape[0]) // 2
    left = column * square + (square - ink.shape[1]) // 2
    place = body[top : top + ink.shape[0], left : left + ink.shape[1]]
    shade = (255 - ink.astype(np.int16))[..., None]
    place[:] = np.clip(place + (shade if colour.mean() < 150 else -shade), 0, 255)


def _with_names(body: Levels, names: Sequence[str], square: int) -> Levels:
    """The matrix with the classes' names at its left and over it, and what rows and columns are."""
    side = min(max(text_width(name, FONT) for name in ["true", *names]), 160) + MARGIN
    title = draw_text("true class (rows), told by the network (columns)", FONT)
    head = MARGIN + 2 * line_height(FONT) + 10
    width = max(side + body.shape[1], title.shape[1]) + 2 * MARGIN
    sheet = np.full((head + body.shape[0] + MARGIN, width, 3), PAPER, np.uint8)
    _put(sheet, title, MARGIN, MARGIN)
    sheet[head : head + body.shape[0], MARGIN + side : MARGIN + side + body.shape[1]] = body
    if square > 8:
        for index, name in enumerate(names):
            over = draw_text(name, FONT, min(text_width(name, FONT), square - 2))
            middle = MARGIN + side + index * square + (square - over.shape[1]) // 2
            _put(sheet, over, head - line_height(FONT) - 2, middle)
            beside = draw_text(name, FONT, min(text_width(name, FONT), side - MARGIN))
            _put(sheet, beside, head + index * square + (square - beside.shape[0]) // 2, MARGIN)
    return sheet


def _put(sheet: Levels, picture: Levels, top: int, left: int) -> None:
    sheet[top : top + picture.shape[0], left : left + picture.shape[1]] = picture[..., None]


def mistakes_picture(images: NDArray[np.uint8], labels: Sequence[str]) -> Levels:
    """Images `(N, C, H, W)` in a grid, each under its label: N of 1 or more, C of 1 or 3."""
    color = images.shape[1] == 3
    shown = np.moveaxis(images, 1, -1) if color else images[:, 0]
    height, width = images.shape[-2:]

    def rows(first: int, last: int, top: int, bottom: int) -> Levels:
        return shown[first:last, top:bottom]

    return Grid([Section([Tiles(labels, height, width, rows, color)], scale=max(1, 112 // width))]).pixels()
