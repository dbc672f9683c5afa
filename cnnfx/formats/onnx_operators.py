"""The operators of ONNX on maps."""

from __future__ import annotations

from cnnfx.formats.onnx_activations import ACTIVATIONS
from cnnfx.formats.onnx_arithmetic import ARITHMETIC
from cnnfx.formats.onnx_axes import AXES
from cnnfx.formats.onnx_node import Operators
from cnnfx.formats.onnx_windows import WINDOWS

OPERATORS: Operators = {**WINDOWS, **ARITHMETIC, **ACTIVATIONS, **AXES}
"""All operators on maps, as functions of the node that add it to the builder of the network."""
