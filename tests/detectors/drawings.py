"""Drawings of the patterns that the presets with several layers detect, with antialiased edges.

A pattern is a function of pixel coordinates: its coverage of each pixel, 0..1 (stripes: −1..1). Outlines are drawn by
their signed distance; a pixel's coverage is a linear function of it over one pixel. `x` points right and `y` down from
the position of the pattern. `rng` varies every drawing: sizes by about 5 %, directions by about 4 degrees, and widths
of strokes from 2.5 to 3.5 pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

GRAY = (1.0, 1.0, 1.0)
CORNER_DIRECTIONS = {"top-left": (1, 1), "top-right": (-1, 1), "bottom-left": (1, -1), "bottom-right": (-1, -1)}
"""The signs of the directions (right, down) in which a light corner extends."""
HUES = {
    "red": (0.85, 0.15, 0.2),
    "green": (0.1, 0.8, 0.2),
    "yellow": (0.95, 0.85, 0.05),
    "blue": (0.1, 0.15, 0.95),
    "white": (0.95, 0.95, 0.95),
    "black": (0.05, 0.05, 0.05),
}


@dataclass(frozen=True)
class Drawing:
    """A pattern with random size and direction.

    Parameters
    ----------
    field : function of x and y
        The coverage.
    reach : float
        The largest distance of a covered pixel from the position, in pixels.
    sign : int
        1 for a light pattern, −1 for a dark one.
    hue : (float, float, float), optional
        The color of the pattern; None if it is only lighter or darker than the background.
    positions : tuple of (x, y)
        The points that count as its position: for a line, points all along it.
    """

    field: Callable
    reach: float
    sign: int = 1
    hue: tuple[float, float, float] | None = None
    positions: tuple[tuple[float, float], ...] = ((0.0, 0.0),)


def coverage(distance):
    return np.clip(0.5 - distance, 0, 1)


def rotated(x, y, degrees):
    """Return the coordinates along and across a direction, counterclockwise from horizontal."""
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return x * cosine - y * sine, x * sine + y * cosine


def stroke(rng):
    return rng.uniform(2.5, 3.5) / 2


def bar(along, across, start, end, half):
    """Return the signed distance to a straight stroke from `start` to `end` along a direction."""
    return np.maximum(np.abs(along - (start + end) / 2) - (end - start) / 2, np.abs(across) - half)


def corner(kind, rng):
    """Draw a light corner: in half of the cases two strokes that meet, otherwise a filled right-angled triangle."""
    right, down = CORNER_DIRECTIONS[kind]
    tilt, half, arms = rng.normal(0, 2.5), stroke(rng), rng.uniform(13, 20, 2)
    filled = rng.random() < 0.5

    def field(x, y):
        x, y = rotated(x, y, tilt)
        x, y = right * x + 0.5, down * y + 0.5  # the outer edge of the outermost pixel is at 0
        if filled:
            slope = (x / arms[0] + y / arms[1] - 1) / np.hypot(*1 / arms)
            return coverage(np.maximum(np.maximum(-x, -y), slope))
        return coverage(np.minimum(bar(x, y - half, 0, arms[0], half), bar(y, x - half, 0, arms[1], half)))

    return Drawing(field, 22)


def circle(kind, rng):
    """Draw a light outline; the radius is measured to the middle of the stroke."""
    radius, half = int(kind.split()[1]) * rng.uniform(0.96, 1.04), stroke(rng)
    return Drawing(lambda x, y: coverage(np.abs(np.hypot(x, y) - radius) - half), radius + half + 1)


def square(kind, rng, filled=None):
    """Draw a light square, in half of the cases filled, otherwise an outline; the side is measured outside."""
    half, tilt, pen = (int(kind.split()[1]) + rng.uniform(-0.7, 0.7)) / 2, rng.normal(0, 1.5), 2 * stroke(rng)
    filled = rng.random() < 0.5 if filled is None else filled

    def field(x, y):
        outside = np.maximum(*np.abs(rotated(x, y, tilt))) - half
        return coverage(outside if filled else np.abs(outside + pen / 2) - pen / 2)

    return Drawing(field, 1.45 * half + 1)


def line(kind, rng):
    """Draw a light stroke, longer than the detector; every point along it counts as its position."""
    angle, length, half = angle_of(kind) + rng.uniform(-4, 4), rng.uniform(32, 44), stroke(rng)
    steps = np.linspace(-length / 2, length / 2, 45)
    cosine, sine = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    positions = tuple((step * cosine, -step * sine) for step in steps)

    def field(x, y):
        return coverage(bar(*rotated(x, y, angle), -length / 2, length / 2, half))

    return Drawing(field, length / 2 + 2, positions=positions)


def curve(kind, rng):
    """Draw a light arc of about half a circle of radius 10; its position is the middle of the arc."""
    turn = {"opens down": 0, "opens right": 90, "opens up": 180, "opens left": 270}[kind] + rng.normal(0, 4)
    radius, reach, half = 10 * rng.uniform(0.95, 1.05), np.radians(rng.uniform(72, 90)), stroke(rng)

    def field(x, y):
        x, y = rotated(x, y, turn)
        y = y - radius  # now from the center of the circle
        outside = np.abs(np.arctan2(x, -y)) - reach
        return coverage(np.maximum(np.abs(np.hypot(x, y) - radius) - half, outside * radius))

    return Drawing(field, 22)


def texture(kind, rng):
    """Draw stripes that fade out around their position."""
    angle, length = angle_of(kind) + rng.uniform(-4, 4), int(kind.split()[2]) * rng.uniform(0.95, 1.05)
    phase, spread = rng.uniform(0, 2 * np.pi), rng.uniform(8, 10)

    def field(x, y):
        _, across = rotated(x, y, angle)
        fading = np.exp(-(x**2 + y**2) / (2 * spread**2))
        return np.cos(2 * np.pi * across / length + phase) * fading * coverage(np.hypot(x, y) - 22)

    return Drawing(field, 22)


def color(kind, rng):
    """Draw a disc of a color with random variation."""
    radius, hue = rng.uniform(6, 8.5), np.clip(np.add(HUES[kind], rng.normal(0, 0.04, 3)), 0, 1)
    return Drawing(lambda x, y: coverage(np.hypot(x, y) - radius), radius + 1, hue=tuple(hue))


def spot(kind, rng):
    """Draw a disc that is lighter or darker than the background."""
    radius, sign = int(kind.split()[-1]) * rng.uniform(0.92, 1.08), -1 if kind.startswith("dark") else 1
    return Drawing(lambda x, y: coverage(np.hypot(x, y) - radius), radius + 1, sign)


def angle_of(kind):
    return int(kind.split("°")[0].split()[-1])


DRAW = {
    "corners": corner,
    "circles": circle,
    "squares": square,
    "lines": line,
    "curves": curve,
    "textures": texture,
    "colors": color,
    "spots": spot,
}
"""The function that draws the patterns of each preset; the kinds are the names of the preset's output channels."""
