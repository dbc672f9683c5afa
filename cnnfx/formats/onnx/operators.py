"""The operators of ONNX on maps."""

from __future__ import annotations

from cnnfx.formats.onnx.activations import ACTIVATIONS
from cnnfx.formats.onnx.arithmetic import ARITHMETIC
from cnnfx.formats.onnx.axes import AXES
from cnnfx.formats.onnx.node import Operators
from cnnfx.formats.onnx.windows import WINDOWS

OPERATORS: Operators = {**WINDOWS, **ARITHMETIC, **ACTIVATIONS, **AXES}
"""All operators on maps, as functions of the node that add it to the builder of the network."""
