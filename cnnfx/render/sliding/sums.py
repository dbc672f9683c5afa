"""Lines of text that compute an output: the sum of products, the bias, the activation, and the pooling."""

from __future__ import annotations

import re

from cnnfx.nn.explanation import Point, Sum, channel_text
from cnnfx.render.formulas import activation_text, combination_text, response_text, rounded_value
from cnnfx.render.number_text import MINUS, decimals, format_number
from cnnfx.render.sliding.positions import OutputChannel, SlidingWindow

MAX_LISTED_CHANNELS = 4
"""With more input channels, only the sum of all is written."""
MAX_LISTED_VALUES = 9
"""The most values of a block whose mean is written as a sum."""


def sum_lines(point: Point) -> list[str]:
    """Return the lines that compute a value before pooling: the sum or the combination, and the activation."""
    lines = [combination_text(point) or _addition(point), activation_text(point), response_text(point)]
    return [with_minus_signs(line) for line in lines if line]


def pooling_line(sliding: SlidingWindow, channel: OutputChannel, row: int, column: int) -> str:
    """Return the line that computes a pooled value: the largest, or the mean, of the values in its block."""
    assert sliding.pool is not None
    assert channel.pooled is not None
    values = channel.values[sliding.block(row, column)].ravel()
    places = decimals(values)
    texts = [format_number(value, places) for value in values.tolist()]
    result = format_number(float(channel.pooled[row, column]), max(places, decimals(channel.pooled[row, column])))
    if len(texts) > MAX_LISTED_VALUES:
        return with_minus_signs(f"{sliding.pool.kind} of {len(texts)} values = {result}")
    if sliding.pool.kind == "max":
        return with_minus_signs(f"max({', '.join(texts)}) = {result}")
    added = " + ".join(f"({text})" if text.startswith("-") else text for text in texts)
    divisor = int(sliding.pool.divisors(sliding.output_size)[row, column])
    return with_minus_signs(f"mean = ({added}) / {divisor} = {result}")


def with_minus_signs(text: str) -> str:
    """Return a text with true minus signs for those before numbers and between terms."""
    return re.sub(r"(?<![\w])-(?=[\d. ])", MINUS, text)


def _addition(point: Point) -> str:
    """Return the addition of the products of a filter, those on each input channel if there are few, and its bias."""
    (filter_sum,) = point.sums
    assert isinstance(filter_sum, Sum)
    parts = [("sum of products", filter_sum.total)]
    if 1 < len(filter_sum.terms) <= MAX_LISTED_CHANNELS:
        parts = [(channel_text(term.channel), term.sum) for term in filter_sum.terms]
    if filter_sum.bias:
        parts.append(("bias", filter_sum.bias))
    values = [rounded_value(value, point) for value in (*(value for _, value in parts), filter_sum.value)]
    places = decimals(values)
    *texts, result = (format_number(value, places) for value in values)
    if len(parts) == 1:
        return f"{parts[0][0]} = {result}"
    added = [f"({text})" if text.startswith("-") else text for text in texts]
    return f"{' + '.join(f'{name} {text}' for (name, _), text in zip(parts, added, strict=True))} = {result}"
