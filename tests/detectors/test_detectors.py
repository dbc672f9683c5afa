"""The deeper presets find their patterns: in random scenes, and on the sample that shows each once.

`tests/bench/detectors.py` prints the same figures for a thousand scenes each.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cnnfx.formats import load_network
from tests.detectors.drawings import DRAW
from tests.detectors.scenes import COLORS, NOISE, SIZE, Canvas, decoy, draw, holds, kinds, measure, scene

SAMPLES = Path(__file__).parents[2] / "samples"
CASES = [(preset, kind) for preset in DRAW for kind in kinds(preset)]
COUNT, LEAST = 16, 13
"""Scenes for each kind, and in how many a detector must be right: one that is right in 95 % of all scenes passes 99
times in 100."""


@pytest.mark.parametrize(("preset", "kind"), CASES)
def test_a_detector_finds_its_pattern_among_others_and_in_noise(preset, kind):
    score = measure(preset, kind, COUNT, seed=7)
    assert min(score.placed, score.beats, score.rejects) >= LEAST, score


# The sheet of patterns, and the chart of colors


def pixels(sample):
    """A sample as an image `(C, H, W)`, 0..1."""
    with Image.open(SAMPLES / sample) as picture:
        return np.moveaxis(np.atleast_3d(np.asarray(picture, np.float32) / 255), -1, 0)


@pytest.fixture(scope="module")
def shapes():
    """The shapes of samples/patterns.png in the order in which they are drawn."""
    spec = importlib.util.spec_from_file_location("make_samples", SAMPLES / "make_samples.py")
    script = importlib.util.module_from_spec(spec)
    sys.modules["make_samples"] = script
    spec.loader.exec_module(script)
    return script.sheet_shapes()


SHAPES = {
    "lines": {"line"},
    "circles": {"circle"},
    "corners": {"top-left corner", "top-right corner", "bottom-left corner", "bottom-right corner"},
    "squares": {"square"},
    "curves": {"arc"},
    "textures": {"stripes"},
    "spots": {"disc", "dark disc"},
}
HOLDERS = {"corners": "square", "curves": "circle"}
"""Shapes that hold a preset's pattern too: a detector is right to answer to them."""


@pytest.mark.parametrize("preset", SHAPES)
def test_each_detector_is_brightest_at_its_pattern_of_the_sheet(preset, shapes):
    expected = [shape for shape in shapes if shape.kind in SHAPES[preset]]
    maps = load_network(preset).feature_maps(pixels("patterns.png"))[-1]
    assert len(expected) == len(maps)
    for shape in shapes:
        if shape.kind == HOLDERS.get(preset):
            reach, y, x = int(shape.size) + 3, int(shape.y), int(shape.x)
            maps[:, y - reach : y + reach, max(x - reach, 0) : x + reach] = 0
    for shape, channel in zip(expected, maps, strict=True):
        row, column = np.unravel_index(channel.argmax(), channel.shape)
        assert np.hypot(*off_by(shape, column, row)) <= 2, shape


def off_by(shape, column, row):
    """How far a pixel lies from a shape's place, right and down; of a line, beyond its end and across."""
    x, y = column - shape.x, row - shape.y
    if shape.kind != "line":
        return x, y
    cosine, sine = np.cos(np.radians(shape.angle)), np.sin(np.radians(shape.angle))
    return max(abs(x * cosine - y * sine) - shape.size / 2, 0), x * sine + y * cosine


@pytest.mark.parametrize(
    ("color", "place"),
    [("red", (20, 15)), ("yellow", (20, 75)), ("green", (20, 105)), ("blue", (20, 165)), ("black", (46, 166)),
     ("white", (46, 234))],
)  # fmt: skip
def test_each_color_is_bright_on_its_patch_of_the_chart_and_no_other(color, place):
    network = load_network("colors")
    maps = network.feature_maps(pixels("colors.png"), COLORS)[-1]
    answers = dict(zip(kinds("colors"), maps[:, place[0], place[1]], strict=True))
    assert answers[color] > 0.1
    assert max(answers, key=answers.get) == color


# The scenes


def rng():
    return np.random.default_rng(1)


@pytest.mark.parametrize(("preset", "kind"), CASES)
def test_the_target_is_where_the_scene_says(preset, kind):
    clean = Canvas(3 if preset == "colors" else 1, rng())
    ground = clean.image.copy()
    target = draw(preset, kind, clean.rng)
    place = clean.put(target, 0.5)
    rows, columns = np.nonzero(np.abs(clean.image - ground).max(axis=0) > 0.02)
    away = np.hypot(columns - place[0], rows - place[1])
    assert len(rows)
    assert away.max() <= target.reach
    assert all(0 < at < SIZE - 1 for at in place)


def test_scenes_differ_and_are_the_same_for_the_same_seed():
    first, again, other = (scene("corners", "top-left", np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(first.places, again.places)
    assert (first.image != other.image).mean() > 0.9


def test_scenes_are_as_noisy_as_they_say():
    channel = Canvas(1, rng()).finished()[0].astype(float)
    rows, columns = np.diff(channel, axis=0).std(), np.diff(channel, axis=1).std()
    assert (rows, columns) == pytest.approx((NOISE * 2**0.5,) * 2, rel=0.03)


def test_a_decoy_has_no_target():
    """Clutter is never the target's kind, nor holds it; only halves of closed shapes may be."""
    assert holds("corners", "top-left", "corners", "top-left")
    assert holds("squares", "side 13", "corners", "top-left")
    assert not holds("circles", "radius 6", "corners", "top-left")
    assert not holds("corners", "top-right", "corners", "top-left")
    assert decoy("colors", "red", 0.5, rng()).shape == (3, SIZE, SIZE)
    assert decoy("lines", "line 0°", 0.5, rng()).shape == (1, SIZE, SIZE)
