"""How an output came about as a worked example: matrices and sums in lines of text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from cnnfx.nn.feature_maps import FeatureMaps
from cnnfx.nn.layers import Array
from cnnfx.nn.receptive_field import receptive_field
from cnnfx.nn.trace import Explanation, Patch, Point, Sum, Term
from cnnfx.render.color import linear_scale
from cnnfx.render.number_text import TextBlock, decimals, equation, matrix, number, titled
from cnnfx.render.terminal import RESET, ColorDepth, half_blocks

LONGEST = 7
"""Of larger kernels, so many rows and columns around the middle are shown."""
ALL_TERMS, SOME_TERMS = 4, 3
"""So many input channels are all shown; of more, this many of the largest sums."""
INDENT = "  "


def named(name: str) -> str:
    """A channel's name; of one that has only a number, what it is."""
    return f"channel {name}" if name.isdecimal() else name


def rounded(value: float, point: Point) -> float:
    """0 for what is left of products that cancel out: less than float32 can tell of them."""
    products = (np.abs(term.products) for found in point.sums for term in found.terms)
    largest = max(float(some[np.isfinite(some)].max(initial=0)) for some in products)
    return 0.0 if abs(value) < 1e-6 * largest else value


def chosen_point(explanation: Explanation, patch: Patch) -> str:
    """Which of the pooled positions is shown, and why."""
    assert explanation.pool
    side = explanation.pool.size
    kept = explanation.pool.kind == "max"
    what = "Max pooling keeps the largest" if kept else "Mean pooling takes all; this is the largest in magnitude"
    return f"{what} of {side}×{side} outputs: the one at {patch.column},{patch.row} before pooling."


