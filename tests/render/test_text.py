"""Text in pictures."""

from __future__ import annotations

import numpy as np
import pytest

from cnnfx.render.text import BACKGROUND, draw_text, draw_text_inside, line_height, shorten, text_width


def test_text_is_black_on_white_and_as_wide_as_measured() -> None:
    drawn = draw_text("edges", 13)
    assert drawn.shape == (line_height(13), text_width("edges", 13))
    assert (drawn.min(), drawn.max()) == (0, BACKGROUND)


def test_drawn_text_is_read_only() -> None:
    with pytest.raises(ValueError, match="read-only"):
        draw_text("edges", 13)[0, 0] = 0


def test_a_text_that_does_not_fit_is_shortened_with_an_ellipsis() -> None:
    text = shorten("a very long name of a channel", 13, 80)
    assert text.endswith("...")
    assert text_width(text, 13) <= 80
    assert shorten("a", 13, 80) == "a"
    assert shorten("a very long name", 13, 2) == ""


@pytest.mark.parametrize(("level", "is_light"), [(0, True), (109, True), (110, False), (255, False)])
def test_text_in_a_square_is_lighter_on_dark_levels_and_darker_on_light_ones(level: int, is_light: bool) -> None:
    gray, color = np.full((30, 30), level, np.uint8), np.full((30, 30, 3), level, np.uint8)
    for square in (gray, color):
        draw_text_inside(square, "8", 20)
    changed = gray[gray != level]
    assert changed.size
    assert ((changed > level) == is_light).all()
    np.testing.assert_array_equal(color, gray[..., None].repeat(3, axis=2))
