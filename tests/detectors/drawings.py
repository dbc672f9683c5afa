"""The patterns that the deeper presets are to find, drawn with smooth edges.

A pattern is a field over pixels: how much of it lies at a place, 0..1 (stripes: −1..1). Straight and round outlines are
drawn by their signed distance, whose slope over one pixel is the coverage of a pixel by them. `x` points right, `y`
down, both from the pattern's place. Every drawing varies a little, by `rng`: size by some 5 %, direction by some 4
degrees, thickness of strokes from 2.5 to 3.5 pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

GRAY = (1.0, 1.0, 1.0)
CORNERS = {"top-left": (1, 1), "top-right": (-1, 1), "bottom-left": (1, -1), "bottom-right": (-1, -1)}
"""To which side, right and down, a light corner opens."""
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
    """A pattern ready to be drawn.

    Parameters
    ----------
    field : function of x and y
    reach : how far from its place it extends, in pixels
    sign : 1 for a light pattern, −1 for a dark one
    hue : the color that it tends to, or None for lighter or darker than the ground
    places : the points, (x, y), that count as its place; of a line, all along it
    """

    field: Callable
    reach: float
    sign: int = 1
    hue: tuple[float, float, float] | None = None
    places: tuple[tuple[float, float], ...] = ((0.0, 0.0),)


def coverage(distance):
    return np.clip(0.5 - distance, 0, 1)


def turned(x, y, degrees):
    """Along and across a direction, counter-clockwise from horizontal."""
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return x * cosine - y * sine, x * sine + y * cosine


def stroke(rng):
    return rng.uniform(2.5, 3.5) / 2


def bar(along, across, start, end, half):
    """The distance to a straight stroke from `start` to `end` along a direction."""
    return np.maximum(np.abs(along - (start + end) / 2) - (end - start) / 2, np.abs(across) - half)


def corner(kind, rng):
    """A light corner: half of them two strokes that meet, half of them a filled right-angled triangle."""
    right, down = CORNERS[kind]
    tilt, half, arms = rng.normal(0, 2.5), stroke(rng), rng.uniform(13, 20, 2)
    filled = rng.random() < 0.5

    def field(x, y):
        x, y = turned(x, y, tilt)
        x, y = right * x + 0.5, down * y + 0.5  # the outermost pixel's outer edge lies at 0
        if filled:
            slope = (x / arms[0] + y / arms[1] - 1) / np.hypot(*1 / arms)
            return coverage(np.maximum(np.maximum(-x, -y), slope))
        return coverage(np.minimum(bar(x, y - half, 0, arms[0], half), bar(y, x - half, 0, arms[1], half)))

    return Drawing(field, 22)


def circle(kind, rng):
    """A light outline; the radius is that of the stroke's middle."""
    radius, half = int(kind.split()[1]) * rng.uniform(0.96, 1.04), stroke(rng)
    return Drawing(lambda x, y: coverage(np.abs(np.hypot(x, y) - radius) - half), radius + half + 1)


def square(kind, rng, filled=None):
    """A light square, half of them filled and half of them outlines; the side is measured outside."""
    half, tilt, pen = (int(kind.split()[1]) + rng.uniform(-0.7, 0.7)) / 2, rng.normal(0, 1.5), 2 * stroke(rng)
    filled = rng.random() < 0.5 if filled is None else filled

    def field(x, y):
        outside = np.maximum(*np.abs(turned(x, y, tilt))) - half
        return coverage(outside if filled else np.abs(outside + pen / 2) - pen / 2)

    return Drawing(field, 1.45 * half + 1)


def line(kind, rng):
    """A light stroke, longer than the detector; every point along it counts as its place."""
    angle, length, half = angle_of(kind) + rng.uniform(-4, 4), rng.uniform(32, 44), stroke(rng)
    steps = np.linspace(-length / 2, length / 2, 45)
    cosine, sine = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    places = tuple((step * cosine, -step * sine) for step in steps)

    def field(x, y):
        return coverage(bar(*turned(x, y, angle), -length / 2, length / 2, half))

    return Drawing(field, length / 2 + 2, places=places)


def curve(kind, rng):
    """A light arc of about half a circle of radius 10; its place is the middle of the arc."""
    turn = {"opens down": 0, "opens right": 90, "opens up": 180, "opens left": 270}[kind] + rng.normal(0, 4)
    radius, reach, half = 10 * rng.uniform(0.95, 1.05), np.radians(rng.uniform(72, 90)), stroke(rng)

    def field(x, y):
        x, y = turned(x, y, turn)
        y = y - radius  # now from the center of the circle
        outside = np.abs(np.arctan2(x, -y)) - reach
        return coverage(np.maximum(np.abs(np.hypot(x, y) - radius) - half, outside * radius))

    return Drawing(field, 22)


def texture(kind, rng):
    """Stripes that fade out around their place."""
    angle, length = angle_of(kind) + rng.uniform(-4, 4), int(kind.split()[2]) * rng.uniform(0.95, 1.05)
    phase, spread = rng.uniform(0, 2 * np.pi), rng.uniform(8, 10)

    def field(x, y):
        _, across = turned(x, y, angle)
        fading = np.exp(-(x**2 + y**2) / (2 * spread**2))
        return np.cos(2 * np.pi * across / length + phase) * fading * coverage(np.hypot(x, y) - 22)

    return Drawing(field, 22)


def color(kind, rng):
    """A disc of a color, which varies."""
    radius, hue = rng.uniform(6, 8.5), np.clip(np.add(HUES[kind], rng.normal(0, 0.04, 3)), 0, 1)
    return Drawing(lambda x, y: coverage(np.hypot(x, y) - radius), radius + 1, hue=tuple(hue))


def spot(kind, rng):
    """A disc, lighter or darker than the ground."""
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
"""What draws a kind of each preset's pattern; the kinds are the names of the preset's output channels."""
