"""Formulas with numbers, as text: how an output is combined, activated, normalized and pooled."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cnnfx.nn.explanation import Explanation, Point, Read, Sum, channel_text
from cnnfx.nn.rounding import ROUNDOFF
from cnnfx.render.number_text import decimals, format_number, matrix
from cnnfx.system.sizes import size_text

MAX_MATRIX_SIDE = 7
"""The most rows and columns of a kernel or of the window of a pooling that are shown."""
ROUNDING_ERROR = 1e-6
"""A sum smaller than this share of the largest product is a rounding error of float32, and is shown as 0."""
FACTOR_ERROR = 2 * ROUNDOFF
"""A sum smaller than this share of the sum of the magnitudes of the products is one, too: that of their two factors."""
MAX_LISTED_CHANNELS = 4
"""The most channels whose exponentials are written out."""
MAX_PLAIN_EXPONENT = 50
"""With larger values, softmax is written with the largest value subtracted, as it is computed."""
INDENT = "  "
ACTIVATION_TEXTS = {
    "relu": "ReLU: max(0, {}) = {}",
    "relu6": "ReLU6: min(max(0, {}), 6) = {}",
    "abs": "|{}| = {}",
    "sigmoid": "sigmoid: 1 / (1 + exp(-{})) = {}",
    "tanh": "tanh({}) = {}",
    "hard_sigmoid": "hard sigmoid: min(max({} / 6 + 0.5, 0), 1) = {}",
    "hard_swish": "hard swish: {0} × min(max({0} / 6 + 0.5, 0), 1) = {1}",
}
"""The text of activations of one value without a slope, given their input and output."""
LEAKY_NAMES = {"leaky_relu": "leaky ReLU", "prelu": "parametric ReLU"}
"""The names of activations with a slope for negative values."""


def rounded_value(value: float, point: Point) -> float:
    """Return the value, or 0 if it is only the rounding error of products that cancel; see `ROUNDING_ERROR`."""
    products = [np.abs(term.products) for each in point.sums if isinstance(each, Sum) for term in each.terms]
    finite = [values[np.isfinite(values)] for values in products]
    largest = max((float(values.max(initial=0)) for values in finite), default=0.0)
    total = sum(float(values.sum()) for values in finite)
    return 0.0 if abs(value) < max(ROUNDING_ERROR * largest, FACTOR_ERROR * total) else value


def bracketed(text: str) -> str:
    """Return a number as text, in brackets if it is negative."""
    return f"({text})" if text.startswith("-") else text


def read_text(read: Read, point: Point, sources: tuple[str, ...]) -> str:
    """Return the value of an input channel that a layer without filters reads, and what it is joined from.

    Parameters
    ----------
    read : Read
    point : Point
        That it belongs to.
    sources : tuple of str
        The titles of the layers that it is joined from.
    """
    value = format_number(read.value)
    at = f"{channel_text(read.name)} at {point.patch.column},{point.patch.row}"
    if not read.parts:
        return f"input {at} = {value}"
    sign = f" {read.sign} "
    numbers = [bracketed(format_number(part)) for part in read.parts]
    return f"{at}: {sign.join(sources)} = {sign.join(numbers)} = {value}"


def combination_text(point: Point) -> str:
    """Return the formula that combines the sums of several filters; empty for a single one."""
    if point.combination == "take":
        return ""
    values = [rounded_value(each.value, point) for each in point.sums]
    names = [each.name for each in point.sums]
    places = decimals(values)
    numbers = [format_number(value, places) for value in values]
    result = format_number(rounded_value(point.combined, point))
    in_brackets = [bracketed(text) for text in numbers]
    if point.combination == "norm":
        squares = " + ".join(f"{text}²" for text in in_brackets)
        return f"√({' + '.join(f'{name}²' for name in names)}) = √({squares}) = {result}"
    if point.combination == "max":
        return f"max({', '.join(names)}) = max({', '.join(numbers)}) = {result}"
    sign = " - " if point.combination == "difference" else " + "
    formulas = [sign.join(names), sign.join([numbers[0], *in_brackets[1:]])]
    if point.combination == "mean":
        formulas = [f"({formula}) / {len(names)}" for formula in formulas]
    return f"{formulas[0]} = {formulas[1]} = {result}"


def activation_text(point: Point) -> str:
    """Return the formula of the activation; empty if there is none."""
    before, after = (format_number(rounded_value(value, point)) for value in (point.combined, point.activated))
    if point.activation in LEAKY_NAMES:
        name, slope = LEAKY_NAMES[point.activation], format_number(point.slope or 0.0)
        if before.startswith("-"):
            return f"{name}, slope {slope} below 0: {slope} × ({before}) = {after}"
        return f"{name}, slope {slope} below 0: {after} stays"
    if point.activation == "softmax":
        return _softmax_text(point, after)
    if point.activation in ("sigmoid", "hard_swish"):
        before = bracketed(before)
    return ACTIVATION_TEXTS[point.activation].format(before, after) if point.activation != "none" else ""


def _softmax_text(point: Point, result: str) -> str:
    """Return softmax as the exponential of a channel's value, divided by the sum of those of all channels."""
    assert point.channels is not None
    values = point.channels.copy()
    values[point.channel] = point.combined
    finite = values[np.isfinite(values)]
    largest = float(finite.max(initial=-np.inf)) if finite.size else 0.0
    places = decimals(values[point.channel] if len(values) > MAX_LISTED_CHANNELS else values)
    shift, shifted = "", 0.0
    if np.abs(finite).max(initial=0) > MAX_PLAIN_EXPONENT:
        shift, shifted = f" - {bracketed(format_number(largest))}", largest
    powers = [f"exp({format_number(float(value), places)}{shift})" for value in values[: MAX_LISTED_CHANNELS + 1]]
    own = f"exp({format_number(float(values[point.channel]), places)}{shift})"
    if len(values) <= MAX_LISTED_CHANNELS:
        return f"softmax: {own} / ({' + '.join(powers)}) = {result}"
    with np.errstate(over="ignore", invalid="ignore"):
        total = format_number(float(np.exp(values - shifted).sum()))
    return f"softmax: {own} / {total} = {result}, where {total} is the sum of exp over all {len(values)} channels"


