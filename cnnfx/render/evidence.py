"""Pictures of evidence for classes: the photograph, and for each class its map as colors over the photograph."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnfx.errors import ArgumentError
from cnnfx.features.evidence import ClassEvidence, Evidence
from cnnfx.images import Image, as_floats, resize
from cnnfx.images.fit import Area
from cnnfx.images.image import LUMA_WEIGHTS
from cnnfx.render.color import color_table
from cnnfx.render.filters import add_frame
from cnnfx.render.heading import wrap
from cnnfx.render.label_placement import Rectangle
from cnnfx.render.layout import balanced_rows
from cnnfx.render.number_text import MINUS, format_scale_number
from cnnfx.render.shapes import FRAME_COLOR, draw_frame
from cnnfx.render.text import draw_text, line_height
from cnnfx.render.tiles import Levels, blank, enlarge, paste
from cnnfx.system.sizes import size_text

Floats = NDArray[np.floating]
Indexes = NDArray[np.intp]

MIN_SIDE, MAX_SIDE = 300, 640
"""Photographs are enlarged by a whole factor to about the first length, or reduced to the second, in pixels."""
MIN_PANEL_WIDTH = 220
"""Panels of narrow photographs are this wide, for their labels, in pixels."""
MAX_CLASSES = 60
"""The most classes in a picture."""
MARGIN = 16
"""Pixels between panels and around the picture."""
TITLE_FONT_SIZE, LABEL_FONT_SIZE, NOTE_FONT_SIZE = 20, 17, 14
"""The font sizes of the title, of the names of the classes, and of numbers and explanations, in pixels."""
MAX_NAME_LINES = 2
"""The most lines of the name of a class."""
BRIGHTNESS = 0.55
"""The factor of the levels of the gray photograph below the colors."""
MAX_OPACITY = 0.8
"""The opacity of the color of the largest value."""
MAX_DIVERGING = 0.65
"""The strongest colors, as a part of the way from the middle of a diverging color map to its ends, which are dark."""
BAR_WIDTH = 240
"""The width of the bar of the color scale in the legend, in pixels."""
BAR_LEVEL = 128
"""The gray level of the photograph in the legend."""

MIN_WIDTH = 480
"""The least width of a picture, for its title and legend, in pixels."""
FRAME_THICKNESS = 2
"""The thickness of the frame around what the network reads, in pixels."""

METHOD_NAMES = {"cam": "class activation maps", "grad-cam": "Grad-CAM", "occlusion": "occlusion"}
"""The names of the methods in titles."""
UNIT = "points of the score"
"""The unit of the evidence."""
EXPLANATIONS = {
    "cam": "color: the score at each position of the maps; their mean makes the score of the class",
    "grad-cam": "color: the maps, weighted by how much the score of the class grows with each of them",
    "occlusion": "color: how far the score of the class falls where {patch} pixels are covered",
}
"""What the colors are, for each method."""
FRAME_EXPLANATION = " · frame: what the network reads"
"""Is added where the network reads a part of the photograph."""


class Shown(NamedTuple):
    """The photograph in the size of a panel, and where in it the network's input is.

    Parameters
    ----------
    levels : uint8 array (H, W, 3)
    rows, columns : float arrays (H,) and (W,)
        The rows and columns of the network's input that its pixels show: 0.5 for the middle of the first.
    size : (int, int)
        The height and width of the network's input.
    frame : Rectangle or None
        The part of the panel that the network reads; None if it reads all.
    """

    levels: Levels
    rows: Floats
    columns: Floats
    size: tuple[int, int]
    frame: Rectangle | None


def evidence_picture(
    evidence: Evidence, image: Image, area: Area, size: tuple[int, int], title: str, colormap: str = "heat"
) -> Levels:
    """Draw a photograph, and for each class the evidence as colors over it, darkened and gray.

    All classes have the same scale, so that colors can be compared. Values below 0, which are evidence against a class,
    are visible in the color map "diverging" only.

    Parameters
    ----------
    evidence : Evidence
        For 1 to `MAX_CLASSES` classes.
    image : Image
    area : Area
        The part of the image that the network read.
    size : (int, int)
        The height and width in which the network read it.
    title : str
    colormap : str
        A color map of `cnnfx.render.color.COLORMAPS`.

    Returns
    -------
    uint8 array (height, width, 3)

    Raises
    ------
    ArgumentError
        If there are more classes, or there is no color map of that name.
    """
    if len(evidence.classes) > MAX_CLASSES:
        message = f"A picture shows at most {MAX_CLASSES} classes, not {len(evidence.classes)}."
        raise ArgumentError(message, remedy="evidence_classes")
    shown = _shown(image, area, size)
    largest = _largest(evidence, colormap)
    panels = [Panel(shown.levels.copy(), image.file_name, size_text(image.shape[1:]))]
    for found in evidence.classes:
        strengths = _sampled(found.map, evidence, shown) / (largest or 1)
        panels.append(Panel(_tinted(shown.levels, strengths, colormap), found.name, _numbers(found)))
    if shown.frame is not None:
        for panel in panels:
            draw_frame(panel.picture, shown.frame, FRAME_COLOR, FRAME_THICKNESS)
    panels = [panel._replace(picture=add_frame(panel.picture)) for panel in panels]
    return _arranged(panels, title, partial(_legend, evidence, largest, colormap, shown.frame is not None))


class Panel(NamedTuple):
    """A picture `(H, W, 3)` with a name and a text below it."""

    picture: Levels
    name: str
    text: str


def _shown(image: Image, area: Area, size: tuple[int, int]) -> Shown:
    """Return the image in the size of a panel."""
    _, height, width = image.shape
    longer = max(height, width)
    if longer > MAX_SIDE:
        rows, columns = (max(1, round(side * MAX_SIDE / longer)) for side in (height, width))
        levels = _colors(as_floats(resize(image.values, rows, columns, "hamming")))
    else:
        levels = enlarge(_colors(image.floats()), max(1, round(MIN_SIDE / longer)))
        rows, columns = levels.shape[:2]
    down, across = rows / height, columns / width  # pixels of the panel per pixel of the image
    frame = None
    if area != (0, 0, width, height):
        left, right = (round(edge * across) for edge in (area.left, area.right))
        top, bottom = (round(edge * down) for edge in (area.top, area.bottom))
        frame = Rectangle(left, top, right, bottom)
    return Shown(
        levels,
        ((np.arange(rows) + 0.5) / down - area.top) * size[0] / (area.bottom - area.top),
        ((np.arange(columns) + 0.5) / across - area.left) * size[1] / (area.right - area.left),
        size,
        frame,
    )


def _colors(pixels: NDArray[np.float32]) -> Levels:
    """Return pixels `(C, H, W)` of 0..1 as colors `(H, W, 3)`; gray unless C is 3."""
    levels = 255 * np.clip(pixels if len(pixels) == 3 else pixels.mean(axis=0, keepdims=True), 0, 1)
    colors = np.rint(levels).astype(np.uint8).repeat(3 // len(levels), axis=0)
    return np.ascontiguousarray(np.moveaxis(colors, 0, -1))


def _largest(evidence: Evidence, colormap: str) -> float:
    """Return the value that has the last color: the largest of all classes, or the largest magnitude."""
    maps = evidence.maps
    return float(np.abs(maps).max() if colormap == "diverging" else max(maps.max(), 0))


def _sampled(values: Floats, evidence: Evidence, shown: Shown) -> Floats:
    """Return a map `(h, w)` at every pixel of a panel, interpolated linearly.

    Half a step beyond the outer values it fades to 0, over one step, and it is 0 where the network reads nothing.
    """
    first, second, part = _neighbors(evidence.rows, shown.rows)
    down = values[first] + part[:, np.newaxis] * (values[second] - values[first])
    first, second, part = _neighbors(evidence.columns, shown.columns)
    sampled = down[:, first] + part * (down[:, second] - down[:, first])
    fading_rows = _fading(evidence.rows, shown.rows, shown.size[0])
    return sampled * fading_rows[:, np.newaxis] * _fading(evidence.columns, shown.columns, shown.size[1])


def _neighbors(centers: Floats, positions: Floats) -> tuple[Indexes, Indexes, Floats]:
    """Return the centers before and after each position, and how far it is from the one to the other, 0..1."""
    first = np.clip(np.searchsorted(centers, positions) - 1, 0, len(centers) - 1)
    second = np.minimum(first + 1, len(centers) - 1)
    distance = np.maximum(centers[second] - centers[first], np.finfo(np.float32).tiny)
    return first, second, np.clip((positions - centers[first]) / distance, 0, 1)


def _fading(centers: Floats, positions: Floats, size: int) -> Floats:
    """Return the factor of what is drawn at each position, 1 between the centers; the network reads 0 to `size`."""
    step = centers[1] - centers[0] if len(centers) > 1 else size
    beyond = np.maximum(centers[0] - positions, positions - centers[-1])
    factors = np.clip(1.5 - beyond / step, 0, 1)
    return np.where((positions >= 0) & (positions <= size), factors, 0)


def _tinted(levels: Levels, strengths: Floats, colormap: str) -> Levels:
    """Return colors `(H, W, 3)`, gray and darkened, below the colors of strengths `(H, W)` of at most 1."""
    gray = BRIGHTNESS * (levels @ np.array(LUMA_WEIGHTS))
    if colormap == "diverging":
        positions, opacities = 127.5 * (1 + MAX_DIVERGING * strengths), np.abs(strengths)
    else:
        positions, opacities = 255 * np.maximum(strengths, 0), np.maximum(strengths, 0)
    colors = color_table(colormap)[np.rint(positions).astype(np.uint8)]
    opacities = MAX_OPACITY * opacities[..., np.newaxis]
    mixed: Levels = np.rint(gray[..., np.newaxis] * (1 - opacities) + colors * opacities).astype(np.uint8)
    return mixed


def _numbers(found: ClassEvidence) -> str:
    return f"{100 * found.probability:.2f} % · score {found.score:.1f}".replace("-", MINUS)


def _arranged(panels: Sequence[Panel], title: str, legend: Callable[[int], Levels]) -> Levels:
    """Draw panels in rows of equal length, below a title and a legend."""
    height, width = panels[0].picture.shape[0], max(panels[0].picture.shape[1], MIN_PANEL_WIDTH)
    names = [wrap(panel.name, LABEL_FONT_SIZE, width, MAX_NAME_LINES) for panel in panels]
    name_lines = max(map(len, names))
    label_height = name_lines * line_height(LABEL_FONT_SIZE) + line_height(NOTE_FONT_SIZE)
    columns = balanced_rows(len(panels), width + MARGIN, height + label_height + MARGIN)[0]
    rows = math.ceil(len(panels) / columns)
    full_width = max(MIN_WIDTH, columns * (width + MARGIN) + MARGIN)
    lines = wrap(title, TITLE_FONT_SIZE, full_width - 2 * MARGIN)
    below = legend(full_width - 2 * MARGIN)
    top = MARGIN + len(lines) * line_height(TITLE_FONT_SIZE) + below.shape[0] + MARGIN
    canvas = blank(top + rows * (label_height + height + MARGIN), full_width, color=True)
    for number, line in enumerate(lines):
        drawn = draw_text(line, TITLE_FONT_SIZE, full_width - 2 * MARGIN)
        paste(canvas, drawn, MARGIN + number * line_height(TITLE_FONT_SIZE), MARGIN)
    paste(canvas, below, top - MARGIN - below.shape[0], MARGIN)
    for index, (panel, name) in enumerate(zip(panels, names, strict=True)):
        row, column = divmod(index, columns)
        y, x = top + row * (label_height + height + MARGIN), MARGIN + column * (width + MARGIN)
        first = y + (name_lines - len(name)) * line_height(LABEL_FONT_SIZE)
        for number, line in enumerate(name):
            paste(canvas, draw_text(line, LABEL_FONT_SIZE, width), first + number * line_height(LABEL_FONT_SIZE), x)
        paste(canvas, draw_text(panel.text, NOTE_FONT_SIZE, width), y + label_height - line_height(NOTE_FONT_SIZE), x)
        paste(canvas, panel.picture, y + label_height, x)
    return canvas


def _legend(evidence: Evidence, largest: float, colormap: str, is_framed: bool, width: int) -> Levels:
    """Draw the bar of the color scale with its numbers, and below it what they are, on `width` pixels."""
    size, line = NOTE_FONT_SIZE, line_height(NOTE_FONT_SIZE)
    text = EXPLANATIONS[evidence.method].format(patch=size_text(evidence.patch or (0, 0)))
    texts = wrap(text + FRAME_EXPLANATION * is_framed, size, width)
    canvas = blank((len(texts) + 1) * line, width, color=True)
    if largest:
        low = f"{MINUS}{format_scale_number(largest)}" if colormap == "diverging" else "0"
        strengths = np.linspace(-1 if colormap == "diverging" else 0, 1, BAR_WIDTH)[np.newaxis]
        bar = _tinted(np.full((1, BAR_WIDTH, 3), BAR_LEVEL, np.uint8), strengths, colormap)
        left = 0
        for part in (
            draw_text(low, size),
            bar.repeat(size, axis=0),
            draw_text(f"{format_scale_number(largest)} {UNIT}", size),
        ):
            paste(canvas, part[:, : width - left], (line - part.shape[0]) // 2, left)
            left += part.shape[1] + size // 2
    else:
        paste(canvas, draw_text("No value is above 0.", size, width), 0, 0)
    for number, text in enumerate(texts, 1):
        paste(canvas, draw_text(text, size, width), number * line, 0)
    return canvas
