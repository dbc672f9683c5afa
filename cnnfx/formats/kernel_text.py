"""Kernels typed on the command line: "-1 0 1; -2 0 2; -1 0 1", "[[1, 0], [0, 1]]", and ImageMagick's "2x2: 1,0 0,1"."""

from __future__ import annotations

import re

import numpy as np

from cnnfx.errors import ArgumentError
from cnnfx.formats.toml_weights import parse_fraction, ragged_rows
from cnnfx.nn.layers import ALL_CHANNELS, Conv, Layer
from cnnfx.nn.network import Network
from cnnfx.system.limits import MAX_DIGITS, MAX_KERNEL_CHARACTERS, MAX_KERNEL_NUMBERS, check_limit
from cnnfx.system.text import shortened

KERNEL_NAME = "kernel"
"""The name of the network and of its filter; messages begin with it."""
EXAMPLE_ADVICE = 'Write rows of numbers, as in "-1 0 1; -2 0 2; -1 0 1".'
"""The advice at the end of messages."""

_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+", re.ASCII)
"""A number with a decimal comma, or two numbers."""
_SIZE = re.compile(r"(\d{1,5})(?:[xX](\d{1,5}))?([+-]\d{1,5}[+-]\d{1,5})?", re.ASCII)


def parse_kernel(text: str) -> Network:
    """Return a network of one filter, both named "kernel".

    Parameters
    ----------
    text : str
        Rows are separated by `;` or a new line, numbers by blanks, or by commas. A number can be a fraction such as
        1/9. Where each row could also be one number with a decimal comma, as in "1,5; 2,5", the text is refused.
        In ImageMagick's form, `WxH: numbers`, the rows need no separator, and `nan` or `-` (not part of the kernel) is
        a weight of 0. The kernel is not flipped, as in ImageMagick's "Correlate". A list of rows, as Python and JSON
        write it, is `[[1, 0], [0, 1]]`.

    Returns
    -------
    Network
        Its weights are `(1, 1, kh, kw)`, applied to every input channel.

    Raises
    ------
    ArgumentError
        If the text is not a kernel, or exceeds a limit of `cnnfx.system.limits`; the message names the row and the
        number.
    """
    _check_limit(KERNEL_NAME, "characters", len(text), MAX_KERNEL_CHARACTERS)
    plain = text.replace("\N{MINUS SIGN}", "-").strip()
    size, colon, body = plain.partition(":")
    if colon:
        rows = _parse_sized(size.strip(), body)
    elif plain.startswith("["):
        rows = _parse_rows(_without_brackets(plain))
    else:
        _check_decimal_commas(plain)
        rows = _parse_rows(plain)
    weights = np.array(rows, np.float64)[np.newaxis, np.newaxis]
    conv = Conv(weights, np.zeros(1), inputs=(ALL_CHANNELS,))
    return Network((Layer(conv, (KERNEL_NAME,)),), name=KERNEL_NAME, description="A kernel from the command line.")


def _without_brackets(text: str) -> str:
    """Return a list of rows as in Python or JSON, such as "[[1, 0], [0, 1]]", as rows separated by `;`."""
    inside = re.fullmatch(r"\[\s*+(\[.*\])\s*+,?\s*+\]|(\[.*\])", text, re.DOTALL)
    rows = re.split(r"\]\s*+,?\s*+\[", (inside[1] or inside[2])[1:-1]) if inside else []
    if not rows or any("[" in row or "]" in row for row in rows):
        raise _error('the brackets are not those of a list of rows, such as "[[1, 0], [0, 1]]".')
    return ";".join(rows)


def _error(message: str, remedy: str = "kernel", **details: object) -> ArgumentError:
    return ArgumentError(f"{KERNEL_NAME}: {message}", remedy=remedy, **details)


