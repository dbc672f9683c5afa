"""Pictures of evidence: colors over a photograph, where the values are."""

from __future__ import annotations

import numpy as np
import pytest

from cnnfx.errors import ArgumentError
from cnnfx.features.evidence import ClassEvidence, Evidence
from cnnfx.images import Image, as_image
from cnnfx.images.fit import Area
from cnnfx.render.color import COLORMAPS, color_table
from cnnfx.render.evidence import (
    BRIGHTNESS,
    LABEL_FONT_SIZE,
    MARGIN,
    MAX_OPACITY,
    MIN_PANEL_WIDTH,
    NOTE_FONT_SIZE,
    _sampled,
    _shown,
    _tinted,
    evidence_picture,
)
from cnnfx.render.text import line_height


def evidence(*maps, names=("first", "second", "third"), rows=None, columns=None) -> Evidence:
    """Evidence at the middles of equal parts of an image of 20×20 pixels."""
    height, width = maps[0].shape
    rows = (np.arange(height) + 0.5) * 20 / height if rows is None else rows
    columns = (np.arange(width) + 0.5) * 20 / width if columns is None else columns
    found = (ClassEvidence(k, names[k], 3.0, 0.5, values) for k, values in enumerate(maps))
    return Evidence("cam", 1, rows, columns, None, tuple(found))


def gray(height: int, width: int, level: int = 100) -> Image:
    return as_image(np.full((1, height, width), level, np.uint8), name="gray.png")


def picture(found: Evidence, image: Image, **options) -> np.ndarray:
    _, height, width = image.shape
    return evidence_picture(found, image, Area(0, 0, width, height), (20, 20), "title", **options)


def panels(drawn: np.ndarray, height: int, width: int, count: int) -> list[np.ndarray]:
    """The photographs of a picture whose panels are in one row."""
    bottom = drawn.shape[0] - MARGIN - 1
    lefts = [MARGIN + 1 + index * (width + 2 + MARGIN) for index in range(count)]
    return [drawn[bottom - height : bottom, left : left + width] for left in lefts]


def test_a_value_colors_the_photograph_where_it_is() -> None:
    values = np.zeros((3, 3))
    values[0, 2] = 5
    original, drawn = panels(picture(evidence(values), gray(300, 300)), 300, 300, 2)
    assert (original == 100).all()
    dimmed = round(BRIGHTNESS * 100)
    assert (drawn[150:, :] == dimmed).all()
    assert (drawn[:, :150] == dimmed).all()
    hottest = (1 - MAX_OPACITY) * dimmed + MAX_OPACITY * color_table("heat")[255]
    np.testing.assert_allclose(drawn[50, 249], hottest, atol=8)  # half a pixel beside the middle


def test_all_classes_have_the_same_scale() -> None:
    flat = np.ones((3, 3))
    _, strong, weak = panels(picture(evidence(2 * flat, flat), gray(300, 300)), 300, 300, 3)
    expected = _tinted(np.full((1, 2, 3), 100, np.uint8), np.array([[1, 0.5]]), "heat")
    np.testing.assert_array_equal(strong[150, 150], expected[0, 0])
    np.testing.assert_array_equal(weak[150, 150], expected[0, 1])


def test_values_below_zero_have_a_color_only_in_the_diverging_color_map() -> None:
    values = np.array([[-1.0, 1.0]])
    image = gray(300, 300)
    _, heat = panels(picture(evidence(values), image), 300, 300, 2)
    _, diverging = panels(picture(evidence(values), image, colormap="diverging"), 300, 300, 2)
    assert (heat[150, 10] == round(BRIGHTNESS * 100)).all()
    red, _, blue = diverging[150, 10].astype(int)
    assert blue > red + 40
    red, _, blue = diverging[150, 290].astype(int)
    assert red > blue + 40


def test_values_are_interpolated_between_their_positions_and_fade_beyond() -> None:
    values = np.array([[2.0, 4.0]])
    found = evidence(values, rows=np.array([10.0]), columns=np.array([8.0, 12.0]))
    shown = _shown(gray(20, 20), Area(0, 0, 20, 20), (20, 20))
    row = _sampled(values, found, shown)[150]
    at = {position: row[round(position * 15)] for position in (2, 4, 6, 8, 10, 12, 14, 16, 18)}
    # Half a step, 2 pixels, beyond the outer values they are as large; then they fade over 4 pixels.
    wanted = {2: 0, 4: 1, 6: 2, 8: 2, 10: 3, 12: 4, 14: 4, 16: 2, 18: 0}
    assert at == pytest.approx(wanted, abs=0.1)


def test_a_cropped_part_is_framed_and_only_there_are_colors() -> None:
    area = Area(50, 0, 350, 300)
    drawn = evidence_picture(evidence(np.ones((4, 4))), gray(300, 400), area, (20, 20), "title", "viridis")
    original, tinted = panels(drawn, 300, 400, 2)
    assert (tinted[:, :48] == round(BRIGHTNESS * 100)).all()
    assert (tinted[:, 352:] == round(BRIGHTNESS * 100)).all()
    assert tinted[150, 200, 0] > tinted[150, 200, 2] + 20
    assert (original[150, 48:54] != 100).any()


@pytest.mark.parametrize(("size", "drawn"), [
    ((28, 28), (308, 308)), ((1000, 500), (640, 320)), ((2000, 3), (640, 1)), ((450, 300), (450, 300)),
    ((1, 1), (300, 300)),
])  # fmt: skip
def test_photographs_are_drawn_in_a_suitable_size(size, drawn) -> None:
    shown = _shown(gray(*size), Area(0, 0, size[1], size[0]), (20, 20))
    assert shown.levels.shape == (*drawn, 3)
    assert shown.rows[[0, -1]] == pytest.approx([10 / drawn[0], 20 - 10 / drawn[0]])


def test_long_names_have_two_lines_in_narrow_pictures() -> None:
    name = "a breed of dogs with a name that is far too long for one line of a picture, and for two"
    short, long = (picture(evidence(np.ones((2, 2)), names=(each,)), gray(300, 30)) for each in ("dog", name))
    assert long.shape[0] == short.shape[0] + line_height(LABEL_FONT_SIZE)
    assert long.shape[1] == short.shape[1] >= 2 * MIN_PANEL_WIDTH


def test_a_map_without_evidence_is_said_to_have_none() -> None:
    with_bar, without = (picture(evidence(np.full((2, 2), value)), gray(300, 300)) for value in (1.0, -1.0))
    legend = slice(MARGIN, with_bar.shape[0] - 310 - MARGIN - line_height(NOTE_FONT_SIZE))
    assert (with_bar[legend].std(axis=2) > 0).any()
    assert (without[legend].std(axis=2) == 0).all()


@pytest.mark.parametrize("colormap", COLORMAPS)
def test_every_color_map_can_be_used(colormap) -> None:
    assert picture(evidence(np.ones((2, 2))), gray(30, 30), colormap=colormap).ndim == 3


def test_an_unknown_color_map_and_too_many_classes_are_refused() -> None:
    with pytest.raises(ArgumentError, match="There is no color map called 'jet'"):
        picture(evidence(np.ones((2, 2))), gray(30, 30), colormap="jet")
    with pytest.raises(ArgumentError, match="A picture shows at most 60 classes, not 61"):
        picture(evidence(*[np.ones((2, 2))] * 61, names=["x"] * 61), gray(30, 30))