def pooling(explanation: Explanation) -> Iterator[str]:
    """The values that are pooled, the shown one marked, and what they make."""
    assert explanation.pool
    values = explanation.values
    marked = (np.arange(values.size) == explanation.shown).reshape(values.shape)
    row, column = divmod(explanation.shown, explanation.pool.size)
    part = tuple(
        slice(max(0, at - LONGEST // 2), max(0, at - LONGEST // 2) + LONGEST)
        if values.shape[0] > LONGEST
        else slice(None)
        for at in (row, column)
    )
    yield ""
    size = f"{explanation.pool.size}×{explanation.pool.size}"
    yield f"The {size} outputs before pooling" + (" around this one" if part != (slice(None),) * 2 else "") + ":"
    yield from (f"{INDENT}{text}" for text in matrix(values[part], "", marked[part], ("*", " ")).lines)
    yield f"{explanation.pool.kind} = {number(explanation.value)}"


def combining(point: Point) -> str:
    """How the sums of several filters make one value."""
    values = [rounded(found.value, point) for found in point.sums]
    names = [found.filter for found in point.sums]
    places = decimals(values)
    written = [number(value, places) for value in values]
    result = number(rounded(point.combined, point))
    if point.combination == "take":
        return ""
    guarded = [f"({text})" if text.startswith("-") else text for text in written]
    if point.combination == "norm":
        return f"√({' + '.join(f'{name}²' for name in names)}) = √({' + '.join(f'{v}²' for v in guarded)}) = {result}"
    if point.combination == "max":
        return f"max({', '.join(names)}) = max({', '.join(written)}) = {result}"
    sign = " - " if point.combination == "difference" else " + "
    formulas = sign.join(names), sign.join([written[0], *guarded[1:]])
    if point.combination == "mean":
        formulas = f"({formulas[0]}) / {len(names)}", f"({formulas[1]}) / {len(names)}"
    return f"{formulas[0]} = {formulas[1]} = {result}"


def shown_terms(terms: Sequence[Term]) -> list[Term]:
    """The terms that are shown, in their order."""
    if len(terms) <= ALL_TERMS:
        return list(terms)
    sizes = np.nan_to_num(np.abs([term.sum for term in terms]), nan=np.inf)
    return [terms[index] for index in sorted(np.argsort(-sizes, kind="stable")[:SOME_TERMS])]


def middle(shape: tuple[int, ...]) -> tuple[slice, slice]:
    """The part of a kernel that is shown."""
    down, across = (slice(first, first + LONGEST) for first in (max(0, (length - LONGEST) // 2) for length in shape))
    return down, across


def notes(found: Sum, shown: Sequence[Term], patch: Patch) -> Iterator[str]:
    """What the matrices do not say themselves."""
    kernel, part = found.terms[0].weights, middle(found.terms[0].weights.shape)
    if len(shown) < len(found.terms):
        yield f"Shown are the {len(shown)} of {len(found.terms)} input channels with the largest sums."
    if kernel[part].shape != kernel.shape:
        sizes = ("×".join(map(str, shape)) for shape in (kernel[part].shape, kernel.shape))
        yield "Shown is the middle, {} of {}; the sums are of all.".format(*sizes)
    if patch.padding[part].any():
        what = "zeros" if patch.border == "constant" else f"values repeated from inside ({patch.border})"
        yield f"[ ] lies in the padding: {what}."


def addition(found: Sum, shown: Sequence[Term], point: Point) -> Iterator[str]:
    """The sum of the input channels and the bias, one below the other."""
    if len(found.terms) == 1:
        parts = [("sum of products", found.total)]
    else:
        parts = [(named(term.channel), term.sum) for term in shown]
        rest = len(found.terms) - len(shown)
        if rest:
            parts.append((f"{rest} other{'s' * (rest > 1)}", found.total - sum(term.sum for term in shown)))
    parts = [*parts, ("bias", found.bias), (named(found.filter), found.value)]
    parts = [(name, rounded(value, point)) for name, value in parts]
    places = decimals([value for _, value in parts])
    signs = [" ", *"+" * (len(parts) - 2), "="]
    values = [number(value, places) for _, value in parts]
    widths = max(len(name) for name, _ in parts), max(map(len, values))
    for sign, (name, _), value in zip(signs, parts, values, strict=True):
        yield f"{sign} {name:<{widths[0]}}  {value:>{widths[1]}}"


def amounts_added(amounts: Sequence[float], point: Point) -> str:
    """What is added to a sum, or to each of several."""
    if len(amounts) == 1:
        return number(amounts[0])
    return " and ".join(
        f"{number(amount)} to {found.filter}" for amount, found in zip(amounts, point.sums, strict=True)
    )


def below(explanation: Explanation, point: Point) -> str:
    """What of the layer below is shown next, and what is not."""
    count, where = len(explanation.contributions or ()), f"Below, in layer {explanation.layer - 1}"
    if not count:
        return f"{where}, nothing adds to it: all products are 0."
    if count == 1:
        return f"{where}, the one number of the patch whose product is not 0:"
    told = f"{where}, the {count} numbers of the patch with the largest products"
    if not explanation.others:
        return f"{told}; all others are 0:"
    adds = amounts_added(explanation.other_amounts, point)
    if explanation.others == 1:
        return f"{told}; the other one that is not 0 adds {adds}:"
    return f"{told}; the other {explanation.others} that are not 0 add {adds} together:"


def introduction(maps: FeatureMaps, image: str, row: int, column: int) -> list[str]:
    """Which position is looked at, what it sees of the image, and how the image is normalized."""
    network, (_, height, width) = maps.network, maps.sizes[0]
    layers = f"layer {len(network.layers)}, " if len(network.layers) > 1 else ""
    _, rows, columns = maps.shape
    lines = [
        f"{image} ({width}×{height}) through {network.name}: {layers}position {column},{row} of {columns}×{rows}",
        _seen(maps, row, column),
    ]
    if (network.mean, network.std) != (0.0, 1.0):
        zero, one = ((value - network.mean) / network.std for value in (0, 1))
        lines.append(
            f"The image is normalized first, (value - {network.mean:.4g}) / {network.std:.4g}: "
            f"0 becomes {number(zero)}, 1 becomes {number(one)}."
        )
    return lines


def _seen(maps: FeatureMaps, row: int, column: int) -> str:
    """The receptive field in words."""
    field, (_, height, width) = receptive_field(maps.network, maps.sizes[0]), maps.sizes[0]
    box = field.box(row, column)
    inside = box.clipped(height, width)
    told = f"It sees {_span('column', inside.left, inside.right)} and {_span('row', inside.top, inside.bottom)}"
    whole = inside == box
    gaps = len(field.rows.indexes(row)), len(field.columns.indexes(column))
    spread = gaps != (inside.bottom - inside.top, inside.right - inside.left) and whole
    return f"{told} of the image{', not every one of them' if spread else ''}" + (
        "." if whole else ", and some of the padding around it."
    )


def _span(what: str, first: int, last: int) -> str:
    """The places `first` to `last` (exclusive) in words."""
    if last <= first:
        return f"no {what}"
    return f"{what} {first}" if last - first == 1 else f"{what}s {first} to {last - 1}"


BOLD = "\x1b[1m"
ACTIVATED = {"relu": "ReLU: max(0, {}) = {}", "abs": "|{}| = {}"}


@dataclass(frozen=True)
class ExplanationWriter:
    """Where a worked example is written.

    Parameters
    ----------
    width : int
        Characters in a line.
    colors : ColorDepth
        With colors, headings are bold and patches are drawn too.
    encoding : str, optional
        Of the stream, for drawing.
    mean, std : float
        What the image was normalized with.
    brightness : bool
        Whether the image's values are brightness, 0 black and 1 white; else they are drawn as feature maps are.
    """

    width: int = 80
    colors: ColorDepth = "none"
    encoding: str | None = "utf-8"
    mean: float = 0.0
    std: float = 1.0
    brightness: bool = True
    seen: set[tuple[int, int, int, int]] = field(default_factory=set)
    """The sums that were shown: (layer, filter, row, column)."""

    def lines(self, explanation: Explanation, before: str = "", after: str = "") -> Iterator[str]:
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

    def _picture(self, values: Array, layer: int) -> TextBlock:
        """The patch drawn, each number two characters wide."""
        if layer == 1 and self.brightness:
            levels = linear_scale("none", 0, 1).levels(values * np.float32(self.std) + np.float32(self.mean))
        else:
            largest = float(np.abs(values[np.isfinite(values)]).max(initial=0))
            levels = linear_scale("signed", -largest, largest).levels(values)
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
            yield from self.lines(contribution.explanation, f"{place}. ", f", which adds {adds}")

    def wrapped(self, text: str) -> list[str]:
        """A text in lines of the page's width, broken between words only."""
        return textwrap.wrap(text, max(20, self.width), break_long_words=False, break_on_hyphens=False)

    def _bold(self, text: str) -> str:
        return text if self.colors == "none" else f"{BOLD}{text}{RESET}"
