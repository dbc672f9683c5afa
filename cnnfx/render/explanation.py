"""The arithmetic of one output as text: patch × weights = products, sums, combination, activation and pooling."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from cnnfx.nn.explanation import Explanation, Patch, Point, Sum, Term
from cnnfx.nn.feature_maps import FeatureMaps
from cnnfx.nn.layers import Array
from cnnfx.nn.receptive_field import receptive_field
from cnnfx.render.color import apply_colormap, linear_scale
from cnnfx.render.number_text import TextBlock, decimals, equation, format_number, matrix, titled
from cnnfx.render.terminal import BOLD, RESET, ColorDepth, half_blocks
from cnnfx.render.tiles import enlarge
from cnnfx.render.wrapping import wrap
from cnnfx.system.sizes import counted, size_text

Region = tuple[slice, slice]
"""Rows and columns of a kernel."""

MAX_MATRIX_SIDE = 7
"""The most rows and columns of a kernel or a pooled block that are shown."""
MATRIX_SIDES = (MAX_MATRIX_SIDE, 5, 3)
"""The rows and columns of a kernel that are shown: the first of these that fit the width."""
SIGN_WIDTH = 5
"""The characters of a sign of an equation and the spaces around it."""
MAX_TERMS = 4
"""With more input channels than this, only those with the largest sums are shown."""
LARGEST_TERMS = 3
"""The number of input channels that are shown if there are more than `MAX_TERMS`."""
MIN_TEXT_WIDTH = 20
"""The smallest width to which text is wrapped, in characters."""
ROUNDING_ERROR = 1e-6
"""A sum smaller than this share of the largest product is a rounding error of float32, and is shown as 0."""

INDENT = "  "
ACTIVATION_TEXTS = {"relu": "ReLU: max(0, {}) = {}", "abs": "|{}| = {}"}
"""The text of each activation, given its input and output."""


def introduction(maps: FeatureMaps, image: str, row: int, column: int) -> list[str]:
    """Return sentences about a position of the last layer: its receptive field, and how the image is normalized.

    Parameters
    ----------
    maps : FeatureMaps
    image : str
        The name of the image.
    row, column : int
        The position in the output of the last layer.
    """
    network, (_, height, width) = maps.network, maps.sizes[0]
    layers = f"layer {len(network.layers)}, " if len(network.layers) > 1 else ""
    _, rows, columns = maps.shape
    lines = [
        f"{image} ({width}×{height}) through {network.name}: {layers}position {column},{row} of {columns}×{rows}",
        _receptive_field_text(maps, row, column),
    ]
    if network.input.normalizes:
        (mean, *_), (std, *_) = network.input.mean, network.input.std
        zero, one = ((value - mean) / std for value in (0, 1))
        lines.append(
            f"The image is normalized first, (value - {mean:.4g}) / {std:.4g}: "
            f"0 becomes {format_number(zero)}, 1 becomes {format_number(one)}."
        )
    return lines


@dataclass(frozen=True)
class ExplanationWriter:
    """Writes explanations as lines of text.

    Parameters
    ----------
    width : int, optional
        The characters of a line, for a terminal. By default lines are not wrapped.
    colors : ColorDepth
        With colors, headings are bold and patches are also drawn.
    encoding : str, optional
        The encoding of the stream, for drawing.
    mean, std : float
        What the image was normalized with.
    brightness : bool
        Whether the values of the image are brightness, 0 black and 1 white. Other values are drawn like feature maps.
    colormap : str
        The color map of the drawn patches.
    """

    width: int | None = None
    colors: ColorDepth = "none"
    encoding: str | None = "utf-8"
    mean: float = 0.0
    std: float = 1.0
    brightness: bool = True
    colormap: str = "gray"
    written: set[tuple[int, int, int, int]] = field(default_factory=set)
    """The sums written so far, as (layer, filter, row, column). Each sum is written once."""

    def lines(self, explanation: Explanation, before: str = "", after: str = "") -> Iterator[str]:
        """Yield the lines of an explanation; `before` and `after` are added to its title."""
        position = f"{channel_text(explanation.channel)} at {explanation.column},{explanation.row}"
        value = format_number(rounded_value(explanation.value, explanation.points[explanation.shown]))
        title = f"{before}{position} = {value}{after}"
        for text in self.wrapped(title):
            yield text if self.colors == "none" else f"{BOLD}{text}{RESET}"
        indented = replace(self, width=None if self.width is None else self.width - len(INDENT))
        for text in indented._body(explanation):
            yield f"{INDENT}{text}".rstrip()

    def wrapped(self, text: str) -> list[str]:
        """Return a text in lines of at most `width` characters, broken between words only."""
        if self.width is None:
            return [text] if text else []
        return wrap(text, max(MIN_TEXT_WIDTH, self.width)) if text else []

    def _body(self, explanation: Explanation) -> Iterator[str]:
        point = explanation.points[explanation.shown]
        if explanation.pool:
            yield from self.wrapped(_pooled_point_text(explanation, point.patch))
        yield from self._point(explanation, point)
        if explanation.pool:
            yield from _pooling_lines(explanation)
        if explanation.contributions is not None:
            yield from self._contributions(explanation, point)

    def _point(self, explanation: Explanation, point: Point) -> Iterator[str]:
        """Yield the sums of a point, their combination and the activation."""
        patch = point.patch
        for filter_sum in point.sums:
            key = explanation.layer, filter_sum.index, patch.row, patch.column
            if key in self.written:
                value = format_number(rounded_value(filter_sum.value, point))
                position = f"{channel_text(filter_sum.name)} at {patch.column},{patch.row}"
                yield from self.wrapped(f"{position} = {value}, as above")
                continue
            self.written.add(key)
            if len(point.sums) > 1:
                yield f"filter {filter_sum.name}:"
            yield from self._sum(explanation.layer, filter_sum, point)
            if len(point.sums) > 1:
                yield ""
        yield from self.wrapped(combination_text(point))
        if point.activation != "none":
            values = (format_number(rounded_value(value, point)) for value in (point.combined, point.value))
            yield ACTIVATION_TEXTS[point.activation].format(*values)

    def _sum(self, layer: int, filter_sum: Sum, point: Point) -> Iterator[str]:
        """Yield the products on each input channel and their addition."""
        terms = _shown_terms(filter_sum.terms)
        region = self._region(terms, point.patch.padding)
        triples = _triples(terms, region)
        places = [decimals(values) for values in zip(*triples, strict=True)]  # the same for all channels
        for term, triple in zip(terms, triples, strict=True):
            if len(filter_sum.terms) > 1:
                yield f"input {channel_text(term.channel)}:"
            yield from self._products(layer, triple, places, point.patch.padding[region])
        for note in _notes(filter_sum, terms, point.patch, region):
            yield from self.wrapped(note)
        yield from _addition_lines(filter_sum, terms, point)

    def _region(self, terms: Sequence[Term], padding: NDArray[np.bool_]) -> Region:
        """Return the region of the kernels that is shown: the largest in the middle whose matrices fit the width."""
        for side in MATRIX_SIDES:
            region = _middle(terms[0].weights.shape, side)
            triples = _triples(terms, region)
            places = [decimals(values) for values in zip(*triples, strict=True)]
            blocks = [block for triple in triples for block in _matrices(triple, places, padding[region])]
            if self.width is None or max(block.width for block in blocks) + SIGN_WIDTH <= self.width:
                break
        return region

    def _products(
        self, layer: int, triple: Sequence[Array], places: Sequence[int], padding: NDArray[np.bool_]
    ) -> Iterator[str]:
        """Yield patch × weights = products, with the picture of the patch before it if that takes no more lines."""
        blocks = _matrices(triple, places, padding)
        lines = equation(blocks, ("", "×", "="), self.width)
        if self.colors != "none":
            with_picture = equation([self._picture(triple[0], layer), *blocks], ("", "", "×", "="), self.width)
            lines = with_picture if len(with_picture) == len(lines) else lines
        yield from lines
        yield ""

    def _picture(self, patch: Array, layer: int) -> TextBlock:
        """Return the patch as a picture in which each value is two characters wide."""
        if layer == 1 and self.brightness:
            levels = linear_scale("none", 0, 1).levels(patch * np.float32(self.std) + np.float32(self.mean))
        else:
            largest = float(np.abs(patch[np.isfinite(patch)]).max(initial=0))
            levels = linear_scale("signed", -largest, largest).levels(patch)
        assert self.colors != "none"
        picture = enlarge(apply_colormap(levels, self.colormap), 2)
        lines = half_blocks(picture, self.colors, self.encoding).split("\n")
        return titled("", lines, 2 * patch.shape[1])

    def _contributions(self, explanation: Explanation, point: Point) -> Iterator[str]:
        """Yield the explanations of the outputs of the layer below with the largest products."""
        yield ""
        yield from self.wrapped(_contributions_text(explanation, point))
        for index, contribution in enumerate(explanation.contributions or (), 1):
            yield ""
            amounts = _amounts_text(contribution.amounts, point)
            yield from self.lines(contribution.explanation, f"{index}. ", f", which adds {amounts}")


def _receptive_field_text(maps: FeatureMaps, row: int, column: int) -> str:
    """Return a sentence about the receptive field of a position."""
    field, (_, height, width) = receptive_field(maps.network, maps.sizes[0]), maps.sizes[0]
    box = field.box(row, column)
    inside = box.clipped(height, width)
    columns, rows = _range_text("column", inside.left, inside.right), _range_text("row", inside.top, inside.bottom)
    text = f"Its receptive field is {columns} and {rows} of the image"
    if inside != box:
        return f"{text}, and some of the padding around it."
    read_size = len(field.rows.indexes(row)), len(field.columns.indexes(column))
    has_gaps = read_size != (box.bottom - box.top, box.right - box.left)
    return f"{text}, with gaps." if has_gaps else f"{text}."


def _range_text(name: str, first: int, last: int) -> str:
    """Return the rows or columns `first` to `last` (exclusive) as text."""
    if last <= first:
        return f"no {name}"
    return f"{name} {first}" if last - first == 1 else f"{name}s {first} to {last - 1}"


def channel_text(name: str) -> str:
    """Return the name of a channel, after the word "channel" if it is only a number."""
    return f"channel {name}" if name.isdecimal() else name


def rounded_value(value: float, point: Point) -> float:
    """Return the value, or 0 if it is only the rounding error of products that cancel; see `ROUNDING_ERROR`."""
    products = [np.abs(term.products) for filter_sum in point.sums for term in filter_sum.terms]
    largest = max(float(values[np.isfinite(values)].max(initial=0)) for values in products)
    return 0.0 if abs(value) < ROUNDING_ERROR * largest else value


def _pooled_point_text(explanation: Explanation, patch: Patch) -> str:
    """Return a sentence about which of the pooled outputs is shown."""
    assert explanation.pool
    size = explanation.pool.block
    position = f"{patch.column},{patch.row} before pooling"
    if explanation.pool.kind == "max":
        return f"Max pooling keeps the largest of {size}×{size} outputs: the one at {position}."
    return f"Mean pooling averages {size}×{size} outputs; shown is the one of the largest magnitude, at {position}."


def _pooling_lines(explanation: Explanation) -> Iterator[str]:
    """Yield the values that are pooled, with the explained one marked, and the result."""
    assert explanation.pool
    values, size = explanation.values, explanation.pool.block
    marked = (np.arange(values.size) == explanation.shown).reshape(values.shape)
    region = slice(None), slice(None)
    if size > MAX_MATRIX_SIDE:
        row, column = (max(0, index - MAX_MATRIX_SIDE // 2) for index in divmod(explanation.shown, size))
        region = slice(row, row + MAX_MATRIX_SIDE), slice(column, column + MAX_MATRIX_SIDE)
    yield ""
    yield f"The {size}×{size} outputs before pooling{' around this one' * (size > MAX_MATRIX_SIDE)}:"
    yield from (f"{INDENT}{text}" for text in matrix(values[region], "", marked[region], ("*", " ")).lines)
    yield f"{explanation.pool.kind} = {format_number(explanation.value)}"


def combination_text(point: Point) -> str:
    """Return the formula that combines the sums of several filters; empty for a single one."""
    if point.combination == "take":
        return ""
    values = [rounded_value(filter_sum.value, point) for filter_sum in point.sums]
    names = [filter_sum.name for filter_sum in point.sums]
    places = decimals(values)
    numbers = [format_number(value, places) for value in values]
    result = format_number(rounded_value(point.combined, point))
    bracketed = [f"({text})" if text.startswith("-") else text for text in numbers]
    if point.combination == "norm":
        squares = " + ".join(f"{text}²" for text in bracketed)
        return f"√({' + '.join(f'{name}²' for name in names)}) = √({squares}) = {result}"
    if point.combination == "max":
        return f"max({', '.join(names)}) = max({', '.join(numbers)}) = {result}"
    sign = " - " if point.combination == "difference" else " + "
    formulas = [sign.join(names), sign.join([numbers[0], *bracketed[1:]])]
    if point.combination == "mean":
        formulas = [f"({formula}) / {len(names)}" for formula in formulas]
    return f"{formulas[0]} = {formulas[1]} = {result}"


def _shown_terms(terms: Sequence[Term]) -> list[Term]:
    """Return the terms to show, in their order: all, or those with the largest sums."""
    if len(terms) <= MAX_TERMS:
        return list(terms)
    magnitudes = np.nan_to_num(np.abs([term.sum for term in terms]), nan=np.inf)
    return [terms[index] for index in sorted(np.argsort(-magnitudes, kind="stable")[:LARGEST_TERMS])]


def _middle(shape: tuple[int, ...], side: int) -> Region:
    """Return the region of at most `side` rows and columns in the middle of a kernel."""
    rows, columns = (slice(first, first + side) for first in (max(0, (size - side) // 2) for size in shape))
    return rows, columns


def _triples(terms: Sequence[Term], region: Region) -> list[list[Array]]:
    """Return the patch, the weights and the products of each term in a region."""
    return [[values[region] for values in (term.patch, term.weights, term.products)] for term in terms]


def _matrices(triple: Sequence[Array], places: Sequence[int], padding: NDArray[np.bool_]) -> list[TextBlock]:
    """Return a patch, in which the padding is marked, the weights and the products as text."""
    (patch, weights, products), (patch_places, weight_places, product_places) = triple, places
    return [
        matrix(patch, "patch", padding, places=patch_places),
        matrix(weights, "weights", places=weight_places),
        matrix(products, "products", places=product_places),
    ]


def _notes(filter_sum: Sum, terms: Sequence[Term], patch: Patch, region: Region) -> Iterator[str]:
    """Yield what the matrices do not show, and what their marks mean."""
    kernel = filter_sum.terms[0].weights
    if len(terms) < len(filter_sum.terms):
        yield f"Shown are the {len(terms)} of {len(filter_sum.terms)} input channels with the largest sums."
    if kernel[region].shape != kernel.shape:
        shown_size, size = (size_text(matrix.shape) for matrix in (kernel[region], kernel))
        yield f"Shown is the middle, {shown_size} of {size}; the sums are over the whole kernel."
    if patch.padding[region].any():
        padding = "zeros" if patch.border == "constant" else f"values repeated from inside ({patch.border})"
        yield f"[ ] marks the padding: {padding}."


def _addition_lines(filter_sum: Sum, terms: Sequence[Term], point: Point) -> Iterator[str]:
    """Yield the addition of the input channels and the bias, one below the other."""
    if len(filter_sum.terms) == 1:
        parts = [("sum of products", filter_sum.total)]
    else:
        parts = [(channel_text(term.channel), term.sum) for term in terms]
        rest = len(filter_sum.terms) - len(terms)
        if rest:
            parts.append((counted(rest, "other"), filter_sum.total - sum(term.sum for term in terms)))
    parts = [*parts, ("bias", filter_sum.bias), (channel_text(filter_sum.name), filter_sum.value)]
    parts = [(name, rounded_value(value, point)) for name, value in parts]
    places = decimals([value for _, value in parts])
    signs = [" ", *"+" * (len(parts) - 2), "="]
    numbers = [format_number(value, places) for _, value in parts]
    name_width, number_width = max(len(name) for name, _ in parts), max(map(len, numbers))
    for sign, (name, _), text in zip(signs, parts, numbers, strict=True):
        yield f"{sign} {name:<{name_width}}  {text:>{number_width}}"


def _contributions_text(explanation: Explanation, point: Point) -> str:
    """Return a sentence about the outputs of the layer below: which are explained next, and what the others add."""
    count, below = len(explanation.contributions or ()), f"Below, in layer {explanation.layer - 1}"
    if not count:
        return f"{below}, nothing adds to it: all products are 0."
    if count == 1:
        return f"{below}, the one number of the patch whose product is not 0:"
    text = f"{below}, the {count} numbers of the patch with the largest products"
    if not explanation.others:
        return f"{text}; all others are 0:"
    amounts = _amounts_text(explanation.other_amounts, point)
    if explanation.others == 1:
        return f"{text}; the other one that is not 0 adds {amounts}:"
    return f"{text}; the other {explanation.others} that are not 0 add {amounts} together:"


def _amounts_text(amounts: Sequence[float], point: Point) -> str:
    """Return what is added to the sum of a point, or to each of several."""
    if len(amounts) == 1:
        return format_number(amounts[0])
    pairs = zip(amounts, point.sums, strict=True)
    return " and ".join(f"{format_number(amount)} to {filter_sum.name}" for amount, filter_sum in pairs)
