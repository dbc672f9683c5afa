"""Random scenes with one pattern to be found, clutter and noise.

A scene is 128×128 pixels: an uneven ground about 0.42 (0.5 where colors are looked for), the *target*, and four pieces
of *clutter* that touch neither it nor each other, all drawn with smooth edges at any place between pixels; then
Gaussian noise with a standard deviation of 0.05.

The target differs from the ground by a contrast of 0.35 to 0.55; stripes swing by half of it, colors mix with it.

Clutter is any pattern of any preset, the target's own preset (its other kinds) as likely as all others together, a
fifth of them cut in half. Half of a circle or square is clutter even where that very circle or square is the target.
Only what truly holds the target is left out (`holds`): a square has all four corners. In `scene` clutter is weaker than
the target, 0.4 to 0.75 of its contrast. `decoy` is an image that holds the others: the same without a target, and all
clutter at the contrast that the target had.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from cnnfx.formats import load_network
from tests.detectors.drawings import DRAW, Drawing, square

SIZE = 128
NOISE = 0.05
CLUTTER = 4
COLORS = ("red", "green", "blue")


@dataclass(frozen=True)
class Scene:
    """An image `(1, H, W)` or `(3, H, W)`, the points (x, y) at which a peak is right, and the target's contrast."""

    image: np.ndarray
    places: np.ndarray
    contrast: float


@cache
def kinds(preset):
    """The names of what a preset detects."""
    return load_network(preset).layers[-1].channel_names


def holds(preset, kind, target_preset, target):
    """Whether a pattern has the target's pattern in it, so that a detector is right to answer to it."""
    if (preset, kind) == (target_preset, target):
        return True
    if target in ("white", "black"):
        return preset != "colors"  # every gray pattern is light or dark
    inside = {
        "corners": {"squares"},  # all four
        "curves": {"circles"},  # of every opening
        "lines": {"squares"} if target in ("line 0°", "line 90°") else set(),  # the sides of large ones
        "spots": {"colors"},
    }
    return preset in inside.get(target_preset, set())


def scene(preset, kind, rng):
    """A scene with one target and weaker clutter."""
    contrast = rng.uniform(0.35, 0.55)
    canvas = Canvas(3 if preset == "colors" else 1, rng)
    target = draw(preset, kind, rng)
    x, y = canvas.put(target, contrast)
    canvas.litter(preset, kind, contrast, (0.4, 0.75))
    return Scene(canvas.finished(), np.add(target.places, (x, y)), contrast)


def decoy(preset, kind, contrast, rng):
    """The image of a scene without the target, all others at one contrast."""
    canvas = Canvas(3 if preset == "colors" else 1, rng)
    canvas.litter(preset, kind, contrast, (1, 1))
    return canvas.finished()


def draw(preset, kind, rng):
    return DRAW[preset](kind, rng)


class Canvas:
    """An image that patterns are put on."""

    def __init__(self, channels, rng):
        self.rng = rng
        slope = rng.uniform(-0.04, 0.04, 2)
        self.y, self.x = np.mgrid[:SIZE, :SIZE].astype(float)
        ground = (0.42 if channels == 1 else 0.5) + (slope[0] * self.x + slope[1] * self.y) / SIZE
        self.image = np.repeat(ground[None], channels, axis=0)
        self.taken = []

    def put(self, drawing, contrast):
        """Draw a pattern at a free place, which is returned; None if there is none."""
        edge = min(drawing.reach, 26) + 3
        for _ in range(200):
            x, y = self.rng.uniform(edge, SIZE - 1 - edge, 2)
            if all(np.hypot(x - a, y - b) > drawing.reach + reach + 2 for a, b, reach in self.taken):
                self.taken.append((x, y, drawing.reach))
                self._paint(drawing.field(self.x - x, self.y - y), drawing, contrast)
                return x, y
        return None

    def _paint(self, field, drawing, contrast):
        if drawing.hue is None:
            swing = 0.5 if field.min() < 0 else drawing.sign
            self.image += swing * contrast * field
        else:
            self.image += (np.array(drawing.hue)[:, None, None] - self.image) * field * contrast / 0.55

    def litter(self, preset, kind, contrast, strength):
        """Put clutter between what is there."""
        for _ in range(CLUTTER):
            self.put(self._clutter(preset, kind), contrast * self.rng.uniform(*strength))

    def _clutter(self, preset, kind):
        """A pattern that does not hold the target, or half of one."""
        others = [name for name in DRAW if name != preset and (name != "colors" or len(self.image) == 3)]
        while True:
            name = preset if self.rng.random() < 0.5 else str(self.rng.choice(others))
            other, half = str(self.rng.choice(kinds(name))), self.rng.random() < 0.2
            closed = name in ("circles", "squares") and half and name == preset
            if closed or not holds(name, other, preset, kind):
                break
        if name == "squares" and preset == "spots":
            drawing = square(other, self.rng, filled=False)  # a filled one is a spot
        else:
            drawing = draw(name, other, self.rng)
        return halved(drawing, self.rng) if half else drawing

    def finished(self):
        noisy = self.image + self.rng.normal(0, NOISE, self.image.shape)
        return np.clip(noisy, 0, 1).astype(np.float32)


def halved(drawing, rng):
    """One half of a pattern, cut through its middle in any direction."""
    turn = rng.uniform(0, 2 * np.pi)

    def field(x, y):
        return drawing.field(x, y) * np.clip(0.5 + x * np.cos(turn) + y * np.sin(turn), 0, 1)

    return Drawing(field, drawing.reach, drawing.sign, drawing.hue)


@dataclass
class Score:
    """In how many of `scenes` a detector's peak was in the right place, stood above the peaks of the wrong detectors,
    and above its own on an image that holds the others."""

    scenes: int = 0
    placed: int = 0
    beats: int = 0
    rejects: int = 0


def measure(preset, kind, count, seed):
    """The score of a preset's detector of a kind, in `count` scenes."""
    network, own = load_network(preset), kinds(preset).index(kind)
    rng = np.random.default_rng([seed, *preset.encode(), own])
    names, score = COLORS if preset == "colors" else None, Score(count)
    for _ in range(count):
        shown = scene(preset, kind, rng)
        maps = network.feature_maps(shown.image, names)[-1]
        peaks = maps.max(axis=(1, 2))
        row, column = np.unravel_index(maps[own].argmax(), maps[own].shape)
        others = network.feature_maps(decoy(preset, kind, shown.contrast, rng), names)[-1][own].max()
        score.placed += bool(np.hypot(*(shown.places - (column, row)).T).min() <= 2)
        score.beats += bool((np.delete(peaks, own) < peaks[own]).all())
        score.rejects += bool(others < peaks[own])
    return score
