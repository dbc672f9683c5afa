"""Make the sample images: `python samples/make_samples.py [folder]`. The pixels are the same on every run.

Shapes are drawn from signed distances in pixels, positive outside an outline. The coverage of a pixel follows from the
distance of its center, which gives antialiased edges. Pixel centers have integer coordinates, `x` to the right and `y`
down.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Field = NDArray[np.float64]

SCENE_SIZE = 256
SCENE_BACKGROUND, SCENE_FOREGROUND, STROKE = 72, 232, 3.0
SHEET_SIZE = (360, 264)
SHEET_BACKGROUND, SHEET_CONTRAST = 108, 108
HUES = {
    "red": (214, 32, 38),
    "orange": (245, 130, 32),
    "yellow": (252, 220, 40),
    "green": (40, 156, 64),
    "cyan": (38, 188, 204),
    "blue": (36, 76, 196),
    "violet": (122, 52, 168),
    "magenta": (222, 40, 140),
}
"""The hues in the first row of the color chart, from left to right."""
OPPONENTS = (("red", "green"), ("blue", "yellow"), ("black", "white"))


class Shape(NamedTuple):
    """A shape of the scene or of the sheet of patterns.

    Attributes
    ----------
    kind : str
        "line", "circle" or "square" (outlines), "disc", "dark disc" or "block" (filled), "arc", "stripes", or a corner
        ("top-left corner" and so on).
    x, y : float
        The center in pixels; of a corner the point where its arms meet, of an arc the middle of its stroke.
    size : float
        In pixels along the middle of the stroke: the length of a line or arm, a radius, a side, or the period of
        stripes.
    angle : float
        In degrees counterclockwise: of a line or stripes from horizontal; of an arc, the side to which it opens, from
        downward.
    """

    kind: str
    x: float
    y: float
    size: float
    angle: float = 0


def main() -> None:
    """Write the samples to the folder given on the command line, by default to the folder of this script."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    folder.mkdir(parents=True, exist_ok=True)
    for name, pixels in pictures().items():
        Image.fromarray(pixels).save(folder / name, optimize=True)
        print(f"{folder / name}: {pixels.shape[1]} by {pixels.shape[0]}")


def pictures() -> dict[str, NDArray[np.uint8]]:
    """Return all samples by file name."""
    from still_life import still_life  # here, since it is found only where this script is run

    drawn = {"seven.png": seven(), "scene.png": scene(), "patterns.png": patterns(), "colors.png": colors()}
    return {**drawn, "still-life.png": still_life()}


# The seven


def seven() -> NDArray[np.uint8]:
    """Return a handwritten seven as in MNIST: 28×28, in a box of 20×20, with its center of mass in the middle."""
    shift = np.zeros(2)
    for _ in range(8):
        levels = _written_seven(*shift)
        mass = levels.sum()
        center = (levels.sum(axis=0) @ np.arange(28) / mass, levels.sum(axis=1) @ np.arange(28) / mass)
        shift += 13.5 - np.array(center)
    return _levels(levels)


def _written_seven(right: float, down: float) -> Field:
    """Return the coverage of a curved horizontal bar and a slanted stem, shifted by some pixels."""
    x, y = _grid(28, 28)
    x, y = x - right, y - down
    bar = _curve(x, y, (6.1, 6.0), (12.0, 8.0), (20.3, 5.6), (1.15, 1.35))
    stem = _curve(x, y, (20.3, 5.6), (15.6, 12.5), (12.8, 22.5), (1.35, 1.2))
    return _coverage(np.minimum(bar, stem), softness=1.3)


def _curve(
    x: Field,
    y: Field,
    start: tuple[float, float],
    control: tuple[float, float],
    end: tuple[float, float],
    radii: tuple[float, float],
) -> Field:
    """Return the distance to a quadratic Bézier curve drawn with a round pen whose radius changes along it."""
    distance = np.full(x.shape, np.inf)
    for t in np.linspace(0, 1, 200):
        center = (1 - t) ** 2 * np.array(start) + 2 * t * (1 - t) * np.array(control) + t**2 * np.array(end)
        radius = (1 - t) * radii[0] + t * radii[1]
        distance = np.minimum(distance, np.hypot(x - center[0], y - center[1]) - radius)
    return distance


# The scene


