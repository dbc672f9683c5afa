"""Headings: the lines of a text, and the legend beside or below it."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cnnfx.render.heading import Heading, wrap
from cnnfx.render.legend import Legend, ScaleBar
from cnnfx.render.text import BACKGROUND, draw_text, line_height, text_width

TEXT = "seven.png 28×28 · edges: 4 filters of 3×3 → 4 maps of 26×26"
LEGEND = Legend(1, "gray", lambda: [ScaleBar("−1", "1", 0.5)])


def test_a_text_that_fits_is_one_line() -> None:
    assert wrap(TEXT, 13, text_width(TEXT, 13)) == [TEXT]


def test_lines_break_before_dots_and_arrows() -> None:
    lines = ["seven.png 28×28", "edges: 4 filters of 3×3", "→ 4 maps of 26×26"]
    assert wrap(TEXT, 13, text_width("edges: 4 filters of 3×3", 13)) == lines


def test_a_part_that_is_too_long_breaks_between_words() -> None:
    lines = wrap(TEXT, 13, text_width("edges: 4 filters", 13), max_lines=9)
    assert lines == ["seven.png", "28×28", "edges: 4 filters", "of 3×3", "→ 4 maps of", "26×26"]


def test_what_does_not_fit_into_the_lines_is_shortened() -> None:
    assert wrap("abcdefghijklmnopqrstuvwxyz", 13, text_width("abcdefgh...", 13)) == ["abcdefgh..."]
    lines = wrap(" · ".join(["part"] * 50), 13, 60)
    assert len(lines) == 4
    assert lines[-1].endswith("...")


def test_a_legend_stands_beside_a_short_text_and_below_a_long_one() -> None:
    wide, narrow = Heading("edges", LEGEND), Heading(TEXT, LEGEND)
    line = line_height(round(13 * 1.25))
    assert wide.height(13, 400) == line
    assert narrow.height(13, 500) == line + line_height(13)
    drawn = wide.draw(13, 400)
    left = text_width("edges", 16)
    np.testing.assert_array_equal(drawn[:, :left], draw_text("edges", 16))
    assert drawn[:, left + 13 :].min() < 20


@given(st.text(max_size=80), st.integers(13, 40), st.integers(1, 700), st.booleans())
def test_any_heading_has_the_promised_size(text: str, size: int, width: int, has_legend: bool) -> None:
    heading = Heading(text, LEGEND if has_legend else None)
    drawn = heading.draw(size, width)
    assert drawn.shape == (heading.height(size, width), width)


@given(st.text(max_size=80), st.integers(1, 300))
def test_no_line_is_wider_than_the_picture(text: str, width: int) -> None:
    assert all(text_width(line, 13) <= width for line in wrap(text, 13, width))


def test_a_heading_in_color_has_a_legend_in_color() -> None:
    heading = Heading("edges", Legend(1, "viridis", lambda: [ScaleBar("0", "1")]))
    assert heading.color
    assert heading.draw(13, 400).shape[2:] == (3,)
    assert (heading.draw(13, 400)[:, :30].min(axis=2) < BACKGROUND).any()
