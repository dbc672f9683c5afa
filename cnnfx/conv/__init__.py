"""Cross-correlation on arrays; knows no file, no terminal, no clock.

Reading order: `geometry` (where a kernel stands), `borders` (what lies outside an image), `direct` with `bands`
and `copies`, `separable` with `factors`, `fft`, and `winograd` with `minimal` and `pieces` (the ways to compute it),
`choose` (which of them), `correlate` (the public function), `threads`, `placing` and `blas` (who does the work),
`memory` (where).
"""

from cnnfx.conv.correlate import correlate
from cnnfx.conv.cost_model import choose_method
from cnnfx.conv.geometry import BORDERS, InputRows, Window, window
from cnnfx.conv.padding import BAND_ROWS, band
from cnnfx.system.threads import run_in_threads, set_threads, thread_count

__all__ = [
    "BAND_ROWS",
    "BORDERS",
    "InputRows",
    "Window",
    "band",
    "choose_method",
    "correlate",
    "run_in_threads",
    "set_threads",
    "thread_count",
    "window",
]
