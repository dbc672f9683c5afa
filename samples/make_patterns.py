"""Draw what filters and classes of SqueezeNet look for: `python samples/make_patterns.py`. Takes three minutes.

The pictures are inputs that maximize the activation of a filter, or the score of a class; no photographs are used.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from cnnfx.features import find_patterns
from cnnfx.formats.load import load_network
from cnnfx.pipeline.patterns import show_patterns
from cnnfx.render.filters import add_frame
from cnnfx.render.text import draw_text, line_height
from cnnfx.render.tiles import Levels, blank, paste

PICTURES = Path(__file__).parent / "squeezenet"
FILTERS = {"fire2": (77, 97, 121), "fire3": (101, 105, 117), "fire5": (143, 152, 172), "fire9": (261, 408, 450)}
"""Filters, counted from 1, of each layer."""
CLASSES = "goldfish,Egyptian cat,hummingbird,airliner"
SIDE = 207
"""The height and width of each input in the picture, in pixels: the receptive field of fire9."""
GAP = 12
"""Pixels between the inputs."""
FONT_SIZE = 15
"""The font size of the captions, in pixels."""


def main() -> None:
    """Write a picture with a column for each layer, and one of the classes."""
    PICTURES.mkdir(exist_ok=True)
    network = load_network("squeezenet")
    columns = []
    for layer, filters in FILTERS.items():
        channels = [number - 1 for number in filters]
        found = find_patterns(network, None, layer, channels, methods=["maximization"])
        height, width = found.size
        inputs = [enlarged(pattern.maximized[0].pixels) for pattern in found.patterns]
        columns.append(column(f"{layer}: {width}×{height} pixels", inputs))
        print(layer, ", ".join(map(str, found.patterns)))
    Image.fromarray(np.hstack(columns)).save(PICTURES / "depths.jpg", quality=92)
    classes = show_patterns(network, layer="classes", only=CLASSES, methods="maximization", columns=4)
    Image.fromarray(classes.picture).save(PICTURES / "classes.jpg", quality=92)


def enlarged(pixels: np.ndarray) -> Levels:
    """Return an input (3, H, W), 0..1, as a picture (SIDE, SIDE, 3); the pixels of small ones become squares."""
    levels = np.rint(np.moveaxis(pixels, 0, -1) * 255).astype(np.uint8)
    resampling = Image.Resampling.NEAREST if len(levels) < 32 else Image.Resampling.BICUBIC
    return np.asarray(Image.fromarray(levels).resize((SIDE, SIDE), resampling))


def column(caption: str, pictures: list[Levels]) -> Levels:
    """Return the pictures below each other, under a caption."""
    top, step = line_height(FONT_SIZE), SIDE + 2 + GAP
    canvas = blank(GAP + top + len(pictures) * step, SIDE + 2 + GAP, color=True)
    paste(canvas, draw_text(caption, FONT_SIZE, SIDE), GAP // 2, GAP // 2)
    for row, picture in enumerate(pictures):
        paste(canvas, add_frame(picture), GAP // 2 + top + row * step, GAP // 2)
    return canvas


if __name__ == "__main__":
    main()
