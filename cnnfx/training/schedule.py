"""One cycle of the learning rate: up while the parameters find their feet, then down to zero: Smith, 2018,
"Super-convergence"."""

from __future__ import annotations

import math

WARM_UP = 0.25
START = 0.04


def one_cycle(step: int, steps: int, peak: float, warm_up: float = WARM_UP) -> float:
    """The learning rate of a step.

    It rises along half a cosine from `START` of the peak to the peak in the first part of the run, `warm_up` of its
    steps, and falls along another half to (nearly) zero at the last step.

    Parameters
    ----------
    step : int
        Counted from 0.
    steps : int
        Of the whole run.
    peak : float
        The largest learning rate.
    """
    place, top = (step + 0.5) / steps, warm_up
    if place < top:
        return peak * (START + (1 - START) * _half(place / top))
    return peak * (1 - _half((place - top) / (1 - top)))


def _half(part: float) -> float:
    """Half a cosine, from 0 at 0 to 1 at 1, level at both ends."""
    return (1 - math.cos(math.pi * part)) / 2
