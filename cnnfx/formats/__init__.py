"""Presets, filter files and typed kernels: everything that is a network before it is trained.

Reading order: `presets` (where a name's file lies), `loading` (what reads it), `reading` (bytes to tables), `parsing`
and `filters` (tables to layers), `pieces` (what a filter looks for in a channel), `tables`, `matrices` and `place`
(types and messages), `kernels` (the command line's), `arch` (networks that are to be learned).

The last two are imported from their own modules, by those few who need them.
"""

from cnnfx.formats.load import load_network
from cnnfx.formats.presets import find_presets, preset_names

__all__ = ["find_presets", "load_network", "preset_names"]
