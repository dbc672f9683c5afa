"""Contrast of colors, and black or white text on them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnfx.render.contrast import contrast_ratio, is_dark, relative_luminance

BLACK, WHITE = (0, 0, 0), (255, 255, 255)


def test_the_luminance_of_colors_is_that_of_the_web_standard() -> None:
    assert relative_luminance(np.array([255, 255, 255])) == pytest.approx(1)
    assert relative_luminance((255, 0, 0)) == pytest.approx(0.2126)
    assert relative_luminance((119, 119, 119)) == pytest.approx(0.1845, abs=1e-4)  # 4.48 : 1 on white


def test_a_gray_level_has_the_luminance_of_the_gray_color() -> None:
    assert relative_luminance(np.uint8(119)) == pytest.approx(relative_luminance((119, 119, 119)))


@pytest.mark.parametrize(
    ("color", "other", "ratio"),
    # Published values: 21 for black on white, 4.48 for #777 on white, 5.25 for #f00 on black.
    [(BLACK, WHITE, 21), ((119, 119, 119), WHITE, 4.48), ((255, 0, 0), BLACK, 5.25), (WHITE, WHITE, 1)],
)
def test_the_contrast_ratio_is_that_of_the_wcag(color, other, ratio) -> None:
    assert contrast_ratio(color, other) == pytest.approx(ratio, abs=0.005)
    assert contrast_ratio(other, color) == contrast_ratio(color, other)


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_text_has_a_contrast_of_at_least_4_5_on_every_color(background) -> None:
    assert contrast_ratio(WHITE if is_dark(background) else BLACK, background) >= 4.5
