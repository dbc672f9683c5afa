"""Presets, filter files and typed kernels: everything that is a network before it is trained.

Reading order: `presets` (where a name's file lies), `loading` (what reads it), `reading` (bytes to tables), `parsing`
and `filters` (tables to layers), `pieces` (what a filter looks for in a channel), `tables`, `matrices` and `place`
(types and messages), `kernels` (the command line's), `arch` (networks that are to be learned).
"""

from cnnfx.filterbank.arch import Arch, default_arch, load_arch
from cnnfx.filterbank.kernels import parse_kernel
from cnnfx.filterbank.loading import load_network
from cnnfx.filterbank.presets import find_presets, preset_names

__all__ = [
    "Arch",
    "default_arch",
    "find_presets",
    "load_arch",
    "load_network",
    "parse_kernel",
    "preset_names",
]
