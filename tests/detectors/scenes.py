"""Random scenes with one target pattern, distractors and noise.

A scene has 128×128 pixels: a background with a slight gradient around 0.42 (0.5 for colors), the *target*, and four
*distractors* that touch neither it nor each other, all drawn with antialiased edges at fractional positions; then
Gaussian noise with a standard deviation of 0.05.

The target differs from the background by a contrast of 0.35 to 0.55; stripes have half of it as their amplitude, and
colors are mixed with the background by it.

A distractor is any pattern of any preset: in half of the cases of the target's preset (another kind), and in a fifth of
the cases cut in half. Half of a circle or square can be a distractor even if the whole is the target. Only patterns
that contain the target are left out (`contains`): a square has all four corners. In `scene` the distractors have 0.4 to
0.75 of the target's contrast. `scene_without_target` has distractors only, with the contrast that the target had.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from cnnfx.formats import load_network
from tests.detectors.drawings import DRAW, Drawing, square

SIZE = 128
"""The width and height of a scene, in pixels."""
NOISE = 0.05
"""The standard deviation of the noise."""
DISTRACTORS = 4
"""The number of distractors in a scene."""
COLORS = ("red", "green", "blue")
"""The names of the channels of a color scene."""


@dataclass(frozen=True)
class Scene:
    """An image `(1, H, W)` or `(3, H, W)`, the (x, y) at which a peak is correct, and the target's contrast."""

    image: np.ndarray
    positions: np.ndarray
    contrast: float


@cache
def kinds(preset):
    """Return the names of the patterns that a preset detects."""
    return load_network(preset).layers[-1].channel_names


def contains(preset, kind, target_preset, target):
    """Return whether a pattern contains the target, so that a response of the target's detector is correct."""
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
    """Return a scene with one target and weaker distractors."""
    contrast = rng.uniform(0.35, 0.55)
    canvas = Canvas(3 if preset == "colors" else 1, rng)
    target = draw(preset, kind, rng)
    x, y = canvas.add(target, contrast)
    canvas.add_distractors(preset, kind, contrast, (0.4, 0.75))
    return Scene(canvas.with_noise(), np.add(target.positions, (x, y)), contrast)


def scene_without_target(preset, kind, contrast, rng):
    """Return an image with distractors only, all with one contrast."""
    canvas = Canvas(3 if preset == "colors" else 1, rng)
    canvas.add_distractors(preset, kind, contrast, (1, 1))
    return canvas.with_noise()


def draw(preset, kind, rng):
    return DRAW[preset](kind, rng)


class Canvas:
    """An image to add patterns to."""

    def __init__(self, channels, rng):
        self.rng = rng
        slope = rng.uniform(-0.04, 0.04, 2)
        self.y, self.x = np.mgrid[:SIZE, :SIZE].astype(float)
        background = (0.42 if channels == 1 else 0.5) + (slope[0] * self.x + slope[1] * self.y) / SIZE
        self.image = np.repeat(background[None], channels, axis=0)
        self.taken = []

    def add(self, drawing, contrast):
        """Draw a pattern at a free position and return it; None if there is none."""
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
            amplitude = 0.5 if field.min() < 0 else drawing.sign
            self.image += amplitude * contrast * field
        else:
            self.image += (np.array(drawing.hue)[:, None, None] - self.image) * field * contrast / 0.55

    def add_distractors(self, preset, kind, contrast, strength):
        """Add distractors at free positions, each with the contrast times a random factor in the range `strength`."""
        for _ in range(DISTRACTORS):
            self.add(self._distractor(preset, kind), contrast * self.rng.uniform(*strength))

    def _distractor(self, preset, kind):
        """Return a pattern that does not contain the target, or half of one."""
        others = [name for name in DRAW if name != preset and (name != "colors" or len(self.image) == 3)]
        while True:
            name = preset if self.rng.random() < 0.5 else str(self.rng.choice(others))
            other, half = str(self.rng.choice(kinds(name))), self.rng.random() < 0.2
            closed = name in ("circles", "squares") and half and name == preset
            if closed or not contains(name, other, preset, kind):
                break
        if name == "squares" and preset == "spots":
            drawing = square(other, self.rng, filled=False)  # a filled one is a spot
        else:
            drawing = draw(name, other, self.rng)
        return half_of(drawing, self.rng) if half else drawing

    def with_noise(self):
        noisy = self.image + self.rng.normal(0, NOISE, self.image.shape)
        return np.clip(noisy, 0, 1).astype(np.float32)


def half_of(drawing, rng):
    """Return one half of a pattern, cut through its middle in a random direction."""
    turn = rng.uniform(0, 2 * np.pi)

    def field(x, y):
        return drawing.field(x, y) * np.clip(0.5 + x * np.cos(turn) + y * np.sin(turn), 0, 1)

    return Drawing(field, drawing.reach, drawing.sign, drawing.hue)


@dataclass
class Score:
    """The numbers of scenes in which a detector's peak is at the target, higher than the peaks of the preset's other
    detectors, and higher than the peak of the same detector on an image without a target."""

    scenes: int = 0
    localized: int = 0
    highest: int = 0
    specific: int = 0


def measure_detector(preset, kind, count, seed):
    """Return the score of a preset's detector of a kind in `count` scenes."""
    network, own = load_network(preset), kinds(preset).index(kind)
    rng = np.random.default_rng([seed, *preset.encode(), own])
    names, score = COLORS if preset == "colors" else None, Score(count)
    for _ in range(count):
        shown = scene(preset, kind, rng)
        maps = network.feature_maps(shown.image, names)[-1]
        peaks = maps.max(axis=(1, 2))
        row, column = np.unravel_index(maps[own].argmax(), maps[own].shape)
        others = network.feature_maps(scene_without_target(preset, kind, shown.contrast, rng), names)[-1][own].max()
        score.localized += bool(np.hypot(*(shown.positions - (column, row)).T).min() <= 2)
        score.highest += bool((np.delete(peaks, own) < peaks[own]).all())
        score.specific += bool(others < peaks[own])
    return score