def scene() -> NDArray[np.uint8]:
    """Return the shapes of `scene_shapes`, bright on a darker background, 256×256."""
    x, y = _grid(SCENE_SIZE, SCENE_SIZE)
    return _levels(_covered(scene_shapes(), x, y), SCENE_BACKGROUND, SCENE_FOREGROUND)


def scene_shapes() -> list[Shape]:
    """Return the shapes of the scene with their positions."""
    lines = [Shape("line", 26 + 41 * i, 32, 36, 30 * i) for i in range(6)]
    circles = [Shape("circle", x, 88, r) for x, r in ((24, 6), (58, 10), (100, 14), (152, 19), (214, 24))]
    squares = [Shape("square", x, 152, side) for x, side in ((24, 10), (57, 18), (98, 26), (149, 38), (211, 48))]
    corners = [
        Shape("top-left corner", 14, 206, 20),
        Shape("top-right corner", 68, 206, 20),
        Shape("bottom-left corner", 84, 228, 20),
        Shape("bottom-right corner", 138, 228, 20),
    ]
    filled = [Shape("disc", x, 217, r) for x, r in ((154, 4), (176, 8), (205, 12))]
    return [*lines, *circles, *squares, *corners, *filled, Shape("block", 236, 217, 17)]


# The sheet of patterns


def patterns() -> NDArray[np.uint8]:
    """Return the patterns of `sheet_shapes`, 360×264: each pattern that a preset of several layers detects, once.

    They are lighter or darker than the background by `SHEET_CONTRAST`; the amplitude of stripes is half of it.
    """
    x, y = _grid(*SHEET_SIZE)
    shapes = sheet_shapes()
    sheet = _covered([shape for shape in shapes if shape.kind not in {"dark disc", "stripes"}], x, y)
    sheet -= _covered([shape for shape in shapes if shape.kind == "dark disc"], x, y)
    for shape in shapes:
        if shape.kind == "stripes":
            sheet += _stripes(shape, x - shape.x, y - shape.y) / 2
    return _levels(sheet, SHEET_BACKGROUND, SHEET_BACKGROUND + SHEET_CONTRAST)


