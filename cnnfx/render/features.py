"""Pictures of features: for each filter its top-9 patches, their deconvolutions, and its activation maximizations."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from cnnfx.features import LayerPatterns, Pattern
from cnnfx.features.search import PATCHES
from cnnfx.images.image import resize
from cnnfx.nn.layers import Array
from cnnfx.render.color import apply_colormap, linear_scale
from cnnfx.render.filters import add_frame
from cnnfx.render.heading import wrap
from cnnfx.render.layout import suitable_columns
from cnnfx.render.number_text import format_scale_number
from cnnfx.render.text import draw_text, line_height, shorten, text_width
from cnnfx.render.tiles import Levels, Tiles, blank, enlarge, paste, picture_tiles

CAPTIONS = {
    "patches": f"top-{PATCHES} patches",
    "deconvolution": "deconvolution",
    "maximization": "activation maximization",
}
"""The caption of the panel of each method."""

PANEL_WIDTH = 190
"""About how many pixels wide a panel is: the pictures of one method for one filter. Wider for large patches."""
SMOOTH_SIDE = 32
"""The fewest rows or columns of patches that are resized smoothly. The pixels of smaller patches become squares."""
LARGEST_PATCH = 112
"""The most rows or columns of a patch in a picture; larger patches are shrunk."""
PATCH_GAP = 3
"""Pixels between the pictures of a panel."""
MARGIN = 14
"""Pixels between panels, between filters, and around the whole picture."""
TITLE_FONT_SIZE = 19
"""The font size of the title, in pixels."""
LABEL_FONT_SIZE = 15
"""The font size of the labels of the filters, in pixels."""
CAPTION_FONT_SIZE = 13
"""The font size of the captions, in pixels."""
STRIPE_LEVELS = (232, 214)
"""The gray levels of the stripes of a filter that is never active."""
OUTSIDE_LEVEL = 200
"""The gray level of what is outside the image, in patches at its border."""
DECONVOLUTION_PERCENTILE = 97
"""Black and white in a deconvolution are this percentile of its magnitudes, since a few pixels are much stronger."""
SMOOTH_PERCENTILE = 99.5
"""The same for patches of at least `SMOOTH_SIDE`, in which the filter reads mainly the middle."""


def patterns_picture(
    layer_patterns: LayerPatterns, title: str, columns: int | None = None, colormap: str = "gray"
) -> Levels:
    """Draw what the filters of a layer respond to, filter by filter.

    Patches are drawn like the images. In a deconvolution, pixels that increase the activation when they are lighter are
    light, those that increase it when they are darker are dark, and others gray, each by its own range. Inputs made by
    activation maximization are drawn with their brightest pixel white. The panels of a filter that is never active are
    striped.

    Parameters
    ----------
    layer_patterns : LayerPatterns
    title : str
    columns : int, optional
        Filters in a row; by default the picture is somewhat wider than high.
    colormap : str
        The color map of the deconvolutions of gray images.

    Returns
    -------
    uint8 array (height, width), or (height, width, 3) for images in color
    """
    pictures = [_filter_picture(pattern, layer_patterns, colormap) for pattern in layer_patterns.patterns]
    height, width = pictures[0].shape[:2]
    columns = min(len(pictures), columns or suitable_columns(len(pictures), width + MARGIN, height + MARGIN))
    rows = math.ceil(len(pictures) / columns)
    header = _header(layer_patterns, title, columns, width, colormap)
    canvas = blank(header.shape[0] + rows * (height + MARGIN), header.shape[1], color=True)
    canvas[: header.shape[0]] = header
    for index, picture in enumerate(pictures):
        row, column = divmod(index, columns)
        paste(canvas, picture, header.shape[0] + row * (height + MARGIN), MARGIN + column * (width + 2 * MARGIN))
    return canvas if _in_color(layer_patterns) or colormap != "gray" else canvas[..., 0]


def best_tiles(layer_patterns: LayerPatterns, colormap: str = "gray") -> Tiles:
    """Return a tile for each filter: its top patch, the deconvolution of that patch, and its best maximized input.

    The tiles of filters that are never active are striped.
    """
    height, width = layer_patterns.size
    methods = layer_patterns.methods
    pictures = [blank(height, len(methods) * (width + 1) - 1, color=True) for _ in layer_patterns.patterns]
    for picture, pattern in zip(pictures, layer_patterns.patterns, strict=True):
        for index, method in enumerate(methods):
            best, *_ = _method_pictures(pattern, method, colormap) or [stripes(height, width)]
            paste(picture, best, 0, index * (width + 1))
    return picture_tiles([label(pattern) for pattern in layer_patterns.patterns], pictures)


def label(pattern: Pattern, font_size: int | None = None, width: int | None = None) -> str:
    """Return the name of a filter with its largest activation, and the one reached by activation maximization.

    Parameters
    ----------
    pattern : Pattern
    font_size, width : int, optional
        The name is shortened so that the label fits into this width in pixels at this size of the font.
    """
    parts = [format_scale_number(patch.activation) for patch in pattern.patches[:1]]
    parts += [f"maximized {format_scale_number(maximized.activation)}" for maximized in pattern.maximized[:1]]
    activations = f": {', '.join(parts) or 'never active'}"
    if font_size is None or width is None:
        return pattern.name + activations
    return shorten(pattern.name, font_size, width - text_width(activations, font_size)) + activations


def stripes(height: int, width: int) -> Levels:
    """Return diagonal stripes `(height, width)`, which mark that there is nothing to draw."""
    rows, columns = np.indices((height, width))
    period = max(4, min(16, min(height, width) // 4))
    return np.where((rows + columns) % period < period // 2, *STRIPE_LEVELS).astype(np.uint8)


def _in_color(layer_patterns: LayerPatterns) -> bool:
    patterns = layer_patterns.patterns
    pixels = [each.pixels for pattern in patterns for each in pattern.patches]
    pixels += [each.pixels for pattern in patterns for each in pattern.maximized]
    return bool(pixels) and len(pixels[0]) == 3


def _header(layer_patterns: LayerPatterns, title: str, columns: int, width: int, colormap: str) -> Levels:
    """Draw the title and the legend, and below them the captions of the panels above each column of filters."""
    full_width = MARGIN + columns * (width + 2 * MARGIN)
    fitting = full_width - 2 * MARGIN
    title_lines = wrap(title, TITLE_FONT_SIZE, fitting)
    legend_lines = wrap(_legend(layer_patterns, colormap), CAPTION_FONT_SIZE, fitting)
    lines = [(line, TITLE_FONT_SIZE) for line in title_lines] + [(line, CAPTION_FONT_SIZE) for line in legend_lines]
    captions_top = MARGIN + sum(line_height(size) for _, size in lines) + 6
    header = blank(captions_top + line_height(CAPTION_FONT_SIZE) + MARGIN // 2, full_width, color=True)
    top = MARGIN
    for line, size in lines:
        paste(header, draw_text(line, size, fitting), top, MARGIN)
        top += line_height(size)
    _, panel_width = _panel_size(layer_patterns)
    for column in range(columns):
        for index, method in enumerate(layer_patterns.methods):
            left = MARGIN + column * (width + 2 * MARGIN) + index * (panel_width + MARGIN)
            paste(header, draw_text(CAPTIONS[method], CAPTION_FONT_SIZE, panel_width), captions_top, left)
    return header


def _legend(layer_patterns: LayerPatterns, colormap: str) -> str:
    """Return what the numbers of the labels and the levels of the panels are."""
    methods = layer_patterns.methods
    parts = ["after the name: largest activation in the images"] if layer_patterns.images else []
    if "maximization" in methods:
        parts.append(f"maximized: {'that' if parts else 'activation'} of the best optimized input")
    zero = "gray" if colormap == "gray" else "the middle color"
    parts += [f"deconvolution: 0 is {zero}"] if "deconvolution" in methods else []
    return " · ".join(parts)


def _filter_picture(pattern: Pattern, layer_patterns: LayerPatterns, colormap: str) -> Levels:
    """Draw the label of a filter, and below it the panels of the methods side by side."""
    height, width = _panel_size(layer_patterns)
    count, top = len(layer_patterns.methods), line_height(LABEL_FONT_SIZE)
    canvas = blank(top + height, count * width + (count - 1) * MARGIN, color=True)
    kind = "class" if layer_patterns.layer == "classes" else "filter"
    text = f"{kind} {label(pattern)}"
    if not pattern.name.isdecimal() or text_width(text, LABEL_FONT_SIZE) > canvas.shape[1]:
        text = label(pattern, LABEL_FONT_SIZE, canvas.shape[1])
    paste(canvas, draw_text(text, LABEL_FONT_SIZE, canvas.shape[1]), 0, 0)
    for index, method in enumerate(layer_patterns.methods):
        paste(canvas, _panel(pattern, method, layer_patterns, colormap), top, index * (width + MARGIN))
    return canvas


def _panel_size(layer_patterns: LayerPatterns) -> tuple[int, int]:
    """Return the height and width of a panel: of the top patches with their frames, resized."""
    side = math.isqrt(PATCHES)
    limit = min(max(PANEL_WIDTH // side, *layer_patterns.size), LARGEST_PATCH)
    height, width = (
        side * (extent + 2) + (side - 1) * PATCH_GAP for extent in _fitting_size(layer_patterns.size, (limit, limit))
    )
    return height, width


def _fitting_size(size: tuple[int, int], limits: tuple[int, int]) -> tuple[int, int]:
    """Return the height and width to which pictures of a size are resized so that they fit into limits.

    Small pictures become larger by whole factors, or keep their size.
    """
    scale = min(limit / extent for limit, extent in zip(limits, size, strict=True))
    if max(size) < SMOOTH_SIDE:
        scale = max(1, int(scale))
    height, width = (max(1, round(extent * scale)) for extent in size)
    return height, width


def _resized(picture: Levels, height: int, width: int) -> Levels:
    """Return a picture of another size; a small one is larger by a whole factor."""
    if max(picture.shape[:2]) < SMOOTH_SIDE:
        return enlarge(picture, height // picture.shape[0])
    channels = picture[np.newaxis] if picture.ndim == 2 else np.moveaxis(picture, -1, 0)
    resized = resize(channels, height, width, "bicubic")
    return resized[0] if picture.ndim == 2 else np.moveaxis(resized, 0, -1)


def _panel(pattern: Pattern, method: str, layer_patterns: LayerPatterns, colormap: str) -> Levels:
    """Draw the pictures of a method in a square grid: nine patches, or the maximized inputs."""
    height, width = _panel_size(layer_patterns)
    pictures = _method_pictures(pattern, method, colormap)
    if not pictures:
        return add_frame(stripes(height - 2, width - 2))
    side = math.ceil(math.sqrt(len(pictures) if method == "maximization" else PATCHES))
    cell_height, cell_width = ((extent - (side - 1) * PATCH_GAP) // side - 2 for extent in (height, width))
    cell_height, cell_width = _fitting_size(layer_patterns.size, (cell_height, cell_width))
    row_step, column_step = cell_height + 2 + PATCH_GAP, cell_width + 2 + PATCH_GAP
    top, left = (height - side * row_step + PATCH_GAP) // 2, (width - side * column_step + PATCH_GAP) // 2
    panel = blank(height, width, color=True)
    for index, picture in enumerate(pictures):
        row, column = divmod(index, side)
        cell = add_frame(_resized(picture, cell_height, cell_width))
        paste(panel, cell, top + row * row_step, left + column * column_step)
    return panel


def _method_pictures(pattern: Pattern, method: str, colormap: str) -> list[Levels]:
    """Return the pictures of a method, `(H, W)` or `(H, W, 3)`."""
    if method == "maximization":
        return [_maximization(maximized.pixels) for maximized in pattern.maximized]
    if method == "patches":
        return [_patch(patch.pixels) for patch in pattern.patches]
    return [_deconvolution(patch.projection, colormap) for patch in pattern.patches if patch.projection is not None]


def _patch(pixels: Array) -> Levels:
    """Draw a patch with values 0..1; what is outside the image, NaN, is gray."""
    levels = _channels_to_levels(pixels, linear_scale("none", 0, 1).levels)
    levels[np.isnan(pixels[0])] = OUTSIDE_LEVEL
    return levels


def _deconvolution(projection: Array, colormap: str) -> Levels:
    """Draw a deconvolution, in which zero is mid-gray, or the middle of the color map if the images are gray."""
    magnitudes = np.abs(projection[np.isfinite(projection)], dtype=np.float64)  # float32 overflows between values
    magnitudes = magnitudes if magnitudes.size else np.zeros(1)
    percentile = DECONVOLUTION_PERCENTILE if max(projection.shape[1:]) < SMOOTH_SIDE else SMOOTH_PERCENTILE
    largest = float(np.percentile(magnitudes, percentile)) or float(magnitudes.max())
    levels = _channels_to_levels(projection, linear_scale("signed", -largest, largest).levels)
    return levels if levels.ndim == 3 else apply_colormap(levels, colormap)


def _maximization(pixels: Array) -> Levels:
    """Draw an input made by activation maximization, its brightest pixel white."""
    return _channels_to_levels(pixels, linear_scale("positive", 0, float(pixels.max())).levels)


def _channels_to_levels(pixels: Array, levels: Callable[[Array], Levels]) -> Levels:
    """Return channels `(C, H, W)` as a picture `(H, W, 3)` if C is 3, otherwise their mean as `(H, W)`."""
    if len(pixels) == 3:
        return np.moveaxis(levels(np.ascontiguousarray(pixels)), 0, -1).copy()
    return levels(np.ascontiguousarray(pixels.mean(axis=0)))