def response_text(point: Point) -> str:
    """Return the formula of the local response normalization; empty if there is none."""
    response = point.response
    if response is None:
        return ""
    before, after = format_number(point.activated), format_number(point.value)
    factor = response.alpha / response.size
    squares = (point.response_base - response.k) / factor if factor else 0.0
    return (
        f"local response normalization over {response.size} channels: {bracketed(before)} / ({response.k:g} + "
        f"{response.alpha:g} / {response.size} × {format_number(squares)})^{response.beta:g} = {after}, where "
        f"{format_number(squares)} is the sum of their squares"
    )


def window_size(explanation: Explanation) -> tuple[int, int]:
    """Return the rows and columns of the window of a pooling that are in the maps."""
    assert explanation.inside is not None
    rows, columns = (int(explanation.inside.any(axis=1 - axis).sum()) for axis in (0, 1))
    return rows, columns


def pooled_point_text(explanation: Explanation) -> str:
    """Return a sentence about which of the pooled outputs is shown."""
    assert explanation.pool is not None
    assert explanation.inside is not None
    patch = explanation.point.patch
    size = size_text(window_size(explanation))
    position = f"{patch.column},{patch.row} before pooling"
    if not explanation.inside.all():
        size += f" outputs, as the rest of its {size_text(explanation.inside.shape)} window is padding"
    else:
        size += " outputs"
    if explanation.pool.kind == "max":
        return f"Max pooling keeps the largest of {size}: the one at {position}."
    return f"Mean pooling averages {size}; shown is the one of the largest magnitude, at {position}."


def pooling_lines(explanation: Explanation) -> Iterator[str]:
    """Yield the values that are pooled, with the explained one marked, and the result."""
    assert explanation.pool is not None
    assert explanation.inside is not None
    inside, size = explanation.inside, window_size(explanation)
    values = explanation.values[inside].reshape(size)
    if explanation.outputs is None:
        values = np.array([rounded_value(point.value, point) for point in explanation.points]).reshape(size)
    first_row, first_column = (int(np.argmax(inside.any(axis=1 - axis))) for axis in (0, 1))
    shown_row, shown_column = explanation.shown_in_window
    row, column = shown_row - first_row, shown_column - first_column
    marked = np.zeros(size, np.bool_)
    marked[row, column] = True
    region = slice(None), slice(None)
    is_large = max(size) > MAX_MATRIX_SIDE
    if is_large:
        top, left = (max(0, index - MAX_MATRIX_SIDE // 2) for index in (row, column))
        region = slice(top, top + MAX_MATRIX_SIDE), slice(left, left + MAX_MATRIX_SIDE)
    yield ""
    yield f"The {size_text(size)} outputs before pooling{' around this one' * is_large}:"
    yield from (f"{INDENT}{text}" for text in matrix(values[region], "", marked[region], ("*", " ")).lines)
    counted = explanation.divisor if explanation.pool.kind == "mean" else values.size
    padding = f", divided by {counted} with the padding," if counted != values.size else ""
    yield f"{explanation.pool.kind}{padding} = {format_number(rounded_value(explanation.value, explanation.point))}"
