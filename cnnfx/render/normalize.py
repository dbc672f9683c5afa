"""From the values of a feature map to levels of brightness, 0..255.

Every mode is one straight line, `level = scale * value + offset`, whose two numbers follow from a map's smallest and
largest value.
So a picture of any size can be drawn in bands once these two are known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import ArgumentError

MODES = {
    "signed": "zero is mid-grey, the largest magnitude white or black",
    "minmax": "the smallest value is black, the largest white",
    "positive": "zero and less is black, the largest value white",
    "absolute": "zero is black, the largest magnitude white",
    "none": "values as they are, clipped at 0 and 1",
}
"""The modes of normalisation and what each shows."""


@dataclass(frozen=True)
class Line:
    """`level = scale * value + offset`, of the value's magnitude where `magnitude` is set."""

    scale: float
    offset: float
    magnitude: bool = False

    def levels(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        """The levels of values of any shape; NaN is drawn black."""
        drawn = np.abs(values) if self.magnitude else values
        # Half a level is added because the cast to whole numbers drops the fraction: together they round.
        levels = drawn * np.float32(self.scale)
        levels += np.float32(self.offset + 0.5)
        with np.errstate(invalid="ignore"):
            np.nan_to_num(levels, copy=False, nan=0.0) if not np.isfinite(levels.sum()) else None
            return np.clip(levels, 0, 255.5, out=levels).astype(np.uint8)


def line(mode: str, low: float, high: float) -> Line:
    """The line that draws values between `low` and `high` (both finite) in a mode of `MODES`.

    A map without contrast is drawn in the level of zero: mid-grey when signed, else black.

    Raises
    ------
    ArgumentError
        If the mode is not known.
    """
    largest = max(abs(low), abs(high))
    if mode == "signed":
        return Line(_ratio(127.5, largest), 127.5)
    if mode == "minmax":
        scale = _ratio(255.0, high - low)
        return Line(scale, -low * scale)
    if mode == "positive":
        return Line(_ratio(255.0, max(high, 0.0)), 0.0)
    if mode == "absolute":
        return Line(_ratio(255.0, largest), 0.0, magnitude=True)
    if mode == "none":
        return Line(255.0, 0.0)
    raise ArgumentError(f"There is no normalisation called {mode!r}. Choose one of {', '.join(MODES)}.")


def _ratio(span: float, extent: float) -> float:
    """`span / extent`, or 0 where there is nothing to spread (also where the quotient overflows)."""
    return span / extent if extent > span / float(np.finfo(np.float32).max) else 0.0
