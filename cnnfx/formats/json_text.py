"""JSON texts of untrusted files: parsed after a check of what would take the parser too much time or memory."""

from __future__ import annotations

import json
import math
import re
from itertools import accumulate
from typing import Any

from cnnfx.system.limits import MAX_NESTING, limit_text
from cnnfx.system.text import shortened

MAX_INTEGER_DIGITS = 19
"""The most digits of a whole number, those of 64 bits."""
MAX_REASON_CHARACTERS = 120
"""The most characters of the parser's own words in an error."""

_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)
_STEPS = {"[": 1, "{": 1, "]": -1, "}": -1}


def parse_json(text: str) -> Any:
    """Return the values of a JSON text. Numbers that are not finite, which JSON does not have, become None.

    Raises
    ------
    ValueError
        If it is not JSON, is nested more deeply than `MAX_NESTING`, or has whole numbers that 64 bits cannot hold.
    """
    depth = max(accumulate(_STEPS.get(token, 0) for token in _STRING_OR_BRACKET.findall(text)), default=0)
    if depth > MAX_NESTING:
        raise ValueError(limit_text("arrays and objects inside each other", depth, MAX_NESTING))
    try:
        return json.loads(text, parse_int=_parse_int, parse_float=_parse_float, parse_constant=lambda name: None)
    except (ValueError, RecursionError, MemoryError) as error:
        raise ValueError(shortened(str(error), MAX_REASON_CHARACTERS)) from error


def _parse_int(text: str) -> int:
    digits = len(text.lstrip("-"))
    if digits > MAX_INTEGER_DIGITS:
        raise ValueError(limit_text("digits in a whole number", digits, MAX_INTEGER_DIGITS))
    return int(text)


def _parse_float(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None
