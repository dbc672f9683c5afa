"""Checks of arguments of public functions."""

from __future__ import annotations

import operator
from typing import Any

from cnnfx.errors import ArgumentError


def whole_number(name: str, value: Any, least: int) -> int:
    """Return an argument as an int. NumPy's integers are whole numbers, bool is not.

    Raises
    ------
    ArgumentError
        If it is not a whole number of at least `least`; the message names the argument.
    """
    try:
        number = least - 1 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = least - 1
    if number < least:
        raise ArgumentError(f"{name} must be a whole number, {least} or more, not {value!r}.")
    return number
