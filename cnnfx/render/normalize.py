"""From the values of a feature map to levels of brightness, 0..255.

Every mode is one straight line, `level = scale * value + offset`, whose two numbers follow from a map's smallest and
largest value.
So a picture of any size can be drawn in bands once these two are known.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnfx.engine.memory import buffer
from cnnfx.errors import ArgumentError

MODES = {
    "signed": "zero is mid-grey, the largest magnitude white or black",
    "minmax": "the smallest value is black, the largest white",
    "positive": "zero and less is black, the largest value white",
    "absolute": "zero is black, the largest magnitude white",
    "none": "values as they are, clipped at 0 and 1",
}
"""The modes of normalisation and what each shows."""


CHUNK = 2**17
"""About how many values are drawn at a time: few enough to stay in a processor's cache, enough for threads to work
without a word in between."""


class Line(NamedTuple):
    """`level = scale * value + offset`, of the value's magnitude where `magnitude` is set."""

    scale: float
    offset: float
    magnitude: bool = False

    def levels(self, values: NDArray[Any], out: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
        """The levels of values `(..., W)`, in `out` if it is given; NaN is drawn black."""
        levels = np.empty(values.shape, np.uint8) if out is None else out
        rows, drawn = values.reshape(-1, values.shape[-1]), levels.reshape(-1, values.shape[-1])
        step = max(1, CHUNK // rows.shape[1])
        scratch = buffer("levels", (min(step, len(rows)), rows.shape[1]), values.dtype)
        with np.errstate(invalid="ignore"):  # infinity times a scale of 0
            for first in range(0, len(rows), step):
                part = rows[first : first + step]
                self._draw(part, scratch[: len(part)], drawn[first : first + step])
        return levels

    def _draw(self, values: NDArray[Any], scratch: NDArray[Any], levels: NDArray[np.uint8]) -> None:
        # Half a level is added because the cast to whole numbers drops the fraction: together they round.
        np.multiply(values, np.float32(self.scale), out=scratch)
        if self.magnitude:
            np.abs(scratch, out=scratch)
        scratch += np.float32(self.offset + 0.5)
        np.clip(scratch, 0, 255.5, out=scratch)
        if np.isnan(scratch.min()):  # rare, and sooner found than avoided
            scratch[np.isnan(scratch)] = 0
        np.copyto(levels, scratch, casting="unsafe")


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
