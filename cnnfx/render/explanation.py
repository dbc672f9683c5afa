"""The arithmetic of one output as text: patch × weights = products, sums, combination, activation and pooling."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from cnnfx.images.image import RGB_NAMES
from cnnfx.nn.explanation import Contribution, Explanation, Patch, Point, Read, Sum, Term, channel_text
from cnnfx.nn.feature_maps import FeatureMaps
from cnnfx.nn.input import Input
from cnnfx.nn.layers import Array
from cnnfx.nn.receptive_field import receptive_field
from cnnfx.render.color import apply_colormap, linear_scale
from cnnfx.render.formulas import (
    INDENT,
    MAX_MATRIX_SIDE,
    activation_text,
    combination_text,
    pooled_point_text,
    pooling_lines,
    read_text,
    response_text,
    rounded_value,
)
from cnnfx.render.number_text import TextBlock, decimals, equation, format_number, matrix, titled
from cnnfx.render.terminal import BOLD, RESET, ColorDepth, half_blocks
from cnnfx.render.tiles import Levels, enlarge
from cnnfx.render.wrapping import wrap
from cnnfx.system.sizes import counted, size_text

Region = tuple[slice, slice]
"""Rows and columns of a kernel."""

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
    alone = len(network.layers) == 1 and not network.layers[0].name
    layers = "" if alone else f"{network.layer_title(len(network.layers))}, "
    _, rows, columns = maps.shape
    lines = [
        f"{image} ({width}×{height}) through {network.name}: {layers}position {column},{row} of {columns}×{rows}",
        _receptive_field_text(maps, row, column),
    ]
    if network.input.normalizes:
        lines.append(_normalization_text(network.input))
    return lines


def _normalization_text(given: Input) -> str:
    """Return a sentence about the normalization of the image."""
    if given.scale == 1 and len(given.mean) == len(given.std) == 1:
        (mean,), (std,) = given.mean, given.std
        zero, one = ((value - mean) / std for value in (0, 1))
        return (
            f"The image is normalized first, (value - {mean:.4g}) / {std:.4g}: "
            f"0 becomes {format_number(zero)}, 1 becomes {format_number(one)}."
        )
    formula = "value" if given.scale == 1 else f"value × {given.scale:.4g}"
    explained = []
    if set(given.mean) != {0.0}:
        formula += " - mean"
        explained.append(f"mean {_listed(given.mean)}")
    if set(given.std) != {1.0}:
        formula = f"({formula}) / std" if " " in formula else f"{formula} / std"
        explained.append(f"std {_listed(given.std)}")
    channels = " for red, green and blue" if max(len(given.mean), len(given.std)) == len(RGB_NAMES) else ""
    text = f"The image is normalized first, {formula}"
    return f"{text}, with {' and '.join(explained)}{channels}." if explained else f"{text}."


def _listed(numbers: Sequence[float]) -> str:
    return ", ".join(f"{number:.4g}" for number in numbers)


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
    normalization : Input
        What the image was normalized with.
    brightness : bool
        Whether the values of the image are brightness, 0 black and 1 white. Other values are drawn like feature maps.
    colormap : str
        The color map of the drawn patches.
    """

    width: int | None = None
    colors: ColorDepth = "none"
    encoding: str | None = "utf-8"
    normalization: Input = field(default_factory=Input)
    brightness: bool = True
    colormap: str = "gray"
    written: set[tuple[int, int, int, int]] = field(default_factory=set)
    """The sums written so far, as (layer, filter, row, column). Each sum is written once."""

    def lines(self, explanation: Explanation, before: str = "", after: str = "") -> Iterator[str]:
        """Yield the lines of an explanation; `before` and `after` are added to its title."""
        value = format_number(explanation.value)
        if explanation.points:
            value = format_number(rounded_value(explanation.value, explanation.point))
        title = f"{before}{explanation.name} at {explanation.column},{explanation.row} = {value}{after}"
        for text in self.wrapped(title):
            yield text if self.colors == "none" else f"{BOLD}{text}{RESET}"
        indented = replace(self, width=None if self.width is None else self.width - len(INDENT))
        for text in indented._body(explanation) if explanation.points else ():
            yield f"{INDENT}{text}".rstrip()

    def wrapped(self, text: str) -> list[str]:
        """Return a text in lines of at most `width` characters, broken between words only."""
        if self.width is None:
            return [text] if text else []
        return wrap(text, max(MIN_TEXT_WIDTH, self.width)) if text else []

    def _body(self, explanation: Explanation) -> Iterator[str]:
        point = explanation.point
        if explanation.is_passed_through:
            title = explanation.title
            yield from self.wrapped(f"{title} has no filters: its channels are those of the layers that it reads.")
            for contribution in explanation.contributions or ():
                yield from self.lines(contribution.explanation)
            return
        if explanation.pool:
            yield from self.wrapped(pooled_point_text(explanation))
        yield from self._point(explanation, point)
        if explanation.pool:
            yield from pooling_lines(explanation)
        if explanation.contributions is not None:
            yield from self._contributions(explanation, point)

    def _point(self, explanation: Explanation, point: Point) -> Iterator[str]:
        """Yield the sums of a point, their combination, the activation and the normalization."""
        patch = point.patch
        for each in point.sums:
            if isinstance(each, Read):
                yield from self.wrapped(read_text(each, point, explanation.sources))
                continue
            key = explanation.layer, each.index, patch.row, patch.column
            if key in self.written:
                value = format_number(rounded_value(each.value, point))
                position = f"{channel_text(each.name)} at {patch.column},{patch.row}"
                yield from self.wrapped(f"{position} = {value}, as above")
                continue
            self.written.add(key)
            if len(point.sums) > 1:
                yield f"filter {each.name}:"
            yield from self._sum(each, point)
            if len(point.sums) > 1:
                yield ""
        for text in (combination_text(point), activation_text(point), response_text(point)):
            yield from self.wrapped(text)

    def _sum(self, filter_sum: Sum, point: Point) -> Iterator[str]:
        """Yield the products on each input channel and their addition."""
        terms = _shown_terms(filter_sum.terms)
        region = self._region(terms, point.patch.padding)
        triples = _triples(terms, region)
        places = [decimals(values) for values in zip(*triples, strict=True)]  # the same for all channels
        yield from self._color_picture(filter_sum, point.patch)
        for term, triple in zip(terms, triples, strict=True):
            if len(filter_sum.terms) > 1:
                origin = f" ({term.origin})" if term.origin else ""
                yield from self.wrapped(f"input {channel_text(term.channel)}{origin}:")
            yield from self._products(term, triple, places, point.patch, region)
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
        self, term: Term, triple: Sequence[Array], places: Sequence[int], patch: Patch, region: Region
    ) -> Iterator[str]:
        """Yield patch × weights = products, with the picture of the patch before it if that takes no more lines."""
        blocks = _matrices(triple, places, patch.padding[region])
        lines = equation(blocks, ("", "×", "="), self.width)
        if self.colors != "none":
            picture = self._text_picture(apply_colormap(self._levels(term, patch)[region], self.colormap))
            with_picture = equation([picture, *blocks], ("", "", "×", "="), self.width)
            lines = with_picture if len(with_picture) == len(lines) else lines
        yield from lines
        yield ""

    def _color_picture(self, filter_sum: Sum, patch: Patch) -> Iterator[str]:
        """Yield the patch of the red, green and blue of a picture as one picture in color."""
        names = [term.channel for term in filter_sum.terms]
        if self.colors == "none" or not patch.of_image or not self.brightness or sorted(names) != sorted(RGB_NAMES):
            return
        levels = [self._levels(filter_sum.terms[names.index(name)], patch) for name in RGB_NAMES]
        region = _middle(patch.values.shape[1:], MAX_MATRIX_SIDE)
        yield "patch in color:"
        yield from self._text_picture(np.stack(levels, axis=-1)[region]).lines
        yield ""

    def _levels(self, term: Term, patch: Patch) -> Levels:
        """Return the gray levels of the patch of an input channel: its brightness, if it is of a picture."""
        if patch.of_image and self.brightness:
            image = self.normalization.denormalize(patch.values)[term.index]
            return linear_scale("none", 0, 1).levels(image)
        largest = float(np.abs(term.patch[np.isfinite(term.patch)]).max(initial=0))
        return linear_scale("signed", -largest, largest).levels(term.patch)

    def _text_picture(self, levels: Levels) -> TextBlock:
        """Return a picture in which each value is two characters wide."""
        assert self.colors != "none"
        lines = half_blocks(enlarge(levels, 2), self.colors, self.encoding).split("\n")
        return titled("", lines, 2 * levels.shape[1])

    def _contributions(self, explanation: Explanation, point: Point) -> Iterator[str]:
        """Yield the explanations of the outputs of the layers below with the largest products."""
        yield ""
        yield from self.wrapped(_contributions_text(explanation, point))
        for index, contribution in enumerate(explanation.contributions or (), 1):
            yield ""
            yield from self._contribution(contribution, index, point)

    def _contribution(self, contribution: Contribution, index: int, point: Point) -> Iterator[str]:
        """Yield the explanation of an output of a layer below, or of those that are multiplied."""
        amounts, (first, *others) = _amounts_text(contribution.amounts, point), contribution.explanations
        together = f", which adds {amounts} multiplied by {' and '.join(each.name for each in others)}"
        yield from self.lines(first, f"{index}. ", together if others else f", which adds {amounts}")
        for each in others:
            yield ""
            yield from self.lines(each, "   × ")


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
    count, below = len(explanation.contributions or ()), f"Below, in {' and '.join(explanation.sources)}"
    if all(isinstance(each, Read) for each in point.sums):
        return f"{below}:" if count else f"{below}, all values are 0."
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
    return " and ".join(f"{format_number(amount)} to {each.name}" for amount, each in pairs)
