"""How an output came about as a worked example: matrices and sums in lines of text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from cnnfx.explanation import Explanation, Point, Sum
from cnnfx.layers import Array
from cnnfx.render.formulas import (
    INDENT,
    addition,
    amounts_added,
    below,
    chosen_point,
    combining,
    middle,
    named,
    notes,
    pooling,
    rounded,
    shown_terms,
)
from cnnfx.render.matrices import Block, decimals, equation, matrix, number, titled
from cnnfx.render.normalize import line
from cnnfx.render.terminal import RESET, ColorDepth, half_blocks

BOLD = "\x1b[1m"
ACTIVATED = {"relu": "ReLU: max(0, {}) = {}", "abs": "|{}| = {}"}


@dataclass(frozen=True)
class Page:
    """Where a worked example is written.

    Parameters
    ----------
    width : int
        Characters in a line.
    colors : ColorDepth
        With colours, headings are bold and patches are drawn too.
    encoding : str, optional
        Of the stream, for drawing.
    mean, deviation : float
        What the image was normalised with.
    brightness : bool
        Whether the image's values are brightness, 0 black and 1 white; else they are drawn as feature maps are.
    """

    width: int = 80
    colors: ColorDepth = "none"
    encoding: str | None = "utf-8"
    mean: float = 0.0
    deviation: float = 1.0
    brightness: bool = True
    seen: set[tuple[int, int, int, int]] = field(default_factory=set)
    """The sums that were shown: (layer, filter, row, column)."""

    def worked(self, explanation: Explanation, before: str = "", after: str = "") -> Iterator[str]:
        """The lines of a worked example, its title between two texts; a sum that was shown already is only named."""
        place = f"{named(explanation.channel)} at {explanation.column},{explanation.row}"
        value = number(rounded(explanation.value, explanation.points[explanation.shown]))
        yield self._bold(f"{before}{place} = {value}{after}")
        inner = replace(self, width=self.width - len(INDENT))
        for text in inner._steps(explanation):
            yield f"{INDENT}{text}".rstrip()

    def _steps(self, explanation: Explanation) -> Iterator[str]:
        point = explanation.points[explanation.shown]
        if explanation.pool:
            yield from self.wrapped(chosen_point(explanation, point.patch))
        yield from self._point(explanation, point)
        if explanation.pool:
            yield from pooling(explanation)
        if explanation.contributions is not None:
            yield from self._deeper(explanation, point)

    def _point(self, explanation: Explanation, point: Point) -> Iterator[str]:
        patch = point.patch
        for found in point.sums:
            key = explanation.layer, found.index, patch.row, patch.column
            if key in self.seen:
                value = number(rounded(found.value, point))
                yield f"{named(found.filter)} at {patch.column},{patch.row} = {value}, as above"
                continue
            self.seen.add(key)
            if len(point.sums) > 1:
                yield f"filter {found.filter}:"
            yield from self._sum(explanation.layer, found, point)
            if len(point.sums) > 1:
                yield ""
        yield from self.wrapped(combining(point))
        if point.activation != "none":
            yield ACTIVATED[point.activation].format(
                *(number(rounded(value, point)) for value in (point.combined, point.value))
            )

    def _sum(self, layer: int, found: Sum, point: Point) -> Iterator[str]:
        shown, part = shown_terms(found.terms), middle(found.terms[0].weights.shape)
        triples = [[values[part] for values in (term.patch, term.weights, term.products)] for term in shown]
        places = [decimals(kind) for kind in zip(*triples, strict=True)]  # the same in all channels
        for term, triple in zip(shown, triples, strict=True):
            if len(found.terms) > 1:
                yield f"input {named(term.channel)}:"
            yield from self._equation(layer, triple, places, point.patch.padding[part])
        for note in notes(found, shown, point.patch):
            yield from self.wrapped(note)
        yield from addition(found, shown, point)

    def _equation(
        self, layer: int, triple: Sequence[Array], places: Sequence[int], padding: NDArray[np.bool_]
    ) -> Iterator[str]:
        """patch × weights = products."""
        marked = (padding, None, None)
        blocks = [
            matrix(values, title, marks, places=digits)
            for values, title, marks, digits in zip(
                triple, ("patch", "weights", "products"), marked, places, strict=True
            )
        ]
        lines = equation(blocks, ("", "×", "="), self.width)
        if self.colors != "none":
            picture = self._picture(triple[0], layer)
            drawn = equation([picture, *blocks], ("", "", "×", "="), self.width)
            lines = drawn if len(drawn) == len(lines) else lines
        yield from lines
        yield ""

    def _picture(self, values: Array, layer: int) -> Block:
        """The patch drawn, each number two characters wide."""
        if layer == 1 and self.brightness:
            levels = line("none", 0, 1).levels(values * np.float32(self.deviation) + np.float32(self.mean))
        else:
            largest = float(np.abs(values[np.isfinite(values)]).max(initial=0))
            levels = line("signed", -largest, largest).levels(values)
        width = 2 * values.shape[1]
        lines = half_blocks(levels, width=width, depth=self.colors, enlarge=2, encoding=self.encoding).split("\n")
        return titled("", lines, width)

    def _deeper(self, explanation: Explanation, point: Point) -> Iterator[str]:
        """Where the largest numbers of the patch come from."""
        yield ""
        yield from self.wrapped(below(explanation, point))
        for place, contribution in enumerate(explanation.contributions or (), 1):
            yield ""
            adds = amounts_added(contribution.amounts, point)
            yield from self.worked(contribution.explanation, f"{place}. ", f", which adds {adds}")

    def wrapped(self, text: str) -> list[str]:
        """A text in lines of the page's width, broken between words only."""
        return textwrap.wrap(text, max(20, self.width), break_long_words=False, break_on_hyphens=False)

    def _bold(self, text: str) -> str:
        return text if self.colors == "none" else f"{BOLD}{text}{RESET}"
