"""Which method is probably faster: a cost model of the arguments."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cnnfx.engine.geometry import Window

METHODS: dict[str, tuple[str, ...]] = {"auto": (), "direct": (), "fft": ()}


@lru_cache(maxsize=256)
def choose_method(out: tuple[int, ...], weights: tuple[int, ...], window: Window) -> str:
    """"direct" or "fft" for an output (N, K, Ho, Wo), weights (K, C/groups, kh, kw) and how they slide."""
    return "fft" if min(weights[2:]) >= 17 else "direct"
