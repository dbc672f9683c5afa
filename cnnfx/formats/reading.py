"""What a reader of the files of other programs is asked for."""

from __future__ import annotations

import os
from typing import NamedTuple


class Reading(NamedTuple):
    """What the reader of a file of another program is asked for.

    Attributes
    ----------
    layer : str or int, optional
        The layer that is needed: its name, a unique part of it, or its number. Files with weights alone are read as one
        layer with these filters, and of networks only the layers up to it need to be read.
    order : str, optional
        The order of the axes of filters, a key of `cnnfx.formats.weights.ORDERS`. By default it is recognized.
    arch : str or path, optional
        A TOML file with the layers that the weights are for. By default known architectures are recognized.
    """

    layer: str | int | None = None
    order: str | None = None
    arch: str | os.PathLike[str] | None = None