def _check_decimal_commas(text: str) -> None:
    """Check that no row has commas and blanks as separators, and that some row cannot be one number."""
    rows = [row.strip() for row in re.split(r"[;\r\n]", text) if row.strip()]
    if rows and all(_DECIMAL_COMMA.fullmatch(row) for row in rows):
        first, second = rows[0].split(",")
        raise _error(
            f'"{shortened(rows[0])}" may be one number or two. Write {shortened(f"{first}.{second}")} for one, '
            f'"{shortened(f"{first} {second}")}" for two.'
        )
    for number, row in enumerate(rows, 1):
        if re.search(r"\d,\d", row) and re.search(r"[\d.]\s+[-+.\d]", row):
            raise _error(
                f"row {number}: its numbers are separated by commas and by blanks. Write decimals with a point, and "
                "blanks or commas between numbers."
            )


def _parse_rows(text: str) -> list[list[float]]:
    """Return the numbers of rows separated by `;` or a new line."""
    if re.fullmatch(r"[A-Za-z][\w-]*", text) and text.lower() not in ("nan", "inf", "infinity"):
        word = shortened(text)
        raise _error(f'"{word}" is a word. {EXAMPLE_ADVICE}', remedy="preset_name", name=word)
    rows = _split(text)
    if not rows:
        raise _error(f"there are no numbers. {EXAMPLE_ADVICE}")
    if problem := ragged_rows(rows):
        raise _error(problem)
    return [
        [_parse_number(item, f"row {row}, number {column}") for column, item in enumerate(items, 1)]
        for row, items in enumerate(rows, 1)
    ]


def _parse_sized(size: str, body: str) -> list[list[float]]:
    """Return the numbers of ImageMagick's `WxH+X+Y: numbers`."""
    width, height = _parse_size(size)
    rows = _split(body)
    if ";" in body and [len(row) for row in rows] != [width] * height:
        raise _error(
            f"the rows are not {height} of {width} numbers, as {width}x{height} says. Without ; they need no separator."
        )
    items = [item for row in rows for item in row]
    if len(items) != width * height:
        raise _error(f"{width}x{height} needs {width * height} numbers, found {len(items)}.")
    numbers = [
        0.0 if item.lower() in ("nan", "-") else _parse_number(item, f"number {at}") for at, item in enumerate(items, 1)
    ]
    return [numbers[at : at + width] for at in range(0, len(numbers), width)]


def _parse_size(text: str) -> tuple[int, int]:
    match = _SIZE.fullmatch(text)
    if match is None or int(match[1]) < 1 or int(match[2] or 1) < 1:
        hint = " Rotated kernels (@, <, >) are not supported." if text[-1:] in ("@", "<", ">") else ""
        raise _error(f'"{shortened(text)}" before the colon is not a size such as 3x3.{hint} {EXAMPLE_ADVICE}')
    width, height = int(match[1]), int(match[2] or match[1])
    _check_limit(KERNEL_NAME, "numbers", width * height, MAX_KERNEL_NUMBERS)
    middle = f"+{(width - 1) // 2}+{(height - 1) // 2}"
    if match[3] not in (None, middle):
        raise _error(f"the offset {match[3]} is not the middle of {width}x{height}, {middle}. Leave it out.")
    return width, height


def _split(text: str) -> list[list[str]]:
    """Return the items of each row that has any."""
    rows = [row.strip() for row in re.split(r"[;\r\n]", text)]
    items = [re.split(r"\s*,\s*|\s+", row.removesuffix(",").rstrip()) for row in rows if row.strip(", \t")]
    _check_limit(KERNEL_NAME, "numbers", sum(map(len, items)), MAX_KERNEL_NUMBERS)
    return items


def _check_limit(where: str, what: str, value: int, limit: int) -> None:
    check_limit(where, what, value, limit, remedy="kernel", error=ArgumentError)


def _parse_number(item: str, where: str) -> float:
    if not item:
        raise _error(f"{where}: there is no number before the comma.")
    _check_limit(f"{KERNEL_NAME}: {where}", "characters in a number", len(item), MAX_DIGITS)
    value = parse_fraction(item)
    if value is None:
        raise _error(f'{where}: "{shortened(item)}" is not a finite number. Write numbers such as -1, 0.5 or 1/9.')
    return value
