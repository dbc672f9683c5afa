"""Cross-correlation on arrays.

Reading order: `geometry` (which pixels an output reads), `padding` (the border), the method `direct` with its forms
`plain_products`, `row_products` (with `im2col`) and `depthwise`, the method `separable`, the methods `fft` and
`winograd` (with `winograd_transforms`), both with `dynamic_range`, then `cost_model` (the choice of a method),
`correlate` (the public function), and `integers` (exact sums of whole numbers).
"""

from cnnfx.conv.correlate import correlate
from cnnfx.conv.cost_model import Method, choose_method
from cnnfx.conv.geometry import BORDERS, Border, InputRows, Padding, Window, window
from cnnfx.conv.padding import BAND_ROWS

__all__ = [
    "BAND_ROWS",
    "BORDERS",
    "Border",
    "InputRows",
    "Method",
    "Padding",
    "Window",
    "choose_method",
    "correlate",
    "window",
]