def sheet_shapes() -> list[Shape]:
    """Return the patterns of the sheet with their positions, row by row."""
    lines = [Shape("line", 32 + 59 * i, 28, 40, 30 * i) for i in range(6)]
    circles = [Shape("circle", x, 82, r) for x, r in ((20, 6), (54, 10), (98, 14), (152, 19), (216, 24))]
    corners = [
        Shape("top-left corner", 260, 62, 16),
        Shape("top-right corner", 340, 62, 16),
        Shape("bottom-left corner", 260, 108, 16),
        Shape("bottom-right corner", 340, 108, 16),
    ]
    squares = [Shape("square", x, 140, side - 3) for x, side in ((22, 13), (58, 21), (102, 29), (158, 41))]
    arcs = [
        Shape("arc", x, y, 10, turn) for x, y, turn in ((210, 135, 0), (240, 140, 90), (286, 145, 180), (336, 140, 270))
    ]
    stripes = [Shape("stripes", 24 + 45 * i, 196, 4 + 4 * (i // 4), 45 * (i % 4)) for i in range(8)]
    discs = [Shape(("disc", "dark disc")[i // 3], 30 + 60 * i, 242, 2 + 2 * (i % 3)) for i in range(6)]
    return [*lines, *circles, *corners, *squares, *arcs, *stripes, *discs]


# Shapes


def _covered(shapes: list[Shape], x: Field, y: Field) -> Field:
    """Return the fraction of each pixel that the shapes cover."""
    return _coverage(np.min([_distance(shape, x - shape.x, y - shape.y) for shape in shapes], axis=0))


def _distance(shape: Shape, x: Field, y: Field) -> Field:
    """Return the signed distance to a shape; `x, y` are relative to its position."""
    if shape.kind == "line":
        along = np.array([np.cos(np.radians(shape.angle)), -np.sin(np.radians(shape.angle))])
        return _segment(x, y, -along * shape.size / 2, along * shape.size / 2)
    if shape.kind.endswith("corner"):
        inward = (-1 if "right" in shape.kind else 1, -1 if "bottom" in shape.kind else 1)
        arms = np.array([[inward[0], 0], [0, inward[1]]]) * shape.size
        return np.minimum(*(_segment(x, y, np.zeros(2), arm) for arm in arms))
    if shape.kind == "arc":
        return _arc(shape, x, y)
    round_shape = shape.kind in {"circle", "disc", "dark disc"}
    outside = np.hypot(x, y) - shape.size if round_shape else np.maximum(abs(x), abs(y)) - shape.size / 2
    return outside if shape.kind in {"disc", "dark disc", "block"} else abs(outside) - STROKE / 2


def _arc(shape: Shape, x: Field, y: Field) -> Field:
    """Return the distance to a stroke along 160 degrees of a circle, with its middle at the origin."""
    x, y = _rotated(x, y, shape.angle)
    y = y - shape.size  # now relative to the center of the circle
    beyond: Field = (abs(np.arctan2(x, -y)) - np.radians(80)) * shape.size
    return np.maximum(abs(np.hypot(x, y) - shape.size) - STROKE / 2, beyond)


def _stripes(shape: Shape, x: Field, y: Field) -> Field:
    """Return a cosine wave, −1..1, under a Gaussian with a standard deviation of 9 pixels."""
    _, across = _rotated(x, y, shape.angle)
    faded: Field = np.cos(2 * np.pi * across / shape.size) * np.exp(-(x**2 + y**2) / (2 * 9**2))
    return faded


def _rotated(x: Field, y: Field, degrees: float) -> tuple[Field, Field]:
    """Return coordinates along and across a direction, counterclockwise from horizontal."""
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return x * cosine - y * sine, x * sine + y * cosine


def _segment(x: Field, y: Field, start: Field, end: Field) -> Field:
    """Return the distance to a straight stroke with square ends."""
    middle, half = (start + end) / 2, (end - start) / 2
    length = float(np.hypot(*half))
    along = ((x - middle[0]) * half[0] + (y - middle[1]) * half[1]) / length
    across = ((x - middle[0]) * half[1] - (y - middle[1]) * half[0]) / length
    outside: Field = np.maximum(abs(along) - length, abs(across))
    return outside - STROKE / 2


# The color chart


def colors() -> NDArray[np.uint8]:
    """Return a color chart, 240×160: named hues, pairs of opponent colors, hues by lightness, gray levels."""
    hues = np.repeat([list(HUES.values())], 30, axis=1).repeat(40, axis=0)
    pairs = np.concatenate([_opponents(*pair) for pair in OPPONENTS], axis=1)
    grays = np.repeat(np.rint(np.linspace(0, 255, 8)), 30)[None, :, None].repeat(40, axis=0).repeat(3, axis=2)
    return np.concatenate([hues, pairs, _gradient(), grays]).astype(np.uint8)


def _opponents(first: str, second: str) -> Field:
    """Return two squares of 40×40 side by side, each with a disc in the color of the other."""
    named = {**HUES, "black": (0, 0, 0), "white": (255, 255, 255)}
    x, y = _grid(40, 40)
    disc = _coverage(np.hypot(x - 19.5, y - 19.5) - 10)[..., None]
    background, foreground = np.array(named[first], float), np.array(named[second], float)
    difference = foreground - background
    halves = [background + disc * difference, foreground - disc * difference]
    return np.concatenate(halves, axis=1).round()


def _gradient() -> Field:
    """Return all hues from left to right, 240×40, from light at the top to dark at the bottom."""
    x, y = _grid(240, 40)
    turns = x[..., None] / 240 + np.array([0, 2, 1]) / 3
    pure = np.clip(abs(turns % 1 * 6 - 3) - 1, 0, 1)
    lightness = 1 - y[..., None] / 39
    tints: Field = np.where(lightness > 0.5, 1 - (1 - pure) * (2 - 2 * lightness), pure * 2 * lightness)
    return (255 * tints).round()


# Pixels


def _grid(width: int, height: int) -> tuple[Field, Field]:
    y, x = np.mgrid[:height, :width].astype(float)
    return x, y


def _coverage(distance: Field, softness: float = 1.0) -> Field:
    """Return the fraction of each pixel that is covered; `softness` is the width of the edge in pixels."""
    return np.clip(0.5 - distance / softness, 0, 1)


def _levels(coverage: Field, background: int = 0, foreground: int = 255) -> NDArray[np.uint8]:
    return np.rint(background + coverage * (foreground - background)).astype(np.uint8)


if __name__ == "__main__":
    main()
