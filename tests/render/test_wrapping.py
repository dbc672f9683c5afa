"""Text in lines of a width."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from cnnfx.render.wrapping import cut, display_width, pad, wrap

WORDS = st.text("abc-é界\u0301,.", min_size=1, max_size=12)


def test_lines_end_between_words() -> None:
    assert wrap("the first layer has no filters", 12) == ["the first", "layer has no", "filters"]


def test_a_word_that_is_too_long_has_its_own_line() -> None:
    assert wrap("see /a/very/long/path.npz there", 10) == ["see", "/a/very/long/path.npz", "there"]


def test_a_hyphen_does_not_end_a_line() -> None:
    assert wrap("drawn in mid-gray", 13) == ["drawn in", "mid-gray"]


def test_a_number_keeps_its_unit() -> None:
    assert wrap("accuracy 98.70 % of 100 images", 13) == ["accuracy", "98.70 % of", "100 images"]


def test_line_breaks_and_spaces_of_the_text_are_kept() -> None:
    assert wrap("layer  a\n  b  c", 80) == ["layer  a", "  b  c"]


def test_an_empty_line_stays() -> None:
    assert wrap("a\n\nb", 80) == ["a", "", "b"]


def test_continued_lines_are_indented() -> None:
    assert wrap("  one two three", 9, "    ") == ["  one two", "    three"]


@given(words=st.lists(WORDS, min_size=1), width=st.integers(1, 40))
def test_no_word_is_broken_and_no_line_is_wider_unless_it_is_one_word(words: list[str], width: int) -> None:
    lines = wrap(" ".join(words), width)
    assert " ".join(lines).split() == words
    assert all(display_width(line) <= width or " " not in line for line in lines)


@given(words=st.lists(WORDS, min_size=1), width=st.integers(1, 40))
def test_every_line_is_as_full_as_possible(words: list[str], width: int) -> None:
    lines = wrap(" ".join(words), width)
    for line, below in pairwise(lines):
        assert display_width(f"{line} {below.split()[0]}") > width


def test_the_characters_of_east_asian_scripts_are_two_columns_wide() -> None:
    assert [display_width(text) for text in ("größer", "界面", "ｅ", "e\u0301", "σ=2")] == [6, 4, 2, 1, 3]


def test_a_text_is_filled_with_spaces_to_a_width() -> None:
    assert pad("界", 4) == "界  "
    assert pad("abc", 2) == "abc"


def test_a_long_text_is_cut_behind_a_mark() -> None:
    assert cut("magnitude", 5) == "magn…"
    assert cut("界面界面", 5) == "界面…"
    assert cut("abc", 3) == "abc"
    assert cut("a bcd", 3) == "a…"


@given(text=WORDS, width=st.integers(1, 12))
def test_a_cut_text_fits(text: str, width: int) -> None:
    assert display_width(cut(text, width)) <= width
