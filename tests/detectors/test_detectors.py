"""The presets with several layers detect their patterns in random scenes and in the sample images.

`tests/bench/detectors.py` prints the same scores for a thousand scenes each.
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
from tests.detectors.scenes import (
    COLORS,
    NOISE,
    SIZE,
    Canvas,
    contains,
    draw,
    kinds,
    measure_detector,
    scene,
    scene_without_target,
)

SAMPLES = Path(__file__).parents[2] / "samples"
CASES = [(preset, kind) for preset in DRAW for kind in kinds(preset)]
SCENES = 16
"""The number of scenes for each kind of pattern."""
MIN_CORRECT = 13
"""The scenes in which a detector must be correct: one that is correct in 95 % of all scenes passes 99 times of 100."""


@pytest.mark.parametrize(("preset", "kind"), CASES)
def test_a_detector_finds_its_pattern_among_distractors_and_in_noise(preset, kind):
    score = measure_detector(preset, kind, SCENES, seed=7)
    assert min(score.localized, score.highest, score.specific) >= MIN_CORRECT, score


# The sample images of patterns and of colors


def pixels(sample):
    """Return a sample as an image `(C, H, W)`, 0..1."""
    with Image.open(SAMPLES / sample) as picture:
        return np.moveaxis(np.atleast_3d(np.asarray(picture, np.float32) / 255), -1, 0)


@pytest.fixture(scope="module")
def shapes():
    """Return the shapes of samples/patterns.png in the order in which they are drawn."""
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
CONTAINERS = {"corners": "square", "curves": "circle"}
"""Shapes that contain a preset's pattern, so that a response of the detector to them is correct."""


@pytest.mark.parametrize("preset", SHAPES)
def test_each_detector_is_brightest_at_its_pattern_of_the_sample(preset, shapes):
    expected = [shape for shape in shapes if shape.kind in SHAPES[preset]]
    maps = load_network(preset).feature_maps(pixels("patterns.png"))[-1]
    assert len(expected) == len(maps)
    for shape in shapes:
        if shape.kind == CONTAINERS.get(preset):
            reach, y, x = int(shape.size) + 3, int(shape.y), int(shape.x)
            maps[:, y - reach : y + reach, max(x - reach, 0) : x + reach] = 0
    for shape, channel in zip(expected, maps, strict=True):
        row, column = np.unravel_index(channel.argmax(), channel.shape)
        assert np.hypot(*offset_from(shape, column, row)) <= 2, shape


def offset_from(shape, column, row):
    """Return the distance of a pixel from a shape, right and down; for a line, beyond its end and across."""
    x, y = column - shape.x, row - shape.y
    if shape.kind != "line":
        return x, y
    cosine, sine = np.cos(np.radians(shape.angle)), np.sin(np.radians(shape.angle))
    return max(abs(x * cosine - y * sine) - shape.size / 2, 0), x * sine + y * cosine


@pytest.mark.parametrize(
    ("color", "position"),
    [("red", (20, 15)), ("yellow", (20, 75)), ("green", (20, 105)), ("blue", (20, 165)), ("black", (46, 166)),
     ("white", (46, 234))],
)  # fmt: skip
def test_each_color_is_bright_on_its_patch_of_the_chart_and_no_other(color, position):
    network = load_network("colors")
    maps = network.feature_maps(pixels("colors.png"), COLORS)[-1]
    responses = dict(zip(kinds("colors"), maps[:, position[0], position[1]], strict=True))
    assert responses[color] > 0.1
    assert max(responses, key=responses.get) == color


# The scenes


def rng():
    return np.random.default_rng(1)


@pytest.mark.parametrize(("preset", "kind"), CASES)
def test_the_target_is_at_its_position(preset, kind):
    clean = Canvas(3 if preset == "colors" else 1, rng())
    background = clean.image.copy()
    target = draw(preset, kind, clean.rng)
    position = clean.add(target, 0.5)
    rows, columns = np.nonzero(np.abs(clean.image - background).max(axis=0) > 0.02)
    distance = np.hypot(columns - position[0], rows - position[1])
    assert len(rows)
    assert distance.max() <= target.reach
    assert all(0 < at < SIZE - 1 for at in position)


def test_the_seed_determines_the_scene():
    first, again, other = (scene("corners", "top-left", np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(first.positions, again.positions)
    assert (first.image != other.image).mean() > 0.9


def test_the_noise_has_the_given_standard_deviation():
    channel = Canvas(1, rng()).with_noise()[0].astype(float)
    rows, columns = np.diff(channel, axis=0).std(), np.diff(channel, axis=1).std()
    assert (rows, columns) == pytest.approx((NOISE * 2**0.5,) * 2, rel=0.03)


def test_no_distractor_contains_the_target():
    assert contains("corners", "top-left", "corners", "top-left")
    assert contains("squares", "side 13", "corners", "top-left")
    assert not contains("circles", "radius 6", "corners", "top-left")
    assert not contains("corners", "top-right", "corners", "top-left")
    assert scene_without_target("colors", "red", 0.5, rng()).shape == (3, SIZE, SIZE)
    assert scene_without_target("lines", "line 0°", 0.5, rng()).shape == (1, SIZE, SIZE)
