"""Filters as pictures: −1 black, 0 grey, 1 white, each weight a square."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnfx.render.grid import Levels, enlarge
from cnnfx.render.normalize import line
from cnnfx.render.text import PAPER

FRAME = 150
"""The grey of the thin line around each kernel, which keeps white weights apart from white paper."""


def kernel_levels(kernel: NDArray[Any], largest: float | None = None) -> Levels:
    """The levels of weights of any shape: −`largest` black, 0 mid-grey, `largest` white.

    `largest` is the largest magnitude among the weights unless given.
    """
    largest = float(np.abs(kernel).max()) if largest is None else largest
    return line("signed", -largest, largest).levels(np.asarray(kernel, np.float32))


def framed(picture: Levels) -> Levels:
    """The picture `(H, W)` or `(H, W, 3)` with a thin frame around it."""
    sides = ((1, 1), (1, 1), (0, 0))[: picture.ndim]
    return np.pad(picture, sides, constant_values=FRAME)


def draw_filter(weights: NDArray[Any], width: int, height: int) -> Levels:
    """The C kernels of a filter `(C, kh, kw)` side by side, as large as fits `width`×`height` in whole factors.

    Kernels that do not fit even at one pixel per weight are left out from the end.
    """
    count, kh, kw = weights.shape
    factor = max(1, min((width - (count - 1) * 2) // count // kw, height // kh, 24))
    shown = max(1, min(count, (width + 2) // (kw * factor + 4)))
    kernels = [framed(enlarge(levels, factor)) for levels in kernel_levels(weights)[:shown]]
    return side_by_side(kernels, 2)


def side_by_side(pictures: list[Levels], gap: int) -> Levels:
    """Pictures of one height next to one another, with `gap` pixels of paper between them."""
    paper = np.full((pictures[0].shape[0], gap, *pictures[0].shape[2:]), PAPER, np.uint8)
    pieces = [piece for picture in pictures for piece in (paper, picture)]
    return np.concatenate(pieces[1:], axis=1)
